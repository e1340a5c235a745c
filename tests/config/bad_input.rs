//! A table of bad files: each problem with its place and the words that must be in it.

use crate::stub::{clean, of, outcome, rendered};
use nightkeep::config::Severity;
use std::fmt::Write;

/// Checks that a file gives exactly these errors: line:column and a fragment of message or hint.
#[track_caller]
fn errors(text: &str, expected: &[(&str, &str)]) {
    told(text, Severity::Error, expected);
}

#[track_caller]
fn warnings(text: &str, expected: &[(&str, &str)]) {
    let outcome = outcome(text);
    assert!(outcome.loaded.is_some(), "{}", rendered(&outcome));
    told(text, Severity::Warning, expected);
}

#[track_caller]
fn told(text: &str, severity: Severity, expected: &[(&str, &str)]) {
    let outcome = outcome(text);
    let told = of(&outcome, severity);
    for (place, fragment) in expected {
        let location = format!("sessions.toml:{place}");
        let hit = told.iter().any(|d| d.location() == location && d.to_string().contains(fragment));
        assert!(hit, "{place} {fragment:?} is missing in\n{}", rendered(&outcome));
    }
    assert_eq!(told.len(), expected.len(), "{}", rendered(&outcome));
}

/// A session with one more line.
fn session(line: &str) -> String {
    format!("[sessions.a]\ncommand = \"x\"\n{line}\n")
}

#[track_caller]
fn session_error(line: &str, column: usize, fragment: &str) {
    errors(&session(line), &[(&format!("3:{column}"), fragment)]);
}

#[test]
fn an_empty_file_is_valid_and_says_so() {
    for text in ["", "# nothing\n", "\r\n\r\n"] {
        let outcome = outcome(text);
        assert!(outcome.loaded.is_some() && rendered(&outcome).contains("declares no sessions"), "{text:?}");
    }
}

#[test]
fn the_address_that_is_fetched_is_one_and_not_fetched_too_often() {
    let with = |rest: &str| format!("[sessions.a]\ncommand = \"x\"\n[alerts.ping]\n{rest}\n");
    let plan = clean(&with("url = \"https://hc.example/ping/abc\"")).plan;
    assert_eq!(plan.alerts.ping.map(|ping| ping.every.as_secs()), Some(60));
    assert!(
        clean(&with("url = { env = \"PING_URL\" }\nevery = \"5m\"")).settings.secret_variables.contains("PING_URL")
    );
    errors(&with("every = \"1m\""), &[("3:9", "url")]);
    errors(&with("url = \"ftp://x/\""), &[("4:7", "not one of the web")]);
    errors(&with("url = \"https://h/x\"\nevery = \"5s\""), &[("5:9", "at least 12s")]);
    errors(&with("url = { env = \"A\", file = \"b\" }"), &[("4:1", "either in `env` or in `file`")]);
}

#[test]
fn windows_line_ends_count_like_others() {
    assert_eq!(clean("[sessions.a]\r\ncommand = \"x\"\r\n").plan.sessions.len(), 1);
    errors("[sessions.a]\r\ncommand = \"x\"\r\ntimout = \"3h\"\r\n", &[("3:1", "did you mean `timeout`?")]);
}

#[test]
fn a_syntax_error_is_told_alone() {
    errors("[sessions.a\ncommand = \"x\"\nunknown = 1", &[("1:12", "")]);
    errors("a = \"\u{1}\"\nb = 2", &[("1:6", "")]);
    errors("a = 1\ra = 2", &[("1:7", "carriage return")]);
    errors("[limits]\nconcurrent = 1\nconcurrent = 2\n", &[("3:1", "duplicate key")]);
    errors("[sessions.a]\ncommand = \"x\"\n[sessions.a]\ncommand = \"y\"\n", &[("3:11", "duplicate key")]);
}

#[test]
fn deep_nesting_ends_in_an_error_not_in_a_crash() {
    for text in [
        format!("a = {}", "[".repeat(100_000)),
        format!("a = {}", "{ a = ".repeat(50_000)),
        format!("a{} = 1", ".a".repeat(50_000)),
    ] {
        let outcome = outcome(&text);
        assert!(outcome.has_errors());
        assert!(rendered(&outcome).len() < 10_000);
    }
}

