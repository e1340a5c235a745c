//! What a good file means: defaults, inheritance, forms of writing.

use crate::stub::{clean, outcome, rendered};
use nightkeep::config::{AddRequest, Context, Loaded, parse_session_for_add};
use nightkeep::core::exit::FailureClass;
use nightkeep::core::ids::SessionName;
use nightkeep::core::plan::{
    Check, Command, DependencyOn, FailureMatch, Jitter, OnCrashLoop, OnTmuxLoss, RetryPolicy, SessionPlan,
};
use std::path::Path;
use std::time::Duration;

fn named<'a>(loaded: &'a Loaded, name: &str) -> &'a SessionPlan {
    &loaded.plan.sessions[&SessionName::new(name).unwrap()]
}

#[test]
fn a_session_of_one_line_has_every_default() {
    let loaded = clean("[sessions.a]\ncommand = \"make test\"\n");
    let a = named(&loaded, "a");
    assert_eq!(a.command, Command::Shell("make test".into()));
    assert_eq!(a.dir, Path::new("/night"), "the folder of the file");
    assert_eq!((a.priority, a.timeout, a.disabled), (0, None, false));
    assert_eq!(a.stop_grace, Duration::from_secs(15));
    assert_eq!(a.on_tmux_loss, OnTmuxLoss::Stop);
    assert_eq!(a.retry, RetryPolicy::default());
    assert_eq!(a.success.exit_codes, [0]);
    assert_eq!(a.verify_timeout, Duration::from_secs(600));
    assert_eq!((loaded.plan.concurrent, loaded.plan.log_per_session), (4, Some(1 << 30)));
    assert_eq!(loaded.settings.report_formats.len(), 3);
    assert_eq!(loaded.settings.state, None);
}

#[test]
fn defaults_reach_every_session_and_each_key_of_retry_and_env_is_its_own() {
    let loaded = clean(include_str!("valid/defaults.toml"));
    let a = named(&loaded, "a");
    assert_eq!(a.timeout, Some(Duration::from_secs(3 * 3600)));
    assert_eq!((a.retry.max_attempts, a.retry.initial_delay), (2, Duration::from_secs(30)));
    assert_eq!(a.env.len(), 2);
    assert_eq!((a.env["LEVEL"].as_str(), a.env["MODE"].as_str()), ("debug", "night"));
    let b = named(&loaded, "b");
    assert_eq!(b.timeout, Some(Duration::from_secs(60)));
    assert_eq!((b.retry.max_attempts, b.retry.jitter), (7, Jitter::Full));
    assert_eq!(b.retry.max_delay, Duration::from_secs(600), "no less than the first delay");
}

#[test]
fn retry_is_read_whole() {
    let loaded = clean(include_str!("valid/retry.toml"));
    let a = named(&loaded, "a");
    let expected = RetryPolicy {
        max_attempts: 3,
        initial_delay: Duration::from_millis(200),
        multiplier: 3.0,
        max_delay: Duration::from_secs(60),
        jitter: Jitter::None,
        reset_after: Duration::from_secs(120),
        min_uptime: Duration::from_secs(5),
        crash_loop_count: 3,
        crash_loop_window: Duration::from_secs(60),
        on_crash_loop: OnCrashLoop::Delay,
        retry_on: vec![FailureMatch::Code(75), FailureMatch::Signal(9), FailureMatch::Signal(1)],
        never_on: vec![FailureMatch::Class(FailureClass::Permanent)],
        hard_cap_starts: 10,
    };
    assert_eq!(a.retry, expected);
    assert_eq!(a.stop_grace, Duration::from_secs(2), "from retry");
}

#[test]
fn directories_start_at_the_project_or_the_file() {
    let loaded = clean(
        "[projects.p]\ndir = \"~/code/p\"\n[projects.q]\ndir = \"./q\"\n\
         [sessions.a]\nproject = \"p\"\ncommand = \"x\"\n\
         [sessions.b]\nproject = \"q\"\ndir = \"sub\"\ncommand = \"x\"\n\
         [sessions.c]\ncwd = \"/srv\"\ncommand = \"x\"\n",
    );
    assert_eq!(named(&loaded, "a").dir, Path::new("/home/anna/code/p"));
    assert_eq!(named(&loaded, "b").dir, Path::new("/night/q/sub"));
    assert_eq!(named(&loaded, "c").dir, Path::new("/srv"));
}

