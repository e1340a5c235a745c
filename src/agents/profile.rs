//! Profiles as data: which programs they are for, how their screen is laid out, and the rules.
//!
//! The built-in ones are TOML in the binary, one file each. A pattern is made ready when a screen first may fit it.

use super::screen::Region;
use crate::core::agent::{Activity, PromptKind};
use crate::core::exit::FailureClass;
use crate::core::plan::TypesPrompt;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

/// Largest compiled form of a pattern, in bytes.
const SIZE_MAX: usize = 4 << 20;
/// The same of a pattern that is not built in.
pub const OWN_SIZE_MAX: usize = 1 << 20;
/// Longest pattern, in bytes.
pub const PATTERN_MAX: usize = 2000;

/// A regular expression in which `^` and `$` stand for the ends of a row, made ready at its first use.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Pattern {
    text: String,
    #[serde(skip)]
    ready: OnceLock<Option<Regex>>,
}

impl fmt::Debug for Pattern {
    /// Whether it is ready is no part of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), ready: OnceLock::new() }
    }
}

/// Makes a pattern of a rule ready.
///
/// # Errors
/// It is no regular expression, or it is too large.
pub fn compile(text: &str) -> Result<Regex, String> {
    if text.len() > PATTERN_MAX {
        return Err(format!("it is longer than {PATTERN_MAX} bytes"));
    }
    compile_within(text, SIZE_MAX).map_err(|e| e.to_string())
}

/// The same within a limit of bytes.
///
/// # Errors
/// It is no regular expression, or it is larger.
pub fn compile_within(text: &str, most: usize) -> Result<Regex, regex::Error> {
    let mut builder = RegexBuilder::new(text);
    builder.multi_line(true).size_limit(most).dfa_size_limit(SIZE_MAX / 4).nest_limit(100).build()
}

impl Pattern {
    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
    /// It, ready; `None` when it cannot be used, which is told where it is read.
    pub fn regex(&self) -> Option<&Regex> {
        self.ready.get_or_init(|| compile(&self.text).ok()).as_ref()
    }
    /// Whether it is found in a text.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }
}

impl Layout {
    /// This one where the other says nothing. Rows that say nothing are those of both.
    pub fn changed(&self, own: &Self) -> Self {
        let or = |own: &Option<Pattern>, old: &Option<Pattern>| own.clone().or_else(|| old.clone());
        Self {
            composer: or(&own.composer, &self.composer),
            composer_below: or(&own.composer_below, &self.composer_below),
            composer_box: or(&own.composer_box, &self.composer_box),
            never_below: or(&own.never_below, &self.never_below),
            turn: or(&own.turn, &self.turn),
            turn_below: or(&own.turn_below, &self.turn_below),
            dialog: or(&own.dialog, &self.dialog),
            ignore: self.ignore.iter().chain(&own.ignore).cloned().collect(),
            border: self.border || own.border,
            lit: own.lit.clone().or_else(|| self.lit.clone()),
            panel: own.panel.or(self.panel),
        }
    }
}

/// How a screen is laid out.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Layout {
    /// The row that one types into; the lowest that fits.
    pub composer: Option<Pattern>,
    /// The row with text above it must look so.
    pub composer_below: Option<Pattern>,
    /// Rows above it that belong to it.
    pub composer_box: Option<Pattern>,
    /// A row that never stands below the composer.
    pub never_below: Option<Pattern>,
    /// The row of something that was asked.
    pub turn: Option<Pattern>,
    /// The row with text above that must look so.
    pub turn_below: Option<Pattern>,
    /// The first row of a dialog.
    pub dialog: Option<Pattern>,
    /// Rows that say nothing.
    pub ignore: Vec<Pattern>,
    /// Frames around a dialog are taken off before it is read.
    pub border: bool,
    /// What stands in a row of choices of which one has a colour behind it, and no other mark.
    pub lit: Option<String>,
    /// Columns at the right that are a panel of their own on a wide screen, and no part of the conversation.
    pub panel: Option<u16>,
}

/// A condition on another part of the screen.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Which part.
    pub region: Region,
    /// What must be found there.
    pub regex: Pattern,
}

/// How a prompt is read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptRule {
    /// What kind of answer it wants.
    pub kind: PromptKind,
    /// What it is about, as `answers` names it.
    #[serde(default)]
    pub about: String,
    /// Its question: the first group, or all of it.
    #[serde(default)]
    pub question: Option<Pattern>,
    /// The command or file: the first group, or all of it.
    #[serde(default)]
    pub command: Option<Pattern>,
    /// One choice: groups `key`, `label` and `selected`.
    #[serde(default)]
    pub choice: Option<Pattern>,
}

