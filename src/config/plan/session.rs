//! One session: what it runs, where, after what, for how long.

use super::super::document::Place;
use super::super::printable::quoted;
use super::super::raw::{self, After, CommandText};
use super::super::suggest;
use super::{ARGUMENT_MAX, Build, agents, answers, profiles, requirement, retry, timing};
use crate::core::calendar::ClockTime;
use crate::core::ids::{ProjectName, SessionName};
use crate::core::limit::ResumePolicy;
use crate::core::plan::{
    Caps, Check, Command, Dependency, DependencyOn, Launch, MetricPlan, OnStall, OnTmuxLoss, ProjectPlan, Requirement,
    SessionPlan, StallPolicy, Success, Worktree,
};
use crate::core::runaway::RunawayPolicy;
use crate::core::usage::{Budget, Money};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// A limit on memory below this is a slip of the unit.
const MEMORY_LEAST: u64 = 1 << 20;

/// Without a sign of work for this long a session counts as stalled.
const STALL_AFTER: Duration = Duration::from_secs(15 * 60);

/// One thing that a session waits for, with the place that says so.
pub(crate) struct Edge {
    pub(super) from: SessionName,
    pub(super) to: SessionName,
    pub(super) place: Place,
}

/// A session's own keys over those of `[defaults]`.
pub(crate) struct Layers<'a> {
    pub(super) own: &'a raw::Session,
    pub(super) place: Place,
    pub(super) defaults: &'a raw::Session,
    pub(super) defaults_place: Place,
}

