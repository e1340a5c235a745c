//! Whether this command runs inside a session: a program must not let files run that a person never saw.
//!
//! A hurdle, not a wall: a program of the same user can clean its environment and cut its ancestry.

use super::failure::{Exit, Failure};
use crate::os::ancestry;
use crate::os::leftovers::ATTEMPT_VARIABLE;

/// Refuses inside a session.
pub fn refuse(what: &str) -> Result<(), Failure> {
    let below_a_recorder = || ancestry::lineage(std::process::id()).any(|pid| ancestry::recorder(pid).is_some());
    if std::env::var_os(ATTEMPT_VARIABLE).is_some() || below_a_recorder() {
        return Err(Failure::new(Exit::Refused, format!("a session cannot {what}"))
            .hint("run this from a terminal outside the sessions"));
    }
    Ok(())
}
