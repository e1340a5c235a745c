//! Agents that run away are told of and stopped, those that work beside them in the same directory are not: each transcript
//! is known by the conversation that names it. And those that were denied something and left with a good exit.

use crate::house::House;
use serde_json::Value;
use std::fs;

/// Writes its transcript as Claude Code does, under the id that it is given. What it does is told by its session's name.
const CLAUDE: &str = r#"
while [ $# -gt 0 ]; do
  case "$1" in --session-id|--resume) id=$2; shift;; esac
  shift
done
dir="$HOME/.claude/projects/$(pwd -P | sed 's/[^a-zA-Z0-9]/-/g')"
mkdir -p "$dir"
file="$dir/$id.jsonl"
now() { date -u +%Y-%m-%dT%H:%M:%S.%3NZ; }
printf '{"type":"user","timestamp":"%s","cwd":"%s","message":{"content":"go"}}\n' "$(now)" "$(pwd -P)" >> "$file"
n=0
while :; do
  n=$((n+1))
  case "$NIGHTKEEP_SESSION" in
    works)
      printf '{"type":"assistant","timestamp":"%s","requestId":"r%s","message":{"id":"m%s","model":"claude-opus-5-5","usage":{"input_tokens":%s,"output_tokens":42}}}\n' "$(now)" $n $n $((1000+n)) >> "$file" ;;
    *)
      printf '{"type":"assistant","timestamp":"%s","isApiErrorMessage":true,"error":"server_error","message":{"model":"<synthetic>","content":[]}}\n' "$(now)" >> "$file" ;;
  esac
  echo "try $n"
  sleep 0.2
done
"#;

fn house(sessions: &str) -> House {
    let house = House::new("");
    let script = house.path("w/claude.sh");
    fs::write(&script, CLAUDE).unwrap();
    let agent = format!("[agents.fake]\nextends = \"claude\"\ncommand = [\"/bin/bash\", \"{}\"]\n", script.display());
    house.write(&format!("{agent}{sessions}"));
    house
}

#[test]
fn one_that_runs_away_is_told_of_once_and_one_that_passes_its_limit_is_stopped() {
    let hour = jiff::Zoned::now().hour();
    let quiet = format!("{:02}:00-{:02}:00", (i16::from(hour) + 6) % 24, (i16::from(hour) + 7) % 24);
    let house = house(&format!(
        r#"
[sessions.loops]
agent = "fake"
prompt = "go"
runaway = {{ action = "alert" }}
[sessions.greedy]
agent = "fake"
prompt = "go"
stop_grace = "2s"
runaway = {{ requests_per_minute = 12 }}
[sessions.works]
agent = "fake"
prompt = "go"
[alerts]
quiet_hours = "{quiet}"
[alerts.channels.file]
type = "command"
command = ["sh", "-c", "cat >> ../told; echo >> ../told"]
"#
    ));
    let told = || -> Vec<Value> {
        let text = fs::read_to_string(house.path("told")).unwrap_or_default();
        let all = text.lines().filter(|line| !line.trim().is_empty());
        all.filter_map(|line| serde_json::from_str::<Value>(line).ok()).collect()
    };
    house.ok(&["up", "--trust"]);
    house.until_state("greedy", "backing_off");
    let greedy = house.session("greedy");
    assert_eq!(greedy["exit"]["class"], "runaway", "{greedy:#}");
    assert_eq!(greedy["exit"]["counted"], true);
    let found = &greedy["findings"][0];
    assert_eq!((found["kind"].as_str(), found["acted"].as_str()), (Some("runaway"), Some("stopped")), "{greedy:#}");
    let what = found["what"].as_str().unwrap_or_default();
    assert!(what.ends_with("requests in 5 min, 12 a minute are allowed"), "{what}");
    let why = house.ok(&["why", "greedy"]);
    assert!(why.contains("in 5 min, 12 a minute are allowed"), "{why}");

    house.until("the other one is told of", || told().iter().any(|message| message["session"] == "loops"));
    let loops = house.session("loops");
    assert_eq!((&loops["state"], &loops["findings"][0]["kind"]), (&"running".into(), &"runaway".into()), "{loops:#}");
    assert!(loops["findings"][0]["resolved"].is_null(), "{loops:#}");
    let messages = told();
    let of_loops: Vec<&Value> = messages.iter().filter(|message| message["session"] == "loops").collect();
    assert_eq!(of_loops.len(), 1, "{messages:#?}");
    let text = of_loops[0]["text"].as_str().unwrap_or_default();
    assert!(of_loops[0]["title"] == "loops: runaway" && text.contains("of them brought nothing"), "{messages:#?}");
    assert!(house.ok(&["why", "loops"]).contains("minute by minute"));

    let works = house.session("works");
    assert_eq!((&works["state"], &works["findings"]), (&"running".into(), &serde_json::json!([])), "{works:#}");
    assert_eq!(works["usage"]["guessed"], false, "its transcript is named by its conversation: {works:#}");
    assert!(loops["usage"].is_null(), "what fails uses nothing");
    let class = |name: &str| {
        let of = |fact: &Value| fact["attempt"].to_string().contains(name) && !fact["seen"]["class"].is_null();
        house.facts_of("agent_moved").iter().any(of)
    };
    assert!(class("loops") && !class("works"), "each is known by its own transcript");

    house.ok(&["down", "--now"]);
    let report = house.ok(&["report", "--format", "md"]);
    assert!(report.contains("runaway") && report.contains("a minute are allowed"), "{report}");
}

