//! opencode's stream of events: the data of one event, as JSON, and what all of them together say.

use super::profile::Profile;
use super::rules::kept;
use super::sign::{Sign, Source};
use crate::core::agent::{Activity, Prompt, PromptKind};
use crate::core::exit::FailureClass;
use crate::core::time::Wall;
use serde_json::Value;
use std::collections::BTreeMap;

/// Most sessions of one program, and most questions, that are remembered.
const KEPT: usize = 64;

/// Reads one event. `None` for what says nothing of its state.
fn sign_of(profile: &Profile, kind: &str, value: &Value, at: Wall) -> Option<Sign> {
    let of = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let mut sign = Sign::new(Source::Events, format!("event/{}@1", kept(kind)), at, 94);
    match kind {
        "session.status" => match of("/status/type") {
            "busy" => sign.activity = Some(Activity::Working),
            "idle" => sign.activity = Some(Activity::Idle),
            "retry" => {
                sign.activity = Some(Activity::Working);
                sign.retries = true;
                let words = of("/status/message");
                let next = value.pointer("/status/next").and_then(Value::as_i64);
                sign.tried = next.is_some_and(|next| next.saturating_sub(at.0) < 1_000);
                sign.words = kept(words);
                let (rule, class) = profile.error(words).unwrap_or((sign.rule.clone(), Some(FailureClass::Transient)));
                (sign.rule, sign.class) = (rule, class);
            }
            _ => return None,
        },
        "session.idle" => sign.activity = Some(Activity::Idle),
        "question.asked" => sign.activity = Some(Activity::Prompting),
        "permission.asked" | "permission.updated" => {
            sign.activity = Some(Activity::Prompting);
            let command = value.pointer("/metadata/command").and_then(Value::as_str);
            let command = command.or_else(|| value.pointer("/patterns/0").and_then(Value::as_str));
            let what = of("/permission");
            sign.words = kept(command.unwrap_or(what));
            sign.prompt = Some(Prompt {
                kind: PromptKind::Permission,
                about: match what {
                    "bash" => "bash-command",
                    "edit" | "write" => "edit",
                    "webfetch" => "fetch",
                    _ => "",
                }
                .to_owned(),
                question: format!("May it use {}?", kept(what)),
                command: command.map(kept),
                // Which keys choose shows on its screen.
                choices: Vec::new(),
                stable_since: at,
            });
        }
        "permission.replied" => sign.activity = Some(Activity::Working),
        "session.error" => {
            sign.activity = Some(Activity::Idle);
            let words = of("/error/data/message");
            let status = value.pointer("/error/data/statusCode").and_then(Value::as_u64).unwrap_or(0);
            sign.words = kept(if words.is_empty() { of("/error/name") } else { words });
            if of("/error/name") == "MessageAbortedError" {
                return Some(sign);
            }
            let by_status = match status {
                401 | 403 => Some(FailureClass::Auth),
                402 => Some(FailureClass::Billing),
                429 | 500.. => Some(FailureClass::ProviderDown),
                _ => None,
            };
            match (profile.error(words), by_status) {
                (Some((rule, Some(class))), _) => (sign.rule, sign.class) = (rule, Some(class)),
                (_, Some(class)) => sign.class = Some(class),
                (_, None) => sign.class = Some(FailureClass::Transient),
            }
        }
        _ => return None,
    }
    Some(sign)
}

/// What a program told so far: its conversation and its helpers' are sessions of it, each busy or not by itself.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// The sessions that are busy, and what each of them tries again after.
    busy: BTreeMap<String, Option<Sign>>,
    /// What it asks, by the name of the request.
    asks: BTreeMap<String, Sign>,
    /// What went wrong last, until something is begun anew.
    failed: Option<Sign>,
    /// Since when nothing is busy.
    idle: Option<Sign>,
    /// When something last began to be busy.
    began: Option<Wall>,
}

