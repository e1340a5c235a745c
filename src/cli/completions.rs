//! `completions`: what a shell needs to complete our words.

use super::context::Context;
use super::failure::Failure;
use clap_complete::Shell;

/// Prints the completions for a shell
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  nightkeep completions bash > ~/.local/share/bash-completion/completions/nightkeep\n  \
    nightkeep completions fish > ~/.config/fish/completions/nightkeep.fish"
)]
pub struct Args {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    context.no_json("completions")?;
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command_definition(), "nightkeep", &mut script);
    context.out.data(&String::from_utf8_lossy(&script))
}