#[test]
fn unknown_keys_and_tables_are_named_with_the_nearest_known_one() {
    errors("[session.a]\ncommand = \"x\"\n", &[("1:2", "did you mean `sessions`?")]);
    errors("[limit]\n", &[("1:2", "did you mean `limits`?")]);
    session_error("comand = \"y\"", 1, "unknown key `comand` in `sessions.a` (did you mean `command`?");
    session_error("max_attempts = 3", 1, "it belongs into `retry`: `retry.max_attempts`");
    session_error("retry = { max_atempts = 3 }", 11, "did you mean `max_attempts`?");
    errors(
        &session("metrics = [{ name = \"n\", regexp = '(x)' }]"),
        &[("3:26", "did you mean `regex`?"), ("3:12", "the key `regex` is missing")],
    );
}

#[test]
fn wrong_types_say_what_was_expected_and_found() {
    errors(
        "[limits]\nconcurrent = \"3\"\n",
        &[("2:14", "expected a whole number, found a string (write the number without")],
    );
    errors("[limits]\nconcurrent = 3.0\n", &[("2:14", "expected a whole number, found a number with a fraction")]);
    errors("[limits]\nconcurrent = true\n", &[("2:14", "found true or false")]);
    errors("[limits]\nconcurrent = -1\n", &[("2:14", "from 1 to 1000")]);
    errors("[limits]\nconcurrent = 0\n", &[("2:14", "from 1 to 1000")]);
    errors("[limits]\nconcurrent = 99999999999999999999\n", &[("2:14", "too large")]);
    errors("[sessions.a]\ncommand = 3\n", &[("2:11", "expected a string or a list of strings, found a whole number")]);
    errors("sessions = 3\n", &[("1:12", "expected a table, found a whole number")]);
    errors("[sessions]\na = \"x\"\n", &[("2:5", "expected a table, found a string")]);
    session_error("timeout = 90", 11, "found a whole number (a duration has a unit: \"90s\"");
    session_error("enabled = \"true\"", 11, "write true without quotes");
    session_error("after = \"b\"", 9, "put it in [ ]");
    session_error("on_tmux_loss = \"kep\"", 16, "did you mean `keep`?");
    errors("[night]\nstart = 22:30:00\n[sessions.a]\ncommand = \"x\"", &[("2:9", "put it in quotes")]);
    errors("[projects.p]\n", &[("1:11", "the key `dir` is missing in `projects.p`")]);
}

#[test]
fn names_of_sessions_are_checked_before_tmux_or_a_path_sees_them() {
    for name in [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a:b",
        "a.b",
        "=x",
        "$1",
        "@1",
        "%1",
        "-d",
        ";kill-server",
        "a;",
        "#(cmd)",
        "#{x}",
        "#[fg=red]",
        "a\\nb",
        "\\u001b",
        "\\u202E",
        "\\u200B",
        "😀",
        "Ä",
    ] {
        errors(&format!("[sessions.\"{name}\"]\ncommand = \"x\"\n"), &[("1:11", "cannot name a session")]);
    }
    let long = "a".repeat(300);
    errors(&format!("[sessions.{long}]\ncommand = \"x\"\n"), &[("1:11", "at most 64 characters, this one has 300")]);
    errors("[sessions.A]\ncommand = \"x\"\n", &[("1:11", "`a` would do")]);
    errors("[sessions.a]\ncommand = \"x\"\n[sessions.A]\ncommand = \"x\"\n", &[("3:11", "`a` exists already")]);
    errors("[projects.A]\ndir = \".\"\n[sessions.a]\ncommand = \"x\"\n", &[("1:11", "cannot name a project")]);
    assert_eq!(clean("[sessions.con]\ncommand = \"x\"\n").plan.sessions.len(), 1, "a device name elsewhere, fine here");
}

#[test]
fn dependencies_must_exist_run_and_not_go_round() {
    session_error("after = [\"a\"]", 10, "session `a` waits for itself");
    session_error("after = [\"b\"]", 10, "there is no session `b`");
    let two =
        |line: &str, other: &str| format!("{}[sessions.load-profiles]\ncommand = \"x\"\n{other}\n", session(line));
    errors(&two("after = [\"load-profile\"]", ""), &[("3:10", "did you mean `load-profiles`?")]);
    errors(
        &two("after = [\"load-profiles\", { session = \"load-profiles\", on = \"end\" }]", ""),
        &[("3:39", "stands twice")],
    );
    errors(&two("after = [{ session = \"load-profiles\", on = \"ended\" }]", ""), &[("3:44", "not one of the words")]);
    errors(
        &two("after = [\"load-profiles\"]", "enabled = false"),
        &[("3:10", "is not enabled, so `a` would wait for ever")],
    );
    errors(&two("after = [\"load-profiles\"]", "after = [\"a\"]"), &[("6:10", "a → load-profiles → a")]);
    assert_eq!(clean(&two("after = [\"load-profiles\"]\nenabled = false", "enabled = false")).plan.sessions.len(), 2);
}

