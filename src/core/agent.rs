//! What a coding agent in a session does, as its watchers see it: whether it works, waits or asks, and what stopped it.
//!
//! `agents` finds it out; here are the types, and what follows from it. Unknown is a real answer, and every answer names the
//! rule that gave it.

use super::exit::FailureClass;
use super::fact::Fact;
use super::finding::{FindingKind, Found};
use super::ids::AttemptId;
use super::limit::{LimitSeen, RunLimit};
use super::time::Wall;
use super::turn::Turn;
use serde::{Deserialize, Serialize};

/// What a running program does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// It works, or waits for its provider.
    Working,
    /// It is done, or gave up: it waits for the next thing to do.
    Idle,
    /// It asks, and goes on only when somebody answers.
    Prompting,
    /// It should work and does not.
    Stalled,
    /// Nobody knows.
    #[default]
    Unknown,
}

impl Activity {
    /// The word for it in `status --json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Idle => "idle",
            Self::Prompting => "prompting",
            Self::Stalled => "stalled",
            Self::Unknown => "unknown",
        }
    }
}

/// How sure it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// A guess.
    #[default]
    Low,
    /// Likely.
    Medium,
    /// The agent said so itself, or shows what only it can show.
    High,
}

impl Confidence {
    /// The word for it in `status --json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What kind of answer a prompt wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromptKind {
    /// May it run a command, change a file, fetch a page?
    Permission,
    /// A question about the work.
    Question,
    /// Is the folder to be trusted?
    Trust,
    /// What is to be done about a usage limit?
    Limit,
    /// It wants to be logged in.
    Auth,
}

impl PromptKind {
    /// The word for it in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permission => "permission",
            Self::Question => "question",
            Self::Trust => "trust",
            Self::Limit => "limit",
            Self::Auth => "auth",
        }
    }
}

/// One of the answers that a prompt offers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// Its words, harmless.
    pub label: String,
    /// The key that picks it, as the prompt names it: `1`, `y`, `esc`; `None` where it must be gone to.
    pub key: Option<String>,
    /// Whether it is the one that Enter takes now.
    pub selected: bool,
}

/// A question that an agent waits with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// What kind of answer it wants.
    pub kind: PromptKind,
    /// What it is about, as `answers` names it: `bash-command`, `edit`, ... Empty where that is not known.
    #[serde(default)]
    pub about: String,
    /// The question, harmless; empty where it could not be read.
    pub question: String,
    /// The command it would run or the file it would change, if it names one.
    #[serde(default)]
    pub command: Option<String>,
    /// What can be answered, in the order of the screen.
    pub choices: Vec<Choice>,
    /// Since when it stands there unchanged.
    pub stable_since: Wall,
}

impl Prompt {
    /// Whether it asks the same.
    pub fn same(&self, other: &Self) -> bool {
        let labels = |prompt: &Self| prompt.choices.iter().map(|choice| choice.label.clone()).collect::<Vec<_>>();
        (self.kind, &self.about, &self.question, &self.command)
            == (other.kind, &other.about, &other.question, &other.command)
            && labels(self) == labels(other)
    }
    /// The question with what it is about, on one line.
    pub fn text(&self) -> String {
        match (&self.command, self.question.as_str()) {
            (Some(command), "") => command.clone(),
            (Some(command), question) => format!("{question} {command}"),
            (None, question) => question.to_owned(),
        }
    }
}

/// What is known of an agent at a moment: all sources together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentSeen {
    /// The profile it was read by: `claude`, ...
    pub profile: String,
    /// What it does.
    pub activity: Activity,
    /// What kind of failure stopped it, or keeps it trying.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<FailureClass>,
    /// It tries again by itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub retries: bool,
    /// It said that it goes on by itself once its limit is over.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub resumes: bool,
    /// What it said of a usage limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitSeen>,
    /// What it asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Prompt>,
    /// The rule that decided, with its version: `claude/spinner@1`; empty when nothing is known.
    pub rule: String,
    /// How sure it is.
    pub confidence: Confidence,
    /// What was seen, strongest first, harmless.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// Since when it is so.
    pub since: Option<Wall>,
    /// When each line of the evidence was seen, and how far it is trusted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<Weight>,
    /// What it was not let do, with nobody to ask.
    #[serde(skip_serializing_if = "Denied::is_none")]
    pub denied: Denied,
}

/// Permissions that an agent without a screen was denied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Denied {
    /// How many.
    pub count: u32,
    /// What for, the first of them, harmless.
    pub what: Vec<String>,
}

impl Denied {
    /// Whether there were none.
    pub fn is_none(&self) -> bool {
        self.count == 0
    }
}

/// When something was seen, and how far it is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weight {
    /// When.
    pub at: Wall,
    /// Of 100.
    pub score: u8,
}

