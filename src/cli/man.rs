//! `man`: the manual pages.

use super::context::Context;
use super::failure::{Exit, Failure, close_names};

/// Prints the manual page, of nightkeep or of one command
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nightkeep man | man -l -\n  nightkeep man logs > nightkeep-logs.1")]
pub struct Args {
    /// Which command
    command: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    context.no_json("man")?;
    let mut program = super::command_definition();
    program.build();
    let page = match &args.command {
        None => program,
        Some(name) => {
            let found = program.find_subcommand(name).filter(|c| !c.is_hide_set()).cloned();
            found.ok_or_else(|| {
                let visible = program.get_subcommands().filter(|c| !c.is_hide_set());
                let close = close_names(name, visible.map(clap::Command::get_name)).join(" or ");
                let failure = Failure::new(Exit::Usage, format!("there is no command {name:?}"));
                if close.is_empty() { failure } else { failure.hint(format!("did you mean {close}?")) }
            })?
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text).map_err(|e| Failure::io("cannot write the page", &e))?;
    context.out.data(&String::from_utf8_lossy(&text))
}
