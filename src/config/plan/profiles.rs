//! The rules by which agents are watched, where the file changes them: each profile whole, ready to be used.

use super::super::document::Place;
use super::super::printable::quoted;
use super::super::raw::{self, ScreenPattern};
use super::super::suggest;
use super::agents::DEPTH_MAX;
use super::{Build, Layers, class};
use crate::agents::profile::{self, Condition, ErrorText, GENERIC, Layout, Pattern, Profile, PromptRule, Rule};
use crate::agents::screen::Region;
use crate::core::agent::Activity;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most profiles: each has all rules of the one it starts from.
const PROFILES_MAX: usize = 50;
/// Most rules of a profile, and most of its texts of errors.
const RULES_MAX: usize = 200;
/// Most patterns of a profile: each takes memory.
const PATTERNS_MAX: usize = 300;
/// Most words that a rule asks for, and most names in a list.
const WORDS_MAX: usize = 20;
/// Longest word, in bytes.
const WORD_MAX: usize = 200;
/// Longest id.
const ID_MAX: usize = 40;
/// The priority of a rule that has none: before all built-in ones.
const FIRST: i32 = 200;
/// How far a rule is trusted that does not say it.
const SCORE: u8 = 60;

/// Whether an entry says how its agent is watched.
fn is_watched(agent: &raw::Agent) -> bool {
    let lists = [&agent.programs, &agent.banner, &agent.app, &agent.without];
    lists.iter().any(|list| list.is_some()) || agent.layout.is_some() || agent.rules.is_some() || agent.errors.is_some()
}

/// The profile that a name is watched by: the first of those it starts from that says how. `None` is the built-in one.
pub(super) fn of(raw: &raw::File, name: &str) -> Option<String> {
    let mut current = name;
    for _ in 0..=raw.agents.len() {
        let own = raw.agents.get(current)?;
        if is_watched(own) {
            return Some(current.to_owned());
        }
        match &own.extends {
            Some(base) if base != current => current = base,
            Some(_) | None => return None,
        }
    }
    None
}

/// The agent of the file that a session is, by which its screen is read.
pub(super) fn of_session(raw: &raw::File, layers: &Layers<'_>) -> Option<String> {
    let typed = layers.own.command.as_ref().or(layers.defaults.command.as_ref().filter(|_| layers.own.agent.is_none()));
    let name = match typed {
        Some(typed) => {
            let program = program(typed)?;
            by_program(raw, program).or_else(|| profile::of_program(program).map(str::to_owned))?
        }
        None => layers.own.agent.as_ref().or(layers.defaults.agent.as_ref())?.clone(),
    };
    raw.agents.contains_key(&name).then_some(name)
}

/// The file name of the program that a command starts.
fn program(typed: &raw::CommandText) -> Option<&str> {
    let program = match typed {
        raw::CommandText::Line(line) => line.split_whitespace().next(),
        raw::CommandText::Words(words) => words.first().map(String::as_str),
    }?;
    Some(program.rsplit('/').next().unwrap_or(program))
}

/// The profile of the file that names a program as its own.
pub(super) fn by_program(raw: &raw::File, program: &str) -> Option<String> {
    let names = |agent: &raw::Agent| agent.programs.iter().flatten().any(|name| name == program);
    raw.agents.iter().find(|(_, agent)| names(agent)).map(|(name, _)| name.clone())
}

/// All profiles of the file that say how their agent is watched, with every problem told.
pub(super) fn profiles(build: &mut Build<'_, '_>) -> BTreeMap<String, Arc<Profile>> {
    let raw = build.raw;
    let mut made: BTreeMap<String, Arc<Profile>> = BTreeMap::new();
    let wanted: Vec<&String> = raw.agents.iter().filter(|(_, own)| is_watched(own)).map(|(name, _)| name).collect();
    if wanted.len() > PROFILES_MAX {
        let message = format!("there are {} agents with rules, {PROFILES_MAX} are allowed", wanted.len());
        build.problems.error_in_key(&Place::root().key("agents"), message);
        return made;
    }
    for name in wanted {
        // Those it starts from first: what they add is part of it.
        let mut chain = vec![name.as_str()];
        while let Some(base) = chain.last().and_then(|last| raw.agents.get(*last)?.extends.as_deref()) {
            if chain.contains(&base) || chain.len() >= DEPTH_MAX {
                break;
            }
            chain.push(base);
        }
        let known = chain.iter().rposition(|name| !raw.agents.contains_key(*name) || profile::built_in(name).is_some());
        let root = known.and_then(|at| chain.get(at)).and_then(|name| profile::built_in(name));
        let mut whole = root.or_else(|| profile::built_in(GENERIC)).unwrap_or_default();
        for part in chain.iter().rev() {
            let Some(own) = raw.agents.get(*part).filter(|own| is_watched(own)) else { continue };
            whole = match made.get(*part) {
                Some(made) => Arc::clone(made),
                None => Arc::new(one(build, part, own, &whole)),
            };
            made.insert((*part).to_owned(), Arc::clone(&whole));
        }
    }
    made
}

