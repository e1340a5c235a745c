//! What an attempt tells of its work, on its way to the core: read from the recorder's file and out of the output, made
//! harmless, secrets taken out, and markers held to the same limit as `nightkeep tell`.
//!
//! Both sources are read again from the beginning by the next daemon. Where each claim ended tells the core what is new;
//! when it was said comes from the recorder, so that the limit lets through what it let through before.

use crate::core::evidence::{Told, ToldBy, ToldKind};
use crate::core::time::Wall;
use crate::core::told::{CLAIMS_MAX, Claim, MINUTE_MS, Number, PER_MINUTE, Window};
use crate::observe::MarkerSeen;
use crate::recording::index::{IndexReader, index_path};
use crate::recording::told::{TOLD_FILE, ToldWhat, read_told};
use crate::terminal::{harmless, redact};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::path::{Path, PathBuf};

/// Numbers of markers of which the last value is told at the end.
const NUMBERS_MAX: usize = 50;

/// The reader of what the recorder took.
#[derive(Debug)]
pub struct Commands {
    file: PathBuf,
    next: u64,
    /// How many the recorder turned away.
    pub refused: u64,
}

impl Commands {
    /// Of an attempt's run directory.
    pub fn new(run_dir: &Path) -> Self {
        Self { file: run_dir.join(TOLD_FILE), next: 0, refused: 0 }
    }
    /// What is new.
    pub fn read_on(&mut self) -> io::Result<Vec<Told>> {
        let mut all = Vec::new();
        while all.len() < CLAIMS_MAX as usize {
            let new = read_told(&self.file, self.next)?;
            self.next = new.next;
            for (offset, line) in new.lines {
                match line.what {
                    ToldWhat::Claim(claim) => all.extend(told(&claim, ToldBy::Command, offset, wall(line.t))),
                    ToldWhat::Refused(count) => self.refused = self.refused.saturating_add(count),
                }
            }
            if !new.more {
                break;
            }
        }
        Ok(all)
    }
}

/// The claims in an attempt's output, held to the limit.
#[derive(Debug)]
pub struct Markers {
    log: PathBuf,
    index: Option<IndexReader>,
    window: Window,
    /// Up to where in the log there is no room, as far as that is known.
    full_until: u64,
    /// The numbers: what was told of each last, and what it came to since.
    numbers: BTreeMap<String, (Option<String>, Claim, Wall)>,
    ready: Vec<Told>,
    taken: u32,
    /// How many were turned away.
    pub refused: u64,
}

