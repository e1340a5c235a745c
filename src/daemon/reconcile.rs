//! Holds the journal against the world: recorders' files, tmux sessions, processes. Run at the start, after tmux came
//! back, and every 30 seconds; it repairs what a lost event left behind, and finds nothing to do otherwise.

use super::collect;
use super::perform::Rim;
use crate::core::event::Event;
use crate::core::ids::AttemptId;
use crate::core::plan::{OutputRule, SessionPlan};
use crate::recording::attempt::{AttemptFiles, AttemptState};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the core believes to be alive.
struct Believed {
    attempts: Vec<(AttemptId, SessionPlan)>,
    rules: Vec<OutputRule>,
    tmux_pid: Option<u32>,
}

/// One pass.
pub async fn pass(rim: &Arc<Rim>) {
    let began = tokio::time::Instant::now();
    let Ok(believed) = rim.inbox().look(|state, _| believed(state)).await else { return };
    let mut alive = BTreeSet::new();
    for (attempt, session) in &believed.attempts {
        // The watcher looks at the files first: an end that nobody saw is told by it.
        rim.watchers().ensure(rim, attempt, session, &believed.rules);
        let files = AttemptFiles::new(rim.instance().run_dir(attempt), rim.instance().output_log(attempt));
        if matches!(files.state(), Ok(AttemptState::Running { .. })) {
            alive.insert(attempt.clone());
        }
    }
    if believed.tmux_pid.is_some() {
        rim.settle_tmux().await;
    }
    tidy_panes(rim, &believed).await;
    let _ = rim.inbox().tell(Event::Reconciled { alive }).await;
    collect::begin(rim).await;
    let took = began.elapsed();
    rim.reconciled(took, believed.attempts.len());
}

fn believed(state: &crate::core::state::State) -> Believed {
    let attempts = state
        .runs
        .values()
        .filter_map(|run| Some((run.state.live_attempt()?.clone(), (**run.session.as_ref()?).clone())))
        .collect();
    Believed { attempts, rules: state.plan.rules.clone(), tmux_pid: state.tmux_pid }
}

/// Panes whose recorder has ended but which tmux has not reaped: tmux 3.3a can lose the child's signal; sending it again
/// cures that. Panes of attempts that nobody knows are reported, not touched.
async fn tidy_panes(rim: &Arc<Rim>, believed: &Believed) {
    let Some(panes) = rim.panes().await else { return };
    let known: BTreeSet<String> = believed.attempts.iter().map(|(attempt, _)| attempt.to_string()).collect();
    let mut unreaped = false;
    for pane in panes {
        let run = pane.nk_run;
        if run.is_empty() || known.contains(&run) {
            continue;
        }
        let ended = run.parse::<AttemptId>().is_ok_and(|attempt| {
            let files = AttemptFiles::new(rim.instance().run_dir(&attempt), rim.instance().output_log(&attempt));
            matches!(
                files.state(),
                Ok(AttemptState::Ended { .. } | AttemptState::ExecFailed { .. } | AttemptState::Unfinished { .. })
            )
        });
        if ended {
            unreaped = true;
        } else {
            tracing::warn!(session = pane.session, run, "a tmux session holds an attempt that is not expected to run");
        }
    }
    if unreaped {
        rim.reap_panes().await;
    }
}
