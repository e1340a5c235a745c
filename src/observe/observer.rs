//! The observer of one attempt: raw bytes in, what they tell out.

use super::error_lines::ErrorFinder;
use super::fingerprint::fingerprint;
use super::limits;
use super::markers::{self, MarkerSeen, Scout};
use super::novelty::Novelty;
use super::numbers::number;
use super::tool_runs::ToolRuns;
use crate::core::evidence::ToldKind;
use crate::core::exit::FailureClass;
use crate::core::limit::LimitSeen;
use crate::core::plan::{Check, MetricPlan, OutputRule, SessionPlan};
use crate::core::run::{EXAMPLES_MAX, ErrorSeen, MetricSeen, OutputSeen, same_error_line};
use crate::core::time::Wall;
use crate::core::told::Number;
use crate::terminal::{Line, LineScanner, harmless, redact, shorten};
use jiff::tz::TimeZone;
use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use std::collections::{HashMap, VecDeque};

/// Most different errors kept; further ones are counted under [`OTHER_ERRORS`].
pub const ERRORS_MAX: usize = 200;
/// Stands for all errors beyond [`ERRORS_MAX`].
pub const OTHER_ERRORS: &str = "other";
/// Last lines that are kept, and that output rules are tried on.
const TAIL: usize = 20;
/// Most characters of a kept line.
const KEPT_CHARS: usize = 400;
/// Errors that a redrawn line is compared with.
const RECENT_ERRORS: usize = 64;
/// Claims that wait to be taken, and numbers that are known by markers alone.
const CLAIMS_WAIT: usize = 1000;
const MARKER_METRICS: usize = 50;
/// Largest compiled form of a pattern from the file, in bytes.
const REGEX_SIZE_MAX: usize = 4 << 20;

/// Why a session cannot be observed.
#[derive(Debug, thiserror::Error)]
#[error("the pattern of {what} cannot be used: {source}")]
pub struct ObserverError {
    /// `metric profiles`, `rules[2]`, ...
    pub what: String,
    /// What is wrong with it.
    #[source]
    pub source: Box<regex::Error>,
}

/// Watches the output of one attempt.
///
/// It holds no more than its input tells: after a restart it is fed the log again from the beginning.
pub struct Observer {
    scanner: LineScanner,
    sight: Sight,
    rules: Vec<Rule>,
    scout: Scout,
    /// Where in the log the next byte stands.
    place: u64,
    /// The last rows as they were looked at last, for those of them that stay as they are.
    rows: Vec<String>,
}

/// All but the scanner, so that lines can be looked at while the scanner gives them out.
struct Sight {
    seen: OutputSeen,
    metrics: Vec<Metric>,
    wanted: Vec<Regex>,
    /// Tells whether any metric or wanted pattern matches; `None` where it would be too large.
    any: Option<RegexSet>,
    finder: ErrorFinder,
    recent: VecDeque<String>,
    /// The whole but unfinished line that was looked at last.
    pending: String,
    changed: bool,
    novelty: Novelty,
    /// Finds runs of tests, builds and lints.
    tools: ToolRuns,
    /// Where the line ends that is being looked at, when it may be a claim.
    line_end: Option<u64>,
    claims: Vec<MarkerSeen>,
}

struct Metric {
    plan: MetricPlan,
    regex: Regex,
}

struct Rule {
    id: String,
    regex: Regex,
    class: FailureClass,
}

fn compile(what: impl FnOnce() -> String, pattern: &str) -> Result<Regex, ObserverError> {
    RegexBuilder::new(pattern)
        .size_limit(REGEX_SIZE_MAX)
        .dfa_size_limit(REGEX_SIZE_MAX / 4)
        .build()
        .map_err(|source| ObserverError { what: what(), source: Box::new(source) })
}

