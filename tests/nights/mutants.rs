//! Faults planted between the core and its surroundings, each of which some invariant must find.

use fastrand::Rng;
use nightkeep::core::alert::message::{Message, MessageKind};
use nightkeep::core::alert::{Alert, Stage};
use nightkeep::core::breaker::Phase;
use nightkeep::core::effect::Effect;
use nightkeep::core::event::{Event, Timer, Verb};
use nightkeep::core::exit::{Ending, FailureClass};
use nightkeep::core::fact::{Actor, Entry, Fact};
use nightkeep::core::finding::{Finding, FindingKind};
use nightkeep::core::ids::{AttemptId, RunId};
use nightkeep::core::night::{Night, Step};
use nightkeep::core::run::{AfterStop, Due, Run, RunState};
use nightkeep::core::stall::Quiet;
use nightkeep::core::ticket::policy::ByRule;
use nightkeep::core::ticket::{Answer, Say, Stage as TicketStage};
use nightkeep::core::time::{At, Mono};
use std::time::Duration;

/// A planted fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    StartsTwice,
    ForgetsTheIntent,
    LosesAnEnd,
    EndsTwice,
    ChangesAnExit,
    NeverStops,
    NeverArms,
    CountsOutages,
    WaitsTooLong,
    StartsEarly,
    SkipsDependencies,
    ForgetsTheCount,
    RevivesTheStopped,
    StopsOnReload,
    RaisesTheDead,
    WritesNoReport,
    LostRow,
    ForgetsARun,
    SendsInQuietHours,
    ForgetsTheOutbox,
    TellsTwice,
    ForgetsTheEnd,
    IgnoresTheCap,
    SendsTheUnjournaled,
    NeverResends,
    TellsWhatSomebodyKnows,
    TellsWhatFollows,
    RepeatsTooSoon,
    ForgetsTheLastWord,
    NeverLooksAtTheClock,
    StartsBeforeItsTime,
    ForgetsTheDeadline,
    EndsTheNightLate,
    BeginsTwice,
    StopsWhatIsKept,
    OutageBurnsAttempts,
    TwoProbes,
    StartsBehindBreakers,
    NeverTriesAgain,
    TriesTooSoon,
    ForgetsThePace,
    CallsWorkAStall,
    OverlooksAStall,
    NudgesAgain,
    StopsWhatIsOnlyToBeTold,
    StartsAllAtOnce,
    FreesALivingSlot,
    NeverLooksForRemains,
    MisreadsTheReset,
    GoesOnUnasked,
    ForgetsTheWaits,
    NeverAsks,
    TypesWithoutLooking,
    AnswersWithoutARule,
    ForgetsTheSpending,
    PastesAgain,
    LetsItRunAway,
    CallsHelpersARunaway,
}

impl Mutant {
    pub const ALL: &[Self] = &[
        Self::StartsTwice,
        Self::ForgetsTheIntent,
        Self::LosesAnEnd,
        Self::EndsTwice,
        Self::ChangesAnExit,
        Self::NeverStops,
        Self::NeverArms,
        Self::CountsOutages,
        Self::WaitsTooLong,
        Self::StartsEarly,
        Self::SkipsDependencies,
        Self::ForgetsTheCount,
        Self::RevivesTheStopped,
        Self::StopsOnReload,
        Self::RaisesTheDead,
        Self::WritesNoReport,
        Self::LostRow,
        Self::ForgetsARun,
        Self::SendsInQuietHours,
        Self::ForgetsTheOutbox,
        Self::TellsTwice,
        Self::ForgetsTheEnd,
        Self::IgnoresTheCap,
        Self::SendsTheUnjournaled,
        Self::NeverResends,
        Self::TellsWhatSomebodyKnows,
        Self::TellsWhatFollows,
        Self::RepeatsTooSoon,
        Self::ForgetsTheLastWord,
        Self::NeverLooksAtTheClock,
        Self::StartsBeforeItsTime,
        Self::ForgetsTheDeadline,
        Self::EndsTheNightLate,
        Self::BeginsTwice,
        Self::StopsWhatIsKept,
        Self::CallsWorkAStall,
        Self::OverlooksAStall,
        Self::NudgesAgain,
        Self::StopsWhatIsOnlyToBeTold,
        Self::OutageBurnsAttempts,
        Self::TwoProbes,
        Self::StartsBehindBreakers,
        Self::NeverTriesAgain,
        Self::TriesTooSoon,
        Self::ForgetsThePace,
        Self::StartsAllAtOnce,
        Self::FreesALivingSlot,
        Self::NeverLooksForRemains,
        Self::MisreadsTheReset,
        Self::GoesOnUnasked,
        Self::ForgetsTheWaits,
        Self::NeverAsks,
        Self::TypesWithoutLooking,
        Self::AnswersWithoutARule,
        Self::ForgetsTheSpending,
        Self::PastesAgain,
        Self::LetsItRunAway,
        Self::CallsHelpersARunaway,
    ];

