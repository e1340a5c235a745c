//! Stories of budgets: warned of, used up, raised; of a session, a project, a night.

use crate::core::event::{Event, Verb};
use crate::core::exit::{Ending, ExitRecord, FailureClass};
use crate::core::fact::Fact;
use crate::core::ids::ProjectName;
use crate::core::plan::{Plan, SessionPlan};
use crate::core::run::{AfterStop, RunState};
use crate::core::testing::{Desk, anna, code, exit, facts, plan, seconds, session, session_after, with_project};
use crate::core::usage::{Budget, Money, Scope, Sum, Tokens, Used};
use std::collections::BTreeMap;

const TEN: Budget = Budget { tokens: Some(10_000), usd: None };

fn agent(text: &str) -> SessionPlan {
    SessionPlan { agent: Some("claude".to_owned()), ..session(text) }
}
fn limited(text: &str) -> SessionPlan {
    SessionPlan { budget: TEN, ..agent(text) }
}
fn used(tokens: u64, cents: u64) -> Used {
    let cost = Money(cents * 10_000_000);
    let sum = Sum { tokens: Tokens { input: tokens, ..Tokens::default() }, requests: 1, cost, unpriced: 0 };
    let by = |key: &str| BTreeMap::from([(key.to_owned(), sum)]);
    Used { models: by("m"), days: by("2026-11-21"), ..Used::default() }
}
fn uses(desk: &mut Desk, session: &str, tokens: u64, cents: u64) -> crate::core::night::Step {
    let attempt = desk.attempt(session);
    desk.step(Event::Used { attempt, used: Box::new(used(tokens, cents)) })
}
fn stopped() -> ExitRecord {
    ExitRecord { stopped: true, ..exit(Ending::Signal { signal: 15, core: false }) }
}
fn alerts(desk: &Desk) -> Vec<(String, String)> {
    let open = desk.night.state.alerts.known.values().filter(|alert| alert.holds);
    open.map(|alert| (alert.kind.clone(), alert.title.clone())).collect()
}
fn running(sessions: impl IntoIterator<Item = SessionPlan>, change: impl FnOnce(&mut Plan)) -> Desk {
    let mut plan = with_project(plan(sessions), "home", "/home/anna");
    change(&mut plan);
    let mut desk = Desk::new(plan);
    desk.up(&[]);
    desk
}

#[test]
fn a_budget_is_warned_of_at_eighty_percent_and_stops_at_its_end() {
    let mut desk = Desk::open([limited("a")]);
    desk.started("a");
    uses(&mut desk, "a", 7_900, 1);
    assert_eq!(alerts(&desk), []);
    uses(&mut desk, "a", 8_000, 1);
    let near = ("budget".to_owned(), "the budget of a is nearly used up".to_owned());
    assert_eq!(alerts(&desk), [near]);
    assert_eq!(desk.word("a"), "running");
    let step = uses(&mut desk, "a", 10_000, 1);
    assert_eq!(facts(&step, |fact| matches!(fact, Fact::StopIntended { .. })), 1);
    assert!(matches!(desk.run("a").state, RunState::Stopping { then: AfterStop::Budget, .. }));
    let over = ("budget".to_owned(), "the budget of a is used up".to_owned());
    assert_eq!(alerts(&desk), std::slice::from_ref(&over), "the same alert, and more urgent");
    desk.crash();
    // What was under way when it was stopped still counts.
    uses(&mut desk, "a", 10_500, 1);
    desk.ends("a", stopped());
    let run = desk.run("a");
    assert_eq!((desk.word("a"), run.counted), ("failed", 0));
    assert_eq!(run.last_attempt().unwrap().verdict.as_ref().unwrap().class, FailureClass::BudgetExceeded);
    assert_eq!(run.reason, "the budget of a is used up: 10k of 10k tokens");
    desk.wait(seconds(3_600));
    assert_eq!(desk.run("a").attempts.len(), 1, "it is not tried again");
    let told = alerts(&desk);
    assert!(told.contains(&over), "{told:?}");
    let failed = desk.night.state.alerts.known.values().find(|alert| alert.kind == "failed").unwrap();
    assert_eq!(failed.stage, crate::core::alert::Stage::Inhibited, "one cause is one alert");
}