/// A rule on a screen or a title.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name within the profile.
    pub id: String,
    /// Raised with each change of what it finds.
    #[serde(default = "one")]
    pub version: u32,
    /// It is none of those in the binary.
    #[serde(skip)]
    pub own: bool,
    /// The highest that fits decides.
    #[serde(default)]
    pub priority: i32,
    /// The part it looks at.
    pub region: Region,
    /// Words that must stand there; looked for before any pattern.
    #[serde(default)]
    pub contains: Vec<String>,
    /// Patterns that must all be found.
    #[serde(default)]
    pub regex: Vec<Pattern>,
    /// Patterns of which none may be found.
    #[serde(default)]
    pub not: Vec<Pattern>,
    /// What must hold of other parts.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// What must not hold of other parts.
    #[serde(default)]
    pub unless: Vec<Condition>,
    /// The row that the first pattern is found in begins in one of these colours, or in the default one.
    #[serde(default)]
    pub color: Vec<String>,
    /// What the agent does.
    #[serde(default)]
    pub activity: Option<Activity>,
    /// What kind of failure it is; with `error`, when no text of an error is known.
    #[serde(default)]
    pub class: Option<FailureClass>,
    /// Where the text of an error stands, its last place: the group `error`, or all of it. Its class is looked up.
    #[serde(default)]
    pub error: Option<Pattern>,
    /// It tries again by itself.
    #[serde(default)]
    pub retries: bool,
    /// It will go on by itself when its limit is over.
    #[serde(default)]
    pub resumes: bool,
    /// How far it is to be trusted, 0 to 100.
    #[serde(default = "sixty")]
    pub score: u8,
    /// How the prompt is read.
    #[serde(default)]
    pub prompt: Option<PromptRule>,
}

/// A text of an error and what it means.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorText {
    /// Its name within the profile.
    pub id: String,
    /// Raised with each change.
    #[serde(default = "one")]
    pub version: u32,
    /// It is none of those in the binary.
    #[serde(skip)]
    pub own: bool,
    /// What it looks like; the text is one line, in lower case.
    pub regex: Pattern,
    /// What it means; none is no failure.
    #[serde(default)]
    pub class: Option<FailureClass>,
}

fn one() -> u32 {
    1
}

fn sixty() -> u8 {
    60
}

/// How an agent is started, and how it is taken up again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Starting {
    /// Arguments by which it takes an id that we choose for a new conversation; `{id}` stands for it.
    pub assign: Vec<String>,
    /// Arguments by which it goes on with a conversation; `{id}` stands for its id.
    pub resume: Vec<String>,
    /// Arguments by which it reads settings for this start only; `{file}` stands for their file.
    pub settings: Vec<String>,
    /// Events that it calls hooks at, of those that tell what it does.
    pub hooks: Vec<String>,
    /// Arguments that say which conversation it has: a command with one of them keeps its own.
    pub chosen: Vec<String>,
    /// When its prompt is no argument, but typed.
    pub types_prompt: TypesPrompt,
    /// How it is made to tell what happens in it while it runs.
    pub stream: Option<Streaming>,
}

/// How a program is made to serve its events to this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Streaming {
    /// Pairs of an argument and its value; `{port}` stands for a free port. The first pair names the port.
    pub arguments: Vec<[String; 2]>,
    /// A command with one of these words is no program with a screen, or serves others.
    pub unless: Vec<String>,
    /// The variable with the password that it asks for.
    pub password: String,
    /// The name that goes with it ...
    pub user: String,
    /// ... unless this variable has another.
    pub user_variable: String,
}

impl Starting {
    /// Whether an argument says which conversation it has.
    pub fn is_chosen(&self, word: &str) -> bool {
        self.chosen.iter().any(|known| known == word.split('=').next().unwrap_or(word))
    }
    /// Whether a command says so itself.
    pub fn has_chosen(&self, command: &[String]) -> bool {
        command.iter().skip(1).any(|word| self.is_chosen(word))
    }
}

/// Everything about one agent.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Programs that it is, by file name.
    pub programs: Vec<String>,
    /// Names it gives itself in the Program Status Protocol.
    pub app: Vec<String>,
    /// Words on its first screens, all of which show that it is this agent.
    pub banner: Vec<String>,
    /// How it is started.
    pub start: Starting,
    /// How its screen is laid out.
    pub layout: Layout,
    /// The rules, the highest priority first.
    pub rules: Vec<Rule>,
    /// What its errors say.
    pub errors: Vec<ErrorText>,
}

/// The agents that nightkeep knows by itself, and the files with what it knows.
const BUILT_IN: [(&str, &str); 6] = [
    ("claude", include_str!("profiles/claude.toml")),
    ("codex", include_str!("profiles/codex.toml")),
    ("gemini", include_str!("profiles/gemini.toml")),
    ("opencode", include_str!("profiles/opencode.toml")),
    ("aider", include_str!("profiles/aider.toml")),
    (GENERIC, include_str!("profiles/generic.toml")),
];

