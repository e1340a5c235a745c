//! What is wrong, kept from step to step: only what a fact can have changed is looked at again. A daemon begins with
//! nothing and looks at everything once, so all that is here follows from the state.

use super::Alerts;
use super::conditions::{Condition, Source, everything, of_source};
use super::telling::Rules;
use crate::core::fact::Fact;
use crate::core::ids::SessionName;
use crate::core::run::RunState;
use crate::core::state::State;
use crate::core::time::Mono;
use std::collections::{BTreeMap, BTreeSet};

/// What is wrong, and what has to be looked at again.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    /// All that is wrong, by what makes two the same.
    pub(super) wrong: BTreeMap<String, Condition>,
    /// The alerts of each, oldest first. Some may be forgotten by now.
    pub(super) alerts: BTreeMap<String, Vec<u64>>,
    /// Who is told, as the plan in force says it.
    pub(super) rules: Rules,
    /// What each part of the state is the reason for.
    of: BTreeMap<Source, Vec<String>>,
    /// Parts that may have changed.
    stale: BTreeSet<Source>,
    /// Whether everything was looked at once, by the plan and in the night that are in force.
    ready: bool,
    /// Whether a fact can have changed what there is to tell.
    touched: bool,
}

impl Watch {
    /// Takes note of a fact.
    pub(super) fn note(&mut self, fact: &Fact) {
        if let Fact::RunMoved { run, to, .. } = fact {
            self.run_moved(&run.session, matches!(to, RunState::Ended { .. }));
        } else if let Fact::RunCreated { run, .. } = fact {
            // Who waits for it is no longer held up by how its last run ended.
            self.run_moved(&run.session, true);
        } else if let Fact::AttemptEnded { attempt, .. } | Fact::ChecksDone { attempt, .. } = fact {
            // Of a run that has not ended the next move tells.
            self.run_moved(&attempt.run.session, false);
        } else if let Fact::Finding { run, .. } = fact {
            self.look_at(Source::Session(run.session.clone()));
        } else if let Fact::TicketMoved { ticket, .. } = fact {
            self.look_at(Source::Session(ticket.session().clone()));
        } else if let Fact::Told { attempt, .. } = fact {
            self.look_at(Source::Session(attempt.run.session.clone()));
        } else if let Fact::HoldSet { run, .. } = fact {
            // Whoever is skipped by hand is not blocked.
            self.run_moved(&run.session, true);
        } else if let Fact::OutputObserved { output, .. } = fact {
            if !output.errors.is_empty() {
                self.look_at(Source::Errors);
            }
        } else if let Fact::BreakerMoved { key, to } = fact {
            let source = Source::Outage(key.clone());
            let was_open = self.of.contains_key(&source);
            if was_open == to.is_closed() {
                self.look_at_kind("failed");
            }
            if was_open || !to.is_closed() {
                self.look_at(source);
            }
        } else if let Fact::AttemptUsed { .. } = fact {
            self.look_at(Source::Budgets);
        } else if let Fact::ProjectParked { .. } = fact {
            self.look_at(Source::Parked);
            self.look_at_kind("failed");
        } else if let Fact::SafeMode { .. } = fact {
            self.look_at(Source::SafeMode);
        } else if let Fact::PlanRejected { .. } = fact {
            self.look_at(Source::File);
        } else if let Fact::Trouble { .. } | Fact::TmuxLost { .. } = fact {
            self.look_at(Source::Troubles);
        } else if let Fact::MessageSettled { .. } = fact {
            self.look_at(Source::Channels);
        } else if let Fact::AlertMoved { alert, why: _ } = fact {
            self.touched = true;
            if alert.kind == "errors" {
                self.stale.insert(Source::Errors);
            }
            match self.alerts.get_mut(&alert.same) {
                Some(numbers) if numbers.contains(&alert.number) => {}
                Some(numbers) => numbers.push(alert.number),
                None => {
                    self.alerts.insert(alert.same.clone(), vec![alert.number]);
                }
            }
        } else if let Fact::MessageQueued { .. } | Fact::NightClosed { .. } | Fact::ClockJumped { .. } = fact {
            self.touched = true;
        } else if let Fact::PlanAdopted { .. } | Fact::NightOpened { .. } | Fact::SessionAdded { .. } = fact {
            self.ready = false;
        }
    }

