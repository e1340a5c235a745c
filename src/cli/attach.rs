//! `attach`: the tmux session itself.

use super::context::Context;
use super::external;
use super::failure::{Exit, Failure, session_name};
use super::now;
use crate::core::ids::SessionName;
use crate::instance::Instance;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

/// Shows a session in this terminal, to look at and to type into
///
/// Leaving it changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Leave with the tmux prefix and d. Inside a tmux of your own, press the prefix twice.\n\n\
    Example:\n  nightkeep attach motherduck")]
pub struct Args {
    /// Which session
    name: String,
    /// Only look: keys do nothing but leave
    #[arg(long, short)]
    read_only: bool,
}

const TMUX_DEADLINE: Duration = Duration::from_secs(10);

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    context.no_json("attach")?;
    let name = session_name(&args.name)?;
    let instance = context.instance()?;
    not_inside(&instance, &name)?;
    if !std::io::stdin().is_terminal() || !context.out.stdout_terminal {
        return Err(Failure::new(Exit::Failed, "attach needs a terminal")
            .hint(format!("`nightkeep logs -f {name}` shows the output without one")));
    }
    context.block_on(async {
        if is_there(&instance, &name).await? {
            Ok(())
        } else {
            Err(not_running(context, &instance, name.as_str()).await)
        }
    })?;
    let error = external::become_program("tmux", &attach_words(&instance, &name, args.read_only));
    Err(Failure::io("cannot start tmux", &error))
}

/// Shows a session on this terminal and comes back when it is left.
pub async fn visit(instance: &Instance, name: &SessionName) -> Result<(), Failure> {
    not_inside(instance, name)?;
    if !is_there(instance, name).await? {
        return Err(Failure::new(Exit::Failed, format!("{name} does not run, there is nothing to attach to")));
    }
    let words = attach_words(instance, name, false);
    external::lend_terminal("tmux", &words).await.map(drop).map_err(|e| Failure::io("cannot start tmux", &e))
}

fn not_inside(instance: &Instance, name: &SessionName) -> Result<(), Failure> {
    if !in_our_tmux(instance) {
        return Ok(());
    }
    Err(Failure::new(Exit::Refused, "this terminal is a session of nightkeep itself")
        .hint(format!("from here, switch with the tmux prefix and s; or attach from outside to {name}")))
}

/// `-S SOCKET`, and the target. `=` asks for exactly this name: tmux would take a beginning of it as well.
fn server_and_target(instance: &Instance, name: &SessionName) -> ([OsString; 2], [OsString; 2]) {
    ([OsString::from("-S"), instance.tmux_socket().into()], ["-t".into(), OsString::from(format!("={name}"))])
}

/// Whether tmux has a session of that name.
async fn is_there(instance: &Instance, name: &SessionName) -> Result<bool, Failure> {
    let (server, target) = server_and_target(instance, name);
    let has = [server.as_slice(), &["has-session".into()], &target].concat();
    external::ask("tmux", &has, TMUX_DEADLINE).await.map(|answer| answer.ok).map_err(|why| {
        Failure::new(Exit::Failed, format!("cannot ask tmux: {why}")).hint("`nightkeep doctor` tells how to install it")
    })
}

fn attach_words(instance: &Instance, name: &SessionName, read_only: bool) -> Vec<OsString> {
    let (server, target) = server_and_target(instance, name);
    let mut words = [server.as_slice(), &["attach-session".into()]].concat();
    if read_only {
        words.push("-r".into());
    }
    words.extend(target);
    words
}

/// Whether this terminal is a pane of the instance's own tmux server: a session would be shown inside itself.
fn in_our_tmux(instance: &Instance) -> bool {
    let tmux = std::env::var("TMUX").unwrap_or_default();
    let socket = tmux.split(',').next().unwrap_or_default();
    !socket.is_empty() && Path::new(socket) == instance.tmux_socket()
}

/// Why there is no tmux session of that name.
async fn not_running(context: &Context, instance: &Instance, name: &str) -> Failure {
    let status = match context.client(instance) {
        Ok(client) => now::status(context, instance, &client).await,
        Err(failure) => Err(failure),
    };
    let Ok(status) = status else {
        return Failure::new(Exit::NotFound, format!("no session {name} runs"));
    };
    match now::find(&status, name) {
        Ok(session) if session.pid.is_some() => {
            Failure::new(Exit::Failed, format!("{name} runs, but without a tmux session to attach to"))
                .hint(format!("`nightkeep logs -f {name}` shows its output"))
        }
        Ok(session) => Failure::new(Exit::Failed, format!("{name} does not run, it is {}", session.state))
            .hint(format!("`nightkeep logs {name}` shows its last output, `nightkeep why {name}` why")),
        Err(failure) => failure,
    }
}
