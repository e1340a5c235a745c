//! Tries the rules of a profile on a screen.

use super::profile::{Condition, Profile, Rule, one_line};
use super::prompt;
use super::screen::{Cut, Part, Region, Snapshot};
use super::sign::{Sign, Source};
use crate::core::exit::FailureClass;
use crate::core::limit::LimitSeen;
use crate::core::time::Wall;
use crate::observe::limit_told;
use crate::terminal::{harmless, redact, shorten};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Characters kept of what a rule matched.
const WORDS: usize = 160;

/// When and where a screen is looked at: what a time of day on it means.
#[derive(Debug, Clone)]
pub struct Place {
    /// When.
    pub at: Wall,
    /// The zone of times that name none.
    pub zone: TimeZone,
}

/// What the screen and the title say: at most one sign each.
pub fn signs(profile: &Profile, shot: &Snapshot, place: &Place) -> Vec<Sign> {
    let cut = Cut::new(shot, &profile.layout);
    let mut parts: Parts = BTreeMap::new();
    let (mut screen, mut title) = (None, None);
    for rule in &profile.rules {
        let slot = if rule.region == Region::Title { &mut title } else { &mut screen };
        if slot.is_none() {
            *slot = fits(rule, &cut, &mut parts).map(|found| sign(profile, rule, found, &cut, place));
        }
        if screen.is_some() && title.is_some() {
            break;
        }
    }
    screen.into_iter().chain(title).collect()
}

/// The parts of a screen that were asked for: many rules look at the same.
type Parts = BTreeMap<Region, Option<Rc<Part>>>;

/// A part that a rule fits, and the place of its first pattern.
struct Found {
    part: Rc<Part>,
    at: usize,
    end: usize,
}

fn fits(rule: &Rule, cut: &Cut<'_>, parts: &mut Parts) -> Option<Found> {
    let mut get = |region: Region| parts.entry(region).or_insert_with(|| cut.text(region).map(Rc::new)).clone();
    let part = get(rule.region)?;
    if !rule.contains.iter().all(|words| part.text.contains(words.as_str())) {
        return None;
    }
    let (mut at, mut end) = (0, 0);
    for (i, pattern) in rule.regex.iter().enumerate() {
        let found = pattern.regex()?.find(&part.text)?;
        if i == 0 {
            (at, end) = (found.start(), found.end());
        }
    }
    if rule.not.iter().any(|pattern| pattern.is_match(&part.text)) {
        return None;
    }
    if !rule.color.is_empty() && part.color_at(at).is_some_and(|color| !rule.color.iter().any(|wanted| wanted == color))
    {
        return None;
    }
    let mut holds = |when: &Condition| get(when.region).is_some_and(|part| when.regex.is_match(&part.text));
    (rule.when.iter().all(&mut holds) && !rule.unless.iter().any(holds)).then_some(Found { part, at, end })
}

fn sign(profile: &Profile, rule: &Rule, found: Found, cut: &Cut<'_>, place: &Place) -> Sign {
    let source = if rule.region == Region::Title { Source::Title } else { Source::Screen };
    let name = profile.name_of(&rule.id, rule.version, rule.own);
    let mut sign = Sign::new(source, name, place.at, rule.score);
    sign.activity = rule.activity;
    sign.class = rule.class;
    sign.retries = rule.retries;
    sign.resumes = rule.resumes;
    let text = found.part.text.as_str();
    let error = rule.error.as_ref().and_then(|pattern| {
        let last = pattern.regex()?.captures_iter(text).last()?;
        Some(last.name("error").or(last.get(0))?.as_str().to_owned())
    });
    if let Some((name, class)) = error.as_ref().and_then(|error| profile.error(error)) {
        (sign.rule, sign.class) = (name, class);
    }
    let matched = text.get(found.at..found.end.max(found.at)).unwrap_or_default();
    let line_end = text.get(found.at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |n| found.at + n);
    let line = text.get(found.at..line_end).unwrap_or_default();
    let words = error.as_deref().unwrap_or(if matched.is_empty() { line } else { matched });
    sign.words = kept(&one_line(words));
    if sign.class == Some(FailureClass::UsageLimit) {
        sign.limit = Some(limit(&sign.rule, error.as_deref().unwrap_or(text), cut, place));
    }
    if let Some(prompt) = &rule.prompt {
        sign.prompt = Some(prompt::read(prompt, text, &found.part.lit, profile.layout.border, place.at));
    }
    sign
}

/// What is said of a limit: by its own text, else by the part above the composer, else by what stands below it.
fn limit(rule: &str, own: &str, cut: &Cut<'_>, place: &Place) -> LimitSeen {
    let told = |text: &str| {
        let rows: Vec<String> = text.lines().map(str::trim).filter(|row| !row.is_empty()).map(one_line).collect();
        limit_told(&rows, place.at, &place.zone)
    };
    let regions = [Region::Last, Region::Turn, Region::Below, Region::Dialog];
    let others = regions.into_iter().filter_map(|region| cut.text(region)).map(|part| part.text);
    let mut all: Vec<LimitSeen> = std::iter::once(own.to_owned()).chain(others).map(|text| told(&text)).collect();
    let long = all.iter().any(|seen| seen.long);
    // A time with its zone says more than the same without.
    let with_zone = all.iter().position(|seen| seen.resets.is_some() && seen.from.contains('('));
    let best = with_zone.or_else(|| all.iter().position(|seen| seen.resets.is_some()));
    let best = best.map_or_else(LimitSeen::default, |at| all.swap_remove(at));
    LimitSeen { rule: Some(rule.to_owned()), long, ..best }
}

/// Words of a stranger, fit to be kept and shown.
pub(super) fn kept(words: &str) -> String {
    shorten(&redact(&harmless(words)), WORDS).into_owned()
}
