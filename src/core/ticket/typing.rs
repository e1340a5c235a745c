//! How an answer is typed, and how it is seen that it was taken: a machine that is told what the screen shows and says
//! what to press next.
//!
//! Programs differ: one takes a key at once, another only marks the choice, a third wants Enter behind it. So each key is
//! followed by a look. Nothing is pressed twice unless the program did not react at all to the first time; then once.

use super::{STABLE, Say};
use crate::core::agent::Prompt;
use std::time::Duration;

/// How long a program may take to react to a key before the next one.
const REACTS: Duration = Duration::from_millis(700);
/// After this long without any reaction a key is pressed once more.
const DEAF: Duration = Duration::from_millis(2_500);
/// How long a question may stay after its answer was typed.
const TAKES: Duration = Duration::from_secs(6);
/// Output is quiet when nothing came for this long.
const QUIET: Duration = Duration::from_millis(150);
/// A screen that nothing is known of counts as one without the question after this long.
const UNKNOWN: Duration = Duration::from_secs(2);
/// How long it is waited for the question to be seen at all.
const SEEN_WITHIN: Duration = Duration::from_secs(20);
/// Most keys of one answer.
const KEYS_MAX: usize = 24;

/// What the screen shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Now {
    /// The question that is to be answered.
    Same(Box<Prompt>),
    /// Another question.
    Other,
    /// No question; what the program does is known.
    Gone,
    /// Nothing that is known.
    Unknown,
    /// Nothing any more: its program has ended.
    Ended,
}

/// A look at the screen.
#[derive(Debug, Clone)]
pub struct Look {
    /// What it shows.
    pub now: Now,
    /// For how long the question stands there unchanged.
    pub stable: Duration,
    /// How long ago something was pressed last; before the first key since it is looked at all.
    pub since: Duration,
    /// Bytes of output since then.
    pub drawn: u64,
    /// How long there was no output; nothing where the screen was not seen yet.
    pub quiet: Duration,
    /// Whether something was looked at since the last key, or nothing was drawn since.
    pub judged: bool,
    /// Whether all that was drawn was looked at.
    pub current: bool,
    /// The program said that it goes on by itself.
    pub resumes: bool,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Look again soon.
    Wait,
    /// Press a key: its name for the journal, and its bytes.
    Press(String, Vec<u8>),
    /// Type a text as a paste.
    Paste(String),
    /// The answer was taken; what shows it.
    Taken(String),
    /// Nothing was typed, and nothing will be; why.
    Untyped(String),
    /// It was typed and not taken; what was seen instead.
    Ignored(String),
}

/// Where the typing stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Nothing was pressed.
    Begin,
    /// The choice's key was pressed.
    Key,
    /// The cursor is on its way.
    Move {
        /// From where it was last moved.
        from: usize,
        /// Along a row instead of a column.
        sideways: bool,
    },
    /// The text was typed.
    Text,
    /// Enter was pressed.
    Enter,
}

/// Types one answer.
#[derive(Debug, Clone)]
pub struct Typist {
    say: Say,
    step: Step,
    /// A key without any reaction was pressed once more already.
    again: bool,
    keys: usize,
}

