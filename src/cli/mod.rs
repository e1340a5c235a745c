//! What a person types. One file a command; its arguments' doc comments are its help.
//!
//! Data goes to stdout, talk to stderr, an exit code says how it went. The contract is `docs/cli.md`.

mod add;
mod alerts;
mod attach;
mod channel_test;
mod check;
mod clean;
mod completions;
mod context;
mod daemon;
mod dashboard;
mod dead;
mod details;
mod doctor;
mod down;
mod export;
mod external;
mod failure;
mod found;
mod harvest;
mod init;
mod inside;
mod launch;
mod logs;
mod man;
mod nights;
mod note;
mod now;
mod open;
mod output;
mod parts;
mod place;
mod plan;
mod replay;
mod report;
mod review;
mod rules;
mod schedule;
mod schema;
mod send;
mod service;
mod status;
mod tell;
mod trust;
mod trust_store;
mod up;
mod usage;
mod used;
mod verbs;
mod wait;
mod when;
mod why;

use clap::{CommandFactory, Parser, Subcommand};
use context::Context;
use failure::Failure;
use output::ColorChoice;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Keeps terminal sessions going overnight and tells in the morning what really happened.
///
/// Declare what is to run in sessions.toml, begin the night with `nightkeep up`, read `nightkeep report` in the morning.
/// Without a command: the dashboard; without a terminal, `status`.
#[derive(Debug, Parser)]
#[command(name = "nightkeep", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER_HELP: &str = "\
Exit codes:
  0    done
  1    it failed
  2    wrong usage, or an invalid file
  3    no daemon where one is needed
  4    no such session, alert or night
  5    refused: not trusted, or not allowed from inside a session
  124  timed out

A name that begins with '-' is given after '--'.";

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Global options")]
struct Globals {
    /// The sessions.toml to use; also NIGHTKEEP_FILE. Default: the nearest one in this folder or above, then
    /// $XDG_CONFIG_HOME/nightkeep/sessions.toml
    #[arg(long, global = true, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    json: bool,
    /// When to use colours; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, default_value_t, value_name = "auto|always|never")]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    color: ColorChoice,
    /// Say nothing on stderr but errors
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Check(check::Args),
    Plan(plan::Args),
    Up(up::Args),
    Down(down::Args),
    Status(status::Args),
    Wait(wait::Args),
    Why(why::Args),
    Attach(attach::Args),
    Logs(logs::Args),
    Replay(replay::Args),
    Send(send::Args),
    Start(verbs::StartArgs),
    Stop(verbs::StopArgs),
    Restart(verbs::RestartArgs),
    Hold(verbs::HoldArgs),
    Release(verbs::ReleaseArgs),
    Skip(verbs::SkipArgs),
    Schedule(schedule::Args),
    Note(note::Args),
    Add(add::Args),
    Dead(dead::Args),
    Alerts(alerts::Args),
    Snooze(alerts::SnoozeArgs),
    Escalate(alerts::EscalateArgs),
    Report(report::Args),
    Approve(review::ApproveArgs),
    Dismiss(review::DismissArgs),
    Nights(nights::Args),
    Usage(used::Args),
    Doctor(doctor::Args),
    Clean(clean::Args),
    Service(service::Args),
    Export(export::Args),
    Harvest(harvest::Args),
    Tell(tell::Args),
    Rules(rules::Args),
    Trust(trust::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    Man(man::Args),
    #[command(hide = true)]
    Daemon(daemon::Args),
    /// nightkeep's own: records one attempt.
    #[command(hide = true)]
    Exec(Internal),
    /// nightkeep's own: keeps what an agent tells its hooks.
    #[command(hide = true)]
    Hook(Internal),
    /// nightkeep's own: keeps the tmux server.
    #[command(hide = true)]
    Keep(Internal),
}

/// Whatever an internal command is given.
#[derive(Debug, clap::Args)]
struct Internal {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _words: Vec<OsString>,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let matches = command_definition().try_get_matches_from(std::env::args_os());
    let parsed = matches.and_then(|m| <Cli as clap::FromArgMatches>::from_arg_matches(&m));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return usage::answer(&error),
    };
    let context = Context::new(cli.globals);
    let result = run(cli.command, &context);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            for line in failure.lines() {
                context.out.error_line(&line);
            }
            ExitCode::from(failure.exit().code())
        }
    }
}

/// The command line as clap knows it, with a bounded width.
fn command_definition() -> clap::Command {
    Cli::command().term_width(output::width().min(100))
}

fn run(command: Option<Command>, context: &Context) -> Result<(), Failure> {
    let Some(command) = command else {
        if dashboard::is_possible(context) {
            return dashboard::run(context);
        }
        return status::run(&status::Args::default(), context);
    };
    match &command {
        Command::Init(args) => init::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::Plan(args) => plan::run(args, context),
        Command::Up(args) => up::run(args, context),
        Command::Down(args) => down::run(args, context),
        Command::Status(args) => status::run(args, context),
        Command::Wait(args) => wait::run(args, context),
        Command::Why(args) => why::run(args, context),
        Command::Attach(args) => attach::run(args, context),
        Command::Logs(args) => logs::run(args, context),
        Command::Replay(args) => replay::run(args, context),
        Command::Send(args) => send::run(args, context),
        Command::Start(args) => verbs::start(args, context),
        Command::Stop(args) => verbs::stop(args, context),
        Command::Restart(args) => verbs::restart(args, context),
        Command::Hold(args) => verbs::hold(args, context),
        Command::Release(args) => verbs::release(args, context),
        Command::Skip(args) => verbs::skip(args, context),
        Command::Schedule(args) => schedule::run(args, context),
        Command::Note(args) => note::run(args, context),
        Command::Add(args) => add::run(args, context),
        Command::Dead(args) => dead::run(args, context),
        Command::Alerts(args) => alerts::run(args, context),
        Command::Snooze(args) => alerts::snooze(args, context),
        Command::Escalate(args) => alerts::escalate(args, context),
        Command::Report(args) => report::run(args, context),
        Command::Approve(args) => review::approve(args, context),
        Command::Dismiss(args) => review::dismiss(args, context),
        Command::Nights(args) => nights::run(args, context),
        Command::Usage(args) => used::run(args, context),
        Command::Doctor(args) => doctor::run(args, context),
        Command::Clean(args) => clean::run(args, context),
        Command::Service(args) => service::run(args, context),
        Command::Export(args) => export::run(args, context),
        Command::Harvest(args) => harvest::run(args, context),
        Command::Tell(args) => tell::run(args, context),
        Command::Rules(args) => rules::run(args, context),
        Command::Trust(args) => trust::run(args, context),
        Command::Schema(args) => schema::run(args, context),
        Command::Completions(args) => completions::run(args, context),
        Command::Man(args) => man::run(args, context),
        Command::Daemon(args) => daemon::run(args, context),
        Command::Exec(_) | Command::Hook(_) | Command::Keep(_) => Err(usage::internal()),
    }
}
