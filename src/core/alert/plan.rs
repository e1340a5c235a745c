//! Who is told of what, as the file says it: `[alerts]` without its secrets, for the plan is journaled.

use super::message::Severity;
use crate::core::plan::{ChannelPlan, SecretRef};
use crate::core::time::millis;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// `[alerts]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertsPlan {
    /// Nothing below this is sent.
    pub min_severity: Severity,
    /// The part of the day, in minutes since midnight, in which only critical alerts are sent.
    pub quiet: Option<(u16, u16)>,
    /// After this long an open alert is told again; `None` is the default of its severity.
    #[serde(with = "millis::option")]
    pub repeat: Option<Duration>,
    /// Who else is told when nobody reacts, by time.
    pub escalate: Vec<EscalationStep>,
    /// What is fetched again and again while the daemon works.
    pub ping: Option<PingPlan>,
}

impl Default for AlertsPlan {
    fn default() -> Self {
        Self { min_severity: Severity::Medium, quiet: Some(QUIET), repeat: None, escalate: Vec::new(), ping: None }
    }
}

/// Quiet hours of a file that names none: 22:00 to 07:00.
pub const QUIET: (u16, u16) = (22 * 60, 7 * 60);
/// An alert of this severity is told again after ...
const REPEAT_HIGH: Duration = Duration::from_secs(4 * 3600);
/// ... and one that must wake somebody after this.
const REPEAT_CRITICAL: Duration = Duration::from_secs(3600);

/// An address that is fetched again and again while the daemon works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingPlan {
    /// The address.
    pub url: SecretRef,
    /// How often.
    #[serde(with = "millis")]
    pub every: Duration,
}

/// What stands in the place of a channel's name where the address of the ping is kept. No channel can have this name.
pub const PING: &str = "[ping]";

/// One step of an escalation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationStep {
    /// How long after the alert opened.
    #[serde(with = "millis")]
    pub after: Duration,
    /// The channels told then.
    pub to: Vec<String>,
}

impl AlertsPlan {
    /// Whether something this bad is sent on a channel at all.
    pub fn admits(&self, channel: &ChannelPlan, severity: Severity) -> bool {
        severity >= channel.min_severity.unwrap_or(self.min_severity)
    }
    /// The channels told first: all that no later step of the escalation names, else those of its first step.
    pub fn first<'p>(&'p self, channels: &'p BTreeMap<String, ChannelPlan>) -> BTreeSet<&'p str> {
        let later: BTreeSet<&str> = (self.escalate.iter().filter(|step| !step.after.is_zero()))
            .flat_map(|step| &step.to)
            .map(String::as_str)
            .collect();
        let first: BTreeSet<&str> = channels.keys().map(String::as_str).filter(|name| !later.contains(name)).collect();
        if !first.is_empty() {
            return first;
        }
        let step = self.escalate.iter().min_by_key(|step| step.after);
        step.into_iter().flat_map(|step| &step.to).map(String::as_str).collect()
    }
    /// After how long an alert that still holds is told again; `None` is never.
    pub fn repeat_of(&self, severity: Severity) -> Option<Duration> {
        match severity {
            Severity::Low | Severity::Medium => None,
            Severity::High => Some(self.repeat.unwrap_or(REPEAT_HIGH)),
            Severity::Critical => Some(self.repeat.unwrap_or(REPEAT_CRITICAL).min(REPEAT_CRITICAL)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::plan::Way;

    fn first(channels: &[&str], escalate: &[(u64, &str)]) -> Vec<String> {
        let channel = |name: &&str| {
            let plan = ChannelPlan { name: (*name).to_owned(), min_severity: None, template: None, way: Way::Desktop };
            ((*name).to_owned(), plan)
        };
        let step = |(after, to): &(u64, &str)| EscalationStep {
            after: Duration::from_secs(*after),
            to: vec![(*to).to_owned()],
        };
        let plan = AlertsPlan { escalate: escalate.iter().map(step).collect(), ..AlertsPlan::default() };
        plan.first(&channels.iter().map(channel).collect()).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn somebody_is_always_told_first() {
        assert_eq!(first(&["mail", "phone"], &[]), ["mail", "phone"]);
        assert_eq!(first(&["mail", "phone"], &[(600, "phone")]), ["mail"]);
        assert_eq!(first(&["mail", "phone"], &[(600, "phone"), (1500, "mail")]), ["phone"]);
        assert_eq!(first(&["phone"], &[(0, "phone")]), ["phone"]);
        assert!(first(&[], &[]).is_empty());
    }
}