#[test]
fn nothing_starts_on_a_budget_that_is_used_up_until_it_is_raised() {
    let mut desk = Desk::open([limited("a"), session("plain")]);
    desk.started("a");
    uses(&mut desk, "a", 12_000, 1);
    desk.ends("a", stopped());
    let refused = "the budget of a is used up: 12k of 10k tokens; raise it in the file first";
    assert_eq!(desk.verb(Verb::Start, "a"), refused);
    let run = desk.run("a").id.clone();
    let step = desk.step(Event::Redrive { run: run.clone(), by: anna() });
    assert_eq!(crate::core::testing::answer(&step), refused);
    desk.load(plan([
        SessionPlan { budget: Budget { tokens: Some(20_000), usd: None }, ..agent("a") },
        session("plain"),
    ]));
    assert_eq!(alerts(&desk).iter().filter(|(kind, _)| kind == "budget").count(), 0);
    desk.step(Event::Redrive { run, by: anna() });
    assert_eq!(desk.word("a"), "starting");
    desk.started("a");
    uses(&mut desk, "a", 7_999, 1);
    assert_eq!(desk.word("a"), "running", "both attempts together are just below");
    uses(&mut desk, "a", 8_000, 1);
    assert_eq!(desk.word("a"), "stopping");
}

#[test]
fn a_budget_that_is_lowered_below_what_is_used_stops_at_once() {
    let mut desk = Desk::open([agent("a")]);
    desk.started("a");
    uses(&mut desk, "a", 12_000, 1);
    assert_eq!(desk.word("a"), "running");
    desk.load(plan([limited("a")]));
    assert_eq!(desk.word("a"), "stopping");
}

#[test]
fn a_retry_is_refused_and_who_comes_after_is_not_started() {
    let after = session_after("b", &["a"]);
    let mut desk = Desk::open([limited("a"), after]);
    desk.started("a");
    uses(&mut desk, "a", 9_000, 1);
    desk.ends("a", code(1));
    assert_eq!(desk.word("a"), "backing_off");
    // Its last requests are told after its end.
    uses(&mut desk, "a", 11_000, 1);
    desk.wait(seconds(600));
    assert_eq!((desk.word("a"), desk.word("b")), ("failed", "skipped"));
    assert_eq!(desk.run("a").reason, "not started: the budget of a is used up: 11k of 10k tokens");
}

#[test]
fn what_ends_by_itself_while_it_is_stopped_is_judged_by_its_own_end() {
    let mut desk = Desk::open([limited("a")]);
    desk.started("a");
    uses(&mut desk, "a", 12_000, 1);
    desk.ends("a", code(0));
    assert_eq!(desk.word("a"), "succeeded");
}

#[test]
fn the_night_s_budget_stops_all_agents_and_nothing_else() {
    let night = |plan: &mut Plan| {
        plan.budget = Budget { tokens: None, usd: Some(Money(1_000_000_000)) };
        plan.concurrent = 3;
    };
    let late = SessionPlan { priority: -1, ..agent("late") };
    let mut desk = running([agent("a"), agent("b"), session("plain"), late], night);
    for name in ["a", "b", "plain"] {
        desk.started(name);
    }
    uses(&mut desk, "a", 1_000, 30);
    uses(&mut desk, "b", 1_000, 60);
    assert_eq!(
        alerts(&desk).iter().map(|(_, title)| title.as_str()).collect::<Vec<_>>(),
        ["the budget of the night is nearly used up"]
    );
    uses(&mut desk, "b", 1_200, 71);
    assert_eq!(["a", "b", "plain"].map(|name| desk.word(name)), ["stopping", "stopping", "running"]);
    for name in ["a", "b"] {
        desk.ends(name, stopped());
    }
    assert_eq!(desk.word("late"), "skipped");
    assert_eq!(desk.run("late").reason, "not started: the budget of the night is used up: $1.01 of $1.00");
    desk.runs("plain", code(0));
    let open = alerts(&desk);
    let loud =
        desk.night.state.alerts.known.values().filter(|a| a.holds && a.stage != crate::core::alert::Stage::Inhibited);
    assert_eq!(loud.count(), 1, "one alert for all of them: {open:?}");
    desk.down();
    desk.up_on("2026-11-22", &["late"]);
    assert_eq!(desk.word("late"), "starting", "each night has its own");
}

