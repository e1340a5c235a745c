//! Random plans, and scripts for the programs they start.

use super::limits::{Said, resume, said};
use fastrand::Rng;
use nightkeep::core::alert::message::Severity;
use nightkeep::core::alert::plan::{AlertsPlan, EscalationStep};
use nightkeep::core::calendar::{AtEnd, ClockTime, NightPlan, StartAt, Timing};
use nightkeep::core::delivery::ReportPlan;
use nightkeep::core::exit::FailureClass;
use nightkeep::core::ids::{ProjectName, SessionName};
use nightkeep::core::plan::{
    Caps, ChannelPlan, Check, Command, Comparison, Dependency, DependencyOn, FailureMatch, Jitter, MetricPlan,
    OnCrashLoop, OnStall, OnTmuxLoss, OutputRule, Plan, ProjectPlan, Requirement, RetryPolicy, SessionPlan,
    StallPolicy, Success, Way,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// How one start of a program goes.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// How it ends by itself.
    pub end: ScriptedEnd,
    /// After how long, in milliseconds.
    pub after: u64,
    /// How long it takes to end once it is asked to stop.
    pub stop_takes: u64,
    /// The code it then leaves with; `None` dies of the signal.
    pub stop_code: Option<i32>,
    /// The share of its metric's total that it reaches, in percent.
    pub reaches: u64,
    /// Whether it prints anything.
    pub prints: bool,
    /// The output rule that its last lines match.
    pub rule: Option<&'static str>,
    /// Whether its provider's outage ends it.
    pub outage: bool,
    /// What it says of a usage limit.
    pub limit: Option<Said>,
}

/// How a program ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptedEnd {
    Code(i32),
    Signal(i32),
    Oom,
    ExecFailed(i32),
    Never,
}

/// What kind of program a session runs.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Good,
    Flaky(u32),
    AlwaysFails,
    CrashesAtOnce,
    NeverEnds,
    Missing,
    Short,
    Limited,
    ProviderDown,
    EatsMemory,
    Shot,
    Wild,
}

/// Providers that sessions share.
pub const PROVIDERS: [&str; 2] = ["acme", "zen"];

pub const RULES: [(&str, FailureClass); 4] = [
    ("rules[0] locked", FailureClass::Transient),
    ("rules[1] overloaded", FailureClass::ProviderDown),
    ("rules[2] usage limit", FailureClass::UsageLimit),
    ("rules[3] denied", FailureClass::Permanent),
];

pub fn kind(rng: &mut Rng) -> Kind {
    match rng.u32(0..25) {
        0..6 => Kind::Good,
        6..10 => Kind::Flaky(rng.u32(1..5)),
        10..12 => Kind::AlwaysFails,
        12..14 => Kind::CrashesAtOnce,
        14 => Kind::NeverEnds,
        15 => Kind::Missing,
        16..18 => Kind::Short,
        18 | 24 => Kind::Limited,
        19 => Kind::ProviderDown,
        20 => Kind::EatsMemory,
        21 => Kind::Shot,
        _ => Kind::Wild,
    }
}

/// How the `n`th start (from 0) of a program of a kind goes.
pub fn behaviour(kind: Kind, n: u32, rng: &mut Rng) -> Behaviour {
    let minutes = |rng: &mut Rng, most: u64| rng.u64(1_000..most * 60_000);
    let mut way = Behaviour {
        end: ScriptedEnd::Code(0),
        after: minutes(rng, 30),
        stop_takes: rng.u64(0..20_000),
        stop_code: rng.bool().then(|| rng.i32(0..4)),
        reaches: 100,
        prints: rng.u8(0..10) < 9,
        rule: None,
        outage: false,
        limit: None,
    };
    match kind {
        Kind::Good => {}
        Kind::Flaky(failures) if n < failures => way.end = ScriptedEnd::Code(rng.i32(1..5)),
        Kind::Flaky(_) => {}
        Kind::AlwaysFails => {
            way.end = ScriptedEnd::Code(1);
            way.rule = [None, Some(RULES[0].0), Some("gone")][rng.usize(0..3)];
        }
        Kind::CrashesAtOnce => {
            way.end = ScriptedEnd::Code(2);
            way.after = rng.u64(1..3_000);
        }
        Kind::NeverEnds => way.end = ScriptedEnd::Never,
        Kind::Missing => {
            let ways = [
                ScriptedEnd::ExecFailed(2),
                ScriptedEnd::ExecFailed(28),
                ScriptedEnd::Code(127),
                ScriptedEnd::Code(126),
            ];
            way.end = ways[rng.usize(0..ways.len())];
            way.after = rng.u64(1..500);
        }
        Kind::Short => way.reaches = [0, 50, 99][rng.usize(0..3)],
        Kind::Limited if rng.bool() => {
            way.end = ScriptedEnd::Code(1);
            let said = said(rng);
            way.rule = (!said.built_in).then_some(RULES[2].0);
            (way.limit, way.prints) = (Some(said), true);
        }
        Kind::ProviderDown if rng.u8(0..3) > 0 => {
            way.end = ScriptedEnd::Code(1);
            way.rule = Some(RULES[1].0);
            way.after = rng.u64(1..90_000);
        }
        Kind::Limited | Kind::ProviderDown => {}
        Kind::EatsMemory => way.end = if rng.bool() { ScriptedEnd::Oom } else { ScriptedEnd::Code(0) },
        Kind::Shot => way.end = ScriptedEnd::Signal([9, 11, 15, 1][rng.usize(0..4)]),
        Kind::Wild => {
            let ways = [
                ScriptedEnd::Code(0),
                ScriptedEnd::Code(1),
                ScriptedEnd::Code(3),
                ScriptedEnd::Code(137),
                ScriptedEnd::Signal(9),
                ScriptedEnd::Oom,
                ScriptedEnd::Never,
                ScriptedEnd::ExecFailed(11),
            ];
            way.end = ways[rng.usize(0..ways.len())];
            way.rule = [None, None, Some(RULES[0].0), Some(RULES[3].0)][rng.usize(0..4)];
            way.reaches = rng.u64(0..=100);
            way.after = if rng.bool() { rng.u64(1..60_000) } else { minutes(rng, 60) };
        }
    }
    way
}

