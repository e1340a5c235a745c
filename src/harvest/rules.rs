//! The kind of one line: by its section, its sign, its box, its label, its words and what they deny.

use super::Kind;
use super::blocks::Unit;
use super::evidence;
use super::labels::{self, Label};
use super::lexicon::Words;
use super::marks::{self, Mark};
use super::sections::Class;
use super::signals::{Reading, Signal};

/// Where a line stands.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// What its section holds.
    pub class: Option<Class>,
    /// What the bullet it belongs to was taken for.
    pub nested: Option<Kind>,
    /// Whether that bullet ends with a colon.
    pub opened: bool,
    /// What the nearest heading was taken for.
    pub under: Option<Kind>,
    /// Whether the document was never finished.
    pub unfinished: bool,
}

/// A line and all that can be told of it alone.
#[derive(Debug)]
pub struct Line {
    /// Its text without signs and boxes at its ends.
    pub text: String,
    /// Its sign.
    pub mark: Option<Mark>,
    /// Its box, ticked or not.
    pub task: Option<bool>,
    /// Whether it is struck out, as good as all of it.
    pub struck: bool,
    /// Whether its list counts.
    pub ordered: bool,
    /// Whether it stands in a quote.
    pub quoted: bool,
    /// Its label and what that says, when it has one.
    pub label: Option<(String, Option<Label>, bool)>,
    /// What stands after the label, or all of it.
    pub value: String,
    /// Whether code stands at its beginning.
    pub coded: bool,
    /// Whether that code is a path.
    pub coded_path: bool,
    /// Whether any code in it is a path.
    pub pathy: bool,
    /// What all of it says.
    pub reading: Reading,
    /// What its value says.
    pub said: Reading,
}

impl Line {
    /// Looks at a unit.
    pub fn of(unit: &Unit, ordered: bool) -> Self {
        let whole = unit.text.trim_end();
        let (mut mark, mut body) = marks::leading(whole);
        let mut task = unit.task;
        if let Some((boxed, rest)) = marks::boxed(body) {
            match boxed {
                Mark::Done => task = Some(true),
                Mark::Waiting => task = Some(false),
                Mark::Doing | Mark::Warning | Mark::Failed | Mark::Stopped | Mark::Dot => mark = mark.or(Some(boxed)),
            }
            body = rest;
            let (more, rest) = marks::leading(body);
            mark = mark.or(more);
            body = rest;
        }
        let (tail, body) = marks::trailing(body);
        let start = whole.len() - whole[whole.find(body).unwrap_or(0)..].len();
        let bold_end = unit
            .bold
            .iter()
            .find(|b| b.start <= start && b.end > start)
            .map(|b| (b.end - start).min(body.len()))
            .filter(|end| body.is_char_boundary(*end));
        let split = labels::split(body, bold_end);
        // A label in code names a thing, and says nothing.
        let named = unit.code.iter().any(|c| c.start <= start && c.end > start);
        let read = |label| if named { None } else { labels::read(label) };
        let label = split.map(|(label, _, bold)| (marks::trailing(label).1.to_owned(), read(label), bold));
        let value = split.map_or(body, |(_, value, _)| value);
        let (inner, value) = marks::leading(value);
        let coded = unit.code.iter().find(|c| c.start <= start && c.end > start);
        let is_path = |c: &std::ops::Range<usize>| evidence::is_code_path(&unit.text[c.clone()]);
        let coded_path = coded.is_some_and(is_path);
        let pathy = unit.code.iter().any(is_path);
        let coded = coded.is_some();
        let struck: usize = unit.struck.iter().map(std::iter::ExactSizeIterator::len).sum();
        let first_struck = unit.struck.first().is_some_and(|s| s.start <= start + 2);
        Self {
            struck: struck * 2 > body.len() || (first_struck && struck > 8),
            mark: mark.or(inner).or(tail),
            task,
            ordered,
            quoted: unit.quoted,
            coded,
            coded_path,
            pathy,
            reading: Reading::of(body),
            said: Reading::of(value),
            value: value.to_owned(),
            label,
            text: body.to_owned(),
        }
    }

    /// A text by itself.
    fn plain(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            mark: None,
            task: None,
            struck: false,
            ordered: false,
            quoted: false,
            label: None,
            value: text.to_owned(),
            coded: false,
            coded_path: false,
            pathy: false,
            reading: Reading::of(text),
            said: Reading::of(text),
        }
    }

    fn known(&self) -> Option<Label> {
        self.label.as_ref().and_then(|(_, known, _)| *known)
    }

    fn opens(&self) -> bool {
        self.text.trim_end().ends_with([':', '：'])
    }

    /// Says that something was done, at its beginning or where its value begins.
    fn did(&self) -> bool {
        self.reading.leads(Signal::Did) || self.said.leads(Signal::Did)
    }

    fn good(&self) -> bool {
        self.reading.says(Signal::Good) || self.denies_trouble()
    }

    /// Says only that there is no trouble.
    fn denies_trouble(&self) -> bool {
        self.reading.denies(Signal::Bad) && !self.reading.trouble()
    }

    /// Says that the reader is to act, whatever the section.
    fn asks(&self) -> bool {
        self.reading.says(Signal::User)
    }

    /// Says good morning or good bye.
    fn greets(&self) -> bool {
        let quiet = [Signal::Did, Signal::Good, Signal::Bad, Signal::Block].iter().all(|s| !self.reading.has(*s));
        self.text.ends_with('!') && self.reading.words.len() <= 5 && quiet && !evidence::has_digit(&self.text)
    }

    /// Says that something has not changed: `still cuts the column`.
    fn lasts(&self) -> bool {
        (0..self.reading.words.len()).any(|at| self.reading.words.at(at) == "still") && !self.good()
    }

    fn undone(&self) -> bool {
        self.reading.has(Signal::Undone)
    }

    fn question(&self) -> bool {
        self.text.trim_end().ends_with(['?', '？'])
    }

    fn path_first(&self) -> bool {
        self.coded_path
            || evidence::leads_with_path(&self.text)
            || (self.label.is_some() && evidence::leads_with_path(&self.value))
            || self.label.as_ref().is_some_and(|(label, _, _)| evidence::is_path(label))
    }

    /// Its value is a number and little more.
    fn numeric(&self) -> bool {
        self.label.is_some() && evidence::starts_with_number(&self.value) && self.value.chars().count() <= 90
    }
}

