//! The decisions about tickets.

use super::choice::{self, words};
use super::policy::{Ruling, judge};
use super::{Answer, Asked, BACK_WITHIN, HOLDS_SLOT, Say, Stage, Ticket};
use crate::core::effect::Effect;
use crate::core::fact::{Actor, Fact};
use crate::core::ids::{AttemptId, SessionName};
use crate::core::run::RunState;
use crate::core::state::State;
use crate::core::time::Wall;
use crate::core::turn::Turn;

/// What came of typing an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// It was taken; what shows it.
    Taken {
        /// In words.
        seen: String,
    },
    /// Nothing was typed.
    Untyped {
        /// Why.
        why: String,
    },
    /// It was typed, and nothing shows that it was taken.
    Ignored {
        /// What was seen instead.
        why: String,
    },
}

/// Why an answer is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Nothing is asked, or something else by now.
    Over(String),
    /// What was said is no answer to it.
    Unfit(String),
}

impl Refused {
    /// In words.
    pub fn words(&self) -> &str {
        match self {
            Self::Over(words) | Self::Unfit(words) => words,
        }
    }
}

/// What an answer comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// It is to be typed.
    Type {
        /// For which ticket.
        ticket: u64,
        /// What.
        say: Say,
    },
    /// It was given already.
    Given {
        /// For which ticket.
        ticket: u64,
        /// In words.
        words: String,
    },
}

/// What a person's answer comes to as things stand. `id` is the ticket they saw, if they say so.
pub fn wish(state: &State, session: &SessionName, said: &str, id: Option<&str>) -> Result<Wish, Refused> {
    let tickets = &state.tickets;
    let meant = id.map(|id| tickets.by_id(id).filter(|ticket| ticket.session() == session));
    if let (Some(id), Some(None)) = (id, meant) {
        return Err(Refused::Over(format!("{session} has no ticket {id}")));
    }
    let standing = tickets.standing(session);
    let over = match (meant.flatten(), standing) {
        (Some(meant), _) if meant.is_over() => Some(meant),
        (None, None) => tickets.of(session).next_back(),
        (Some(_), _) | (None, Some(_)) => None,
    };
    if let Some(over) = over {
        let same = choice::meant(&over.prompt, said).ok();
        return match (over.answer(), standing) {
            (Some(answer), _) if same.as_ref() == Some(&answer.say) => {
                Ok(Wish::Given { ticket: over.number, words: format!("it was answered already: {}", answer.words) })
            }
            (_, Some(now)) => {
                Err(Refused::Over(format!("{} is over; it {} now ({})", over.id(), now.words(), now.id())))
            }
            (Some(answer), None) => {
                let by = &answer.by.who;
                Err(Refused::Over(format!(
                    "{session} asks nothing; its last question was answered by {by}: {}",
                    answer.words
                )))
            }
            (None, None) => Err(Refused::Over(format!("{session} asks nothing any more"))),
        };
    }
    let Some(ticket) = standing else {
        return Err(Refused::Over(format!("{session} asks nothing")));
    };
    let unfit = |unfit: choice::Unfit| Refused::Unfit(format!("{session} {}: {unfit}", ticket.words()));
    let say = choice::meant(&ticket.prompt, said).map_err(unfit)?;
    match &ticket.stage {
        Stage::Answering { answer } if answer.say == say => {
            Ok(Wish::Given { ticket: ticket.number, words: format!("it is being answered already: {}", answer.words) })
        }
        Stage::Answering { answer } => {
            Err(Refused::Over(format!("{} is being answered by {}: {}", ticket.id(), answer.by.who, answer.words)))
        }
        Stage::Open | Stage::Answered { .. } | Stage::Gone { .. } | Stage::Expired { .. } => {
            let runs = state.runs.get(&ticket.attempt.run).is_some_and(|run| runs(&run.state, &ticket.attempt));
            if runs {
                Ok(Wish::Type { ticket: ticket.number, say })
            } else {
                Err(Refused::Over(format!("{session} is being stopped")))
            }
        }
    }
}

fn runs(state: &RunState, id: &AttemptId) -> bool {
    matches!(state, RunState::Running { attempt } if attempt == id)
}

