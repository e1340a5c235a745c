//! Adds up what belongs to one attempt: its requests since it began, each once, by model and by day, with what they cost.

use super::prices::{LIST, OWN, Prices};
use super::{Note, Request};
use crate::core::runaway::{Pace, Recent, Tried};
use crate::core::time::Wall;
use crate::core::usage::{DAYS_MAX, MODELS_MAX, Money, Sum, Used};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// Newest requests that are known again when they come once more.
const KNOWN_MAX: usize = 50_000;
/// Longest name of a model.
const NAME_MAX: usize = 80;
/// The name of models beyond [`MODELS_MAX`].
const OTHER: &str = "other";
/// A clock may be read a little before the recorder's is.
const SLACK_MS: i64 = 1_000;

/// What one attempt used so far.
#[derive(Debug)]
pub struct Meter {
    from: Wall,
    zone: TimeZone,
    prices: Arc<Prices>,
    used: Used,
    known: HashMap<String, Counted>,
    order: VecDeque<String>,
    files: BTreeMap<u32, File>,
    by: BTreeSet<&'static str>,
    recent: Recent,
}

/// A request as it was counted.
#[derive(Debug, Clone)]
struct Counted {
    model: String,
    day: Option<String>,
    request: Request,
    sum: Sum,
}

/// What is known of one transcript.
#[derive(Debug, Default)]
struct File {
    /// The time of its newest line that has one.
    at: Option<Wall>,
    /// It held something before the attempt began.
    older: bool,
    /// Requests of it that were counted.
    counted: u64,
    /// The agent's own figure, with how many requests of all transcripts were counted by then.
    own: Option<(Money, u64)>,
    /// It belongs to another transcript, whose figure holds it too.
    side: bool,
}

impl Meter {
    /// A meter of an attempt that began then. Days are those of `zone`.
    pub fn new(from: Wall, zone: TimeZone, prices: Arc<Prices>) -> Self {
        Self {
            from: Wall(from.0.saturating_sub(SLACK_MS)),
            zone,
            prices,
            used: Used::default(),
            known: HashMap::new(),
            order: VecDeque::new(),
            files: BTreeMap::new(),
            by: BTreeSet::new(),
            recent: Recent::default(),
        }
    }

    /// Says that a transcript belongs to another one: that of an agent's helper.
    pub fn is_side(&mut self, file: u32) {
        self.files.entry(file).or_default().side = true;
    }
    /// Says that whose transcripts are read was guessed.
    pub fn is_guessed(&mut self) {
        self.used.guessed = true;
    }

    /// Takes what a line of a transcript told. `file` tells transcripts apart.
    pub fn take(&mut self, file: u32, note: Note) {
        match note {
            Note::At(at) => self.passes(file, Some(at)),
            Note::Own(own) => {
                let counted = self.requests();
                let file = self.files.entry(file).or_default();
                if file.at.is_some_and(|at| at >= self.from) {
                    file.own = Some((own, counted));
                } else {
                    file.older = true;
                }
            }
            Note::Request(request) => {
                self.passes(file, request.at);
                let at = request.at.or_else(|| self.files.get(&file).and_then(|file| file.at));
                // Of a line without any time only its place speaks, and that is after the beginning.
                if at.is_none_or(|at| at >= self.from) {
                    self.count(file, at, request);
                }
            }
        }
    }

    /// An agent asked its model, and nothing came of it: told by what the agent says, where no transcript shows it.
    pub fn tried(&mut self, at: Wall) {
        if at >= self.from {
            self.recent.take(at, None, Tried { empty: true, ..Tried::default() });
        }
    }
    /// How often the model was asked within the last minutes, and what came of it.
    pub fn pace(&mut self, now: Wall) -> Pace {
        Pace { guessed: self.used.guessed, ..self.recent.pace(now) }
    }

    /// All that is known; `None` when nothing is.
    pub fn used(&self) -> Option<Used> {
        let mut used = self.used.clone();
        if used.models.is_empty() {
            return None;
        }
        used.own = self.own();
        if self.by.contains(LIST) {
            used.prices = LIST.to_owned();
        } else if self.by.contains(OWN) {
            used.prices = OWN.to_owned();
        }
        Some(used)
    }

