//! The part of the fold that is about runs: facts that name one, and what they put into the timeline.

use super::facts::{AttemptFacts, RunFacts};
use super::fold::{Folder, Phase};
use super::passage::{Elapsed, Gap, Segments, Shade};
use crate::core::exit::ExitRecord;
use crate::core::fact::{Entry, Fact};
use crate::core::finding::{Finding, FindingKind};
use crate::core::ids::AttemptId;
use crate::core::run::{OutputSeen, RunState};
use crate::core::time::Wall;
use crate::status::words;

impl Folder {
    /// Facts that name a run count when the run is one of this night, whenever they were journaled.
    pub(super) fn run_fact(&mut self, entry: &Entry) -> bool {
        let Some(id) = entry.fact.run().filter(|id| id.night == self.facts.night).cloned() else { return false };
        if self.phase == Phase::Before {
            // The journal was cut before the night's opening: it begins with its first run.
            self.begin(entry);
            self.phase = Phase::Open;
        }
        let at = entry.at.wall;
        let now = self.passage.elapsed();
        if let Fact::RunCreated { state, reason, redriven_from, .. } = &entry.fact {
            let mut segments = Segments::default();
            segments.enter(state, now);
            if let Some(first) = redriven_from {
                self.moment(at, Some(&id.session), format!("second chance of {first}"), 2);
            }
            let run = RunFacts {
                id: id.clone(),
                created: at,
                redriven_from: redriven_from.clone(),
                state: state.clone(),
                reason: reason.clone(),
                since: at,
                attempts: Vec::new(),
                segments,
                removed: false,
                findings: Vec::new(),
            };
            self.facts.runs.insert(id, run);
            return true;
        }
        if let Fact::AttemptIntended { attempt } = &entry.fact {
            let open = self.facts.notes.values_mut().filter(|note| note.session == id.session && note.is_open());
            open.for_each(|note| note.give(attempt));
        }
        if let Fact::AttemptEnded { attempt, .. } = &entry.fact {
            self.facts.tickets.attempt_ended(attempt, at);
        }
        let Some(run) = self.facts.runs.get_mut(&id) else { return false };
        let mut told: Option<(String, u8)> = None;
        match &entry.fact {
            Fact::RunMoved { to, reason, .. } => {
                told = moved(to, reason);
                run.segments.enter(to, now);
                run.state = to.clone();
                run.reason.clone_from(reason);
                run.since = at;
            }
            Fact::RunOrphaned { .. } => {
                run.removed = true;
                told = Some(("taken out of the file; the run goes on".to_owned(), 1));
            }
            Fact::AttemptIntended { attempt } => {
                attempt_of(run, attempt, at);
                run.segments.attempt(attempt.number);
            }
            Fact::AttemptStarted { attempt, started } => {
                run.segments.attempt(attempt.number);
                attempt_of(run, attempt, at).started = Some(started.clone());
                let what =
                    if attempt.number == 1 { "started".into() } else { format!("attempt {} started", attempt.number) };
                told = Some((what, 0));
            }
            Fact::OutputObserved { attempt, output } => {
                let known = attempt_of(run, attempt, at);
                let agent = known.output.agent.take();
                known.output = (**output).clone();
                known.output.agent = known.output.agent.take().or(agent);
            }
            Fact::AgentMoved { attempt, seen, .. } => {
                attempt_of(run, attempt, at).output.agent = Some(seen.clone());
                shade(run, attempt, Shade::AtLimit, seen.is_at_limit(), now);
            }
            Fact::TicketMoved { ticket, .. } => shade(run, &ticket.attempt, Shade::Asks, ticket.is_open(), now),
            Fact::AttemptEnded { attempt, exit, verdict, counted } => {
                let known = attempt_of(run, attempt, at);
                known.exit = Some(exit.clone());
                known.verdict.clone_from(verdict);
                known.counted = *counted;
                let class = verdict.as_ref().map_or_else(String::new, |v| format!(" ({})", v.class.as_str()));
                let what = format!("attempt {}: {}{class}", attempt.number, words::exit(exit));
                told = Some((what, if verdict.is_some() { 2 } else { 1 }));
                if let Some((ended, again)) = unseen_end(&self.facts.gaps, exit) {
                    run.segments.ended_unseen(ended, again);
                }
            }
            Fact::ChecksDone { attempt, results } => {
                attempt_of(run, attempt, at).checks.clone_from(results);
                let red = results.iter().filter(|r| !r.passed).count();
                if red > 0 {
                    told = Some((format!("checks: {} of {} good", results.len() - red, results.len()), 2));
                }
            }
            Fact::AttemptUsed { attempt, used } => attempt_of(run, attempt, at).used = Some((**used).clone()),
            Fact::Finding { finding, .. } => {
                if finding.kind == FindingKind::Stalled && (runs(run) || !finding.is_open()) {
                    run.segments.shade(Shade::Stalled, finding.is_open(), now);
                }
                told = found(finding, run);
            }
            Fact::CounterReset { .. }
            | Fact::Conversation { .. }
            | Fact::HoldSet { .. }
            | Fact::StopIntended { .. }
            | Fact::RunCreated { .. }
            | Fact::DaemonStarted { .. }
            | Fact::DaemonStopped { .. }
            | Fact::PlanAdopted { .. }
            | Fact::PlanRejected { .. }
            | Fact::SessionAdded { .. }
            | Fact::NightOpened { .. }
            | Fact::NightClosing { .. }
            | Fact::NightClosed { .. }
            | Fact::OperatorActed { .. }
            | Fact::TmuxStarted { .. }
            | Fact::TmuxLost { .. }
            | Fact::ProjectBase { .. }
            | Fact::ProjectSeen { .. }
            | Fact::ReportWritten { .. }
            | Fact::ClockJumped { .. }
            | Fact::LastNights { .. }
            | Fact::Trouble { .. }
            | Fact::Cleaned { .. }
            | Fact::AlertMoved { .. }
            | Fact::MessageQueued { .. }
            | Fact::MessageSettled { .. }
            | Fact::WindowBegan { .. }
            | Fact::NightEnds { .. }
            | Fact::DeadlineSet { .. }
            | Fact::BreakerMoved { .. }
            | Fact::ProjectParked { .. }
            | Fact::DaemonCrashed { .. }
            | Fact::StoodStill { .. }
            | Fact::LimitMet { .. }
            | Fact::SafeMode { .. }
            | Fact::NoteMoved { .. }
            | Fact::DocumentRead { .. }
            | Fact::FilesSeen { .. }
            | Fact::Told { .. }
            | Fact::Reviewed { .. }
            | Fact::NightSummed { .. }
            | Fact::DraftMoved { .. }
            | Fact::Worded { .. } => {}
        }
        if let Some((what, weight)) = told {
            self.moment(at, Some(&id.session), what, weight);
        }
        true
    }
}