impl Observer {
    /// Prepares to watch an attempt of `session`; `rules` are all of the file, those for other sessions are left out.
    ///
    /// # Errors
    /// A pattern is invalid or too large.
    pub fn new(session: &SessionPlan, rules: &[OutputRule]) -> Result<Self, ObserverError> {
        let rules = rules
            .iter()
            .filter(|rule| rule.sessions.is_empty() || rule.sessions.iter().any(|p| fits(p, session.name.as_str())))
            .map(|rule| {
                Ok(Rule { id: rule.id.clone(), regex: compile(|| rule.id.clone(), &rule.regex)?, class: rule.class })
            })
            .collect::<Result<_, _>>()?;
        let (scanner, sight) = (LineScanner::new(), Sight::new(session)?);
        Ok(Self { scanner, sight, rules, scout: Scout::default(), place: 0, rows: Vec::new() })
    }

    /// Says where in the log the first byte stands that it is fed; without a word it is the log's first.
    pub fn begins_at(&mut self, place: u64) {
        self.place = place;
    }

    /// Takes the next output; `at` is when it was written, as far as known.
    pub fn feed(&mut self, bytes: &[u8], at: Wall) {
        if bytes.is_empty() {
            return;
        }
        let sight = &mut self.sight;
        sight.seen.bytes += bytes.len() as u64;
        sight.seen.last_at = Some(at);
        let mut scout = self.scout;
        if self.scout.sees(bytes) {
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                self.place += line.len() as u64;
                sight.line_end = scout.sees(line).then_some(self.place);
                self.scanner.feed(line, |line| sight.line(line, at));
            }
            sight.line_end = None;
        } else {
            self.place += bytes.len() as u64;
            self.scanner.feed(bytes, |line| sight.line(line, at));
        }
        if sight.looks_for_anything() && self.scanner.pending_is_whole() {
            let pending = self.scanner.pending();
            if pending != sight.pending {
                sight.search(&pending, at);
                sight.pending = pending;
            }
        }
    }

    /// What was seen so far. `last_line` and `tail` are as of the last [`Observer::take_changed`].
    pub fn seen(&self) -> &OutputSeen {
        &self.sight.seen
    }

    /// The claims that markers made since this was last asked, oldest first.
    pub fn take_claims(&mut self) -> Vec<MarkerSeen> {
        std::mem::take(&mut self.sight.claims)
    }

    /// Whether metrics, errors, patterns or the last line changed since this was last asked.
    pub fn take_changed(&mut self) -> bool {
        self.look_at_last_rows();
        std::mem::take(&mut self.sight.changed)
    }

    /// Ends the output: takes the unfinished line for a line and tries the rules on the last lines. A time of day in them
    /// is one after `end`, when the program ended, or after the last output if that is earlier; one of `zone` where no
    /// other is named.
    pub fn finish(&mut self, end: Wall, zone: &TimeZone) -> &OutputSeen {
        let sight = &mut self.sight;
        let at = sight.seen.last_at.unwrap_or(Wall(0));
        sight.line_end = self.scout.is_open().then_some(self.place);
        self.scanner.finish(|line| sight.line(line, at));
        sight.line_end = None;
        let mut found = Vec::new();
        sight.finder.finish(|error| found.push(error.to_owned()));
        for error in found {
            sight.error(&error, false, at);
        }
        self.look_at_last_rows();
        let rows = std::mem::take(&mut self.rows);
        let rule = self.rules.iter().find(|rule| rows.iter().any(|row| rule.regex.is_match(row)));
        let hits: Option<Vec<usize>> = rule.map(|rule| {
            let fits = rows.iter().enumerate().filter(|(_, row)| rule.regex.is_match(row));
            fits.map(|(place, _)| place).collect()
        });
        let seen = &mut self.sight.seen;
        seen.rule = rule.map(|rule| rule.id.clone());
        // A rule of the file that means something else has the last word.
        let asked = rule.is_none_or(|rule| rule.class == FailureClass::UsageLimit);
        let last = seen.last_at.map_or(end, |last| last.min(end));
        seen.limit = asked
            .then(|| limits::limit(&rows, hits.as_deref(), last, zone))
            .flatten()
            .map(|limit| LimitSeen { from: kept(&limit.from), ..limit });
        &self.sight.seen
    }

    /// Brings `last_line` and `tail` up to date, and `rows`, which they stand for.
    fn look_at_last_rows(&mut self) {
        let rows = self.scanner.last_rows(TAIL);
        let seen = &mut self.sight.seen;
        if rows != self.rows {
            // Most of a screen that is drawn over and over stays as it is.
            let before: HashMap<&str, &String> = self.rows.iter().map(String::as_str).zip(&seen.tail).collect();
            let tail: Vec<String> = rows
                .iter()
                .map(|row| before.get(row.as_str()).map_or_else(|| kept(row), |kept| (*kept).clone()))
                .collect();
            self.rows = rows;
            if tail != seen.tail {
                let last_line = tail.last().cloned().unwrap_or_default();
                self.sight.changed |= last_line != seen.last_line;
                seen.last_line = last_line;
                seen.tail = tail;
                if let Some(at) = seen.last_at {
                    self.sight.novelty.unfinished(&self.scanner.pending(), at);
                }
            }
        }
        self.sight.seen.new_at = self.sight.novelty.new_at();
    }
}

