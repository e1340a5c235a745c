//! Talks to a recorder over its socket: watch an attempt, type into it, resize it, stop it.
//!
//! Every call has a deadline and every line a bound, because a recorder can be stopped, old, or not a recorder at all.
//! What it says is a hint; the files it writes are the truth.

use crate::recording::socket::{Answer, News, Request};
use futures_util::Stream;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// How long a recorder may take to answer.
pub const DEADLINE: Duration = Duration::from_secs(5);
/// Most bytes of one `input`.
pub const INPUT_MAX: usize = 1 << 20;
/// Longest line a recorder may send.
pub const LINE_MAX: usize = 64 << 10;

/// Why a recorder could not be talked to.
#[derive(Debug, thiserror::Error)]
pub enum ShimError {
    /// Nobody listens at the socket: the recorder is gone, or not there yet.
    #[error("no recorder listens at {}", path.display())]
    Absent {
        /// The socket.
        path: PathBuf,
    },
    /// The connection failed.
    #[error("the recorder's socket {}: {source}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It took too long; what was asked may still be done.
    #[error("the recorder at {} did not answer within {} ms", path.display(), DEADLINE.as_millis())]
    Deadline {
        /// The socket.
        path: PathBuf,
    },
    /// It said no.
    #[error("the recorder refused: {why}")]
    Refused {
        /// Its reason.
        why: String,
    },
    /// What it said is not of the protocol.
    #[error("the recorder at {} said something that cannot be read: {what}", path.display())]
    Garbled {
        /// The socket.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The connection ended before the answer or the end of the attempt.
    #[error("the recorder at {} hung up", path.display())]
    HungUp {
        /// The socket.
        path: PathBuf,
    },
    /// More than [`INPUT_MAX`] bytes at once.
    #[error("{0} bytes cannot be typed at once, at most {INPUT_MAX}")]
    TooMuch(usize),
}

/// A recorder being watched.
#[derive(Debug)]
pub struct Watch {
    /// The attempt it records, by its own word.
    pub attempt: String,
    /// Its process id, by its own word.
    pub shim_pid: u32,
    /// Bytes of output when the watch began.
    pub bytes: u64,
    link: Link,
    ended: bool,
}

/// Begins to watch. Comes back when the recorder has said who it is.
pub async fn watch(socket: &Path) -> Result<Watch, ShimError> {
    begin(socket, &Request::Watch).await
}

/// Begins to watch with news of output as often as once in `every`. A recorder that does not know this is watched at
/// its own pace.
pub async fn follow(socket: &Path, every: Duration) -> Result<Watch, ShimError> {
    let every_ms = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
    match begin(socket, &Request::Follow { every_ms }).await {
        Err(ShimError::HungUp { .. }) => watch(socket).await,
        other => other,
    }
}

async fn begin(socket: &Path, request: &Request) -> Result<Watch, ShimError> {
    within(socket, async {
        let mut link = Link::open(socket).await?;
        link.send(request, &[]).await?;
        match link.news().await? {
            Some(News::Hello { attempt, shim_pid, bytes }) => {
                Ok(Watch { attempt, shim_pid, bytes, link, ended: false })
            }
            Some(News::Output { .. } | News::Event | News::Ended) => Err(link.garbled("news before its hello")),
            None => Err(ShimError::HungUp { path: socket.to_path_buf() }),
        }
    })
    .await
}

/// Types bytes into the attempt's terminal; as a paste they are cleaned and bracketed by the recorder.
pub async fn input(socket: &Path, bytes: &[u8], paste: bool) -> Result<(), ShimError> {
    if bytes.len() > INPUT_MAX {
        return Err(ShimError::TooMuch(bytes.len()));
    }
    ask(socket, &Request::Input { len: bytes.len() as u64, paste }, bytes).await
}

/// Asks for the end of the whole attempt within `grace`. Comes back at once; the end shows in the recorder's files.
pub async fn stop(socket: &Path, grace: Duration) -> Result<(), ShimError> {
    let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
    ask(socket, &Request::Stop { grace_ms }, &[]).await
}

/// Sets the terminal's size in columns and rows.
pub async fn resize(socket: &Path, cols: u16, rows: u16) -> Result<(), ShimError> {
    ask(socket, &Request::Resize { cols, rows }, &[]).await
}

impl Watch {
    /// Waits for news, without a deadline: a quiet program is no fault. `None` after the end of the attempt; a
    /// connection that ends without it is an error. Can be cancelled without losing anything. News of a kind that is
    /// not known is skipped.
    pub async fn next(&mut self) -> Result<Option<News>, ShimError> {
        if self.ended {
            return Ok(None);
        }
        match self.link.news().await? {
            Some(news) => {
                self.ended = news == News::Ended;
                Ok(Some(news))
            }
            None => Err(ShimError::HungUp { path: self.link.path.clone() }),
        }
    }

