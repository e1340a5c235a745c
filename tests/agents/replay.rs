//! Every recording is taken for what it is, at its end and at every moment before.

use super::recordings::{self, Recording};
use jiff::tz::TimeZone;
use nightkeep::agents::profile;
use nightkeep::agents::replay::{Recorded, Replayed, guess, replay};
use nightkeep::core::agent::{Activity, PromptKind};
use nightkeep::core::exit::FailureClass;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use Activity::{Idle, Prompting, Working};
use FailureClass::{Auth, Billing, ContextFull, ProviderDown, Transient, UsageLimit};

/// What each recording is at its end: by scenario and agent the activity and the class.
type Expected = (&'static str, &'static str, Activity, Option<FailureClass>);
const EXPECTED: &[Expected] = &[
    ("aider", "401", Prompting, Some(Auth)),
    ("aider", "429", Working, Some(ProviderDown)),
    ("aider", "500", Idle, Some(ProviderDown)),
    ("aider", "ctx", Idle, Some(ContextFull)),
    ("aider", "firstrun", Idle, None),
    ("aider", "hang", Working, None),
    ("aider", "ok", Idle, None),
    ("aider", "quota", Working, Some(Billing)),
    ("aider", "reset_mid", Working, None),
    ("aider", "slow", Working, None),
    ("aider", "tool_cmd", Prompting, None),
    ("claude", "401", Working, Some(Auth)),
    ("claude", "429", Idle, Some(ProviderDown)),
    ("claude", "500", Idle, Some(ProviderDown)),
    ("claude", "ctx", Idle, Some(ContextFull)),
    ("claude", "firstrun", Idle, Some(Transient)),
    ("claude", "hang", Working, None),
    ("claude", "kill_term", Idle, None),
    ("claude", "ok", Idle, None),
    ("claude", "osc7501_shim_ok", Idle, None),
    ("claude", "osc7501_shim_tool_cmd", Prompting, None),
    ("claude", "quota", Idle, Some(Billing)),
    ("claude", "reset_mid", Idle, None),
    ("claude", "slow", Idle, None),
    ("claude", "tool_cmd", Prompting, None),
    ("claude", "usage_oauth", Idle, Some(UsageLimit)),
    ("codex", "401", Idle, Some(Auth)),
    ("codex", "429", Idle, Some(ProviderDown)),
    ("codex", "500", Idle, Some(ProviderDown)),
    ("codex", "ctx", Idle, Some(ContextFull)),
    ("codex", "firstrun", Prompting, None),
    ("codex", "hang", Working, None),
    // It was killed while it worked; that it ended is not in its output.
    ("codex", "kill_term", Working, None),
    ("codex", "ok", Idle, None),
    ("codex", "quota", Idle, Some(Billing)),
    ("codex", "reset_mid", Idle, Some(Transient)),
    ("codex", "slow", Idle, None),
    ("codex", "tool_cmd", Prompting, None),
    ("codex", "usage", Idle, Some(UsageLimit)),
    ("gemini", "401", Idle, Some(Auth)),
    // It does not show that it tries again.
    ("gemini", "429", Working, None),
    ("gemini", "500", Working, None),
    ("gemini", "ctx", Idle, Some(ContextFull)),
    ("gemini", "firstrun", Prompting, None),
    ("gemini", "hang", Working, None),
    ("gemini", "kill_term", Working, None),
    ("gemini", "ok", Idle, None),
    ("gemini", "quota", Prompting, Some(UsageLimit)),
    ("gemini", "reset_mid", Idle, Some(Transient)),
    ("gemini", "slow", Idle, None),
    ("gemini", "tool_cmd", Prompting, None),
    ("gemini", "usage", Prompting, Some(UsageLimit)),
    ("opencode", "401", Idle, Some(Auth)),
    ("opencode", "429", Idle, Some(ProviderDown)),
    ("opencode", "500", Working, Some(ProviderDown)),
    // It makes its context smaller, again and again.
    ("opencode", "ctx", Working, None),
    ("opencode", "hang", Working, None),
    ("opencode", "kill_term", Idle, None),
    ("opencode", "ok", Idle, None),
    ("opencode", "quota", Working, Some(Billing)),
    ("opencode", "reset_mid", Working, None),
    ("opencode", "slow", Working, None),
    ("opencode", "tool_cmd", Prompting, None),
    ("opencode", "usage", Working, Some(UsageLimit)),
];

pub fn replayed(recording: &Recording) -> Replayed {
    let recorded = Recorded { size: recording.size, end: recording.end, zone: TimeZone::UTC };
    replay(&profile::built_in(&recording.agent).unwrap(), &recording.bytes, &recorded)
}

/// Classes that may be seen on the way to the end; what the end is, is always one of them.
fn on_the_way(agent: &str, scenario: &str) -> &'static [FailureClass] {
    match (agent, scenario) {
        ("claude", "reset_mid") | ("aider", "reset_mid") => &[Transient],
        _ => &[],
    }
}

