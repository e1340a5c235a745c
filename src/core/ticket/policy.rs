//! Whether a rule of the file answers a prompt, and with what. In doubt a person is asked.
//!
//! A command is given to a rule only when it is a single simple one: whatever a shell would do beyond running the one
//! program that the rule names (a second command, a pipe, a redirection, a substitution, a variable) means a person.

use super::choice::plain;
use super::{Asked, Tickets};
use crate::core::agent::{Prompt, PromptKind};
use crate::core::ids::SessionName;
use crate::core::time::Wall;
use regex::Regex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Most answers of a rule in an hour, when the file does not say.
pub const PER_HOUR: u32 = 20;

/// What a rule answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// Yes, this once.
    Allow,
    /// No.
    Deny,
    /// A person is asked.
    Ask,
}

impl AnswerKind {
    /// The word for it in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Ask => "ask",
        }
    }
}

/// `[[sessions.X.answers]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerRule {
    /// What the prompt is about: `bash-command`, `edit`, ...
    pub prompt: String,
    /// The whole command must begin with a match of this; `None` fits any.
    #[serde(default)]
    pub command: Option<String>,
    /// What is answered.
    pub answer: AnswerKind,
    /// Most answers in an hour.
    pub max_per_hour: u32,
}

impl AnswerRule {
    /// What stands in the journal for it, so that a later change of the file does not hide what answered.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        let command = self.command.as_deref().unwrap_or("\u{1}");
        for part in [self.prompt.as_str(), command, self.answer.as_str(), &self.max_per_hour.to_string()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hash.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect()
    }
    /// The rule as people read it.
    pub fn words(&self) -> String {
        let command = self.command.as_ref().map_or_else(String::new, |command| format!(" {command}"));
        format!("{} {}{command}", self.answer.as_str(), self.prompt)
    }
}

/// The rule that answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByRule {
    /// Its hash, as [`AnswerRule::hash`].
    pub hash: String,
    /// It, as people read it.
    pub words: String,
}

/// What the rules say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// This is answered.
    Answer {
        /// The place of the choice, from 1.
        number: usize,
        /// The rule.
        rule: ByRule,
    },
    /// A person is asked; why, when a rule was near.
    Person {
        /// In words.
        why: Option<String>,
    },
}

/// What a session's rules say of a prompt. The first one that fits decides.
pub fn judge(rules: &[AnswerRule], asked: &Asked, tickets: &Tickets, (session, now): (&SessionName, Wall)) -> Ruling {
    let person = |why: Option<String>| Ruling::Person { why };
    let prompt = &asked.prompt;
    match prompt.kind {
        PromptKind::Permission => {}
        PromptKind::Question | PromptKind::Trust | PromptKind::Limit | PromptKind::Auth => return person(None),
    }
    let mut of_kind = rules.iter().filter(|rule| rule.prompt == prompt.about).peekable();
    if of_kind.peek().is_none() {
        return person(None);
    }
    if let Some(command) = &prompt.command
        && let Err(why) = is_plain(command, prompt)
    {
        return person(Some(format!("no rule answers it: {why}")));
    }
    let Some(rule) = of_kind.find(|rule| fits(rule, prompt)) else {
        return person(Some("no rule fits its command".to_owned()));
    };
    let yes = match rule.answer {
        AnswerKind::Allow => true,
        AnswerKind::Deny => false,
        AnswerKind::Ask => return person(Some(format!("a rule says so: {}", rule.words()))),
    };
    let hash = rule.hash();
    let before = tickets.answered_by(session, &hash, now);
    if before >= usize::try_from(rule.max_per_hour).unwrap_or(usize::MAX) {
        let why = format!("the rule {} answered {before} times within an hour, its most", rule.words());
        return person(Some(why));
    }
    match plain(prompt, yes) {
        Some(number) => Ruling::Answer { number, rule: ByRule { hash, words: rule.words() } },
        None => {
            let word = if yes { "yes" } else { "no" };
            person(Some(format!("it offers no single plain {word}")))
        }
    }
}

/// Whether a rule is for this command.
fn fits(rule: &AnswerRule, prompt: &Prompt) -> bool {
    match (&rule.command, &prompt.command) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(pattern), Some(command)) => begins_with(pattern, command),
    }
}

/// Whether a command begins with what the pattern of a rule names. A pattern that cannot be read fits nothing; the file
/// is checked when it is loaded.
pub fn begins_with(pattern: &str, command: &str) -> bool {
    Regex::new(&format!(r"\A(?:{pattern})")).is_ok_and(|regex| regex.is_match(command))
}

