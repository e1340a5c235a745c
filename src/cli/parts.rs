//! Where the command line meets the file's reader, the journal, the report, the texts and the daemon.
//!
//! Every use of another part that is not the daemon's API goes through one function here.

use super::context::Context;
use super::failure::{Exit, Failure, close_names, shown_path};
use super::found::Found;
use crate::agents::usage::prices::LIST;
use crate::config::{self, Diagnostic, FoundRepository, Severity, Source};
use crate::core::fact::Entry;
use crate::core::ids::{NightId, ProjectName, RunId, SessionName};
use crate::core::plan::{ChannelPlan, ClearSecrets, Plan};
use crate::core::state::State;
use crate::core::time::{At, Wall};
use crate::daemon::reviews::{self, Asked, ReviewError};
use crate::daemon::{self, checkpoint, history, secrets};
use crate::harvest::{self, Harvest};
use crate::instance::Instance;
use crate::os::clock;
use crate::os::leftovers::{INSTANCE_VARIABLE, Leftovers};
use crate::os::tree::Process;
use crate::protocol::details::{ReviewRequest, SessionNotes, UsageTable};
use crate::protocol::{ChannelTested, CleanReport, Done, Status, UpRequest, Why};
use crate::report;
use crate::status::usage::{By, UsedRun};
use crate::status::{self, StatusContext, table::Style};
use crate::store::{Event, Filter, Journal, PAGE_MAX, Reader};
use crate::terminal::{Line, LineScanner, redact};
use jiff::tz::TimeZone;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One thing that is wrong with a file, or that it should know.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// Line from 1, where there is one.
    pub line: Option<usize>,
    /// Column from 1.
    pub column: Option<usize>,
    /// What is wrong, and what would be right.
    pub message: String,
    /// The same for people: with the line, underlined. Holds no control characters but its own colours.
    #[serde(skip)]
    pub rendered: String,
}

/// What reading a file gave.
#[derive(Debug)]
pub struct Checked {
    /// The plan, when there is no problem.
    pub plan: Option<Plan>,
    /// The secrets of channels that stand in the file itself.
    pub clear_secrets: ClearSecrets,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What is right and yet worth a word.
    pub warnings: Vec<Problem>,
}

/// Reads and checks a file; all problems at once.
pub fn check(context: &Context, file: &Path) -> Result<Checked, Failure> {
    let source = match Source::read(file) {
        Ok(source) => source,
        Err(e) => {
            let failure = Failure::new(Exit::Usage, e.to_string());
            return Err(match e.hint() {
                Some(hint) => failure.hint(hint),
                None => failure,
            });
        }
    };
    let outcome = config::load(&source, &config_context(context));
    let (problems, warnings) = outcome.diagnostics.iter().partition::<Vec<_>, _>(|d| d.severity() == Severity::Error);
    let told = |all: Vec<&Diagnostic>| all.into_iter().map(|d| problem(d, context.out.error_color)).collect();
    let (problems, warnings) = (told(problems), told(warnings));
    let (plan, clear_secrets) = outcome.loaded.map(|l| (l.plan, l.settings.clear_secrets)).unzip();
    Ok(Checked { plan, clear_secrets: clear_secrets.unwrap_or_default(), problems, warnings })
}

fn config_context(context: &Context) -> config::Context {
    config::Context { home: context.around.home.clone() }
}

fn problem(diagnostic: &Diagnostic, color: bool) -> Problem {
    let hints = diagnostic.hints().join("; ");
    Problem {
        line: diagnostic.spot().map(|spot| spot.line),
        column: diagnostic.spot().map(|spot| spot.column),
        message: if hints.is_empty() {
            diagnostic.message().to_owned()
        } else {
            format!("{} ({hints})", diagnostic.message())
        },
        rendered: diagnostic.render(color),
    }
}

/// The text of a new file.
pub fn template(found: &Found) -> String {
    let repositories = found.repositories.iter();
    config::template(&config::Found {
        repositories: repositories
            .map(|r| FoundRepository { name: r.name.to_string(), path: r.path.clone() })
            .collect(),
        agents: found.agents.iter().map(|&agent| agent.to_owned()).collect(),
    })
}

/// Where the first line of a new file looks for its schema, relative to the file's folder, and that schema.
pub fn schema_beside() -> (&'static str, String) {
    (config::SCHEMA_FILE, config::schema_json())
}

