//! What the exit codes of agents mean beyond good and bad.

use super::exit::FailureClass;

/// Codes of Gemini CLI that it documents, with what they mean.
const GEMINI: [(i32, FailureClass, &str); 4] = [
    (41, FailureClass::Auth, "not-logged-in"),
    (42, FailureClass::Permanent, "bad-input"),
    (52, FailureClass::Permanent, "bad-config"),
    (53, FailureClass::ContextFull, "turn-limit"),
];
/// What `sh` and programs with a handler of their own leave with when `SIGHUP`, `SIGKILL` or `SIGTERM` ended them.
const BY_SIGNAL: [i32; 3] = [129, 137, 143];

/// What a bad exit code of an agent means, and the rule that says so.
pub fn class(agent: &str, code: i32) -> Option<(FailureClass, String)> {
    if BY_SIGNAL.contains(&code) {
        return Some((FailureClass::KilledOther, format!("exit/{agent}-signal-{}", code - 128)));
    }
    if agent != "gemini" {
        return None;
    }
    if let Some((_, class, what)) = GEMINI.iter().find(|(known, ..)| *known == code) {
        return Some((*class, format!("exit/gemini-{what}")));
    }
    let status = http_status(code)?;
    let class = match status {
        401 | 403 => FailureClass::Auth,
        402 => FailureClass::Billing,
        408 | 429 | 500.. => FailureClass::ProviderDown,
        _ => FailureClass::Permanent,
    };
    Some((class, format!("exit/gemini-http-{status}")))
}

/// The HTTP status that Gemini CLI left with: a code has eight bits, so 429 becomes 173.
fn http_status(code: i32) -> Option<i32> {
    match code {
        // 529, overloaded; lower ones would be taken for codes of programs.
        17 => Some(529),
        144..=175 | 244..=255 => Some(code + 256),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_gemini_are_what_its_provider_answered() {
        use FailureClass as C;
        for (code, expected) in [
            (173, Some((C::ProviderDown, "exit/gemini-http-429"))),
            (144, Some((C::Permanent, "exit/gemini-http-400"))),
            (147, Some((C::Auth, "exit/gemini-http-403"))),
            (247, Some((C::ProviderDown, "exit/gemini-http-503"))),
            (17, Some((C::ProviderDown, "exit/gemini-http-529"))),
            (41, Some((C::Auth, "exit/gemini-not-logged-in"))),
            (53, Some((C::ContextFull, "exit/gemini-turn-limit"))),
            (143, Some((C::KilledOther, "exit/gemini-signal-15"))),
            (1, None),
            (2, None),
            (130, None),
        ] {
            let found = class("gemini", code);
            assert_eq!(found.as_ref().map(|(class, rule)| (*class, rule.as_str())), expected, "{code}");
        }
    }

    #[test]
    fn others_have_no_codes_but_for_signals() {
        assert_eq!(class("claude", 173), None);
        assert_eq!(class("aider", 1), None);
        assert_eq!(class("claude", 143), Some((FailureClass::KilledOther, "exit/claude-signal-15".to_owned())));
    }
}
