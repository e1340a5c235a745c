//! A claim held against the rest of its document: what it counts, adds up, spans, ticks off.

use super::numbers::{self, Bound};
use super::prepared::Prepared;
use super::{Document, Reason, Verdict};
use crate::harvest::{Item, Kind, Passage};

/// Fewest parts of a sum; one part is no sum.
const PARTS_MIN: usize = 2;

/// What the document itself says to a claim.
pub fn reasons(claim: &Item, document: &Prepared<'_>) -> Vec<Reason> {
    let checks = [counted, summed, ratio, tallied, spanned, succeeded, prioritised, unticked];
    checks.iter().filter_map(|check| check(claim, document)).collect()
}

fn reason(verdict: Verdict, seen: String, line: Option<usize>) -> Option<Reason> {
    Some(Reason { verdict, seen, line })
}

/// The place of a claim's own line.
fn place(claim: &Item, document: &Prepared<'_>) -> Option<usize> {
    document.lines.get(&claim.line).copied()
}

/// What belongs to a line: below a heading or a paragraph all up to the next heading of the same or a higher level, below
/// a bullet the deeper ones.
fn below(at: usize, document: &Document) -> &[Passage] {
    let passages = &document.passages;
    let own = &passages[at];
    let rest = &passages[at + 1..];
    let end = if own.depth > 0 {
        rest.iter().position(|p| p.depth <= own.depth)
    } else {
        let level = own.heading.or_else(|| passages[..at].iter().rev().find_map(|p| p.heading)).unwrap_or(1);
        rest.iter().position(|p| p.heading.is_some_and(|h| h <= level))
    };
    &rest[..end.unwrap_or(rest.len())]
}

/// The bullets that a line leads in, the outermost of them.
fn listed(at: usize, document: &Document) -> Vec<&Passage> {
    let own = &document.passages[at];
    let scope = below(at, document);
    let outer = scope.iter().filter(|p| p.depth > 0).map(|p| p.depth).min().unwrap_or(1);
    let mut listed = Vec::new();
    for passage in scope {
        // A line that leads in leads in what follows it at once; a heading holds the lists of its parts.
        let lead = passage.depth == 0 && passage.cells.is_empty();
        if own.heading.is_none() && own.depth == 0 && lead && passage.heading.is_none() {
            break;
        }
        if passage.depth == outer {
            listed.push(passage);
        }
    }
    listed
}

/// Whether a heading counts what is below it.
pub fn counts(heading: &str) -> bool {
    bracketed(heading).is_some()
}

/// The number in brackets at a heading's end.
fn bracketed(heading: &str) -> Option<u64> {
    let text = heading.trim_end().trim_end_matches([':', '：']);
    text.ends_with(')').then(|| text.rfind('(').and_then(|at| numbers::count(&text[at..]))).flatten()
}

/// `All 9 tables:` above a list of ten.
fn counted(claim: &Item, document: &Prepared<'_>) -> Option<Reason> {
    let at = place(claim, document)?;
    let passage = &document.passages[at];
    let text = passage.text.trim_end();
    // A heading counts what is below it in brackets: `New files (11)`. Elsewhere it names how many there were.
    let wanted = if passage.heading.is_some() {
        bracketed(text)?
    } else {
        numbers::count(text).filter(|_| text.ends_with([':', '：']))?
    };
    document.afford(document.passages.len() / 4)?;
    let list = listed(at, document);
    // Of one form: the sizes of a list are those of its things, a line without one only adds to it.
    let sized = list.iter().filter(|p| !numbers::amounts(&p.text).is_empty()).count();
    let found = if sized as u64 == wanted { sized } else { list.len() };
    // A heading whose parts are told in prose says nothing of their number.
    if found < PARTS_MIN {
        return None;
    }
    let line = document.passages.get(at + 1).map(|p| p.line);
    if found as u64 == wanted {
        return reason(Verdict::Consistent, format!("{found} are listed"), line);
    }
    reason(Verdict::Contradicted, format!("{found} are listed, not {wanted}"), line)
}

