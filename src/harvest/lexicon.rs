//! Words and the meanings looked for in them: a text is cut into words once, and each run of words is looked up.

use std::collections::HashMap;
use std::hash::Hash;

/// Most words of a text that are looked at.
const WORDS_MAX: usize = 400;

/// A text's words: lower case, apostrophes dropped, everything else that is no letter or digit between them.
#[derive(Debug, Clone, Default)]
pub struct Words {
    joined: String,
    spans: Vec<(usize, usize)>,
    /// Words before which a bracket, a colon or a full stop stands.
    breaks: Vec<usize>,
}

impl Words {
    /// Cuts a text into words.
    pub fn of(text: &str) -> Self {
        let mut words = Self { joined: String::with_capacity(text.len() + 1), spans: Vec::new(), breaks: Vec::new() };
        let mut start = None;
        for c in text.chars() {
            if c.is_alphanumeric() {
                if start.is_none() {
                    if words.spans.len() == WORDS_MAX {
                        break;
                    }
                    if !words.joined.is_empty() {
                        words.joined.push(' ');
                    }
                    start = Some(words.joined.len());
                }
                words.joined.extend(c.to_lowercase());
                continue;
            }
            let next = words.spans.len() + usize::from(start.is_some());
            if matches!(c, '(' | ')' | ':' | ';' | '.' | '!' | '?' | '|' | '—' | '→')
                && words.breaks.last() != Some(&next)
            {
                words.breaks.push(next);
            }
            if !matches!(c, '\'' | '’' | 'ʼ')
                && let Some(start) = start.take()
            {
                words.spans.push((start, words.joined.len()));
            }
        }
        if let Some(start) = start {
            words.spans.push((start, words.joined.len()));
        }
        words
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The word at a place; an empty one beyond the end.
    pub fn at(&self, index: usize) -> &str {
        self.spans.get(index).map_or("", |&(start, end)| &self.joined[start..end])
    }

    /// Whether another thought begins somewhere after the one word and up to the other.
    pub fn breaks(&self, after: usize, to: usize) -> bool {
        self.breaks.iter().any(|at| *at > after && *at <= to)
    }

    fn run(&self, from: usize, count: usize) -> Option<&str> {
        let (start, _) = self.spans.get(from)?;
        let (_, end) = self.spans.get(from + count - 1)?;
        Some(&self.joined[*start..*end])
    }
}

/// A phrase that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit<M> {
    /// What it means.
    pub meaning: M,
    /// The first word's place.
    pub at: usize,
    /// How many words it has.
    pub words: usize,
}

/// Phrases and what each means. One in a script that writes no spaces is found inside words as well.
#[derive(Debug)]
pub struct Lexicon<M> {
    phrases: HashMap<&'static str, Vec<M>>,
    /// Most words of a phrase that begins with this word.
    longest: HashMap<&'static str, usize>,
    inside: Vec<(&'static str, M)>,
}

impl<M: Copy + Eq + Hash> Lexicon<M> {
    /// Builds one from lines of phrases separated by commas.
    pub fn new(table: &[(M, &'static str)]) -> Self {
        let mut lexicon = Self { phrases: HashMap::new(), longest: HashMap::new(), inside: Vec::new() };
        for &(meaning, list) in table {
            for phrase in list.split(',').map(str::trim).filter(|p| !p.is_empty()) {
                if phrase.chars().any(unspaced) {
                    lexicon.inside.push((phrase, meaning));
                    continue;
                }
                lexicon.phrases.entry(phrase).or_default().push(meaning);
                let first = phrase.split(' ').next().unwrap_or(phrase);
                let longest = lexicon.longest.entry(first).or_default();
                *longest = (*longest).max(phrase.split(' ').count());
            }
        }
        lexicon
    }

    /// All phrases of the words, in their order; of phrases of one meaning that begin together, the longest.
    pub fn find(&self, words: &Words) -> Vec<Hit<M>> {
        let mut hits: Vec<Hit<M>> = Vec::new();
        for at in 0..words.len() {
            let Some(&longest) = self.longest.get(words.at(at)) else { continue };
            for count in (1..=longest).rev() {
                let Some(run) = words.run(at, count) else { continue };
                for &meaning in self.phrases.get(run).into_iter().flatten() {
                    if !hits.iter().rev().take_while(|h| h.at == at).any(|h| h.meaning == meaning) {
                        hits.push(Hit { meaning, at, words: count });
                    }
                }
            }
        }
        if !self.inside.is_empty() && words.joined.chars().any(unspaced) {
            for (phrase, meaning) in &self.inside {
                if let Some(place) = words.joined.find(phrase) {
                    let at = words.spans.partition_point(|(_, end)| *end <= place);
                    hits.push(Hit { meaning: *meaning, at, words: 1 });
                }
            }
            hits.sort_by_key(|hit| hit.at);
        }
        hits
    }
}

/// Han, kana, hangul: several words may stand together.
fn unspaced(c: char) -> bool {
    matches!(u32::from(c), 0x3040..=0x30ff | 0x3400..=0x9fff | 0xac00..=0xd7af)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_phrase_of_a_meaning_is_found() {
        let lexicon = Lexicon::new(&[(1, "not done, done, not yet done"), (2, "not, 완료, erledigt")]);
        let words = Words::of("It’s NOT yet (done)!");
        assert_eq!((words.joined.as_str(), words.len(), words.at(9)), ("its not yet done", 4, ""));
        let hits = lexicon.find(&words);
        assert_eq!(
            hits.iter().map(|h| (h.meaning, h.at, h.words)).collect::<Vec<_>>(),
            [(1, 1, 3), (2, 1, 1), (1, 3, 1)]
        );
        assert_eq!(lexicon.find(&Words::of("작업완료됨 erledigt")).len(), 2);
    }
}
