//! What is to be told where: one message at a time, within quiet hours, groups and caps. What may not be told now is not
//! queued; it is wanted still at the next look, and told together with the rest then.

use super::lifecycle::Scene;
use super::message::{Message, MessageKind, Severity};
use super::{Alert, Alerts, ChannelLog, Stage, Told};
use crate::core::plan::{ChannelPlan, Plan};
use crate::core::time::Mono;
use std::collections::BTreeSet;
use std::time::Duration;

/// Most messages to a channel in an hour, critical ones not counted; one more says that others wait.
pub const CAP_HOUR: usize = 6;
/// The same for critical ones.
pub const CAP_CRITICAL: usize = 10;
/// Most messages to a channel in a night, critical ones not counted.
pub const CAP_NIGHT: u32 = 40;
/// The hour of the caps.
pub(super) const HOUR: Duration = Duration::from_secs(3600);
/// A new member of a group that was told this lately waits.
pub(super) const GROUP_INTERVAL: Duration = Duration::from_secs(300);
/// More groups than this at once are told in one message.
const GROUPS_AT_ONCE: usize = 3;
/// How often the escalation goes through its steps.
const LOOPS: u32 = 5;
/// Most alerts listed in one message.
const LISTED: usize = 20;

/// A message, the alerts it tells of, and what they are once it is queued.
pub(super) struct Letter {
    pub(super) message: Message,
    pub(super) moved: Vec<Alert>,
}

/// One thing to tell on a channel.
struct Want<'a> {
    alert: &'a Alert,
    kind: MessageKind,
}

/// Who is told, as the file says it, worked out once for a plan.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    /// The channels told first.
    first: BTreeSet<String>,
    /// The steps of the escalation after the first telling, by time.
    steps: Vec<(Duration, Vec<String>)>,
}

impl Rules {
    pub(super) fn new(plan: &Plan) -> Self {
        let first = plan.alerts.first(&plan.channels).into_iter().map(str::to_owned).collect();
        let later = plan.alerts.escalate.iter().filter(|step| !step.after.is_zero());
        let mut steps: Vec<(Duration, Vec<String>)> = later.map(|step| (step.after, step.to.clone())).collect();
        steps.sort_by_key(|(after, _)| *after);
        Self { first, steps }
    }
    /// When a step of the escalation is due, after the alert opened. The steps come again and again, five times.
    fn step_after(&self, step: u32) -> Option<Duration> {
        let (last, count) = (self.steps.last()?.0, u32::try_from(self.steps.len()).ok()?);
        let (after, _) = self.steps.get(usize::try_from(step % count).ok()?)?;
        (step / count < LOOPS).then(|| last.saturating_mul(step / count) + *after)
    }
    /// How many steps of the escalation are due: by time for critical alerts, else those that somebody asked for.
    pub(super) fn steps_due(&self, alert: &Alert, now: Mono) -> u32 {
        if alert.severity < Severity::Critical {
            return alert.escalated;
        }
        let open = now.since(alert.opened);
        let mut due = 0;
        while self.step_after(due).is_some_and(|after| after <= open) {
            due += 1;
        }
        due.max(alert.escalated)
    }
    /// Whether a step goes to a channel. Without steps in the file one that somebody asks for goes to all.
    fn step_to(&self, step: u32, channel: &str) -> bool {
        let Ok(count) = u32::try_from(self.steps.len()) else { return false };
        if count == 0 {
            return true;
        }
        let step = usize::try_from(step % count).ok().and_then(|step| self.steps.get(step));
        step.is_some_and(|(_, to)| to.iter().any(|to| to == channel))
    }
}

/// What the decisions about one moment have in common.
pub(super) struct Ground<'a> {
    pub(super) alerts: &'a Alerts,
    pub(super) plan: &'a Plan,
    pub(super) rules: &'a Rules,
    pub(super) scene: Scene<'a>,
    pub(super) quiet: bool,
    /// The alerts of which there may be something to tell.
    news: Vec<&'a Alert>,
}

impl<'a> Ground<'a> {
    pub(super) fn new(alerts: &'a Alerts, plan: &'a Plan, rules: &'a Rules, scene: Scene<'a>, quiet: bool) -> Self {
        Self { alerts, plan, rules, scene, quiet, news: alerts.known.values().filter(|alert| is_news(alert)).collect() }
    }
}

