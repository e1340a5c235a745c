//! Tonight before it happens: what starts when, after what, and in which slot. A forecast from the plan, never a promise.

use super::text::{cut, pad, span, span_of_seconds, width};
use super::zone::{day_hh_mm, from_label, label, parse, rfc3339};
use crate::core::calendar::{AtEnd, StartAt, next, next_cron, next_or_now};
use crate::core::ids::SessionName;
use crate::core::plan::{DependencyOn, Plan, SessionPlan};
use crate::core::run::Outcome;
use crate::core::state::State;
use crate::core::time::Wall;
use crate::protocol::SCHEMA;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// `plan --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tonight {
    /// [`SCHEMA`].
    pub schema: u32,
    /// How many sessions run at once.
    pub slots: u32,
    /// Whether every duration is known from earlier nights; then `starts_in` is known throughout.
    pub timed: bool,
    /// How long it all takes, in seconds, when every duration is known.
    pub length: Option<f64>,
    /// Sessions in the order in which they start.
    pub starts: Vec<PlannedStart>,
    /// Sessions that do not start.
    pub never: Vec<PlannedNever>,
    /// When the night begins, RFC 3339: now, unless the file says when.
    pub begins: String,
    /// When it ends by itself, RFC 3339.
    pub ends: Option<String>,
    /// Whether it begins by itself.
    pub by_itself: bool,
    /// What becomes of what still runs at its end: `stop` or `keep`.
    pub at_end: String,
    /// The time zone of the night, for the text.
    pub timezone: String,
}

/// One start to come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedStart {
    /// The session.
    pub session: String,
    /// Its project.
    pub project: Option<String>,
    /// What it runs.
    pub command: String,
    /// The step of the night: 1 starts at once, 2 waits for something of step 1, and so on.
    pub step: u32,
    /// The slot it takes, from 1.
    pub slot: u32,
    /// What it waits for: `load-profiles`, or `load-profiles (any end)`.
    pub after: Vec<String>,
    /// The session whose slot it gets, when it has to wait for one.
    pub waits_for_slot_of: Option<String>,
    /// Seconds from the night's begin to its start, when that follows from known durations.
    pub starts_in: Option<f64>,
    /// How long it ran last time, in seconds.
    pub lasted: Option<f64>,
    /// Its priority.
    pub priority: i32,
    /// Longest time of one attempt, in seconds.
    pub timeout: Option<f64>,
    /// `max_attempts`.
    pub attempts_max: u32,
    /// The time at which it may start at the earliest, RFC 3339, when it has one of its own.
    pub starts_at: Option<String>,
    /// Its cron expression: it starts again at every time it names.
    pub cron: Option<String>,
    /// By when it must be done, RFC 3339.
    pub deadline: Option<String>,
}

/// A session that does not start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedNever {
    /// The session.
    pub session: String,
    /// Why.
    pub why: String,
}

/// Stands for a duration that nobody knows, so that an order comes out; whatever follows from it is not given a time.
const GUESS: Duration = Duration::from_secs(3600);

#[derive(Clone)]
struct End {
    at: Duration,
    known: bool,
    step: u32,
    by: SessionName,
}

/// When the night that is forecast is.
struct Evening {
    begins: Wall,
    ends: Option<Wall>,
    zone: TimeZone,
}

impl Evening {
    /// The open window, else the next one; without a start in the file the night begins now.
    fn of(plan: &Plan, now: Wall, zone: &TimeZone) -> Self {
        let open = plan.night.window_at(now, zone).map(|window| window.begins);
        let begins = open.or_else(|| plan.night.next_begin(now, zone)).unwrap_or(now);
        Self { begins, ends: plan.night.end_after(begins, zone), zone: zone.clone() }
    }
    /// The time of its own at which a session starts; the error says why it does not.
    fn own_time(&self, session: &SessionPlan) -> Result<Option<Wall>, String> {
        let over = |at: &Wall| self.ends.is_some_and(|ends| *at >= ends);
        match &session.timing.start {
            None => Ok(None),
            Some(StartAt::Clock(time)) => Ok(next_or_now(*time, self.begins, &self.zone)),
            Some(StartAt::Cron(cron)) => match next_cron(cron, Wall(self.begins.0.saturating_sub(1)), &self.zone) {
                Some(at) if !over(&at) => Ok(Some(at)),
                Some(_) | None => Err(format!("cron {cron} names no time of this night")),
            },
        }
    }
    /// By when it must be done.
    fn deadline(&self, session: &SessionPlan, own: Option<Wall>) -> Option<Wall> {
        next(session.timing.deadline?, own.unwrap_or(self.begins), &self.zone)
    }
}

