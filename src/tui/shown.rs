//! What is shown of sessions' output: live screens, a recording that is played, pages of a log. Part of the model.

use super::intent::{Move, Want};
use super::live::Live;
use super::logpage::LogPage;
use super::model::Detail;
use super::player::{Mark, Player};
use crate::client::output::Followed;
use crate::core::time::Wall;
use crate::protocol::output::OutputAbout;
use std::collections::{BTreeMap, BTreeSet};

/// What is done to the recording that is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ReplayAct {
    /// Play or pause.
    Play,
    /// The next speed.
    Speed {
        /// Faster or slower.
        faster: bool,
    },
    /// Some seconds on, or back.
    Seconds(i64),
    /// To the beginning or the end.
    End {
        /// Which.
        last: bool,
    },
    /// To the next mark, or the one before.
    Mark {
        /// Which.
        next: bool,
    },
    /// To a part of the whole, in thousandths.
    Part(u16),
}

impl ReplayAct {
    /// What a step in a list means for a recording.
    pub fn of_move(step: Move) -> Self {
        match step {
            Move::Up => Self::Seconds(-60),
            Move::Down => Self::Seconds(60),
            Move::PageUp => Self::Seconds(-600),
            Move::PageDown => Self::Seconds(600),
            Move::First => Self::End { last: false },
            Move::Last => Self::End { last: true },
        }
    }
    /// Does it.
    pub fn to(self, player: &mut Player) {
        let (first, last) = player.span();
        match self {
            Self::Play => player.play(!player.is_playing()),
            Self::Speed { faster } => player.change_speed(faster),
            Self::Seconds(seconds) => player.seek(player.now().saturating_add(seconds.saturating_mul(1000))),
            Self::End { last: false } => player.seek(first),
            Self::End { last: true } => player.seek(last),
            Self::Mark { next } => {
                player.to_mark(next);
            }
            Self::Part(part) => player.seek(first + (last - first) / 1000 * i64::from(part.min(1000))),
        }
    }
}

/// Everything of it.
#[derive(Debug, Default)]
pub struct Shown {
    screens: BTreeMap<String, Live>,
    player: Option<(String, Player)>,
    marks: Option<(String, Vec<Mark>)>,
    logs: BTreeMap<(String, Option<String>), OutputAbout>,
    pages: BTreeMap<(String, u64), LogPage>,
    ticked: Option<Wall>,
}

impl Shown {
    /// The screen of a session as it is now, as far as it is known.
    pub fn screen(&self, session: &str) -> Option<&Live> {
        self.screens.get(session)
    }
    /// The recording of a session that is shown.
    pub fn player(&self, session: &str) -> Option<&Player> {
        self.player.as_ref().filter(|(of, _)| of == session).map(|(_, player)| player)
    }
    /// What is known about a log.
    pub fn log(&self, session: &str, attempt: Option<&String>) -> Option<&OutputAbout> {
        self.logs.get(&(session.to_owned(), attempt.cloned()))
    }
    /// A page of an attempt's log.
    pub fn page(&self, attempt: &str, number: u64) -> Option<&LogPage> {
        self.pages.get(&(attempt.to_owned(), number))
    }
    /// What came of following a session's output.
    pub fn followed(&mut self, session: String, news: Result<Followed, String>) {
        self.screens.entry(session).or_default().take(news);
    }
    /// Takes what a view of this wanted; gives back what is not for it.
    pub fn take(&mut self, want: &Want, detail: Result<Detail, String>) -> Option<Result<Detail, String>> {
        match (want, detail) {
            (Want::Recording { session, .. }, Ok(Detail::Recording(about))) => self.recording(session, *about),
            (Want::Log { session, attempt }, Ok(Detail::Recording(about))) => {
                self.logs.insert((session.clone(), attempt.clone()), *about);
            }
            (Want::Marks(session), Ok(Detail::Marks(marks))) => self.set_marks(session, marks),
            (Want::Page { attempt, number, .. }, Ok(Detail::Page(page))) => {
                self.pages.insert((attempt.clone(), *number), page);
            }
            (Want::Span { session, attempt, .. }, detail) => self.playing(session, attempt, |player| match detail {
                Ok(Detail::Span(span)) => player.take_bytes(span.from, span.bytes),
                Ok(_) => {}
                Err(problem) => player.take_problem(problem),
            }),
            (Want::Times { session, attempt, from, to }, detail) => {
                self.playing(session, attempt, |player| match detail {
                    Ok(Detail::Recording(about)) => player.take_times(*from, *to, &about.times),
                    Ok(_) => {}
                    Err(problem) => player.take_problem(problem),
                });
            }
            (_, detail) => return Some(detail),
        }
        None
    }
    fn recording(&mut self, session: &str, about: OutputAbout) {
        match &mut self.player {
            Some((of, player)) if of == session && player.about().attempt == about.attempt => {
                let at_end = player.now() >= player.span().1;
                player.grown(about);
                if at_end && !player.is_playing() {
                    player.seek(i64::MAX);
                }
            }
            player => {
                let mut new = Player::new(about);
                new.seek(i64::MAX);
                *player = Some((session.to_owned(), new));
                if let Some((_, marks)) = self.marks.take().filter(|(of, _)| of == session) {
                    self.set_marks(session, marks);
                }
            }
        }
    }
    fn playing(&mut self, session: &str, attempt: &str, work: impl FnOnce(&mut Player)) {
        if let Some((of, player)) = &mut self.player
            && of == session
            && player.about().attempt == attempt
        {
            work(player);
            while player.step() {}
        }
    }
    /// The marks of the recording that is shown.
    pub fn set_marks(&mut self, session: &str, marks: Vec<Mark>) {
        if let Some((of, player)) = &mut self.player
            && of == session
        {
            player.set_marks(marks.clone());
        }
        self.marks = Some((session.to_owned(), marks));
    }
    /// Does something to the recording that is shown.
    pub fn act(&mut self, act: ReplayAct) {
        if let Some((_, player)) = &mut self.player {
            act.to(player);
            while player.step() {}
        }
    }
    /// Time went by.
    pub fn tick(&mut self, now: Wall) {
        let passed = self.ticked.replace(now).map_or(0, |last| now.0.saturating_sub(last.0));
        if let Some((_, player)) = &mut self.player {
            // After a pause of the machine the recording goes on where it was.
            player.tick(passed.clamp(0, 1000));
            while player.step() {}
        }
    }
    /// Forgets what no view wants any more.
    pub fn keep(&mut self, wanted: &BTreeSet<Want>) {
        self.screens.retain(|session, _| wanted.contains(&Want::Screen(session.clone())));
        let plays = |session: &str| {
            wanted.iter().any(|want| matches!(want, Want::Recording { session: of, .. } if of == session))
        };
        self.player = self.player.take().filter(|(session, _)| plays(session));
        self.logs.retain(|(session, attempt), _| {
            wanted.contains(&Want::Log { session: session.clone(), attempt: attempt.clone() })
        });
        self.pages.retain(|(of, at), _| {
            wanted
                .iter()
                .any(|want| matches!(want, Want::Page { attempt, number, .. } if attempt == of && number == at))
        });
    }
}