impl Turn<'_> {
    /// What an attempt asks was looked at; `None` when it asks nothing.
    pub(in crate::core) fn prompted(&mut self, id: &AttemptId, asked: Option<&Asked>) {
        if !self.run(&id.run).is_some_and(|run| runs(&run.state, id)) {
            return;
        }
        let standing = self.state().tickets.standing_of(id).cloned();
        let ticket = match (standing, asked) {
            (None, None) => return,
            // Whoever types the answer sees what came of it.
            (Some(Ticket { stage: Stage::Answering { .. }, .. }), _) => return,
            (Some(ticket), None) => return self.gone(ticket, "it went on by itself"),
            (Some(ticket), Some(asked)) if ticket.mark == asked.mark() => ticket,
            (Some(ticket), Some(asked)) => {
                self.gone(ticket, "it asks something else now");
                self.opened(id, asked)
            }
            (None, Some(asked)) => self.opened(id, asked),
        };
        if let Some(asked) = asked.filter(|asked| asked.stable && !ticket.judged) {
            self.rule_on(ticket, asked);
        }
    }

    /// `answer`: a person says what is to be answered. `id` is the ticket they saw.
    pub(in crate::core) fn answer_ticket(&mut self, session: &SessionName, said: &str, id: Option<&str>, by: &Actor) {
        let result = match wish(self.state(), session, said, id) {
            Err(refused) => refused.words().to_owned(),
            Ok(Wish::Given { words, .. }) => format!("done: {words}"),
            Ok(Wish::Type { ticket, say }) => match self.state().tickets.known.get(&ticket).cloned() {
                None => format!("{session} asks nothing"),
                Some(ticket) => {
                    let id = ticket.id();
                    let words = words(&ticket.prompt, &say);
                    let what = format!("done: {id} is answered: {words}");
                    let answer = Answer { say, words, by: by.clone(), at: self.at, rule: None };
                    self.type_answer(ticket, answer, "answered by a person");
                    what
                }
            },
        };
        self.acted("answer", session.as_str(), by, result);
    }

    /// Gives the slots of those free that nobody answers, and says when the next one is due.
    pub(in crate::core) fn park_asking(&mut self) -> Option<Wall> {
        let asking = |ticket: &&Ticket| ticket.is_open() && !ticket.parked;
        let open: Vec<Ticket> = self.state().tickets.all_standing().filter(asking).cloned().collect();
        let mut next: Option<Wall> = None;
        for ticket in open {
            let due = ticket.since.plus(HOLDS_SLOT);
            if due > self.at.wall {
                next = Some(next.map_or(due, |known| known.min(due)));
            } else if self.run(&ticket.attempt.run).is_some_and(|run| runs(&run.state, &ticket.attempt)) {
                self.ticket(Ticket { parked: true, ..ticket }, "nobody answers; its slot is free for others");
                self.relations_changed = true;
            }
        }
        next
    }

    /// What came of typing an answer. A ticket that is over by now stays as it is.
    pub(in crate::core) fn answer_typed(&mut self, number: u64, typed: &[String], outcome: &Typed) {
        let Some(ticket) = self.state().tickets.known.get(&number).cloned() else { return };
        let Stage::Answering { answer } = &ticket.stage else { return };
        let lives = self.run(&ticket.attempt.run).is_some_and(|run| run.state.live_attempt() == Some(&ticket.attempt));
        let stands = if lives { Stage::Open } else { Stage::Expired { at: self.at.wall } };
        match outcome {
            Typed::Taken { seen } => {
                let stage = Stage::Answered {
                    answer: answer.clone(),
                    at: self.at.wall,
                    typed: typed.to_vec(),
                    seen: seen.clone(),
                };
                let why = format!("typed {}; {seen}", listed(typed));
                self.ticket(Ticket { stage, note: None, ..ticket }, &why);
            }
            Typed::Untyped { why } => {
                let note = Some(format!("the answer was not typed: {why}"));
                let why = format!("nothing was typed: {why}");
                self.ticket(Ticket { stage: stands, note, judged: true, ..ticket }, &why);
            }
            Typed::Ignored { why } => {
                let what = format!("typed {}, and {why}", listed(typed));
                let note = Some(format!("the answer {:?} was {what}", answer.words));
                self.ticket(Ticket { stage: stands, note, judged: true, ..ticket }, &what);
            }
        }
    }

    /// A daemon begins: answers that were decided and may not have been typed are asked for again.
    pub(in crate::core) fn take_up_answers(&mut self) {
        let tickets: Vec<Ticket> = self.state().tickets.all_standing().cloned().collect();
        for ticket in tickets {
            if let Stage::Answering { answer } = &ticket.stage {
                let answer = answer.clone();
                self.ask_to_type(&ticket, answer, true);
            }
        }
    }

    fn opened(&mut self, id: &AttemptId, asked: &Asked) -> Ticket {
        let (mark, now) = (asked.mark(), self.at.wall);
        let back = |ticket: &&Ticket| match ticket.stage {
            Stage::Gone { at } => ticket.attempt == *id && ticket.mark == mark && now.since(at) < BACK_WITHIN,
            Stage::Open | Stage::Answering { .. } | Stage::Answered { .. } | Stage::Expired { .. } => false,
        };
        let back = self.state().tickets.known.values().next_back().filter(back).cloned();
        if let Some(ticket) = back {
            let ticket = Ticket { stage: Stage::Open, ..ticket };
            self.clock_due = true;
            return self.ticket(ticket, "it still asks");
        }
        let ticket = Ticket {
            number: self.state().tickets.last + 1,
            attempt: id.clone(),
            prompt: asked.prompt.clone(),
            mark,
            profile: asked.profile.clone(),
            rule: asked.rule.clone(),
            version: asked.version.clone(),
            since: now,
            stage: Stage::Open,
            judged: false,
            note: None,
            parked: false,
        };
        self.clock_due = true;
        let why = ticket.words();
        self.ticket(ticket, &why)
    }

    fn gone(&mut self, ticket: Ticket, why: &str) {
        let stage = Stage::Gone { at: self.at.wall };
        self.ticket(Ticket { stage, ..ticket }, why);
    }

    /// Asks the rules of the file, once for each ticket.
    fn rule_on(&mut self, ticket: Ticket, asked: &Asked) {
        let run = ticket.attempt.run.clone();
        // The file in force counts, not the one the attempt began with: a rule that was taken out allows nothing more.
        let rules = self.state().session(&run.session).map(|session| session.answers.clone()).unwrap_or_default();
        let now = self.at.wall;
        let version = asked.version.clone().or_else(|| ticket.version.clone());
        let ticket = Ticket { judged: true, version, ..ticket };
        match judge(&rules, asked, &self.state().tickets, (&run.session, now)) {
            Ruling::Person { why: None } => {}
            Ruling::Person { why: Some(why) } => {
                self.ticket(Ticket { note: Some(why.clone()), ..ticket }, &why);
            }
            Ruling::Answer { number, rule } => {
                let say = Say::Choice { number };
                let words = words(&ticket.prompt, &say);
                let by = Actor { who: "nightkeep".to_owned(), reason: Some(format!("rule {}", rule.words)) };
                let why = format!("the rule {} ({}) answers: {words}", rule.words, rule.hash);
                let answer = Answer { say, words, by, at: self.at, rule: Some(rule) };
                self.type_answer(ticket, answer, &why);
            }
        }
    }

    fn type_answer(&mut self, ticket: Ticket, answer: Answer, why: &str) {
        let stage = Stage::Answering { answer: answer.clone() };
        let ticket = self.ticket(Ticket { stage, note: None, ..ticket }, why);
        self.ask_to_type(&ticket, answer, false);
    }

    fn ask_to_type(&mut self, ticket: &Ticket, answer: Answer, again: bool) {
        self.effect(Effect::Answer {
            ticket: ticket.number,
            attempt: ticket.attempt.clone(),
            mark: ticket.mark.clone(),
            say: answer.say,
            since: answer.at.mono,
            again,
        });
    }

    fn ticket(&mut self, ticket: Ticket, why: &str) -> Ticket {
        self.fact(Fact::TicketMoved { ticket: Box::new(ticket.clone()), why: why.to_owned() });
        ticket
    }
}

fn listed(typed: &[String]) -> String {
    if typed.is_empty() { "nothing".to_owned() } else { typed.join(", ") }
}
