//! What documents and sessions say, judged by what was seen, told once, and sorted.

use super::collected::ToldFact;
use super::facts::Facts;
use super::model_claims::{ClaimTally, DocumentReport, Doubt, ItemReport, ProjectItems, Quote};
use super::needs::stable_id;
use super::proof::{evidence, project_of, seconds_of};
use super::sessions::quote;
use crate::core::evidence::{Document, OpenItem, ToldBy, ToldKind};
use crate::core::ids::ProjectName;
use crate::harvest::{Item, Kind};
use crate::status::zone::rfc3339;
use crate::terminal::redact::redact;
use crate::verdict::{self, Judgement, Matter, Reason, Said, Verdict};
use std::collections::{BTreeMap, HashMap};

/// Most items that are judged in a night; what is beyond is said to be left out.
const JUDGED_MAX: usize = 20_000;
/// Most items of a project that are listed.
const LISTED_MAX: usize = 1_000;
/// Most doubts that are listed.
const DOUBTS_MAX: usize = 200;
/// Most of one kind and number that are held against each other to find what is said twice.
const ALIKE_MAX: usize = 300;
/// Most other places of an item that are named.
const ALSO_MAX: usize = 5;

/// All that is said in a night.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// By project; `None` is of sessions without one.
    pub projects: BTreeMap<Option<ProjectName>, OfProject>,
    pub tally: ClaimTally,
    pub doubts: Vec<Doubt>,
    pub doubts_left_out: u64,
}

/// What is said of one project.
#[derive(Debug, Default)]
pub(super) struct OfProject {
    pub items: ProjectItems,
    pub documents: Vec<DocumentReport>,
}

/// One source of claims: a document, or all that a session said itself.
struct Source {
    quote: Quote,
    session: Option<String>,
    written: Option<i64>,
    claims: Vec<Item>,
    judged: Vec<Judgement>,
    /// Of what a session said itself: what came with it, beside each claim.
    told: Vec<ToldFact>,
    /// Lines that say otherwise, where another document does.
    against: BTreeMap<usize, Quote>,
}

/// An item as it was said, before what is said twice is put together.
struct Single {
    item: Item,
    judgement: Judgement,
    quote: Quote,
    against: Option<Quote>,
    blocks: Option<String>,
    verify: Option<String>,
    matter: Matter,
    times: u64,
    also: Vec<String>,
}

/// Judges all that was collected.
pub(super) fn claims(facts: &Facts) -> Claims {
    let mut left = JUDGED_MAX;
    let mut by_project: BTreeMap<Option<ProjectName>, (Vec<Source>, Vec<DocumentReport>)> = BTreeMap::new();
    let begin = facts.opened.map_or(facts.last, |at| at.wall);
    for ((project, _), document) in &facts.collected.documents {
        // What was not changed in the night is not of this night: else last month's deeds come back every morning.
        if document.written < begin {
            continue;
        }
        let place = by_project.entry(Some(project.clone())).or_default();
        let (source, report) = read(facts, document, &mut left);
        place.0.extend(source);
        place.1.push(report);
    }
    let mut sessions: BTreeMap<_, Vec<&ToldFact>> = BTreeMap::new();
    for told in &facts.collected.told {
        sessions.entry(&told.attempt.run.session).or_default().push(told);
    }
    for (session, told) in sessions {
        let project = project_of(facts, session).cloned();
        let source = listen(facts, project.as_ref(), &told, &mut left);
        by_project.entry(project).or_default().0.push(source);
    }
    let mut all = Claims::default();
    for (project, (mut sources, documents)) in by_project {
        between(&mut sources);
        let singles = together(singles(sources));
        let name = project.as_ref().map(ToString::to_string);
        for single in &singles {
            all.count(single);
            all.doubt(single, name.as_deref());
        }
        let items = sort(facts, name.as_deref(), singles);
        all.projects.insert(project, OfProject { items, documents });
    }
    all.doubts.sort_by(|a, b| {
        let weight =
            |doubt: &Doubt| ["contradicted", "stale"].iter().position(|word| *word == doubt.verdict).unwrap_or(2);
        (weight(a), &a.project, &a.claim.path, a.claim.line, &a.id).cmp(&(
            weight(b),
            &b.project,
            &b.claim.path,
            b.claim.line,
            &b.id,
        ))
    });
    all.doubts_left_out = all.doubts.len().saturating_sub(DOUBTS_MAX) as u64;
    all.doubts.truncate(DOUBTS_MAX);
    all
}

