//! Writes a recording as asciicast, frame by frame of its index, in bounded memory.

use super::files::Files;
use super::marks;
use crate::cli::context::Context;
use crate::cli::failure::{Failure, shown_path};
use crate::instance::Instance;
use crate::recording::index::{Frame, IndexReader, index_path};
use crate::recording::output::HowItEnded;
use crate::tui::cast::Cast;
use crate::tui::player::{Mark, in_words};
use std::collections::VecDeque;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Bytes of output in one line at most.
const PIECE: u64 = 1 << 20;
/// The same where no times are known.
const UNTIMED: u64 = 16 << 10;

/// Writes it to a file, complete or not at all, or to stdout.
pub fn write(context: &Context, instance: &Instance, files: &mut Files, target: &Path) -> Result<(), Failure> {
    let marks = context.block_on(async {
        Ok(marks::of(instance, files.attempt()).await.unwrap_or_else(|why| {
            context.out.talk(&format!("note: without marks: {why}"));
            Vec::new()
        }))
    })?;
    let (first, last) = files.span();
    let marks: Vec<Mark> = marks.into_iter().filter(|mark| (first..=last).contains(&mark.ms)).collect();
    if !files.known().timed {
        context.out.talk("note: no times were recorded: they are guessed");
    }
    if target == Path::new("-") {
        let mut out = context.out.stdout();
        record(files, marks, &mut out)?;
        return out.flush().map_err(|e| Failure::stdout(&e));
    }
    let failed = |e: &io::Error| Failure::io(format!("cannot write {}", shown_path(target)), e);
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A terminal, a pipe: written straight into.
    if target.exists() && !target.is_file() {
        let mut out = BufWriter::new(std::fs::OpenOptions::new().write(true).open(target).map_err(|e| failed(&e))?);
        record(files, marks, &mut out)?;
        return out.flush().map_err(|e| failed(&e));
    }
    let mut out = BufWriter::new(tempfile::NamedTempFile::new_in(folder).map_err(|e| failed(&e))?);
    record(files, marks, &mut out)?;
    let file = out.into_inner().map_err(|e| failed(e.error()))?;
    file.persist(target).map_err(|e| failed(&e.error))?;
    let lives = if files.known().lives { ", as far as it is" } else { "" };
    context.out.talk(&format!("wrote {} to {}{lives}", files.attempt(), shown_path(target)));
    Ok(())
}

/// The lines, in the order of time.
fn record(files: &mut Files, marks: Vec<Mark>, out: &mut dyn Write) -> Result<(), Failure> {
    let written = |e: &io::Error| Failure::io("cannot write the recording", e);
    let known = files.known().clone();
    let index = IndexReader::open(&index_path(files.log())).ok();
    let first_frame = index.as_ref().and_then(|index| index.frame(0).ok().flatten());
    let began = known.began.or(first_frame.map(|frame| frame.t)).unwrap_or(0);
    let number = known.sizes.partition_point(|size| size.at <= known.kept.from).saturating_sub(1);
    let (cols, rows) = known.sizes.get(number).map_or((80, 24), |size| (size.cols, size.rows));
    let (cast, head) = Cast::new(began, cols, rows, &files.attempt().to_string());
    let mut line = Lines { cast, out, marks: marks.into(), last: began };
    line.put(head).map_err(|e| written(&e))?;
    if known.kept.from > 0 {
        let what = format!("the first {} bytes were dropped", known.kept.from);
        line.say(first_frame.map_or(began, |frame| frame.t), &what).map_err(|e| written(&e))?;
    }
    let mut at = known.kept.from;
    let mut sizes = known.sizes.iter().skip(number + 1).peekable();
    let mut gaps = known.gaps().iter().peekable();
    let mut frames = Frames::new(index, began, known.ended, at, known.bytes);
    while let Some(frame) = frames.next() {
        let end = frame.offset.saturating_add(frame.len).min(known.bytes);
        while at < end {
            while let Some(gap) = gaps.next_if(|gap| gap.at <= at) {
                let gap = crate::protocol::output::OutputGap { at: gap.at, bytes: gap.bytes, why: gap.why.clone() };
                line.say(frame.t, &in_words(&gap)).map_err(|e| written(&e))?;
            }
            while let Some(size) = sizes.next_if(|size| size.at <= at) {
                line.resize(size.t.min(frame.t), size.cols, size.rows).map_err(|e| written(&e))?;
            }
            let stop = [sizes.peek().map(|size| size.at), gaps.peek().map(|gap| gap.at), Some(end)];
            let stop = stop.into_iter().flatten().min().unwrap_or(end).min(at + PIECE);
            let bytes = files.read(at, usize::try_from(stop - at).unwrap_or(0))?;
            if bytes.is_empty() {
                break;
            }
            at += bytes.len() as u64;
            line.output(frame.t, &bytes).map_err(|e| written(&e))?;
        }
    }
    let ended = known.ended.unwrap_or(line.last);
    for size in sizes {
        line.resize(size.t, size.cols, size.rows).map_err(|e| written(&e))?;
    }
    line.end(ended, known.exit).map_err(|e| written(&e))
}

