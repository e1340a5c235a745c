//! What a session tells of its own work: its form, the limits on it, and what is remembered of it.
//!
//! All of it is claims. They are journaled and shown, and never change the state of a run. The one thing that follows from
//! one is an alert, when a session says that it needs a person.

use super::evidence::{Told, ToldBy, ToldKind};
use super::fact::Fact;
use super::ids::AttemptId;
use super::turn::Turn;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Claims that an attempt can make in a minute, with `nightkeep tell` and with markers each.
pub const PER_MINUTE: usize = 10;
/// That minute, in milliseconds.
pub const MINUTE_MS: u64 = 60_000;
/// Most bytes of a claim, all its parts together.
pub const CLAIM_MAX: usize = 4096;
/// Claims that are journaled of an attempt; a night has no use for more.
pub const CLAIMS_MAX: u32 = 2000;
/// Longest name of a number, in characters.
const NAME_MAX: usize = 64;
/// Characters kept in the state of what a session needs; the journal has the rest.
const NEEDS_KEPT: usize = 400;

/// A claim as it is made: the words of a program, harmless to nobody yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// What kind.
    pub tell: ToldKind,
    /// Its words; of a metric its name, value and total: `profiles 3513/3513`.
    pub text: String,
    /// A file that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// A command that would prove it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<String>,
    /// What waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<String>,
}

/// What is wrong with a claim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadClaim {
    /// It says nothing.
    #[error("it says nothing")]
    Empty,
    /// It says too much.
    #[error("it has {bytes} bytes, at most {CLAIM_MAX} are taken")]
    TooLong {
        /// How much.
        bytes: usize,
    },
    /// A metric without a name and a number.
    #[error("a metric is a name and a number: `profiles 3513/3513`")]
    NoNumber,
}

impl Claim {
    /// A claim of nothing but words.
    pub fn new(tell: ToldKind, text: impl Into<String>) -> Self {
        Self { tell, text: text.into(), file: None, verify: None, blocks: None }
    }
    /// Whether it can be taken; the error says why not.
    pub fn check(&self) -> Result<(), BadClaim> {
        let parts = [Some(&self.text), self.file.as_ref(), self.verify.as_ref(), self.blocks.as_ref()];
        let bytes = parts.into_iter().flatten().map(String::len).sum();
        if bytes > CLAIM_MAX {
            Err(BadClaim::TooLong { bytes })
        } else if self.text.trim().is_empty() {
            Err(BadClaim::Empty)
        } else if self.tell == ToldKind::Metric && Number::parse(&self.text).is_none() {
            Err(BadClaim::NoNumber)
        } else {
            Ok(())
        }
    }
}

impl ToldKind {
    /// All kinds there are.
    pub const ALL: [Self; 6] = [Self::Done, Self::Blocked, Self::Needs, Self::Metric, Self::Next, Self::Decision];

    /// The word for it, on the command line and in a marker.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Blocked => "blocked",
            Self::Needs => "needs",
            Self::Metric => "metric",
            Self::Next => "next",
            Self::Decision => "decision",
        }
    }
}

/// A number that is told: `profiles 3513/3513`.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// What it counts.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// What it will come to.
    pub total: Option<f64>,
}

impl Number {
    /// Reads `NAME VALUE`, `NAME VALUE/TOTAL` or `name=NAME value=VALUE [total=TOTAL]`; `None` when it is none of them.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut name, mut value, mut total) = (None, None, None);
        if text.contains('=') {
            for word in text.split_whitespace() {
                match word.split_once('=')? {
                    ("name", word) => name = Some(word),
                    ("value", word) => value = Some(word.to_owned()),
                    ("total", word) => total = Some(word.to_owned()),
                    // A later version may know more.
                    _ => {}
                }
            }
        } else {
            let (first, rest) = text.trim().split_once(char::is_whitespace)?;
            let rest: String = rest.split_whitespace().collect();
            name = Some(first);
            match rest.split_once('/') {
                Some((of, all)) => (value, total) = (Some(of.to_owned()), Some(all.to_owned())),
                None => value = Some(rest),
            }
        }
        let name = name.filter(|name| is_name(name))?.to_owned();
        let total = match total {
            Some(total) => Some(number(&total)?),
            None => None,
        };
        Some(Self { name, value: number(&value?)?, total })
    }
    /// It in the shortest of these forms.
    pub fn words(&self) -> String {
        match self.total {
            Some(total) => format!("{} {}/{total}", self.name, self.value),
            None => format!("{} {}", self.name, self.value),
        }
    }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    !name.is_empty() && name.chars().count() <= NAME_MAX && name.chars().all(fits)
}

