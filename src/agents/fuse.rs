//! One judgement of all signs: what the agent does, how sure that is, and what speaks for and against it.

use super::sign::{Sign, Source};
use crate::core::agent::{Activity, AgentSeen, Confidence, Prompt, Weight};
use crate::core::exit::FailureClass;
use crate::core::time::Wall;
use std::time::Duration;

/// A judgement on a sign of less than this is a guess.
const MEDIUM: u8 = 50;
/// From here on it is sure.
const HIGH: u8 = 80;
/// The word of a hook or a transcript counts alone for so long.
const MOMENT: Duration = Duration::from_secs(5);
/// What an agent said of itself so long after it called a hook was surely said after it: its output is read once a second.
const SURELY_LATER: Duration = Duration::from_millis(1_200);
/// What the processes do is a sign for so long.
const PROCESSES: Duration = Duration::from_secs(90);
/// A question that the screen does not show is one after so long: the screen tells more of it, what can be answered
/// above all, and is read a little later than a hook is heard.
const UNSEEN: Duration = Duration::from_secs(3);
/// Signs beside the first that are kept as evidence.
const EVIDENCE: usize = 4;

/// Judges the newest sign of each source.
pub fn fuse(profile: &str, signs: &[Sign], now: Wall) -> AgentSeen {
    let signs: Vec<&Sign> = signs.iter().filter(|sign| !is_past(sign, signs, now)).collect();
    let mut by_weight = signs.clone();
    by_weight.sort_by_key(|sign| (std::cmp::Reverse(sign.score), std::cmp::Reverse(sign.at), sign.source));
    // Processes work for many reasons: what they do supports a word, and is none.
    let speaks = |sign: &&Sign| sign.activity.is_some() && sign.source != Source::Process;
    let Some(first) = by_weight.iter().copied().find(speaks) else {
        let mut evidence = vec![format!("nothing of what it shows is known to the rules of {profile}")];
        let mut weights = vec![Weight { at: now, score: 0 }];
        evidence.extend(by_weight.iter().map(|sign| sign.evidence()));
        weights.extend(by_weight.iter().map(|sign| sign.weight()));
        return AgentSeen { profile: profile.to_owned(), evidence, weights, since: Some(now), ..AgentSeen::default() };
    };
    let activity = first.activity.unwrap_or_default();
    let agrees = |sign: &&&Sign| sign.activity.is_none_or(|other| other == activity);
    let with = by_weight.iter().filter(agrees);
    // What failed before does not matter to one that works, unless it says that it is trying again.
    let matters = |sign: &&&Sign| sign.class.is_some() && (activity != Activity::Working || sign.retries);
    let failed = with.clone().find(matters).copied();
    let limits = with.clone().filter(|sign| sign.class == Some(FailureClass::UsageLimit));
    // A field of a machine says it more exactly than words on a screen.
    let rank = |source: Source| match source {
        Source::Transcript | Source::Headless => 0,
        Source::Hook | Source::Events => 1,
        Source::Status | Source::Title | Source::Screen | Source::Process => 2,
    };
    let mut limits: Vec<_> = limits.filter_map(|sign| Some((rank(sign.source), sign.limit.as_ref()?))).collect();
    limits.sort_by_key(|(rank, limit)| (limit.resets.is_none(), *rank));
    let limit = limits.first().map(|(_, limit)| (*limit).clone());
    let is_limit = failed.is_some_and(|sign| sign.class == Some(FailureClass::UsageLimit));
    let prompt = (activity == Activity::Prompting).then(|| prompt(&by_weight, now)).flatten();

    let supported = signs.iter().any(|sign| sign.source != first.source && sign.activity == Some(activity));
    let denied = signs.iter().any(|sign| {
        sign.activity.is_some_and(|other| other != activity) && sign.score >= 60 && first.score - sign.score < 15
    });
    let score = match (supported, denied) {
        (_, true) => first.score.saturating_sub(25),
        (true, false) => first.score.saturating_add(15),
        (false, false) => first.score,
    };
    let confidence = match score {
        HIGH.. => Confidence::High,
        MEDIUM.. => Confidence::Medium,
        _ => Confidence::Low,
    };
    let decides = failed.unwrap_or(first);
    let mut evidence = vec![decides.evidence()];
    let others = by_weight.iter().filter(|sign| !std::ptr::eq(**sign, decides)).take(EVIDENCE);
    evidence.extend(others.clone().map(|sign| sign.evidence()));
    let weights = std::iter::once(decides.weight()).chain(others.map(|sign| sign.weight())).collect();
    AgentSeen {
        profile: profile.to_owned(),
        activity,
        class: failed.and_then(|sign| sign.class),
        retries: activity == Activity::Working && with.clone().any(|sign| sign.retries),
        resumes: is_limit && with.clone().any(|sign| sign.resumes),
        limit: limit.filter(|_| is_limit),
        prompt,
        rule: decides.rule.clone(),
        confidence,
        evidence,
        weights,
        since: Some(now),
        ..AgentSeen::default()
    }
}

