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
    let class = place.class;
    let reading = &line.reading;
    let user = line.asks() || class == Some(Class::User);
    match mark {
        Mark::Done => Some(match class {
            Some(Class::Later) => Kind::Pending,
            Some(Class::User) => Kind::UserAction,
            Some(Class::Next) if !closes(line) => Kind::NextStep,
            Some(Class::Files) => Kind::Artifact,
            _other if line.known() == Some(Label::Metric) && line.numeric() => Kind::Metric,
            _other if line.path_first() && class == Some(Class::Done) => Kind::Artifact,
            _other => Kind::Achievement,
        }),
        Mark::Waiting => Some(match class {
            _any if user => Kind::UserAction,
            Some(Class::Next) => Kind::NextStep,
            Some(Class::Blocker) => Kind::Blocker,
            _other if reading.says(Signal::Block) => Kind::Blocker,
            _other if reading.has(Signal::Doing) => Kind::InProgress,
            _other => Kind::Pending,
        }),
        Mark::Doing => Some(match class {
            _any if user => Kind::UserAction,
            Some(Class::Next) => Kind::NextStep,
            Some(Class::Pending) => Kind::Pending,
            _other => Kind::InProgress,
        }),
        Mark::Warning => Some(match class {
            _any if user => Kind::UserAction,
            Some(Class::Next) => Kind::NextStep,
            Some(Class::Blocker) => Kind::Blocker,
            _other if line.known() == Some(Label::Todo) || reading.begins(Signal::Todo) => Kind::Pending,
            _other if reading.says(Signal::Block) => Kind::Blocker,
            Some(Class::Error | Class::Findings) => Kind::Error,
            _other if line.undone() => Kind::Pending,
            _other if reading.has(Signal::Limit) => Kind::Limitation,
            _other if reading.trouble() => Kind::Error,
            _other => Kind::Limitation,
        }),
        Mark::Failed => Some(match class {
            _any if user => Kind::UserAction,
            Some(Class::Next) => Kind::NextStep,
            Some(Class::Pending | Class::Later) => Kind::Pending,
            Some(Class::Limit) => Kind::Limitation,
            Some(Class::Decision) => Kind::Decision,
            Some(Class::Blocker) => Kind::Blocker,
            _other if line.undone() || reading.has(Signal::Todo) => Kind::Pending,
            _other if reading.has(Signal::Limit) => Kind::Limitation,
            _other => Kind::Error,
        }),
        Mark::Stopped => Some(if user { Kind::UserAction } else { Kind::Blocker }),
        Mark::Dot => kind_of(class?),
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