/// The value of a number with or without separators of thousands; `None` when it is none.
fn number(text: &str) -> Option<f64> {
    let plain: String = text.trim_end_matches('%').chars().filter(|c| !matches!(c, ',' | '_')).collect();
    // The standard parser also takes words such as `inf` and `nan`.
    let is_number = plain.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'+' | b'-' | b'e' | b'E'));
    plain.parse().ok().filter(|value: &f64| is_number && value.is_finite())
}

/// How many claims came in the last minute.
#[derive(Debug, Clone, Default)]
pub struct Window {
    taken: VecDeque<u64>,
}

impl Window {
    /// Takes one more at a time in milliseconds, or says after how many there is room again. A clock that was set back
    /// begins anew.
    pub fn take(&mut self, now: u64) -> Result<(), u64> {
        if self.taken.back().is_some_and(|last| *last > now) {
            self.taken.clear();
        }
        while self.taken.front().is_some_and(|first| first + MINUTE_MS <= now) {
            self.taken.pop_front();
        }
        match self.taken.front().filter(|_| self.taken.len() >= PER_MINUTE) {
            Some(first) => Err(first + MINUTE_MS - now),
            None => {
                self.taken.push_back(now);
                Ok(())
            }
        }
    }
}

/// What is remembered of an attempt's claims.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToldSoFar {
    /// How many were journaled.
    pub claims: u32,
    /// Up to where those of `nightkeep tell` were taken.
    pub command: u64,
    /// Up to where those in its output were taken.
    pub marker: u64,
    /// The newest words of what it needs a person for.
    pub needs: Option<String>,
}

impl ToldSoFar {
    /// Whether nothing was told.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
    /// Whether a claim was taken already: what is read again is not told again.
    fn has(&self, told: &Told) -> bool {
        match told.by {
            ToldBy::Command => told.offset <= self.command,
            ToldBy::Marker => told.offset <= self.marker,
        }
    }
    /// Takes a claim in.
    pub(super) fn take(&mut self, told: &Told) {
        self.claims = self.claims.saturating_add(1);
        match told.by {
            ToldBy::Command => self.command = self.command.max(told.offset),
            ToldBy::Marker => self.marker = self.marker.max(told.offset),
        }
        if told.kind == ToldKind::Needs {
            self.needs = Some(told.text.chars().take(NEEDS_KEPT).collect());
        }
    }
}

