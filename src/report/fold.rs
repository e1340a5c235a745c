//! The fold from the journal's facts to those of one night.

use super::collected::Collected;
use super::facts::{
    Act, AttemptFacts, Facts, MOMENTS_MAX, Messages, Moment, OutageFact, ProjectFacts, RunFacts, TROUBLES_MAX,
    TroubleFact,
};
use super::passage::{Elapsed, Gap, Passage, millis};
use crate::core::alert::{Alert, Stage};
use crate::core::breaker::Breaker;
use crate::core::fact::{Entry, Fact};
use crate::core::guard::thing;
use crate::core::ids::{NightId, SessionName};
use crate::core::plan::Plan;
use crate::core::progress::LastNights;
use crate::core::retention;
use crate::core::ticket::Tickets;
use crate::core::time::{At, Wall};
use crate::status::text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Folds the journal, in its order, into the facts of a night.
///
/// The journal may begin earlier and go on later than the night: what was adopted before it counts, what happened to
/// other nights does not. What the daemon does once the night is over (it stops, it writes the report) is left out, so
/// that a report made later tells the same.
pub fn fold<'j>(night: &NightId, journal: impl IntoIterator<Item = (i64, &'j Entry)>) -> Facts {
    let mut folder = Folder::new(night);
    for (seq, entry) in journal {
        folder.add(seq, entry);
    }
    folder.finish()
}

/// The same as of now, when a daemon watches: what is still going on in an open night has lasted until now. A night
/// that is over tells the same at any time.
pub fn fold_as_of<'j>(night: &NightId, journal: impl IntoIterator<Item = (i64, &'j Entry)>, now: At) -> Facts {
    let mut folder = Folder::new(night);
    for (seq, entry) in journal {
        folder.add(seq, entry);
    }
    folder.watched_until(now);
    folder.finish()
}

/// Where the fold stands in relation to its night.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    Before,
    Open,
    Closed,
    /// Another night has begun: only runs of this one still matter.
    Gone,
}

/// The fold under way, for a journal that is read bit by bit: a long night is large as a whole. It can be written down
/// in between: whoever has one goes on with the facts after [`Folder::seq`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Folder {
    seq: i64,
    pub(super) facts: Facts,
    pub(super) phase: Phase,
    pub(super) passage: Passage,
    stopped: Option<(Elapsed, Wall, String)>,
    end: Elapsed,
}

impl Folder {
    /// Nothing of the journal was read yet.
    pub fn new(night: &NightId) -> Self {
        let facts = Facts {
            night: night.clone(),
            opened: None,
            closed: None,
            close_reason: None,
            window: (0, 0),
            last: Wall(0),
            plan: Plan::default(),
            last_nights: LastNights::default(),
            added: BTreeMap::new(),
            former: BTreeMap::new(),
            broken_file: None,
            gaps: Vec::new(),
            unwatched_since: None,
            runs: BTreeMap::new(),
            acts: Vec::new(),
            projects: BTreeMap::new(),
            troubles: Vec::new(),
            moments: Vec::new(),
            moments_left_out: 0,
            alerts: BTreeMap::new(),
            messages: Messages::default(),
            outages: Vec::new(),
            notes: BTreeMap::new(),
            tickets: Tickets::default(),
            worded: None,
            project: None,
            collected: Collected::default(),
            read: (0, 0, 0),
        };
        Self { seq: 0, facts, phase: Phase::Before, passage: Passage::default(), stopped: None, end: 0 }
    }

    /// The number of the last fact that was taken in.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// The night it is about.
    pub fn night(&self) -> &NightId {
        &self.facts.night
    }

    /// Takes the journal's next fact in. One that was taken in before changes nothing.
    pub fn add(&mut self, seq: i64, entry: &Entry) {
        if seq <= self.seq {
            return;
        }
        self.seq = seq;
        let boot = if let Fact::DaemonStarted { boot_id, .. } = &entry.fact { Some(boot_id.as_str()) } else { None };
        let restarted = self.passage.advance(entry.at, boot);
        if !self.delivery(entry) && self.tell(entry, restarted) {
            self.mark_told(seq, entry);
        }
    }

