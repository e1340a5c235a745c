//! What happens to a simulated night: programs end, faults strike, the operator acts, and at last everything calms down.

use super::coverage;
use super::judge::Judged;
use super::plan;
use super::sim::{Coming, Faults, Sim, anna};
use super::world::RunDir;
use nightkeep::core::alert::AlertAct;
use nightkeep::core::event::{Event, Seen, Verb, When};
use nightkeep::core::ids::{AttemptId, RunId, SessionName};
use nightkeep::core::night::Night;
use nightkeep::core::run::{AfterStop, RunState};
use std::collections::BTreeMap;
use std::time::Duration;

const HOUR: u64 = 3_600_000;

impl Sim {
    pub(super) fn program_ends(&mut self, attempt: &AttemptId) -> Judged {
        let ends = self.world.dirs.get(attempt).and_then(|dir| dir.program.as_ref()).map(|program| program.ends);
        match ends {
            Some(Some(t)) if t <= self.world.t => {
                self.world.end(attempt);
                self.trace(|_| format!("{attempt} ends"));
                self.tell(attempt, false);
            }
            // It was put off by a suspend.
            Some(Some(t)) => self.at(t, Coming::ProgramEnds(attempt.clone())),
            Some(None) | None => {}
        }
        Ok(())
    }

    pub(super) fn hang_up(&mut self, attempts: Vec<AttemptId>) {
        for attempt in attempts {
            if let Some(ends) = self.world.hang_up(&attempt) {
                self.at(ends, Coming::ProgramEnds(attempt));
            }
        }
    }

    pub(super) fn some_living(&mut self) -> Option<AttemptId> {
        let living: Vec<AttemptId> =
            self.world.dirs.iter().filter(|(_, dir)| dir.program.is_some()).map(|(id, _)| id.clone()).collect();
        self.rng.choice(living)
    }

