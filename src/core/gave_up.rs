//! What is done about an agent that stays where it is after a failure: it gave up, and nobody is there to ask it again.
//!
//! As long as it tries again by itself, says that it will go on by itself, or asks something, it is left alone. One that
//! gave up is ended and started again with its own conversation, by the same rules as one that left with that failure:
//! back-off, the end of the limit, the breaker of its provider. What only a person can mend is left for one to see.

use super::agent::{Activity, AgentSeen, Confidence};
use super::exit::{FailureClass, Verdict};
use super::ids::AttemptId;
use super::plan::SessionPlan;
use super::run::{AfterStop, RunState};
use super::stall::Quiet;
use super::time::Wall;
use super::turn::Turn;
use std::time::Duration;

/// For so long it must have stood there, without a sign of work, before it is believed to have given up.
pub const GIVEN_UP_AFTER: Duration = Duration::from_secs(60);
/// One that said that it goes on by itself at the end of its limit has so long after that.
pub const RESUMES_WITHIN: Duration = Duration::from_secs(180);

/// The failure that an agent gave up after, if it did and another start may mend it.
pub fn given_up(seen: &AgentSeen, now: Wall) -> Option<FailureClass> {
    let stands = seen.since.is_some_and(|since| now.since(since) >= GIVEN_UP_AFTER);
    let idle = seen.activity == Activity::Idle && !seen.retries && seen.prompt.is_none();
    if !idle || !stands || seen.confidence < Confidence::Medium {
        return None;
    }
    let class = seen.class?;
    match class {
        FailureClass::Transient | FailureClass::ProviderDown | FailureClass::ContextFull => Some(class),
        FailureClass::UsageLimit if seen.resumes => {
            let resets = seen.limit.as_ref().and_then(|limit| limit.resets)?;
            (now.0 > resets.0 && now.since(resets) >= RESUMES_WITHIN).then_some(class)
        }
        FailureClass::UsageLimit => Some(class),
        FailureClass::Auth
        | FailureClass::Billing
        | FailureClass::Permanent
        | FailureClass::Stalled
        | FailureClass::Timeout
        | FailureClass::OomKilled
        | FailureClass::KilledOther
        | FailureClass::Operator
        | FailureClass::Lost
        | FailureClass::CrashLoop
        | FailureClass::BudgetExceeded
        | FailureClass::Infra
        | FailureClass::Runaway => None,
    }
}

/// The rule of the verdict about an attempt that was ended because its agent gave up.
pub const RULE: &str = "intent/gave-up";

/// Whether a verdict is about one that gave up.
pub(super) fn is_of(verdict: &Verdict) -> bool {
    verdict.rule == RULE
}

/// Whether an agent that stands where it failed is ended and started again, once nothing moved for
/// [`GIVEN_UP_AFTER`]. One that said that it goes on by itself is not meant.
pub fn comes_again(session: &SessionPlan, seen: &AgentSeen) -> bool {
    let long_after = seen.since.map(|since| since.plus(GIVEN_UP_AFTER));
    let class = long_after.filter(|_| !seen.resumes).and_then(|then| given_up(seen, then));
    class.is_some_and(|class| may_start_again(session, class))
}

/// Whether a session may be started again on its own: it was told what to do by the file, not by a person at its screen.
fn may_start_again(session: &SessionPlan, class: FailureClass) -> bool {
    let told = session.launch.as_ref().is_some_and(|launch| launch.prompt.is_some());
    // What the file keeps from going on by itself is left standing, for a person.
    let forbidden = class == FailureClass::UsageLimit && session.resume.max == Some(0);
    told && !forbidden
}

