//! Rust source as the checks see it: comments and the contents of literals blanked out, test code told from the rest.

/// One file with its text prepared for searching. Blanked text keeps its length and lines, so places stay right.
pub struct Source {
    /// Path from the root of the repository, with `/`.
    pub path: String,
    /// The text as it stands.
    pub raw: String,
    /// The text without comments, string contents and characters.
    pub code: String,
    /// Byte ranges of `code` that belong to `#[cfg(test)]` items.
    tests: Vec<std::ops::Range<usize>>,
}

impl Source {
    /// Prepares a file.
    pub fn new(path: &str, raw: &str) -> Self {
        let code = blank(raw);
        let all_tests = path.ends_with("/tests.rs") || path.contains("/tests/");
        let tests = if all_tests { std::iter::once(0..code.len()).collect() } else { test_items(&code) };
        Self { path: path.to_owned(), raw: raw.to_owned(), code, tests }
    }

    /// The line, from 1, that a byte of `code` stands in.
    pub fn line_of(&self, offset: usize) -> usize {
        self.code[..offset].matches('\n').count() + 1
    }

    /// Whether a byte of `code` belongs to a `#[cfg(test)]` item.
    pub fn in_tests(&self, offset: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&offset))
    }

    /// Lines that are not test code; `code_only` leaves out blank lines and comments too.
    pub fn lines_without_tests(&self, code_only: bool) -> usize {
        let mut offset = 0;
        let mut count = 0;
        for line in self.code.split_inclusive('\n') {
            let skipped = self.in_tests(offset) || (code_only && line.trim().is_empty());
            count += usize::from(!skipped);
            offset += line.len();
        }
        count
    }

    /// The top-level module a file under `src` belongs to: `core` for `src/core/run.rs` and for `src/core.rs`; `main`
    /// and `lib` for the two roots.
    pub fn module(&self) -> &str {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let first = inner.split('/').next().unwrap_or(inner);
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// How deep the file's module lies: 1 for `src/core.rs` and `src/core/mod.rs`, 2 for `src/core/run.rs`.
    fn depth(&self) -> usize {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let parts = inner.split('/').count();
        match inner.rsplit('/').next() {
            Some("mod.rs") => parts - 1,
            Some("main.rs" | "lib.rs") if parts == 1 => 0,
            Some(_) | None => parts,
        }
    }

    /// All uses of top-level modules of this package, with their places: `crate::x`, `crate::{x, y}`, `super::x` where
    /// that reaches the root, and `nightkeep::x` in the binary.
    pub fn uses(&self) -> Vec<(String, usize)> {
        let mut found = Vec::new();
        for root in ["crate", "nightkeep"] {
            for at in words(&self.code, root) {
                for name in names_after(&self.code, at + root.len()) {
                    found.push((name, at));
                }
            }
        }
        let climb = "super::".repeat(self.depth());
        if !climb.is_empty() {
            for at in words(&self.code, "super") {
                if self.code[..at].ends_with("super::") || !self.code[at..].starts_with(&climb) {
                    continue;
                }
                for name in names_after(&self.code, at + climb.len() - 2) {
                    found.push((name, at));
                }
            }
        }
        found
    }
}

/// Places where `word` stands as a whole identifier.
pub fn words(code: &str, word: &str) -> Vec<usize> {
    let ident = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(|at| !code[..*at].ends_with(ident) && !code[at + word.len()..].starts_with(ident))
        .collect()
}

/// The names that follow a path's `::` at `at`: one, or those of a `{…}` group.
pub fn names_after(code: &str, at: usize) -> Vec<String> {
    let Some(rest) = code[at..].trim_start().strip_prefix("::") else { return Vec::new() };
    let rest = rest.trim_start();
    let Some(group) = rest.strip_prefix('{') else { return first_name(rest).into_iter().collect() };
    let mut names = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' if depth == 0 => {
                names.extend(first_name(group[start..i].trim_start()));
                start = i + 1;
            }
            '}' => {
                names.extend(first_name(group[start..i].trim_start()));
                break;
            }
            _ => {}
        }
    }
    names
}

