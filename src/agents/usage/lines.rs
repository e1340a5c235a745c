//! Bytes to lines, of a file that grows. A line that is not finished waits for its rest; one that is too long is left out.

/// Longest line that is kept. Agents write whole requests into one.
pub const LINE_MAX: usize = 8 << 20;

/// The lines of a file that grows.
#[derive(Debug, Default)]
pub struct Lines {
    rest: Vec<u8>,
    too_long: bool,
    /// Lines that were left out.
    pub left_out: u64,
}

impl Lines {
    /// Takes what came, and hands on each line that is finished by it.
    pub fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, after) = (bytes.get(..end).unwrap_or_default(), bytes.get(end + 1..).unwrap_or_default());
            bytes = after;
            if self.rest.is_empty() && !self.too_long {
                each(line);
                continue;
            }
            self.keep(line);
            if !std::mem::take(&mut self.too_long) {
                each(&self.rest);
            }
            self.rest.clear();
        }
        self.keep(bytes);
    }
    /// Hands on what stands after the last line end: nothing more comes.
    pub fn finish(&mut self, mut each: impl FnMut(&[u8])) {
        if !self.rest.is_empty() && !self.too_long {
            each(&self.rest);
        }
        self.begins_anew();
    }
    /// The file begins anew.
    pub fn begins_anew(&mut self) {
        (self.rest, self.too_long) = (Vec::new(), false);
    }

    fn keep(&mut self, part: &[u8]) {
        if self.too_long {
        } else if self.rest.len() + part.len() > LINE_MAX {
            self.left_out += 1;
            (self.rest, self.too_long) = (Vec::new(), true);
        } else {
            self.rest.extend_from_slice(part);
        }
    }
}
