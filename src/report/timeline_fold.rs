//! How a timeline takes a fact in.

use super::passage::{Elapsed, Shade};
use super::timeline::{ClockStep, Doing, GAPS_MAX, Lane, Mark, MarkKind, Phase, Timeline, Unwatched};
use super::timeline_lane::{put, told};
use crate::core::alert::Alert;
use crate::core::fact::{Actor, Entry, Fact, ProjectWork};
use crate::core::finding::FindingKind;
use crate::core::guard::thing;
use crate::core::ids::{AttemptId, NightId, RunId, SessionName};
use crate::core::time::Wall;
use crate::status::words;

/// A wall clock that is off by more than this has jumped.
const JUMP_MS: u64 = 2_000;
/// Commits of a project that are marked, the newest.
const COMMITS_MARKED: usize = 100;

impl Timeline {
    /// Folds the journal of a night, in its order.
    pub fn of<'j>(night: &NightId, journal: impl IntoIterator<Item = (i64, &'j Entry)>) -> Self {
        let mut timeline = Self::new(night.as_str());
        for (seq, entry) in journal {
            timeline.apply(seq, entry);
        }
        timeline
    }

    /// Takes the next fact in. One that was taken in before, or is about another night, changes nothing that is shown.
    pub fn apply(&mut self, seq: i64, entry: &Entry) {
        if seq <= self.seq {
            return;
        }
        self.seq = seq;
        let boot = if let Fact::DaemonStarted { boot_id, .. } = &entry.fact { Some(boot_id.as_str()) } else { None };
        let restarted = self.fold.passage.advance(entry.at, boot);
        if self.fold.phase == Phase::Open {
            self.note_clock(entry.at.wall);
        }
        if self.take(entry, restarted) {
            self.until = self.now();
        }
    }

    /// Now, as time passed since the night began.
    fn now(&self) -> Elapsed {
        self.fold.passage.elapsed().saturating_sub(self.fold.origin)
    }

    fn note_clock(&mut self, wall: Wall) {
        let at = self.now();
        let expected = self.wall(at).unwrap_or(wall);
        if expected.0.abs_diff(wall.0) > JUMP_MS {
            if self.clock.len() >= GAPS_MAX {
                self.clock.pop();
            }
            self.clock.push(ClockStep { at, wall_ms: wall.0 });
        }
    }

    fn begin(&mut self, wall: Wall) {
        if self.clock.is_empty() {
            self.fold.origin = self.fold.passage.elapsed();
            self.clock.push(ClockStep { at: 0, wall_ms: wall.0 });
        }
        self.fold.phase = Phase::Open;
    }

    /// Takes a fact in; returns whether the night is known up to it.
    fn take(&mut self, entry: &Entry, restarted: bool) -> bool {
        let at = entry.at.wall;
        let open = self.fold.phase == Phase::Open;
        match &entry.fact {
            Fact::NightOpened { night, by: _ } if night.as_str() == self.night => {
                self.begin(at);
                self.closed = None;
            }
            Fact::NightOpened { .. } => {
                if self.fold.phase != Phase::Before {
                    self.fold.phase = Phase::Gone;
                }
                return false;
            }
            Fact::NightClosed { night, .. } if night.as_str() == self.night && open => {
                self.fold.phase = Phase::Closed;
                self.closed = Some(self.now());
            }
            Fact::DaemonStarted { unwatched_ms, .. } => {
                let stopped = self.fold.stopped.take();
                if open {
                    self.watched_again(stopped, at, *unwatched_ms, restarted);
                }
            }
            Fact::StoodStill { ms, slept_ms } if open => {
                let why = if *slept_ms > 0 { "the machine slept" } else { "the daemon stood still" };
                self.gap(self.now().saturating_sub(*ms), at, why);
            }
            Fact::DaemonStopped { reason } if open => {
                let now = self.now();
                self.fold.stopped = Some((now, at.0, reason.clone()));
                self.mark(MarkKind::Outage, &format!("daemon stopped: {reason}"));
            }
            Fact::TmuxLost { why } if open => self.mark(MarkKind::Outage, &format!("tmux server gone: {why}")),
            Fact::OperatorActed { verb, target, by, result } if open => self.operator(verb, target, by, result),
            Fact::AlertMoved { alert, why: _ } if open => self.alert(alert),
            Fact::ProjectSeen { project, work } if open => self.commits(project.as_str(), work),
            Fact::BreakerMoved { key, to } if open => self.outage(key, to.since.is_some(), &to.cause),
            Fact::NoteMoved { note } if open => {
                // One that is carried into the night was written in another.
                let begin = self.clock.first().map_or(0, |step| step.wall_ms);
                if note.number > self.fold.notes && note.is_open() && note.at.0 >= begin {
                    self.fold.notes = note.number;
                    let what = format!("note {}: {}", note.id(), note.text);
                    self.mark_of(note.session.as_str(), MarkKind::Note, &what);
                }
            }
            Fact::RunCreated { .. }
            | Fact::RunMoved { .. }
            | Fact::AttemptIntended { .. }
            | Fact::AttemptStarted { .. }
            | Fact::AttemptEnded { .. }
            | Fact::Finding { .. }
            | Fact::TicketMoved { .. }
            | Fact::AgentMoved { .. } => return self.run_fact(entry),
            Fact::OutputObserved { attempt, .. } => return open && attempt.run.night.as_str() == self.night,
            Fact::NightClosing { .. }
            | Fact::NightClosed { .. }
            | Fact::LimitMet { .. }
            | Fact::AttemptUsed { .. }
            | Fact::Conversation { .. }
            | Fact::DaemonStopped { .. }
            | Fact::PlanAdopted { .. }
            | Fact::PlanRejected { .. }
            | Fact::SessionAdded { .. }
            | Fact::CounterReset { .. }
            | Fact::HoldSet { .. }
            | Fact::RunOrphaned { .. }
            | Fact::StopIntended { .. }
            | Fact::ChecksDone { .. }
            | Fact::OperatorActed { .. }
            | Fact::TmuxStarted { .. }
            | Fact::TmuxLost { .. }
            | Fact::ProjectBase { .. }
            | Fact::ProjectSeen { .. }
            | Fact::ReportWritten { .. }
            | Fact::ClockJumped { .. }
            | Fact::Trouble { .. }
            | Fact::Cleaned { .. }
            | Fact::AlertMoved { .. }
            | Fact::MessageQueued { .. }
            | Fact::MessageSettled { .. }
            | Fact::WindowBegan { .. }
            | Fact::NightEnds { .. }
            | Fact::DeadlineSet { .. }
            | Fact::LastNights { .. }
            | Fact::BreakerMoved { .. }
            | Fact::ProjectParked { .. }
            | Fact::DaemonCrashed { .. }
            | Fact::SafeMode { .. }
            | Fact::StoodStill { .. }
            | Fact::NoteMoved { .. }
            | Fact::DocumentRead { .. }
            | Fact::FilesSeen { .. }
            | Fact::Told { .. }
            | Fact::Reviewed { .. }
            | Fact::NightSummed { .. }
            | Fact::DraftMoved { .. }
            | Fact::Worded { .. } => return open,
        }
        true
    }

    fn run_fact(&mut self, entry: &Entry) -> bool {
        let at = entry.at.wall;
        let Some(id) = entry.fact.run().filter(|run| run.night.as_str() == self.night).cloned() else { return false };
        if self.fold.phase == Phase::Before {
            // The journal was cut before the night's opening: it begins with its first run.
            self.begin(at);
        }
        let now = self.now();
        let gaps = std::mem::take(&mut self.unwatched);
        let lane = self.sessions.entry(id.session.to_string()).or_default();
        let counts = tell_run(lane, &id, &entry.fact, now, &gaps);
        self.unwatched = gaps;
        counts
    }

    /// A daemon that starts again within the night ends a gap.
    fn watched_again(&mut self, stopped: Option<(Elapsed, i64, String)>, at: Wall, unwatched_ms: u64, restarted: bool) {
        let now = self.now();
        let (from, why) = match stopped {
            Some((from, _, reason)) => (from, format!("the daemon was stopped: {reason}")),
            None if unwatched_ms == 0 => return,
            None if restarted => (now.saturating_sub(unwatched_ms), "the machine was restarted".to_owned()),
            None => (now.saturating_sub(unwatched_ms), "the daemon ended without a word".to_owned()),
        };
        self.gap(from, at, &why);
    }

    /// Nobody watched from then until now.
    fn gap(&mut self, from: Elapsed, at: Wall, why: &str) {
        let now = self.now();
        if from >= now {
            return;
        }
        let from_wall = at.0.saturating_sub(i64::try_from(now - from).unwrap_or(i64::MAX));
        let gap = Unwatched { from, to: now, walls: (from_wall, at.0), why: told(why) };
        for lane in self.sessions.values_mut() {
            lane.gap(&gap);
        }
        self.mark(MarkKind::Outage, &format!("watched again; {}", gap.why));
        if self.unwatched.len() >= GAPS_MAX {
            self.unwatched.remove(0);
        }
        self.unwatched.push(gap);
    }

    fn mark(&mut self, kind: MarkKind, what: &str) {
        let mark = Mark { at: self.now(), kind, what: told(what), attempt: 0, project: None };
        put(&mut self.marks, &mut self.marks_left_out, mark);
    }
    /// A mark of a session, or of the night when it has no lane.
    fn mark_of(&mut self, session: &str, kind: MarkKind, what: &str) {
        let now = self.now();
        match self.sessions.get_mut(session) {
            Some(lane) => lane.mark(now, kind, what),
            None => self.mark(kind, what),
        }
    }

    fn operator(&mut self, verb: &str, target: &str, by: &Actor, result: &str) {
        if !Fact::is_done(result) || verb == "note" {
            return;
        }
        // A verb names a session, a run or an attempt.
        let session = SessionName::new(target).ok().map(|name| name.to_string());
        let session = session.or_else(|| target.parse::<RunId>().ok().map(|run| run.session.to_string()));
        let session = session.or_else(|| target.parse::<AttemptId>().ok().map(|id| id.run.session.to_string()));
        let because = by.reason.as_ref().map_or_else(String::new, |reason| format!(", because: {reason}"));
        self.mark_of(
            session.as_deref().unwrap_or_default(),
            MarkKind::Operator,
            &format!("{verb} by {}{because}", by.who),
        );
    }

    fn alert(&mut self, alert: &Alert) {
        if alert.is_over() {
            self.fold.alerts.remove(&alert.number);
        } else if alert.word() == "open" && self.fold.alerts.insert(alert.number) {
            let what = format!("alert {} ({}): {}", alert.id(), alert.severity.as_str(), alert.title);
            self.mark_of(alert.session.as_deref().unwrap_or_default(), MarkKind::Alert, &what);
        }
    }

    fn outage(&mut self, key: &str, down: bool, cause: &str) {
        if !down {
            if self.fold.outages.remove(key) {
                self.mark(MarkKind::Outage, &format!("{} is back", thing(key)));
            }
        } else if self.fold.outages.insert(key.to_owned()) {
            self.mark(MarkKind::Outage, &format!("{} is down: {cause}", thing(key)));
        }
    }

    /// What a repository shows takes the place of what it showed before.
    fn commits(&mut self, project: &str, work: &ProjectWork) {
        self.marks.retain(|mark| mark.kind != MarkKind::Commit || mark.project.as_deref() != Some(project));
        let begin = self.clock.first().map_or(0, |step| step.wall_ms);
        let now = self.now();
        for commit in work.commits.iter().take(COMMITS_MARKED).filter(|commit| commit.at_ms >= begin) {
            let short: String = commit.hash.chars().take(8).collect();
            let what = told(&format!("{project} {short} {}", commit.subject));
            let at = self.place(Wall(commit.at_ms)).min(now);
            let mark = Mark { at, kind: MarkKind::Commit, what, attempt: 0, project: Some(project.to_owned()) };
            put(&mut self.marks, &mut self.marks_left_out, mark);
        }
        self.marks.sort_by_key(|mark| mark.at);
    }
}

