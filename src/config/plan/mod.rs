//! From what was typed to what it means: names resolved, defaults filled in, every contradiction told.
//!
//! Pure but for [`Surroundings`], through which the loader answers the few questions that need a look at the machine.

mod agents;
mod alerts;
mod answers;
mod channels;
mod graph;
mod later;
mod ping;
mod profiles;
mod report;
pub(crate) mod requirement;
mod retry;
mod session;
mod timing;

pub(super) use later::is_postgres;
pub(super) use session::{Layers, session_plan};

use super::document::{Document, Place};
use super::printable::quoted;
use super::problems::Problems;
use super::raw;
use super::suggest;
use crate::agents::profile::{Profile, built_in};
use crate::core::exit::FailureClass;
use crate::core::ids::{ProjectName, SessionName};
use crate::core::plan::{ClearSecrets, CollectPlan, OutputRule, Plan, ProjectPlan};
use crate::core::retention::Rules;
use crate::core::usage::{Budget, Money};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Most sessions of one file.
pub const SESSIONS_MAX: usize = 1_000;
/// Longest argument of a program, in bytes; Linux takes no longer one.
pub const ARGUMENT_MAX: usize = 131_071;

/// What the caller knows of its surroundings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The user's home directory, for `~`.
    pub home: Option<PathBuf>,
}

/// Questions about the machine that a plan asks.
pub trait Surroundings {
    /// What stands at an absolute path where a directory is wanted.
    fn folder(&self, path: &Path) -> Folder;
    /// The text of a prompt file; the error says why not, as a fragment that follows the file's name.
    fn prompt(&self, path: &Path) -> Result<String, String>;
    /// Whether an IANA time zone is known.
    fn knows_time_zone(&self, name: &str) -> bool;
    /// All known time zones; none when this machine has no list of them.
    fn time_zones(&self) -> Vec<String>;
}

/// What stands at a path where a directory is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folder {
    /// A directory.
    There,
    /// Nothing.
    Missing,
    /// Something else.
    NotAFolder,
}

/// What a file says beyond the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The folder the file stands in, absolute.
    pub folder: PathBuf,
    /// `[paths] state`, relative to [`Self::folder`] or absolute.
    pub state: Option<PathBuf>,
    /// `[node] name`; the host's name without it.
    pub node_name: Option<String>,
    /// The forms the report is written in.
    pub report_formats: Vec<raw::ReportFormat>,
    /// `[report] templates`, absolute.
    pub report_templates: Option<PathBuf>,
    /// `[report] summarizer`: program and arguments.
    pub summarizer: Vec<String>,
    /// `[retention]`: how long things are kept.
    pub retention: Rules,
    /// Free bytes below which more is cleaned up than the rules say: twice `[limits] min_free_disk`, so before nothing
    /// starts any more. `None` goes by the size of the disk.
    pub low_disk: Option<u64>,
    /// `[night] keep_awake`.
    pub keep_awake: bool,
    /// The secrets and addresses of channels that stand in the file itself.
    pub clear_secrets: ClearSecrets,
    /// The environment variables that hold secrets of channels: no session gets them.
    pub secret_variables: BTreeSet<String>,
    /// Everything as typed, for features that read their own part.
    pub raw: raw::File,
    /// The profiles of agents that the file changes or adds, by name: how they are watched.
    pub profiles: BTreeMap<String, Arc<Profile>>,
}

impl Settings {
    /// How the agent of this name is watched: as the file says, else as is built in; `None` when nothing is known of it.
    pub fn profile(&self, name: &str) -> Option<Arc<Profile>> {
        match profiles::of(&self.raw, name) {
            Some(own) => self.profiles.get(&own).cloned(),
            None => built_in(&agents::root(&self.raw, name.to_owned())),
        }
    }
}