/// Whether a word was overtaken: it tells of a moment, and what is seen all the time has since been something else.
fn is_past(sign: &Sign, signs: &[Sign], now: Wall) -> bool {
    let lasts = |source: Source| match source {
        Source::Status | Source::Screen | Source::Title => true,
        Source::Hook | Source::Events | Source::Transcript | Source::Headless | Source::Process => false,
    };
    let overtakes = |other: &Sign| {
        let differs = other.activity.is_some_and(|activity| Some(activity) != sign.activity);
        lasts(other.source) && differs && other.score >= HIGH && other.at > sign.at
    };
    // A dialog is over as soon as its own program says so, and must not be asked about again.
    let answered =
        |other: &Sign| other.source == Source::Status && overtakes(other) && other.at.since(sign.at) > SURELY_LATER;
    let asks = sign.source == Source::Hook && sign.activity == Some(Activity::Prompting);
    match sign.source {
        Source::Hook if asks && signs.iter().any(answered) => true,
        Source::Hook | Source::Transcript => now.since(sign.at) > MOMENT && signs.iter().any(overtakes),
        Source::Process => now.since(sign.at) > PROCESSES,
        // Its stream tells all the time what it does, but not of every dialog that it shows.
        Source::Events => {
            let asks = |other: &Sign| other.activity == Some(Activity::Prompting) && overtakes(other);
            now.since(sign.at) > MOMENT && signs.iter().any(asks)
        }
        Source::Status | Source::Screen | Source::Title | Source::Headless => false,
    }
}

