//! A desk for tests: a night, a clock that moves when told, timers that run out, and a world that does what it is told.

use super::calendar::Timing;
use super::effect::Effect;
use super::event::{Event, Timer, Verb};
use super::exit::{Ending, ExitRecord};
use super::fact::{Actor, Entry, Fact};
use super::ids::{AttemptId, NightId, RunId, SessionName};
use super::night::{Night, Step};
use super::plan::{
    Caps, Command, Dependency, DependencyOn, Jitter, OnTmuxLoss, Plan, ProjectPlan, RetryPolicy, SessionPlan,
    StallPolicy, Success,
};
use super::run::{OutputSeen, Run, Started};
use super::state::State;
use super::time::{At, Mono, Wall};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const BOOT: &str = "boot-1";

pub(super) fn name(text: &str) -> SessionName {
    SessionName::new(text).unwrap()
}

pub(super) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(super) fn anna() -> Actor {
    Actor { who: "uid 1000 (anna)".to_owned(), reason: None }
}

/// A session that succeeds with exit 0 and is retried without jitter.
pub(super) fn session(text: &str) -> SessionPlan {
    SessionPlan {
        name: name(text),
        project: None,
        command: Command::Shell("work".to_owned()),
        dir: "/tmp".into(),
        env: BTreeMap::new(),
        disabled: false,
        after: Vec::new(),
        priority: 0,
        timeout: None,
        stop_grace: seconds(15),
        on_tmux_loss: OnTmuxLoss::Stop,
        retry: RetryPolicy { jitter: Jitter::None, ..RetryPolicy::default() },
        success: Success::default(),
        metrics: Vec::new(),
        verify: None,
        verify_timeout: seconds(60),
        timing: Timing::default(),
        stall: StallPolicy::default(),
        provider: None,
        caps: Caps::default(),
        resume: crate::core::limit::ResumePolicy::default(),
        answers: Vec::new(),
        budget: crate::core::usage::Budget::default(),
        runaway: crate::core::runaway::RunawayPolicy::default(),
        agent: None,
        profile: None,
        launch: None,
        worktree: None,
    }
}

/// The same, after others succeeded.
pub(super) fn session_after(text: &str, after: &[&str]) -> SessionPlan {
    let after = after.iter().map(|other| Dependency { session: name(other), on: DependencyOn::Success });
    SessionPlan { after: after.collect(), ..session(text) }
}

pub(super) fn plan(sessions: impl IntoIterator<Item = SessionPlan>) -> Plan {
    Plan {
        concurrent: 4,
        sessions: sessions.into_iter().map(|session| (session.name.clone(), session)).collect(),
        ..Plan::default()
    }
}

pub(super) fn with_project(mut plan: Plan, project: &str, dir: &str) -> Plan {
    let project = super::ids::ProjectName::new(project).unwrap();
    for session in plan.sessions.values_mut() {
        session.project = Some(project.clone());
    }
    plan.projects.insert(
        project,
        ProjectPlan { dir: dir.into(), budget: crate::core::usage::Budget::default(), collect: Default::default() },
    );
    plan
}