/// What is needed while a plan is built.
pub(super) struct Build<'b, 'd> {
    pub(super) raw: &'b raw::File,
    pub(super) context: &'b Context,
    pub(super) surroundings: &'b dyn Surroundings,
    pub(super) folder: &'b Path,
    pub(super) problems: &'b mut Problems<'d>,
    /// Entries that were told already and are missing in `raw`.
    pub(super) rejected: &'b BTreeSet<Place>,
    /// All names under `[sessions]`, also those of sessions that could not be read.
    pub(super) session_names: BTreeSet<String>,
    /// The same for `[projects]`.
    pub(super) project_names: BTreeSet<String>,
}

impl Build<'_, '_> {
    /// Whether a key was typed but could not be read; then its absence is no second problem.
    fn was_rejected(&self, place: &Place) -> bool {
        self.rejected.contains(place)
    }

    /// Expands `~`, and makes a path absolute from a base.
    fn path(&mut self, typed: &str, base: &Path, place: &Place) -> Option<PathBuf> {
        if typed.is_empty() || typed.contains('\0') {
            self.problems.error(place, if typed.is_empty() { "the path is empty" } else { "the path has a NUL in it" });
            return None;
        }
        let expanded = if typed == "~" || typed.starts_with("~/") {
            let Some(home) = self.context.home.as_deref().filter(|h| h.is_absolute()) else {
                self.problems.error(place, "`~` cannot be resolved: the home directory is not known").help("set HOME");
                return None;
            };
            home.join(typed[1..].trim_start_matches('/'))
        } else if typed.starts_with('~') {
            self.problems
                .error(place, "the home of another user cannot be written with `~`")
                .help("write the whole path");
            return None;
        } else {
            base.join(typed)
        };
        // Dots go by text: what a symlink makes of `..` is for the system, but `./x` should show as `x`.
        Some(expanded.components().filter(|c| *c != Component::CurDir).collect())
    }

    /// Tells when a working directory is not one.
    fn check_folder(&mut self, path: &Path, place: &Place) {
        let shown = quoted(&path.to_string_lossy());
        match self.surroundings.folder(path) {
            Folder::There => {}
            Folder::Missing => {
                self.problems
                    .warning(place, format!("the directory {shown} does not exist"))
                    .help("it must when a session starts in it");
            }
            Folder::NotAFolder => {
                self.problems.error(place, format!("{shown} is not a directory"));
            }
        }
    }
}

/// Names of the entries of a table of tables, also of those that were rejected.
pub(super) fn names(document: &Document<'_>, table: &str) -> BTreeSet<String> {
    let found = document.value(&Place::root().key(table)).and_then(|v| v.get_ref().as_table());
    found.into_iter().flat_map(|t| t.keys()).map(|k| k.get_ref().as_ref().to_owned()).collect()
}

/// Builds the plan. What it gives is only good when no error was told.
pub(super) fn build(build: &mut Build<'_, '_>) -> (Plan, Settings) {
    let root = Place::root();
    let raw = build.raw;
    let mut plan = Plan {
        timezone: time_zone(build),
        concurrent: raw.limits.concurrent.unwrap_or(4),
        log_per_session: Some(raw.limits.log_per_session.as_ref().map_or(1 << 30, |size| size.0)),
        projects: BTreeMap::new(),
        sessions: BTreeMap::new(),
        rules: Vec::new(),
        channels: BTreeMap::new(),
        alerts: alerts::alerts(&raw.alerts),
        night: timing::of_night(build),
        min_free_disk: raw.limits.min_free_disk.as_ref().map(|size| size.0),
        report: report::plan(&raw.report),
        budget: budget(raw.night.budget.as_ref()),
        profiles: BTreeMap::new(),
    };
    let projects = root.key("projects");
    for (name, project) in &raw.projects {
        let place = projects.key(name);
        let checked = ProjectName::new(name).map_err(|why| tell_name(build, &place, "project", name, &why.to_string()));
        let dir_place = place.key("dir");
        let Some(dir) = build.path(&project.dir, build.folder, &dir_place) else { continue };
        build.check_folder(&dir, &dir_place);
        if let Ok(name) = checked {
            let collect = project.collect.clone().unwrap_or_default();
            let collect = CollectPlan {
                docs: collect.docs.unwrap_or_default(),
                artifacts: collect.artifacts.unwrap_or_default(),
            };
            let budget = budget(project.budget.as_ref());
            plan.projects.insert(name, ProjectPlan { dir, budget, collect });
        }
    }
    if raw.sessions.len() > SESSIONS_MAX {
        // The rest would only repeat itself.
        let message = format!("there are {} sessions, {SESSIONS_MAX} are allowed", raw.sessions.len());
        build.problems.error_in_key(&root.key("sessions"), message);
    } else {
        sessions(build, &mut plan);
    }
    plan.rules = rules(build);
    agents::check_profiles(build);
    later::check(build);
    report::check(build);
    plan.channels = channels::channels(build);
    plan.alerts.ping = ping::ping(build);
    let settings = settings(build, &plan);
    plan.profiles = settings.profiles.iter().map(|(name, profile)| (name.clone(), profiles::hash(profile))).collect();
    (plan, settings)
}

