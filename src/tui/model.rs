//! What is known: the newest status, whether somebody keeps it up to date, samples of the output, and what views asked
//! for besides. Pure; [`Model::take`] is the only way it changes.

use super::intent::{Ask, Want};
use super::logpage::LogPage;
use super::player::Mark;
use super::shown::Shown;
use crate::client::output::{Followed, Span};
use crate::core::fact::Fact;
use crate::core::time::Wall;
use crate::protocol::details::{AlertHistory, Attempts, DeadLetters, Numbers, Queue, SessionEvents, SessionNotes};
use crate::protocol::output::OutputAbout;
use crate::protocol::{SessionStatus, Status, StreamedFact, Why};
use crate::report::model::Report;
use crate::report::nights::Nights;
use crate::report::timeline::Timeline;
use crate::status::tonight::Tonight;
use crate::status::zone::parse;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What comes in from the rim.
#[derive(Debug)]
pub enum News {
    /// A snapshot of the daemon.
    Status(Box<Status>),
    /// The daemon does not answer.
    Gone {
        /// Why, in words.
        why: String,
        /// What the journal knows; `None` when it could not be read.
        journal: Option<Box<Status>>,
    },
    /// Facts as they were journaled.
    Facts(Vec<StreamedFact>),
    /// Facts of before the first status, oldest first.
    Past(Vec<StreamedFact>),
    /// What a view wanted.
    Detail {
        /// What was wanted.
        want: Want,
        /// It, or why it cannot be had.
        detail: Result<Detail, String>,
    },
    /// What came of an ask.
    Answer {
        /// What was asked.
        ask: Ask,
        /// What was done, or why not, a line each.
        answer: Result<Vec<String>, Vec<String>>,
    },
    /// How the machine is.
    Host(Host),
    /// What came of following a session's output.
    Followed {
        /// Which session.
        session: String,
        /// It, or why it cannot be followed.
        news: Result<Followed, String>,
    },
}

/// Something a view wanted.
#[derive(Debug, Clone, PartialEq)]
pub enum Detail {
    /// The chain behind a state.
    Why(Why),
    /// What is recorded of an attempt.
    Recording(Box<OutputAbout>),
    /// Bytes of a recording.
    Span(Span),
    /// A page of a log.
    Page(LogPage),
    /// What happened to a session, for the scrub bar.
    Marks(Vec<Mark>),
    /// Where a search found something.
    Found(Option<(u64, usize)>),
    /// A session's attempts.
    Attempts(Attempts),
    /// Facts about a session.
    Events(SessionEvents),
    /// A session's numbers.
    Numbers(Numbers),
    /// Notes to a session.
    Notes(SessionNotes),
    /// What each session did when.
    Timeline(Box<Timeline>),
    /// The alerts of the night.
    Alerts(AlertHistory),
    /// Runs that failed for good.
    Dead(DeadLetters),
    /// What comes next.
    Queue(Queue),
    /// Tonight as it would go.
    Plan(Tonight),
    /// Past nights.
    Nights(Nights),
    /// The report of a night.
    Report(Box<Report>),
}

/// How the machine is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Host {
    /// Processes that want to run, over the last minute.
    pub load: Option<f64>,
    /// Cores.
    pub cores: usize,
    /// Free bytes of the disk the state folder is on.
    pub disk_free: Option<u64>,
    /// Bytes of that disk.
    pub disk_all: Option<u64>,
}

/// Whether somebody keeps the status up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Nothing was heard yet.
    Opening,
    /// The daemon answers.
    Live,
    /// It does not.
    Gone {
        /// Since when.
        since: Wall,
        /// Why, in words.
        why: String,
    },
}

/// Most buckets of output that are kept of a session.
pub const BUCKETS: usize = 60;
/// Milliseconds of a bucket.
pub const BUCKET_MS: i64 = 60_000;

/// When the next minute begins.
pub fn next_minute(now: Wall) -> Wall {
    Wall((now.0.div_euclid(BUCKET_MS) + 1) * BUCKET_MS)
}

