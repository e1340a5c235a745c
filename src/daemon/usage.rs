//! Reads the transcripts of running agents now and then, and tells the core what they used.
//!
//! A look costs a listing of the folders that changed and a read of what was appended. Nothing is kept on disk: a new
//! daemon reads the transcripts of what runs from their beginning, and whatever is older than an attempt is not its own.

mod find;
mod tail;
mod wake;

use super::perform::{Rim, zone};
use crate::adapters::opencode;
use crate::agents::profile::Profile;
use crate::agents::sign::Sign;
use crate::agents::transcript::Word;
use crate::agents::usage::lines::LINE_MAX;
use crate::agents::usage::meter::Meter;
use crate::agents::usage::places::{Claimant, Place, Span, Trace, places, whose};
use crate::agents::usage::prices::{Price, Prices, rates};
use crate::agents::usage::{Agent, Note, Request, opencode_message};
use crate::core::event::Event;
use crate::core::ids::AttemptId;
use crate::core::plan::SessionPlan;
use crate::core::run::{Attempt, RunState};
use crate::core::runaway::{Pace, is_calm, judge};
use crate::core::state::State;
use crate::core::time::Wall;
use crate::core::usage::{Money, Used};
use crate::os::clock;
use find::{Listing, Transcript};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tail::Tail;
use tokio::sync::Notify;
use wake::Wake;

/// How often transcripts are looked at while an agent runs, where the kernel does not tell when one is written.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The same where it does.
const SELDOM: Duration = Duration::from_secs(15);
/// Least time between two looks: agents write in bursts.
const SETTLE: Duration = Duration::from_millis(200);
/// How often it is looked for an agent that runs.
const IDLE_EVERY: Duration = Duration::from_secs(5);
/// Most bytes of one transcript in one look: several lines of the longest kind.
const READ_MAX: u64 = 4 * LINE_MAX as u64;
/// Most looks at what is left at an attempt's end.
const LAST_LOOKS: usize = 32;
/// The last look is given up after so long: a network disk may hang.
const LAST_WITHIN: Duration = Duration::from_secs(10);
/// An agent with a budget of which nothing is known for so long is told of.
const UNKNOWN_FOR: Duration = Duration::from_secs(15 * 60);

/// What is known of the transcripts of those that run.
#[derive(Default)]
pub struct Usage {
    held: Mutex<Held>,
    /// An agent was started.
    started: Notify,
}

impl Usage {
    /// Says that an agent was started.
    pub fn started(&self) {
        self.started.notify_one();
    }
}

#[derive(Default)]
struct Held {
    meters: BTreeMap<AttemptId, Metered>,
    listing: Listing,
}

/// One attempt that is metered.
struct Metered {
    meter: Meter,
    tails: BTreeMap<PathBuf, Tail>,
    told: Option<Used>,
    /// That nothing is known was told.
    complained: bool,
    /// The conversations that are surely its own, by when they began: names of transcripts, or ids of a database.
    conversations: BTreeMap<String, Wall>,
    /// The names of all transcripts that were found beside its own: one of an id that was chosen for it is its own.
    beside: BTreeSet<String>,
    /// What was told last of how it asks its model; `None` before anything was.
    paced: Option<Option<bool>>,
    /// What was found of a database, by its and its log's size and time.
    database: Option<[Option<(u64, i64)>; 2]>,
}

/// An attempt of an agent, as far as its transcripts need it.
#[derive(Debug, Clone)]
struct Job {
    attempt: AttemptId,
    agent: Agent,
    session: SessionPlan,
    span: Span,
    /// The id of its conversation, as far as it is known.
    conversation: Option<String>,
}

impl Job {
    fn of(attempt: &Attempt, session: &SessionPlan) -> Option<Self> {
        let agent = Agent::named(session.agent.as_deref()?)?;
        let from = attempt.started.as_ref()?.at;
        let to = attempt.exit.as_ref().map(|exit| exit.at);
        let conversation = attempt.conversation.as_ref().and_then(|conversation| conversation.id.clone());
        let (attempt, session, span) = (attempt.id.clone(), session.clone(), Span { from, to });
        Some(Self { attempt, agent, session, span, conversation })
    }
    /// It, as one that a transcript may be of.
    fn claimant(&self) -> Claimant<'_> {
        Claimant { span: self.span, conversation: self.conversation.as_deref() }
    }
    /// Whether only attempts of its own session would be taken for each other.
    fn is_alone<'j>(&self, all: impl IntoIterator<Item = &'j Self>) -> bool {
        let mut sharing = all.into_iter().filter(|other| other.shares(self));
        sharing.all(|other| other.attempt.run.session == self.attempt.run.session)
    }
    /// Whether both would be taken for each other by where their transcripts are.
    fn shares(&self, other: &Self) -> bool {
        self.agent == other.agent && self.session.dir == other.session.dir
    }
}