/// Short words for how a profile watches: others, when that changed.
pub(super) fn hash(profile: &Profile) -> String {
    let Profile { name: _, programs, app, banner, layout, rules, errors, .. } = profile;
    let text = format!("{programs:?} {app:?} {banner:?} {layout:?} {rules:?} {errors:?}");
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// One profile on top of the one it starts from.
fn one(build: &mut Build<'_, '_>, name: &str, own: &raw::Agent, base: &Profile) -> Profile {
    let place = Place::root().key("agents").key(name);
    if let Err(why) = plain_id(name) {
        build.problems.error_in_key(&place, format!("{} cannot name rules: {why}", quoted(name)));
    }
    for (key, list) in [("programs", &own.programs), ("banner", &own.banner), ("app", &own.app)] {
        words(build, list.as_deref().unwrap_or_default(), &place.key(key));
    }
    let before = build.problems.has_errors();
    count(build, own, &place);
    let without = own.without.clone().unwrap_or_default();
    let ids = || base.rules.iter().map(|rule| rule.id.as_str()).chain(base.errors.iter().map(|e| e.id.as_str()));
    for (i, id) in without.iter().enumerate().filter(|(_, id)| !ids().any(|known| known == id.as_str())) {
        let message = format!("{} has no rule {}", quoted(&base.name), quoted(id));
        let hint = suggest::closest(id, ids()).map(|name| format!("did you mean {}?", quoted(name)));
        let hint = hint.or_else(|| Some("`nightkeep rules list` lists them".to_owned()));
        build.problems.error(&place.key("without").item(i), message).maybe_help(hint);
    }
    let layout = own.layout.as_ref().map(|typed| layout(build, typed, &place.key("layout"))).unwrap_or_default();
    let layout = base.layout.changed(&layout);
    let (mut rules, mut errors, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (i, typed) in own.rules.iter().flatten().take(RULES_MAX).enumerate() {
        let place = place.key("rules").item(i);
        id(build, &typed.id, &place, &mut seen);
        check(build, typed, &layout, &place);
        let old = base.rules.iter().find(|old| old.id == typed.id);
        rules.push(rule(typed, old.map_or(FIRST, |old| old.priority)));
    }
    seen.clear();
    for (i, typed) in own.errors.iter().flatten().take(RULES_MAX).enumerate() {
        let place = place.key("errors").item(i);
        id(build, &typed.id, &place, &mut seen);
        let regex = Pattern::from(format!("(?i){}", typed.regex.0).as_str());
        if regex.is_match("") {
            build.problems.error(&place.key("regex"), "it is found in every text");
        }
        let class = typed.class.map(class);
        errors.push(ErrorText { id: typed.id.clone(), version: typed.version.unwrap_or(1), own: true, regex, class });
    }
    if before != build.problems.has_errors() {
        // It is not used; what else is wrong was told.
        return base.clone();
    }
    let mut profile = base.without(name, &without).changed(name, &rules, &errors);
    profile.layout = layout;
    // An agent that starts from another is another program; what it calls itself may be the same.
    let same = base.name == name;
    let list = |own: &Option<Vec<String>>, old: &[String]| match own {
        Some(own) => own.clone(),
        None if same => old.to_vec(),
        None => Vec::new(),
    };
    profile.programs = list(&own.programs, &base.programs);
    profile.banner = list(&own.banner, &base.banner);
    profile.app = own.app.clone().unwrap_or_else(|| base.app.clone());
    profile
}

/// What is too much.
fn count(build: &mut Build<'_, '_>, own: &raw::Agent, place: &Place) {
    let (rules, errors) = (own.rules.as_deref().unwrap_or_default(), own.errors.as_deref().unwrap_or_default());
    for (key, n) in [("rules", rules.len()), ("errors", errors.len())] {
        if n > RULES_MAX {
            build.problems.error(&place.key(key), format!("there are {n}, {RULES_MAX} are allowed"));
        }
    }
    let of_rule = |rule: &raw::ScreenRule| {
        let of_prompt =
            |p: &raw::ScreenPrompt| [&p.question, &p.command, &p.choice].into_iter().filter(|p| p.is_some()).count();
        let lists = rule.regex.len() + rule.not.len() + rule.when.len() + rule.unless.len();
        lists + usize::from(rule.error.is_some()) + rule.prompt.as_ref().map_or(0, of_prompt)
    };
    let patterns = rules.iter().map(of_rule).sum::<usize>()
        + errors.len()
        + own.layout.as_ref().map_or(0, |layout| layout.ignore.len());
    if patterns > PATTERNS_MAX {
        let message = format!("its rules have {patterns} patterns, {PATTERNS_MAX} are allowed");
        build.problems.error_in_key(place, message).help("one pattern may have several forms: 'this|that'");
    }
}

fn plain_id(id: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if id.is_empty() {
        Err("it is empty".to_owned())
    } else if id.len() > ID_MAX {
        Err(format!("it is longer than {ID_MAX} characters"))
    } else if id.chars().all(plain) {
        Ok(())
    } else {
        Err("only letters, digits, `-` and `_` may stand in it".to_owned())
    }
}

fn id(build: &mut Build<'_, '_>, id: &str, place: &Place, seen: &mut BTreeSet<String>) {
    if let Err(why) = plain_id(id) {
        build.problems.error(&place.key("id"), format!("{} cannot name a rule: {why}", quoted(id)));
    } else if !seen.insert(id.to_owned()) {
        build.problems.error(&place.key("id"), format!("there are two rules {}", quoted(id)));
    }
}

/// Words that something must be found by.
fn words(build: &mut Build<'_, '_>, words: &[String], place: &Place) {
    if words.len() > WORDS_MAX {
        let message = format!("there are {} words, {WORDS_MAX} are allowed", words.len());
        build.problems.error(place, message);
    }
    for (i, word) in words.iter().enumerate() {
        if word.trim().is_empty() {
            build.problems.error(&place.item(i), "the word is empty and would be found everywhere");
        } else if word.len() > WORD_MAX || word.chars().any(char::is_control) {
            let message = format!("a word has at most {WORD_MAX} bytes, and no control characters");
            build.problems.error(&place.item(i), message);
        }
    }
}

/// What is wrong with a rule beyond its form.
fn check(build: &mut Build<'_, '_>, rule: &raw::ScreenRule, layout: &Layout, place: &Place) {
    words(build, &rule.contains, &place.key("contains"));
    if rule.contains.is_empty() && rule.regex.is_empty() {
        let found = build.problems.error(place, format!("the rule {} fits everything", quoted(&rule.id)));
        found.help("add contains = [\"…\"] or regex = ['…']");
    }
    if rule.activity.is_none() && rule.class.is_none() && rule.error.is_none() {
        let found = build.problems.error(place, format!("the rule {} finds nothing", quoted(&rule.id)));
        found.help("add activity = \"working\", \"idle\" or \"prompting\", or a class");
    }
    for (key, list) in [("regex", &rule.regex), ("not", &rule.not)] {
        for (i, typed) in list.iter().enumerate().filter(|(_, typed)| everywhere(typed)) {
            let message = format!("{} is found in every text", quoted(&typed.0));
            build.problems.error(&place.key(key).item(i), message);
        }
    }
    let is_color = |color: &str| {
        color.parse::<u8>().is_ok_and(|index| index.to_string() == color)
            || (color.len() == 6 && color.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')))
    };
    for (i, color) in rule.color.iter().enumerate().filter(|(_, color)| !is_color(color)) {
        let found = build.problems.error(&place.key("color").item(i), format!("{} is no colour", quoted(color)));
        found.help("0 to 255, or six hexadecimal digits in lower case");
    }
    let prompts = rule.activity == Some(raw::RuleActivity::Prompting);
    if rule.prompt.is_some() && !prompts {
        let found = build.problems.error(&place.key("prompt"), "a prompt is read only where the agent asks");
        found.help("add activity = \"prompting\"");
    }
    if let Some(about) = rule.prompt.as_ref().and_then(|prompt| prompt.about.as_ref())
        && let Err(why) = plain_id(about)
    {
        let message = format!("{} cannot name a prompt: {why}", quoted(about));
        build.problems.error(&place.key("prompt").key("about"), message);
    }
    if rule.retries && rule.activity != Some(raw::RuleActivity::Working) {
        let found = build.problems.error(&place.key("retries"), "one that tries again by itself works");
        found.help("add activity = \"working\"");
    }
    // A model may write what looks like a limit or a question.
    let stops = prompts || rule.class.is_some() || rule.error.is_some();
    let spoken = match rule.region {
        Region::Screen | Region::End | Region::Turn | Region::Asked => true,
        Region::Dialog => layout.composer.is_none() && layout.dialog.is_none(),
        Region::Title | Region::Last | Region::Composer | Region::Below => false,
    };
    if stops && spoken && rule.when.is_empty() {
        let message = format!("the rule {} also counts what is said in the conversation", quoted(&rule.id));
        let found = build.problems.warning(&place.key("region"), message);
        found.help(match rule.region {
            Region::Dialog => "say in `layout` where the agent's own dialogs begin, or what its composer looks like",
            Region::Screen
            | Region::End
            | Region::Turn
            | Region::Asked
            | Region::Title
            | Region::Last
            | Region::Composer
            | Region::Below => "use dialog, below, composer or title, or add `when` with what only the agent draws",
        });
    }
}

/// Whether a pattern is found in every text.
fn everywhere(typed: &ScreenPattern) -> bool {
    Pattern::from(typed.0.as_str()).is_match("") && Pattern::from(typed.0.as_str()).is_match("x")
}

fn pattern(typed: &ScreenPattern) -> Pattern {
    Pattern::from(typed.0.as_str())
}

fn layout(build: &mut Build<'_, '_>, typed: &raw::ScreenLayout, place: &Place) -> Layout {
    if typed.composer.as_ref().is_some_and(everywhere) {
        build.problems.error(&place.key("composer"), "every row would be the one that is typed into");
    }
    if let Some(lit) = &typed.lit {
        words(build, std::slice::from_ref(lit), &place.key("lit"));
    }
    let some = |typed: &Option<ScreenPattern>| typed.as_ref().map(pattern);
    Layout {
        composer: some(&typed.composer),
        composer_below: some(&typed.composer_below),
        composer_box: some(&typed.composer_box),
        never_below: some(&typed.never_below),
        turn: some(&typed.turn),
        turn_below: some(&typed.turn_below),
        dialog: some(&typed.dialog),
        ignore: typed.ignore.iter().map(pattern).collect(),
        border: typed.border,
        lit: typed.lit.clone(),
        panel: typed.panel,
    }
}

fn rule(typed: &raw::ScreenRule, priority: i32) -> Rule {
    let all = |list: &[ScreenPattern]| list.iter().map(pattern).collect();
    let conditions = |list: &[raw::ScreenCondition]| {
        list.iter().map(|when| Condition { region: when.region, regex: pattern(&when.regex) }).collect()
    };
    Rule {
        id: typed.id.clone(),
        version: typed.version.unwrap_or(1),
        own: true,
        priority: typed.priority.unwrap_or(priority),
        region: typed.region,
        contains: typed.contains.clone(),
        regex: all(&typed.regex),
        not: all(&typed.not),
        when: conditions(&typed.when),
        unless: conditions(&typed.unless),
        color: typed.color.clone(),
        activity: typed.activity.map(|activity| match activity {
            raw::RuleActivity::Working => Activity::Working,
            raw::RuleActivity::Idle => Activity::Idle,
            raw::RuleActivity::Prompting => Activity::Prompting,
        }),
        class: typed.class.map(class),
        error: typed.error.as_ref().map(pattern),
        retries: typed.retries,
        resumes: typed.resumes,
        score: typed.score.unwrap_or(SCORE),
        prompt: typed.prompt.as_ref().map(|prompt| PromptRule {
            kind: prompt.kind,
            about: prompt.about.clone().unwrap_or_default(),
            question: prompt.question.as_ref().map(pattern),
            command: prompt.command.as_ref().map(pattern),
            choice: prompt.choice.as_ref().map(pattern),
        }),
    }
}
