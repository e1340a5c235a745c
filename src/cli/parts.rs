//! Where the command line meets the file's reader, the journal, the report, the texts and the daemon.
//!
//! Every use of another part that is not the daemon's API goes through one function here.

use super::context::Context;
use super::failure::{Exit, Failure, shown_path};
use super::found::Found;
use super::place::lenient_toml;
use crate::core::ids::{NightId, ProjectName, SessionName};
use crate::core::plan::{Command, OnTmuxLoss, Plan, ProjectPlan, RetryPolicy, SessionPlan, Success};
use crate::core::time::{At, Wall};
use crate::instance::Instance;
use crate::protocol::{Status, UpRequest, Why};
use serde::Serialize;
use std::fmt::Write as _;
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
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What is right and yet worth a word.
    pub warnings: Vec<Problem>,
}

fn not_wired(what: &str) -> Failure {
    Failure::new(Exit::Failed, format!("{what}: not wired yet"))
}

/// Seam: `config`. Reads and checks a file; all problems at once.
pub fn check(context: &Context, file: &Path) -> Result<Checked, Failure> {
    let Some(table) = lenient_toml(file) else {
        let message = format!("{} is not TOML", shown_path(file));
        let word = if context.out.error_color { "\x1b[1;31merror\x1b[0m" } else { "error" };
        let problem = Problem { line: None, column: None, rendered: format!("{word}: {message}"), message };
        return Ok(Checked { plan: None, problems: vec![problem], warnings: Vec::new() });
    };
    let root = context.around.here.join(file.parent().unwrap_or(Path::new("/")));
    let mut plan = Plan { concurrent: 4, ..Plan::default() };
    let sessions = table.get("sessions").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    for (name, body) in sessions {
        let line = body.get("command").and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        let name = SessionName::new(&name).map_err(|e| Failure::new(Exit::Usage, e.to_string()))?;
        plan.sessions.insert(name.clone(), bare_session(name, Command::Shell(line), root.clone()));
    }
    for (name, _) in table.get("projects").and_then(toml::Value::as_table).cloned().unwrap_or_default() {
        let name = ProjectName::new(&name).map_err(|e| Failure::new(Exit::Usage, e.to_string()))?;
        plan.projects.insert(name, ProjectPlan { dir: root.clone() });
    }
    Ok(Checked { plan: Some(plan), problems: Vec::new(), warnings: Vec::new() })
}

fn bare_session(name: SessionName, command: Command, dir: PathBuf) -> SessionPlan {
    SessionPlan {
        name,
        project: None,
        command,
        dir,
        env: Default::default(),
        disabled: false,
        after: Vec::new(),
        priority: 0,
        timeout: None,
        stop_grace: Duration::from_secs(10),
        on_tmux_loss: OnTmuxLoss::Stop,
        retry: RetryPolicy::default(),
        success: Success::default(),
        metrics: Vec::new(),
        verify: None,
        verify_timeout: Duration::from_secs(600),
    }
}

/// Seam: `config`. The text of a new file.
pub fn template(found: &Found) -> String {
    let mut text = String::from("#:schema ./docs/sessions.schema.json\n");
    for (i, repository) in found.repositories.iter().enumerate() {
        let dir = toml::Value::String(repository.path.clone());
        let _ = write!(text, "\n[projects.p{i}]\ndir = {dir} # {}\n", repository.name);
    }
    text.push_str("\n[sessions.hello]\ncommand = \"echo hello\"\n");
    text
}

/// Seam: `config`. Where the first line of a new file looks for its schema, relative to the file's folder, and that
/// schema.
pub fn schema_beside() -> Option<(&'static str, String)> {
    None
}

/// Seam: `config`. The JSON Schema of the file.
pub fn schema() -> Result<String, Failure> {
    Err(not_wired("the schema"))
}

/// Seam: `status`. The table of sessions; every line fits the width and ends with a line feed.
pub fn table(status: &Status, _width: usize, _color: bool) -> String {
    let mut text = String::new();
    for session in &status.sessions {
        let _ = writeln!(text, "{}  {}  {}", session.name, session.state, session.reason);
    }
    text
}

/// Seam: `status`. The chain of a session as text.
pub fn why_text(why: &Why, _width: usize, _color: bool) -> String {
    let mut text = format!("{}: {}\n", why.session, why.state);
    for step in &why.chain {
        let _ = writeln!(text, "{}  {}", step.at, step.what);
    }
    let _ = writeln!(text, "next: {}", why.next);
    text
}

/// Something to show, in both forms.
#[derive(Debug)]
pub struct Shown {
    /// The document of `--json`.
    pub json: serde_json::Value,
    /// The same as text; every line ends with a line feed.
    pub text: String,
}