/// The profile for programs that nothing is known of.
pub const GENERIC: &str = "generic";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Common {
    errors: Vec<ErrorText>,
}

static COMMON: LazyLock<Vec<ErrorText>> = LazyLock::new(|| {
    let common: Common = toml::from_str(include_str!("profiles/common.toml")).expect("a constant file");
    common.errors
});

type Slot = OnceLock<Arc<Profile>>;
static READY: [Slot; BUILT_IN.len()] = [const { OnceLock::new() }; BUILT_IN.len()];

/// A built-in profile.
pub fn built_in(name: &str) -> Option<Arc<Profile>> {
    let at = BUILT_IN.iter().position(|(known, _)| *known == name)?;
    let slot = READY.get(at)?;
    Some(Arc::clone(slot.get_or_init(|| Arc::new(Profile::read(BUILT_IN[at].1).expect("a constant file")))))
}

/// Names of the built-in profiles.
pub fn built_in_names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// The agent that a program is, by the name of its file.
pub fn of_program(program: &str) -> Option<&'static str> {
    let name = program.rsplit('/').next().unwrap_or(program);
    let agents = BUILT_IN.iter().map(|(name, _)| *name).filter(|name| *name != GENERIC);
    // The names are known without reading the files; a profile may name more.
    let mut named = agents.clone().filter(|agent| *agent == name);
    named
        .next()
        .or_else(|| agents.clone().find(|agent| built_in(agent).is_some_and(|p| p.programs.iter().any(|n| n == name))))
}

impl Profile {
    fn read(text: &str) -> Result<Self, toml::de::Error> {
        let mut profile: Self = toml::from_str(text)?;
        profile.sort();
        profile.errors.extend(COMMON.iter().cloned());
        Ok(profile)
    }
    fn sort(&mut self) {
        self.rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
    }
    /// The name of a rule in verdicts: `claude/spinner@1`.
    pub fn rule_name(&self, id: &str, version: u32) -> String {
        format!("{}/{id}@{version}", self.name)
    }
    /// The same of a rule that may be somebody's own: `claude/spinner@1+own`.
    pub fn name_of(&self, id: &str, version: u32, own: bool) -> String {
        let name = self.rule_name(id, version);
        if own { name + "+own" } else { name }
    }
    /// The same under another name, without the rules and texts of these names.
    pub fn without(&self, name: &str, ids: &[String]) -> Self {
        let mut profile = Self { name: name.to_owned(), ..self.clone() };
        profile.rules.retain(|rule| !ids.contains(&rule.id));
        profile.errors.retain(|error| !ids.contains(&error.id));
        profile
    }
    /// The same under another name, with rules added; one with a known name takes the place of that.
    pub fn changed(&self, name: &str, rules: &[Rule], errors: &[ErrorText]) -> Self {
        let mut profile = Self { name: name.to_owned(), ..self.clone() };
        profile.rules.retain(|old| !rules.iter().any(|new| new.id == old.id));
        profile.rules.extend(rules.iter().cloned());
        profile.sort();
        profile.errors.retain(|old| !errors.iter().any(|new| new.id == old.id));
        profile.errors = errors.iter().cloned().chain(profile.errors).collect();
        profile
    }
    /// What the text of an error means: its name and class. The first that fits.
    pub fn error(&self, text: &str) -> Option<(String, Option<FailureClass>)> {
        let line = one_line(text).to_lowercase();
        let found = self.errors.iter().find(|error| error.regex.is_match(&line))?;
        Some((self.name_of(&found.id, found.version, found.own), found.class))
    }
    /// All rules by name, with what they look at: for `rules list`.
    pub fn listed(&self) -> BTreeMap<String, &Rule> {
        self.rules.iter().map(|rule| (self.name_of(&rule.id, rule.version, rule.own), rule)).collect()
    }
}

/// Most characters of an error's text that are looked at.
const ERROR_MAX: usize = 1200;

