//! A changed file. What runs is never touched: changes take effect at the next attempt, new sessions join the open night,
//! and a session taken out while it runs goes on, marked as removed.

use super::fact::Fact;
use super::ids::{RunId, SessionName};
use super::plan::{Caps, Plan, SessionPlan};
use super::queue::Standing;
use super::run::{Outcome, Run, RunState};
use super::turn::Turn;
use std::collections::{BTreeMap, BTreeSet};

impl Turn<'_> {
    /// A checked file, at the daemon's start or after a change.
    pub(super) fn plan_loaded(&mut self, plan: Box<Plan>) {
        self.night.awaits_plan = false;
        self.plan_known = true;
        self.clock_due = true;
        if self.state().plan == *plan {
            return;
        }
        let changes = changes(&self.state().plan, &plan);
        let old = &self.state().plan.sessions;
        let known: BTreeSet<SessionName> = old.keys().cloned().collect();
        let moved = self.state().plan.timezone != plan.timezone;
        let timing = |sessions: &BTreeMap<SessionName, SessionPlan>, name| sessions.get(name).map(|s| s.timing.clone());
        let retimed: Vec<SessionName> =
            known.iter().filter(|name| moved || timing(old, name) != timing(&plan.sessions, name)).cloned().collect();
        let comes_after =
            |sessions: &BTreeMap<SessionName, SessionPlan>, name| sessions.get(name).map(|s| s.after.clone());
        let reordered: Vec<SessionName> =
            known.iter().filter(|name| comes_after(old, name) != comes_after(&plan.sessions, name)).cloned().collect();
        self.fact(Fact::PlanAdopted { plan, changes });
        self.relations_changed = true;
        self.withdraw();
        self.wait_again(&reordered);
        self.time_again(&retimed);
        if !self.state().closing() {
            self.queue_new(&known);
        }
        self.note_bases();
        self.mind_budgets();
    }

    /// The changed file is broken: the old plan stays.
    pub(super) fn plan_broken(&mut self, problem: String) {
        self.night.awaits_plan = false;
        self.clock_due = true;
        self.fact(Fact::PlanRejected { problem });
    }

    /// Open runs of sessions that left the file: alive ones go on, marked; others end.
    fn withdraw(&mut self) {
        for id in self.ids(|run| !run.state.is_ended()) {
            let Some(why) = self.withdrawn(&id) else { continue };
            let Some(run) = self.run(&id) else { continue };
            let gone = self.state().session(&id.session).is_none();
            if !run.state.holds_slot() {
                let reason = why.trim_start_matches("it was ").to_owned();
                self.end(&id, outcome_of_withdrawn(run), reason);
            } else if gone && !run.removed {
                self.fact(Fact::RunOrphaned { run: id });
            }
        }
    }

    /// Queued runs that never started and now come after something else wait for it.
    fn wait_again(&mut self, reordered: &[SessionName]) {
        let waits = |run: &&Run| matches!(run.state, RunState::Queued | RunState::Limited { .. });
        let ready = |run: &&Run| waits(run) && run.attempts.is_empty();
        for id in self.ids(|run| ready(run) && reordered.contains(&run.id.session)) {
            let Some(session) = self.state().session(&id.session) else { continue };
            // Only what is still to come: what ended before the change does not block what was ready already.
            if let Standing::Pending(on) = self.state().standing(session) {
                self.go(&id, RunState::Waiting { on }, "comes after them in the changed file");
            }
        }
    }

    /// New sessions join the open night; one that was taken out before it ran comes back.
    fn queue_new(&mut self, known: &BTreeSet<SessionName>) {
        let new = |session: &&SessionPlan| {
            let latest = self.state().latest_run(&session.name);
            !session.disabled && !known.contains(&session.name) && latest.is_none_or(Run::is_blocked)
        };
        let sessions: Vec<SessionPlan> = self.state().plan.sessions.values().filter(new).cloned().collect();
        for session in sessions {
            let _: Option<RunId> = self.create_run(&session, false, "new in the file");
        }
    }
}

