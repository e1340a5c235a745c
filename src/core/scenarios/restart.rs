//! A daemon that dies and comes back, on the same boot or on another one.

use crate::core::effect::Effect;
use crate::core::event::{Event, Timer, Verb};
use crate::core::exit::{Ending, ExitRecord, FailureClass};
use crate::core::fact::Fact;
use crate::core::plan::{Command, OnTmuxLoss, SessionPlan};
use crate::core::testing::{Desk, asks, code, exit, plan, seconds, session, with_project};
use crate::core::time::Wall;

fn class(desk: &Desk) -> FailureClass {
    desk.run("x").last_attempt().unwrap().verdict.as_ref().unwrap().class
}

fn hup() -> ExitRecord {
    ExitRecord { hup: true, ..exit(Ending::Signal { signal: 1, core: false }) }
}

#[test]
fn what_is_left_of_a_wait_survives_a_crash() {
    let mut desk = Desk::open([session("x")]);
    desk.runs("x", code(1));
    desk.pass(seconds(7));
    desk.crash();
    assert_eq!(desk.due_in(&desk.run("x").id), Some(seconds(3)));
    desk.pass(seconds(600));
    desk.crash();
    let late = desk.due_in(&desk.run("x").id).unwrap();
    assert!(late <= seconds(60), "overdue for long, so not at once with all others: {late:?}");
    desk.wait(late);
    assert_eq!(desk.word("x"), "starting");
}

#[test]
fn a_wait_over_a_reboot_goes_by_the_wall_clock_and_is_never_longer_than_it_was() {
    let cases: [(u64, i64, u64); 4] = [(4, 0, 6), (60, 0, 0), (4, -86_400_000, 10), (4, 86_400_000, 0)];
    for (down, jump, left) in cases {
        let mut desk = Desk::open([session("x")]);
        desk.runs("x", code(1));
        desk.reboot(seconds(down));
        desk.at.wall = Wall(desk.at.wall.0 + jump);
        desk.crash();
        let due = desk.due_in(&desk.run("x").id).unwrap();
        // One that was over for long comes by chance within a minute.
        assert!(due == seconds(left) || (left == 0 && due <= seconds(60)), "down {down} s, jump {jump} ms: {due:?}");
        desk.wait(due);
        assert_eq!(desk.word("x"), "starting", "down {down} s, jump {jump} ms");
    }
}

#[test]
fn intents_whose_deed_may_be_missing_are_asked_for_again() {
    let verified = SessionPlan { verify: Some(Command::Shell("true".into())), ..session("checked") };
    let mut desk = Desk::open([session("starting"), session("stopping"), verified, session("running")]);
    desk.started("stopping");
    desk.verb(Verb::Stop, "stopping");
    desk.runs("checked", code(0));
    desk.started("running");
    let step = desk.crash();
    assert_eq!(Desk::started_sessions(&step), ["starting"]);
    assert_eq!(asks(&step, |effect| matches!(effect, Effect::Stop { .. })), 1);
    assert_eq!(asks(&step, |effect| matches!(effect, Effect::Check { .. })), 1);
    assert_eq!(desk.run("starting").attempts.len(), 1, "the same attempt, not another one");
}

#[test]
fn a_timeout_counts_on_through_a_crash() {
    let mut desk = Desk::open([SessionPlan { timeout: Some(seconds(100)), ..session("x") }]);
    desk.pass(seconds(2));
    desk.started("x");
    desk.pass(seconds(60));
    let step = desk.crash();
    let armed = step.effects.iter().find_map(|effect| match effect {
        Effect::Arm { timer: Timer::AttemptTimeout(_), after, .. } => Some(*after),
        _ => None,
    });
    assert_eq!(armed, Some(seconds(40)), "counted from when it ran, not from when it was intended");
}

#[test]
fn nothing_is_started_by_an_old_plan() {
    let mut desk = Desk::open([session("x")]);
    desk.runs("x", code(1));
    desk.pass(seconds(20));
    desk.boot = "boot-1".to_owned();
    let mut night = desk.night.clone();
    let at = desk.at;
    let started = Event::DaemonStarted { pid: 1, version: "0.1.0".into(), boot_id: "boot-1".into() };
    night.step(at, started);
    let timer = Event::Timer { timer: Timer::RunDue(desk.run("x").id.clone()), epoch: desk.run("x").epoch };
    let step = night.step(at, timer);
    assert_eq!(Desk::started_sessions(&step), Vec::<String>::new());
    let broken = night.step(at, Event::PlanBroken { problem: "no".into() });
    assert_eq!(Desk::started_sessions(&broken), ["x"], "with a broken file the old plan stands");
}