impl<'a> Layers<'a> {
    pub(crate) fn new(own: &'a raw::Session, place: Place, defaults: &'a raw::Session) -> Self {
        Self { own, place, defaults, defaults_place: Place::root().key("defaults") }
    }
    /// The value of a key and the place it comes from.
    pub(super) fn pick<T>(&self, key: &str, get: impl Fn(&'a raw::Session) -> Option<T>) -> Option<(T, Place)> {
        let own = get(self.own).map(|value| (value, self.place.key(key)));
        own.or_else(|| get(self.defaults).map(|value| (value, self.defaults_place.key(key))))
    }
    /// Both layers, the stronger first.
    pub(super) fn both(&self) -> [(&'a raw::Session, &Place); 2] {
        [(self.own, &self.place), (self.defaults, &self.defaults_place)]
    }
}

/// The checked session. Problems are told; `None` when there is nothing to run or nowhere to run it.
pub(crate) fn session_plan(
    build: &mut Build<'_, '_>,
    projects: &BTreeMap<ProjectName, ProjectPlan>,
    name: &SessionName,
    layers: &Layers<'_>,
    edges: &mut Vec<Edge>,
) -> Option<SessionPlan> {
    let project = project(build, layers);
    let dir = dir(build, projects, project.as_ref(), layers);
    let command = command(build, name, layers);
    let after = after(build, name, layers, edges);
    let env = env(build, layers);
    let metrics = metrics(build, layers);
    let success = success(build, layers, &metrics);
    let timeout = layers.pick("timeout", |s| s.timeout.as_ref()).map(|(t, place)| (t.0, place));
    let retry = retry::policy(build, layers, timeout.as_ref());
    let stop_grace = retry::stop_grace(build, layers);
    let verify = layers.pick("verify", |s| s.verify.as_ref());
    let verify = verify.and_then(|(typed, place)| checked_command(build, typed, &place));
    let stall = stall(build, layers);
    let worktree = layers.pick("worktree", |s| s.worktree).is_some_and(|(own, _)| own);
    let worktree =
        dir.clone().filter(|_| worktree).map(|of| Worktree { of, branch: format!("nightkeep/{name}"), root: None });
    Some(SessionPlan {
        name: name.clone(),
        project,
        command: command.as_ref().map(|(command, _)| command.clone())?,
        dir: dir?,
        env,
        disabled: layers.pick("enabled", |s| s.enabled).is_some_and(|(enabled, _)| !enabled),
        after,
        priority: layers.pick("priority", |s| s.priority).map_or(0, |(priority, _)| priority),
        timeout: timeout.map(|(t, _)| t),
        stop_grace,
        on_tmux_loss: layers.pick("on_tmux_loss", |s| s.on_tmux_loss).map_or(OnTmuxLoss::Stop, |(way, _)| way),
        retry,
        success,
        metrics,
        verify,
        verify_timeout: layers
            .pick("verify_timeout", |s| s.verify_timeout.as_ref())
            .map_or(Duration::from_secs(600), |(t, _)| t.0),
        timing: timing::of_session(build, layers),
        stall,
        provider: provider(build, layers),
        caps: caps(build, layers),
        resume: resume(layers),
        answers: answers::rules(build, layers),
        budget: budget(layers),
        runaway: runaway(build.raw, layers),
        agent: agents::base(build.raw, layers),
        profile: profiles::of_session(build.raw, layers),
        launch: command.and_then(|(_, launch)| launch),
        worktree,
    })
}

/// What counts as a stall: 15 minutes without a sign of work, unless the file says otherwise.
fn stall(build: &mut Build<'_, '_>, layers: &Layers<'_>) -> StallPolicy {
    let after = match layers.pick("stall", |s| s.stall.as_ref()) {
        None => STALL_AFTER,
        Some((stall, place)) => {
            if stall.0 < Duration::from_secs(10) {
                build.problems.error(&place, "a stall cannot be told in less than 10s");
            }
            stall.0
        }
    };
    let own = agents::base(build.raw, layers).and_then(|agent| agents::patience(&agent).map(|time| (agent, time)));
    if let (Some((stall, place)), Some((agent, patience))) = (layers.pick("stall", |s| s.stall.as_ref()), own)
        && stall.0 < patience
    {
        let message = format!("{agent} itself waits up to {} s for an answer", patience.as_secs());
        build.problems.warning(&place, message).help("a shorter stall takes that for one; give it more");
    }
    let action = layers.pick("on_stall", |s| s.on_stall).map_or(OnStall::Alert, |(action, _)| action);
    StallPolicy { after: Some(after), action }
}

/// Whose outages it shares: its own word, else that of its agent.
fn provider(build: &mut Build<'_, '_>, layers: &Layers<'_>) -> Option<String> {
    if let Some((name, place)) = layers.pick("provider", |s| s.provider.clone()) {
        agents::check_provider(build, &name, &place);
        return Some(name);
    }
    let agent = layers.own.agent.as_deref();
    let agent = agent.or_else(|| layers.defaults.agent.as_deref().filter(|_| layers.own.command.is_none()))?;
    agents::provider(build.raw, agent)
}

/// What may happen by itself after a usage limit, key by key.
fn resume(layers: &Layers<'_>) -> ResumePolicy {
    let until = layers.pick("resume", |s| s.resume.as_ref()?.until.as_ref()).map(|(time, _)| ClockTime(time.0));
    let max = layers.pick("resume", |s| s.resume.as_ref()?.max).map(|(max, _)| max);
    ResumePolicy { until, max }
}

/// What it may spend, key by key.
fn budget(layers: &Layers<'_>) -> Budget {
    let tokens = layers.pick("budget", |s| s.budget.as_ref()?.tokens).map(|(tokens, _)| tokens);
    let usd = layers.pick("budget", |s| s.budget.as_ref()?.usd).and_then(|(usd, _)| Money::of_usd(usd));
    Budget { tokens, usd }
}

/// How much its agent may ask, key by key: its own word, that of its project, that for all.
fn runaway(file: &raw::File, layers: &Layers<'_>) -> RunawayPolicy {
    let project = layers.pick("project", |s| s.project.as_deref()).and_then(|(name, _)| file.projects.get(name));
    let of_project = project.and_then(|project| project.runaway.as_ref());
    let typed = [layers.own.runaway.as_ref(), of_project, layers.defaults.runaway.as_ref()];
    let typed = || typed.iter().copied().flatten();
    RunawayPolicy {
        requests_per_minute: typed().find_map(|typed| typed.requests_per_minute),
        tokens_per_minute: typed().find_map(|typed| typed.tokens_per_minute),
        action: typed().find_map(|typed| typed.action).unwrap_or_default(),
    }
}

/// What it and all it starts may take.
fn caps(build: &mut Build<'_, '_>, layers: &Layers<'_>) -> Caps {
    let memory = layers.pick("max_memory", |s| s.max_memory.as_ref());
    if let Some((size, place)) = &memory
        && size.0 < MEMORY_LEAST
    {
        build.problems.error(place, "no program runs in so little memory").help("at least \"1MiB\"");
    }
    let processes = layers.pick("max_processes", |s| s.max_processes);
    if let Some((0, place)) = &processes {
        build.problems.error(place, "with no process at all nothing runs").help("at least 1");
    }
    Caps { memory: memory.map(|(size, _)| size.0), processes: processes.map(|(n, _)| u64::from(n)) }
}

fn project(build: &mut Build<'_, '_>, layers: &Layers<'_>) -> Option<ProjectName> {
    let (name, place) = layers.pick("project", |s| s.project.as_deref())?;
    if !build.project_names.contains(name) {
        let hint = suggest::hint(name, build.project_names.iter().map(String::as_str))
            .unwrap_or_else(|| "declare it: [projects.NAME] with dir = \"…\"".to_owned());
        build.problems.error(&place, format!("there is no project {}", quoted(name))).help(hint);
        return None;
    }
    // A name that is no name was told where it is declared.
    ProjectName::new(name).ok()
}

fn dir(
    build: &mut Build<'_, '_>,
    projects: &BTreeMap<ProjectName, ProjectPlan>,
    project: Option<&ProjectName>,
    layers: &Layers<'_>,
) -> Option<PathBuf> {
    for (session, place) in layers.both() {
        if session.dir.is_some() && session.cwd.is_some() {
            build.problems.error(&place.key("cwd"), "`cwd` and `dir` are the same thing").help("keep one of them");
        }
    }
    let folder = build.folder.to_path_buf();
    let base = match project {
        Some(name) => projects.get(name)?.dir.clone(),
        // A project that could not be resolved was told; where its sessions would work is then not known.
        None if layers.pick("project", |s| s.project.as_deref()).is_some() => return None,
        None => folder,
    };
    let own = |s: &raw::Session, place: &Place| {
        let dir = s.dir.clone().map(|d| (d, place.key("dir")));
        dir.or_else(|| s.cwd.clone().map(|d| (d, place.key("cwd"))))
    };
    let typed = own(layers.own, &layers.place).or_else(|| own(layers.defaults, &layers.defaults_place));
    let Some((typed, place)) = typed else { return Some(base) };
    let dir = build.path(&typed, &base, &place)?;
    build.check_folder(&dir, &place);
    Some(dir)
}

fn command(build: &mut Build<'_, '_>, name: &SessionName, layers: &Layers<'_>) -> Option<(Command, Option<Launch>)> {
    for (session, place) in layers.both() {
        if session.command.is_some() && session.agent.is_some() {
            let found = build.problems.error(&place.key("command"), "`command` and `agent` both say what to run");
            found.help("keep one of them; the command of an agent is changed in [agents.NAME]");
        }
    }
    if layers.own.command.is_none() && layers.own.agent.is_none() {
        let lost = |key| build.was_rejected(&layers.place.key(key));
        if lost("command") || lost("agent") {
            return None;
        }
    }
    for (session, place) in layers.both() {
        if let Some(typed) = &session.command {
            if layers.own.prompt.is_some() || layers.own.prompt_file.is_some() {
                let key = if layers.own.prompt.is_some() { "prompt" } else { "prompt_file" };
                let found = build
                    .problems
                    .error_in_key(&layers.place.key(key), "a prompt needs an agent, and this session has a command");
                found.help("name the agent, as in agent = \"claude\"");
            }
            return checked_command(build, typed, &place.key("command")).map(|command| (command, None));
        }
        if let Some(agent) = &session.agent {
            let found = agents::command(build, agent, &place.key("agent"), layers);
            return found.map(|(command, launch)| (command, Some(launch)));
        }
    }
    let rejected = ["command", "agent"].iter().any(|key| build.was_rejected(&layers.defaults_place.key(key)));
    if !rejected {
        let message = format!("session {} has nothing to run", quoted(name.as_str()));
        build.problems.error(&layers.place, message).help("add command = \"…\", or agent = \"…\" with a prompt");
    }
    None
}

/// The command as it will be started, or why it cannot be.
pub(super) fn checked_command(build: &mut Build<'_, '_>, typed: &CommandText, place: &Place) -> Option<Command> {
    let command = match typed {
        CommandText::Line(line) => Command::Shell(line.clone()),
        CommandText::Words(words) => Command::Argv(words.clone()),
    };
    let blank = match &command {
        Command::Shell(line) => line.trim().is_empty(),
        Command::Argv(words) => words.first().is_none_or(|program| program.trim().is_empty()),
    };
    if blank {
        build.problems.error(place, "the command is empty");
        return None;
    }
    if let Command::Argv(words) = &command
        && let [only] = words.as_slice()
        && only.contains(' ')
        && !only.contains('/')
    {
        let found = build.problems.warning(place, format!("{} is taken for the name of one program", quoted(only)));
        found.help("write each word as its own string, or the whole command as one string without [ ]");
    }
    let problem = command.argv().iter().find_map(|word| argument_problem(word));
    if let Some(problem) = problem {
        build.problems.error(place, format!("the command {problem}"));
        return None;
    }
    Some(command)
}

/// Why a text cannot be an argument of a program.
pub(super) fn argument_problem(word: &str) -> Option<String> {
    if word.contains('\0') {
        Some("has a NUL in it".to_owned())
    } else if word.len() > ARGUMENT_MAX {
        Some(format!("has {} bytes in one argument, the system takes {ARGUMENT_MAX}", word.len()))
    } else {
        None
    }
}

fn after(build: &mut Build<'_, '_>, name: &SessionName, layers: &Layers<'_>, edges: &mut Vec<Edge>) -> Vec<Dependency> {
    let Some((typed, place)) = layers.pick("after", |s| s.after.as_deref()) else { return Vec::new() };
    let mut dependencies: Vec<Dependency> = Vec::new();
    for (i, entry) in typed.iter().enumerate() {
        let place = place.item(i);
        let (other, on, place) = match entry {
            After::Name(other) => (other, DependencyOn::Success, place),
            After::Entry(entry) => (&entry.session, entry.on.unwrap_or(DependencyOn::Success), place.key("session")),
        };
        if !build.session_names.contains(other) {
            let hint =
                suggest::hint(other, build.session_names.iter().map(String::as_str).filter(|n| *n != name.as_str()));
            build.problems.error(&place, format!("there is no session {}", quoted(other))).maybe_help(hint);
            continue;
        }
        // A name that is no name was told where it is declared.
        let Ok(session) = SessionName::new(other) else { continue };
        if dependencies.iter().any(|d| d.session == session) {
            build.problems.error(&place, format!("{} stands twice in `after`", quoted(other)));
            continue;
        }
        edges.push(Edge { from: name.clone(), to: session.clone(), place });
        dependencies.push(Dependency { session, on });
    }
    dependencies
}

fn env(build: &mut Build<'_, '_>, layers: &Layers<'_>) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    for (session, place) in layers.both().into_iter().rev() {
        let place = place.key("env");
        for (name, value) in session.env.iter().flatten() {
            let place = place.key(name);
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
                let message = format!("{} cannot name an environment variable", quoted(name));
                build.problems.error_in_key(&place, message).help("use letters, digits and `_`, and no digit first");
            } else if name.starts_with("NIGHTKEEP_") {
                build.problems.error_in_key(&place, "names that begin with NIGHTKEEP_ are nightkeep's own");
            } else if name == "PATH" && value.is_empty() {
                build.problems.error(&place, "with an empty PATH no program is found");
            } else if let Some(problem) = argument_problem(value) {
                build.problems.error(&place, format!("the value {problem}"));
            }
            if name.starts_with("LD_") || name.starts_with("DYLD_") {
                let message = format!("{} changes how every program of the session is loaded", quoted(name));
                build.problems.warning_in_key(&place, message);
            }
            env.insert(name.clone(), value.clone());
        }
    }
    env
}

