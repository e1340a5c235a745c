//! The page for a browser: what it holds, and that nothing in it does anything.

use super::builder::*;
use super::hostile::{hostile_night, is_clean};
use super::nights::{mixed, quiet};
use nightkeep::report::html::render;
use std::collections::BTreeSet;

/// Names of the elements and of the attributes of a page, with the values of the attributes.
#[derive(Default)]
struct Markup {
    elements: BTreeSet<String>,
    attributes: Vec<(String, String)>,
}

/// Reads the tags of a page. Strict on purpose: what the page writes is simple, and anything else fails.
fn markup(page: &str) -> Markup {
    let mut found = Markup::default();
    let mut open: Vec<String> = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').expect("a tag ends");
        let (tag, after) = rest.split_at(end);
        rest = &after[1..];
        if tag.starts_with('!') {
            assert_eq!(tag, "!doctype html");
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "elements are closed in order");
            continue;
        }
        let empty = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{name}");
        found.elements.insert(name.to_owned());
        while let Some((key, value)) = attributes.trim_start().split_once("=\"") {
            let (value, after) = value.split_once('"').expect("a value ends");
            let key = key.rsplit(' ').next().unwrap_or(key);
            found.attributes.push((key.to_owned(), value.to_owned()));
            attributes = after;
        }
        if !empty && !matches!(name, "meta" | "br") {
            open.push(name.to_owned());
        }
    }
    assert_eq!(open, Vec::<String>::new(), "all elements are closed");
    found
}

/// Holds for every page, whatever the night was.
fn is_inert(page: &str) {
    assert!(page.chars().all(is_clean), "no control or hidden characters");
    let found = markup(page);
    let known: BTreeSet<&str> = BTreeSet::from([
        "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "p", "strong", "span", "section",
        "ol", "ul", "li", "br", "code", "pre", "details", "summary", "div", "table", "tr", "th", "td", "svg", "rect",
        "footer", "q",
    ]);
    for element in &found.elements {
        assert!(known.contains(element.as_str()), "<{element}>");
    }
    for (key, value) in &found.attributes {
        assert!(
            !key.starts_with("on") && !matches!(key.as_str(), "href" | "src" | "style" | "action"),
            "{key}={value}"
        );
    }
    assert!(page.contains("Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'"));
}

#[test]
fn a_mixed_night_says_first_what_needs_you() {
    let page = render(&mixed().report()).unwrap();
    is_inert(&page);
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is not in the page"));
    let order =
        ["<h1>2 things need you.", "<h2>Needs you</h2>", "nightkeep logs load-x", "<h2>Sessions</h2>", "load-profiles"];
    assert!(order.windows(2).all(|pair| place(pair[0]) < place(pair[1])));
    place("Blocks motherduck, tests");
    place("profiles 3,513/3,513");
    place("verify: pytest -q");
    place("load: all profiles");
    insta::assert_snapshot!("mixed_html", page);
}

#[test]
fn a_quiet_night_is_a_short_page() {
    let page = render(&quiet("2026-11-21", "2026-11-21T21:30:00Z", "2026-11-22T05:45:00Z").report()).unwrap();
    is_inert(&page);
    assert!(page.contains("<h1>Nothing needs you."));
    assert!(!page.contains("<h2>Needs you"));
}

#[test]
fn hostile_text_stays_text() {
    let page = render(&hostile_night().report()).unwrap();
    is_inert(&page);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;"));
}

#[test]
fn the_same_journal_makes_the_same_page() {
    let journal = mixed();
    assert_eq!(render(&journal.report()).unwrap(), render(&journal.report()).unwrap());
}

#[test]
fn a_night_of_very_many_sessions_leaves_out_and_says_so() {
    let names: Vec<String> = (0..500).map(|i| format!("load-{i:03}")).collect();
    let mut journal =
        Journal::begin("2026-11-21", "2026-11-21T21:30:00Z", plan(names.iter().map(|name| session(name))));
    for name in &names {
        journal.queue(name, nightkeep::core::run::RunState::Queued, "asked for tonight");
        journal.good(name, 5, nightkeep::core::run::OutputSeen::default());
    }
    journal.close("everything asked for has ended");
    let page = render(&journal.report()).unwrap();
    is_inert(&page);
    assert!(page.contains("440 more sessions, none of them worse than these, in the JSON."));
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
}
