//! `answer`: answers what a session asks.

use super::context::Context;
use super::failure::{Exit, Failure, session_name};
use super::verbs::tell;
use crate::protocol::prompts::{AnswerRequest, PromptStatus};
use std::fmt::Write as _;

/// Answers the open prompt of a session, and checks that the answer was taken
///
/// CHOICE is the number or the key of one of its choices, a word such as `allow` or `deny`, or a text for a question that
/// offers no choices. Without CHOICE: shows what it asks.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  nightkeep answer motherduck\n  nightkeep answer motherduck allow\n  nightkeep answer motherduck 3 --reason 'not on main'\n  nightkeep answer motherduck 'the small table first'"
)]
pub struct Args {
    /// Which session
    name: String,
    /// A number, a key, `allow`, `deny`, or a text
    choice: Option<String>,
    /// Only if it is still this that it asks: t3
    #[arg(long, value_name = "TICKET", requires = "choice")]
    ticket: Option<String>,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT", requires = "choice")]
    reason: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let name = session_name(&args.name)?;
    let instance = context.instance()?;
    let client = context.client(&instance)?;
    context.block_on(async {
        let Some(choice) = &args.choice else {
            let status = client.status().await?;
            context.note_skew(&client);
            let Some(session) = status.sessions.iter().find(|session| session.name == name.as_str()) else {
                return Err(super::now::unknown(&instance, &args.name, &status));
            };
            return show(context, name.as_str(), session.prompt.as_ref());
        };
        let request =
            AnswerRequest { choice: choice.clone(), ticket: args.ticket.clone(), reason: args.reason.clone() };
        let done = client.answer(name.as_str(), &request).await?;
        context.note_skew(&client);
        tell(context, &done)
    })
}

fn show(context: &Context, name: &str, prompt: Option<&PromptStatus>) -> Result<(), Failure> {
    if context.json {
        return context.out.json(&prompt);
    }
    let Some(prompt) = prompt else {
        return Err(Failure::new(Exit::Failed, format!("{name} asks nothing")));
    };
    let mut text = format!("{}  {}  since {}\n", prompt.ticket, prompt.state, prompt.since);
    // Writing to a String cannot fail.
    for line in prompt.text.lines() {
        let _ = writeln!(text, "  {line}");
    }
    for choice in &prompt.choices {
        let key = choice.key.as_deref().filter(|key| *key != choice.number.to_string());
        let key = key.map_or_else(String::new, |key| format!(" ({key})"));
        let _ = writeln!(text, "    {}{key}  {}", choice.number, choice.label);
    }
    if let Some(note) = &prompt.note {
        let _ = writeln!(text, "  {note}");
    }
    let with = if prompt.choices.is_empty() { "TEXT" } else { "CHOICE" };
    let _ = writeln!(text, "  nightkeep answer {name} --ticket {} {with}", prompt.ticket);
    context.out.data(&text)
}