/// All attempts of agents that matter: those that run, and those of the night whose transcripts lie beside theirs.
fn jobs(state: &State) -> Vec<Job> {
    let all = state.runs.values().filter(|run| !run.state.is_ended() || !run.attempts.is_empty());
    let jobs = all.flat_map(|run| {
        let session = run.session.as_deref();
        run.attempts.iter().filter_map(move |attempt| Job::of(attempt, session?))
    });
    jobs.collect()
}

/// Looks until the daemon ends.
pub async fn go_on(rim: Arc<Rim>) {
    let mut wake = Wake::new();
    loop {
        let Ok(jobs) = rim
            .inbox()
            .look(|state, _| {
                let runs = |run: &crate::core::run::Run| {
                    matches!(run.state, RunState::Running { .. } | RunState::Stopping { .. })
                };
                let agents =
                    |run: &crate::core::run::Run| run.session.as_ref().is_some_and(|session| session.is_agent());
                let any = state.runs.values().any(|run| runs(run) && agents(run));
                if any { jobs(state) } else { Vec::new() }
            })
            .await
        else {
            return;
        };
        let live: Vec<Job> = jobs.iter().filter(|job| job.span.to.is_none()).cloned().collect();
        let mut pause = IDLE_EVERY;
        let (rim_too, live_too) = (Arc::clone(&rim), live.clone());
        // Watched before they are read: what is written meanwhile is told.
        let watched = tokio::task::spawn_blocking(move || {
            let all = wake.watch(folders(&rim_too, &live_too));
            (wake, all)
        });
        let Ok((again, all)) = watched.await else { return };
        wake = again;
        if !live.is_empty() {
            pause = if all { SELDOM } else { LOOK_EVERY };
            look(&rim, live, jobs, false).await;
        }
        tokio::select! {
            () = wake.changed() => {}
            () = rim.usage().started.notified() => {}
            () = tokio::time::sleep(pause) => continue,
        }
        tokio::time::sleep(SETTLE).await;
    }
}

/// The folders in which transcripts of these are written; `None` when one of them is not there yet, or is a database's.
fn folders(rim: &Rim, live: &[Job]) -> Option<BTreeSet<PathBuf>> {
    let mut folders = BTreeSet::new();
    for job in live {
        let found = places(job.agent, &rim.environment(&job.attempt, &job.session), &job.session.dir);
        let held = rim.usage().held.lock().unwrap_or_else(PoisonError::into_inner);
        let tails = held.meters.get(&job.attempt).map(|metered| &metered.tails);
        let known = tails.into_iter().flat_map(BTreeMap::keys).filter_map(|path| path.parent());
        folders.extend(known.map(Path::to_path_buf));
        drop(held);
        // Of several places of one file one is enough.
        let files = found.iter().any(|place| matches!(place, Place::File(_)));
        if files {
            folders.insert(job.session.dir.clone());
        }
        for place in &found {
            wake::folders(place, &mut folders)?;
        }
    }
    Some(folders)
}

impl Rim {
    /// The last look at the transcripts of an attempt that has ended, before its end is told.
    pub(super) async fn read_usage(self: &Arc<Self>, attempt: &AttemptId, ended: Wall) {
        let id = attempt.clone();
        let Ok(mut jobs) = self
            .inbox()
            .look(move |state, _| {
                let is_agent = state.session(&id.run.session).is_some_and(SessionPlan::is_agent);
                if is_agent { jobs(state) } else { Vec::new() }
            })
            .await
        else {
            return;
        };
        let Some(job) = jobs.iter_mut().find(|job| job.attempt == *attempt) else {
            return self.tell_conversation(attempt, &[], &[]).await;
        };
        job.span.to = Some(ended);
        let mine = vec![job.clone()];
        if tokio::time::timeout(LAST_WITHIN, look(self, mine, jobs, true)).await.is_err() {
            tracing::warn!(%attempt, "its transcripts could not be read to their end in time");
        }
        let metered = self.usage().held.lock().unwrap_or_else(PoisonError::into_inner).meters.remove(attempt);
        let (own, beside) = metered.map(|m| (m.conversations, m.beside)).unwrap_or_default();
        let mut own: Vec<(Wall, String)> = own.into_iter().map(|(name, began)| (began, name)).collect();
        own.sort();
        let own: Vec<String> = own.into_iter().map(|(_, name)| name).collect();
        self.tell_conversation(attempt, &own, &beside.into_iter().collect::<Vec<_>>()).await;
    }

