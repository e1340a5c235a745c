//! Typing into a session: through the recorder's socket, so copy mode, tmux's own syntax and dead panes cannot interfere.

use crate::adapters::shim_client;
use crate::protocol::SendRequest;
use std::path::Path;

/// Largest text in bytes.
const TEXT_MAX: usize = 1 << 20;

/// Why nothing was typed.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Neither or both of text and key were given.
    #[error("give either a text or a key")]
    OneOfTwo,
    /// The text is too long.
    #[error("the text has {0} bytes, at most {TEXT_MAX} can be typed at once")]
    TooLong(usize),
    /// No key is called that.
    #[error("no key is called {0:?}; try Enter, Escape, Tab, Space, BSpace, Up, Down, Left, Right, C-c")]
    UnknownKey(String),
    /// The recorder did not take it.
    #[error("{0}")]
    Recorder(#[from] shim_client::ShimError),
}

impl SendError {
    /// Whether what was asked for cannot be typed at all.
    pub fn is_the_callers(&self) -> bool {
        match self {
            Self::OneOfTwo | Self::TooLong(_) | Self::UnknownKey(_) => true,
            Self::Recorder(_) => false,
        }
    }
}

/// Types and says what was typed. The recorder answers only after the program's terminal took every byte.
pub async fn send(socket: &Path, request: &SendRequest) -> Result<String, SendError> {
    match (&request.text, &request.key) {
        (Some(text), None) if text.len() > TEXT_MAX => Err(SendError::TooLong(text.len())),
        (Some(text), None) => {
            shim_client::input(socket, text.as_bytes(), true).await?;
            Ok(typed(text))
        }
        (None, Some(key)) => {
            let bytes = key_bytes(key).ok_or_else(|| SendError::UnknownKey(key.chars().take(32).collect()))?;
            shim_client::input(socket, &bytes, false).await?;
            Ok(format!("pressed {key}"))
        }
        (None, None) | (Some(_), Some(_)) => Err(SendError::OneOfTwo),
    }
}

/// What was typed of a text: the recorder leaves control characters out, but for tabs and line feeds.
fn typed(text: &str) -> String {
    let left_out = text.chars().filter(|c| c.is_control() && !matches!(c, '\n' | '\t')).count();
    let typed = text.chars().count() - left_out;
    let mut words = if typed == 1 { "typed 1 character".to_owned() } else { format!("typed {typed} characters") };
    match left_out {
        0 => {}
        1 => words.push_str("; 1 control character was left out"),
        n => words.push_str(&format!("; {n} control characters were left out")),
    }
    words
}

/// The bytes a terminal sends for a key, by tmux's names for keys, in any case.
fn key_bytes(name: &str) -> Option<Vec<u8>> {
    let lower = name.to_ascii_lowercase();
    let bytes: &[u8] = match lower.as_str() {
        "enter" | "return" => b"\r",
        "escape" | "esc" => b"\x1b",
        "tab" => b"\t",
        "btab" => b"\x1b[Z",
        "space" => b" ",
        "bspace" | "backspace" => b"\x7f",
        "up" => b"\x1b[A",
        "down" => b"\x1b[B",
        "right" => b"\x1b[C",
        "left" => b"\x1b[D",
        "home" => b"\x1b[H",
        "end" => b"\x1b[F",
        "dc" | "delete" => b"\x1b[3~",
        "ppage" | "pageup" => b"\x1b[5~",
        "npage" | "pagedown" => b"\x1b[6~",
        _ => {
            let mut chars = name.chars();
            return match (chars.next(), chars.next(), chars.next(), chars.next()) {
                (Some('C' | 'c'), Some('-'), Some(letter), None) if letter.is_ascii_alphabetic() => {
                    Some(vec![letter.to_ascii_uppercase() as u8 - b'A' + 1])
                }
                (Some(c), None, None, None) => Some(c.to_string().into_bytes()),
                _ => None,
            };
        }
    };
    Some(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_not_counted_as_typed() {
        assert_eq!(typed("go on\n"), "typed 6 characters");
        assert_eq!(typed("a\x1b[31mb\x07"), "typed 6 characters; 2 control characters were left out");
        assert_eq!(typed("\x03x"), "typed 1 character; 1 control character was left out");
    }

    #[test]
    fn keys_by_name() {
        assert_eq!(key_bytes("ENTER").unwrap(), b"\r");
        assert_eq!(key_bytes("C-c").unwrap(), b"\x03");
        assert_eq!(key_bytes("y").unwrap(), b"y");
        assert_eq!(key_bytes("ü").unwrap(), "ü".as_bytes());
        assert_eq!(key_bytes("F99"), None);
        assert_eq!(key_bytes(""), None);
        assert_eq!(key_bytes("C-1"), None);
    }
}