/// The JSON Schema of the file.
pub fn schema() -> String {
    config::schema_json()
}

fn style(color: bool) -> Style {
    if color { Style::Ansi } else { Style::Plain }
}

/// The table of sessions; every line fits the width and ends with a line feed.
pub fn table(status: &Status, width: usize, color: bool) -> String {
    let zone = TimeZone::system();
    status::table::render(status, &status::table::TableOptions { width, style: style(color), zone: &zone })
}

/// The chain of a session as text.
pub fn why_text(why: &Why, width: usize, color: bool) -> String {
    status::why::text(why, width, style(color), &TimeZone::system())
}

/// The same in two forms.
#[derive(Debug)]
pub struct Shown {
    /// The document of `--json`.
    pub json: serde_json::Value,
    /// The same as text; every line ends with a line feed.
    pub text: String,
}

/// Plays the night through, with how long sessions lasted before where the journal knows.
pub async fn forecast(context: &Context, instance: &Instance, plan: &Plan) -> Result<Shown, Failure> {
    let mut plan = plan.clone();
    let lasted = match journal(instance).await? {
        Some(journal) => {
            let state = state(instance, &journal).await?;
            for (name, session) in &state.added {
                plan.sessions.entry(name.clone()).or_insert_with(|| session.clone());
            }
            status::tonight::lasted(&state)
        }
        None => BTreeMap::new(),
    };
    let zone = zone_of(&plan);
    let tonight = status::tonight::tonight(&plan, &lasted, clock::wall(), &zone);
    let json = serde_json::to_value(&tonight).map_err(|e| Failure::new(Exit::Failed, e.to_string()))?;
    Ok(Shown { json, text: status::tonight::text(&tonight, context.out.width) })
}

/// The journal, when there is one.
pub async fn journal(instance: &Instance) -> Result<Option<Reader>, Failure> {
    let path = instance.journal();
    if !path.exists() {
        return Ok(None);
    }
    Journal::open_read_only(&path).await.map(Some).map_err(|e| unreadable(instance, &e))
}

fn unreadable(instance: &Instance, error: &dyn std::fmt::Display) -> Failure {
    let what = format!("cannot read the journal {}: {error}", shown_path(&instance.journal()));
    Failure::new(Exit::Failed, what).hint("`nightkeep doctor` looks at it more closely")
}

/// Makes sure that what the journal does not tell is not there, rather than damaged.
async fn whole(instance: &Instance, journal: &Reader) -> Result<(), Failure> {
    match journal.verify().await {
        Ok(None) => Ok(()),
        Ok(Some(broken)) => Err(unreadable(instance, &format!("it is damaged: fact {}: {}", broken.seq, broken.why))),
        Err(e) => Err(unreadable(instance, &e)),
    }
}

async fn state(instance: &Instance, journal: &Reader) -> Result<State, Failure> {
    history::state(journal).await.map_err(|e| unreadable(instance, &e))
}

/// The zone of a plan, else the system's.
pub fn zone_of(plan: &Plan) -> TimeZone {
    plan.timezone.as_deref().and_then(|name| TimeZone::get(name).ok()).unwrap_or_else(TimeZone::system)
}

/// The status from the journal; `None` when there is no journal.
pub async fn journal_status(instance: &Instance, at: At) -> Result<Option<Status>, Failure> {
    let Some(journal) = journal(instance).await? else { return Ok(None) };
    let state = state(instance, &journal).await?;
    let seq = journal.last_seq().await.map_err(|e| unreadable(instance, &e))?;
    let context = StatusContext {
        works: None,
        daemon: None,
        live: false,
        last_seen: state.last.map(|last| last.wall),
        node: &daemon::host_name(),
        tmux_socket: &instance.tmux_socket().display().to_string(),
        output_path: &|attempt| instance.shown_output_log(attempt),
        seq,
        zone: &zone_of(&state.plan),
    };
    Ok(Some(status::project(&state, at, &context)))
}

/// The chain of a session from the journal; `None` when it knows no such session.
pub async fn journal_why(instance: &Instance, name: &SessionName, at: At) -> Result<Option<Why>, Failure> {
    let Some(journal) = journal(instance).await? else { return Ok(None) };
    let state = state(instance, &journal).await?;
    let night = state.night.as_ref().map(|night| night.id.to_string());
    let filter = Filter { night, session: Some(name.to_string()), ..Filter::default() };
    let history: Vec<Entry> = history::entries(&journal, filter)
        .await
        .map_err(|e| unreadable(instance, &e))?
        .into_iter()
        .map(|(_, entry)| entry)
        .collect();
    Ok(status::why::why(&state, name, &history, at, &zone_of(&state.plan)))
}

