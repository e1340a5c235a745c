//! A provider that goes down and comes back, with real programs: sessions wait behind the breaker, one tries it, all get
//! through, and no attempt is taken.

use crate::house::House;

const NIGHT: &str = r#"
[defaults]
provider = "acme"
retry = { max_attempts = 1, min_uptime = "1ms" }

[sessions.one]
command = 'if [ -e up ]; then echo fine; else echo "error 503: overloaded"; exit 1; fi'
[sessions.two]
command = 'if [ -e up ]; then echo fine; else echo "error 503: overloaded"; exit 1; fi'
[sessions.three]
command = 'if [ -e up ]; then echo fine; else echo "error 503: overloaded"; exit 1; fi'

[sessions.aside]
provider = "zen"
command = 'echo fine'

[[rules]]
match = 'error 503'
class = "provider_down"
"#;

#[test]
fn sessions_back_off_behind_the_breaker_of_their_provider_and_recover() {
    let house = House::new(NIGHT);
    house.ok(&["up", "--trust"]);
    house.until_state("aside", "succeeded");
    house.until("the breaker is open", || house.status()["outages"][0]["state"] == "open");
    let status = house.status();
    let outage = &status["outages"][0];
    assert_eq!(outage["key"], "provider:acme", "{status:#}");
    assert!(outage["cause"].as_str().unwrap().contains("error 503: overloaded"), "{outage:#}");
    for name in ["one", "two", "three"] {
        assert_eq!(house.session(name)["state"], "limited", "{status:#}");
        assert_eq!(house.session(name)["exit"]["counted"], false);
        assert_eq!(house.session(name)["exit"]["class"], "provider_down");
    }
    assert!(house.ok(&["status"]).contains("provider acme is down"), "{}", house.ok(&["status"]));
    let why = house.ok(&["why", "two"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(why.contains("provider acme is well again, that takes no attempt"), "{why}");

    std::fs::write(house.path("w/up"), "").unwrap();
    for name in ["one", "two", "three"] {
        house.until_state(name, "succeeded");
    }
    house.until("the breaker is closed", || house.status()["outages"].as_array().is_some_and(Vec::is_empty));
    let report = house.json(&["report", "--format", "json"]);
    let outage = &report["outages"][0];
    assert_eq!(outage["key"], "provider:acme", "{report:#}");
    assert!(outage["to"].is_string() && outage["probes"] == 1, "{outage:#}");
    assert_eq!(outage["held"].as_array().map(Vec::len), Some(3), "{outage:#}");
    assert_eq!(report["totals"]["dead_letters"], 0);
    assert!(house.ok(&["report"]).contains("provider acme; held"), "{}", house.ok(&["report"]));
    house.ok(&["down"]);
}

#[test]
fn with_too_little_free_disk_nothing_starts_and_a_smaller_limit_lets_it() {
    let night = |limit: &str| format!("[limits]\nmin_free_disk = \"{limit}\"\n[sessions.x]\ncommand = 'echo fine'\n");
    let house = House::new(&night("500000GiB"));
    house.ok(&["up", "--trust"]);
    house.until_state("x", "limited");
    assert!(house.ok(&["status"]).contains("disk is down"), "{}", house.ok(&["status"]));
    assert!(house.facts_of("attempt_intended").is_empty());
    house.write(&night("1MiB"));
    house.until_state("x", "succeeded");
}