pub fn name(i: usize) -> SessionName {
    SessionName::new(&format!("s{i:02}")).unwrap()
}

fn seconds(rng: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range.start * 1000..range.end * 1000))
}

pub fn policy(rng: &mut Rng) -> RetryPolicy {
    if rng.u8(0..3) == 0 {
        return RetryPolicy::default();
    }
    let matches = |rng: &mut Rng| {
        let all = [
            FailureMatch::Code(1),
            FailureMatch::Code(2),
            FailureMatch::Code(127),
            FailureMatch::Signal(9),
            FailureMatch::Class(FailureClass::Transient),
            FailureMatch::Class(FailureClass::Lost),
            FailureMatch::Class(FailureClass::Timeout),
        ];
        (0..rng.usize(1..3)).map(|_| all[rng.usize(0..all.len())].clone()).collect::<Vec<_>>()
    };
    let initial_delay = seconds(rng, 0..60);
    RetryPolicy {
        max_attempts: rng.u32(1..7),
        initial_delay,
        multiplier: 1.0 + f64::from(rng.u32(0..12)) / 4.0,
        max_delay: initial_delay + seconds(rng, 1..600),
        jitter: [Jitter::Equal, Jitter::Full, Jitter::None][rng.usize(0..3)],
        reset_after: seconds(rng, 60..1200),
        min_uptime: seconds(rng, 0..120),
        crash_loop_count: rng.u32(2..6),
        crash_loop_window: seconds(rng, 60..1200),
        on_crash_loop: if rng.bool() { OnCrashLoop::Park } else { OnCrashLoop::Delay },
        retry_on: if rng.u8(0..6) == 0 { matches(rng) } else { Vec::new() },
        never_on: if rng.u8(0..6) == 0 { matches(rng) } else { Vec::new() },
        hard_cap_starts: [2, 3, 5, 10, 50][rng.usize(0..5)],
    }
}

fn requirement(text: &str, check: Check) -> Requirement {
    Requirement { text: text.to_owned(), check }
}

fn success(rng: &mut Rng) -> Success {
    let mut success = Success::default();
    if rng.u8(0..4) == 0 {
        success.exit_codes.push(3);
    }
    let m = || "m".to_owned();
    for _ in 0..rng.u8(0..3) {
        let asked = match rng.u8(0..6) {
            0 => requirement("metric:m=complete", Check::MetricComplete { metric: m() }),
            1 => {
                requirement("metric:m>=50", Check::MetricCompare { metric: m(), op: Comparison::AtLeast, number: 50.0 })
            }
            2 => requirement("metric:m==total", Check::MetricEqual { left: m(), right: "total".to_owned() }),
            3 => requirement("file:out.txt", Check::File { path: "out.txt".into(), min_size: 1 }),
            4 => requirement("git_commits>=1", Check::GitCommits { at_least: 1 }),
            _ => requirement("command:true", Check::Command { line: "true".to_owned() }),
        };
        success.require.push(asked);
    }
    if rng.u8(0..5) == 0 {
        let check = Check::MetricCompare { metric: m(), op: Comparison::Equal, number: 0.0 };
        success.forbid.push(requirement("metric:m=0", check));
    }
    success
}

const CRONS: [&str; 5] = ["*/30 * * * *", "15 * * * *", "30 2 * * *", "0 23,1,4 * * *", "5 3 * * 1-5"];

