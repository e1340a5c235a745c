//! What an earlier journal left in the state folder. A journal that is lost or was moved away starts counting anew, so
//! its attempts can have the ids of attempts that ran before; their files are put aside, never read as ours, never
//! deleted.

use crate::core::ids::AttemptId;
use crate::instance::Instance;
use crate::os::leftovers::{ATTEMPT_VARIABLE, JOURNAL_VARIABLE, Leftovers};
use crate::recording::attempt::AttemptFiles;
use crate::recording::spec::Spec;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Whether a run directory is an attempt of another journal. One without a spec, or with one that names none, is not.
pub fn is_of_another(run_dir: &Path, journal_id: &str) -> bool {
    Spec::read(run_dir).is_ok_and(|spec| !spec.journal.is_empty() && spec.journal != journal_id)
}

/// What tells the processes of an attempt from all others.
pub fn marks(attempt: &str, journal_id: &str) -> Vec<String> {
    vec![format!("{ATTEMPT_VARIABLE}={attempt}"), format!("{JOURNAL_VARIABLE}={journal_id}")]
}

/// What another journal's attempt in a run directory may have left running, when no recorder lives there.
pub fn left_running(run_dir: &Path, journal_id: &str) -> Option<Leftovers> {
    let spec = Spec::read(run_dir).ok().filter(|spec| !spec.journal.is_empty() && spec.journal != journal_id)?;
    let files = AttemptFiles::new(run_dir, &spec.output);
    let gone = files.recorder_lives().is_ok_and(|lives| !lives);
    gone.then(|| Leftovers::new(marks(&spec.attempt, &spec.journal), Vec::new()))
}

/// Makes room for an attempt: when its run directory is another journal's and no recorder lives in it, it and all others
/// like it of the same session and night go to `old-<n>` beside them, with their output. One whose recorder lives is left:
/// it is the same session, and runs.
pub fn set_aside(instance: &Instance, attempt: &AttemptId, journal_id: &str) -> io::Result<()> {
    let run_dir = instance.run_dir(attempt);
    if !is_of_another(&run_dir, journal_id) {
        return Ok(());
    }
    let runs = run_dir.parent().unwrap_or(&run_dir);
    let outputs = instance.output_dir(&attempt.run.session);
    let of_night = format!("{}-", attempt.run.night);
    let mut stems = Vec::new();
    for entry in fs::read_dir(runs)? {
        let name = entry?.file_name();
        let Some(stem) = name.to_str().filter(|name| name.starts_with(&of_night)) else { continue };
        let dir = runs.join(stem);
        if is_of_another(&dir, journal_id)
            && !AttemptFiles::new(&dir, outputs.join(format!("{stem}.log"))).recorder_lives()?
        {
            stems.push(stem.to_owned());
        }
    }
    if stems.is_empty() {
        return Ok(());
    }
    let (old_runs, old_outputs) = places(runs, &outputs)?;
    tracing::warn!(%attempt, aside = %old_runs.display(), "an earlier journal's attempts are put aside");
    // Output first: while the run directory stands, a crash in between is found and finished by the next start.
    if outputs.is_dir() {
        for entry in fs::read_dir(&outputs)? {
            let name = entry?.file_name();
            let of_stem = |stem: &String| name.to_str().is_some_and(|n| n.starts_with(&format!("{stem}.")));
            if stems.iter().any(of_stem) {
                fs::rename(outputs.join(&name), old_outputs.join(&name))?;
            }
        }
    }
    stems.iter().try_for_each(|stem| fs::rename(runs.join(stem), old_runs.join(stem)))
}

/// New folders `old-<n>` of the same number, private.
fn places(runs: &Path, outputs: &Path) -> io::Result<(PathBuf, PathBuf)> {
    for n in 1..=u32::MAX {
        let name = format!("old-{n}");
        let (old_runs, old_outputs) = (runs.join(&name), outputs.join(&name));
        if !old_runs.exists() && !old_outputs.exists() {
            for dir in [&old_runs, &old_outputs] {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
            }
            return Ok((old_runs, old_outputs));
        }
    }
    Err(io::Error::other("every name for an old folder is taken"))
}
