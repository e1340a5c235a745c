//! What the viewer, tmux, has still to be shown. It is slower than most programs print, so some output is read ahead
//! for it; a viewer that takes nothing holds up the program for a while only, and then misses output.

use super::terminal::{self, Got, Outer};

/// Output that may wait for the viewer while the program runs, in bytes. With less, program, recorder and tmux take
/// turns instead of working at the same time; with more, what a person sees would lag behind a Ctrl-C.
const AHEAD: usize = 64 * 1024;
/// The same once the program has ended, so that its last words are in the log at once.
const LAST_WORDS: usize = 256 * 1024;
/// How long a viewer that takes nothing holds up the program, in nanoseconds.
const PATIENCE: u64 = 5_000_000_000;
/// The same once the program has ended.
pub const LAST_VIEW: u64 = 1_000_000_000;

/// The output on its way to the viewer.
#[derive(Debug, Default)]
pub struct Viewer {
    /// Output in its order; the first `shown` bytes of it were taken already.
    queue: Vec<u8>,
    shown: usize,
    /// Since when the viewer took nothing, monotonic nanoseconds.
    since: u64,
    /// It took nothing for too long: it gets nothing until it takes something again.
    skipping: bool,
}

impl Viewer {
    /// What it has not taken yet.
    pub fn unseen(&self) -> &[u8] {
        &self.queue[self.shown..]
    }
    /// Whether there is something to do once the viewer takes bytes.
    pub fn waits(&self) -> bool {
        self.skipping || !self.unseen().is_empty()
    }
    /// Whether no more should be read from the program for now.
    pub fn is_full(&self, ended: bool) -> bool {
        self.unseen().len() >= if ended { LAST_WORDS } else { AHEAD }
    }
    /// When it has waited too long.
    pub fn deadline(&self, ended: bool) -> Option<u64> {
        let patience = if ended { LAST_VIEW } else { PATIENCE };
        (!self.unseen().is_empty()).then_some(self.since + patience)
    }
    /// It has waited too long: what it has not seen, it misses.
    pub fn give_up(&mut self) {
        self.forget();
        self.skipping = true;
    }
    /// Shows bytes, or keeps them until they can be shown.
    pub fn show(&mut self, outer: &mut Outer, bytes: &[u8], now: u64) {
        if self.skipping || outer.output().is_none() {
            return;
        }
        if self.unseen().is_empty() {
            self.since = now;
        } else if self.shown > 0 && self.queue.len() + bytes.len() > self.queue.capacity() {
            self.queue.drain(..self.shown);
            self.shown = 0;
        }
        self.queue.extend_from_slice(bytes);
        self.flush(outer, now);
    }
    /// Goes on showing. Tells whether the viewer takes bytes again after it has missed some.
    pub fn flush(&mut self, outer: &mut Outer, now: u64) -> bool {
        if self.skipping {
            self.skipping = false;
            return true;
        }
        let Some(to) = outer.output() else { return false };
        match terminal::write(to, self.unseen()) {
            Got::Bytes(n) => {
                self.shown += n;
                self.since = now;
                if self.unseen().is_empty() {
                    self.forget();
                }
            }
            Got::Nothing => {}
            Got::End => {
                self.forget();
                outer.output_ended();
            }
        }
        false
    }
    /// Leaves the queue empty, with the memory it is likely to need again.
    fn forget(&mut self) {
        self.queue.clear();
        self.queue.shrink_to(AHEAD);
        self.shown = 0;
    }
}
