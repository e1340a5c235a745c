//! The morning report: the journal of a night folded into facts, told as a document, and shown in several forms.
//!
//! Everything is a function of the journal and of the zone for local times: the same journal gives the same bytes.

pub mod beside;
mod build;
mod claims;
pub mod collected;
pub mod facts;
mod fingerprints;
mod fold;
mod fold_delivery;
mod fold_runs;
pub mod html;
pub mod ids;
pub mod json;
pub mod letter;
pub mod markdown;
mod markdown_claims;
mod markdown_sections;
mod markup;
pub mod model;
pub mod model_claims;
pub mod model_trouble;
pub mod narrow;
mod needs;
pub mod nights;
pub mod own;
pub mod passage;
mod projects;
mod proof;
mod said;
mod sessions;
mod since;
pub mod text;
pub mod timeline;
mod timeline_fold;
mod timeline_lane;
mod usage;
pub mod worded;

pub use build::{build, check_code};
pub use fold::{Folder, fold, fold_as_of};
pub use since::summary;