fn metrics(build: &mut Build<'_, '_>, layers: &Layers<'_>) -> Vec<MetricPlan> {
    let Some((typed, place)) = layers.pick("metrics", |s| s.metrics.as_deref()) else { return Vec::new() };
    let mut seen = BTreeSet::new();
    let mut metrics = Vec::new();
    for (i, metric) in typed.iter().enumerate() {
        let place = place.item(i);
        if let Err(fault) = requirement::metric_name(&metric.name) {
            build.problems.error(&place.key("name"), fault.message).maybe_help(fault.help);
        }
        if !seen.insert(&metric.name) {
            let message = format!("the metric {} is declared twice", quoted(&metric.name));
            build.problems.error(&place.key("name"), message);
        }
        let groups = raw::pattern(&metric.regex.0).map_or(2, |regex| regex.captures_len());
        if groups < 2 {
            let found = build.problems.error(&place.key("regex"), "the pattern has no group that would be the value");
            found.help("put ( ) around the number, as in 'loaded: (\\d+)'");
        }
        if metric.total == Some(0.0) {
            let found = build.problems.error(&place.key("total"), "a total of 0 can never be reached");
            found.help("leave it out when it is not known");
        }
        metrics.push(MetricPlan {
            name: metric.name.clone(),
            regex: metric.regex.0.clone(),
            total: metric.total,
            deadline: metric.deadline.as_ref().map(|deadline| deadline.0),
        });
    }
    metrics
}