#[test]
fn dependencies_and_conditions_have_two_forms() {
    let loaded = clean(
        "[sessions.a]\ncommand = [\"a\"]\n[sessions.b]\ncommand = \"b\"\n\
         after = [\"a\", { session = \"c\", on = \"end\" }]\n\
         success = { exit_codes = [0, 3], require = [\"git_commits>=1\"], forbid = [\"regex:panicked\"] }\n\
         [sessions.c]\ncommand = \"c\"\n",
    );
    let b = named(&loaded, "b");
    let after: Vec<_> = b.after.iter().map(|d| (d.session.as_str(), d.on)).collect();
    assert_eq!(after, [("a", DependencyOn::Success), ("c", DependencyOn::End)]);
    assert_eq!(b.success.exit_codes, [0, 3]);
    assert_eq!(b.success.require[0].check, Check::GitCommits { at_least: 1 });
    assert_eq!(b.success.forbid[0].text, "regex:panicked");
}

#[test]
fn an_agent_gives_the_command_and_is_handed_its_prompt() {
    let argv = |profile: &str, agent: &str, prompt: &str| {
        let loaded = clean(&format!("{profile}\n[sessions.s]\nagent = \"{agent}\"\n{prompt}\n"));
        named(&loaded, "s").command.argv()
    };
    assert_eq!(argv("", "claude", "prompt = \"go\""), ["claude", "go"]);
    assert_eq!(argv("", "codex", "prompt = \"go\""), ["codex", "go"]);
    assert_eq!(argv("", "gemini", "prompt = \"go\""), ["gemini", "--prompt-interactive", "go"]);
    assert_eq!(argv("", "opencode", "prompt = \"go\""), ["opencode", "--prompt", "go"]);
    assert_eq!(argv("", "aider", "prompt = \"go\""), ["aider", "--message", "go"]);
    assert_eq!(argv("", "claude", "prompt_file = \"prompts/plan.md\""), ["claude", "do the plan\n"]);
    assert_eq!(argv("", "claude", "prompt = \"--help\""), ["claude", " --help"], "no option");
    let mine = "[agents.mine]\nextends = \"gemini\"\ncommand = [\"gemini\", \"--yolo\"]";
    assert_eq!(argv(mine, "mine", "prompt = \"go\""), ["gemini", "--yolo", "--prompt-interactive", "go"]);
    let changed = "[agents.claude]\ncommand = [\"claude\", \"-p\"]";
    assert_eq!(argv(changed, "claude", "prompt = \"go\""), ["claude", "-p", "go"]);
    let chain = "[agents.a]\nextends = \"b\"\n[agents.b]\ncommand = [\"b\"]";
    assert_eq!(argv(chain, "a", "prompt = \"go\""), ["b", "go"]);
    let loaded = clean(
        "[defaults]\nagent = \"claude\"\nprompt = \"go\"\n[sessions.s]\ncommand = \"x\"\n[sessions.t]\nprompt = \"on\"\n",
    );
    assert_eq!(named(&loaded, "s").command.display(), "x", "an own command wins over an agent for all");
    assert_eq!(named(&loaded, "t").command.argv(), ["claude", "on"]);
}

#[test]
fn resume_says_until_when_and_how_often_key_by_key() {
    let loaded = clean(
        "[defaults]\nresume = { until = \"06:00\" }\n[sessions.a]\ncommand = \"a\"\n\
         [sessions.b]\ncommand = \"b\"\nresume = { max = 0 }\n[sessions.c]\ncommand = \"c\"\nresume = { until = \"07:15\", max = 3 }\n",
    );
    let resume = |name: &str| {
        let resume = named(&loaded, name).resume;
        (resume.until.map(|until| until.to_string()), resume.max)
    };
    assert_eq!(resume("a"), (Some("06:00".to_owned()), None));
    assert_eq!(resume("b"), (Some("06:00".to_owned()), Some(0)));
    assert_eq!(resume("c"), (Some("07:15".to_owned()), Some(3)));
}

