//! The sections of the Markdown page that quote what agents say: what needs you, what does not add up, the projects.

use super::markdown::{Page, Section};
use super::markup::{code, prose};
use super::model::{Need, ProjectReport};
use super::model_claims::{DocumentReport, Doubt, ItemReport, NightChanges, Quote};
use super::text::{nights_word, place, settled_by, verdict_words};
use crate::status::text::{bytes, count, cut_at_word, span_of_seconds};

/// Needs that stand open; the others are folded.
const NEEDS_OPEN: usize = 5;
/// Needs that are folded, in the short and in the full form; the others are in the JSON.
const NEEDS_FOLDED: [usize; 2] = [5, 60];

impl Page<'_> {
    pub(super) fn needs(&self) -> Section {
        let all = &self.report.needs_you;
        let mut rows: Vec<Vec<String>> =
            all.iter().take(NEEDS_OPEN).enumerate().map(|(i, need)| self.need(i, need)).collect();
        let folded = &all[all.len().min(NEEDS_OPEN)..];
        let most = NEEDS_FOLDED[usize::from(self.full)];
        if !folded.is_empty() {
            let mut lines = vec![
                String::new(),
                "<details>".to_owned(),
                format!("<summary>{} more</summary>", folded.len()),
                String::new(),
            ];
            for (i, need) in folded.iter().take(most).enumerate() {
                lines.extend(self.need(i + NEEDS_OPEN, need));
            }
            if folded.len() > most {
                lines.extend([String::new(), format!("{} more in the JSON.", folded.len() - most)]);
            }
            lines.extend([String::new(), "</details>".to_owned()]);
            rows.push(lines);
        }
        Section { name: "Needs you", above: Vec::new(), rows, most: NEEDS_OPEN + 1, more: "in the JSON.".to_owned() }
    }

    fn need(&self, i: usize, need: &Need) -> Vec<String> {
        let blocks = match need.blocks.len() {
            0 => String::new(),
            n if n <= 5 => format!(" Blocks {}.", prose(&need.blocks.join(", "))),
            n => format!(" Blocks {} and {} more.", prose(&need.blocks[..5].join(", ")), n - 5),
        };
        let steps = if need.steps > 0 { format!(" ({})", count(need.steps, "step", "steps")) } else { String::new() };
        let what = format!("{}{steps}", prose(&cut_at_word(need.what.trim_end_matches(['.', '!']), 240)));
        let project = need.project.as_ref().filter(|_| need.session.is_none() || need.said.is_some());
        let project = project.map_or_else(String::new, |project| format!("{}: ", prose(project)));
        let says = need.said.as_ref().map_or_else(String::new, |said| format!(", says {}", self.source(said)));
        let since = match (need.nights, &need.first_night) {
            (0 | 1, _) | (_, None) => format!("Since {}{says}.", self.at(&need.since)),
            (nights, Some(first)) => format!("{} night, since {first}{says}.", nights_word(nights)),
        };
        let settle = settled_by(need).map_or_else(String::new, |by| format!(" · done, or not wanted: {}", code(&by)));
        vec![format!("{}. {project}{what}. {since}{blocks}", i + 1), format!("   {}{settle}", code(&need.command))]
    }

    /// Where something is said: the document and its line, or the session.
    fn source(&self, said: &Quote) -> String {
        let by = said.session.as_ref().map(|session| prose(session));
        match (place(said), by) {
            (Some(place), Some(by)) => format!("{} ({by})", code(&place)),
            (Some(place), None) => code(&place),
            (None, Some(by)) => by,
            (None, None) => prose(&said.source),
        }
    }

    pub(super) fn doubts(&self) -> Section {
        let row = |doubt: &Doubt| {
            let project = doubt.project.as_ref().map_or_else(String::new, |project| format!("{}: ", prose(project)));
            let claim = prose(&cut_at_word(&doubt.claim.text, 200));
            let against = prose(&cut_at_word(&doubt.against.text, 240));
            let seen = match doubt.against.source.as_str() {
                "nightkeep" => format!("seen: {against}"),
                _ => format!("{against} ({})", self.source(&doubt.against)),
            };
            vec![
                format!("- **{}** {project}“{claim}” ({})", doubt.verdict, self.source(&doubt.claim)),
                format!("  - {seen}"),
            ]
        };
        let left = self.report.does_not_add_up_left_out;
        let more = if left > 0 { format!("in the JSON, and {left} beyond those.") } else { "in the JSON.".to_owned() };
        Section {
            name: "Does not add up",
            above: Vec::new(),
            rows: self.report.does_not_add_up.iter().map(row).collect(),
            most: 12,
            more,
        }
    }

    pub(super) fn changes(&self) -> Section {
        let rows = self.report.changes.as_ref().map(change_lines).unwrap_or_default();
        let against = self.report.changes.as_ref().map_or("", |changes| changes.against.as_str());
        Section {
            name: "Against the night before",
            above: vec![format!("Held against {against}."), String::new()],
            rows: rows.into_iter().map(|line| vec![format!("- {}", prose(&line))]).collect(),
            most: 8,
            more: "in the JSON.".to_owned(),
        }
    }

    pub(super) fn projects(&self) -> Section {
        Section {
            name: "Projects",
            above: Vec::new(),
            rows: self.report.projects.iter().map(|p| self.project(p)).collect(),
            most: 8,
            more: "in the JSON.".to_owned(),
        }
    }

    fn project(&self, project: &ProjectReport) -> Vec<String> {
        let mut lines = vec![format!("- **{}**: {}", prose(&project.name), prose(&head_of(project)))];
        // Of one in which all is well the short form tells only what was done.
        let most = match (self.full, project.well) {
            (true, _) => 200,
            (false, false) => 5,
            (false, true) => 3,
        };
        let items = &project.items;
        for tests in &project.tests {
            let bad = if tests.good { "" } else { "**" };
            let doubt = tests.doubt.as_ref().map_or_else(String::new, |doubt| format!("; {}", prose(doubt)));
            lines.push(format!(
                "  - tests of {}: {bad}{}{bad}, at {}{doubt}",
                prose(&tests.session),
                prose(&tests.text),
                self.at(&tests.at)
            ));
        }
        for document in project.documents.iter().filter(|document| document.unfinished) {
            lines.push(format!("  - {} was begun and never finished", code(&document.path)));
        }
        self.list(&mut lines, "errors", &items.errors, most);
        self.list(&mut lines, "blockers", &items.blockers, most);
        self.list(&mut lines, "done", &items.done, most);
        self.list(&mut lines, "numbers", &items.numbers, most);
        let brief = project.well && !self.full;
        if !brief {
            self.list(&mut lines, "open", &items.open, most);
            self.list(&mut lines, "next", &items.next_steps, most);
            self.list(&mut lines, "decisions", &items.decisions, most.min(if self.full { 200 } else { 3 }));
            self.list(&mut lines, "limits", &items.limits, most.min(if self.full { 200 } else { 3 }));
        }
        if self.full {
            self.list(&mut lines, "asked of you", &items.user_actions, most);
            self.list(&mut lines, "files and the like", &items.artifacts, most);
        }
        self.work(&mut lines, project, if self.full { 200 } else { 4 });
        self.beside(&mut lines, project, if self.full { 200 } else { 4 });
        if self.full {
            lines.extend(project.documents.iter().map(|document| self.document(document)));
        }
        lines
    }

    /// Items below the word for their kind.
    fn list(&self, lines: &mut Vec<String>, word: &str, items: &[ItemReport], most: usize) {
        if items.is_empty() {
            return;
        }
        lines.push(format!("  - {word}:"));
        for item in items.iter().take(most) {
            let verdict = match item.verdict.as_str() {
                "says" if item.opinion => " (opinion)".to_owned(),
                "says" => format!(
                    " (says{})",
                    item.seen.first().map_or_else(String::new, |s| format!("; {}", prose(&cut_at_word(s, 100))))
                ),
                "seen" => format!(
                    " (seen{})",
                    item.seen.first().map_or_else(String::new, |s| format!(": {}", prose(&cut_at_word(s, 100))))
                ),
                _ => format!(" ({})", verdict_words(&item.verdict)),
            };
            let nights = if item.nights > 1 { format!(", {} night", nights_word(item.nights)) } else { String::new() };
            let from = if self.full { format!(" {}", self.source(&item.said)) } else { String::new() };
            lines.push(format!("    - {}{verdict}{nights}{from}", prose(&cut_at_word(&item.text, 120))));
        }
        if items.len() > most {
            lines.push(format!("    - {} more in the JSON", items.len() - most));
        }
    }

    /// What happened in further work trees and submodules.
    fn beside(&self, lines: &mut Vec<String>, project: &ProjectReport, most: usize) {
        for tree in project.worktrees.iter().take(most) {
            lines.push(format!("  - work tree {}: {}", code(&cut_at_word(&tree.path, 120)), prose(&tree.words())));
            lines.extend(commits(tree, most).map(|commit| format!("    {commit}")));
        }
        more_of(lines, project.worktrees.len() as u64, project.worktrees.len().min(most), "work trees");
        for module in project.submodules.iter().take(most) {
            lines.push(format!("  - submodule {}: {}", code(&cut_at_word(&module.path, 120)), prose(&module.words())));
        }
        more_of(lines, project.submodules.len() as u64, project.submodules.len().min(most), "submodules");
    }

    /// Commits and files.
    fn work(&self, lines: &mut Vec<String>, project: &ProjectReport, most: usize) {
        for commit in project.commits.iter().take(most) {
            let hash: String = commit.hash.chars().take(10).collect();
            let subject = code(&cut_at_word(&commit.subject, 100));
            lines.push(format!("  - {} {subject} by {}", code(&hash), code(&cut_at_word(&commit.author, 40))));
        }
        more_of(lines, project.commit_count, project.commits.len().min(most), "commits");
        for file in project.files.iter().take(most) {
            let lines_changed = match (file.added, file.removed) {
                (Some(added), Some(removed)) => format!("+{added} -{removed}"),
                (_, _) => "binary".to_owned(),
            };
            let committed = if file.committed { "" } else { ", not committed" };
            lines.push(format!("  - {} ({lines_changed}{committed})", code(&cut_at_word(&file.path, 120))));
        }
        more_of(lines, project.file_count, project.files.len().min(most), "changed files");
        let Some(changed) = &project.changed else { return };
        // What git told needs no second line.
        let known = |path: &str| project.files.iter().any(|file| file.path == path);
        let rest: Vec<_> = changed.changed.iter().filter(|file| !known(&file.path)).collect();
        for file in rest.iter().take(most) {
            let review = file.review.as_ref().map_or_else(String::new, |review| format!(", {review}"));
            let change = &file.change;
            let size = bytes(file.bytes);
            lines.push(format!("  - {} ({change}, {size}{review})", code(&cut_at_word(&file.path, 120))));
        }
        let rest = rest.len();
        more_of(lines, rest as u64, rest.min(most), "changed files");
        if self.full {
            lines.extend(changed.limits.iter().map(|limit| format!("  - not looked at: {}", prose(limit))));
        }
    }

    fn document(&self, document: &DocumentReport) -> String {
        let by = document.session.as_ref().map_or_else(String::new, |session| format!(" by {}", prose(session)));
        let notes: String = document.notes.iter().map(|note| format!("; {}", prose(note))).collect();
        format!(
            "  - read {}{by}, written {}, {}, {}{notes}",
            code(&cut_at_word(&document.path, 120)),
            self.at(&document.written),
            bytes(document.bytes),
            count(document.items, "item", "items")
        )
    }
}