/// Reads a document and judges what it claims.
fn read(facts: &Facts, document: &Document, left: &mut usize) -> (Option<Source>, DocumentReport) {
    let session = document.session.as_ref().map(ToString::to_string);
    let mut report = DocumentReport {
        path: quote(&document.path),
        session: session.clone(),
        written: rfc3339(document.written),
        bytes: document.bytes,
        items: 0,
        unfinished: false,
        notes: document.problem.iter().map(|problem| quote(problem)).collect(),
    };
    if document.text.is_empty() {
        return (None, report);
    }
    // It came without secrets; what is quoted is looked through once more.
    let text = redact(&document.text);
    let mut read = verdict::Document::read(text.as_bytes(), Some(seconds_of(document.written)));
    report.unfinished = read.unfinished;
    report.items = read.items.len() as u64;
    report.notes.extend(read.notes.iter().map(|note| quote(note)));
    if read.items.len() > *left {
        report.notes.push(format!("only the first {left} of its items were judged"));
        read.items.truncate(*left);
    }
    *left -= read.items.len();
    let seen = evidence(facts, Some(&document.project), document.session.as_ref());
    let (claims, judged) = verdict::judge_all(&read, &seen).into_iter().unzip();
    let quote = Quote {
        text: String::new(),
        source: "document".to_owned(),
        path: Some(report.path.clone()),
        line: None,
        session: session.clone(),
        at: Some(report.written.clone()),
    };
    let written = read.written;
    (Some(Source { quote, session, written, claims, judged, told: Vec::new(), against: BTreeMap::new() }), report)
}

/// Judges what a session said itself.
fn listen(facts: &Facts, project: Option<&ProjectName>, told: &[&ToldFact], left: &mut usize) -> Source {
    let session = told.first().map(|told| &told.attempt.run.session);
    let seen = evidence(facts, project, session);
    let mut source = Source {
        quote: Quote {
            text: String::new(),
            source: "tell".to_owned(),
            path: None,
            line: None,
            session: session.map(ToString::to_string),
            at: None,
        },
        session: session.map(ToString::to_string),
        written: told.last().map(|told| seconds_of(told.at)),
        claims: Vec::new(),
        judged: Vec::new(),
        told: Vec::new(),
        against: BTreeMap::new(),
    };
    for fact in told.iter().take(*left) {
        let kind = match fact.told.kind {
            ToldKind::Done => Kind::Achievement,
            ToldKind::Blocked => Kind::Blocker,
            ToldKind::Needs => Kind::UserAction,
            ToldKind::Metric => Kind::Metric,
            ToldKind::Next => Kind::NextStep,
            ToldKind::Decision => Kind::Decision,
        };
        let item = Item { kind, text: redact(&fact.told.text).into_owned(), line: 0, section: String::new() };
        // The file that it names belongs to the claim.
        let named = fact.told.file.as_ref().map_or_else(|| item.text.clone(), |file| format!("{} {file}", item.text));
        let judged = verdict::judge(&Item { text: named, ..item.clone() }, &verdict::Document::default(), &seen);
        source.claims.push(item);
        source.judged.push(judged);
        source.told.push((*fact).clone());
    }
    *left -= source.claims.len();
    source
}

