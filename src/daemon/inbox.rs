//! The way into the loop: events to be stepped, and looks at the state that change nothing.

use crate::core::event::Event;
use crate::core::fact::Entry;
use crate::core::state::State;
use tokio::sync::{mpsc, oneshot};

/// An event on its way to the core.
pub struct Message {
    /// What happened.
    pub event: Event,
    /// Told the journaled facts, once they are durable.
    pub reply: Option<oneshot::Sender<Vec<Entry>>>,
}

/// Something that reads the state between two steps; gets the state and the journal's last sequence number.
pub type Look = Box<dyn FnOnce(&State, i64) + Send>;

/// The senders' side. Cheap to clone.
#[derive(Clone)]
pub struct Inbox {
    messages: mpsc::Sender<Message>,
    looks: mpsc::Sender<Look>,
}

/// The loop is gone: the daemon is ending.
#[derive(Debug, thiserror::Error)]
#[error("the daemon is ending")]
pub struct Closed;

impl Inbox {
    /// The inbox and the loop's ends of it. Bounded: a flood of news waits in its senders, never in memory.
    pub fn new() -> (Self, mpsc::Receiver<Message>, mpsc::Receiver<Look>) {
        let (messages, inbox) = mpsc::channel(1024);
        let (looks, looking) = mpsc::channel(64);
        (Self { messages, looks }, inbox, looking)
    }
    /// Hands an event in, without waiting for what comes of it.
    pub async fn tell(&self, event: Event) -> Result<(), Closed> {
        self.messages.send(Message { event, reply: None }).await.map_err(|_| Closed)
    }
    /// Hands an event in and waits until its facts are in the journal.
    pub async fn ask(&self, event: Event) -> Result<Vec<Entry>, Closed> {
        let (reply, answer) = oneshot::channel();
        self.messages.send(Message { event, reply: Some(reply) }).await.map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)
    }
    /// Reads something from the state.
    pub async fn look<T: Send + 'static>(
        &self,
        read: impl FnOnce(&State, i64) -> T + Send + 'static,
    ) -> Result<T, Closed> {
        let (reply, answer) = oneshot::channel();
        let look: Look = Box::new(move |state, seq| {
            // A reader that went away wants no answer.
            let _ = reply.send(read(state, seq));
        });
        self.looks.send(look).await.map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)
    }
}