    pub(super) fn fault(&mut self) -> Judged {
        let kind = self.rng.u8(0..16);
        self.trace(|_| format!("fault {kind}"));
        match kind {
            0 | 1 if self.faults.daemon_crash && self.night.is_some() => {
                self.world.crashes += u32::from(self.rng.bool());
                return self.daemon_dies(true);
            }
            2 if self.faults.tmux_death => {
                if let Some(server) = self.world.tmux.take() {
                    let in_it = |dir: &RunDir| dir.program.as_ref().is_some_and(|p| p.server == server);
                    let hung = self.world.dirs.iter().filter(|(_, dir)| in_it(dir)).map(|(id, _)| id.clone());
                    let hung = hung.collect();
                    self.hang_up(hung);
                    let when = self.rng.u64(0..3_000);
                    self.after(when, Coming::LookAtTmux(self.generation));
                }
            }
            3 if self.faults.reboot => {
                let (in_order, down) = (self.rng.bool(), self.rng.u64(10_000..1_800_000));
                if self.night.is_some() {
                    self.daemon_dies(true)?;
                }
                self.world.reboot(in_order, down);
                if self.faults.clock_jump && self.rng.bool() {
                    self.world.was_set = true;
                    self.world.wall_offset += self.rng.i64(-7_200_000..7_200_000);
                }
            }
            4 | 15 if self.faults.suspend => {
                let span = self.rng.u64(1_000..3 * HOUR);
                self.world.suspend(span);
                self.stop_round.clear();
                // Most times the daemon sees it before anything else; a timer may be quicker.
                if self.rng.u8(0..3) > 0 {
                    return self.step(Event::StoodStill { ms: span, slept_ms: span });
                }
            }
            5 if self.faults.clock_jump => {
                let by_ms = self.rng.i64(-86_400_000..86_400_000);
                self.world.was_set = true;
                self.world.wall_offset += by_ms;
                return self.step(Event::ClockJumped { by_ms });
            }
            6 if self.faults.recorder_death => {
                if let Some(attempt) = self.some_living().filter(|attempt| !self.world.is_stuck(attempt)) {
                    self.world.vanish(&attempt);
                    self.tell(&attempt, false);
                }
            }
            7 if self.faults.killed_by_hand => {
                let attempt = self.some_living();
                self.hang_up(attempt.into_iter().collect());
            }
            8 if self.faults.reload => return self.edit(),
            9 if self.faults.down_and_up => {
                let now = self.rng.bool();
                self.step(Event::Down { now, by: anna("changed my mind") })?;
                if self.rng.bool() {
                    return self.up(Vec::new());
                }
                let when = self.rng.u64(0..600_000);
                self.after(when, Coming::Operator);
            }
            10 | 11 if self.faults.outage => {
                let provider = plan::PROVIDERS[self.rng.usize(0..plan::PROVIDERS.len())];
                let until = self.world.t + self.rng.u64(60_000..180 * 60_000);
                for (attempt, ends) in self.world.outage(provider, until, &mut self.rng) {
                    self.at(ends, Coming::ProgramEnds(attempt));
                }
            }
            12 | 13 if self.faults.low => {
                let what = usize::from(kind - 12);
                self.world.low[what] = self.world.t + self.rng.u64(60_000..120 * 60_000);
                self.after(0, Coming::Sense(self.generation));
            }
            14 if self.faults.stuck => {
                if let Some(attempt) = self.some_living() {
                    let until = self.world.t + self.rng.u64(20_000..90 * 60_000);
                    if let Some(ends) = self.world.stick(&attempt, until) {
                        self.at(ends, Coming::ProgramEnds(attempt));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The daemon looks at disk and memory, again and again as long as they may be low.
    pub(super) fn sense(&mut self) -> Judged {
        for (key, (free, total)) in ["disk", "memory"].into_iter().zip(self.world.levels()) {
            self.step(Event::Sensed { key: key.to_owned(), seen: Seen::Level { free, total } })?;
        }
        let open = |night: &Night| night.state.breakers.by_key.keys().any(|key| key == "disk" || key == "memory");
        if self.world.low.iter().any(|until| self.world.t < *until) || self.night.as_ref().is_some_and(open) {
            self.after(60_000, Coming::Sense(self.generation));
        }
        Ok(())
    }

    pub(super) fn edit(&mut self) -> Judged {
        if self.rng.u8(0..4) == 0 {
            self.file = Err("sessions.toml:3:1: expected `=`".to_owned());
        } else {
            self.last_good = plan::edited(&self.last_good, &mut self.rng);
            self.file = Ok(self.last_good.clone());
        }
        self.load_file()
    }

    pub(super) fn operator(&mut self) -> Judged {
        let Some(night) = &self.night else { return Ok(()) };
        let names: Vec<SessionName> =
            night.state.plan.sessions.keys().chain(night.state.added.keys()).cloned().collect();
        let dead: Vec<RunId> = night.state.dead_letters().map(|run| run.id.clone()).collect();
        let redrive = self.rng.choice(dead);
        if night.state.open_night().is_none_or(|night| night.closing) {
            if self.rng.u8(0..3) > 0 {
                return self.up(Vec::new());
            }
            let night = self.tonight();
            self.step(Event::OpenNight { night, by: anna("dead retry") })?;
            return match redrive {
                Some(run) => self.step(Event::Redrive { run, by: anna("again") }),
                None => Ok(()),
            };
        }
        let alerts: Vec<String> = night.state.alerts.standing().iter().map(|alert| alert.id()).collect();
        if self.rng.u8(0..4) == 0
            && let Some(alert) = self.rng.choice(alerts)
        {
            let act = match self.rng.u8(0..5) {
                0 => AlertAct::Ack,
                1 => AlertAct::Snooze { seconds: Some(self.rng.u64(1..20_000)) },
                2 => AlertAct::Snooze { seconds: None },
                3 => AlertAct::Resolve,
                _ => AlertAct::Escalate,
            };
            return self.step(Event::AlertAct { alert, act, by: anna("seen") });
        }
        let Some(night) = &self.night else { return Ok(()) };
        // Half of the time somebody looks for a state first, so that the rare ones are met as well.
        let mut by_state: BTreeMap<&'static str, Vec<SessionName>> = BTreeMap::new();
        for run in night.state.night_runs() {
            by_state.entry(coverage::word(&run.state)).or_default().push(run.id.session.clone());
        }
        let of_state = self.rng.choice(by_state.into_values()).unwrap_or_default();
        let names = if of_state.is_empty() || self.rng.bool() { names } else { of_state };
        let session = self.rng.choice(names).unwrap_or_else(|| plan::name(77));
        // Drawn apart, so that notes change nothing else of a seed's night.
        let mut aside = fastrand::Rng::with_seed(self.world.t);
        if aside.u8(0..8) == 0 {
            let known: Vec<String> = night.state.notes.known.values().map(|note| note.id()).collect();
            let by = anna("know this");
            match aside.choice(known).filter(|_| aside.bool()) {
                Some(note) => self.step(Event::NoteDone { note, by })?,
                None => {
                    let text = format!("note {}", aside.u8(0..9));
                    self.step(Event::Note { session: session.clone(), text, by })?;
                }
            }
        }
        match self.rng.u8(0..18) {
            0 => self.up(vec![session]),
            1 => self.up(Vec::new()),
            2 => {
                let mut added = plan::session(50 + self.rng.usize(0..3), &mut self.rng);
                added.after.clear();
                self.step(Event::Add { session: Box::new(added), by: anna("one more") })
            }
            3 | 4 => match redrive {
                Some(run) => self.step(Event::Redrive { run, by: anna("again") }),
                None => Ok(()),
            },
            5 => {
                let when = match self.rng.u8(0..3) {
                    0 => When::InSeconds(self.rng.u32(0..20_000)),
                    1 => When::Clock(self.rng.u16(0..1440)),
                    _ => When::AtMs(self.world.wall().0 + self.rng.i64(-3_600_000..7_200_000)),
                };
                self.step(Event::Schedule { session, when, by: anna("later") })
            }
            n => {
                let verbs = [Verb::Start, Verb::Stop, Verb::Restart, Verb::Hold, Verb::Release, Verb::Skip];
                let verb = verbs[usize::from(n) % verbs.len()];
                let by = anna("so be it");
                let session = if self.rng.u8(0..20) == 0 { plan::name(99) } else { session };
                self.step(Event::Operator { verb, session: session.clone(), by })?;
                self.watch_stops(&session);
                Ok(())
            }
        }
    }

    /// Looks, after grace and some seconds, whether a stopped session is really gone.
    pub(super) fn watch_stops(&mut self, session: &SessionName) {
        let Some(run) = self.night.as_ref().and_then(|night| night.state.latest_run(session)) else { return };
        let RunState::Stopping { then: AfterStop::Stopped, .. } = run.state else { return };
        let grace = run.session.as_ref().map_or(Duration::from_secs(15), |session| session.stop_grace);
        let round = self.sequence;
        self.stop_round.insert(session.clone(), round);
        let after = u64::try_from(grace.as_millis()).unwrap() + 5_000;
        self.after(after, Coming::StopIsThrough(session.clone(), round));
    }

    /// The faults end; what never ends by itself does so now.
    pub(super) fn calm_down(&mut self) -> Judged {
        self.calm = true;
        self.world.calm = true;
        self.world.outages.clear();
        self.world.low = [0; 2];
        self.judge.calm_since = Some(self.world.t);
        self.faults = Faults { late_timers: self.faults.late_timers, ..Faults::default() };
        let t = self.world.t;
        let endless: Vec<AttemptId> = (self.world.dirs.iter())
            .filter(|(_, dir)| dir.program.as_ref().is_some_and(|program| program.ends.is_none()))
            .map(|(id, _)| id.clone())
            .collect();
        let stuck: Vec<AttemptId> = self.world.dirs.keys().filter(|id| self.world.is_stuck(id)).cloned().collect();
        for id in stuck {
            if let Some(program) = self.world.dirs.get_mut(&id).and_then(|dir| dir.program.as_mut()) {
                program.stuck_until = t;
                if program.stopped || program.hup {
                    program.ends = Some(t);
                    self.after(0, Coming::ProgramEnds(id));
                }
            }
        }
        for id in endless {
            if let Some(program) = self.world.dirs.get_mut(&id).and_then(|dir| dir.program.as_mut()) {
                program.ends = Some(t + 600_000);
            }
            self.after(600_000, Coming::ProgramEnds(id));
        }
        if self.file.is_err() {
            self.file = Ok(self.last_good.clone());
        }
        if self.night.is_none() {
            self.daemon_starts()?;
        } else {
            self.load_file()?;
        }
        let open = self.night.as_ref().and_then(|night| night.state.open_night());
        let safe = self.night.as_ref().is_some_and(|night| night.state.breakers.safe_mode.is_some());
        if safe || open.is_none_or(|night| night.closing) {
            return self.up(Vec::new());
        }
        Ok(())
    }
}
