//! Headings and lines that serve as headings: which of them are items themselves.

use super::kind_of;
use super::paragraph::{before_last, line_of};
use super::signs::by_mark;
use crate::harvest::Kind;
use crate::harvest::evidence;
use crate::harvest::lexicon::Words;
use crate::harvest::line::{Line, Place};
use crate::harvest::marks::Mark;
use crate::harvest::sections::Class;
use crate::harvest::signals::{Reading, Signal};

/// What a state at the end of a heading says: `(Complete)`, `— DONE`, `: in progress`.
pub fn state_at_end(text: &str) -> Option<Class> {
    let end = end_of(text)?;
    let words = Words::of(end);
    if words.is_empty() || words.len() > 4 {
        return None;
    }
    let reading = Reading::of(end);
    if reading.has(Signal::Undone) || reading.begins(Signal::Todo) {
        return Some(Class::Pending);
    }
    if reading.has(Signal::Doing) {
        return Some(Class::Doing);
    }
    if reading.says(Signal::Block) {
        return Some(Class::Blocker);
    }
    let good = [
        "complete",
        "completed",
        "done",
        "fixed",
        "finished",
        "resolved",
        "shipped",
        "merged",
        "implemented",
        "deployed",
        "passed",
        "success",
        "closed",
        "delivered",
        "verified",
        "landed",
        "completo",
        "concluído",
        "erledigt",
        "fertig",
        "abgeschlossen",
        "완료",
        "готово",
        "завершено",
        "terminé",
        "fixes",
    ];
    (0..words.len()).any(|at| good.contains(&words.at(at)) || words.at(at).contains("완료")).then_some(Class::Done)
}

/// A heading without the state at its end.
pub fn without_end(text: &str) -> &str {
    match end_of(text) {
        Some(end) if state_at_end(text).is_some() => {
            let at = text.rfind(end).unwrap_or(text.len());
            text[..at].trim_end_matches([' ', '(', '[', '-', '—', '–', ':'])
        }
        Some(_) | None => text,
    }
}

fn end_of(text: &str) -> Option<&str> {
    let text = text.trim_end().trim_end_matches(['!', '.']);
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some(inner) = text.strip_suffix(close)
            && let Some(at) = inner.rfind(open)
        {
            return (at > 0).then(|| &inner[at + 1..]);
        }
    }
    let at = [" — ", " – ", " - ", ": "].iter().filter_map(|sign| text.rfind(sign).map(|at| at + sign.len())).max()?;
    (at < text.len()).then(|| &text[at..])
}

/// A heading that names more than the kind of what follows.
#[derive(Debug, Clone, Copy)]
pub struct Head<'t> {
    /// Its text without number and sign.
    pub text: &'t str,
    /// Whether it has a number.
    pub numbered: bool,
    /// Its sign.
    pub mark: Option<Mark>,
    /// The state at its end.
    pub state: Option<Class>,
    /// Whether it only groups the bullets, rows or headings that follow.
    pub groups: bool,
}

/// A heading that is an item itself: one of several, or one that tells how it stands.
pub fn heading(head: &Head<'_>, class: Option<Class>, place: &Place) -> Option<Kind> {
    let &Head { text, numbered, mark, state, groups } = head;
    if place.unfinished || matches!(class, Some(Class::Skip)) {
        return None;
    }
    let reading = Reading::of(text);
    let cured = reading.says(Signal::Cured) || state == Some(Class::Done) || mark == Some(Mark::Done);
    if let Some(state) = state {
        return kind_of(state);
    }
    let named = place.class.filter(|c| {
        matches!(c, Class::Error | Class::Findings | Class::Blocker | Class::Decision | Class::User | Class::Limit)
    });
    // A numbered section of the document is no matter of its own: `4. Risks and concerns`.
    let section = place.class.is_none() && class.is_some() && mark.is_none();
    if (numbered && !section) || mark.is_some() || (named.is_some() && !groups) {
        match class.or(place.class) {
            Some(Class::Error | Class::Blocker | Class::Limit | Class::Findings) if cured => {
                return Some(Kind::Achievement);
            }
            Some(
                Class::Summary
                | Class::Log
                | Class::Notes
                | Class::Insight
                | Class::Verify
                | Class::Files
                | Class::Metric
                | Class::Commits,
            )
            | None => {}
            Some(class) => return kind_of(class),
        }
        if mark == Some(Mark::Done) {
            return Some(Kind::Achievement);
        }
        if mark == Some(Mark::Failed) && reading.trouble() {
            return Some(Kind::Error);
        }
    }
    if reading.says(Signal::User) && class != Some(Class::User) {
        return Some(Kind::UserAction);
    }
    let last = reading.words.at(reading.words.len().saturating_sub(1));
    let ends_good = |word: &str| {
        matches!(
            word,
            "complete"
                | "completed"
                | "done"
                | "finished"
                | "ready"
                | "resolved"
                | "fixed"
                | "merged"
                | "shipped"
                | "passing"
                | "working"
                | "deployed"
        )
    };
    let before_count = text.split(['(', '!']).next().unwrap_or(text);
    let counted = Reading::of(before_count);
    let last_before = counted.words.at(counted.words.len().saturating_sub(1));
    if (ends_good(last) || ends_good(last_before)) && !reading.has(Signal::No) && !reading.has(Signal::Undone) {
        return Some(Kind::Achievement);
    }
    if numbered && (reading.leads(Signal::Did) || reading.says(Signal::Good)) && !reading.has(Signal::No) {
        return Some(Kind::Achievement);
    }
    None
}

/// A line that ends with a colon and leads in what follows.
pub fn lead_in(line: &Line, place: &Place, bare: bool) -> Option<Kind> {
    if bare || place.unfinished || matches!(place.class, Some(Class::Skip)) {
        return None;
    }
    if line.asks() {
        return Some(Kind::UserAction);
    }
    if let Some(before) = before_last(&line.text) {
        return line_of(&Line::plain(before), place);
    }
    if line.mark == Some(Mark::Done) && !matches!(place.class, Some(Class::Next | Class::User | Class::Later)) {
        return Some(Kind::Achievement);
    }
    // `Verified these calls:` and `Added fields:` only lead in; one that says how much of what tells by itself.
    let looked =
        matches!(line.reading.words.at(0), "verified" | "checked" | "tested" | "confirmed" | "reviewed" | "validated");
    let words = line.reading.words.len();
    let tells = words >= 7 || (words >= 4 && evidence::has_digit(&line.text));
    if tells && !looked && line.reading.leads(Signal::Did) {
        return Some(Kind::Achievement);
    }
    None
}

/// A line that is all bold.
pub fn bold(line: &Line, place: &Place, bare: bool, state: Option<Class>) -> Option<Kind> {
    if bare || place.unfinished || matches!(place.class, Some(Class::Skip)) {
        return None;
    }
    if line.label.is_some() && !line.value.is_empty() {
        return line_of(line, place);
    }
    if let Some(state) = state {
        return kind_of(state);
    }
    if let Some(mark) = line.mark {
        return by_mark(mark, line, place);
    }
    line_of(line, place)
}