    fn prices(&self) -> Arc<Prices> {
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        let own = config.raw.prices.iter().filter_map(|(model, price)| {
            let (input, output) = (Money::of_usd(price.input)?, Money::of_usd(price.output)?);
            let (read, write) = (price.cache_read.and_then(Money::of_usd), price.cache_write.and_then(Money::of_usd));
            Some((model.clone(), Price { rates: rates(input, output, read, write, None), long: None }))
        });
        Arc::new(Prices::new(own))
    }
}

/// One look at the transcripts of these, beside all others that have some in the same places.
async fn look(rim: &Arc<Rim>, mine: Vec<Job>, all: Vec<Job>, last: bool) {
    let zone = zone(rim.plan_zone().await.as_deref());
    let prices = rim.prices();
    let mut profiles = BTreeMap::new();
    let work: Vec<(Job, Vec<Place>)> = mine
        .into_iter()
        .map(|job| {
            let env = rim.environment(&job.attempt, &job.session);
            let real = std::fs::canonicalize(&job.session.dir).ok().filter(|real| *real != job.session.dir);
            let mut found: Vec<Place> = places(job.agent, &env, &job.session.dir);
            found.extend(real.into_iter().flat_map(|real| places(job.agent, &env, &real)));
            let mut seen = BTreeSet::new();
            found.retain(|place| seen.insert(place.clone()));
            let agent = job.session.profile.as_deref().unwrap_or(job.agent.as_str());
            profiles.extend(rim.profile(agent).map(|profile| (job.attempt.clone(), profile)));
            (job, found)
        })
        .collect();
    let mut stored = Vec::new();
    for (job, found) in &work {
        for place in found {
            if let Place::Database(path) = place {
                stored.extend(database(rim, job, &all, path).await);
            }
        }
    }
    // What its signs say of requests that no transcript shows.
    let tidings = work.iter().filter_map(|(job, _)| Some((job.attempt.clone(), rim.watchers().tidings(&job.attempt)?)));
    let tried: Vec<(AttemptId, Vec<Wall>)> = tidings.map(|(attempt, tidings)| (attempt, tidings.tried())).collect();
    let rim_too = Arc::clone(rim);
    let looked = tokio::task::spawn_blocking(move || {
        let mut held = rim_too.usage().held.lock().unwrap_or_else(PoisonError::into_inner);
        held.tried(tried);
        let told = held.look(&work, &all, &stored, &zone, &prices, last);
        (told, held.signs(&profiles, &zone))
    });
    let (told, signs) = looked.await.unwrap_or_default();
    for (attempt, sign) in signs {
        if let Some(tidings) = rim.watchers().tidings(&attempt) {
            tidings.tell(sign);
        }
    }
    for told in told {
        let event = match told {
            Told::Used(attempt, used) => Event::Used { attempt, used },
            Told::Paced(attempt, pace) => Event::Paced { attempt, pace },
            Told::Nothing(attempt) => Event::Trouble {
                part: format!("the budget of {}", attempt.run.session),
                what: "no transcript of it is found, so nothing is known of what it uses".to_owned(),
            },
        };
        let _ = rim.inbox().tell(event).await;
    }
}

/// What a look has to tell.
enum Told {
    Used(AttemptId, Box<Used>),
    Paced(AttemptId, Box<Pace>),
    Nothing(AttemptId),
}

/// A message of a database, with the attempt it belongs to.
struct Stored {
    attempt: AttemptId,
    note: Note,
    guessed: bool,
    session: String,
}

