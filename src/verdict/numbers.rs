//! Amounts in a claim's words: counts of things, sizes, spans, times of day, ratios.

/// What an amount is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Lines.
    Lines,
}

/// How an amount is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// As it stands.
    Exact,
    /// `about`, `~`.
    About,
    /// `over`, `>`, `450+`.
    Over,
    /// `under`, `<`.
    Under,
}

/// An amount with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amount {
    /// Its unit.
    pub unit: Unit,
    /// How it is meant.
    pub bound: Bound,
    /// The smallest value that its words can mean.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

impl Amount {
    /// Whether a measured value fits the words.
    pub fn fits(&self, measured: f64) -> bool {
        match self.bound {
            Bound::Exact => measured >= self.low && measured <= self.high,
            Bound::About => measured >= self.low * 0.85 && measured <= self.high * 1.15,
            Bound::Over => measured >= self.low,
            Bound::Under => measured <= self.high,
        }
    }
}

/// A word with where it stands: its number, if it is one, and what stuck to it.
#[derive(Debug, Clone)]
struct Token {
    word: String,
    number: Option<f64>,
    decimals: usize,
    before: char,
    after: char,
}

fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().take(4_000).collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let start = at;
        let digit = chars[at].is_ascii_digit();
        let part = |i: usize| {
            let c = chars[i];
            if digit {
                let inner = matches!(c, ',' | '.') && chars.get(i + 1).is_some_and(char::is_ascii_digit);
                c.is_ascii_digit() || inner
            } else {
                c.is_alphabetic()
            }
        };
        if !(digit || chars[at].is_alphabetic()) {
            at += 1;
            continue;
        }
        while at < chars.len() && part(at) {
            at += 1;
        }
        let word: String = chars[start..at].iter().collect::<String>().to_lowercase();
        let plain = word.replace(',', "");
        let number = if digit { plain.parse::<f64>().ok() } else { None };
        let decimals = plain.split_once('.').map_or(0, |(_, d)| d.len());
        let before = chars[..start].iter().rev().find(|c| !c.is_whitespace()).copied().unwrap_or(' ');
        let before =
            if start > 0 && chars[start - 1].is_whitespace() && before.is_alphanumeric() { ' ' } else { before };
        tokens.push(Token { word, number, decimals, before, after: chars.get(at).copied().unwrap_or(' ') });
    }
    tokens
}

fn unit(word: &str) -> Option<(Unit, f64, f64)> {
    match word {
        "bytes" | "byte" | "b" => Some((Unit::Bytes, 1.0, 1.0)),
        "kb" | "kib" => Some((Unit::Bytes, 1_000.0, 1_024.0)),
        "mb" | "mib" => Some((Unit::Bytes, 1_000_000.0, 1_048_576.0)),
        "gb" | "gib" => Some((Unit::Bytes, 1e9, 1_073_741_824.0)),
        "lines" | "line" | "loc" => Some((Unit::Lines, 1.0, 1.0)),
        _ => None,
    }
}

/// The sizes that a text names.
pub fn amounts(text: &str) -> Vec<Amount> {
    let tokens = tokens(text);
    let mut amounts = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(number) = token.number else { continue };
        let Some((unit, small, large)) = tokens.get(at + 1).and_then(|next| unit(&next.word)) else { continue };
        let said = |back: usize| at.checked_sub(back).map_or("", |i| tokens[i].word.as_str());
        let near = [said(1), said(2)];
        let bound = if token.after == '+'
            || token.before == '>'
            || near.iter().any(|w| matches!(*w, "over" | "than" | "least" | "exceeding"))
        {
            Bound::Over
        } else if token.before == '<' || near.iter().any(|w| matches!(*w, "under" | "below" | "most")) {
            Bound::Under
        } else if matches!(token.before, '~' | '≈')
            || near.iter().any(|w| {
                matches!(*w, "about" | "around" | "roughly" | "approximately" | "approx" | "nearly" | "almost")
            })
        {
            Bound::About
        } else {
            Bound::Exact
        };
        // The last digit was rounded; a count of lines differs by one where the last one has no end.
        let half = match unit {
            Unit::Lines => 1.0,
            Unit::Bytes if small > 1.0 => 10f64.powi(-i32::try_from(token.decimals).unwrap_or(0)),
            Unit::Bytes => 0.0,
        };
        let scale = if unit == Unit::Lines { 1.0 } else { small };
        let low = (number - half) * scale;
        let high = (number + half) * if unit == Unit::Lines { 1.0 } else { large };
        let low = if bound == Bound::Over { number * scale } else { low };
        amounts.push(Amount { unit, bound, low, high });
    }
    amounts
}