fn kept(line: &str) -> String {
    shorten(&redact(&harmless(line)), KEPT_CHARS).into_owned()
}

impl Sight {
    fn new(session: &SessionPlan) -> Result<Self, ObserverError> {
        let mut metrics = Vec::new();
        for plan in &session.metrics {
            let regex = compile(|| format!("metric {}", plan.name), &plan.regex)?;
            metrics.push(Metric { plan: plan.clone(), regex });
        }
        let mut wanted: Vec<Regex> = Vec::new();
        for requirement in session.success.require.iter().chain(&session.success.forbid) {
            match &requirement.check {
                Check::OutputRegex { regex } if !wanted.iter().any(|known| known.as_str() == regex) => {
                    wanted.push(compile(|| requirement.text.clone(), regex)?);
                }
                Check::OutputRegex { .. }
                | Check::GitCommits { .. }
                | Check::File { .. }
                | Check::MetricComplete { .. }
                | Check::MetricCompare { .. }
                | Check::MetricEqual { .. }
                | Check::Command { .. } => {}
            }
        }
        let patterns = metrics.iter().map(|metric| metric.regex.as_str()).chain(wanted.iter().map(Regex::as_str));
        let any =
            RegexSetBuilder::new(patterns).size_limit(REGEX_SIZE_MAX).dfa_size_limit(REGEX_SIZE_MAX / 4).build().ok();
        Ok(Self {
            seen: OutputSeen::default(),
            metrics,
            wanted,
            any,
            finder: ErrorFinder::default(),
            recent: VecDeque::new(),
            pending: String::new(),
            changed: false,
            novelty: Novelty::default(),
            tools: ToolRuns::default(),
            line_end: None,
            claims: Vec::new(),
        })
    }

    fn looks_for_anything(&self) -> bool {
        !self.metrics.is_empty() || !self.wanted.is_empty()
    }

    fn line(&mut self, line: Line<'_>, at: Wall) {
        match line {
            Line::Draft { text } => {
                self.novelty.drawn(text, at);
                self.search(text, at);
            }
            Line::Done { text, written, redrawn, .. } => {
                if redrawn {
                    self.novelty.drawn(text, at);
                } else {
                    self.novelty.line(text, at);
                    self.changed |= self.tools.line(text, at, &mut self.seen.tools);
                    self.marker(text, at);
                }
                self.search(written, at);
                let mut finder = std::mem::take(&mut self.finder);
                finder.line(text, |error| self.error(error, redrawn, at));
                self.finder = finder;
            }
        }
    }

