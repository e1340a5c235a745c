//! What waits for a person's look leaves *Needs you* once they looked: a file, and what a session asked for; in an open
//! night, without a daemon, and in the night after.

use crate::house::House;
use serde_json::Value;
use std::fs;

const NIGHTKEEP: &str = env!("CARGO_BIN_EXE_nightkeep");

fn report(house: &House) -> Value {
    house.json(&["report", "--format", "json"])
}

/// What needs somebody: kind, id and words.
fn needs(house: &House) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = report(house)["needs_you"].as_array().expect("a list").clone();
    all.iter().map(|need| (text(&need["kind"]), text(&need["id"]), text(&need["what"]))).collect()
}

fn id_of(house: &House, words: &str) -> String {
    let all = needs(house);
    let found = all.iter().find(|(_, _, what)| what.contains(words));
    found.unwrap_or_else(|| panic!("nothing says {words}: {all:?}")).1.clone()
}

fn kinds(house: &House) -> Vec<String> {
    needs(house).into_iter().map(|(kind, _, _)| kind).collect()
}

#[test]
fn what_somebody_looked_at_needs_nobody_any_more() {
    let sessions = format!(
        "[projects.farm]\ndir = \"farm\"\ncollect = {{ artifacts = [\"views/*.sql\"] }}\n\
         [sessions.work]\nproject = \"farm\"\ncommand = '''mkdir -p views; echo 'select 1' > views/orders.sql; \
         {NIGHTKEEP} tell needs 'a key for the staging database'; {NIGHTKEEP} tell needs 'somebody who reads the plan'; \
         until [ -e ../go ]; do sleep 0.02; done'''\n"
    );
    let house = House::new(&sessions);
    fs::create_dir(house.path("w/farm")).expect("made");
    house.ok(&["up", "--trust"]);
    house.until_state("work", "running");
    house.until("it asked for two things", || house.facts_of("told").len() == 2);

    // In an open night nothing was summed up yet.
    house.until("the report knows of all", || kinds(&house).len() == 3);
    let (key, plan) = (id_of(&house, "staging database"), id_of(&house, "reads the plan"));
    assert!(key.starts_with("i-") && plan.starts_with("i-") && key != plan, "{key} {plan}");
    for format in ["md", "text", "html"] {
        let page = house.ok(&["report", "--format", format]);
        assert!(page.contains(&format!("nightkeep dismiss {key}")), "how to settle it stands in {format}:\n{page}");
    }
    let unknown = house.run(&["dismiss", "i-0000000000"]);
    assert_eq!(unknown.code, 4, "{}", unknown.stderr);
    assert!(unknown.stderr.contains("nothing that waits for you has the id \"i-0000000000\""), "{}", unknown.stderr);
    for one in [&key, &plan] {
        assert!(unknown.stderr.contains(one.as_str()), "{one} may have been meant: {}", unknown.stderr);
    }
    let said = house.run(&["dismiss", &key, "--reason", "it has one"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(needs(&house).iter().filter(|need| need.1 == key).count(), 0, "{:?}", needs(&house));
    assert_eq!(kinds(&house).len(), 2);
    let facts = house.facts_of("reviewed");
    let review = &facts[0]["review"];
    assert_eq!((&review["artifact"], &review["approved"]), (&Value::from(key.clone()), &Value::from(false)));
    assert_eq!(review["by"]["reason"], "it has one");
    assert!(review["by"]["who"].as_str().expect("who").contains(", pid "), "{review}");
    let again = house.run(&["dismiss", &key]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(
        format!("{}{}", again.stdout, again.stderr).contains("was dismissed already"),
        "{}{}",
        again.stdout,
        again.stderr
    );

    // The file, once the night is over and no daemon runs.
    fs::write(house.path("w/go"), "").expect("written");
    house.until_state("work", "succeeded");
    house.ok(&["down"]);
    house.until("no daemon runs", || house.daemon_pid().is_none());
    let file = needs(&house).into_iter().find(|(kind, _, _)| kind == "artifact").expect("the file waits");
    assert!(file.2.contains("views/orders.sql is new"), "{file:?}");
    let page = house.ok(&["report"]);
    assert!(page.contains(&format!("`nightkeep approve {}`", file.1)), "{page}");
    let said = house.run(&["approve", &file.1]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let left = needs(&house);
    assert_eq!(left.iter().map(|need| need.1.as_str()).collect::<Vec<_>>(), [plan.as_str()], "{left:?}");
    let files = report(&house)["projects"][0]["changed"]["changed"].clone();
    let approved = files.as_array().expect("files").iter().filter(|file| file["review"] == "approved").count();
    assert_eq!(approved, 1, "{files}");
    house.ok(&["dismiss", &plan]);
    assert_eq!(needs(&house), []);
    assert!(report(&house)["title"].as_str().expect("a title").starts_with("Nothing needs you."));
}
