//! The report as JSON: the document itself, which every other form is made from.

use super::model::Report;
use schemars::Schema;

/// One indented document with a line end. Fails only when a value cannot be written as JSON, which none of the types can
/// hold.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    let mut out = serde_json::to_string_pretty(report)?;
    out.push('\n');
    Ok(out)
}

/// The JSON Schema of the document.
pub fn schema() -> Schema {
    schemars::schema_for!(Report)
}