/// The messages of a database that are an attempt's, when it changed since it was last read.
async fn database(rim: &Rim, job: &Job, all: &[Job], path: &Path) -> Vec<Stored> {
    let log = PathBuf::from(format!("{}-wal", path.display()));
    let marks = [find::mark(path), find::mark(&log)];
    {
        let mut held = rim.usage().held.lock().unwrap_or_else(PoisonError::into_inner);
        let known = held.meters.get_mut(&job.attempt);
        if marks[0].is_none() || known.is_some_and(|known| known.database.replace(marks) == Some(marks)) {
            return Vec::new();
        }
    }
    let messages = match opencode::messages(path, job.span.from.0.saturating_sub(1_000)).await {
        Ok(messages) => messages,
        Err(e) => {
            tracing::warn!(attempt = %job.attempt, "{} cannot be read: {e}", path.display());
            return Vec::new();
        }
    };
    let others: Vec<&Job> = all.iter().filter(|other| other.shares(job)).collect();
    let claimants: Vec<Claimant<'_>> = others.iter().map(|other| other.claimant()).collect();
    let real = std::fs::canonicalize(&job.session.dir).unwrap_or_else(|_| job.session.dir.clone());
    // A session of its is what a file is to others.
    let mut sessions: BTreeMap<String, ((Wall, Wall), Vec<Request>)> = BTreeMap::new();
    for message in messages {
        let Some((request, dir)) = opencode_message(&message.id, &message.data) else { continue };
        if dir.is_some_and(|dir| Path::new(&dir) != job.session.dir && Path::new(&dir) != real) {
            continue;
        }
        let at = request.at.unwrap_or(job.span.from);
        let (time, requests) = sessions.entry(message.session).or_insert(((at, at), Vec::new()));
        *time = (time.0.min(at), time.1.max(at));
        requests.push(request);
    }
    let traces: Vec<Trace<'_>> =
        sessions.iter().map(|(name, (time, _))| Trace { began: time.0, written: time.1, name }).collect();
    let owners = whose(&traces, &claimants);
    let mut mine = Vec::new();
    for ((session, (_, requests)), owner) in sessions.into_iter().zip(owners) {
        let Some((place, guessed)) = owner else { continue };
        if others.get(place).is_some_and(|owner| owner.attempt == job.attempt) {
            let stored = |request| Stored {
                attempt: job.attempt.clone(),
                note: Note::Request(request),
                guessed,
                session: session.clone(),
            };
            mine.extend(requests.into_iter().map(stored));
        }
    }
    mine
}

impl Held {
    fn tried(&mut self, tried: Vec<(AttemptId, Vec<Wall>)>) {
        for (attempt, times) in tried {
            if let Some(metered) = self.meters.get_mut(&attempt) {
                times.into_iter().for_each(|at| metered.meter.tried(at));
            }
        }
    }

    /// What the transcripts of these said since the last call of the states of their agents.
    fn signs(&mut self, profiles: &BTreeMap<AttemptId, Arc<Profile>>, zone: &TimeZone) -> Vec<(AttemptId, Sign)> {
        let mut signs = Vec::new();
        for (attempt, profile) in profiles {
            let Some(metered) = self.meters.get_mut(attempt) else { continue };
            let words = metered.tails.values_mut().filter_map(|tail| tail.word(profile, zone));
            signs.extend(words.max_by_key(|sign| sign.at).map(|sign| (attempt.clone(), sign)));
        }
        signs
    }

    fn look(
        &mut self,
        work: &[(Job, Vec<Place>)],
        all: &[Job],
        stored: &[Stored],
        zone: &TimeZone,
        prices: &Arc<Prices>,
        last: bool,
    ) -> Vec<Told> {
        self.meters.retain(|attempt, _| all.iter().any(|job| job.attempt == *attempt));
        let mut told = Vec::new();
        for (job, found) in work {
            let transcripts: Vec<Transcript> = found.iter().flat_map(|place| self.listing.transcripts(place)).collect();
            let metered = self.meters.entry(job.attempt.clone()).or_insert_with(|| Metered {
                meter: Meter::new(job.span.from, zone.clone(), Arc::clone(prices)),
                tails: BTreeMap::new(),
                told: None,
                complained: false,
                conversations: BTreeMap::new(),
                beside: BTreeSet::new(),
                paced: None,
                database: None,
            });
            metered.choose(job, all, transcripts, zone, &mut self.listing);
            metered.read(last);
            for message in stored.iter().filter(|message| message.attempt == job.attempt) {
                if message.guessed {
                    metered.meter.is_guessed();
                }
                if let Note::Request(request) = &message.note
                    && (!message.guessed || job.is_alone(all))
                {
                    let began = request.at.unwrap_or(job.span.from);
                    metered.conversations.entry(message.session.clone()).or_insert(began);
                }
                metered.meter.take(0, message.note.clone());
            }
            told.extend(metered.pace(job).filter(|_| job.span.to.is_none()));
            let used = metered.meter.used();
            if used != metered.told {
                metered.told.clone_from(&used);
                told.extend(used.map(|used| Told::Used(job.attempt.clone(), Box::new(used))));
            } else if used.is_none()
                && !metered.complained
                && !job.session.budget.is_none()
                && clock::wall().since(job.span.from) > UNKNOWN_FOR
            {
                metered.complained = true;
                told.push(Told::Nothing(job.attempt.clone()));
            }
        }
        told
    }
}

