//! An agent's stream of events as bytes: cut into the data of single events, bounded, whatever it sends.

/// Longest data of one event, in bytes. What is longer holds output of tools, and is passed over.
pub const EVENT_MAX: usize = 256 << 10;
/// Longest line that is not data.
const LINE_MAX: usize = 4 << 10;

/// Cuts a stream into events. Takes pieces of any size; lines end in LF or CR LF.
#[derive(Debug, Default)]
pub struct Cutter {
    line: Vec<u8>,
    /// The line is longer than it may be.
    cut: bool,
    data: Vec<u8>,
    /// The event has data.
    has: bool,
    /// It has more than it may.
    over: bool,
}

impl Cutter {
    /// Takes the next bytes and gives the data of the events that they complete. Those that are too long or no text are
    /// left out.
    pub fn push(&mut self, mut bytes: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (piece, rest) = bytes.split_at(end);
            self.take(piece);
            events.extend(self.end_line());
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.take(bytes);
        events
    }
    fn take(&mut self, piece: &[u8]) {
        let data = self.line.starts_with(b"data") || self.line.len() < 4;
        let room = (if data { EVENT_MAX } else { LINE_MAX }).saturating_sub(self.line.len());
        self.cut |= piece.len() > room;
        self.line.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
    }
    fn end_line(&mut self) -> Option<String> {
        let mut line = std::mem::take(&mut self.line);
        let cut = std::mem::take(&mut self.cut);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if line.is_empty() {
            let (data, has, over) =
                (std::mem::take(&mut self.data), std::mem::take(&mut self.has), std::mem::take(&mut self.over));
            return String::from_utf8(data).ok().filter(|_| has && !over);
        }
        if let Some(data) = line.strip_prefix(b"data:") {
            let data = data.strip_prefix(b" ").unwrap_or(data);
            if self.has {
                self.data.push(b'\n');
            }
            self.has = true;
            self.over |= cut || self.data.len() + data.len() > EVENT_MAX;
            if !self.over {
                self.data.extend_from_slice(data);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_of_the_bytes_gives_the_same_events() {
        let text =
            ": hello\ndata: {\"a\":\"\u{e4}\"}\n\nevent: x\r\ndata:x\r\ndata: y\r\n\r\n\n\ndata: z\n\ndata: not yet\n";
        let expected = ["{\"a\":\"\u{e4}\"}", "x\ny", "z"];
        for cut in 0..=text.len() {
            let (a, b) = text.as_bytes().split_at(cut);
            let mut cutter = Cutter::default();
            let events: Vec<String> = cutter.push(a).into_iter().chain(cutter.push(b)).collect();
            assert_eq!(events, expected, "cut at {cut}");
        }
        let mut cutter = Cutter::default();
        let single: Vec<String> = text.as_bytes().chunks(1).flat_map(|byte| cutter.push(byte)).collect();
        assert_eq!(single, expected);
    }

    #[test]
    fn hostile_bytes_take_no_memory_and_hide_nothing_that_follows() {
        let mut cutter = Cutter::default();
        for chunk in [vec![b'x'; 1 << 20], [b"data: ".to_vec(), vec![b'y'; 1 << 20]].concat()] {
            for _ in 0..8 {
                assert!(cutter.push(&chunk).is_empty());
                assert!(cutter.line.capacity() + cutter.data.capacity() < 4 * EVENT_MAX);
            }
            assert!(cutter.push(b"\n\n").is_empty(), "it is too long");
            assert_eq!(cutter.push(b"data: {}\n\n"), ["{}"]);
        }
        let many = b"data: 0123456789\n".repeat(EVENT_MAX / 8);
        assert!(cutter.push(&many).is_empty() && cutter.push(b"\n").is_empty());
        assert!(cutter.data.capacity() < 4 * EVENT_MAX);
        assert!(cutter.push(b"data: \xff\xfe\n\n").is_empty(), "it is no text");
        assert_eq!(cutter.push(b"data: a\n\n"), ["a"]);
    }
}
