//! Reads what tmux says to a control-mode client: reply blocks and notifications, as bytes.
//!
//! A reply stands between `%begin TIME NUMBER FLAGS` and `%end` or `%error` with the same three numbers; whatever stands
//! between them is data, also a line that looks like a notification. tmux passes bytes through that are not UTF-8, and
//! a line can be as long as somebody makes it, so nothing here assumes text and everything is bounded.

/// Longest line kept; the rest of a longer one is dropped and its block marked as cut.
pub const LINE_MAX: usize = 64 << 10;
/// Most bytes of one reply kept.
pub const BLOCK_MAX: usize = 8 << 20;

/// One thing tmux said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The reply to a command.
    Block(Block),
    /// A line beginning with `%` outside a reply, without the `%`.
    Notification(Vec<u8>),
    /// `%exit`: the connection ends, with tmux's reason if it gave one.
    Exit(Vec<u8>),
}

/// The reply to a command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Block {
    /// Whether a command of this client was answered; otherwise it is tmux's own, such as the attach itself.
    pub ours: bool,
    /// Whether the command was carried out.
    pub ok: bool,
    /// The lines of the reply, or of the error.
    pub lines: Vec<Vec<u8>>,
    /// Whether something of it was too long to be kept.
    pub cut: bool,
}

/// The reader's state between two pieces of input.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    line_cut: bool,
    open: Option<OpenBlock>,
}

#[derive(Debug)]
struct OpenBlock {
    /// `TIME NUMBER FLAGS` as it stood in `%begin`.
    mark: Vec<u8>,
    block: Block,
    bytes: usize,
}

impl Parser {
    /// A reader at the start of a connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece of input, however it was cut, and gives what it completes.
    pub fn push(&mut self, input: &[u8]) -> Vec<Said> {
        let mut said = Vec::new();
        for piece in input.split_inclusive(|&b| b == b'\n') {
            let (text, ended) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                Some(_) | None => (piece, false),
            };
            let room = LINE_MAX.saturating_sub(self.line.len()).min(text.len());
            self.line.extend_from_slice(&text[..room]);
            self.line_cut |= room < text.len();
            if ended {
                let line = std::mem::take(&mut self.line);
                let cut = std::mem::take(&mut self.line_cut);
                said.extend(self.line(line, cut));
            }
        }
        said
    }

    fn line(&mut self, line: Vec<u8>, cut: bool) -> Option<Said> {
        if let Some(mut open) = self.open.take() {
            let ok = match closing_mark(&line) {
                Some((ok, mark)) if mark == open.mark => ok,
                Some(_) | None => {
                    open.add(line, cut);
                    self.open = Some(open);
                    return None;
                }
            };
            return Some(Said::Block(Block { ok, ..open.block }));
        }
        let rest = line.strip_prefix(b"%")?;
        if let Some(mark) = rest.strip_prefix(b"begin ") {
            let ours = mark.rsplit(|&b| b == b' ').next().is_some_and(|flags| flags == b"1");
            let block = Block { ours, ..Block::default() };
            self.open = Some(OpenBlock { mark: mark.to_vec(), block, bytes: 0 });
            return None;
        }
        match rest.strip_prefix(b"exit") {
            Some(reason) if reason.is_empty() || reason[0] == b' ' => Some(Said::Exit(reason.trim_ascii().to_vec())),
            Some(_) | None => Some(Said::Notification(rest.to_vec())),
        }
    }
}

impl OpenBlock {
    fn add(&mut self, line: Vec<u8>, cut: bool) {
        self.bytes += line.len() + 1;
        self.block.cut |= cut || self.bytes > BLOCK_MAX;
        if self.bytes <= BLOCK_MAX {
            self.block.lines.push(line);
        }
    }
}

/// The mark of an `%end` (true) or `%error` (false) line.
fn closing_mark(line: &[u8]) -> Option<(bool, &[u8])> {
    let end = line.strip_prefix(b"%end ").map(|mark| (true, mark));
    end.or_else(|| line.strip_prefix(b"%error ").map(|mark| (false, mark)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(input: &[u8]) -> Vec<Said> {
        Parser::new().push(input)
    }
    fn block(ours: bool, ok: bool, lines: &[&[u8]]) -> Said {
        Said::Block(Block { ours, ok, lines: lines.iter().map(|l| l.to_vec()).collect(), cut: false })
    }

    const TALK: &[u8] = b"%begin 17 272 0\n%end 17 272 0\n%session-changed $0 _keep\n\
        %begin 17 279 1\none\n\n%end 17 278 1\n%sessions-changed\n%end 17 279 1\n\
        %begin 17 280 1\nparse error: unknown command: bogus\n%error 17 280 1\n%exit server exited unexpectedly\n";

    fn talk() -> Vec<Said> {
        vec![
            block(false, true, &[]),
            Said::Notification(b"session-changed $0 _keep".to_vec()),
            block(true, true, &[b"one", b"", b"%end 17 278 1", b"%sessions-changed"]),
            block(true, false, &[b"parse error: unknown command: bogus"]),
            Said::Exit(b"server exited unexpectedly".to_vec()),
        ]
    }

    #[test]
    fn replies_end_only_with_their_own_numbers() {
        assert_eq!(read(TALK), talk());
    }

    #[test]
    fn bytes_that_are_not_text_pass() {
        assert_eq!(read(b"%begin 1 2 1\nA\xff\xc3B\0\n%end 1 2 1\n"), vec![block(true, true, &[b"A\xff\xc3B\0"])]);
    }

    #[test]
    fn a_bare_exit_and_words_that_begin_like_it() {
        assert_eq!(
            read(b"%exit\n%exited x\nstray\n\n"),
            vec![Said::Exit(Vec::new()), Said::Notification(b"exited x".to_vec())]
        );
    }

    #[test]
    fn a_huge_line_is_cut_and_said_to_be() {
        let mut input = b"%begin 1 2 1\n".to_vec();
        input.resize(input.len() + 10 * LINE_MAX, b'x');
        input.extend_from_slice(b"\nlast\n%end 1 2 1\n");
        let mut parser = Parser::new();
        let said: Vec<Said> = input.chunks(5000).flat_map(|piece| parser.push(piece)).collect();
        let [Said::Block(block)] = &said[..] else { panic!("{} things said", said.len()) };
        assert!(block.cut && block.ok);
        assert_eq!(block.lines.iter().map(Vec::len).collect::<Vec<_>>(), [LINE_MAX, 4]);
    }

    #[test]
    fn a_reply_without_end_stays_bounded() {
        let mut parser = Parser::new();
        parser.push(b"%begin 1 2 1\n");
        let lines = b"0123456789\n".repeat(100_000);
        for _ in 0..20 {
            parser.push(&lines);
        }
        let said = parser.push(b"%end 1 2 1\n");
        let [Said::Block(block)] = &said[..] else { panic!("{} things said", said.len()) };
        assert!(block.cut);
        assert!(block.lines.iter().map(|l| l.len() + 1).sum::<usize>() <= BLOCK_MAX);
    }

    proptest! {
        #[test]
        fn the_cuts_between_pieces_do_not_matter(cuts in proptest::collection::vec(0..TALK.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut parser = Parser::new();
            let mut said = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([TALK.len()]) {
                said.extend(parser.push(&TALK[from..cut]));
                from = cut;
            }
            prop_assert_eq!(said, talk());
        }

        #[test]
        fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..600)) {
            Parser::new().push(&noise);
        }
    }
}
