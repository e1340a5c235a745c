//! `trust`: lets a file start programs; and the question that `up` asks for it.

use super::context::Context;
use super::failure::{Exit, Failure, harmless, shown_path};
use super::inside;
use super::trust_store::{TrustBy, TrustStore};
use crate::core::plan::{Plan, Way};
use crate::os::clock;
use std::fmt::Write as _;
use std::path::Path;

/// Lets sessions.toml start programs, as `up` on a terminal asks once
#[derive(Debug, clap::Args)]
#[command(after_help = "Trust is by path and owner; `[security] trust = \"content\"` in \
    $XDG_CONFIG_HOME/nightkeep/config.toml makes it by content.\n\nExamples:\n  nightkeep trust\n  nightkeep trust --revoke")]
pub struct Args {
    /// Take the trust away
    #[arg(long)]
    revoke: bool,
}

/// Sessions shown before the question; the rest is counted.
const SHOWN_MAX: usize = 40;

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    context.no_json("trust")?;
    inside::refuse("change what is trusted")?;
    let file = context.file()?;
    let store = TrustStore::new(&context.around)?;
    let shown = shown_path(&file);
    if args.revoke {
        let was = store.revoke(&file)?;
        return context.out.line(&if was {
            format!("{shown} is no longer trusted")
        } else {
            format!("{shown} was not trusted")
        });
    }
    store.trust(&file, clock::wall())?;
    let until = match store.by() {
        TrustBy::Path => "",
        TrustBy::Content => ", until it changes",
    };
    context.out.line(&format!("{shown} is trusted{until}"))
}

/// Makes sure that a file may start programs: it is trusted, or `yes` was given, or somebody at the terminal says so
/// after seeing what would run.
pub fn ensure(context: &Context, file: &Path, plan: &Plan, yes: bool) -> Result<(), Failure> {
    let store = TrustStore::new(&context.around)?;
    if store.trusts(file)? {
        return Ok(());
    }
    inside::refuse("trust a file")?;
    if !yes {
        let shown = shown_path(file);
        let refused = Failure::new(Exit::Refused, format!("{shown} is not trusted, so it starts nothing"))
            .hint("read it, then `nightkeep up --trust` or `nightkeep trust`");
        if !context.out.can_ask() {
            return Err(refused);
        }
        context.out.error_line(&format!("{shown} was never run here. It would run:\n{}", would_run(plan)));
        if !context.out.ask("Trust it?") {
            return Err(refused);
        }
    }
    store.trust(file, clock::wall())
}

/// Every program that the plan would start, a line each.
fn would_run(plan: &Plan) -> String {
    let mut text = String::new();
    for (name, session) in plan.sessions.iter().take(SHOWN_MAX) {
        let one_line = |command: &str| harmless(command).replace('\n', "\\n");
        let _ =
            writeln!(text, "  {name}: {}   (in {})", one_line(&session.command.display()), shown_path(&session.dir));
        if let Some(verify) = &session.verify {
            let _ = writeln!(text, "  {name}: verify: {}", one_line(&verify.display()));
        }
    }
    if plan.sessions.len() > SHOWN_MAX {
        let _ = writeln!(text, "  ... and {} more", plan.sessions.len() - SHOWN_MAX);
    }
    for (name, channel) in plan.channels.iter().take(SHOWN_MAX) {
        if let Way::Command { argv, dir } = &channel.way {
            let command = harmless(&argv.join(" ")).replace('\n', "\\n");
            let _ = writeln!(text, "  channel {name}: {command}   (in {})", shown_path(dir));
        }
    }
    text
}
