//! Secrets in memory: a type that never shows what it holds, and the one place that takes them out of other texts.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::fmt;

/// What stands where a secret stood.
const MARK: &str = "[secret]";
/// A shorter word is in too many innocent texts to be taken out of them.
const SHORTEST: usize = 4;
/// Parts of a secret address that are at least this long are secrets too; shorter ones are words such as `services`.
const SHORTEST_PART: usize = 12;

/// A secret. It has no `Display` and is not serializable; `Debug` leaves it out.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// The text itself: for what is sent, never for what is said.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Takes known secrets out of texts, in the forms in which they travel: as they are, in Base64, percent-encoded.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that no part of a longer one is left.
    words: Vec<String>,
}

impl Redactor {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
    /// Learns a secret.
    pub fn add(&mut self, secret: &Secret) {
        let text = secret.expose();
        let encoded: String = text.bytes().map(percent).collect();
        let forms = [
            text.to_owned(),
            encoded.to_lowercase(),
            encoded,
            STANDARD.encode(text),
            STANDARD_NO_PAD.encode(text),
            URL_SAFE_NO_PAD.encode(text),
        ];
        self.learn(forms);
    }
    /// Learns an address whose path is a secret, as those of webhooks are. Its host is none.
    pub fn add_address(&mut self, address: &Secret) {
        let Some((_, rest)) = address.expose().split_once("://") else { return };
        let Some(at) = rest.find(['/', '?']).filter(|at| at + 1 < rest.len()) else { return };
        let path = &rest[at..];
        let parts = path.split(['/', '?', '&', '=']).chain([path]).filter(|part| part.len() >= SHORTEST_PART);
        self.learn(parts.chain([address.expose()]).map(str::to_owned));
    }
    fn learn(&mut self, words: impl IntoIterator<Item = String>) {
        self.words.extend(words.into_iter().filter(|word| word.len() >= SHORTEST));
        self.words.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.words.dedup();
    }
    /// The text without the secrets.
    pub fn clean(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, word| text.replace(word.as_str(), MARK))
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} words)", self.words.len())
    }
}

fn percent(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_by_debug() {
        let secret = Secret::new("hunter2hunter2");
        let mut redactor = Redactor::new();
        redactor.add(&secret);
        let shown = format!("{secret:?} {:?} {redactor:?}", Some(&secret));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn every_form_of_a_secret_is_taken_out() {
        let mut redactor = Redactor::new();
        redactor.add(&Secret::new("a+b/c d:é"));
        for form in ["a+b/c d:é", "a%2Bb%2Fc%20d%3A%C3%A9", "a%2bb%2fc%20d%3a%c3%a9", "YStiL2MgZDrDqQ=="] {
            assert_eq!(redactor.clean(&format!("<{form}>")), "<[secret]>");
        }
        assert_eq!(redactor.clean("a+b is no secret"), "a+b is no secret");
    }

    #[test]
    fn the_path_of_an_address_is_taken_out_and_its_host_is_not() {
        let mut redactor = Redactor::new();
        redactor.add_address(&Secret::new("https://hooks.example/services/T00/B00000000000000"));
        let said = "POST https://hooks.example/services/T00/B00000000000000: no B00000000000000 at hooks.example";
        assert_eq!(redactor.clean(said), "POST [secret]: no [secret] at hooks.example");
        assert_eq!(redactor.clean("/services/T00/B00000000000000"), "[secret]");
    }

    #[test]
    fn a_short_word_is_no_secret() {
        let mut redactor = Redactor::new();
        redactor.add_address(&Secret::new("https://ntfy.example/tests"));
        redactor.add_address(&Secret::new("https://ops.example/"));
        assert_eq!(redactor.clean("/home/anna/tests https://ops.example/x"), "/home/anna/tests https://ops.example/x");
        assert_eq!(redactor.clean("https://ntfy.example/tests"), "[secret]");
        redactor.add(&Secret::new("x"));
        redactor.add(&Secret::new(""));
        assert_eq!(redactor.clean("xyz"), "xyz");
    }
}
