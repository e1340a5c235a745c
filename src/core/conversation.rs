//! An agent's conversation: which one an attempt begins or goes on with.
//!
//! An agent keeps what was said under an id. One that lets us choose it is given one, the others' ids are found once
//! they have begun to keep theirs. The next attempt goes on with it, unless it is full, was never kept, or did not let
//! itself be taken up: then it begins another and is told by a brief what went before.

use super::exit::{FailureClass, Verdict};
use super::fact::Fact;
use super::ids::AttemptId;
use super::plan::{Launch, SessionPlan};
use super::run::{Attempt, Run};
use super::turn::Turn;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// Longest id of an agent's own that is taken.
const ID_MAX: usize = 200;
/// Most attempts of a run that begin anew because a conversation was full.
pub(super) const MAX_FULL: usize = 3;

/// The conversation of an attempt; the whole of what is known of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conversation {
    /// Its id: the one we chose, or the agent's own. `None` where the agent has none, or it is not known yet.
    pub id: Option<String>,
    /// Whether the attempt goes on with it; else it begins it.
    pub resumed: bool,
    /// Whether the agent was seen to have kept it, so that it can be gone on with.
    pub kept: bool,
    /// Why it is begun or gone on with, in words.
    pub why: String,
}

/// Whether an id can be an argument of an agent: some are written into file names.
pub fn is_id(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !id.is_empty() && id.len() <= ID_MAX && id.starts_with(|c: char| c.is_ascii_alphanumeric()) && id.chars().all(plain)
}

/// A random UUID.
fn uuid(rng: &mut fastrand::Rng) -> String {
    // Version 4, of the usual variant.
    let bits = (rng.u128(..) & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let mut text = String::with_capacity(36);
    for (place, digit) in format!("{bits:032x}").chars().enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = text.write_char(digit);
    }
    text
}

/// The conversation that the next attempt of a run has.
fn next(run: &Run, session: &SessionPlan, rng: &mut fastrand::Rng) -> Conversation {
    let mut begin = |why: &str| {
        let id = Some(uuid(rng));
        Conversation { id, resumed: false, kept: false, why: why.to_owned() }
    };
    let Some(last) = run.last_attempt() else { return begin("first attempt") };
    let Some(before) = &last.conversation else { return begin("nothing is known of a conversation before it") };
    let class = last.verdict.as_ref().map(|verdict| verdict.class);
    if class == Some(FailureClass::ContextFull) {
        return begin("the conversation before it is full");
    }
    if class == Some(FailureClass::Runaway) {
        return begin("the conversation before it ran away");
    }
    if !before.kept {
        return begin("no conversation was kept before it");
    }
    if was_refused(last, before, session) {
        return begin("the conversation before it did not let itself be taken up");
    }
    let why = match &last.verdict {
        Some(Verdict { class, .. }) => format!("goes on after {}", class.as_str().replace('_', " ")),
        None => "goes on".to_owned(),
    };
    Conversation { resumed: true, why, ..before.clone() }
}

/// Whether an attempt that was to go on with a conversation failed so soon that this may be why.
fn was_refused(last: &Attempt, before: &Conversation, session: &SessionPlan) -> bool {
    let quick = last.exit.as_ref().is_some_and(|exit| exit.ran < session.retry.min_uptime && exit.code().is_some());
    let own = last.verdict.as_ref().is_some_and(|verdict| match verdict.class {
        FailureClass::Transient | FailureClass::Permanent | FailureClass::CrashLoop => true,
        FailureClass::ProviderDown
        | FailureClass::UsageLimit
        | FailureClass::Auth
        | FailureClass::Billing
        | FailureClass::ContextFull
        | FailureClass::Stalled
        | FailureClass::Timeout
        | FailureClass::OomKilled
        | FailureClass::KilledOther
        | FailureClass::Operator
        | FailureClass::Lost
        | FailureClass::BudgetExceeded
        | FailureClass::Infra
        | FailureClass::Runaway => false,
    });
    before.resumed && quick && own
}

impl Launch {
    /// Whether a conversation that is full is a reason to begin another.
    pub(super) fn begins_anew(run: &Run) -> bool {
        let launched = run.session.as_ref().is_some_and(|session| session.launch.is_some());
        let full = |attempt: &&Attempt| {
            attempt.verdict.as_ref().is_some_and(|verdict| verdict.class == FailureClass::ContextFull)
        };
        launched && run.attempts.iter().filter(full).count() <= MAX_FULL
    }
}