/// Seam: `status` (and `store` for how long sessions lasted in earlier nights). Plays the night through.
pub async fn forecast(_context: &Context, _instance: &Instance, _plan: &Plan) -> Result<Shown, Failure> {
    Err(not_wired("the forecast"))
}

/// Seam: `store` + `status`. The status from the journal; `None` when there is no journal.
pub async fn journal_status(instance: &Instance, _at: At) -> Result<Option<Status>, Failure> {
    if instance.journal().exists() { Err(not_wired("the journal")) } else { Ok(None) }
}

/// Seam: `store` + `status`. The chain of a session from the journal; `None` when it knows no such session.
pub async fn journal_why(instance: &Instance, _name: &SessionName, _at: At) -> Result<Option<Why>, Failure> {
    if instance.journal().exists() { Err(not_wired("the journal")) } else { Ok(None) }
}

/// Seam: `store` + `report`. Past nights, a line each; `None` when there was none.
pub async fn nights(instance: &Instance, _width: usize) -> Result<Option<Shown>, Failure> {
    if instance.journal().exists() { Err(not_wired("the journal")) } else { Ok(None) }
}

/// Seam: `store`. Writes the journal's entries (of one night) as JSON lines.
pub async fn export(instance: &Instance, _night: Option<&NightId>, _to: &mut dyn Write) -> Result<(), Failure> {
    if instance.journal().exists() { Err(not_wired("the journal")) } else { Ok(()) }
}

/// Seam: `store`. Asks SQLite whether the journal is whole; says what is wrong.
pub async fn journal_check(instance: &Instance) -> Result<Option<String>, Failure> {
    if instance.journal().exists() { Err(not_wired("the journal")) } else { Ok(None) }
}

/// What a report is to cover.
#[derive(Debug, Clone)]
pub enum Window {
    /// This night.
    Night(NightId),
    /// The open night, or the last one.
    Last,
    /// From this instant to now.
    Since(Wall),
}

/// A report in its forms, and what it comes to.
#[derive(Debug)]
pub struct ReportTexts {
    /// Markdown.
    pub markdown: String,
    /// JSON.
    pub json: String,
    /// Plain text.
    pub text: String,
    /// The exit code of `report --check`: 0 all well, 1 needs you, 2 failed or contradicted, 3 could not read something.
    pub check: u8,
}

/// Seam: `store` + `report`. Builds a report from the journal; `None` when there is no such night.
pub async fn report(instance: &Instance, window: &Window, _at: At) -> Result<Option<ReportTexts>, Failure> {
    let what = match window {
        Window::Night(night) => format!("the report of {night}"),
        Window::Last => "the report".to_owned(),
        Window::Since(wall) => format!("the report since {}", super::when::rfc3339(*wall)),
    };
    if instance.journal().exists() { Err(not_wired(&what)) } else { Ok(None) }
}

/// Seam: `daemon`. Runs the daemon in this process until it is told to end. `begin` is asked of it as soon as it stands.
pub fn run_daemon(_context: &Context, _instance: &Instance, _begin: Option<UpRequest>) -> Result<(), Failure> {
    Err(not_wired("the daemon"))
}

/// Seam: `terminal`. Raw output into clean lines, chunk by chunk.
pub struct CleanLines {
    parser: vte::Parser,
    screen: OneLine,
}

impl CleanLines {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self { parser: vte::Parser::new(), screen: OneLine::default() }
    }
    /// Takes the next bytes and gives the lines they complete.
    pub fn feed(&mut self, bytes: &[u8], mut line: impl FnMut(&str)) {
        self.parser.advance(&mut self.screen, bytes);
        for text in self.screen.done.drain(..) {
            line(&text);
        }
    }
    /// The last line, when no line feed ended it.
    pub fn finish(&mut self, mut line: impl FnMut(&str)) {
        if !self.screen.line.is_empty() {
            line(&std::mem::take(&mut self.screen.line));
        }
    }
    /// Whether a line has begun.
    pub fn in_line(&self) -> bool {
        !self.screen.line.is_empty()
    }
}

#[derive(Default)]
struct OneLine {
    line: String,
    done: Vec<String>,
    returned: bool,
}

impl vte::Perform for OneLine {
    fn print(&mut self, c: char) {
        if std::mem::take(&mut self.returned) {
            self.line.clear();
        }
        if !c.is_control() {
            self.line.push(c);
        }
    }
    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => {
                self.returned = false;
                self.done.push(std::mem::take(&mut self.line));
            }
            b'\r' => self.returned = true,
            b'\t' => self.line.push(' '),
            _ => {}
        }
    }
}