/// A time of day, in quarters of an hour; some of them in the hours that come twice or not at all.
fn clock(rng: &mut Rng) -> ClockTime {
    ClockTime(if rng.u8(0..4) == 0 { 120 + rng.u16(0..5) * 15 } else { rng.u16(0..96) * 15 })
}

fn timing(rng: &mut Rng) -> Timing {
    Timing {
        start: match rng.u8(0..10) {
            0 => Some(StartAt::Clock(clock(rng))),
            1 => Some(StartAt::Cron(CRONS[rng.usize(0..CRONS.len())].to_owned())),
            _ => None,
        },
        deadline: (rng.u8(0..8) == 0).then(|| clock(rng)),
    }
}

/// Half of the nights begin and end by hand, the others by the clock in some way.
fn night(rng: &mut Rng) -> NightPlan {
    let at_end = if rng.bool() { AtEnd::Stop } else { AtEnd::Keep };
    let (start, end) = (clock(rng), clock(rng));
    let end = if end == start { ClockTime((end.0 + 480) % 1440) } else { end };
    match rng.u8(0..8) {
        0..4 => NightPlan::default(),
        4 => NightPlan { end: Some(end), at_end, ..NightPlan::default() },
        5 => NightPlan { start: Some(start), at_end, ..NightPlan::default() },
        _ => NightPlan { start: Some(start), end: Some(end), at_end, ..NightPlan::default() },
    }
}

fn stall(rng: &mut Rng) -> StallPolicy {
    let after = (rng.u8(0..8) > 0).then(|| [seconds(rng, 10..60), seconds(rng, 60..900)][rng.usize(0..2)]);
    let action = [OnStall::Alert, OnStall::Nudge, OnStall::Restart][rng.usize(0..3)];
    StallPolicy { after, action }
}

pub fn session(i: usize, rng: &mut Rng) -> SessionPlan {
    let metrics = match rng.u8(0..4) {
        0 => vec![MetricPlan { name: "m".to_owned(), regex: r"(\d+)".to_owned(), total: Some(100.0), deadline: None }],
        1 => vec![MetricPlan { name: "m".to_owned(), regex: r"(\d+)/(\d+)".to_owned(), total: None, deadline: None }],
        _ => Vec::new(),
    };
    SessionPlan {
        name: name(i),
        project: rng.bool().then(|| ProjectName::new("home").unwrap()),
        command: Command::Shell("work".to_owned()),
        dir: "/tmp".into(),
        env: BTreeMap::new(),
        disabled: rng.u8(0..20) == 0,
        after: Vec::new(),
        priority: rng.i32(-2..3),
        timeout: (rng.u8(0..3) == 0).then(|| seconds(rng, 30..3600)),
        stop_grace: seconds(rng, 0..30),
        on_tmux_loss: if rng.u8(0..5) == 0 { OnTmuxLoss::Keep } else { OnTmuxLoss::Stop },
        retry: policy(rng),
        success: success(rng),
        metrics,
        verify: (rng.u8(0..5) == 0).then(|| Command::Shell("verify".to_owned())),
        verify_timeout: Duration::from_secs(60),
        timing: timing(rng),
        stall: stall(rng),
        provider: [None, None, Some(PROVIDERS[0]), Some(PROVIDERS[1])][rng.usize(0..4)].map(str::to_owned),
        caps: Caps::default(),
        resume: resume(rng),
        answers: super::prompts::rules(&mut rng.clone()),
        budget: Default::default(),
        agent: None,
        profile: None,
        launch: None,
        worktree: None,
        runaway: Default::default(),
    }
}

/// Lets a session come after some with a lower number.
pub fn depend(session: &mut SessionPlan, i: usize, rng: &mut Rng) {
    session.after.clear();
    if i == 0 || rng.bool() {
        return;
    }
    for _ in 0..rng.usize(1..3) {
        let on = if rng.u8(0..4) == 0 { DependencyOn::End } else { DependencyOn::Success };
        let dependency = Dependency { session: name(rng.usize(0..i)), on };
        if !session.after.iter().any(|known| known.session == dependency.session) {
            session.after.push(dependency);
        }
    }
}

pub fn plan(rng: &mut Rng) -> Plan {
    let count = match rng.u8(0..60) {
        0..45 => rng.usize(1..6),
        45..59 => rng.usize(6..12),
        _ => rng.usize(16..41),
    };
    let mut sessions = BTreeMap::new();
    for i in 0..count {
        let mut new = session(i, rng);
        depend(&mut new, i, rng);
        sessions.insert(new.name.clone(), new);
    }
    let project = ProjectName::new("home").unwrap();
    let concurrent = rng.u32(1..9);
    let (alerts, channels) = alerts(rng);
    Plan {
        report: ReportPlan {
            deliver: channels.keys().filter(|_| rng.bool()).cloned().collect(),
            quiet_hours: rng.bool(),
        },
        timezone: None,
        budget: Default::default(),
        profiles: Default::default(),
        concurrent,
        log_per_session: None,
        projects: BTreeMap::from([(
            project,
            ProjectPlan { dir: "/home/anna".into(), budget: Default::default(), collect: Default::default() },
        )]),
        sessions,
        rules: RULES
            .iter()
            .map(|(id, class)| OutputRule {
                id: (*id).to_owned(),
                regex: String::new(),
                class: *class,
                sessions: Vec::new(),
            })
            .collect(),
        channels,
        alerts,
        night: night(rng),
        min_free_disk: rng.bool().then_some(1 << 30),
    }
}