    /// Takes a fact in; returns whether it belongs to the night.
    fn tell(&mut self, entry: &Entry, restarted: bool) -> bool {
        let open = self.phase == Phase::Open;
        let tonight = open || self.phase == Phase::Closed;
        let at = entry.at.wall;
        match &entry.fact {
            Fact::NightOpened { night, by } => return self.night_opened(entry, night, &by.who),
            Fact::NightClosed { night, reason } if *night == self.facts.night && open => {
                self.phase = Phase::Closed;
                self.facts.closed = Some(at);
                self.facts.close_reason = Some(reason.clone());
                self.facts.window.1 = self.passage.elapsed();
                self.moment(at, None, format!("night closed: {reason}"), 1);
            }
            Fact::DaemonStarted { pid, version, unwatched_ms, .. } => {
                let told = open && self.gap(at, *unwatched_ms, restarted);
                self.stopped = None;
                if told {
                    self.moment(at, None, format!("daemon {pid} ({version}) watches again"), 2);
                }
                return told;
            }
            Fact::DaemonStopped { reason } if open => {
                self.stopped = Some((self.passage.elapsed(), at, reason.clone()));
                self.moment(at, None, format!("daemon stopped: {reason}"), 2);
            }
            Fact::PlanAdopted { plan, changes } => {
                if self.phase == Phase::Before || open {
                    let before = std::mem::replace(&mut self.facts.plan, (**plan).clone());
                    self.facts.former.extend(before.sessions);
                    self.facts.broken_file = None;
                }
                if open && !changes.is_empty() {
                    let lines = text::count(changes.len() as u64, "change", "changes");
                    self.moment(at, None, format!("changed file taken: {lines}"), 1);
                }
                return open;
            }
            Fact::PlanRejected { problem } if open => {
                self.facts.broken_file = Some((at, problem.clone()));
                self.moment(at, None, format!("changed file not taken: {problem}"), 3);
            }
            Fact::SessionAdded { session, by } => {
                if self.phase == Phase::Before || open {
                    self.facts.added.insert(session.name.clone(), (**session).clone());
                }
                if open {
                    self.moment(at, Some(&session.name), format!("added by {}", by.who), 1);
                }
                return open;
            }
            Fact::OperatorActed { verb, target, by, result } if tonight => {
                let session = SessionName::new(target).ok();
                let what = format!("operator: {verb} {target}: {result}");
                self.moment(at, session.as_ref(), what, 2);
                self.facts.acts.push(Act {
                    at,
                    verb: verb.clone(),
                    target: target.clone(),
                    who: by.who.clone(),
                    reason: by.reason.clone(),
                    result: result.clone(),
                });
            }
            Fact::TmuxLost { why } if open => self.moment(at, None, format!("tmux server gone: {why}"), 3),
            Fact::TmuxStarted { pid } if open => self.moment(at, None, format!("tmux server {pid} started"), 0),
            Fact::ProjectBase { project, git } if tonight => {
                self.facts.projects.entry(project.clone()).or_default().base = Some(git.clone());
            }
            Fact::ProjectSeen { project, work } if tonight => {
                let known: &mut ProjectFacts = self.facts.projects.entry(project.clone()).or_default();
                known.work = Some(work.clone());
            }
            Fact::ClockJumped { by_ms } if open => {
                let span = text::span(Duration::from_millis(by_ms.unsigned_abs()));
                let way = if *by_ms < 0 { "back" } else { "on" };
                self.moment(at, None, format!("wall clock jumped {way} by {span}"), 2);
            }
            Fact::StoodStill { ms, slept_ms } if open => {
                let why = if *slept_ms > 0 { "the machine slept" } else { "the daemon stood still" };
                self.moment(at, None, format!("{why} for {}", text::span(Duration::from_millis(*ms))), 2);
                self.unwatched(at, *ms, why.to_owned(), false);
            }
            // That the journal was mended concerns every night that can still be told, also when it was before this one.
            Fact::Trouble { part, what } if tonight || part == "journal" => self.trouble(at, part, what),
            Fact::Cleaned { clean } if tonight && clean.stage == retention::Stage::Done => {
                self.moment(at, None, clean.summary(), 1);
                for problem in &clean.problems {
                    self.trouble(at, "clean-up", problem);
                }
            }
            Fact::AlertMoved { alert, why } if tonight => self.alert(at, alert, why),
            Fact::MessageQueued { message, .. } if tonight => self.facts.messages.queued(message),
            Fact::MessageSettled { key, then } if tonight => self.facts.messages.settled(at, key, then),
            Fact::BreakerMoved { key, to } if tonight => self.breaker(at, key, to),
            Fact::ProjectParked { project, parked, why } if tonight => {
                let word = if *parked { "parked" } else { "no longer parked" };
                self.moment(at, None, format!("project {project} {word}: {why}"), 3);
            }
            Fact::DaemonCrashed { what } if tonight => self.trouble(at, "daemon", &format!("it crashed: {what}")),
            Fact::SafeMode { on, why } if tonight => {
                let word = if *on { "safe mode: nothing is started" } else { "safe mode is over" };
                self.moment(at, None, format!("{word}: {why}"), 3);
            }
            Fact::NoteMoved { note } if tonight => {
                if self.facts.notes.insert(note.number, (**note).clone()).is_none() && note.is_open() {
                    self.moment(at, Some(&note.session), format!("note {}: {}", note.id(), note.text), 1);
                }
            }
            Fact::TicketMoved { ticket, why } => {
                if tonight {
                    self.facts.tickets.moved(ticket);
                    let weight = if ticket.is_open() { 3 } else { 2 };
                    let what = format!("{} {}: {why}", ticket.id(), ticket.word());
                    self.moment(at, Some(ticket.session()), what, weight);
                }
                return self.run_fact(entry) || tonight;
            }
            Fact::DraftMoved { draft, why } if tonight && draft.is_over() => {
                let (what, weight) = (format!("{} {}: {why}", draft.purpose.words(), draft.word()), 1);
                self.moment(at, Some(draft.session()), what, weight);
            }
            Fact::RunCreated { .. }
            | Fact::RunMoved { .. }
            | Fact::CounterReset { .. }
            | Fact::HoldSet { .. }
            | Fact::RunOrphaned { .. }
            | Fact::DeadlineSet { .. }
            | Fact::AttemptIntended { .. }
            | Fact::AttemptStarted { .. }
            | Fact::StopIntended { .. }
            | Fact::OutputObserved { .. }
            | Fact::AttemptEnded { .. }
            | Fact::Finding { .. }
            | Fact::LimitMet { .. }
            | Fact::AttemptUsed { .. }
            | Fact::Conversation { .. }
            | Fact::AgentMoved { .. }
            | Fact::ChecksDone { .. } => return self.run_fact(entry),
            Fact::LastNights { nights } => {
                if open {
                    self.facts.last_nights.clone_from(nights);
                }
                return open;
            }
            Fact::DocumentRead { document } if tonight => self.facts.collected.document(document),
            Fact::FilesSeen { project, files } if tonight => {
                self.facts.collected.files.insert(project.clone(), (**files).clone());
            }
            Fact::Told { attempt, told } if tonight && attempt.run.night == self.facts.night => {
                self.told_fact(at, attempt, told);
            }
            Fact::Reviewed { review } if tonight => self.reviewed(at, review),
            // Of this night it is told once its report is written.
            Fact::NightSummed { summary } if tonight && summary.night != self.facts.night => {
                self.facts.collected.before = Some((**summary).clone());
            }
            Fact::NightClosing { .. }
            | Fact::NightClosed { .. }
            | Fact::DaemonStopped { .. }
            | Fact::PlanRejected { .. }
            | Fact::OperatorActed { .. }
            | Fact::TmuxStarted { .. }
            | Fact::TmuxLost { .. }
            | Fact::ProjectBase { .. }
            | Fact::ProjectSeen { .. }
            | Fact::ClockJumped { .. }
            | Fact::Trouble { .. }
            | Fact::ReportWritten { .. }
            | Fact::Cleaned { .. }
            | Fact::AlertMoved { .. }
            | Fact::MessageQueued { .. }
            | Fact::MessageSettled { .. }
            | Fact::WindowBegan { .. }
            | Fact::NightEnds { .. }
            | Fact::BreakerMoved { .. }
            | Fact::ProjectParked { .. }
            | Fact::DaemonCrashed { .. }
            | Fact::StoodStill { .. }
            | Fact::SafeMode { .. }
            | Fact::NoteMoved { .. }
            | Fact::DocumentRead { .. }
            | Fact::FilesSeen { .. }
            | Fact::Told { .. }
            | Fact::Reviewed { .. }
            | Fact::NightSummed { .. }
            | Fact::DraftMoved { .. }
            | Fact::Worded { .. } => return false,
        }
        true
    }