#[test]
fn a_project_s_budget_is_that_of_its_sessions_together() {
    let home = ProjectName::new("home").unwrap();
    let change = |plan: &mut Plan| {
        plan.projects.get_mut(&ProjectName::new("home").unwrap()).unwrap().budget = TEN;
        plan.sessions.values_mut().filter(|s| s.name.as_str() == "c").for_each(|s| s.project = None);
    };
    let mut desk = running([agent("a"), agent("b"), agent("c")], change);
    for name in ["a", "b", "c"] {
        desk.started(name);
    }
    uses(&mut desk, "c", 50_000, 1);
    uses(&mut desk, "a", 6_000, 1);
    uses(&mut desk, "b", 3_999, 1);
    assert_eq!(desk.night.state.share_of(&Scope::Project(home)).unwrap().percent, 99);
    uses(&mut desk, "b", 4_000, 1);
    assert_eq!(["a", "b", "c"].map(|name| desk.word(name)), ["stopping", "stopping", "running"]);
}

#[test]
fn less_than_is_known_is_nothing_new_and_nothing_is_not_0() {
    let mut desk = Desk::open([limited("a")]);
    desk.started("a");
    assert_eq!(desk.night.state.used_by(&Scope::Night), None);
    assert!(uses(&mut desk, "a", 5_000, 2).facts.len() == 1);
    for again in [5_000, 4_000, 0] {
        assert_eq!(uses(&mut desk, "a", again, 2).facts, [], "{again}");
    }
    let none = Event::Used { attempt: desk.attempt("a"), used: Box::default() };
    assert_eq!(desk.step(none).facts, []);
    let known = desk.night.state.used_by(&Scope::Night).unwrap();
    assert_eq!((known.tokens.total(), known.cost), (5_000, Money(20_000_000)));
    desk.crash();
    assert_eq!(desk.night.state.used_by(&Scope::Night), Some(known));
}

#[test]
fn a_budget_in_dollars_that_unpriced_tokens_escape_is_told_of() {
    let dollars = Budget { tokens: None, usd: Some(Money(1_000_000_000)) };
    let mut desk = Desk::open([SessionPlan { budget: dollars, ..agent("a") }]);
    desk.started("a");
    let mut unpriced = used(5_000, 0);
    unpriced.models.values_mut().for_each(|sum| sum.unpriced = 5_000);
    let attempt = desk.attempt("a");
    desk.step(Event::Used { attempt, used: Box::new(unpriced) });
    let open = alerts(&desk);
    assert_eq!(open, [("unpriced".to_owned(), "the budget of a does not hold all that is used".to_owned())]);
}

#[test]
fn shares_and_amounts_in_words() {
    let sum = |tokens, cents: u64| used(tokens, cents).total();
    let share = |budget: Budget, sum| budget.share(sum).map(|share| (share.percent, share.words));
    let both = Budget { tokens: Some(2_000_000), usd: Some(Money(15_000_000_000)) };
    assert_eq!(share(both, sum(1_700_000, 10)), Some((85, "1.7M of 2M tokens".to_owned())));
    assert_eq!(share(both, sum(1_700_000, 1_499)), Some((99, "$14.99 of $15.00".to_owned())));
    assert_eq!(share(Budget::default(), sum(5, 5)), None);
    assert_eq!(share(Budget { tokens: None, usd: Some(Money(0)) }, sum(5, 5)).unwrap().0, 5_000_000_000);
    let words = [0, 999, 1_000, 1_250, 99_949, 100_000, 999_999, 1_000_000, 2_100_000, 3_000_000_000];
    let shown = words.map(crate::core::usage::short);
    assert_eq!(shown, ["0", "999", "1k", "1.2k", "99.9k", "100k", "999k", "1M", "2.1M", "3G"]);
    let money = [0, 1, 100_000, 8_076_000, 10_000_000, 1_234_567_890].map(|n| Money(n).to_string());
    assert_eq!(money, ["$0.00", "<$0.0001", "$0.0001", "$0.0081", "$0.01", "$1.23"]);
    assert_eq!([f64::NAN, -1.0, f64::INFINITY, 1e9].map(Money::of_usd), [None; 4]);
}

#[test]
fn an_own_figure_is_shared_by_the_days_without_losing_anything() {
    let mut all = used(3, 0);
    let day = |tokens| Sum { tokens: Tokens { input: tokens, ..Tokens::default() }, ..Sum::default() };
    all.days = [("a", day(1)), ("b", day(1)), ("c", day(1))].map(|(key, sum)| (key.to_owned(), sum)).into();
    all.own = Some(Money(100));
    let costs: Vec<u64> = all.by_day().iter().map(|(_, sum)| sum.cost.0).collect();
    assert_eq!(costs, [33, 33, 34]);
}
