//! The words of a message: made harmless, and cut so that what is made of them fits.

use super::fault::Fault;
use crate::core::alert::document::document;
use crate::core::alert::message::Message;
use crate::core::alert::template::{Values, render};
use crate::core::secret::Redactor;
use crate::terminal::{harmless, redact, shorten};

/// Longest title, in characters.
const TITLE_MAX: usize = 200;
/// Longest text, in characters.
const TEXT_MAX: usize = 16_000;
/// Longest line of the text, in characters.
const LINE_MAX: usize = 2_000;
/// Longest command, in characters.
const COMMAND_MAX: usize = 300;
/// How often the text is cut shorter before the result is cut itself.
const CUTS_MAX: usize = 12;

/// The message with no control character in its words, none of the channel's own secrets, and what else looks like one
/// replaced.
pub(super) fn clean(message: &Message, redactor: &Redactor) -> Message {
    let line = |text: &str, max| shorten(&redact(&harmless(redactor.clean(text).trim())), max).into_owned();
    // A line is made harmless by itself, so that line feeds stay.
    let text: Vec<String> = redactor.clean(&message.body).lines().map(|l| line(l, LINE_MAX)).collect();
    let name = |name: &String| line(name, TITLE_MAX);
    Message {
        title: line(&message.title, TITLE_MAX),
        body: shorten(text.join("\n").trim_end(), TEXT_MAX).into_owned(),
        session: message.session.as_ref().map(name),
        project: message.project.as_ref().map(name),
        command: message.command.as_ref().map(|c| line(c, COMMAND_MAX)),
        ..message.clone()
    }
}

/// The template's text, with so much of the message's text as fits `most` by `measure`.
pub(super) fn fitted(
    template: &str,
    values: Values,
    message: &Message,
    measure: fn(&str) -> usize,
    most: usize,
) -> Result<String, Fault> {
    let mut keep = message.body.chars().count();
    let mut made = render(template, values, &document(message, &message.body))?;
    for _ in 0..CUTS_MAX {
        let size = measure(&made);
        if size <= most {
            return Ok(made);
        }
        if keep == 0 {
            break;
        }
        keep = (keep * most / size).min(keep - 1);
        made = render(template, values, &document(message, &shorten(&message.body, keep)))?;
    }
    // The template itself is too long: its beginning is better than nothing.
    let mut cut = String::new();
    for c in made.chars() {
        cut.push(c);
        if measure(&cut) > most {
            cut.pop();
            break;
        }
    }
    Ok(cut)
}

/// A mention that would call everybody is taken apart; what is seen stays the same.
pub(super) fn without_mentions(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, part) in text.split('@').enumerate() {
        if i > 0 {
            out.push('@');
            let word: String = part.chars().take(8).collect::<String>().to_lowercase();
            if ["everyone", "here", "channel"].iter().any(|called| word.starts_with(called)) {
                out.push('\u{200b}');
            }
        }
        out.push_str(part);
    }
    out
}

/// Characters.
pub(super) fn chars(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::alert::message::{MessageKind, Severity};
    use crate::core::secret::Secret;
    use crate::core::time::Wall;

    fn message(title: &str, body: &str) -> Message {
        Message {
            key: "a1-1".into(),
            channel: "c".into(),
            kind: MessageKind::Fired,
            severity: Severity::High,
            title: title.into(),
            body: body.into(),
            session: None,
            project: None,
            since: Wall(0),
            at: Wall(0),
            command: None,
            count: 1,
            night: None,
            dedupe_key: None,
            reached: Vec::new(),
        }
    }

    #[test]
    fn words_are_made_harmless_and_lines_stay() {
        let mut redactor = Redactor::new();
        redactor.add(&Secret::new("tk_12345"));
        let clean = clean(&message("a\u{1b}[31m\nb\u{202e}", "one tk_12345\r\ntwo\u{7}\n\n"), &redactor);
        assert_eq!(clean.title, r"a\x1b[31m\nb\u{202e}");
        assert_eq!(clean.body, "one [secret]\ntwo\\x07");
    }

    #[test]
    fn the_text_is_cut_before_the_title() {
        let long = message("title", &"ä&".repeat(5_000));
        let escape = Values::Escaped(|text| text.replace('&', "&amp;"));
        let made = fitted("{{ title }}: {{ text }} (end)", escape, &long, chars, 1_000).unwrap();
        assert!(chars(&made) <= 1_000 && chars(&made) > 900, "{}", chars(&made));
        assert!(made.starts_with("title: ä&amp;") && made.ends_with("… (end)"), "{made}");
        let made = fitted(&"x".repeat(50), escape, &long, chars, 20).unwrap();
        assert_eq!(made, "x".repeat(20));
    }

    #[test]
    fn nobody_is_called_by_a_message() {
        assert_eq!(without_mentions("@everyone a@b.c @Here"), "@\u{200b}everyone a@b.c @\u{200b}Here");
    }
}