/// Output of one session by the minute.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples {
    /// The minute of the newest bucket, counted since 1970.
    minute: i64,
    /// Bytes in each minute, the newest last.
    buckets: VecDeque<u64>,
    /// The attempt's bytes when last seen.
    seen: Option<(u32, u64)>,
}

impl Samples {
    /// Notes that an attempt had written so many bytes.
    pub fn note(&mut self, at: Wall, attempt: u32, bytes: u64) {
        self.advance(at);
        let new = match self.seen {
            Some((seen_attempt, seen)) if seen_attempt == attempt => bytes.saturating_sub(seen),
            // A new attempt begins at 0; of the first look it is not known when its bytes came.
            Some((seen_attempt, _)) if seen_attempt < attempt => bytes,
            Some(_) | None => 0,
        };
        // Of one attempt the bytes only grow: a smaller number is an older one that came late.
        let most = self.seen.filter(|(seen, _)| *seen == attempt).map_or(bytes, |(_, seen)| seen.max(bytes));
        self.seen = Some((attempt, most));
        if let Some(last) = self.buckets.back_mut() {
            *last = last.saturating_add(new);
        }
    }
    fn advance(&mut self, at: Wall) {
        let minute = at.0.div_euclid(BUCKET_MS);
        let gap = minute.saturating_sub(self.minute);
        if self.buckets.is_empty() || gap > BUCKETS as i64 {
            self.buckets.clear();
            self.buckets.push_back(0);
        } else {
            for _ in 0..gap.max(0) {
                self.buckets.push_back(0);
            }
            while self.buckets.len() > BUCKETS {
                self.buckets.pop_front();
            }
        }
        self.minute = self.minute.max(minute);
    }
    /// Bytes of the last `n` minutes up to `now`, the newest last; minutes before the first look are missing.
    pub fn last(&self, n: usize, now: Wall) -> Vec<u64> {
        if self.buckets.is_empty() {
            return Vec::new();
        }
        let idle = usize::try_from(now.0.div_euclid(BUCKET_MS).saturating_sub(self.minute)).unwrap_or(0).min(n);
        let known = self.buckets.iter().skip(self.buckets.len().saturating_sub(n.saturating_sub(idle)));
        known.copied().chain(std::iter::repeat_n(0, idle)).collect()
    }
}

fn sampled<'a>(samples: &'a mut BTreeMap<String, Samples>, session: &str) -> &'a mut Samples {
    samples.entry(session.to_owned()).or_default()
}

/// What the person is told came of an act, or happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Whether it is a refusal or a failure.
    pub bad: bool,
    /// A line each.
    pub lines: Vec<String>,
    /// Since when it is shown.
    pub since: Wall,
}

/// All that is known.
#[derive(Debug)]
pub struct Model {
    /// The newest status, of the daemon or of the journal.
    pub status: Status,
    /// Whether somebody keeps it up to date.
    pub link: Link,
    /// Output by session.
    pub samples: BTreeMap<String, Samples>,
    /// How the machine is.
    pub host: Host,
    /// What views wanted, or why it cannot be had.
    pub details: BTreeMap<Want, Result<Detail, String>>,
    /// The zone for times.
    pub zone: TimeZone,
    /// The last answer to an ask.
    pub notice: Option<Notice>,
    /// What is shown of sessions' output.
    pub shown: Shown,
}