/// Whether there may be something to tell of an alert.
pub(super) fn is_news(alert: &Alert) -> bool {
    match alert.stage {
        Stage::Open => is_loud(alert),
        Stage::Resolved => alert.told.values().any(|told| told.delivered && !told.resolved),
        Stage::Pending | Stage::Inhibited | Stage::Expired => false,
    }
}

/// Whether an open alert is told at all.
fn is_loud(alert: &Alert) -> bool {
    alert.stage == Stage::Open && alert.holds && alert.acked.is_none() && alert.snoozed.is_none()
}

/// The next message to queue, if there is one.
pub(super) fn next_letter(ground: &Ground<'_>) -> Option<Letter> {
    ground.plan.channels.values().find_map(|channel| on_channel(ground, channel))
}

fn on_channel(ground: &Ground<'_>, channel: &ChannelPlan) -> Option<Letter> {
    let Ground { alerts, scene, quiet, .. } = *ground;
    let (critical, rest): (Vec<Want<'_>>, Vec<Want<'_>>) = (ground.news.iter())
        .filter_map(|alert| want(ground, channel, alert))
        .partition(|want| want.alert.severity == Severity::Critical);
    if critical.is_empty() && rest.is_empty() {
        return None;
    }
    let none = ChannelLog::default();
    let log = alerts.channels.get(&channel.name).unwrap_or(&none);
    if !critical.is_empty() && sent(log, scene.now, true) < CAP_CRITICAL {
        return Some(letter(channel, first_group(critical), scene));
    }
    if rest.is_empty() || quiet || fails(alerts, &channel.name) {
        return None;
    }
    let left = CAP_HOUR.saturating_sub(sent(log, scene.now, false));
    if left == 0 || log.tonight >= CAP_NIGHT {
        let said = log.more.is_some_and(|at| scene.now.since(at) < HOUR);
        return (!said && log.tonight < CAP_NIGHT).then(|| more(channel, rest.len(), scene));
    }
    let groups: BTreeSet<_> = rest.iter().map(|want| (want.kind, want.alert.group())).collect();
    // What could not be told in its time is told together.
    let late = rest.len() > 1 && rest.iter().any(|want| scene.now.since(want.alert.opened) > HOUR);
    if groups.len() > left.min(GROUPS_AT_ONCE) || (late && groups.len() > 1) {
        return Some(letter(channel, rest, scene));
    }
    Some(letter(channel, first_group(rest), scene))
}

/// Whether a message that is not critical waits for another try: then the channel gets no more of them.
fn fails(alerts: &Alerts, channel: &str) -> bool {
    alerts.outbox.values().any(|outgoing| {
        outgoing.message.channel == channel && outgoing.tries > 0 && outgoing.message.severity < Severity::Critical
    })
}

fn sent(log: &ChannelLog, now: Mono, critical: bool) -> usize {
    log.lately.iter().filter(|(at, was)| *was == critical && now.since(*at) < HOUR).count()
}

/// What a channel is to be told of an alert now.
fn want<'a>(ground: &Ground<'_>, channel: &ChannelPlan, alert: &'a Alert) -> Option<Want<'a>> {
    let Ground { alerts, plan, rules, scene, .. } = *ground;
    let want = |kind| Some(Want { alert, kind });
    let told = alert.told.get(&channel.name);
    if alert.stage == Stage::Resolved {
        let owed = told.is_some_and(|told| told.delivered && !told.resolved);
        let under_way = (alerts.outbox.values())
            .any(|outgoing| outgoing.message.channel == channel.name && outgoing.alerts.contains(&alert.number));
        return if owed && !under_way { want(MessageKind::Resolved) } else { None };
    }
    if !is_loud(alert) || !plan.alerts.admits(channel, alert.severity) {
        return None;
    }
    let steps = rules.steps_due(alert, scene.now);
    let mine = (told.map_or(0, |told| told.steps)..steps).any(|step| rules.step_to(step, &channel.name));
    if mine {
        return want(MessageKind::Escalated);
    }
    match told {
        None if rules.first.contains(channel.name.as_str()) => {
            let group_waits = alerts.known.values().any(|other| {
                other.number != alert.number
                    && other.group() == alert.group()
                    && other.told.get(&channel.name).is_some_and(|told| scene.now.since(told.last) < GROUP_INTERVAL)
            });
            if group_waits { None } else { want(MessageKind::Fired) }
        }
        None => None,
        Some(told) => {
            let due = plan.alerts.repeat_of(alert.severity).is_some_and(|repeat| scene.now.since(told.last) >= repeat);
            if due && !alert.flapping { want(MessageKind::Repeated) } else { None }
        }
    }
}