/// Plays the night through with the durations of earlier ones, every attempt good.
pub fn tonight(plan: &Plan, lasted: &BTreeMap<SessionName, Duration>, now: Wall, zone: &TimeZone) -> Tonight {
    let slots = plan.concurrent.max(1);
    let evening = Evening::of(plan, now, zone);
    let mut never: BTreeMap<&SessionName, String> = BTreeMap::new();
    let mut own: BTreeMap<&SessionName, Wall> = BTreeMap::new();
    for (name, session) in &plan.sessions {
        match evening.own_time(session) {
            _ if session.disabled => drop(never.insert(name, "disabled in the file".to_owned())),
            Err(why) => drop(never.insert(name, why)),
            Ok(at) => own.extend(at.map(|at| (name, at))),
        }
    }
    // Times of their own, counted from the night's begin; one before it is as good as its begin.
    let own_in: BTreeMap<&SessionName, Duration> =
        own.iter().map(|(name, at)| (*name, at.since(evening.begins))).filter(|(_, wait)| !wait.is_zero()).collect();
    let mut free: Vec<Option<End>> = vec![None; usize::try_from(slots).unwrap_or(1).min(plan.sessions.len().max(1))];
    let mut ends: BTreeMap<&SessionName, End> = BTreeMap::new();
    let mut open: BTreeSet<&SessionName> = plan.sessions.keys().filter(|name| !never.contains_key(name)).collect();
    let mut starts = Vec::new();
    while !open.is_empty() {
        mark_never(plan, &mut open, &mut never);
        let Some(next) = next_start(plan, &open, &ends, &free, &own_in) else { break };
        let session = &plan.sessions[next];
        let ready = ready(session, &ends);
        let Some((slot, holder)) = free
            .iter()
            .enumerate()
            .min_by_key(|(_, end)| end.as_ref().map_or(Duration::ZERO, |end| end.at))
            .map(|(i, end)| (i, end.clone()))
        else {
            break;
        };
        // The later of the two decides; a slot that was free in time does not count as waited for.
        let own_wait = own_in.get(next).copied();
        let ready_at = ready.as_ref().map_or(Duration::ZERO, |end| end.at).max(own_wait.unwrap_or_default());
        let by_slot = holder.filter(|end| end.at > ready_at);
        let (at, known, step) = match (&by_slot, &ready) {
            (Some(end), _) => (end.at, end.known, end.step + 1),
            (None, Some(end)) => (ready_at, end.known, end.step + 1),
            (None, None) => (ready_at, true, 1),
        };
        let known = known && ready.as_ref().is_none_or(|end| end.known);
        let length = lasted.get(next).copied();
        let end = End { at: at + length.unwrap_or(GUESS), known: known && length.is_some(), step, by: next.clone() };
        free[slot] = Some(end.clone());
        ends.insert(next, end);
        open.remove(next);
        let start = planned(session, step, slot, by_slot.as_ref(), known.then_some(at), length);
        starts.push(PlannedStart {
            starts_at: own.get(next).map(|at| rfc3339(*at)),
            cron: session.timing.cron().map(str::to_owned),
            deadline: evening.deadline(session, own.get(next).copied()).map(rfc3339),
            ..start
        });
    }
    for name in open {
        never.insert(name, "waits for itself".to_owned());
    }
    let timed = starts.iter().all(|s| s.lasted.is_some());
    let length = ends.values().map(|end| end.at).max().filter(|_| timed).map(|d| d.as_secs_f64());
    let never = never.into_iter().map(|(name, why)| PlannedNever { session: name.to_string(), why }).collect();
    Tonight {
        schema: SCHEMA,
        slots,
        timed,
        length,
        starts,
        never,
        begins: rfc3339(evening.begins),
        ends: evening.ends.map(rfc3339),
        by_itself: plan.night.start.is_some(),
        at_end: match plan.night.at_end {
            AtEnd::Stop => "stop",
            AtEnd::Keep => "keep",
        }
        .to_owned(),
        timezone: label(zone, evening.begins),
    }
}

