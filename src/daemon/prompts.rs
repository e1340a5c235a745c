//! What agents ask, from the screen to the core and back: questions are told once they stand still, answers are typed
//! through the recorder and looked after until it is seen that they were taken.
//!
//! Whoever watches an agent says what it makes of each new screen ([`Prompts::judged`]). A screen that is being drawn
//! shows all kinds of things for a moment, so nothing is told at once.

use super::perform::Rim;
use crate::adapters::shim_client;
use crate::core::agent::{Activity, AgentSeen, Prompt};
use crate::core::event::Event;
use crate::core::ids::AttemptId;
use crate::core::ticket::typing::{Act, Look, Now, Typist};
use crate::core::ticket::{Asked, STABLE, Say, Typed, mark};
use crate::core::time::Mono;
use crate::recording::events::{EVENTS_FILE, Line, RecorderEvent, read_events};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A question that stands for this long is told, and one that is away for this long is gone.
const SETTLED: Duration = Duration::from_millis(400);
/// The same where it is not known what the screen shows instead.
const LOST: Duration = Duration::from_secs(5);
/// Stands for what was typed by a daemon that could not say so any more.
const BEFORE: &str = "(by the daemon before)";
/// How often the screen is looked at while an answer is typed.
const EVERY: Duration = Duration::from_millis(100);

/// What the screens of agents show.
#[derive(Default)]
pub struct Prompts {
    live: Mutex<BTreeMap<AttemptId, Live>>,
    /// Tickets whose answer is being typed.
    typing: Mutex<BTreeSet<u64>>,
}

/// The screen of one agent.
struct Live {
    seen: AgentSeen,
    version: Option<String>,
    /// What is asked, and since when it stands there.
    mark: Option<String>,
    /// Whether it is known that nothing is asked.
    free: bool,
    since: Instant,
    /// Changes with what is asked.
    generation: u64,
    /// What the core was told last: the question, and whether it stood still.
    told: Option<(Option<String>, bool)>,
    /// Of how much of the output that is.
    bytes: u64,
}

/// What is to be told, and when, unless something else comes first.
struct Due {
    after: Duration,
    stable: bool,
}

impl Prompts {
    fn live(&self) -> MutexGuard<'_, BTreeMap<AttemptId, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Takes what was made of a screen after so many bytes of output.
    pub fn judged(&self, rim: &Arc<Rim>, attempt: &AttemptId, seen: &AgentSeen, bytes: u64, version: Option<&str>) {
        let now = Instant::now();
        let asks = seen.prompt.as_ref().map(mark);
        let free = asks.is_none()
            && match seen.activity {
                Activity::Working | Activity::Idle | Activity::Stalled => true,
                Activity::Prompting | Activity::Unknown => false,
            };
        let generation = {
            let mut all = self.live();
            let live = all.entry(attempt.clone()).or_insert_with(|| Live {
                seen: seen.clone(),
                version: None,
                mark: None,
                free: false,
                since: now,
                generation: 0,
                told: None,
                bytes,
            });
            let changed = live.generation == 0 || live.mark != asks || live.free != free;
            live.seen = seen.clone();
            live.bytes = bytes;
            live.version = version.map(str::to_owned).or(live.version.take());
            if !changed {
                return;
            }
            (live.mark, live.free, live.since) = (asks.clone(), free, now);
            live.generation += 1;
            live.generation
        };
        let dues = match (asks.is_some(), free) {
            (true, _) => vec![Due { after: SETTLED, stable: false }, Due { after: STABLE, stable: true }],
            (false, true) => vec![Due { after: SETTLED, stable: true }],
            (false, false) => vec![Due { after: LOST, stable: true }],
        };
        tell_later(rim, attempt, generation, dues);
    }
    /// The attempt is over.
    pub fn forget(&self, attempt: &AttemptId) {
        self.live().remove(attempt);
    }

