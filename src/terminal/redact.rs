//! Secrets in text that is kept or shown: what looks like a key is replaced, the words around it stay.
//!
//! This is a net, not a wall: it knows the common forms. The raw log holds what the program wrote.

use regex::{Captures, Regex};
use std::borrow::Cow;
use std::sync::LazyLock;

/// Stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

/// Passes after the first. Texts made to need more than two are not known; the bound is for those that are not known.
const PASSES_MAX: usize = 8;

/// Keys that are known by how they begin. They take letters and digits both, so that no long word is one.
const KEYS: &str = concat!(
    r"\b(?P<key>gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}",
    r"|sk-[A-Za-z0-9_-]{16,}|[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}",
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{20,}",
    r"|[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)",
);
/// What stands behind a word that says what it is; the word is kept.
const NAMED: &str = concat!(
    r"|(?P<url>\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?P<host>@)",
    r"|(?P<scheme>(?i:\b(?:bearer|basic))\s+)(?P<credentials>[A-Za-z0-9._~+/=-]{12,})",
    r#"|(?P<name>(?i:\b[A-Za-z0-9_.-]*(?:token|secret|password|passwd|api_?key|private_key|access_key)["']?))"#,
    r#"(?P<is>\s?=\s?|:\s?)(?:(?P<open>["'])(?P<quoted>[^"']{4,})|(?P<plain>[^\s"'<$*\[{(,;&]{4,}))"#,
);

static SECRET: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!("{KEYS}{NAMED}")).expect("the patterns are constants"));

/// The text with what looks like a secret replaced by [`REDACTED`]: keys of known services, JSON web tokens, passwords
/// in addresses, credentials of HTTP, and values of names that end like a secret's. A second pass changes nothing.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut shown = once(text);
    // What was replaced can bring together what then looks like another secret; each pass leaves less that can.
    for _ in 0..PASSES_MAX {
        let Cow::Owned(before) = &shown else { break };
        match once(before) {
            Cow::Owned(after) if after != *before => shown = Cow::Owned(after),
            Cow::Owned(_) | Cow::Borrowed(_) => break,
        }
    }
    shown
}

fn once(text: &str) -> Cow<'_, str> {
    SECRET.replace_all(text, |found: &Captures<'_>| {
        let part = |name: &str| found.name(name).map_or("", |m| m.as_str());
        if found.name("key").is_some() {
            return if is_random(part("key")) { REDACTED.to_owned() } else { part("key").to_owned() };
        }
        if found.name("url").is_some() {
            return format!("{}{REDACTED}@", part("url"));
        }
        if found.name("scheme").is_some() {
            let credentials = part("credentials");
            let shown = if is_random(credentials) { REDACTED } else { credentials };
            return format!("{}{shown}", part("scheme"));
        }
        let value = format!("{}{}", part("quoted"), part("plain"));
        let told = part("is").contains('=') || found.name("quoted").is_some() || is_random(&value);
        // A count of tokens is none.
        let counted = value.len() < 8 && value.bytes().all(|b| b.is_ascii_digit() || b".,%".contains(&b));
        if !told || counted || value.starts_with(REDACTED) {
            return found[0].to_owned();
        }
        format!("{}{}{}{REDACTED}", part("name"), part("is"), part("open"))
    })
}

/// Whether letters and digits are mixed, as in no word of a language.
fn is_random(text: &str) -> bool {
    text.len() >= 8 && text.bytes().any(|b| b.is_ascii_digit()) && text.bytes().any(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_are_replaced_and_the_words_around_them_stay() {
        // The keys are put together here so that none stands in the file.
        let random = "Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z0123";
        for (shown, kept) in [
            (format!("cloning https://anna:{random}@host/x.git"), "cloning https://anna:[redacted]@host/x.git"),
            (format!("postgres://u:p%40ss@db:5432/{}", "x"), "postgres://u:[redacted]@db:5432/x"),
            (format!("using {}{random} now", "ghp_"), "using [redacted] now"),
            (format!("key {}ant-{random}", "sk-"), "key [redacted]"),
            (format!("{}IOSFODNN7EXAMPLE", "AKIA"), "[redacted]"),
            (format!("jwt {}hbGciOiJI.{random}.{random}", "eyJ"), "jwt [redacted]"),
            (format!("Authorization: Bearer {random}"), "Authorization: Bearer [redacted]"),
            (format!("export API_KEY={random}"), "export API_KEY=[redacted]"),
            ("DB_PASSWORD=hunter22 ./load".to_owned(), "DB_PASSWORD=[redacted] ./load"),
            ("{\"password\": \"correct horse\"}".to_owned(), "{\"password\": \"[redacted]\"}"),
            (format!("{}-2345678901-{random}", "xoxb"), "[redacted]"),
            (format!("GITHUB_TOKEN={}{random}", "ghp_"), "GITHUB_TOKEN=[redacted]"),
        ] {
            assert_eq!(redact(&shown), kept, "{shown}");
        }
    }

    #[test]
    fn what_is_no_secret_is_left_alone() {
        for text in [
            "error: invalid token: expected identifier",
            "MAX_TOKEN=4096",
            "tokens: 179,341 of 200,000",
            "password: ",
            "Enter password:",
            "sk-learn-and-some-other-long-name",
            "https://host:8080/path@v2",
            "postgres://user@host/db",
            "secret=$SECRET",
            "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
            "test_token_is_refreshed FAILED",
            "Bearer authentication",
            "Größe naïve 日本語",
            "a://:[redacted]@",
        ] {
            assert!(matches!(redact(text), Cow::Borrowed(_)) || redact(text) == text, "{text}: {}", redact(text));
        }
    }

    proptest! {
        #[test]
        fn a_second_pass_changes_nothing(text in "(token=|[a-z]://|Bearer |:|@|\"|[a-zA-Z0-9 ]{0,12}){0,12}") {
            let shown = redact(&text).into_owned();
            prop_assert_eq!(redact(&shown), shown.as_str());
        }
    }
}
