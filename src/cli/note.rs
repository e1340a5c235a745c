//! `note`: something a session should know, carried until somebody says that it is settled.

use super::context::Context;
use super::failure::{Exit, Failure, harmless, session_name};
use super::verbs::tell;
use super::{now, parts};
use crate::client::ClientError;
use crate::protocol::details::{NoteDoneRequest, NoteRequest, NoteStatus, SessionNotes};
use std::fmt::Write as _;

/// Writes a note to a session, told to its agent at the next prompt and to each attempt until it is settled
///
/// Into an agent that runs it is typed when that stands at its empty prompt, once. A program that starts finds its notes in
/// the file named by NIGHTKEEP_NOTES. Without a text: the notes of the session, from the journal when no daemon runs.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  nightkeep note load 'skip the table events_2019, it is broken'\n  nightkeep note load\n  nightkeep note load --done n3"
)]
pub struct Args {
    /// Which session
    name: String,
    /// What it should know, at most 4,000 characters
    text: Option<String>,
    /// The note is settled: it is carried no longer
    #[arg(long, value_name = "NOTE", conflicts_with = "text")]
    done: Option<String>,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT", requires = "done")]
    reason: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let name = session_name(&args.name)?;
    let instance = context.instance()?;
    let client = context.client(&instance)?;
    context.block_on(async {
        if let Some(text) = &args.text {
            let done = client.note(name.as_str(), &NoteRequest { text: text.clone() }).await?;
            context.note_skew(&client);
            return tell(context, &done);
        }
        let known = match client.notes(name.as_str()).await {
            Ok(notes) => notes,
            Err(ClientError::NoDaemon { .. }) if args.done.is_none() => {
                match parts::journal_notes(&instance, &name).await? {
                    Some(notes) => notes,
                    None => return Err(now::unknown(&instance, &args.name, &now::from_journal(&instance).await?)),
                }
            }
            Err(error) => return Err(error.into()),
        };
        context.note_skew(&client);
        if let Some(id) = &args.done {
            if !known.notes.iter().any(|note| note.id == *id) {
                let what = format!("{name} has no note {:?}", harmless(id));
                return Err(Failure::new(Exit::NotFound, what).hint(format!("`nightkeep note {name}` lists them")));
            }
            let done = client.note_done(id, &NoteDoneRequest { reason: args.reason.clone() }).await?;
            return tell(context, &done);
        }
        list(context, &known)
    })
}

fn list(context: &Context, notes: &SessionNotes) -> Result<(), Failure> {
    if context.json {
        return context.out.json(notes);
    }
    if notes.notes.is_empty() {
        context.out.talk(&format!("no notes to {}", notes.session));
        return Ok(());
    }
    let mut text = String::new();
    for note in &notes.notes {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}  {}  {}", note.id, note.at, standing(note));
        for line in note.text.lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    context.out.data(&text)
}

/// What became of a note so far.
fn standing(note: &NoteStatus) -> String {
    if let Some(at) = &note.settled {
        return format!("settled {at}");
    }
    if let Some(typed) = note.typed.last().filter(|typed| note.given.last() == Some(&typed.attempt)) {
        return format!("open, typed into {} at {}", typed.attempt, typed.at);
    }
    match (note.times_given, note.given.last()) {
        (0, _) | (_, None) => "open, not given yet".to_owned(),
        (1, Some(last)) => format!("open, given to {last}"),
        (n, Some(last)) => format!("open, given {n} times, last to {last}"),
    }
}
