//! What is on its way to the program's terminal, in order: keys from the outer terminal and input from the socket.

use super::terminal::{Got, write};
use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

/// A program that takes nothing for so long is not waited for any more, in nanoseconds.
const STALL: u64 = 10_000_000_000;

/// The queue.
#[derive(Debug, Default)]
pub struct Typing {
    queue: VecDeque<Piece>,
    /// When something was last taken, or the queue began.
    moved: u64,
}

#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    taken: usize,
    /// Who gets the answer; `None` for keys.
    client: Option<u64>,
}

/// A piece from a client that is through.
#[derive(Debug, PartialEq, Eq)]
pub struct Typed {
    /// Who gets the answer.
    pub client: u64,
    /// How many bytes were typed.
    pub bytes: usize,
    /// Whether that is all of them.
    pub all: bool,
}

impl Typing {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
    /// Adds a piece; it is typed whole before the next.
    pub fn add(&mut self, bytes: Vec<u8>, client: Option<u64>, now: u64) {
        if self.queue.is_empty() {
            self.moved = now;
        }
        self.queue.push_back(Piece { bytes, taken: 0, client });
    }
    /// Types as much as the terminal takes.
    pub fn flush(&mut self, master: BorrowedFd<'_>, now: u64) -> Vec<Typed> {
        let mut through = Vec::new();
        while let Some(piece) = self.queue.front_mut() {
            if piece.taken < piece.bytes.len() {
                match write(master, &piece.bytes[piece.taken..]) {
                    Got::Bytes(n) => {
                        piece.taken += n;
                        self.moved = now;
                        continue;
                    }
                    Got::Nothing => break,
                    Got::End => {
                        through.extend(self.give_up());
                        break;
                    }
                }
            }
            through.extend(self.queue.pop_front().and_then(|piece| piece.through()));
        }
        through
    }
    /// When a program that takes nothing is given up; `None` when nothing waits.
    pub fn deadline(&self) -> Option<u64> {
        (!self.queue.is_empty()).then_some(self.moved + STALL)
    }
    /// Drops everything that waits.
    pub fn give_up(&mut self) -> Vec<Typed> {
        self.queue.drain(..).filter_map(|piece| piece.through()).collect()
    }
}

impl Piece {
    fn through(self) -> Option<Typed> {
        let all = self.taken == self.bytes.len();
        self.client.map(|client| Typed { client, bytes: self.taken, all })
    }
}
