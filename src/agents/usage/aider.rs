//! aider: a Markdown history. Numbers are rounded; times stand only where a chat begins, without a zone.

use super::count::MOST;
use super::{Note, Request};
use crate::core::time::Wall;
use crate::core::usage::{Money, Tokens};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Where the reading of a history stands.
#[derive(Debug)]
pub struct History {
    zone: TimeZone,
    model: String,
    /// The line that the chat began with.
    chat: String,
    began: Option<Wall>,
    /// Requests of the chat so far.
    count: u64,
}

impl History {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self { zone, model: String::new(), chat: String::new(), began: None, count: 0 }
    }

    /// What a line tells.
    pub(super) fn line(&mut self, line: &[u8]) -> Option<Note> {
        // Longer lines are of the conversation.
        let line = std::str::from_utf8(line).ok().filter(|line| line.len() <= 400)?.trim_end();
        if let Some(began) = line.strip_prefix("# aider chat started at ") {
            let at = began.trim().parse::<DateTime>().ok().and_then(|at| at.to_zoned(self.zone.clone()).ok());
            self.began = at.map(|at| Wall(at.timestamp().as_millisecond()));
            (self.chat, self.count) = (began.to_owned(), 0);
            return self.began.map(Note::At);
        }
        let said = line.strip_prefix("> ")?;
        if let Some(model) = said.strip_prefix("Main model: ").or_else(|| said.strip_prefix("Model: ")) {
            self.model = model.split_whitespace().next().unwrap_or_default().to_owned();
            return None;
        }
        let (tokens, cost) = counts(said.strip_prefix("Tokens: ")?)?;
        self.count += 1;
        Some(Note::Request(Request {
            at: self.began,
            key: Some(format!("{} {}", self.chat, self.count)),
            model: self.model.clone(),
            tokens,
            cost,
            rounded: true,
            ..Request::default()
        }))
    }

    /// The file begins anew: its chats are known by when they began.
    pub(super) fn begins_anew(&mut self) {
        (self.model, self.chat, self.began, self.count) = (String::new(), String::new(), None, 0);
    }
}

/// `2.5k sent, 1k cache hit, 11 received. Cost: $0.01 message, $0.02 session.`
fn counts(text: &str) -> Option<(Tokens, Option<Money>)> {
    let (counts, cost) = match text.split_once(". Cost: ") {
        Some((counts, cost)) => (counts, Some(cost)),
        None => (text, None),
    };
    let (mut sent, mut tokens) = (None, Tokens::default());
    for part in counts.trim_end_matches('.').split(", ") {
        let (number, what) = part.split_once(' ')?;
        let number = number_of(number)?;
        match what.trim_end_matches('.') {
            "sent" => sent = Some(number),
            "cache write" => tokens.cache_write = number,
            "cache hit" => tokens.cache_read = number,
            "received" => tokens.output = number,
            _ => {}
        }
    }
    tokens.input = sent?.saturating_sub(tokens.cache_write).saturating_sub(tokens.cache_read);
    let cost = cost.and_then(|cost| cost.strip_prefix('$')?.split_whitespace().next()?.parse().ok());
    (tokens.total() <= MOST).then(|| (tokens, cost.and_then(Money::of_usd)))
}

fn number_of(text: &str) -> Option<u64> {
    let (digits, factor) = match text.strip_suffix('k') {
        Some(digits) => (digits, 1e3),
        None => text.strip_suffix('M').map_or((text, 1.0), |digits| (digits, 1e6)),
    };
    let number = digits.replace(',', "").parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0)? * factor;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, as wanted")]
    Some(number.round() as u64)
}