fn first_name(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// The index just behind the bracket that closes the one at `open`.
pub fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (i, c) in code[open..].char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth -= 1;
                if depth == 0 {
                    return open + i + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// Ranges of the items under `#[cfg(test)]`: from the attribute to the item's closing brace or semicolon.
fn test_items(code: &str) -> Vec<std::ops::Range<usize>> {
    let mut items: Vec<std::ops::Range<usize>> = Vec::new();
    for (at, mark) in code.match_indices("#[cfg(test)]") {
        if items.last().is_some_and(|item| item.contains(&at)) {
            continue;
        }
        let mut i = at + mark.len();
        let end = loop {
            match code[i..].chars().next() {
                None => break code.len(),
                Some(';') => break i + 1,
                Some('{') => break closing(code, i),
                Some('(' | '[') => i = closing(code, i),
                Some(c) => i += c.len_utf8(),
            }
        };
        items.push(at..end);
    }
    items
}

/// Replaces comments and the contents of strings and characters by spaces.
fn blank(raw: &str) -> String {
    let bytes = raw.as_bytes();
    let mut out = bytes.to_vec();
    let wipe = |out: &mut Vec<u8>, from: usize, to: usize| {
        for b in &mut out[from..to] {
            if *b != b'\n' {
                *b = b' ';
            }
        }
    };
    let mut i = 0;
    while i < bytes.len() {
        let rest = &raw[i..];
        if rest.starts_with("//") {
            let end = rest.find('\n').map_or(bytes.len(), |n| i + n);
            wipe(&mut out, i, end);
            i = end;
        } else if rest.starts_with("/*") {
            let end = block_comment_end(rest) + i;
            wipe(&mut out, i, end);
            i = end;
        } else if let Some(hashes) = raw_string(raw, i) {
            let open = i + rest.find('"').unwrap_or(0) + 1;
            let close = format!("\"{}", "#".repeat(hashes));
            let end = raw[open..].find(&close).map_or(bytes.len(), |n| open + n);
            wipe(&mut out, open, end);
            i = (end + close.len()).min(bytes.len());
        } else if bytes[i] == b'"' {
            let end = quoted_end(bytes, i + 1, b'"');
            wipe(&mut out, i + 1, end);
            i = end + 1;
        } else if bytes[i] == b'\'' && is_char_literal(rest) {
            let end = quoted_end(bytes, i + 1, b'\'');
            wipe(&mut out, i + 1, end);
            i = end + 1;
        } else {
            i += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    String::from_utf8(out).expect("only whole characters are blanked")
}

fn block_comment_end(text: &str) -> usize {
    let (mut depth, mut i) = (0_usize, 0);
    while i < text.len() {
        if text[i..].starts_with("/*") {
            depth += 1;
            i += 2;
        } else if text[i..].starts_with("*/") {
            depth -= 1;
            i += 2;
            if depth == 0 {
                return i;
            }
        } else {
            i += text[i..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The number of `#` of a raw string that begins at `at`, if one does.
fn raw_string(raw: &str, at: usize) -> Option<usize> {
    let before = raw[..at].chars().next_back();
    if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let rest = raw[at..].strip_prefix("br").or_else(|| raw[at..].strip_prefix('r'))?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    rest[hashes..].starts_with('"').then_some(hashes)
}

/// Whether a quote opens a character and not a lifetime.
fn is_char_literal(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    matches!((chars.next(), chars.next()), (Some('\\'), _) | (Some(_), Some('\'')))
}

fn quoted_end(bytes: &[u8], mut i: usize, quote: u8) -> usize {
    while i < bytes.len() && bytes[i] != quote {
        i += if bytes[i] == b'\\' { 2 } else { 1 };
    }
    i.min(bytes.len())
}
