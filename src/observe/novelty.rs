//! Tells output that says something new from output that draws the same again.
//!
//! A spinner, a clock that counts up, a bar that goes round, a screen that is drawn anew and a loop that prints the same
//! line for ever say nothing new. New words do, a line of its own with new numbers does, and so does a percentage or a
//! fraction that is higher than it ever was. All memory is bounded: what says only few things over and over is
//! recognized soon, and what was forgotten is at worst taken for new once more.

use crate::core::time::Wall;
use regex::Regex;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

/// Texts that are remembered.
const REMEMBERED: usize = 512;
/// Texts that were drawn lately and are known at a glance: more than the rows of a screen.
const DRAWN: usize = 256;
/// Characters of a text that take part.
const PART: usize = 400;
/// Once something was new, nothing is looked at for so long: a flood costs nothing.
const REST_MS: i64 = 1_000;

/// Times, dates and spans: they change while nothing else does.
static CLOCKS: LazyLock<Regex> = LazyLock::new(|| {
    const PATTERN: &str = concat!(
        r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?",
        r"|\b\d+(?:[.,]\d+)? ?(?:ns|us|µs|ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)\b"
    );
    Regex::new(PATTERN).expect("a constant pattern")
});
/// A share of a whole: `45 %`, `45/120`.
static SHARES: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(\d+(?:\.\d+)?) ?(?:%|/ ?\d)").expect("a constant pattern"));

/// What an output said so far, as far as it is remembered.
#[derive(Default)]
pub(super) struct Novelty {
    seen: HashSet<u64>,
    order: VecDeque<u64>,
    /// The highest share that was seen with the same words around it.
    highest: BTreeMap<u64, f64>,
    last: u64,
    /// Hashes of texts that were drawn lately, each at a place of its own: a screen draws its rows again and again.
    drawn: Vec<u64>,
    /// The longest unfinished line since the last whole one.
    longest: usize,
    new_at: Option<Wall>,
}

impl Novelty {
    /// When something new was said last.
    pub(super) fn new_at(&self) -> Option<Wall> {
        self.new_at
    }
    /// Takes a line of its own.
    pub(super) fn line(&mut self, text: &str, at: Wall) {
        self.longest = 0;
        if self.rests(at) || self.is_last(text) {
            return;
        }
        let masked = CLOCKS.replace_all(part(text).trim(), "#");
        if masked.chars().any(char::is_alphanumeric) && self.is_new(hash(&masked)) {
            self.new_at = Some(at);
        }
    }
    /// Takes a state of a line that is drawn over, or a line that is drawn again.
    pub(super) fn drawn(&mut self, text: &str, at: Wall) {
        if self.rests(at) || self.is_last(text) || self.was_drawn() {
            return;
        }
        let text = part(text);
        let words = words(text);
        if words != 0 && self.is_new(words) {
            self.new_at = Some(at);
        }
        for share in SHARES.captures_iter(text).filter_map(|found| found.get(1)?.as_str().parse::<f64>().ok()) {
            if self.highest.len() >= REMEMBERED && !self.highest.contains_key(&words) {
                break;
            }
            let highest = self.highest.entry(words).or_insert(share);
            if share > *highest {
                *highest = share;
                self.new_at = Some(at);
            }
        }
    }
    /// Takes the line that is not finished yet: one that grows longer than any before says something.
    pub(super) fn unfinished(&mut self, text: &str, at: Wall) {
        let length = text.trim_end().chars().count();
        if length > self.longest {
            let grew = self.longest > 0;
            self.longest = length;
            if grew && !self.rests(at) {
                self.new_at = Some(at);
            }
        }
        self.drawn(text, at);
    }

