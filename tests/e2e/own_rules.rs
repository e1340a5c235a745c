//! Rules of the file on a running agent: they count as soon as they are written, `why` says what it was read from, and
//! `rules diff` tells of the past what they would have said. And what an agent writes into its transcript is heard.

use crate::house::House;
use std::fs;

/// It thinks, then shows words that no rule knows, and waits.
const MINE: &str = r#"
printf '\033[2J\033[HMine 1.0\r\n\r\n* Thinking hard\r\n\r\n> '
while [ ! -e go ]; do sleep 0.1; done
printf '\033[2J\033[HMine 1.0\r\n\r\nThe boss is asked about lunch\r\n\r\n> '
sleep 600
"#;

const RULES: &str = r#"
[agents.mine.layout]
composer = '^>'
[[agents.mine.rules]]
id = "thinking"
region = "last"
contains = ["Thinking"]
activity = "working"
score = 85
[[agents.mine.rules]]
id = "ready"
region = "composer"
regex = ['^>']
activity = "idle"
priority = 1
"#;

const ASKED: &str = r#"
[[agents.mine.rules]]
id = "asked"
region = "last"
contains = ["The boss is asked"]
activity = "prompting"
score = 90
"#;

fn states(house: &House) -> Vec<(String, String)> {
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    house.facts_of("agent_moved").iter().map(|f| (word(&f["seen"]["activity"]), word(&f["seen"]["rule"]))).collect()
}

#[test]
fn a_rule_of_the_file_counts_at_once_and_is_tried_on_the_past() {
    let house = House::new("");
    fs::write(house.path("w/mine.sh"), MINE).unwrap();
    let sessions = "[sessions.a]\nagent = \"mine\"\nprompt = \"x\"\n";
    let file = |rules: &str| {
        format!(
            "[agents.mine]\ncommand = [\"/bin/sh\", \"{}\"]\n{RULES}{rules}{sessions}",
            house.path("w/mine.sh").display()
        )
    };
    house.write(&file(""));
    house.ok(&["up", "--trust"]);
    house.until("it is seen to work", || states(&house).iter().any(|(_, rule)| rule == "mine/thinking@1+own"));
    fs::write(house.path("w/go"), "").unwrap();
    house.until("it is seen to be idle", || states(&house).last().is_some_and(|(word, _)| word == "idle"));

    let pid = house.session("a")["pid"].clone();
    house.write(&file(ASKED));
    house.until("the new rule counts, though nothing was drawn", || {
        states(&house).last().is_some_and(|state| *state == ("prompting".into(), "mine/asked@1+own".into()))
    });
    assert_eq!(house.session("a")["pid"], pid);
    let changes = house.facts_of("plan_adopted").last().unwrap().to_string();
    assert!(changes.contains("agents.mine changed"), "{changes}");
    let why = house.ok(&["why", "a"]);
    assert!(why.contains("mine/asked@1+own") && why.contains("90 %)"), "{why}");

    let listed = house.ok(&["rules", "list", "mine"]);
    assert!(listed.contains("mine/asked@1+own") && listed.contains("prompting"), "{listed}");
    fs::write(house.path("w/screen.raw"), house.raw("a")).unwrap();
    let tried = house.json(&["rules", "test", "--agent", "mine", "--json", "screen.raw"]);
    assert_eq!(tried[0]["final"]["activity"], "prompting", "{tried:#}");

    house.ok(&["down"]);
    let diff = house.json(&["rules", "diff", "--json"]);
    let changed = diff["changed"].as_array().unwrap();
    assert_eq!(changed.len(), 1, "what was idle is now a question: {diff:#}");
    assert_eq!((&changed[0]["was"]["activity"], &changed[0]["now"]["activity"]), (&"idle".into(), &"prompting".into()));
    assert_eq!(changed[0]["now"]["rule"], "mine/asked@1+own");

    house.write(&file(&ASKED.replace("id = \"asked\"", "id = \"asked\"\nversion = 2").replace("The boss", "Nobody")));
    let diff = house.json(&["rules", "diff", "--json"]);
    let changed = diff["changed"].as_array().unwrap();
    assert_eq!(changed.len(), 1, "what was a question is now idle: {diff:#}");
    assert_eq!(changed[0]["now"]["rule"], "mine/ready@1+own");

    house.write(&file("").replace("contains = [\"Thinking\"]", "regex = ['(']"));
    let refused = house.run(&["rules", "diff"]);
    assert!(refused.code == 2 && refused.stderr.contains("is not valid"), "{}", refused.stderr);
}