impl Model {
    /// Nothing is known yet.
    pub fn new(zone: TimeZone) -> Self {
        Self {
            status: Status {
                schema: crate::protocol::SCHEMA,
                generated_at: String::new(),
                daemon: None,
                night: None,
                sessions: Vec::new(),
                alerts: Vec::new(),
                file_problem: None,
                seq: 0,
                outages: Vec::new(),
                safe_mode: None,
                usage: None,
            },
            link: Link::Opening,
            samples: BTreeMap::new(),
            host: Host::default(),
            details: BTreeMap::new(),
            zone,
            notice: None,
            shown: Shown::default(),
        }
    }
    /// Takes in what came. Gives whether anything that can be seen is different now.
    pub fn take(&mut self, news: News, now: Wall) -> bool {
        match news {
            News::Status(status) => {
                let was_live = self.link == Link::Live;
                self.link = Link::Live;
                self.status_is(*status, now) || !was_live
            }
            News::Gone { why, journal } => {
                let since = match &self.link {
                    Link::Gone { since, .. } => *since,
                    Link::Opening | Link::Live => now,
                };
                self.link = Link::Gone { since, why };
                if let Some(status) = journal {
                    self.status_is(*status, now);
                }
                true
            }
            // What else they changed comes with the next status.
            News::Facts(facts) => {
                facts.iter().for_each(|fact| self.sample(fact));
                self.go_on_with_timeline(&facts)
            }
            News::Past(facts) => {
                self.samples.clear();
                facts.iter().for_each(|fact| self.sample(fact));
                self.sample_status(now);
                true
            }
            News::Detail { want, detail } => {
                let Some(detail) = self.shown.take(&want, detail) else { return true };
                let new = Some(detail);
                let different = self.details.get(&want) != new.as_ref();
                self.details.extend(new.map(|new| (want, new)));
                different
            }
            News::Followed { session, news } => {
                self.shown.followed(session, news);
                true
            }
            News::Answer { ask: _, answer } => {
                let (bad, lines) = match answer {
                    Ok(lines) => (false, lines),
                    Err(lines) => (true, lines),
                };
                self.notice = (!lines.is_empty()).then_some(Notice { bad, lines, since: now });
                true
            }
            News::Host(host) => {
                let different = self.host != host;
                self.host = host;
                different
            }
        }
    }
    /// Gives whether it tells anything new.
    fn status_is(&mut self, mut status: Status, now: Wall) -> bool {
        std::mem::swap(&mut self.status, &mut status);
        self.sample_status(now);
        let sessions = &self.status.sessions;
        if sessions.len() < self.samples.len() {
            let names: BTreeSet<&str> = sessions.iter().map(|s| s.name.as_str()).collect();
            self.samples.retain(|name, _| names.contains(name.as_str()));
        }
        // When it was made says nothing of the night.
        status.generated_at.clone_from(&self.status.generated_at);
        status.seq = self.status.seq;
        status != self.status
    }
    fn sample_status(&mut self, now: Wall) {
        let at = parse(&self.status.generated_at).unwrap_or(now);
        for session in &self.status.sessions {
            if let Some(output) = &session.output {
                sampled(&mut self.samples, &session.name).note(at, session.attempt, output.bytes);
            }
        }
    }
    /// A timeline needs no second asking. Gives whether there is one.
    fn go_on_with_timeline(&mut self, facts: &[StreamedFact]) -> bool {
        let Some(Ok(Detail::Timeline(timeline))) = self.details.get_mut(&Want::Timeline) else { return false };
        facts.iter().for_each(|fact| timeline.apply(fact.seq, &fact.entry));
        true
    }
    fn sample(&mut self, fact: &StreamedFact) {
        let at = fact.entry.at.wall;
        if let Fact::OutputObserved { attempt, output } = &fact.entry.fact {
            sampled(&mut self.samples, attempt.run.session.as_str()).note(at, attempt.number, output.bytes);
        } else if let Fact::AttemptStarted { attempt, .. } = &fact.entry.fact {
            sampled(&mut self.samples, attempt.run.session.as_str()).note(at, attempt.number, 0);
        }
    }
    /// Forgets what no view wants any more.
    pub fn keep_details(&mut self, wanted: &BTreeSet<Want>) {
        self.details.retain(|want, _| wanted.contains(want));
        self.shown.keep(wanted);
    }
    /// The session of that name.
    pub fn session(&self, name: &str) -> Option<&SessionStatus> {
        self.status.sessions.iter().find(|s| s.name == name)
    }
    /// Alerts that are open, the newest first.
    pub fn open_alerts(&self) -> impl Iterator<Item = &crate::protocol::AlertStatus> {
        self.status.alerts.iter().filter(|a| a.state == "open")
    }
}