    fn rests(&self, at: Wall) -> bool {
        self.new_at.is_some_and(|new_at| (0..REST_MS).contains(&at.0.saturating_sub(new_at.0)))
    }
    fn is_last(&mut self, text: &str) -> bool {
        let hash = hash(text);
        std::mem::replace(&mut self.last, hash) == hash
    }
    /// Whether the last text was drawn lately: its words and its shares are known.
    fn was_drawn(&mut self) -> bool {
        self.drawn.resize(DRAWN, 0);
        let place = usize::try_from(self.last % DRAWN as u64).unwrap_or(0);
        self.drawn.get_mut(place).is_some_and(|known| std::mem::replace(known, self.last) == self.last)
    }
    fn is_new(&mut self, hash: u64) -> bool {
        if !self.seen.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}

fn part(text: &str) -> &str {
    text.char_indices().nth(PART).map_or(text, |(end, _)| &text[..end])
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The words of a text, without what spinners and clocks are made of; 0 when there is none.
fn words(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut any = false;
    let words = text.split(|c: char| !c.is_alphabetic()).filter(|word| word.chars().nth(1).is_some());
    for word in words {
        any = true;
        word.hash(&mut hasher);
    }
    if any { hasher.finish().max(1) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds one text every two seconds; gives how many of them were new.
    fn new_ones(feed: impl Fn(&mut Novelty, usize, Wall), count: usize) -> usize {
        let mut novelty = Novelty::default();
        let mut new = 0;
        for i in 0..count {
            let at = Wall(2_000 * i64::try_from(i).unwrap());
            let before = novelty.new_at();
            feed(&mut novelty, i, at);
            new += usize::from(novelty.new_at() != before);
        }
        new
    }

    #[test]
    fn spinners_clocks_and_bars_that_go_round_are_new_a_few_times_at_most() {
        let frames = ["⠋", "⠙", "⠹", "⠸"];
        let spinner =
            |n: &mut Novelty, i: usize, at| n.drawn(&format!("{} Compiling… ({i}s · esc)", frames[i % 4]), at);
        assert_eq!(new_ones(spinner, 1000), 1);
        let bar = |n: &mut Novelty, i: usize, at| n.drawn(&format!("[{:<20}]", "#".repeat(i % 20)), at);
        assert_eq!(new_ones(bar, 1000), 0);
        let round = |n: &mut Novelty, i: usize, at| n.drawn(&format!("loading {:>3} %", i % 101), at);
        assert_eq!(new_ones(round, 1000), 101, "up to 100 % once, then never again");
        let verbs = ["Thinking", "Pondering", "Musing"];
        assert_eq!(new_ones(|n, i, at| n.drawn(verbs[i % 3], at), 1000), 3);
        let dots = |n: &mut Novelty, i: usize, at| n.unfinished(&format!("working{}", ".".repeat(i % 4)), at);
        assert_eq!(new_ones(dots, 1000), 4);
    }

    #[test]
    fn the_same_line_for_ever_is_new_once_whatever_the_clock_in_it_says() {
        let same = |n: &mut Novelty, i: usize, at| {
            n.line(&format!("2026-11-21 03:{:02}:{:02} waiting for the lock ({i} s)", i / 60 % 60, i % 60), at);
        };
        assert_eq!(new_ones(same, 1000), 1);
        assert_eq!(new_ones(|n, _, at| n.line("", at), 100), 0);
    }

    #[test]
    fn lines_with_new_words_or_numbers_are_new_and_so_is_a_bar_that_gets_on() {
        assert_eq!(new_ones(|n, i, at| n.line(&format!("loaded row {i}"), at), 1000), 1000);
        let bar = |n: &mut Novelty, i: usize, at| n.drawn(&format!("building {i}/1000"), at);
        assert_eq!(new_ones(bar, 1000), 1000);
        let tests = |n: &mut Novelty, i: usize, at| n.unfinished(&".".repeat(i + 1), at);
        assert_eq!(new_ones(tests, 100), 99, "a row of dots that grows");
    }

    #[test]
    fn memory_is_bounded() {
        let mut novelty = Novelty::default();
        for i in 0..10_000_i64 {
            novelty.line(&format!("line {i}"), Wall(i * 2_000));
            let letters: String = i.to_string().bytes().map(|digit| char::from(digit + 49)).collect();
            novelty.drawn(&format!("word{letters} {i} %"), Wall(i * 2_000 + 1_500));
        }
        assert!(novelty.seen.len() <= REMEMBERED && novelty.order.len() <= REMEMBERED);
        assert!(novelty.highest.len() <= REMEMBERED);
    }
}