/// `over 200 KB in five documents`, with their sizes beside them.
fn summed(claim: &Item, document: &Prepared<'_>) -> Option<Reason> {
    let lower = claim.text.to_lowercase();
    let whole = ["total", "altogether", "in all", "combined", "insgesamt", "over ", "all "]
        .iter()
        .any(|word| lower.contains(word));
    let amounts = numbers::amounts(&claim.text);
    let [amount] = amounts.as_slice() else { return None };
    if !whole {
        return None;
    }
    document.afford(document.passages.len())?;
    let wanted = claim
        .text
        .split(|c: char| !c.is_alphanumeric())
        .find_map(|word| word.parse::<usize>().ok().filter(|n| (2..1000).contains(n)));
    let lists = sized_lists(claim, document, amount.unit);
    // The list that has as many parts as the claim names; else the only one there is.
    let list = lists.iter().find(|list| Some(list.len()) == wanted).or(match lists.as_slice() {
        [only] => Some(only),
        [] | [_, _, ..] => None,
    })?;
    let low: f64 = list.iter().map(|(_, low, _)| low).sum();
    let high: f64 = list.iter().map(|(_, _, high)| high).sum();
    let line = list.first().map(|(line, ..)| *line);
    let exact = (low - high).abs() < f64::EPSILON;
    let shown =
        if exact { numbers::grouped(low) } else { format!("{} to {}", numbers::grouped(low), numbers::grouped(high)) };
    let unit = match amount.unit {
        numbers::Unit::Bytes => "bytes",
        numbers::Unit::Lines => "lines",
    };
    let fits = amount.fits(low)
        || amount.fits(high)
        || (amount.bound == Bound::Exact && low <= amount.low && high >= amount.high);
    let seen = format!("the {} sizes listed add up to {shown} {unit}", list.len());
    reason(if fits { Verdict::Consistent } else { Verdict::Contradicted }, seen, line)
}

/// Lists whose bullets each name one size: their lines with the least and most it can mean.
fn sized_lists(claim: &Item, document: &Document, unit: numbers::Unit) -> Vec<Vec<(usize, f64, f64)>> {
    let mut lists: Vec<Vec<(usize, f64, f64)>> = vec![Vec::new()];
    let mut depth = None;
    for passage in document.passages.iter().filter(|p| p.line != claim.line) {
        let sizes = numbers::amounts(&passage.text);
        let one = sizes.iter().find(|a| a.unit == unit && a.bound == Bound::Exact);
        let breaks = passage.heading.is_some() || (passage.depth == 0 && !passage.text.trim().is_empty());
        match one {
            Some(size) if passage.depth > 0 && depth.is_none_or(|d| d == passage.depth) => {
                depth = Some(passage.depth);
                // Lines and bytes were counted, not rounded.
                let middle = f64::midpoint(size.low, size.high);
                let (low, high) = if unit == numbers::Unit::Lines { (middle, middle) } else { (size.low, size.high) };
                if let Some(list) = lists.last_mut() {
                    list.push((passage.line, low, high));
                }
            }
            Some(_) | None if breaks => {
                lists.push(Vec::new());
                depth = None;
            }
            Some(_) | None => {}
        }
    }
    lists.retain(|list| list.len() >= PARTS_MIN);
    lists
}

/// `n/m (p %)` by itself.
fn ratio(claim: &Item, _document: &Prepared<'_>) -> Option<Reason> {
    let ratio = numbers::ratio(&claim.text)?;
    if ratio.part > ratio.whole && ratio.percent.is_some() {
        return reason(Verdict::Contradicted, format!("{} of {} is more than all", ratio.part, ratio.whole), None);
    }
    let percent = ratio.percent.filter(|_| ratio.whole > 0.0)?;
    let right = ratio.part / ratio.whole * 100.0;
    // Rounded to whole numbers or to a tenth.
    let slack = if percent.fract() == 0.0 { 1.0 } else { 0.1 };
    if (right - percent).abs() > slack {
        return reason(Verdict::Contradicted, format!("{}/{} is {right:.1} %", ratio.part, ratio.whole), None);
    }
    None
}