fn runs(run: &RunFacts) -> bool {
    matches!(run.state, RunState::Starting { .. } | RunState::Running { .. })
}

/// Something about its newest attempt is so, or no longer.
fn shade(run: &mut RunFacts, attempt: &AttemptId, shade: Shade, on: bool, now: Elapsed) {
    if run.segments.is_of(attempt.number) && (runs(run) || !on) {
        run.segments.shade(shade, on, now);
    }
}

/// Takes a finding in, in the place of an older word on it; gives what is new about it for the timeline.
fn found(finding: &Finding, run: &mut RunFacts) -> Option<(String, u8)> {
    let kind = finding.kind.as_str().replace('_', " ");
    let same = run.findings.iter_mut().find(|known| known.kind == finding.kind && known.subject == finding.subject);
    match same {
        Some(known) => known.clone_from(finding),
        None => run.findings.push(finding.clone()),
    }
    if finding.resolved.is_some() {
        return Some((format!("no longer {kind}"), 1));
    }
    let acted = finding.acted.as_ref().map_or_else(String::new, |acted| format!("; {}", acted.what));
    Some((format!("{kind}: {}{acted}", finding.what), 2))
}

fn moved(to: &RunState, reason: &str) -> Option<(String, u8)> {
    let weight = match to {
        RunState::Ended { outcome } => match outcome {
            crate::core::run::Outcome::Failed | crate::core::run::Outcome::Partial => 3,
            crate::core::run::Outcome::Stopped
            | crate::core::run::Outcome::Skipped
            | crate::core::run::Outcome::Unfinished => 2,
            crate::core::run::Outcome::Succeeded => 1,
        },
        RunState::Limited { .. } | RunState::Held => 2,
        RunState::BackingOff { .. } => 1,
        RunState::Scheduled { .. }
        | RunState::Waiting { .. }
        | RunState::Queued
        | RunState::Starting { .. }
        | RunState::Running { .. }
        | RunState::Checking { .. }
        | RunState::Stopping { .. } => return None,
    };
    let word = to.word().replace('_', " ");
    Some((if reason.is_empty() { word } else { format!("{word}: {reason}") }, weight))
}

/// Where in a gap an attempt ended, and when the gap was over.
fn unseen_end(gaps: &[Gap], exit: &ExitRecord) -> Option<(Elapsed, Elapsed)> {
    gaps.iter().rev().find_map(|gap| gap.place(exit.at).map(|ended| (ended, gap.until)))
}

/// The attempt of a run, made on its first mention.
fn attempt_of<'r>(run: &'r mut RunFacts, id: &AttemptId, at: Wall) -> &'r mut AttemptFacts {
    let place = match run.attempts.iter().position(|a| a.id == *id) {
        Some(place) => place,
        None => {
            run.attempts.push(AttemptFacts {
                id: id.clone(),
                intended: at,
                started: None,
                exit: None,
                verdict: None,
                counted: false,
                output: OutputSeen::default(),
                checks: Vec::new(),
                used: None,
            });
            run.attempts.len() - 1
        }
    };
    &mut run.attempts[place]
}