impl Typist {
    /// Types what is said.
    pub fn new(say: Say) -> Self {
        Self { say, step: Step::Begin, again: false, keys: 0 }
    }
    /// Something was typed before, by somebody who cannot say what came of it: it is only looked.
    pub fn watching(say: Say) -> Self {
        Self { say, step: Step::Enter, again: true, keys: 1 }
    }
    /// What to do after a look.
    pub fn next(&mut self, look: &Look) -> Act {
        // What the screen showed before the key says nothing of what the key did.
        let begun = self.step != Step::Begin;
        if begun && !look.judged && look.since < SEEN_WITHIN && look.now != Now::Ended {
            return Act::Wait;
        }
        let prompt = match &look.now {
            Now::Same(prompt) => prompt,
            Now::Other | Now::Gone | Now::Unknown | Now::Ended => return self.without(look),
        };
        if self.keys >= KEYS_MAX {
            return Act::Ignored("it took more keys than there are choices".to_owned());
        }
        if !look.current && look.since < TAKES {
            return Act::Wait;
        }
        let before = self.clone();
        let act = match self.step.clone() {
            Step::Begin => self.begin(prompt, look),
            Step::Key => self.after_key(prompt, look),
            Step::Move { from, sideways } => self.moving(prompt, look, from, sideways),
            Step::Text if look.since >= QUIET && look.quiet >= QUIET => self.enter(),
            Step::Text => Act::Wait,
            Step::Enter => self.after_enter(look),
        };
        if matches!(act, Act::Press(..) | Act::Paste(_)) {
            // A key is for what stands there now, not for what stood there a moment ago.
            if !look.current {
                *self = before;
                return match (begun, look.since >= SEEN_WITHIN) {
                    (true, _) => Act::Ignored("it draws on, and still asks".to_owned()),
                    (false, true) => Act::Untyped("its screen does not come to rest".to_owned()),
                    (false, false) => Act::Wait,
                };
            }
            self.keys += 1;
        }
        act
    }

    /// The question is not to be seen.
    fn without(&self, look: &Look) -> Act {
        let begun = self.step != Step::Begin;
        match (&look.now, begun) {
            (Now::Unknown, true) if look.since >= UNKNOWN && look.quiet >= QUIET => {
                Act::Taken("the question is gone from its screen".to_owned())
            }
            (Now::Unknown, true) if look.since >= SEEN_WITHIN => {
                Act::Ignored("its screen is not to be seen".to_owned())
            }
            (Now::Unknown, false) if look.since >= SEEN_WITHIN => {
                Act::Untyped("the question is not to be seen on its screen".to_owned())
            }
            (Now::Unknown, _) => Act::Wait,
            (Now::Other, true) => Act::Taken("it asks something else now".to_owned()),
            (Now::Gone, true) => Act::Taken("the question is gone and it goes on".to_owned()),
            (Now::Other, false) => Act::Untyped("it asks something else now".to_owned()),
            (Now::Gone, false) => Act::Untyped("it asks nothing any more".to_owned()),
            (Now::Ended, true) => Act::Taken("its program ended then".to_owned()),
            (Now::Ended, false) => Act::Untyped("its program has ended".to_owned()),
            (Now::Same(_), _) => Act::Wait,
        }
    }

    fn begin(&mut self, prompt: &Prompt, look: &Look) -> Act {
        if look.resumes {
            return Act::Untyped("it goes on by itself; nothing is typed into it".to_owned());
        }
        if look.stable < STABLE {
            return if look.since >= SEEN_WITHIN {
                Act::Untyped("its screen does not come to rest".to_owned())
            } else {
                Act::Wait
            };
        }
        let number = match &self.say {
            Say::Text { text } => {
                self.step = Step::Text;
                return Act::Paste(text.clone());
            }
            Say::Choice { number } => *number,
        };
        let Some(choice) = prompt.choices.get(number.saturating_sub(1)) else {
            return Act::Untyped("it no longer offers that choice".to_owned());
        };
        if let Some(key) = &choice.key {
            let Some(bytes) = key_bytes(key) else {
                return Act::Untyped(format!("its key {key:?} is not known"));
            };
            self.step = Step::Key;
            return Act::Press(key.clone(), bytes);
        }
        match selected(prompt) {
            None => Act::Untyped("where its cursor stands is not to be seen".to_owned()),
            Some(at) if at == number => self.enter(),
            Some(at) => self.step_towards(at, number, false),
        }
    }

    fn after_key(&mut self, prompt: &Prompt, look: &Look) -> Act {
        let Say::Choice { number } = self.say else { return Act::Wait };
        let draws = look.quiet < QUIET && look.since < TAKES;
        if look.since < REACTS || draws {
            return Act::Wait;
        }
        let marked = selected(prompt);
        if look.drawn == 0 {
            return self.deaf(prompt, look);
        }
        // It marks the choice, or echoes the key on a line: both want Enter.
        if marked == Some(number) || marked.is_none() {
            return self.enter();
        }
        if look.since >= TAKES {
            return Act::Ignored("it still asks, with its cursor elsewhere".to_owned());
        }
        Act::Wait
    }