impl Turn<'_> {
    /// Ends an agent that gave up, so that it can be started again. Says whether it did.
    pub(super) fn gave_up(&mut self, id: &AttemptId, quiet: &Quiet) -> bool {
        let Some(run) = self.run(&id.run) else { return false };
        if run.state != (RunState::Running { attempt: id.clone() }) || quiet.quiet < GIVEN_UP_AFTER {
            return false;
        }
        let Some(seen) = run.attempt(id.number).and_then(|attempt| attempt.output.agent.as_ref()) else { return false };
        let Some(class) = given_up(seen, self.at.wall) else { return false };
        if !self.judged_by(&id.run).is_some_and(|session| may_start_again(session, class)) {
            return false;
        }
        let what = format!("gave up after {} and waits for somebody", class.as_str().replace('_', " "));
        self.stop(id, AfterStop::GaveUp { class }, None, &what);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::Event;
    use crate::core::exit::{Ending, ExitRecord};
    use crate::core::limit::{LimitSeen, ResumePolicy};
    use crate::core::plan::Launch;
    use crate::core::testing::{Desk, exit, seconds, session};
    use std::collections::BTreeMap;

    fn agent() -> SessionPlan {
        let launch = Launch { command: vec!["codex".into()], prompt: Some("do it".into()), ..Launch::default() };
        SessionPlan { launch: Some(launch), agent: Some("codex".into()), ..session("a") }
    }
    fn idle(class: FailureClass) -> AgentSeen {
        AgentSeen {
            profile: "codex".into(),
            activity: Activity::Idle,
            class: Some(class),
            rule: "codex/error@1".into(),
            confidence: Confidence::High,
            ..AgentSeen::default()
        }
    }
    fn sees(desk: &mut Desk, seen: AgentSeen) {
        let attempt = desk.attempt("a");
        let seen = AgentSeen { since: Some(desk.at.wall), ..seen };
        desk.step(Event::AgentSeen { attempt, bytes: 1, seen: Box::new(seen) });
    }
    /// Time passes in silence, with a look now and then.
    fn silence(desk: &mut Desk, span: u64) {
        for passed in (30..=span).step_by(30) {
            desk.pass(seconds(30));
            let quiet = Quiet { quiet: seconds(passed), since: desk.at.wall, by: None, signs: Vec::new() };
            let (attempt, deadlines) = (desk.attempt("a"), BTreeMap::new());
            desk.step(Event::Sampled { attempt, quiet: Some(quiet), deadlines });
        }
    }
    fn stopped(desk: &mut Desk) {
        let exit = ExitRecord { stopped: true, ..exit(Ending::Signal { signal: 15, core: false }) };
        desk.ends("a", exit);
    }

    #[test]
    fn one_that_gave_up_is_started_again_by_the_rules_of_its_failure() {
        for (class, word, counted) in [
            (FailureClass::Transient, "backing_off", 1),
            (FailureClass::ProviderDown, "limited", 0),
            (FailureClass::UsageLimit, "limited", 0),
            (FailureClass::ContextFull, "backing_off", 1),
        ] {
            let mut desk = Desk::open([agent()]);
            desk.started("a");
            sees(&mut desk, idle(class));
            silence(&mut desk, 30);
            assert_eq!(desk.word("a"), "running", "{class:?}: it may only be between two things");
            silence(&mut desk, 120);
            assert_eq!(desk.word("a"), "stopping", "{class:?}");
            desk.crash();
            stopped(&mut desk);
            assert_eq!(desk.word("a"), word, "{class:?}: {}", desk.run("a").reason);
            assert_eq!(desk.run("a").counted, counted, "{class:?}");
            let verdict = desk.run("a").last_attempt().unwrap().verdict.clone().unwrap();
            assert_eq!((verdict.class, verdict.rule.as_str()), (class, "intent/gave-up"));
        }
    }

    #[test]
    fn one_that_stood_at_a_limit_comes_again_soon_after_its_end() {
        let plan = SessionPlan { provider: Some("anthropic".into()), ..agent() };
        let mut desk = Desk::open([plan]);
        desk.started("a");
        let resets = Some(desk.at.wall.plus(seconds(20)));
        let limit = Some(LimitSeen { resets, ..LimitSeen::default() });
        sees(&mut desk, AgentSeen { limit, ..idle(FailureClass::UsageLimit) });
        silence(&mut desk, 120);
        assert_eq!(desk.word("a"), "stopping");
        stopped(&mut desk);
        assert_eq!(desk.word("a"), "limited");
        desk.wait(seconds(100));
        assert_eq!((desk.word("a"), desk.run("a").attempts.len()), ("starting", 2), "{}", desk.run("a").reason);
    }

    #[test]
    fn whoever_tries_asks_or_goes_on_by_itself_is_left_alone() {
        let mut desk = Desk::open([agent()]);
        desk.started("a");
        let retries = AgentSeen { retries: true, activity: Activity::Working, ..idle(FailureClass::ProviderDown) };
        let guess = AgentSeen { confidence: Confidence::Low, ..idle(FailureClass::Transient) };
        let works = AgentSeen { activity: Activity::Working, class: None, ..idle(FailureClass::Transient) };
        for seen in [retries, guess, works, idle(FailureClass::Auth), idle(FailureClass::Billing)] {
            sees(&mut desk, seen.clone());
            silence(&mut desk, 120);
            assert_eq!(desk.word("a"), "running", "{seen:?}");
        }
        let resets = Some(desk.at.wall.plus(seconds(600)));
        let limit = Some(LimitSeen { resets, ..LimitSeen::default() });
        sees(&mut desk, AgentSeen { resumes: true, limit, ..idle(FailureClass::UsageLimit) });
        silence(&mut desk, 120);
        assert_eq!(desk.word("a"), "running", "it waits for the end of its limit");
        silence(&mut desk, 600);
        assert_eq!(desk.word("a"), "running", "its limit is over, and it has a little more time");
        silence(&mut desk, 120);
        assert_eq!(desk.word("a"), "stopping", "it did not go on");
    }

    #[test]
    fn what_a_person_began_or_the_file_forbids_is_let_be() {
        let by_hand = Launch { prompt: None, ..agent().launch.unwrap() };
        let never = ResumePolicy { until: None, max: Some(0) };
        for plan in [
            SessionPlan { launch: Some(by_hand), ..agent() },
            SessionPlan { launch: None, ..agent() },
            SessionPlan { resume: never, ..agent() },
        ] {
            let mut desk = Desk::open([plan]);
            desk.started("a");
            sees(&mut desk, idle(FailureClass::UsageLimit));
            silence(&mut desk, 300);
            assert_eq!(desk.word("a"), "running");
        }
    }
}