    /// The same as a stream; it ends after the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<News, ShimError>> {
        futures_util::stream::unfold(Some(self), |watch| async {
            let mut watch = watch?;
            match watch.next().await {
                Ok(Some(news)) => Some((Ok(news), Some(watch))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
    }
}

/// One request, one answer.
async fn ask(socket: &Path, request: &Request, payload: &[u8]) -> Result<(), ShimError> {
    within(socket, async {
        let mut link = Link::open(socket).await?;
        link.send(request, payload).await?;
        let line = link.line().await?.ok_or_else(|| ShimError::HungUp { path: socket.to_path_buf() })?;
        let answer: Answer = serde_json::from_slice(&line).map_err(|e| link.garbled(&e.to_string()))?;
        if answer.ok {
            Ok(())
        } else {
            let why = answer.error.unwrap_or_else(|| "it gave no reason".to_owned());
            Err(ShimError::Refused { why: why.chars().filter(|c| !c.is_control()).take(300).collect() })
        }
    })
    .await
}

async fn within<T>(socket: &Path, work: impl Future<Output = Result<T, ShimError>>) -> Result<T, ShimError> {
    let late = |_| ShimError::Deadline { path: socket.to_path_buf() };
    tokio::time::timeout(DEADLINE, work).await.map_err(late)?
}

/// A connection with the bytes that were read and not used yet.
#[derive(Debug)]
struct Link {
    path: PathBuf,
    stream: UnixStream,
    read: Vec<u8>,
}

impl Link {
    async fn open(path: &Path) -> Result<Self, ShimError> {
        match UnixStream::connect(path).await {
            Ok(stream) => Ok(Self { path: path.to_path_buf(), stream, read: Vec::new() }),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                Err(ShimError::Absent { path: path.to_path_buf() })
            }
            Err(source) => Err(ShimError::Io { path: path.to_path_buf(), source }),
        }
    }

    async fn send(&mut self, request: &Request, payload: &[u8]) -> Result<(), ShimError> {
        let mut message = serde_json::to_vec(request).map_err(|e| self.garbled(&e.to_string()))?;
        message.push(b'\n');
        message.extend_from_slice(payload);
        match self.stream.write_all(&message).await {
            Ok(()) => Ok(()),
            // It may have refused before it took everything; then its answer says why.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(source) => Err(self.io(source)),
        }
    }

    /// The next line that is news of a known kind; `None` at the end of the connection.
    async fn news(&mut self) -> Result<Option<News>, ShimError> {
        while let Some(line) = self.line().await? {
            let value: serde_json::Value = serde_json::from_slice(&line).map_err(|e| self.garbled(&e.to_string()))?;
            if let Ok(news) = serde_json::from_value(value) {
                return Ok(Some(news));
            }
        }
        Ok(None)
    }

    /// The next line without its end; `None` at the end of the connection. All state is in `self`, so a wait that is
    /// given up loses nothing.
    async fn line(&mut self) -> Result<Option<Vec<u8>>, ShimError> {
        loop {
            if let Some(end) = self.read.iter().position(|&b| b == b'\n') {
                let mut line: Vec<u8> = self.read.drain(..=end).collect();
                line.pop();
                return Ok(Some(line));
            }
            if self.read.len() > LINE_MAX {
                return Err(self.garbled("a line that is too long"));
            }
            match self.stream.read_buf(&mut self.read).await {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(source) => return Err(self.io(source)),
            }
        }
    }

    fn io(&self, source: io::Error) -> ShimError {
        ShimError::Io { path: self.path.clone(), source }
    }
    fn garbled(&self, what: &str) -> ShimError {
        ShimError::Garbled { path: self.path.clone(), what: what.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt as _;
    use tokio::net::UnixListener;

    /// A recorder that reads one request line with `payload` bytes after it, answers `say`, and keeps the connection
    /// open for as long as `hold` says.
    struct Fake {
        _dir: tempfile::TempDir,
        socket: PathBuf,
        heard: tokio::task::JoinHandle<Vec<u8>>,
    }

    impl Fake {
        fn new(payload: usize, say: Vec<Vec<u8>>, hold: bool) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let socket = dir.path().join("s");
            let listener = UnixListener::bind(&socket).unwrap();
            let heard = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut heard = Vec::new();
                let whole = |h: &[u8]| h.iter().position(|&b| b == b'\n').is_some_and(|end| h.len() > end + payload);
                while !whole(&heard) && stream.read_buf(&mut heard).await.unwrap() > 0 {}
                for piece in say {
                    if stream.write_all(&piece).await.is_err() {
                        return heard;
                    }
                    tokio::task::yield_now().await;
                }
                if hold {
                    std::future::pending::<()>().await;
                }
                heard
            });
            Self { _dir: dir, socket, heard }
        }
        fn saying(lines: &[&str]) -> Self {
            Self::new(0, lines.iter().map(|l| format!("{l}\n").into_bytes()).collect(), false)
        }
    }

    const HELLO: &str = r#"{"news":"hello","attempt":"2026-11-21/load/1.1","shim_pid":7,"bytes":3}"#;

    #[tokio::test]
    async fn a_watch_gives_news_until_the_end_and_skips_what_it_does_not_know() {
        let fake = Fake::saying(&[
            HELLO,
            r#"{"news":"output","bytes":10,"more":true}"#,
            r#"{"news":"from_the_future"}"#,
            r#"{"news":"event"}"#,
            r#"{"news":"ended"}"#,
        ]);
        let watch = watch(&fake.socket).await.unwrap();
        assert_eq!((watch.attempt.as_str(), watch.shim_pid, watch.bytes), ("2026-11-21/load/1.1", 7, 3));
        let news: Vec<_> = watch.into_stream().map(Result::unwrap).collect().await;
        assert_eq!(news, [News::Output { bytes: 10 }, News::Event, News::Ended]);
        assert_eq!(fake.heard.await.unwrap(), b"{\"cmd\":\"watch\"}\n");
    }

    #[tokio::test]
    async fn lines_may_come_in_pieces_and_a_wait_may_be_given_up() {
        let hello = format!("{HELLO}\n").into_bytes();
        let (one, two) = hello.split_at(20);
        let fake = Fake::new(0, vec![one.to_vec(), two.to_vec(), b"{\"news\":\"eve".to_vec()], true);
        let mut watch = watch(&fake.socket).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(50), watch.next()).await.is_err());
        assert_eq!(watch.link.read, b"{\"news\":\"eve");
    }