/// What a state at the end of a heading says: `(Complete)`, `— DONE`, `: in progress`.
pub fn state_at_end(text: &str) -> Option<Class> {
    let end = end_of(text)?;
    let words = Words::of(end);
    if words.is_empty() || words.len() > 4 {
        return None;
    }
    let reading = Reading::of(end);
    if reading.has(Signal::Undone) || reading.begins(Signal::Todo) {
        return Some(Class::Pending);
    }
    if reading.has(Signal::Doing) {
        return Some(Class::Doing);
    }
    if reading.says(Signal::Block) {
        return Some(Class::Blocker);
    }
    let good = ["complete", "completed", "done", "fixed", "finished", "resolved", "shipped", "merged", "implemented", "deployed",
        "passed", "success", "closed", "delivered", "verified", "landed", "completo", "concluído", "erledigt", "fertig", "abgeschlossen",
        "완료", "готово", "завершено", "terminé", "fixes"];
    (0..words.len()).any(|at| good.contains(&words.at(at)) || words.at(at).contains("완료")).then_some(Class::Done)
}

/// A heading without the state at its end.
pub fn without_end(text: &str) -> &str {
    match end_of(text) {
        Some(end) if state_at_end(text).is_some() => {
            let at = text.rfind(end).unwrap_or(text.len());
            text[..at].trim_end_matches([' ', '(', '[', '-', '—', '–', ':'])
        }
        Some(_) | None => text,
    }
}

fn end_of(text: &str) -> Option<&str> {
    let text = text.trim_end().trim_end_matches(['!', '.']);
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some(inner) = text.strip_suffix(close)
            && let Some(at) = inner.rfind(open)
        {
            return (at > 0).then(|| &inner[at + 1..]);
        }
    }
    let at = [" — ", " – ", " - ", ": "].iter().filter_map(|sign| text.rfind(sign).map(|at| at + sign.len())).max()?;
    (at < text.len()).then(|| &text[at..])
}

/// The section that a label makes of the list below it.
pub fn class_of_label(label: Label) -> Option<Class> {
    match label {
        Label::Metric => Some(Class::Metric),
        Label::File => Some(Class::Files),
        Label::Ref => Some(Class::Commits),
        Label::Next => Some(Class::Next),
        Label::User => Some(Class::User),
        Label::Blocker => Some(Class::Blocker),
        Label::Error => Some(Class::Error),
        Label::Fix | Label::Done => Some(Class::Done),
        Label::Decision => Some(Class::Decision),
        Label::Limit => Some(Class::Limit),
        Label::Todo => Some(Class::Pending),
        Label::Result => Some(Class::Verify),
        Label::Status | Label::Cause | Label::Impact | Label::Meta => None,
    }
}

/// The kind that a section's lines have by default.
fn kind_of(class: Class) -> Option<Kind> {
    match class {
        Class::Done => Some(Kind::Achievement),
        Class::Doing => Some(Kind::InProgress),
        Class::Pending | Class::Later => Some(Kind::Pending),
        Class::Next => Some(Kind::NextStep),
        Class::User => Some(Kind::UserAction),
        Class::Blocker => Some(Kind::Blocker),
        Class::Error | Class::Findings => Some(Kind::Error),
        Class::Metric => Some(Kind::Metric),
        Class::Files | Class::Commits => Some(Kind::Artifact),
        Class::Decision => Some(Kind::Decision),
        Class::Limit => Some(Kind::Limitation),
        Class::Verify => Some(Kind::Achievement),
        Class::Insight | Class::Summary | Class::Log | Class::Notes | Class::Skip => None,
    }
}

/// A heading that names more than the kind of what follows.
#[derive(Debug, Clone, Copy)]
pub struct Head<'t> {
    /// Its text without number and sign.
    pub text: &'t str,
    /// Whether it has a number.
    pub numbered: bool,
    /// Its sign.
    pub mark: Option<Mark>,
    /// The state at its end.
    pub state: Option<Class>,
    /// Whether it only groups the bullets, rows or headings that follow.
    pub groups: bool,
}

