//! A session's output over the API: any span of its log, what is known about it, and what comes, as it comes.
//!
//! A follower costs what it takes: bytes are read from the log when it asks for more, nothing is queued for it. That
//! there is more is the recorder's news, over a connection of the follower's own. Whoever falls far behind skips.

use super::api::{Api, Asked, Named, Refused, known_session};
use crate::adapters::shim_client::{self, Watch};
use crate::core::ids::{AttemptId, RunId, SessionName};
use crate::protocol::SCHEMA;
use crate::protocol::output::{
    ATTEMPT_HEADER, BYTES_HEADER, FROM_HEADER, OutputAbout, OutputGap, OutputNews, OutputSize, OutputTime, POINTS_MAX,
    SPAN_MAX,
};
use crate::recording::attempt::AttemptFiles;
use crate::recording::output::{About, HowItEnded, OutputReader, attempts_in, times};
use crate::recording::packed::log_bytes;
use crate::recording::socket::News;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::Stream;
use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often a follower is told of output, at most.
const NEWS_EVERY: Duration = Duration::from_millis(50);
/// Bytes of one piece that a follower gets.
const PIECE: usize = 48 << 10;
/// A follower that is further behind than this skips.
const BEHIND_MAX: u64 = 4 << 20;
/// Where it then goes on, before the end.
const TAIL: u64 = 256 << 10;
/// How long to rest when a recorder that lives cannot be watched.
const REST: Duration = Duration::from_secs(1);

/// Which attempt, and which part of its output.
#[derive(serde::Deserialize)]
pub struct Wanted {
    /// The run, `2026-11-21/load/1`; the last one with output otherwise.
    run: Option<String>,
    /// The attempt's number; the last one with output otherwise.
    attempt: Option<u32>,
    /// The first byte.
    from: Option<u64>,
    /// Most bytes.
    max: Option<u64>,
    /// The byte behind the last one, for points of time.
    to: Option<u64>,
    /// Most points of time.
    points: Option<u64>,
    /// Begin so many bytes before the end.
    tail: Option<u64>,
}

/// The log that was read last, still open: whoever reads a compressed one forwards would unpack it anew each time.
#[derive(Default)]
pub struct LastRead(Mutex<Option<OutputReader>>);

impl LastRead {
    fn read(&self, files: &AttemptFiles, from: u64, max: usize) -> io::Result<Vec<u8>> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let same = last.filter(|last| last.files() == files);
        let mut reader = same.unwrap_or_else(|| OutputReader::new(files.clone()));
        let result = reader.read(from, max);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reader);
        result
    }
}

/// The files of the attempt that is asked for.
struct Found {
    files: AttemptFiles,
    attempt: AttemptId,
    all: Vec<AttemptId>,
    socket: PathBuf,
}

async fn found(api: &Api, name: &str, wanted: &Wanted) -> Result<Found, Refused> {
    let session = known_session(&api.inbox, name).await?;
    let instance = api.rim.instance().clone();
    let run = wanted.run.as_deref().map(|run| read_run(run, &session)).transpose()?;
    let (number, folder) = (wanted.attempt, instance.output_dir(&session));
    let all = blocking(move || Ok(attempts_in(&folder, &session))).await?;
    let fits = |attempt: &&AttemptId| run.as_ref().is_none_or(|run| attempt.run == *run);
    let last_run = all.iter().rfind(fits).map(|attempt| attempt.run.clone());
    let mut of_run = all.iter().filter(|attempt| Some(&attempt.run) == last_run.as_ref());
    let attempt = of_run.rfind(|attempt| number.is_none_or(|number| attempt.number == number)).cloned();
    let Some(attempt) = attempt else {
        let error = if all.is_empty() {
            format!("{name} has no output yet")
        } else {
            format!("there is no output of that attempt of {name}")
        };
        return Err(Refused::new(StatusCode::NOT_FOUND, 4, error, &["without `attempt` and `run` it is the last one"]));
    };
    let files = AttemptFiles::new(instance.run_dir(&attempt), instance.output_log(&attempt));
    Ok(Found { files, socket: instance.shim_socket(&attempt), attempt, all })
}

fn read_run(text: &str, session: &SessionName) -> Result<RunId, Refused> {
    match text.parse::<RunId>() {
        Ok(run) if run.session == *session => Ok(run),
        Ok(_) | Err(_) => {
            Err(Refused::bad_request("`run` is not a run of that session; one looks like 2026-11-21/load/1"))
        }
    }
}