impl Told {
    /// What holds as one begins to listen: the answers to the questions which sessions are busy, and what is asked.
    pub fn begin(profile: &Profile, busy: &str, asked: &str, at: Wall) -> Self {
        let mut told = Self::default();
        if let Ok(Value::Object(busy)) = serde_json::from_str(busy) {
            for (session, status) in busy {
                let event = serde_json::json!({"sessionID": session, "status": status});
                told.event(profile, "session.status", &event, at);
            }
            if told.busy.is_empty() {
                told.idle = Some(idle("session.status", at));
            }
        }
        if let Ok(Value::Array(asked)) = serde_json::from_str(asked) {
            asked.iter().for_each(|ask| told.event(profile, "permission.asked", ask, at));
        }
        told
    }
    /// Takes the data of one event.
    pub fn take(&mut self, profile: &Profile, data: &str, at: Wall) {
        let Ok(value) = serde_json::from_str::<Value>(data) else { return };
        let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
        self.event(profile, kind, value.get("properties").unwrap_or(&Value::Null), at);
    }
    fn event(&mut self, profile: &Profile, kind: &str, properties: &Value, at: Wall) {
        let of = |name: &str| properties.get(name).and_then(Value::as_str).unwrap_or_default();
        let session = || kept(of("sessionID"));
        let read = || sign_of(profile, kind, properties, at);
        match kind {
            "session.status" => match read() {
                Some(sign) if sign.activity == Some(Activity::Working) => {
                    let begins = !self.busy.contains_key(&session());
                    if begins && !sign.retries {
                        self.failed = None;
                    }
                    if self.busy.is_empty() {
                        self.began = Some(at);
                    }
                    let retry = sign.retries.then_some(sign);
                    if self.busy.len() < KEPT || !begins {
                        self.busy.insert(session(), retry);
                    }
                    self.idle = None;
                }
                Some(_) => self.rests(&session(), kind, at),
                None => {}
            },
            "session.idle" | "session.deleted" => self.rests(&session(), kind, at),
            "session.error" => self.failed = read().filter(|sign| sign.class.is_some()),
            "permission.asked" | "permission.updated" | "question.asked" if self.asks.len() < KEPT => {
                self.asks.extend(read().map(|sign| (kept(of("id")), sign)));
            }
            "permission.replied" | "question.replied" | "question.rejected" => {
                let name = if of("requestID").is_empty() { of("permissionID") } else { of("requestID") };
                self.asks.remove(&kept(name));
            }
            "server.instance.disposed" => *self = Self::default(),
            _ => {}
        }
    }
    fn rests(&mut self, session: &str, kind: &str, at: Wall) {
        self.busy.remove(session);
        if self.busy.is_empty() && self.idle.is_none() {
            self.idle = Some(idle(kind, at));
        }
    }
    /// What it does by all that was told; `None` where that says nothing.
    pub fn sign(&self) -> Option<Sign> {
        let asks = self.asks.values().min_by_key(|sign| sign.at);
        let retries = || self.busy.values().flatten().next();
        let works = || {
            let mut sign = Sign::new(Source::Events, "event/session.status@1", self.began.unwrap_or(Wall(0)), 94);
            sign.activity = Some(Activity::Working);
            sign
        };
        match (asks, self.busy.is_empty()) {
            (Some(asks), _) => Some(asks.clone()),
            (None, false) => Some(retries().cloned().unwrap_or_else(works)),
            (None, true) => self.failed.clone().or_else(|| self.idle.clone()),
        }
    }
}

fn idle(kind: &str, at: Wall) -> Sign {
    let mut sign = Sign::new(Source::Events, format!("event/{}@1", kept(kind)), at, 94);
    sign.activity = Some(Activity::Idle);
    sign
}

#[cfg(test)]
mod tests {
    use super::super::profile::built_in;
    use super::*;

    fn profile() -> std::sync::Arc<Profile> {
        built_in("opencode").unwrap()
    }
    fn told(told: &mut Told, events: &[&str]) -> Option<Sign> {
        for (ms, event) in (7..).zip(events) {
            told.take(&profile(), event, Wall(ms));
        }
        told.sign()
    }
    fn of(event: &str) -> Option<Sign> {
        told(&mut Told::default(), &[event])
    }
    const BUSY: &str = r#"{"type":"session.status","properties":{"sessionID":"s","status":{"type":"busy"}}}"#;
    const IDLE: &str = r#"{"type":"session.status","properties":{"sessionID":"s","status":{"type":"idle"}}}"#;
    const ERROR: &str = r#"{"type":"session.error","properties":{"sessionID":"s","error":{"name":"APIError","data":{"message":"Incorrect API key provided","statusCode":401,"isRetryable":false}}}}"#;
    const ASKED: &str = r#"{"type":"permission.asked","properties":{"id":"p","sessionID":"s","permission":"bash","patterns":["git push *"],"metadata":{"command":"git push"}}}"#;