#[test]
fn a_circle_of_fifty_is_printed_whole() {
    let mut text = String::new();
    for i in 0..50 {
        let _ = write!(text, "[sessions.s{i:02}]\ncommand = \"x\"\nafter = [\"s{:02}\"]\n", (i + 1) % 50);
    }
    let outcome = outcome(&text);
    let [only] = of(&outcome, Severity::Error)[..] else { panic!("{}", rendered(&outcome)) };
    assert!(only.message().contains("s00 → s01 → s02") && only.message().ends_with("s48 → s49 → s00"), "{only}");
}

#[test]
fn a_thousand_sessions_in_a_row_are_fine_and_one_more_is_not() {
    let file = |count: usize| {
        let mut text = String::new();
        for i in 0..count {
            let after = if i == 0 { String::new() } else { format!("after = [\"s{}\"]\n", i - 1) };
            let _ = write!(text, "[sessions.s{i}]\ncommand = \"x\"\n{after}");
        }
        text
    };
    assert_eq!(clean(&file(1000)).plan.sessions.len(), 1000);
    errors(&file(10_001), &[("1:2", "there are 10001 sessions, 1000 are allowed")]);
}

#[test]
fn durations_and_sizes_are_refused_with_the_reason() {
    for (text, why) in [
        ("-5s", "is negative"),
        ("0s", "is zero"),
        ("1e9d", "unknown unit `e`"),
        ("5 m", "has a space"),
        ("5M", "`m` is minutes"),
        ("99999999999h", "more than ten years"),
        ("1.5h", "has a fraction"),
        ("∞", "not of that form"),
        ("", "is empty"),
        ("90", "has no unit"),
    ] {
        session_error(&format!("timeout = \"{text}\""), 11, why);
    }
    errors("[limits]\nlog_per_session = \"0B\"\n[sessions.a]\ncommand = \"x\"", &[("2:19", "is zero")]);
    errors("[limits]\nlog_per_session = \"1GIB\"\n[sessions.a]\ncommand = \"x\"", &[("2:19", "unknown unit `GIB`")]);
}

#[test]
fn retry_values_stay_in_their_ranges_and_fit_each_other() {
    for (line, column, fragment) in [
        ("retry = { initial_delay = \"1m\", max_delay = \"10s\" }", 45, "less than `initial_delay`, which is 1m"),
        ("retry = { multiplier = nan }", 24, "must be finite"),
        ("retry = { multiplier = inf }", 24, "must be finite"),
        ("retry = { multiplier = 0.5 }", 24, "from 1 to 10"),
        ("retry = { max_attempts = 0 }", 26, "from 1 to 100"),
        ("retry = { jitter = \"ful\" }", 20, "did you mean `full`?"),
        ("retry = { crash_loop = \"4 per 10m\" }", 24, "not of the form"),
        ("retry = { crash_loop = \"1 in 10m\" }", 24, "not of the form"),
        ("retry = { min_uptime = \"1h\" }\ntimeout = \"5m\"", 24, "`min_uptime` is more than `timeout`"),
        ("retry = { never_on = [0] }", 23, "from 1 to 255"),
        ("retry = { never_on = [\"SIGKIL\"] }", 23, "did you mean `SIGKILL`?"),
        ("retry = { retry_on = [\"transiet\"] }", 23, "did you mean `transient`?"),
        ("retry = { retry_on = [1.5] }", 23, "expected a whole number or a string"),
        ("retry = { on_exhausted = \"forget\" }", 26, "dead_letter"),
        ("stop_grace = \"2h\"", 14, "at most 1h"),
        ("stop_grace = \"2s\"\nretry = { stop_grace = \"3s\" }", 0, "given twice"),
        ("priority = -9223372036854775808", 12, "from -1000 to 1000"),
        ("stall = \"1s\"", 9, "less than 10s"),
    ] {
        if column == 0 {
            errors(&session(line), &[("4:11", fragment)]);
        } else {
            session_error(line, column, fragment);
        }
    }
}