/// A heading that is an item itself: one of several, or one that tells how it stands.
pub fn heading(head: &Head<'_>, class: Option<Class>, place: &Place) -> Option<Kind> {
    let &Head { text, numbered, mark, state, groups } = head;
    if place.unfinished || matches!(class, Some(Class::Skip)) {
        return None;
    }
    let reading = Reading::of(text);
    let cured = reading.says(Signal::Cured) || state == Some(Class::Done) || mark == Some(Mark::Done);
    if let Some(state) = state {
        return kind_of(state);
    }
    let named = place.class.filter(|c| {
        matches!(c, Class::Error | Class::Findings | Class::Blocker | Class::Decision | Class::User | Class::Limit)
    });
    if numbered || mark.is_some() || (named.is_some() && !groups) {
        match class.or(place.class) {
            Some(Class::Error | Class::Blocker | Class::Limit | Class::Findings) if cured => return Some(Kind::Achievement),
            Some(Class::Summary | Class::Log | Class::Notes | Class::Insight | Class::Verify | Class::Files | Class::Metric | Class::Commits)
            | None => {}
            Some(class) => return kind_of(class),
        }
        if mark == Some(Mark::Done) {
            return Some(Kind::Achievement);
        }
        if mark == Some(Mark::Failed) && reading.trouble() {
            return Some(Kind::Error);
        }
    }
    if reading.says(Signal::User) && class != Some(Class::User) {
        return Some(Kind::UserAction);
    }
    let last = reading.words.at(reading.words.len().saturating_sub(1));
    let ends_good = |word: &str| {
        matches!(word, "complete" | "completed" | "done" | "finished" | "ready" | "resolved" | "fixed" | "merged" | "shipped" | "passing" | "working" | "deployed")
    };
    let before_count = text.split(['(', '!']).next().unwrap_or(text);
    let counted = Reading::of(before_count);
    let last_before = counted.words.at(counted.words.len().saturating_sub(1));
    if (ends_good(last) || ends_good(last_before)) && !reading.has(Signal::No) && !reading.has(Signal::Undone) {
        return Some(Kind::Achievement);
    }
    if numbered && (reading.leads(Signal::Did) || reading.says(Signal::Good)) && !reading.has(Signal::No) {
        return Some(Kind::Achievement);
    }
    None
}

/// A line that ends with a colon and leads in what follows.
pub fn lead_in(line: &Line, place: &Place, bare: bool) -> Option<Kind> {
    if bare || place.unfinished || matches!(place.class, Some(Class::Skip)) {
        return None;
    }
    if line.asks() {
        return Some(Kind::UserAction);
    }
    if let Some(before) = before_last(&line.text) {
        return line_of(&Line::plain(before), place);
    }
    let checks = matches!(line.reading.words.at(0), "verified" | "checked" | "tested" | "confirmed" | "reviewed" | "validated" | "added" | "created" | "updated" | "fixed" | "removed");
    if line.mark == Some(Mark::Done) && !matches!(place.class, Some(Class::Next | Class::User | Class::Later)) {
        return Some(Kind::Achievement);
    }
    let words = line.reading.words.len();
    if words >= 5 && line.reading.leads(Signal::Did) && !(checks && words < 7) && !matches!(line.reading.words.at(0), "verified" | "checked" | "tested" | "confirmed") {
        return Some(Kind::Achievement);
    }
    None
}

/// A line that is all bold.
pub fn bold(line: &Line, place: &Place, bare: bool, state: Option<Class>) -> Option<Kind> {
    if bare || place.unfinished || matches!(place.class, Some(Class::Skip)) {
        return None;
    }
    if line.label.is_some() && !line.value.is_empty() {
        return self::line(line, place);
    }
    if let Some(state) = state {
        return kind_of(state);
    }
    if let Some(mark) = line.mark {
        return by_mark(mark, line, place);
    }
    self::line(line, place)
}

/// A line of a paragraph.
pub fn line(line: &Line, place: &Place) -> Option<Kind> {
    line_of(line, place)
}