    /// Nothing at all happened on the screen: the key may have been lost.
    fn deaf(&mut self, prompt: &Prompt, look: &Look) -> Act {
        let Say::Choice { number } = self.say else { return Act::Wait };
        let key = prompt.choices.get(number.saturating_sub(1)).and_then(|choice| choice.key.clone());
        match key.and_then(|key| key_bytes(&key).map(|bytes| (key, bytes))) {
            Some((key, bytes)) if !self.again && look.since >= DEAF => {
                self.again = true;
                Act::Press(key, bytes)
            }
            Some(_) | None if look.since >= TAKES => Act::Ignored("its screen did not change at all".to_owned()),
            Some(_) | None => Act::Wait,
        }
    }

    fn moving(&mut self, prompt: &Prompt, look: &Look, from: usize, sideways: bool) -> Act {
        let Say::Choice { number } = self.say else { return Act::Wait };
        match selected(prompt) {
            Some(at) if at == number && look.quiet >= QUIET => self.enter(),
            Some(at) if at != from && look.quiet >= QUIET => self.step_towards(at, number, sideways),
            // The choices may stand beside each other.
            Some(at) if at == from && look.since >= REACTS && !sideways => self.step_towards(at, number, true),
            Some(_) | None if look.since >= TAKES => Act::Ignored("its cursor does not move".to_owned()),
            Some(_) | None => Act::Wait,
        }
    }

    fn step_towards(&mut self, from: usize, to: usize, sideways: bool) -> Act {
        self.step = Step::Move { from, sideways };
        let key = match (to > from, sideways) {
            (true, false) => "down",
            (false, false) => "up",
            (true, true) => "right",
            (false, true) => "left",
        };
        Act::Press(key.to_owned(), key_bytes(key).unwrap_or_default())
    }

    fn enter(&mut self) -> Act {
        self.step = Step::Enter;
        Act::Press("enter".to_owned(), b"\r".to_vec())
    }

    fn after_enter(&mut self, look: &Look) -> Act {
        if look.drawn == 0 && !self.again && look.since >= DEAF {
            self.again = true;
            return Act::Press("enter".to_owned(), b"\r".to_vec());
        }
        if look.since >= TAKES { Act::Ignored("it still asks the same".to_owned()) } else { Act::Wait }
    }
}

/// The choice that Enter would take, from 1.
fn selected(prompt: &Prompt) -> Option<usize> {
    prompt.choices.iter().position(|choice| choice.selected).map(|at| at + 1)
}