#[test]
fn times_zones_and_schedules_are_checked() {
    let night = |line: &str| format!("[night]\n{line}\n[sessions.a]\ncommand = \"x\"\n");
    errors(&night("start = \"22:00\"\nend = \"22:00\""), &[("3:7", "ends when it begins")]);
    errors(&night("start = \"25:00\""), &[("2:9", "no time of day")]);
    errors(&night("timezone = \"Europe/Berln\""), &[("2:12", "did you mean `Europe/Berlin`?")]);
    errors(&night("days = [\"mon\", \"tues\"]"), &[("2:16", "did you mean `tue`?")]);
    errors(&night("days = []"), &[("2:8", "without a day")]);
    session_error("cron = \"0 23 * *\"", 8, "has 4 fields, five are needed");
    errors(&session("start = \"23:00\"\ncron = \"0 23 * * *\""), &[("4:8", "both say when")]);
    errors("[alerts]\nquiet_hours = \"22:00-22:00\"\n[sessions.a]\ncommand = \"x\"", &[("2:15", "same time")]);
    let never = outcome(&session("cron = \"0 0 31 2 *\""));
    assert!(never.loaded.is_some() && rendered(&never).contains("no day fits"), "{}", rendered(&never));
}

#[test]
fn commands_that_cannot_be_started_are_refused() {
    let command = |value: &str| format!("[sessions.a]\ncommand = {value}\n");
    errors(&command("\"\""), &[("2:11", "the command is empty")]);
    errors(&command("\"  \""), &[("2:11", "the command is empty")]);
    errors(&command("[]"), &[("2:11", "the command is empty")]);
    errors(&command("[\"\", \"x\"]"), &[("2:11", "the command is empty")]);
    errors(&command("\"a\\u0000b\""), &[("2:11", "has a NUL")]);
    errors(&command(&format!("\"{}\"", "x".repeat(200 * 1024))), &[("2:11", "the system takes 131071")]);
    errors("[sessions.a]\npriority = 1\n", &[("1:11", "session `a` has nothing to run")]);
    errors("[sessions.a]\ncommand = \"x\"\nverify = \"\"\n", &[("3:10", "the command is empty")]);
    warnings(&command("[\"pytest -q\"]"), &[("2:11", "taken for the name of one program")]);
    let plan = clean(&command("[\"echo\", \"$(touch x)\", \"a;\"]")).plan;
    assert_eq!(plan.sessions.values().next().unwrap().command.argv(), ["echo", "$(touch x)", "a;"]);
}

#[test]
fn working_directories_are_looked_at() {
    warnings(&session("dir = \"missing\""), &[("3:7", "the directory `/night/missing` does not exist")]);
    session_error("dir = \"file\"", 7, "is not a directory");
    session_error("dir = \"\"", 7, "the path is empty");
    session_error("dir = \"a\\u0000\"", 7, "NUL");
    session_error("dir = \"~bob/x\"", 7, "home of another user");
    errors(&session("dir = \"x\"\ncwd = \"y\""), &[("4:7", "the same thing")]);
    errors("[projects.p]\ndir = \"file\"\n", &[("2:7", "is not a directory")]);
    let odd = clean(&session("dir = \"#(touch pwned)\"")).plan;
    assert!(odd.sessions.values().next().unwrap().dir.ends_with("#(touch pwned)"), "a directory is only a name");
}

#[test]
fn environment_names_and_values_are_checked() {
    let env = |entry: &str| session(&format!("env = {{ {entry} }}"));
    errors(&env("\"A=B\" = \"x\""), &[("3:9", "cannot name an environment variable")]);
    errors(&env("\"\" = \"x\""), &[("3:9", "cannot name an environment variable")]);
    errors(&env("PATH = \"\""), &[("3:16", "no program is found")]);
    errors(&env("NIGHTKEEP_RUN = \"x\""), &[("3:9", "nightkeep's own")]);
    errors(&env("A = \"x\\u0000\""), &[("3:13", "NUL")]);
    errors(&env(&format!("A = \"{}\"", "x".repeat(1_000_000))), &[("3:13", "1000000 bytes")]);
    warnings(&env("LD_PRELOAD = \"x\""), &[("3:9", "how every program of the session is loaded")]);
}

