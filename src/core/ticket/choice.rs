//! Which of a prompt's answers a word means: a number, a key, `yes` and `no`, the words of a choice, a text.

use super::{Say, TEXT_MAX};
use crate::core::agent::{Choice, Prompt, PromptKind};

/// Words for a yes that holds once.
const YES: [&str; 6] = ["allow", "yes", "y", "ok", "approve", "accept"];
/// Words for a no.
const NO: [&str; 5] = ["deny", "no", "n", "reject", "refuse"];
/// How a choice begins that says yes.
const BEGINS_YES: [&str; 7] = ["yes", "allow", "approve", "accept", "proceed", "run", "ok"];
/// How a choice begins that says no.
const BEGINS_NO: [&str; 6] = ["no", "reject", "deny", "decline", "don't allow", "do not allow"];
/// What a choice says that means more than this once.
const LASTING: [&str; 15] = [
    "always",
    "don't ask",
    "do not ask",
    "all ",
    "session",
    "remember",
    "auto",
    "every",
    "any ",
    "future",
    "similar",
    "from now",
    "mode",
    "during",
    "commands that",
];

/// Why a word means none of a prompt's answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Nothing was said.
    #[error("the answer is empty")]
    Empty,
    /// It offers choices, and this is none of them.
    #[error("that is none of its choices: {offers}")]
    NoSuchChoice {
        /// What it offers.
        offers: String,
    },
    /// It offers no choice that says just that.
    #[error("it offers no plain {word}; choose one of: {offers}")]
    NotPlain {
        /// `yes` or `no`.
        word: &'static str,
        /// What it offers.
        offers: String,
    },
    /// What it wants is no text to be typed and journaled.
    #[error("it wants to be logged in; do that on its own screen")]
    Login,
    /// It was not understood what it offers.
    #[error("what can be answered was not understood; answer on its own screen")]
    NotUnderstood,
}

/// The choice that says yes, or no, just this once; `None` when there is none or more than one, as then it is not known
/// what would be agreed to.
pub fn plain(prompt: &Prompt, yes: bool) -> Option<usize> {
    let begins: &[&str] = if yes { &BEGINS_YES } else { &BEGINS_NO };
    let fits = |choice: &Choice| {
        let label = lower(&choice.label);
        let begins = begins
            .iter()
            .any(|word| label.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric())));
        begins && !(yes && is_lasting(&label))
    };
    let mut found = prompt.choices.iter().enumerate().filter(|(_, choice)| fits(choice)).map(|(at, _)| at + 1);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Whether a choice means more than this once.
pub fn is_lasting(label: &str) -> bool {
    let label = lower(label);
    LASTING.iter().any(|word| label.contains(word))
}

/// What a person means.
pub fn meant(prompt: &Prompt, typed: &str) -> Result<Say, Unfit> {
    let word = typed.trim();
    if word.is_empty() {
        return Err(Unfit::Empty);
    }
    if prompt.choices.is_empty() {
        return match prompt.kind {
            PromptKind::Auth => Err(Unfit::Login),
            PromptKind::Question => Ok(Say::Text { text: clean(word)? }),
            PromptKind::Permission | PromptKind::Trust | PromptKind::Limit => Err(Unfit::NotUnderstood),
        };
    }
    let chosen = |number: usize| Ok(Say::Choice { number });
    let small = lower(word);
    let has_key = |choice: &Choice| choice.key.as_deref().is_some_and(|key| lower(key) == small);
    if let Some(at) = prompt.choices.iter().position(has_key) {
        return chosen(at + 1);
    }
    if let Ok(number) = word.parse::<usize>() {
        return match number {
            1.. if number <= prompt.choices.len() => chosen(number),
            _ => Err(Unfit::NoSuchChoice { offers: offers(prompt) }),
        };
    }
    for (words, yes, name) in [(YES.as_slice(), true, "yes"), (NO.as_slice(), false, "no")] {
        if words.contains(&small.as_str()) {
            let found = plain(prompt, yes).ok_or_else(|| Unfit::NotPlain { word: name, offers: offers(prompt) });
            return found.and_then(chosen);
        }
    }
    if let Some(at) = prompt.choices.iter().position(|choice| lower(&choice.label) == small) {
        return chosen(at + 1);
    }
    Err(Unfit::NoSuchChoice { offers: offers(prompt) })
}

/// The words of what is said.
pub fn words(prompt: &Prompt, say: &Say) -> String {
    match say {
        Say::Choice { number } => {
            let label = prompt.choices.get(number.saturating_sub(1)).map_or("", |choice| choice.label.as_str());
            format!("{number} {label}")
        }
        Say::Text { text } => text.clone(),
    }
}

