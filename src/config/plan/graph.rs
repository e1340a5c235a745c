//! Who waits for whom: nobody for itself, in a circle, or for one that never runs.

use super::super::printable::quoted;
use super::Build;
use super::session::Edge;
use std::collections::{BTreeMap, BTreeSet};

/// Most names of a circle that are printed.
const SHOWN: usize = 60;

/// Checks what the sessions wait for.
pub(super) fn check(build: &mut Build<'_, '_>, edges: &[Edge]) {
    let defaults = build.raw.defaults.enabled;
    let raw = build.raw;
    let disabled = |name: &str| raw.sessions.get(name).is_some_and(|s| s.enabled.or(defaults) == Some(false));
    let mut next: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, edge) in edges.iter().enumerate() {
        let (from, to) = (edge.from.as_str(), edge.to.as_str());
        if from == to {
            build.problems.error(&edge.place, format!("session {} waits for itself", quoted(from)));
            continue;
        }
        if disabled(to) && !disabled(from) {
            let message = format!("session {} is not enabled, so {} would wait for ever", quoted(to), quoted(from));
            build.problems.error(&edge.place, message).help("enable it, or take it out of `after`");
        }
        next.entry(from).or_default().push(i);
    }
    circles(build, edges, &next);
}

/// Walks the graph depth first without recursion: a chain may be a thousand long.
fn circles(build: &mut Build<'_, '_>, edges: &[Edge], next: &BTreeMap<&str, Vec<usize>>) {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for &start in next.keys() {
        // The path: a session and how many of its edges were followed.
        let mut path: Vec<(&str, usize)> = vec![(start, 0)];
        while let Some((name, followed)) = path.last_mut() {
            let name = *name;
            let out = next.get(name).map(Vec::as_slice).unwrap_or_default();
            let Some(&edge) = out.get(*followed).filter(|_| !done.contains(name)) else {
                done.insert(name);
                path.pop();
                continue;
            };
            *followed += 1;
            let to = edges[edge].to.as_str();
            if let Some(from) = path.iter().position(|(on_path, _)| *on_path == to) {
                let circle: Vec<&str> = path[from..].iter().map(|(name, _)| *name).collect();
                let shown = show(&circle);
                build.problems.error(&edges[edge].place, format!("the sessions wait for each other: {shown}"));
            } else if !done.contains(to) {
                path.push((to, 0));
            }
        }
    }
}

/// `a → b → c → a`, where the arrow reads "waits for". Names are checked, so they need no quoting.
fn show(circle: &[&str]) -> String {
    let mut names: Vec<String> = circle.iter().take(SHOWN).map(|n| (*n).to_owned()).collect();
    if circle.len() > SHOWN {
        names.push(format!("… {} more", circle.len() - SHOWN));
    }
    names.extend(circle.first().map(|n| (*n).to_owned()));
    names.join(" → ")
}