impl AgentSeen {
    /// Whether another look says the same of what matters; the rule, the words and the time may differ.
    pub fn same(&self, other: &Self) -> bool {
        let reset = |seen: &Self| seen.limit.as_ref().and_then(|limit| limit.resets);
        let prompts = match (&self.prompt, &other.prompt) {
            (Some(a), Some(b)) => a.same(b),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let what = |seen: &Self| (seen.activity, seen.class, seen.retries, seen.resumes, seen.denied.count);
        prompts && what(self) == what(other) && reset(self) == reset(other)
    }
    /// What it does and why, in a line.
    pub fn words(&self) -> String {
        let mut words = self.activity.as_str().to_owned();
        if let Some(class) = self.class {
            words = format!("{words}, {}", class.as_str().replace('_', " "));
        }
        if self.retries {
            words.push_str(", tries again by itself");
        }
        if self.resumes {
            words.push_str(", goes on by itself");
        }
        words
    }
}

impl AgentSeen {
    /// Whether it waits for something that no restart and no nudge brings nearer: an answer, the end of a limit, its own
    /// next try.
    pub fn waits(&self) -> bool {
        self.prompt.is_some() || self.activity == Activity::Prompting || self.retries || self.is_at_limit()
    }
    /// Whether it stands there and goes on only when it is told what to do, whatever came before.
    pub fn stands(&self) -> bool {
        let waits = self.prompt.is_some() || self.retries || self.resumes;
        self.activity == Activity::Idle && self.confidence >= Confidence::Medium && !waits
    }
    /// Whether it is done and waits for the next thing to do: nothing failed, nothing is asked, nothing goes on by itself.
    pub fn is_at_rest(&self) -> bool {
        let waits = self.prompt.is_some() || self.retries || self.resumes || self.class.is_some();
        self.activity == Activity::Idle && self.confidence >= Confidence::Medium && !waits
    }
    /// Whether it stands at a usage limit.
    pub fn is_at_limit(&self) -> bool {
        self.activity == Activity::Idle && self.class == Some(FailureClass::UsageLimit)
    }
    /// The failure that a program that left with a good exit code showed at its end, if it did and that is sure enough.
    pub fn failed_at_end(&self) -> Option<FailureClass> {
        let over = self.activity != Activity::Working || self.retries;
        self.class.filter(|_| over && self.confidence >= Confidence::Medium)
    }
}

impl Turn<'_> {
    /// An agent ended well although it was not let do something: with nobody to ask, it may have left out what mattered.
    pub(super) fn denied_at_end(&mut self, id: &AttemptId) {
        let attempt = self.run(&id.run).and_then(|run| run.attempt(id.number));
        let Some(seen) = attempt.and_then(|attempt| attempt.output.agent.as_deref()) else { return };
        let Denied { count, what } = seen.denied.clone();
        let words = match count {
            0 => {
                return self.resolve(
                    &id.run,
                    FindingKind::Denied,
                    "",
                    &format!("attempt {} was denied nothing", id.number),
                );
            }
            1 => "a good end, but a permission was denied".to_owned(),
            count => format!("a good end, but {count} permissions were denied"),
        };
        let found =
            Found { kind: FindingKind::Denied, subject: String::new(), what: words, evidence: what, acted: None };
        self.found(&id.run, found);
    }

    /// An agent does something else than before. What it met is its provider's matter as well.
    pub(super) fn agent_seen(&mut self, id: &AttemptId, bytes: u64, seen: AgentSeen) {
        let Some(run) = self.run(&id.run) else { return };
        let Some(attempt) = run.attempt(id.number).filter(|attempt| attempt.exit.is_none()) else { return };
        let before = attempt.output.agent.clone();
        if before.as_ref().is_some_and(|before| before.same(&seen)) {
            return;
        }
        let (limit, resets) = (run.limit.clone(), seen.limit.as_ref().and_then(|limit| limit.resets));
        self.fact(Fact::AgentMoved { attempt: id.clone(), bytes, seen: Box::new(seen.clone()) });
        if seen.class == Some(FailureClass::UsageLimit) && resets.is_some() && limit.resets != resets {
            // It runs on: nothing is waited for, but it is known until when nothing comes of it.
            self.fact(Fact::LimitMet { run: id.run.clone(), limit: Box::new(RunLimit { resets, ..limit }) });
        }
        if before.and_then(|before| before.class) != seen.class {
            self.agent_met(id, &seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(question: &str) -> Prompt {
        Prompt {
            kind: PromptKind::Permission,
            about: String::new(),
            question: question.to_owned(),
            command: Some("git push".to_owned()),
            choices: vec![Choice { label: "Yes".to_owned(), ..Choice::default() }],
            stable_since: Wall(1),
        }
    }

    #[test]
    fn the_same_is_what_is_to_be_done_the_same_about() {
        let a = AgentSeen { activity: Activity::Prompting, prompt: Some(prompt("May I?")), ..AgentSeen::default() };
        let later = Prompt { stable_since: Wall(9), ..prompt("May I?") };
        let b =
            AgentSeen { rule: "claude/x@2".to_owned(), prompt: Some(later), evidence: vec!["y".into()], ..a.clone() };
        assert!(a.same(&b));
        assert!(!a.same(&AgentSeen { prompt: Some(prompt("Really?")), ..a.clone() }));
        assert!(!a.same(&AgentSeen { class: Some(FailureClass::UsageLimit), ..a.clone() }));
        assert!(!a.same(&AgentSeen { prompt: None, ..a.clone() }));
    }

    #[test]
    fn old_journals_know_less_of_it() {
        let seen: AgentSeen = serde_json::from_str(r#"{"profile":"claude","activity":"idle"}"#).unwrap();
        assert_eq!((seen.activity, seen.class, seen.confidence), (Activity::Idle, None, Confidence::Low));
    }

    #[test]
    fn a_prompt_in_one_line_names_the_command() {
        assert_eq!(prompt("Do you want to proceed?").text(), "Do you want to proceed? git push");
        assert_eq!(prompt("").text(), "git push");
    }
}