    /// The agent's own figure, where it holds all of what was counted and nothing else: of one session that began with the
    /// attempt, written after its last request.
    fn own(&self) -> Option<Money> {
        let mut main = self.files.values().filter(|file| !file.side && (file.counted > 0 || file.own.is_some()));
        let (only, more) = (main.next()?, main.next());
        let (own, counted) = only.own?;
        (more.is_none() && !only.older && counted == self.requests()).then_some(own)
    }

    fn requests(&self) -> u64 {
        self.used.models.values().map(|sum| sum.requests).sum()
    }

    fn passes(&mut self, file: u32, at: Option<Wall>) {
        let file = self.files.entry(file).or_default();
        if let Some(at) = at {
            file.older |= at < self.from;
            file.at = Some(file.at.map_or(at, |known| known.max(at)));
        }
    }

    fn count(&mut self, file: u32, at: Option<Wall>, mut request: Request) {
        // What is rounded bears the time of its chat, not its own.
        if let Some(at) = at.filter(|_| !request.rounded) {
            let key = request.key.as_deref();
            let (sent, received) = (request.tokens.sent(), request.tokens.output);
            self.recent.take(at, key, Tried { sent, received, empty: request.empty });
        }
        if request.tokens.total() == 0 {
            // It says nothing, and nothing known is not 0.
            return;
        }
        request.model = name(&request.model);
        let known = request.key.as_ref().and_then(|key| self.known.get(key)).cloned();
        if known.is_some() && request.by_sums {
            return;
        }
        let (model, day) = match &known {
            Some(known) => {
                // Told again it can only be more: parts of a reply come one by one.
                request.tokens = request.tokens.max(known.request.tokens);
                request.kept_long = request.kept_long.max(known.request.kept_long);
                request.cost = request.cost.max(known.request.cost);
                // What a request is priced by must not change with what is told of it later.
                request.model.clone_from(&known.request.model);
                (known.model.clone(), known.day.clone())
            }
            None => (self.model(&request.model), self.day(at)),
        };
        let mut sum = Sum { tokens: request.tokens, requests: 1, ..Sum::default() };
        match request.cost.map(|cost| (cost, "")).or_else(|| self.prices.cost(&request)) {
            Some((cost, by)) => {
                sum.cost = cost;
                self.by.insert(by);
            }
            None => sum.unpriced = request.tokens.total(),
        }
        if let Some(known) = &known {
            if known.sum == sum {
                return;
            }
            self.add(&known.model, known.day.as_deref(), |all| all.minus(known.sum));
        } else {
            self.files.entry(file).or_default().counted += 1;
        }
        self.add(&model, day.as_deref(), |all| all.plus(sum));
        self.used.last_at = self.used.last_at.max(at);
        self.used.rounded |= request.rounded;
        if let Some(key) = request.key.clone() {
            if known.is_none() {
                self.order.push_back(key.clone());
                if self.order.len() > KNOWN_MAX
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.known.remove(&oldest);
                }
            }
            self.known.insert(key, Counted { model, day, request, sum });
        }
    }

    fn add(&mut self, model: &str, day: Option<&str>, change: impl Fn(Sum) -> Sum) {
        let sum = self.used.models.entry(model.to_owned()).or_default();
        *sum = change(*sum);
        if let Some(day) = day {
            let sum = self.used.days.entry(day.to_owned()).or_default();
            *sum = change(*sum);
        }
    }

    fn model(&self, name: &str) -> String {
        let known = self.used.models.contains_key(name) || self.used.models.len() < MODELS_MAX - 1;
        if known { name.to_owned() } else { OTHER.to_owned() }
    }

    /// The date of a request; that of the attempt's beginning where it is not known or is no day of this world.
    fn day(&self, at: Option<Wall>) -> Option<String> {
        let at = at.unwrap_or(self.from);
        let date = Timestamp::from_millisecond(at.0).ok()?.to_zoned(self.zone.clone()).date().to_string();
        let known = self.used.days.contains_key(&date) || self.used.days.len() < DAYS_MAX;
        if known { Some(date) } else { self.used.days.keys().next_back().cloned() }
    }
}

/// The name of a model as it is shown: bounded, and nothing that a terminal would act on.
fn name(typed: &str) -> String {
    let plain: String = typed.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
    let plain = plain.trim();
    if plain.is_empty() { "unknown".to_owned() } else { plain.to_owned() }
}
