//! A recording as asciicast, version 3: a JSON object, then an array a line: seconds since the last one, kind, data.
//!
//! Times are told in microseconds and rounded from the beginning, not from line to line, so that a night stays as long as
//! it was. What is no UTF-8 becomes U+FFFD, because JSON has no place for it; a character that was cut by chance does not.

use serde_json::json;

/// Writes the lines of a recording, in the order of time.
pub struct Cast {
    began: u64,
    /// Microseconds from the beginning to the last line.
    told: u64,
    /// The start of a character whose rest is still to come.
    half: Vec<u8>,
}

impl Cast {
    /// A recording that began then (wall nanoseconds), on a terminal of this size; and its first line.
    pub fn new(began: u64, cols: u16, rows: u16, title: &str) -> (Self, String) {
        let term = json!({ "cols": cols, "rows": rows, "type": "tmux-256color" });
        // Written out, because readers of JSON need no order but people like one.
        let head = format!(
            "{{\"version\":3,\"term\":{term},\"timestamp\":{},\"title\":{}}}\n",
            began / 1_000_000_000,
            serde_json::Value::from(title)
        );
        (Self { began, told: 0, half: Vec::new() }, head)
    }
    /// Output that came at a time (wall nanoseconds). Gives nothing while a character is incomplete.
    pub fn output(&mut self, t: u64, bytes: &[u8]) -> String {
        let mut all = std::mem::take(&mut self.half);
        all.extend_from_slice(bytes);
        self.half = all.split_off(all.len() - cut(&all));
        if all.is_empty() { String::new() } else { self.line(t, "o", &String::from_utf8_lossy(&all)) }
    }
    /// The terminal has another size.
    pub fn resize(&mut self, t: u64, cols: u16, rows: u16) -> String {
        self.line(t, "r", &format!("{cols}x{rows}"))
    }
    /// Something that a player can jump to.
    pub fn mark(&mut self, t: u64, what: &str) -> String {
        self.line(t, "m", what)
    }
    /// The last line: the exit code, that of a shell for a signal.
    pub fn exit(&mut self, t: u64, status: i32) -> String {
        let rest = self.rest(t);
        rest + &self.line(t, "x", &status.to_string())
    }
    /// The half character that nothing completed.
    pub fn rest(&mut self, t: u64) -> String {
        let half = std::mem::take(&mut self.half);
        if half.is_empty() { String::new() } else { self.line(t, "o", &String::from_utf8_lossy(&half)) }
    }
    fn line(&mut self, t: u64, kind: &str, data: &str) -> String {
        // A clock that was set back does not bring the past back.
        let at = (t.saturating_sub(self.began) / 1000).max(self.told);
        let passed = at - self.told;
        self.told = at;
        format!("[{}.{:06},\"{kind}\",{}]\n", passed / 1_000_000, passed % 1_000_000, serde_json::Value::from(data))
    }
}

/// How many bytes at the end begin a character that is not complete.
fn cut(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let Some(&byte) = bytes.get(bytes.len() - back) else { return 0 };
        let needs = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return 0,
        };
        let begun = std::str::from_utf8(&bytes[bytes.len() - back..]);
        return if needs > back && begun.is_err_and(|e| e.error_len().is_none()) { back } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_recording_is_right_to_the_byte() {
        const S: u64 = 1_000_000_000;
        let (mut cast, mut text) = Cast::new(1_790_000_000 * S + 7, 80, 24, "load \"x\"");
        let at = |s: u64, us: u64| 1_790_000_000 * S + 7 + s * S + us * 1000;
        text += &cast.output(at(0, 250_000), "\x1b[31mHällo\r\n".as_bytes());
        text += &cast.output(at(1, 250_001), b"\xe6\xbc");
        text += &cast.output(at(1, 300_000), b"\xa2 \xff\xc3");
        text += &cast.resize(at(2, 0), 100, 30);
        text += &cast.output(at(1, 0), b"x");
        text += &cast.mark(at(3, 0), "retry");
        text += &cast.output(at(3, 1), b"\xf0\x9f");
        text += &cast.exit(at(4, 0), 137);
        let expected = concat!(
            "{\"version\":3,\"term\":{\"cols\":80,\"rows\":24,\"type\":\"tmux-256color\"},\"timestamp\":1790000000,",
            "\"title\":\"load \\\"x\\\"\"}\n",
            "[0.250000,\"o\",\"\\u001b[31mHällo\\r\\n\"]\n",
            "[1.050000,\"o\",\"漢 \u{fffd}\"]\n",
            "[0.700000,\"r\",\"100x30\"]\n",
            "[0.000000,\"o\",\"\u{fffd}x\"]\n",
            "[1.000000,\"m\",\"retry\"]\n",
            "[1.000000,\"o\",\"\u{fffd}\"]\n",
            "[0.000000,\"x\",\"137\"]\n",
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn however_the_bytes_are_cut_the_text_is_the_same() {
        let whole = "a漢字😀é".as_bytes();
        for cut in 0..=whole.len() {
            let (mut cast, _) = Cast::new(0, 2, 2, "");
            let lines = cast.output(0, &whole[..cut]) + &cast.output(0, &whole[cut..]) + &cast.rest(0);
            let texts: String =
                lines.lines().map(|line| serde_json::from_str::<(f64, String, String)>(line).unwrap().2).collect();
            assert_eq!(texts.as_bytes(), whole, "cut at {cut}");
        }
    }
}
