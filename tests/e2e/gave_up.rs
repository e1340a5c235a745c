//! A usage limit with an end ahead: an agent that goes on by itself is watched and left alone; one that stays where it
//! is comes again by us, once, when the limit is over.

use crate::prompts::Stage;
use std::time::Duration;

#[test]
fn a_limit_is_waited_for_and_gone_on_after_by_itself_or_by_us_exactly_once() {
    let scripts = [("alone", "limit 20s resumes\nwork 1s\nexit 0"), ("stays", "limit 20s stays\nexit 3")];
    let stage = Stage::with_attempts(&scripts, "", 3);
    let house = &stage.house;
    house.until("both are at their limit", || {
        ["alone", "stays"].iter().all(|name| stage.diary(name).iter().any(|line| line.starts_with("limited until ")))
    });
    // What it does next is what it would do after the limit.
    stage.script("stays", "work 1s\nexit 0");
    house.until("it is said what is seen", || house.session("stays")["activity"] == "idle");
    assert_eq!(house.session("stays")["state"], "running", "it is left where it is until it is clear that it gave up");
    assert!(house.ok(&["why", "stays"]).contains("started again with its conversation"));

    house.until_state("alone", "succeeded");
    let diary = stage.diary("alone");
    assert!(diary.iter().any(|line| line == "resumed by itself"), "{diary:?}");
    assert!(!diary.iter().any(|line| line.starts_with("disturbed")), "nothing is typed into it: {diary:?}");
    assert_eq!(house.session("alone")["attempt"], 1);

    let begun = || stage.diary("stays").iter().filter(|line| line.starts_with("began")).count();
    house.until_within(Duration::from_secs(300), "it came again", || begun() == 2);
    house.until_state("stays", "succeeded");
    let session = house.session("stays");
    assert_eq!((&session["attempt"], begun()), (&2.into(), 2), "{session}");
    let ends = house.facts_of("attempt_ended");
    let first = ends.iter().find(|fact| fact["attempt"].as_str().is_some_and(|id| id.contains("/stays/1.1"))).unwrap();
    assert_eq!((&first["verdict"]["class"], &first["counted"]), (&"usage_limit".into(), &false.into()), "{first}");
}
