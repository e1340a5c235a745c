//! `[report] summarizer`: a program of the user's that words the summary. It gets the report and has a minute; its
//! words are somebody else's, and decide nothing.

use super::perform::Rim;
use crate::core::delivery;
use crate::core::event::Event;
use crate::core::evidence::Evidence;
use crate::core::ids::NightId;
use crate::os::command::Program;
use crate::os::leftovers::ATTEMPT_VARIABLE;
use crate::report::model::Report;
use crate::report::{json, worded};
use crate::terminal::{harmless, redact, shorten};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How long it may take.
const WITHIN: Duration = Duration::from_secs(120);
/// Bytes of its output that are read.
const OUTPUT_MAX: usize = 64 << 10;
/// Longest command that is shown, in characters.
const SHOWN_MAX: usize = 80;

/// Has the report worded once the night has nothing to add; says whether anything was journaled.
pub async fn word(rim: &Arc<Rim>, night: &NightId, report: &Report) -> bool {
    let (argv, folder, mut environment) = {
        let config = rim.config.read().unwrap_or_else(PoisonError::into_inner);
        let mut environment = rim.environment.clone();
        environment.retain(|name, _| !config.secret_variables.contains(name));
        (config.summarizer.clone(), config.folder.clone(), environment)
    };
    // It reads what sessions wrote, and so has no more to say here than they have.
    environment.insert(ATTEMPT_VARIABLE.to_owned(), "summarizer".to_owned());
    let Some((program, args)) = argv.split_first() else { return false };
    let of = night.clone();
    let over = rim.inbox().look(move |state, _| delivery::is_over(state, &of)).await.unwrap_or(false);
    if report.summary.is_some() || !over {
        return false;
    }
    let by = shorten(&redact(&harmless(&argv.join(" "))), SHOWN_MAX).into_owned();
    let event = match run(&environment, program, args, &folder, report).await {
        Ok(text) => Event::Evidence { evidence: Evidence::Words { night: night.clone(), text, by } },
        Err(why) => {
            let what = format!("{by}: {why}; the report is written without its words");
            Event::Trouble { part: "summarizer".to_owned(), what }
        }
    };
    rim.inbox().ask(event).await.is_ok()
}

async fn run(
    environment: &BTreeMap<String, String>,
    program: &str,
    args: &[String],
    folder: &Path,
    report: &Report,
) -> Result<String, String> {
    let input = json::render(report).map_err(|e| e.to_string())?;
    let program = if program.starts_with("./") || program.starts_with("../") {
        folder.join(program).into_os_string()
    } else {
        program.into()
    };
    let program = Program::new(program).args(args).clean_env().envs(environment).dir(folder).keep_stdout(OUTPUT_MAX);
    let output =
        program.output_with_input(input.as_bytes(), WITHIN).await.map_err(|e| harmless(&e.to_string()).into_owned())?;
    if !output.status.success() {
        let said = shorten(&redact(&harmless(&output.stderr_text())), 200).into_owned();
        let how = output.status.code().map_or_else(|| output.status.to_string(), |code| format!("exit {code}"));
        return Err(if said.is_empty() {
            format!("it ended with {how}")
        } else {
            format!("it ended with {how}: {said}")
        });
    }
    worded::kept(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| "it printed nothing".to_owned())
}
