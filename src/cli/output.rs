//! Where words go: data to stdout, talk to stderr, progress to a terminal only; colour and width decided once.

use super::failure::{Failure, harmless};
use serde::Serialize;
use std::cell::Cell;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufWriter, IsTerminal, StdoutLock, Write};

/// `--color`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// When stdout is a terminal and `NO_COLOR` is not set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The narrowest and widest a screen is taken to be; what a terminal or `COLUMNS` says beyond is not believed.
const WIDTH_RANGE: std::ops::RangeInclusive<usize> = 40..=400;
/// The width when nothing tells one.
const WIDTH_DEFAULT: usize = 120;

/// The streams of this process.
#[derive(Debug)]
pub struct Output {
    /// Whether stdout gets colours.
    pub color: bool,
    /// Whether stderr gets colours.
    pub error_color: bool,
    /// Columns of the screen.
    pub width: usize,
    /// Whether stdout is a terminal.
    pub stdout_terminal: bool,
    quiet: bool,
    stderr_terminal: bool,
    progress_shown: Cell<bool>,
}

impl Output {
    /// Looks at the streams and the environment.
    pub fn new(choice: ColorChoice, quiet: bool) -> Self {
        let stdout_terminal = io::stdout().is_terminal();
        let stderr_terminal = io::stderr().is_terminal();
        let (no_color, term) = (std::env::var_os("NO_COLOR"), std::env::var_os("TERM"));
        let color = |terminal| wants_color(choice, terminal, no_color.as_deref(), term.as_deref());
        Self {
            color: color(stdout_terminal),
            error_color: color(stderr_terminal),
            width: width(),
            stdout_terminal,
            quiet,
            stderr_terminal,
            progress_shown: Cell::new(false),
        }
    }
    /// A buffered stdout for much data; flush it at the end.
    pub fn stdout(&self) -> BufWriter<StdoutLock<'static>> {
        self.clear_progress();
        BufWriter::with_capacity(64 << 10, io::stdout().lock())
    }
    /// Writes data.
    pub fn data(&self, text: &str) -> Result<(), Failure> {
        let mut out = self.stdout();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| Failure::stdout(&e))
    }
    /// Writes one line of data.
    pub fn line(&self, text: &str) -> Result<(), Failure> {
        self.data(&format!("{text}\n"))
    }
    /// Writes one JSON document.
    pub fn json<T: Serialize>(&self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|e| Failure::new(super::failure::Exit::Failed, format!("cannot write JSON: {e}")))?;
        self.line(&text)
    }
    /// Says something on stderr, unless `--quiet`. A closed stderr is nobody's failure.
    pub fn talk(&self, text: &str) {
        if !self.quiet {
            self.error_line(text);
        }
    }
    /// Says something on stderr that must be said.
    pub fn error_line(&self, text: &str) {
        self.clear_progress();
        let _ = writeln!(io::stderr().lock(), "{}", harmless(text));
    }
    /// Prints a problem of a file on stderr, as its reader rendered it: that is safe already, and may hold colours.
    pub fn rendered(&self, text: &str) {
        self.clear_progress();
        let _ = writeln!(io::stderr().lock(), "{}", text.trim_end());
    }
    /// Whether somebody sees how far a wait is.
    pub fn shows_progress(&self) -> bool {
        self.stderr_terminal && !self.quiet
    }
    /// Shows how far a wait is, in place, when stderr is a terminal.
    pub fn progress(&self, text: &str) {
        if !self.shows_progress() {
            return;
        }
        let text: String = harmless(text).replace('\n', " ").chars().take(self.width - 1).collect();
        let _ = write!(io::stderr().lock(), "\r{text}\x1b[K");
        self.progress_shown.set(true);
    }
    /// Takes the progress line away.
    pub fn clear_progress(&self) {
        if self.progress_shown.replace(false) {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
    /// Whether somebody can be asked: stdin and stderr are a terminal.
    pub fn can_ask(&self) -> bool {
        self.stderr_terminal && io::stdin().is_terminal()
    }
    /// Asks a question; anything but `y` or `yes` is no.
    pub fn ask(&self, question: &str) -> bool {
        self.clear_progress();
        let _ = write!(io::stderr().lock(), "{} [y/N] ", harmless(question));
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.clear_progress();
    }
}

fn wants_color(choice: ColorChoice, terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            terminal && no_color.is_none_or(OsStr::is_empty) && term.is_some_and(|t| t != "dumb" && !t.is_empty())
        }
    }
}

/// Columns: what the terminal says, else `COLUMNS`, else a default; always a sane number.
pub fn width() -> usize {
    let terminal = rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    let columns = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    bounded_width(terminal, columns)
}

fn bounded_width(terminal: Option<usize>, columns: Option<usize>) -> usize {
    let told = terminal.filter(|&w| w > 0).or(columns.filter(|&w| w > 0)).unwrap_or(WIDTH_DEFAULT);
    told.clamp(*WIDTH_RANGE.start(), *WIDTH_RANGE.end())
}

/// Lines of words in columns, made safe for a terminal, two spaces between; the last column is not padded.
pub fn columns(rows: &[Vec<String>]) -> String {
    let safe = |cell: &String| harmless(cell).replace('\n', " ");
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(safe).collect()).collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in &rows {
        for (i, cell) in row.iter().enumerate() {
            let width = unicode_width::UnicodeWidthStr::width(cell.as_str());
            match widths.get_mut(i) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let gap = width - unicode_width::UnicodeWidthStr::width(cell.as_str()) + 2;
            let _ = write!(line, "{cell}{:gap$}", "");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_that_want_it() {
        let xterm = Some(OsStr::new("xterm"));
        let auto = |terminal, no_color: Option<&str>, term| {
            wants_color(ColorChoice::Auto, terminal, no_color.map(OsStr::new), term)
        };
        assert!(auto(true, None, xterm));
        assert!(auto(true, Some(""), xterm));
        assert!(!auto(true, Some("1"), xterm));
        assert!(!auto(true, None, Some(OsStr::new("dumb"))));
        assert!(!auto(true, None, None));
        assert!(!auto(false, None, xterm));
        assert!(wants_color(ColorChoice::Always, false, Some(OsStr::new("1")), None));
    }

    #[test]
    fn a_width_is_always_sane() {
        assert_eq!(bounded_width(None, None), 120);
        assert_eq!(bounded_width(Some(0), Some(80)), 80);
        assert_eq!(bounded_width(None, Some(0)), 120);
        assert_eq!(bounded_width(None, Some(1)), 40);
        assert_eq!(bounded_width(None, Some(99_999)), 400);
        assert_eq!(bounded_width(Some(100), Some(80)), 100);
    }

    #[test]
    fn columns_line_up_by_what_is_seen() {
        let rows = [vec!["a".into(), "x".into()], vec!["日本".into(), "y".into()]];
        assert_eq!(columns(&rows), "a     x\n日本  y\n");
    }
}