    #[tokio::test]
    async fn a_recorder_that_goes_without_a_word_is_an_error() {
        let fake = Fake::saying(&[HELLO]);
        let mut watch = watch(&fake.socket).await.unwrap();
        assert!(matches!(watch.next().await, Err(ShimError::HungUp { .. })));
    }

    #[tokio::test]
    async fn nobody_at_the_socket_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("s");
        assert!(matches!(watch(&socket).await, Err(ShimError::Absent { .. })));
        drop(UnixListener::bind(&socket).unwrap());
        assert!(matches!(stop(&socket, DEADLINE).await, Err(ShimError::Absent { .. })));
    }

    #[tokio::test]
    async fn input_sends_the_bytes_after_the_line() {
        let bytes = b"a\nb\0\xff";
        let fake = Fake::new(bytes.len(), vec![b"{\"ok\":true}\n".to_vec()], false);
        input(&fake.socket, bytes, true).await.unwrap();
        assert_eq!(fake.heard.await.unwrap(), b"{\"cmd\":\"input\",\"len\":5,\"paste\":true}\na\nb\0\xff");
    }

    #[tokio::test]
    async fn too_much_input_is_refused_before_it_is_sent() {
        let much = vec![0; INPUT_MAX + 1];
        assert!(matches!(input(Path::new("/nonexistent"), &much, false).await, Err(ShimError::TooMuch(_))));
    }

    #[tokio::test]
    async fn a_refusal_is_given_with_its_reason() {
        let fake = Fake::saying(&[r#"{"ok":false,"error":"it\u001b[31m has ended"}"#]);
        let error = resize(&fake.socket, 80, 24).await.unwrap_err();
        assert_eq!(error.to_string(), "the recorder refused: it[31m has ended");
        assert_eq!(fake.heard.await.unwrap(), b"{\"cmd\":\"resize\",\"cols\":80,\"rows\":24}\n");
    }

    #[tokio::test]
    async fn nonsense_and_endless_lines_are_errors() {
        for say in [b"not json\n".to_vec(), vec![b'x'; 10 * LINE_MAX], b"{\"news\":\"event\"}\n".to_vec()] {
            let fake = Fake::new(0, vec![say], true);
            assert!(matches!(watch(&fake.socket).await, Err(ShimError::Garbled { .. })));
        }
        let fake = Fake::saying(&["[]"]);
        assert!(matches!(stop(&fake.socket, DEADLINE).await, Err(ShimError::Garbled { .. })));
    }

    #[tokio::test]
    async fn a_recorder_that_does_not_answer_costs_the_deadline() {
        let fake = Fake::new(0, vec![], true);
        assert!(matches!(stop(&fake.socket, DEADLINE).await, Err(ShimError::Deadline { .. })));
    }
}
