//! Lines with a label that is known: `Status: …`, `Fix: …`.

use super::kind_of;
use super::paragraph::prose;
use crate::harvest::Kind;
use crate::harvest::evidence;
use crate::harvest::labels::Label;
use crate::harvest::line::{Line, Place};
use crate::harvest::marks::Mark;
use crate::harvest::sections::Class;
use crate::harvest::signals::Signal;

/// A line with a label; `None` when its section is to decide.
pub(super) fn labelled(line: &Line, known: Option<Label>, place: &Place) -> Option<Option<Kind>> {
    let said = &line.said;
    let class = place.class;
    let Some(label) = known else {
        if evidence::is_nothing(&line.value) {
            return Some(None);
        }
        if line.asks() {
            return Some(Some(Kind::UserAction));
        }
        if evidence::is_paths(&line.value)
            && !matches!(class, Some(Class::User | Class::Next | Class::Pending | Class::Skip))
        {
            return Some(Some(Kind::Artifact));
        }
        if line.numeric() && line.mark == Some(Mark::Done) {
            return None;
        }
        if line.numeric()
            && !matches!(
                class,
                Some(
                    Class::User
                        | Class::Next
                        | Class::Pending
                        | Class::Limit
                        | Class::Error
                        | Class::Skip
                        | Class::Files
                )
            )
        {
            return Some(Some(Kind::Metric));
        }
        // What names a matter in a paragraph tells of it: its words decide, not its section.
        if matches!(class, Some(Class::Done)) {
            let told = prose(line);
            return Some(told);
        }
        return None;
    };
    let none = evidence::is_nothing(&line.value) || matches!(said.words.at(0), "none" | "no" | "nothing" | "keine");
    Some(match label {
        Label::Status => status(line, place),
        Label::Result => {
            if line.asks() {
                Some(Kind::UserAction)
            } else {
                result(line)
            }
        }
        Label::Metric if line.path_first() => Some(Kind::Artifact),
        Label::Metric => evidence::has_digit(&line.value).then_some(Kind::Metric),
        Label::File if none || class == Some(Class::Skip) => None,
        Label::File if evidence::starts_with_number(&line.value) => Some(Kind::Metric),
        Label::File
            if evidence::has_path(&line.value)
                || !line.coded && line.value.len() < 160 && line.label.as_ref().is_some_and(|l| l.2) =>
        {
            if evidence::has_path(&line.value) {
                Some(Kind::Artifact)
            } else {
                None
            }
        }
        Label::File => None,
        Label::Ref => (!none && class != Some(Class::Skip)).then_some(Kind::Artifact),
        Label::Next if none => None,
        Label::Next if line.asks() => Some(Kind::UserAction),
        Label::Next => Some(Kind::NextStep),
        Label::User => (!none).then_some(Kind::UserAction),
        Label::Blocker if none => None,
        Label::Blocker if said.says(Signal::Cured) && !said.has(Signal::No) => Some(Kind::Achievement),
        Label::Blocker => Some(Kind::Blocker),
        Label::Error if none => None,
        Label::Error if matches!(class, Some(Class::Done)) && said.has(Signal::Cured) => Some(Kind::Achievement),
        Label::Error => Some(Kind::Error),
        Label::Cause => None,
        Label::Fix if said.leads(Signal::Undone) || said.leads(Signal::Todo) => Some(Kind::Pending),
        Label::Fix if matches!(class, Some(Class::Next | Class::Pending)) => kind_of(class?),
        Label::Fix if none => said.has(Signal::Did).then_some(Kind::Decision),
        Label::Fix => Some(Kind::Achievement),
        Label::Decision => (!none).then_some(Kind::Decision),
        Label::Limit => (!none).then_some(Kind::Limitation),
        Label::Todo if none => None,
        Label::Todo if line.asks() => Some(Kind::UserAction),
        Label::Todo => Some(Kind::Pending),
        Label::Done if none => None,
        Label::Done if matches!(class, Some(Class::Next | Class::Pending | Class::User | Class::Later)) => {
            kind_of(class?)
        }
        Label::Done => Some(Kind::Achievement),
        Label::Impact => matches!(class, Some(Class::Error | Class::Findings))
            .then_some(Kind::Error)
            .filter(|_| place.under.is_none()),
        Label::Meta => line.asks().then_some(Kind::UserAction),
    })
}

/// `Status: …`
pub(super) fn status(line: &Line, place: &Place) -> Option<Kind> {
    let said = &line.said;
    if line.asks() {
        return Some(Kind::UserAction);
    }
    if said.says(Signal::Block) {
        return Some(Kind::Blocker);
    }
    if said.says(Signal::Wait) || said.begins(Signal::Todo) || line.undone() {
        return Some(Kind::Pending);
    }
    if said.has(Signal::Doing) {
        return Some(Kind::InProgress);
    }
    if line.mark == Some(Mark::Waiting) {
        return Some(Kind::Pending);
    }
    if line.mark == Some(Mark::Doing) {
        return Some(Kind::InProgress);
    }
    if place.class == Some(Class::Doing) {
        return None;
    }
    if line.mark == Some(Mark::Done) || said.says(Signal::Good) {
        return Some(Kind::Achievement);
    }
    if said.has(Signal::Todo) {
        return Some(Kind::Pending);
    }
    if said.trouble() || line.mark == Some(Mark::Failed) {
        return Some(Kind::Error);
    }
    None
}

/// `Result: …`
pub(super) fn result(line: &Line) -> Option<Kind> {
    let said = &line.said;
    if said.denies(Signal::Bad) && !said.trouble() {
        return Some(Kind::Achievement);
    }
    if said.says(Signal::Worse) || (said.trouble() && !said.says(Signal::Good) && !said.has(Signal::Cured)) {
        return Some(Kind::Error);
    }
    if said.has(Signal::Limit) && !said.says(Signal::Good) || line.undone() {
        return Some(Kind::Limitation);
    }
    (said.words.len() >= 3
        || said.says(Signal::Good)
        || line.mark == Some(Mark::Done)
        || evidence::has_digit(&line.value))
    .then_some(Kind::Achievement)
}