/// Holds the sources of a project against each other.
fn between(sources: &mut [Source]) {
    let said: Vec<Said<'_>> = sources
        .iter()
        .map(|source| Said { claims: &source.claims, writer: source.session.as_deref(), written: source.written })
        .collect();
    let found = verdict::disagreements(&said);
    for disagreement in found {
        let (older, newer) = (disagreement.older, disagreement.newer);
        let verified = |side: verdict::Side| sources[side.document].judged[side.claim].verdict == Verdict::Verified;
        // Where one side was seen, only the other is wrong.
        let (of_older, of_newer) = match (verified(older), verified(newer)) {
            (true, false) => (Verdict::Claimed, Verdict::Contradicted),
            (false, true) => (disagreement.of_older.max(Verdict::Stale), Verdict::Claimed),
            (true, true) => continue,
            (false, false) => (disagreement.of_older, disagreement.of_newer),
        };
        for (side, other, verdict) in [(older, newer, of_older), (newer, older, of_newer)] {
            if verdict <= Verdict::Verified || sources[side.document].against.contains_key(&side.claim) {
                continue;
            }
            let other = sources[other.document].quoted(other.claim);
            let source = &mut sources[side.document];
            let judged = &mut source.judged[side.claim];
            if judged.verdict >= verdict {
                continue;
            }
            let place = other.path.clone().or_else(|| other.session.clone()).unwrap_or_default();
            let line = other.line.map_or_else(String::new, |line| format!(":{line}"));
            judged
                .reasons
                .insert(0, Reason { verdict, seen: format!("{place}{line} says: {}", other.text), line: None });
            judged.verdict = verdict;
            judged.opinion = false;
            source.against.insert(side.claim, other);
        }
    }
}

impl Source {
    /// A claim as it is quoted.
    fn quoted(&self, claim: usize) -> Quote {
        let item = &self.claims[claim];
        let mut quoted = Quote { text: quote(&item.text), ..self.quote.clone() };
        match self.told.get(claim) {
            Some(told) => {
                quoted.at = Some(rfc3339(told.at));
                quoted.path = told.told.file.as_deref().map(quote);
                match told.told.by {
                    ToldBy::Command => "tell",
                    ToldBy::Marker => "marker",
                }
                .clone_into(&mut quoted.source);
            }
            None => quoted.line = Some(item.line as u64),
        }
        quoted
    }
}

fn singles(sources: Vec<Source>) -> Vec<Single> {
    let mut all = Vec::new();
    for mut source in sources {
        for claim in 0..source.claims.len() {
            let said = source.quoted(claim);
            let told = source.told.get(claim).map(|told| &told.told);
            all.push(Single {
                matter: Matter::of(&source.claims[claim].text),
                item: source.claims[claim].clone(),
                judgement: source.judged[claim].clone(),
                against: source.against.remove(&claim),
                blocks: told.and_then(|told| told.blocks.as_deref()).map(quote),
                verify: told.and_then(|told| told.verify.as_deref()).map(quote),
                quote: said,
                times: 1,
                also: Vec::new(),
            });
        }
    }
    all
}

/// Puts together what is said several times: the same kind, number and words, or nearly so. What is worst of it counts:
/// to say a thing again makes it no truer.
fn together(singles: Vec<Single>) -> Vec<Single> {
    let mut out: Vec<Single> = Vec::with_capacity(singles.len());
    let mut same: HashMap<(Kind, String), usize> = HashMap::new();
    let mut alike: HashMap<(Kind, String), Vec<usize>> = HashMap::new();
    for single in singles {
        let words = (single.item.kind, normalised(&single.item.text));
        let numbers = (single.item.kind, format!("{:?}", single.matter.numbers));
        let near = alike.entry(numbers).or_default();
        let place = same.get(&words).copied().or_else(|| {
            near.iter().rev().take(ALIKE_MAX).copied().find(|at| out[*at].matter.resembles(&single.matter))
        });
        let Some(place) = place else {
            same.insert(words, out.len());
            near.push(out.len());
            out.push(single);
            continue;
        };
        let known = &mut out[place];
        known.times += 1;
        let worse = single.judgement.verdict > known.judgement.verdict;
        let other = if worse { &known.quote } else { &single.quote };
        if let Some(path) = &other.path
            && known.also.len() < ALSO_MAX
        {
            known.also.push(other.line.map_or_else(|| path.clone(), |line| format!("{path}:{line}")));
        }
        known.blocks = known.blocks.take().or(single.blocks);
        known.verify = known.verify.take().or(single.verify);
        if worse {
            known.judgement = single.judgement;
            known.quote = single.quote;
            known.against = single.against;
            known.item = single.item;
        }
    }
    out
}

