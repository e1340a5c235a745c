//! Without a command: the dashboard.

use super::attach;
use super::context::Context;
use super::failure::{Failure, session_name};
use super::{details, now, place};
use crate::core::time::At;
use crate::instance::Instance;
use crate::os::clock;
use crate::protocol::Status;
use crate::tui::intent::Want;
use crate::tui::keys::Keys;
use crate::tui::model::Detail;
use crate::tui::run::Later;
use crate::tui::theme::ThemeName;
use crate::tui::{self, Outside, Setup};
use jiff::tz::TimeZone;
use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Whether somebody sits before a terminal on which it can be shown.
pub fn is_possible(context: &Context) -> bool {
    let able = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    able && !context.json && context.out.stdout_terminal && std::io::stdin().is_terminal()
}

/// Shows it until it is left.
pub fn run(context: &Context) -> Result<(), Failure> {
    let instance = context.instance()?;
    let client = context.client(&instance)?;
    let settings = settings(&instance);
    let theme = if context.out.color { settings.theme } else { ThemeName::None };
    let state = instance.state().to_path_buf();
    let setup = Setup {
        client,
        outside: Arc::new(Rim { instance, frames: FrameTimes::wanted() }),
        state,
        zone: TimeZone::system(),
        theme,
        keys: settings.keys,
        mouse: settings.mouse,
    };
    context.block_on(async { tui::run(setup).await.map_err(|e| Failure::io("the dashboard cannot go on", &e)) })
}

struct Settings {
    theme: ThemeName,
    keys: Keys,
    mouse: bool,
}

/// `[dashboard]` of the file. A broken file must not keep anybody from looking: what cannot be read is as it is without.
fn settings(instance: &Instance) -> Settings {
    let table = place::lenient_toml(instance.file()).unwrap_or_default();
    let dashboard = table.get("dashboard");
    let theme = dashboard.and_then(|d| d.get("theme")).and_then(toml::Value::as_str).and_then(ThemeName::from_word);
    let changed = dashboard.and_then(|d| d.get("keys")).and_then(toml::Value::as_table);
    let words = |value: &toml::Value| match value {
        toml::Value::String(one) => Some(vec![one.clone()]),
        toml::Value::Array(all) => all.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Table(_) => None,
    };
    let changes = changed.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), words(value)?)));
    let mouse = dashboard.and_then(|d| d.get("mouse")).and_then(toml::Value::as_bool);
    Settings { theme: theme.unwrap_or_default(), keys: Keys::with(&changes.collect()), mouse: mouse.unwrap_or(true) }
}

/// What the dashboard leaves to the command line.
struct Rim {
    instance: Instance,
    frames: Option<FrameTimes>,
}

/// How long frames took, in microseconds, a line each: for `scripts/bench`, which names the file in
/// `NIGHTKEEP_FRAME_TIMES`.
struct FrameTimes(Mutex<File>);

impl FrameTimes {
    fn wanted() -> Option<Self> {
        let path = std::env::var_os("NIGHTKEEP_FRAME_TIMES").filter(|path| !path.is_empty())?;
        File::create(path).ok().map(|file| Self(Mutex::new(file)))
    }
}

impl Outside for Rim {
    fn now(&self) -> At {
        planted_panic("loop");
        clock::now()
    }
    fn drawn(&self, took: Duration) {
        if let Some(FrameTimes(file)) = &self.frames {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            // A measurement that cannot be written is none.
            let _ = writeln!(file, "{}", took.as_micros());
        }
    }
    fn journal(&self) -> Later<Result<Status, String>> {
        let instance = self.instance.clone();
        Box::pin(async move {
            planted_panic("task");
            now::from_journal(&instance).await.map_err(|failure| failure.lines().join("; "))
        })
    }
    fn detail(&self, want: Want) -> Later<Result<Detail, String>> {
        let instance = self.instance.clone();
        Box::pin(async move { details::from_journal(&instance, &want).await })
    }
    fn attach(&self, session: &str) -> Later<Result<(), Vec<String>>> {
        let (instance, session) = (self.instance.clone(), session.to_owned());
        Box::pin(async move {
            let name = session_name(&session).map_err(|failure| failure.told())?;
            attach::visit(&instance, &name).await.map_err(|failure| failure.told())
        })
    }
}

/// Panics where the environment asks for it, so that a test can see what becomes of the terminal. Not in a release.
fn planted_panic(place: &str) {
    if cfg!(debug_assertions) && std::env::var_os("NIGHTKEEP_TEST_PANIC").is_some_and(|wanted| wanted == place) {
        panic!("planted in the {place}");
    }
}