/// `n/m`, with the percentage beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// How many.
    pub part: f64,
    /// Of how many.
    pub whole: f64,
    /// In percent, as the text says.
    pub percent: Option<f64>,
}

/// The first ratio that a text names.
pub fn ratio(text: &str) -> Option<Ratio> {
    let tokens = tokens(text);
    for pair in tokens.windows(2).enumerate() {
        let (at, [first, second]) = pair else { continue };
        let (Some(part), Some(whole)) = (first.number, second.number) else { continue };
        // A date has two slashes.
        if second.before != '/' || second.after == '/' || first.before == '/' {
            continue;
        }
        let percent = tokens.iter().skip(at + 2).take(2).find(|t| t.after == '%').and_then(|t| t.number);
        return Some(Ratio { part, whole, percent });
    }
    None
}

/// Words that measure instead of counting.
const MEASURES: &[&str] = &[
    "minutes", "minute", "min", "mins", "hours", "hour", "hrs", "h", "days", "day", "weeks", "week", "months",
    "seconds", "second", "sec", "s", "ms", "bytes", "kb", "mb", "gb", "kib", "mib", "lines", "line", "loc", "percent",
    "am", "pm", "x", "times", "years", "usd", "tokens",
];

/// How many things a line says that its list has: `all 9 critical tables`, `New files (11)`.
pub fn count(text: &str) -> Option<u64> {
    let tokens = tokens(text);
    let mut found = None;
    for (at, token) in tokens.iter().enumerate() {
        let Some(number) = token.number.filter(|n| n.fract() == 0.0 && *n > 0.0 && *n < 1e6) else { continue };
        let alone = !matches!(token.after, '+' | '%' | ':' | '/' | '-' | '–' | '.')
            && !matches!(token.before, '/' | ':' | '-' | '–' | '~' | '>' | '<' | '#' | '.' | '$' | '≈');
        let next = tokens.get(at + 1).map_or("", |t| t.word.as_str());
        if !alone || MEASURES.contains(&next) || next.parse::<f64>().is_ok() {
            continue;
        }
        let bracketed = token.before == '(' && (token.after == ')' || next.ends_with('s'));
        let counted =
            tokens.iter().skip(at + 1).take(4).any(|t| t.word.len() > 3 && t.word.ends_with('s') && t.number.is_none());
        let all = at > 0 && tokens[at - 1].word == "all";
        if bracketed || all || (counted && at < 6) {
            // Two counts in one line leave open which one the list has.
            if found.is_some() {
                return None;
            }
            found = Some(number);
        }
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number between 0 and a million"
    )]
    found.map(|n| n as u64)
}

/// Minutes of the spans a text names (`8 hours 14 minutes`), as one.
pub fn span_minutes(text: &str) -> Option<f64> {
    let tokens = tokens(text);
    let mut total = None;
    for (at, token) in tokens.iter().enumerate() {
        let (Some(number), Some(next)) = (token.number, tokens.get(at + 1)) else { continue };
        let each = match next.word.as_str() {
            "h" | "hr" | "hrs" | "hour" | "hours" => 60.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 1.0,
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0 / 60.0,
            _ => continue,
        };
        total = Some(total.unwrap_or(0.0) + number * each);
    }
    total
}

