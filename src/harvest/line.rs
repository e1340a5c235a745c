//! One line and all that can be told of it alone, before its section is asked.

use super::Kind;
use super::blocks::Unit;
use super::evidence;
use super::labels::{self, Label};
use super::marks::{self, Mark};
use super::sections::Class;
use super::signals::{Reading, Signal};

/// Where a line stands.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// What its section holds.
    pub class: Option<Class>,
    /// What the bullet it belongs to was taken for.
    pub nested: Option<Kind>,
    /// Whether that bullet ends with a colon.
    pub opened: bool,
    /// What the nearest heading was taken for.
    pub under: Option<Kind>,
    /// Whether the document was never finished.
    pub unfinished: bool,
}

/// A line and all that can be told of it alone.
#[derive(Debug)]
pub struct Line {
    /// Its text without signs and boxes at its ends.
    pub text: String,
    /// Its sign.
    pub mark: Option<Mark>,
    /// Its box, ticked or not.
    pub task: Option<bool>,
    /// Whether it is struck out, as good as all of it.
    pub struck: bool,
    /// Whether it stands in a quote.
    pub quoted: bool,
    /// Its label and what that says, when it has one.
    pub label: Option<(String, Option<Label>, bool)>,
    /// What stands after the label, or all of it.
    pub value: String,
    /// Whether code stands at its beginning.
    pub coded: bool,
    /// Whether that code is a path.
    pub coded_path: bool,
    /// Whether any code in it is a path.
    pub pathy: bool,
    /// What all of it says.
    pub reading: Reading,
    /// What its value says.
    pub said: Reading,
}

impl Line {
    /// Looks at a unit.
    pub fn of(unit: &Unit) -> Self {
        let whole = unit.text.trim_end();
        let (mut mark, mut body) = marks::leading(whole);
        let mut task = unit.task;
        if let Some((boxed, rest)) = marks::boxed(body) {
            match boxed {
                Mark::Done => task = Some(true),
                Mark::Waiting => task = Some(false),
                Mark::Doing | Mark::Warning | Mark::Failed | Mark::Stopped | Mark::Dot => mark = mark.or(Some(boxed)),
            }
            body = rest;
            let (more, rest) = marks::leading(body);
            mark = mark.or(more);
            body = rest;
        }
        let (tail, body) = marks::trailing(body);
        let start = whole.len() - whole[whole.find(body).unwrap_or(0)..].len();
        let bold_end = unit
            .bold
            .iter()
            .find(|b| b.start <= start && b.end > start)
            .map(|b| (b.end - start).min(body.len()))
            .filter(|end| body.is_char_boundary(*end));
        let split = labels::split(body, bold_end);
        // A label in code names a thing, and says nothing.
        let named = unit.code.iter().any(|c| c.start <= start && c.end > start);
        let read = |label| if named { None } else { labels::read(label) };
        let label = split.map(|(label, _, bold)| (marks::trailing(label).1.to_owned(), read(label), bold));
        let value = split.map_or(body, |(_, value, _)| value);
        let (inner, value) = marks::leading(value);
        let reading = Reading::of(body);
        let coded = unit.code.iter().find(|c| c.start <= start && c.end > start);
        let is_path = |c: &std::ops::Range<usize>| evidence::is_code_path(&unit.text[c.clone()]);
        let coded_path = coded.is_some_and(is_path);
        let pathy = unit.code.iter().any(is_path);
        let coded = coded.is_some();
        let struck: usize = unit.struck.iter().map(ExactSizeIterator::len).sum();
        let first_struck = unit.struck.first().is_some_and(|s| s.start <= start + 2);
        Self {
            struck: struck * 2 > body.len() || (first_struck && struck > 8),
            mark: mark.or(inner).or(tail),
            task,
            quoted: unit.quoted,
            coded,
            coded_path,
            pathy,
            said: if value == body { reading.clone() } else { Reading::of(value) },
            reading,
            value: value.to_owned(),
            label,
            text: body.to_owned(),
        }
    }

    /// A text by itself.
    pub fn plain(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            mark: None,
            task: None,
            struck: false,
            quoted: false,
            label: None,
            value: text.to_owned(),
            coded: false,
            coded_path: false,
            pathy: false,
            reading: Reading::of(text),
            said: Reading::of(text),
        }
    }

    pub fn known(&self) -> Option<Label> {
        self.label.as_ref().and_then(|(_, known, _)| *known)
    }

    pub fn opens(&self) -> bool {
        self.text.trim_end().ends_with([':', '：'])
    }

    /// Says that something was done, at its beginning or where its value begins.
    pub fn did(&self) -> bool {
        self.reading.leads(Signal::Did) || self.said.leads(Signal::Did)
    }

    pub fn good(&self) -> bool {
        self.reading.says(Signal::Good) || self.denies_trouble()
    }

    /// Says only that there is no trouble.
    pub fn denies_trouble(&self) -> bool {
        self.reading.denies(Signal::Bad) && !self.reading.trouble()
    }

    /// Says that the reader is to act, whatever the section.
    pub fn asks(&self) -> bool {
        self.reading.says(Signal::User)
    }

    /// Says good morning or good bye, or that it ends.
    pub fn greets(&self) -> bool {
        let quiet = [Signal::Did, Signal::Good, Signal::Bad, Signal::Block].iter().all(|s| !self.reading.has(*s));
        if matches!((self.reading.words.at(0), self.reading.words.at(1)), ("end", "of"))
            && self.reading.words.len() <= 4
        {
            return true;
        }
        self.text.ends_with('!') && self.reading.words.len() <= 5 && quiet && !evidence::has_digit(&self.text)
    }

    /// Says that something has not changed or was not done: `still cuts the column`, `did not touch it`.
    pub fn lasts(&self) -> bool {
        let first = (self.reading.words.at(0), self.reading.words.at(1));
        let begins = matches!(first, ("didnt" | "cannot" | "cant" | "couldnt", _) | ("did" | "could" | "can", "not"));
        let holds = |at: usize| {
            let next = self.reading.words.at(at + 1);
            matches!(
                next,
                "serving" | "running" | "works" | "work" | "holds" | "passes" | "pass" | "valid" | "there" | "in"
            )
        };
        let still = |at: usize| self.reading.words.at(at) == "still" && !holds(at);
        begins || (0..self.reading.words.len()).any(still) && !self.good()
    }

    pub fn undone(&self) -> bool {
        self.reading.has(Signal::Undone)
    }

    pub fn question(&self) -> bool {
        self.text.trim_end().ends_with(['?', '？'])
    }

    pub fn path_first(&self) -> bool {
        self.coded_path
            || evidence::leads_with_path(&self.text)
            || (self.label.is_some() && evidence::leads_with_path(&self.value))
            || self.label.as_ref().is_some_and(|(label, _, _)| evidence::is_path(label))
    }

    /// Its value is a number and little more.
    pub fn numeric(&self) -> bool {
        self.label.is_some() && evidence::starts_with_number(&self.value) && self.value.chars().count() <= 90
    }
}