/// Moves sessions whose dependency never ends over to `never`, until nothing changes.
fn mark_never<'p>(plan: &'p Plan, open: &mut BTreeSet<&'p SessionName>, never: &mut BTreeMap<&'p SessionName, String>) {
    loop {
        let found = open.iter().find_map(|name| {
            let gone = |d: &&crate::core::plan::Dependency| {
                never.contains_key(&d.session) || !plan.sessions.contains_key(&d.session)
            };
            let dependency = plan.sessions[*name].after.iter().find(gone)?;
            Some((*name, format!("waits for {}, which does not start", dependency.session)))
        });
        let Some((name, why)) = found else { return };
        open.remove(name);
        never.insert(name, why);
    }
}

/// The last of the ends that a session waits for.
fn ready(session: &SessionPlan, ends: &BTreeMap<&SessionName, End>) -> Option<End> {
    session.after.iter().filter_map(|d| ends.get(&d.session)).max_by_key(|end| end.at).cloned()
}

/// Which session starts next: the one that can earliest, then the highest priority, then by name.
fn next_start<'p>(
    plan: &'p Plan,
    open: &BTreeSet<&'p SessionName>,
    ends: &BTreeMap<&'p SessionName, End>,
    free: &[Option<End>],
    own_in: &BTreeMap<&SessionName, Duration>,
) -> Option<&'p SessionName> {
    let slot_at = free.iter().map(|end| end.as_ref().map_or(Duration::ZERO, |end| end.at)).min()?;
    open.iter()
        .copied()
        .filter(|name| plan.sessions[*name].after.iter().all(|d| ends.contains_key(&d.session)))
        .min_by_key(|name| {
            let session = &plan.sessions[*name];
            let own = own_in.get(name).copied().unwrap_or_default();
            let at = ready(session, ends).map_or(Duration::ZERO, |end| end.at).max(slot_at).max(own);
            (at, -i64::from(session.priority), *name)
        })
}

fn planned(
    session: &SessionPlan,
    step: u32,
    slot: usize,
    by_slot: Option<&End>,
    at: Option<Duration>,
    length: Option<Duration>,
) -> PlannedStart {
    let after = |d: &crate::core::plan::Dependency| match d.on {
        DependencyOn::Success => d.session.to_string(),
        DependencyOn::End => format!("{} (any end)", d.session),
    };
    PlannedStart {
        session: session.name.to_string(),
        project: session.project.as_ref().map(ToString::to_string),
        command: super::text::harmless(&session.command.display()),
        step,
        slot: u32::try_from(slot + 1).unwrap_or(u32::MAX),
        after: session.after.iter().map(after).collect(),
        waits_for_slot_of: by_slot.map(|end| end.by.to_string()),
        starts_in: at.map(|d| d.as_secs_f64()),
        lasted: length.map(|d| d.as_secs_f64()),
        priority: session.priority,
        timeout: session.timeout.map(|d| d.as_secs_f64()),
        attempts_max: session.retry.max_attempts,
        starts_at: None,
        cron: None,
        deadline: None,
    }
}

/// How long the newest good run of each session ran, all attempts together. One that failed tells nothing of the work.
pub fn lasted(state: &State) -> BTreeMap<SessionName, Duration> {
    let ended = state.runs.values().filter(|run| run.state.outcome() == Some(Outcome::Succeeded));
    ended
        .map(|run| {
            let ran = run.attempts.iter().filter_map(|a| a.exit.as_ref()).map(|exit| exit.ran).sum();
            (run.id.session.clone(), ran)
        })
        .collect()
}

