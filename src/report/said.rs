//! What needs a person because a session or a document says so, files that wait to be looked at, and what was open
//! before. An agent's words are quoted; no command of theirs becomes one of ours.

use super::claims::{Claims, normalised};
use super::facts::Facts;
use super::ids::artifact_id;
use super::model::Need;
use super::model_claims::{ItemReport, Quote};
use super::needs::Kind;
use super::sessions::quote;
use crate::core::evidence::{FileFate, NightSummary, OpenItem, Review};
use crate::core::ids::ProjectName;
use crate::status::text::{bytes, cut_at_word};
use crate::status::zone::rfc3339;
use crate::verdict::Matter;

/// Most needs of a project that agents' words can make; the others are listed with the project.
const SAID_MAX: usize = 30;
/// Nights that what an agent asked for once is carried without being asked for again.
const CARRIED_MAX: u32 = 7;

/// What agents ask for, and the files that wait for a look.
pub(super) fn said(facts: &Facts, claims: &Claims) -> Vec<(Kind, Need)> {
    let mut out = Vec::new();
    for (project, said) in &claims.projects {
        let mut told: Vec<(Matter, usize)> = Vec::new();
        // A heading that asks for something is the need; the steps below it are how.
        let mut parents: Vec<(&ItemReport, Option<usize>)> = Vec::new();
        let asked = said.items.user_actions.iter().map(|item| (Kind::UserAction, item));
        let blocked =
            said.items.blockers.iter().filter(|item| !matches!(item.verdict.as_str(), "stale" | "contradicted"));
        for (kind, item) in asked.chain(blocked.map(|item| (Kind::Blocker, item))) {
            if is_settled(facts, &item.id) {
                // The steps below it are settled with it.
                parents.push((item, None));
                continue;
            }
            let matter = Matter::of(&item.text);
            if let Some((_, place)) = told.iter().find(|(known, _)| known.covers(&matter)) {
                let known: &mut (Kind, Need) = &mut out[*place];
                // Asked for, and in the way: the stronger of both.
                known.0 = known.0.min(rank(kind, &item.text));
                known.1.blocks.extend(item.blocks.clone().filter(|blocks| !known.1.blocks.contains(blocks)));
                continue;
            }
            let below = |(parent, _): &&(&ItemReport, Option<usize>)| {
                parent.said.path == item.said.path
                    && item.section.split(" › ").any(|head| same_head(head, &parent.text))
            };
            if let Some((_, place)) = parents.iter().find(below) {
                if let Some(place) = place {
                    out[*place].1.steps += 1;
                }
                continue;
            }
            if told.len() >= SAID_MAX {
                break;
            }
            told.push((matter, out.len()));
            parents.push((item, Some(out.len())));
            out.push((rank(kind, &item.text), need(facts, project.as_ref(), kind, item)));
        }
    }
    for (project, files) in &facts.collected.files {
        for file in files.changed.iter().filter(|file| file.artifact && file.change != FileFate::Deleted) {
            let id = artifact_id(project, &file.path);
            if dismissed(facts, &id, Some(file.hash.as_deref())).is_some() {
                continue;
            }
            let verb = if file.change == FileFate::Created { "is new" } else { "was changed" };
            let what = format!("{} {verb} ({}) and waits for your look", file.path, bytes(file.bytes));
            let need = Need {
                command: format!("nightkeep approve {id}"),
                id,
                kind: Kind::Artifact.as_str().to_owned(),
                session: None,
                what: quote(&what),
                since: rfc3339(file.modified),
                blocks: Vec::new(),
                project: Some(project.to_string()),
                said: None,
                steps: 0,
                nights: 1,
                first_night: Some(facts.night.to_string()),
            };
            out.push((Kind::Artifact, need));
        }
    }
    out
}

/// Whether a heading above an item is that of another one.
fn same_head(head: &str, text: &str) -> bool {
    !head.is_empty() && normalised(head) == normalised(text)
}

/// Whether a person settled what was asked for, in this night or an earlier one.
fn is_settled(facts: &Facts, id: &str) -> bool {
    let before = facts.collected.before.as_ref();
    facts.collected.reviews.contains_key(id)
        || before.is_some_and(|before| before.settled.iter().any(|known| known == id))
}

/// All that was asked for and a person settled.
pub(super) fn settled(facts: &Facts) -> Vec<String> {
    let open = Vec::new();
    let mut all = facts.collected.before.clone().unwrap_or_else(|| NightSummary {
        night: facts.night.clone(),
        sessions: Vec::new(),
        open,
        settled: Vec::new(),
        numbers: None,
    });
    facts.collected.reviews.keys().for_each(|id| all.settle(id));
    all.settled
}

