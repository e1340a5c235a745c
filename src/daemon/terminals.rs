//! Our tmux server: the connection to it, whether it lives, what is in it.

use super::perform::Rim;
use super::reconcile;
use crate::adapters::tmux::{Connected, Events, Pane, Tmux, TmuxEvent};
use crate::core::event::Event;
use crate::os::process;
use std::pin::Pin;
use std::sync::Arc;

impl Rim {
    /// The connection to tmux; made, and the server started, when there is none.
    pub(super) async fn tmux(self: &Arc<Self>) -> anyhow::Result<Tmux> {
        let mut held = self.tmux.lock().await;
        if let Some(tmux) = held.as_ref() {
            return Ok(tmux.clone());
        }
        let Connected { tmux, events, started: _ } = Tmux::connect(&self.places).await?;
        *held = Some(tmux.clone());
        drop(held);
        let _ = self.inbox.tell(Event::TmuxStarted { pid: tmux.server().pid }).await;
        tokio::spawn(Arc::clone(self).follow_tmux(events, tmux.server().clone()));
        Ok(tmux)
    }

    /// Waits until a connection to tmux ends, then finds out what that means. Boxed: a reconcile pass may connect again.
    fn follow_tmux(
        self: Arc<Self>,
        mut events: Events,
        server: process::ProcessIdentity,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let why = loop {
                match events.next().await {
                    TmuxEvent::Changed => {}
                    TmuxEvent::Closed { why, .. } => break why,
                }
            };
            tracing::warn!("the connection to tmux ended: {why}");
            let mut held = self.tmux.lock().await;
            if held.as_ref().is_some_and(|tmux| *tmux.server() == server) {
                held.take();
            }
            drop(held);
            self.settle_tmux().await;
            reconcile::pass(&self).await;
        })
    }

    /// Makes sure that the core knows whether the tmux server lives.
    pub async fn settle_tmux(&self) {
        let known = self.inbox.look(|state, _| state.tmux_pid).await.ok().flatten();
        let Some(pid) = known else { return };
        if process::start_time(pid).is_none() {
            self.tmux.lock().await.take();
            let why = format!("its server (pid {pid}) is gone");
            let _ = self.inbox.ask(Event::TmuxLost { why }).await;
        } else if let Some(tmux) = self.tmux.lock().await.as_ref()
            && matches!(self.instance.tmux_socket().try_exists(), Ok(false))
        {
            tracing::warn!(pid, "the tmux server's socket is gone, asking it to make it again");
            tmux.make_socket();
        }
    }

    /// Ends our tmux server once the night is over, unless somebody has a session of their own in it.
    pub async fn end_tmux(self: &Arc<Self>) {
        let night_is_open = self.inbox.look(|state, _| state.open_night().is_some()).await.unwrap_or(true);
        if !night_is_open
            && self.panes().await.is_some_and(|panes| panes.is_empty())
            && let Ok(tmux) = self.tmux().await
            && tmux.end_if_empty().await
        {
            let _ = self.inbox.ask(Event::TmuxLost { why: "the night is over and it was empty".to_owned() }).await;
        }
    }

    /// All panes of our server; `None` when there is none or it cannot be asked. No server is started just to look.
    pub async fn panes(self: &Arc<Self>) -> Option<Vec<Pane>> {
        let known = self.inbox.look(|state, _| state.tmux_pid).await.ok().flatten()?;
        process::start_time(known)?;
        let tmux = match self.tmux().await {
            Ok(tmux) => tmux,
            Err(e) => {
                tracing::warn!("tmux cannot be reached: {e:#}");
                return None;
            }
        };
        match tmux.list().await {
            Ok(panes) => Some(panes),
            Err(e) => {
                tracing::warn!("tmux does not answer: {e}");
                None
            }
        }
    }

    /// Has tmux look again at children whose end it missed.
    pub async fn reap_panes(&self) {
        if let Some(tmux) = self.tmux.lock().await.as_ref() {
            tmux.reap();
        }
    }
}
