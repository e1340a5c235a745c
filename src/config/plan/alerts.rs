//! Who is told of what, as the core needs it.

use super::super::raw;
use crate::core::alert::message::Severity;
use crate::core::alert::plan::{AlertsPlan, EscalationStep};

/// `[alerts]` without its channels, defaults filled in.
pub(super) fn alerts(raw: &raw::Alerts) -> AlertsPlan {
    let default = AlertsPlan::default();
    let step = |step: &raw::Escalation| EscalationStep { after: step.after.0, to: step.to.clone() };
    AlertsPlan {
        min_severity: raw.min_severity.map_or(default.min_severity, severity),
        quiet: raw.quiet_hours.as_ref().map(|range| range.0).or(default.quiet),
        repeat: raw.repeat.as_ref().map(|period| period.0).or(default.repeat),
        ping: default.ping,
        escalate: raw.escalate.iter().flatten().map(step).collect(),
    }
}

fn severity(raw: raw::Severity) -> Severity {
    match raw {
        raw::Severity::Low => Severity::Low,
        raw::Severity::Medium => Severity::Medium,
        raw::Severity::High => Severity::High,
        raw::Severity::Critical => Severity::Critical,
    }
}
