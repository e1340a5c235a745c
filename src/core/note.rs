//! Notes from the operator to a session: carried over attempts and nights until somebody says that they are settled.
//!
//! A note is given to every attempt that starts while it is open. Which ones those were follows from the journal: an
//! attempt that is intended takes all notes of its session that are open at that moment. To an agent that runs already it
//! is typed when that comes to rest (`draft`).

use super::draft::{Draft, Purpose};
use super::fact::{Actor, Fact};
use super::ids::{AttemptId, NightId, SessionName};
use super::time::Wall;
use super::turn::Turn;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest text of a note, in characters.
pub const TEXT_MAX: usize = 4_000;
/// Most open notes of one session.
pub const OPEN_MAX: usize = 50;
/// Most settled notes that are kept in the state; the journal has the rest.
const SETTLED_KEPT: usize = 200;
/// Attempts of which a note remembers that they got it; more are only counted.
const GIVEN_KEPT: usize = 20;

/// That a note was typed into a running program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypedNote {
    /// Of which attempt.
    pub attempt: AttemptId,
    /// When it was seen to be taken.
    pub at: Wall,
}

/// A note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Its number: `n3` is 3.
    pub number: u64,
    /// The session it is for.
    pub session: SessionName,
    /// What it says: lines without control characters, at most [`TEXT_MAX`] characters.
    pub text: String,
    /// Who wrote it.
    pub by: Actor,
    /// When.
    pub at: Wall,
    /// The night in which it was written; `None` when none was open.
    pub night: Option<NightId>,
    /// The last attempts that were given it, at their start or by typing, oldest first.
    #[serde(default)]
    pub given: Vec<AttemptId>,
    /// How many there were in all.
    #[serde(default)]
    pub times_given: u32,
    /// Who said that it is settled; `None` while it is open.
    #[serde(default)]
    pub settled: Option<SettledNote>,
    /// When it was typed into running programs, oldest first: the last of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub typed: Vec<TypedNote>,
}

/// That a note is settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettledNote {
    /// When.
    pub at: Wall,
    /// Who said so, and why.
    pub by: Actor,
}

impl Note {
    /// Its id: `n3`.
    pub fn id(&self) -> String {
        format!("n{}", self.number)
    }
    /// Whether it is still carried.
    pub fn is_open(&self) -> bool {
        self.settled.is_none()
    }
    /// Notes that it was given to an attempt.
    pub fn give(&mut self, attempt: &AttemptId) {
        if self.given.last() == Some(attempt) {
            return;
        }
        self.times_given = self.times_given.saturating_add(1);
        self.given.push(attempt.clone());
        if self.given.len() > GIVEN_KEPT {
            self.given.remove(0);
        }
    }
}

/// All notes that are known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notes {
    /// By number.
    pub known: BTreeMap<u64, Note>,
    /// The last number given.
    pub last: u64,
}

impl Notes {
    /// The note with this id.
    pub fn by_id(&self, id: &str) -> Option<&Note> {
        self.known.get(&id.strip_prefix('n')?.parse().ok()?)
    }
    /// The notes of a session, oldest first.
    pub fn of<'n>(&'n self, session: &'n SessionName) -> impl Iterator<Item = &'n Note> {
        self.known.values().filter(move |note| note.session == *session)
    }
    /// Those that are carried.
    pub fn open<'n>(&'n self, session: &'n SessionName) -> impl Iterator<Item = &'n Note> {
        self.of(session).filter(|note| note.is_open())
    }
    /// Those that an attempt was started with.
    pub fn given_to<'n>(&'n self, attempt: &'n AttemptId) -> impl Iterator<Item = &'n Note> {
        self.of(&attempt.run.session).filter(|note| note.given.contains(attempt))
    }

