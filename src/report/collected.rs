//! What the journal holds of documents, files, sessions' own words and people's looks at them, for one night.

use super::fold::Folder;
use super::ids::artifact_id;
use crate::core::evidence::{Document, FilesSeen, NightSummary, Review, Told, ToldKind};
use crate::core::ids::{AttemptId, ProjectName};
use crate::core::time::Wall;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most documents that are kept; of more the ones written last.
const DOCUMENTS_MAX: usize = 200;
/// Most bytes of text of all kept documents.
const TEXT_MAX: usize = 16 * 1024 * 1024;
/// Most of sessions' own words that are kept.
const TOLD_MAX: usize = 2_000;

/// What was collected in one night.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Collected {
    /// Documents as they were last, by project and path.
    #[serde(with = "by_place")]
    pub documents: BTreeMap<(ProjectName, String), Document>,
    /// Documents beyond those that are kept.
    pub documents_left_out: u64,
    /// What became of the projects' files.
    pub files: BTreeMap<ProjectName, FilesSeen>,
    /// What sessions said, in order.
    pub told: Vec<ToldFact>,
    /// What they said beyond that.
    pub told_left_out: u64,
    /// What people made of artifacts and of what was asked for, the newest by id.
    pub reviews: BTreeMap<String, Review>,
    /// What the night before came to.
    pub before: Option<NightSummary>,
    text: usize,
}

/// Something that a session said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToldFact {
    /// When.
    pub at: Wall,
    /// Which attempt.
    pub attempt: AttemptId,
    /// What.
    pub told: Told,
}

impl Collected {
    /// A document is kept as it was last; of too many the oldest is let go.
    pub(super) fn document(&mut self, document: &Document) {
        let key = (document.project.clone(), document.path.clone());
        if self.documents.get(&key).is_some_and(|known| known.written > document.written) {
            return;
        }
        self.text += document.text.len();
        self.text -= self.documents.insert(key, document.clone()).map_or(0, |before| before.text.len());
        while self.documents.len() > DOCUMENTS_MAX || self.text > TEXT_MAX {
            let oldest = self.documents.iter().min_by_key(|(key, known)| (known.written, (*key).clone()));
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { return };
            self.text -= self.documents.remove(&oldest).map_or(0, |gone| gone.text.len());
            self.documents_left_out += 1;
        }
    }
}

impl Folder {
    /// A session said something of its own work.
    pub(super) fn told_fact(&mut self, at: Wall, attempt: &AttemptId, told: &Told) {
        let collected = &mut self.facts.collected;
        if collected.told.len() >= TOLD_MAX {
            collected.told_left_out += 1;
            return;
        }
        collected.told.push(ToldFact { at: told.said.unwrap_or(at), attempt: attempt.clone(), told: told.clone() });
        let weight = match told.kind {
            ToldKind::Needs | ToldKind::Blocked => 2,
            ToldKind::Done | ToldKind::Next | ToldKind::Decision => 1,
            ToldKind::Metric => 0,
        };
        let session = attempt.run.session.clone();
        self.moment(at, Some(&session), format!("says: {}", told.text), weight);
    }

    /// A person looked at an artifact, or settled what was asked for.
    pub(super) fn reviewed(&mut self, at: Wall, review: &Review) {
        let id = match (review.artifact.as_str(), &review.project) {
            ("", Some(project)) => artifact_id(project, &review.path),
            (id, _) => id.to_owned(),
        };
        self.facts.collected.reviews.insert(id, review.clone());
        let verb = if review.approved { "approved" } else { "dismissed" };
        self.moment(at, None, format!("{} {verb} by {}", review.path, review.by.who), 1);
    }
}

/// Documents as a list: JSON has no keys of two parts, and each names its own.
mod by_place {
    use super::{BTreeMap, Deserialize, Document, ProjectName, Serialize};
    use serde::{Deserializer, Serializer};

    type ByPlace = BTreeMap<(ProjectName, String), Document>;

    pub(super) fn serialize<S: Serializer>(documents: &ByPlace, to: S) -> Result<S::Ok, S::Error> {
        documents.values().collect::<Vec<_>>().serialize(to)
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ByPlace, D::Error> {
        let all = Vec::<Document>::deserialize(from)?;
        Ok(all.into_iter().map(|document| ((document.project.clone(), document.path.clone()), document)).collect())
    }
}
