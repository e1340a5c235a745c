//! What is said when the words typed are no command: in this program's form, with what was probably meant.

use super::failure::{Exit, Failure};
use clap::error::ErrorKind;
use std::io::Write as _;
use std::process::ExitCode;

/// Prints help or version, or says what is wrong; gives the exit code.
pub fn answer(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // Whoever closed stdout has read enough.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let failure = failure(error);
    for line in failure.lines() {
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }
    ExitCode::from(failure.exit().code())
}

/// A command that only nightkeep itself gives.
pub fn internal() -> Failure {
    Failure::new(Exit::Usage, "this command is nightkeep's own, it is not for typing")
}

fn failure(error: &clap::Error) -> Failure {
    let mut what = Vec::new();
    let mut hints = Vec::new();
    for line in error.render().to_string().lines().map(str::trim) {
        if line.is_empty() {
        } else if let Some(tip) = line.strip_prefix("tip: ") {
            hints.push(tip.to_owned());
        } else if let Some(usage) = line.strip_prefix("Usage: ") {
            hints.push(format!("usage: {usage}"));
        } else if line.starts_with("For more information") {
            hints.push("`--help` tells more".to_owned());
        } else {
            what.push(line.strip_prefix("error: ").unwrap_or(line).to_owned());
        }
    }
    Failure::new(Exit::Usage, what.join(" ")).hints(hints)
}
