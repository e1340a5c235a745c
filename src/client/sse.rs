//! Server-sent events, the reading half: bytes in, events out, bounded.

/// Largest event in bytes, data and field names together. The largest fact is a plan of a thousand sessions.
pub const EVENT_MAX: usize = 32 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// Its `id` field.
    pub id: Option<String>,
    /// Its `event` field.
    pub name: Option<String>,
    /// Its `data` lines, joined by newlines.
    pub data: String,
}

/// Why a stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// An event does not end.
    #[error("an event is larger than {EVENT_MAX} bytes")]
    TooLarge,
    /// A line is not UTF-8.
    #[error("an event is not UTF-8")]
    NotUtf8,
}

/// Cuts a byte stream into events. Takes chunks of any size; line ends may be LF, CR LF or CR.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    after_cr: bool,
    event: SseEvent,
    has_data: bool,
    size: usize,
}

impl SseParser {
    /// Takes the next bytes and gives the events they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, SseError> {
        let mut events = Vec::new();
        for &byte in bytes {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => events.extend(self.end_line()?),
                _ => {
                    self.size += 1;
                    if self.size > EVENT_MAX {
                        return Err(SseError::TooLarge);
                    }
                    self.line.push(byte);
                }
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Result<Option<SseEvent>, SseError> {
        let line = String::from_utf8(std::mem::take(&mut self.line)).map_err(|_| SseError::NotUtf8)?;
        if line.is_empty() {
            self.size = 0;
            let event = std::mem::take(&mut self.event);
            return Ok(std::mem::take(&mut self.has_data).then_some(event));
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            "id" => self.event.id = Some(value.to_owned()),
            "event" => self.event.name = Some(value.to_owned()),
            // A comment (empty field name) only shows that the daemon lives, so it must not add up; other fields mean
            // nothing here.
            _ => self.size -= line.len().min(self.size),
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(chunks: &[&[u8]]) -> Vec<SseEvent> {
        let mut parser = SseParser::default();
        chunks.iter().flat_map(|c| parser.push(c).unwrap()).collect()
    }
    fn event(id: Option<&str>, data: &str) -> SseEvent {
        SseEvent { id: id.map(str::to_owned), name: None, data: data.to_owned() }
    }

    #[test]
    fn any_cut_of_the_bytes_gives_the_same_events() {
        let text = ": hello\nid: 7\ndata: {\"a\":\"\u{e4}\"}\n\ndata:x\r\ndata: y\r\n\r\n:ping\n\nid:9\rdata: z\r\r";
        let expected = vec![event(Some("7"), "{\"a\":\"\u{e4}\"}"), event(None, "x\ny"), event(Some("9"), "z")];
        assert_eq!(all(&[text.as_bytes()]), expected);
        for cut in 0..text.len() {
            let (a, b) = text.as_bytes().split_at(cut);
            assert_eq!(all(&[a, b]), expected, "cut at {cut}");
        }
        let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(all(&single), expected);
    }

    #[test]
    fn an_event_without_data_or_without_an_end_is_none() {
        assert_eq!(all(&[b"event: x\n\n", b"data: not yet\n"]), vec![]);
    }

    #[test]
    fn an_endless_event_is_refused_and_endless_comments_are_not() {
        let mut parser = SseParser::default();
        let chunk = vec![b'x'; 1 << 20];
        let result = (0..40).try_for_each(|_| parser.push(&chunk).map(|_| ()));
        assert_eq!(result, Err(SseError::TooLarge));

        let mut parser = SseParser::default();
        let comments = ": keep alive\n".repeat(100_000);
        for _ in 0..30 {
            assert_eq!(parser.push(comments.as_bytes()), Ok(vec![]));
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_an_error() {
        assert_eq!(SseParser::default().push(b"data: \xff\n"), Err(SseError::NotUtf8));
    }
}