#[test]
fn secrets_in_clear_are_warned_about_and_not_repeated_in_the_words() {
    let text = session(
        "env = { GITHUB_TOKEN = \"ghp_1\" }\n[alerts.channels.phone]\ntype = \"telegram\"\nto = [\"1\"]\ntoken = \"t0p\"",
    );
    let outcome = outcome(&text);
    let told: Vec<_> = of(&outcome, Severity::Warning).into_iter().filter(|d| d.message().contains("secret")).collect();
    assert_eq!(told.len(), 2, "{}", rendered(&outcome));
    assert!(told.iter().all(|d| !d.to_string().contains("t0p") && !d.to_string().contains("ghp_1")));
    let shown = rendered(&outcome);
    assert!(!shown.contains("t0p") && !shown.contains("ghp_1"), "nor does an excerpt show it: {shown}");
    assert!(told[1].hints()[0].contains("{ env = \"NAME\" }"));
    let loaded = outcome.loaded.unwrap();
    assert!(!format!("{:?}", loaded.settings.raw.alerts).contains("t0p"), "nor does Debug show it");
}

#[test]
fn the_state_folder_holds_nothing_else() {
    let state = |path: &str| {
        format!("[paths]\nstate = \"{path}\"\n[projects.p]\ndir = \"code\"\n[sessions.a]\ncommand = \"x\"\n")
    };
    for path in ["/", ".", "/night", "code"] {
        errors(&state(path), &[("2:9", "it holds other things")]);
    }
    assert_eq!(clean(&state("logs")).settings.state.unwrap().to_str(), Some("/night/logs"));
    assert_eq!(clean(&state("~/nk")).settings.state.unwrap().to_str(), Some("/home/anna/nk"));
}

#[test]
fn addresses_of_channels_are_checked() {
    let channel =
        |rest: &str| format!("[sessions.a]\ncommand = \"x\"\n[alerts.channels.c]\ntype = \"webhook\"\n{rest}\n");
    for (url, fragment) in [
        ("file:///etc/passwd", "not one of the web"),
        ("http://169.254.169.254/latest", "link-local"),
        ("https://u:p@host/", "user name or password"),
        ("https://", "no host"),
        ("https://a b/", "space"),
    ] {
        errors(&channel(&format!("url = \"{url}\"")), &[("5:7", fragment)]);
    }
    errors(&channel(&format!("url = \"https://h/{}\"", "x".repeat(10_240))), &[("5:7", "longer than 2048")]);
    errors(&channel(""), &[("3:18", "needs `url`")]);
    errors(&channel("url = {}"), &[("5:1", "either in `env` or in `file`")]);
    let text = "[report]\ndeliver = [\"mial\"]\n[sessions.a]\ncommand = \"x\"\n[alerts]\nescalate = [{ after = \"10m\", to = [\"fone\"] }]\n[alerts.channels.mail]\ntype = \"email\"\nto = [\"a@b\"]\n[alerts.channels.phone]\ntype = \"desktop\"\n";
    errors(text, &[("2:12", "did you mean `mail`?"), ("6:36", "did you mean `phone`?")]);
}

#[test]
fn what_a_channel_cannot_use_is_told() {
    let channel = |kind: &str, rest: &str| {
        format!("[sessions.a]\ncommand = \"x\"\n[alerts.channels.c]\ntype = \"{kind}\"\n{rest}\n")
    };
    let hook = "url = \"https://h/x\"\n";
    errors(
        &channel("webhook", &format!("{hook}template = '{{\"a\": {{{{ titel }}}}}}'")),
        &[("6:12", "cannot be used")],
    );
    errors(&channel("webhook", &format!("{hook}template = 'x {{{{ title }}}}'")), &[("6:12", "is not JSON")]);
    errors(&channel("slack", &format!("{hook}template = '{{% if title %}}'")), &[("6:12", "syntax error")]);
    errors(&channel("webhook", &format!("{hook}content_type = \"json\"")), &[("6:16", "no media type")]);
    errors(&channel("webhook", &format!("{hook}user = \"anna\"")), &[("6:8", "go together")]);
    errors(&channel("email", "to = [\"anna\"]"), &[("5:7", "no mail address")]);
    errors(&channel("email", "to = [\"a@b\"]\nurl = \"https://h\""), &[("6:7", "not one of a mail server")]);
    errors(&channel("telegram", "token = { env = \"T\" }\nto = [\"anna\"]"), &[("6:7", "is no chat")]);
    errors(&channel("ntfy", "url = { env = \"A=B\" }"), &[("5:1", "no environment variable")]);
    let told = of(&outcome(&channel("ntfy", &format!("{hook}from = \"a@b\""))), Severity::Warning)
        .iter()
        .map(|d| d.to_string())
        .collect::<String>();
    assert!(told.contains("`from` does nothing here"), "{told}");
    let clear = outcome(&channel("webhook", "url = \"http://h/x\"\ntoken = { env = \"T\" }"));
    assert!(rendered(&clear).contains("goes over the network in clear"), "{}", rendered(&clear));
}