/// The words of a text alone, so that marks, signs and spaces make no difference.
pub(super) fn normalised(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// The id of an item: the same as long as project, kind and words are.
pub(super) fn item_id(project: Option<&str>, kind: &str, text: &str) -> String {
    stable_id("i", &[project.unwrap_or(""), kind, &normalised(text)])
}

/// The word for a verdict in the document.
fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Claimed => "says",
        Verdict::Consistent => "adds_up",
        Verdict::Verified => "seen",
        Verdict::Weak => "weak",
        Verdict::Stale => "stale",
        Verdict::Contradicted => "contradicted",
    }
}

impl Claims {
    fn count(&mut self, single: &Single) {
        let asserts = matches!(single.item.kind, Kind::Achievement | Kind::Metric | Kind::Artifact);
        let verdict = single.judgement.verdict;
        if single.judgement.opinion {
            self.tally.opinions += 1;
        } else if asserts || verdict >= Verdict::Weak {
            self.tally.claims += 1;
            *match verdict {
                Verdict::Claimed => &mut self.tally.says,
                Verdict::Consistent => &mut self.tally.adds_up,
                Verdict::Verified => &mut self.tally.seen,
                Verdict::Weak => &mut self.tally.weak,
                Verdict::Stale => &mut self.tally.stale,
                Verdict::Contradicted => &mut self.tally.contradicted,
            } += 1;
        }
    }

    fn doubt(&mut self, single: &Single, project: Option<&str>) {
        let verdict = single.judgement.verdict;
        let Some(reason) = single.judgement.reasons.first().filter(|_| verdict >= Verdict::Weak) else { return };
        let against = single.against.clone().unwrap_or_else(|| Quote {
            text: quote(&reason.seen),
            source: if reason.line.is_some() { "document" } else { "nightkeep" }.to_owned(),
            path: reason.line.and(single.quote.path.clone()),
            line: reason.line.map(|line| line as u64),
            session: reason.line.and(single.quote.session.clone()),
            at: None,
        });
        // Where two documents say otherwise of each other, once is enough.
        let mirrored = |known: &Doubt| {
            single.against.is_some() && known.claim.same_place(&against) && known.against.same_place(&single.quote)
        };
        if self.doubts.iter().any(mirrored) {
            return;
        }
        self.doubts.push(Doubt {
            id: item_id(project, single.item.kind.as_str(), &single.item.text),
            project: project.map(str::to_owned),
            verdict: word(verdict).to_owned(),
            claim: single.quote.clone(),
            against,
        });
    }
}

impl Quote {
    fn same_place(&self, other: &Self) -> bool {
        (&self.path, self.line, &self.session, &self.text) == (&other.path, other.line, &other.session, &other.text)
    }
}