fn offers(prompt: &Prompt) -> String {
    let each = |(at, choice): (usize, &Choice)| match &choice.key {
        Some(key) if *key != (at + 1).to_string() => format!("{} ({key}) {}", at + 1, choice.label),
        Some(_) | None => format!("{} {}", at + 1, choice.label),
    };
    prompt.choices.iter().enumerate().map(each).collect::<Vec<_>>().join(", ")
}

/// The text as it can be typed: one line without what a terminal would act on.
fn clean(text: &str) -> Result<String, Unfit> {
    let text: String = text.chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c }).collect();
    let text: String = text.chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect();
    if text.trim().is_empty() { Err(Unfit::Empty) } else { Ok(text) }
}

fn lower(text: &str) -> String {
    text.trim().to_lowercase().replace('’', "'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Wall;

    fn prompt(kind: PromptKind, choices: &[(&str, Option<&str>)]) -> Prompt {
        let choice = |(label, key): &(&str, Option<&str>)| Choice {
            label: (*label).to_owned(),
            key: key.map(str::to_owned),
            selected: false,
        };
        Prompt {
            kind,
            about: "bash-command".to_owned(),
            question: "Do you want to proceed?".to_owned(),
            command: Some("git push".to_owned()),
            choices: choices.iter().map(choice).collect(),
            stable_since: Wall(0),
        }
    }

    fn claude() -> Prompt {
        prompt(
            PromptKind::Permission,
            &[
                ("Yes", Some("1")),
                ("Yes, and don't ask again for git push commands", Some("2")),
                ("No, and tell Claude what to do differently", Some("3")),
            ],
        )
    }

    #[test]
    fn a_number_a_key_and_a_word_mean_a_choice() {
        let codex = prompt(
            PromptKind::Permission,
            &[("Yes, proceed", Some("y")), ("Yes, and don’t ask again", Some("p")), ("No, and tell it", Some("esc"))],
        );
        let said = |prompt: &Prompt, word: &str| match meant(prompt, word) {
            Ok(Say::Choice { number }) => number,
            Ok(Say::Text { .. }) | Err(_) => 0,
        };
        assert_eq!(["1", "2", "3", "4", "0"].map(|word| said(&claude(), word)), [1, 2, 3, 0, 0]);
        assert_eq!(["allow", "YES", "deny", "no"].map(|word| said(&claude(), word)), [1, 1, 3, 3]);
        assert_eq!(["y", "P", "esc", "n", "2"].map(|word| said(&codex, word)), [1, 2, 3, 3, 2]);
        let gemini = prompt(
            PromptKind::Permission,
            &[("Allow once", None), ("Allow for this session", None), ("No, suggest changes", None)],
        );
        assert_eq!(["allow", "no", "allow for this session"].map(|word| said(&gemini, word)), [1, 3, 2]);
        let aider =
            prompt(PromptKind::Permission, &[("Yes", Some("Y")), ("No", Some("N")), ("Don't ask again", Some("D"))]);
        assert_eq!(["yes", "n", "d"].map(|word| said(&aider, word)), [1, 2, 3]);
    }

    #[test]
    fn a_plain_yes_is_never_one_that_lasts() {
        let lasting =
            prompt(PromptKind::Permission, &[("Yes, allow all edits during this session", None), ("No", None)]);
        assert_eq!(plain(&lasting, true), None);
        assert!(matches!(meant(&lasting, "allow"), Err(Unfit::NotPlain { word: "yes", .. })));
        let two = prompt(PromptKind::Permission, &[("Yes", None), ("Yes, with care", None), ("No", None)]);
        assert_eq!((plain(&two, true), plain(&two, false)), (None, Some(3)));
        assert_eq!(plain(&prompt(PromptKind::Permission, &[("Nothing", None), ("Yesterday", None)]), true), None);
    }

    #[test]
    fn a_question_without_choices_takes_a_text_and_nothing_else_does() {
        let question = prompt(PromptKind::Question, &[]);
        assert_eq!(
            meant(&question, " the small\nbatch\u{1b}[201~ "),
            Ok(Say::Text { text: "the small batch[201~".into() })
        );
        assert_eq!(meant(&question, " "), Err(Unfit::Empty));
        assert_eq!(meant(&prompt(PromptKind::Permission, &[]), "yes"), Err(Unfit::NotUnderstood));
        assert_eq!(meant(&prompt(PromptKind::Auth, &[]), "sk-secret"), Err(Unfit::Login));
        let error = meant(&claude(), "maybe").unwrap_err().to_string();
        assert!(error.starts_with("that is none of its choices: 1 Yes, 2 Yes, and don't ask again"), "{error}");
    }
}