pub(super) fn exit(ending: Ending) -> ExitRecord {
    ExitRecord {
        ending,
        at: Wall(0),
        ran: seconds(120),
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

pub(super) fn code(code: i32) -> ExitRecord {
    exit(Ending::Code { code })
}

pub(super) struct Desk {
    pub(super) night: Night,
    pub(super) at: At,
    pub(super) boot: String,
    pub(super) journal: Vec<Entry>,
    pub(super) effects: Vec<Effect>,
    timers: BTreeMap<Timer, (u64, Mono)>,
}

impl Desk {
    /// A daemon that has read its file; no night is open yet.
    pub(super) fn new(plan: Plan) -> Self {
        let at = At { wall: Wall(1_763_758_800_000), mono: Mono(5_000) };
        let mut desk = Self {
            night: Night::new(State::default(), 7, BOOT),
            at,
            boot: BOOT.to_owned(),
            journal: Vec::new(),
            effects: Vec::new(),
            timers: BTreeMap::new(),
        };
        desk.daemon_starts();
        desk.load(plan);
        desk
    }
    /// The same with an open night in which all sessions are queued.
    pub(super) fn open(sessions: impl IntoIterator<Item = SessionPlan>) -> Self {
        let mut desk = Self::new(plan(sessions));
        desk.up(&[]);
        desk
    }

    /// One step; its facts go to the journal, its timers are armed.
    pub(super) fn step(&mut self, event: Event) -> Step {
        let step = self.night.step(self.at, event);
        self.journal.extend(step.facts.iter().cloned());
        for effect in &step.effects {
            if let Effect::Arm { timer, epoch, after } = effect {
                self.timers.insert(timer.clone(), (*epoch, self.at.mono.plus(*after)));
            }
        }
        self.effects = step.effects.clone();
        step
    }
    pub(super) fn daemon_starts(&mut self) -> Step {
        let boot_id = self.boot.clone();
        self.step(Event::DaemonStarted { pid: 42, version: "0.1.0".to_owned(), boot_id })
    }
    pub(super) fn load(&mut self, plan: Plan) -> Step {
        self.step(Event::PlanLoaded { plan: Box::new(plan) })
    }
    /// The daemon dies, and another takes up its journal by the rows.
    pub(super) fn crash(&mut self) -> Step {
        let mut fold = State::default();
        let mut rows = BTreeMap::new();
        for entry in &self.journal {
            fold.apply(entry);
            for row in fold.rows_for(std::slice::from_ref(entry)) {
                rows.insert((row.kind, row.key), row.body);
            }
        }
        assert_eq!(fold, self.night.state, "the journal holds another state than the daemon believed");
        let rows = rows.into_iter().map(|((kind, key), body)| (kind.to_owned(), key, body));
        let state = State::from_rows(rows).unwrap();
        assert_eq!(state, fold, "the rows hold another state than the journal");
        self.timers.clear();
        self.night = Night::new(state, 8, &self.boot);
        let plan = self.night.state.plan.clone();
        let mut step = self.daemon_starts();
        let more = self.load(plan);
        step.facts.extend(more.facts);
        step.effects.extend(more.effects);
        step
    }
    pub(super) fn up(&mut self, sessions: &[&str]) -> Step {
        self.up_on("2026-11-21", sessions)
    }
    pub(super) fn up_on(&mut self, date: &str, sessions: &[&str]) -> Step {
        let night = NightId::new(date).unwrap();
        let sessions = sessions.iter().map(|text| name(text)).collect();
        self.step(Event::Up { night, sessions, now: false, by: anna() })
    }
    pub(super) fn down(&mut self) -> Step {
        self.step(Event::Down { now: false, by: anna() })
    }
    /// A verb, with the answer it got.
    pub(super) fn verb(&mut self, verb: Verb, session: &str) -> String {
        let step = self.step(Event::Operator { verb, session: name(session), by: anna() });
        answer(&step)
    }
    pub(super) fn run(&self, session: &str) -> &Run {
        self.night.state.latest_run(&name(session)).unwrap()
    }
    /// The state's word of a session's newest run, `none` without one.
    pub(super) fn word(&self, session: &str) -> &'static str {
        self.night.state.latest_run(&name(session)).map_or("none", |run| run.state.word())
    }
    pub(super) fn attempt(&self, session: &str) -> AttemptId {
        self.run(session).last_attempt().unwrap().id.clone()
    }
    /// The newest attempt's program is seen running.
    pub(super) fn started(&mut self, session: &str) -> Step {
        let attempt = self.attempt(session);
        let started = Started { at: self.at.wall, pid: 7, pid_start: 1, shim_pid: 6, boot_id: self.boot.clone() };
        self.step(Event::Started { attempt, started })
    }
    /// The newest attempt ends.
    pub(super) fn ends(&mut self, session: &str, exit: ExitRecord) -> Step {
        self.ends_with(session, exit, OutputSeen::default())
    }
    pub(super) fn ends_with(&mut self, session: &str, exit: ExitRecord, output: OutputSeen) -> Step {
        let attempt = self.attempt(session);
        let exit = ExitRecord { at: self.at.wall, ..exit };
        self.step(Event::Ended { attempt, exit, output: Box::new(output) })
    }
    /// Seen running, then ended.
    pub(super) fn runs(&mut self, session: &str, exit: ExitRecord) -> Step {
        self.started(session);
        self.ends(session, exit)
    }
    /// Time passes, without timers.
    pub(super) fn pass(&mut self, span: Duration) {
        self.at = self.at.plus(span);
    }
    /// Time passes, and timers run out on the way.
    pub(super) fn wait(&mut self, span: Duration) {
        let end = self.at.plus(span);
        loop {
            let next = self.timers.iter().filter(|(_, (_, due))| *due <= end.mono).min_by_key(|(_, (_, due))| *due);
            let Some((timer, (epoch, due))) = next.map(|(timer, armed)| (timer.clone(), *armed)) else { break };
            self.timers.remove(&timer);
            self.at = self.at.plus(due.since(self.at.mono));
            self.step(Event::Timer { timer, epoch });
        }
        self.at = self.at.plus(end.mono.since(self.at.mono));
    }
    /// How long the timer of a run's wait still has.
    pub(super) fn due_in(&self, run: &RunId) -> Option<Duration> {
        self.timers.get(&Timer::RunDue(run.clone())).map(|(_, due)| due.since(self.at.mono))
    }
    /// The machine goes down and comes up again.
    pub(super) fn reboot(&mut self, down: Duration) {
        self.boot.push('+');
        self.at = At { wall: self.at.wall.plus(down), mono: Mono(1_000) };
    }
    pub(super) fn started_sessions(step: &Step) -> Vec<String> {
        let started = |effect: &Effect| match effect {
            Effect::Start { attempt, .. } => Some(attempt.run.session.to_string()),
            _ => None,
        };
        step.effects.iter().filter_map(started).collect()
    }
}

/// The last answer of a step.
pub(super) fn answer(step: &Step) -> String {
    step.answers().last().map_or_else(String::new, |(_, text)| text.to_owned())
}

/// How often a step says that an attempt is started.
pub(super) fn asks<F: Fn(&Effect) -> bool>(step: &Step, what: F) -> usize {
    step.effects.iter().filter(|effect| what(effect)).count()
}

/// The facts of a kind.
pub(super) fn facts<F: Fn(&Fact) -> bool>(step: &Step, what: F) -> usize {
    step.facts.iter().filter(|entry| what(&entry.fact)).count()
}
