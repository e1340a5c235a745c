//! Claims in the output: lines that begin with `nightkeep::` and a kind.
//!
//! ```text
//! nightkeep::done built the importer
//! nightkeep::done file=src/import.rs,verify=cargo test import::built the importer
//! nightkeep::metric name=profiles value=3513 total=3513
//! ```
//!
//! A line that only quotes one, however little stands before it, is none. Where a claim ends in the log is part of it: a log
//! that is read again makes the same claims at the same places.

use crate::core::evidence::ToldKind;
use crate::core::told::Claim;

/// What such a line begins with.
pub(super) const MARK: &str = "nightkeep::";

/// A claim found in the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkerSeen {
    /// Where its line ends in the log, in bytes from its beginning.
    pub offset: u64,
    /// What it claims; its words as the screen showed them.
    pub claim: Claim,
}

/// The claim of a line; `None` when it makes none.
pub(super) fn claim(line: &str) -> Option<Claim> {
    let rest = line.strip_prefix(MARK)?;
    let end = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len());
    let (word, rest) = rest.split_at(end);
    let tell = ToldKind::ALL.into_iter().find(|kind| kind.as_str() == word)?;
    let (mut properties, mut text) = ("", rest);
    if let Some(plain) = rest.strip_prefix("::") {
        text = plain;
    } else if !rest.starts_with(char::is_whitespace) {
        return None;
    } else if tell != ToldKind::Metric
        && let Some((before, behind)) = rest.split_once("::")
        && ["file=", "verify=", "blocks="].iter().any(|key| before.trim_start().starts_with(key))
    {
        (properties, text) = (before.trim(), behind);
    }
    let mut claim = Claim::new(tell, text.trim());
    for property in properties.split(',') {
        let Some((key, value)) = property.split_once('=') else { continue };
        let place = match key.trim() {
            "file" => &mut claim.file,
            "verify" => &mut claim.verify,
            "blocks" => &mut claim.blocks,
            _ => continue,
        };
        *place = Some(decoded(value.trim())).filter(|value| !value.is_empty());
    }
    claim.check().is_ok().then_some(claim)
}

/// The value with the four characters that cannot stand in one as themselves.
fn decoded(value: &str) -> String {
    value.replace("%2C", ",").replace("%3A", ":").replace("%0A", " ").replace("%0D", " ").replace("%25", "%")
}

/// Tells which line ends close a line that may be a claim, so that only there the output is looked at line by line. What it
/// says follows from the bytes alone, not from how they come.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scout {
    /// The mark, as far as the last bytes have it.
    begun: usize,
    /// The unfinished line has the mark in it.
    open: bool,
}

impl Scout {
    /// Whether a line that ends in these bytes, or goes on behind them, has the mark in it.
    pub(super) fn sees(&mut self, bytes: &[u8]) -> bool {
        let mut sees = self.open;
        let mark = MARK.as_bytes();
        let mut rest = bytes;
        if self.begun == 0 && !self.open && !rest.contains(&b':') {
            // It cannot end in here, only begin in the last bytes. By far the most output comes this way.
            rest = &rest[rest.len().saturating_sub(mark.len())..];
        }
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            if self.begun == 0 && !self.open && byte != mark[0] {
                // Nothing is begun: on to where something may begin.
                let next = rest.iter().position(|byte| *byte == mark[0]).unwrap_or(rest.len());
                rest = rest.get(next..).unwrap_or_default();
                continue;
            }
            if byte == b'\n' {
                (self.begun, self.open) = (0, false);
                continue;
            }
            // The first letter comes nowhere else in the mark.
            self.begun = if byte == mark[self.begun] { self.begun + 1 } else { usize::from(byte == mark[0]) };
            if self.begun == mark.len() {
                (self.begun, self.open, sees) = (0, true, true);
            }
        }
        sees
    }
    /// Whether the unfinished line has the mark in it.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_begins_with_the_mark_is_a_claim() {
        let told = |line: &str| claim(line).map(|claim| (claim.tell, claim.text));
        let is = |kind, text: &str| Some((kind, text.to_owned()));
        assert_eq!(told("nightkeep::done built the importer"), is(ToldKind::Done, "built the importer"));
        assert_eq!(told("nightkeep::done::built it"), is(ToldKind::Done, "built it"));
        assert_eq!(told("nightkeep::next see std::fs for it"), is(ToldKind::Next, "see std::fs for it"));
        assert_eq!(told("nightkeep::needs\ta key"), is(ToldKind::Needs, "a key"));
        let metric = "name=profiles value=3513 total=3513";
        assert_eq!(told(&format!("nightkeep::metric {metric}")), is(ToldKind::Metric, metric));
        assert_eq!(told("nightkeep::metric profiles 3513/3513"), is(ToldKind::Metric, "profiles 3513/3513"));
    }

    #[test]
    fn what_only_quotes_one_or_says_nothing_is_none() {
        for line in [
            " nightkeep::done x",
            "> nightkeep::done x",
            "use nightkeep::done to tell",
            "nightkeep::done",
            "nightkeep::done   ",
            "nightkeep::fly away",
            "nightkeep::Done x",
            "nightkeep::donext x",
            "nightkeep::core::told",
            "nightkeep::metric fast",
            "nightkeep: done x",
        ] {
            assert_eq!(claim(line), None, "{line}");
        }
        assert_eq!(claim(&format!("nightkeep::done {}", "x".repeat(5000))), None);
    }

    #[test]
    fn properties_stand_before_the_words() {
        let line =
            "nightkeep::done file=src/a.rs,verify=cargo test -- --exact a%3A%3Ab%2C c,blocks=load::built: std::fs";
        let claim = claim(line).unwrap();
        assert_eq!(claim.text, "built: std::fs");
        assert_eq!(claim.file.as_deref(), Some("src/a.rs"));
        assert_eq!(claim.verify.as_deref(), Some("cargo test -- --exact a::b, c"));
        assert_eq!(claim.blocks.as_deref(), Some("load"));
        let only_words = super::claim("nightkeep::done profile=fast::x").unwrap();
        assert_eq!((only_words.text.as_str(), only_words.file), ("profile=fast::x", None));
    }

    #[test]
    fn the_mark_is_seen_however_the_bytes_are_cut() {
        let text = b"nn nightkeep: nightnightkeep::x\nplain\nnightk\neep:: \nnightkeep::y";
        for cut in 0..text.len() {
            let mut scout = Scout::default();
            let (first, second) = text.split_at(cut);
            let seen = [scout.sees(first), scout.sees(second)];
            assert!(seen.contains(&true) && scout.is_open(), "{cut}: {seen:?}");
        }
        let mut scout = Scout::default();
        assert!(!scout.sees(b"nothing here, n") && !scout.sees(b"ightkeep") && !scout.sees(b"\n::"));
    }
}