    fn mark_told(&mut self, seq: i64, entry: &Entry) {
        let read = &mut self.facts.read;
        *read = (read.0 + 1, if read.0 == 0 { seq } else { read.1 }, seq);
        self.facts.last = self.facts.last.max(entry.at.wall);
        self.end = self.passage.elapsed();
    }

    fn night_opened(&mut self, entry: &Entry, night: &NightId, who: &str) -> bool {
        if *night != self.facts.night {
            // An earlier night that opens is nothing yet; a later one ends what can be told of this.
            if self.phase != Phase::Before {
                self.phase = Phase::Gone;
            }
            return false;
        }
        self.begin(entry);
        let again = self.facts.closed.take().is_some();
        self.facts.close_reason = None;
        self.phase = Phase::Open;
        let verb = if again { "opened again" } else { "opened" };
        self.moment(entry.at.wall, None, format!("night {verb} by {who}"), 1);
        true
    }

    pub(super) fn begin(&mut self, entry: &Entry) {
        if self.facts.opened.is_none() {
            self.facts.opened = Some(entry.at);
            self.facts.window.0 = self.passage.elapsed();
        }
    }

    /// A daemon that starts again within the night ends a gap; returns whether there was one.
    fn gap(&mut self, at: Wall, unwatched_ms: u64, restarted: bool) -> bool {
        let now = self.passage.elapsed();
        let (since, why, at_most) = match self.stopped.take() {
            Some((since, _, reason)) => (since, format!("the daemon was stopped: {reason}"), false),
            None if unwatched_ms == 0 => return false,
            None if restarted => (now.saturating_sub(unwatched_ms), "the machine was restarted".to_owned(), true),
            None => (now.saturating_sub(unwatched_ms), "the daemon ended without a word".to_owned(), true),
        };
        self.unwatched(at, now.saturating_sub(since), why, at_most)
    }

