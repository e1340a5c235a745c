//! The routes of what is asked beyond the status, for the OpenAPI document.

use super::openapi::{Route, schema};
use crate::protocol::Done;
use crate::protocol::details::{
    AlertHistory, Attempts, DeadLetters, NoteDoneRequest, NoteRequest, Numbers, Queue, ReviewRequest, SessionEvents,
    SessionNotes,
};
use crate::protocol::prompts::AnswerRequest;
use crate::report::nights::Nights;
use crate::report::timeline::Timeline;
use crate::status::tonight::Tonight;
use schemars::generate::SchemaGenerator;
use serde_json::{Value, json};

/// What stands behind the path of a route: name and type.
pub(super) fn parameters(path: &str) -> &'static [(&'static str, &'static str)] {
    match path {
        "/v1/events" => &[("after", "integer")],
        "/v1/timeline" | "/v1/alerts/history" | "/v1/sessions/{name}/metrics" => &[("night", "string")],
        "/v1/sessions/{name}/events" => &[("before", "integer"), ("limit", "integer")],
        "/v1/nights" => &[("limit", "integer")],
        "/v1/report" => &[("night", "string"), ("format", "string"), ("full", "boolean")],
        "/v1/sessions/{name}/output" => {
            &[("run", "string"), ("attempt", "integer"), ("from", "integer"), ("max", "integer")]
        }
        "/v1/sessions/{name}/output/about" => {
            &[("run", "string"), ("attempt", "integer"), ("from", "integer"), ("to", "integer"), ("points", "integer")]
        }
        "/v1/sessions/{name}/output/follow" => {
            &[("run", "string"), ("attempt", "integer"), ("from", "integer"), ("tail", "integer")]
        }
        _ => &[],
    }
}

/// The routes.
pub(super) fn routes(schemas: &mut SchemaGenerator) -> Vec<Route> {
    let get = |path, does, answer: Value| Route { method: "get", path, does, request: None, answer };
    vec![
        get("/v1/timeline", "What each session of a night did when.", schema::<Timeline>(schemas)),
        get(
            "/v1/sessions/{name}/attempts",
            "Its attempts with their death certificates, newest first.",
            schema::<Attempts>(schemas),
        ),
        get(
            "/v1/sessions/{name}/events",
            "Facts about it before a sequence number (`before`), newest first, at most `limit`.",
            schema::<SessionEvents>(schemas),
        ),
        get("/v1/sessions/{name}/metrics", "Its numbers over a night.", schema::<Numbers>(schemas)),
        get("/v1/sessions/{name}/notes", "Notes to it, newest first.", schema::<SessionNotes>(schemas)),
        Route {
            method: "post",
            path: "/v1/sessions/{name}/notes",
            does: "Writes a note to it: typed into its agent at the next prompt, given to its next attempts until it is settled.",
            request: Some(schema::<NoteRequest>(schemas)),
            answer: schema::<Done>(schemas),
        },
        Route {
            method: "post",
            path: "/v1/notes/{name}/done",
            does: "Says that a note is settled; the name is its id.",
            request: Some(schema::<NoteDoneRequest>(schemas)),
            answer: schema::<Done>(schemas),
        },
        Route {
            method: "post",
            path: "/v1/sessions/{name}/answer",
            does: "Answers what it asks, and waits until it is seen that the answer was taken.",
            request: Some(schema::<AnswerRequest>(schemas)),
            answer: schema::<Done>(schemas),
        },
        Route {
            method: "post",
            path: "/v1/artifacts/review",
            does: "Approves or dismisses files that a report says wait for a person.",
            request: Some(schema::<ReviewRequest>(schemas)),
            answer: schema::<Done>(schemas),
        },
        get("/v1/dead", "Runs that failed for good, newest first.", schema::<DeadLetters>(schemas)),
        get("/v1/nights", "Past nights, newest first, at most `limit`.", schema::<Nights>(schemas)),
        get(
            "/v1/report",
            "The report of a night as `json`, `text` or `md`, as of now while it is open.",
            json!({ "type": ["object", "string"] }),
        ),
        get("/v1/plan", "Tonight as it would go.", schema::<Tonight>(schemas)),
        get("/v1/queue", "What comes next, and why not yet.", schema::<Queue>(schemas)),
        get("/v1/alerts/history", "The alerts of a night, open and over.", schema::<AlertHistory>(schemas)),
        Route {
            method: "post",
            path: "/v1/collect",
            does: "Looks at the projects' folders of the open night, so that its report is fresh; waits for at most 3 s.",
            request: None,
            answer: schema::<Done>(schemas),
        },
    ]
}