    /// Whether there is anything to do before time alone brings it.
    pub(super) fn is_touched(&self) -> bool {
        self.touched || !self.ready || !self.stale.is_empty()
    }

    /// Looks again at what may have changed, and at what changes by time when that is `due`. Gives what the alerts have to
    /// be held against: by what makes two the same.
    pub(super) fn refresh(&mut self, state: &State, now: Mono, due: bool) -> BTreeSet<String> {
        self.touched = false;
        let mut look = BTreeSet::new();
        if !self.ready {
            look.extend(std::mem::take(&mut self.wrong).into_keys());
            look.extend(state.alerts.known.values().map(|alert| alert.same.clone()));
            *self =
                Self { ready: true, rules: Rules::new(&state.plan), alerts: by_same(&state.alerts), ..Self::default() };
            for source in everything(state) {
                self.take_in(source, state, now, &mut look);
            }
            return look;
        }
        if due {
            let by_time = [
                (Source::Errors, state.alerts.errors.is_empty()),
                (Source::Troubles, state.alerts.troubles.is_empty()),
            ];
            self.stale.extend(by_time.into_iter().filter(|(_, none)| !none).map(|(source, _)| source));
        }
        for source in std::mem::take(&mut self.stale) {
            self.take_in(source, state, now, &mut look);
        }
        // What is quiet because of another has to be looked at when that comes or goes.
        if !look.is_empty() {
            let follows =
                |condition: &Condition| condition.because_of.as_ref().is_some_and(|cause| look.contains(cause));
            let following = self.wrong.iter().filter(|(_, condition)| follows(condition));
            let following: Vec<String> = following.map(|(same, _)| same.clone()).collect();
            look.extend(following);
        }
        look
    }

    fn take_in(&mut self, source: Source, state: &State, now: Mono, look: &mut BTreeSet<String>) {
        let found = of_source(&source, state, now);
        let mut before = self.of.remove(&source).unwrap_or_default();
        before.retain(|same| found.iter().all(|(still, _)| still != same));
        for gone in before {
            self.wrong.remove(&gone);
            look.insert(gone);
        }
        if found.is_empty() {
            return;
        }
        let mut sames = Vec::with_capacity(found.len());
        for (same, condition) in found {
            if self.wrong.get(&same) != Some(&condition) {
                look.insert(same.clone());
                self.wrong.insert(same.clone(), condition);
            }
            sames.push(same);
        }
        self.of.insert(source, sames);
    }

    /// Whether all is known that does not change by time alone; the error names the part that is not.
    pub(super) fn check(&self, state: &State, now: Mono) -> Result<(), String> {
        let by_time = |source: &Source| matches!(source, Source::Errors | Source::Troubles);
        for source in everything(state).iter().filter(|source| self.ready && !by_time(source)) {
            let found = of_source(source, state, now);
            let known = self.of.get(source).map(Vec::as_slice).unwrap_or_default();
            let same = known.len() == found.len()
                && found.iter().all(|(same, condition)| self.wrong.get(same) == Some(condition));
            if !same {
                return Err(format!("{source:?} was not looked at again: {known:?} is known, {found:?} is so"));
            }
        }
        let gone =
            self.of.keys().filter(|source| !by_time(source)).find(|source| of_source(source, state, now).is_empty());
        gone.map_or(Ok(()), |source| Err(format!("{source:?} is wrong no longer")))
    }

    fn look_at(&mut self, source: Source) {
        self.stale.insert(source);
    }
    fn run_moved(&mut self, session: &SessionName, ended: bool) {
        let source = Source::Session(session.clone());
        if ended || self.of.contains_key(&source) {
            self.look_at(source);
            self.look_at_kind("blocked");
        }
    }
    /// Looks again at the sessions with a condition of a kind.
    fn look_at_kind(&mut self, kind: &str) {
        let of_kind = |same: &String| self.wrong.get(same).is_some_and(|condition| condition.kind == kind);
        let sources =
            self.of.iter().filter(|(source, sames)| matches!(source, Source::Session(_)) && sames.iter().any(of_kind));
        let sources: Vec<Source> = sources.map(|(source, _)| source.clone()).collect();
        self.stale.extend(sources);
    }
}

/// The alerts by what makes two the same, oldest first.
pub(super) fn by_same(alerts: &Alerts) -> BTreeMap<String, Vec<u64>> {
    let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for alert in alerts.known.values() {
        found.entry(alert.same.clone()).or_default().push(alert.number);
    }
    found
}
