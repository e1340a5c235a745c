//! How a draft is typed, and how it is seen that it was taken: a machine that is told what the screen shows and says what
//! to press next.
//!
//! It is pasted as a whole; once something else stands in the composer it is sent off with Enter; it was taken when a turn
//! began, or when the composer is free of it again. Nothing is pasted twice. Enter is pressed again while the text still
//! stands there: some programs take an early one for the end of a line.

use crate::core::ticket::STABLE;
use crate::core::ticket::typing::Act;
use std::time::Duration;

/// How long it is waited for a rest before anything is typed.
const BEGINS_WITHIN: Duration = Duration::from_secs(10);
/// A pasted text has so long to be drawn before it is sent off.
const PASTES: Duration = Duration::from_millis(400);
/// Output is quiet when nothing came for this long.
const QUIET: Duration = Duration::from_millis(150);
/// A pasted text that shows nowhere after this long did not arrive.
const ARRIVES: Duration = Duration::from_secs(8);
/// After this long without a reaction Enter is pressed once more.
const DEAF: Duration = Duration::from_millis(2_500);
/// How often Enter is pressed at most.
const ENTERS_MAX: u32 = 4;
/// How long a text that is gone from the composer is waited for to begin a turn.
const BEGUN: Duration = Duration::from_secs(3);
/// How long a screen that says nothing is waited for.
const SEEN_WITHIN: Duration = Duration::from_secs(20);
/// Characters at the beginning of a text by which it is known again.
const HEAD: usize = 18;

/// What the agent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Now {
    /// It stands at its composer, done and without a failure.
    Rests,
    /// It works.
    Works,
    /// It asks something, failed, or waits for something else.
    Waits,
    /// Nobody knows.
    Unknown,
    /// Its program has ended.
    Ended,
}

/// A look at the screen.
#[derive(Debug, Clone)]
pub struct Look {
    /// What the agent does.
    pub now: Now,
    /// What stands in its composer; `None` where none is to be seen.
    pub composer: Option<String>,
    /// Nothing that somebody typed stands in it.
    pub empty: bool,
    /// Somebody else typed a moment ago.
    pub disturbed: bool,
    /// The last thing that it was asked, as its screen shows it.
    pub asked: String,
    /// For how long composer and activity are as they are.
    pub stable: Duration,
    /// How long ago something was pressed last; before the first key since it is looked at all.
    pub since: Duration,
    /// Bytes of output since then.
    pub drawn: u64,
    /// How long there was no output.
    pub quiet: Duration,
    /// Whether something was looked at since the last key, or nothing was drawn since.
    pub judged: bool,
    /// Whether all that was drawn was looked at.
    pub current: bool,
}

impl Look {
    /// Whether a text may be typed now.
    pub fn is_free(&self) -> bool {
        self.now == Now::Rests
            && self.composer.is_some()
            && self.empty
            && !self.disturbed
            && self.current
            && self.stable >= STABLE
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Begin,
    /// It may have been typed by somebody who cannot say what came of it.
    Watch,
    Pasted,
    Entered,
}

/// Types one draft.
#[derive(Debug, Clone)]
pub struct Typist {
    text: String,
    step: Step,
    /// Composer and question before the text was pasted.
    before: (Option<String>, String),
    /// The composer with it.
    filled: Option<String>,
    enters: u32,
}

impl Typist {
    /// Types a text.
    pub fn new(text: String) -> Self {
        Self { text, step: Step::Begin, before: (None, String::new()), filled: None, enters: 0 }
    }
    /// It was pasted before, by somebody who cannot say what came of it: it is sent off if it still stands there.
    pub fn watching(text: String) -> Self {
        Self { step: Step::Watch, ..Self::new(text) }
    }
    /// What to do after a look.
    pub fn next(&mut self, look: &Look) -> Act {
        match self.step {
            Step::Begin => self.begin(look),
            Step::Watch | Step::Pasted | Step::Entered
                if !look.judged && look.since < SEEN_WITHIN && look.now != Now::Ended =>
            {
                Act::Wait
            }
            Step::Watch => self.watch(look),
            Step::Pasted => self.pasted(look),
            Step::Entered => self.entered(look),
        }
    }