/// A plan is journaled: it says where secrets are, and the secrets of the file come beside it.
#[test]
fn a_plan_holds_no_secret_of_a_channel() {
    let text = session(
        "[alerts.channels.c]\ntype = \"webhook\"\nurl = \"https://h/Sup3rSecret\"\nuser = \"anna\"\npassword = \"Sup3rSecret\"\n\
         [alerts.channels.f]\ntype = \"ntfy\"\nurl = \"https://h/Sup3rSecret\"\ntoken = { file = \"keys/t\" }",
    );
    let loaded = outcome(&text).loaded.unwrap();
    let journaled = serde_json::to_string(&loaded.plan).unwrap();
    assert!(!journaled.contains("Sup3r") && journaled.contains("/night/keys/t"), "{journaled}");
    assert!(!format!("{loaded:?}").contains("Sup3rSecret\""), "nor does Debug show it");
    assert_eq!(loaded.settings.clear_secrets.len(), 3);
    let elsewhere =
        session("[alerts.channels.c]\ntype = \"ntfy\"\nurl = { env = \"URL\" }\ntoken = { env = \"TOKEN\" }");
    let kept: Vec<_> = outcome(&elsewhere).loaded.unwrap().settings.secret_variables.into_iter().collect();
    assert_eq!(kept, ["TOKEN", "URL"], "no session gets these");
    let again: nightkeep::core::plan::Plan = serde_json::from_str(&journaled).unwrap();
    assert_eq!(again, loaded.plan);
}

#[test]
fn patterns_are_compiled_within_limits() {
    let metric = |regex: &str| session(&format!("metrics = [{{ name = \"n\", regex = '{regex}' }}]"));
    errors(&metric("("), &[("3:34", "is not valid")]);
    errors(&metric("(?=x)(y)"), &[("3:34", "look-around")]);
    errors(&metric(r"(\w{1000}){1000}"), &[("3:34", "too large")]);
    errors(&metric(&"x".repeat(1_000_000)), &[("3:34", "10000 are allowed")]);
    errors(&metric("loaded: .*"), &[("3:34", "no group")]);
    errors(&session("[[rules]]\nmatch = ''\nclass = \"transient\""), &[("4:9", "would match everything")]);
    errors(&session("[[rules]]\nmatch = 'x'\nclass = \"stalled\""), &[("5:9", "not one of the words")]);
    warnings(
        &session("[[rules]]\nmatch = 'x'\nclass = \"auth\"\nsessions = [\"b*\"]"),
        &[("6:13", "no session is named `b*`")],
    );
}

#[test]
fn metrics_and_conditions_fit_each_other() {
    let metrics = "metrics = [{ name = \"rows\", regex = '(x)' }]";
    let success = |condition: &str| session(&format!("success = {{ require = [\"{condition}\"] }}\n{metrics}"));
    warnings(&success("metric:row=complete"), &[("3:24", "did you mean `rows`?")]);
    errors(&success("metric:rows=compleet"), &[("3:24", "did you mean `complete`?")]);
    errors(&success("metrik:rows=complete"), &[("3:24", "did you mean `metric`?")]);
    errors(&session("success = { exit_codes = [] }"), &[("3:26", "no end is a good one")]);
    errors(&session("success = { exit_codes = [256] }"), &[("3:27", "from 0 to 255")]);
    errors(&session("metrics = [{ name = \"a b\", regex = '(x)' }]"), &[("3:21", "no name of a metric")]);
    let twice = "metrics = [{ name = \"n\", regex = '(x)' }, { name = \"n\", regex = '(y)' }]";
    errors(&session(twice), &[("3:52", "declared twice")]);
    errors(&session("metrics = [{ name = \"n\", regex = '(x)', total = 0 }]"), &[("3:49", "never be reached")]);
    errors(&session("metrics = [{ name = \"n\" }]"), &[("3:12", "the key `regex` is missing")]);
}