/// Minutes between the two times of day a text names (`10:30 PM - 6:44 AM`), over midnight if need be.
pub fn period_minutes(text: &str) -> Option<f64> {
    let tokens = tokens(text);
    let mut times = Vec::new();
    let mut at = 0;
    while at + 1 < tokens.len() {
        let (hour, minute) = (&tokens[at], &tokens[at + 1]);
        if let (Some(h), Some(m)) = (hour.number, minute.number)
            && hour.after == ':'
            && h < 25.0
            && m < 60.0
        {
            let half = tokens.get(at + 2).map_or("", |t| t.word.as_str());
            let h = match half {
                "pm" if h < 12.0 => h + 12.0,
                "am" if h >= 12.0 => h - 12.0,
                _ => h,
            };
            times.push(h * 60.0 + m);
            at += 1;
        }
        at += 1;
    }
    let [from, to] = times.as_slice() else { return None };
    Some((to - from).rem_euclid(24.0 * 60.0))
}

/// A whole number with its thousands set apart: `196,170`.
pub fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::with_capacity(digits.len() + 4);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Seconds in words: `40 s`, `12 min`, `3 h`.
pub fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

/// Every number of a cell that is only a number.
pub fn plain_number(cell: &str) -> Option<f64> {
    let cell = cell.trim().trim_start_matches(['~', '≈']);
    let plain: String = cell.chars().filter(|c| *c != ',').collect();
    plain.parse::<f64>().ok().filter(|n| n.is_finite())
}

/// The number of tests that a text names: `147 tests`, `233 passed`, `tests: 318`.
pub fn tests(text: &str) -> Option<u64> {
    let tokens = tokens(text);
    let is = |at: usize, words: &[&str]| tokens.get(at).is_some_and(|t| words.contains(&t.word.as_str()));
    let found = tokens.iter().enumerate().find_map(|(at, token)| {
        let number = token.number.filter(|n| n.fract() == 0.0 && *n < 1e9)?;
        let after = is(at + 1, &["tests", "test", "passed", "passing", "specs", "pass"])
            || (is(at + 1, &["unit", "integration", "new", "e"]) && is(at + 2, &["tests", "test"]));
        let before = at > 0 && is(at - 1, &["tests", "passed"]) && token.before == ':';
        (after || before).then_some(number)
    })?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number between 0 and a billion"
    )]
    Some(found as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_things_are_told_from_measures() {
        for (text, wanted) in [
            ("Added all 9 critical tables to the schema:", Some(9)),
            ("New files (11)", Some(11)),
            ("APIs complete (18 endpoints)", Some(18)),
            ("Step 1: migrate (15 minutes)", None),
            ("Phase 2 (20:55-21:15)", None),
            ("More than 20+ methods", None),
            ("Searched 3 folders in 2 projects", None),
        ] {
            assert_eq!(count(text), wanted, "{text}");
        }
    }

    #[test]
    fn sizes_allow_for_rounding_and_for_both_thousands() {
        let one = |text: &str| amounts(text)[0];
        assert!(one("over 200KB").fits(200_001.0) && !one("over 200KB").fits(196_170.0));
        assert!(one("10 KB").fits(10_077.0) && one("10 KB").fits(10_900.0) && !one("10 KB").fits(12_300.0));
        assert!(one("456 lines").fits(455.0) && !one("456 lines").fits(450.0));
        assert!(one("21,968 bytes").fits(21_968.0) && !one("21,968 bytes").fits(21_969.0));
        assert!(one("~3000 lines").fits(2_800.0) && one("450+ lines").fits(450.0) && !one("450+ lines").fits(380.0));
    }

    #[test]
    fn spans_periods_and_ratios() {
        assert_eq!(span_minutes("Total: 8 hours 14 minutes"), Some(494.0));
        assert_eq!(period_minutes("10:30 PM - 6:44 AM"), Some(494.0));
        assert_eq!(period_minutes("22:00 to 23:30"), Some(90.0));
        assert_eq!(ratio("12/32 handlers (37.5%)"), Some(Ratio { part: 12.0, whole: 32.0, percent: Some(37.5) }));
        assert_eq!(ratio("3,513 / 3,513 (100% complete)").map(|r| r.whole), Some(3513.0));
        assert_eq!(ratio("on 2026/03/09"), None);
        assert_eq!(
            (tests("Ran 147 tests in 2 s"), tests("1,204 passed, 0 failed"), tests("all tests pass")),
            (Some(147), Some(1204), None)
        );
    }
}