    /// Nobody watched until now, for so long; returns whether any of it is in the night.
    fn unwatched(&mut self, at: Wall, ms: Elapsed, why: String, at_most: bool) -> bool {
        let now = self.passage.elapsed();
        let since = now.saturating_sub(ms).max(self.facts.window.0);
        if since >= now {
            return false;
        }
        let from = Wall(at.0.saturating_sub(i64::try_from(now - since).unwrap_or(i64::MAX)));
        self.facts.gaps.push(Gap { from, to: at, since, until: now, why, at_most });
        true
    }

    /// A breaker that is not closed is an outage, from its first failure to its last probe.
    fn breaker(&mut self, at: Wall, key: &str, to: &Breaker) {
        let open = self.facts.outages.iter().position(|outage| outage.key == key && outage.to.is_none());
        match (to.since, open) {
            (Some(since), None) => {
                let is_down = if to.limit.is_some() { "has reached its usage limit" } else { "is down" };
                self.moment(at, None, format!("{} {is_down}: {}", thing(key), to.cause), 3);
                self.facts.outages.push(OutageFact {
                    key: key.to_owned(),
                    from: since.wall,
                    to: None,
                    cause: if to.limit.is_some() { format!("usage limit; {}", to.cause) } else { to.cause.clone() },
                    probes: to.probes,
                    held: to.held.iter().cloned().collect(),
                });
            }
            (Some(_), Some(known)) => {
                let outage = &mut self.facts.outages[known];
                outage.probes = to.probes;
                outage.held = to.held.iter().cloned().collect();
            }
            (None, Some(known)) => {
                let outage = &mut self.facts.outages[known];
                outage.to = Some(at);
                let span = text::span(at.since(outage.from));
                self.moment(at, None, format!("{} is back after {span}", thing(key)), 2);
            }
            (None, None) => {}
        }
    }

