//! The JSON Schema of the file, derived from its types.

use super::raw::File;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;
use std::sync::LazyLock;

/// The schema in the form that editors for TOML understand best (draft 7).
static SCHEMA: LazyLock<Value> = LazyLock::new(root::<File>);

/// The schema as a tree.
pub fn schema() -> &'static Value {
    &SCHEMA
}

/// The schema as text, as it is committed and as `nightkeep schema` prints it.
pub fn schema_json() -> String {
    // A `Value` always serializes.
    serde_json::to_string_pretty(schema()).unwrap_or_default() + "\n"
}

/// The words of a type that is one of several.
pub fn words_of<T: JsonSchema>() -> Vec<String> {
    words(&root::<T>()).unwrap_or_default()
}

/// The words of a schema that allows a few fixed strings.
pub fn words(schema: &Value) -> Option<Vec<String>> {
    let text = |v: &Value| v.as_str().map(str::to_owned);
    if let Some(list) = schema.get("enum").and_then(Value::as_array) {
        return list.iter().map(text).collect();
    }
    let fixed = |branch: &Value| match branch.get("const") {
        Some(word) => text(word).map(|word| vec![word]),
        None => words(branch),
    };
    let branches = schema.get("oneOf").and_then(Value::as_array)?;
    branches.iter().map(fixed).collect::<Option<Vec<_>>>().map(|lists| lists.concat())
}

fn root<T: JsonSchema>() -> Value {
    let schema: Schema = SchemaSettings::draft07().for_deserialize().into_generator().into_root_schema_for::<T>();
    let mut schema = schema.to_value();
    without_null(&mut schema);
    schema
}

/// TOML has no null: an optional key is left out, so `null` would only mislead an editor.
fn without_null(schema: &mut Value) {
    if let Some(list) = schema.as_array_mut() {
        list.iter_mut().for_each(without_null);
        return;
    }
    let Some(object) = schema.as_object_mut() else { return };
    object.values_mut().for_each(without_null);
    if let Some(types) = object.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|t| t != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(branches) = object.get_mut("anyOf").and_then(Value::as_array_mut) {
        branches.retain(|b| b.get("type").is_none_or(|t| t != "null"));
        if branches.len() == 1
            && let Some(Value::Object(only)) = branches.pop()
        {
            object.remove("anyOf");
            if only.contains_key("$ref") && !object.is_empty() {
                // In draft 7 nothing may stand beside a reference.
                object.insert("allOf".into(), Value::Array(vec![Value::Object(only)]));
            } else {
                object.extend(only);
            }
        }
    }
    if object.get("enum").and_then(Value::as_array).is_some_and(|e| e.iter().any(Value::is_null))
        && let Some(list) = object.get_mut("enum").and_then(Value::as_array_mut)
    {
        list.retain(|w| !w.is_null());
    }
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::exit::FailureClass;
    use crate::core::plan::OnTmuxLoss;

    #[test]
    fn the_words_of_a_type_are_found_with_and_without_descriptions() {
        assert_eq!(words_of::<OnTmuxLoss>(), ["stop", "keep"]);
        assert!(words_of::<FailureClass>().contains(&"oom_killed".to_owned()));
        assert_eq!(words_of::<super::super::raw::ChannelKind>().len(), 8);
    }

    #[test]
    fn no_null_is_left() {
        assert!(!schema_json().contains("null"));
    }
}
