//! Foreign text in Markdown, so that it shows as it is and does nothing: no markup, link, mention, reference or HTML.

/// Breaks up what renderers look for in plain text after all escapes are resolved. It joins words and is not seen.
const JOINER: char = '\u{2060}';

/// Foreign text within a sentence or a table cell.
pub fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            ']' => out.push_str(if chars.peek() == Some(&'(') { "\\]\u{2060}" } else { "\\]" }),
            '\\' | '`' | '*' | '[' | '|' | '~' | '$' | '{' | '}' => {
                out.push('\\');
                out.push(c);
            }
            // Within a word it is no emphasis; names with it stay readable.
            '_' => {
                let inside = out.chars().next_back().is_some_and(char::is_alphanumeric)
                    && chars.peek().is_some_and(|next| next.is_alphanumeric());
                out.push_str(if inside { "_" } else { "\\_" });
            }
            '@' | '#' => {
                out.push(c);
                out.push(JOINER);
            }
            ':' if chars.peek() == Some(&'/') => {
                out.push(c);
                out.push(JOINER);
            }
            '.' if ends_with_www(&out) => {
                out.push(JOINER);
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

fn ends_with_www(out: &str) -> bool {
    out.len() >= 3 && out.as_bytes()[out.len() - 3..].eq_ignore_ascii_case(b"www")
}

/// Foreign text as code: the form in which neither mentions, references, links nor mathematics are looked for.
pub fn code(text: &str) -> String {
    span(&inert(text))
}

/// The same in a table, where a bar would end the cell even within code.
pub fn code_cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        if c == '|' {
            // A backslash before the bar would take away what makes the bar part of the cell.
            if cell.ends_with('\\') {
                cell.push(JOINER);
            }
            cell.push('\\');
        }
        cell.push(c);
    }
    span(&inert(&cell))
}

fn span(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_run(text) + 1);
    let edge = text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let room = if edge { " " } else { "" };
    format!("{ticks}{room}{text}{room}{ticks}")
}

/// Lines as a block of code that nothing in them can end.
pub fn fence(lines: &[String]) -> Vec<String> {
    let ticks = "`".repeat(lines.iter().map(|l| longest_run(l)).max().unwrap_or(0).max(2) + 1);
    let mut out = vec![format!("{ticks}text")];
    // As they stand in the log: a line that is copied from here is found there.
    out.extend(lines.iter().cloned());
    out.push(ticks);
    out
}

/// Code is shown as it is by every renderer of the format, but some viewers look for tags and links first.
fn inert(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        let tag = |next: &char| next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?');
        if (c == '<' && chars.peek().is_some_and(tag)) || (c == ']' && chars.peek() == Some(&'(')) {
            out.push(JOINER);
        }
    }
    out
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_shows_markup_instead_of_being_it() {
        assert_eq!(prose("<img src=x onerror=a>"), "&lt;img src=x onerror=a&gt;");
        assert_eq!(prose("[x](javascript:alert(1))"), "\\[x\\]\u{2060}(javascript:alert(1))");
        assert_eq!(prose("a|b `c` **d** ~~e~~ $f$"), "a\\|b \\`c\\` \\*\\*d\\*\\* \\~\\~e\\~\\~ \\$f\\$");
        assert_eq!(prose("snake_case _em_"), "snake_case \\_em\\_");
        assert_eq!(prose("@anna fixes #12"), "@\u{2060}anna fixes #\u{2060}12");
        assert_eq!(prose("http://tracker www.tracker"), "http:\u{2060}//tracker www\u{2060}.tracker");
        assert_eq!(prose("&lt;"), "&amp;lt;");
    }

    #[test]
    fn code_cannot_be_left() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("``x` y"), "``` ``x` y ```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("<script>"), "`<\u{2060}script>`");
        assert_eq!(code_cell("a|b"), "`a\\|b`");
        assert_eq!(code_cell("a\\|b"), "`a\\\u{2060}\\|b`");
        assert_eq!(code(""), "");
        let fenced = fence(&["```".to_owned(), "~~~".to_owned(), "</details>".to_owned()]);
        assert_eq!(fenced, ["````text", "```", "~~~", "</details>", "````"]);
    }
}
