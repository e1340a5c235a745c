//! A program's screen: raw bytes in, cells out; also the title it set and what it said of itself.
//!
//! The bytes are a stranger's. The emulator may trip over them, then it is made anew and says so.

use super::scan::{Scanner, Seen};
use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU16;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// Smallest and largest side of a screen, in cells.
const SIDE: (u16, u16) = (2, 1000);
/// Bytes given to the emulator at once: so much is lost when it trips.
const PIECE: usize = 4096;

/// How far what is shown can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It is what the program's terminal showed.
    Whole,
    /// It was put together from the middle of the output: what was drawn before that and not since is missing.
    Partial,
}

/// A screen that is fed.
pub struct Emulator {
    parser: vt100::Parser<Heard>,
    scanner: Scanner,
    /// The offset in the log behind the last byte that was fed.
    offset: u64,
    doubt: Doubt,
    faults: u32,
}

/// What may be missing on the screen.
#[derive(Debug, Clone, Copy, Default)]
struct Doubt {
    /// It began in the middle, and nothing has cleared the screen since.
    partial: bool,
    /// What stands on the screen behind the alternate one is not known.
    behind: bool,
    /// Line feeds since the beginning in the middle.
    lines: u32,
    /// The cursor was moved since then, so scrolling need not have renewed every line.
    moved: bool,
}

/// An emulator at one moment, to go back to.
#[derive(Clone)]
pub struct Saved {
    screen: vt100::Screen,
    offset: u64,
    doubt: Doubt,
    faults: u32,
}

/// What a program told its terminal beside what it drew.
#[derive(Debug, Clone, Default)]
struct Heard {
    title: String,
    /// It has begun to draw a whole screen, and not said that it is through.
    drawing: bool,
    statuses: VecDeque<Vec<u8>>,
}

/// Longest title and longest status report that is kept, in bytes.
const TOLD_MAX: usize = 512;
/// Status reports kept until somebody takes them; older ones are dropped.
const STATUSES_MAX: usize = 32;

impl vt100::Callbacks for Heard {
    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        let title = String::from_utf8_lossy(title.get(..title.len().min(TOLD_MAX)).unwrap_or_default());
        self.title = harmless_text(&title);
    }
    fn unhandled_csi(&mut self, _: &mut vt100::Screen, i1: Option<u8>, _: Option<u8>, params: &[&[u16]], c: char) {
        if i1 == Some(b'?') && params.iter().any(|param| param.first() == Some(&2026)) {
            match c {
                'h' => self.drawing = true,
                'l' => self.drawing = false,
                _ => {}
            }
        }
    }
    fn unhandled_osc(&mut self, screen: &mut vt100::Screen, params: &[&[u8]]) {
        if let [b"0" | b"2", title @ ..] = params {
            let title = title.join(&b';');
            return self.set_window_title(screen, &title);
        }
        // The body has no `;` of its own, so it is one parameter.
        let (Some(&b"7501"), Some(body)) = (params.first(), params.get(1)) else { return };
        if body.len() <= TOLD_MAX && *body != b"?" {
            if self.statuses.len() >= STATUSES_MAX {
                self.statuses.pop_front();
            }
            self.statuses.push_back(body.to_vec());
        }
    }
}