/// What may be spent. A limit of no money at all is one: the schema lets no other amount through that is none.
fn budget(typed: Option<&raw::Budget>) -> Budget {
    let tokens = typed.and_then(|budget| budget.tokens);
    Budget { tokens, usd: typed.and_then(|budget| budget.usd).and_then(Money::of_usd) }
}

fn sessions(build: &mut Build<'_, '_>, plan: &mut Plan) {
    let raw = build.raw;
    let mut edges = Vec::new();
    for (name, session) in &raw.sessions {
        let place = Place::root().key("sessions").key(name);
        let checked = SessionName::new(name).map_err(|why| tell_name(build, &place, "session", name, &why.to_string()));
        let Ok(checked) = checked else { continue };
        let layers = Layers::new(session, place, &raw.defaults);
        if let Some(made) = session_plan(build, &plan.projects, &checked, &layers, &mut edges) {
            plan.sessions.insert(checked, made);
        }
    }
    graph::check(build, &edges);
}

fn tell_name(build: &mut Build<'_, '_>, place: &Place, what: &str, name: &str, why: &str) {
    let mut slug: String = name.to_lowercase();
    slug.retain(|c| c.is_ascii_alphanumeric() || " _-./:".contains(c));
    let slug = slug.replace([' ', '.', '/', ':'], "-");
    let slug: String = slug.trim_start_matches(['-', '_']).trim_end_matches('-').chars().take(40).collect();
    let taken = if what == "session" { &build.session_names } else { &build.project_names };
    let help = if slug.is_empty() {
        None
    } else if taken.contains(&slug) {
        Some(format!("{} exists already; case makes no difference here", quoted(&slug)))
    } else {
        Some(format!("{} would do", quoted(&slug)))
    };
    build.problems.error_in_key(place, format!("{} cannot name a {what}: {why}", quoted(name))).maybe_help(help);
}

fn time_zone(build: &mut Build<'_, '_>) -> Option<String> {
    let name = build.raw.night.timezone.clone()?;
    if !build.surroundings.knows_time_zone(&name) {
        let place = Place::root().key("night").key("timezone");
        let known = build.surroundings.time_zones();
        if known.is_empty() {
            let message =
                format!("the time zone {} cannot be checked: this machine has no time zone data", quoted(&name));
            build.problems.error(&place, message).help("install the package tzdata");
        } else {
            let hint = suggest::closest(&name, known.iter().map(String::as_str))
                .map(|n| format!("did you mean {}?", quoted(n)));
            let hint = hint.unwrap_or_else(|| "IANA names such as Europe/Berlin or UTC are known".to_owned());
            build.problems.error(&place, format!("the time zone {} is not known", quoted(&name))).help(hint);
        }
    }
    Some(name)
}