impl Turn<'_> {
    /// A session says something of its own work. Only an attempt that is known can, and each thing once.
    pub(super) fn told(&mut self, attempt: AttemptId, told: Box<Told>) {
        let known = self.run(&attempt.run).and_then(|run| run.attempt(attempt.number));
        let Some(so_far) = known.map(|known| &known.told) else { return };
        if so_far.has(&told) || so_far.claims >= CLAIMS_MAX {
            return;
        }
        let last = so_far.claims + 1 == CLAIMS_MAX;
        let part = format!("what {} tells", attempt.run.session);
        self.fact(Fact::Told { attempt, told });
        if last {
            let what = format!("it made {CLAIMS_MAX} claims in one attempt; more are not taken");
            self.fact(Fact::Trouble { part, what });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::Event;
    use crate::core::evidence::Evidence;
    use crate::core::ids::RunId;
    use crate::core::testing::{Desk, code, plan, session};
    use crate::core::time::Wall;

    fn told(kind: ToldKind, by: ToldBy, offset: u64) -> Box<Told> {
        let (file, verify, blocks, said) = (None, None, None, Some(Wall(5)));
        Box::new(Told { kind, text: "a key".into(), file, verify, blocks, by, offset, said })
    }

    fn tells(desk: &mut Desk, attempt: &AttemptId, told: Box<Told>) -> usize {
        let evidence = Evidence::Told { attempt: attempt.clone(), told };
        let step = desk.step(Event::Evidence { evidence });
        step.facts.iter().filter(|entry| matches!(entry.fact, Fact::Told { .. })).count()
    }

    #[test]
    fn each_thing_is_told_once_also_by_the_next_daemon_and_changes_no_state() {
        let mut desk = Desk::new(plan([session("a")]));
        desk.up(&[]);
        desk.started("a");
        let attempt = desk.attempt("a");
        let before = desk.run("a").state.clone();
        assert_eq!(tells(&mut desk, &attempt, told(ToldKind::Done, ToldBy::Command, 40)), 1);
        assert_eq!(tells(&mut desk, &attempt, told(ToldKind::Done, ToldBy::Command, 40)), 0);
        assert_eq!(tells(&mut desk, &attempt, told(ToldKind::Next, ToldBy::Marker, 7)), 1, "another source");
        desk.crash();
        assert_eq!(tells(&mut desk, &attempt, told(ToldKind::Done, ToldBy::Command, 40)), 0, "read again");
        assert_eq!(tells(&mut desk, &attempt, told(ToldKind::Done, ToldBy::Command, 80)), 1);
        assert_eq!(desk.run("a").state, before);
        let so_far = &desk.run("a").attempts[0].told;
        assert_eq!((so_far.claims, so_far.command, so_far.marker), (3, 80, 7));
    }

    #[test]
    fn an_attempt_that_nobody_knows_tells_nothing() {
        let mut desk = Desk::new(plan([session("a")]));
        desk.up(&[]);
        let run: RunId = "2026-11-21/nobody/1".parse().unwrap();
        let facts = tells(&mut desk, &AttemptId { run, number: 1 }, told(ToldKind::Needs, ToldBy::Command, 1));
        assert_eq!(facts, 0);
        desk.started("a");
        let next = AttemptId { number: 2, ..desk.attempt("a") };
        assert_eq!(tells(&mut desk, &next, told(ToldKind::Done, ToldBy::Command, 1)), 0);
    }

    #[test]
    fn what_it_needs_a_person_for_is_one_alert_until_the_next_attempt() {
        let mut desk = Desk::new(plan([session("a")]));
        desk.up(&[]);
        desk.started("a");
        let attempt = desk.attempt("a");
        let open = |desk: &Desk| {
            let alerts = desk.night.state.alerts.known.values();
            alerts.filter(|alert| !alert.is_over()).map(|alert| alert.title.clone()).collect::<Vec<_>>()
        };
        tells(&mut desk, &attempt, told(ToldKind::Blocked, ToldBy::Command, 1));
        assert!(open(&desk).is_empty());
        for offset in 2..6 {
            tells(&mut desk, &attempt, told(ToldKind::Needs, ToldBy::Command, offset));
        }
        assert_eq!(open(&desk), ["a says that it needs you"]);
        desk.ends("a", code(0));
        assert_eq!(desk.word("a"), "succeeded", "words change no state");
        assert_eq!(open(&desk).len(), 1, "it is needed all the more");
    }

    #[test]
    fn there_is_an_end_to_what_is_journaled_and_it_is_said_once() {
        let mut desk = Desk::new(plan([session("a")]));
        desk.up(&[]);
        desk.started("a");
        let attempt = desk.attempt("a");
        for offset in 1..=u64::from(CLAIMS_MAX) + 50 {
            tells(&mut desk, &attempt, told(ToldKind::Done, ToldBy::Marker, offset));
        }
        let count = |fits: fn(&Fact) -> bool| desk.journal.iter().filter(|entry| fits(&entry.fact)).count();
        assert_eq!(count(|fact| matches!(fact, Fact::Told { .. })), CLAIMS_MAX as usize);
        assert_eq!(count(|fact| matches!(fact, Fact::Trouble { .. })), 1);
    }

    #[test]
    fn a_minute_has_room_for_ten() {
        let mut window = Window::default();
        assert!((0..10).all(|n| window.take(1_000 * n).is_ok()));
        assert_eq!(window.take(10_000), Err(50_000));
        assert_eq!(window.take(59_999), Err(1));
        assert_eq!(window.take(60_000), Ok(()));
        assert_eq!(window.take(60_001), Err(999));
        assert_eq!(window.take(5), Ok(()), "the clock was set back");
    }

    #[test]
    fn a_number_is_read_in_all_its_forms() {
        let read = |text: &str| Number::parse(text).map(|number| number.words());
        for (text, words) in [
            ("profiles 3513/3513", "profiles 3513/3513"),
            ("profiles 3,513 / 4_000", "profiles 3513/4000"),
            ("coverage 81.5%", "coverage 81.5"),
            ("name=profiles value=3513 total=3513", "profiles 3513/3513"),
            ("value=-2 unit=ms name=p95", "p95 -2"),
        ] {
            assert_eq!(read(text).as_deref(), Some(words), "{text}");
        }
        for text in ["", "profiles", "profiles many", "profiles 3/", "a b=1", "x inf", "\u{1b}[31m 3", "name= value=1"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_claim_has_words_a_number_where_it_needs_one_and_a_bound() {
        assert_eq!(Claim::new(ToldKind::Done, " ").check(), Err(BadClaim::Empty));
        assert_eq!(Claim::new(ToldKind::Metric, "profiles").check(), Err(BadClaim::NoNumber));
        let long = Claim { file: Some("y".repeat(4000)), ..Claim::new(ToldKind::Done, "x".repeat(97)) };
        assert_eq!(long.check(), Err(BadClaim::TooLong { bytes: 4097 }));
        assert_eq!(Claim { file: Some("y".repeat(3999)), ..long }.check(), Ok(()));
        let line = r#"{"tell":"done","text":"x","cmd":"stop"}"#;
        assert!(serde_json::from_str::<Claim>(line).is_err(), "a claim is nothing but a claim");
    }
}
