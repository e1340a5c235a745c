//! Lines of paragraphs: only what they say makes them items.

use super::labelled::labelled;
use super::signs::by_mark;
use super::{struck, task_kind, unfinished};
use crate::harvest::Kind;
use crate::harvest::evidence;
use crate::harvest::line::{Line, Place};
use crate::harvest::marks::Mark;
use crate::harvest::sections::Class;
use crate::harvest::signals::{Reading, Signal};

/// A line of a paragraph.
pub fn line(line: &Line, place: &Place) -> Option<Kind> {
    line_of(line, place)
}

pub(super) fn line_of(line: &Line, place: &Place) -> Option<Kind> {
    let text = line.text.trim();
    if evidence::is_nothing(text) {
        return None;
    }
    let class = place.class;
    if place.unfinished {
        return unfinished(line);
    }
    if line.struck {
        return Some(struck(line));
    }
    if let Some((_, known, bold)) = &line.label
        && (known.is_some() || *bold || line.numeric())
        && !line.value.is_empty()
        && let Some(answer) = labelled(line, *known, place)
    {
        return answer;
    }
    if line.quoted {
        return (line.asks() && line.reading.words.len() <= 40).then_some(Kind::UserAction);
    }
    if let Some(task) = line.task {
        return Some(task_kind(task, line, place));
    }
    if matches!(class, Some(Class::Skip)) {
        return line.asks().then_some(Kind::UserAction);
    }
    if line.asks() {
        return Some(Kind::UserAction);
    }
    if line.opens() {
        return before_last(text).and_then(|before| line_of(&Line::plain(before), place));
    }
    if line.greets()
        || line.reading.announces()
        || line.reading.dates()
        || line.reading.words.len() < 2
        || text.ends_with(',')
    {
        return None;
    }
    if asks_softly(line, place) {
        return Some(Kind::UserAction);
    }
    if line.question() {
        let wanted = matches!(class, Some(Class::User | Class::Next | Class::Decision | Class::Blocker))
            || line.reading.has(Signal::Ask);
        return wanted.then_some(Kind::UserAction);
    }
    if let Some(mark) = line.mark
        && !matches!(mark, Mark::Dot)
    {
        return by_mark(mark, line, place);
    }
    let reading = &line.reading;
    if reading.says(Signal::Block) && !reading.has(Signal::Cured) && reading.words.len() <= 60 {
        return Some(Kind::Blocker);
    }
    let detail = place.under.is_some() || place.nested.is_some();
    match class {
        Some(Class::Done) => {
            if reading.has(Signal::Undone) && !line.did() {
                Some(Kind::Limitation)
            } else if place.nested.is_some() {
                None
            } else {
                (!detail || line.did() || line.good()).then_some(Kind::Achievement)
            }
        }
        Some(Class::Error | Class::Findings) => {
            if line.denies_trouble()
                || reading.leads(Signal::Did)
                || (reading.says(Signal::Cured) && !reading.says(Signal::Worse))
            {
                Some(Kind::Achievement)
            } else if detail && !reading.says(Signal::Worse) {
                None
            } else {
                (reading.trouble() || !detail).then_some(Kind::Error)
            }
        }
        Some(Class::User) => (place.nested.is_none()
            && (reading.leads(Signal::Order) || reading.has(Signal::Ask) || !detail))
            .then_some(Kind::UserAction),
        Some(Class::Next) => {
            (place.nested.is_none() && !line.did() && reading.words.len() >= 3).then_some(Kind::NextStep)
        }
        Some(Class::Pending | Class::Later) => {
            (!detail || reading.has(Signal::Todo) || line.undone()).then_some(Kind::Pending)
        }
        Some(Class::Doing) => (!detail).then_some(Kind::InProgress),
        Some(Class::Blocker) => {
            (!detail && !line.denies_trouble() && !reading.has(Signal::No)).then_some(Kind::Blocker)
        }
        Some(Class::Limit) => {
            if line.denies_trouble() {
                None
            } else {
                (!detail || reading.has(Signal::Limit)).then_some(Kind::Limitation)
            }
        }
        Some(Class::Decision) => (!detail || reading.says(Signal::Decide)).then_some(Kind::Decision),
        Some(Class::Files | Class::Commits) => line.path_first().then_some(Kind::Artifact),
        Some(Class::Metric) => (evidence::has_digit(&line.text) && reading.words.len() <= 25).then_some(Kind::Metric),
        Some(Class::Verify) => verify(line),
        Some(Class::Skip) => None,
        Some(Class::Notes) if !line.did() && line.reading.words.len() > 6 => {
            prose(line).filter(|k| !matches!(k, Kind::Achievement))
        }
        Some(Class::Insight | Class::Summary | Class::Log | Class::Notes) | None => prose(line),
    }
}