fn line_of(line: &Line, place: &Place) -> Option<Kind> {
    let text = line.text.trim();
    if evidence::is_nothing(text) {
        return None;
    }
    let class = place.class;
    if place.unfinished {
        return unfinished(line);
    }
    if line.struck {
        return Some(struck(line));
    }
    if let Some((_, known, bold)) = &line.label
        && (known.is_some() || *bold || line.numeric())
        && !line.value.is_empty()
        && let Some(answer) = labelled(line, *known, place)
    {
        return answer;
    }
    if line.quoted {
        return (line.asks() && line.reading.words.len() <= 40).then_some(Kind::UserAction);
    }
    if let Some(task) = line.task {
        return Some(task_kind(task, line, place));
    }
    if matches!(class, Some(Class::Skip)) {
        return line.asks().then_some(Kind::UserAction);
    }
    if line.asks() {
        return Some(Kind::UserAction);
    }
    if line.opens() {
        return before_last(text).and_then(|before| line_of(&Line::plain(before), place));
    }
    if line.greets() || line.reading.announces() || line.reading.dates() || line.reading.words.len() < 2 || text.ends_with(',') {
        return None;
    }
    if asks_softly(line, place) {
        return Some(Kind::UserAction);
    }
    if line.question() {
        let wanted = matches!(class, Some(Class::User | Class::Next | Class::Decision | Class::Blocker)) || line.reading.has(Signal::Ask);
        return wanted.then_some(Kind::UserAction);
    }
    if let Some(mark) = line.mark
        && !matches!(mark, Mark::Dot)
    {
        return by_mark(mark, line, place);
    }
    let reading = &line.reading;
    if reading.says(Signal::Block) && !reading.has(Signal::Cured) && reading.words.len() <= 60 {
        return Some(Kind::Blocker);
    }
    let detail = place.under.is_some() || place.nested.is_some();
    match class {
        Some(Class::Done) => {
            if reading.has(Signal::Undone) && !line.did() {
                Some(Kind::Limitation)
            } else if place.nested.is_some() {
                None
            } else {
                (!detail || line.did() || line.good()).then_some(Kind::Achievement)
            }
        }
        Some(Class::Error | Class::Findings) => {
            if line.denies_trouble() || reading.leads(Signal::Did) || (reading.says(Signal::Cured) && !reading.says(Signal::Worse)) {
                Some(Kind::Achievement)
            } else if detail && !reading.says(Signal::Worse) {
                None
            } else {
                (reading.trouble() || !detail).then_some(Kind::Error)
            }
        }
        Some(Class::User) => {
            (place.nested.is_none() && (reading.leads(Signal::Order) || reading.has(Signal::Ask) || !detail)).then_some(Kind::UserAction)
        }
        Some(Class::Next) => {
            (place.nested.is_none() && !line.did() && reading.words.len() >= 3).then_some(Kind::NextStep)
        }
        Some(Class::Pending | Class::Later) => (!detail || reading.has(Signal::Todo) || line.undone()).then_some(Kind::Pending),
        Some(Class::Doing) => (!detail).then_some(Kind::InProgress),
        Some(Class::Blocker) => (!detail && !line.denies_trouble() && !reading.has(Signal::No)).then_some(Kind::Blocker),
        Some(Class::Limit) => {
            if line.denies_trouble() {
                None
            } else {
                (!detail || reading.has(Signal::Limit)).then_some(Kind::Limitation)
            }
        }
        Some(Class::Decision) => (!detail || reading.says(Signal::Decide)).then_some(Kind::Decision),
        Some(Class::Files | Class::Commits) => line.path_first().then_some(Kind::Artifact),
        Some(Class::Metric) => (evidence::has_digit(&line.text) && reading.words.len() <= 25).then_some(Kind::Metric),
        Some(Class::Verify) => verify(line),
        Some(Class::Skip) => None,
        Some(Class::Notes) if !line.did() && line.reading.words.len() > 6 => prose(line).filter(|k| !matches!(k, Kind::Achievement)),
        Some(Class::Insight | Class::Summary | Class::Log | Class::Notes) | None => prose(line),
    }
}

/// What a line without a section says by itself.
fn prose(line: &Line) -> Option<Kind> {
    // Of several sentences the first that says something.
    let sentences: Vec<&str> = line.text.split_inclusive(['.', '!', '?', '。']).collect();
    if line.reading.words.len() > 14 && sentences.len() > 1 {
        let mut whole: Vec<String> = Vec::new();
        for piece in sentences {
            match whole.last_mut() {
                Some(last) if !piece.starts_with(char::is_whitespace) || last.len() < 8 => last.push_str(piece),
                Some(_) | None => whole.push(piece.to_owned()),
            }
        }
        if whole.len() > 1 {
            return whole.iter().take(12).find_map(|sentence| sentence_kind(&Line::plain(sentence.trim())));
        }
    }
    sentence_kind(line)
}

fn sentence_kind(line: &Line) -> Option<Kind> {
    let reading = &line.reading;
    if line.denies_trouble() {
        return Some(Kind::Achievement);
    }
    if reading.begins(Signal::Plan) || (reading.has(Signal::Plan) && !reading.has(Signal::Did)) {
        return Some(Kind::NextStep);
    }
    if reading.leads(Signal::Did) && !reading.says(Signal::Worse) {
        return Some(Kind::Achievement);
    }
    if reading.has(Signal::Doing) {
        return Some(Kind::InProgress);
    }
    if line.undone() {
        return Some(Kind::Pending);
    }
    if reading.says(Signal::Worse) && !reading.has(Signal::Cured) {
        return Some(Kind::Error);
    }
    if reading.has(Signal::Limit) {
        return Some(Kind::Limitation);
    }
    if reading.says(Signal::Wait) || reading.has(Signal::Todo) {
        return Some(Kind::Pending);
    }
    if reading.has(Signal::Did) && reading.words.len() <= 60 && !reading.trouble() {
        return Some(Kind::Achievement);
    }
    if reading.says(Signal::Good) && reading.words.len() <= 40 {
        return Some(Kind::Achievement);
    }
    if reading.trouble() && !reading.has(Signal::Cured) && reading.words.len() <= 40 {
        return Some(Kind::Error);
    }
    if reading.says(Signal::Decide) {
        return Some(Kind::Decision);
    }
    None
}

/// Whether a line speaks to its reader of something that only the reader has.
fn asks_softly(line: &Line, place: &Place) -> bool {
    let asked = line.reading.count(Signal::Ask);
    let wanted = matches!(place.class, Some(Class::Error | Class::Blocker | Class::Pending | Class::Limit | Class::Notes));
    asked >= 2 || (asked == 1 && (line.reading.begins(Signal::Ask) || wanted) && line.reading.leads(Signal::Ask))
}

