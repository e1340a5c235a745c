//! The decisions of nightkeep, and nothing else: no clock, file, process, async or environment.
//!
//! [`Night::step`](night::Night::step) takes what happened and gives back the facts to journal and the effects to
//! perform. State is a fold over facts ([`state::State::apply`]), so a journal replayed gives the same state.
//!
//! Where is what decided? `attempt`: from a start to its end · `failure`: what kind of failure an end is · `retry`:
//! whether and when to try again · `success`: what makes a good end a success · `queue`: who starts next, and who waits
//! for whom · `operator`: the verbs · `evening`: opening and closing the night · `calendar`: times of day, windows and
//! cron · `schedule`: what the clock decides · `reload`: a changed file · `reconcile`: taking up the work after a restart ·
//! `why`: what holds a run up · `breaker` and `guard`: what holds starts back while something outside is down · `stall`:
//! whether a running program works · `progress`: where its numbers go · `finding`: what of this somebody should know ·
//! `alert`: what is wrong, and who is told of it · `pause`: after the machine slept · `unkillable`: what outlives `SIGKILL` ·
//! `limit`: how long a usage limit is waited for ·
//! `note`: what the operator wants a session to know · `evidence` and `collected`: what is collected for the report ·
//! `patterns`: names of files · `delivery`: the report on its way to people · `agent`: what a coding agent does ·
//! `conversation`: which of its conversations an attempt goes on with ·
//! `gave_up`: what is done about one that stays where it failed · `runaway`: about one that asks its model for nothing ·
//! `ticket`: what one asks, and who answers · `draft`: what is typed into the composer of one that rests.

pub mod agent;
mod agent_exit;
pub mod alert;
mod attempt;
pub mod breaker;
pub mod calendar;
pub mod collected;
pub mod conversation;
pub mod delivery;
pub mod draft;
pub mod effect;
mod evening;
pub mod event;
pub mod evidence;
pub mod exit;
pub mod fact;
pub mod failure;
pub mod finding;
pub mod gave_up;
pub mod guard;
pub mod ids;
mod invariants;
pub mod limit;
pub mod night;
pub mod note;
mod operator;
pub mod patterns;
pub mod pause;
pub mod plan;
pub mod progress;
mod queue;
mod reconcile;
mod reload;
pub mod retention;
pub mod retry;
mod review;
pub mod rows;
pub mod run;
pub mod runaway;
#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "tests look for one variant among many")]
mod scenarios;
pub mod schedule;
pub mod secret;
pub mod stall;
pub mod state;
pub mod success;
#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "tests look for one variant among many")]
mod testing;
pub mod ticket;
pub mod time;
pub mod told;
pub mod tool_run;
mod turn;
pub mod unkillable;
pub mod usage;
pub mod why;
