//! The desktop's own notifications, through the program that each system has for them.

use super::command::ended;
use super::fault::Fault;
use super::words::{chars, fitted};
use crate::core::alert::message::{Message, Severity};
use crate::core::alert::template::Values;
use crate::os::command::Program;
use std::time::Duration;

/// What a notification says under its title.
const TEMPLATE: &str = "{{ text }}{% if command %}\n{{ command }}{% endif %}";
/// More is not seen, in characters.
const TEXT_MAX: usize = 500;

pub(super) async fn send(message: &Message, own: Option<&str>, deadline: Duration) -> Result<(), Fault> {
    let program = program(message, own, cfg!(target_os = "macos"))?;
    ended(program.output(deadline).await)
}

fn program(message: &Message, own: Option<&str>, mac: bool) -> Result<Program, Fault> {
    let template = own.unwrap_or(TEMPLATE);
    if mac {
        // The words are arguments of the script, never part of it.
        let text = fitted(template, Values::Escaped(str::to_owned), message, chars, TEXT_MAX)?;
        return Ok(Program::new("osascript")
            .args(["-e", "on run argv"])
            .args(["-e", "display notification (item 2 of argv) with title (item 1 of argv)"])
            .args(["-e", "end run"])
            .arg(format!("nightkeep: {}", message.title))
            .arg(text));
    }
    // The text may hold markup for notify-send, the title may not.
    let text = fitted(template, Values::Escaped(escape), message, chars, TEXT_MAX)?;
    Ok(Program::new("notify-send")
        .arg("--app-name=nightkeep")
        .arg(format!("--urgency={}", urgency(message.severity)))
        .arg("--")
        .arg(format!("nightkeep: {}", message.title))
        .arg(text))
}

fn urgency(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium | Severity::High => "normal",
        Severity::Critical => "critical",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
