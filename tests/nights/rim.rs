//! The rim of a simulated night: effects become deeds in the world, what the world shows becomes events.

use super::judge::Judged;
use super::sim::{Coming, Sim};
use super::world::RunDir;
use nightkeep::core::alert::message::Outcome;
use nightkeep::core::delivery::Digest;
use nightkeep::core::effect::Effect;
use nightkeep::core::event::Event;
use nightkeep::core::exit::{Ending, ExitRecord};
use nightkeep::core::fact::GitBase;
use nightkeep::core::ids::AttemptId;
use nightkeep::core::plan::SessionPlan;
use nightkeep::core::run::{CheckResult, OutputSeen};
use nightkeep::core::success;
use nightkeep::core::unkillable::Remaining;
use std::collections::BTreeSet;
use std::time::Duration;

impl Sim {
    pub(super) fn perform(&mut self, effect: Effect) -> Judged {
        match effect {
            Effect::Start { attempt, session } => {
                self.tempt_the_operator();
                self.start(&attempt, &session)
            }
            Effect::Stop { attempt, grace } => {
                self.tempt_the_operator();
                self.stop(&attempt, grace);
                Ok(())
            }
            Effect::Check { attempt, session } => {
                let passes = self.rng.u8(0..5) > 0;
                let result = |text| CheckResult { text, passed: passes, seen: "looked".to_owned() };
                let results = success::for_rim(&session).iter().map(|check| result(check.text())).collect();
                self.soon(120_000, Event::Checked { attempt, results });
                self.tempt_the_operator();
                Ok(())
            }
            Effect::Arm { timer, epoch, after } => {
                let ms = u64::try_from(after.as_millis()).unwrap();
                self.after(ms, Coming::Timer(self.generation, timer.clone(), epoch, self.sequence + 1));
                self.armed.insert(timer, self.sequence);
                Ok(())
            }
            Effect::NoteBase { project, .. } => {
                self.soon(3_000, Event::ProjectBase { project, git: GitBase::Unborn });
                Ok(())
            }
            Effect::WriteReport { night } => {
                let files = vec![format!("{night}.md")];
                let digest = Digest {
                    title: "[1 needs you] it is over".to_owned(),
                    push: "look".to_owned(),
                    page: "all of it".to_owned(),
                    needs_somebody: self.rng.bool(),
                };
                // What is said comes before the files are written.
                let (ready, written) = (self.rng.u64(0..2_000), self.rng.u64(0..1_000));
                let event = Event::ReportReady { night: night.clone(), digest: Box::new(digest) };
                self.after(ready, Coming::Event(self.generation, event));
                let event = Event::ReportWritten { night, files };
                self.after(ready + 1 + written, Coming::Event(self.generation, event));
                Ok(())
            }
            Effect::Send { message } => {
                let outcome = self.try_channel();
                self.soon(20_000, Event::Sent { key: message.key, outcome });
                Ok(())
            }
            Effect::Nudge { attempt, .. } => {
                self.world.nudge(&attempt);
                Ok(())
            }
            Effect::LookForRemains { attempt } => {
                let left = if self.world.is_stuck(&attempt) {
                    let pid = self.world.dirs.get(&attempt).and_then(|dir| dir.started.as_ref()).map_or(0, |s| s.pid);
                    vec![Remaining { pid, name: "work".to_owned(), state: 'D', waits: None }]
                } else {
                    // It was killed once more.
                    if let Some(ends) = self.world.stop(&attempt, Duration::ZERO) {
                        self.at(ends, Coming::ProgramEnds(attempt.clone()));
                    }
                    Vec::new()
                };
                self.soon(2_000, Event::Remains { attempt, left });
                Ok(())
            }
            Effect::AwaitRest { attempt, after } => {
                self.awaits_rest(&attempt, u64::try_from(after.as_millis()).unwrap());
                Ok(())
            }
            Effect::Answer { .. } | Effect::TypeDraft { .. } => {
                let after = self.sequence % 7 * 300;
                self.after(after, Coming::Types(self.generation, effect));
                Ok(())
            }
            Effect::NightOver { .. } => {
                if self.closing {
                    // The daemon ends in order once the report it asked for is written.
                    for (_, event) in self.on_their_way() {
                        self.deliver(event)?;
                    }
                    self.step(Event::DaemonStopping { reason: "down".to_owned() })?;
                    self.over = self.night.take().is_some();
                    self.generation += 1;
                }
                Ok(())
            }
        }
    }

    /// What a service makes of a message.
    fn try_channel(&mut self) -> Outcome {
        if !self.chance(self.faults.bad_channels, 2) {
            return Outcome::Delivered;
        }
        let retry_after = (self.rng.u8(0..4) == 0).then(|| Duration::from_secs(self.rng.u64(1..7_200)));
        Outcome::Failed {
            why: "answered 500".to_owned(),
            retry_after,
            permanent: self.rng.u8(0..6) == 0,
            reached: Vec::new(),
        }
    }

    /// Takes the reports and answers of channels out of what is on its way.
    pub(super) fn on_their_way(&mut self) -> Vec<(u64, Event)> {
        let generation = self.generation;
        let reports: Vec<u64> = self
            .things
            .iter()
            .filter(|(_, thing)| matches!(thing, Coming::Event(g, Event::ReportReady { .. } | Event::ReportWritten { .. } | Event::Sent { .. }) if *g == generation))
            .map(|(slot, _)| *slot)
            .collect();
        let mut events = Vec::new();
        for slot in reports {
            if let Some(Coming::Event(_, event)) = self.things.remove(&slot) {
                events.push((slot, event));
            }
        }
        events
    }