/// What stands before the last sentence of a line that ends with a colon.
fn before_last(text: &str) -> Option<&str> {
    let at = text.trim_end().rfind(['.', '!', '?']).filter(|at| text[*at..].chars().nth(1) == Some(' '))?;
    let before = text[..=at].trim();
    (before.len() >= 12).then_some(before)
}

/// A line about a check.
fn verify(line: &Line) -> Option<Kind> {
    // What stands in brackets explains.
    let plain = line.text.split(" (").next().unwrap_or_default();
    let short = if plain.len() >= 8 && plain.len() < line.text.len() { Some(Reading::of(plain)) } else { None };
    let reading = short.as_ref().unwrap_or(&line.reading);
    if line.denies_trouble() {
        return Some(Kind::Achievement);
    }
    if reading.has(Signal::Limit) || line.undone() {
        return Some(Kind::Limitation);
    }
    if reading.says(Signal::Worse) || (reading.trouble() && !reading.has(Signal::Cured) && !reading.says(Signal::Good)) {
        return Some(Kind::Error);
    }
    (line.good() || line.did() || evidence::has_digit(&line.text)).then_some(Kind::Achievement)
}

/// A document that was never finished: only that it is under way is believed.
fn unfinished(line: &Line) -> Option<Kind> {
    (line.reading.has(Signal::Doing) && line.known() == Some(Label::Status)).then_some(Kind::InProgress)
}

fn struck(line: &Line) -> Kind {
    let dropped = ["cancelled", "canceled", "dropped", "wont", "obsolete", "superseded", "abandoned", "rejected"];
    if (0..line.reading.words.len()).any(|at| dropped.contains(&line.reading.words.at(at))) { Kind::Decision } else { Kind::Achievement }
}

fn task_kind(ticked: bool, line: &Line, place: &Place) -> Kind {
    if ticked {
        return Kind::Achievement;
    }
    if line.asks() || matches!(place.class, Some(Class::User)) {
        return Kind::UserAction;
    }
    if line.mark == Some(Mark::Doing) || line.reading.has(Signal::Doing) {
        return Kind::InProgress;
    }
    match place.class {
        Some(Class::Next) => Kind::NextStep,
        Some(Class::Blocker) => Kind::Blocker,
        Some(
            Class::Done | Class::Doing | Class::Pending | Class::User | Class::Error | Class::Metric | Class::Files | Class::Commits
            | Class::Decision | Class::Limit | Class::Insight | Class::Verify | Class::Summary | Class::Log | Class::Findings
            | Class::Notes | Class::Later | Class::Skip,
        )
        | None => Kind::Pending,
    }
}

/// What a sign says where it stands: the section outweighs it.
fn by_mark(mark: Mark, line: &Line, place: &Place) -> Option<Kind> {
    let class = place.class;
    let reading = &line.reading;
    let user = line.asks() || class == Some(Class::User);
    match mark {
        Mark::Done => Some(match class {
            Some(Class::Later) => Kind::Pending,
            Some(Class::User) => Kind::UserAction,
            Some(Class::Next) if !closes(line) => Kind::NextStep,
            Some(Class::Files) => Kind::Artifact,
            _other if line.known() == Some(Label::Metric) && line.numeric() => Kind::Metric,
            _other if line.path_first() && class == Some(Class::Done) => Kind::Artifact,
            _other => Kind::Achievement,
        }),
        Mark::Waiting => Some(match class {
            _any if user => Kind::UserAction,
            Some(Class::Next) => Kind::NextStep,
            Some(Class::Blocker) => Kind::Blocker,
            _other if reading.says(Signal::Block) => Kind::Blocker,
            _other if reading.has(Signal::Doing) => Kind::InProgress,
            _other => Kind::Pending,
        }),
        Mark::Doing => Some(match class {
            _any if user => Kind::UserAction,
            Some(Class::Next) => Kind::NextStep,
            Some(Class::Pending) => Kind::Pending,
            _other => Kind::InProgress,
        }),
        Mark::Warning => Some(match class {
            _any if user => Kind::UserAction,
            Some(Class::Next) => Kind::NextStep,
            Some(Class::Blocker) => Kind::Blocker,
            _other if line.known() == Some(Label::Todo) || reading.begins(Signal::Todo) => Kind::Pending,
            _other if reading.says(Signal::Block) => Kind::Blocker,
            Some(Class::Error | Class::Findings) => Kind::Error,
            _other if line.undone() => Kind::Pending,
            _other if reading.has(Signal::Limit) => Kind::Limitation,
            _other if reading.trouble() => Kind::Error,
            _other => Kind::Limitation,
        }),
        Mark::Failed => Some(match class {
            _any if user => Kind::UserAction,
            Some(Class::Next) => Kind::NextStep,
            Some(Class::Pending | Class::Later) => Kind::Pending,
            Some(Class::Limit) => Kind::Limitation,
            Some(Class::Decision) => Kind::Decision,
            Some(Class::Blocker) => Kind::Blocker,
            _other if line.undone() || reading.has(Signal::Todo) => Kind::Pending,
            _other if reading.has(Signal::Limit) => Kind::Limitation,
            _other => Kind::Error,
        }),
        Mark::Stopped => Some(if user { Kind::UserAction } else { Kind::Blocker }),
        Mark::Dot => kind_of(class?),
    }
}

