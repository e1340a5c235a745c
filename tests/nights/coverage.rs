//! Which events were met in which states of a run, counted over many nights.

use nightkeep::core::alert::Settled;
use nightkeep::core::event::{Event, Timer};
use nightkeep::core::fact::Fact;
use nightkeep::core::ids::{RunId, SessionName};
use nightkeep::core::night::Step;
use nightkeep::core::run::RunState;
use nightkeep::core::state::State;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Counts by event and state.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    met: BTreeMap<(&'static str, &'static str), u64>,
    /// What happened to alerts, by why and where they stood then; and to messages.
    alerts: BTreeMap<(String, &'static str), u64>,
}

enum About<'e> {
    Run(&'e RunId),
    Session(&'e SessionName),
    All,
}

fn kind(event: &Event) -> (&'static str, About<'_>) {
    match event {
        Event::DaemonStarted { .. } => ("daemon started", About::All),
        Event::DaemonStopping { .. } => ("daemon stopping", About::All),
        Event::PlanLoaded { .. } => ("plan loaded", About::All),
        Event::PlanBroken { .. } => ("plan broken", About::All),
        Event::Up { .. } => ("up", About::All),
        Event::Down { .. } => ("down", About::All),
        Event::Operator { verb, session, .. } => (verb.as_str(), About::Session(session)),
        Event::Add { session, .. } => ("add", About::Session(&session.name)),
        Event::Redrive { run, .. } => ("redrive", About::Run(run)),
        Event::Schedule { session, .. } => ("schedule", About::Session(session)),
        Event::Started { attempt, .. } => ("started", About::Run(&attempt.run)),
        Event::Output { attempt, .. } => ("output", About::Run(&attempt.run)),
        Event::Ended { attempt, .. } => ("ended", About::Run(&attempt.run)),
        Event::StartFailed { attempt, .. } => ("start failed", About::Run(&attempt.run)),
        Event::Checked { attempt, .. } => ("checked", About::Run(&attempt.run)),
        Event::Timer { timer: Timer::RunDue(run), .. } => ("run due", About::Run(run)),
        Event::Timer { timer: Timer::AttemptTimeout(id), .. } => ("timeout", About::Run(&id.run)),
        Event::Timer { timer: Timer::StartOverdue(id), .. } => ("start overdue", About::Run(&id.run)),
        Event::Timer { timer: Timer::StopOverdue(id), .. } => ("stop overdue", About::Run(&id.run)),
        Event::Timer { timer: Timer::Calendar, .. } => ("calendar", About::All),
        Event::Timer { timer: Timer::Pacing, .. } => ("pacing", About::All),
        Event::Timer { timer: Timer::Alerts, .. } => ("alerts due", About::All),
        Event::Timer { timer: Timer::Breaker(_), .. } => ("breaker due", About::All),
        Event::Sensed { .. } => ("sensed", About::All),
        Event::DaemonCrashed { .. } => ("daemon crashed", About::All),
        Event::AgentSeen { attempt, .. } => ("agent seen", About::Run(&attempt.run)),
        Event::ConversationKept { attempt, .. } => ("conversation kept", About::Run(&attempt.run)),
        Event::StoodStill { .. } => ("stood still", About::All),
        Event::Used { attempt, .. } => ("used", About::Run(&attempt.run)),
        Event::Remains { attempt, .. } => ("remains", About::Run(&attempt.run)),
        Event::Reconciled { .. } => ("reconciled", About::All),
        Event::TmuxStarted { .. } => ("tmux started", About::All),
        Event::TmuxLost { .. } => ("tmux lost", About::All),
        Event::ProjectBase { .. } | Event::ProjectSeen { .. } => ("project", About::All),
        Event::ReportWritten { .. } => ("report written", About::All),
        Event::ClockJumped { .. } => ("clock jumped", About::All),
        Event::Trouble { .. } => ("trouble", About::All),
        Event::Evidence { .. } => ("evidence", About::All),
        Event::Cleaned { .. } => ("cleaned", About::All),
        Event::Sampled { attempt, .. } => ("sampled", About::Run(&attempt.run)),
        Event::OpenNight { .. } => ("open night", About::All),
        Event::Acted { .. } => ("acted", About::All),
        Event::AlertAct { act, .. } => (act.as_str(), About::All),
        Event::Sent { .. } => ("sent", About::All),
        Event::Note { session, .. } => ("note", About::Session(session)),
        Event::NoteDone { .. } => ("note done", About::All),
        Event::ReportReady { .. } => ("report ready", About::All),
        Event::Prompted { attempt, .. } => ("prompted", About::Run(&attempt.run)),
        Event::Answer { session, .. } => ("answer", About::Session(session)),
        Event::AnswerTyped { .. } => ("answer typed", About::All),
        Event::Say { attempt, .. } => ("say", About::Run(&attempt.run)),
        Event::Rests { attempt } => ("rests", About::Run(&attempt.run)),
        Event::DraftTyped { .. } => ("draft typed", About::All),
        Event::Paced { attempt, .. } => ("paced", About::Run(&attempt.run)),
    }
}

const STATES: [&str; 16] = [
    "none",
    "scheduled",
    "waiting",
    "queued",
    "starting",
    "running",
    "checking",
    "backing_off",
    "limited",
    "held",
    "stopping",
    "succeeded",
    "partial",
    "failed",
    "stopped",
    "ended",
];

/// The word for a state; being checked is one of its own here.
pub fn word(state: &RunState) -> &'static str {
    match state {
        RunState::Checking { .. } => "checking",
        RunState::Scheduled { .. }
        | RunState::Waiting { .. }
        | RunState::Queued
        | RunState::Starting { .. }
        | RunState::Running { .. }
        | RunState::BackingOff { .. }
        | RunState::Limited { .. }
        | RunState::Held
        | RunState::Stopping { .. }
        | RunState::Ended { .. } => match state.word() {
            "skipped" | "unfinished" => "ended",
            word => word,
        },
    }
}