/// Sorts what is said of a project into its lists.
fn sort(facts: &Facts, project: Option<&str>, singles: Vec<Single>) -> ProjectItems {
    let mut items = ProjectItems::default();
    let open = facts.collected.before.as_ref().map_or(&[][..], |before| before.open.as_slice());
    let night = facts.night.to_string();
    let known: Vec<(&OpenItem, Matter)> = open
        .iter()
        .filter(|item| item.project.as_ref().map(ToString::to_string).as_deref() == project)
        .map(|item| (item, Matter::of(&item.text)))
        .collect();
    for single in singles {
        let kind = single.item.kind;
        let id = item_id(project, kind.as_str(), &single.item.text);
        let before = known.iter().find(|(item, _)| item.id == id).or_else(|| {
            known.iter().find(|(item, matter)| item.kind == kind.as_str() && matter.resembles(&single.matter))
        });
        let report = ItemReport {
            id,
            kind: kind.as_str().to_owned(),
            text: single.quote.text.clone(),
            verdict: word(single.judgement.verdict).to_owned(),
            opinion: single.judgement.opinion,
            section: quote(&single.item.section),
            seen: single.judgement.reasons.iter().take(3).map(|reason| quote(&reason.seen)).collect(),
            times: single.times,
            also: single.also,
            blocks: single.blocks,
            verify: single.verify,
            priority: priority(&single.item.section, &single.item.text),
            nights: before.map_or(1, |(item, _)| item.nights.saturating_add(1)),
            first_night: before.map_or_else(|| night.clone(), |(item, _)| item.first.to_string()),
            said: single.quote,
        };
        match kind {
            Kind::Achievement => &mut items.done,
            Kind::Metric => &mut items.numbers,
            Kind::Artifact => &mut items.artifacts,
            Kind::Pending | Kind::InProgress => &mut items.open,
            Kind::Error => &mut items.errors,
            Kind::Blocker => &mut items.blockers,
            Kind::UserAction => &mut items.user_actions,
            Kind::NextStep => &mut items.next_steps,
            Kind::Decision => &mut items.decisions,
            Kind::Limitation => &mut items.limits,
        }
        .push(report);
    }
    // Praise counts as nothing, what does not hold is told elsewhere.
    let rank = |item: &ItemReport| {
        let order = ["seen", "adds_up", "says", "weak", "stale", "contradicted"];
        (item.opinion, order.iter().position(|word| *word == item.verdict))
    };
    items.done.sort_by_key(rank);
    items.numbers.sort_by_key(rank);
    items.artifacts.sort_by_key(rank);
    items.next_steps.sort_by_key(|item| item.priority.unwrap_or(2));
    let mut left = LISTED_MAX;
    let all = items.count();
    let lists = [
        &mut items.user_actions,
        &mut items.blockers,
        &mut items.errors,
        &mut items.done,
        &mut items.next_steps,
        &mut items.numbers,
        &mut items.open,
        &mut items.decisions,
        &mut items.limits,
        &mut items.artifacts,
    ];
    for list in lists {
        list.truncate(left);
        left -= list.len();
    }
    items.left_out = (all - items.count()) as u64;
    items
}

/// How urgent a step is by its own document: 1 is most urgent.
fn priority(section: &str, text: &str) -> Option<u8> {
    let (section, text) = (section.to_lowercase(), text.to_lowercase());
    let own = section.rsplit(" › ").next().unwrap_or("");
    let begin: String = text.chars().take(24).collect();
    let ranks: [(u8, &[&str]); 3] = [
        (1, &["priority 1", "p0", "immediate", "critical", "urgent", "high", "this week", "today", "before demo"]),
        (
            2,
            &[
                "priority 2",
                "p1",
                "medium priority",
                "short term",
                "short-term",
                "next 2 weeks",
                "soon",
                "upon ",
                "after ",
            ],
        ),
        (
            3,
            &[
                "priority 3",
                "p2",
                "p3",
                "low",
                "later",
                "medium term",
                "long term",
                "long-term",
                "future",
                "optional",
                "nice",
            ],
        ),
    ];
    let named = |place: &str| {
        ranks.iter().find(|(_, words)| {
            words.iter().any(|word| {
                place.starts_with(word) || place.contains(&format!(" {word}")) || place.contains(&format!("({word}"))
            })
        })
    };
    named(own).or_else(|| named(&begin).filter(|_| begin.contains(':'))).map(|(rank, _)| *rank)
}
