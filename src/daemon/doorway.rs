//! The API's socket: makes it, makes it again when it vanished, and lets in so many at once and nobody who says nothing.

use crate::instance::Instance;
use rustix::fs::{FileType, lstat};
use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::unix::{SocketAddr, UCred};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Interval, MissedTickBehavior, Sleep, interval, sleep};

/// Most connections at once; whoever comes then waits until one goes.
const CONNECTIONS_MAX: usize = 64;
/// How long a client may take until its request's head is complete.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// How often the socket's path is looked at: a tidied runtime folder must not cut the daemon off for long.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long to rest when a connection cannot be taken, because files ran out or the like.
const REST: Duration = Duration::from_millis(500);

/// The socket and whoever waits at it.
pub struct Doorway {
    instance: Instance,
    listener: UnixListener,
    /// Device and inode: another socket at the path is not ours.
    identity: Option<(u64, u64)>,
    room: Arc<Semaphore>,
    looks: Interval,
    closed: Arc<AtomicBool>,
}

impl Doorway {
    /// Makes the socket. We hold the daemon's lock, so one that is there is a dead daemon's. `closed` says that the
    /// daemon ends and the path stays empty.
    pub fn open(instance: &Instance, closed: Arc<AtomicBool>) -> io::Result<Self> {
        let listener = bind(instance)?;
        let identity = identity(&instance.api_socket());
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        Ok(Self { instance: instance.clone(), listener, identity, room, looks, closed })
    }

    /// Makes the socket again when it is no longer at its path.
    fn mend(&mut self) {
        let here = identity(&self.instance.api_socket());
        if (here.is_some() && here == self.identity) || self.closed.load(Ordering::Acquire) {
            return;
        }
        let made = self.instance.prepare().map_err(io::Error::other).and_then(|()| bind(&self.instance));
        match made {
            Ok(listener) => {
                tracing::warn!("the socket was gone and is made again");
                self.listener = listener;
                self.identity = identity(&self.instance.api_socket());
            }
            Err(e) => tracing::error!("the socket is gone and cannot be made again: {e}"),
        }
    }
}

impl axum::serve::Listener for Doorway {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        loop {
            let room = Arc::clone(&self.room);
            let next = async {
                // The semaphore is never closed.
                let permit = room.acquire_owned().await.ok();
                (self.listener.accept().await, permit)
            };
            tokio::select! {
                (accepted, permit) = next => match accepted {
                    Ok((stream, address)) => return (Guest::new(stream, permit), address),
                    Err(e) => {
                        tracing::warn!("a connection cannot be taken: {e}");
                        sleep(REST).await;
                    }
                },
                _ = self.looks.tick() => self.mend(),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

fn bind(instance: &Instance) -> io::Result<UnixListener> {
    let path = instance.api_socket();
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&path)?;
    // The folder is private already; this is the second wall.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn identity(path: &PathBuf) -> Option<(u64, u64)> {
    let stat = lstat(path).ok()?;
    (FileType::from_raw_mode(stat.st_mode) == FileType::Socket).then_some((stat.st_dev, stat.st_ino))
}

/// One connection. It serves one request, whose head must be there in time.
pub struct Guest {
    stream: UnixStream,
    head: Option<Head>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// The request's head as long as it is not complete.
struct Head {
    deadline: Pin<Box<Sleep>>,
    /// How many bytes of the empty line that ends it were the last ones.
    matched: usize,
}

/// What ends a request's head.
const HEAD_END: &[u8] = b"\r\n\r\n";

impl Guest {
    fn new(stream: UnixStream, permit: Option<OwnedSemaphorePermit>) -> Self {
        let head = Head { deadline: Box::pin(sleep(HEAD_WITHIN)), matched: 0 };
        Self { stream, head: Some(head), _permit: permit }
    }
    /// Who it is.
    pub fn credentials(&self) -> io::Result<UCred> {
        self.stream.peer_cred()
    }
}

impl Head {
    /// Takes bytes; true when the head is complete.
    fn feed(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            // Of this pattern only its first byte can begin it anew.
            self.matched = match HEAD_END.get(self.matched) {
                Some(wanted) if wanted == byte => self.matched + 1,
                Some(_) | None => usize::from(*byte == b'\r'),
            };
            if self.matched == HEAD_END.len() {
                return true;
            }
        }
        false
    }
}

impl AsyncRead for Guest {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let guest = &mut *self;
        let before = buf.filled().len();
        let read = Pin::new(&mut guest.stream).poll_read(cx, buf);
        if let Some(head) = &mut guest.head {
            if head.feed(buf.filled().get(before..).unwrap_or_default()) {
                guest.head = None;
            } else if head.deadline.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        read
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_a_head_is_found_however_it_is_cut() {
        for (parts, complete) in [
            (vec!["GET / HTTP/1.1\r\nhost: x\r\n\r\n"], true),
            (vec!["GET / HTTP/1.1\r", "\n\r", "\n"], true),
            (vec!["x\r\r\n\r", "\nbody"], true),
            (vec!["GET / HTTP/1.1\r\n", "host: x\r\n"], false),
            (vec!["\n\n\n\n"], false),
        ] {
            let mut head = Head { deadline: Box::pin(sleep(HEAD_WITHIN)), matched: 0 };
            assert_eq!(parts.iter().any(|part| head.feed(part.as_bytes())), complete, "{parts:?}");
        }
    }
}
