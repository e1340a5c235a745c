//! Markdown as a list of lines that could be items: headings, bullets, rows, lines of paragraphs, each with where it
//! stands. Text without Markdown comes out as lines of paragraphs.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::ops::Range;

/// Most lines that could be items.
const UNITS_MAX: usize = 20_000;
/// Most bytes of one unit's text.
const TEXT_MAX: usize = 2_000;
/// Most cells of a row.
const CELLS_MAX: usize = 32;

/// What a unit is in the document's structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A heading of this level.
    Heading(u8),
    /// The first line of a list item.
    Bullet {
        /// How many lists it stands in, from 1.
        depth: usize,
    },
    /// A line of a paragraph.
    Line,
    /// A row of a table.
    Row {
        /// Which header of [`Blocks::tables`] it has.
        table: usize,
    },
    /// A rule, which ends what a bold line began.
    Rule,
    /// A block of code, of which only the place is told.
    Code,
}

/// One line that could be an item.
#[derive(Debug, Clone)]
pub struct Unit {
    /// What it is.
    pub shape: Shape,
    /// Line of the document, from 1.
    pub line: usize,
    /// Its text without markup.
    pub text: String,
    /// Bytes of `text` that are bold.
    pub bold: Vec<Range<usize>>,
    /// Bytes of `text` that are code.
    pub code: Vec<Range<usize>>,
    /// Bytes of `text` that are struck out.
    pub struck: Vec<Range<usize>>,
    /// A task's box: whether it is ticked.
    pub task: Option<bool>,
    /// Lists that a paragraph's line stands in.
    pub inside: usize,
    /// Whether it stands in a quote.
    pub quoted: bool,
    /// A row's cells.
    pub cells: Vec<String>,
}

impl Unit {
    /// The same for those who only read it.
    pub fn into_passage(self) -> super::Passage {
        let (heading, depth, table) = match self.shape {
            Shape::Heading(level) => (Some(level), 0, None),
            Shape::Bullet { depth } => (None, depth, None),
            Shape::Row { table } => (None, 0, Some(table)),
            Shape::Line | Shape::Rule | Shape::Code => (None, 0, None),
        };
        super::Passage { line: self.line, text: self.text, heading, depth, task: self.task, cells: self.cells, table }
    }
}

/// A document's units.
#[derive(Debug, Default)]
pub struct Blocks {
    /// In their order.
    pub units: Vec<Unit>,
    /// The headers of the tables.
    pub tables: Vec<Vec<String>>,
}

/// Takes a document apart.
pub fn blocks(text: &str) -> Blocks {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_GFM;
    let mut builder = Builder::new(text);
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        if builder.blocks.units.len() >= UNITS_MAX {
            break;
        }
        builder.event(event, range);
    }
    builder.end_line();
    builder.blocks
}

/// Where each line of the text begins.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }
    fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset)
    }
}

/// What is being read.
struct Builder<'t> {
    blocks: Blocks,
    lines: Lines,
    source: &'t str,
    /// The unit under way.
    unit: Option<Unit>,
    /// How many lists are open.
    lists: usize,
    /// Whether the open list item has had its first line.
    first: bool,
    quotes: usize,
    heading: Option<u8>,
    /// Nesting of what is not read: code, metadata, pictures.
    hidden: usize,
    /// Whether code is fenced somewhere, so that indentation is not how its author writes lists.
    fenced: bool,
    /// The code block under way has only its indentation to say so.
    indented: bool,
    header: bool,
    in_table: bool,
    cell: usize,
    /// Starts of marked ranges that are open.
    bold: Vec<usize>,
    struck: Vec<usize>,
    hard: bool,
}