/// Leaves with 0 although it was not let do what it was to do.
const DENIED: &str = r#"
case "$NIGHTKEEP_SESSION" in
  claude) printf '%s\n' '{"type":"system","subtype":"permission_denied","tool_name":"Bash","tool_use_id":"t1"}' \
    '{"type":"result","subtype":"success","is_error":false,"result":"I could not do it.","permission_denials":[{"tool_name":"Bash","tool_use_id":"t1","tool_input":{"command":"make views"}},{"tool_name":"Write","tool_use_id":"t2","tool_input":{"file_path":"views.sql"}}]}' ;;
  codex) printf '%s\n' '{"type":"item.completed","item":{"id":"i1","type":"command_execution","command":"make views","status":"declined"}}' \
    '{"type":"turn.completed","usage":{}}' ;;
  *) printf '%s\n' '{"type":"result","subtype":"success","is_error":false,"result":"Done.","permission_denials":[]}' ;;
esac
"#;

#[test]
fn a_good_end_of_an_agent_that_was_denied_something_says_so() {
    let house = House::new("");
    let script = house.path("w/denied.sh");
    fs::write(&script, DENIED).unwrap();
    let agent = |name: &str| {
        format!("[agents.my-{name}]\nextends = \"{name}\"\ncommand = [\"/bin/sh\", \"{}\"]\n", script.display())
    };
    let session = |name: &str, agent: &str| format!("[sessions.{name}]\nagent = \"my-{agent}\"\nprompt = \"go\"\n");
    house.write(&format!(
        "{}{}{}{}{}",
        agent("claude"),
        agent("codex"),
        session("claude", "claude"),
        session("codex", "codex"),
        session("fine", "claude")
    ));
    house.ok(&["up", "--trust"]);
    for name in ["claude", "codex", "fine"] {
        house.until_state(name, "succeeded");
    }
    let found = |name: &str| house.session(name)["findings"][0]["what"].as_str().map(str::to_owned);
    assert_eq!(found("claude").as_deref(), Some("a good end, but 2 permissions were denied"));
    assert_eq!(found("codex").as_deref(), Some("a good end, but a permission was denied"));
    assert_eq!(found("fine"), None);
    let why = house.ok(&["why", "claude"]);
    assert!(why.contains("2 permissions were denied") && why.contains("Bash make views"), "{why}");
    house.ok(&["down"]);
    let report = house.json(&["report", "--format", "json"]);
    let needs = report["needs_you"].as_array().cloned().unwrap_or_default();
    let denied: Vec<&str> =
        needs.iter().filter(|need| need["kind"] == "denied").filter_map(|need| need["session"].as_str()).collect();
    assert_eq!(denied, ["claude", "codex"], "{needs:#?}");
    let markdown = house.ok(&["report", "--format", "md"]);
    assert!(markdown.contains("was denied what it asked for"), "{markdown}");
}
