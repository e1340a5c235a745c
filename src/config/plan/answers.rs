//! What may be answered by itself to a prompt of an agent.

use super::super::document::Place;
use super::super::printable::quoted;
use super::super::raw;
use super::super::suggest;
use super::{Build, Layers};
use crate::core::ticket::policy::{AnswerKind, AnswerRule, PER_HOUR, begins_with};

/// Prompts that only a person answers.
const FOR_PERSONS: [&str; 6] = ["trust", "question", "limit", "auth", "login", "permission"];
/// What the built-in profiles know to be asked about.
const KNOWN: [&str; 4] = ["bash-command", "edit", "fetch", "plan"];

/// The rules of a session, in the order of the file.
pub(super) fn rules(build: &mut Build<'_, '_>, layers: &Layers<'_>) -> Vec<AnswerRule> {
    let Some((typed, place)) = layers.pick("answers", |s| s.answers.as_deref()) else { return Vec::new() };
    typed.iter().enumerate().filter_map(|(i, rule)| one(build, rule, &place.item(i))).collect()
}

/// Whether a pattern fits whatever is asked: commands that have nothing in common.
fn fits_all(pattern: &str) -> bool {
    let asked = ["rm -rf ~", "curl 192.0.2.1", "Zq7", "/etc/passwd", "https://example.org/", "9"];
    asked.iter().all(|asked| begins_with(pattern, asked))
}

fn one(build: &mut Build<'_, '_>, rule: &raw::Answer, place: &Place) -> Option<AnswerRule> {
    let prompt = rule.prompt.as_str();
    let at = place.key("prompt");
    if FOR_PERSONS.contains(&prompt) {
        let found = build.problems.error(&at, format!("{} is answered by a person only", quoted(prompt)));
        found.help("rules are for what an agent may do: bash-command, edit, fetch");
        return None;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if prompt.is_empty() || !prompt.chars().all(plain) {
        let found = build.problems.error(&at, format!("{} cannot name a prompt", quoted(prompt)));
        found.help("as in bash-command, edit or fetch");
        return None;
    }
    if !KNOWN.contains(&prompt) && suggest::closest(prompt, KNOWN).is_some() {
        let hint = suggest::hint(prompt, KNOWN);
        build.problems.warning(&at, format!("no agent that is known asks about {}", quoted(prompt))).maybe_help(hint);
    }
    let answer = match rule.answer {
        raw::AnswerKind::Allow => AnswerKind::Allow,
        raw::AnswerKind::Deny => AnswerKind::Deny,
        raw::AnswerKind::Ask => AnswerKind::Ask,
    };
    if answer == AnswerKind::Allow && prompt == "bash-command" && rule.command.is_none() {
        let found = build.problems.error(place, "a rule that allows every command is no rule");
        found.help("say which, as in command = '^(cargo|pytest) '");
        return None;
    }
    let any = rule.command.as_ref().is_some_and(|command| fits_all(&command.0));
    if answer == AnswerKind::Allow && any {
        let found = build.problems.error(&place.key("command"), "a rule that allows everything is no rule");
        found.help("say what it may be, as in '^(cargo|pytest) '");
        return None;
    }
    Some(AnswerRule {
        prompt: prompt.to_owned(),
        command: rule.command.as_ref().map(|command| command.0.clone()),
        answer,
        max_per_hour: rule.max_per_hour.unwrap_or(PER_HOUR),
    })
}
