//! Walks a document's units with what stands above each: headings, bold lines, the words that lead in a list, the bullet
//! a bullet belongs to.

use super::blocks::{Blocks, Shape, Unit};
use super::evidence;
use super::labels;
use super::line::{Line, Place};
use super::marks;
use super::rules;
use super::sections::{self, Class};
use super::signals::{self, Signal};
use super::tables;
use super::{Item, Kind};
use crate::terminal::shorten;

/// Most characters of an item's text.
const TEXT_MAX: usize = 400;
/// Most characters of an item's section.
const SECTION_MAX: usize = 200;

/// What a document told.
#[derive(Debug, Default)]
pub struct Told {
    /// In its order.
    pub items: Vec<Item>,
    /// Whether its places to be filled in are still there.
    pub unfinished: bool,
}

/// Takes the items out of a document.
pub fn items(blocks: &Blocks) -> Told {
    let unfinished = unfinished(blocks);
    let mut walk = Walk { unfinished, review: false, ..Walk::default() };
    for (at, unit) in blocks.units.iter().enumerate() {
        walk.unit(unit, blocks.units.get(at + 1), blocks);
    }
    Told { items: walk.items, unfinished }
}

/// Whether the document was begun and not ended: it says that it is in progress, or says nothing yet, and holds places
/// to be filled in.
fn unfinished(blocks: &Blocks) -> bool {
    let blank = |unit: &&Unit| {
        let text = unit.text.trim();
        let reading = signals::Reading::of(text);
        let framed = text.trim_end_matches('.').ends_with([')', ']', '>', '…', '}']) || reading.words.len() <= 12;
        framed && reading.has(Signal::Blank)
    };
    let blanks = blocks.units.iter().filter(|u| u.text.len() < 200).filter(blank).count();
    let said =
        blocks.units.iter().filter(|u| !matches!(u.shape, Shape::Heading(_) | Shape::Rule | Shape::Code)).count();
    blanks > 0 && (blanks >= 2 || said <= 12)
}

/// One heading or what serves as one.
#[derive(Debug, Clone)]
struct Section {
    level: u8,
    title: String,
    class: Option<Class>,
    /// What the heading itself was taken for.
    kind: Option<Kind>,
}

/// A bullet that others may stand below.
#[derive(Debug, Clone, Copy)]
struct Parent {
    depth: usize,
    kind: Option<Kind>,
    class: Option<Class>,
    /// Whether it ends with a colon: what is below it is what it tells of.
    opens: bool,
}

/// Level of a bold line that serves as a heading, and of the words that lead in a list.
const BOLD: u8 = 7;
const INTRO: u8 = 8;

#[derive(Debug, Default)]
struct Walk {
    items: Vec<Item>,
    sections: Vec<Section>,
    parents: Vec<Parent>,
    unfinished: bool,
    /// Whether the title calls it a review or an audit.
    review: bool,
    /// Whether a bullet stood since the last intro.
    listed: bool,
    /// Whether a rule stood just before.
    ruled: bool,
}

impl Walk {
    fn unit(&mut self, unit: &Unit, next: Option<&Unit>, blocks: &Blocks) {
        // What follows a rule without a heading of its own belongs to the document, not to the section before it.
        if std::mem::replace(&mut self.ruled, unit.shape == Shape::Rule)
            && !matches!(unit.shape, Shape::Heading(_) | Shape::Rule)
        {
            self.sections.retain(|s| s.level < 2);
        }
        match unit.shape {
            Shape::Heading(level) => self.heading(unit, level, next),
            Shape::Bullet { depth } => self.bullet(unit, depth),
            Shape::Line => self.line(unit),
            Shape::Row { table } => self.row(unit, blocks.tables.get(table).map_or(&[], Vec::as_slice)),
            Shape::Rule => {
                self.sections.retain(|s| s.level < BOLD);
                self.parents.clear();
            }
            Shape::Code => {}
        }
    }

    /// The class of where we are.
    fn class(&self) -> Option<Class> {
        self.sections.iter().rev().find_map(|s| s.class)
    }