/// `n/m`, where a table's column adds up to n.
fn tallied(claim: &Item, document: &Prepared<'_>) -> Option<Reason> {
    let ratio = numbers::ratio(&claim.text)?;
    let mut tables: Vec<usize> = document.passages.iter().filter_map(|p| p.table).collect();
    tables.dedup();
    document.afford(tables.len().saturating_mul(document.passages.len()))?;
    let own = document.passages.iter().find(|p| p.line == claim.line).and_then(|p| p.table);
    for table in tables.into_iter().filter(|t| Some(*t) != own) {
        let rows: Vec<&Passage> = document.passages.iter().filter(|p| p.table == Some(table)).collect();
        let (parts, total): (Vec<&Passage>, Vec<&Passage>) = rows.iter().partition(|row| !is_total(row));
        for column in 1..rows.iter().map(|row| row.cells.len()).max().unwrap_or(0) {
            let numbers: Option<Vec<f64>> =
                parts.iter().map(|row| row.cells.get(column).and_then(|c| numbers::plain_number(c))).collect();
            let Some(numbers) = numbers.filter(|n| n.len() >= PARTS_MIN) else { continue };
            let sum: f64 = numbers.iter().sum();
            let said = total.first().and_then(|row| row.cells.get(column)).and_then(|c| numbers::plain_number(c));
            let line = rows.first().map(|row| row.line);
            if (sum - ratio.part).abs() < 1e-9 {
                return reason(Verdict::Consistent, format!("{} rows add up to {sum}", numbers.len()), line);
            }
            if said.is_some_and(|said| (said - ratio.part).abs() < 1e-9) {
                return reason(
                    Verdict::Contradicted,
                    format!("{} rows add up to {sum}, not {}", numbers.len(), ratio.part),
                    line,
                );
            }
        }
    }
    None
}

fn is_total(row: &Passage) -> bool {
    let first = row.cells.first().map(|c| c.to_lowercase()).unwrap_or_default();
    ["total", "subtotal", "sum", "summe", "gesamt", "overall"].iter().any(|word| first.contains(word))
}

/// A duration beside the period it is of.
fn spanned(claim: &Item, document: &Prepared<'_>) -> Option<Reason> {
    if claim.kind != Kind::Metric {
        return None;
    }
    let span = numbers::span_minutes(&claim.text).filter(|minutes| *minutes >= 1.0)?;
    let at = place(claim, document)?;
    document.afford(document.passages.len() / 4)?;
    // The period stands beside it: within a few lines and below the same heading.
    let near = |i: usize| {
        i.abs_diff(at) <= 4
            && i != at
            && document.passages[i.min(at)..i.max(at)].iter().skip(1).all(|p| p.heading.is_none())
    };
    let (line, period) = document
        .passages
        .iter()
        .enumerate()
        .filter(|(i, _)| near(*i))
        .find_map(|(_, p)| numbers::period_minutes(&p.text).map(|minutes| (p.line, minutes)))?;
    let seen = format!("the period has {} h {} min", (period / 60.0).floor(), period % 60.0);
    let verdict = if (span - period).abs() <= 1.0 { Verdict::Consistent } else { Verdict::Contradicted };
    reason(verdict, seen, Some(line))
}

/// Words that call something a success without a rest.
fn praises(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
    let good = ["success", "successful", "successfully", "complete", "completed", "succeeded"];
    words.iter().any(|word| good.contains(word))
        && !words.iter().any(|word| matches!(*word, "partial" | "partially" | "not" | "errors" | "with"))
}

/// `Status: SUCCESS` in a section that tells of errors.
fn succeeded(claim: &Item, document: &Prepared<'_>) -> Option<Reason> {
    let lower = claim.text.to_lowercase();
    let overall = ["status", "result", "outcome", "overall", "verdict"].iter().any(|word| lower.starts_with(word));
    if !overall || !praises(&claim.text) {
        return None;
    }
    let at = place(claim, document)?;
    document.afford(document.items.len())?;
    let (from, to) = chapter(at, document);
    let errors: Vec<&Item> = document
        .items
        .iter()
        .filter(|item| item.kind == Kind::Error && item.line >= from && item.line < to && item.line != claim.line)
        .collect();
    let first = errors.first()?;
    let what = if errors.len() == 1 { "error" } else { "errors" };
    reason(
        Verdict::Contradicted,
        format!("the same section tells of {} {what}: {}", errors.len(), first.text),
        Some(first.line),
    )
}