impl Markers {
    /// Of an attempt's log.
    pub fn new(log: PathBuf) -> Self {
        Self {
            log,
            index: None,
            window: Window::default(),
            full_until: 0,
            numbers: BTreeMap::new(),
            ready: Vec::new(),
            taken: 0,
            refused: 0,
        }
    }
    /// Takes what was seen; `now` is when, where the recorder does not say.
    pub fn take(&mut self, seen: MarkerSeen, now: Wall) {
        if seen.claim.tell == ToldKind::Metric {
            self.number(seen, now);
        } else if seen.offset <= self.full_until {
            self.refused += 1;
        } else {
            let at = self.time_of(seen.offset, now);
            if self.has_room(at) {
                self.tell(&seen.claim, seen.offset, at);
            } else {
                self.refused += 1;
            }
        }
    }
    /// What is to be told.
    pub fn ready(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.ready)
    }
    /// The last values of the numbers, once the output of so many bytes has ended.
    pub fn finish(&mut self, bytes: u64) {
        let numbers = std::mem::take(&mut self.numbers);
        let changed = numbers.into_values().filter(|(told, claim, _)| told.as_ref() != Some(&claim.text));
        // Nothing comes behind the end, so each has a place of its own there.
        for (offset, (_, claim, at)) in (bytes + 1..).zip(changed) {
            self.tell(&claim, offset, at);
        }
    }

    /// A number is told when it is new and when all is over: in between it shows as a metric.
    fn number(&mut self, seen: MarkerSeen, now: Wall) {
        let Some(number) = Number::parse(&seen.claim.text) else { return };
        let claim = Claim { text: number.words(), ..seen.claim };
        let full = self.numbers.len() >= NUMBERS_MAX;
        match self.numbers.entry(number.name) {
            Entry::Occupied(known) => {
                let (_, last, at) = known.into_mut();
                (*last, *at) = (claim, now);
            }
            Entry::Vacant(_) if full => self.refused += 1,
            Entry::Vacant(new) => {
                new.insert((None, claim.clone(), now));
                if seen.offset <= self.full_until {
                    return;
                }
                let at = self.time_of(seen.offset, now);
                if self.has_room(at) {
                    for (told, first, when) in self.numbers.values_mut().filter(|(_, known, _)| *known == claim) {
                        (*told, *when) = (Some(first.text.clone()), at);
                    }
                    self.tell(&claim, seen.offset, at);
                }
            }
        }
    }
    fn tell(&mut self, claim: &Claim, offset: u64, at: Wall) {
        if self.taken < CLAIMS_MAX {
            self.taken += 1;
            self.ready.extend(told(claim, ToldBy::Marker, offset, at));
        }
    }
    fn has_room(&mut self, at: Wall) -> bool {
        let ms = u64::try_from(at.0).unwrap_or(0);
        match self.window.take(ms) {
            Ok(()) => true,
            Err(wait) => {
                // A flood is not worth a look at the index a line.
                let until = ms.saturating_add(wait.min(MINUTE_MS)).saturating_mul(1_000_000);
                let known = self.index.as_ref().and_then(|index| index.offset_at(until.saturating_sub(1)).ok());
                self.full_until = self.full_until.max(known.unwrap_or(0));
                false
            }
        }
    }
    /// When the byte before an offset came. The index can be a second behind the log.
    fn time_of(&mut self, offset: u64, now: Wall) -> Wall {
        if self.index.is_none() {
            self.index = IndexReader::open(&index_path(&self.log)).ok();
        }
        let found = self.index.as_ref().and_then(|index| index.time_of(offset.saturating_sub(1)).ok().flatten());
        found.map_or(now, wall)
    }
}

/// What is journaled when claims were turned away; `None` when none was.
pub fn too_many(commands: u64, markers: u64) -> Option<String> {
    let ways = [(commands, "with `nightkeep tell`"), (markers, "in its output")];
    let parts: Vec<String> =
        ways.iter().filter(|(count, _)| *count > 0).map(|(count, how)| format!("{count} {how}")).collect();
    let more = format!("more than {PER_MINUTE} in a minute are not taken");
    (!parts.is_empty()).then(|| format!("claims were turned away: {}; {more}", parts.join(", ")))
}

/// A claim as it is journaled; `None` when nothing is left of it.
fn told(claim: &Claim, by: ToldBy, offset: u64, said: Wall) -> Option<Told> {
    claim.check().ok()?;
    let text = match Number::parse(&claim.text).filter(|_| claim.tell == ToldKind::Metric) {
        Some(number) => number.words(),
        None => clean(&claim.text),
    };
    let part = |part: &Option<String>| part.as_deref().map(clean).filter(|part| !part.is_empty());
    let (file, verify, blocks) = (part(&claim.file), part(&claim.verify), part(&claim.blocks));
    let told = Told { kind: claim.tell, text, file, verify, blocks, by, offset, said: Some(said) };
    (!told.text.is_empty()).then_some(told)
}

/// One line without colours, harmless, without what looks like a secret.
fn clean(text: &str) -> String {
    let plain = without_colours(text);
    let one_line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    redact(&harmless(&one_line)).into_owned()
}

