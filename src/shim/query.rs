//! The Program Status Protocol (OSC 7501): a program asks its terminal whether it may report what it does, and reports
//! only to a terminal that answers. tmux does not; so the recorder answers in its place.
//!
//! Anything can print the question, a file that is shown for instance, and an answer is typed into whatever reads the
//! terminal. So it is fixed text, there are few of them, and one goes only to the program that was started, and only
//! while that reads its terminal key by key without an echo, as who asks such a question must.

use rustix::termios::LocalModes;
use std::os::fd::BorrowedFd;

/// The question, without what ends it: BEL or ST.
const QUESTION: &[u8] = b"\x1b]7501;?";
/// The answer: all states and kinds are understood. It is ended as the question was.
const ANSWER: &[u8] = b"\x1b]7501;?:states=idle,working,done,blocked,error:kinds=permission,question,auth";
const BEL: u8 = 0x07;
const ESCAPE: u8 = 0x1b;
/// Most answers to one program. It asks once as it starts, and again after it was suspended or cleared its screen.
const ANSWERS_MAX: u32 = 8;

/// Follows a program's output for the question, wherever reads cut it.
#[derive(Debug)]
pub struct StatusQuery {
    /// How much of the question stands at the end of what was scanned; behind it whether an `ESC` came.
    matched: usize,
    escape: bool,
    left: u32,
}

impl StatusQuery {
    /// Answers when asked, if `answers` says so.
    pub fn new(answers: bool) -> Self {
        Self { matched: 0, escape: false, left: if answers { ANSWERS_MAX } else { 0 } }
    }
    /// Takes the next bytes of output; gives what is to be answered. Several questions in one piece are one.
    pub fn scan(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.left == 0 || (self.matched == 0 && !bytes.contains(&ESCAPE)) {
            return None;
        }
        let mut end = None;
        for byte in bytes {
            end = self.step(*byte).or(end);
        }
        end.map(|end| [ANSWER, end].concat())
    }
    /// One more answer was given.
    pub fn answered(&mut self) {
        self.left = self.left.saturating_sub(1);
    }
    /// Takes a byte; gives what ended a question that is complete.
    fn step(&mut self, byte: u8) -> Option<&'static [u8]> {
        if self.matched == QUESTION.len() {
            match (self.escape, byte) {
                (false, BEL) => {
                    self.matched = 0;
                    return Some(b"\x07");
                }
                (false, ESCAPE) => {
                    self.escape = true;
                    return None;
                }
                (true, b'\\') => {
                    (self.matched, self.escape) = (0, false);
                    return Some(b"\x1b\\");
                }
                // The `ESC` may have begun another question.
                (true, _) => (self.matched, self.escape) = (1, false),
                (false, _) => self.matched = 0,
            }
        }
        self.matched = match QUESTION.get(self.matched) {
            Some(wanted) if *wanted == byte => self.matched + 1,
            Some(_) | None => usize::from(byte == ESCAPE),
        };
        None
    }
}

/// Whether the program itself reads the terminal, key by key and without an echo.
pub fn reads_keys(inner: BorrowedFd<'_>, program: u32) -> bool {
    let raw = rustix::termios::tcgetattr(inner)
        .is_ok_and(|settings| !settings.local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO));
    let group = rustix::termios::tcgetpgrp(inner).ok();
    raw && group.is_some_and(|group| u32::try_from(group.as_raw_nonzero().get()) == Ok(program))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(pieces: &[&[u8]]) -> Vec<String> {
        let mut query = StatusQuery::new(true);
        let given = pieces.iter().filter_map(|piece| {
            let answer = query.scan(piece)?;
            query.answered();
            Some(String::from_utf8(answer).unwrap())
        });
        given.collect()
    }

    #[test]
    fn the_question_is_answered_as_it_was_ended() {
        let all = "\x1b]7501;?:states=idle,working,done,blocked,error:kinds=permission,question,auth";
        assert_eq!(answers(&[b"x\x1b]7501;?\x07\x1b[c"]), [format!("{all}\x07")]);
        assert_eq!(answers(&[b"\x1b]7501;?\x1b\\"]), [format!("{all}\x1b\\")]);
    }

    #[test]
    fn it_is_found_wherever_reads_cut_it() {
        for text in [&b"ab\x1b]7501;?\x07cd"[..], b"\x1b\x1b]7501;?\x1b\\x", b"\x1b]7501;?\x1b]7501;?\x07"] {
            for cut in 0..=text.len() {
                let (a, b) = text.split_at(cut);
                assert_eq!(answers(&[a, b]).len(), 1, "{text:?} cut at {cut}");
            }
            let bytes: Vec<&[u8]> = text.chunks(1).collect();
            assert_eq!(answers(&bytes).len(), 1, "{text:?}");
        }
    }

    #[test]
    fn nothing_else_is_answered() {
        for text in [
            &b"]7501;?\x07"[..],
            b"\x1b]7501;state=idle\x07",
            b"\x1b]7501;?x\x07",
            b"\x1b]7501;?:states=idle\x07",
            b"\x1b]7501;?\x1bx\\",
            b"\x1b]750;?\x07",
            b"\x1b] 7501;?\x07",
        ] {
            assert_eq!(answers(&[text]), Vec::<String>::new(), "{text:?}");
        }
        assert_eq!(StatusQuery::new(false).scan(b"\x1b]7501;?\x07"), None);
    }

    #[test]
    fn there_are_few_answers() {
        let question: &[u8] = b"\x1b]7501;?\x07";
        assert_eq!(answers(&[question; 100]).len(), 8);
        assert_eq!(answers(&[&question.repeat(50)]).len(), 1);
    }
}
