//! Git worktrees of sessions: where they are, and that they are there when one starts.
//!
//! A worktree is `worktrees/SESSION` in the state folder. It is made at the first start and stays, with what is
//! uncommitted in it, for the next attempt and the next night; nothing here ever removes one.

use super::inbox::Inbox;
use crate::adapters::git;
use crate::core::event::Event;
use crate::core::plan::{Plan, SessionPlan, Worktree};
use std::path::Path;

/// The folder of the worktrees in the state folder.
const FOLDER: &str = "worktrees";

/// Lets the sessions of a plan work in their worktrees. Waits for git.
pub fn settle(plan: &mut Plan, state: &Path) {
    for session in plan.sessions.values_mut() {
        settle_one(session, state);
    }
}

/// The same for one session. One whose directory is in no repository has none, and its folder will not be there: that is a
/// mistake in the file, which no other try mends.
pub fn settle_one(session: &mut SessionPlan, state: &Path) {
    let Some(worktree) = &mut session.worktree else { return };
    let root = state.join(FOLDER).join(session.name.as_str());
    match git::place_in_worktree(&worktree.of) {
        Ok(below) => {
            session.dir = root.join(below);
            worktree.root = Some(root);
        }
        Err(e) => {
            tracing::warn!(session = %session.name, "it gets no worktree: {e}");
            session.dir = root;
        }
    }
}

/// Makes the worktree of a session that is about to start, if it is not there.
pub async fn ensure(inbox: &Inbox, session: &SessionPlan) -> anyhow::Result<()> {
    let Some(Worktree { of, branch, root }) = &session.worktree else { return Ok(()) };
    let Some(root) = root else {
        let what = format!("it is to have a worktree, but {} is in no git repository", of.display());
        let _ = inbox.tell(Event::Trouble { part: format!("worktree {}", session.name), what }).await;
        return Ok(());
    };
    if let Some(folder) = root.parent() {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    git::ensure_worktree(of, root, branch).await.map_err(|e| anyhow::anyhow!("its worktree cannot be made: {e}"))
}