#[test]
fn collected_files_stay_in_the_project() {
    let collect = |pattern: &str| format!("[projects.p]\ndir = \".\"\ncollect = {{ docs = [\"{pattern}\"] }}\n");
    for pattern in ["/**", "../*", "a/../../b", "~/x", ""] {
        errors(&collect(pattern), &[("3:21", "leaves the project's directory")]);
    }
    errors(&collect("a[b"), &[("3:21", "is no pattern")]);
    errors(&collect(&"x".repeat(501)), &[("3:21", "at most 500 bytes")]);
    let many = "\"*.md\", ".repeat(101);
    errors(
        &format!("[projects.p]\ndir = \".\"\ncollect = {{ artifacts = [{many}] }}\n"),
        &[("3:25", "100 are allowed")],
    );
}

#[test]
fn budgets_are_finite_and_not_negative() {
    for usd in ["-1.0", "nan", "inf", "1e300"] {
        session_error(&format!("budget = {{ usd = {usd} }}"), 18, "the number must be");
    }
    session_error("budget = { tokens = -5 }", 21, "at least 1");
}

#[test]
fn limits_of_a_runaway_are_rates_of_something() {
    session_error("runaway = { requests_per_minute = 0 }", 35, "1 to 1000");
    session_error("runaway = { requests_per_minute = 5000 }", 35, "1 to 1000");
    session_error("runaway = { tokens_per_minute = 0 }", 33, "at least 1");
    session_error("runaway = { action = \"kill\" }", 22, "alert");
    errors("[projects.p]\ndir = \".\"\nrunaway = { request_per_minute = 5 }\n", &[("3:13", "requests_per_minute")]);
}

#[test]
fn agents_prompts_and_projects_are_resolved() {
    let agent = |lines: &str| format!("[sessions.a]\n{lines}\n");
    errors(&agent("agent = \"cluade\"\nprompt = \"x\""), &[("2:9", "did you mean `claude`?")]);
    errors(&agent("agent = \"claude\"\nprompt = \" \""), &[("3:10", "the prompt is empty")]);
    errors(
        &agent("agent = \"claude\"\ncommand = \"x\"\nprompt = \"x\""),
        &[("3:11", "both say what to run"), ("4:1", "needs an agent")],
    );
    errors(
        &agent("agent = \"claude\"\nprompt_file = \"none.md\""),
        &[("3:15", "`/night/none.md` cannot be the prompt")],
    );
    errors(&agent("agent = \"claude\"\nprompt = \"x\"\nprompt_file = \"prompts/plan.md\""), &[("4:15", "both given")]);
    errors(&session("prompt = \"x\""), &[("3:1", "a prompt needs an agent")]);
    warnings(&agent("agent = \"claude\""), &[("2:9", "will wait for one")]);
    session_error("project = \"p\"", 11, "declare it");
    errors(
        "[projects.glacier]\ndir = \".\"\n[sessions.a]\ncommand = \"x\"\nproject = \"glacer\"\n",
        &[("5:11", "did you mean `glacier`?")],
    );
    let profiles = |text: &str| session(&format!("[agents.x]\n{text}"));
    errors(&profiles("extends = \"claud\""), &[("4:11", "did you mean `claude`?")]);
    errors(&profiles(""), &[("3:9", "the agent `x` has no command")]);
    errors(&profiles("command = []"), &[("4:11", "the command is empty")]);
    errors(
        &profiles("extends = \"y\"\n[agents.y]\nextends = \"x\""),
        &[("4:11", "in a circle"), ("6:11", "in a circle")],
    );
}