/// What a line without a section says by itself.
pub(super) fn prose(line: &Line) -> Option<Kind> {
    // Of several sentences the first that says something.
    let sentences: Vec<&str> = line.text.split_inclusive(['.', '!', '?', '。']).collect();
    if line.reading.words.len() > 14 && sentences.len() > 1 {
        let mut whole: Vec<String> = Vec::new();
        for piece in sentences {
            match whole.last_mut() {
                Some(last) if !piece.starts_with(char::is_whitespace) || last.len() < 8 => last.push_str(piece),
                Some(_) | None => whole.push(piece.to_owned()),
            }
        }
        if whole.len() > 1 {
            return whole.iter().take(12).find_map(|sentence| sentence_kind(&Line::plain(sentence.trim())));
        }
    }
    sentence_kind(line)
}

pub(super) fn sentence_kind(line: &Line) -> Option<Kind> {
    let reading = &line.reading;
    if line.denies_trouble() {
        return Some(Kind::Achievement);
    }
    if reading.begins(Signal::Plan) || (reading.has(Signal::Plan) && !reading.has(Signal::Did)) {
        return Some(Kind::NextStep);
    }
    if reading.leads(Signal::Decide) {
        return Some(Kind::Decision);
    }
    if reading.leads(Signal::Did) && !reading.says(Signal::Worse) && !reading.ails() {
        return Some(Kind::Achievement);
    }
    if reading.has(Signal::Doing) {
        return Some(Kind::InProgress);
    }
    if reading.has(Signal::Limit) && reading.first(Signal::Limit) < reading.first(Signal::Undone) {
        return Some(Kind::Limitation);
    }
    if line.undone() {
        return Some(Kind::Pending);
    }
    if reading.says(Signal::Worse) && !reading.has(Signal::Cured) {
        return Some(Kind::Error);
    }
    if reading.has(Signal::Limit) {
        // `412 pass, 3 skipped`: what comes first is what it is about.
        let good = reading.says(Signal::Good) && reading.first(Signal::Good) < reading.first(Signal::Limit);
        return Some(if good { Kind::Achievement } else { Kind::Limitation });
    }
    if reading.says(Signal::Wait) || reading.has(Signal::Todo) {
        return Some(Kind::Pending);
    }
    if reading.has(Signal::Did) && reading.words.len() <= 60 && !reading.trouble() {
        return Some(Kind::Achievement);
    }
    if reading.says(Signal::Good) && reading.words.len() <= 40 {
        return Some(Kind::Achievement);
    }
    if reading.trouble() && !reading.has(Signal::Cured) && reading.words.len() <= 40 {
        return Some(Kind::Error);
    }
    if reading.says(Signal::Decide) {
        return Some(Kind::Decision);
    }
    (reading.words.len() <= 12 && evidence::has_share(&line.text)).then_some(Kind::Metric)
}

/// Whether a line speaks to its reader of something that only the reader has.
pub(super) fn asks_softly(line: &Line, place: &Place) -> bool {
    let asked = line.reading.count(Signal::Ask);
    let wanted =
        matches!(place.class, Some(Class::Error | Class::Blocker | Class::Pending | Class::Limit | Class::Notes));
    asked >= 2 || (asked == 1 && (line.reading.begins(Signal::Ask) || wanted) && line.reading.leads(Signal::Ask))
}

/// What stands before the last sentence of a line that ends with a colon.
pub(super) fn before_last(text: &str) -> Option<&str> {
    let at = text.trim_end().rfind(['.', '!', '?']).filter(|at| text[*at..].chars().nth(1) == Some(' '))?;
    let before = text[..=at].trim();
    (before.len() >= 12).then_some(before)
}

/// A line about a check.
pub(super) fn verify(line: &Line) -> Option<Kind> {
    // What stands in brackets explains.
    let plain = line.text.split(" (").next().unwrap_or_default();
    let short = if plain.len() >= 8 && plain.len() < line.text.len() { Some(Reading::of(plain)) } else { None };
    let reading = short.as_ref().unwrap_or(&line.reading);
    if line.denies_trouble() {
        return Some(Kind::Achievement);
    }
    if reading.has(Signal::Limit) || line.undone() {
        return Some(Kind::Limitation);
    }
    if reading.says(Signal::Worse) || (reading.trouble() && !reading.has(Signal::Cured) && !reading.says(Signal::Good))
    {
        return Some(Kind::Error);
    }
    (line.good() || line.did() || evidence::has_digit(&line.text)).then_some(Kind::Achievement)
}