    fn begin(&mut self, look: &Look) -> Act {
        let late = look.since >= BEGINS_WITHIN;
        match look.now {
            Now::Rests if look.is_free() => {
                self.step = Step::Pasted;
                self.before = (look.composer.clone(), look.asked.clone());
                Act::Paste(self.text.clone())
            }
            Now::Works => Act::Untyped("it works again".to_owned()),
            Now::Waits => Act::Untyped("it waits for something else".to_owned()),
            Now::Ended => Act::Untyped("its program has ended".to_owned()),
            Now::Rests if late && look.disturbed => Act::Untyped("somebody else types".to_owned()),
            Now::Rests if late && !look.empty => Act::Untyped("something stands in its composer".to_owned()),
            Now::Rests | Now::Unknown if late => Act::Untyped("its screen does not come to rest".to_owned()),
            Now::Rests | Now::Unknown => Act::Wait,
        }
    }

    fn pasted(&mut self, look: &Look) -> Act {
        match look.now {
            Now::Ended => return Act::Ignored("its program ended then".to_owned()),
            Now::Works => return Act::Taken("it works on it".to_owned()),
            Now::Rests | Now::Waits | Now::Unknown => {}
        }
        if look.since < PASTES || !look.current || (look.quiet < QUIET && look.since < ARRIVES) {
            return if look.since >= SEEN_WITHIN { Act::Ignored("it draws on and on".to_owned()) } else { Act::Wait };
        }
        if look.drawn > 0 && look.composer != self.before.0 {
            // Whatever asks now was not asked before: Enter would answer it.
            if look.now == Now::Waits {
                return Act::Ignored("it asks something now".to_owned());
            }
            self.filled.clone_from(&look.composer);
            return self.enter();
        }
        if look.since >= ARRIVES { Act::Ignored("its composer does not show it".to_owned()) } else { Act::Wait }
    }

    fn watch(&mut self, look: &Look) -> Act {
        let late = look.since >= BEGINS_WITHIN;
        match look.now {
            Now::Works => Act::Taken("it works on it".to_owned()),
            Now::Waits => Act::Taken("it went on with it".to_owned()),
            Now::Ended => Act::Taken("its program ended then".to_owned()),
            Now::Rests if look.current && look.stable >= STABLE && look.empty => {
                Act::Taken("it is gone from its composer".to_owned())
            }
            Now::Rests | Now::Unknown if look.current && look.stable >= STABLE && self.is_shown(look) => {
                self.filled.clone_from(&look.composer);
                self.enter()
            }
            Now::Rests | Now::Unknown if late => Act::Ignored(
                "it was typed by a daemon that ended then, and it cannot be told what came of it".to_owned(),
            ),
            Now::Rests | Now::Unknown => Act::Wait,
        }
    }

    fn enter(&mut self) -> Act {
        self.step = Step::Entered;
        self.enters += 1;
        Act::Press("enter".to_owned(), b"\r".to_vec())
    }

    fn entered(&mut self, look: &Look) -> Act {
        match look.now {
            Now::Works => return Act::Taken("it works on it".to_owned()),
            Now::Waits => return Act::Taken("it went on with it".to_owned()),
            Now::Ended => return Act::Taken("its program ended then".to_owned()),
            Now::Rests | Now::Unknown => {}
        }
        let stands = look.composer == self.filled || self.is_shown(look);
        if !stands && look.now == Now::Rests && look.asked != self.before.1 {
            return Act::Taken("it stands in its conversation".to_owned());
        }
        if !stands && look.since >= BEGUN && look.current {
            return Act::Taken("it is gone from its composer".to_owned());
        }
        if stands && look.since >= DEAF && look.current {
            if self.enters < ENTERS_MAX {
                return self.enter();
            }
            return Act::Ignored("it stands in its composer, and Enter does not send it off".to_owned());
        }
        if look.since >= SEEN_WITHIN { Act::Ignored("its screen is not to be seen".to_owned()) } else { Act::Wait }
    }