/// The notes of a session from the journal; `None` when it knows no such session.
pub async fn journal_notes(instance: &Instance, name: &SessionName) -> Result<Option<SessionNotes>, Failure> {
    let Some(journal) = journal(instance).await? else { return Ok(None) };
    let state = state(instance, &journal).await?;
    let known = state.session(name).is_some() || state.runs.keys().any(|run| run.session == *name);
    Ok(known.then(|| status::notes::of_session(&state, name)))
}

/// The newest nights, at most so many, each with its trend; `None` when there was none yet.
pub async fn nights(instance: &Instance, width: usize, limit: usize) -> Result<Option<Shown>, Failure> {
    let Some(journal) = journal(instance).await? else { return Ok(None) };
    let mut shorts = Vec::new();
    let zone = zone_of(&state(instance, &journal).await?.plan);
    let watched = daemon::running(&instance.lock_file()).map(|_| clock::now());
    let spans = journal.nights().await.map_err(|e| unreadable(instance, &e))?;
    // One more, for what changed in the oldest of those told.
    for span in &spans[spans.len().saturating_sub(limit.saturating_add(1))..] {
        let Ok(night) = NightId::new(&span.night) else { continue };
        let made = daemon::details::short(&journal, instance, &night, &zone, watched).await;
        shorts.extend(made.map_err(|e| unreadable(instance, &e))?);
    }
    if shorts.is_empty() {
        whole(instance, &journal).await?;
        return Ok(None);
    }
    let mut nights = report::nights::nights(&shorts);
    nights.nights.truncate(limit);
    let json = serde_json::to_value(&nights).map_err(|e| Failure::new(Exit::Failed, e.to_string()))?;
    Ok(Some(Shown { json, text: report::nights::text(&nights, width) }))
}

/// Tokens and cost: of one night, of the last one of which anything is known, or of all.
pub async fn usage(instance: &Instance, by: By, night: Option<&NightId>, last: bool) -> Result<UsageTable, Failure> {
    let Some(journal) = journal(instance).await? else {
        return Ok(status::usage::table(by, night, &[], &|_| None, LIST));
    };
    let state = state(instance, &journal).await?;
    let mut runs: Vec<UsedRun> = Vec::new();
    for row in journal.rows(Some("run")).await.map_err(|e| unreadable(instance, &e))? {
        let run: Option<UsedRun> = serde_json::from_str(&row.body).map_err(|e| unreadable(instance, &e))?;
        runs.extend(run);
    }
    let newest = runs.iter().map(UsedRun::night).max().cloned().filter(|_| last);
    if let Some(asked) = night.filter(|night| !runs.iter().any(|run| run.night() == *night)) {
        return Err(Failure::new(Exit::NotFound, format!("there is no night {asked} in the journal"))
            .hint("`nightkeep nights` lists those there are"));
    }
    let project_of = |name: &SessionName| state.session(name).and_then(|session| session.project.clone());
    Ok(status::usage::table(by, night.or(newest.as_ref()), &runs, &project_of, LIST))
}

/// Writes the journal's entries (of one night) as JSON lines.
pub async fn export(instance: &Instance, night: Option<&NightId>, to: &mut dyn Write) -> Result<(), Failure> {
    let Some(journal) = journal(instance).await? else { return Ok(()) };
    let mut after = 0;
    loop {
        let filter =
            Filter { night: night.map(ToString::to_string), after_seq: after, limit: PAGE_MAX, ..Filter::default() };
        let page = journal.events(&filter).await.map_err(|e| unreadable(instance, &e))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        for event in page {
            write_event(&event, to).map_err(|e| Failure::stdout(&e))?;
        }
    }
}

/// Gives the facts of one kind (of one night), oldest first.
pub async fn facts(
    instance: &Instance,
    night: Option<&NightId>,
    kind: &str,
    mut each: impl FnMut(Entry),
) -> Result<(), Failure> {
    let Some(journal) = journal(instance).await? else { return Ok(()) };
    let marked = format!("\"fact\":\"{kind}\"");
    let mut after = 0;
    loop {
        let filter =
            Filter { night: night.map(ToString::to_string), after_seq: after, limit: PAGE_MAX, ..Filter::default() };
        let page = journal.events(&filter).await.map_err(|e| unreadable(instance, &e))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        for event in page.iter().filter(|event| event.event.body.contains(&marked)) {
            each(serde_json::from_str(&event.event.body).map_err(|e| unreadable(instance, &e))?);
        }
    }
}

