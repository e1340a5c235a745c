//! The parsed file as a tree in which every value still knows where it stands.

use std::fmt;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The way to a value: `sessions` → `load` → `after` → item 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place(Vec<Step>);

/// One step of a [`Place`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Into a table.
    Key(String),
    /// Into a list.
    Item(usize),
}

impl Place {
    /// The whole file.
    pub fn root() -> Self {
        Self::default()
    }
    /// The place of a key in the table at this place.
    pub fn key(&self, key: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(key.to_owned()));
        Self(steps)
    }
    /// The place of an item in the list at this place, counted from 0.
    pub fn item(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Item(index));
        Self(steps)
    }
    /// The place one step up; of the root, the root.
    pub fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }
    /// The steps from the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
    /// The nearest place at or above this one that is an entry of a table, not an item of a list.
    pub fn entry(&self) -> Self {
        let last = self.0.iter().rposition(|s| matches!(s, Step::Key(_)));
        Self(self.0[..last.map_or(0, |i| i + 1)].to_vec())
    }
}

impl fmt::Display for Place {
    /// `sessions.load.metrics[0]`; escape it before it is shown, keys come from the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if i == 0 => write!(f, "{key}")?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Item(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A parsed file.
#[derive(Debug, Clone)]
pub struct Document<'i> {
    root: Spanned<DeTable<'i>>,
}

/// Why a file is no TOML.
#[derive(Debug)]
pub struct SyntaxError {
    /// What the parser says, raw.
    pub message: String,
    /// Where, in bytes.
    pub span: Range<usize>,
}

impl<'i> Document<'i> {
    /// Parses the text. Only the first syntax error is given: what follows it is mostly its echo.
    pub fn parse(text: &'i str) -> Result<Self, SyntaxError> {
        DeTable::parse(text)
            .map(|root| Self { root })
            .map_err(|e| SyntaxError { message: e.message().to_owned(), span: e.span().unwrap_or(0..0) })
    }
    /// The root table.
    pub fn root(&self) -> &DeTable<'i> {
        self.root.get_ref()
    }
    /// The value at a place.
    pub fn value(&self, place: &Place) -> Option<&Spanned<DeValue<'i>>> {
        self.walk(place).map(|(_, value)| value)
    }
    /// Where to point for a place: at the key where the value is a table or when `key` is wanted, else at the value.
    /// A place that is not in the file (a default) gives the nearest one above it that is.
    pub fn span(&self, place: &Place, key: bool) -> Range<usize> {
        let mut place = place.clone();
        while !place.steps().is_empty() {
            if let Some((key_span, value)) = self.walk(&place) {
                return if key || value.get_ref().is_table() { key_span } else { value.span() };
            }
            place = place.parent();
        }
        0..0
    }
    /// The file without the given entries.
    pub fn without<'p>(&self, places: impl IntoIterator<Item = &'p Place>) -> Spanned<DeTable<'i>> {
        let mut root = self.root.clone();
        for place in places {
            remove(root.get_mut(), place.steps());
        }
        root
    }

    /// The span of the last key, and the value. An item of a list has no key: its own span serves. The root is no value.
    fn walk(&self, place: &Place) -> Option<(Range<usize>, &Spanned<DeValue<'i>>)> {
        let mut found: Option<(Range<usize>, &Spanned<DeValue<'i>>)> = None;
        for step in place.steps() {
            found = Some(match step {
                Step::Key(key) => {
                    let table = match found {
                        None => self.root.get_ref(),
                        Some((_, value)) => value.get_ref().as_table()?,
                    };
                    let (key, value) = table.get_key_value(key.as_str())?;
                    (key.span(), value)
                }
                Step::Item(index) => {
                    let (_, list) = found?;
                    let value = list.get_ref().as_array()?.get(*index)?;
                    (value.span(), value)
                }
            });
        }
        found
    }
}

fn remove(table: &mut DeTable<'_>, steps: &[Step]) {
    match steps {
        [Step::Key(key)] => {
            table.remove(key.as_str());
        }
        [Step::Key(key), rest @ ..] => {
            if let Some(value) = table.get_mut(key.as_str()) {
                remove_below(value.get_mut(), rest);
            }
        }
        [] | [Step::Item(_), ..] => {}
    }
}

fn remove_below(value: &mut DeValue<'_>, steps: &[Step]) {
    match value {
        DeValue::Table(table) => remove(table, steps),
        DeValue::Array(list) => {
            if let [Step::Item(index), rest @ ..] = steps
                && let Some(item) = list.get_mut(*index)
            {
                remove_below(item.get_mut(), rest);
            }
        }
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[sessions.a]\nafter = [\"b\", { session = \"c\" }]\n[[rules]]\nmatch = \"x\"\nclass = 3\n";

    #[test]
    fn a_place_gives_the_span_of_its_key_or_value() {
        let doc = Document::parse(TEXT).unwrap();
        let at = |place: &Place, key| &TEXT[doc.span(place, key)];
        let a = Place::root().key("sessions").key("a");
        assert_eq!(at(&a, false), "a");
        assert_eq!(at(&a.key("after"), true), "after");
        assert_eq!(at(&a.key("after").item(0), false), "\"b\"");
        assert_eq!(at(&a.key("after").item(1).key("session"), false), "\"c\"");
        assert_eq!(at(&a.key("timeout"), false), "a", "a default points at its session");
        assert_eq!(a.key("after").item(1).entry(), a.key("after"));
    }

    #[test]
    fn entries_can_be_left_out_at_any_depth() {
        let doc = Document::parse(TEXT).unwrap();
        let rule = Place::root().key("rules").item(0);
        let left = doc
            .without(&[rule.key("class"), Place::root().key("sessions").key("a").key("after").item(1).key("session")]);
        let shown = format!("{:?}", left.get_ref());
        assert!(!shown.contains("class") && shown.contains("match") && !shown.contains("\"c\""), "{shown}");
        let left = doc.without([&Place::root().key("sessions").key("a")]);
        assert!(!format!("{:?}", left.get_ref()).contains("after"));
    }
}
