//! Hands the operator's open notes to a program that is about to be started: a file, named by a variable.

use super::inbox::{Closed, Inbox};
use crate::core::ids::AttemptId;
use crate::recording::spec::Spec;
use crate::status;
use std::path::{Path, PathBuf};

/// Names the file with the open notes, where a session is started with some.
const VARIABLE: &str = "NIGHTKEEP_NOTES";
/// That file in the run directory.
const FILE: &str = "notes.txt";

/// Notes on their way to a program.
pub struct Notes(Option<(PathBuf, String)>);

/// The notes that the attempt takes by the journal; its environment names their file.
pub async fn take(inbox: &Inbox, attempt: &AttemptId, run_dir: &Path, spec: &mut Spec) -> Result<Notes, Closed> {
    let id = attempt.clone();
    let text = inbox.look(move |state, _| status::notes::for_program(&state.notes, &id)).await?;
    let notes = text.map(|text| (run_dir.join(FILE), text));
    match &notes {
        Some((file, _)) => spec.env.insert(VARIABLE.to_owned(), file.to_string_lossy().into_owned()),
        // One from elsewhere is about another program.
        None => spec.env.remove(VARIABLE),
    };
    Ok(Notes(notes))
}

impl Notes {
    /// Writes the file, before anything is started.
    pub fn write(&self) -> std::io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |(file, text)| std::fs::write(file, text))
    }
}