/// One journal row as a JSON line: its number, night, hash, and the fact with its time as it was journaled, but for
/// secrets.
fn write_event(event: &Event, to: &mut dyn Write) -> std::io::Result<()> {
    let night = serde_json::to_string(&event.event.night)?;
    let body = secrets::without(&event.event.body)?;
    let body = body.strip_prefix('{').unwrap_or(&body);
    let hash: String = event.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    writeln!(to, "{{\"seq\":{},\"night\":{night},\"hash\":\"{hash}\",{body}", event.seq)
}

/// The built-in template of the report's page.
pub fn page_template() -> &'static str {
    report::html::template()
}

/// Asks whether the journal is whole; says what is wrong.
pub async fn journal_check(instance: &Instance) -> Result<Option<String>, Failure> {
    let Some(journal) = journal(instance).await? else { return Ok(None) };
    match journal.verify().await {
        Ok(None) => Ok(None),
        Ok(Some(broken)) => Ok(Some(format!("fact {}: {}", broken.seq, broken.why))),
        Err(e) => Ok(Some(e.to_string())),
    }
}

/// Sends a test message over a channel, with the environment of this process.
pub async fn test_channel(channel: &ChannelPlan, clear: ClearSecrets, at: Wall) -> ChannelTested {
    let outcome = daemon::try_channel(channel, clear, at).await;
    daemon::tested(channel, outcome, "command")
}

/// What a report is to cover.
#[derive(Debug, Clone)]
pub enum Window {
    /// This night.
    Night(NightId),
    /// The open night, or the last one.
    Last,
    /// From this instant to now, within the last night.
    Since(Wall),
}

/// A report in its forms, and what it comes to.
#[derive(Debug)]
pub struct ReportTexts {
    /// The night.
    pub night: NightId,
    /// Markdown.
    pub markdown: String,
    /// JSON.
    pub json: String,
    /// Plain text.
    pub text: String,
    /// A page for a browser.
    pub html: Result<String, report::html::PageFault>,
    /// Why it is not made from own templates although there are some.
    pub html_note: Option<String>,
    /// The exit code of `report --check`: 0 all well, 1 needs you, 2 failed or contradicted, 3 could not read something.
    pub check: u8,
}

/// What is asked of a report.
#[derive(Debug)]
pub struct ReportAsked<'a> {
    /// What it is to cover.
    pub window: Window,
    /// Everything, however long.
    pub full: bool,
    /// Only this project.
    pub project: Option<&'a str>,
    /// The folder of own templates.
    pub templates: Option<PathBuf>,
}

/// Builds a report from the journal; `None` when there is no such night.
pub async fn report(instance: &Instance, asked: &ReportAsked<'_>) -> Result<Option<ReportTexts>, Failure> {
    let Some(journal) = journal(instance).await? else { return Ok(None) };
    let (night, since) = match &asked.window {
        Window::Night(night) => (Some(night.clone()), None),
        Window::Last => (None, None),
        Window::Since(since) => (None, Some(*since)),
    };
    let night = match night {
        Some(night) => Some(night),
        None => journal
            .nights()
            .await
            .map_err(|e| unreadable(instance, &e))?
            .iter()
            .filter_map(|span| NightId::new(&span.night).ok())
            .max(),
    };
    let Some(night) = night else {
        whole(instance, &journal).await?;
        return Ok(None);
    };
    let Some(report) = build(instance, &journal, &night, since, asked.project).await? else { return Ok(None) };
    let (html, html_note) = daemon::templates::page(&report, asked.templates.as_deref());
    Ok(Some(ReportTexts {
        night,
        markdown: report::markdown::render(&report, report::markdown::MarkdownOptions { full: asked.full }),
        json: report::json::render(&report).map_err(|e| Failure::new(Exit::Failed, e.to_string()))?,
        text: report::text::page(&report),
        html,
        html_note,
        check: report::check_code(&report),
    }))
}