/// A Claude Code that shows nothing, works, and is at its limit once it may be.
const QUIET: &str = r#"
dir="$HOME/.claude/projects/$(pwd -P | sed 's/[^a-zA-Z0-9]/-/g')"
mkdir -p "$dir"
file="$dir/3de864a6-0762-4e5a-a8ba-9a13f5715afe.jsonl"
now() { date -u +%Y-%m-%dT%H:%M:%S.%3NZ; }
say() { printf '{"timestamp":"%s","cwd":"%s",%s}\n' "$(now)" "$(pwd -P)" "$1" >> "$file"; }
say '"type":"user","message":{"content":"Your API Error says: usage_limit_reached, isApiErrorMessage true"}'
say '"type":"assistant","requestId":"r1","message":{"id":"m1","model":"claude-opus-5-5","content":[{"type":"text","text":"You have hit your usage limit"}],"usage":{"input_tokens":900,"output_tokens":40}}'
while [ ! -e go ]; do sleep 0.1; done
say '"type":"assistant","isApiErrorMessage":true,"error":"rate_limit","apiErrorStatus":429,"apiError":"usage_limit_reached","apiErrorParams":{"rate_limit_info":{"resetsAt":4102444800}},"message":{"model":"<synthetic>","content":[{"type":"text","text":"limit"}]}'
while [ ! -e again ]; do sleep 0.1; done
say '"type":"assistant","requestId":"r2","message":{"id":"m2","model":"claude-opus-5-5","content":[],"usage":{"input_tokens":900,"output_tokens":40}}'
sleep 600
"#;

#[test]
fn what_an_agent_writes_into_its_transcript_is_heard() {
    let house = House::new("");
    fs::write(house.path("w/claude.sh"), QUIET).unwrap();
    house.write(&format!(
        "[agents.claude]\ncommand = [\"/bin/sh\", \"{}\"]\n[sessions.a]\nagent = \"claude\"\nprompt = \"x\"\n",
        house.path("w/claude.sh").display()
    ));
    house.ok(&["up", "--trust"]);
    let moved = || house.facts_of("agent_moved");
    let is_transcript = |rule: &serde_json::Value| rule.as_str().is_some_and(|rule| rule.starts_with("transcript/"));
    house.until("its answer is heard", || moved().iter().any(|f| is_transcript(&f["seen"]["rule"])));
    assert!(moved().iter().all(|f| f["seen"]["class"].is_null()), "talk of a limit is none: {:#?}", moved());
    fs::write(house.path("w/go"), "").unwrap();
    house.until("its limit is heard", || moved().last().is_some_and(|f| f["seen"]["class"] == "usage_limit"));
    let seen = moved().last().unwrap()["seen"].clone();
    assert_eq!((&seen["activity"], seen["limit"]["resets"].as_i64()), (&"idle".into(), Some(4_102_444_800_000)));
    let why = house.ok(&["why", "a"]);
    assert!(why.contains("transcript claude/typed-error@1") && why.contains("96 %)"), "{why}");
    fs::write(house.path("w/again"), "").unwrap();
    house.until("it goes on", || moved().last().is_some_and(|f| f["seen"]["class"].is_null()));
    house.ok(&["down"]);
}
