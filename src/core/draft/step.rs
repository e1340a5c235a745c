//! The decisions about drafts.

use super::{Draft, Purpose, Stage, TRIES_MAX};
use crate::core::agent::AgentSeen;
use crate::core::effect::Effect;
use crate::core::fact::Fact;
use crate::core::ids::{AttemptId, SessionName};
use crate::core::note::clean_text;
use crate::core::plan::SessionPlan;
use crate::core::run::RunState;
use crate::core::ticket::Typed;
use crate::core::turn::Turn;
use std::time::Duration;

/// The wait before it is looked again where a rest was none.
const AGAIN: Duration = Duration::from_secs(5);
/// An agent that was started with something to do may stand at its composer for so long before it begins with it.
const BEGINS_WITHIN: Duration = Duration::from_secs(15);
/// The wait after nothing was typed, doubled each time.
const AFTER_UNTYPED: Duration = Duration::from_secs(30);

impl Turn<'_> {
    /// Something is to be typed at the first rest of an attempt, which its agent could not be started with. Saying it
    /// again changes nothing.
    pub(in crate::core) fn say(&mut self, id: &AttemptId, text: &str) {
        let lives = self.run(&id.run).is_some_and(|run| run.state.live_attempt() == Some(id));
        let known = self.state().drafts.of(id).any(|draft| draft.purpose == Purpose::Start);
        let Some(text) = clean_text(text).filter(|_| lives && !known) else { return };
        let draft = Draft {
            number: self.state().drafts.last + 1,
            attempt: id.clone(),
            purpose: Purpose::Start,
            text,
            tries: 0,
            stage: Stage::Waiting,
        };
        self.draft(draft, "it is typed when its agent comes to rest");
        self.await_rest(id);
    }

    /// Waits for the rest of a running attempt, if anything is to be said to it.
    pub(in crate::core) fn await_rest(&mut self, id: &AttemptId) {
        self.await_rest_after(id, Duration::ZERO);
    }
    fn await_rest_after(&mut self, id: &AttemptId, after: Duration) {
        if self.runs_with_composer(id) && self.state().next_draft(id).is_some() {
            self.effect(Effect::AwaitRest { attempt: id.clone(), after });
        }
    }
    fn runs_with_composer(&self, id: &AttemptId) -> bool {
        let running = self.run(&id.run).is_some_and(|run| run.state == RunState::Running { attempt: id.clone() });
        running && self.judged_by(&id.run).is_some_and(SessionPlan::has_composer)
    }
    /// The living attempt of a session that a text can be typed into.
    pub(in crate::core) fn with_composer(&self, session: &SessionName) -> Option<AttemptId> {
        let run = self.state().open_run(session)?;
        let id = run.state.live_attempt().filter(|_| match run.state {
            RunState::Starting { .. } | RunState::Running { .. } => true,
            RunState::Scheduled { .. }
            | RunState::Waiting { .. }
            | RunState::Queued
            | RunState::Checking { .. }
            | RunState::BackingOff { .. }
            | RunState::Limited { .. }
            | RunState::Held
            | RunState::Stopping { .. }
            | RunState::Ended { .. } => false,
        })?;
        self.judged_by(&run.id).filter(|session| session.has_composer()).map(|_| id.clone())
    }

    /// An agent stands at its empty composer, and nobody else types: what is to be said is typed now, unless what is
    /// known of it speaks against that.
    pub(in crate::core) fn rests(&mut self, id: &AttemptId) {
        if !self.runs_with_composer(id) || self.state().closing() {
            return;
        }
        let Some(draft) = self.state().next_draft(id) else {
            let gone = self.state().drafts.standing(id).filter(|draft| draft.stage == Stage::Waiting).cloned();
            if let Some(draft) = gone {
                let stage = Stage::Dropped { at: self.at.wall };
                self.draft(Draft { stage, ..draft }, "its notes are settled");
            }
            return;
        };
        if let Some(left) = self.may_not_have_begun(id).filter(|_| draft.purpose != Purpose::Start) {
            return self.await_rest_after(id, left);
        }
        let run = self.run(&id.run);
        let seen = run.and_then(|run| run.attempt(id.number)).and_then(|attempt| attempt.output.agent.as_ref());
        let asks = self.state().tickets.standing_of(id).is_some();
        // A conversation that is gone on with may show how it failed before.
        let rests = |seen: &AgentSeen| match draft.purpose {
            Purpose::Start => seen.stands(),
            Purpose::Notes { .. } => seen.is_at_rest(),
        };
        if asks || !seen.is_some_and(|seen| rests(seen)) {
            return self.await_rest_after(id, AGAIN);
        }
        let draft = Draft { stage: Stage::Typing { since: self.at }, ..draft };
        let draft = self.draft(draft, "its agent is at rest");
        self.type_draft(&draft, false);
    }

    /// How long an attempt may still take to begin with what it was started with.
    fn may_not_have_begun(&self, id: &AttemptId) -> Option<Duration> {
        let told = |session: &SessionPlan| session.launch.as_ref().is_some_and(|launch| launch.prompt.is_some());
        self.judged_by(&id.run).filter(|session| told(session))?;
        let started = self.run(&id.run)?.attempt(id.number)?.started.as_ref()?.at;
        let left = BEGINS_WITHIN.saturating_sub(self.at.wall.since(started));
        // A clock that was set back is no reason to wait.
        (!left.is_zero() && self.at.wall >= started).then_some(left)
    }

    /// What came of typing a draft. One that is over by now stays as it is.
    pub(in crate::core) fn draft_typed(&mut self, number: u64, typed: &[String], outcome: &Typed) {
        let Some(draft) = self.state().drafts.known.get(&number).cloned() else { return };
        if !matches!(draft.stage, Stage::Typing { .. }) {
            return;
        }
        let (at, id) = (self.at.wall, draft.attempt.clone());
        match outcome {
            Typed::Taken { seen } => {
                let stage = Stage::Taken { at, typed: typed.to_vec(), seen: seen.clone() };
                self.draft(Draft { stage, ..draft }, seen);
                // There may be more.
                self.await_rest(&id);
            }
            Typed::Untyped { why } if draft.tries + 1 < TRIES_MAX => {
                let (tries, wait) = (draft.tries + 1, AFTER_UNTYPED * 2_u32.saturating_pow(draft.tries));
                self.draft(Draft { stage: Stage::Waiting, tries, ..draft }, &format!("nothing was typed: {why}"));
                self.await_rest_after(&id, wait);
            }
            Typed::Untyped { why } => {
                let why = format!("nothing was typed, {TRIES_MAX} times: {why}");
                self.draft_failed(draft, &[], &why);
            }
            Typed::Ignored { why } => self.draft_failed(draft, typed, why),
        }
    }

    /// It is not typed again, and somebody is told.
    fn draft_failed(&mut self, draft: Draft, typed: &[String], why: &str) {
        let what = match draft.purpose {
            Purpose::Start => format!("its start prompt was not taken: {why}; look at it with `nightkeep attach`"),
            Purpose::Notes { .. } => format!(
                "{} was not taken: {why}; it is given to the next attempt, or type it yourself with `nightkeep attach`",
                draft.purpose.words()
            ),
        };
        let (part, id) = (format!("typing into {}", draft.session()), draft.attempt.clone());
        let stage = Stage::Failed { at: self.at.wall, typed: typed.to_vec(), why: why.to_owned() };
        self.draft(Draft { stage, ..draft }, why);
        self.fact(Fact::Trouble { part, what });
        self.await_rest(&id);
    }

    /// A daemon begins: what may have been typed is looked after, and what is still to be said waits again.
    pub(in crate::core) fn take_up_drafts(&mut self) {
        let typing: Vec<Draft> = self.state().drafts.known.values().cloned().collect();
        for draft in typing.iter().filter(|draft| matches!(draft.stage, Stage::Typing { .. })) {
            self.type_draft(draft, true);
        }
        let running: Vec<AttemptId> =
            self.state().runs.values().filter_map(|run| run.state.live_attempt().cloned()).collect();
        for id in running {
            self.await_rest(&id);
        }
    }

    fn type_draft(&mut self, draft: &Draft, again: bool) {
        let Stage::Typing { since } = draft.stage else { return };
        self.effect(Effect::TypeDraft {
            draft: draft.number,
            attempt: draft.attempt.clone(),
            text: draft.text.clone(),
            since: since.mono,
            again,
        });
    }

    fn draft(&mut self, draft: Draft, why: &str) -> Draft {
        self.fact(Fact::DraftMoved { draft: Box::new(draft.clone()), why: why.to_owned() });
        draft
    }
}