impl<'t> Builder<'t> {
    fn new(source: &'t str) -> Self {
        Self {
            blocks: Blocks::default(),
            lines: Lines::of(source),
            source,
            unit: None,
            lists: 0,
            first: false,
            quotes: 0,
            heading: None,
            hidden: 0,
            fenced: source.contains("```"),
            indented: false,
            header: false,
            in_table: false,
            cell: 0,
            bold: Vec::new(),
            struck: Vec::new(),
            hard: false,
        }
    }

    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(&tag, &range),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.indented => self.plain(&text, range.start),
            Event::Text(text) if self.hidden == 0 => self.text(&text, &range, false),
            Event::Code(text) => self.text(&text, &range, true),
            Event::SoftBreak => self.line_break(false),
            Event::HardBreak => self.line_break(true),
            Event::Rule => {
                self.end_line();
                self.place(Shape::Rule, range.start);
                self.end_line();
            }
            Event::TaskListMarker(ticked) => {
                self.open(range.start);
                if let Some(unit) = &mut self.unit {
                    unit.task = Some(ticked);
                }
            }
            Event::InlineHtml(html) if html.starts_with("<br") => self.line_break(true),
            Event::Text(_)
            | Event::InlineHtml(_)
            | Event::Html(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_) => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>, range: &Range<usize>) {
        match tag {
            Tag::Paragraph => self.end_line(),
            Tag::Heading { level, .. } => {
                self.end_line();
                self.heading = Some(depth(*level));
            }
            Tag::BlockQuote(_) => {
                self.end_line();
                self.quotes += 1;
            }
            Tag::CodeBlock(kind) => {
                self.end_line();
                self.indented = matches!(kind, CodeBlockKind::Indented);
                if !self.indented {
                    self.place(Shape::Code, range.start);
                    self.end_line();
                }
                self.hidden += 1;
            }
            Tag::MetadataBlock(_) | Tag::Image { .. } => self.hidden += 1,
            Tag::List(_) => {
                self.end_line();
                self.lists += 1;
            }
            Tag::Item => {
                self.end_line();
                self.first = true;
            }
            Tag::Table(_) => {
                self.end_line();
                self.in_table = true;
                self.cell = 0;
                self.blocks.tables.push(Vec::new());
            }
            Tag::TableHead => {
                self.header = true;
                self.cell = 0;
            }
            Tag::TableRow => self.place(Shape::Row { table: self.blocks.tables.len() - 1 }, range.start),
            Tag::TableCell => {
                self.cell += 1;
                if let Some(unit) = &mut self.unit
                    && unit.cells.len() < CELLS_MAX
                {
                    if !unit.cells.is_empty() {
                        unit.text.push_str(" | ");
                    }
                    unit.cells.push(String::new());
                }
            }
            Tag::Strong => self.bold.push(self.length()),
            Tag::Strikethrough => self.struck.push(self.length()),
            Tag::Emphasis
            | Tag::Link { .. }
            | Tag::HtmlBlock
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::Item => self.end_line(),
            TagEnd::Heading(_) => {
                self.end_line();
                self.heading = None;
            }
            TagEnd::BlockQuote(_) => {
                self.end_line();
                self.quotes = self.quotes.saturating_sub(1);
            }
            TagEnd::CodeBlock => {
                self.hidden = self.hidden.saturating_sub(1);
                self.indented = false;
            }
            TagEnd::MetadataBlock(_) | TagEnd::Image => self.hidden = self.hidden.saturating_sub(1),
            TagEnd::List(_) => {
                self.end_line();
                self.lists = self.lists.saturating_sub(1);
                self.first = false;
            }
            TagEnd::Table => self.in_table = false,
            TagEnd::TableHead => {
                self.header = false;
                self.cell = 0;
            }
            TagEnd::TableRow => self.end_line(),
            TagEnd::Strong => {
                if let (Some(start), Some(unit)) = (self.bold.pop(), &mut self.unit)
                    && start < unit.text.len()
                {
                    unit.bold.push(start..unit.text.len());
                }
            }
            TagEnd::Strikethrough => {
                if let (Some(start), Some(unit)) = (self.struck.pop(), &mut self.unit)
                    && start < unit.text.len()
                {
                    unit.struck.push(start..unit.text.len());
                }
            }
            TagEnd::TableCell
            | TagEnd::Emphasis
            | TagEnd::Link
            | TagEnd::HtmlBlock
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::Superscript
            | TagEnd::Subscript => {}
        }
    }

    fn length(&self) -> usize {
        self.unit.as_ref().map_or(0, |unit| unit.text.len())
    }

    fn text(&mut self, text: &str, range: &Range<usize>, code: bool) {
        if self.header {
            if let Some(header) = self.blocks.tables.last_mut() {
                header.resize(self.cell.clamp(1, CELLS_MAX), String::new());
                if let Some(cell) = header.last_mut().filter(|cell| cell.len() < TEXT_MAX) {
                    cell.push_str(text);
                }
            }
            return;
        }
        if self.in_table && self.unit.is_none() {
            return;
        }
        self.open(range.start);
        let Some(unit) = &mut self.unit else { return };
        if unit.text.len() + text.len() > TEXT_MAX && !unit.text.is_empty() {
            return;
        }
        let start = unit.text.len();
        unit.text.push_str(text);
        if let Some(cell) = unit.cells.last_mut() {
            cell.push_str(text);
        }
        if code {
            unit.code.push(start..unit.text.len());
        }
    }

    /// Begins a unit where there is none.
    fn open(&mut self, offset: usize) {
        if self.unit.is_some() {
            return;
        }
        let shape = match (self.heading, self.lists > 0) {
            (Some(level), _) => Shape::Heading(level),
            (None, true) if self.first => Shape::Bullet { depth: self.lists },
            (None, _) => Shape::Line,
        };
        if self.heading.is_none() {
            self.first = false;
        }
        self.place(shape, offset);
    }

    fn place(&mut self, shape: Shape, offset: usize) {
        // What was marked before a line's end is marked after it too.
        self.bold.iter_mut().chain(&mut self.struck).for_each(|start| *start = 0);
        self.unit = Some(Unit {
            shape,
            line: self.lines.at(offset),
            text: String::new(),
            bold: Vec::new(),
            code: Vec::new(),
            struck: Vec::new(),
            task: None,
            inside: self.lists,
            quoted: self.quotes > 0,
            cells: Vec::new(),
        });
    }

    /// Lines of indented text, which is no code where somebody writes without Markdown.
    fn plain(&mut self, text: &str, offset: usize) {
        let line = text.trim();
        if line.is_empty() || self.fenced || self.lists > 1 {
            return;
        }
        self.end_line();
        let Some(body) = bulleted(line) else { return };
        self.place(Shape::Bullet { depth: 1 }, offset);
        if let Some(unit) = &mut self.unit {
            unit.text.push_str(body);
        }
        self.end_line();
    }

    fn line_break(&mut self, hard: bool) {
        if self.in_table || self.heading.is_some() {
            if let Some(unit) = &mut self.unit {
                unit.text.push(' ');
            }
            return;
        }
        // Markup that is open goes on in the next line, which is a piece of its own.
        let (bold, struck) = (self.bold.len(), self.struck.len());
        if let Some(unit) = &mut self.unit {
            let end = unit.text.len();
            unit.bold.extend(self.bold.iter().filter(|start| **start < end).map(|start| *start..end));
            unit.struck.extend(self.struck.iter().filter(|start| **start < end).map(|start| *start..end));
        }
        self.hard = hard;
        self.flush(true);
        self.bold = vec![0; bold];
        self.struck = vec![0; struck];
    }

    fn end_line(&mut self) {
        self.flush(false);
        self.bold.clear();
        self.struck.clear();
        self.hard = false;
    }

    /// Puts the unit away; a line that only carries on the one before is joined to it.
    fn flush(&mut self, broken: bool) {
        let Some(unit) = self.unit.take() else { return };
        let wordless = unit.text.trim().is_empty();
        if wordless && matches!(unit.shape, Shape::Line | Shape::Bullet { .. } | Shape::Heading(_)) {
            return;
        }
        self.blocks.units.push(unit);
        if !broken {
            self.join();
        }
    }

    /// Joins the lines of the paragraph that just ended.
    fn join(&mut self) {
        let units = &mut self.blocks.units;
        let mut at = units.len();
        // The paragraph is the last run of lines that follow one another.
        while at > 1
            && matches!(units[at - 1].shape, Shape::Line)
            && units[at - 1].line == units[at - 2].line + 1
            && matches!(units[at - 2].shape, Shape::Line | Shape::Bullet { .. })
        {
            at -= 1;
        }
        let mut joined: Vec<Unit> = Vec::new();
        for unit in units.split_off(at.saturating_sub(1)) {
            match joined.last_mut() {
                Some(before) if carries_on(before, &unit, self.source, &self.lines) => append(before, unit),
                Some(_) | None => joined.push(unit),
            }
        }
        self.blocks.units.append(&mut joined);
    }
}

