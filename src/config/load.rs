//! From a text to a plan: parse, check the shape, read, check the meaning, tell everything at once.

use super::diagnostic::{Diagnostic, Severity};
use super::document::{Document, Place};
use super::plan::{self, Build, Context, Settings, Surroundings};
use super::problems::Problems;
use super::raw;
use super::shape;
use super::source::{Machine, Source};
use super::warnings;
use crate::core::plan::Plan;
use serde::Deserialize;
use std::collections::BTreeSet;

/// A file that can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What the core decides by.
    pub plan: Plan,
    /// The rest.
    pub settings: Settings,
}

/// What came of loading a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The file, when it has no errors.
    pub loaded: Option<Loaded>,
    /// All problems in the order of the file; warnings too when it can be used.
    pub diagnostics: Vec<Diagnostic>,
}

impl Outcome {
    /// Whether the file cannot be used.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity() == Severity::Error)
    }
}

/// Loads a file on this machine.
pub fn load(source: &Source, context: &Context) -> Outcome {
    load_in(source, context, &Machine)
}

/// Loads a file in given surroundings.
pub fn load_in(source: &Source, context: &Context, surroundings: &dyn Surroundings) -> Outcome {
    let document = match Document::parse(&source.text) {
        Ok(document) => document,
        Err(error) => {
            let spot = super::diagnostic::Spot::new(&source.text, &error.span);
            let message = error.message.replace('\n', ", ");
            let diagnostic = Diagnostic::new(Severity::Error, &source.name, message).at(spot);
            return Outcome { loaded: None, diagnostics: vec![diagnostic] };
        }
    };
    let mut problems = Problems::new(&source.name, &source.text, &document);
    let rejected = shape::check(&document, &mut problems);
    let loaded = match read(&document, &rejected) {
        Ok(raw) => Some(check(source, context, surroundings, &document, &rejected, &raw, &mut problems)),
        Err(error) => {
            // The shape was checked against the same types, so this says that the two differ.
            problems.error_at(error.span().unwrap_or(0..0), error.message());
            None
        }
    };
    warnings::not_in_effect(&document, &rejected, &mut problems);
    warnings::secrets(&document, &mut problems);
    let loaded = loaded.filter(|_| !problems.has_errors());
    let mut diagnostics = problems.into_diagnostics();
    if loaded.as_ref().is_some_and(|l| l.plan.sessions.is_empty()) {
        let none = Diagnostic::new(Severity::Warning, &source.name, "the file declares no sessions");
        diagnostics.push(none.help("add [sessions.NAME] with command = \"…\""));
    }
    Outcome { loaded, diagnostics }
}

fn read(document: &Document<'_>, rejected: &BTreeSet<Place>) -> Result<raw::File, toml::de::Error> {
    raw::File::deserialize(toml::Deserializer::from(document.without(rejected)))
}

fn check(
    source: &Source,
    context: &Context,
    surroundings: &dyn Surroundings,
    document: &Document<'_>,
    rejected: &BTreeSet<Place>,
    raw: &raw::File,
    problems: &mut Problems<'_>,
) -> Loaded {
    let mut build = Build {
        raw,
        context,
        surroundings,
        folder: &source.folder,
        problems,
        rejected,
        session_names: plan::names(document, "sessions"),
        project_names: plan::names(document, "projects"),
    };
    let (plan, settings) = plan::build(&mut build);
    Loaded { plan, settings }
}
