//! Bullets and numbered lines: items by default, of the kind of their section unless they say otherwise.

use super::labelled::labelled;
use super::paragraph::{prose, verify};
use super::signs::by_mark;
use super::{struck, task_kind, unfinished};
use crate::harvest::Kind;
use crate::harvest::evidence;
use crate::harvest::labels::Label;
use crate::harvest::line::{Line, Place};
use crate::harvest::marks::Mark;
use crate::harvest::sections::Class;
use crate::harvest::signals::Signal;

/// A bullet or a numbered line.
pub fn bullet(line: &Line, place: &Place) -> Option<Kind> {
    let class = place.class;
    let reading = &line.reading;
    if evidence::is_nothing(&line.text) || reading.has(Signal::Blank) && (place.unfinished || reading.words.len() <= 8)
    {
        return None;
    }
    if place.unfinished && line.task != Some(true) {
        return unfinished(line);
    }
    if line.struck {
        return Some(struck(line));
    }
    if let Some(task) = line.task {
        return Some(task_kind(task, line, place));
    }
    let nested = place.nested.is_some() && !place.opened;
    if line.label.is_some() && line.value.is_empty() && line.mark.is_none() {
        // It leads in the bullets below it.
        let orders = matches!(class, Some(Class::User | Class::Next)) && line.reading.leads(Signal::Order);
        return if orders || line.label.as_ref().is_some_and(|l| l.1.is_none()) && line.reading.words.len() >= 4 {
            by_class(line, place)
        } else {
            None
        };
    }
    if let Some((_, Some(label), _)) = &line.label
        && decided_by_label(*label, class)
        && !line.value.is_empty()
        && let Some(answer) = labelled(line, Some(*label), place)
    {
        return answer;
    }
    if let Some(mark) = line.mark
        && mark != Mark::Dot
    {
        return by_mark(mark, line, place);
    }
    if line.asks() && !matches!(class, Some(Class::Done | Class::Files | Class::Skip)) {
        return Some(Kind::UserAction);
    }
    if nested {
        return detail(line, place);
    }
    by_class(line, place)
}

/// Labels that say what a bullet is, whatever its section.
pub(super) fn decided_by_label(label: Label, class: Option<Class>) -> bool {
    let ordered = matches!(class, Some(Class::Next | Class::User | Class::Pending | Class::Decision | Class::Skip));
    match label {
        Label::User | Label::Blocker => true,
        Label::Todo | Label::Limit => !ordered,
        Label::Status | Label::Metric | Label::Fix | Label::Decision | Label::Next => !ordered,
        Label::Error | Label::Cause | Label::Impact => matches!(class, Some(Class::Error | Class::Findings)),
        Label::Meta => matches!(class, Some(Class::Summary | Class::Notes | Class::Log | Class::Insight) | None),
        Label::Result => matches!(class, Some(Class::Verify | Class::Summary | Class::Error | Class::Findings) | None),
        Label::Ref => !ordered && !matches!(class, Some(Class::Done)),
        Label::File => matches!(class, Some(Class::Done | Class::Files | Class::Summary | Class::Log) | None),
        Label::Done => matches!(class, Some(Class::Summary | Class::Log | Class::Insight | Class::Notes) | None),
    }
}

/// A bullet below one that is an item: more about that one, unless it says something of its own.
pub(super) fn detail(line: &Line, place: &Place) -> Option<Kind> {
    let reading = &line.reading;
    match place.nested {
        Some(Kind::Achievement | Kind::Artifact | Kind::Metric | Kind::InProgress) => {
            if line.undone() {
                Some(Kind::Limitation)
            } else if line.path_first() && evidence::is_paths(&line.text) {
                Some(Kind::Artifact)
            } else if reading.leads(Signal::Did) {
                Some(Kind::Achievement)
            } else {
                None
            }
        }
        Some(Kind::Error) => (reading.leads(Signal::Did) && reading.says(Signal::Cured)).then_some(Kind::Achievement),
        Some(Kind::UserAction | Kind::Blocker | Kind::NextStep | Kind::Pending | Kind::Decision | Kind::Limitation)
        | None => None,
    }
}