/// Those that belong to the first one's group, and tell the same kind of thing.
fn first_group(wants: Vec<Want<'_>>) -> Vec<Want<'_>> {
    let Some(first) = wants.first().map(|want| (want.kind, want.alert)) else { return wants };
    wants.into_iter().filter(|want| want.kind == first.0 && want.alert.group() == first.1.group()).collect()
}

/// The message that tells all of these.
fn letter(channel: &ChannelPlan, wants: Vec<Want<'_>>, scene: Scene<'_>) -> Letter {
    let one_kind = wants.iter().all(|want| want.kind == wants[0].kind);
    let one_group = wants.iter().all(|want| want.alert.group() == wants[0].alert.group());
    let kind = if one_kind && one_group { wants[0].kind } else { MessageKind::Summary };
    let first = wants[0].alert;
    let severity = wants.iter().map(|want| want.alert.severity).max().unwrap_or(Severity::Low);
    let single = wants.len() == 1;
    let count = u64::try_from(wants.len()).unwrap_or(u64::MAX);
    let title = if single {
        format!("{}{}", prefix(kind, first), first.title)
    } else if kind == MessageKind::Summary {
        format!("{count} alerts")
    } else {
        let project = first.project.as_ref().map_or_else(String::new, |project| format!("{project}: "));
        format!("{}{project}{count} × {}", prefix(kind, first), first.kind)
    };
    let body = if single { first.body.clone() } else { list(&wants) };
    let message = Message {
        key: format!("{}-{}", first.id(), first.messages + 1),
        channel: channel.name.clone(),
        kind,
        severity,
        title,
        body,
        session: first.session.clone().filter(|_| single),
        project: first.project.clone().filter(|_| one_group),
        since: wants.iter().map(|want| want.alert.since).min().unwrap_or(scene.wall),
        at: scene.wall,
        command: if single { first.command.clone() } else { Some("nightkeep alerts".to_owned()) },
        count: if single { first.count } else { count },
        night: scene.night.map(str::to_owned),
        dedupe_key: single.then(|| first.key.clone()),
        reached: Vec::new(),
    };
    Letter { message, moved: wants.iter().map(|want| told(channel, want, scene)).collect() }
}

fn prefix(kind: MessageKind, alert: &Alert) -> &'static str {
    match kind {
        MessageKind::Fired if alert.flapping => "comes and goes: ",
        MessageKind::Fired | MessageKind::Summary | MessageKind::Test | MessageKind::Report => "",
        MessageKind::Repeated => "still: ",
        MessageKind::Escalated => "nobody reacted: ",
        MessageKind::Resolved => "over: ",
    }
}