    /// What is to be told to the core, if it is still so and was not told yet.
    fn telling(&self, attempt: &AttemptId, generation: u64, stable: bool) -> Option<Option<Box<Asked>>> {
        let mut all = self.live();
        let live = all.get_mut(attempt).filter(|live| live.generation == generation)?;
        let now = (live.mark.clone(), stable);
        if live.told.as_ref() == Some(&now) {
            return None;
        }
        live.told = Some(now);
        let asked = |prompt: &Prompt| Asked {
            prompt: prompt.clone(),
            profile: live.seen.profile.clone(),
            rule: live.seen.rule.clone(),
            version: live.version.clone(),
            stable,
        };
        Some(live.seen.prompt.as_ref().map(|prompt| Box::new(asked(prompt))))
    }
    /// Lets everything that the screen shows be told anew: the core did not listen while an answer was typed.
    fn again(&self, attempt: &AttemptId) -> Option<(u64, Duration, bool)> {
        let mut all = self.live();
        let live = all.get_mut(attempt)?;
        live.told = None;
        Some((live.generation, live.since.elapsed(), live.mark.is_some()))
    }
    /// A look for whoever types.
    fn look(&self, attempt: &AttemptId, wanted: &str, drawing: &Drawing) -> Look {
        let all = self.live();
        let unseen = Look {
            now: Now::Unknown,
            stable: Duration::ZERO,
            since: drawing.pressed.elapsed(),
            drawn: drawing.bytes.saturating_sub(drawing.before),
            quiet: Duration::ZERO,
            judged: false,
            current: false,
            resumes: false,
        };
        let Some(live) = all.get(attempt) else { return unseen };
        let now = match (&live.seen.prompt, &live.mark) {
            (Some(prompt), Some(mark)) if mark == wanted => Now::Same(Box::new(prompt.clone())),
            (Some(_), _) => Now::Other,
            (None, _) if live.free => Now::Gone,
            (None, _) => Now::Unknown,
        };
        Look {
            now,
            stable: live.since.elapsed(),
            quiet: drawing.drawn.elapsed(),
            judged: live.bytes > drawing.before || drawing.bytes == drawing.before,
            current: live.bytes >= drawing.bytes,
            resumes: live.seen.resumes,
            ..unseen
        }
    }
}

/// How a program draws while an answer is typed: by its log, as that is nearer than any look.
pub(super) struct Drawing {
    log: PathBuf,
    /// Bytes of output now, and when there last were more.
    pub(super) bytes: u64,
    pub(super) drawn: Instant,
    /// When something was pressed last, and the bytes before it.
    pub(super) pressed: Instant,
    pub(super) before: u64,
}

impl Drawing {
    pub(super) fn new(log: PathBuf) -> Self {
        let now = Instant::now();
        let mut drawing = Self { log, bytes: 0, drawn: now, pressed: now, before: 0 };
        drawing.look();
        drawing.before = drawing.bytes;
        drawing
    }
    pub(super) fn look(&mut self) {
        let bytes = std::fs::metadata(&self.log).map_or(self.bytes, |about| about.len());
        if bytes != self.bytes {
            (self.bytes, self.drawn) = (bytes, Instant::now());
        }
    }
    /// Something is about to be pressed.
    pub(super) fn press(&mut self) {
        self.look();
        (self.before, self.pressed) = (self.bytes, Instant::now());
    }
}

/// Tells the core when it has stood for so long.
fn tell_later(rim: &Arc<Rim>, attempt: &AttemptId, generation: u64, dues: Vec<Due>) {
    let (rim, attempt) = (Arc::clone(rim), attempt.clone());
    tokio::spawn(async move {
        let begin = Instant::now();
        for Due { after, stable } in dues {
            tokio::time::sleep_until(begin + after).await;
            if let Some(asked) = rim.prompts().telling(&attempt, generation, stable) {
                let _ = rim.inbox().tell(Event::Prompted { attempt: attempt.clone(), asked }).await;
            }
        }
    });
}

/// An answer that is to be typed.
pub struct ToType {
    /// For which ticket.
    pub ticket: u64,
    /// Which attempt.
    pub attempt: AttemptId,
    /// What makes the question the same.
    pub mark: String,
    /// What is said.
    pub say: Say,
    /// When it was decided.
    pub since: Mono,
    /// A daemon before this one may have typed it.
    pub again: bool,
}