/// The lines on their way out, with marks at their times between them.
struct Lines<'a> {
    cast: Cast,
    out: &'a mut dyn Write,
    marks: VecDeque<Mark>,
    last: u64,
}

impl Lines<'_> {
    fn put(&mut self, text: String) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }
    /// Tells the marks up to a time.
    fn up_to(&mut self, t: u64) -> io::Result<()> {
        self.last = self.last.max(t);
        while let Some(mark) = self.marks.pop_front_if(|mark| nanos(mark.ms) <= t) {
            let line = self.cast.mark(nanos(mark.ms), &mark.what);
            self.put(line)?;
        }
        Ok(())
    }
    fn output(&mut self, t: u64, bytes: &[u8]) -> io::Result<()> {
        self.up_to(t)?;
        let line = self.cast.output(t, bytes);
        self.put(line)
    }
    fn resize(&mut self, t: u64, cols: u16, rows: u16) -> io::Result<()> {
        self.up_to(t)?;
        let line = self.cast.resize(t, cols, rows);
        self.put(line)
    }
    fn say(&mut self, t: u64, what: &str) -> io::Result<()> {
        self.up_to(t)?;
        let line = self.cast.mark(t, what);
        self.put(line)
    }
    fn end(&mut self, t: u64, exit: Option<HowItEnded>) -> io::Result<()> {
        self.up_to(t)?;
        let line = match exit {
            Some(HowItEnded::Code(code)) => self.cast.exit(t, code),
            Some(HowItEnded::Signal(signal)) => self.cast.exit(t, 128 + signal),
            None => self.cast.rest(t),
        };
        self.put(line)
    }
}

fn nanos(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0).saturating_mul(1_000_000)
}

/// The frames of the index, then what came too late for it. Without an index the output is taken to have come evenly.
struct Frames {
    index: Option<IndexReader>,
    number: u64,
    at: u64,
    bytes: u64,
    began: u64,
    ended: u64,
    first: u64,
    t: u64,
}

impl Frames {
    fn new(index: Option<IndexReader>, began: u64, ended: Option<u64>, from: u64, bytes: u64) -> Self {
        let number = index.as_ref().and_then(|index| index.number_at(from).ok()).unwrap_or(0);
        Self { index, number, at: from, bytes, began, ended: ended.unwrap_or(began), first: from, t: began }
    }
    fn next(&mut self) -> Option<Frame> {
        if self.at >= self.bytes {
            return None;
        }
        let indexed = self.index.as_ref().and_then(|index| index.frame(self.number).ok().flatten());
        let frame = match (indexed, &self.index) {
            (Some(frame), _) => frame,
            (None, Some(_)) => Frame { t: self.t, offset: self.at, len: self.bytes - self.at },
            (None, None) => {
                let (done, all) = (self.at - self.first, (self.bytes - self.first).max(1));
                let span = u128::from(self.ended.saturating_sub(self.began)) * u128::from(done) / u128::from(all);
                let t = self.began + u64::try_from(span).unwrap_or(0);
                Frame { t, offset: self.at, len: UNTIMED }
            }
        };
        self.number += 1;
        self.t = frame.t;
        self.at = self.at.max(frame.offset.saturating_add(frame.len));
        Some(frame)
    }
}
