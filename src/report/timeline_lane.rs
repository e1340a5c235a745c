//! One session of a timeline: stretches that follow one another, and marks, both bounded.

use super::passage::{Elapsed, Shade};
use super::timeline::{Doing, Lane, MARKS_MAX, Mark, MarkKind, SPANS_MAX, Span, TEXT_MAX, Unwatched};
use crate::core::time::Wall;
use crate::status::text::{cut_at_word, harmless};

/// A text as it stands in a timeline.
pub(super) fn told(text: &str) -> String {
    cut_at_word(&harmless(text), TEXT_MAX)
}

impl Lane {
    /// From now on it does this; `None` once its run has ended. `why` is what ended what it did before.
    pub(super) fn turn(&mut self, to: Option<Doing>, run: u32, now: Elapsed, why: &str) {
        self.shade = None;
        let same = |open: &Span| Some(open.doing) == to && open.run == run && open.attempt == self.attempt;
        if self.open.as_ref().is_some_and(same) {
            return;
        }
        self.close(now, why);
        let attempt = self.attempt;
        self.open = to.map(|doing| Span { doing, from: now, to: now, run, attempt, end: String::new(), merged: 0 });
    }
    fn close(&mut self, now: Elapsed, why: &str) {
        let Some(open) = self.open.take() else { return };
        let end = match self.death.take_if(|_| open.doing.has_program()) {
            Some(death) => death,
            None => told(why),
        };
        self.push(Span { to: now.max(open.from), end, ..open });
    }
    /// Its program runs, and something is known, or no longer, that keeps it from work.
    pub(super) fn shaded(&mut self, shade: Shade, on: bool, now: Elapsed, why: &str) {
        let Some(open) = &self.open else { return };
        let run = open.run;
        if let Some(to) = Shade::after(self.shade, open.doing == Doing::Working, shade, on) {
            self.turn(Some(to.map_or(Doing::Working, Shade::doing)), run, now, why);
            self.shade = to;
        }
    }
    /// Nobody watched: what waited stood still. A program ran on, as far as is known.
    pub(super) fn gap(&mut self, gap: &Unwatched) {
        let Some(open) = self.open.take_if(|open| !open.doing.has_program()) else { return };
        let from = gap.from.max(open.from);
        self.push(Span { to: from, end: told(&gap.why), ..open.clone() });
        self.push(Span {
            doing: Doing::Down,
            from,
            to: gap.to,
            end: "watched again".to_owned(),
            merged: 0,
            ..open.clone()
        });
        self.open = Some(Span { from: gap.to, to: gap.to, ..open });
    }
    /// The program was found to have ended while nobody watched: the rest of that gap was no work.
    pub(super) fn ended_unseen(&mut self, gaps: &[Unwatched], exit: Wall) {
        let Some(gap) = gaps.iter().rev().find(|gap| gap.walls.0 <= exit.0 && exit.0 <= gap.walls.1) else { return };
        let Some(open) = self.open.clone().filter(|open| open.doing.has_program()) else { return };
        let into = u64::try_from(exit.0.saturating_sub(gap.walls.0)).unwrap_or(0);
        let ended = gap.from.saturating_add(into).min(gap.to).max(open.from);
        if ended < gap.to {
            let end = self.death.clone().unwrap_or_default();
            self.push(Span { to: ended, end, ..open.clone() });
            let found = "its end was found".to_owned();
            self.push(Span { doing: Doing::Down, from: ended, to: gap.to, end: found, merged: 0, ..open.clone() });
            self.open = Some(Span { from: gap.to, to: gap.to, ..open });
        }
    }

    fn push(&mut self, span: Span) {
        if span.to <= span.from {
            return;
        }
        *self.totals.entry(span.doing).or_default() += span.to - span.from;
        self.spans.push(span);
        if self.spans.len() > SPANS_MAX {
            self.compact();
        }
    }
    /// Puts the shortest stretches into those before them, until a quarter of the room is free.
    fn compact(&mut self) {
        let mut lengths: Vec<u64> = self.spans.iter().map(|span| span.to - span.from).collect();
        lengths.sort_unstable();
        let short = lengths[lengths.len() / 3];
        let mut kept: Vec<Span> = Vec::with_capacity(self.spans.len());
        for span in self.spans.drain(..) {
            let length = span.to - span.from;
            match kept.last_mut() {
                Some(last) if length <= short && last.to == span.from && last.run == span.run => {
                    // The longer one of the two says what the whole was; how long each took stands in the totals.
                    if last.to - last.from < length {
                        last.doing = span.doing;
                    }
                    last.to = span.to;
                    last.attempt = span.attempt;
                    last.end = span.end;
                    last.merged = last.merged.saturating_add(1 + span.merged);
                }
                Some(_) | None => kept.push(span),
            }
        }
        // Runs of one stretch each cannot be put together: then the oldest go.
        let surplus = kept.len().saturating_sub(SPANS_MAX * 3 / 4);
        if kept.len() > SPANS_MAX * 9 / 10 {
            kept.drain(..surplus);
        }
        self.spans = kept;
    }

    pub(super) fn mark(&mut self, at: Elapsed, kind: MarkKind, what: &str) {
        let mark = Mark { at, kind, what: told(what), attempt: self.attempt, project: None };
        put(&mut self.marks, &mut self.marks_left_out, mark);
    }
}

/// Adds a mark; when there are too many, the oldest of those that say least goes.
pub(super) fn put(marks: &mut Vec<Mark>, left_out: &mut u64, mark: Mark) {
    marks.push(mark);
    if marks.len() > MARKS_MAX {
        let least = marks.iter().enumerate().min_by_key(|(i, mark)| (mark.kind.weight(), *i)).map(|(i, _)| i);
        if let Some(least) = least {
            marks.remove(least);
            *left_out += 1;
        }
    }
}