/// The commits of a further work tree, one a line.
pub(super) fn commits(tree: &super::beside::WorktreeReport, most: usize) -> impl Iterator<Item = String> {
    let line = |commit: &super::model::CommitReport| {
        let hash: String = commit.hash.chars().take(10).collect();
        let subject = code(&cut_at_word(&commit.subject, 100));
        format!("- {} {subject} by {}", code(&hash), code(&cut_at_word(&commit.author, 40)))
    };
    let more = tree.commit_count.saturating_sub(tree.commits.len().min(most) as u64);
    let told: Vec<String> = tree.commits.iter().take(most).map(line).collect();
    told.into_iter().chain((more > 0).then(|| format!("- {more} more commits in the JSON")))
}

/// What a project comes to in a line.
pub(super) fn head_of(project: &ProjectReport) -> String {
    let mut parts = Vec::new();
    match project.state.as_str() {
        "none" if project.items.count() == 0 && project.changed.is_none() => parts.push("no repository".to_owned()),
        "none" => {}
        "not_looked_at" if project.items.count() == 0 => parts.push("not looked at yet".to_owned()),
        "not_looked_at" => {}
        _ => {
            parts.push(count(project.commit_count, "commit", "commits"));
            parts.push(count(project.file_count, "changed file", "changed files"));
        }
    }
    parts.extend(super::beside::head(project));
    if let Some(changed) = &project.changed {
        let words = [(changed.created, "made"), (changed.modified, "changed"), (changed.deleted, "deleted")];
        let told: Vec<String> = words.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        if !told.is_empty() {
            parts.push(format!("files: {}", told.join(", ")));
        }
    }
    let done = project.items.done.iter().filter(|item| !item.opinion);
    let (seen, all) =
        done.fold((0_u64, 0_u64), |(seen, all), item| (seen + u64::from(item.verdict == "seen"), all + 1));
    if all > 0 {
        parts.push(format!("{all} said to be done, {seen} of them seen"));
    }
    let mut head = parts.join(", ");
    for note in &project.notes {
        head.push_str(if head.is_empty() { "" } else { "; " });
        head.push_str(&cut_at_word(note, 200));
    }
    if head.is_empty() { "nothing was seen to change".to_owned() } else { head }
}