fn list(wants: &[Want<'_>]) -> String {
    let line = |want: &Want<'_>| format!("{} {}{}", want.alert.id(), prefix(want.kind, want.alert), want.alert.title);
    let mut lines: Vec<String> = wants.iter().take(LISTED).map(line).collect();
    if wants.len() > LISTED {
        lines.push(format!("and {} more", wants.len() - LISTED));
    }
    lines.join("\n")
}

/// The alert once this is queued.
fn told(channel: &ChannelPlan, want: &Want<'_>, scene: Scene<'_>) -> Alert {
    let mut next = want.alert.clone();
    next.messages += 1;
    let new = Told { last: scene.now, steps: 0, delivered: false, resolved: false };
    let told = next.told.entry(channel.name.clone()).or_insert(new);
    told.last = scene.now;
    match want.kind {
        MessageKind::Resolved => told.resolved = true,
        // All steps up to now are told by this one.
        MessageKind::Escalated => told.steps = u32::MAX,
        MessageKind::Fired | MessageKind::Repeated | MessageKind::Summary | MessageKind::Test | MessageKind::Report => {
        }
    }
    next
}

/// Notes which steps an escalated message stands for.
pub(super) fn note_steps(rules: &Rules, alert: &mut Alert, now: Mono) {
    let due = rules.steps_due(alert, now);
    for told in alert.told.values_mut().filter(|told| told.steps == u32::MAX) {
        told.steps = due;
    }
}

/// Says that more is wanted than may be sent.
fn more(channel: &ChannelPlan, waiting: usize, scene: Scene<'_>) -> Letter {
    let count = u64::try_from(waiting).unwrap_or(u64::MAX).max(1);
    let title = if count == 1 { "1 more alert waits".to_owned() } else { format!("{count} more alerts wait") };
    let body = format!("No more than {CAP_HOUR} messages are sent in an hour.");
    Letter { message: summary(channel, "more", title, body, count, Severity::Medium, scene), moved: Vec::new() }
}

/// The word at the night's end: what needs somebody, or that nothing does.
pub(super) fn of_the_night(alerts: &Alerts, plan: &Plan, rules: &Rules, scene: Scene<'_>) -> Vec<Message> {
    let needs: Vec<&Alert> = alerts.standing().into_iter().filter(|alert| alert.needs_somebody()).collect();
    let title = match needs.len() {
        0 => "Nothing needs you.".to_owned(),
        1 => "1 thing needs you.".to_owned(),
        n => format!("{n} things need you."),
    };
    let lines = needs.iter().take(LISTED).map(|alert| format!("{} {}", alert.id(), alert.title));
    let body = lines.collect::<Vec<_>>().join("\n");
    let severity = if needs.is_empty() { Severity::Low } else { Severity::Medium };
    let first = plan.channels.values().filter(|channel| rules.first.contains(channel.name.as_str()));
    // Who gets the report need not be told in short as well.
    let first = first.filter(|channel| !plan.report.deliver.contains(&channel.name));
    first.map(|channel| summary(channel, "end", title.clone(), body.clone(), 0, severity, scene)).collect()
}

fn summary(
    channel: &ChannelPlan,
    what: &str,
    title: String,
    body: String,
    count: u64,
    severity: Severity,
    scene: Scene<'_>,
) -> Message {
    Message {
        key: format!("{}_{what}_{}-{}", scene.night.unwrap_or("none"), channel.name, scene.now.0),
        channel: channel.name.clone(),
        kind: MessageKind::Summary,
        severity,
        title,
        body,
        session: None,
        project: None,
        since: scene.wall,
        at: scene.wall,
        command: Some(if what == "end" { "nightkeep report" } else { "nightkeep alerts" }.to_owned()),
        count,
        night: scene.night.map(str::to_owned),
        dedupe_key: None,
        reached: Vec::new(),
    }
}

/// When something is to be told at the latest, as far as time alone decides.
pub(super) fn next_telling(ground: &Ground<'_>) -> Option<Mono> {
    let Ground { plan, rules, scene, .. } = *ground;
    let mut next: Option<Mono> = None;
    let mut sooner = |at: Mono| {
        if at > scene.now && next.is_none_or(|known| at < known) {
            next = Some(at);
        }
    };
    for alert in ground.news.iter().filter(|alert| alert.stage == Stage::Open) {
        if alert.severity == Severity::Critical
            && let Some(after) = rules.step_after(rules.steps_due(alert, scene.now))
        {
            sooner(alert.opened.plus(after));
        }
        if let Some(repeat) = plan.alerts.repeat_of(alert.severity) {
            alert.told.values().for_each(|told| sooner(told.last.plus(repeat)));
        }
    }
    next
}

/// When to look again because something is wanted that may not be told yet: the next end of a group's wait or of a cap's
/// hour. `None` when nothing waits.
pub(super) fn waits_until(ground: &Ground<'_>) -> Option<Mono> {
    let Ground { alerts, plan, rules, scene, .. } = *ground;
    let waits = ground.news.iter().any(|alert| {
        plan.channels.values().any(|channel| {
            let first = !alert.told.contains_key(&channel.name)
                && alert.stage == Stage::Open
                && plan.alerts.admits(channel, alert.severity)
                && rules.first.contains(channel.name.as_str());
            first || want(ground, channel, alert).is_some()
        })
    });
    if !waits {
        return None;
    }
    let groups = alerts.known.values().flat_map(|alert| alert.told.values()).map(|told| told.last.plus(GROUP_INTERVAL));
    let caps = alerts.channels.values().flat_map(|log| &log.lately).map(|(at, _)| at.plus(HOUR));
    let next = groups.chain(caps).filter(|at| *at > scene.now).min();
    Some(next.map_or_else(|| scene.now.plus(HOUR), |next| next.min(scene.now.plus(HOUR))))
}
