//! Agents of simulated nights that ask: what they show, who answers, and the promises (T) that are kept about it.
//!
//! T1: nothing is typed twice, nor at another question than the one that is answered. T2: a rule answers only what it
//! names, when it stands still, and no more often than the file says. T3: a question that stands there is one ticket.

use super::judge::{Judged, ensure};
use super::mutants::Mutant;
use super::sim::{Coming, Sim, anna};
use super::world::World;
use fastrand::Rng;
use nightkeep::core::agent::{Choice, Prompt, PromptKind};
use nightkeep::core::effect::Effect;
use nightkeep::core::event::Event;
use nightkeep::core::fact::{Entry, Fact};
use nightkeep::core::ids::AttemptId;
use nightkeep::core::state::State;
use nightkeep::core::ticket::policy::{AnswerKind, AnswerRule, is_simple};
use nightkeep::core::ticket::{Asked, Say, Stage, Typed, mark};
use nightkeep::core::time::{Mono, Wall};
use std::collections::BTreeMap;

const COMMANDS: [&str; 5] = ["git status -s", "git push", "make all", "git status; rm -rf /", "cargo test"];

/// What a program shows and what was typed into it.
#[derive(Debug, Default)]
pub struct Asking {
    /// How often it asked.
    count: u32,
    /// The question that stands there, and since when.
    stands: Option<(Prompt, u64)>,
    /// When something was typed, by the monotonic clock: its recorder knows.
    typed: Vec<Mono>,
}

/// Whether a question stands on the screen of a program.
pub fn asks(world: &World, attempt: &AttemptId) -> bool {
    world.asking.get(attempt).is_some_and(|asking| asking.stands.is_some())
}

/// The rules of a session.
pub fn rules(rng: &mut Rng) -> Vec<AnswerRule> {
    let rule = |command: &str, answer, max_per_hour| AnswerRule {
        prompt: "bash-command".to_owned(),
        command: Some(command.to_owned()),
        answer,
        max_per_hour,
    };
    match rng.u8(0..4) {
        0 => vec![rule("^git (status|diff) ", AnswerKind::Allow, rng.u32(1..4))],
        1 => vec![rule("^git push", AnswerKind::Deny, 2), rule("^(git|make) ", AnswerKind::Allow, 1)],
        2 => vec![rule("^cargo ", AnswerKind::Ask, 5)],
        _ => Vec::new(),
    }
}

fn prompt(command: &str, now: Wall) -> Prompt {
    let labels = ["Yes", "Yes, and don't ask again", "No"];
    let choice = |(at, label): (usize, &&str)| Choice {
        label: (*label).to_owned(),
        key: Some((at + 1).to_string()),
        selected: at == 0,
    };
    Prompt {
        kind: PromptKind::Permission,
        about: "bash-command".to_owned(),
        question: "Do you want to proceed?".to_owned(),
        command: Some(command.to_owned()),
        choices: labels.iter().enumerate().map(choice).collect(),
        stable_since: now,
    }
}

