//! Puts the words of tmux commands together and quotes them for the two roads to the server.
//!
//! The builders of `tmux_interface` give the words; sending is ours. Its own control mode joins words with blanks
//! without quoting (a format such as `#{session_name}` becomes a comment), keeps only the last line of a reply, takes
//! any notification for the reply, and panics on bytes that are not UTF-8. It is also blocking.
//!
//! The roads differ. A control line is parsed by tmux, so every word stands in single quotes, where nothing is special,
//! a `;` neither. A command line (`tmux … new-session …`) is not parsed, but a word that *ends* in `;` ends the command
//! there: see [`for_command_line`].

use super::TmuxError;
use tmux_interface::commands::tmux_command::TmuxCommand;

/// Longest command in bytes. tmux refuses a command line of about 16,300 bytes, newer versions at other places too.
pub const COMMAND_MAX: usize = 16_000;
/// Most words of a command. tmux 3.7 refuses more.
pub const WORDS_MAX: usize = 1_000;

/// The words of a built command.
pub fn of(command: &TmuxCommand<'_>) -> Vec<String> {
    command.to_vec().into_iter().map(|word| word.into_owned()).collect()
}

/// The line that sends one command over a control connection, with its newline.
///
/// A word with a newline or NUL cannot be sent, and a command that is too long is refused by us: tmux may cut it.
pub fn for_control_line(words: &[String]) -> Result<Vec<u8>, TmuxError> {
    check(words)?;
    let quoted: Vec<String> = words.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''"))).collect();
    let mut line = quoted.join(" ").into_bytes();
    if line.len() > COMMAND_MAX {
        return Err(TmuxError::Unsendable { why: format!("it has {} bytes, {COMMAND_MAX} are possible", line.len()) });
    }
    line.push(b'\n');
    Ok(line)
}

/// The arguments that send one command over tmux's command line: a trailing `;` would end the command.
pub fn for_command_line(words: &[String]) -> Result<Vec<String>, TmuxError> {
    check(words)?;
    let bytes: usize = words.iter().map(|w| w.len() + 1).sum();
    if bytes > COMMAND_MAX {
        return Err(TmuxError::Unsendable { why: format!("it has {bytes} bytes, {COMMAND_MAX} are possible") });
    }
    Ok(words
        .iter()
        .map(|word| match word.strip_suffix(';') {
            Some(rest) => format!(r"{rest}\;"),
            None => word.clone(),
        })
        .collect())
}

fn check(words: &[String]) -> Result<(), TmuxError> {
    let unsendable = |why: String| Err(TmuxError::Unsendable { why });
    if words.is_empty() {
        // An empty control line detaches the client.
        return unsendable("it is empty".to_owned());
    }
    if words.len() > WORDS_MAX {
        return unsendable(format!("it has {} words, {WORDS_MAX} are possible", words.len()));
    }
    match words.iter().find(|word| word.contains(['\n', '\r', '\0'])) {
        Some(word) => unsendable(format!("{:?} holds a line end or NUL", word.chars().take(60).collect::<String>())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|w| (*w).to_owned()).collect()
    }

    #[test]
    fn a_control_line_quotes_every_word() {
        let line = for_control_line(&words(&["display-message", "-p", "it's #{pid}; $HOME", "", "a;"])).unwrap();
        assert_eq!(line, b"'display-message' '-p' 'it'\\''s #{pid}; $HOME' '' 'a;'\n");
    }

    #[test]
    fn a_command_line_escapes_only_the_last_semicolon() {
        let argv = for_command_line(&words(&["a;b", "c;", ";", "d;;", r"e\;"])).unwrap();
        assert_eq!(argv, ["a;b", r"c\;", r"\;", r"d;\;", r"e\\;"]);
    }

    #[test]
    fn what_cannot_be_sent_is_refused_by_us() {
        let long = "x".repeat(COMMAND_MAX);
        let many = vec!["a".to_owned(); WORDS_MAX + 1];
        for bad in [words(&["a\nkill-server"]), words(&["a\0"]), words(&["a\r"]), vec![], words(&[&long]), many] {
            assert!(matches!(for_control_line(&bad), Err(TmuxError::Unsendable { .. })));
            assert!(matches!(for_command_line(&bad), Err(TmuxError::Unsendable { .. })));
        }
    }
}