    fn push(&mut self, kind: Kind, text: &str, line: usize) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.chars().filter(|c| c.is_alphanumeric()).count() < 2 {
            return;
        }
        let titles: Vec<&str> = self.sections.iter().filter(|s| s.level < INTRO).map(|s| s.title.as_str()).collect();
        let section = shorten(&titles.join(" › "), SECTION_MAX).into_owned();
        self.items.push(Item { kind, text: shorten(&text, TEXT_MAX).into_owned(), line, section });
    }

    fn open(&mut self, section: Section) {
        self.sections.retain(|s| s.level < section.level);
        self.parents.clear();
        self.listed = false;
        self.sections.push(section);
    }

    fn place(&self, class: Option<Class>, nested: Option<Kind>, opened: bool) -> Place {
        let under = self.sections.iter().rev().find(|s| s.level < BOLD).and_then(|s| s.kind);
        Place { class, nested, opened, under, unfinished: self.unfinished }
    }

    fn heading(&mut self, unit: &Unit, level: u8, next: Option<&Unit>) {
        let text = unit.text.trim_matches(|c: char| c == '=' || c.is_whitespace());
        let (lead, text) = marks::leading(text);
        let (tail, text) = marks::trailing(text);
        let mark = lead.or(tail);
        self.sections.retain(|s| s.level < level);
        let above = self.class();
        let (numbered, matter) = numbering(text);
        let state = rules::state_at_end(matter);
        let reading = sections::read(rules::without_end(matter).trim_end_matches(':'));
        if level == 1 && self.sections.is_empty() {
            let words = signals::Reading::of(text);
            self.review = (0..words.words.len()).any(|at| {
                matches!(
                    words.words.at(at),
                    "audit" | "review" | "findings" | "security" | "bughunt" | "qa" | "inspection"
                )
            });
        }
        let own = match reading.class {
            Some(Class::Findings) if self.review || numbered => Some(Class::Error),
            Some(Class::Findings) => Some(Class::Insight),
            class => class,
        };
        // A number or a sign names one of several matters, whose class is told above them.
        let keeps = above.is_some() && !reading.bare && (numbered || mark.is_some() || state.is_some());
        // Below what is to be done there are kinds of it, not other things.
        let ahead = matches!(above, Some(Class::Next | Class::User | Class::Pending));
        let finished = reading.bare && signals::Reading::of(matter).says(Signal::Good);
        let kindred = matches!(
            own,
            Some(
                Class::User | Class::Blocker | Class::Next | Class::Pending | Class::Doing | Class::Limit | Class::Skip
            )
        ) || (own == Some(Class::Done) && finished);
        let foreign = ahead && !kindred;
        let named =
            if (keeps && !(own == Some(Class::User) && signals::Reading::of(matter).words.len() <= 6)) || foreign {
                None
            } else {
                own
            };
        let bad = |c| matches!(c, Class::Error | Class::Blocker | Class::Limit | Class::Findings);
        let by_mark = mark.and_then(sections::by_mark);
        // The document's title only hints at what it holds.
        let first = level == 1 && self.sections.is_empty() && self.items.is_empty();
        let named = if first {
            named.filter(|c| matches!(c, Class::Done | Class::Summary | Class::Log)).map(|_| Class::Summary)
        } else {
            named
        };
        let class = match (state, named, by_mark) {
            (Some(state), None | Some(Class::Verify | Class::Summary | Class::Log | Class::Metric), _) => Some(state),
            (_, Some(named), Some(Class::Done)) if bad(named) => Some(Class::Done),
            (_, Some(named), _) => Some(named),
            (_, None, Some(marked))
                if above.is_none() || matches!(above, Some(Class::Log | Class::Summary | Class::Done)) =>
            {
                Some(marked)
            }
            (_, None, _) if severity(text) && self.review => Some(Class::Error),
            (_, None, _) => None,
        };
        let kind = if level == 1 && self.sections.is_empty() && !(numbered && mark.is_some()) {
            None
        } else {
            let groups = matches!(
                next.map(|n| n.shape),
                Some(Shape::Bullet { .. } | Shape::Row { .. } | Shape::Heading(_)) | None
            );
            let head = rules::Head { text: matter, numbered, mark, state, groups: groups || matter.ends_with(':') };
            let named = matter.chars().any(char::is_alphabetic)
                && !NUMBERED.contains(&matter.to_lowercase().trim_matches(|c: char| !c.is_alphabetic()));
            if reading.bare || !named {
                None
            } else {
                rules::heading(&head, class.or(above), &self.place(above, None, false))
            }
        };
        if let Some(kind) = kind {
            self.push(kind, text, unit.line);
        }
        self.open(Section { level, title: text.trim_end_matches(':').to_owned(), class: class.or(None), kind });
    }

    fn bullet(&mut self, unit: &Unit, depth: usize) {
        self.parents.retain(|p| p.depth < depth);
        self.listed = true;
        let parent = self.parents.last().copied();
        let class = parent.and_then(|p| p.class).or_else(|| self.class());
        let line = Line::of(unit);
        let nested = parent.and_then(|p| p.kind);
        let place = self.place(class, nested, parent.is_some_and(|p| p.opens));
        let kind = rules::bullet(&line, &place);
        if let Some(kind) = kind {
            self.push(kind, &line.text, unit.line);
        }
        let opens = line.text.trim_end().ends_with([':', '：']);
        let own =
            (opens && kind.is_none()).then(|| sections::read(line.text.trim_end_matches([':', '：'])).class).flatten();
        self.parents.push(Parent { depth, kind, class: own.or(parent.and_then(|p| p.class)), opens });
    }

    fn line(&mut self, unit: &Unit) {
        if unit.inside == 0 && super::blocks::bulleted(unit.text.trim_start()).is_some() {
            return self.bullet(&without_bullet(unit), 1);
        }
        let line = Line::of(unit);
        if unit.inside == 0 {
            self.parents.clear();
            // What leads in a list leads in that list only.
            if self.listed {
                self.sections.retain(|s| s.level < INTRO);
                self.listed = false;
            }
        }
        let nested = if unit.inside > 0 { self.parents.last().and_then(|p| p.kind) } else { None };
        let class = if unit.inside > 0 {
            self.parents.last().and_then(|p| p.class).or_else(|| self.class())
        } else {
            self.class()
        };
        let text = line.text.trim_end().to_owned();
        let all_bold = unit.bold.iter().map(ExactSizeIterator::len).sum::<usize>() + 2 >= unit.text.trim().len()
            && !unit.bold.is_empty();
        let leads_in = text.ends_with([':', '：']);
        let short = text.chars().count() <= 80;
        let capitals = unit.inside == 0 && is_capitals(&text) && !unit.quoted;
        // A bold line ends what the one before it began.
        let above = if unit.inside == 0 {
            self.sections.iter().rev().filter(|s| s.level < BOLD).find_map(|s| s.class)
        } else {
            class
        };
        let titled = short && unit.inside == 0 && (leads_in || (all_bold && !text.ends_with('.')) || capitals);
        if titled {
            let bare = text.trim_end_matches([':', '：']);
            let (_, matter) = numbering(bare);
            let reading = sections::read(rules::without_end(matter));
            let by_mark =
                line.mark.and_then(sections::by_mark).filter(|_| !matches!(class, Some(Class::Next | Class::User)));
            let state = rules::state_at_end(matter);
            let label = labels::read(bare).and_then(rules::class_of_label);
            let own = reading.class.or(label).or(state).or(by_mark);
            // What was done to it outweighs what it was: `Fixed these bugs:`.
            let did = line.reading.leads(Signal::Did) && leads_in && !line.reading.has(Signal::Undone);
            let was = matches!(own, Some(Class::Error | Class::Pending | Class::Limit | Class::Blocker | Class::Next));
            let own = if did && was { Some(Class::Done) } else { own };
            // A list of alternatives, or of a matter's parts, is what the section is.
            let keeps = matches!(class, Some(Class::User | Class::Skip)) && own != Some(Class::User);
            let own = if keeps { None } else { own };
            let own = if own == Some(Class::Findings) {
                Some(if self.review { Class::Error } else { Class::Insight })
            } else {
                own
            };
            let place = self.place(if leads_in { class } else { above }, nested, false);
            let kind = if leads_in {
                rules::lead_in(&line, &place, reading.bare)
            } else {
                rules::bold(&line, &place, reading.bare, state)
            };
            if let Some(kind) = kind {
                self.push(kind, &text, unit.line);
            }
            let level = if leads_in { INTRO } else { BOLD };
            let title = bare.to_owned();
            self.sections.retain(|s| s.level < level);
            self.listed = false;
            self.sections.push(Section { level, title, class: own, kind: None });
            return;
        }
        let place = self.place(class, nested, false);
        if let Some(kind) = rules::line(&line, &place) {
            self.push(kind, &text, unit.line);
        }
    }

    fn row(&mut self, unit: &Unit, header: &[String]) {
        self.parents.clear();
        let class = self.class();
        let place = self.place(class, None, false);
        if let Some(kind) = tables::row(unit, header, &place) {
            let text: Vec<String> = unit.cells.iter().map(|c| c.trim().to_owned()).collect();
            self.push(kind, &text.join(" | "), unit.line);
        }
    }
}