fn rules(build: &mut Build<'_, '_>) -> Vec<OutputRule> {
    let raw = build.raw;
    let mut rules = Vec::new();
    for (i, rule) in raw.rules.iter().enumerate() {
        let place = Place::root().key("rules").item(i).key("sessions");
        let sessions = rule.sessions.clone().unwrap_or_default();
        for (j, pattern) in sessions.iter().enumerate() {
            if !build.session_names.iter().any(|name| name_matches(pattern, name)) {
                let hint = suggest::closest(pattern, build.session_names.iter().map(String::as_str));
                let hint = hint.map(|n| format!("did you mean {}?", quoted(n)));
                let message = format!("no session is named {}", quoted(pattern));
                build.problems.warning(&place.item(j), message).maybe_help(hint);
            }
        }
        let class = class(rule.class);
        let id = format!("rules[{}] {}", i + 1, rule.pattern.0);
        rules.push(OutputRule { id, regex: rule.pattern.0.clone(), class, sessions });
    }
    rules
}

fn class(typed: raw::RuleClass) -> FailureClass {
    match typed {
        raw::RuleClass::Transient => FailureClass::Transient,
        raw::RuleClass::ProviderDown => FailureClass::ProviderDown,
        raw::RuleClass::UsageLimit => FailureClass::UsageLimit,
        raw::RuleClass::Auth => FailureClass::Auth,
        raw::RuleClass::Billing => FailureClass::Billing,
        raw::RuleClass::ContextFull => FailureClass::ContextFull,
        raw::RuleClass::Permanent => FailureClass::Permanent,
    }
}

/// Whether a name fits a pattern with `*` (any characters) and `?` (one character).
fn name_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on when a guess for the last star was too short.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, n));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == b'?' || pattern[p] == name[n]) {
            p += 1;
            n += 1;
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            p = at + 1;
            n = taken + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

fn settings(build: &mut Build<'_, '_>, plan: &Plan) -> Settings {
    let raw = build.raw;
    let place = Place::root().key("paths").key("state");
    let state = raw.paths.state.as_deref().and_then(|typed| build.path(typed, build.folder, &place));
    if let Some(state) = &state {
        let shelters = |inner: &Path| inner.starts_with(state);
        if shelters(build.folder) || plan.projects.values().any(|p| shelters(&p.dir)) {
            let message =
                format!("{} cannot be the state folder: it holds other things", quoted(&state.to_string_lossy()));
            build.problems.error(&place, message).help("name a folder of its own, such as \"logs\"");
        }
    }
    let formats = raw.report.formats.clone();
    let formats =
        formats.unwrap_or_else(|| vec![raw::ReportFormat::Md, raw::ReportFormat::Html, raw::ReportFormat::Json]);
    Settings {
        folder: build.folder.to_path_buf(),
        state,
        node_name: raw.node.name.clone(),
        report_formats: formats.into_iter().collect::<BTreeSet<_>>().into_iter().collect(),
        report_templates: report::templates(build),
        summarizer: raw.report.summarizer.clone().unwrap_or_default(),
        retention: Rules {
            output: raw.retention.output.as_ref().map_or(Rules::default().output, |period| Some(period.0)),
            journal: raw.retention.journal.as_ref().map_or(Rules::default().journal, |period| Some(period.0)),
        },
        low_disk: raw.limits.min_free_disk.as_ref().map(|size| size.0.saturating_mul(2)),
        keep_awake: raw.night.keep_awake.unwrap_or(false),
        clear_secrets: channels::clear_secrets(raw),
        secret_variables: channels::secret_variables(raw),
        raw: raw.clone(),
        profiles: profiles::profiles(build),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_names_know_star_and_question_mark() {
        for (pattern, name, fits) in [
            ("load-*", "load-profiles", true),
            ("*", "x", true),
            ("l*-*s", "load-profiles", true),
            ("load-?", "load-a", true),
            ("load-?", "load-", false),
            ("load", "load-a", false),
            ("*a*b*c", "aabbc", true),
            ("*a*b*c", "aabb", false),
        ] {
            assert_eq!(name_matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