/// Reads files off the runtime's threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Refused> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(e)) if e.kind() == io::ErrorKind::NotFound => {
            Err(Refused::new(StatusCode::NOT_FOUND, 4, "that output is no longer there", &[]))
        }
        Ok(Err(e)) => {
            Err(Refused::new(StatusCode::INTERNAL_SERVER_ERROR, 1, format!("the output cannot be read: {e}"), &[]))
        }
        Err(_) => Err(Refused::new(StatusCode::INTERNAL_SERVER_ERROR, 1, "the output cannot be read", &[])),
    }
}

/// A span of the log as it was written. Where the beginning was dropped the span begins with what is kept.
pub async fn bytes(
    State(api): State<Api>,
    Named(name): Named,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Refused> {
    let Found { files, attempt, .. } = found(&api, &name, &wanted).await?;
    let rim = Arc::clone(&api.rim);
    let (from, total, bytes) = blocking(move || {
        let about = About::read(&files)?;
        let from = wanted.from.unwrap_or(0).max(about.kept.from);
        let max = wanted.max.unwrap_or(SPAN_MAX).min(SPAN_MAX);
        let bytes = rim.last_read().read(&files, from, usize::try_from(max).unwrap_or(usize::MAX))?;
        Ok((from, about.bytes, bytes))
    })
    .await?;
    let headers = [
        ("content-type", "application/octet-stream".to_owned()),
        (ATTEMPT_HEADER, attempt.to_string()),
        (FROM_HEADER, from.to_string()),
        (BYTES_HEADER, total.to_string()),
    ];
    Ok((headers, bytes).into_response())
}

/// What is recorded about the output, with points of time.
pub async fn about(
    State(api): State<Api>,
    Named(name): Named,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<OutputAbout>, Refused> {
    let found = found(&api, &name, &wanted).await?;
    let about = blocking(move || {
        let about = About::read(&found.files)?;
        let from = wanted.from.unwrap_or(0).max(about.kept.from);
        let to = wanted.to.unwrap_or(about.bytes);
        let most = usize::try_from(wanted.points.unwrap_or(512).min(POINTS_MAX)).unwrap_or(0);
        let frames = times(found.files.log(), from, to, most)?;
        let times = frames.iter().map(|frame| OutputTime { ms: ms(frame.t), at: frame.offset }).collect();
        Ok(OutputAbout { times, ..shown(&about, &found.attempt, &found.all) })
    });
    Ok(Json(about.await?))
}

fn ms(nanos: u64) -> i64 {
    i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX)
}

fn exit_in_words(exit: Option<HowItEnded>) -> Option<String> {
    exit.map(|exit| match exit {
        HowItEnded::Code(code) => code.to_string(),
        HowItEnded::Signal(signal) => format!("signal {signal}"),
    })
}

/// What the files tell, in the words of the API, without points of time.
pub fn shown(about: &About, attempt: &AttemptId, all: &[AttemptId]) -> OutputAbout {
    let gaps = about.gaps().iter();
    OutputAbout {
        schema: SCHEMA,
        attempt: attempt.to_string(),
        attempts: all.iter().map(AttemptId::to_string).collect(),
        bytes: about.bytes,
        kept_from: about.kept.from,
        gaps: gaps.map(|gap| OutputGap { at: gap.at, bytes: gap.bytes, why: gap.why.clone() }).collect(),
        sizes: about.sizes.iter().map(|s| OutputSize { at: s.at, cols: s.cols, rows: s.rows }).collect(),
        began_ms: about.began.map(ms),
        ended_ms: about.ended.map(ms),
        exit: exit_in_words(about.exit),
        lives: about.lives,
        times: Vec::new(),
    }
}

/// The output from a place on, and what comes, until the attempt ends.
pub async fn follow(
    State(api): State<Api>,
    Named(name): Named,
    Asked(wanted): Asked<Wanted>,
) -> Result<Sse<impl Stream<Item = Result<SseEvent, Infallible>>>, Refused> {
    let found = found(&api, &name, &wanted).await?;
    let files = found.files.clone();
    let about = blocking(move || About::read(&files)).await?;
    let from = match (wanted.from, wanted.tail) {
        (Some(from), _) => from,
        (None, Some(tail)) => about.bytes.saturating_sub(tail),
        (None, None) => 0,
    };
    let follower = Follower {
        at: from.max(about.kept.from),
        promised: about.bytes,
        first: Some(shown(&about, &found.attempt, &found.all)),
        pending: about.sizes.len(),
        about,
        reader: Some(OutputReader::new(found.files)),
        socket: found.socket,
        watch: None,
        last: false,
        over: false,
    };
    let stream = futures_util::stream::unfold(follower, |mut follower| async move {
        let news = follower.next().await?;
        Some((Ok(SseEvent::default().json_data(&news).unwrap_or_default()), follower))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// Somebody who follows, and how far they are.
struct Follower {
    at: u64,
    first: Option<OutputAbout>,
    /// What was known at the last look.
    about: About,
    /// Bytes of the log when it began: up to here nothing is skipped.
    promised: u64,
    /// How many sizes have been told; those that were known when it began are in the first news.
    pending: usize,
    /// Lent to the thread that reads.
    reader: Option<OutputReader>,
    socket: PathBuf,
    watch: Option<Watch>,
    /// The end is recorded; what is there now is all.
    last: bool,
    over: bool,
}

impl Follower {
    /// The next thing to tell; waits until there is one. `None` after the end, and when the files cannot be read.
    async fn next(&mut self) -> Option<OutputNews> {
        if let Some(about) = self.first.take() {
            return Some(OutputNews::About { about: Box::new(about) });
        }
        while !self.over {
            if let Some(size) = self.about.sizes.get(self.pending).filter(|size| size.at <= self.at).copied() {
                self.pending += 1;
                return Some(OutputNews::Size { size: OutputSize { at: size.at, cols: size.cols, rows: size.rows } });
            }
            if let Some(to) = self.skip() {
                return Some(OutputNews::Skipped { to });
            }
            let (at, bytes) = self.read().await?;
            if !bytes.is_empty() {
                return Some(OutputNews::Bytes { at, data: BASE64.encode(bytes) });
            }
            if self.last {
                self.over = true;
                return Some(OutputNews::Ended { exit: exit_in_words(self.about.exit) });
            }
            self.wait().await?;
        }
        None
    }
    /// Whether it is too far behind, or what it would read was dropped: where it goes on.
    fn skip(&mut self) -> Option<u64> {
        let behind = self.about.bytes.saturating_sub(self.at) > BEHIND_MAX && self.at >= self.promised;
        let to = if behind { self.about.bytes - TAIL } else { self.at }.max(self.about.kept.from);
        (to > self.at).then(|| {
            self.at = to;
            to
        })
    }
    /// Reads a piece, not beyond the next change of size.
    async fn read(&mut self) -> Option<(u64, Vec<u8>)> {
        let mut reader = self.reader.take()?;
        let (at, next) = (self.at, self.about.sizes.get(self.pending).map(|size| size.at));
        let max = next.map_or(PIECE, |next| usize::try_from(next - at).unwrap_or(PIECE).min(PIECE));
        let (reader, bytes, total) = tokio::task::spawn_blocking(move || {
            let bytes = reader.read(at, max);
            let total = log_bytes(reader.files().log()).unwrap_or(0);
            (reader, bytes, total)
        })
        .await
        .ok()?;
        self.reader = Some(reader);
        self.about.bytes = self.about.bytes.max(total);
        let bytes = bytes.inspect_err(|e| tracing::debug!("a followed output cannot be read on: {e}")).ok()?;
        self.at += bytes.len() as u64;
        Some((at, bytes))
    }
    /// Waits until the recorder says that there is more, and looks at its files.
    async fn wait(&mut self) -> Option<()> {
        if self.watch.is_none() {
            self.watch = shim_client::follow(&self.socket, NEWS_EVERY).await.ok();
            // What came before the watch began is no news: look first.
            let told = self.watch.as_ref().map(|watch| watch.bytes);
            self.look().await?;
            if self.watch.is_none() && !self.last {
                // A recorder that lives and cannot be watched: too many look on, or it only just begins or ends.
                tokio::time::sleep(REST).await;
            }
            if told.is_none_or(|bytes| bytes > self.at) || self.last {
                return Some(());
            }
        }
        let Some(watch) = &mut self.watch else { return Some(()) };
        match watch.next().await {
            Ok(Some(News::Output { .. })) => Some(()),
            Ok(Some(News::Hello { .. } | News::Event)) => self.look().await,
            Ok(Some(News::Ended) | None) | Err(_) => {
                self.watch = None;
                self.look().await
            }
        }
    }
    async fn look(&mut self) -> Option<()> {
        let files = self.reader.as_ref()?.files().clone();
        let about = tokio::task::spawn_blocking(move || About::read(&files)).await.ok()?;
        self.about = about.inspect_err(|e| tracing::debug!("a followed output cannot be looked at: {e}")).ok()?;
        self.last = !self.about.lives;
        Some(())
    }
}
