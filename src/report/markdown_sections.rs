//! The sections of the Markdown page, one function each.

use super::markdown::{Page, Section};
use super::markup::{code, code_cell, fence, prose};
use super::model::{AlertReport, NoteReport, SessionReport, TimelineRow, ToolReport};
use super::text::{metric, tool};
use crate::protocol::FindingStatus;
use crate::status::text::{count, cut_at_word, grouped, span_of_seconds};

impl Page<'_> {
    /// All sections in the order of reading; those without rows are not shown.
    pub(super) fn sections(&self) -> Vec<Section> {
        let mut out = vec![self.needs(), self.sessions(), self.last_words()];
        out.extend(self.full.then(|| self.details()));
        out.extend([self.doubts(), self.changes(), self.projects(), self.tools(), self.errors()]);
        out.extend([self.retries(), self.dead_letters(), self.outages(), self.unseen(), self.alerts()]);
        out.extend([self.notes(), self.operator(), self.not_run(), self.timeline(), self.usage(), self.unreadable()]);
        out
    }

    fn sessions(&self) -> Section {
        let with_project = self.report.sessions.iter().any(|s| s.project.is_some());
        let (head, rule) = if with_project {
            (
                "| Session | Project | State | Exit | Attempts | Ran | Waited | Result |",
                "|---|---|---|---|---|---|---|---|",
            )
        } else {
            ("| Session | State | Exit | Attempts | Ran | Waited | Result |", "|---|---|---|---|---|---|---|")
        };
        let row = |s: &SessionReport| {
            let project =
                if with_project { format!(" {} |", prose(s.project.as_deref().unwrap_or(""))) } else { String::new() };
            let exit = s.exit.as_ref().map_or_else(String::new, |e| match &e.class {
                Some(class) => format!("{} ({})", prose(&cut_at_word(&e.words, 80)), class.replace('_', " ")),
                None => prose(&cut_at_word(&e.words, 80)),
            });
            vec![format!(
                "| {} |{project} {} | {exit} | {} | {} | {} | {} |",
                prose(&s.name),
                state_words(s),
                attempts(s),
                span_of_seconds(s.ran),
                span_of_seconds(s.waited),
                result(s)
            )]
        };
        Section {
            name: "Sessions",
            above: vec![head.to_owned(), rule.to_owned()],
            rows: self.report.sessions.iter().map(row).collect(),
            most: 30,
            more: "in the JSON, none of them worse than these.".to_owned(),
        }
    }

    /// What programs said before they failed: data from outside, marked as such.
    fn last_words(&self) -> Section {
        let bad = |s: &&SessionReport| {
            matches!(s.state.as_str(), "failed" | "partial" | "unfinished") && !s.last_words.is_empty()
        };
        let keep = if self.full { 20 } else { 6 };
        let row = |s: &SessionReport| {
            let mut lines = vec![String::new(), format!("Last lines of {}:", prose(&s.name)), String::new()];
            let words = &s.last_words[s.last_words.len().saturating_sub(keep)..];
            lines.extend(fence(words));
            lines
        };
        Section {
            name: "Last words",
            above: vec!["Printed by the programs, quoted as data; nothing in it is said by nightkeep.".to_owned()],
            rows: self.report.sessions.iter().filter(bad).map(row).collect(),
            most: 4,
            more: "in the JSON.".to_owned(),
        }
    }

    /// Runs of tests, builds and lints, as their tools counted them.
    fn tools(&self) -> Section {
        let row = |(s, t): (&SessionReport, &ToolReport)| {
            let took = t.seconds.map_or_else(String::new, |s| format!(", took {}", span_of_seconds(s)));
            let runs = if t.runs > 1 { format!(", the last of {} runs", t.runs) } else { String::new() };
            let bad = if t.good { "" } else { "**" };
            vec![format!("- {}: {bad}{}{bad}, at {}{took}{runs}", prose(&s.name), prose(&tool(t)), self.at(&t.at))]
        };
        let all = self.report.sessions.iter().flat_map(|s| s.tools.iter().map(move |t| (s, t)));
        Section {
            name: "Tests and builds seen",
            above: Vec::new(),
            rows: all.map(row).collect(),
            most: 12,
            more: "in the JSON.".to_owned(),
        }
    }

    /// Tokens and cost by session.
    fn usage(&self) -> Section {
        let row = |s: &SessionReport| {
            let usage = s.usage.as_ref()?;
            let percent = usage.budget.as_ref().and_then(|budget| budget.percent);
            let budget = percent.map_or_else(String::new, |percent| format!("{percent} %"));
            Some(vec![format!(
                "| {} | {} | {} | {} | {} | {} | {budget} |",
                prose(&s.name),
                grouped(usage.input_tokens),
                grouped(usage.cache_read_tokens),
                grouped(usage.output_tokens),
                prose(&super::usage::by(usage)),
                prose(&usage.models.iter().map(|m| m.model.as_str()).collect::<Vec<_>>().join(", ")),
            )])
        };
        Section {
            name: "Usage",
            above: vec![
                "| Session | Sent | of it from a cache | Received | Cost | Models | Budget |".to_owned(),
                "|---|---:|---:|---:|---|---|---:|".to_owned(),
            ],
            rows: self.report.sessions.iter().filter_map(row).collect(),
            most: 20,
            more: "in the JSON.".to_owned(),
        }
    }

    /// A finding in a line: what, since when, until when, what was done, what shows it.
    fn finding(&self, found: &FindingStatus) -> String {
        let until = found.resolved.as_deref().map_or_else(String::new, |at| format!(" to {}", self.at(at)));
        let times = if found.times > 1 { format!(", {} times", found.times) } else { String::new() };
        let acted = found.acted.as_deref().map_or_else(String::new, |acted| format!("; {}", prose(acted)));
        let seen = if found.evidence.is_empty() {
            String::new()
        } else {
            format!("; seen: {}", prose(&found.evidence.join("; ")))
        };
        let kind = found.kind.replace('_', " ");
        format!("- **{kind}** from {}{until}{times}: {}{acted}{seen}", self.at(&found.first), prose(&found.what))
    }

    /// One folded part for each session, of the full form.
    fn details(&self) -> Section {
        let row = |s: &SessionReport| {
            let mut lines = vec![
                "<details>".to_owned(),
                format!("<summary>{}: {}</summary>", s.name, s.state.replace('_', " ")),
                String::new(),
            ];
            if !s.reason.is_empty() {
                lines.push(format!(
                    "- {} since {}: {}",
                    s.state.replace('_', " "),
                    self.at(&s.since),
                    prose(&s.reason)
                ));
            }
            for a in &s.attempts {
                let start = a.started_at.as_deref().map_or_else(|| "never".to_owned(), |at| self.at(at));
                let end = a.exit.as_ref().map_or_else(
                    || "lives".to_owned(),
                    |e| {
                        let class = e.class.as_ref().map_or_else(String::new, |class| {
                            let counted = if a.counted { "counted" } else { "not counted" };
                            format!(", {}, {counted}", class.replace('_', " "))
                        });
                        let rule = e.rule.as_ref().map_or_else(String::new, |r| format!(", rule {}", code(r)));
                        format!("{}{class}{rule}", prose(&e.words))
                    },
                );
                lines.push(format!("- attempt {}: started {start}, ran {}, {end}", a.number, span_of_seconds(a.ran)));
            }
            for check in &s.checks {
                let seen =
                    if check.seen.is_empty() { String::new() } else { format!(", seen: {}", prose(&check.seen)) };
                lines.push(match check.text.strip_prefix("forbid ").filter(|_| !check.passed) {
                    Some(what) => format!("- **forbidden, but seen**: {}{}", code(what), in_brackets(&check.seen)),
                    None if check.passed => format!("- {} holds{seen}", code(&check.text)),
                    None => format!("- {} **does not hold**{seen}", code(&check.text)),
                });
            }
            lines.extend(s.metrics.iter().map(|m| format!("- {}", code(&metric(m)))));
            lines.extend(s.findings.iter().map(|f| self.finding(f)));
            if let Some(tree) = &s.worktree {
                lines.push(format!("- its work tree: {}", prose(&tree.words())));
                lines.extend(super::markdown_claims::commits(tree, 5).map(|commit| format!("  {commit}")));
            }
            if !s.last_words.is_empty() && s.state == "succeeded" {
                lines.push(String::new());
                lines.extend(fence(&s.last_words));
            }
            lines.push(String::new());
            lines.push("</details>".to_owned());
            lines.push(String::new());
            lines
        };
        Section {
            name: "Each session",
            above: Vec::new(),
            rows: self.report.sessions.iter().map(row).collect(),
            most: usize::MAX,
            more: "in the JSON.".to_owned(),
        }
    }

    fn outages(&self) -> Section {
        let row = |o: &super::model::Outage| {
            let span = span_of_seconds(o.lasted);
            let time = match &o.to {
                Some(to) => format!("{} to {} ({span})", self.at(&o.from), self.at(to)),
                None => format!("since {} ({span}), still", self.at(&o.from)),
            };
            let held = match o.held.len() {
                0 => "held nothing".to_owned(),
                n if n <= 5 => format!("held {}", o.held.join(", ")),
                n => format!("held {} and {} more", o.held[..5].join(", "), n - 5),
            };
            let probes = count(u64::from(o.probes), "probe", "probes");
            let cause = prose(&cut_at_word(&o.cause, 120));
            vec![format!("- {time}: {}; {held}; {probes}. Seen: {cause}", prose(&o.what))]
        };
        Section {
            name: "Outages",
            above: Vec::new(),
            rows: self.report.outages.iter().map(row).collect(),
            most: 6,
            more: "in the JSON.".to_owned(),
        }
    }

    fn unreadable(&self) -> Section {
        let row = |u: &super::model::Unreadable| {
            let times = if u.times > 1 { format!(" ({} times)", u.times) } else { String::new() };
            vec![format!("- {} {}: {}{times}", self.at(&u.at), prose(&u.part), prose(&cut_at_word(&u.what, 200)))]
        };
        Section {
            name: "Could not be read, kept or sent",
            above: Vec::new(),
            rows: self.report.unreadable.iter().map(row).collect(),
            most: 6,
            more: "in the JSON.".to_owned(),
        }
    }

    fn errors(&self) -> Section {
        let row = |e: &super::model::ErrorReport| {
            vec![format!(
                "| {} | {} | {} | {} | {} | {} |",
                prose(&e.session),
                e.count,
                self.at(&e.first),
                self.at(&e.last),
                e.cure.words(),
                code_cell(&cut_at_word(&e.sample, 120)) + &also(&e.more)
            )]
        };
        Section {
            name: "Errors in the output",
            above: vec![
                "| Session | Count | First | Last | Became | Line |".to_owned(),
                "|---|---|---|---|---|---|".to_owned(),
            ],
            rows: self.report.errors.iter().map(row).collect(),
            most: 10,
            more: "in the JSON.".to_owned(),
        }
    }

    fn dead_letters(&self) -> Section {
        let row = |d: &super::model::DeadLetter| {
            let class = d.class.as_ref().map_or_else(String::new, |c| format!(", {}", c.replace('_', " ")));
            let exit = d.exit.as_ref().map_or_else(|| "never started".to_owned(), |e| prose(&cut_at_word(e, 120)));
            let attempts = count(d.attempts, "attempt", "attempts");
            vec![format!("- {}: {exit}{class}, {attempts}. Second chance: `{}`", d.run, d.command)]
        };
        Section {
            name: "Dead letters",
            above: Vec::new(),
            rows: self.report.dead_letters.iter().map(row).collect(),
            most: 8,
            more: "in the JSON.".to_owned(),
        }
    }

    fn retries(&self) -> Section {
        let row = |r: &super::model::RetryReport| {
            let classes = r.classes.iter().map(|c| c.replace('_', " ")).collect::<Vec<_>>().join(", ");
            vec![format!(
                "- {}: {} ({}), waited {} between: {}",
                prose(&r.session),
                count(r.attempts, "attempt", "attempts"),
                cut_at_word(&classes, 120),
                span_of_seconds(r.waited),
                r.cure.words()
            )]
        };
        Section {
            name: "Retries",
            above: Vec::new(),
            rows: self.report.retries.iter().map(row).collect(),
            most: 8,
            more: "in the JSON.".to_owned(),
        }
    }

    fn unseen(&self) -> Section {
        let row = |gap: &super::model::GapReport| {
            let session = gap.session.as_ref()?;
            Some(vec![format!("- {session} {} to {}: {}", self.at(&gap.from), self.at(&gap.to), prose(&gap.why))])
        };
        Section {
            name: "Ends that nobody saw",
            above: Vec::new(),
            rows: self.report.window.gaps.iter().filter_map(row).collect(),
            most: 5,
            more: "in the JSON.".to_owned(),
        }
    }

    fn operator(&self) -> Section {
        let row = |act: &super::model::OperatorAct| {
            let why = act.reason.as_ref().map_or_else(String::new, |r| format!(", because: {}", prose(r)));
            vec![format!(
                "- {} {} {}: {}{why} ({})",
                self.at(&act.at),
                prose(&act.verb),
                prose(&act.target),
                prose(&cut_at_word(&act.result, 120)),
                prose(&act.who)
            )]
        };
        Section {
            name: "What operators did",
            above: Vec::new(),
            rows: self.report.operator.iter().map(row).collect(),
            most: 6,
            more: "in the JSON.".to_owned(),
        }
    }

    fn alerts(&self) -> Section {
        let row = |alert: &AlertReport| {
            let told = if alert.told.is_empty() { "nobody was told".to_owned() } else { alert.told.join(", ") };
            let times = if alert.count > 1 { format!(", {} times", alert.count) } else { String::new() };
            let (at, title) = (self.at(&alert.since), prose(&cut_at_word(&alert.title, 120)));
            vec![format!("- {at} {} ({}, {}{times}): {title}; {}", alert.id, alert.severity, alert.state, prose(&told))]
        };
        Section {
            name: "Alerts",
            above: Vec::new(),
            rows: self.report.alerts.iter().map(row).collect(),
            most: 8,
            more: "in the JSON.".to_owned(),
        }
    }

    fn notes(&self) -> Section {
        let row = |NoteReport { session, note }: &NoteReport| {
            let given = match (note.times_given, note.given.last()) {
                (0, _) | (_, None) => "not given to an attempt yet".to_owned(),
                (n, Some(last)) => format!("given to {}, last {last}", count(u64::from(n), "attempt", "attempts")),
            };
            let then = match (&note.settled, &note.settled_by) {
                (Some(at), Some(by)) => format!("settled {} by {}", self.at(at), prose(by)),
                (Some(at), None) => format!("settled {}", self.at(at)),
                (None, _) => "open".to_owned(),
            };
            let text = prose(&cut_at_word(&note.text.replace('\n', " "), 240));
            vec![format!("- {} {} to {}: {text}; {given}; {then}", self.at(&note.at), note.id, prose(session))]
        };
        Section {
            name: "Your notes",
            above: Vec::new(),
            rows: self.report.notes.iter().map(row).collect(),
            most: 8,
            more: "in the JSON.".to_owned(),
        }
    }

    fn not_run(&self) -> Section {
        Section {
            name: "Did not run",
            above: Vec::new(),
            rows: self.report.not_run.iter().map(|n| vec![format!("- {}: {}", prose(&n.name), n.why)]).collect(),
            most: 5,
            more: "in the JSON.".to_owned(),
        }
    }

    fn timeline(&self) -> Section {
        const ROWS: usize = 40;
        let rows = &self.report.timeline;
        let picked = if self.full { rows.iter().collect() } else { weightiest(rows, ROWS) };
        let left_out = rows.len() - picked.len();
        let row = |r: &TimelineRow| {
            let session = r.session.as_ref().map_or_else(String::new, |s| format!("**{}** ", prose(s)));
            vec![format!("- {} {session}{}", self.at(&r.at), prose(&cut_at_word(&r.what, 160)))]
        };
        let above = match left_out {
            0 => Vec::new(),
            n => vec![
                format!("The most important {} of {}; the rest is in the JSON.", picked.len(), picked.len() + n),
                String::new(),
            ],
        };
        Section {
            name: "Timeline",
            above,
            rows: picked.into_iter().map(row).collect(),
            most: ROWS,
            more: "in the JSON.".to_owned(),
        }
    }
}

