//! Types drafts into agents: waits until one stands at its empty composer and nobody else types, and looks after what is
//! typed until it is seen that it was taken.
//!
//! Whether something that a person typed stands in a composer is told by its screen where that is clear (nothing stands
//! there, or a hint that is drawn faintly), else by the recorder: nothing was typed since the last turn began.

use super::perform::Rim;
use super::prompts::Drawing;
use crate::adapters::shim_client;
use crate::agents::watch::Composer;
use crate::core::agent::{Activity, AgentSeen};
use crate::core::draft::in_one_line;
use crate::core::draft::typing::{Look, Now, Typist};
use crate::core::event::Event;
use crate::core::ids::AttemptId;
use crate::core::ticket::Typed;
use crate::core::ticket::typing::Act;
use crate::core::time::Mono;
use crate::os::clock;
use crate::recording::events::{EVENTS_FILE, RecorderEvent, read_events};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How often it is looked for a rest.
const WAITS: Duration = Duration::from_millis(400);
/// How often the screen is looked at while a draft is typed.
const EVERY: Duration = Duration::from_millis(100);
/// Whoever typed at the terminal within this time may go on.
const HANDS_OFF: Duration = Duration::from_secs(10);
/// The same of what was typed through the recorder, which comes as a whole.
const SENT: Duration = Duration::from_secs(2);
/// Stands for what was typed by a daemon that could not say so any more.
const BEFORE: &str = "(by the daemon before)";

/// What stands in the composers of agents.
#[derive(Default)]
pub struct Drafts {
    live: Mutex<BTreeMap<AttemptId, Live>>,
    /// Attempts whose rest is waited for.
    waiting: Mutex<BTreeSet<AttemptId>>,
    /// Drafts that are being typed.
    typing: Mutex<BTreeSet<u64>>,
}

/// The screen of one agent.
struct Live {
    now: Now,
    composer: Option<Composer>,
    /// Since when both are as they are.
    since: Instant,
    /// Of how much of the output that is.
    bytes: u64,
    /// When it last began to work, or something was sent off: what was typed before that is gone from its composer.
    began: Option<Mono>,
    /// The last thing it was asked, as its screen showed it.
    asked: String,
}

/// What the recorder knows of keys.
#[derive(Debug, Clone, Copy, Default)]
struct Keys {
    /// When somebody typed at the terminal last.
    by_hand: Option<Mono>,
    /// When something was typed through the recorder last.
    sent: Option<Mono>,
    /// Bytes that were typed through the recorder from a moment on.
    bytes: u64,
    /// Whether anything was typed from then on, also at the terminal itself.
    any: bool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now(seen: &AgentSeen, began: bool) -> Now {
    match seen.activity {
        // What failed before its first turn failed in another attempt; the core knows what may be typed then.
        _ if seen.is_at_rest() || (!began && seen.stands()) => Now::Rests,
        Activity::Working | Activity::Stalled => Now::Works,
        Activity::Idle if seen.class.is_none() && seen.prompt.is_none() => Now::Unknown,
        Activity::Idle | Activity::Prompting => Now::Waits,
        Activity::Unknown => Now::Unknown,
    }
}

impl Drafts {
    /// Takes what was made of a screen after so many bytes of output.
    pub fn judged(&self, attempt: &AttemptId, seen: &AgentSeen, bytes: u64, composer: Option<&Composer>) {
        let mut all = locked(&self.live);
        let live = all.entry(attempt.clone()).or_insert_with(|| Live {
            now: Now::Unknown,
            composer: None,
            since: Instant::now(),
            bytes,
            began: None,
            asked: String::new(),
        });
        let now = now(seen, live.began.is_some());
        live.bytes = bytes;
        let asked = composer.map_or("", |composer| composer.asked.as_str());
        // A turn may be over before anybody looks. A question that is no longer to be seen says nothing.
        let other = !asked.is_empty() && !live.asked.is_empty() && live.asked != asked;
        if other || (now == Now::Works && live.now != Now::Works) {
            live.began = Some(clock::mono());
        }
        if !asked.is_empty() {
            asked.clone_into(&mut live.asked);
        }
        if live.now != now || live.composer.as_ref() != composer {
            (live.now, live.composer, live.since) = (now, composer.cloned(), Instant::now());
        }
    }
    /// What was typed was seen to be sent off.
    fn sent_off(&self, attempt: &AttemptId) {
        if let Some(live) = locked(&self.live).get_mut(attempt) {
            live.began = Some(clock::mono());
        }
    }
    /// The attempt is over.
    pub fn forget(&self, attempt: &AttemptId) {
        locked(&self.live).remove(attempt);
        locked(&self.waiting).remove(attempt);
    }

