//! Recorded output over the daemon's API: spans, what is known about them, and following.

use super::sse::SseParser;
use super::{ASK_DEADLINE, Client, ClientError, STREAM_SILENCE, chain, url};
use crate::protocol::output::{BYTES_HEADER, FROM_HEADER, OutputAbout, OutputNews};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::collections::VecDeque;

/// How long unpacking up to a span of a large compressed log may take.
const SPAN_DEADLINE: std::time::Duration = std::time::Duration::from_secs(60);

/// Which attempt of a session: of the last one with output nothing needs to be said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WhichAttempt {
    /// The run, `2026-11-21/load/1`.
    pub run: Option<String>,
    /// The attempt's number.
    pub number: Option<u32>,
}

/// A span of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The offset of its first byte: that asked for, or the first one that is kept.
    pub from: u64,
    /// Bytes of the whole log by then.
    pub total: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What a follower is told, with the bytes as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    /// Output from an offset on.
    Bytes {
        /// The offset.
        at: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Anything else.
    Other(OutputNews),
}

impl WhichAttempt {
    /// From an attempt's id, `2026-11-21/load/1.2`; the last one for anything else.
    pub fn of(attempt: &str) -> Self {
        let parts = attempt.rsplit_once('.').and_then(|(run, number)| Some((run, number.parse().ok()?)));
        parts.map_or_else(Self::default, |(run, number)| Self { run: Some(run.to_owned()), number: Some(number) })
    }
    fn query(&self) -> String {
        let run = self.run.as_ref().map(|run| format!("&run={run}")).unwrap_or_default();
        let number = self.number.map(|number| format!("&attempt={number}")).unwrap_or_default();
        run + &number
    }
}

impl Client {
    /// A span of an attempt's output. The name must be a checked one.
    pub async fn output(&self, session: &str, which: &WhichAttempt, from: u64, max: u64) -> Result<Span, ClientError> {
        let path = format!("/v1/sessions/{session}/output?from={from}&max={max}{}", which.query());
        self.within(SPAN_DEADLINE, async {
            let answer = self.http.get(url(&path)).send().await.map_err(|e| self.failed(&e))?;
            self.note_version(&answer);
            if !answer.status().is_success() {
                return Err(self.refusal(answer).await);
            }
            let number = |name: &str| answer.headers().get(name)?.to_str().ok()?.parse().ok();
            let (Some(from), Some(total)) = (number(FROM_HEADER), number(BYTES_HEADER)) else {
                return Err(self.unreadable("it does not say where the output begins".to_owned()));
            };
            Ok(Span { from, total, bytes: self.body(answer).await? })
        })
        .await?
    }
    /// What is recorded about an attempt's output, with up to `points` points of time between two offsets. The name must
    /// be a checked one.
    pub async fn output_about(
        &self,
        session: &str,
        which: &WhichAttempt,
        span: Option<(u64, u64)>,
        points: u64,
    ) -> Result<OutputAbout, ClientError> {
        let span = span.map(|(from, to)| format!("&from={from}&to={to}")).unwrap_or_default();
        self.get(&format!("/v1/sessions/{session}/output/about?points={points}{span}{}", which.query())).await
    }
    /// Follows an attempt's output from `tail` bytes before its end. The name must be a checked one.
    pub async fn follow_output(
        &self,
        session: &str,
        which: &WhichAttempt,
        tail: u64,
    ) -> Result<OutputStream, ClientError> {
        let path = format!("/v1/sessions/{session}/output/follow?tail={tail}{}", which.query());
        let answer = self.within(ASK_DEADLINE, self.http.get(url(&path)).send()).await?.map_err(|e| self.failed(&e))?;
        self.note_version(&answer);
        if !answer.status().is_success() {
            return Err(self.refusal(answer).await);
        }
        Ok(OutputStream { answer, parser: SseParser::default(), ready: VecDeque::new() })
    }
}

/// An output as it grows.
#[derive(Debug)]
pub struct OutputStream {
    answer: reqwest::Response,
    parser: SseParser,
    ready: VecDeque<Followed>,
}

impl OutputStream {
    /// Waits for what comes next. `None` when the daemon closed the stream. News that this program does not know is
    /// passed over.
    pub async fn next(&mut self) -> Result<Option<Followed>, ClientError> {
        loop {
            if let Some(news) = self.ready.pop_front() {
                return Ok(Some(news));
            }
            let chunk = tokio::time::timeout(STREAM_SILENCE, self.answer.chunk())
                .await
                .map_err(|_| ClientError::Timeout { after: STREAM_SILENCE })?
                .map_err(|e| ClientError::Broken { problem: chain(&e) })?;
            let Some(chunk) = chunk else { return Ok(None) };
            let events = self.parser.push(&chunk).map_err(|e| ClientError::BadAnswer { problem: e.to_string() })?;
            for event in events {
                match serde_json::from_str(&event.data) {
                    Ok(OutputNews::Bytes { at, data }) => {
                        let bytes = BASE64.decode(data).map_err(|e| ClientError::BadAnswer {
                            problem: format!("output that is no base64: {e}"),
                        })?;
                        self.ready.push_back(Followed::Bytes { at, bytes });
                    }
                    Ok(other) => self.ready.push_back(Followed::Other(other)),
                    Err(_) => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_asked_for_by_its_id() {
        let which = WhichAttempt::of("2026-11-21/load.x/1.2");
        assert_eq!(which.query(), "&run=2026-11-21/load.x/1&attempt=2");
        assert_eq!(WhichAttempt::of("").query(), "");
    }
}