    /// Whether the composer shows it: its beginning, or that something was pasted.
    fn is_shown(&self, look: &Look) -> bool {
        let head: String = self.text.chars().take(HEAD).take_while(|c| *c != '\n').collect();
        look.composer.as_ref().is_some_and(|text| text.contains(head.trim()) || text.contains("[Pasted"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "A note from the operator (n1):\n\nthe small one";

    fn look(now: Now, since_ms: u64, composer: &str) -> Look {
        Look {
            now,
            composer: Some(composer.to_owned()),
            empty: composer.is_empty(),
            disturbed: false,
            asked: "do it".to_owned(),
            stable: Duration::from_secs(9),
            since: Duration::from_millis(since_ms),
            drawn: 90,
            quiet: Duration::from_millis(since_ms.min(1_000)),
            judged: true,
            current: true,
        }
    }
    fn rests(since_ms: u64, composer: &str) -> Look {
        look(Now::Rests, since_ms, composer)
    }
    fn pasted() -> Typist {
        let mut typist = Typist::new(TEXT.to_owned());
        assert_eq!(typist.next(&rests(0, "")), Act::Paste(TEXT.to_owned()));
        typist
    }
    fn is_enter(act: &Act) -> bool {
        matches!(act, Act::Press(name, bytes) if name == "enter" && bytes == b"\r")
    }

    #[test]
    fn it_is_pasted_sent_off_and_seen_to_begin_a_turn() {
        let mut typist = pasted();
        assert_eq!(typist.next(&rests(100, "A note from the operator (n1):")), Act::Wait, "it may be drawn on");
        assert!(is_enter(&typist.next(&rests(500, "A note from the operator (n1):"))));
        assert_eq!(typist.next(&rests(100, "A note from the operator (n1):")), Act::Wait);
        assert!(matches!(typist.next(&look(Now::Works, 200, "")), Act::Taken(_)));
    }

    #[test]
    fn a_turn_that_was_over_at_once_is_one_too() {
        let mut typist = pasted();
        typist.next(&rests(500, "[Pasted text #1 +2 lines]"));
        assert_eq!(typist.next(&rests(300, "")), Act::Wait);
        let answered = Look { asked: "A note from".to_owned(), ..rests(400, "") };
        assert!(matches!(typist.next(&answered), Act::Taken(_)));
        let mut typist = pasted();
        typist.next(&rests(500, "x"));
        assert!(matches!(typist.next(&rests(3_100, "")), Act::Taken(_)));
    }

    #[test]
    fn nothing_is_typed_over_a_person_a_question_or_a_turn() {
        let mut typist = Typist::new(TEXT.to_owned());
        assert_eq!(typist.next(&Look { disturbed: true, ..rests(0, "") }), Act::Wait);
        assert_eq!(typist.next(&rests(0, "half a line")), Act::Wait);
        assert_eq!(typist.next(&Look { current: false, ..rests(0, "") }), Act::Wait);
        assert_eq!(typist.next(&Look { stable: Duration::from_secs(1), ..rests(0, "") }), Act::Wait);
        assert_eq!(typist.next(&Look { composer: None, ..rests(0, "") }), Act::Wait);
        assert!(matches!(typist.next(&rests(11_000, "half a line")), Act::Untyped(_)));
        for now in [Now::Works, Now::Waits, Now::Ended] {
            assert!(matches!(Typist::new(TEXT.to_owned()).next(&look(now, 0, "")), Act::Untyped(_)));
        }
        let mut typist = pasted();
        assert!(matches!(typist.next(&look(Now::Waits, 500, "dialog")), Act::Ignored(_)), "Enter would answer it");
    }

    #[test]
    fn enter_is_pressed_again_while_the_text_stands_there_and_the_text_is_never_typed_again() {
        let mut typist = pasted();
        let text = "A note from the operator (n1):";
        for _ in 0..ENTERS_MAX {
            assert!(is_enter(&typist.next(&rests(2_600, text))));
        }
        assert!(matches!(typist.next(&rests(2_600, text)), Act::Ignored(_)));
        let mut typist = pasted();
        assert_eq!(typist.next(&Look { drawn: 0, ..rests(5_000, "") }), Act::Wait);
        assert!(matches!(typist.next(&Look { drawn: 0, ..rests(8_100, "") }), Act::Ignored(_)));
    }

    #[test]
    fn what_another_daemon_pasted_is_sent_off_or_seen_to_be_gone() {
        let watch = || Typist::watching(TEXT.to_owned());
        assert!(is_enter(&watch().next(&rests(0, "❯ A note from the operator (n1):"))));
        assert!(matches!(watch().next(&rests(0, "")), Act::Taken(_)));
        assert!(matches!(watch().next(&look(Now::Works, 0, "")), Act::Taken(_)));
        assert_eq!(watch().next(&rests(0, "what is this")), Act::Wait);
        assert!(matches!(watch().next(&rests(10_100, "what is this")), Act::Ignored(_)));
    }
}