/// Whether a ticked line says itself that it is done.
fn closes(line: &Line) -> bool {
    let words = &line.reading.words;
    let last = words.at(words.len().saturating_sub(1));
    matches!(last, "done" | "complete" | "completed" | "finished" | "fixed" | "merged" | "shipped" | "erledigt" | "완료") || line.did()
}

/// A line with a label; `None` when its section is to decide.
fn labelled(line: &Line, known: Option<Label>, place: &Place) -> Option<Option<Kind>> {
    let said = &line.said;
    let class = place.class;
    let Some(label) = known else {
        if evidence::is_nothing(&line.value) {
            return Some(None);
        }
        if line.asks() {
            return Some(Some(Kind::UserAction));
        }
        if evidence::is_paths(&line.value) && !matches!(class, Some(Class::User | Class::Next | Class::Pending | Class::Skip)) {
            return Some(Some(Kind::Artifact));
        }
        if line.numeric() && line.mark == Some(Mark::Done) {
            return None;
        }
        if line.numeric() && !matches!(class, Some(Class::User | Class::Next | Class::Pending | Class::Limit | Class::Error | Class::Skip | Class::Files)) {
            return Some(Some(Kind::Metric));
        }
        // What names a matter in a paragraph tells of it: its words decide, not its section.
        if matches!(class, Some(Class::Done)) {
            let told = prose(line);
            return Some(told);
        }
        return None;
    };
    let none = evidence::is_nothing(&line.value) || matches!(said.words.at(0), "none" | "no" | "nothing" | "keine");
    Some(match label {
        Label::Status => status(line, place),
        Label::Result => {
            if line.asks() {
                Some(Kind::UserAction)
            } else {
                result(line)
            }
        }
        Label::Metric => evidence::has_digit(&line.value).then_some(Kind::Metric),
        Label::File if none || class == Some(Class::Skip) => None,
        Label::File if evidence::starts_with_number(&line.value) => Some(Kind::Metric),
        Label::File if evidence::has_path(&line.value) || !line.coded && line.value.len() < 160 && line.label.as_ref().is_some_and(|l| l.2) => {
            if evidence::has_path(&line.value) { Some(Kind::Artifact) } else { None }
        }
        Label::File => None,
        Label::Ref => (!none && class != Some(Class::Skip)).then_some(Kind::Artifact),
        Label::Next if none => None,
        Label::Next if line.asks() => Some(Kind::UserAction),
        Label::Next => Some(Kind::NextStep),
        Label::User => (!none).then_some(Kind::UserAction),
        Label::Blocker if none => None,
        Label::Blocker if said.says(Signal::Cured) && !said.has(Signal::No) => Some(Kind::Achievement),
        Label::Blocker => Some(Kind::Blocker),
        Label::Error if none => None,
        Label::Error if matches!(class, Some(Class::Done)) && said.has(Signal::Cured) => Some(Kind::Achievement),
        Label::Error => Some(Kind::Error),
        Label::Cause => None,
        Label::Fix if said.leads(Signal::Undone) || said.leads(Signal::Todo) => Some(Kind::Pending),
        Label::Fix if matches!(class, Some(Class::Next | Class::Pending)) => kind_of(class?),
        Label::Fix if none => said.has(Signal::Did).then_some(Kind::Decision),
        Label::Fix => Some(Kind::Achievement),
        Label::Decision => (!none).then_some(Kind::Decision),
        Label::Limit => (!none).then_some(Kind::Limitation),
        Label::Todo if none => None,
        Label::Todo if line.asks() => Some(Kind::UserAction),
        Label::Todo => Some(Kind::Pending),
        Label::Done if none => None,
        Label::Done if matches!(class, Some(Class::Next | Class::Pending | Class::User | Class::Later)) => kind_of(class?),
        Label::Done => Some(Kind::Achievement),
        Label::Impact => matches!(class, Some(Class::Error | Class::Findings)).then_some(Kind::Error).filter(|_| place.under.is_none()),
        Label::Meta => line.asks().then_some(Kind::UserAction),
    })
}

/// `Status: …`
fn status(line: &Line, place: &Place) -> Option<Kind> {
    let said = &line.said;
    if line.asks() {
        return Some(Kind::UserAction);
    }
    if said.says(Signal::Block) {
        return Some(Kind::Blocker);
    }
    if said.says(Signal::Wait) || said.begins(Signal::Todo) || line.undone() {
        return Some(Kind::Pending);
    }
    if said.has(Signal::Doing) {
        return Some(Kind::InProgress);
    }
    if line.mark == Some(Mark::Waiting) {
        return Some(Kind::Pending);
    }
    if line.mark == Some(Mark::Doing) {
        return Some(Kind::InProgress);
    }
    if place.class == Some(Class::Doing) {
        return None;
    }
    if line.mark == Some(Mark::Done) || said.says(Signal::Good) {
        return Some(Kind::Achievement);
    }
    if said.has(Signal::Todo) {
        return Some(Kind::Pending);
    }
    if said.trouble() || line.mark == Some(Mark::Failed) {
        return Some(Kind::Error);
    }
    None
}