    #[test]
    fn events_tell_what_it_does() {
        let retry = r#"{"type":"session.status","properties":{"sessionID":"s","status":{"type":"retry","attempt":2,"message":"The usage limit has been reached","next":1795253899000}}}"#;
        let sign = of(retry).unwrap();
        assert_eq!(
            (sign.activity, sign.class, sign.retries),
            (Some(Activity::Working), Some(FailureClass::UsageLimit), true)
        );
        assert!(!sign.tried, "it waits");
        let at_once = retry.replace("1795253899000", "600");
        assert!(of(&at_once).unwrap().tried, "it does not wait");
        let prompt = of(ASKED).unwrap().prompt.unwrap();
        assert_eq!((prompt.about.as_str(), prompt.command.as_deref()), ("bash-command", Some("git push")));
        assert_eq!(of(ERROR).unwrap().class, Some(FailureClass::Auth));
        assert_eq!(of(IDLE).unwrap().activity, Some(Activity::Idle));
        for nothing in [
            r#"{"type":"message.part.updated","properties":{"part":{"text":"usage limit"}}}"#,
            r#"{"type":"server.heartbeat","properties":{}}"#,
            r#"{"type":7}"#,
            "[1,2",
            "null",
        ] {
            assert_eq!(of(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn an_error_outlives_the_end_of_its_turn_and_ends_with_the_next() {
        let mut all = Told::default();
        let sign = told(&mut all, &[BUSY, ERROR, IDLE]).unwrap();
        assert_eq!((sign.activity, sign.class), (Some(Activity::Idle), Some(FailureClass::Auth)));
        let sign = told(&mut all, &[BUSY]).unwrap();
        assert_eq!((sign.activity, sign.class), (Some(Activity::Working), None));
        assert_eq!(told(&mut all, &[IDLE]).unwrap().class, None);
    }

    #[test]
    fn it_works_as_long_as_one_of_its_sessions_does_and_asks_until_it_is_answered() {
        let child = |event: &str| event.replace(r#""sessionID":"s""#, r#""sessionID":"child""#);
        let mut all = Told::default();
        let sign = told(&mut all, &[BUSY, &child(BUSY), &child(IDLE)]).unwrap();
        assert_eq!(sign.activity, Some(Activity::Working), "its helper is done, it is not");
        assert_eq!(told(&mut all, &[&child(ASKED)]).unwrap().activity, Some(Activity::Prompting));
        let other = r#"{"type":"permission.replied","properties":{"sessionID":"s","requestID":"q","reply":"once"}}"#;
        assert_eq!(told(&mut all, &[other]).unwrap().activity, Some(Activity::Prompting));
        let replied = other.replace(r#""q""#, r#""p""#);
        assert_eq!(told(&mut all, &[&replied]).unwrap().activity, Some(Activity::Working));
        let sign = told(&mut all, &[IDLE, r#"{"type":"session.idle","properties":{"sessionID":"s"}}"#]).unwrap();
        assert_eq!((sign.activity, sign.at), (Some(Activity::Idle), Wall(7)));
        for n in 0..1_000 {
            told(
                &mut all,
                &[
                    &ASKED.replace(r#""id":"p""#, &format!(r#""id":"{n}""#)),
                    &BUSY.replace(r#":"s""#, &format!(r#":"{n}""#)),
                ],
            );
        }
        assert!(all.asks.len() <= KEPT && all.busy.len() <= KEPT);
    }

    #[test]
    fn the_second_step_of_allow_always_is_a_question_of_its_own() {
        use crate::agents::rules::{Place, signs};
        use crate::agents::screen::Snapshot;
        let screen = "     $ echo made > x\n\n     ▣  Build · Loopback\n\n  ┃\n  ┃  △ Always allow\n  ┃\n\
             \x20 ┃  This will allow the following patterns until OpenCode is restarted\n  ┃\n  ┃  - echo *\n  ┃\n  ┃\n\
             \x20 ┃   Confirm   Cancel                  ⇆ select  enter confirm\n  ┃\n";
        let place = Place { at: Wall(5), zone: jiff::tz::TimeZone::UTC };
        let found = signs(&profile(), &Snapshot::of_text(screen, ""), &place);
        assert_eq!(found[0].rule, "opencode/permission-always@1", "{found:?}");
        let prompt = found[0].prompt.clone().unwrap();
        assert_eq!((prompt.about.as_str(), prompt.command.as_deref()), ("always", Some("echo *")));
        let labels: Vec<&str> = prompt.choices.iter().map(|choice| choice.label.as_str()).collect();
        assert_eq!(labels, ["Confirm", "Cancel"]);
        assert!(prompt.question.starts_with("This will allow"), "{prompt:?}");
    }

    #[test]
    fn whoever_begins_to_listen_asks_how_it_stands() {
        let stands = |busy: &str, asked: &str| Told::begin(&profile(), busy, asked, Wall(5)).sign();
        assert_eq!(stands("{}", "[]").unwrap().activity, Some(Activity::Idle));
        assert_eq!(stands(r#"{"s":{"type":"busy"}}"#, "[]").unwrap().activity, Some(Activity::Working));
        let asked = r#"[{"id":"p","sessionID":"s","permission":"bash","metadata":{"command":"git push"}}]"#;
        let sign = stands(r#"{"s":{"type":"busy"}}"#, asked).unwrap();
        assert_eq!((sign.activity, sign.words.as_str()), (Some(Activity::Prompting), "git push"));
        assert_eq!(stands("<html>", "not found"), None);
    }
}