    /// A note as it is now.
    pub(super) fn moved(&mut self, note: &Note) {
        self.last = self.last.max(note.number);
        self.known.insert(note.number, note.clone());
        let settled = self.known.values().filter(|known| !known.is_open()).count();
        if settled > SETTLED_KEPT
            && let Some(oldest) = self.known.values().find(|known| !known.is_open()).map(|known| known.number)
        {
            self.known.remove(&oldest);
        }
    }
    /// An attempt is about to be started: it takes the open notes of its session.
    pub(super) fn intended(&mut self, attempt: &AttemptId) {
        for note in self.known.values_mut().filter(|note| note.session == attempt.run.session && note.is_open()) {
            note.give(attempt);
        }
    }
    /// A draft moved: the notes of one that was taken are given.
    pub(super) fn typed(&mut self, draft: &Draft, at: Wall) {
        let Purpose::Notes { notes } = &draft.purpose else { return };
        if !draft.is_taken() {
            return;
        }
        for note in notes {
            let Some(note) = self.known.get_mut(note) else { continue };
            note.give(&draft.attempt);
            note.typed.push(TypedNote { attempt: draft.attempt.clone(), at });
            if note.typed.len() > GIVEN_KEPT {
                note.typed.remove(0);
            }
        }
    }
    /// Another night has begun: what is settled is history.
    pub(super) fn new_night(&mut self) {
        self.known.retain(|_, note| note.is_open());
    }
}

