//! A screen cut into the parts that rules look at: the conversation, the composer, what stands below it, a dialog.
//!
//! Only an agent itself draws a composer, a dialog in its place, or a status line. What its model says stands in the
//! conversation, wherever it looks like one of those.

use super::profile::Layout;
use crate::terminal::emulator::{Emulator, misleads};
use std::ops::Range;

/// One row of a screen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Its text without blanks at the end.
    pub text: String,
    /// The colour of its first character that is none of blank, as six hexadecimal digits; `None` for the default one.
    pub color: Option<String>,
    /// Pieces of it that have a colour of their own behind them, where that is looked for.
    pub lit: Vec<String>,
}

/// A screen at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Its rows.
    pub rows: Vec<Row>,
    /// The title of the window.
    pub title: String,
}

impl Snapshot {
    /// What an emulator shows now.
    pub fn of(emulator: &Emulator) -> Self {
        let (cols, _) = emulator.size();
        let screen = emulator.screen();
        let row = |(y, text): (u16, String)| {
            let text = clean(&text);
            let color = first_color(screen, y, &text);
            Row { text, color, lit: Vec::new() }
        };
        let rows = (0..).zip(screen.rows(0, cols)).map(row).collect();
        Self { rows, title: emulator.title().to_owned() }
    }
    /// The same as a layout wants it: without its panel, and with what has a colour behind it where that is looked for.
    pub fn fitted(mut self, emulator: &Emulator, layout: &Layout) -> Self {
        let (cols, _) = emulator.size();
        if let Some(panel) = layout.panel.filter(|_| cols > WIDE) {
            let rows = emulator.screen().rows(0, cols.saturating_sub(panel));
            self.rows.iter_mut().zip(rows).for_each(|(row, text)| row.text = clean(&text));
        }
        let Some(mark) = &layout.lit else { return self };
        for (y, row) in (0..).zip(&mut self.rows).filter(|(_, row)| row.text.contains(mark)) {
            row.lit = lit(emulator.screen(), y, cols);
        }
        self
    }
    /// A screen given as text.
    pub fn of_text(text: &str, title: &str) -> Self {
        let row = |line: &str| Row { text: clean(line), ..Row::default() };
        Self { rows: text.lines().map(row).collect(), title: title.to_owned() }
    }
}

/// The text of a row as rules see it.
fn clean(text: &str) -> String {
    let seen = text.chars().filter(|c| !misleads(*c)).map(|c| if c == '\u{a0}' { ' ' } else { c });
    let mut text: String = seen.collect();
    text.truncate(text.trim_end().len());
    text
}

fn first_color(screen: &vt100::Screen, y: u16, text: &str) -> Option<String> {
    let blank = text.len() - text.trim_start_matches(' ').len();
    let cell = screen.cell(y, u16::try_from(blank).ok()?)?;
    match cell.fgcolor() {
        vt100::Color::Default => None,
        vt100::Color::Idx(index) => Some(format!("{index}")),
        vt100::Color::Rgb(r, g, b) => Some(format!("{r:02x}{g:02x}{b:02x}")),
    }
}

/// The pieces of a row with a colour behind them that is neither before nor after them, but the same on both sides.
fn lit(screen: &vt100::Screen, y: u16, cols: u16) -> Vec<String> {
    let mut pieces: Vec<(vt100::Color, String)> = Vec::new();
    for cell in (0..cols).filter_map(|x| screen.cell(y, x)) {
        let text = if cell.has_contents() { cell.contents() } else { " " };
        match pieces.last_mut() {
            Some((color, piece)) if *color == cell.bgcolor() => piece.push_str(text),
            Some(_) | None => pieces.push((cell.bgcolor(), text.to_owned())),
        }
    }
    let island = |around: &[(vt100::Color, String)]| match around {
        [(before, _), (_, piece), (after, _)] if before == after => Some(clean(piece).trim().to_owned()),
        _ => None,
    };
    pieces.windows(3).filter_map(island).filter(|piece| !piece.is_empty()).collect()
}

/// A part of a screen that a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    /// All of it.
    Screen,
    /// The last rows with text.
    End,
    /// The title of the window.
    Title,
    /// What stands between the last thing that was asked and the composer.
    Turn,
    /// The last block of rows above the composer.
    Last,
    /// The row that the agent was last asked something in.
    Asked,
    /// The row that one types into.
    Composer,
    /// What stands below the composer.
    Below,
    /// What stands in the place of the composer, when there is none.
    Dialog,
}

/// A screen with more columns than this is a wide one.
const WIDE: u16 = 120;
/// Rows of [`Region::End`].
const END: usize = 12;

/// A screen and where its parts are.
pub struct Cut<'s> {
    shot: &'s Snapshot,
    /// Rows of the conversation, all of them.
    above: Range<usize>,
    /// The row of the last question, if one is to be seen.
    asked: Option<usize>,
    /// The row of the composer, if there is one.
    composer: Option<usize>,
    /// Where a dialog begins when there is no composer.
    dialog: Option<usize>,
    ignored: Vec<bool>,
}