#[test]
fn rules_that_answer_prompts_name_what_they_answer() {
    let with = |rule: &str| format!("{}[[sessions.a.answers]]\n{rule}\n", session(""));
    let command = "command = '^git '";
    let plan = clean(&with(&format!("prompt = \"bash-command\"\n{command}\nanswer = \"allow\""))).plan;
    let known = plan.sessions.values().next().unwrap();
    assert_eq!((known.answers.len(), known.answers[0].max_per_hour), (1, 20));
    for (rule, place, fragment) in [
        ("prompt = \"bash-command\"\nanswer = \"allow\"", "4:1", "allows every command"),
        ("prompt = \"bash-command\"\ncommand = '.*'\nanswer = \"allow\"", "6:11", "allows everything"),
        ("prompt = \"edit\"\ncommand = '(?s).'\nanswer = \"allow\"", "6:11", "allows everything"),
        ("prompt = \"bash-command\"\ncommand = '('\nanswer = \"deny\"", "6:11", "unclosed group"),
        ("prompt = \"question\"\nanswer = \"deny\"", "5:10", "answered by a person only"),
        ("prompt = \"login\"\nanswer = \"allow\"", "5:10", "answered by a person only"),
        ("prompt = \"a b\"\nanswer = \"deny\"", "5:10", "cannot name a prompt"),
        ("prompt = \"edit\"\nanswer = \"always\"", "6:10", "allow"),
        ("prompt = \"edit\"\nanswer = \"deny\"\nmax_per_hour = 0", "7:16", "from 1 to 1000"),
        ("prompt = \"edit\"\nanswer = \"deny\"\nmax_per_hour = -1", "7:16", "from 1 to 1000"),
        ("prompt = \"edit\"\nanswer = \"deny\"\nmax = 3", "7:1", "max_per_hour"),
        ("answer = \"deny\"", "4:1", "prompt"),
    ] {
        errors(&with(rule), &[(place, fragment)]);
    }
    warnings(&with("prompt = \"bash-comand\"\nanswer = \"deny\""), &[("5:10", "bash-command")]);
}

#[test]
fn stores_and_nodes_are_checked() {
    errors("[store]\nurl = \"sqlit\"\n", &[("2:7", "did you mean `sqlite`?")]);
    errors("[store]\nurl = \"mysql://x\"\n", &[("2:7", "is no store")]);
    errors("[node]\nname = \"a b\"\n", &[("2:8", "cannot name a machine")]);
    errors("[report]\nformats = []\n", &[("2:11", "a report needs a form")]);
    errors("[report]\nformats = [\"pdf\"]\n", &[("2:12", "known here: `md`, `html`, `json`")]);
}

#[test]
fn all_problems_of_a_file_are_told_at_once_in_its_order() {
    let text = include_str!("invalid/many.toml");
    let outcome = outcome(text);
    assert!(outcome.loaded.is_none());
    insta::assert_snapshot!(rendered(&outcome), @r#"
error: unknown key `concurent` in `limits`
 --> sessions.toml:2:1
  |
2 | concurent = 4
  | ^^^^^^^^^
  |
  = hint: did you mean `concurrent`?

error: the duration `3 h` has a space in it
 --> sessions.toml:6:11
  |
6 | timeout = "3 h"
  |           ^^^^^
  |
  = hint: durations look like 90s, 15m, 3h, 1h30m or 14d

error: expected a whole number, found a string
 --> sessions.toml:7:12
  |
7 | priority = "high"
  |            ^^^^^^

error: there is no project `glacier`
  --> sessions.toml:10:11
   |
10 | project = "glacier"
   |           ^^^^^^^^^
   |
   = hint: declare it: [projects.NAME] with dir = "…"

warning: the agent has no prompt, so it will wait for one
  --> sessions.toml:11:9
   |
11 | agent = "claude"
   |         ^^^^^^^^
   |
   = hint: add prompt = "…" or prompt_file = "…"

error: there is no session `laod`
  --> sessions.toml:12:10
   |
12 | after = ["laod"]
   |          ^^^^^^
   |
   = hint: did you mean `load`?
"#);
}

#[test]
fn a_hundred_problems_are_enough_however_many_there_are() {
    let mut text = String::new();
    for i in 0..5_000 {
        let _ = writeln!(text, "unknown{i} = 1");
    }
    for i in 0..500 {
        let _ = writeln!(text, "[sessions.s{i}]\ncommand = \"x\"\nafter = [\"t{i}\"]\nproject = \"p{i}\"");
    }
    let outcome = outcome(&text);
    assert_eq!(outcome.diagnostics.len(), 101);
    assert!(rendered(&outcome).contains("5900 more problems are not shown"), "{}", outcome.diagnostics[100]);
}