/// The rows that weigh most, in their order; of equal ones the later.
pub(super) fn weightiest(rows: &[TimelineRow], most: usize) -> Vec<&TimelineRow> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|i| (std::cmp::Reverse(rows[*i].weight), std::cmp::Reverse(*i)));
    order.truncate(most);
    order.sort_unstable();
    order.into_iter().map(|i| &rows[i]).collect()
}

/// Other lines that were counted with the one that is shown.
fn also(more: &[String]) -> String {
    more.iter().map(|line| format!("; also {}", code_cell(&cut_at_word(line, 60)))).collect()
}

fn state_words(session: &SessionReport) -> String {
    let word = session.state.replace('_', " ");
    if session.unverified { format!("{word}, unverified") } else { word }
}

fn attempts(session: &SessionReport) -> String {
    let counted = session.attempts.iter().filter(|a| a.counted).count();
    match session.attempts_max {
        0 => session.attempt_count.to_string(),
        // More than are allowed: some took none of them.
        max if session.attempt_count > u64::from(max) => {
            format!("{}, {counted} of {max} counted", session.attempt_count)
        }
        max => format!("{} of {max}", session.attempt_count),
    }
}

/// The reason without the exit that it begins with, where more is said.
fn own_reason(session: &SessionReport) -> &str {
    let exit = session.exit.as_ref().map_or("", |exit| exit.words.as_str());
    let rest = session.reason.strip_prefix(exit).and_then(|rest| rest.strip_prefix([';', ',']));
    rest.map_or(session.reason.as_str(), str::trim_start)
}