/// What a person made of it; of an artifact only as it is now.
fn dismissed<'f>(facts: &'f Facts, id: &str, hash: Option<Option<&str>>) -> Option<&'f Review> {
    let review = facts.collected.reviews.get(id)?;
    match (hash, &review.hash) {
        (Some(now), Some(then)) if now != Some(then.as_str()) => None,
        (_, _) => Some(review),
    }
}

/// How urgent it is: what asks for a key or an account comes with the credentials that are missing.
fn rank(kind: Kind, text: &str) -> Kind {
    let lower = text.to_lowercase();
    let words =
        ["credential", "api key", "api-key", "password", "token", "log in", "login", "account", "secret", "2fa"];
    if kind == Kind::UserAction && words.iter().any(|word| lower.contains(word)) { Kind::Credentials } else { kind }
}

/// Where to look first: at the line of the document, or at what the session printed. What an agent says to run stays its
/// own words, and a path that a shell could take for more than a path is not put into a command.
fn look(facts: &Facts, project: Option<&ProjectName>, said: Option<&Quote>) -> String {
    let plain = |text: &str| {
        text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+'))
            && !text.contains("..")
    };
    let folder = project.and_then(|project| facts.plan.projects.get(project)).and_then(|plan| plan.dir.to_str());
    let document = said.filter(|said| said.source == "document").and_then(|said| said.path.as_deref().zip(said.line));
    match (folder, document, said.and_then(|said| said.session.as_deref())) {
        (Some(folder), Some((path, line)), _) if plain(folder) && plain(path) => {
            format!("less +{line} {}/{path}", folder.trim_end_matches('/'))
        }
        (_, _, Some(session)) => format!("nightkeep logs {session}"),
        (_, _, None) => "nightkeep report --full".to_owned(),
    }
}

fn need(facts: &Facts, project: Option<&ProjectName>, kind: Kind, item: &ItemReport) -> Need {
    Need {
        id: item.id.clone(),
        kind: kind.as_str().to_owned(),
        session: item.said.session.clone(),
        what: cut_at_word(item.text.trim_end_matches(['.', ':']), 240),
        since: item.said.at.clone().unwrap_or_else(|| rfc3339(facts.last)),
        blocks: item.blocks.iter().cloned().collect(),
        command: look(facts, project, Some(&item.said)),
        project: project.map(ToString::to_string),
        said: Some(item.said.clone()),
        steps: 0,
        nights: item.nights,
        first_night: Some(item.first_night.clone()),
    }
}

/// Counts the nights of what was open before, and adds what still is although nobody spoke of it in this night.
pub(super) fn carry(facts: &Facts, needs: &mut Vec<(Kind, Need)>) {
    let Some(before) = &facts.collected.before else { return };
    for open in &before.open {
        let same = |need: &Need| {
            need.id == open.id
                || need.kind == open.kind
                    && need.said.is_some()
                    && need.project.as_deref() == open.project.as_ref().map(ProjectName::as_str)
                    && Matter::of(&need.what).covers(&Matter::of(&open.text))
        };
        if let Some((_, need)) = needs.iter_mut().find(|(_, need)| same(need)) {
            need.nights = need.nights.max(open.nights.saturating_add(1));
            need.first_night = Some(open.first.to_string());
            continue;
        }
        needs.extend(carried(facts, open));
    }
}

/// What was open before and is not spoken of: an artifact until somebody looked at it, what an agent asked for while it
/// can still matter. What nightkeep found itself it would find again.
fn carried(facts: &Facts, open: &OpenItem) -> Option<(Kind, Need)> {
    let kind = match open.kind.as_str() {
        "user_action" => rank(Kind::UserAction, &open.text),
        "blocker" => Kind::Blocker,
        "artifact" => Kind::Artifact,
        _ => return None,
    };
    if dismissed(facts, &open.id, None).is_some()
        || is_settled(facts, &open.id)
        || (kind != Kind::Artifact && open.nights >= CARRIED_MAX)
    {
        return None;
    }
    let files =
        open.project.as_ref().and_then(|project| facts.collected.files.get(project).map(|files| (project, files)));
    let gone = files.is_some_and(|(project, files)| {
        let deleted = files.changed.iter().filter(|file| file.change == FileFate::Deleted);
        deleted.into_iter().any(|file| artifact_id(project, &file.path) == open.id)
    });
    if gone {
        return None;
    }
    let command =
        if kind == Kind::Artifact { format!("nightkeep approve {}", open.id) } else { look(facts, None, None) };
    Some((
        kind,
        Need {
            id: open.id.clone(),
            kind: open.kind.clone(),
            session: None,
            what: quote(&open.text),
            since: facts.opened.map_or_else(|| rfc3339(facts.last), |at| rfc3339(at.wall)),
            blocks: Vec::new(),
            command,
            project: open.project.as_ref().map(ToString::to_string),
            said: None,
            steps: 0,
            nights: open.nights.saturating_add(1),
            first_night: Some(open.first.to_string()),
        },
    ))
}
