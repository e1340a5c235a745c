//! Signs that stand for a state: ticks, crosses, hourglasses, coloured dots; and signs that only decorate.

/// What a sign says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A tick.
    Done,
    /// An hourglass, an empty box.
    Waiting,
    /// A building site, arrows in a circle.
    Doing,
    /// A warning sign.
    Warning,
    /// A cross, a red dot.
    Failed,
    /// A stop sign.
    Stopped,
    /// A red, orange or yellow dot: trouble, or only how urgent it is.
    Dot,
}

/// What a character says, when it is a sign.
fn mark(c: char) -> Option<Mark> {
    match c {
        '✅' | '✔' | '✓' | '☑' | '🟢' | '🗹' => Some(Mark::Done),
        '⏳' | '⌛' | '⬜' | '☐' | '◻' | '⏸' | '🕐' | '⏰' => Some(Mark::Waiting),
        '🚧' | '🔄' | '🔃' | '⟳' | '🏗' => Some(Mark::Doing),
        '⚠' => Some(Mark::Warning),
        '❌' | '✗' | '✘' | '☒' | '❎' | '✖' => Some(Mark::Failed),
        '🛑' | '🚫' | '⛔' => Some(Mark::Stopped),
        '🔴' | '🟡' | '🟠' => Some(Mark::Dot),
        _ => None,
    }
}

/// Whether a character is a picture that says nothing by itself.
fn decorates(c: char) -> bool {
    matches!(u32::from(c),
        0x1f000..=0x1faff | 0x2600..=0x27bf | 0x2b00..=0x2bff | 0x2300..=0x23ff | 0x25a0..=0x25ff
        | 0xfe0e..=0xfe0f | 0x20e3 | 0x200d)
        || matches!(c, '•' | '·' | '‣')
}

/// The first sign at the text's beginning, and the text after all signs there.
pub fn leading(text: &str) -> (Option<Mark>, &str) {
    let mut found = None;
    let rest = text.trim_start_matches(|c: char| {
        found = found.or_else(|| mark(c));
        mark(c).is_some() || decorates(c) || c.is_whitespace()
    });
    (found, rest)
}

/// The last sign at the text's end, and the text before all signs there.
pub fn trailing(text: &str) -> (Option<Mark>, &str) {
    let mut found = None;
    let rest = text.trim_end_matches(|c: char| {
        found = found.or_else(|| mark(c));
        mark(c).is_some() || decorates(c) || c.is_whitespace()
    });
    (found, rest)
}

/// The first sign anywhere in the text.
pub fn anywhere(text: &str) -> Option<Mark> {
    if text.is_ascii() { None } else { text.chars().find_map(mark) }
}

/// A box drawn in text at its beginning (`[~]`, `[!]`, `(x)`), which Markdown does not know, and the rest.
pub fn boxed(text: &str) -> Option<(Mark, &str)> {
    let mut chars = text.chars();
    let (open, inside, close) = (chars.next()?, chars.next()?, chars.next()?);
    if !matches!((open, close), ('[', ']') | ('(', ')')) || !chars.as_str().starts_with([' ', '\t']) {
        return None;
    }
    let mark = match inside {
        'x' | 'X' | '✓' | '✔' | '✅' | '*' | '+' => Mark::Done,
        '×' | '✗' | '✘' | '❌' => Mark::Failed,
        ' ' | '_' => Mark::Waiting,
        '~' | '/' | '>' | '.' | 'o' | '-' => Mark::Doing,
        '!' => Mark::Warning,
        _ => return None,
    };
    Some((mark, chars.as_str().trim_start()))
}