/// The text without what a terminal would act on, cut to its bound; `None` when nothing is left.
pub fn clean_text(text: &str) -> Option<String> {
    let plain = text.replace("\r\n", "\n").replace('\t', "    ");
    let kept: String = plain.chars().filter(|c| *c == '\n' || !c.is_control()).take(TEXT_MAX).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

impl Turn<'_> {
    /// `note`: something the operator wants the session to know.
    pub(super) fn note(&mut self, session: &SessionName, text: &str, by: &Actor) {
        let answer = self.take_note(session, text, by);
        self.acted("note", session.as_str(), by, answer);
    }

    fn take_note(&mut self, session: &SessionName, text: &str, by: &Actor) -> String {
        if self.state().session(session).is_none() {
            return format!("no such session: {session}");
        }
        let Some(text) = clean_text(text) else { return "the note says nothing".to_owned() };
        if self.state().notes.open(session).any(|note| note.text == text) {
            return "done: it is there already".to_owned();
        }
        if self.state().notes.open(session).count() >= OPEN_MAX {
            return format!("{session} has {OPEN_MAX} open notes; settle one first");
        }
        let note = Note {
            number: self.state().notes.last + 1,
            session: session.clone(),
            text,
            by: by.clone(),
            at: self.at.wall,
            night: self.state().open_night().map(|night| night.id.clone()),
            given: Vec::new(),
            times_given: 0,
            settled: None,
            typed: Vec::new(),
        };
        let id = note.id();
        self.fact(Fact::NoteMoved { note: Box::new(note) });
        let Some(attempt) = self.with_composer(session) else {
            return format!("done: {id}, given to its next attempt");
        };
        self.await_rest(&attempt);
        format!("done: {id}, typed when its agent next stands at its prompt, else given to its next attempt")
    }

    /// A night begins: what is carried into it is told among its facts.
    pub(super) fn carry_notes(&mut self) {
        let open: Vec<Note> = self.state().notes.known.values().filter(|note| note.is_open()).cloned().collect();
        for note in open {
            self.fact(Fact::NoteMoved { note: Box::new(note) });
        }
    }

    /// `note --done`: a note is carried no longer.
    pub(super) fn note_done(&mut self, id: &str, by: &Actor) {
        let known = self.state().notes.by_id(id).cloned();
        let target = known.as_ref().map_or_else(|| id.to_owned(), |note| note.session.to_string());
        let answer = match known {
            None => format!("there is no note {id}"),
            Some(note) if !note.is_open() => format!("done: {id} was settled already"),
            Some(mut note) => {
                note.settled = Some(SettledNote { at: self.at.wall, by: by.clone() });
                self.fact(Fact::NoteMoved { note: Box::new(note) });
                format!("done: {id} is settled")
            }
        };
        self.acted("note done", &target, by, answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::Event;
    use crate::core::testing::{Desk, anna, code, name, seconds, session};

    fn write(desk: &mut Desk, session: &str, text: &str) -> String {
        let step = desk.step(Event::Note { session: name(session), text: text.to_owned(), by: anna() });
        step.answers().map(|(_, words)| words.to_owned()).collect()
    }

    fn settle(desk: &mut Desk, id: &str) -> String {
        let step = desk.step(Event::NoteDone { note: id.to_owned(), by: anna() });
        step.answers().map(|(_, words)| words.to_owned()).collect()
    }

    #[test]
    fn a_note_goes_to_every_attempt_until_it_is_settled() {
        let mut desk = Desk::open([session("a"), session("b")]);
        assert_eq!(write(&mut desk, "a", "use the small batch"), "done: n1, given to its next attempt");
        let given = |desk: &Desk| desk.night.state.notes.known[&1].times_given;
        assert_eq!(given(&desk), 0, "the first attempt was on its way already");
        desk.runs("a", code(1));
        desk.wait(seconds(3_600));
        assert_eq!(given(&desk), 1);
        desk.runs("a", code(1));
        desk.wait(seconds(3_600));
        assert_eq!(given(&desk), 2, "it is carried on");
        let attempt = desk.attempt("a");
        assert_eq!(desk.night.state.notes.given_to(&attempt).count(), 1);
        assert_eq!(settle(&mut desk, "n1"), "done: n1 is settled");
        desk.runs("a", code(1));
        desk.wait(seconds(3_600));
        assert_eq!(given(&desk), 2);
        assert_eq!(settle(&mut desk, "n1"), "done: n1 was settled already");
    }

    #[test]
    fn notes_come_back_from_the_rows_and_outlive_the_night_only_while_open() {
        let mut desk = Desk::open([session("a")]);
        write(&mut desk, "a", "one");
        write(&mut desk, "a", "two");
        settle(&mut desk, "n1");
        let before = desk.night.state.notes.clone();
        desk.crash();
        assert_eq!(desk.night.state.notes, before);
        desk.runs("a", code(0));
        desk.down();
        desk.up_on("2026-11-22", &[]);
        let open: Vec<u64> = desk.night.state.notes.known.keys().copied().collect();
        assert_eq!(open, [2]);
        assert_eq!(write(&mut desk, "a", "three"), "done: n3, given to its next attempt", "no number is used twice");
    }

    #[test]
    fn what_is_no_note_is_refused_in_words() {
        let mut desk = Desk::open([session("a")]);
        assert_eq!(write(&mut desk, "zz", "x"), "no such session: zz");
        assert_eq!(write(&mut desk, "a", " \u{1b}\u{7}\n "), "the note says nothing");
        assert_eq!(settle(&mut desk, "n9"), "there is no note n9");
        assert_eq!(settle(&mut desk, "9"), "there is no note 9");
        for i in 0..OPEN_MAX {
            assert!(write(&mut desk, "a", &format!("note {i}")).starts_with("done"));
        }
        assert_eq!(write(&mut desk, "a", "note 3"), "done: it is there already");
        assert_eq!(write(&mut desk, "a", "one more"), "a has 50 open notes; settle one first");
    }

    #[test]
    fn the_text_is_bounded_and_cannot_act_on_a_terminal() {
        assert_eq!(clean_text("a\u{1b}[31m\tb\r\nc\u{9b}d\n").as_deref(), Some("a[31m    b\ncd"));
        assert_eq!(clean_text(&"x".repeat(9_000)).map(|text| text.chars().count()), Some(TEXT_MAX));
        assert_eq!(clean_text("\n\t \u{0}"), None);
    }
}