/// The report of a night; only of the runs that something happened to since, when `since` is given.
async fn build(
    instance: &Instance,
    journal: &Reader,
    night: &NightId,
    since: Option<Wall>,
    project: Option<&str>,
) -> Result<Option<report::model::Report>, Failure> {
    let folded = match since {
        None => checkpoint::folded(journal, instance, night).await,
        Some(since) => folded_since(journal, night, since).await,
    };
    let Some(mut folder) = folded.map_err(|e| unreadable(instance, &e))? else {
        whole(instance, journal).await?;
        return Ok(None);
    };
    let zone = zone_of(&state(instance, journal).await?.plan);
    if daemon::running(&instance.lock_file()).is_some() {
        folder.watched_until(clock::now());
    }
    let mut folded = folder.finish();
    if let Some(typed) = project {
        narrow(&mut folded, typed)?;
    }
    Ok(Some(report::build(&folded, &zone)))
}

/// A night of which only the runs count that something happened to since.
async fn folded_since(
    journal: &Reader,
    night: &NightId,
    since: Wall,
) -> Result<Option<report::Folder>, history::HistoryError> {
    let mut moved: BTreeSet<RunId> = BTreeSet::new();
    history::each_of_night(journal, night, |_, entry| {
        moved.extend(entry.fact.run().filter(|_| entry.at.wall >= since).cloned());
    })
    .await?;
    let mut folder = report::Folder::new(night);
    history::each_of_night(journal, night, |seq, entry| {
        if entry.fact.run().is_none_or(|run| moved.contains(run)) {
            folder.add(seq, &entry);
        }
    })
    .await?;
    Ok((folder.seq() > 0).then_some(folder))
}

/// Leaves what is of a project.
fn narrow(facts: &mut report::facts::Facts, typed: &str) -> Result<(), Failure> {
    let failed = |near: &[&str]| {
        let failure = Failure::new(Exit::NotFound, format!("the night knows no project {typed:?}"));
        if near.is_empty() { failure } else { failure.hint(format!("did you mean {}?", near.join(" or "))) }
    };
    let project = ProjectName::new(typed).map_err(|_| failed(&[]))?;
    report::narrow::to_project(facts, &project).map_err(|known| {
        let near = close_names(typed, known.iter().map(String::as_str));
        if near.is_empty() && !known.is_empty() {
            failed(&[]).hint(format!("it knows {}", known.join(", ")))
        } else {
            failed(&near)
        }
    })
}

/// Runs the daemon in this process until it is told to end. `begin` is asked of it as soon as it stands.
pub fn run_daemon(context: &Context, instance: &Instance, begin: Option<UpRequest>) -> Result<(), Failure> {
    let (environment, left_out) = daemon::inherited(std::env::vars_os());
    for name in left_out {
        context
            .out
            .talk(&format!("note: the variable {} is not UTF-8 and is not handed to sessions", name.escape_debug()));
    }
    let program = std::env::current_exe().map_err(|e| Failure::io("cannot find this program", &e))?;
    let foreground = begin.is_some();
    let options = daemon::Options {
        instance: instance.clone(),
        context: config_context(context),
        environment,
        program,
        foreground,
        manager: daemon::Manager::of(std::env::vars_os(), std::process::id()),
        begin,
    };
    // Few threads: the daemon waits most of the time, and a thread costs memory.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::io("cannot start", &e))?;
    let result = runtime.block_on(daemon::run(options));
    runtime.shutdown_timeout(Duration::from_secs(2));
    result.map_err(|e| Failure::new(Exit::Failed, e.to_string()))
}

/// The daemon of an instance by its lock, whether or not it can be reached.
pub fn daemon(instance: &Instance) -> Option<daemon::Running> {
    daemon::running(&instance.lock_file())
}

/// All programs of an instance's sessions, by what they were started with.
pub fn programs(instance: &Instance) -> Leftovers {
    Leftovers::new(vec![format!("{INSTANCE_VARIABLE}={}", instance.file().display())], Vec::new())
}

/// These processes and what they started.
pub fn exactly(processes: Vec<Process>) -> Leftovers {
    Leftovers::new(Vec::new(), processes)
}

/// Ends an instance's sessions when no daemon can.
pub async fn end_without(instance: &Instance, now: bool) -> Result<daemon::Without, Failure> {
    daemon::end_without(instance, now, programs(instance)).await.map_err(|e| Failure::new(Exit::Failed, e.to_string()))
}

/// Raw output into clean lines, chunk by chunk.
pub struct CleanLines {
    scanner: LineScanner,
}