/// Who is told of what: quiet hours around the night, before it and in it, short repeats, escalations.
fn alerts(rng: &mut Rng) -> (AlertsPlan, BTreeMap<String, ChannelPlan>) {
    let severity =
        |rng: &mut Rng| [Severity::Low, Severity::Medium, Severity::High, Severity::Critical][rng.usize(0..4)];
    let names = ["chat", "mail", "phone"];
    let channels: BTreeMap<String, ChannelPlan> = (names.iter().take(rng.usize(0..4)))
        .map(|name| {
            let min_severity = (rng.u8(0..3) == 0).then(|| severity(rng));
            let plan = ChannelPlan { name: (*name).to_owned(), min_severity, template: None, way: Way::Desktop };
            ((*name).to_owned(), plan)
        })
        .collect();
    let known: Vec<String> = channels.keys().cloned().collect();
    let steps = if known.is_empty() { 0 } else { rng.usize(0..3) };
    let escalate = (0..steps)
        .map(|_| EscalationStep {
            after: Duration::from_secs(60 * rng.u64(0..40)),
            to: vec![known[rng.usize(0..known.len())].clone()],
        })
        .collect();
    let from = rng.u16(0..1440);
    let quiet = match rng.u8(0..6) {
        0 | 1 => None,
        2 => Some((22 * 60, 7 * 60)),
        3 => Some((0, 6 * 60)),
        _ => Some((from, (from + rng.u16(1..300)) % 1440)),
    };
    let plan = AlertsPlan {
        min_severity: if rng.bool() { Severity::Low } else { Severity::Medium },
        quiet,
        repeat: rng.bool().then(|| Duration::from_secs(60 * rng.u64(5..120))),
        escalate,
        ping: None,
    };
    (plan, channels)
}

/// The file after somebody edited it.
pub fn edited(plan: &Plan, rng: &mut Rng) -> Plan {
    let mut plan = plan.clone();
    for _ in 0..rng.usize(1..4) {
        let names: Vec<SessionName> = plan.sessions.keys().cloned().collect();
        let some = names.get(rng.usize(0..names.len().max(1))).cloned();
        match (rng.u8(0..10), some) {
            (7, _) => {
                // Whether nights begin by themselves stays as it is.
                let other = night(rng);
                plan.night.at_end = other.at_end;
                plan.night.end = other.end.filter(|end| Some(*end) != plan.night.start);
            }
            (8, Some(name)) => {
                let timing = timing(rng);
                plan.sessions.entry(name).and_modify(|session| session.timing = timing);
            }
            (0, _) => plan.concurrent = rng.u32(1..9),
            (9, _) => (plan.alerts, plan.channels) = alerts(rng),
            (1, _) => {
                let i = rng.usize(0..41);
                let mut new = session(i, rng);
                depend(&mut new, i, rng);
                new.after.retain(|dependency| plan.sessions.contains_key(&dependency.session));
                plan.sessions.entry(new.name.clone()).or_insert(new);
            }
            (2, Some(gone)) if names.len() > 1 => {
                plan.sessions.remove(&gone);
                for session in plan.sessions.values_mut() {
                    session.after.retain(|dependency| dependency.session != gone);
                }
            }
            (3, Some(name)) => {
                let retry = policy(rng);
                plan.sessions.entry(name).and_modify(|session| session.retry = retry);
            }
            (4, Some(name)) => {
                let changed = session(0, rng);
                plan.sessions.entry(name).and_modify(|session| {
                    session.success = changed.success;
                    session.timeout = changed.timeout;
                    session.stop_grace = changed.stop_grace;
                    session.priority = changed.priority;
                });
            }
            (5, Some(name)) => {
                plan.sessions.entry(name).and_modify(|session| session.disabled = !session.disabled);
            }
            (_, Some(name)) => {
                let i = name.as_str().trim_start_matches('s').parse().unwrap_or(0);
                let known: Vec<SessionName> = plan.sessions.keys().cloned().collect();
                plan.sessions.entry(name).and_modify(|session| {
                    depend(session, i, rng);
                    session.after.retain(|dependency| known.contains(&dependency.session));
                });
            }
            (_, None) => {}
        }
    }
    plan
}
