//! Notes of the operator, for documents and for the programs they are for.

use super::text::harmless;
use super::zone::rfc3339;
use crate::core::fact::Actor;
use crate::core::ids::{AttemptId, SessionName};
use crate::core::note::{Note, Notes};
use crate::core::state::State;
use crate::protocol::SCHEMA;
use crate::protocol::details::{NoteStatus, SessionNotes, TypedNote};
use std::fmt::Write as _;

/// A note for documents. Its lines stay lines.
pub fn status(note: &Note) -> NoteStatus {
    NoteStatus {
        id: note.id(),
        text: lines(&note.text),
        by: harmless(&note.by.who),
        at: rfc3339(note.at),
        given: note.given.iter().map(ToString::to_string).collect(),
        times_given: note.times_given,
        settled: note.settled.as_ref().map(|settled| rfc3339(settled.at)),
        settled_by: note.settled.as_ref().map(|settled| who(&settled.by)),
        typed: note
            .typed
            .iter()
            .map(|typed| TypedNote { attempt: typed.attempt.to_string(), at: rfc3339(typed.at) })
            .collect(),
    }
}

fn lines(text: &str) -> String {
    text.lines().map(harmless).collect::<Vec<_>>().join("\n")
}

fn who(by: &Actor) -> String {
    let reason = by.reason.as_ref().map_or_else(String::new, |reason| format!(", because: {}", harmless(reason)));
    format!("{}{reason}", harmless(&by.who))
}

/// All notes of a session, newest first.
pub fn of_session(state: &State, session: &SessionName) -> SessionNotes {
    let mut notes: Vec<NoteStatus> = state.notes.of(session).map(status).collect();
    notes.reverse();
    SessionNotes { schema: SCHEMA, session: session.to_string(), notes }
}

/// What an attempt is given to read, oldest first; `None` when it has no notes.
pub fn for_program(notes: &Notes, attempt: &AttemptId) -> Option<String> {
    let mut text = String::new();
    for note in notes.given_to(attempt) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{} {}\n{}\n\n", note.id(), rfc3339(note.at), lines(&note.text));
    }
    (!text.is_empty()).then_some(text)
}