impl<'s> Cut<'s> {
    /// Finds the parts of a screen.
    pub fn new(shot: &'s Snapshot, layout: &Layout) -> Self {
        let rows = &shot.rows;
        let filled = rows.iter().rposition(|row| !row.text.is_empty()).map_or(0, |last| last + 1);
        let before = |at: usize| rows.get(..at).and_then(|rows| rows.iter().rfind(|row| !row.text.is_empty()));
        let under = |at: usize, wanted: &Option<super::profile::Pattern>| match wanted {
            Some(pattern) => before(at).is_some_and(|row| pattern.is_match(&row.text)),
            None => true,
        };
        let mut composer = None;
        if let Some(pattern) = &layout.composer {
            for at in (0..filled).rev() {
                let Some(row) = rows.get(at) else { break };
                if pattern.is_match(&row.text) && under(at, &layout.composer_below) {
                    composer = Some(at);
                    break;
                }
                if layout.never_below.as_ref().is_some_and(|never| never.is_match(&row.text)) {
                    break;
                }
            }
        }
        let mut top = composer.unwrap_or(filled);
        if composer.is_some() {
            if layout.composer_below.is_some() {
                top = rows.get(..top).and_then(|r| r.iter().rposition(|row| !row.text.is_empty())).unwrap_or(top);
            }
            if let Some(pattern) = &layout.composer_box {
                while top > 0 && rows.get(top - 1).is_some_and(|row| pattern.is_match(&row.text)) {
                    top -= 1;
                }
            }
        }
        let is_turn = |at: &usize| {
            let row = rows.get(*at).map_or("", |row| row.text.as_str());
            layout.turn.as_ref().is_some_and(|turn| turn.is_match(row)) && under(*at, &layout.turn_below)
        };
        let asked = (0..top).rev().find(is_turn);
        let from = asked.map_or(0, |at| at + 1);
        let dialog = composer.is_none().then(|| {
            let is_top = |at: &usize| {
                layout.dialog.as_ref().is_some_and(|d| rows.get(*at).is_some_and(|row| d.is_match(&row.text)))
            };
            (from..filled).rev().find(is_top).unwrap_or(from)
        });
        let ignored = rows.iter().map(|row| layout.ignore.iter().any(|pattern| pattern.is_match(&row.text))).collect();
        Self { shot, above: 0..top, asked, composer, dialog, ignored }
    }

    /// The row numbers of a part; `None` when the screen has no such part.
    fn rows_of(&self, region: Region) -> Option<Range<usize>> {
        let rows = &self.shot.rows;
        let filled = rows.iter().rposition(|row| !row.text.is_empty()).map_or(0, |last| last + 1);
        let turn = self.asked.map_or(self.above.start, |at| at + 1)..self.above.end;
        match region {
            Region::Screen => Some(0..filled),
            Region::End => {
                let texts = (0..filled).rev().filter(|at| rows.get(*at).is_some_and(|row| !row.text.is_empty()));
                Some(texts.take(END).last().unwrap_or(0)..filled)
            }
            Region::Title => None,
            Region::Turn => Some(turn),
            Region::Last => {
                self.composer?;
                let seen = |at: &usize| rows.get(*at).is_some_and(|row| !row.text.is_empty()) && !self.is_ignored(*at);
                let last = self.above.clone().rev().find(seen)?;
                let lowest = if self.asked == Some(last) { last } else { turn.start };
                let block = (lowest..last).rev().take_while(|at| rows.get(*at).is_some_and(|row| !row.text.is_empty()));
                Some(block.last().unwrap_or(last)..last + 1)
            }
            Region::Asked => self.asked.map(|at| at..at + 1),
            Region::Composer => self.composer.map(|at| at..at + 1),
            Region::Below => self.composer.map(|at| at + 1..filled),
            Region::Dialog => self.dialog.map(|at| at..filled.max(at)),
        }
    }
    fn is_ignored(&self, at: usize) -> bool {
        self.ignored.get(at).copied().unwrap_or(false)
    }
    /// The rows of the composer with what stands around it; `None` when there is none.
    pub fn composer_rows(&self) -> Option<Range<usize>> {
        self.composer.map(|at| self.above.end..at + 1)
    }
    /// The text of a part, a line a row, and the colour of each line; `None` when the screen has no such part.
    pub fn text(&self, region: Region) -> Option<Part> {
        if region == Region::Title {
            return Some(Part { text: self.shot.title.clone(), colors: vec![None], lit: Vec::new() });
        }
        let mut part = Part::default();
        let cut_ignored = region != Region::Screen && region != Region::Dialog;
        for at in self.rows_of(region)? {
            let Some(row) = self.shot.rows.get(at) else { break };
            if cut_ignored && self.is_ignored(at) {
                continue;
            }
            if !part.colors.is_empty() {
                part.text.push('\n');
            }
            part.text.push_str(&row.text);
            part.colors.push(row.color.clone());
            part.lit.extend(row.lit.iter().cloned());
        }
        Some(part)
    }
}