impl Saved {
    /// The offset in the log at which it was saved.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl Emulator {
    /// An empty screen before the byte of this offset. `whole` says that nothing came before.
    pub fn new(cols: u16, rows: u16, offset: u64, whole: bool) -> Self {
        let doubt = Doubt { partial: !whole, behind: !whole, ..Doubt::default() };
        Self { parser: parser(cols, rows), scanner: Scanner::default(), offset, doubt, faults: 0 }
    }
    /// The emulator as it was when that was saved.
    pub fn restored(saved: &Saved) -> Self {
        let (rows, cols) = saved.screen.size();
        let mut parser = vt100::Parser::new_with_callbacks(rows, cols, 0, Heard::default());
        *parser.screen_mut() = saved.screen.clone();
        let (offset, doubt, faults) = (saved.offset, saved.doubt, saved.faults);
        Self { parser, scanner: Scanner::default(), offset, doubt, faults }
    }
    /// Saves it; not in the middle of a sequence or character.
    pub fn save(&self) -> Option<Saved> {
        let (offset, doubt, faults) = (self.offset, self.doubt, self.faults);
        self.scanner.between().then(|| Saved { screen: self.parser.screen().clone(), offset, doubt, faults })
    }
    /// The offset in the log behind the last byte that was fed.
    pub fn offset(&self) -> u64 {
        self.offset
    }
    /// The screen.
    pub fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }
    /// The title that the program gave its window last; empty before that.
    pub fn title(&self) -> &str {
        &self.parser.callbacks().title
    }
    /// Takes what the program reported of its own state since the last time: the bodies of its status reports.
    pub fn take_statuses(&mut self) -> Vec<Vec<u8>> {
        self.parser.callbacks_mut().statuses.drain(..).collect()
    }
    /// Whether the program said that it is in the middle of drawing.
    pub fn is_drawing(&self) -> bool {
        self.parser.callbacks().drawing
    }
    /// Whether the bytes so far end outside of any sequence and character.
    pub fn is_between(&self) -> bool {
        self.scanner.between()
    }
    /// Columns and rows.
    pub fn size(&self) -> (u16, u16) {
        let (rows, cols) = self.screen().size();
        (cols.get(), rows.get())
    }
    /// How often the emulator tripped and was made anew.
    pub fn faults(&self) -> u32 {
        self.faults
    }
    /// Whether what is shown is what the terminal showed.
    pub fn trust(&self) -> Trust {
        let (_, rows) = self.size();
        let scrolled = !self.doubt.moved && self.doubt.lines > u32::from(rows);
        if self.doubt.partial && !scrolled { Trust::Partial } else { Trust::Whole }
    }
    /// The terminal has another size from here on.
    pub fn resize(&mut self, cols: u16, rows: u16) {
        let (cols, rows) = (side(cols), side(rows));
        if self.guarded(|parser| parser.set_size(rows, cols)).is_none() {
            self.parser = parser(cols.get(), rows.get());
        }
    }
    /// Takes the next bytes of the log.
    pub fn feed(&mut self, bytes: &[u8]) {
        // Making everything anew is dear and makes all before it worthless: only the last one in a piece is carried out.
        let mut begin = 0;
        for (i, byte) in bytes.iter().enumerate() {
            match self.scanner.step(*byte) {
                Some(Seen::Reset) => {
                    begin = (i + 1).saturating_sub(2);
                    self.doubt = Doubt::default();
                }
                Some(Seen::Cleared) => self.doubt.partial = false,
                Some(Seen::AlternateOn) => {
                    self.doubt.behind |= self.doubt.partial;
                    self.doubt.partial = false;
                }
                Some(Seen::AlternateOff) if self.doubt.behind => {
                    self.doubt = Doubt { partial: true, behind: true, lines: 0, moved: false };
                }
                Some(Seen::AlternateOff) | None => {}
                Some(Seen::Moved) => self.doubt.moved = true,
                Some(Seen::LineFeed) => self.doubt.lines = self.doubt.lines.saturating_add(1),
            }
        }
        for piece in bytes.get(begin..).unwrap_or_default().chunks(PIECE) {
            if self.guarded(|parser| parser.process(piece)).is_none() {
                self.faults += 1;
                let (cols, rows) = self.size();
                self.parser = parser(cols, rows);
                self.doubt = Doubt { partial: true, behind: true, ..Doubt::default() };
            }
        }
        self.offset += bytes.len() as u64;
    }
    /// Runs something that may trip over a stranger's bytes; `None` when it did.
    fn guarded(&mut self, work: impl FnOnce(&mut vt100::Parser<Heard>)) -> Option<()> {
        silence_guarded();
        let before = GUARDED.replace(true);
        let result = catch_unwind(AssertUnwindSafe(|| work(&mut self.parser)));
        GUARDED.set(before);
        result.ok()
    }
    /// The screen as text, a line a row, without blanks at their ends and without empty lines at the end.
    pub fn text(&self) -> String {
        let (cols, _) = self.size();
        let rows: Vec<String> = self.screen().rows(0, cols).map(|row| harmless_text(&row)).collect();
        let used = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1);
        rows.into_iter().take(used).map(|row| row + "\n").collect()
    }
}

impl fmt::Debug for Emulator {
    /// The screen itself is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("size", &self.size()).field("offset", &self.offset).finish_non_exhaustive()
    }
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// A panic that is caught is nobody's business: without this it would be printed over the screen.
fn silence_guarded() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                before(info);
            }
        }));
    });
}

fn side(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells.clamp(SIDE.0, SIDE.1)).unwrap_or(NonZeroU16::MIN)
}

fn parser(cols: u16, rows: u16) -> vt100::Parser<Heard> {
    vt100::Parser::new_with_callbacks(side(rows), side(cols), 0, Heard::default())
}

fn harmless_text(row: &str) -> String {
    row.chars().filter(|c| !misleads(*c)).collect::<String>().trim_end().to_owned()
}

/// Characters without a shape of their own that turn or hide what stands beside them.
pub fn misleads(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
        || c.is_control()
}

