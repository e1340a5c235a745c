//! The kind of one line: by its section, its sign, its box, its label, its words and what they deny.

mod bullet;
mod heads;
mod labelled;
mod paragraph;
mod signs;

pub use bullet::bullet;
pub use heads::{Head, bold, heading, lead_in, state_at_end, without_end};
pub use paragraph::line;

use super::Kind;
use super::labels::Label;
use super::line::{Line, Place};
use super::marks::Mark;
use super::sections::Class;
use super::signals::Signal;

/// The section that a label makes of the list below it.
pub fn class_of_label(label: Label) -> Option<Class> {
    match label {
        Label::Metric => Some(Class::Metric),
        Label::File => Some(Class::Files),
        Label::Ref => Some(Class::Commits),
        Label::Next => Some(Class::Next),
        Label::User => Some(Class::User),
        Label::Blocker => Some(Class::Blocker),
        Label::Error => Some(Class::Error),
        Label::Fix | Label::Done => Some(Class::Done),
        Label::Decision => Some(Class::Decision),
        Label::Limit => Some(Class::Limit),
        Label::Todo => Some(Class::Pending),
        Label::Result => Some(Class::Verify),
        Label::Status | Label::Cause | Label::Impact | Label::Meta => None,
    }
}

/// The kind that a section's lines have by default.
pub fn kind_of(class: Class) -> Option<Kind> {
    match class {
        Class::Done => Some(Kind::Achievement),
        Class::Doing => Some(Kind::InProgress),
        Class::Pending | Class::Later => Some(Kind::Pending),
        Class::Next => Some(Kind::NextStep),
        Class::User => Some(Kind::UserAction),
        Class::Blocker => Some(Kind::Blocker),
        Class::Error | Class::Findings => Some(Kind::Error),
        Class::Metric => Some(Kind::Metric),
        Class::Files | Class::Commits => Some(Kind::Artifact),
        Class::Decision => Some(Kind::Decision),
        Class::Limit => Some(Kind::Limitation),
        Class::Verify => Some(Kind::Achievement),
        Class::Insight | Class::Summary | Class::Log | Class::Notes | Class::Skip => None,
    }
}

/// A document that was never finished: only that it is under way is believed.
pub(super) fn unfinished(line: &Line) -> Option<Kind> {
    (line.reading.has(Signal::Doing) && line.known() == Some(Label::Status)).then_some(Kind::InProgress)
}

pub(super) fn struck(line: &Line) -> Kind {
    let dropped = ["cancelled", "canceled", "dropped", "wont", "obsolete", "superseded", "abandoned", "rejected"];
    if (0..line.reading.words.len()).any(|at| dropped.contains(&line.reading.words.at(at))) {
        Kind::Decision
    } else {
        Kind::Achievement
    }
}

pub(super) fn task_kind(ticked: bool, line: &Line, place: &Place) -> Kind {
    if ticked {
        return Kind::Achievement;
    }
    if line.asks() || matches!(place.class, Some(Class::User)) {
        return Kind::UserAction;
    }
    if line.mark == Some(Mark::Doing) || line.reading.has(Signal::Doing) {
        return Kind::InProgress;
    }
    match place.class {
        Some(Class::Next) => Kind::NextStep,
        Some(Class::Blocker) => Kind::Blocker,
        Some(
            Class::Done
            | Class::Doing
            | Class::Pending
            | Class::User
            | Class::Error
            | Class::Metric
            | Class::Files
            | Class::Commits
            | Class::Decision
            | Class::Limit
            | Class::Insight
            | Class::Verify
            | Class::Summary
            | Class::Log
            | Class::Findings
            | Class::Notes
            | Class::Later
            | Class::Skip,
        )
        | None => Kind::Pending,
    }
}