#[test]
fn runaway_is_the_session_s_own_then_its_project_s_then_that_for_all_key_by_key() {
    use nightkeep::core::runaway::OnRunaway;
    let loaded = clean(
        "[defaults]\nrunaway = { requests_per_minute = 90, action = \"alert\" }\n[projects.p]\ndir = \".\"\n\
         runaway = { requests_per_minute = 60 }\n[sessions.a]\ncommand = \"a\"\n[sessions.b]\nproject = \"p\"\ncommand = \"b\"\n\
         [sessions.c]\nproject = \"p\"\ncommand = \"c\"\nrunaway = { tokens_per_minute = 5_000_000, action = \"stop\" }\n",
    );
    let runaway = |name: &str| {
        let policy = named(&loaded, name).runaway;
        (policy.requests_per_minute, policy.tokens_per_minute, policy.action)
    };
    assert_eq!(runaway("a"), (Some(90), None, OnRunaway::Alert));
    assert_eq!(runaway("b"), (Some(60), None, OnRunaway::Alert));
    assert_eq!(runaway("c"), (Some(60), Some(5_000_000), OnRunaway::Stop));
}

#[test]
fn the_full_example_loads_and_says_what_is_not_in_effect_yet() {
    let outcome = outcome(include_str!("valid/full.toml"));
    assert!(outcome.loaded.is_some(), "{}", rendered(&outcome));
    let lines: Vec<String> = outcome.diagnostics.iter().map(ToString::to_string).collect();
    let expected = include_str!("valid/full.warnings").trim_end();
    assert_eq!(lines.join("\n"), expected);
}

#[test]
fn an_added_session_follows_the_defaults_and_the_same_rules() {
    let loaded = clean(include_str!("valid/defaults.toml"));
    let context = Context::default();
    let argv = ["make".to_owned(), "load".to_owned()];
    let add = |name, project, after: &[String], argv: &[String]| {
        let request = AddRequest { name, project, after, priority: Some(5), argv };
        parse_session_for_add(&loaded.plan, &loaded.settings, &context, request)
    };
    let made = add("extra", None, &["a".to_owned()], &argv).unwrap();
    assert_eq!(made.command, Command::Argv(argv.to_vec()));
    assert_eq!((made.priority, made.timeout), (5, Some(Duration::from_secs(3 * 3600))));
    assert_eq!(made.after[0].session.as_str(), "a");
    for (result, fragment) in [
        (add("a", None, &[], &argv), "there is a session `a` already"),
        (add("A", None, &[], &argv), "cannot name a session"),
        (add("x", None, &["none".to_owned()], &argv), "there is no session `none`"),
        (add("x", Some("p"), &[], &argv), "there is no project `p`"),
        (add("x", None, &["off".to_owned()], &argv), "is not enabled"),
        (add("x", None, &[], &[]), "the command is empty"),
    ] {
        let told = result.unwrap_err().to_string();
        assert!(told.contains(fragment), "{told}");
    }
}

#[test]
fn a_difference_is_told_in_lines() {
    let old = clean(
        "[sessions.a]\ncommand = \"x\"\ntimeout = \"1h\"\nenv = { KEY = \"s3cret\" }\n[sessions.b]\ncommand = \"x\"\n",
    )
    .plan;
    let new = clean(
        "[limits]\nconcurrent = 2\n[projects.p]\ndir = \"p\"\n[sessions.a]\ncommand = \"y\"\ntimeout = \"2h\"\n\
         env = { KEY = \"other\" }\nretry = { max_attempts = 1 }\n[sessions.c]\ncommand = \"x\"\n",
    )
    .plan;
    assert_eq!(nightkeep::config::diff(&old, &old), Vec::<String>::new());
    assert_eq!(
        nightkeep::config::diff(&old, &new),
        [
            "concurrent 4 → 2",
            "project p: added",
            "session a: command `x` → `y`",
            "session a: env changed",
            "session a: timeout 1h → 2h",
            "session a: retry changed",
            "session b: removed",
            "session c: added",
        ]
    );
}