fn success(build: &mut Build<'_, '_>, layers: &Layers<'_>, metrics: &[MetricPlan]) -> Success {
    let Some((typed, place)) = layers.pick("success", |s| s.success.as_ref()) else { return Success::default() };
    if typed.exit_codes.as_ref().is_some_and(Vec::is_empty) {
        build.problems.error(&place.key("exit_codes"), "without an exit code no end is a good one");
    }
    let exit_codes = typed.exit_codes.as_ref().map_or_else(|| vec![0], |codes| codes.iter().map(|c| c.0).collect());
    let mut conditions = |key: &str, list: Option<&[raw::WrittenCondition]>| -> Vec<Requirement> {
        let place = place.key(key);
        let list = list.unwrap_or_default();
        for (i, condition) in list.iter().enumerate() {
            check_metrics(build, layers, &condition.check, metrics, &place.item(i));
        }
        list.iter().map(|c| Requirement { text: c.text.clone(), check: c.check.clone() }).collect()
    };
    let require = conditions("require", typed.require.as_deref());
    let forbid = conditions("forbid", typed.forbid.as_deref());
    Success { exit_codes, require, forbid }
}

/// A condition on a metric that nobody reads from the output never holds, which is hardly meant.
fn check_metrics(build: &mut Build<'_, '_>, layers: &Layers<'_>, check: &Check, metrics: &[MetricPlan], place: &Place) {
    let named: Vec<&str> = match check {
        Check::MetricComplete { metric } | Check::MetricCompare { metric, .. } => vec![metric],
        Check::MetricEqual { left, right } if right == "total" => vec![left],
        Check::MetricEqual { left, right } => vec![left, right],
        Check::GitCommits { .. } | Check::File { .. } | Check::OutputRegex { .. } | Check::Command { .. } => Vec::new(),
    };
    if layers.both().iter().any(|(_, place)| build.was_rejected(&place.key("metrics"))) {
        return;
    }
    for name in named {
        if !metrics.iter().any(|m| m.name == name) {
            let hint = suggest::hint(name, metrics.iter().map(|m| m.name.as_str()))
                .unwrap_or_else(|| format!("add metrics = [{{ name = \"{name}\", regex = '…' }}]"));
            let message = format!("the metric {} is not among the session's `metrics`", quoted(name));
            build.problems.warning(place, message).help(hint);
        }
    }
}
