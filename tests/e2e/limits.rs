//! Usage limits with real programs: they are waited for to the end that they name, tried by one session of the account,
//! and take no attempt; what the file forbids is asked about.

use crate::house::House;
use std::fs;
use std::time::{Duration, Instant};

/// Says the limit of an agent once, with its end some seconds ahead in milliseconds, and works the second time.
const LIMITED: &str = r#"echo "$(date +%s) start" >> $NAME.log
if [ -e $NAME.met ]; then echo fine; exit 0; fi
touch $NAME.met
echo 'working on it'
at=$(( $(date +%s) + AHEAD ))
echo $at > $NAME.ends
MESSAGE
exit 1"#;

fn script(name: &str, ahead: u64, message: &str) -> String {
    LIMITED.replace("$NAME", name).replace("AHEAD", &ahead.to_string()).replace("MESSAGE", message)
}
/// Seconds since 1970 in a file, one a line.
fn moments(house: &House, file: &str) -> Vec<u64> {
    let text = fs::read_to_string(house.path("w").join(file)).unwrap_or_default();
    text.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
}

#[test]
fn a_limit_is_waited_for_and_the_account_is_tried_by_one_session() {
    let json = r#"printf '{"type":"error","error":{"type":"usage_limit_reached","resets_at":%s}}\n' $at"#;
    let words = r#"echo "Claude AI usage limit reached|$at""#;
    let night = format!(
        "[defaults]\nprovider = \"acme\"\nretry = {{ max_attempts = 1, min_uptime = \"1ms\" }}\n\
         [sessions.one]\ncommand = '''{}'''\n[sessions.two]\ncommand = '''{}'''\n\
         [sessions.aside]\nprovider = \"zen\"\ncommand = 'echo fine'\n",
        script("one", 20, json),
        script("two", 15, words),
    );
    let house = House::new(&night);
    house.ok(&["up", "--trust"]);
    house.until_state("aside", "succeeded");
    for name in ["one", "two"] {
        house.until_state(name, "limited");
        let session = house.session(name);
        assert_eq!(session["exit"]["class"], "usage_limit", "{session:#}");
        assert_eq!(session["exit"]["counted"], false);
        assert!(session["next_at"].is_string(), "{session:#}");
        let reason = session["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("usage limit, resets ") && reason.contains("tried again"), "{reason}");
    }
    let outage = house.status()["outages"][0].clone();
    assert_eq!((outage["key"].as_str(), outage["state"].as_str()), (Some("provider:acme"), Some("open")));
    let why = house.ok(&["why", "one"]).split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "classed as usage limit, takes no attempt",
        "json/usage-limit@1",
        "read as seconds since 1970 from",
        "usage limit of provider acme, resets",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }

    // Half a minute to a minute and a half after the later end, then one after the other.
    let deadline = Instant::now() + Duration::from_secs(180);
    while ["one", "two"].iter().any(|name| house.session(name)["state"] != "succeeded") {
        assert!(Instant::now() < deadline, "{}\n{}", house.ok(&["status"]), house.daemon_log());
        std::thread::sleep(Duration::from_millis(200));
    }
    let ends = moments(&house, "one.ends")[0].max(moments(&house, "two.ends")[0]);
    let (one, two) = (moments(&house, "one.log"), moments(&house, "two.log"));
    assert_eq!((one.len(), two.len()), (2, 2), "each went on exactly once");
    for second in [one[1], two[1]] {
        assert!(second >= ends + 30 && second <= ends + 120, "started {second}, the limit ended {ends}");
    }
    for name in ["one", "two"] {
        assert!(!house.session(name)["exit"]["counted"].as_bool().unwrap_or(false));
    }
    let probes = house.facts_of("breaker_moved");
    let most = probes.iter().filter_map(|fact| fact["to"]["probes"].as_u64()).max();
    assert_eq!(most, Some(1), "one of them was the probe");
    let report = house.json(&["report", "--format", "json"]);
    assert_eq!(report["totals"]["dead_letters"], 0);
    let spent = report["totals"]["time"].as_array().cloned().unwrap_or_default();
    let limited = spent.iter().find(|share| share["spent"] == "limited").and_then(|share| share["seconds"].as_f64());
    assert!(limited.is_some_and(|seconds| seconds >= 60.0), "the wait is told as a wait: {:#}", report["totals"]);
    house.ok(&["down"]);
}

#[test]
fn what_the_file_forbids_is_asked_about_and_a_word_lets_it_go_on() {
    let far = r#"echo "You've hit your weekly limit · resets $(date -u -d '+4 days' '+%b %-d at %-I%P') (UTC)""#;
    let night = format!(
        "[defaults]\nretry = {{ max_attempts = 1, min_uptime = \"1ms\" }}\n\
         [sessions.never]\nresume = {{ max = 0 }}\ncommand = '''{}'''\n[sessions.far]\ncommand = '''{}'''\n\
         [sessions.talks]\ncommand = '''echo \"it said: You've hit your usage limit. Try again in 2 hours.\"; exit 1'''\n",
        script("never", 1, r#"echo "Claude AI usage limit reached|$at""#),
        script("far", 1, far),
    );
    let house = House::new(&night);
    house.ok(&["up", "--trust"]);
    house.until_state("talks", "failed");
    assert_eq!(house.session("talks")["exit"]["class"], "transient", "talk of a limit is none");
    for (name, why) in [("never", "never goes on by itself"), ("far", "more than a day ahead")] {
        house.until_state(name, "held");
        let session = house.session(name);
        assert!(session["reason"].as_str().unwrap_or_default().contains(why), "{session:#}");
        assert_eq!(session["exit"]["counted"], false);
        let told = house.ok(&["why", name]).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(&format!("nothing until `nightkeep release {name}`")), "{told}");
    }
    let alerts = house.ok(&["alerts"]);
    assert!(alerts.contains("never: usage limit") && alerts.contains("far: usage limit"), "{alerts}");
    assert!(house.ok(&["report"]).contains("nightkeep release never"), "{}", house.ok(&["report"]));
    for name in ["never", "far"] {
        house.ok(&["release", name]);
        house.until_state(name, "succeeded");
        assert_eq!(moments(&house, &format!("{name}.log")).len(), 2);
    }
    house.ok(&["down"]);
}