    fn trouble(&mut self, at: Wall, part: &str, what: &str) {
        let (part, what) = if self.facts.troubles.len() < TROUBLES_MAX {
            (part, what)
        } else {
            ("many parts", "more kinds of trouble than can be listed")
        };
        let same = self.facts.troubles.iter_mut().find(|t| t.part == part && t.what == what);
        match same {
            Some(known) => known.times += 1,
            None => {
                self.moment(at, None, format!("trouble with {part}: {what}"), 2);
                let trouble = TroubleFact { at, part: part.to_owned(), what: what.to_owned(), times: 1 };
                self.facts.troubles.push(trouble);
            }
        }
    }

    fn alert(&mut self, at: Wall, alert: &Alert, why: &str) {
        let before = self.facts.alerts.insert(alert.number, alert.clone());
        // One line when it opened and one when it was over; the rest is in the alert itself.
        let stage = before.map(|before| before.stage);
        if stage != Some(alert.stage) && matches!(alert.stage, Stage::Open | Stage::Resolved) {
            let session = alert.session.as_deref().and_then(|name| SessionName::new(name).ok());
            let weight = if alert.stage == Stage::Open { 2 } else { 0 };
            self.moment(at, session.as_ref(), format!("alert {} {why}: {}", alert.id(), alert.title), weight);
        }
    }

    pub(super) fn moment(&mut self, at: Wall, session: Option<&SessionName>, what: String, weight: u8) {
        if self.facts.moments.len() >= MOMENTS_MAX {
            self.facts.moments_left_out += 1;
            return;
        }
        self.facts.moments.push(Moment { at, session: session.cloned(), what, weight });
    }

    /// A daemon watches: what is still going on in an open night has lasted until now.
    pub fn watched_until(&mut self, now: At) {
        if self.phase == Phase::Open && self.stopped.is_none() && now.wall >= self.facts.last {
            self.passage.advance(now, None);
            self.end = self.passage.elapsed();
            self.facts.last = now.wall;
        }
    }

    /// The facts of the night.
    pub fn finish(mut self) -> Facts {
        if self.facts.closed.is_none() {
            self.facts.window.1 = self.end;
        }
        if self.phase == Phase::Open {
            self.facts.unwatched_since = self.stopped.take().map(|(_, at, reason)| (at, reason));
        }
        for run in self.facts.runs.values_mut() {
            run.segments.close(self.end);
        }
        self.facts
    }
}

/// The span of the window.
pub(super) fn window_span(facts: &Facts) -> Duration {
    Duration::from_millis(facts.window.1.saturating_sub(facts.window.0))
}

/// The span of a gap.
pub(super) fn gap_span(gap: &Gap) -> Duration {
    Duration::from_millis(gap.until.saturating_sub(gap.since))
}

/// The time that a run's attempts ran, up to the last fact told for one that still lives.
pub(super) fn ran(run: &RunFacts, last: Wall) -> Duration {
    let each = |a: &AttemptFacts| match (&a.exit, &a.started) {
        (Some(exit), _) => exit.ran,
        (None, Some(started)) => last.since(started.at),
        (None, None) => Duration::ZERO,
    };
    run.attempts.iter().map(each).fold(Duration::ZERO, Duration::saturating_add)
}

/// The whole milliseconds of a span as seconds.
pub(super) fn seconds(span: Duration) -> f64 {
    Duration::from_millis(millis(span)).as_secs_f64()
}