impl Rim {
    /// Types an answer and tells what came of it.
    pub(super) async fn answer(self: Arc<Self>, wanted: ToType) {
        let typing = || self.prompts().typing.lock().unwrap_or_else(PoisonError::into_inner);
        if !typing().insert(wanted.ticket) {
            return;
        }
        let (typed, outcome) = self.type_answer(&wanted).await;
        tracing::info!(ticket = wanted.ticket, attempt = %wanted.attempt, ?typed, ?outcome, "an answer");
        let _ = self.inbox.tell(Event::AnswerTyped { ticket: wanted.ticket, typed, outcome }).await;
        typing().remove(&wanted.ticket);
        if let Some((generation, stood, asks)) = self.prompts().again(&wanted.attempt) {
            let left = |after: Duration| after.saturating_sub(stood);
            let dues = if asks {
                vec![Due { after: left(SETTLED), stable: false }, Due { after: left(STABLE), stable: true }]
            } else {
                vec![Due { after: left(SETTLED), stable: true }]
            };
            tell_later(&self, &wanted.attempt, generation, dues);
        }
    }

    async fn type_answer(&self, wanted: &ToType) -> (Vec<String>, Typed) {
        let socket = self.instance.shim_socket(&wanted.attempt);
        let (mut typist, mut typed) = (Typist::new(wanted.say.clone()), Vec::new());
        let mut drawing = Drawing::new(self.instance.output_log(&wanted.attempt));
        if wanted.again && self.typed_since(wanted).await {
            typist = Typist::watching(wanted.say.clone());
            typed.push(BEFORE.to_owned());
        }
        loop {
            drawing.look();
            let mut look = self.prompts().look(&wanted.attempt, &wanted.mark, &drawing);
            if !self.prompts().live().contains_key(&wanted.attempt) && self.has_ended(&wanted.attempt).await {
                look.now = Now::Ended;
            }
            let act = typist.next(&look);
            let (name, input, paste) = match act {
                Act::Wait => {
                    tokio::time::sleep(EVERY).await;
                    continue;
                }
                Act::Taken(seen) => return (typed, Typed::Taken { seen }),
                Act::Untyped(why) => return (typed, Typed::Untyped { why }),
                Act::Ignored(why) => return (typed, Typed::Ignored { why }),
                Act::Press(name, input) => (name, input, false),
                Act::Paste(text) => (format!("{text:?}"), text.into_bytes(), true),
            };
            // The recorder knows what was typed, also when a daemon was killed before it could say so.
            if typed.is_empty() && self.typed_since(wanted).await {
                typist = Typist::watching(wanted.say.clone());
                typed.push(BEFORE.to_owned());
                drawing.press();
                continue;
            }
            drawing.press();
            match shim_client::input(&socket, &input, paste).await {
                Ok(()) => typed.push(name),
                Err(e) if typed.is_empty() => return (typed, Typed::Untyped { why: e.to_string() }),
                Err(e) => return (typed, Typed::Ignored { why: e.to_string() }),
            }
        }
    }

    /// Whether anything was typed through the recorder since the answer was decided. What cannot be read counts as typed.
    async fn typed_since(&self, wanted: &ToType) -> bool {
        let since = wanted.since.0;
        let typed = move |line: &Line| line.m / 1_000_000 >= since && matches!(line.event, RecorderEvent::Input { .. });
        self.recorded(&wanted.attempt, typed).await.unwrap_or(wanted.again)
    }
    /// Whether the recorder saw the program end.
    pub(super) async fn has_ended(&self, attempt: &AttemptId) -> bool {
        let ended = |line: &Line| matches!(line.event, RecorderEvent::End { .. } | RecorderEvent::ExecFailed { .. });
        self.recorded(attempt, ended).await.unwrap_or(false)
    }
    /// Whether the recorder noted such a thing; `None` when that cannot be read.
    async fn recorded(&self, attempt: &AttemptId, such: impl Fn(&Line) -> bool + Send + 'static) -> Option<bool> {
        let path = self.instance.run_dir(attempt).join(EVENTS_FILE);
        let look = move || read_events(&path).ok().map(|lines| lines.iter().rev().any(such));
        tokio::task::spawn_blocking(look).await.ok().flatten()
    }
}