/// The bytes of a key as a prompt names it.
fn key_bytes(key: &str) -> Option<Vec<u8>> {
    let bytes: &[u8] = match key.to_ascii_lowercase().as_str() {
        "enter" | "return" => b"\r",
        "esc" | "escape" => b"\x1b",
        "tab" => b"\t",
        "space" => b" ",
        "up" => b"\x1b[A",
        "down" => b"\x1b[B",
        "right" => b"\x1b[C",
        "left" => b"\x1b[D",
        _ => {
            let mut chars = key.chars();
            return match (chars.next(), chars.next()) {
                (Some(c), None) if !c.is_control() => Some(key.as_bytes().to_vec()),
                (Some(_), Some(_)) if key.len() <= 2 && key.chars().all(|c| c.is_ascii_digit()) => {
                    Some(key.as_bytes().to_vec())
                }
                _ => None,
            };
        }
    };
    Some(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::agent::{Choice, PromptKind};
    use crate::core::time::Wall;

    fn prompt(keys: [Option<&str>; 3], selected: usize) -> Prompt {
        let choice = |(at, key): (usize, Option<&str>)| Choice {
            label: format!("choice {}", at + 1),
            key: key.map(str::to_owned),
            selected: at + 1 == selected,
        };
        Prompt {
            kind: PromptKind::Permission,
            about: String::new(),
            question: "?".to_owned(),
            command: None,
            choices: keys.into_iter().enumerate().map(choice).collect(),
            stable_since: Wall(0),
        }
    }

    const DIGITS: [Option<&str>; 3] = [Some("1"), Some("2"), Some("3")];
    const NONE: [Option<&str>; 3] = [None, None, None];

    fn look(now: Now, since_ms: u64, drawn: u64) -> Look {
        Look {
            now,
            stable: Duration::from_secs(9),
            since: Duration::from_millis(since_ms),
            drawn,
            quiet: Duration::from_millis(since_ms.min(1_000)),
            judged: true,
            current: true,
            resumes: false,
        }
    }

    fn same(prompt: Prompt, since_ms: u64, drawn: u64) -> Look {
        look(Now::Same(Box::new(prompt)), since_ms, drawn)
    }

    fn key(act: Act) -> String {
        if let Act::Press(name, _) = act { name } else { format!("{act:?}") }
    }

    #[test]
    fn a_key_that_is_taken_at_once_is_all() {
        let mut typist = Typist::new(Say::Choice { number: 2 });
        assert_eq!(typist.next(&same(prompt(DIGITS, 1), 0, 0)), Act::Press("2".to_owned(), b"2".to_vec()));
        assert_eq!(typist.next(&same(prompt(DIGITS, 1), 100, 0)), Act::Wait);
        assert!(matches!(typist.next(&look(Now::Gone, 200, 90)), Act::Taken(_)));
    }

    #[test]
    fn a_key_that_only_marks_is_followed_by_enter() {
        let mut typist = Typist::new(Say::Choice { number: 3 });
        typist.next(&same(prompt(DIGITS, 1), 0, 0));
        assert_eq!(key(typist.next(&same(prompt(DIGITS, 3), 800, 40))), "enter");
        assert_eq!(typist.next(&same(prompt(DIGITS, 3), 800, 0)), Act::Wait);
        assert!(matches!(typist.next(&look(Now::Other, 200, 90)), Act::Taken(_)));
    }

    #[test]
    fn a_line_that_echoes_the_key_is_sent_off() {
        let mut typist = Typist::new(Say::Choice { number: 1 });
        let line = prompt([Some("Y"), Some("N"), Some("D")], 0);
        assert_eq!(key(typist.next(&same(line.clone(), 0, 0))), "Y");
        assert_eq!(key(typist.next(&same(line, 800, 1))), "enter");
    }

    #[test]
    fn without_keys_the_cursor_is_moved_a_step_at_a_time_either_way() {
        let mut typist = Typist::new(Say::Choice { number: 3 });
        assert_eq!(key(typist.next(&same(prompt(NONE, 1), 0, 0))), "down");
        assert_eq!(key(typist.next(&same(prompt(NONE, 2), 300, 40))), "down");
        assert_eq!(key(typist.next(&same(prompt(NONE, 3), 300, 40))), "enter");
        let mut typist = Typist::new(Say::Choice { number: 2 });
        assert_eq!(key(typist.next(&same(prompt(NONE, 1), 0, 0))), "down");
        assert_eq!(key(typist.next(&same(prompt(NONE, 1), 800, 0))), "right");
        assert_eq!(key(typist.next(&same(prompt(NONE, 2), 300, 40))), "enter");
        let mut typist = Typist::new(Say::Choice { number: 1 });
        assert!(matches!(typist.next(&same(prompt(NONE, 0), 0, 0)), Act::Untyped(_)), "its cursor is not to be seen");
    }

    #[test]
    fn a_key_is_pressed_again_only_when_nothing_at_all_happened_and_only_once() {
        let mut typist = Typist::new(Say::Choice { number: 1 });
        assert_eq!(key(typist.next(&same(prompt(DIGITS, 1), 0, 0))), "1");
        assert_eq!(typist.next(&same(prompt(DIGITS, 1), 1_000, 0)), Act::Wait);
        assert_eq!(key(typist.next(&same(prompt(DIGITS, 1), 2_600, 0))), "1");
        assert_eq!(typist.next(&same(prompt(DIGITS, 1), 2_600, 0)), Act::Wait);
        assert!(matches!(typist.next(&same(prompt(DIGITS, 1), 6_100, 0)), Act::Ignored(_)));
    }

    #[test]
    fn what_was_not_looked_at_since_the_key_says_nothing() {
        let mut typist = Typist::new(Say::Choice { number: 1 });
        typist.next(&same(prompt(DIGITS, 1), 0, 0));
        let old = Look { judged: false, ..same(prompt(DIGITS, 1), 3_000, 500) };
        assert_eq!(typist.next(&old), Act::Wait);
        let mut typist = Typist::watching(Say::Choice { number: 1 });
        let unseen = Look { judged: false, quiet: Duration::ZERO, ..look(Now::Unknown, 3_000, 0) };
        assert_eq!(typist.next(&unseen), Act::Wait);
        assert!(matches!(typist.next(&Look { since: SEEN_WITHIN, ..unseen }), Act::Ignored(_)));
    }

    #[test]
    fn nothing_is_pressed_while_it_draws_what_nobody_looked_at() {
        let draws = |since| Look { current: false, ..same(prompt(DIGITS, 3), since, 90) };
        let mut typist = Typist::new(Say::Choice { number: 3 });
        assert_eq!(typist.next(&draws(100)), Act::Wait);
        assert_eq!(typist.next(&draws(7_000)), Act::Wait);
        assert!(matches!(typist.next(&draws(21_000)), Act::Untyped(_)));
        let mut typist = Typist::new(Say::Choice { number: 3 });
        assert_eq!(key(typist.next(&same(prompt(DIGITS, 1), 0, 0))), "3");
        assert_eq!(typist.next(&draws(800)), Act::Wait);
        assert!(matches!(typist.next(&draws(6_100)), Act::Ignored(_)));
    }

    #[test]
    fn nothing_is_typed_at_what_is_not_the_question() {
        for now in [Now::Other, Now::Gone] {
            let mut typist = Typist::new(Say::Choice { number: 1 });
            assert!(matches!(typist.next(&look(now, 0, 0)), Act::Untyped(_)));
        }
        let mut typist = Typist::new(Say::Choice { number: 1 });
        assert_eq!(typist.next(&look(Now::Unknown, 1_000, 0)), Act::Wait);
        assert!(matches!(typist.next(&look(Now::Unknown, 21_000, 0)), Act::Untyped(_)));
        let unsteady = Look { stable: Duration::from_millis(1_400), ..same(prompt(DIGITS, 1), 100, 0) };
        let mut typist = Typist::new(Say::Choice { number: 1 });
        assert_eq!(typist.next(&unsteady), Act::Wait);
        let resumes = Look { resumes: true, ..same(prompt(DIGITS, 1), 0, 0) };
        assert!(matches!(typist.next(&resumes), Act::Untyped(_)));
        let mut typist = Typist::new(Say::Choice { number: 4 });
        assert!(matches!(typist.next(&same(prompt(DIGITS, 1), 0, 0)), Act::Untyped(_)));
    }

    #[test]
    fn a_text_is_sent_off_once_the_screen_is_quiet() {
        let mut typist = Typist::new(Say::Text { text: "the small one".to_owned() });
        let question = Prompt { choices: Vec::new(), ..prompt(NONE, 0) };
        assert_eq!(typist.next(&same(question.clone(), 0, 0)), Act::Paste("the small one".to_owned()));
        assert_eq!(typist.next(&same(question.clone(), 100, 13)), Act::Wait);
        assert_eq!(key(typist.next(&same(question.clone(), 400, 13))), "enter");
        assert!(matches!(typist.next(&same(question, 6_500, 13)), Act::Ignored(_)));
    }

    #[test]
    fn what_may_have_been_typed_before_is_only_looked_after() {
        let mut typist = Typist::watching(Say::Choice { number: 1 });
        assert_eq!(typist.next(&same(prompt(DIGITS, 1), 3_000, 0)), Act::Wait);
        assert!(matches!(typist.next(&same(prompt(DIGITS, 1), 6_500, 0)), Act::Ignored(_)));
        let mut typist = Typist::watching(Say::Choice { number: 1 });
        assert!(matches!(typist.next(&look(Now::Gone, 10, 0)), Act::Taken(_)));
    }
}
