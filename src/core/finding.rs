//! What was found about a run that somebody should know: one list for everything that alerts are made of.
//!
//! A finding is journaled when it comes up, when something was done about it, and when it is over; each such fact holds
//! the whole of it. It is kept with its run, so what is known of it is what is known of the run.

use super::fact::Fact;
use super::ids::{AttemptId, RunId};
use super::run::Run;
use super::time::Wall;
use super::turn::Turn;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What kind of thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The program runs, but nothing shows that it works.
    Stalled,
    /// At its rate a metric will not reach its total by its deadline.
    DeadlineAtRisk,
    /// A metric has not reached its total by its deadline.
    DeadlineMissed,
    /// A metric does not move, though the program works.
    NoProgress,
    /// A good end with a metric that is 0, or was never seen.
    ZeroResult,
    /// It was killed, and something of it lives on.
    Unkillable,
    /// A usage limit after which it does not go on by itself.
    UsageLimit,
    /// Its agent asks its model again and again for nothing, or more than it may.
    Runaway,
    /// A good end of an agent that was denied permissions, with nobody to ask.
    Denied,
}

impl FindingKind {
    /// The word for it in JSON, tables and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stalled => "stalled",
            Self::DeadlineAtRisk => "deadline_at_risk",
            Self::DeadlineMissed => "deadline_missed",
            Self::NoProgress => "no_progress",
            Self::ZeroResult => "zero_result",
            Self::Unkillable => "unkillable",
            Self::UsageLimit => "usage_limit",
            Self::Runaway => "runaway",
            Self::Denied => "denied",
        }
    }
    /// Whether it is about a program that runs, so that its end is the finding's end too.
    fn ends_with_its_attempt(self) -> bool {
        match self {
            Self::Stalled | Self::DeadlineAtRisk | Self::NoProgress | Self::Unkillable | Self::Runaway => true,
            Self::DeadlineMissed | Self::ZeroResult | Self::UsageLimit | Self::Denied => false,
        }
    }
}

/// Something that was found about a run. Kind and subject name it: there is at most one of them in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// What it is about within the run: a metric's name; empty for the run itself.
    pub subject: String,
    /// What was found, in words.
    pub what: String,
    /// What shows it, in words.
    pub evidence: Vec<String>,
    /// When it came up, this time.
    pub first: Wall,
    /// When it was last known to hold.
    pub last: Wall,
    /// When it was over; `None` while it holds.
    pub resolved: Option<Wall>,
    /// How often it came up in this run.
    pub times: u32,
    /// What was done about it.
    pub acted: Option<Acted>,
}

/// What was done about a finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acted {
    /// In words: `nudged`, `stopped to be tried again`.
    pub what: String,
    /// For which attempt.
    pub attempt: u32,
    /// Since when the program had been quiet then.
    pub since: Wall,
    /// How long it had been quiet then, in milliseconds.
    pub quiet_ms: u64,
}

impl Acted {
    /// How long it had been quiet when something was done.
    pub fn quiet(&self) -> Duration {
        Duration::from_millis(self.quiet_ms)
    }
}

impl Finding {
    /// Whether it still holds.
    pub fn is_open(&self) -> bool {
        self.resolved.is_none()
    }
}

impl Run {
    /// The finding of a kind about a subject, open or over.
    pub fn finding(&self, kind: FindingKind, subject: &str) -> Option<&Finding> {
        self.findings.iter().find(|known| known.kind == kind && known.subject == subject)
    }
    /// Findings that hold now.
    pub fn open_findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|known| known.is_open())
    }
    /// Takes a finding in, in the place of an older one of its name.
    pub(super) fn find(&mut self, finding: &Finding) {
        let same =
            self.findings.iter_mut().find(|known| known.kind == finding.kind && known.subject == finding.subject);
        match same {
            Some(known) => *known = finding.clone(),
            None => self.findings.push(finding.clone()),
        }
    }
}

/// What a finding says, before it is known whether it is a new one.
pub(super) struct Found {
    pub(super) kind: FindingKind,
    pub(super) subject: String,
    pub(super) what: String,
    pub(super) evidence: Vec<String>,
    pub(super) acted: Option<Acted>,
}

impl Turn<'_> {
    /// Journals that something holds: when it comes up, and when something is done about it. What holds on is not said
    /// again.
    pub(super) fn found(&mut self, id: &RunId, found: Found) {
        let Some(run) = self.run(id) else { return };
        let Found { kind, subject, what, evidence, acted } = found;
        let known = run.finding(kind, &subject);
        let open = known.filter(|known| known.is_open());
        if open.is_some() && (acted.is_none() || open.is_some_and(|open| open.acted == acted)) {
            return;
        }
        let now = self.at.wall;
        let finding = Finding {
            first: open.map_or(now, |open| open.first),
            last: now,
            resolved: None,
            times: known.map_or(0, |known| known.times).saturating_add(u32::from(open.is_none())),
            acted: acted.or_else(|| known.and_then(|known| known.acted.clone())),
            kind,
            subject,
            what,
            evidence,
        };
        self.fact(Fact::Finding { run: id.clone(), finding: Box::new(finding) });
    }
    /// Journals that a finding is over, if it was open; `why` in words.
    pub(super) fn resolve(&mut self, id: &RunId, kind: FindingKind, subject: &str, why: &str) {
        let Some(run) = self.run(id) else { return };
        let Some(mut finding) = run.finding(kind, subject).filter(|known| known.is_open()).cloned() else { return };
        finding.resolved = Some(self.at.wall);
        finding.last = self.at.wall;
        finding.evidence.push(why.to_owned());
        self.fact(Fact::Finding { run: id.clone(), finding: Box::new(finding) });
    }
    /// What was found about the running program is over with it.
    pub(super) fn resolve_of_ended(&mut self, id: &AttemptId) {
        let Some(run) = self.run(&id.run) else { return };
        let over: Vec<(FindingKind, String)> = run
            .open_findings()
            .filter(|known| known.kind.ends_with_its_attempt())
            .map(|known| (known.kind, known.subject.clone()))
            .collect();
        for (kind, subject) in over {
            self.resolve(&id.run, kind, &subject, &format!("attempt {} ended", id.number));
        }
    }
}
