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
    r"|[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"|gsk_[A-Za-z0-9]{20,}|(?:xai|pplx|nvapi|tvly)-[A-Za-z0-9_-]{20,}|r8_[A-Za-z0-9]{20,}|dop_v1_[a-f0-9]{32,}",
    r"|shp(?:at|ss|ca|pa)_[A-Fa-f0-9]{16,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|hvs\.[A-Za-z0-9_-]{20,}",
    r"|ya29\.[A-Za-z0-9_-]{20,}|lin_api_[A-Za-z0-9]{20,}|ntn_[A-Za-z0-9]{20,}|dapi[a-f0-9]{32}",
    r"|AGE-SECRET-KEY-1[A-Z0-9]{20,})",
);
/// What stands behind a word that says what it is; the word is kept.
const NAMED: &str = concat!(
    r"|(?P<begin>-----BEGIN [A-Z ]*PRIVATE KEY-----)(?s:.+?)(?P<end>-----END [A-Z ]*PRIVATE KEY-----|$)",
    r"|(?P<hook>\bhttps://(?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks)/)[A-Za-z0-9_/-]{8,}",
    r"|(?P<url>\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?P<host>@)",
    r"|(?P<scheme>(?i:\b(?:bearer|basic))\s+)(?P<credentials>[A-Za-z0-9._~+/=-]{12,})",
    r#"|(?P<name>(?i:\b[A-Za-z0-9_.-]*(?:token|secret|password|passwd|api_?key|private_?key|access_?key|account_?key)["']?))"#,
    r#"(?P<is>\s?=\s?|:\s?)(?:(?P<open>["'])(?P<quoted>[^"']{4,})|(?P<plain>[^\s"'<$*\[{(,;&]{4,}))"#,
);

/// What no secret that is known is without: its beginning, or a word before it. Searched first, as it costs little.
const HINTS: [&str; 32] = [
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "sk-",
    "k_live_",
    "k_test_",
    "AKIA",
    "ASIA",
    "AIza",
    "xox",
    "npm_",
    "pypi-",
    "hf_",
    ":AA",
    "eyJ",
    "gsk_",
    "xai-",
    "pplx-",
    "nvapi-",
    "tvly-",
    "r8_",
    "dop_v1_",
    "SG.",
    "hvs.",
    "ya29.",
    "lin_api_",
    "ntn_",
    "://",
];
/// The same in small letters, for those that are known in letters of any size.
const WORDS: [&str; 10] = ["bearer", "basic", "token", "secret", "passw", "key", "dapi", "shpat_", "shpss_", "shpca_"];

static SECRET: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!("{KEYS}{NAMED}")).expect("the patterns are constants"));

/// The text with what looks like a secret replaced by [`REDACTED`]: keys of known services, JSON web tokens, passwords
/// in addresses, credentials of HTTP, and values of names that end like a secret's. A second pass changes nothing.
pub fn redact(text: &str) -> Cow<'_, str> {
    if let Some(rest) = without_key_lines(text) {
        return Cow::Owned(redact(&rest).into_owned());
    }
    if !has_hint(text) {
        return Cow::Borrowed(text);
    }
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

/// Whether a text can hold something that looks like a secret, as far as that is seen at little cost.
pub fn may_hold(text: &str) -> bool {
    has_hint(text) || text.split(|c| !in_run(c)).any(|run| run.len() >= 60)
}

/// Whether a pass is worth its cost.
fn has_hint(text: &str) -> bool {
    if HINTS.iter().any(|hint| text.contains(hint)) {
        return true;
    }
    let small = text.to_ascii_lowercase();
    small.contains("shppa_") || WORDS.iter().any(|word| small.contains(word))
}

/// Characters between which nothing of a private key's text ends.
fn in_run(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/=".contains(c)
}

/// The text without the lines of a private key in it, when it has any: as wide as those are, and of all kinds of letters
/// in no order. A hash in hexadecimal is none, nor is a path or a long name.
fn without_key_lines(text: &str) -> Option<String> {
    let is_key = |run: &str| {
        let kind = |b: u8| (b.is_ascii_uppercase(), b.is_ascii_lowercase(), b.is_ascii_digit());
        let many = |holds: fn(&u8) -> bool, least: usize| run.bytes().filter(holds).count() >= least;
        let bytes = run.as_bytes();
        (60..=76).contains(&run.len())
            && many(u8::is_ascii_uppercase, 8)
            && many(u8::is_ascii_lowercase, 8)
            && many(u8::is_ascii_digit, 3)
            && bytes.windows(2).filter(|pair| kind(pair[0]) != kind(pair[1])).count() >= 26
    };
    if text.len() < 60 || !text.split(|c| !in_run(c)).any(is_key) {
        return None;
    }
    let shown = text.split_inclusive(|c| !in_run(c)).map(|part| {
        let run = part.trim_end_matches(|c| !in_run(c));
        if is_key(run) { format!("{REDACTED}{}", &part[run.len()..]) } else { part.to_owned() }
    });
    Some(shown.collect())
}

fn once(text: &str) -> Cow<'_, str> {
    SECRET.replace_all(text, |found: &Captures<'_>| {
        let part = |name: &str| found.name(name).map_or("", |m| m.as_str());
        if found.name("key").is_some() {
            return if is_random(part("key")) { REDACTED.to_owned() } else { part("key").to_owned() };
        }
        if found.name("begin").is_some() {
            return format!("{}{REDACTED}{}", part("begin"), part("end"));
        }
        if found.name("hook").is_some() {
            return format!("{}{REDACTED}", part("hook"));
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
            (
                format!("posting to https://{}/T01/B02/{random}", "hooks.slack.com/services"),
                "posting to https://hooks.slack.com/services/[redacted]",
            ),
            (
                format!("-----BEGIN RSA {0}-----\nMIIE{random}\n{random}==\n-----END RSA {0}-----\nok", "PRIVATE KEY"),
                "-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----\nok",
            ),
            (format!("  MIIE{random}{}", "Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2"), "  [redacted]"),
            (format!("commit in p: MIIE{random}{} (x)", "Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2"), "commit in p: [redacted] (x)"),
            (format!("AccountKey={random}=="), "AccountKey=[redacted]"),
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
            "9fceb02d0ae598e95dc970b74767f19372d61af89fceb02d0ae598e95dc970b7",
            "----------------------------------------------------------------------",
            "ThisIsAnUnusuallyLongIdentifierThatSomebodyWroteIntoTheirProgramCode",
            "/home/Anna/Projects2026/GlacierBackend3/src/main/resources4/Views/OrdersByMonth",
            "https://hooks.slack.com/services is where it goes",
            "basic tests of the keyboard: 12 passed",
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
