//! Checks the shape of a file against the schema of its types: unknown keys, wrong types, wrong words, all at once.
//!
//! A reader that stops at the first problem would tell one a run. So the tree is walked here, each bad entry is told and
//! noted, and what is left without them can be read into the types and checked further.

use super::document::{Document, Place};
use super::printable::quoted;
use super::problems::Problems;
use super::raw::{WORDS, Word};
use super::schema;
use super::suggest;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

/// Checks the whole file; gives the entries that must be left out for the rest to be readable.
pub fn check(document: &Document<'_>, problems: &mut Problems<'_>) -> BTreeSet<Place> {
    let mut walk = Walk { schema: schema::schema(), problems, bad: BTreeSet::new() };
    walk.table(walk.schema, document.root(), &Place::root());
    walk.bad
}

struct Walk<'w, 'd> {
    schema: &'static Value,
    problems: &'w mut Problems<'d>,
    bad: BTreeSet<Place>,
}

/// A schema behind its references, with the form of small value it names, if it does.
#[derive(Clone, Copy)]
struct Resolved {
    schema: &'static Value,
    word: Option<&'static Word>,
}

impl Walk<'_, '_> {
    fn resolve(&self, schema: &'static Value) -> Resolved {
        resolve(self.schema, schema)
    }

    fn reject(&mut self, place: &Place) {
        self.bad.insert(place.entry());
    }

    fn table(&mut self, schema: &'static Value, table: &DeTable<'_>, place: &Place) {
        static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&NONE);
        let other = schema.get("additionalProperties").filter(|s| s.is_object());
        for (key, value) in table {
            let key = key.get_ref().as_ref();
            let place = place.key(key);
            match known.get(key).or(other) {
                Some(schema) => self.value(schema, value, &place),
                None => {
                    let hint = unknown_key_hint(self.schema, known, key);
                    let inside = inside(&place.parent());
                    let message = format!("unknown key {}{inside}", quoted(key));
                    self.problems.error_in_key(&place, message).maybe_help(hint);
                    self.reject(&place);
                }
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for key in required.filter_map(Value::as_str) {
            if !table.contains_key(key) {
                let message = format!("the key `{key}` is missing{}", inside(place));
                self.problems.error(place, message);
                self.reject(place);
            } else if self.bad.contains(&place.key(key)) {
                // Told already; but without it the whole table cannot be read.
                self.reject(place);
            }
        }
    }

    fn value(&mut self, schema: &'static Value, value: &Spanned<DeValue<'_>>, place: &Place) {
        let resolved = self.resolve(schema);
        let branches = resolved.schema.get("anyOf").and_then(Value::as_array);
        let fitting = match branches {
            Some(branches) => branches.iter().map(|b| self.resolve(b)).find(|b| fits(b.schema, value.get_ref())),
            None => Some(resolved).filter(|r| fits(r.schema, value.get_ref())),
        };
        let Some(fitting) = fitting else {
            self.wrong_type(resolved, value.get_ref(), place);
            return;
        };
        match value.get_ref() {
            DeValue::String(text) => self.text(fitting, text, place),
            DeValue::Integer(number) => self.integer(fitting.schema, number, place),
            DeValue::Float(number) => self.number(fitting.schema, number.as_str().parse().unwrap_or(f64::NAN), place),
            DeValue::Array(list) => {
                if let Some(items) = fitting.schema.get("items") {
                    for (i, item) in list.iter().enumerate() {
                        self.value(items, item, &place.item(i));
                    }
                }
            }
            DeValue::Table(table) => self.table(fitting.schema, table, place),
            DeValue::Boolean(_) | DeValue::Datetime(_) => {}
        }
    }

    fn wrong_type(&mut self, wanted: Resolved, value: &DeValue<'_>, place: &Place) {
        let message = format!("expected {}, found {}", expected(self.schema, wanted), found(value));
        let hint = type_hint(wanted, value);
        self.problems.error(place, message).maybe_help(hint);
        self.reject(place);
    }

    fn text(&mut self, wanted: Resolved, text: &str, place: &Place) {
        if let Some(word) = wanted.word {
            if let Err(fault) = (word.check)(text) {
                self.problems.error(place, fault.message).maybe_help(fault.help);
                self.reject(place);
            }
        } else if let Some(words) = schema::words(wanted.schema)
            && !words.iter().any(|w| w == text)
        {
            let known = words.iter().map(String::as_str);
            let message = format!("{} is not one of the words that may stand here", quoted(text));
            self.problems.error(place, message).maybe_help(suggest::hint(text, known));
            self.reject(place);
        }
    }

    fn integer(&mut self, schema: &'static Value, number: &DeInteger<'_>, place: &Place) {
        // The text has no underscores any more, but keeps its sign.
        let read = i128::from_str_radix(number.as_str(), number.radix()).ok();
        let Some(number) = read.filter(|n| i64::try_from(*n).is_ok()) else {
            self.problems.error(place, "the number is too large");
            self.reject(place);
            return;
        };
        // Exact for all bounds of the schema, which are small.
        #[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^53; beyond it only the side matters")]
        self.number(schema, number as f64, place);
    }

    fn number(&mut self, schema: &'static Value, number: f64, place: &Place) {
        let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
        let (least, most) = (bound("minimum"), bound("maximum"));
        let message = if !number.is_finite() {
            "the number must be finite".to_owned()
        } else if least.is_some_and(|l| number < l) || most.is_some_and(|m| number > m) {
            match (least, most) {
                (Some(least), Some(most)) => format!("the number must be from {least} to {most}"),
                (Some(least), None) => format!("the number must be at least {least}"),
                (None, _) => format!("the number must be at most {}", most.unwrap_or_default()),
            }
        } else {
            return;
        };
        self.problems.error(place, message);
        self.reject(place);
    }
}

/// ` in sessions.load`, or nothing at the top of the file.
fn inside(place: &Place) -> String {
    if place.steps().is_empty() { String::new() } else { format!(" in {}", quoted(&place.to_string())) }
}

fn resolve(root: &'static Value, mut schema: &'static Value) -> Resolved {
    let mut word = None;
    loop {
        if let Some([only]) = schema.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
            schema = only;
            continue;
        }
        let Some(target) = schema.get("$ref").and_then(Value::as_str) else { return Resolved { schema, word } };
        let Some(found) = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) else {
            return Resolved { schema, word };
        };
        let name = target.rsplit('/').next().unwrap_or_default();
        word = WORDS_BY_NAME.iter().find(|w| w.name == name).or(word);
        schema = found;
    }
}