/// A run that was taken out between two attempts did run, and failed so far.
fn outcome_of_withdrawn(run: &Run) -> Outcome {
    if run.attempts.is_empty() { Outcome::Skipped } else { Outcome::Failed }
}

/// What changed, a line each.
fn changes(old: &Plan, new: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let mut changed = |what: &str, before: String, after: String| {
        if before != after {
            lines.push(format!("{what}: {before} -> {after}"));
        }
    };
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    changed("timezone", or_none(old.timezone.clone()), or_none(new.timezone.clone()));
    changed("concurrent", old.concurrent.to_string(), new.concurrent.to_string());
    let log = |plan: &Plan| or_none(plan.log_per_session.map(|bytes| format!("{bytes} bytes")));
    changed("log_per_session", log(old), log(new));
    let disk = |plan: &Plan| or_none(plan.min_free_disk.map(|bytes| format!("{bytes} bytes")));
    changed("min_free_disk", disk(old), disk(new));
    if old.night != new.night {
        lines.push("night changed".to_owned());
    }
    if old.rules != new.rules {
        lines.push("rules changed".to_owned());
    }
    let names = old.profiles.keys().chain(new.profiles.keys()).collect::<BTreeSet<_>>();
    let differs = |name: &&&String| old.profiles.get(**name) != new.profiles.get(**name);
    lines.extend(names.iter().filter(differs).map(|name| format!("agents.{name} changed")));
    for (name, project) in &new.projects {
        match old.projects.get(name) {
            None => lines.push(format!("project {name} added")),
            Some(before) if before != project => lines.push(format!("project {name} changed")),
            Some(_) => {}
        }
    }
    lines.extend(old.projects.keys().filter(|n| !new.projects.contains_key(n)).map(|n| format!("project {n} removed")));
    for (name, session) in &new.sessions {
        match old.sessions.get(name) {
            None => lines.push(format!("session {name} added")),
            Some(before) if before != session => {
                lines.push(format!("session {name} changed: {}", changed_keys(before, session).join(", ")));
            }
            Some(_) => {}
        }
    }
    lines.extend(old.sessions.keys().filter(|n| !new.sessions.contains_key(n)).map(|n| format!("session {n} removed")));
    lines
}

/// The keys in which two plans of a session differ.
fn changed_keys(old: &SessionPlan, new: &SessionPlan) -> Vec<&'static str> {
    // Taken apart, so that a new field cannot be forgotten here.
    let SessionPlan {
        name: _,
        project,
        command,
        dir,
        env,
        disabled,
        after,
        priority,
        timeout,
        stop_grace,
        on_tmux_loss,
        retry,
        success,
        metrics,
        verify,
        verify_timeout,
        timing,
        stall,
        provider,
        caps: Caps { memory, processes },
        resume,
        answers,
        budget,
        agent,
        profile,
        launch,
        worktree,
        runaway,
    } = new;
    let keys = [
        ("project", *project != old.project),
        ("command", *command != old.command),
        ("dir", *dir != old.dir),
        ("env", *env != old.env),
        ("disabled", *disabled != old.disabled),
        ("after", *after != old.after),
        ("priority", *priority != old.priority),
        ("timeout", *timeout != old.timeout),
        ("stop_grace", *stop_grace != old.stop_grace),
        ("on_tmux_loss", *on_tmux_loss != old.on_tmux_loss),
        ("retry", *retry != old.retry),
        ("success", *success != old.success),
        ("metrics", *metrics != old.metrics),
        ("verify", *verify != old.verify),
        ("verify_timeout", *verify_timeout != old.verify_timeout),
        ("start", timing.start != old.timing.start),
        ("deadline", timing.deadline != old.timing.deadline),
        ("stall", *stall != old.stall),
        ("provider", *provider != old.provider),
        ("max_memory", *memory != old.caps.memory),
        ("max_processes", *processes != old.caps.processes),
        ("resume", *resume != old.resume),
        ("answers", *answers != old.answers),
        ("budget", *budget != old.budget),
        ("agent", *agent != old.agent || *launch != old.launch || *profile != old.profile),
        ("worktree", *worktree != old.worktree),
        ("runaway", *runaway != old.runaway),
    ];
    keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}