/// What changed since the night before, a line each, the worst first.
pub(super) fn change_lines(changes: &NightChanges) -> Vec<String> {
    let mut lines = Vec::new();
    if !changes.new_failures.is_empty() {
        lines.push(format!("newly failed: {}", changes.new_failures.join(", ")));
    }
    for tests in &changes.tests {
        let (session, total, before) = (&tests.session, tests.total, tests.total_before);
        if total < before {
            lines.push(format!("fewer tests in {session}: {total}, {before} before"));
        }
        if tests.skipped > tests.skipped_before {
            lines.push(format!("more tests skipped in {session}: {}, {} before", tests.skipped, tests.skipped_before));
        }
    }
    for slower in &changes.slower {
        let (ran, before) = (span_of_seconds(slower.ran), span_of_seconds(slower.before));
        lines.push(format!("slower: {} ran {ran}, {before} before", slower.session));
    }
    for dearer in &changes.dearer {
        lines.push(format!("dearer: {} cost ${:.2}, ${:.2} before", dearer.session, dearer.cost, dearer.before));
    }
    if !changes.fixed.is_empty() {
        lines.push(format!("fixed: {}", changes.fixed.join(", ")));
    }
    if !changes.new_errors.is_empty() {
        lines.push(format!(
            "{} that were not there before",
            count(changes.new_errors.len() as u64, "kind of error", "kinds of errors")
        ));
    }
    lines
}

fn more_of(lines: &mut Vec<String>, all: u64, shown: usize, what: &str) {
    let more = all.saturating_sub(shown as u64);
    if more > 0 {
        lines.push(format!("  - {more} more {what} in the JSON"));
    }
}