/// The forecast as aligned text; every line fits the width.
pub fn text(tonight: &Tonight, columns: usize) -> String {
    let columns = columns.max(40);
    let mut out = String::new();
    if tonight.starts.is_empty() && tonight.never.is_empty() {
        out.push_str("Nothing to do tonight: sessions.toml declares no session.\n");
        out.push_str("`nightkeep init` writes a commented one.\n");
        return out;
    }
    let sessions = super::text::count(tonight.starts.len() as u64, "session", "sessions");
    let slots = super::text::count(u64::from(tonight.slots), "slot", "slots");
    let length = match tonight.length {
        Some(seconds) => format!(", {} if all goes as last time", span_of_seconds(seconds)),
        None => String::new(),
    };
    let head = format!("Tonight: {sessions} in {slots}{length}.");
    out.push_str(&format!("{}\n", cut(&head, columns)));
    if let Some(line) = window_line(tonight) {
        out.push_str(&format!("{}\n", cut(&line, columns)));
    }
    out.push('\n');
    let mut rows = vec![["STEP", "STARTS", "SLOT", "SESSION", "PROJECT", "COMMAND"].map(str::to_owned)];
    for start in &tonight.starts {
        let command = format!("{}{}", start.command, limits(start, tonight));
        rows.push([
            start.step.to_string(),
            when(start, tonight),
            start.slot.to_string(),
            start.session.clone(),
            start.project.clone().unwrap_or_default(),
            command,
        ]);
    }
    let caps = [4, columns / 3, 4, 24, 20];
    let widths: Vec<usize> =
        (0..5).map(|i| rows.iter().map(|row| width(&row[i])).max().unwrap_or(0).min(caps[i])).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, w) in row.iter().zip(&widths) {
            line.push_str(&pad(cell, *w));
            line.push_str("  ");
        }
        line.push_str(&row[5]);
        out.push_str(cut(&line, columns).trim_end());
        out.push('\n');
    }
    if !tonight.never.is_empty() {
        out.push_str("\nDo not start:\n");
        for never in &tonight.never {
            out.push_str(&cut(&format!("  {}: {}", never.session, never.why), columns));
            out.push('\n');
        }
    }
    if !tonight.timed && !tonight.starts.is_empty() {
        out.push_str(&cut("\nOrder only: not every session has run before, so times are unknown.", columns + 1));
        out.push('\n');
    }
    out
}

/// From when to when the night is, if the file says so.
fn window_line(tonight: &Tonight) -> Option<String> {
    let end = match (&tonight.ends, tonight.at_end.as_str()) {
        (None, _) if !tonight.by_itself => return None,
        (None, _) => ", until `nightkeep down`".to_owned(),
        (Some(at), "keep") => format!(" to {}; what still runs then runs on", clock(at, tonight)),
        (Some(at), _) => format!(" to {}; what still runs then is stopped", clock(at, tonight)),
    };
    let begin = if tonight.by_itself { "By itself from" } else { "From now," };
    Some(format!("{begin} {}{end} ({}).", clock(&tonight.begins, tonight), tonight.timezone))
}

/// `Sat 22:30`, in the night's zone.
fn clock(at: &str, tonight: &Tonight) -> String {
    parse(at).map_or_else(|| "?".to_owned(), |wall| day_hh_mm(wall, &from_label(&tonight.timezone)))
}

fn when(start: &PlannedStart, tonight: &Tonight) -> String {
    let mut parts = Vec::new();
    match (&start.starts_at, &start.cron) {
        (Some(at), Some(_)) => parts.push(format!("{}, then by cron", clock(at, tonight))),
        (Some(at), None) => parts.push(format!("at {}", clock(at, tonight))),
        (None, _) => {}
    }
    if !start.after.is_empty() {
        parts.push(format!("after {}", start.after.join(", ")));
    }
    if let Some(holder) = &start.waits_for_slot_of {
        parts.push(format!("slot of {holder}"));
    }
    if parts.is_empty() {
        parts.push("at once".to_owned());
    }
    if let Some(seconds) = start.starts_in.filter(|s| *s > 0.0 && start.starts_at.is_none()) {
        parts.push(format!("+{}", span_of_seconds(seconds)));
    }
    parts.join(", ")
}

fn limits(start: &PlannedStart, tonight: &Tonight) -> String {
    let mut out = String::new();
    if let Some(cron) = &start.cron {
        out.push_str(&format!(" · cron {cron}"));
    }
    if let Some(deadline) = &start.deadline {
        out.push_str(&format!(" · done by {}", clock(deadline, tonight)));
    }
    if let Some(seconds) = start.timeout {
        out.push_str(&format!(" · at most {}", span_of_seconds(seconds)));
    }
    if let Some(lasted) = start.lasted {
        out.push_str(&format!(" · last time {}", span(Duration::try_from_secs_f64(lasted).unwrap_or_default())));
    }
    out
}
