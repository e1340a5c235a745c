//! What is on its way to the program's terminal, in order: keys from the outer terminal and input from the socket.

use super::terminal::{Got, write};
use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

/// A program that takes nothing for so long is not waited for any more, in nanoseconds.
const STALL: u64 = 10_000_000_000;

/// Least time between two tellings that somebody types, in nanoseconds.
const TOLD_EVERY: u64 = 2_000_000_000;

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

/// Whether a person types at the terminal. Told of once in a while: that they do, never what.
#[derive(Debug, Default)]
pub struct Hand {
    told: Option<u64>,
}

impl Hand {
    /// Takes what came from the outer terminal; says whether it is to be told that somebody types.
    pub fn types(&mut self, bytes: &[u8], now: u64) -> bool {
        let due = self.told.is_none_or(|told| now.saturating_sub(told) >= TOLD_EVERY);
        let tells = due && !is_answer(bytes);
        if tells {
            self.told = Some(now);
        }
        tells
    }
}

/// Whether a terminal answers a program with this, or tells it that a person looks at it: nobody typed it.
fn is_answer(bytes: &[u8]) -> bool {
    match bytes {
        [0x1b, b']' | b'P' | b'_', ..] => true,
        [0x1b, b'[', rest @ .., end] => {
            let told = rest.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'?' | b'>' | b';' | b'$'));
            told && matches!(end, b'c' | b'R' | b'n' | b'y' | b't' | b'I' | b'O')
        }
        _ => false,
    }
}

impl Piece {
    fn through(self) -> Option<Typed> {
        let all = self.taken == self.bytes.len();
        self.client.map(|client| Typed { client, bytes: self.taken, all })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_told_from_a_terminal_that_answers() {
        let types = |bytes: &[u8]| Hand::default().types(bytes, 0);
        for answer in
            [b"\x1b[?62;1;2c".as_slice(), b"\x1b[12;4R", b"\x1b]11;rgb:0/0/0\x07", b"\x1b[I", b"\x1bP1$r\x1b\\"]
        {
            assert!(!types(answer), "{answer:?}");
        }
        for key in [b"a".as_slice(), b"\r", b"\x1b", b"\x1b[A", b"\x1bOP", "ü".as_bytes(), b"\x1b[200~c"] {
            assert!(types(key), "{key:?}");
        }
        let mut hand = Hand::default();
        assert!(hand.types(b"a", 5) && !hand.types(b"b", 6) && hand.types(b"c", 5 + TOLD_EVERY));
    }
}