/// The text without `CSI … m`: a secret must not hide behind a change of colour.
fn without_colours(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        let (before, sequence) = rest.split_at(at);
        out.push_str(before);
        let body = &sequence[2..];
        let end = body.find(|c: char| !(c.is_ascii_digit() || matches!(c, ';' | ':')));
        match end.filter(|end| body[*end..].starts_with('m')) {
            Some(end) => rest = &body[end + 1..],
            None => {
                out.push_str("\u{1b}[");
                rest = body;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Nanoseconds of the recorder as the core's wall clock.
fn wall(nanos: u64) -> Wall {
    Wall(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::index::Frame;
    use crate::recording::socket::encode;
    use crate::recording::told::ToldLine;

    fn seen(offset: u64, tell: ToldKind, text: &str) -> MarkerSeen {
        MarkerSeen { offset, claim: Claim::new(tell, text) }
    }
    fn texts(told: &[Told]) -> Vec<&str> {
        told.iter().map(|told| told.text.as_str()).collect()
    }

    #[test]
    fn words_become_one_harmless_line_without_secrets() {
        let key = format!("{}{}", "ghp_", "Ab3dEf6hIj9kLm2nOp5q");
        let (begin, end) = key.split_at(9);
        let raw =
            format!("built\r\n\tit \u{1b}[31mred\u{1b}[0m \u{202e}x\u{1b}]0;t\u{7} with {begin}\u{1b}[1;32m{end}");
        assert_eq!(clean(&raw), "built it red \\u{202e}x\\x1b]0;t\\x07 with [redacted]");
        assert_eq!(without_colours("a\u{1b}[2Kb\u{1b}[m"), "a\u{1b}[2Kb");
        let claim = Claim { verify: Some(format!("curl -H 'x: {key}'")), ..Claim::new(ToldKind::Done, "\u{200b}x") };
        let told = told(&claim, ToldBy::Command, 1, Wall(0)).unwrap();
        assert_eq!((told.text.as_str(), told.verify.as_deref()), ("x", Some("curl -H 'x: [redacted]'")));
        assert!(super::told(&Claim::new(ToldKind::Done, "\u{200b}"), ToldBy::Command, 1, Wall(0)).is_none());
    }

    #[test]
    fn what_the_recorder_took_is_read_on_from_where_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let mut commands = Commands::new(dir.path());
        assert!(commands.read_on().unwrap().is_empty());
        let line = |what| encode(&ToldLine { t: 5_000_000_000, what });
        let mut bytes = line(ToldWhat::Claim(Claim::new(ToldKind::Metric, "rows 3,000 / 4000")));
        std::fs::write(dir.path().join(TOLD_FILE), &bytes).unwrap();
        let first = commands.read_on().unwrap();
        assert_eq!(texts(&first), ["rows 3000/4000"]);
        assert_eq!((first[0].offset, first[0].said), (bytes.len() as u64, Some(Wall(5_000))));
        bytes.extend(line(ToldWhat::Refused(7)));
        std::fs::write(dir.path().join(TOLD_FILE), &bytes).unwrap();
        assert!(commands.read_on().unwrap().is_empty());
        assert_eq!(commands.refused, 7);
    }

    #[test]
    fn a_log_that_is_read_again_makes_the_same_claims() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("x.log");
        // A line every ten bytes: forty in the first second, then one a minute.
        let at = |line: u64| if line < 40 { line * 25 } else { (line - 39) * 61_000 };
        let frames: Vec<u8> =
            (0..60).flat_map(|n| Frame { t: at(n) * 1_000_000, offset: n * 10, len: 10 }.encode()).collect();
        std::fs::write(index_path(&log), frames).unwrap();
        let read = |now: i64| {
            let mut markers = Markers::new(log.clone());
            for line in 0..60 {
                markers.take(seen(line * 10 + 10, ToldKind::Done, &format!("line {line}")), Wall(now));
            }
            (markers.ready(), markers.refused)
        };
        let (first, refused) = read(1);
        assert_eq!((first.len(), refused), (30, 30));
        assert_eq!(first[9].said, Some(Wall(225)));
        assert_eq!((first, refused), read(99_000_000), "whenever it is read");
    }

    #[test]
    fn a_number_is_told_at_first_and_at_last() {
        let mut markers = Markers::new("/nowhere/x.log".into());
        for n in 0..500_u64 {
            markers.take(seen(n + 1, ToldKind::Metric, &format!("rows {n}/499")), Wall(1));
        }
        markers.take(seen(600, ToldKind::Metric, "files 7"), Wall(2));
        assert_eq!(texts(&markers.ready()), ["rows 0/499", "files 7"]);
        markers.finish(1_000);
        let last = markers.ready();
        assert_eq!(texts(&last), ["rows 499/499"]);
        assert_eq!((last[0].offset, markers.refused), (1_001, 0));
    }

    #[test]
    fn what_was_turned_away_is_counted_by_its_way() {
        assert_eq!(too_many(0, 0), None);
        let words = too_many(990, 3).unwrap();
        assert!(words.starts_with("claims were turned away: 990 with `nightkeep tell`, 3 in its output; "), "{words}");
    }
}
