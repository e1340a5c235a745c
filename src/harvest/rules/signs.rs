//! What a sign says where it stands.

use super::kind_of;
use crate::harvest::Kind;
use crate::harvest::labels::Label;
use crate::harvest::line::{Line, Place};
use crate::harvest::marks::Mark;
use crate::harvest::sections::Class;
use crate::harvest::signals::Signal;

/// What a sign says where it stands: the section outweighs it.
pub(super) fn by_mark(mark: Mark, line: &Line, place: &Place) -> Option<Kind> {
    match mark {
        Mark::Done => Some(ticked(line, place)),
        Mark::Dot => kind_of(place.class?),
        Mark::Waiting | Mark::Doing | Mark::Warning | Mark::Failed | Mark::Stopped
            if line.asks() || place.class == Some(Class::User) =>
        {
            Some(Kind::UserAction)
        }
        Mark::Stopped => Some(Kind::Blocker),
        Mark::Waiting | Mark::Doing | Mark::Warning | Mark::Failed if place.class == Some(Class::Next) => {
            Some(Kind::NextStep)
        }
        Mark::Waiting => Some(waits(line, place)),
        Mark::Doing if place.class == Some(Class::Pending) => Some(Kind::Pending),
        Mark::Doing => Some(Kind::InProgress),
        Mark::Warning => Some(warns(line, place)),
        Mark::Failed => Some(failed(line, place)),
    }
}

fn ticked(line: &Line, place: &Place) -> Kind {
    let class = place.class;
    if class == Some(Class::Later) {
        Kind::Pending
    } else if class == Some(Class::User) {
        Kind::UserAction
    } else if class == Some(Class::Next) && !closes(line) {
        Kind::NextStep
    } else if class == Some(Class::Files) || (class == Some(Class::Done) && line.path_first()) {
        Kind::Artifact
    } else if line.known() == Some(Label::Metric) && line.numeric() {
        Kind::Metric
    } else {
        Kind::Achievement
    }
}

fn waits(line: &Line, place: &Place) -> Kind {
    if place.class == Some(Class::Blocker) || line.reading.says(Signal::Block) {
        Kind::Blocker
    } else if line.reading.has(Signal::Doing) {
        Kind::InProgress
    } else {
        Kind::Pending
    }
}

fn warns(line: &Line, place: &Place) -> Kind {
    let reading = &line.reading;
    if place.class == Some(Class::Blocker) {
        Kind::Blocker
    } else if line.known() == Some(Label::Todo) || reading.begins(Signal::Todo) {
        Kind::Pending
    } else if reading.says(Signal::Block) {
        Kind::Blocker
    } else if matches!(place.class, Some(Class::Error | Class::Findings)) {
        Kind::Error
    } else if line.undone() {
        Kind::Pending
    } else if reading.has(Signal::Limit) || !reading.trouble() {
        Kind::Limitation
    } else {
        Kind::Error
    }
}

fn failed(line: &Line, place: &Place) -> Kind {
    let by_section = place.class.filter(|class| {
        matches!(class, Class::Pending | Class::Later | Class::Limit | Class::Decision | Class::Blocker)
    });
    if let Some(kind) = by_section.and_then(kind_of) {
        kind
    } else if line.undone() || line.reading.has(Signal::Todo) {
        Kind::Pending
    } else if line.reading.has(Signal::Limit) {
        Kind::Limitation
    } else {
        Kind::Error
    }
}

/// Whether a ticked line says itself that it is done.
pub(super) fn closes(line: &Line) -> bool {
    let words = &line.reading.words;
    let last = words.at(words.len().saturating_sub(1));
    matches!(
        last,
        "done" | "complete" | "completed" | "finished" | "fixed" | "merged" | "shipped" | "erledigt" | "완료"
    ) || line.did()
}