impl Coverage {
    /// Notes an event that is about to meet a state.
    pub fn note(&mut self, state: &State, event: &Event) {
        let (kind, about) = kind(event);
        let mut met = |word| *self.met.entry((kind, word)).or_insert(0) += 1;
        match about {
            About::Run(id) => met(state.runs.get(id).map_or("none", |run| word(&run.state))),
            About::Session(name) => met(state.latest_run(name).map_or("none", |run| word(&run.state))),
            About::All if state.runs.is_empty() => met("none"),
            About::All => state.runs.values().for_each(|run| met(word(&run.state))),
        }
    }
    /// Notes what a step did with alerts and messages.
    pub fn note_alerts(&mut self, step: &Step) {
        for entry in &step.facts {
            let met = match &entry.fact {
                Fact::AlertMoved { alert, why } => (why.clone(), alert.word()),
                Fact::MessageQueued { message, .. } => ("message".to_owned(), message.kind.as_str()),
                Fact::MessageSettled { then, .. } => (
                    "message".to_owned(),
                    match then {
                        Settled::Delivered => "delivered",
                        Settled::Again { .. } => "again",
                        Settled::GivenUp { .. } => "given up",
                        Settled::Dropped { .. } => "dropped",
                    },
                ),
                _ => continue,
            };
            *self.alerts.entry(met).or_insert(0) += 1;
        }
    }
    /// How often something happened to an alert or a message.
    pub fn of_alerts(&self, why: &str, word: &str) -> u64 {
        self.alerts.iter().filter(|((w, s), _)| w == why && *s == word).map(|(_, n)| n).sum()
    }
    /// How often a pair was met.
    pub fn met(&self, event: &str, state: &str) -> u64 {
        self.met.iter().filter(|((e, s), _)| *e == event && *s == state).map(|(_, n)| n).sum()
    }
    /// Adds another count.
    pub fn add(&mut self, other: &Self) {
        for (pair, n) in &other.met {
            *self.met.entry(*pair).or_insert(0) += n;
        }
        for (pair, n) in &other.alerts {
            *self.alerts.entry(pair.clone()).or_insert(0) += n;
        }
    }
    /// The counts as a table.
    pub fn table(&self) -> String {
        let mut text = format!("{:>16}", "");
        for state in STATES {
            let _ = write!(text, " {state:>11}");
        }
        let kinds: std::collections::BTreeSet<&str> = self.met.keys().map(|(kind, _)| *kind).collect();
        for kind in kinds {
            let _ = write!(text, "\n{kind:>16}");
            for state in STATES {
                match self.met(kind, state) {
                    0 => text.push_str("           ."),
                    n => {
                        let _ = write!(text, " {n:>11}");
                    }
                }
            }
        }
        for ((why, word), n) in &self.alerts {
            let _ = write!(text, "\n{why:>36} {word:>11} {n:>11}");
        }
        text
    }