/// A unit whose bullet Markdown did not know, without it.
fn without_bullet(unit: &Unit) -> Unit {
    let trimmed = unit.text.trim_start();
    let body = super::blocks::bulleted(trimmed).unwrap_or(trimmed);
    let gone = unit.text.len() - body.len();
    let moved = |r: &std::ops::Range<usize>| (r.end > gone).then(|| r.start.saturating_sub(gone)..r.end - gone);
    Unit {
        shape: Shape::Bullet { depth: 1 },
        text: body.to_owned(),
        bold: unit.bold.iter().filter_map(moved).collect(),
        code: unit.code.iter().filter_map(moved).collect(),
        struck: unit.struck.iter().filter_map(moved).collect(),
        ..unit.clone()
    }
}

/// A short line in capitals alone.
fn is_capitals(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    letters >= 4 && text.len() <= 60 && !text.chars().any(char::is_lowercase) && !evidence::is_path(text)
}

/// Words that number a matter: `Task 3:`, `Issue #2 —`, `P1:`.
const NUMBERED: &[&str] = &[
    "task",
    "phase",
    "step",
    "issue",
    "bug",
    "fix",
    "finding",
    "problem",
    "pass",
    "milestone",
    "item",
    "part",
    "deliverable",
    "priority",
    "iteration",
    "round",
    "stage",
    "sprint",
    "feature",
    "error",
    "blocker",
    "decision",
    "question",
    "option",
    "pr",
    "commit",
    "wave",
    "cycle",
    "run",
    "attempt",
    "experiment",
    "test",
    "goal",
    "objective",
    "action",
    "batch",
    "limitation",
    "risk",
    "day",
    "story",
    "ticket",
    "critical",
    "high",
    "medium",
    "low",
    "major",
    "minor",
    "slice",
    "lane",
    "track",
    "job",
    "schritt",
    "aufgabe",
    "fehler",
    "tarefa",
    "fase",
    "etapa",
    "passo",
    "paso",
    "tarea",
    "tâche",
    "étape",
    "этап",
    "шаг",
    "задача",
];

