//! An agent over its attempts: its conversation is gone on with, a full one is left for another, and each attempt is
//! handed what went before.

use crate::house::House;
use serde_json::Value;
use std::fs;

/// Behaves as Claude Code does where it matters here: keeps its conversation under the id that it is given, does not take
/// up one that it does not know, calls its hooks, and asks its terminal whether it may report its status.
const CLAUDE: &str = r#"
n=${NIGHTKEEP_ATTEMPT##*.}
printf '%s\n' "$@" > "$HOME/args.$n"
cp "$NIGHTKEEP_BRIEF" "$HOME/brief.$n"
resume=
while [ $# -gt 0 ]; do
  case "$1" in
    --session-id) id=$2; shift;;
    --resume) id=$2; resume=1; shift;;
    --settings) settings=$2; shift;;
  esac
  shift
done
dir="$HOME/.claude/projects/$(pwd -P | sed 's/[^a-zA-Z0-9]/-/g')"
mkdir -p "$dir"
if [ -n "$resume" ] && [ ! -e "$dir/$id.jsonl" ]; then
  echo "No conversation found with session ID: $id"
  exit 1
fi
printf '{"type":"user","timestamp":"%s","cwd":"%s","sessionId":"%s"}\n' \
  "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)" "$(pwd -P)" "$id" >> "$dir/$id.jsonl"
stty raw -echo
printf '\033]7501;?\007'
IFS= read -r -t 1 -N 200 answer
stty sane
printf '%s' "$answer" | tr -d '\033\007' > "$HOME/answer.$n"
hook=$(sed -n 's/.*"command": "\(.*\)",*$/\1/p' "$settings" | head -n 1)
if [ "$n" = 3 ]; then event=Stop; else event=StopFailure; fi
printf '{"hook_event_name":"%s","error":"billing_error","prompt":"private"}' "$event" | sh -c "$hook" > "$HOME/hook.$n" 2>&1
echo "rc=$?" >> "$HOME/hook.$n"
echo "attempt $n works on it"
case $n in
  1) until [ -e "$HOME/go" ]; do sleep 0.05; done; kill -9 $$;;
  2) echo "Prompt is too long"; exit 1;;
esac
"#;

fn words(house: &House, attempt: u32) -> Vec<String> {
    let text = fs::read_to_string(house.path(&format!("home/args.{attempt}"))).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn after<'w>(words: &'w [String], word: &str) -> Option<&'w str> {
    let at = words.iter().position(|known| known == word)?;
    words.get(at + 1).map(String::as_str)
}

#[test]
fn a_killed_agent_goes_on_with_its_conversation_and_a_full_one_is_begun_anew_with_a_hand_over() {
    let house = House::new("");
    fs::write(house.path("w/claude.sh"), CLAUDE).unwrap();
    house.write(&format!(
        r#"
[agents.fake]
extends = "claude"
command = ["/bin/bash", "{}"]
[sessions.agent]
agent = "fake"
prompt = "Write the views."
retry = {{ initial_delay = "100ms", min_uptime = "1ms" }}
[[rules]]
match = 'Prompt is too long'
class = "context_full"
"#,
        house.path("w/claude.sh").display()
    ));
    house.ok(&["up", "--trust"]);
    house.until("it asked", || house.path("home/hook.1").exists());
    house.until("what its hook was told is known", || {
        house.facts_of("agent_moved").iter().any(|fact| fact["seen"]["class"] == "billing")
    });
    house.ok(&["note", "agent", "use the small batch"]);
    fs::write(house.path("home/go"), "").unwrap();
    house.until_state("agent", "succeeded");

    let first = words(&house, 1);
    let id = after(&first, "--session-id").expect("an id").to_owned();
    assert_eq!((id.len(), first.last().map(String::as_str)), (36, Some("Write the views.")), "{first:?}");
    let brief = fs::read_to_string(house.path("home/brief.1")).unwrap();
    assert!(brief.contains("This is the first attempt"), "{brief}");

    let second = words(&house, 2);
    assert_eq!(after(&second, "--resume"), Some(id.as_str()), "{second:?}");
    let prompt = second.last().unwrap();
    assert!(prompt.starts_with("You were interrupted (signal 9 (KILL), killed other)"), "{prompt}");
    assert!(prompt.contains("brief.md"), "{prompt}");
    let brief = fs::read_to_string(house.path("home/brief.2")).unwrap();
    assert!(brief.contains("use the small batch") && brief.contains("  | attempt 1 works on it"), "{brief}");

    let third = words(&house, 3);
    let other = after(&third, "--session-id").expect("another id");
    assert_ne!(other, id, "{third:?}");
    assert!(
        fs::read_to_string(house.path("home/args.3")).unwrap().contains("Write the views.\n\nBefore you begin, read")
    );
    let brief = fs::read_to_string(house.path("home/brief.3")).unwrap();
    assert!(brief.contains("context full") && brief.contains("### Attempt 1 of"), "{brief}");

    let answer = fs::read_to_string(house.path("home/answer.1")).unwrap();
    assert_eq!(answer, "]7501;?:states=idle,working,done,blocked,error:kinds=permission,question,auth");
    assert_eq!(fs::read_to_string(house.path("home/hook.1")).unwrap(), "rc=0\n", "a hook says nothing and never fails");
    let runs = house.logs().join("runs/agent");
    let hooks: Vec<Value> = fs::read_dir(&runs)
        .unwrap()
        .filter_map(|run| fs::read_to_string(run.unwrap().path().join("hooks.jsonl")).ok())
        .map(|text| serde_json::from_str(text.trim()).unwrap())
        .collect();
    assert_eq!(hooks.len(), 3, "each attempt has its own");
    assert!(hooks.iter().all(|hook| hook["error"] == "billing_error" && hook.get("prompt").is_none()), "{hooks:?}");

    let facts = house.facts_of("conversation");
    let resumed: Vec<bool> = facts.iter().map(|fact| fact["conversation"]["resumed"] == true).collect();
    assert!(resumed.contains(&true), "{facts:#?}");
    assert!(house.ok(&["why", "agent", "--json"]).contains("agent"));
}