    /// A look as far as the screen tells, and when the last turn began; `None` where nothing is known of it.
    fn look(&self, attempt: &AttemptId, drawing: &Drawing) -> Option<(Look, Option<Mono>)> {
        let all = locked(&self.live);
        let live = all.get(attempt)?;
        let look = Look {
            now: live.now,
            composer: live.composer.as_ref().map(|composer| composer.text.clone()),
            empty: live.composer.as_ref().is_some_and(|composer| composer.bare),
            disturbed: false,
            asked: live.composer.as_ref().map(|composer| composer.asked.clone()).unwrap_or_default(),
            stable: live.since.elapsed(),
            since: drawing.pressed.elapsed(),
            drawn: drawing.bytes.saturating_sub(drawing.before),
            quiet: drawing.drawn.elapsed(),
            judged: live.bytes > drawing.before || drawing.bytes == drawing.before,
            current: live.bytes >= drawing.bytes,
        };
        Some((look, live.began))
    }
    fn brackets(&self, attempt: &AttemptId) -> bool {
        let all = locked(&self.live);
        all.get(attempt).and_then(|live| live.composer.as_ref()).is_some_and(|composer| composer.brackets)
    }
}

/// A draft that is to be typed.
pub struct ToPaste {
    /// Its number.
    pub draft: u64,
    /// Which attempt.
    pub attempt: AttemptId,
    /// It.
    pub text: String,
    /// When it was decided.
    pub since: Mono,
    /// A daemon before this one may have typed it.
    pub again: bool,
}

impl Rim {
    /// Waits for the rest of an agent and tells it; nothing when the attempt ends first.
    pub(super) async fn await_rest(self: Arc<Self>, attempt: AttemptId, after: Duration) {
        if !locked(&self.drafts().waiting).insert(attempt.clone()) {
            return;
        }
        tokio::time::sleep(after).await;
        let mut drawing = Drawing::new(self.instance.output_log(&attempt));
        while locked(&self.drafts().waiting).contains(&attempt) {
            drawing.look();
            let look = match self.drafts().look(&attempt, &drawing) {
                // Only one that stands still is worth a look at the keys.
                Some((look, began)) if (Look { empty: true, ..look.clone() }).is_free() => {
                    Some(self.with_keys(&attempt, look, began).await)
                }
                Some(_) => None,
                None if self.has_ended(&attempt).await => {
                    locked(&self.drafts().waiting).remove(&attempt);
                    None
                }
                None => None,
            };
            if look.is_some_and(|look| look.is_free()) {
                // The core may ask for the next rest at once.
                locked(&self.drafts().waiting).remove(&attempt);
                let _ = self.inbox.tell(Event::Rests { attempt: attempt.clone() }).await;
                return;
            }
            tokio::time::sleep(WAITS).await;
        }
    }

    /// Types a draft and tells what came of it.
    pub(super) async fn type_draft(self: Arc<Self>, wanted: ToPaste) {
        if !locked(&self.drafts().typing).insert(wanted.draft) {
            return;
        }
        let (typed, outcome) = self.paste(&wanted).await;
        if matches!(outcome, Typed::Taken { .. }) {
            self.drafts().sent_off(&wanted.attempt);
        }
        tracing::info!(draft = wanted.draft, attempt = %wanted.attempt, ?outcome, "a draft");
        let _ = self.inbox.tell(Event::DraftTyped { draft: wanted.draft, typed, outcome }).await;
        locked(&self.drafts().typing).remove(&wanted.draft);
    }