/// Takes a number away from a heading's beginning; whether there was one.
pub fn numbering(text: &str) -> (bool, &str) {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('[')
        && let Some((inside, after)) = rest.split_once(']')
        && inside.len() <= 12
        && !after.trim().is_empty()
    {
        return (true, marks::leading(after.trim_start_matches([':', '-', '—', ' '])).1);
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    if digits > 0 && text.as_bytes()[0].is_ascii_digit() && digits <= 6 {
        let rest = &text[digits..];
        let dotted = text[..digits].ends_with('.') || rest.starts_with([')', ':']);
        if (dotted || text[..digits].contains('.')) && !rest.trim().is_empty() {
            return (true, marks::leading(rest.trim_start_matches([')', '.', ':', '-', '—', ' '])).1);
        }
    }
    let lower = text.to_lowercase();
    let word: &str = lower.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    if word.len() <= text.len() && NUMBERED.contains(&word) {
        let rest = text.get(word.len()..).unwrap_or_default().trim_start_matches([' ', '#', '-']);
        let count = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.').len();
        let number = &rest[..count];
        let counts = number.starts_with(|c: char| c.is_ascii_digit())
            || (number.len() == 1 && number.chars().all(char::is_uppercase));
        let after = rest[count..].trim_start();
        if counts && number.len() <= 5 {
            if let Some(matter) = after.strip_prefix([':', '—', '–', '-', '.', ')']) {
                return (true, marks::leading(matter.trim_start_matches(['-', ' '])).1);
            }
            if after.starts_with('(') || after.is_empty() {
                return (true, text);
            }
        }
    }
    // `H1: …`, `P0 — …`, `F-03: …`
    if let Some((code, matter)) = text.split_once([':', '—', '–']) {
        let code = code.trim();
        let coded = code.len() <= 6
            && code.starts_with(|c: char| c.is_ascii_uppercase())
            && code.ends_with(|c: char| c.is_ascii_digit())
            && code.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || "-_.#".contains(c));
        if coded && !matter.trim().is_empty() {
            return (true, matter.trim());
        }
    }
    (false, text)
}

/// Whether a heading is a degree of severity.
fn severity(text: &str) -> bool {
    let words = signals::Reading::of(text);
    words.words.len() <= 4
        && matches!(
            words.words.at(0),
            "critical"
                | "high"
                | "medium"
                | "low"
                | "major"
                | "minor"
                | "severe"
                | "p0"
                | "p1"
                | "p2"
                | "p3"
                | "blocking"
                | "warning"
                | "warnings"
        )
}
