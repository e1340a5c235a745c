//! Journals made by hand: a small language for what happens in a night.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nightkeep::core::exit::{Ending, ExitRecord, FailureClass, Verdict};
use nightkeep::core::fact::{Actor, Commit, Entry, Fact, FileChange, GitBase, ProjectWork};
use nightkeep::core::ids::{AttemptId, NightId, RunId, SessionName};
use nightkeep::core::plan::{
    Caps, Command, Dependency, DependencyOn, MetricPlan, OnTmuxLoss, Plan, ProjectPlan, RetryPolicy, SessionPlan,
    Success,
};
use nightkeep::core::run::{CheckResult, Due, ErrorSeen, MetricSeen, Outcome, OutputSeen, RunState, Started};
use nightkeep::core::time::{At, Mono, Wall};
use nightkeep::report::model::Report;
use nightkeep::report::{build, fold, fold_as_of};
use std::time::Duration;

pub fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

pub fn name(text: &str) -> SessionName {
    SessionName::new(text).unwrap()
}

pub fn wall(text: &str) -> Wall {
    Wall(text.parse::<Timestamp>().unwrap().as_millisecond())
}

/// A session of the project `glacier` that runs `make NAME`.
pub fn session(text: &str) -> SessionPlan {
    SessionPlan {
        name: name(text),
        project: Some("glacier".parse().unwrap()),
        command: Command::Shell(format!("make {text}")),
        dir: "/home/anna/glacier".into(),
        env: Default::default(),
        disabled: false,
        after: Vec::new(),
        priority: 0,
        timeout: None,
        stop_grace: Duration::from_secs(15),
        on_tmux_loss: OnTmuxLoss::Stop,
        retry: RetryPolicy::default(),
        success: Success::default(),
        metrics: Vec::new(),
        verify: None,
        verify_timeout: Duration::from_secs(60),
        timing: nightkeep::core::calendar::Timing::default(),
        stall: Default::default(),
        provider: None,
        caps: Caps::default(),
        resume: nightkeep::core::limit::ResumePolicy::default(),
        answers: Vec::new(),
        budget: nightkeep::core::usage::Budget::default(),
        agent: None,
        profile: None,
        launch: None,
        worktree: None,
        runaway: Default::default(),
    }
}

pub fn after(mut plan: SessionPlan, on: &[&str]) -> SessionPlan {
    plan.after = on.iter().map(|s| Dependency { session: name(s), on: DependencyOn::Success }).collect();
    plan
}

pub fn with_metric(mut plan: SessionPlan, metric: &str, total: Option<f64>) -> SessionPlan {
    plan.metrics.push(MetricPlan {
        name: metric.to_owned(),
        regex: r"(\d+) of (\d+)".to_owned(),
        total,
        deadline: None,
    });
    plan
}

pub fn plan(sessions: impl IntoIterator<Item = SessionPlan>) -> Plan {
    Plan {
        timezone: Some("Europe/Berlin".into()),
        concurrent: 4,
        projects: [(
            "glacier".parse().unwrap(),
            ProjectPlan { dir: "/home/anna/glacier".into(), budget: Default::default(), collect: Default::default() },
        )]
        .into(),
        sessions: sessions.into_iter().map(|s| (s.name.clone(), s)).collect(),
        ..Plan::default()
    }
}

pub fn anna() -> Actor {
    Actor { who: "uid 1000 (anna), pid 77".into(), reason: None }
}

pub fn ended(outcome: Outcome) -> RunState {
    RunState::Ended { outcome }
}

/// A journal that is being written.
pub struct Journal {
    pub entries: Vec<(i64, Entry)>,
    pub at: At,
    pub night: NightId,
    boot: String,
}

