//! The config changes under a running night: good changes come into force, broken ones change nothing.

use crate::house::House;

#[test]
fn good_changes_take_effect_broken_ones_change_nothing_and_nothing_is_killed() {
    let house = House::new("[sessions.one]\ncommand = 'sleep 600'\n[sessions.two]\ncommand = 'sleep 600'\n");
    house.ok(&["up", "--trust"]);
    house.until_state("one", "running");
    house.until_state("two", "running");
    let pids = (house.session("one")["pid"].clone(), house.session("two")["pid"].clone());

    house.write("[sessions.one]\ncommand = 'sleep 600\n");
    house.until("the broken file is journaled", || !house.facts_of("plan_rejected").is_empty());
    assert!(house.facts_of("plan_rejected")[0]["problem"].as_str().is_some_and(|p| p.contains("sessions.toml:2:")));
    assert_eq!(house.session("two")["pid"], pids.1);
    assert!(house.status()["file_problem"].as_str().is_some_and(|p| p.contains("sessions.toml:2:")));
    let told = house.ok(&["status"]);
    assert!(told.lines().any(|line| line.contains("sessions.toml:2:")), "{told}");

    house.write("[sessions.one]\ncommand = 'sleep 600'\n[sessions.three]\ncommand = 'sleep 600'\n");
    house.until_state("three", "running");
    assert!(house.status()["file_problem"].is_null());
    assert_eq!(house.session("one")["pid"], pids.0);
    let two = house.session("two");
    assert_eq!((&two["state"], &two["pid"], &two["removed"]), (&"running".into(), &pids.1, &true.into()));
}
