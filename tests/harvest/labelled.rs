//! Every line of these documents carries its label: the kinds a reader accepts, the best first, `?` where no item is
//! right too, nothing where there is none.

use nightkeep::harvest::{Item, Kind, harvest};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

struct Label {
    kinds: Vec<Kind>,
    optional: bool,
}

struct Labelled {
    name: String,
    document: String,
    labels: BTreeMap<usize, Label>,
}

fn kind(letter: &str) -> Kind {
    match letter {
        "a" => Kind::Achievement,
        "p" => Kind::Pending,
        "i" => Kind::InProgress,
        "b" => Kind::Blocker,
        "u" => Kind::UserAction,
        "e" => Kind::Error,
        "n" => Kind::NextStep,
        "m" => Kind::Metric,
        "f" => Kind::Artifact,
        "d" => Kind::Decision,
        "l" => Kind::Limitation,
        other => panic!("no kind has the letter {other}"),
    }
}

fn documents() -> Vec<Labelled> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/harvest/docs"));
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 30, "documents are missing");
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &std::path::Path) -> Labelled {
    let (mut document, mut labels) = (String::new(), BTreeMap::new());
    for (at, line) in std::fs::read_to_string(path).unwrap().lines().enumerate() {
        let (label, text) = line.split_once('|').unwrap_or_else(|| panic!("{}:{}: no label", path.display(), at + 1));
        document.push_str(text);
        document.push('\n');
        let label = label.trim();
        if !label.is_empty() {
            let letters = label.trim_end_matches('?');
            let kinds = letters.split(['/', ',']).map(kind).collect();
            labels.insert(at + 1, Label { kinds, optional: label.ends_with('?') });
        }
    }
    Labelled { name: path.file_stem().unwrap().to_string_lossy().into_owned(), document, labels }
}

#[derive(Default)]
struct Score {
    right: usize,
    missed: usize,
    wrong: usize,
    told: String,
}

impl Score {
    fn f1(&self) -> f64 {
        let (right, missed, wrong) = (as_f64(self.right), as_f64(self.missed), as_f64(self.wrong));
        2.0 * right / (2.0 * right + missed + wrong)
    }
}

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

fn score(labelled: &Labelled, wanted: impl Fn(&Kind) -> bool) -> Score {
    let items = harvest(labelled.document.as_bytes()).items;
    let by_line: BTreeMap<usize, &Item> = items.iter().rev().map(|item| (item.line, item)).collect();
    let mut score = Score::default();
    for (line, label) in &labelled.labels {
        let got = by_line.get(line);
        let right = got.is_some_and(|item| label.kinds.contains(&item.kind));
        if label.optional || !wanted(&label.kinds[0]) {
            continue;
        }
        if right {
            score.right += 1;
        } else {
            score.missed += 1;
            score.wrong += usize::from(got.is_some());
            let _ = writeln!(score.told, "{}:{line}: wanted {:?}, got {got:?}", labelled.name, label.kinds);
        }
    }
    for item in items.iter().filter(|item| wanted(&item.kind) && !labelled.labels.contains_key(&item.line)) {
        score.wrong += 1;
        let _ = writeln!(score.told, "{}:{}: nothing there, got {item:?}", labelled.name, item.line);
    }
    score
}

fn total(wanted: impl Fn(&Kind) -> bool) -> Score {
    let mut total = Score::default();
    for labelled in documents() {
        let one = score(&labelled, &wanted);
        total.right += one.right;
        total.missed += one.missed;
        total.wrong += one.wrong;
        total.told.push_str(&one.told);
    }
    total
}

#[test]
fn items_are_found_as_a_reader_finds_them() {
    let all = total(|_| true);
    assert!(all.right > 400 && all.f1() >= 0.97, "F1 {:.3}\n{}", all.f1(), all.told);
}

#[test]
fn errors_are_found() {
    let errors = total(|kind| *kind == Kind::Error);
    assert!(errors.right > 25 && errors.f1() >= 0.93, "F1 {:.3}\n{}", errors.f1(), errors.told);
}

#[test]
fn nothing_that_needs_somebody_is_missed() {
    let urgent = total(|kind| matches!(kind, Kind::UserAction | Kind::Blocker));
    assert!(urgent.right > 40 && urgent.missed == 0, "{}", urgent.told);
}

#[test]
fn a_document_that_was_never_finished_claims_nothing() {
    let labelled = documents().into_iter().find(|d| d.name == "unfinished").unwrap();
    let read = harvest(labelled.document.as_bytes());
    assert!(read.unfinished);
    assert_eq!(read.items.iter().map(|i| i.kind).collect::<Vec<_>>(), [Kind::InProgress]);
    let finished: Vec<String> = documents()
        .iter()
        .filter(|d| d.name != "unfinished" && harvest(d.document.as_bytes()).unfinished)
        .map(|d| d.name.clone())
        .collect();
    assert!(finished.is_empty(), "{finished:?}");
}

#[test]
fn the_section_outweighs_the_sign() {
    let kinds = |text: &str| harvest(text.as_bytes()).items.iter().map(|i| i.kind).collect::<Vec<_>>();
    assert_eq!(kinds("## Working\n- ✅ Search\n"), [Kind::Achievement]);
    assert_eq!(kinds("## Next steps\n- ✅ Search\n"), [Kind::NextStep]);
    assert_eq!(kinds("## Bugs fixed\n- Crash at start\n"), [Kind::Achievement]);
    assert_eq!(kinds("## Bugs\n- Crash at start\n- ~~Crash at end~~ **FIXED**\n"), [Kind::Error, Kind::Achievement]);
    assert_eq!(kinds("## Blockers\n- None\n"), []);
    assert_eq!(kinds("## Blockers\n- No blocking issues\n"), [Kind::Achievement]);
    assert_eq!(kinds("## Done\n- [ ] You need to run the migration\n"), [Kind::UserAction]);
}

#[test]
fn lines_and_sections_are_told() {
    let items =
        harvest(b"# Day\n\ntext\n\n## Done\n\n### Search\n\n1. **Index**: rebuilt `a.rs`\n   - more\n2. Cache added\n")
            .items;
    let told: Vec<(usize, &str, &str)> = items.iter().map(|i| (i.line, i.text.as_str(), i.section.as_str())).collect();
    assert_eq!(told, [(9, "Index: rebuilt a.rs", "Day › Done › Search"), (11, "Cache added", "Day › Done › Search")]);
}