/// `Result: …`
fn result(line: &Line) -> Option<Kind> {
    let said = &line.said;
    if said.denies(Signal::Bad) && !said.trouble() {
        return Some(Kind::Achievement);
    }
    if said.says(Signal::Worse) || (said.trouble() && !said.says(Signal::Good) && !said.has(Signal::Cured)) {
        return Some(Kind::Error);
    }
    if said.has(Signal::Limit) && !said.says(Signal::Good) || line.undone() {
        return Some(Kind::Limitation);
    }
    (said.words.len() >= 3 || said.says(Signal::Good) || line.mark == Some(Mark::Done) || evidence::has_digit(&line.value))
        .then_some(Kind::Achievement)
}

/// A bullet or a numbered line.
pub fn bullet(line: &Line, place: &Place) -> Option<Kind> {
    let class = place.class;
    let reading = &line.reading;
    if evidence::is_nothing(&line.text) || reading.has(Signal::Blank) && (place.unfinished || reading.words.len() <= 8) {
        return None;
    }
    if place.unfinished && line.task != Some(true) {
        return unfinished(line);
    }
    if line.struck {
        return Some(struck(line));
    }
    if let Some(task) = line.task {
        return Some(task_kind(task, line, place));
    }
    let nested = place.nested.is_some() && !place.opened;
    if line.label.is_some() && line.value.is_empty() && line.mark.is_none() {
        // It leads in the bullets below it.
        let orders = matches!(class, Some(Class::User | Class::Next)) && line.reading.leads(Signal::Order);
        return if orders || line.label.as_ref().is_some_and(|l| l.1.is_none()) && line.reading.words.len() >= 4 {
            by_class(line, place)
        } else {
            None
        };
    }
    if let Some((_, Some(label), _)) = &line.label
        && decided_by_label(*label, class)
        && !line.value.is_empty()
        && let Some(answer) = labelled(line, Some(*label), place)
    {
        return answer;
    }
    if let Some(mark) = line.mark
        && mark != Mark::Dot
    {
        return by_mark(mark, line, place);
    }
    if line.asks() && !matches!(class, Some(Class::Done | Class::Files | Class::Skip)) {
        return Some(Kind::UserAction);
    }
    if nested {
        return detail(line, place);
    }
    by_class(line, place)
}

/// Labels that say what a bullet is, whatever its section.
fn decided_by_label(label: Label, class: Option<Class>) -> bool {
    let ordered = matches!(class, Some(Class::Next | Class::User | Class::Pending | Class::Decision | Class::Skip));
    match label {
        Label::User | Label::Blocker => true,
        Label::Todo | Label::Limit => !ordered,
        Label::Status | Label::Metric | Label::Fix | Label::Decision | Label::Next => !ordered,
        Label::Error | Label::Cause | Label::Impact => matches!(class, Some(Class::Error | Class::Findings)),
        Label::Meta => matches!(class, Some(Class::Summary | Class::Notes | Class::Log | Class::Insight) | None),
        Label::Result => matches!(class, Some(Class::Verify | Class::Summary | Class::Error | Class::Findings) | None),
        Label::Ref => !ordered && !matches!(class, Some(Class::Done)),
        Label::File => matches!(class, Some(Class::Done | Class::Files | Class::Summary | Class::Log) | None),
        Label::Done => matches!(class, Some(Class::Summary | Class::Log | Class::Insight | Class::Notes) | None),
    }
}

/// A bullet below one that is an item: more about that one, unless it says something of its own.
fn detail(line: &Line, place: &Place) -> Option<Kind> {
    let reading = &line.reading;
    match place.nested {
        Some(Kind::Achievement | Kind::Artifact | Kind::Metric | Kind::InProgress) => {
            if line.undone() {
                Some(Kind::Limitation)
            } else if line.path_first() && evidence::is_paths(&line.text) {
                Some(Kind::Artifact)
            } else if reading.leads(Signal::Did) {
                Some(Kind::Achievement)
            } else {
                None
            }
        }
        Some(Kind::Error) => (reading.leads(Signal::Did) && reading.says(Signal::Cured)).then_some(Kind::Achievement),
        Some(Kind::UserAction | Kind::Blocker | Kind::NextStep | Kind::Pending | Kind::Decision | Kind::Limitation) | None => None,
    }
}