/// Whether it is all told by its words; the error says why not.
fn is_plain(command: &str, prompt: &Prompt) -> Result<(), &'static str> {
    if command.ends_with('…') {
        return Err("its command is longer than what could be read");
    }
    if command.chars().any(|c| c == '\n' || c == '\r') {
        return Err("its command has more than one line");
    }
    if command.chars().any(misleads) {
        return Err("its command has characters that mislead the eye");
    }
    match prompt.about.as_str() {
        "edit" | "write" | "read" | "fetch" => {
            if command.split(['/', '\\']).any(|part| part == "..") {
                return Err("its path leads out of where it begins");
            }
            Ok(())
        }
        _ => is_simple(command),
    }
}

fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffd}' | '\u{ad}')
}

/// Whether a shell would run one program with these words and do nothing else; the error says why not.
pub fn is_simple(command: &str) -> Result<(), &'static str> {
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (_, '\n' | '\r') => return Err("its command has more than one line"),
            (_, '\\') => return Err("its command has a backslash"),
            (_, '$') => return Err("its command has a variable or a substitution"),
            (_, '`') => return Err("its command has a substitution"),
            (Some(_), _) => {}
            (None, ';' | '&' | '|') => return Err("it is more than one command"),
            (None, '<' | '>') => return Err("its command redirects input or output"),
            (None, '(' | ')' | '{' | '}') => return Err("its command has a group or a subshell"),
            (None, '!' | '#') => return Err("its command has a word that the shell treats in its own way"),
            (None, _) => {}
        }
    }
    if quote.is_some() { Err("a quote in its command is not closed") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::agent::Choice;
    use proptest::prelude::*;

    fn rule(command: &str) -> AnswerRule {
        AnswerRule {
            prompt: "bash-command".to_owned(),
            command: Some(command.to_owned()),
            answer: AnswerKind::Allow,
            max_per_hour: 20,
        }
    }

    fn asked(about: &str, command: &str) -> Asked {
        let choice = |label: &str| Choice { label: label.to_owned(), ..Choice::default() };
        Asked {
            prompt: Prompt {
                kind: PromptKind::Permission,
                about: about.to_owned(),
                question: "Do you want to proceed?".to_owned(),
                command: Some(command.to_owned()),
                choices: vec![choice("Yes"), choice("Yes, and don't ask again"), choice("No")],
                stable_since: Wall(0),
            },
            profile: "claude".to_owned(),
            rule: "claude/permission-bash@1".to_owned(),
            version: None,
            stable: true,
        }
    }

    fn ruling(rules: &[AnswerRule], asked: &Asked) -> Ruling {
        judge(rules, asked, &Tickets::default(), (&SessionName::new("a").unwrap(), Wall(0)))
    }

    fn number(rules: &[AnswerRule], about: &str, command: &str) -> Option<usize> {
        match ruling(rules, &asked(about, command)) {
            Ruling::Answer { number, .. } => Some(number),
            Ruling::Person { .. } => None,
        }
    }

    const TRUSTED: &str = "^(cargo|pytest|git (status|diff|log)) ";

    #[test]
    fn a_rule_answers_a_simple_command_that_begins_as_it_says() {
        for command in ["cargo test --lib", "git status -s", "pytest -q 'a; b'", "cargo run -- \"a | b\""] {
            assert_eq!(number(&[rule(TRUSTED)], "bash-command", command), Some(1), "{command}");
        }
        for command in ["git push origin", "mycargo test", "sudo cargo test", "", "cargotest x"] {
            assert_eq!(number(&[rule(TRUSTED)], "bash-command", command), None, "{command}");
        }
        assert_eq!(number(&[rule("cargo ")], "bash-command", "evil; cargo test"), None, "the pattern is anchored");
        assert_eq!(number(&[rule("cargo ")], "bash-command", "evil cargo test"), None, "the pattern is anchored");
        assert_eq!(number(&[rule("a|cargo ")], "bash-command", "evil cargo test"), None, "each branch is anchored");
        assert_eq!(number(&[rule(TRUSTED)], "edit", "cargo test"), None, "it is for another prompt");
    }

    #[test]
    fn whatever_does_more_than_one_thing_is_asked_about() {
        let hidden = [
            "cargo test; rm -rf /",
            "cargo test && rm -rf /",
            "cargo test || rm -rf /",
            "cargo test & rm -rf /",
            "cargo test | sh",
            "cargo test |& sh",
            "cargo test $(rm -rf /)",
            "cargo test \"$(rm -rf /)\"",
            "cargo test `rm -rf /`",
            "cargo test \"`rm -rf /`\"",
            "cargo test\nrm -rf /",
            "cargo test\rrm -rf /",
            "cargo test > ~/.bashrc",
            "cargo test >> ~/.bashrc",
            "cargo test < /etc/passwd",
            "cargo test <(rm -rf /)",
            "cargo test $IFS",
            "cargo test ${x}",
            "cargo test {a,b}",
            "cargo test 'a' ; 'b'",
            "cargo test \\\nrm",
            "cargo test 'unclosed",
            "cargo test \"un'closed",
            "cargo test (rm)",
            "cargo test # ; rm",
            "cargo test !rm",
            "cargo test $'\\n'",
            "cargo test \u{202e}fr- mr",
            "cargo test \u{7}",
            "cargo test with an end that was cut…",
        ];
        for command in hidden {
            assert_eq!(number(&[rule(TRUSTED)], "bash-command", command), None, "{command:?}");
        }
        let why = ruling(&[rule(TRUSTED)], &asked("bash-command", "cargo test; rm -rf /"));
        let said = "no rule answers it: it is more than one command".to_owned();
        assert_eq!(why, Ruling::Person { why: Some(said) });
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_its_number_is_capped() {
        let ask = AnswerRule { answer: AnswerKind::Ask, ..rule("^cargo publish") };
        let deny = AnswerRule { answer: AnswerKind::Deny, ..rule("^cargo login") };
        let rules = [ask, deny, rule("^cargo ")];
        assert_eq!(number(&rules, "bash-command", "cargo publish now"), None);
        assert_eq!(number(&rules, "bash-command", "cargo login now"), Some(3));
        assert_eq!(number(&rules, "bash-command", "cargo test now"), Some(1));
        let mut tickets = Tickets::default();
        let one = AnswerRule { max_per_hour: 1, ..rule("^cargo ") };
        let (name, asked) = (SessionName::new("a").unwrap(), asked("bash-command", "cargo test"));
        tickets.by_rule.insert(format!("a {}", one.hash()), vec![Wall(1_000)]);
        let at = |ms| judge(std::slice::from_ref(&one), &asked, &tickets, (&name, Wall(ms)));
        assert!(matches!(at(3_600_999), Ruling::Person { why: Some(_) }));
        assert!(matches!(at(3_601_000), Ruling::Answer { .. }));
        assert!(matches!(at(0), Ruling::Person { .. }), "a clock that was set back gives no answers away");
    }

    #[test]
    fn only_permissions_are_answered_and_paths_stay_below() {
        let edit = AnswerRule { prompt: "edit".to_owned(), ..rule("^src/") };
        assert_eq!(number(std::slice::from_ref(&edit), "edit", "src/a (1).rs"), Some(1));
        assert_eq!(number(std::slice::from_ref(&edit), "edit", "src/../../.ssh/id"), None);
        let any = AnswerRule { command: None, prompt: "plan".to_owned(), ..rule("") };
        for kind in [PromptKind::Trust, PromptKind::Limit, PromptKind::Auth, PromptKind::Question] {
            let mut asked = asked("plan", "x");
            asked.prompt.kind = kind;
            assert_eq!(ruling(std::slice::from_ref(&any), &asked), Ruling::Person { why: None });
        }
    }

    #[test]
    fn a_hash_names_what_a_rule_says() {
        let (a, b) = (rule("^a"), rule("^b"));
        assert_ne!(a.hash(), b.hash());
        assert_eq!(a.hash(), rule("^a").hash());
        assert_ne!(a.hash(), AnswerRule { max_per_hour: 2, ..a.clone() }.hash());
        assert_ne!(a.hash(), AnswerRule { command: None, ..a.clone() }.hash());
    }

    proptest! {
        /// What is taken for simple is what a shell splits into words and no more.
        #[test]
        fn nothing_with_a_mark_of_the_shell_outside_quotes_is_simple(
            before in "[a-z ]{0,12}",
            mark in prop::sample::select(vec![";", "&", "|", "<", ">", "(", ")", "`", "$", "\n", "\\", "{", "}"]),
            after in "[a-z ]{0,12}",
        ) {
            let bare = format!("{before}{mark}{after}");
            prop_assert!(is_simple(&bare).is_err());
            let quoted = format!("cargo '{bare}'");
            prop_assert!(is_simple(&quoted).is_ok());
        }
    }
}