impl Sim {
    /// Drawn apart, so that questions change nothing else of a seed's night.
    fn aside(&self) -> Rng {
        Rng::with_seed(self.world.t ^ self.sequence)
    }
    /// A program that was just started may ask later.
    pub(super) fn may_ask(&mut self, attempt: &AttemptId) {
        let mut aside = self.aside();
        if aside.u8(0..3) == 0 {
            let when = aside.u64(1_000..600_000);
            self.after(when, Coming::Asks(attempt.clone()));
        }
    }
    fn lives(&self, attempt: &AttemptId) -> bool {
        self.world.dirs.get(attempt).is_some_and(|dir| dir.program.is_some())
    }
    /// A program asks.
    pub(super) fn asks(&mut self, attempt: &AttemptId) {
        if !self.lives(attempt) {
            return;
        }
        let mut aside = self.aside();
        let (t, now) = (self.world.t, self.world.wall());
        let asking = self.world.asking.entry(attempt.clone()).or_default();
        asking.count += 1;
        asking.stands = Some((prompt(COMMANDS[aside.usize(0..COMMANDS.len())], now), t));
        let count = asking.count;
        self.shows(attempt);
        if aside.bool() {
            let alone = aside.u64(500..1_200_000);
            self.after(alone, Coming::GoesOn(attempt.clone(), count));
        }
        if aside.bool() {
            self.after(aside.u64(500..3_600_000), Coming::AnswersPrompt(attempt.clone()));
        }
    }
    /// What the screen shows is looked at soon, and again when it stood still.
    fn shows(&mut self, attempt: &AttemptId) {
        for after in [400, 1_500] {
            self.after(after, Coming::SeesPrompt(self.generation, attempt.clone()));
        }
    }
    /// A program goes on by itself, or because it was answered; then it may ask again.
    pub(super) fn goes_on(&mut self, attempt: &AttemptId, count: u32) {
        let Some(asking) = self.world.asking.get_mut(attempt).filter(|asking| asking.count == count) else { return };
        if asking.stands.take().is_none() {
            return;
        }
        self.shows(attempt);
        let mut aside = self.aside();
        if aside.u8(0..3) > 0 {
            self.after(aside.u64(1_000..120_000), Coming::Asks(attempt.clone()));
        }
    }
    /// The daemon sees what the screen shows.
    pub(super) fn sees_prompt(&mut self, attempt: &AttemptId) -> Judged {
        if self.night.is_none() || !self.lives(attempt) {
            return Ok(());
        }
        let t = self.world.t;
        let stands = self.world.asking.get(attempt).and_then(|asking| asking.stands.as_ref());
        let asked = stands.map(|(prompt, since)| {
            Box::new(Asked {
                prompt: prompt.clone(),
                profile: "claude".to_owned(),
                rule: "claude/permission-bash@1".to_owned(),
                version: None,
                stable: t >= since + 1_500,
            })
        });
        self.step(Event::Prompted { attempt: attempt.clone(), asked })
    }
    /// A daemon that watches anew sees all screens.
    pub(super) fn sees_all_prompts(&mut self) -> Judged {
        let all: Vec<AttemptId> = self.world.asking.keys().cloned().collect();
        all.iter().try_for_each(|attempt| self.sees_prompt(attempt))
    }
    /// A person answers what a session asks.
    pub(super) fn answers_prompt(&mut self, attempt: &AttemptId) -> Judged {
        let Some(night) = &self.night else { return Ok(()) };
        let session = attempt.run.session.clone();
        let mut aside = self.aside();
        let seen = night.state.tickets.standing(&session).map(|ticket| ticket.id());
        let said = ["yes", "no", "2", "maybe"][aside.usize(0..4)].to_owned();
        let ticket = seen.filter(|_| aside.bool());
        let again = aside.u8(0..4) == 0;
        let event = Event::Answer { session, said, ticket, by: anna("seen it") };
        self.step(event.clone())?;
        if again && self.night.is_some() { self.step(event) } else { Ok(()) }
    }
    /// The rim types an answer, after a look at the screen and at what the recorder knows.
    pub(super) fn types(&mut self, effect: &Effect) -> Judged {
        let Effect::Answer { ticket, attempt, mark: wanted, since, .. } = effect else { return Ok(()) };
        let blind = self.how.mutant == Some(Mutant::TypesWithoutLooking);
        let now = self.world.at().mono;
        let lives = self.lives(attempt);
        let asking = self.world.asking.entry(attempt.clone()).or_default();
        let before = asking.typed.iter().any(|at| at >= since);
        let stands = lives && asking.stands.as_ref().is_some_and(|(prompt, _)| mark(prompt) == *wanted);
        let outcome = if blind || (stands && !before) {
            ensure(stands && !before, || format!("T1: t{ticket}: typed into {attempt} twice, or at something else"))?;
            asking.typed.push(now);
            let count = asking.count;
            self.goes_on(attempt, count);
            Typed::Taken { seen: "it is gone".to_owned() }
        } else if before && !stands {
            Typed::Taken { seen: "it was typed before".to_owned() }
        } else if before {
            Typed::Ignored { why: "it still asks".to_owned() }
        } else {
            Typed::Untyped { why: "it asks something else".to_owned() }
        };
        self.soon(3_000, Event::AnswerTyped { ticket: *ticket, typed: vec!["1".to_owned()], outcome });
        self.after(4_500, Coming::SeesPrompt(self.generation, attempt.clone()));
        Ok(())
    }
}

/// What the judge remembers of answers.
#[derive(Default)]
pub struct Answers {
    /// When each rule answered, by session and hash.
    by_rule: BTreeMap<(String, String), Vec<Wall>>,
}

impl Answers {
    pub fn fact(&mut self, event: &Event, entry: &Entry, state: &State, world: &World) -> Judged {
        let Fact::TicketMoved { ticket, .. } = &entry.fact else { return Ok(()) };
        let standing = state.tickets.known.values().filter(|other| other.attempt == ticket.attempt && !other.is_over());
        ensure(standing.count() <= 1, || format!("T3: {} asks more than one thing", ticket.attempt))?;
        let Stage::Answering { answer } = &ticket.stage else { return Ok(()) };
        let Some(by) = &answer.rule else {
            return ensure(matches!(event, Event::Answer { .. }), || format!("T2: nobody answered {}", ticket.id()));
        };
        let stable = matches!(event, Event::Prompted { asked: Some(asked), .. } if asked.stable);
        ensure(stable, || format!("T2: a rule answered {}, whose screen did not stand still", ticket.id()))?;
        let session = ticket.session();
        let rules = state.session(session).map(|session| session.answers.clone()).unwrap_or_default();
        let rule = rules.iter().find(|rule| rule.hash() == by.hash);
        let rule = rule.ok_or_else(|| format!("T2: no rule of the file answered {}", ticket.id()))?;
        let command = ticket.prompt.command.clone().unwrap_or_default();
        ensure(is_simple(&command).is_ok(), || format!("T2: a rule answered {command:?}"))?;
        let said = match rule.answer {
            AnswerKind::Allow => 1,
            AnswerKind::Deny => 3,
            AnswerKind::Ask => 0,
        };
        ensure(answer.say == Say::Choice { number: said }, || format!("T2: a rule said {:?}", answer.say))?;
        let times = self.by_rule.entry((session.to_string(), by.hash.clone())).or_default();
        times.push(entry.at.wall);
        // A clock that was set shows an hour that is none.
        let within = times.iter().filter(|at| entry.at.wall.0.abs_diff(at.0) < 3_600_000).count();
        let most = usize::try_from(rule.max_per_hour).unwrap_or(usize::MAX);
        ensure(world.was_set || within <= most, || format!("T2: {} answered {within} times", by.words))
    }
}