    async fn paste(&self, wanted: &ToPaste) -> (Vec<String>, Typed) {
        let socket = self.instance.shim_socket(&wanted.attempt);
        let (mut typist, mut typed) = (Typist::new(wanted.text.clone()), Vec::new());
        let mut drawing = Drawing::new(self.instance.output_log(&wanted.attempt));
        if wanted.again && self.was_pasted(wanted).await {
            typist = Typist::watching(wanted.text.clone());
            typed.push(BEFORE.to_owned());
        }
        loop {
            drawing.look();
            let look = match self.drafts().look(&wanted.attempt, &drawing) {
                Some((look, began)) if typed.len() < 2 => self.with_keys(&wanted.attempt, look, began).await,
                Some((look, _)) => look,
                None => {
                    let ended = self.has_ended(&wanted.attempt).await;
                    unseen(if ended { Now::Ended } else { Now::Unknown }, &drawing)
                }
            };
            let (name, input, paste) = match typist.next(&look) {
                Act::Wait => {
                    tokio::time::sleep(EVERY).await;
                    continue;
                }
                Act::Taken(seen) => return (typed, Typed::Taken { seen }),
                Act::Untyped(why) => return (typed, Typed::Untyped { why }),
                Act::Ignored(why) => return (typed, Typed::Ignored { why }),
                Act::Press(name, input) => (name, input, false),
                Act::Paste(text) => {
                    let text = if self.drafts().brackets(&wanted.attempt) { text } else { in_one_line(&text) };
                    (format!("{text:?}"), text.into_bytes(), true)
                }
            };
            drawing.press();
            match shim_client::input(&socket, &input, paste).await {
                Ok(()) => typed.push(name),
                // Nobody took it.
                Err(e @ (shim_client::ShimError::Absent { .. } | shim_client::ShimError::Refused { .. }))
                    if typed.is_empty() =>
                {
                    return (typed, Typed::Untyped { why: e.to_string() });
                }
                Err(e) => return (typed, Typed::Ignored { why: e.to_string() }),
            }
        }
    }

    /// The same look with what the recorder knows of keys.
    async fn with_keys(&self, attempt: &AttemptId, look: Look, began: Option<Mono>) -> Look {
        // What cannot be read is taken for somebody who types.
        let Some(keys) = self.keys(attempt, began.unwrap_or(Mono(0))).await else {
            return Look { disturbed: true, ..look };
        };
        let within = |at: Option<Mono>, time| at.is_some_and(|at| clock::mono().since(at) < time);
        let disturbed = within(keys.by_hand, HANDS_OFF) || within(keys.sent, SENT);
        Look { empty: look.empty || !keys.any, disturbed, ..look }
    }
    /// Whether all of a text went through the recorder since it was decided to type it.
    async fn was_pasted(&self, wanted: &ToPaste) -> bool {
        let least = in_one_line(&wanted.text).len() as u64;
        self.keys(&wanted.attempt, wanted.since).await.is_none_or(|keys| keys.bytes >= least)
    }
    async fn keys(&self, attempt: &AttemptId, since: Mono) -> Option<Keys> {
        let path = self.instance.run_dir(attempt).join(EVENTS_FILE);
        let look = move || {
            let mut keys = Keys::default();
            for line in read_events(&path).ok()? {
                let at = Mono(line.m / 1_000_000);
                let bytes = if let RecorderEvent::Input { bytes } = line.event {
                    keys.sent = Some(at);
                    bytes
                } else if line.event == RecorderEvent::Keys {
                    keys.by_hand = Some(at);
                    0
                } else {
                    continue;
                };
                if at >= since {
                    keys.bytes += bytes;
                    keys.any = true;
                }
            }
            Some(keys)
        };
        tokio::task::spawn_blocking(look).await.ok().flatten()
    }
}

/// A look at a screen that nothing is known of.
fn unseen(now: Now, drawing: &Drawing) -> Look {
    Look {
        now,
        composer: None,
        empty: false,
        disturbed: false,
        asked: String::new(),
        stable: Duration::ZERO,
        since: drawing.pressed.elapsed(),
        drawn: drawing.bytes.saturating_sub(drawing.before),
        quiet: drawing.drawn.elapsed(),
        judged: false,
        current: false,
    }
}
