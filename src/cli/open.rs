//! Shows a file in the browser, where there is one.

use super::context::Context;
use super::failure::{Failure, shown_path};
use crate::os::command::Program;
use std::ffi::OsString;
use std::fs::File;
use std::path::Path;

/// Shows a file in the browser. Without a screen, or when none can be started, says so; the path is printed either way.
pub fn show(context: &Context, path: &Path) -> Result<(), Failure> {
    match browser() {
        Some((program, args)) => {
            let started =
                File::options().write(true).open("/dev/null").map_err(|e| e.to_string()).and_then(|nowhere| {
                    Program::new(&program).args(args).arg(path).spawn_detached(nowhere).map_err(|e| e.to_string())
                });
            if let Err(why) = started {
                context.out.talk(&format!("note: no browser could be started: {why}"));
            }
        }
        None => context.out.talk("note: there is no screen here to show it on"),
    }
    context.out.line(&shown_path(path))
}

/// What shows a page: the user's word, else what the desktop brings.
fn browser() -> Option<(OsString, Vec<String>)> {
    if let Some(named) = std::env::var_os("BROWSER").filter(|named| !named.is_empty()) {
        // A list of which the first counts; each may have arguments.
        let first = named.to_string_lossy().split(':').next().unwrap_or_default().to_owned();
        let mut words = shlex::split(&first)?.into_iter();
        let program = words.next()?;
        // The place of the path is the end in any case.
        return Some((program.into(), words.filter(|word| word != "%s").collect()));
    }
    if cfg!(target_os = "macos") {
        return Some(("open".into(), Vec::new()));
    }
    let screen =
        ["WAYLAND_DISPLAY", "DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()));
    screen.then(|| ("xdg-open".into(), Vec::new()))
}