static WORDS_BY_NAME: [Word; WORDS.len()] = WORDS;

fn kind(schema: &Value) -> Option<&str> {
    schema.get("type").and_then(Value::as_str)
}

/// Whether the kind of a value is the one that a schema wants.
fn fits(schema: &Value, value: &DeValue<'_>) -> bool {
    if schema::words(schema).is_some() {
        return value.is_str();
    }
    match kind(schema) {
        Some("string") => value.is_str(),
        Some("integer") => value.is_integer(),
        Some("number") => value.is_integer() || value.is_float(),
        Some("boolean") => value.is_bool(),
        Some("array") => value.is_array(),
        Some("object") => value.is_table(),
        Some(_) | None => true,
    }
}

fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time without quotes",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn expected(root: &'static Value, wanted: Resolved) -> String {
    if let Some(word) = wanted.word {
        return word.expected.to_owned();
    }
    if let Some(words) = schema::words(wanted.schema) {
        let words: Vec<String> = words.iter().map(|w| format!("\"{w}\"")).collect();
        return if words.len() == 1 { words.concat() } else { format!("one of {}", words.join(", ")) };
    }
    if let Some(branches) = wanted.schema.get("anyOf").and_then(Value::as_array) {
        let branches: Vec<String> = branches.iter().map(|b| expected(root, resolve(root, b))).collect();
        return branches.join(" or ");
    }
    match kind(wanted.schema) {
        Some("string") => "a string".to_owned(),
        Some("integer") => "a whole number".to_owned(),
        Some("number") => "a number".to_owned(),
        Some("boolean") => "true or false".to_owned(),
        Some("array") => match wanted.schema.get("items").map(|i| resolve(root, i)) {
            Some(items) if kind(items.schema) == Some("string") && items.word.is_none() => {
                "a list of strings".to_owned()
            }
            Some(_) | None => "a list".to_owned(),
        },
        Some(_) | None => "a table".to_owned(),
    }
}

/// The usual slips: quotes too many or too few.
fn type_hint(wanted: Resolved, value: &DeValue<'_>) -> Option<String> {
    let number = || value.as_integer().map(ToString::to_string).or_else(|| value.as_float().map(ToString::to_string));
    match kind(wanted.schema) {
        Some("integer" | "number") => {
            let text = value.as_str()?;
            text.parse::<f64>().is_ok().then(|| "write the number without quotes".to_owned())
        }
        Some("boolean") => {
            let text = value.as_str()?;
            matches!(text, "true" | "false").then(|| format!("write {text} without quotes"))
        }
        Some("string") if wanted.word.is_some_and(|w| matches!(w.name, "Duration" | "Delay")) => {
            number().map(|n| format!("a duration has a unit: \"{n}s\" is so many seconds"))
        }
        Some("string") if value.is_datetime() || number().is_some() => Some("put it in quotes".to_owned()),
        Some("array") if value.is_str() || value.is_table() => Some("put it in [ ]".to_owned()),
        Some(_) | None => None,
    }
}

/// Did you mean; or the table in which the key is known.
fn unknown_key_hint(root: &'static Value, known: &'static Map<String, Value>, key: &str) -> Option<String> {
    if let Some(name) = suggest::closest(key, known.keys().map(String::as_str)) {
        return Some(format!("did you mean {}?", quoted(name)));
    }
    for (name, schema) in known {
        let inner = resolve(root, schema).schema.get("properties").and_then(Value::as_object);
        if let Some(inner) = inner.and_then(|inner| inner.keys().find(|k| *k == key)) {
            return Some(format!("it belongs into {}: `{name}.{inner}`", quoted(name)));
        }
    }
    suggest::hint(key, known.keys().map(String::as_str))
}