fn in_brackets(seen: &str) -> String {
    if seen.is_empty() { String::new() } else { format!(" ({})", prose(seen)) }
}

/// One line on what came of a session: its numbers, its checks, or why it is where it is.
fn result(session: &SessionReport) -> String {
    let mut parts: Vec<String> = session
        .metrics
        .iter()
        .filter(|m| m.value.is_some())
        .take(3)
        .map(|m| code_cell(&cut_at_word(&metric(m), 60)))
        .collect();
    let red = session.checks.iter().find(|c| !c.passed);
    match red {
        Some(check) => parts.push(match check.text.strip_prefix("forbid ") {
            Some(what) => format!("forbidden, but seen: {}", code_cell(&cut_at_word(what, 60))),
            None => format!(
                "{} does not hold{}",
                code_cell(&cut_at_word(&check.text, 60)),
                in_brackets(&cut_at_word(&check.seen, 60))
            ),
        }),
        None if !session.checks.is_empty() => {
            parts.push(format!("checks: {0} of {0} good", session.checks.len()));
        }
        None => {}
    }
    // A check that is red is the reason, and the state and the exit have columns of their own.
    let told = session.state == "partial" && red.is_some() || session.state == "succeeded" && !parts.is_empty();
    if session.unverified && session.checks.is_empty() {
        parts.push("no check was declared".to_owned());
    } else if !told {
        let reason = cut_at_word(own_reason(session), 100);
        if !reason.is_empty() {
            parts.push(prose(&reason));
        }
    }
    if session.removed {
        parts.push("removed from the file".to_owned());
    }
    parts.join("; ")
}
