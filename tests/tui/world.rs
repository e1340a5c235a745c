//! Nights to look at: sessions in every state, many of them, with names and words that are hard to draw.

use jiff::tz::TimeZone;
use nightkeep::core::time::Wall;
use nightkeep::protocol::{
    AlertStatus, CheckStatus, DaemonStatus, ExitStatus, MetricStatus, NightStatus, OutputStatus, SCHEMA, SessionStatus,
    Status, UsageStatus,
};
use nightkeep::status::zone::rfc3339;
use nightkeep::tui::model::{Host, Model, News};
use std::time::Duration;

/// 2026-11-21 23:41:07 UTC.
pub const NOW: Wall = Wall(1_795_304_467_000);

/// So many seconds before [`NOW`], as the documents write it.
pub fn ago(seconds: u64) -> String {
    rfc3339(Wall(NOW.0 - i64::try_from(seconds).unwrap() * 1000))
}

/// So many seconds after [`NOW`].
pub fn ahead(seconds: u64) -> String {
    rfc3339(NOW.plus(Duration::from_secs(seconds)))
}

/// A session in a state, of which nothing else is known.
pub fn session(name: &str, project: &str, state: &str) -> SessionStatus {
    SessionStatus {
        name: name.to_owned(),
        project: Some(project.to_owned()).filter(|p| !p.is_empty()),
        state: state.to_owned(),
        activity: None,
        activity_evidence: None,
        confidence: None,
        run: Some(format!("2026-11-21/{name}/1")),
        attempt: 1,
        attempts_max: 5,
        since: Some(ago(3000)),
        started_at: None,
        next_at: None,
        reason: String::new(),
        exit: None,
        pid: None,
        tmux: None,
        output: None,
        metrics: Vec::new(),
        usage: None,
        after: Vec::new(),
        priority: 0,
        node: "workstation".to_owned(),
        removed: false,
        redriven_from: None,
        checks: Vec::new(),
        findings: Vec::new(),
        notes: Vec::new(),
        claims: 0,
        needs: None,
    }
}

/// A session whose program runs and said this last.
pub fn running(name: &str, project: &str, last_line: &str) -> SessionStatus {
    SessionStatus {
        activity: Some("working".into()),
        started_at: Some(ago(3000)),
        pid: Some(4711),
        reason: "attempt 1 runs".into(),
        output: Some(output(name, last_line)),
        ..session(name, project, "running")
    }
}

/// Output that was written two seconds ago.
pub fn output(name: &str, last_line: &str) -> OutputStatus {
    OutputStatus {
        path: format!("logs/output/{name}/2026-11-21-1.1.log"),
        bytes: 182_034,
        last_line: last_line.to_owned(),
        last_at: Some(ago(2)),
    }
}

/// A number of so many.
pub fn metric(name: &str, value: f64, total: Option<f64>, eta: Option<u64>) -> MetricStatus {
    MetricStatus {
        name: name.to_owned(),
        value: Some(value),
        total,
        per_s: Some(0.4),
        eta: eta.map(ahead),
        last_night: None,
    }
}

/// An exit with a code.
pub fn exit(code: i32, ran: f64) -> ExitStatus {
    ExitStatus {
        code: Some(code),
        signal: None,
        core: false,
        oom: false,
        at: ago(600),
        ran,
        class: (code != 0).then(|| "transient".to_owned()),
        counted: code != 0,
        rule: None,
    }
}

/// An open alert about a session.
pub fn alert(id: &str, session: Option<&str>, title: &str) -> AlertStatus {
    AlertStatus {
        id: id.to_owned(),
        severity: "high".into(),
        state: "open".into(),
        session: session.map(str::to_owned),
        title: title.to_owned(),
        since: ago(700),
        project: None,
        kind: "failed".into(),
        body: String::new(),
        command: session.map(|s| format!("nightkeep why {s}")),
        count: 1,
        told: Vec::new(),
    }
}

