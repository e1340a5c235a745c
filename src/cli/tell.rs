//! `tell`: called inside a session, by an agent or a script: a claim about its own work.
//!
//! It goes to the recorder of the attempt, which lives as long as the attempt does: no daemon is needed. The recorder is
//! found by descent, or, where `/proc` does not show it (a sandbox), by a variable; it hears only its own descendants.

use super::context::Context;
use super::failure::{Exit, Failure, harmless, shown_path};
use crate::core::evidence::ToldKind;
use crate::core::told::{CLAIM_MAX, Claim, PER_MINUTE};
use crate::os::ancestry;
use crate::os::leftovers::ATTEMPT_VARIABLE;
use crate::protocol::SCHEMA;
use crate::recording::socket::encode;
use crate::recording::spec::Spec;
use crate::recording::told::{Heard, LINE_MAX, No, TELL_VARIABLE};
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// How long the recorder may take to answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// While others are being heard, how often it is tried again, and how long the pause between is.
const AGAIN: (u32, Duration) = (60, Duration::from_millis(50));

/// A closing note that can be believed, for the instructions of an agent.
const TEMPLATE: &str = "\
## When you stop, for whatever reason

Say what is so, with `nightkeep tell` or as the last lines of your notes. Say nothing that you did not see.

- **Mission**: what was asked, in one line.
- **Changed**: files and what became of them. `nightkeep tell done \"...\" --file PATH --verify 'COMMAND'`
- **Left**: what is not done, and the next step. `nightkeep tell next \"...\"`, `nightkeep tell blocked \"...\" --blocks NAME`
- **Validation**: each command that was run, with its exit code and its counts, and what was *not* run.
- **Unknowns for you**: what a person has to decide or provide. `nightkeep tell needs \"...\"`
- Choices that were made on the way: `nightkeep tell decision \"...\"`; numbers: `nightkeep tell metric NAME 17/20`
";

/// Tells the report, from inside a session, what was done, what is missing and what is needed
///
/// All of it is shown as what the session says: it changes no state, and the report holds it against what was seen.
/// `needs` raises an alert. At most 10 in a minute, 4 KiB each. A line of output that begins with `nightkeep::done `
/// and so on tells the same.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  nightkeep tell done 'the importer reads all tables' --file src/import.rs --verify 'cargo test import'\n  nightkeep tell metric profiles 3513/3513\n  nightkeep tell needs 'a key for the staging database' --blocks load-events\n  nightkeep tell --template >> AGENTS.md"
)]
pub struct Args {
    /// What kind of thing is told
    #[arg(value_name = "KIND", required_unless_present = "template")]
    #[arg(value_parser = PossibleValuesParser::new(ToldKind::ALL.map(ToldKind::as_str)).map(kind))]
    kind: Option<ToldKind>,
    /// What; of a metric its name and value, or value/total
    #[arg(value_name = "TEXT", required_unless_present = "template")]
    text: Vec<String>,
    /// A file that shows it
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// A command that would prove it; it is shown, never run by itself
    #[arg(long, value_name = "COMMAND")]
    verify: Option<String>,
    /// What waits for it
    #[arg(long, value_name = "NAME")]
    blocks: Option<String>,
    /// Prints a closing note that can be believed, for the instructions of an agent
    #[arg(long, conflicts_with_all = ["kind", "text", "file", "verify", "blocks"])]
    template: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Done<'a> {
    schema: u32,
    told: &'a Claim,
}

