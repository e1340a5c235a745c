//! `daemon` (hidden): the process that `up` leaves in the background.

use super::context::Context;
use super::failure::{Failure, shown_path};
use super::parts;
use super::trust_store::TrustStore;

/// nightkeep's own: runs the daemon in this process.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave the terminal's session, so that its end is not ours.
    #[arg(long, hide = true)]
    detached: bool,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let instance = context.instance()?;
    // Whoever types this by hand gets no way around the question of `up`.
    if !TrustStore::new(&context.around)?.trusts(instance.file())? {
        let what = format!("{} is not trusted, so it starts nothing", shown_path(instance.file()));
        return Err(Failure::new(super::failure::Exit::Refused, what).hint("`nightkeep trust` trusts it"));
    }
    if args.detached {
        // Fails only for a group leader, which then has a session or a job control of its own already.
        let _ = rustix::process::setsid();
    }
    parts::run_daemon(context, &instance, None)
}