    /// Takes the claim that a line makes. A number in it is one like those that the session's patterns find.
    fn marker(&mut self, text: &str, at: Wall) {
        let Some((offset, claim)) = self.line_end.zip(markers::claim(text)) else { return };
        let number = Number::parse(&claim.text).filter(|_| claim.tell == ToldKind::Metric);
        if self.claims.len() < CLAIMS_WAIT {
            self.claims.push(MarkerSeen { offset, claim });
        }
        let Some(Number { name, value, total }) = number else { return };
        let planned = self.metrics.iter().find(|metric| metric.plan.name == name);
        let total = total.or_else(|| planned.and_then(|metric| metric.plan.total));
        if let Some(known) = self.seen.metrics.get_mut(&name) {
            let total = total.or(known.total);
            self.changed |= known.value.to_bits() != value.to_bits() || known.total != total;
            known.next_seen(value, total, at);
        } else if planned.is_some() || self.seen.metrics.len() < self.metrics.len() + MARKER_METRICS {
            self.seen.metrics.insert(name, MetricSeen::first_seen(value, total, at));
            self.changed = true;
        }
    }

    /// Looks for metrics and wanted patterns.
    fn search(&mut self, text: &str, at: Wall) {
        if !self.looks_for_anything() || self.any.as_ref().is_some_and(|any| !any.is_match(text)) {
            return;
        }
        for metric in &self.metrics {
            self.changed |= metric.read(text, at, &mut self.seen);
        }
        let seen = &mut self.seen.patterns;
        for regex in &self.wanted {
            if !seen.iter().any(|known| known == regex.as_str()) && regex.is_match(text) {
                seen.push(regex.as_str().to_owned());
                self.changed = true;
            }
        }
    }

    /// Counts an error. A redrawn line that tells a recent one again is not counted: a screen shows a line many times.
    fn error(&mut self, line: &str, redrawn: bool, at: Wall) {
        let fingerprint = fingerprint(line);
        if self.recent.contains(&fingerprint) {
            if redrawn {
                return;
            }
        } else {
            if self.recent.len() >= RECENT_ERRORS {
                self.recent.pop_front();
            }
            self.recent.push_back(fingerprint.clone());
        }
        let errors = &mut self.seen.errors;
        let full = errors.len() >= ERRORS_MAX && !errors.contains_key(&fingerprint);
        let key = if full { OTHER_ERRORS.to_owned() } else { fingerprint };
        let error = errors.entry(key).or_insert_with(|| ErrorSeen {
            sample: kept(line),
            more: Vec::new(),
            count: 0,
            first: at,
            last: at,
        });
        if error.count > 0 && !full && error.more.len() < EXAMPLES_MAX && error.sample != line {
            let line = kept(line);
            if !std::iter::once(&error.sample).chain(&error.more).any(|known| same_error_line(known, &line)) {
                error.more.push(line);
            }
        }
        error.count += 1;
        error.last = at;
        self.changed = true;
    }
}

impl Metric {
    /// Reads the metric out of a line; says whether it changed.
    fn read(&self, text: &str, at: Wall, seen: &mut OutputSeen) -> bool {
        let Some(found) = self.regex.captures_iter(text).last() else {
            return false;
        };
        let value = found.get(if self.regex.captures_len() > 1 { 1 } else { 0 }).and_then(|m| number(m.as_str()));
        let Some(value) = value else {
            return false;
        };
        let total = found.get(2).and_then(|m| number(m.as_str())).or(self.plan.total);
        match seen.metrics.get_mut(&self.plan.name) {
            Some(known) => {
                let total = total.or(known.total);
                let changed = known.value.to_bits() != value.to_bits() || known.total != total;
                known.next_seen(value, total, at);
                changed
            }
            None => {
                let fresh = MetricSeen::first_seen(value, total, at);
                seen.metrics.insert(self.plan.name.clone(), fresh);
                true
            }
        }
    }
}

/// Whether a name fits a pattern with `*` and `?`.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == b'?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            Some(_) | None => {
                // Let the last star take one character more.
                let Some((star_p, star_n)) = star else {
                    return false;
                };
                star = Some((star_p, star_n + 1));
                p = star_p + 1;
                n = star_n + 1;
            }
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests;