// The words come from the list of all kinds.
#[expect(clippy::needless_pass_by_value, reason = "the parser gives the word away")]
fn kind(word: String) -> ToldKind {
    ToldKind::ALL.into_iter().find(|kind| kind.as_str() == word).unwrap_or(ToldKind::Done)
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    if args.template {
        context.no_json("tell --template")?;
        return context.out.data(TEMPLATE);
    }
    let claim = Claim {
        tell: args.kind.unwrap_or(ToldKind::Done),
        text: args.text.join(" "),
        file: args.file.as_ref().map(|path| path.to_string_lossy().into_owned()),
        verify: args.verify.clone(),
        blocks: args.blocks.clone(),
    };
    claim.check().map_err(|bad| refused(No::BadClaim, &bad.to_string(), None))?;
    let socket = socket()?;
    context.block_on(async {
        let mut tries = AGAIN.0;
        loop {
            let heard = match tokio::time::timeout(DEADLINE, say(&socket.path, &claim)).await {
                Ok(heard) => heard.map_err(|e| socket.failed(&e))?,
                Err(_) => return Err(Failure::new(Exit::TimedOut, "the recorder does not answer: nothing was told")),
            };
            match heard {
                Heard { ok: true, .. } => break,
                Heard { no: Some(No::Busy), .. } if tries > 0 => {
                    tries -= 1;
                    tokio::time::sleep(AGAIN.1).await;
                }
                Heard { no, error, again_ms, .. } => {
                    return Err(refused(no.unwrap_or(No::NotKept), &error.unwrap_or_default(), again_ms));
                }
            }
        }
        if context.json {
            return context.out.json(&Done { schema: SCHEMA, told: &claim });
        }
        context.out.talk(&format!("told: {}", claim.tell.as_str()));
        Ok(())
    })
}

/// The socket of the attempt that this process belongs to.
struct Socket {
    path: PathBuf,
    /// Its recorder is known to live.
    alive: bool,
}

impl Socket {
    fn failed(&self, error: &io::Error) -> Failure {
        let gone = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused);
        if gone && !self.alive {
            return ended();
        }
        Failure::io(format!("nothing was told: {}", shown_path(&self.path)), error)
            .hint("a line of output that begins with `nightkeep::done ` tells the same")
    }
}

fn socket() -> Result<Socket, Failure> {
    let run_dir = ancestry::lineage(std::process::id()).find_map(ancestry::recorder);
    let named = || std::env::var_os(TELL_VARIABLE).map(PathBuf::from).filter(|path| path.is_absolute());
    let of_spec = run_dir.as_ref().and_then(|dir| Spec::read(dir).ok()).and_then(|spec| spec.tell);
    if let Some(path) = of_spec {
        return Ok(Socket { path, alive: true });
    }
    if let Some(path) = named() {
        return Ok(Socket { path, alive: false });
    }
    if run_dir.is_some() {
        let what = "nothing was told: this session was started by a nightkeep that did not hear claims yet";
        return Err(Failure::new(Exit::Failed, what).hint("its next attempt can tell"));
    }
    if std::env::var_os(ATTEMPT_VARIABLE).is_some() {
        return Err(ended());
    }
    Err(Failure::new(Exit::NotFound, "nothing was told: this is not inside a session")
        .hint("`nightkeep tell` is for the programs that nightkeep runs")
        .hint("to leave a session a note: `nightkeep note NAME TEXT`"))
}

fn ended() -> Failure {
    let attempt = std::env::var(ATTEMPT_VARIABLE).map_or_else(|_| "this attempt".to_owned(), |id| harmless(&id));
    Failure::new(Exit::Refused, format!("nothing was told: {attempt} has ended"))
        .hint("only a program of an attempt that runs can tell of its work")
}

async fn say(socket: &Path, claim: &Claim) -> io::Result<Heard> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(&encode(claim)).await?;
    let mut answer = Vec::new();
    stream.take(LINE_MAX as u64).read_to_end(&mut answer).await?;
    serde_json::from_slice(&answer).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the answer is not whole"))
}

fn refused(no: No, words: &str, again_ms: Option<u64>) -> Failure {
    let what = format!("nothing was told: {words}");
    match no {
        No::BadClaim | No::NotAClaim => Failure::new(Exit::Usage, what)
            .hint(format!("`nightkeep tell --help` shows what can be told; at most {CLAIM_MAX} bytes")),
        No::NotYours => Failure::new(Exit::Refused, what)
            .hint("it has to be called by what the session started, not from beside it"),
        No::TooMany => {
            let seconds = again_ms.unwrap_or_default().div_ceil(1000).max(1);
            Failure::new(Exit::Failed, what)
                .hint(format!("there is room again in {seconds} s"))
                .hint(format!("at most {PER_MINUTE} in a minute: say what counts, together"))
        }
        No::Busy | No::NotKept => Failure::new(Exit::Failed, what),
    }
}