/// The lines of the second-level section that a line stands in.
fn chapter(at: usize, document: &Document) -> (usize, usize) {
    let starts = |p: &&Passage| p.heading.is_some_and(|level| level <= 2);
    let from = document.passages[..=at].iter().rev().find(starts).map_or(1, |p| p.line);
    let to = document.passages[at + 1..].iter().find(starts).map_or(usize::MAX, |p| p.line);
    (from, to)
}

/// `High-priority items complete`, while one of that priority is pending.
fn prioritised(claim: &Item, document: &Prepared<'_>) -> Option<Reason> {
    let lower = claim.text.to_lowercase();
    let degree = ["critical", "high", "p0", "p1"].into_iter().find(|degree| {
        lower.split(|c: char| !c.is_alphanumeric()).any(|word| word == *degree)
            && (degree.starts_with('p') || lower.contains("priority"))
    })?;
    if !praises(&claim.text) {
        return None;
    }
    document.afford(document.passages.len() * 4)?;
    let labelled = |p: &&Passage| {
        let text = p.text.to_lowercase();
        text.strip_prefix("priority:").is_some_and(|value| value.trim_start().starts_with(degree))
    };
    for passage in document.passages.iter().filter(labelled) {
        let at = document.passages.iter().position(|p| p.line == passage.line)?;
        let heading = document.passages[..at].iter().rev().find(|p| p.heading.is_some())?;
        let open = document.items.iter().find(|item| {
            item.line >= heading.line
                && item.line <= passage.line
                && matches!(item.kind, Kind::Pending | Kind::InProgress | Kind::Blocker)
        });
        if let Some(open) = open {
            return reason(Verdict::Contradicted, format!("still open: {}", open.text), Some(open.line));
        }
    }
    None
}

/// A tick that an open box elsewhere takes back.
fn unticked(claim: &Item, document: &Prepared<'_>) -> Option<Reason> {
    let at = place(claim, document)?;
    let own = &document.passages[at];
    let ticked = own.task == Some(true) || own.text.trim_start().starts_with(['✅', '✔', '✓', '☑']);
    if !ticked {
        return None;
    }
    // Most of what the tick names is to be in the box; of two words both are in many lines.
    let wanted = stems(&claim.text);
    if wanted.len() < 3 {
        return None;
    }
    document.afford(document.open.len())?;
    let open = document.open.iter().filter(|(passage, _)| passage.line != claim.line).find(|(_, have)| {
        let common = wanted.iter().filter(|stem| have.contains(stem)).count();
        have.len() >= 3 && common * 3 >= wanted.len() * 2 && common * 3 >= have.len() * 2
    });
    let (open, _) = open?;
    reason(Verdict::Contradicted, format!("not ticked: {}", open.text), Some(open.line))
}

/// The words that carry a line's matter, without endings.
pub(super) fn stems(text: &str) -> Vec<String> {
    const EMPTY: &[&str] = &[
        "the", "a", "an", "of", "in", "to", "for", "and", "or", "with", "on", "by", "all", "is", "are", "be", "min",
        "minutes", "hours", "hour", "critical", "end", "you", "need", "do", "this", "it", "from", "optional",
    ];
    let lower = text.to_lowercase();
    let mut stems: Vec<String> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() >= 2 && !word.starts_with(|c: char| c.is_ascii_digit()) && !EMPTY.contains(word))
        .map(|word| {
            word.strip_suffix("ed")
                .or_else(|| word.strip_suffix('s'))
                .filter(|stem| stem.len() >= 3)
                .unwrap_or(word)
                .to_owned()
        })
        .collect();
    stems.sort();
    stems.dedup();
    stems
}