/// A bullet by its section, where its own words do not outweigh it.
fn by_class(line: &Line, place: &Place) -> Option<Kind> {
    let class = place.class;
    let reading = &line.reading;
    let blocked = reading.says(Signal::Block) && !reading.has(Signal::Cured);
    match class {
        Some(Class::Done) => Some(done(line)),
        Some(Class::Verify) => verify(line).or(Some(Kind::Achievement)),
        Some(Class::Files) => Some(if line.numeric() {
            Kind::Metric
        } else if line.did() && !evidence::has_path(&line.text) {
            Kind::Achievement
        } else {
            Kind::Artifact
        }),
        Some(Class::Commits) => Some(Kind::Artifact),
        Some(Class::Skip) => None,
        Some(Class::Error | Class::Findings) => {
            if line.denies_trouble() || line.did() || (reading.says(Signal::Cured) && !reading.says(Signal::Worse) && !line.undone()) {
                Some(Kind::Achievement)
            } else if blocked && reading.says(Signal::Wait) {
                Some(Kind::Blocker)
            } else {
                Some(Kind::Error)
            }
        }
        Some(Class::Blocker) => {
            if line.denies_trouble() || reading.has(Signal::Cured) || reading.denies(Signal::Block) || (line.good() && !blocked) {
                Some(Kind::Achievement)
            } else {
                Some(Kind::Blocker)
            }
        }
        Some(Class::Pending) => Some(if blocked { Kind::Blocker } else if reading.has(Signal::Doing) { Kind::InProgress } else { Kind::Pending }),
        Some(Class::Later) => Some(Kind::Pending),
        Some(Class::Doing) => Some(if blocked { Kind::Blocker } else { Kind::InProgress }),
        Some(Class::Next) => Some(Kind::NextStep),
        Some(Class::User) => Some(if reading.has(Signal::Undone) && reading.has(Signal::Todo) {
            Kind::Pending
        } else if reading.says(Signal::Limit) && !line.question() && !reading.leads(Signal::Order) && !reading.has(Signal::Ask) && line.undone() {
            Kind::Limitation
        } else {
            Kind::UserAction
        }),
        Some(Class::Metric) => Some(if reading.trouble() && !line.good() && !line.denies_trouble() { Kind::Error } else { Kind::Metric }),
        Some(Class::Decision) => Some(Kind::Decision),
        Some(Class::Limit) => {
            if line.denies_trouble() || (line.did() && reading.says(Signal::Cured)) {
                Some(Kind::Achievement)
            } else if blocked {
                Some(Kind::Blocker)
            } else {
                Some(limit(line))
            }
        }
        Some(Class::Insight) => Some(if line.did() || (line.good() && !line.undone()) { Kind::Achievement } else { Kind::Decision }),
        Some(Class::Summary | Class::Log | Class::Notes) | None => neutral(line, class),
    }
}

/// A bullet in a section of what was done.
fn done(line: &Line) -> Kind {
    let reading = &line.reading;
    if line.did() && !reading.has(Signal::Undone) {
        return if line.label.is_some() && evidence::is_paths(&line.value) { Kind::Artifact } else { Kind::Achievement };
    }
    if reading.has(Signal::Undone) {
        return Kind::Limitation;
    }
    if line.lasts() {
        return Kind::Limitation;
    }
    if line.said.leads(Signal::Doing) || reading.leads(Signal::Doing) {
        return Kind::InProgress;
    }
    if line.said.begins(Signal::Todo) {
        return Kind::Pending;
    }
    if reading.says(Signal::Worse) && !reading.has(Signal::Cured) && !line.good() {
        return Kind::Error;
    }
    if line.path_first() && evidence::is_paths(line.text.split([':', '—', '–']).next().unwrap_or_default()) {
        return Kind::Artifact;
    }
    if line.label.is_some() && evidence::has_path(&line.value) && line.value.split_whitespace().next().is_some_and(evidence::is_path) {
        return Kind::Artifact;
    }
    if line.numeric() {
        return if reading.trouble() && !line.good() && !line.denies_trouble() { Kind::Error } else { Kind::Metric };
    }
    Kind::Achievement
}

/// A bullet in a section of what it does not do.
fn limit(line: &Line) -> Kind {
    let reading = &line.reading;
    let value = &line.said;
    if value.leads(Signal::Order) && !value.has(Signal::Limit) && line.label.is_some() {
        return Kind::NextStep;
    }
    if reading.begins(Signal::Todo) || line.known() == Some(Label::Todo) {
        return Kind::Pending;
    }
    Kind::Limitation
}

/// A bullet whose section says nothing.
fn neutral(line: &Line, class: Option<Class>) -> Option<Kind> {
    let reading = &line.reading;
    if line.numeric() {
        return Some(if reading.trouble() && !line.good() && !line.denies_trouble() { Kind::Error } else { Kind::Metric });
    }
    if reading.says(Signal::Block) && !reading.has(Signal::Cured) {
        return Some(Kind::Blocker);
    }
    if reading.trouble() && !reading.has(Signal::Cured) && !line.did() && !line.denies_trouble() {
        return Some(if line.undone() { Kind::Pending } else if reading.has(Signal::Limit) { Kind::Limitation } else { Kind::Error });
    }
    if let Some(kind) = prose(line) {
        return Some(kind);
    }
    if line.lasts() {
        return Some(Kind::Limitation);
    }
    if evidence::leads_with_hash(&line.text) || (line.path_first() && line.coded) {
        return Some(Kind::Artifact);
    }
    if (line.pathy || evidence::has_path(&line.text)) && line.label.is_none() && line.text.ends_with([')', '`']) {
        return Some(Kind::Artifact);
    }
    if reading.leads(Signal::Order) && class.is_none() {
        return Some(if reading.has(Signal::Ask) { Kind::UserAction } else { Kind::NextStep });
    }
    if line.question() {
        return Some(Kind::UserAction);
    }
    // Points are what was done unless they say otherwise.
    match class {
        Some(Class::Notes) => Some(Kind::Limitation),
        _other if reading.leads(Signal::Order) => Some(Kind::NextStep),
        _other => Some(Kind::Achievement),
    }
}