    /// An event that surely comes, unless the daemon dies before.
    pub(super) fn soon(&mut self, within: u64, event: Event) {
        let after = self.rng.u64(0..within);
        self.after(after, Coming::Event(self.generation, event));
    }

    /// An event that may be lost, late or doubled: what it tells stands in the recorder's files.
    pub(super) fn hint(&mut self, event: Event) {
        if self.night.is_none() || self.chance(self.faults.lost_hints, 3) {
            return;
        }
        if self.chance(self.faults.doubled_hints, 4) {
            self.soon(60_000, event.clone());
        }
        let within = if self.rng.u8(0..4) == 0 { 20_000 } else { 200 };
        self.soon(within, event);
    }

    pub(super) fn start(&mut self, attempt: &AttemptId, session: &SessionPlan) -> Judged {
        if self.world.dirs.contains_key(attempt) {
            self.tell(attempt, true);
            return Ok(());
        }
        if self.chance(self.faults.start_failed, 6) {
            self.soon(10_000, Event::StartFailed { attempt: attempt.clone(), why: "tmux refused".to_owned() });
            return Ok(());
        }
        let had_tmux = self.world.tmux;
        let ends = self.world.spawn(attempt, session, &mut self.rng);
        self.judge.spawned(attempt, &self.world)?;
        if had_tmux != self.world.tmux {
            self.after(0, Coming::LookAtTmux(self.generation));
        }
        if let Some(ends) = ends {
            self.at(ends, Coming::ProgramEnds(attempt.clone()));
            for _ in 0..self.rng.u32(0..3) {
                let when = self.rng.u64(0..(ends - self.world.t).max(1));
                self.after(when, Coming::Prints(attempt.clone()));
            }
        }
        self.may_ask(attempt);
        self.may_be_told(attempt)?;
        self.tell(attempt, false);
        self.watch(attempt);
        self.meter(attempt);
        Ok(())
    }

    /// Tells what a run directory shows: surely, or as a hint.
    pub(super) fn tell(&mut self, attempt: &AttemptId, surely: bool) {
        let Some(event) = self.world.dirs.get(attempt).and_then(|dir| shown(attempt, dir)) else { return };
        if surely {
            self.soon(1_000, event);
        } else {
            self.hint(event);
        }
    }

    pub(super) fn stop(&mut self, attempt: &AttemptId, grace: Duration) {
        if let Some(ends) = self.world.stop(attempt, grace) {
            self.at(ends, Coming::ProgramEnds(attempt.clone()));
        } else if self.world.dirs.contains_key(attempt) {
            self.tell(attempt, true);
        } else {
            self.soon(1_000, Event::StartFailed { attempt: attempt.clone(), why: "was never started".to_owned() });
        }
    }

    /// Brings an event to the daemon. Before an end with a hang-up the rim looks at tmux.
    pub(super) fn deliver(&mut self, event: Event) -> Judged {
        if let Event::Ended { exit: ExitRecord { hup: true, .. }, .. } = &event {
            self.look_at_tmux()?;
        }
        self.step(event)
    }

    pub(super) fn look_at_tmux(&mut self) -> Judged {
        let Some(believed) = self.night.as_ref().map(|night| night.state.tmux_pid) else { return Ok(()) };
        if believed.is_some() && believed != self.world.tmux {
            self.step(Event::TmuxLost { why: "no server answers".to_owned() })?;
        }
        match self.world.tmux {
            Some(pid) if believed != Some(pid) => self.step(Event::TmuxStarted { pid }),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn reconcile(&mut self) -> Judged {
        self.look_at_tmux()?;
        let Some(night) = &self.night else { return Ok(()) };
        let open = night.state.runs.values().filter_map(|run| run.state.live_attempt().cloned());
        let believed: Vec<AttemptId> = open.collect();
        for attempt in believed {
            let night = self.night.as_ref();
            let run = night.and_then(|night| night.state.runs.get(&attempt.run));
            let seen = run.and_then(|run| run.attempt(attempt.number)).is_some_and(|known| known.started.is_some());
            let lives = self.world.dirs.get(&attempt).is_some_and(|dir| dir.program.is_some());
            if seen && lives {
                continue;
            }
            if let Some(event) = self.world.dirs.get(&attempt).and_then(|dir| shown(&attempt, dir)) {
                self.deliver(event)?;
            }
        }
        let living = self.world.dirs.iter().filter(|(_, dir)| dir.program.is_some());
        let alive: BTreeSet<AttemptId> = living.map(|(id, _)| id.clone()).collect();
        self.step(Event::Reconciled { alive })?;
        self.sees_all_prompts()
    }
}

/// What a run directory shows, as an event.
fn shown(attempt: &AttemptId, dir: &RunDir) -> Option<Event> {
    let attempt = attempt.clone();
    let output = Box::new(dir.output.clone());
    match (&dir.exit, &dir.program, &dir.started) {
        (Some(exit), _, _) => Some(Event::Ended { attempt, exit: exit.clone(), output }),
        (None, Some(_), Some(started)) => Some(Event::Started { attempt, started: started.clone() }),
        (None, None, Some(started)) => {
            let exit = ExitRecord {
                ending: Ending::Lost { why: "the recorder is gone".to_owned() },
                at: started.at,
                ran: Duration::ZERO,
                usage: None,
                oom: false,
                hup: false,
                stopped: false,
                orphans: 0,
                output_bytes: output.bytes,
                lost_bytes: 0,
                refused: 0,
            };
            Some(Event::Ended { attempt, exit, output: Box::<OutputSeen>::new(*output) })
        }
        (None, _, None) => None,
    }
}
