//! Whole nights with the real binary, real tmux and real processes, each in a home of its own.
#![expect(clippy::disallowed_methods, reason = "a test starts programs and measures time")]
#![expect(
    clippy::print_stdout,
    reason = "what a long test counted, or why it could not run here, is for people to read"
)]

#[path = "e2e/agent.rs"]
mod agent;
#[path = "e2e/house.rs"]
mod house;
#[path = "channels/mail_server.rs"]
mod mail_server;

#[path = "e2e/agents.rs"]
mod agents;
#[path = "e2e/alerts.rs"]
mod alerts;
#[path = "e2e/api.rs"]
mod api;
#[path = "e2e/budgets.rs"]
mod budgets;
#[path = "e2e/channel_secrets.rs"]
mod channel_secrets;
#[path = "e2e/collect.rs"]
mod collect;
#[path = "e2e/daemon_killed.rs"]
mod daemon_killed;
#[path = "e2e/delivery.rs"]
mod delivery;
#[path = "e2e/details.rs"]
mod details;
#[path = "e2e/exactness.rs"]
mod exactness;
#[path = "e2e/file_gone.rs"]
mod file_gone;
#[path = "e2e/first_night.rs"]
mod first_night;
#[path = "e2e/full_disk.rs"]
mod full_disk;
#[path = "e2e/gave_up.rs"]
mod gave_up;
#[path = "e2e/limits.rs"]
mod limits;
#[path = "e2e/look.rs"]
mod look;
#[path = "e2e/new_journal.rs"]
mod new_journal;
#[path = "e2e/notes.rs"]
mod notes;
#[path = "e2e/operator.rs"]
mod operator;
#[path = "e2e/outage.rs"]
mod outage;
#[path = "e2e/output.rs"]
mod output;
#[path = "e2e/own_report.rs"]
mod own_report;
#[path = "e2e/own_rules.rs"]
mod own_rules;
#[path = "e2e/ping.rs"]
mod ping;
#[path = "e2e/planted.rs"]
mod planted;
#[path = "e2e/prompts.rs"]
mod prompts;
#[path = "e2e/reach.rs"]
mod reach;
#[path = "e2e/recorder_killed.rs"]
mod recorder_killed;
#[path = "e2e/reload.rs"]
mod reload;
#[path = "e2e/runaways.rs"]
mod runaways;
#[path = "e2e/stalls.rs"]
mod stalls;
#[path = "e2e/streams.rs"]
mod streams;
#[path = "e2e/tell.rs"]
mod tell;
#[path = "e2e/tmux_killed.rs"]
mod tmux_killed;