impl Journal {
    /// An empty journal of a night, with the clock at an instant.
    pub fn new(night: &str, now: &str) -> Self {
        let at = At { wall: wall(now), mono: Mono(5_000_000) };
        Self { entries: Vec::new(), at, night: NightId::new(night).unwrap(), boot: "boot-1".into() }
    }
    /// A daemon starts, takes a plan and opens the night.
    pub fn begin(night: &str, now: &str, plan: Plan) -> Self {
        let mut journal = Self::new(night, now);
        journal.daemon(0);
        journal.add(Fact::PlanAdopted { plan: Box::new(plan), changes: Vec::new() });
        let night = journal.night.clone();
        journal.add(Fact::NightOpened { night, by: anna() });
        journal
    }
    pub fn add(&mut self, fact: Fact) {
        let seq = self.entries.len() as i64 + 1;
        self.entries.push((seq, Entry { at: self.at, fact }));
    }
    pub fn wait(&mut self, seconds: u64) {
        self.at = self.at.plus(Duration::from_secs(seconds));
    }
    /// Moves on to an instant.
    pub fn until(&mut self, now: &str) {
        self.at = self.at.plus(wall(now).since(self.at.wall));
    }
    pub fn reboot(&mut self) {
        self.boot.push('x');
        self.at.mono = Mono(30_000);
    }
    pub fn daemon(&mut self, unwatched_ms: u64) {
        let boot_id = self.boot.clone();
        self.add(Fact::DaemonStarted { pid: 4242, version: "0.1.0".into(), boot_id, unwatched_ms });
    }
    pub fn run_id(&self, session: &str, number: u32) -> RunId {
        RunId { night: self.night.clone(), session: name(session), number }
    }
    pub fn attempt_id(&self, session: &str, number: u32) -> AttemptId {
        AttemptId { run: self.run_id(session, 1), number }
    }
    pub fn queue(&mut self, session: &str, state: RunState, reason: &str) {
        let run = self.run_id(session, 1);
        self.add(Fact::RunCreated { run, state, reason: reason.into(), redriven_from: None });
    }
    pub fn moved(&mut self, session: &str, to: RunState, reason: &str) {
        let run = self.run_id(session, 1);
        self.add(Fact::RunMoved { run, to, reason: reason.into() });
    }
    /// Starts an attempt of the first run.
    pub fn start(&mut self, session: &str, number: u32) {
        let attempt = self.attempt_id(session, number);
        self.add(Fact::AttemptIntended { attempt: attempt.clone() });
        self.moved(session, RunState::Starting { attempt: attempt.clone() }, "a slot is free");
        let pid = 5000 + number;
        let started = Started { at: self.at.wall, pid, pid_start: 1, shim_pid: pid - 1, boot_id: self.boot.clone() };
        self.add(Fact::AttemptStarted { attempt: attempt.clone(), started });
        self.moved(session, RunState::Running { attempt }, "the program runs");
    }
    pub fn output(&mut self, session: &str, number: u32, output: OutputSeen) {
        let attempt = self.attempt_id(session, number);
        self.add(Fact::OutputObserved { attempt, output: Box::new(output) });
    }
    /// An attempt ends after it ran for so long.
    pub fn end(&mut self, session: &str, number: u32, ran: u64, ending: Ending, verdict: Option<Verdict>) {
        let attempt = self.attempt_id(session, number);
        let counted = verdict.as_ref().is_some_and(|v| v.counted);
        let exit = exit(ending, self.at.wall, ran);
        self.add(Fact::AttemptEnded { attempt, exit, verdict, counted });
    }
    /// A whole good run: started now, `seconds` long.
    pub fn good(&mut self, session: &str, seconds: u64, output: OutputSeen) {
        self.start(session, 1);
        self.wait(seconds);
        self.output(session, 1, output);
        self.end(session, 1, seconds, Ending::Code { code: 0 }, None);
        self.moved(session, ended(Outcome::Succeeded), "exit 0");
    }
    pub fn backing_off(&mut self, session: &str, seconds: u64) {
        let delay = Duration::from_secs(seconds);
        let due = self.at.plus(delay);
        let until = Due { wall: due.wall, mono: due.mono, boot_id: self.boot.clone(), delay };
        self.moved(session, RunState::BackingOff { until }, "tried again after a delay");
    }
    pub fn close(&mut self, reason: &str) {
        let night = self.night.clone();
        self.add(Fact::NightClosed { night, reason: reason.into() });
    }
    /// The report made by a daemon that watches, this many seconds after the last fact.
    pub fn report_after(&self, seconds: u64) -> Report {
        let now = self.at.plus(Duration::from_secs(seconds));
        build(&fold_as_of(&self.night, self.entries.iter().map(|(seq, entry)| (*seq, entry)), now), &berlin())
    }
    pub fn report(&self) -> Report {
        build(&fold(&self.night, self.entries.iter().map(|(seq, entry)| (*seq, entry))), &berlin())
    }
}

pub fn exit(ending: Ending, at: Wall, ran: u64) -> ExitRecord {
    ExitRecord {
        ending,
        at,
        ran: Duration::from_secs(ran),
        usage: None,
        oom: false,
        hup: false,
        stopped: false,
        orphans: 0,
        output_bytes: 0,
        lost_bytes: 0,
        refused: 0,
    }
}

pub fn class(class: FailureClass, rule: &str) -> Option<Verdict> {
    Some(Verdict { class, counted: class == FailureClass::Transient, rule: rule.into() })
}

/// Output whose last lines are these.
pub fn lines(at: Wall, lines: &[&str]) -> OutputSeen {
    OutputSeen {
        bytes: lines.iter().map(|l| l.len() as u64 + 1).sum(),
        last_at: Some(at),
        last_line: lines.last().copied().unwrap_or_default().to_owned(),
        tail: lines.iter().map(|l| (*l).to_owned()).collect(),
        ..OutputSeen::default()
    }
}

pub fn metric(mut output: OutputSeen, name: &str, value: f64, total: Option<f64>, took: u64) -> OutputSeen {
    let at = output.last_at.unwrap();
    let first = Wall(at.0 - took as i64 * 1000);
    output.metrics.insert(name.into(), MetricSeen { first: (0.0, first), value, total, at, pace: Default::default() });
    output
}

pub fn error(mut output: OutputSeen, fingerprint: &str, sample: &str, count: u64) -> OutputSeen {
    let at = output.last_at.unwrap();
    let seen = ErrorSeen { sample: sample.into(), more: Vec::new(), count, first: Wall(at.0 - 60_000), last: at };
    output.errors.insert(fingerprint.into(), seen);
    output
}

pub fn check(text: &str, passed: bool, seen: &str) -> CheckResult {
    CheckResult { text: text.into(), passed, seen: seen.into() }
}

pub fn base() -> GitBase {
    GitBase::At { head: "a".repeat(40), branch: Some("main".into()) }
}

pub fn work(at: Wall, subject: &str, author: &str, path: &str) -> ProjectWork {
    ProjectWork {
        commits: vec![Commit { hash: "b".repeat(40), author: author.into(), at_ms: at.0, subject: subject.into() }],
        commit_count: 1,
        rewritten: false,
        files: vec![FileChange { path: path.into(), added: Some(12), removed: Some(3), committed: true }],
        file_count: 1,
        dirty_count: 0,
        problem: None,
        ..ProjectWork::default()
    }
}