fn git(dir: &std::path::Path, args: &[&str]) -> String {
    let mut git = std::process::Command::new("git");
    git.args(["-c", "user.name=Anna", "-c", "user.email=anna@localhost"]).args(args).current_dir(dir);
    let out = git.output().expect("git runs");
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[test]
fn a_worktree_is_made_once_on_a_branch_of_its_own_without_hooks_and_kept() {
    let house = House::new("");
    let repository = house.path("repo");
    fs::create_dir_all(repository.join("sub")).unwrap();
    fs::write(repository.join("sub/a.txt"), "one\n").unwrap();
    git(&repository, &["init", "-q", "-b", "main"]);
    git(&repository, &["add", "."]);
    git(&repository, &["commit", "-qm", "first"]);
    let hook = repository.join(".git/hooks/post-checkout");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", house.path("hooked").display())).unwrap();
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    house.write(&format!(
        "[sessions.own]\ndir = \"{0}/sub\"\nworktree = true\nretry = {{ initial_delay = \"50ms\", min_uptime = \"1ms\" }}\n\
         command = 'pwd >> \"$HOME/where\"; cat more.txt; echo 1 >> more.txt; test $(wc -l < more.txt) -ge 2'\n\
         [sessions.none]\nworktree = true\ncommand = 'true'\nretry = {{ max_attempts = 1 }}\n",
        repository.display()
    ));
    house.ok(&["up", "--trust"]);
    house.until_state("own", "succeeded");
    let where_ = fs::read_to_string(house.path("home/where")).unwrap();
    let own = house.logs().join("worktrees/own");
    let expected = own.join("sub").canonicalize().unwrap();
    let lines: Vec<&str> = where_.lines().collect();
    assert_eq!(lines, [expected.to_str().unwrap(); 2], "both attempts, and what the first left was there");
    assert_eq!(git(&own, &["symbolic-ref", "--short", "HEAD"]).trim(), "nightkeep/own");
    assert_eq!(git(&repository, &["status", "--porcelain"]), "", "the project's own tree is let be");
    assert!(!house.path("hooked").exists(), "no hook was run");
    house.until_state("none", "failed");
    let troubles = house.facts_of("trouble");
    assert!(troubles.iter().any(|fact| fact["what"].to_string().contains("in no git repository")), "{troubles:?}");
}

#[test]
fn what_a_session_commits_in_its_worktree_stands_with_it_in_the_report() {
    let house = House::new("");
    let repository = house.path("repo");
    fs::create_dir_all(&repository).unwrap();
    fs::write(repository.join("a.txt"), "one\n").unwrap();
    git(&repository, &["init", "-q", "-b", "main"]);
    git(&repository, &["add", "."]);
    git(&repository, &["commit", "-qm", "first"]);
    let commit = "git -c user.name=agent -c user.email=agent@x commit -q";
    house.write(&format!(
        "[projects.p]\ndir = \"{0}\"\n[sessions.own]\nproject = \"p\"\nworktree = true\n\
         command = 'echo two > b.txt; git add b.txt; {commit} -m \"the second file\"; echo three > c.txt'\n\
         [sessions.idle]\nproject = \"p\"\nworktree = true\ncommand = 'true'\n\
         [sessions.main]\nproject = \"p\"\ncommand = 'true'\n",
        repository.display()
    ));
    house.ok(&["up", "--trust"]);
    for name in ["own", "idle", "main"] {
        house.until_state(name, "succeeded");
    }
    house.ok(&["down"]);
    let report = house.json(&["report", "--format", "json"]);
    let of = |name: &str| {
        let sessions = report["sessions"].as_array().unwrap();
        sessions.iter().find(|session| session["name"] == name).unwrap()["worktree"].clone()
    };
    let own = of("own");
    assert_eq!((&own["branch"], &own["commit_count"]), (&"nightkeep/own".into(), &1.into()), "{own:#}");
    assert_eq!((&own["commits"][0]["subject"], &own["dirty_count"]), (&"the second file".into(), &1.into()), "{own:#}");
    assert_eq!((of("idle"), of("main")), (Value::Null, Value::Null), "nothing happened there");
    assert_eq!(report["totals"]["commits"], 0, "the project's own branch has none of it");
    let markdown = house.ok(&["report", "--format", "md", "--full"]);
    assert!(markdown.contains("- its work tree: on nightkeep/own, 1 commit, 1 uncommitted change"), "{markdown}");
    let html = house.ok(&["report", "--format", "html"]);
    assert!(html.contains("Its work tree: on nightkeep"), "the page says so");
}
