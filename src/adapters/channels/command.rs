//! A program of the user's: the message as JSON on its standard input, and a deadline. No shell: nothing in a message
//! is ever part of a command line.

use super::fault::Fault;
use crate::core::alert::document::document;
use crate::core::alert::message::Message;
use crate::os::command::{CommandError, CommandFailure, Output, Program};
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::Duration;

/// Bytes of the program's output that are kept.
const OUTPUT_MAX: usize = 4 << 10;

pub(super) async fn send(message: &Message, argv: &[String], dir: &Path, deadline: Duration) -> Result<(), Fault> {
    let Some((program, args)) = argv.split_first() else {
        return Err(Fault::permanent("the channel has no command"));
    };
    let input = format!("{}\n", document(message, &message.body));
    let program = Program::new(program).args(args).dir(dir).keep_stdout(OUTPUT_MAX);
    ended(program.output_with_input(input.as_bytes(), deadline).await)
}

/// What the end of a helper program means.
pub(super) fn ended(result: Result<Output, CommandError>) -> Result<(), Fault> {
    let output = match result {
        Ok(output) => output,
        Err(error) => {
            let never = |e: &std::io::Error| matches!(e.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied);
            let permanent = match &error.why {
                CommandFailure::Start(e) => never(e),
                CommandFailure::Wait(_) | CommandFailure::Deadline(_) => false,
            };
            let why = error.to_string();
            return Err(if permanent { Fault::permanent(why) } else { Fault::passing(why) });
        }
    };
    let said = output.stderr_text();
    let said = if said.is_empty() { said } else { format!(": {said}") };
    match (output.status.code(), output.status.signal()) {
        (Some(0), _) => Ok(()),
        // What a shell or `env` says when there is no such program.
        (Some(code @ (126 | 127)), _) => Err(Fault::permanent(format!("it ended with exit code {code}{said}"))),
        (Some(code), _) => Err(Fault::passing(format!("it ended with exit code {code}{said}"))),
        (None, signal) => Err(Fault::passing(format!("it was ended by signal {}{said}", signal.unwrap_or(0)))),
    }
}