/// Whether a line is the rest of what the line before began.
fn carries_on(before: &Unit, unit: &Unit, source: &str, lines: &Lines) -> bool {
    if unit.shape != Shape::Line || !matches!(before.shape, Shape::Line | Shape::Bullet { .. }) {
        return false;
    }
    let text = unit.text.trim_start();
    let Some(first) = text.chars().next() else { return true };
    if unit.bold.first().is_some_and(|bold| bold.start == 0) && !first.is_lowercase() {
        return false;
    }
    if bulleted(text).is_some() || super::marks::leading(text).1.len() < text.len() {
        return false;
    }
    let ends = before.text.trim_end().ends_with(['.', '!', '?', ':', ';', '。']);
    if ends && !first.is_lowercase() {
        return false;
    }
    // A line that was ended early on purpose does not go on.
    let start = lines.0.get(unit.line.saturating_sub(2)).copied().unwrap_or(0);
    let raw = source[start..].lines().next().unwrap_or_default();
    let early = raw.trim_end().chars().count() < 56 || raw.ends_with("  ") || raw.ends_with('\\');
    !early || first.is_lowercase()
}

fn append(before: &mut Unit, unit: Unit) {
    if before.text.len() + unit.text.len() > TEXT_MAX {
        return;
    }
    if !before.text.ends_with(' ') {
        before.text.push(' ');
    }
    let by = before.text.len();
    before.text.push_str(&unit.text);
    let moved = |range: Range<usize>| range.start + by..range.end + by;
    before.bold.extend(unit.bold.into_iter().map(moved));
    before.code.extend(unit.code.into_iter().map(moved));
    before.struck.extend(unit.struck.into_iter().map(moved));
}

/// What follows a bullet or a number at a line's beginning, where Markdown does not know it as one.
pub fn bulleted(text: &str) -> Option<&str> {
    let first = text.chars().next()?;
    if "•◦▪●‣·–—*-+".contains(first) {
        let rest = &text[first.len_utf8()..];
        return rest.starts_with([' ', '\t']).then(|| rest.trim_start());
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if (1..=3).contains(&digits) {
        let rest = text[digits..].strip_prefix(['.', ')'])?;
        return rest.starts_with(' ').then(|| rest.trim_start());
    }
    None
}

fn depth(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}