impl CleanLines {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self { scanner: LineScanner::new() }
    }
    /// Takes the next bytes and gives the lines they complete.
    pub fn feed(&mut self, bytes: &[u8], mut line: impl FnMut(&str)) {
        self.scanner.feed(bytes, |out| done(out, &mut line));
    }
    /// The last line, when no line feed ended it.
    pub fn finish(&mut self, mut line: impl FnMut(&str)) {
        self.scanner.finish(|out| done(out, &mut line));
    }
    /// Whether a line has begun.
    pub fn in_line(&self) -> bool {
        !self.scanner.pending().is_empty()
    }
}

/// Lines in their last state, once: of a screen that is redrawn, what was not there before.
fn done(out: Line<'_>, line: &mut impl FnMut(&str)) {
    match out {
        Line::Done { text, again: false, .. } => line(text),
        Line::Done { again: true, .. } | Line::Draft { .. } => {}
    }
}

/// What the file says of clean-ups. One that cannot be used says nothing, so nothing goes by it.
fn wanted(
    context: &Context,
    instance: &Instance,
    older_than: Option<Duration>,
) -> Result<daemon::retention::Wanted, Failure> {
    let loaded = Source::read(instance.file()).ok();
    let loaded = loaded.and_then(|source| config::load(&source, &config_context(context)).loaded);
    let wanted = daemon::retention::Wanted::of(loaded.as_ref().map(|loaded| &loaded.settings));
    match older_than {
        Some(span) => Ok(wanted.older_than(span)),
        None if loaded.is_some() => Ok(wanted),
        None => {
            let what = format!("{} cannot be used, so nobody knows its rules", shown_path(instance.file()));
            Err(Failure::new(Exit::Usage, what).hint("`nightkeep check` shows why; `--older-than` needs no rules"))
        }
    }
}

/// What a file says beyond its plan; `None` for one that cannot be used.
pub fn settings(context: &Context, file: &Path) -> Option<config::Settings> {
    let source = Source::read(file).ok()?;
    Some(config::load(&source, &config_context(context)).loaded?.settings)
}

/// What a clean-up would do.
pub async fn clean_dry(
    context: &Context,
    instance: &Instance,
    older_than: Option<Duration>,
) -> Result<CleanReport, Failure> {
    daemon::retention::dry(instance, wanted(context, instance, older_than)?).await.map_err(not_cleaned)
}

/// A clean-up while no daemon runs.
pub async fn clean_alone(
    context: &Context,
    instance: &Instance,
    older_than: Option<Duration>,
) -> Result<CleanReport, Failure> {
    daemon::retention::alone(instance, wanted(context, instance, older_than)?, None).await.map_err(not_cleaned)
}

/// What a person makes of artifacts while no daemon runs.
pub async fn review_alone(
    instance: &Instance,
    request: ReviewRequest,
    night: Option<NightId>,
) -> Result<Done, Failure> {
    let ReviewRequest { artifacts, approved, reason, .. } = request;
    let asked = Asked { artifacts, approved, night, by: reviews::ourselves(reason) };
    reviews::alone(instance, asked).await.map_err(|error| {
        let words = error.to_string();
        match error {
            ReviewError::Unknown { near, .. } => Failure::new(Exit::NotFound, words).hints(reviews::hints(&near)),
            ReviewError::NoNight(_) => Failure::new(Exit::NotFound, words).hint("`nightkeep nights` lists them"),
            ReviewError::Lock(_)
            | ReviewError::Journal(_)
            | ReviewError::History(_)
            | ReviewError::Details(_)
            | ReviewError::Closed(_) => {
                Failure::new(Exit::Failed, words).hint("`nightkeep doctor` looks at it more closely")
            }
        }
    })
}

fn not_cleaned(error: daemon::retention::CleanError) -> Failure {
    Failure::new(Exit::Failed, format!("cannot clean up: {error}"))
        .hint("`nightkeep doctor` looks at what may be wrong")
}

/// What a document of an agent says, without what looks like a secret.
pub fn harvest(document: &[u8]) -> Harvest {
    let mut harvest = harvest::harvest(document);
    for item in &mut harvest.items {
        if let Cow::Owned(text) = redact(&item.text) {
            item.text = text;
        }
        if let Cow::Owned(section) = redact(&item.section) {
            item.section = section;
        }
    }
    harvest
}