/// The status of a night with these sessions.
pub fn status(sessions: Vec<SessionStatus>) -> Status {
    Status {
        schema: SCHEMA,
        generated_at: ago(0),
        daemon: Some(DaemonStatus { pid: 4242, version: "0.1.0".into(), started_at: ago(9000) }),
        night: Some(NightStatus { id: "2026-11-21".into(), from: ago(4200), to: Some(ahead(26_333)) }),
        sessions,
        alerts: Vec::new(),
        file_problem: None,
        seq: 812,
        outages: Vec::new(),
        safe_mode: None,
        usage: None,
    }
}

/// Nothing was heard yet.
pub fn unknown() -> Model {
    Model::new(TimeZone::UTC)
}

/// What is known after a status of the daemon.
pub fn model(status: Status) -> Model {
    let mut model = unknown();
    model.take(News::Status(Box::new(status)), NOW);
    let gib = 1_u64 << 30;
    let host = Host { load: Some(1.2), cores: 8, disk_free: Some(82 * gib), disk_all: Some(480 * gib) };
    model.take(News::Host(host), NOW);
    model
}

/// The same with the daemon gone and the journal read.
pub fn gone(status: Status) -> Model {
    let mut model = model(status.clone());
    let journal = Some(Box::new(Status { daemon: None, ..status }));
    let why = "no daemon answers at /run/user/1000/nightkeep/api.sock".to_owned();
    model.take(News::Gone { why, journal }, Wall(NOW.0 - 95_000));
    model
}

/// Twelve sessions, one in each state that matters, with output of the last hour.
pub fn twelve() -> Model {
    let mut sessions = vec![
        SessionStatus {
            reason: "exit 1; attempt 5 of 5 failed".into(),
            exit: Some(exit(1, 312.0)),
            attempt: 5,
            output: Some(output("load-events", "psycopg.OperationalError: connection refused")),
            ..session("load-events", "warehouse", "failed")
        },
        SessionStatus {
            activity: Some("prompting".into()),
            activity_evidence: Some("asks: Do you want to run `rm -rf build`? (y/n)".into()),
            ..running("claude-refactor", "app", "Do you want to run `rm -rf build`? (y/n)")
        },
        SessionStatus {
            activity: Some("stalled".into()),
            activity_evidence: Some("no output for 34 min, no work in its processes".into()),
            ..running("embeddings", "search", "batch 118")
        },
        SessionStatus {
            reason: "exit 0, but require is not met: out/report.csv".into(),
            exit: Some(exit(0, 1900.0)),
            checks: vec![CheckStatus { text: "file:out/report.csv".into(), passed: false, seen: "not there".into() }],
            ..session("monthly-report", "warehouse", "partial")
        },
        SessionStatus {
            next_at: Some(ahead(11_933)),
            reason: "usage limit of anthropic".into(),
            attempt: 2,
            usage: Some(UsageStatus {
                input_tokens: 1_204_000,
                output_tokens: 88_000,
                usd: Some(3.41),
                ..UsageStatus::default()
            }),
            ..session("codex-tests", "app", "limited")
        },
        SessionStatus {
            next_at: Some(ahead(42)),
            reason: "exit 75, tried again in 1 min".into(),
            attempt: 3,
            ..session("sync-s3", "warehouse", "backing_off")
        },
        SessionStatus {
            metrics: vec![metric("profiles", 3100.0, Some(3513.0), Some(16_800))],
            ..running("load-profiles", "warehouse", "[3100/3513] profile 88127 loaded in 12 ms")
        },
        SessionStatus {
            metrics: vec![metric("rows", 1_204_411.0, None, None)],
            ..running("motherduck", "warehouse", "copied 4096 rows")
        },
        SessionStatus {
            activity: Some("idle".into()),
            output: Some(output("watch-ci", "")),
            ..running("watch-ci", "app", "")
        },
        SessionStatus {
            after: vec!["load-profiles".into()],
            attempt: 0,
            reason: "waits for load-profiles".into(),
            ..session("dbt-build", "warehouse", "waiting")
        },
        SessionStatus {
            next_at: Some(ahead(10_133)),
            attempt: 0,
            reason: "starts at 02:30".into(),
            ..session("backup", "", "scheduled")
        },
        SessionStatus {
            reason: "exit 0, 2 checks hold".into(),
            exit: Some(exit(0, 48.0)),
            metrics: vec![metric("pages", 14.0, Some(14.0), None)],
            ..session("docs", "app", "succeeded")
        },
    ];
    sessions[6].attempt = 2;
    let mut status = status(sessions);
    status.alerts = vec![
        alert("a7", Some("load-events"), "load-events failed for good"),
        alert("a6", Some("claude-refactor"), "claude-refactor waits for you"),
    ];
    with_output(model(status))
}

