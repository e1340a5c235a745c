//! What agents use, read from transcripts while they run: budgets are warned of and end them, and everything that tells of
//! it agrees.

use crate::house::House;
use serde_json::Value;
use std::fs;

/// Writes a transcript as Claude Code does: a reply of 1,000 tokens twice a second, each in two lines.
const CLAUDE: &str = r#"
dir="$HOME/.claude/projects/$(pwd -P | sed 's/[^a-zA-Z0-9]/-/g')"
mkdir -p "$dir"
file="$dir/$NIGHTKEEP_SESSION-$$.jsonl"
say() {
  printf '{"type":"assistant","timestamp":"%s","requestId":"r%s","cwd":"%s","message":{"id":"m%s-%s","model":"claude-opus-5-5","usage":{"input_tokens":900,"cache_creation_input_tokens":0,"cache_read_input_tokens":60,"output_tokens":40}}}\n' \
    "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)" "$1" "$(pwd -P)" "$$" "$1" >> "$file"
}
n=0
while [ $n -lt "${REPLIES:-1000}" ]; do
  n=$((n+1)); say $n; say $n
  echo "reply $n"
  sleep 0.5
done
"#;

fn house(sessions: &str) -> House {
    let house = House::new("");
    let agents = format!(
        "[agents.fake]\nextends = \"claude\"\ncommand = [\"/bin/sh\", \"{}\"]\n",
        house.path("w/claude.sh").display()
    );
    fs::write(house.path("w/claude.sh"), CLAUDE).unwrap();
    house.write(&format!("{agents}{sessions}"));
    house
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_budget_ends_its_agent_and_nothing_starts_on_it_until_it_is_raised() {
    let sessions = |tokens: u32| {
        format!(
            "[alerts]\nmin_severity = \"low\"\n[defaults]\nretry = {{ min_uptime = \"1ms\" }}\n\
             [sessions.agent]\nagent = \"fake\"\nprompt = \"work\"\nstop_grace = \"2s\"\n\
             budget = {{ tokens = {tokens}, usd = 100.0 }}\n[sessions.plain]\ncommand = 'sleep 3600'\n"
        )
    };
    let house = house(&sessions(6_000));
    house.ok(&["up", "--trust"]);
    house.until("something of its use is known", || house.session("agent")["usage"].is_object());
    house.until_state("agent", "failed");
    let session = house.session("agent");
    let usage = &session["usage"];
    let all = number(&usage["input_tokens"]) + number(&usage["output_tokens"]);
    assert!((6_000..30_000).contains(&all), "stopped soon: {usage:#}");
    assert_eq!(all, number(&usage["requests"]) * 1_000, "each reply counts once: {usage:#}");
    assert_eq!(session["exit"]["class"], "budget_exceeded", "{session:#}");
    assert_eq!(session["exit"]["counted"], false);
    assert!(session["reason"].as_str().unwrap().starts_with("the budget of agent is used up"), "{session:#}");
    assert_eq!(usage["models"][0]["model"], "claude-opus-5-5");
    // 900 at $4, 60 at $0.20 and 40 at $20 a million.
    let cost = number(&usage["requests"]) as f64 * 0.004_412;
    assert!((usage["usd"].as_f64().unwrap() - cost).abs() < 1e-9, "{usage:#}");
    assert_eq!(house.session("plain")["state"], "running", "what uses nothing is let be");
    let alerts = house.status()["alerts"].to_string();
    assert!(alerts.contains("the budget of agent is used up"), "{alerts}");
    let refused = house.run(&["start", "agent"]);
    assert_ne!(refused.code, 0);
    assert!(refused.stderr.contains("raise it in the file first"), "{}", refused.stderr);

    let table = house.json(&["usage", "--json"]);
    assert_eq!((table["by"].as_str(), table["rows"][0]["key"].as_str()), (Some("session"), Some("agent")));
    assert_eq!(table["rows"][0]["usage"]["requests"], usage["requests"]);
    assert_eq!(table["total"]["usd"], usage["usd"]);
    let text = house.ok(&["usage"]);
    assert!(text.contains("SESSION") && text.contains("claude-opus-5-5") && text.contains('$'), "{text}");
    let days = house.json(&["usage", "--by", "day", "--json"]);
    assert_eq!(number(&days["rows"][0]["usage"]["input_tokens"]) % 960, 0, "{days:#}");

    let (daemon, plans) = (house.daemon_pid(), house.facts_of("plan_adopted").len());
    house
        .write(&fs::read_to_string(house.path("w/sessions.toml")).unwrap().replace("tokens = 6000", "tokens = 900000"));
    house.until("the changed file is taken", || house.facts_of("plan_adopted").len() > plans);
    house.ok(&["dead", "retry", "agent"]);
    house.until_state("agent", "running");
    let before = number(&usage["requests"]);
    house.until("the second run is counted with the first", || {
        house.session("agent")["usage"]["requests"].as_u64().is_some_and(|now| now > before + 1)
    });
    assert_eq!(house.daemon_pid(), daemon);
    house.ok(&["down"]);
    let report = house.json(&["report", "--format", "json"]);
    let row = report["sessions"].as_array().unwrap().iter().find(|s| s["name"] == "agent").unwrap().clone();
    assert_eq!(row["usage"]["requests"], report["totals"]["usage"]["requests"]);
    assert_eq!(
        row["usage"],
        report["sessions"].as_array().unwrap().iter().find(|s| s["name"] == "agent").unwrap()["usage"]
    );
    let markdown = house.ok(&["report", "--format", "md"]);
    assert!(markdown.contains("## Usage") && markdown.contains("- Used: "), "{markdown}");
    assert!(house.ok(&["report", "--format", "html"]).contains("Used: "));
}

#[test]
fn two_agents_in_one_directory_and_a_killed_daemon_count_everything_once() {
    let house = house(
        "[defaults]\nenv = { REPLIES = \"24\" }\n[sessions.one]\nagent = \"fake\"\nprompt = \"x\"\n\
         [sessions.two]\nagent = \"fake\"\nprompt = \"x\"\n",
    );
    house.ok(&["up", "--trust"]);
    house.until("both are known", || ["one", "two"].iter().all(|name| house.session(name)["usage"].is_object()));
    let daemon = house.daemon_pid().expect("a daemon");
    crate::house::kill(daemon, "KILL");
    house.until("it is gone", || house.daemon_pid().is_none());
    house.ok(&["up"]);
    house.until_state("one", "succeeded");
    house.until_state("two", "succeeded");
    let table = house.json(&["usage", "--json"]);
    assert_eq!(number(&table["total"]["requests"]), 48, "{table:#}");
    for row in table["rows"].as_array().unwrap() {
        assert_eq!(number(&row["usage"]["requests"]), 24, "each has its own: {table:#}");
    }
    assert_eq!(table["unknown_attempts"], 0);
}

/// The scripts of the other agents: one request of each kind.
const CODEX: &str = r#"
dir="$HOME/.codex/sessions/$(date +%Y/%m/%d)"; mkdir -p "$dir"
now=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
{
  printf '{"timestamp":"%s","type":"session_meta","payload":{"id":"u1","cwd":"%s"}}\n' "$now" "$(pwd -P)"
  printf '{"timestamp":"%s","type":"turn_context","payload":{"cwd":"%s","model":"gpt-5.2-codex"}}\n' "$now" "$(pwd -P)"
  printf '{"timestamp":"%s","type":"event_msg","payload":{"type":"token_count","info":{"total_token_usage":{"input_tokens":1234,"cached_input_tokens":1000,"output_tokens":42},"last_token_usage":{"input_tokens":1234,"cached_input_tokens":1000,"output_tokens":42}}}}\n' "$now"
} > "$dir/rollout-$$-u1.jsonl"
sleep 3
"#;
const GEMINI: &str = r#"
dir="$HOME/.gemini/tmp/some-project/chats"; mkdir -p "$dir"
pwd -P > "$HOME/.gemini/tmp/some-project/.project_root"
now=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
printf '{"id":"1","timestamp":"%s","type":"gemini","content":"x","tokens":{"input":1234,"output":42,"cached":1000,"thoughts":7,"tool":0,"total":1276},"model":"no-such-model"}\n' "$now" > "$dir/session-x.jsonl"
sleep 3
"#;
const AIDER: &str = r#"
printf '\n# aider chat started at %s\n\n> Main model: gpt-5.5 with diff edit format\n> Tokens: 2.5k sent, 11 received. Cost: $0.01 message, $0.01 session.\n' "$(date '+%Y-%m-%d %H:%M:%S')" >> .aider.chat.history.md
sleep 3
"#;

#[test]
fn every_agent_s_transcript_is_read_and_what_none_tells_is_unknown() {
    let house = House::new("");
    let mut file = String::from("[projects.p]\ndir = \".\"\n[prices.\"other-model\"]\ninput = 1.0\noutput = 1.0\n");
    let scripts =
        [("codex", CODEX), ("gemini", GEMINI), ("aider", AIDER), ("opencode", "sleep 4\n"), ("claude", "sleep 1\n")];
    for (agent, script) in scripts {
        let path = house.path(&format!("w/{agent}.sh"));
        fs::write(&path, script).unwrap();
        file.push_str(&format!(
            "[agents.{agent}]\ncommand = [\"/bin/sh\", \"{}\"]\n[sessions.{agent}]\nagent = \"{agent}\"\nprompt = \"x\"\nproject = \"p\"\n",
            path.display()
        ));
    }
    file.push_str("[limits]\nconcurrent = 9\n");
    house.write(&file);
    house.ok(&["up", "--trust"]);
    house.until("opencode runs", || house.session("opencode")["started_at"].is_string());
    opencode_says(&house);
    for (agent, _) in scripts {
        house.until_state(agent, "succeeded");
    }
    let table = house.json(&["usage", "--json"]);
    let row = |name: &str| {
        let rows = table["rows"].as_array().unwrap();
        rows.iter().find(|row| row["key"] == name).cloned().unwrap_or_else(|| panic!("no {name} in {table:#}"))
    };
    assert_eq!(row("codex")["usage"]["input_tokens"], 1234, "{table:#}");
    assert_eq!(row("codex")["usage"]["cache_read_tokens"], 1000);
    assert_eq!(row("gemini")["usage"]["output_tokens"], 42);
    assert_eq!(row("gemini")["usage"]["usd"], Value::Null, "an unknown model is unpriced, not free");
    assert_eq!(row("gemini")["usage"]["unpriced_tokens"], 1276);
    assert_eq!(
        (row("aider")["usage"]["usd"].as_f64(), row("aider")["usage"]["rounded"].as_bool()),
        (Some(0.01), Some(true))
    );
    assert_eq!(
        (row("opencode")["usage"]["usd"].as_f64(), row("opencode")["usage"]["requests"].as_u64()),
        (Some(0.25), Some(1))
    );
    assert_eq!((row("claude")["usage"].clone(), row("claude")["unknown_attempts"].as_u64()), (Value::Null, Some(1)));
    let projects = house.json(&["usage", "--by", "project", "--json"]);
    assert_eq!(projects["rows"][0]["key"], "p");
    assert_eq!(projects["total"]["requests"], 4);
    let unknown = house.run(&["usage", "--night", "2020-01-01"]);
    assert_eq!(unknown.code, 4, "{}", unknown.stderr);
}

/// A database as opencode keeps one, with one reply of now and one of long ago.
fn opencode_says(house: &House) {
    use sqlx::{ConnectOptions as _, Connection as _};
    let folder = house.path("home/.local/share/opencode");
    fs::create_dir_all(&folder).unwrap();
    let dir = fs::canonicalize(house.path("w")).unwrap().display().to_string();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let message = |created: u128| {
        format!(
            r#"{{"role":"assistant","cost":0.25,"tokens":{{"total":1276,"input":234,"output":42,"reasoning":0,"cache":{{"read":1000,"write":0}}}},"modelID":"m","providerID":"p","time":{{"created":{created}}},"path":{{"cwd":"{dir}","root":"/"}}}}"#
        )
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("opencode.db")).create_if_missing(true);
        let options = options.journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
        let mut db = options.connect().await.unwrap();
        sqlx::query("CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT, time_created INTEGER, data TEXT)")
            .execute(&mut db)
            .await
            .unwrap();
        for (id, data) in [("m1", message(now)), ("m0", message(1_000)), ("m9", "{broken".to_owned())] {
            let insert = sqlx::query("INSERT INTO message VALUES ($1, 's1', 0, $2)").bind(id).bind(data);
            insert.execute(&mut db).await.unwrap();
        }
        db.close().await.unwrap();
    });
}