#[test]
fn every_recording_is_what_it_is_and_never_anything_worse() {
    let mut wrong = Vec::new();
    let mut table: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let all = recordings::all("raw");
    assert_eq!(all.len(), EXPECTED.len(), "a recording without an expectation, or the other way round");
    for recording in all {
        let (agent, scenario) = (recording.agent.as_str(), recording.scenario.as_str());
        let expected = EXPECTED.iter().find(|(a, s, ..)| (*a, *s) == (agent, scenario));
        let &(_, _, activity, class) = expected.unwrap_or_else(|| panic!("nothing is expected of {agent}/{scenario}"));
        let found = replayed(&recording);
        if (found.end.activity, found.end.class) != (activity, class) {
            wrong.push(format!("{agent}/{scenario} ends as {}: {}", found.end.words(), found.end.evidence.join("; ")));
        }
        for (byte, seen) in &found.changes {
            let allowed = |of: FailureClass| Some(of) == class || on_the_way(agent, scenario).contains(&of);
            if seen.class.is_some_and(|of| !allowed(of)) {
                wrong.push(format!("{agent}/{scenario} is {} at byte {byte} ({})", seen.words(), seen.rule));
            }
            let asks = seen.activity == Prompting && activity != Prompting;
            if asks {
                wrong.push(format!("{agent}/{scenario} asks at byte {byte} ({})", seen.rule));
            }
        }
        let sure = found.end.confidence.as_str();
        let cell = format!("{}<br>`{}`, {sure}", found.end.words(), found.end.rule);
        table.entry(scenario.to_owned()).or_default().insert(agent.to_owned(), cell);
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    page(&table);
}

/// Holds the table of the page against what was found; writes it when asked to.
fn page(table: &BTreeMap<String, BTreeMap<String, String>>) {
    let agents = ["claude", "codex", "gemini", "opencode", "aider"];
    let mut text = format!("| recording | {} |\n|---|{}\n", agents.join(" | "), "---|".repeat(agents.len()));
    for (scenario, cells) in table {
        let cell = |agent: &&str| cells.get(*agent).cloned().unwrap_or_default();
        let _ = writeln!(text, "| {scenario} | {} |", agents.iter().map(cell).collect::<Vec<_>>().join(" | "));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/agents.md");
    let old = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- recordings: begin -->\n", "<!-- recordings: end -->");
    let from = old.find(begin).unwrap() + begin.len();
    let to = old.find(end).unwrap();
    let new = format!("{}{text}{}", &old[..from], &old[to..]);
    if std::env::var_os("NIGHTKEEP_WRITE_AGENTS").is_some() {
        std::fs::write(&path, new).unwrap();
    } else {
        assert!(old == new, "docs/agents.md is not what the recordings give; NIGHTKEEP_WRITE_AGENTS=1 writes it");
    }
}

fn one(agent: &str, scenario: &str) -> Recording {
    let mut all = recordings::all("raw").into_iter();
    all.find(|r| (r.agent.as_str(), r.scenario.as_str()) == (agent, scenario)).unwrap()
}

#[test]
fn prompts_are_read_with_command_and_choices() {
    for (agent, question, choices, keys) in [
        ("claude", "Do you want to proceed?", 4, "1 2 3 4"),
        ("codex", "Would you like to run the following command?", 3, "y p esc"),
        ("gemini", "Allow execution of [Shell]?", 3, "1 2 3"),
        ("opencode", "Shell command", 3, ""),
        ("aider", "Run shell command?", 3, "Y N D"),
    ] {
        let prompt = replayed(&one(agent, "tool_cmd")).end.prompt.unwrap();
        assert_eq!((prompt.kind, prompt.about.as_str()), (PromptKind::Permission, "bash-command"), "{agent}");
        assert_eq!(prompt.command.as_deref(), Some("echo made > made_by_agent.txt"), "{agent}");
        assert_eq!((prompt.question.as_str(), prompt.choices.len()), (question, choices), "{agent}: {prompt:?}");
        let shown: Vec<&str> = prompt.choices.iter().filter_map(|choice| choice.key.as_deref()).collect();
        assert_eq!(shown.join(" "), keys, "{agent}");
    }
    let trust = replayed(&one("gemini", "firstrun")).end.prompt.unwrap();
    assert_eq!((trust.kind, trust.choices[0].label.as_str()), (PromptKind::Trust, "Trust folder (gemini-firstrun)"));
}

#[test]
fn limits_end_when_they_say() {
    let claude = replayed(&one("claude", "usage_oauth")).end;
    assert!(claude.resumes, "it said that it goes on by itself");
    let at = |end: &str| end.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    assert_eq!(claude.limit.unwrap().resets.unwrap().0, at("2026-11-21T10:37:00Z"));
    let codex = replayed(&one("codex", "usage")).end;
    assert_eq!(codex.limit.unwrap().resets.unwrap().0, at("2026-11-21T10:34:00Z"));
    assert!(!codex.resumes);
}

#[test]
fn an_agent_is_known_by_its_output() {
    for recording in recordings::all("raw") {
        let (agent, scenario) = (recording.agent.as_str(), recording.scenario.as_str());
        let found = guess(&recording.bytes).name.clone();
        // The first two never came to show who they are.
        let silent = [("opencode", "kill_term"), ("codex", "firstrun")].contains(&(agent, scenario));
        assert!(found == agent || silent, "{agent}/{scenario} is taken for {found}");
    }
}