#[test]
fn closing_is_taken_up_again() {
    let mut desk = Desk::open([session("x"), session("y")]);
    desk.started("x");
    desk.runs("y", code(0));
    desk.down();
    let step = desk.crash();
    assert_eq!(asks(&step, |effect| matches!(effect, Effect::Stop { .. })), 1);
    let step = desk.ends("x", ExitRecord { stopped: true, ..code(130) });
    assert_eq!(asks(&step, |effect| matches!(effect, Effect::NightOver { .. })), 1);
    // The report was asked for, but the daemon died before it was written.
    let step = desk.crash();
    assert_eq!(asks(&step, |effect| matches!(effect, Effect::WriteReport { .. })), 1);
    assert_eq!(asks(&step, |effect| matches!(effect, Effect::NightOver { .. })), 0, "`up` may be on its way");
}

#[test]
fn the_gap_without_a_watcher_is_journaled() {
    let mut desk = Desk::open([session("x")]);
    desk.pass(seconds(90));
    desk.crash();
    let gaps: Vec<u64> = (desk.journal.iter())
        .filter_map(|entry| match entry.fact {
            Fact::DaemonStarted { unwatched_ms, .. } => Some(unwatched_ms),
            _ => None,
        })
        .collect();
    assert_eq!(gaps, [0, 90_000]);
    desk.reboot(seconds(30));
    desk.crash();
    let last = desk.journal.iter().rev().find_map(|entry| match entry.fact {
        Fact::DaemonStarted { unwatched_ms, .. } => Some(unwatched_ms),
        _ => None,
    });
    assert_eq!(last, Some(30_000));
}

#[test]
fn bases_that_are_not_known_yet_are_asked_for_again() {
    let mut desk = Desk::new(with_project(plan([session("x")]), "home", "/home/anna"));
    desk.up(&[]);
    let step = desk.crash();
    assert!(asks(&step, |effect| matches!(effect, Effect::NoteBase { .. })) >= 1);
}

#[test]
fn a_killed_session_is_the_operators_doing_and_a_lost_server_is_not() {
    // tmux kill-session: the server lives, nobody asked nightkeep.
    let mut desk = Desk::open([session("x")]);
    desk.step(Event::TmuxStarted { pid: 9 });
    desk.runs("x", hup());
    assert_eq!((desk.word("x"), class(&desk)), ("stopped", FailureClass::Operator));

    // The server died under it.
    let mut desk = Desk::open([session("x")]);
    desk.step(Event::TmuxStarted { pid: 9 });
    desk.started("x");
    desk.pass(seconds(1));
    desk.step(Event::TmuxLost { why: "gone".into() });
    desk.ends("x", hup());
    assert_eq!((desk.word("x"), class(&desk), desk.run("x").counted), ("backing_off", FailureClass::Lost, 0));

    // Its next attempt has a server of its own, so a kill there is the operator's again.
    desk.wait(seconds(10));
    desk.step(Event::TmuxStarted { pid: 10 });
    desk.runs("x", hup());
    assert_eq!((desk.word("x"), class(&desk)), ("stopped", FailureClass::Operator));
}

#[test]
fn a_hang_up_at_shutdown_is_known_after_the_reboot() {
    let mut desk = Desk::open([session("x")]);
    desk.step(Event::TmuxStarted { pid: 9 });
    desk.started("x");
    desk.reboot(seconds(60));
    desk.crash();
    assert_eq!(desk.night.state.tmux_pid, None);
    desk.ends("x", hup());
    assert_eq!((desk.word("x"), class(&desk)), ("backing_off", FailureClass::Lost));
}

#[test]
fn a_program_that_outlives_its_server_is_judged_by_its_own_end() {
    let keep = SessionPlan { on_tmux_loss: OnTmuxLoss::Keep, ..session("x") };
    let mut desk = Desk::open([keep]);
    desk.started("x");
    desk.step(Event::TmuxLost { why: "gone".into() });
    desk.ends("x", ExitRecord { hup: true, ..code(0) });
    assert_eq!(desk.word("x"), "succeeded");
}

#[test]
fn an_operators_stop_is_final_over_a_crash_and_whatever_the_exit_says() {
    for end in [code(0), code(1), hup(), exit(Ending::Lost { why: "reboot".into() })] {
        let mut desk = Desk::open([session("x")]);
        desk.started("x");
        desk.verb(Verb::Stop, "x");
        desk.crash();
        desk.ends("x", end);
        desk.wait(seconds(3600));
        assert_eq!(desk.word("x"), "stopped");
    }
}

#[test]
fn a_stop_of_what_never_started_is_through_when_the_rim_says_so() {
    let mut desk = Desk::open([session("x")]);
    desk.verb(Verb::Stop, "x");
    desk.crash();
    let attempt = desk.attempt("x");
    desk.step(Event::StartFailed { attempt, why: "was never started".into() });
    assert_eq!(desk.word("x"), "stopped");
}

#[test]
fn a_stop_is_asked_for_again_when_the_program_shows_up_after_it() {
    let mut desk = Desk::open([session("x")]);
    desk.verb(Verb::Stop, "x");
    let step = desk.started("x");
    assert!(matches!(&step.effects[..], [Effect::Stop { .. }]), "{:?}", step.effects);
}