impl Turn<'_> {
    /// Chooses the conversation of an attempt that is about to be intended, before it counts as the newest.
    pub(super) fn conversation(&mut self, id: &AttemptId) -> Option<Conversation> {
        let state = &self.night.state;
        let session = state.session(&id.run.session).filter(|session| session.launch.is_some())?;
        let run = state.runs.get(&id.run)?;
        Some(next(run, session, &mut self.night.rng))
    }
    /// The agent of an attempt was seen to keep a conversation.
    pub(super) fn conversation_kept(&mut self, attempt: &AttemptId, id: Option<String>) {
        let known = self.run(&attempt.run).and_then(|run| run.attempt(attempt.number));
        let Some(before) = known.and_then(|attempt| attempt.conversation.clone()) else { return };
        let id = id.filter(|id| is_id(id));
        let now = Conversation { id, kept: true, ..before.clone() };
        if now != before {
            self.fact(Fact::Conversation { attempt: attempt.clone(), conversation: Box::new(now) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::Event;
    use crate::core::exit::Ending;
    use crate::core::run::OutputSeen;
    use crate::core::testing::{Desk, code, exit, seconds, session};

    fn agent() -> SessionPlan {
        let launch = Launch { command: vec!["claude".into()], ..Launch::default() };
        SessionPlan { launch: Some(launch), agent: Some("claude".into()), ..session("a") }
    }
    fn known(desk: &Desk) -> Conversation {
        desk.run("a").last_attempt().unwrap().conversation.clone().unwrap()
    }
    fn keeps(desk: &mut Desk, id: Option<&str>) {
        let attempt = desk.attempt("a");
        desk.step(Event::ConversationKept { attempt, id: id.map(str::to_owned) });
    }
    fn killed() -> crate::core::exit::ExitRecord {
        exit(Ending::Signal { signal: 9, core: false })
    }

    #[test]
    fn a_crashed_agent_goes_on_with_what_it_kept_and_so_does_a_new_daemon() {
        let mut desk = Desk::open([agent()]);
        let first = known(&desk);
        assert!(is_id(first.id.as_deref().unwrap()) && !first.resumed && !first.kept);
        assert_eq!(first.id.as_ref().unwrap().len(), 36);
        desk.started("a");
        keeps(&mut desk, first.id.as_deref());
        desk.crash();
        desk.ends("a", killed());
        desk.wait(seconds(3_600));
        let second = known(&desk);
        assert_eq!((second.id, second.resumed, second.kept), (first.id, true, true));
        assert_eq!(second.why, "goes on after killed other");
    }

    #[test]
    fn what_was_not_kept_is_begun_anew_under_another_id() {
        let mut desk = Desk::open([agent()]);
        let first = known(&desk);
        desk.runs("a", killed());
        desk.wait(seconds(3_600));
        let second = known(&desk);
        assert!(!second.resumed && second.id != first.id);
    }

    #[test]
    fn an_id_of_the_agents_own_is_taken_and_one_that_is_none_is_not() {
        let mut desk = Desk::open([agent()]);
        desk.started("a");
        keeps(&mut desk, Some("--dangerously-do-anything"));
        assert_eq!((known(&desk).id, known(&desk).kept), (None, true));
        keeps(&mut desk, Some("ses_e02791043ffe"));
        assert_eq!(known(&desk).id.as_deref(), Some("ses_e02791043ffe"));
        desk.ends("a", killed());
        desk.wait(seconds(3_600));
        assert_eq!(known(&desk).id.as_deref(), Some("ses_e02791043ffe"));
        assert!(known(&desk).resumed);
    }

    #[test]
    fn one_that_cannot_be_taken_up_is_left_behind() {
        let mut desk = Desk::open([agent()]);
        desk.started("a");
        keeps(&mut desk, Some("one"));
        desk.ends("a", killed());
        desk.wait(seconds(3_600));
        assert!(known(&desk).resumed);
        desk.started("a");
        desk.ends("a", crate::core::exit::ExitRecord { ran: seconds(2), ..code(1) });
        desk.wait(seconds(3_600));
        assert!(!known(&desk).resumed, "{:?}", known(&desk));
    }

    #[test]
    fn a_full_one_is_begun_anew_a_few_times_and_a_plain_command_not_at_all() {
        for (plan, starts) in [(agent(), MAX_FULL + 1), (SessionPlan { launch: None, ..agent() }, 1)] {
            let mut desk = Desk::new(crate::core::testing::plan([plan]));
            let rule = crate::core::plan::OutputRule {
                id: "full".into(),
                regex: "full".into(),
                class: FailureClass::ContextFull,
                sessions: Vec::new(),
            };
            let mut plan = desk.night.state.plan.clone();
            plan.rules.push(rule);
            desk.load(plan);
            desk.up(&[]);
            for _ in 0..10 {
                if desk.word("a") == "ended" || desk.run("a").state.is_ended() {
                    break;
                }
                desk.started("a");
                keeps(&mut desk, Some("one"));
                let output = OutputSeen { rule: Some("full".into()), ..OutputSeen::default() };
                desk.ends_with("a", code(1), output);
                desk.wait(seconds(3_600));
                assert!(desk.run("a").attempts.iter().all(|a| a.conversation.as_ref().is_none_or(|c| !c.resumed)));
            }
            assert!(desk.run("a").state.is_ended());
            assert_eq!(desk.run("a").attempts.len(), starts);
        }
    }

    #[test]
    fn ids_are_those_that_agents_give() {
        for id in ["3de864a6-0762-4e5a-a8ba-9a13f5715afe", "ses_e02791043ffeWa4EjYcJ9kqeim", "01a1fd75.x"] {
            assert!(is_id(id), "{id}");
        }
        for id in ["", "-x", "a b", "a/b", "../x", "é", "a\n", &"x".repeat(201)] {
            assert!(!is_id(id), "{id:?}");
        }
        let mut rng = fastrand::Rng::with_seed(3);
        let id = uuid(&mut rng);
        assert!(id.chars().nth(14) == Some('4') && matches!(id.chars().nth(19), Some('8' | '9' | 'a' | 'b')), "{id}");
        assert_ne!(uuid(&mut rng), id);
    }
}
