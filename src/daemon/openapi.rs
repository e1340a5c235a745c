//! The OpenAPI document of the daemon's API, assembled from one table of routes and the types' own schemas.

use super::api::Health;
use super::openapi_details;
use crate::protocol::output::{OutputAbout, OutputNews};
use crate::protocol::{
    AddRequest, AlertRequest, AlertStatus, ChannelTested, CleanReport, CleanRequest, Done, DownRequest, Refusal,
    RetryRequest, ScheduleRequest, SendRequest, Status, UpRequest, VerbRequest, Why,
};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

/// One route: method, path, what it does, the request's and the answer's schema.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) does: &'static str,
    pub(super) request: Option<Value>,
    pub(super) answer: Value,
}

/// The document as JSON text.
pub fn openapi_json() -> String {
    let mut schemas = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let mut routes = routes(&mut schemas);
    routes.extend(openapi_details::routes(&mut schemas));
    let refusal = schema::<Refusal>(&mut schemas);
    let mut paths = Map::new();
    for route in routes {
        let entry = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(entry) = entry.as_object_mut() {
            entry.insert(route.method.to_owned(), operation(&route, &refusal));
        }
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "nightkeep daemon",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "HTTP on the Unix socket of one instance. Fields are only ever added.",
        },
        "paths": paths,
        "components": { "schemas": schemas.take_definitions(true) },
    });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

pub(super) fn schema<T: schemars::JsonSchema>(schemas: &mut SchemaGenerator) -> Value {
    schemas.subschema_for::<T>().to_value()
}

fn routes(schemas: &mut SchemaGenerator) -> Vec<Route> {
    let route =
        |method, path, does, request: Option<Value>, answer: Value| Route { method, path, does, request, answer };
    let done = schema::<Done>(schemas);
    vec![
        route("get", "/v1/health", "Whether the daemon lives.", None, schema::<Health>(schemas)),
        route("get", "/v1/status", "All sessions, worst first.", None, schema::<Status>(schemas)),
        route("get", "/v1/openapi.json", "This document.", None, json!({ "type": "object" })),
        route(
            "get",
            "/v1/events",
            "Journaled facts after a sequence number (`after`), as server-sent events.",
            None,
            json!({ "type": "string", "contentMediaType": "text/event-stream" }),
        ),
        route("get", "/v1/sessions/{name}/why", "The chain of evidence behind a state.", None, schema::<Why>(schemas)),
        route(
            "post",
            "/v1/up",
            "Opens the night and queues sessions.",
            Some(schema::<UpRequest>(schemas)),
            done.clone(),
        ),
        route("post", "/v1/down", "Ends the night and the daemon.", Some(schema::<DownRequest>(schemas)), done.clone()),
        route(
            "post",
            "/v1/sessions",
            "Adds a session that stands in no file.",
            Some(schema::<AddRequest>(schemas)),
            done.clone(),
        ),
        route(
            "post",
            "/v1/sessions/{name}/verb",
            "Starts, stops, restarts, holds, releases or skips a session.",
            Some(schema::<VerbRequest>(schemas)),
            done.clone(),
        ),
        route(
            "post",
            "/v1/sessions/{name}/schedule",
            "Starts a session at a time and not before.",
            Some(schema::<ScheduleRequest>(schemas)),
            done.clone(),
        ),
        route(
            "post",
            "/v1/sessions/{name}/send",
            "Types into a session.",
            Some(schema::<SendRequest>(schemas)),
            done.clone(),
        ),
        route(
            "post",
            "/v1/dead/retry",
            "Gives dead letters a second chance.",
            Some(schema::<RetryRequest>(schemas)),
            done.clone(),
        ),
        route("get", "/v1/alerts", "Alerts that are not over.", None, schema::<Vec<AlertStatus>>(schemas)),
        route(
            "post",
            "/v1/alerts/{id}",
            "Acknowledges, snoozes, resolves or escalates an alert, or all alerts of a session.",
            Some(schema::<AlertRequest>(schemas)),
            done,
        ),
        route(
            "post",
            "/v1/clean",
            "Cleans up by the file's rules, or by an age.",
            Some(schema::<CleanRequest>(schemas)),
            schema::<CleanReport>(schemas),
        ),
        route(
            "post",
            "/v1/channels/{name}/test",
            "Sends a test message over a channel.",
            None,
            schema::<ChannelTested>(schemas),
        ),
        route(
            "get",
            "/v1/sessions/{name}/output",
            "A span of the recorded output as it was written: of the last attempt, or of `run` and `attempt`; `max` bytes \
             (at most 1 MiB) from the byte `from`. The headers x-nightkeep-attempt, x-nightkeep-from and \
             x-nightkeep-bytes tell whose, where it begins, and how much there is.",
            None,
            json!({ "type": "string", "contentMediaType": "application/octet-stream" }),
        ),
        route(
            "get",
            "/v1/sessions/{name}/output/about",
            "What is recorded about an output: size, gaps, terminal sizes, and when it came (`points` points of time \
             between the bytes `from` and `to`).",
            None,
            schema::<OutputAbout>(schemas),
        ),
        route(
            "get",
            "/v1/sessions/{name}/output/follow",
            "The output from the byte `from`, or `tail` bytes before the end, and what comes, until the attempt ends: \
             server-sent events. Whoever falls behind by 4 MiB skips.",
            None,
            schema::<OutputNews>(schemas),
        ),
    ]
}

fn operation(route: &Route, refusal: &Value) -> Value {
    let content = |schema: &Value| json!({ "application/json": { "schema": schema } });
    let mut parameters = Vec::new();
    if route.path.contains("{name}") {
        parameters.push(json!({ "name": "name", "in": "path", "required": true, "schema": { "type": "string" } }));
    }
    for (name, kind) in openapi_details::parameters(route.path) {
        parameters.push(json!({ "name": name, "in": "query", "schema": { "type": kind } }));
    }
    let mut operation = json!({
        "summary": route.does,
        "parameters": parameters,
        "responses": {
            "200": { "description": "done", "content": content(&route.answer) },
            "default": { "description": "refused", "content": content(refusal) },
        },
    });
    if let (Some(request), Some(operation)) = (&route.request, operation.as_object_mut()) {
        operation.insert("requestBody".into(), json!({ "required": true, "content": content(request) }));
    }
    operation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_of_the_document_leads_to_a_schema() {
        let text = openapi_json();
        let document: Value = serde_json::from_str(&text).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut references = 0;
        for part in text.split("\"$ref\": \"").skip(1) {
            let target = part.split('"').next().unwrap();
            let name = target.strip_prefix("#/components/schemas/").unwrap_or_else(|| panic!("odd reference {target}"));
            assert!(schemas.contains_key(name), "{name} is missing");
            references += 1;
        }
        assert!(references > 15, "{references}");
        assert!(document["paths"]["/v1/sessions/{name}/verb"]["post"].is_object());
    }
}