/// A bullet by its section, where its own words do not outweigh it.
pub(super) fn by_class(line: &Line, place: &Place) -> Option<Kind> {
    let class = place.class;
    let reading = &line.reading;
    let blocked = reading.says(Signal::Block) && !reading.has(Signal::Cured);
    match class {
        Some(Class::Done) => Some(done(line)),
        Some(Class::Verify) => verify(line).or(Some(Kind::Achievement)),
        Some(Class::Files) => Some(if line.numeric() {
            Kind::Metric
        } else if line.did() && !evidence::has_path(&line.text) {
            Kind::Achievement
        } else {
            Kind::Artifact
        }),
        Some(Class::Commits) => Some(Kind::Artifact),
        Some(Class::Skip) => None,
        Some(Class::Error | Class::Findings) => {
            if line.denies_trouble()
                || line.did()
                || (reading.says(Signal::Cured) && !reading.says(Signal::Worse) && !line.undone())
            {
                Some(Kind::Achievement)
            } else if blocked && reading.says(Signal::Wait) {
                Some(Kind::Blocker)
            } else {
                Some(Kind::Error)
            }
        }
        Some(Class::Blocker) => {
            if line.denies_trouble()
                || reading.has(Signal::Cured)
                || reading.denies(Signal::Block)
                || (line.good() && !blocked)
            {
                Some(Kind::Achievement)
            } else {
                Some(Kind::Blocker)
            }
        }
        Some(Class::Pending) => Some(if blocked {
            Kind::Blocker
        } else if reading.has(Signal::Doing) {
            Kind::InProgress
        } else {
            Kind::Pending
        }),
        Some(Class::Later) => Some(Kind::Pending),
        Some(Class::Doing) => Some(if blocked { Kind::Blocker } else { Kind::InProgress }),
        Some(Class::Next) => Some(Kind::NextStep),
        Some(Class::User) => Some(if reading.has(Signal::Undone) && reading.has(Signal::Todo) {
            Kind::Pending
        } else if reading.says(Signal::Limit)
            && !line.question()
            && !reading.leads(Signal::Order)
            && !reading.has(Signal::Ask)
            && line.undone()
        {
            Kind::Limitation
        } else {
            Kind::UserAction
        }),
        Some(Class::Metric) => {
            Some(if reading.trouble() && !line.good() && !line.denies_trouble() { Kind::Error } else { Kind::Metric })
        }
        Some(Class::Decision) => Some(Kind::Decision),
        Some(Class::Limit) => {
            if line.denies_trouble() || (line.did() && reading.says(Signal::Cured)) {
                Some(Kind::Achievement)
            } else if blocked {
                Some(Kind::Blocker)
            } else {
                Some(limit(line))
            }
        }
        Some(Class::Insight) => {
            Some(if line.did() || (line.good() && !line.undone()) { Kind::Achievement } else { Kind::Decision })
        }
        Some(Class::Summary | Class::Log | Class::Notes) | None => neutral(line, class),
    }
}

/// A bullet in a section of what was done.
pub(super) fn done(line: &Line) -> Kind {
    let reading = &line.reading;
    if line.did() && !reading.has(Signal::Undone) {
        return if line.label.is_some() && evidence::is_paths(&line.value) {
            Kind::Artifact
        } else {
            Kind::Achievement
        };
    }
    if reading.has(Signal::Undone) {
        return Kind::Limitation;
    }
    if line.lasts() {
        return Kind::Limitation;
    }
    if line.said.leads(Signal::Doing) || reading.leads(Signal::Doing) {
        return Kind::InProgress;
    }
    if line.said.begins(Signal::Todo) {
        return Kind::Pending;
    }
    if (reading.says(Signal::Worse) || reading.ails()) && !reading.has(Signal::Cured) && !line.good() {
        return Kind::Error;
    }
    if line.path_first() && evidence::is_paths(line.text.split([':', '—', '–']).next().unwrap_or_default()) {
        return Kind::Artifact;
    }
    if line.label.is_some()
        && evidence::has_path(&line.value)
        && line.value.split_whitespace().next().is_some_and(evidence::is_path)
    {
        return Kind::Artifact;
    }
    if line.numeric() {
        return if reading.trouble() && !line.good() && !line.denies_trouble() { Kind::Error } else { Kind::Metric };
    }
    Kind::Achievement
}

/// A bullet in a section of what it does not do.
pub(super) fn limit(line: &Line) -> Kind {
    let reading = &line.reading;
    let value = &line.said;
    if value.leads(Signal::Order) && !value.has(Signal::Limit) && line.label.is_some() {
        return Kind::NextStep;
    }
    if reading.begins(Signal::Todo) || line.known() == Some(Label::Todo) {
        return Kind::Pending;
    }
    Kind::Limitation
}

/// A bullet whose section says nothing.
pub(super) fn neutral(line: &Line, class: Option<Class>) -> Option<Kind> {
    let reading = &line.reading;
    if line.numeric() {
        return Some(if reading.trouble() && !line.good() && !line.denies_trouble() {
            Kind::Error
        } else {
            Kind::Metric
        });
    }
    if reading.says(Signal::Block) && !reading.has(Signal::Cured) {
        return Some(Kind::Blocker);
    }
    if reading.trouble() && !reading.has(Signal::Cured) && !line.did() && !line.denies_trouble() {
        return Some(if line.undone() {
            Kind::Pending
        } else if reading.has(Signal::Limit) {
            Kind::Limitation
        } else {
            Kind::Error
        });
    }
    if line.lasts() {
        return Some(Kind::Limitation);
    }
    if let Some(kind) = prose(line) {
        return Some(kind);
    }
    if evidence::leads_with_hash(&line.text) || (line.path_first() && line.coded) {
        return Some(Kind::Artifact);
    }
    // A label names a matter and orders nothing.
    let orders = if line.label.is_some() { line.said.leads(Signal::Order) } else { reading.leads(Signal::Order) };
    let named = line.pathy && reading.words.len() <= 5 && line.text.ends_with(')');
    if orders && class.is_none() && !named {
        return Some(if reading.has(Signal::Ask) { Kind::UserAction } else { Kind::NextStep });
    }
    if (line.pathy || evidence::has_path(&line.text)) && line.label.is_none() && line.text.ends_with([')', '`']) {
        return Some(Kind::Artifact);
    }
    if line.question() {
        return Some(Kind::UserAction);
    }
    // Points are what was done unless they say otherwise.
    Some(if class == Some(Class::Notes) {
        Kind::Limitation
    } else if orders {
        Kind::NextStep
    } else {
        Kind::Achievement
    })
}