/// What a fact about a run tells of its session.
fn tell_run(lane: &mut Lane, id: &RunId, fact: &Fact, now: Elapsed, gaps: &[Unwatched]) -> bool {
    // `take` hands on these facts only.
    if let Fact::RunCreated { state, redriven_from, .. } = fact {
        lane.attempt = 0;
        lane.outcome = state.outcome().map(|outcome| outcome.as_str().to_owned());
        lane.turn(Doing::of(state), id.number, now, "");
        if let Some(first) = redriven_from {
            lane.mark(now, MarkKind::Operator, &format!("second chance of {first}"));
        }
    } else if let Fact::RunMoved { to, reason, .. } = fact {
        lane.outcome = to.outcome().map(|outcome| outcome.as_str().to_owned());
        let why = if reason.is_empty() { to.word().replace('_', " ") } else { reason.clone() };
        lane.turn(Doing::of(to), id.number, now, &why);
    } else if let Fact::AttemptIntended { attempt } = fact {
        lane.attempt = attempt.number;
        lane.death = None;
    } else if let Fact::AttemptStarted { attempt, .. } = fact {
        lane.attempt = attempt.number;
        let kind = if attempt.number == 1 { MarkKind::Start } else { MarkKind::Retry };
        lane.mark(now, kind, &format!("attempt {} started", attempt.number));
    } else if let Fact::AttemptEnded { attempt, exit, verdict, .. } = fact {
        let class = verdict.as_ref().map_or_else(String::new, |v| format!(" ({})", v.class.as_str().replace('_', " ")));
        let what = format!("attempt {}: {}{class}", attempt.number, words::exit(exit));
        let kind = if verdict.is_some() { MarkKind::Failure } else { MarkKind::Exit };
        lane.mark(now, kind, &what);
        lane.death = Some(told(&what));
        lane.ended_unseen(gaps, exit.at);
    } else if let Fact::Finding { finding, .. } = fact
        && finding.kind == FindingKind::Stalled
    {
        lane.shaded(Shade::Stalled, finding.is_open(), now, &finding.what);
        if finding.is_open() && finding.acted.is_none() {
            lane.mark(now, MarkKind::Stall, &finding.what);
        }
    } else if let Fact::TicketMoved { ticket, why } = fact
        && ticket.attempt.number == lane.attempt
    {
        lane.shaded(Shade::Asks, ticket.is_open(), now, why);
    } else if let Fact::AgentMoved { attempt, seen, .. } = fact
        && attempt.number == lane.attempt
    {
        lane.shaded(Shade::AtLimit, seen.is_at_limit(), now, &seen.rule);
    }
    true
}
