//! `[agents.NAME]`: how an agent is watched.

use crate::stub::{clean, of, outcome, rendered};
use nightkeep::agents::profile::built_in;
use nightkeep::config::{Severity, is_harmless};
use nightkeep::core::exit::FailureClass;
use nightkeep::core::ids::SessionName;
use std::fmt::Write as _;

const SESSION: &str = "[sessions.a]\nagent = \"claude\"\nprompt = \"x\"\n";

#[track_caller]
fn error(agents: &str, words: &str) {
    let outcome = outcome(&format!("{SESSION}{agents}"));
    let told = of(&outcome, Severity::Error);
    assert!(told.iter().any(|d| d.to_string().contains(words)), "{words:?} is missing in\n{}", rendered(&outcome));
    assert!(outcome.loaded.is_none());
    assert!(is_harmless(&rendered(&outcome)));
}

fn rule(rest: &str) -> String {
    format!("[[agents.claude.rules]]\nid = \"mine\"\nregion = \"below\"\n{rest}\n")
}

#[test]
fn a_rule_is_added_one_takes_the_place_of_another_and_one_goes() {
    let loaded = clean(&format!(
        "{SESSION}[agents.claude]\nwithout = [\"limit-menu\"]\n{}\
         [[agents.claude.rules]]\nid = \"spinner\"\nversion = 7\nregion = \"last\"\ncontains = [\"…\"]\nactivity = \"working\"\n\
         [[agents.claude.errors]]\nid = \"proxy\"\nregex = 'PROXY says no'\nclass = \"auth\"\n",
        rule("contains = [\"lunch break\"]\nactivity = \"idle\"\nclass = \"usage_limit\"")
    ));
    let own = loaded.settings.profile("claude").unwrap();
    let base = built_in("claude").unwrap();
    assert_eq!(own.rules.len(), base.rules.len(), "one more, one less");
    assert_eq!((own.rules[0].id.as_str(), own.rules[0].priority), ("mine", 200), "before all others");
    let names: Vec<String> = own.listed().into_keys().collect();
    for name in ["claude/mine@1+own", "claude/spinner@7+own", "claude/done@1"] {
        assert!(names.iter().any(|known| known == name), "{name} is not among {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("limit-menu") || name == "claude/spinner@1"));
    let place = |profile: &nightkeep::agents::profile::Profile| {
        profile.rules.iter().find(|rule| rule.id == "spinner").unwrap().priority
    };
    assert_eq!(place(&own), place(&base), "it stands where the other stood");
    let (name, class) = own.error("Oh: the proxy says no today").unwrap();
    assert_eq!((name.as_str(), class), ("claude/proxy@1+own", Some(FailureClass::Auth)));
    assert_eq!(own.banner, base.banner);
    assert_eq!(own.layout, base.layout);
    assert!(loaded.plan.profiles.contains_key("claude"));
}

#[test]
fn an_agent_of_ones_own_is_watched_by_its_own_rules() {
    let loaded = clean(
        "[agents.mine]\ncommand = [\"mine\"]\nprograms = [\"mine\"]\nbanner = [\"Mine 1\"]\n\
         [agents.mine.layout]\ncomposer = '^> '\nlit = \"<Tab> next\"\npanel = 30\n\
         [[agents.mine.rules]]\nid = \"asks\"\nregion = \"dialog\"\nregex = ['^Really\\? \\[y/n\\]']\nactivity = \"prompting\"\n\
         prompt = { kind = \"permission\", about = \"bash-command\", command = '^run: (.*)$', choice = '(?P<key>[yn])' }\n\
         [agents.careful]\nextends = \"mine\"\ncommand = [\"mine\", \"--careful\"]\n\
         [agents.night]\nextends = \"claude\"\n[[agents.night.rules]]\nid = \"x\"\nregion = \"title\"\ncontains = [\"zzz\"]\nactivity = \"idle\"\n\
         [sessions.a]\nagent = \"careful\"\nprompt = \"x\"\n[sessions.b]\ncommand = \"/opt/bin/mine --now\"\n\
         [sessions.c]\nagent = \"night\"\nprompt = \"x\"\n[sessions.d]\ncommand = \"claude -p x\"\n",
    );
    let session = |name: &str| &loaded.plan.sessions[&SessionName::new(name).unwrap()];
    let watched = |name: &str| {
        let session = session(name);
        let agent = session.profile.clone().or_else(|| session.agent.clone()).unwrap();
        loaded.settings.profile(&agent).unwrap().name.clone()
    };
    assert_eq!((watched("a"), session("a").agent.clone()), ("mine".into(), None));
    assert_eq!(watched("b"), "mine", "by the name of its program");
    assert_eq!((watched("c"), session("c").agent.clone()), ("night".into(), Some("claude".into())));
    assert_eq!((watched("d"), session("d").profile.clone()), ("claude".into(), None));
    let night = loaded.settings.profile("night").unwrap();
    assert_eq!(night.rules.len(), built_in("claude").unwrap().rules.len() + 1);
    assert!(night.banner.is_empty(), "what claude shows is claude");
    assert_eq!(loaded.settings.profile("nobody"), None);
}

#[test]
fn what_cannot_be_used_is_told_where_it_stands() {
    let good = "contains = [\"x\"]\nactivity = \"idle\"";
    error(&rule("regex = ['(']\nactivity = \"idle\""), "is not valid");
    error(&rule("regex = ['(?=x)']\nactivity = \"idle\""), "look-around");
    error(&rule("regex = ['.*']\nactivity = \"idle\""), "is found in every text");
    error(&rule("contains = [\" \"]\nactivity = \"idle\""), "would be found everywhere");
    error(&rule("activity = \"idle\""), "fits everything");
    error(&rule("contains = [\"x\"]"), "finds nothing");
    error(&rule(&format!("{good}\nprompt = {{ kind = \"question\" }}")), "only where the agent asks");
    error(&rule(&format!("{good}\nretries = true")), "tries again by itself works");
    error(&rule(&format!("{good}\ncolor = [\"red\"]")), "is no colour");
    error(&rule(&format!("{good}\nscore = 101")), "from 1 to 100");
    error(&rule(&format!("{good}\npriorty = 1")), "unknown key");
    error(&rule(&format!("{good}\nclass = \"doom\"")), "not one of the words");
    error(&rule(good).replace("below", "botom"), "not one of the words");
    error(&rule(good).replace("\"mine\"", "\"a b/c\""), "cannot name a rule");
    error(&format!("{}{}", rule(good), rule(good)), "there are two rules `mine`");
    error("[agents.claude]\nwithout = [\"spiner\"]\n", "did you mean `spinner`");
    error("[agents.claude.layout]\ncomposer = 'x*'\n", "every row");
    error("[agents.claude.layout]\nlit = \"\"\n", "would be found everywhere");
    error("[agents.claude.layout]\npanel = 0\n", "from 1 to 200");
    error("[[agents.claude.errors]]\nid = \"x\"\nregex = 'x?'\n", "found in every text");
    error("[agents.claude]\nbanner = [\"\"]\n", "would be found everywhere");
}

#[test]
fn what_is_too_much_is_refused() {
    error(&rule(&format!("regex = ['{}']\nactivity = \"idle\"", "x".repeat(2_001))), "2000 are allowed");
    error(&rule("regex = ['(?:\\w{200}){200}']\nactivity = \"idle\""), "too large");
    let words: Vec<String> = (0..21).map(|n| format!("\"w{n}\"")).collect();
    error(&rule(&format!("contains = [{}]\nactivity = \"idle\"", words.join(","))), "20 are allowed");
    let mut many = String::new();
    for n in 0..201 {
        let _ = write!(
            many,
            "[[agents.claude.rules]]\nid = \"r{n}\"\nregion = \"below\"\ncontains = [\"x\"]\nactivity = \"idle\"\n"
        );
    }
    error(&many, "200 are allowed");
    let mut agents = String::new();
    for n in 0..51 {
        let _ = write!(agents, "[agents.a{n}]\nextends = \"a{}\"\nbanner = [\"x\"]\n", n + 1);
    }
    error(&format!("{agents}[agents.a51]\nextends = \"claude\"\n"), "50 are allowed");
    error(&agents, "too many times");
    let patterns: Vec<String> = (0..301).map(|n| format!("'x{n}'")).collect();
    error(&rule(&format!("regex = [{}]\nactivity = \"idle\"", patterns.join(","))), "300 are allowed");
}

#[test]
fn a_rule_that_also_sees_the_conversation_is_warned_of() {
    let warned = |text: &str| {
        let outcome = outcome(&format!("{SESSION}{text}"));
        assert!(outcome.loaded.is_some(), "{}", rendered(&outcome));
        of(&outcome, Severity::Warning).iter().any(|d| d.to_string().contains("what is said in the conversation"))
    };
    let limit = rule("contains = [\"limit\"]\nactivity = \"idle\"\nclass = \"usage_limit\"");
    assert!(!warned(&limit));
    for region in ["screen", "end", "turn"] {
        assert!(warned(&limit.replace("below", region)), "{region}");
    }
    assert!(!warned(&rule("contains = [\"…\"]\nactivity = \"working\"").replace("below", "turn")), "it stops nothing");
    let when = "when = [{ region = \"composer\", regex = '^x' }]";
    assert!(!warned(&format!("{}{when}\n", limit.replace("below", "turn"))));
    assert!(warned(
        "[agents.mine]\ncommand = [\"m\"]\n[[agents.mine.rules]]\nid = \"a\"\nregion = \"dialog\"\ncontains = [\"?\"]\nactivity = \"prompting\"\n"
    ));
}

#[test]
fn a_profile_says_whether_its_prompt_is_typed_and_its_events_are_asked_for() {
    use nightkeep::core::plan::TypesPrompt;
    let launch = |agents: &str, agent: &str| {
        let loaded = clean(&format!("{agents}[sessions.b]\nagent = \"{agent}\"\nprompt = \"x\"\n"));
        let session = loaded.plan.sessions.get(&SessionName::new("b").unwrap()).unwrap();
        let launch = session.launch.clone().unwrap();
        (launch.types_prompt, launch.events)
    };
    assert_eq!(launch("", "claude"), (TypesPrompt::Never, None));
    assert_eq!(launch("", "opencode"), (TypesPrompt::Resumed, None));
    let own = "[agents.mine]\nextends = \"opencode\"\nevents = true\ncommand = ";
    assert_eq!(launch(&format!("{own}[\"opencode\", \"-m\", \"x\"]\n"), "mine"), (TypesPrompt::Resumed, Some(true)));
    assert_eq!(launch(&format!("{own}[\"opencode\", \"--continue\"]\n"), "mine").0, TypesPrompt::Always);
    assert_eq!(launch(&format!("{own}[\"opencode\", \"run\"]\n"), "mine").0, TypesPrompt::Never, "it has no composer");
    let other = "[agents.mine]\ncommand = [\"mine\"]\ntypes_prompt = \"always\"\n";
    assert_eq!(launch(other, "mine"), (TypesPrompt::Always, None));
    let never = "[agents.mine]\nextends = \"opencode\"\ntypes_prompt = \"never\"\n";
    assert_eq!(launch(never, "mine").0, TypesPrompt::Never);
}