/// The same with output in the last forty minutes, in a shape of its own for each session.
pub fn with_output(mut model: Model) -> Model {
    let sessions = model.status.sessions.clone();
    for (n, session) in sessions.iter().enumerate().filter(|(_, s)| s.attempt > 0) {
        let samples = model.samples.entry(session.name.clone()).or_default();
        *samples = nightkeep::tui::model::Samples::default();
        let mut bytes = 0;
        for minute in 0..40_u64 {
            let shape = (minute * 7 + n as u64 * 13) % 11;
            bytes += if shape < 3 { 0 } else { shape * 900 };
            samples.note(Wall(NOW.0 - i64::try_from(40 - minute).unwrap() * 60_000), session.attempt, bytes);
        }
    }
    model
}

/// Two hundred sessions in ten projects.
pub fn two_hundred() -> Model {
    let states = ["running", "running", "running", "succeeded", "queued", "backing_off", "running", "failed"];
    let sessions = (0..200).map(|n: usize| {
        let state = states[n % states.len()];
        let name = format!("job-{n:03}");
        let project = format!("project-{}", n % 10);
        let mut one = if state == "running" {
            running(&name, &project, &format!("step {n} done"))
        } else {
            session(&name, &project, state)
        };
        if state == "running" && n.is_multiple_of(3) {
            one.metrics = vec![metric("rows", n as f64 * 10.0, Some(2000.0), Some(600 + n as u64))];
        }
        if state == "backing_off" {
            one.next_at = Some(ahead(30 + n as u64));
        }
        if state == "failed" {
            one.reason = format!("exit {}; attempt 1 of 1 failed", n % 100 + 1);
            one.exit = Some(exit(1, n as f64));
        }
        one
    });
    with_output(model(status(sessions.collect())))
}

/// Names and words that are hard to draw, or meant to do harm.
pub fn hostile() -> Model {
    let mut sessions = vec![
        running("a-session-with-a-name-that-is-longer-than-any-column-would-like-it-to-be", "p", &"long ".repeat(200)),
        running(
            "wide",
            "日本語プロジェクト",
            "進捗 88 % ✅ 完了 — 日本語のログ行がここにとても長く続きます、切れるはず",
        ),
        running("emoji", "p", "👩‍💻 build ❤️ 🇩🇪 done 👍🏽 ✈️ ok"),
        running("clipboard", "p", "\u{1b}]52;c;ZXZpbA==\u{7}\u{1b}[2J\u{1b}[31mred"),
        running("reversed", "p", "safe \u{202e}txt.exe\u{2066} \u{200b}hidden"),
        running("marks", "p", &format!("z{}algo", "\u{301}".repeat(60))),
        SessionStatus { reason: "exit 1;\nline two\tand a tab \u{1b}[5m".into(), ..session("reason", "p", "failed") },
        session("new-state", "p", "hibernating"),
    ];
    sessions[2].metrics = vec![metric("π", f64::NAN, Some(0.0), None), metric("n", 5.0, Some(3.0), None)];
    sessions[0].attempt = 999;
    let mut status = status(sessions);
    status.safe_mode = Some("the last starts\u{1b}[2J were too many".into());
    with_output(model(status))
}