/// The text of a part of a screen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Its rows, a line each.
    pub text: String,
    /// The colour of each row.
    pub colors: Vec<Option<String>>,
    /// Pieces with a colour behind them.
    pub lit: Vec<String>,
}

impl Part {
    /// The colour of the row that a place in the text is in.
    pub fn color_at(&self, place: usize) -> Option<&str> {
        let row = self.text.get(..place)?.matches('\n').count();
        self.colors.get(row)?.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile;
    use super::*;

    fn part(agent: &str, screen: &str, region: Region) -> Option<String> {
        let shot = Snapshot::of_text(screen, "a title");
        Cut::new(&shot, &profile::built_in(agent).unwrap().layout).text(region).map(|part| part.text)
    }

    const CLAUDE: &str = "\
❯ first

● said

❯ second
  ⎿  went wrong
     and on

                                      ◐ medium · /effort
──────────────────────────────
❯\u{a0}
──────────────────────────────
  ⏵⏵ auto mode on";

    #[test]
    fn a_screen_has_parts() {
        assert_eq!(part("claude", CLAUDE, Region::Last).as_deref(), Some("  ⎿  went wrong\n     and on"));
        assert_eq!(part("claude", CLAUDE, Region::Asked).as_deref(), Some("❯ second"));
        assert_eq!(part("claude", CLAUDE, Region::Composer).as_deref(), Some("❯"));
        assert!(part("claude", CLAUDE, Region::Below).unwrap().ends_with("auto mode on"));
        assert_eq!(part("claude", CLAUDE, Region::Dialog), None, "there is a composer");
        assert_eq!(part("claude", CLAUDE, Region::Title).as_deref(), Some("a title"));
        assert!(!part("claude", CLAUDE, Region::Turn).unwrap().contains("said"));
    }

    #[test]
    fn without_a_composer_there_is_a_dialog() {
        let screen =
            "❯ do it\n\n● Ok.\n\n──────────────\n Bash command\n\n Do you want to proceed?\n ❯ 1. Yes\n   2. No";
        let dialog = part("claude", screen, Region::Dialog).unwrap();
        assert!(dialog.starts_with("──────────────\n Bash command"), "{dialog}");
        assert_eq!(part("claude", screen, Region::Last), None);
        assert_eq!(part("claude", "", Region::Dialog).as_deref(), Some(""));
    }

    #[test]
    fn colours_belong_to_rows() {
        let mut emulator = Emulator::new(20, 4, 0, true);
        emulator.feed("plain\r\n  \x1b[38;2;255;0;16mred\x1b[0m\r\n\x1b[31mred too".as_bytes());
        let rows = Snapshot::of(&emulator).rows;
        let colors: Vec<Option<&str>> = rows.iter().map(|row| row.color.as_deref()).collect();
        assert_eq!(colors, [None, Some("ff0010"), Some("1"), None]);
        assert_eq!(rows[1].text, "  red");
    }

    #[test]
    fn a_choice_with_a_colour_behind_it_stands_out_where_that_is_looked_for() {
        let mut emulator = Emulator::new(60, 4, 0, true);
        let on = "\x1b[48;2;245;167;66m";
        let off = "\x1b[48;2;30;30;30m";
        let row = |text: &str| format!("\x1b[0m┃{off}  {text}   ⇆ select\x1b[0m\r\n");
        emulator.feed(row(&format!("{on} Allow once {off}  Allow always   Reject")).as_bytes());
        emulator.feed(row(&format!(" Allow once  {on} Reject {off} ")).as_bytes());
        emulator.feed(format!("┃{off} no {on} row {off} of choices\x1b[0m").as_bytes());
        let layout = &profile::built_in("opencode").unwrap().layout;
        let lit: Vec<_> =
            Snapshot::of(&emulator).fitted(&emulator, layout).rows.into_iter().map(|row| row.lit).collect();
        assert_eq!(lit, [vec!["Allow once".to_owned()], vec!["Reject".to_owned()], Vec::new(), Vec::new()]);
        let layout = &profile::built_in("claude").unwrap().layout;
        assert!(Snapshot::of(&emulator).fitted(&emulator, layout).rows.iter().all(|row| row.lit.is_empty()));
    }

    #[test]
    fn a_panel_of_a_wide_screen_is_no_part_of_the_conversation() {
        let layout = &profile::built_in("opencode").unwrap().layout;
        let shown = |cols: u16| {
            let mut emulator = Emulator::new(cols, 2, 0, true);
            emulator.feed(format!("  ┃  said\x1b[1;{}Hpanel", cols - 39).as_bytes());
            Snapshot::of(&emulator).fitted(&emulator, layout).rows.remove(0).text
        };
        assert_eq!(shown(200), "  ┃  said");
        assert!(shown(120).ends_with("panel"), "there it has none");
    }
}