/// A text over several rows as one line, bounded.
pub fn one_line(text: &str) -> String {
    let marks = |c: char| matches!(c, '│' | '┃' | '⬝' | '■' | '█' | '░');
    let text: String = text.chars().map(|c| if marks(c) { ' ' } else { c }).take(ERROR_MAX).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_file_is_read_and_every_pattern_is_ready() {
        for name in built_in_names() {
            let profile = built_in(name).unwrap();
            assert_eq!(profile.name, name);
            let of_rules = profile.rules.iter().flat_map(|rule| {
                let prompt =
                    rule.prompt.iter().flat_map(|p| [&p.question, &p.command, &p.choice].into_iter().flatten());
                let when = rule.when.iter().chain(&rule.unless).map(|when| &when.regex);
                rule.regex.iter().chain(&rule.not).chain(&rule.error).chain(when).chain(prompt)
            });
            let layout = &profile.layout;
            let of_layout = [
                &layout.composer,
                &layout.composer_below,
                &layout.composer_box,
                &layout.never_below,
                &layout.turn,
                &layout.turn_below,
                &layout.dialog,
            ];
            let of_layout = of_layout.into_iter().flatten().chain(&layout.ignore);
            let of_errors = profile.errors.iter().map(|error| &error.regex);
            for pattern in of_rules.chain(of_layout).chain(of_errors) {
                compile(pattern.as_str()).unwrap_or_else(|e| panic!("{name}: {}: {e}", pattern.as_str()));
            }
            let ids: std::collections::BTreeSet<&str> = profile.rules.iter().map(|rule| rule.id.as_str()).collect();
            assert_eq!(ids.len(), profile.rules.len(), "{name}: two rules of one name");
            for rule in &profile.rules {
                assert!(!rule.regex.is_empty() || !rule.contains.is_empty(), "{name}/{} fits everything", rule.id);
                assert!(rule.activity.is_some() || rule.class.is_some(), "{name}/{} finds nothing", rule.id);
            }
        }
    }

    #[test]
    fn programs_are_known_by_their_file_name() {
        assert_eq!(of_program("/usr/local/bin/claude"), Some("claude"));
        assert_eq!(of_program("aider"), Some("aider"));
        assert_eq!(of_program("claude-squad"), None);
        assert_eq!(of_program("generic"), None);
    }

    #[test]
    fn errors_mean_what_they_say() {
        use FailureClass as C;
        for (agent, text, class) in [
            (
                "claude",
                "API Error: Request rejected (429) · This request would exceed your rate limit.",
                C::ProviderDown,
            ),
            ("claude", "API Error: Repeated 529 Overloaded errors. The API is at capacity", C::ProviderDown),
            ("claude", "API Error: 500 Internal server error. This is a server-side issue", C::ProviderDown),
            ("claude", "API Error: Connection dropped (ECONNRESET)", C::Transient),
            ("claude", "You've hit your 5-hour limit · resets 10:37am (UTC)", C::UsageLimit),
            ("claude", "You've hit your weekly limit · resets 3am (Europe/London)", C::UsageLimit),
            ("claude", "Credit balance too low · Add funds: https://x", C::Billing),
            ("claude", "Prompt is too long · the request is ~210000 tokens (limit 200000)", C::ContextFull),
            ("claude", "Please run /login · API Error: 403 forbidden", C::Auth),
            ("claude", "API Error: API returned an empty or malformed response (HTTP 200)", C::Permanent),
            ("codex", "You’ve hit your usage limit. Upgrade to Pro or try again at 10:34 AM.", C::UsageLimit),
            ("codex", "Quota exceeded. Check your plan and billing details.", C::Billing),
            ("codex", "Codex ran out of room in the model's context window.", C::ContextFull),
            ("codex", "exceeded retry limit, last status: 429 Too Many Requests", C::ProviderDown),
            ("codex", "We’re currently experiencing high demand, which may cause temporary errors.", C::ProviderDown),
            ("codex", "stream disconnected before completion: error sending request", C::Transient),
            ("gemini", "You have exhausted your daily quota on this model.", C::UsageLimit),
            (
                "gemini",
                "{\"error\":{\"code\":400,\"message\":\"API key not valid. Please pass a valid API key.",
                C::Auth,
            ),
            ("gemini", "The input token count (1200000) exceeds the maximum number of tokens", C::ContextFull),
            ("gemini", "Model stream ended without a finish reason.", C::Transient),
            ("opencode", "The usage limit has been reached", C::UsageLimit),
            ("opencode", "You exceeded your current quota, please check your plan and billing details.", C::Billing),
            (
                "opencode",
                "⬝Rate⬝limit reached for gpt-5 in organization org-x on tokens per min (TPM)",
                C::ProviderDown,
            ),
            ("opencode", "Cannot connect to API: Unable to connect", C::Transient),
            ("aider", "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached", C::ProviderDown),
            ("aider", "litellm.AuthenticationError: OpenAIException - Incorrect API key provided", C::Auth),
            ("aider", "litellm.APIConnectionError: [Errno 104] Connection reset by peer", C::Transient),
            ("aider", "litellm.BadRequestError: Your input exceeds the context window of this model.", C::ContextFull),
        ] {
            let found = built_in(agent).unwrap().error(text);
            assert_eq!(found.as_ref().and_then(|(_, class)| *class), Some(class), "{agent}: {text}: {found:?}");
        }
        assert_eq!(built_in("claude").unwrap().error("it is a nice day"), None);
    }
}
