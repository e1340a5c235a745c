//! Files that mean harm: nothing of them reaches the terminal raw, and nothing makes the reader fall over.

use crate::stub::{outcome, rendered};
use nightkeep::config::{Source, is_harmless};
use proptest::prelude::*;

/// A clipboard write, a title, a right-to-left override, a zero-width space, a C1 control, a line separator.
const HOSTILE: [&str; 6] =
    ["\u{1b}]52;c;ZXZpbA==\u{7}", "\u{1b}]0;x\u{7}", "\u{202e}", "\u{200b}", "\u{9b}2J", "\u{2028}"];

#[test]
fn no_control_character_of_a_file_is_ever_printed() {
    for hostile in HOSTILE {
        let escaped: String = hostile.chars().map(|c| format!("\\U{:08X}", u32::from(c))).collect();
        for text in [
            // Raw: in a comment, a string, a key and as garbage.
            format!("comand = 1 # {hostile}\n"),
            format!("[sessions.a]\ncommand = 1 # {hostile}\n"),
            format!("a = \"{hostile}\"\nb = 1\n"),
            format!("{hostile} = 1\n"),
            format!("\"{hostile}\" = 1\n"),
            hostile.to_owned(),
            // Escaped, so that the parser makes the characters: keys, names, values of every kind of check.
            format!("\"{escaped}\" = 1\n"),
            format!("[sessions.\"{escaped}\"]\ncommand = \"x\"\n"),
            format!(
                "[sessions.a]\ncommand = \"x\"\ntimeout = \"{escaped}\"\nproject = \"{escaped}\"\nafter = [\"{escaped}\"]\n"
            ),
            format!("[sessions.a]\nagent = \"{escaped}\"\nprompt_file = \"{escaped}\"\n"),
            format!("[sessions.a]\nagent = \"claude\"\nprompt_file = \"{escaped}\"\ncron = \"{escaped}\"\n"),
            format!("[sessions.a]\ncommand = \"x\"\ndir = \"missing{escaped}\"\nenv = {{ \"{escaped}\" = \"x\" }}\n"),
            format!(
                "[sessions.a]\ncommand = \"x\"\nsuccess = {{ require = [\"metric:{escaped}=1\", \"regex:({escaped}\"] }}\n"
            ),
            format!("[projects.\"{escaped}\"]\ndir = \"file{escaped}\"\n[store]\nurl = \"{escaped}\"\n"),
            format!("[[rules]]\nmatch = \"({escaped}\"\nclass = \"{escaped}\"\nsessions = [\"{escaped}\"]\n"),
            format!(
                "[agents.\"{escaped}\"]\nextends = \"{escaped}\"\n[night]\ntimezone = \"{escaped}\"\nstart = \"{escaped}\"\n"
            ),
        ] {
            let outcome = outcome(&text);
            assert!(!outcome.diagnostics.is_empty(), "{text:?}");
            let shown = rendered(&outcome);
            assert!(is_harmless(&shown), "{text:?} gives {shown:?}");
            let lines: String = outcome.diagnostics.iter().map(ToString::to_string).collect();
            assert!(is_harmless(&lines), "{text:?} gives {lines:?}");
        }
    }
}

#[test]
fn the_name_of_a_file_that_cannot_be_read_is_escaped_too() {
    let error = Source::read(std::path::Path::new("/none/\u{1b}]0;x\u{7}")).unwrap_err();
    assert!(is_harmless(&error.to_string()), "{error:?}");
}

#[test]
fn a_line_of_a_megabyte_is_cut() {
    let outcome = outcome(&format!("a = [{}]\n", "\"x\", ".repeat(200_000)));
    let shown = rendered(&outcome);
    assert!(shown.len() < 2_000, "{} bytes", shown.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_loader_panic_or_print_raw(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let outcome = outcome(&String::from_utf8_lossy(&bytes));
        prop_assert!(is_harmless(&rendered(&outcome)));
    }

    /// A good file with a few bytes changed gets past the parser more often than noise does.
    #[test]
    fn no_mutation_of_a_good_file_makes_the_loader_panic_or_print_raw(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), "\\PC{0,3}|[\"'\\[\\]{}=.,#\n\\\\\u{0}-\u{1f}]"), 1..6)
    ) {
        let mut text: Vec<char> = include_str!("valid/full.toml").chars().collect();
        for (at, with) in edits {
            let at = at.index(text.len());
            text.splice(at..=at, with.chars());
        }
        let outcome = outcome(&text.into_iter().collect::<String>());
        prop_assert!(is_harmless(&rendered(&outcome)));
    }
}