impl Metered {
    /// How it asks its model, when that is something new: it is judged otherwise than when it was told last.
    fn pace(&mut self, job: &Job) -> Option<Told> {
        let pace = self.meter.pace(clock::wall());
        let policy = &job.session.runaway;
        let judged = match judge(&pace, policy) {
            Some(judged) => Some(judged.stop),
            // What is told of holds until it is well below of that.
            None if is_calm(&pace, policy) => None,
            None => self.paced.flatten(),
        };
        (self.paced.replace(judged) != Some(judged)).then(|| Told::Paced(job.attempt.clone(), Box::new(pace)))
    }

    /// Takes up the transcripts that are this attempt's.
    fn choose(&mut self, job: &Job, all: &[Job], found: Vec<Transcript>, zone: &TimeZone, listing: &mut Listing) {
        let others: Vec<&Job> = all.iter().filter(|other| other.shares(job)).collect();
        let claimants: Vec<Claimant<'_>> =
            others.iter().map(|other| if other.attempt == job.attempt { job } else { other }.claimant()).collect();
        let first = claimants
            .iter()
            .map(|claimant| claimant.span.from.0)
            .min()
            .unwrap_or(job.span.from.0)
            .saturating_sub(1_000);
        let mut found = found;
        found.retain(|transcript| transcript.written.0 >= first && listing.is_of(&transcript.path, &job.session.dir));
        found.sort_by(|a, b| (a.began, &a.path).cmp(&(b.began, &b.path)));
        // A helper's is theirs whose session's it lies beside.
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let names: Vec<String> = found.iter().filter(|found| !found.side).map(|found| name(&found.path)).collect();
        let traces: Vec<Trace<'_>> = found
            .iter()
            .filter(|found| !found.side)
            .zip(&names)
            .map(|(found, name)| Trace { began: found.began, written: found.written, name })
            .collect();
        let mut owners = whose(&traces, &claimants).into_iter();
        let mut by_session: BTreeMap<PathBuf, Option<(usize, bool)>> = BTreeMap::new();
        let (side, main): (Vec<Transcript>, Vec<Transcript>) = found.into_iter().partition(|found| found.side);
        for transcript in main {
            let owner = owners.next().flatten();
            self.beside.extend(transcript.path.file_name().map(|name| name.to_string_lossy().into_owned()));
            by_session.insert(transcript.path.with_extension(""), owner);
            self.take_up(job, &others, transcript, owner, zone);
        }
        for transcript in side {
            let beside = transcript.path.ancestors().find_map(|above| by_session.get(above).copied());
            let trace = Trace { began: transcript.began, written: transcript.written, name: "" };
            let alone = || whose(&[trace], &claimants).into_iter().next().flatten();
            let owner = beside.unwrap_or_else(alone);
            self.take_up(job, &others, transcript, owner, zone);
        }
    }

    fn take_up(
        &mut self,
        job: &Job,
        others: &[&Job],
        transcript: Transcript,
        owner: Option<(usize, bool)>,
        zone: &TimeZone,
    ) {
        let is_mine = |place: usize| others.get(place).is_some_and(|owner| owner.attempt == job.attempt);
        let Some((_, guessed)) = owner.filter(|(place, _)| is_mine(*place)) else { return };
        if self.tails.contains_key(&transcript.path) {
            return;
        }
        let number = u32::try_from(self.tails.len() + 1).unwrap_or(u32::MAX);
        let Some(mut tail) = Tail::new(&transcript.path, job.agent, zone, number) else { return };
        // Of a stranger's state or of a helper's nothing is to be known here.
        let alone = others.iter().all(|other| other.attempt.run.session == job.attempt.run.session);
        if !transcript.side && (!guessed || alone) {
            let fresh = transcript.began >= job.span.from;
            tail.listen(Word::new(job.span.from, fresh));
        }
        if guessed {
            self.meter.is_guessed();
        }
        if transcript.side {
            self.meter.is_side(number);
        } else if let Some(name) = transcript.path.file_name()
            && (!guessed || job.is_alone(others.iter().copied()))
        {
            self.conversations.insert(name.to_string_lossy().into_owned(), transcript.began);
        }
        self.tails.insert(transcript.path, tail);
    }

    /// Reads what was appended.
    fn read(&mut self, last: bool) {
        for tail in self.tails.values_mut() {
            for _ in 0..if last { LAST_LOOKS } else { 1 } {
                let (number, meter) = (tail.number, &mut self.meter);
                match tail.read(READ_MAX, &mut |note| meter.take(number, note)) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(e) => {
                        tracing::debug!("{} cannot be read: {e}", tail.path.display());
                        break;
                    }
                }
            }
            if last {
                let (number, meter) = (tail.number, &mut self.meter);
                tail.finish(&mut |note| meter.take(number, note));
            }
        }
    }
}