/// The prompt that is known best: one with choices before one without, a command from wherever it is named.
fn prompt(by_weight: &[&Sign], now: Wall) -> Option<Prompt> {
    let asks = |sign: &&&Sign| sign.activity == Some(Activity::Prompting) && sign.prompt.is_some();
    let early = |sign: &Sign| sign.source != Source::Screen && now.since(sign.at) < UNSEEN;
    if by_weight.iter().filter(asks).all(|sign| early(sign)) {
        return None;
    }
    let all =
        || by_weight.iter().filter(|sign| sign.activity == Some(Activity::Prompting)).filter_map(|s| s.prompt.as_ref());
    let best = all().find(|prompt| !prompt.choices.is_empty()).or_else(|| all().next())?;
    let mut prompt = best.clone();
    // A stream comes and goes, and must not make another question of what stands on the screen.
    let steady = by_weight.iter().copied().filter(|sign| sign.source != Source::Events || best.choices.is_empty());
    let steady: Vec<&Sign> = steady.filter(|sign| sign.activity == Some(Activity::Prompting)).collect();
    let all = || steady.iter().filter_map(|sign| sign.prompt.as_ref());
    if prompt.command.is_none() {
        prompt.command = all().find_map(|other| other.command.clone());
    }
    if prompt.question.is_empty() {
        prompt.question = all().map(|other| other.question.clone()).find(|text| !text.is_empty()).unwrap_or_default();
    }
    if prompt.about.is_empty() {
        prompt.about = all().map(|other| other.about.clone()).find(|about| !about.is_empty()).unwrap_or_default();
    }
    Some(prompt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::agent::PromptKind;
    use crate::core::limit::LimitSeen;

    fn sign(source: Source, score: u8, activity: Activity) -> Sign {
        let mut sign = Sign::new(source, format!("test/{}@1", source.as_str()), Wall(0), score);
        sign.activity = Some(activity);
        sign
    }
    fn judged(signs: &[Sign]) -> AgentSeen {
        fuse("test", signs, Wall(1))
    }

    #[test]
    fn nothing_known_is_said() {
        let seen = judged(&[]);
        assert_eq!((seen.activity, seen.confidence), (Activity::Unknown, Confidence::Low));
        assert!(!seen.evidence.is_empty());
    }

    #[test]
    fn the_agents_own_word_goes_before_what_its_screen_looks_like() {
        let mut screen = sign(Source::Screen, 88, Activity::Working);
        (screen.retries, screen.class) = (true, Some(FailureClass::ProviderDown));
        let seen = judged(&[screen, sign(Source::Status, 93, Activity::Idle)]);
        assert_eq!((seen.activity, seen.class, seen.retries), (Activity::Idle, None, false));
        assert_eq!(seen.confidence, Confidence::Medium, "something speaks against it");
        assert_eq!(seen.evidence.len(), 2);
    }

    #[test]
    fn a_transcripts_word_is_overtaken_by_what_is_seen_since() {
        let mut file = sign(Source::Transcript, 96, Activity::Idle);
        (file.class, file.at) = (Some(FailureClass::UsageLimit), Wall(1_000));
        let mut screen = sign(Source::Screen, 86, Activity::Working);
        let at = |screen: &mut Sign, ms: i64| {
            screen.at = Wall(ms);
            let seen = fuse("test", &[file.clone(), screen.clone()], Wall(ms));
            (seen.activity, seen.class)
        };
        assert_eq!(at(&mut screen, 3_000), (Activity::Idle, Some(FailureClass::UsageLimit)), "it may still be drawn");
        assert_eq!(at(&mut screen, 9_000), (Activity::Working, None), "it went on by itself");
        screen.score = 60;
        assert_eq!(at(&mut screen, 9_000).0, Activity::Idle, "that is a guess");
        screen.activity = Some(Activity::Idle);
        assert_eq!(at(&mut screen, 9_000), (Activity::Idle, Some(FailureClass::UsageLimit)), "the same is seen");
    }

    #[test]
    fn what_processes_do_supports_and_decides_nothing() {
        let mut works = sign(Source::Process, 40, Activity::Working);
        works.words = "started cargo".into();
        let seen = judged(std::slice::from_ref(&works));
        assert_eq!((seen.activity, seen.confidence), (Activity::Unknown, Confidence::Low));
        assert!(seen.evidence[1].contains("started cargo"), "{:?}", seen.evidence);
        assert_eq!((seen.weights.len(), seen.weights[1].score), (2, 40));
        let seen = judged(&[works.clone(), sign(Source::Title, 66, Activity::Working)]);
        assert_eq!((seen.activity, seen.confidence), (Activity::Working, Confidence::High));
        let asks = judged(&[works.clone(), sign(Source::Screen, 88, Activity::Prompting)]);
        assert_eq!((asks.activity, asks.confidence), (Activity::Prompting, Confidence::High), "a server may run on");
        let seen = fuse("test", &[works, sign(Source::Title, 66, Activity::Working)], Wall(100_000));
        assert_eq!(seen.evidence.len(), 1, "that was long ago");
    }

    #[test]
    fn a_hooks_word_is_overtaken_by_what_is_seen_since() {
        let mut hook = sign(Source::Hook, 94, Activity::Idle);
        (hook.class, hook.at) = (Some(FailureClass::UsageLimit), Wall(1_000));
        let screen = Sign { at: Wall(9_000), ..sign(Source::Screen, 86, Activity::Working) };
        let seen = fuse("test", &[hook, screen], Wall(9_000));
        assert_eq!((seen.activity, seen.class), (Activity::Working, None), "it went on by itself");
    }

    #[test]
    fn a_stream_is_overtaken_by_a_dialog_and_by_nothing_else() {
        let mut event = sign(Source::Events, 94, Activity::Working);
        event.at = Wall(1_000);
        let screen = |activity| Sign { at: Wall(9_000), ..sign(Source::Screen, 86, activity) };
        let seen = |activity| fuse("test", &[event.clone(), screen(activity)], Wall(9_000)).activity;
        assert_eq!(seen(Activity::Idle), Activity::Working);
        assert_eq!(seen(Activity::Prompting), Activity::Prompting);
        let early = fuse("test", &[event.clone(), screen(Activity::Prompting)], Wall(4_000)).activity;
        assert_eq!(early, Activity::Working, "it may be answered already");
    }

    #[test]
    fn a_question_that_no_screen_shows_is_told_a_little_later() {
        let prompt = Prompt {
            kind: PromptKind::Permission,
            about: "bash-command".into(),
            question: "May it use bash?".into(),
            command: Some("git push".into()),
            choices: Vec::new(),
            stable_since: Wall(0),
        };
        let mut event = sign(Source::Events, 94, Activity::Prompting);
        event.prompt = Some(prompt.clone());
        let at = |signs: &[Sign], ms| fuse("test", signs, Wall(ms));
        for source in [Source::Events, Source::Hook, Source::Status] {
            let seen = at(&[Sign { source, ..event.clone() }], 2_900);
            assert_eq!((seen.activity, seen.prompt), (Activity::Prompting, None), "{source:?}");
        }
        assert_eq!(at(&[event.clone()], 3_000).prompt.unwrap().command.as_deref(), Some("git push"));
        let mut screen = sign(Source::Screen, 95, Activity::Prompting);
        let choices = vec![crate::core::agent::Choice { label: "Allow once".into(), ..Default::default() }];
        let shown = Prompt { question: "Edit".into(), about: String::new(), command: None, choices, ..prompt };
        screen.prompt = Some(shown.clone());
        assert_eq!(at(&[event, screen], 100).prompt, Some(shown), "the same with the stream and without it");
    }

    #[test]
    fn a_dialog_is_over_when_its_program_says_so() {
        let mut hook = sign(Source::Hook, 94, Activity::Prompting);
        hook.at = Wall(1_000);
        let after = |ms: i64, activity: Activity| {
            let status = Sign { at: Wall(ms), ..sign(Source::Status, 93, activity) };
            fuse("test", &[hook.clone(), status], Wall(ms)).activity
        };
        assert_eq!(
            after(1_500, Activity::Working),
            Activity::Prompting,
            "it may have been said before the dialog came"
        );
        assert_eq!(after(2_500, Activity::Idle), Activity::Idle, "somebody said no");
        assert_eq!(after(2_500, Activity::Prompting), Activity::Prompting);
    }

    #[test]
    fn the_class_comes_from_whoever_knows_it() {
        let mut screen = sign(Source::Screen, 90, Activity::Idle);
        screen.class = Some(FailureClass::Auth);
        let seen = judged(&[screen.clone(), sign(Source::Status, 93, Activity::Idle)]);
        assert_eq!((seen.activity, seen.class), (Activity::Idle, Some(FailureClass::Auth)));
        assert_eq!((seen.rule.as_str(), seen.confidence), ("test/screen@1", Confidence::High));
        let seen = judged(&[screen, sign(Source::Status, 93, Activity::Working)]);
        assert_eq!((seen.activity, seen.class), (Activity::Working, None), "an error of before");
    }

    #[test]
    fn a_machines_field_says_when_a_limit_is_over() {
        let limit = |ms| Some(LimitSeen { resets: Some(Wall(ms)), ..LimitSeen::default() });
        let mut screen = sign(Source::Screen, 99, Activity::Idle);
        (screen.class, screen.limit, screen.resumes) = (Some(FailureClass::UsageLimit), limit(60_000), true);
        let mut file = sign(Source::Transcript, 90, Activity::Idle);
        (file.class, file.limit) = (Some(FailureClass::UsageLimit), limit(61_234));
        let seen = judged(&[screen, file]);
        assert_eq!(seen.limit.unwrap().resets, Some(Wall(61_234)));
        assert!(seen.resumes);
    }

    #[test]
    fn a_prompt_is_put_together() {
        let mut screen = sign(Source::Screen, 80, Activity::Prompting);
        let choices = vec![crate::core::agent::Choice { label: "Yes".into(), ..Default::default() }];
        let prompt = |question: &str, command: Option<&str>| Prompt {
            kind: PromptKind::Permission,
            about: String::new(),
            question: question.into(),
            command: command.map(str::to_owned),
            choices: Vec::new(),
            stable_since: Wall(0),
        };
        screen.prompt = Some(Prompt { choices, ..prompt("", None) });
        let mut status = sign(Source::Status, 93, Activity::Prompting);
        status.prompt = Some(prompt("approve Bash: git push", Some("git push")));
        let found = judged(&[screen, status]).prompt.unwrap();
        assert_eq!(found.choices.len(), 1);
        assert_eq!((found.question.as_str(), found.command.as_deref()), ("approve Bash: git push", Some("git push")));
    }
}
