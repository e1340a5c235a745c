//! What was collected of each project in the night, in short: enough to tell nothing twice, and to know when it is enough.

use super::evidence::{Document, Evidence, FilesSeen};
use super::fact::Fact;
use super::ids::ProjectName;
use super::state::State;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What was collected of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collected {
    /// What tells the told state of each document from another, by its path.
    pub documents: BTreeMap<String, String>,
    /// How often a document was told.
    pub told: u64,
    /// Bytes of text that were told.
    pub bytes: u64,
    /// What tells the told files from others.
    pub files: Option<String>,
}

impl Collected {
    /// Whether a document was told just as it is.
    pub fn knows(&self, document: &Document) -> bool {
        self.documents.get(&document.path) == Some(&mark(document))
    }
}

/// What tells one state of a document from another: its bytes, or when they are not known what else there is.
fn mark(document: &Document) -> String {
    let Document { hash, bytes, written, problem, .. } = document;
    if hash.is_empty() {
        format!("{bytes} {} {}", written.0, problem.as_deref().unwrap_or_default())
    } else {
        hash.clone()
    }
}

fn digest(files: &FilesSeen) -> String {
    let text = serde_json::to_string(files).unwrap_or_default();
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl State {
    /// Whether this was told before, just as it is.
    pub(super) fn was_collected(&self, evidence: &Evidence) -> bool {
        let of = |project: &ProjectName| self.night.as_ref().and_then(|night| night.collected.get(project));
        match evidence {
            Evidence::Document(document) => of(&document.project).is_some_and(|known| known.knows(document)),
            Evidence::Files { project, files } => {
                of(project).is_some_and(|known| known.files.as_ref() == Some(&digest(files)))
            }
            Evidence::Told { .. } | Evidence::Review(_) | Evidence::Summary(_) | Evidence::Words { .. } => false,
        }
    }
}

/// Takes a fact into account.
pub(super) fn apply(collected: &mut BTreeMap<ProjectName, Collected>, fact: &Fact) {
    if let Fact::DocumentRead { document } = fact {
        let known = collected.entry(document.project.clone()).or_default();
        known.documents.insert(document.path.clone(), mark(document));
        known.told += 1;
        known.bytes = known.bytes.saturating_add(document.text.len() as u64);
    }
    if let Fact::FilesSeen { project, files } = fact {
        collected.entry(project.clone()).or_default().files = Some(digest(files));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::Event;
    use crate::core::testing::{Desk, plan, session, with_project};
    use crate::core::time::Wall;

    fn document(hash: &str, problem: Option<&str>, written: i64) -> Event {
        let document = Document {
            project: ProjectName::new("home").unwrap(),
            session: None,
            path: "STATUS.md".into(),
            written: Wall(written),
            bytes: 4,
            hash: hash.into(),
            text: if problem.is_some() { String::new() } else { "done".into() },
            problem: problem.map(str::to_owned),
        };
        Event::Evidence { evidence: Evidence::Document(Box::new(document)) }
    }
    fn files(looked_at: u64) -> Event {
        let files = Box::new(FilesSeen { looked_at, ..FilesSeen::default() });
        Event::Evidence { evidence: Evidence::Files { project: ProjectName::new("home").unwrap(), files } }
    }

    #[test]
    fn nothing_is_told_twice_also_not_after_a_crash_and_a_new_night_begins_anew() {
        let mut desk = Desk::new(with_project(plan([session("x")]), "home", "/home/anna"));
        desk.up(&[]);
        let tell = |desk: &mut Desk, event: Event| desk.step(event).facts.len();
        assert_eq!(tell(&mut desk, document("aa", None, 1)), 1);
        assert_eq!(tell(&mut desk, document("aa", None, 2)), 0, "the same bytes with a new time");
        assert_eq!(tell(&mut desk, document("bb", None, 3)), 1, "written anew");
        assert_eq!(tell(&mut desk, document("aa", None, 4)), 1, "and back");
        assert_eq!(tell(&mut desk, document("", Some("too large"), 5)), 1);
        assert_eq!(tell(&mut desk, document("", Some("too large"), 5)), 0);
        assert_eq!(tell(&mut desk, document("", Some("too large"), 6)), 1);
        assert_eq!(tell(&mut desk, files(7)), 1);
        assert_eq!(tell(&mut desk, files(7)), 0);
        desk.crash();
        assert_eq!(tell(&mut desk, files(7)), 0);
        assert_eq!(tell(&mut desk, document("", Some("too large"), 6)), 0);
        assert_eq!(tell(&mut desk, files(8)), 1);
        let night = desk.night.state.night.as_ref().unwrap();
        let known = &night.collected[&ProjectName::new("home").unwrap()];
        assert_eq!((known.told, known.bytes), (5, 12));
    }
}