    /// The invariants of which one must find it.
    pub fn found_by(self) -> &'static [&'static str] {
        match self {
            Self::StartsTwice => &["S2", "S4"],
            Self::ForgetsTheIntent => &["S4"],
            Self::LosesAnEnd => &["S3", "S5", "state", "S1"],
            Self::EndsTwice | Self::ChangesAnExit => &["S3"],
            Self::NeverStops => &["S17", "L1", "L7"],
            Self::NeverArms => &["L2", "L1", "O1", "O2"],
            Self::CountsOutages => &["S8"],
            Self::WaitsTooLong => &["S9"],
            Self::StartsEarly => &["S7", "S9"],
            Self::SkipsDependencies => &["S10"],
            Self::ForgetsTheCount => &["S5", "S6", "S9"],
            Self::RevivesTheStopped => &["S17", "S10"],
            Self::StopsOnReload => &["S24"],
            Self::RaisesTheDead => &["S11"],
            Self::WritesNoReport => &["L4"],
            Self::LostRow => &["S5"],
            Self::SendsInQuietHours => &["A1"],
            Self::ForgetsTheOutbox | Self::NeverResends => &["O1"],
            Self::TellsTwice => &["A2"],
            Self::ForgetsTheEnd => &["O2"],
            Self::IgnoresTheCap => &["A4"],
            Self::SendsTheUnjournaled => &["A5"],
            Self::TellsWhatSomebodyKnows => &["A7"],
            Self::RepeatsTooSoon => &["A3"],
            Self::ForgetsTheLastWord => &["O3"],
            Self::TellsWhatFollows => &["A6"],
            Self::NeverLooksAtTheClock => &["C1", "C2", "C4", "L1"],
            Self::StartsBeforeItsTime => &["C3"],
            Self::ForgetsTheDeadline => &["C4"],
            Self::EndsTheNightLate => &["C2"],
            Self::BeginsTwice => &["C1"],
            Self::StopsWhatIsKept => &["C5"],
            Self::ForgetsARun => &["S1", "S5", "S11", "S25", "L1"],
            Self::CallsWorkAStall => &["S25"],
            Self::OverlooksAStall => &["L7"],
            Self::NudgesAgain | Self::StopsWhatIsOnlyToBeTold => &["S26"],
            Self::OutageBurnsAttempts => &["S8"],
            Self::TwoProbes | Self::StartsBehindBreakers => &["S7"],
            Self::NeverTriesAgain => &["L1", "L2"],
            Self::TriesTooSoon => &["S7", "S9"],
            Self::ForgetsThePace => &["S5", "S6", "S9"],
            Self::StartsAllAtOnce => &["S27"],
            Self::FreesALivingSlot => &["S28"],
            Self::NeverLooksForRemains => &["L8"],
            Self::MisreadsTheReset => &["U1"],
            Self::GoesOnUnasked => &["U1", "U4"],
            Self::ForgetsTheWaits => &["U4", "S5"],
            Self::NeverAsks => &["U6"],
            Self::TypesWithoutLooking => &["T1"],
            Self::AnswersWithoutARule => &["T2"],
            Self::ForgetsTheSpending => &["B1", "B2"],
            Self::PastesAgain => &["D1", "D2"],
            Self::LetsItRunAway => &["R2"],
            Self::CallsHelpersARunaway => &["R1"],
        }
    }

    /// Plants the fault in a step that was just taken.
    pub fn plant(self, event: &Event, step: &mut Step, night: &mut Night, rng: &mut Rng) {
        let at = step.facts.last().map(|entry| entry.at);
        let now_and_then = rng.u8(0..8) == 0;
        match self {
            Self::StartsTwice => {
                let second = step.effects.iter().find_map(|effect| match effect {
                    Effect::Start { attempt, session } => {
                        let attempt = AttemptId { number: attempt.number + 1, ..attempt.clone() };
                        Some(Effect::Start { attempt, session: session.clone() })
                    }
                    _ => None,
                });
                step.effects.extend(second.filter(|_| now_and_then));
            }
            Self::ForgetsTheIntent if now_and_then => {
                step.facts.retain(|entry| !matches!(entry.fact, Fact::AttemptIntended { .. }));
            }
            Self::LosesAnEnd if now_and_then => {
                step.facts.retain(|entry| !matches!(entry.fact, Fact::AttemptEnded { .. }));
            }
            Self::EndsTwice if now_and_then => {
                let end = step.facts.iter().find(|entry| matches!(entry.fact, Fact::AttemptEnded { .. })).cloned();
                step.facts.extend(end);
            }
            Self::ChangesAnExit => {
                for entry in &mut step.facts {
                    if let Fact::AttemptEnded { exit, .. } = &mut entry.fact
                        && let Ending::Signal { signal, .. } = exit.ending
                    {
                        exit.ending = Ending::Code { code: 128 + signal };
                    }
                }
            }
            Self::NeverStops => step.effects.retain(|effect| !matches!(effect, Effect::Stop { .. })),
            Self::NeverArms => step.effects.retain(|effect| !matches!(effect, Effect::Arm { .. })),
            Self::CountsOutages => {
                for entry in &mut step.facts {
                    if let Fact::AttemptEnded { verdict: Some(verdict), counted, .. } = &mut entry.fact {
                        (verdict.counted, *counted) = (true, true);
                    }
                }
            }
            Self::WaitsTooLong => {
                for entry in &mut step.facts {
                    if let Fact::RunMoved { run, to: RunState::BackingOff { until }, .. } = &mut entry.fact {
                        until.delay *= 3;
                        let wait = until.clone();
                        if let Some(run) = night.state.runs.get_mut(run) {
                            run.state = RunState::BackingOff { until: wait };
                        }
                    }
                }
            }
            Self::StartsEarly => self.on_some_run(event, step, night, |run| match &run.state {
                RunState::BackingOff { until } => {
                    Some(RunState::BackingOff { until: Due { mono: at?.mono, wall: at?.wall, ..until.clone() } })
                }
                _ => None,
            }),
            Self::SkipsDependencies => self.on_some_run(event, step, night, |run| {
                matches!(run.state, RunState::Waiting { .. }).then_some(RunState::Queued)
            }),
            Self::RaisesTheDead => {
                self.on_some_run(event, step, night, |run| run.state.is_ended().then_some(RunState::Queued))
            }
            Self::ForgetsTheCount => night.state.runs.values_mut().for_each(|run| run.counted = 0),
            Self::RevivesTheStopped => {
                if let (Event::Operator { verb: Verb::Stop, session, .. }, Some(at)) = (event, at) {
                    let by = Actor { who: "a ghost".to_owned(), reason: None };
                    let start = Event::Operator { verb: Verb::Start, session: session.clone(), by };
                    let more = night.step(at, start);
                    step.facts.extend(more.facts);
                    step.effects.extend(more.effects);
                }
            }
            Self::StopsOnReload => {
                let running = night.state.runs.values().find_map(|run| run.state.live_attempt().cloned());
                if let (Event::PlanLoaded { .. }, Some(attempt), Some(at)) = (event, running, at) {
                    let reason = "changed".to_owned();
                    step.facts.push(Entry { at, fact: Fact::StopIntended { attempt: attempt.clone(), reason } });
                    step.effects.push(Effect::Stop { attempt, grace: Duration::ZERO });
                }
            }
            Self::WritesNoReport => step.effects.retain(|effect| !matches!(effect, Effect::WriteReport { .. })),
            Self::ForgetsARun if rng.u8(0..60) == 0 => {
                if let Some(id) = night.state.runs.keys().next().cloned() {
                    night.state.runs.remove(&id);
                }
            }
            Self::NeverLooksAtTheClock => {
                step.effects.retain(|effect| !matches!(effect, Effect::Arm { timer: Timer::Calendar, .. }));
            }
            Self::StartsBeforeItsTime => self.on_some_run(event, step, night, |run| {
                matches!(run.state, RunState::Scheduled { .. }).then_some(RunState::Queued)
            }),
            Self::ForgetsTheDeadline => {
                step.facts.retain(|entry| !matches!(entry.fact, Fact::DeadlineSet { .. }));
                night.state.runs.values_mut().for_each(|run| run.deadline = None);
            }
            Self::EndsTheNightLate => {
                for entry in &mut step.facts {
                    if let Fact::NightEnds { at: Some(at), .. } = &mut entry.fact {
                        *at = at.plus(Duration::from_secs(3600));
                        night.state.calendar.ends = Some(*at);
                    }
                }
            }
            Self::BeginsTwice => {
                if let (Event::Timer { timer: Timer::Calendar, .. }, Some(window)) =
                    (event, &night.state.calendar.begun)
                    && let Some(at) = at
                {
                    step.facts.push(Entry { at, fact: Fact::WindowBegan { night: window.clone() } });
                }
            }
            Self::StopsWhatIsKept => {
                let closing =
                    step.facts.iter().any(|entry| matches!(entry.fact, Fact::NightClosing { stays: true, .. }));
                let running = night.state.runs.values().find_map(|run| run.state.live_attempt().cloned());
                if let (true, Some(attempt), Some(at)) = (closing, running, at) {
                    let reason = "the night ends".to_owned();
                    step.facts.push(Entry { at, fact: Fact::StopIntended { attempt: attempt.clone(), reason } });
                    step.effects.push(Effect::Stop { attempt, grace: Duration::ZERO });
                }
            }
            // These change what the core is told, or what the file says: see `Sim::sample` and `distort`.
            Self::CallsWorkAStall | Self::OverlooksAStall => {}
            Self::NudgesAgain => {
                let nudge = step.effects.iter().find(|effect| matches!(effect, Effect::Nudge { .. })).cloned();
                step.effects.extend(nudge);
            }
            Self::StopsWhatIsOnlyToBeTold => {
                let told = step.facts.iter().find_map(|entry| match &entry.fact {
                    Fact::Finding { run, finding } if finding.kind == FindingKind::Stalled && finding.is_open() => {
                        Some((entry.at, run.clone()))
                    }
                    _ => None,
                });
                if let Some((at, run)) = told
                    && let Some(RunState::Running { attempt }) = night.state.runs.get(&run).map(|run| &run.state)
                {
                    let attempt = attempt.clone();
                    let to = RunState::Stopping { attempt, then: AfterStop::Stalled };
                    let entry = Entry { at, fact: Fact::RunMoved { run, to, reason: "planted".to_owned() } };
                    night.state.apply(&entry);
                    step.facts.push(entry);
                }
            }
            Self::OutageBurnsAttempts => {
                for entry in &mut step.facts {
                    if let Fact::AttemptEnded { verdict: Some(verdict), counted, .. } = &mut entry.fact
                        && verdict.class == FailureClass::ProviderDown
                    {
                        (verdict.counted, *counted) = (true, true);
                    }
                }
            }
            Self::TwoProbes => {
                for breaker in night.state.breakers.by_key.values_mut() {
                    if let Phase::HalfOpen { probe, .. } = &mut breaker.phase {
                        *probe = None;
                    }
                }
            }
            Self::StartsBehindBreakers => {
                let held =
                    night.state.runs.values().any(|run| night.state.held_by(run).is_some() && !run.state.is_ended());
                if let Some(at) = at.filter(|_| held && !night.state.closing()) {
                    // The breakers are forgotten, and with them the waits behind them.
                    night.state.breakers.by_key.clear();
                    for run in night.state.runs.values_mut() {
                        if let RunState::Limited { until } = &mut run.state {
                            (until.mono, until.wall, until.delay) = (at.mono, at.wall, Duration::ZERO);
                        }
                    }
                    let more = night.step(at, Event::Timer { timer: Timer::Pacing, epoch: 0 });
                    step.facts.extend(more.facts);
                    step.effects.extend(more.effects);
                }
            }
            Self::NeverTriesAgain => {
                let of_breaker = |e: &Effect| matches!(e, Effect::Arm { timer: Timer::Breaker(_), .. });
                step.effects.retain(|effect| !of_breaker(effect));
            }
            Self::TriesTooSoon => {
                for effect in &mut step.effects {
                    if let Effect::Arm { timer: Timer::Breaker(key), after, .. } = effect {
                        *after = Duration::ZERO;
                        let due = night.state.breakers.by_key.get_mut(key).map(|breaker| &mut breaker.phase);
                        if let (Some(Phase::Open { until }), Some(at)) = (due, at) {
                            (until.mono, until.wall) = (at.mono, at.wall);
                        }
                    }
                }
            }
            Self::StartsAllAtOnce => {
                let late = |fact: &Fact| match fact {
                    Fact::RunMoved { run, to: RunState::BackingOff { .. }, reason }
                        if reason.contains("nobody watched") =>
                    {
                        Some(run.clone())
                    }
                    _ => None,
                };
                let put_off: Vec<RunId> = step.facts.iter().filter_map(|entry| late(&entry.fact)).collect();
                step.facts.retain(|entry| late(&entry.fact).is_none());
                for run in put_off {
                    let Some(at) = at else { continue };
                    let fact = Fact::RunMoved { run, to: RunState::Queued, reason: "the wait is over".to_owned() };
                    let entry = Entry { at, fact };
                    night.state.apply(&entry);
                    step.facts.push(entry);
                }
            }
            Self::FreesALivingSlot => {
                let running = night.state.runs.values().find(|run| matches!(run.state, RunState::Running { .. }));
                if let (Event::Reconciled { .. }, Some(run)) = (event, running) {
                    let now = run.since.wall;
                    let finding = Finding {
                        kind: FindingKind::Unkillable,
                        subject: String::new(),
                        what: "planted".to_owned(),
                        evidence: Vec::new(),
                        first: now,
                        last: now,
                        resolved: None,
                        times: 1,
                        acted: None,
                    };
                    let fact = Fact::Finding { run: run.id.clone(), finding: Box::new(finding) };
                    let entry = Entry { at: run.since, fact };
                    night.state.apply(&entry);
                    step.facts.push(entry);
                }
            }
            Self::NeverLooksForRemains => {
                step.effects.retain(|effect| !matches!(effect, Effect::LookForRemains { .. }));
            }
            Self::ForgetsThePace => {
                night.state.breakers.pace.clear();
                night.state.breakers.minutes.clear();
            }
            Self::GoesOnUnasked => {
                let asked = step.facts.iter().find_map(|entry| match &entry.fact {
                    Fact::LimitMet { run, limit } if limit.asks.is_some() => Some(run.session.clone()),
                    _ => None,
                });
                if let (Some(session), Some(at)) = (asked, at) {
                    let by = Actor { who: "a ghost".to_owned(), reason: None };
                    let more = night.step(at, Event::Operator { verb: Verb::Release, session, by });
                    step.facts.extend(more.facts);
                    step.effects.extend(more.effects);
                }
            }
            Self::ForgetsTheSpending => night.state.spent.clear(),
            Self::ForgetsTheWaits => night.state.runs.values_mut().for_each(|run| run.limit.waits = 0),
            Self::NeverAsks => {
                let asks = |kind: FindingKind| kind == FindingKind::UsageLimit;
                step.facts.retain(|entry| !matches!(&entry.fact, Fact::Finding { finding, .. } if asks(finding.kind)));
                for run in night.state.runs.values_mut() {
                    run.findings.retain(|finding| !asks(finding.kind));
                }
            }
            // These are the rim's: see `Sim::types`, `Sim::pastes` and `Sim::look_at_pace`.
            Self::TypesWithoutLooking | Self::PastesAgain | Self::LetsItRunAway | Self::CallsHelpersARunaway => {}
            Self::AnswersWithoutARule => {
                let open = step.facts.iter().find_map(|entry| match &entry.fact {
                    Fact::TicketMoved { ticket, .. } if ticket.is_open() && ticket.judged => {
                        Some((entry.at, ticket.clone()))
                    }
                    _ => None,
                });
                if let (Event::Prompted { .. }, Some((at, mut ticket))) = (event, open) {
                    let rule = ByRule { hash: "planted".to_owned(), words: "allow everything".to_owned() };
                    let by = Actor { who: "a ghost".to_owned(), reason: None };
                    let say = Say::Choice { number: 1 };
                    let words = "1 Yes".to_owned();
                    ticket.stage = TicketStage::Answering { answer: Answer { say, words, by, at, rule: Some(rule) } };
                    let entry = Entry { at, fact: Fact::TicketMoved { ticket, why: "planted".to_owned() } };
                    night.state.apply(&entry);
                    step.facts.push(entry);
                }
            }
            // This one changes what the core is told: see `mishear`.
            Self::MisreadsTheReset => {}
            // These change what the core believes and not the journal; the journal is what a new daemon goes by.
            Self::SendsInQuietHours if night.state.open_night().is_some() => night.state.plan.alerts.quiet = None,
            Self::ForgetsTheOutbox => {
                if matches!(event, Event::DaemonStarted { .. } | Event::PlanLoaded { .. } | Event::PlanBroken { .. }) {
                    step.effects.retain(|effect| !matches!(effect, Effect::Send { .. }));
                }
            }
            Self::TellsTwice => {
                let new = step.facts.iter().find_map(|entry| match &entry.fact {
                    Fact::AlertMoved { alert, why } if why == "new" => Some((entry.at, alert.clone())),
                    _ => None,
                });
                if let Some((at, mut alert)) = new {
                    alert.number += 1_000;
                    let entry = Entry { at, fact: Fact::AlertMoved { alert, why: "new".to_owned() } };
                    night.state.apply(&entry);
                    step.facts.push(entry);
                }
            }
            Self::ForgetsTheEnd => {
                let ends: Vec<String> = (step.facts.iter())
                    .filter_map(|entry| match &entry.fact {
                        Fact::MessageQueued { message, .. } if message.kind == MessageKind::Resolved => {
                            Some(message.key.clone())
                        }
                        _ => None,
                    })
                    .collect();
                step.facts.retain(
                    |entry| !matches!(&entry.fact, Fact::MessageQueued { message, .. } if ends.contains(&message.key)),
                );
                step.effects
                    .retain(|effect| !matches!(effect, Effect::Send { message } if ends.contains(&message.key)));
                night.state.alerts.outbox.retain(|key, _| !ends.contains(key));
            }
            Self::IgnoresTheCap => night.state.alerts.channels.values_mut().for_each(|log| log.lately.clear()),
            Self::SendsTheUnjournaled if now_and_then => {
                step.facts.retain(|entry| !matches!(entry.fact, Fact::MessageQueued { .. }));
            }
            Self::NeverResends => {
                step.effects.retain(|effect| !matches!(effect, Effect::Arm { timer: Timer::Alerts, .. }));
            }
            Self::TellsWhatSomebodyKnows => {
                let known = step.facts.iter().find_map(|entry| match &entry.fact {
                    Fact::AlertMoved { alert, why } if why == "ack" && alert.stage == Stage::Open => {
                        Some((entry.at, alert.clone()))
                    }
                    _ => None,
                });
                let channel = night.state.plan.channels.keys().next().cloned();
                if let (Some((at, alert)), Some(channel)) = (known, channel) {
                    let message = still(&alert, channel, at);
                    let fact = Fact::MessageQueued { message: Box::new(message), alerts: vec![alert.number] };
                    let entry = Entry { at, fact };
                    night.state.apply(&entry);
                    step.facts.push(entry);
                }
            }
            Self::RepeatsTooSoon => {
                let told = night.state.alerts.known.values_mut().flat_map(|alert| alert.told.values_mut());
                told.for_each(|told| told.last = Mono(0));
            }
            Self::ForgetsTheLastWord => {
                let last = |fact: &Fact| matches!(fact, Fact::MessageQueued { message, alerts } if alerts.is_empty() && message.count == 0);
                step.facts.retain(|entry| !last(&entry.fact));
            }
            Self::TellsWhatFollows => {
                for entry in &mut step.facts {
                    if let Fact::AlertMoved { alert, why } = &mut entry.fact
                        && why == "told"
                        && !alert.is_over()
                        && now_and_then
                    {
                        alert.stage = Stage::Inhibited;
                    }
                }
            }
            Self::SendsInQuietHours | Self::SendsTheUnjournaled => {}
            Self::ForgetsTheIntent | Self::LosesAnEnd | Self::EndsTwice | Self::LostRow | Self::ForgetsARun => {}
        }
    }

    /// Plants the fault in what the core is told.
    pub fn mishear(self, event: &mut Event) {
        if let (Self::MisreadsTheReset, Event::Ended { exit, output, .. }) = (self, event)
            && let Some(at) = output.limit.as_mut().and_then(|limit| limit.resets.as_mut())
        {
            *at = exit.at.plus(at.since(exit.at) / 2);
        }
    }

    /// Plants the fault in what a sampler saw.
    pub fn distort(self, quiet: &mut Quiet, limit: Option<Duration>) {
        match (self, limit) {
            (Self::CallsWorkAStall, Some(limit)) => quiet.quiet = quiet.quiet.saturating_mul(4).max(limit / 2),
            (Self::OverlooksAStall, _) => quiet.quiet /= 8,
            _ => {}
        }
    }

    /// Moves a run against the rules, in state and journal alike, and lets the core go on from there.
    fn on_some_run(self, event: &Event, step: &mut Step, night: &mut Night, to: impl Fn(&Run) -> Option<RunState>) {
        let Some(at) = step.facts.last().map(|entry| entry.at) else { return };
        // Not in an operator's step: there much is allowed.
        if matches!(event, Event::Operator { .. } | Event::Up { .. }) {
            return;
        }
        let Some((id, state)) = night.state.runs.values().find_map(|run| Some((run.id.clone(), to(run)?))) else {
            return;
        };
        if self == Self::StartsEarly {
            // As if the wait had been forgotten: no fact tells of it.
            if let Some(run) = night.state.runs.get_mut(&id) {
                run.state = state;
                let timer = Event::Timer { timer: Timer::RunDue(id), epoch: run.epoch };
                let more = night.step(at, timer);
                step.facts.extend(more.facts);
                step.effects.extend(more.effects);
            }
            return;
        }
        let entry = Entry { at, fact: Fact::RunMoved { run: id, to: state, reason: "planted".to_owned() } };
        night.state.apply(&entry);
        step.facts.push(entry);
    }
}

/// A message that an alert still holds.
fn still(alert: &Alert, channel: String, at: At) -> Message {
    Message {
        key: format!("{}-{}", alert.id(), alert.messages + 1),
        channel,
        kind: MessageKind::Repeated,
        severity: alert.severity,
        title: alert.title.clone(),
        body: alert.body.clone(),
        session: alert.session.clone(),
        project: alert.project.clone(),
        since: alert.since,
        at: at.wall,
        command: None,
        count: alert.count,
        night: alert.night.clone(),
        dedupe_key: Some(alert.key.clone()),
        reached: Vec::new(),
    }
}
