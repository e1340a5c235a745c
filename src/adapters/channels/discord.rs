//! Discord's webhooks.

use super::fault::Fault;
use super::http::Post;
use super::words::{chars, fitted, without_mentions};
use crate::core::alert::message::Message;
use crate::core::alert::template::Values;
use crate::core::secret::Secret;
use serde_json::json;

/// What a message says.
const TEMPLATE: &str =
    "**{{ title }}**{% if text %}\n{{ text }}{% endif %}{% if command %}\n\n{{ command }}{% endif %}";
/// Discord refuses longer ones, in characters; the limit is 2,000.
const TEXT_MAX: usize = 1_950;
/// Shows no preview of addresses in the text.
const SUPPRESS_EMBEDS: u64 = 1 << 2;

pub(super) fn request(message: &Message, own: Option<&str>, url: Secret) -> Result<Post, Fault> {
    let content = fitted(own.unwrap_or(TEMPLATE), Values::Escaped(escape), message, chars, TEXT_MAX)?;
    let body = json!({ "content": content, "allowed_mentions": { "parse": [] }, "flags": SUPPRESS_EMBEDS });
    Post::json(url, &body)
}

/// Takes away the meaning of markup and of mentions.
fn escape(text: &str) -> String {
    let text = without_mentions(text);
    let mut out = String::with_capacity(text.len() + 16);
    let mut line_start = true;
    for c in text.chars() {
        let always = matches!(c, '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '>' | '[' | ']' | '(' | ')');
        // Headings and lists begin with these, and only at the start of a line.
        if always || (line_start && matches!(c, '#' | '-' | '+')) {
            out.push('\\');
        }
        out.push(c);
        line_start = c == '\n' || (line_start && c == ' ');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_mentions_are_only_text() {
        assert_eq!(escape("**x** <@1> `a_b`"), r"\*\*x\*\* \<@1\> \`a\_b\`");
        assert_eq!(escape("# head\n - item a-b #1"), "\\# head\n \\- item a-b #1");
        assert_eq!(escape("[a](http://b)"), r"\[a\]\(http://b\)");
        assert_eq!(escape("@everyone"), "@\u{200b}everyone");
    }
}
