//! Looks at the screen of an agent for what it asks.

use super::perform::{Rim, zone};
use crate::adapters::shim_client;
use crate::agents::profile::{built_in, built_in_names, of_program};
use crate::agents::watch::Watcher;
use crate::core::ids::AttemptId;
use crate::core::plan::{Command, SessionPlan};
use crate::os::clock;
use crate::recording::socket::News;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How often the recorder tells of output at most.
const EVERY: Duration = Duration::from_millis(100);
/// How long to rest when the recorder cannot be watched.
const REST: Duration = Duration::from_millis(200);
/// Times it is tried to reach a recorder that is gone.
const TRIES: u32 = 50;

/// The profile of what a session runs: its agent's, else by the name of its program.
pub fn profile_of(session: &SessionPlan) -> Option<&'static str> {
    if let Some(name) = built_in_names().find(|name| session.agent.as_deref() == Some(*name)) {
        return Some(name);
    }
    let program = match &session.command {
        Command::Shell(line) => shlex::split(line)?.first()?.clone(),
        Command::Argv(words) => words.first()?.clone(),
    };
    of_program(Path::new(&program).file_name()?.to_str()?)
}

/// Looks on until the attempt ends.
pub async fn look_on(rim: Arc<Rim>, attempt: AttemptId, profile: &'static str, size: (u16, u16)) {
    let Some(profile) = built_in(profile) else { return };
    let zone = zone(rim.plan_zone().await.as_deref());
    let mut watcher = Watcher::new(profile, size.0, size.1, zone);
    let (log, socket) = (rim.instance().output_log(&attempt), rim.instance().shim_socket(&attempt));
    let (mut file, mut bytes, mut tries): (Option<File>, u64, u32) = (None, 0, 0);
    let (mut fresh, mut version) = (true, None);
    while tries < TRIES {
        let Ok(mut news) = shim_client::follow(&socket, EVERY).await else {
            tries += 1;
            tokio::time::sleep(REST).await;
            continue;
        };
        tries = 0;
        loop {
            bytes += read_on(&log, &mut file, &mut watcher);
            rim.prompts().drew(&attempt, bytes);
            // What is being drawn is looked at all the same when nothing more of it comes.
            if watcher.is_dirty() && (watcher.is_whole() || !fresh) {
                watcher.look(clock::wall());
            }
            if let Some(seen) = watcher.seen() {
                if version.is_none() {
                    version = version_of(&watcher.text(), &watcher.profile().banner);
                }
                rim.prompts().judged(&rim, &attempt, seen, version.as_deref());
            }
            let next = tokio::time::timeout(REST, news.next()).await;
            fresh = next.is_ok();
            let Ok(next) = next else { continue };
            match next {
                Ok(Some(News::Output { .. } | News::Event | News::Hello { .. })) => {}
                Ok(Some(News::Ended) | None) => {
                    rim.prompts().forget(&attempt);
                    return;
                }
                Err(_) => break,
            }
        }
    }
    rim.prompts().forget(&attempt);
}

/// Feeds what is new in the log; returns how much that was.
fn read_on(log: &Path, file: &mut Option<File>, watcher: &mut Watcher) -> u64 {
    let Some(open) = file.take().or_else(|| File::open(log).ok()) else { return 0 };
    let open = file.insert(open);
    let (mut buffer, mut total) = ([0; 16 << 10], 0);
    while let Ok(n @ 1..) = open.read(&mut buffer) {
        watcher.feed(buffer.get(..n).unwrap_or_default(), clock::wall());
        total += n as u64;
    }
    total
}

/// The agent's own version, as its banner tells it: `2.1.329`.
fn version_of(text: &str, banner: &[String]) -> Option<String> {
    let line = text.lines().find(|line| !banner.is_empty() && banner.iter().all(|word| line.contains(word)))?;
    let is_version = |word: &str| word.split('.').count() >= 2 && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    let word = line.split_whitespace().map(|word| word.trim_start_matches('v')).find(|word| is_version(word))?;
    Some(word.chars().take(32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_stands_in_the_banner() {
        let banner = ["Claude Code".to_owned()];
        let text = " 1.2.3 of something\n ▐▛███▛█   Claude Code v2.1.329\n";
        assert_eq!(version_of(text, &banner).as_deref(), Some("2.1.329"));
        assert_eq!(version_of("Claude Code", &banner), None);
        assert_eq!(version_of("x 1.2", &[]), None);
    }
}