    /// The same as a page: how often each pair was met, by its magnitude, so that it changes only when something did.
    pub fn page(&self, nights: u64) -> String {
        let mut text = format!("{PAGE}\nOf {nights} nights. `.` was never met, `few` fewer than {SURE} times.\n\n");
        let _ = writeln!(text, "| event | {} |\n|---|{}", STATES.join(" | "), "---|".repeat(STATES.len()));
        let kinds: std::collections::BTreeSet<&str> = self.met.keys().map(|(kind, _)| *kind).collect();
        for kind in kinds {
            let cells = STATES.map(|state| magnitude(self.met(kind, state)));
            let _ = writeln!(text, "| {kind} | {} |", cells.join(" | "));
        }
        let _ = writeln!(text, "\n| what happened to an alert or a message | it was then | |\n|---|---|---|");
        for ((why, word), n) in self.alerts.iter().filter(|(_, n)| **n >= SURE) {
            let _ = writeln!(text, "| {why} | {word} | {} |", magnitude(*n));
        }
        text
    }
    /// What a page lists as met often, and what was not met at all this time.
    pub fn lost(&self, page: &str) -> Vec<String> {
        let rows = page.lines().filter(|line| line.starts_with('|')).map(|line| {
            let cells = line.trim_matches('|').split('|').map(str::trim);
            cells.collect::<Vec<&str>>()
        });
        let mut lost = Vec::new();
        let listed = |cell: &str| !matches!(cell, "." | "few" | "");
        for row in rows {
            match row.as_slice() {
                ["event", ..] | ["what happened to an alert or a message", ..] | ["---", ..] => {}
                [why, word, cell] if listed(cell) && self.of_alerts(why, word) == 0 => {
                    lost.push(format!("{why}, {word}"));
                }
                [event, cells @ ..] if cells.len() == STATES.len() => {
                    let gone =
                        STATES.iter().zip(cells).filter(|(state, cell)| listed(cell) && self.met(event, state) == 0);
                    lost.extend(gone.map(|(state, _)| format!("{event} in {state}")));
                }
                _ => {}
            }
        }
        lost
    }
}

/// A pair that was met this often is met again, whatever the draws.
const SURE: u64 = 30;

/// What stands above the table.
const PAGE: &str = "# What the simulated nights meet

Which events met a run in which state, over all [simulated nights](decisions/0010-simulated-nights.md). The test that
simulates them fails when a pair that this page lists is no longer met: then a story is no longer told. It is written by

```sh
NIGHTKEEP_WRITE_COVERAGE=1 cargo nextest run --test nights no_night_breaks_a_promise
```
";

/// How often, by its magnitude.
fn magnitude(n: u64) -> String {
    match n {
        0 => ".".to_owned(),
        n if n < SURE => "few".to_owned(),
        n => format!("{}+", 10_u64.pow(n.ilog10())),
    }
}
