//! Reads a prompt off a dialog: what is asked, which command it is about, and what can be answered.

use super::profile::{Pattern, PromptRule, one_line};
use super::rules::kept;
use crate::core::agent::{Choice, Prompt};
use crate::core::time::Wall;
use crate::terminal::{harmless, shorten};

/// Most choices of a prompt.
const CHOICES: usize = 12;
/// Most characters of a command.
const COMMAND: usize = 2000;

/// Reads it. With `border` a frame around the dialog is taken off first; `lit` are pieces with a colour behind them, which
/// tell the choice that the cursor is on where no mark does.
pub fn read(rule: &PromptRule, text: &str, lit: &[String], border: bool, at: Wall) -> Prompt {
    let bare;
    let text = if border {
        bare = without_frame(text);
        &bare
    } else {
        text
    };
    let question = rule.question.as_ref().and_then(|pattern| first(pattern, text)).unwrap_or_default();
    let command = rule.command.as_ref().and_then(|pattern| first(pattern, text));
    Prompt {
        kind: rule.kind,
        about: rule.about.clone(),
        question: kept(&one_line(&question)),
        // A command is what is decided about: it is kept as it stands, but for what would act on a terminal.
        command: command.map(|command| {
            let lines = command.lines().map(str::trim).filter(|line| !line.is_empty());
            let lines: Vec<String> = lines.map(|line| harmless(line).into_owned()).collect();
            shorten(&lines.join("\n"), COMMAND).into_owned()
        }),
        choices: rule.choice.as_ref().map(|pattern| pointed(choices(pattern, text), lit)).unwrap_or_default(),
        stable_since: at,
    }
}

/// The first group of a pattern, or all of it.
fn first(pattern: &Pattern, text: &str) -> Option<String> {
    let found = pattern.regex()?.captures(text)?;
    let found = found.iter().skip(1).flatten().next().or(found.get(0))?;
    Some(found.as_str().to_owned())
}

fn choices(pattern: &Pattern, text: &str) -> Vec<Choice> {
    let Some(regex) = pattern.regex() else { return Vec::new() };
    let one = |found: regex::Captures<'_>| {
        let whole = found.get(0).map_or("", |whole| whole.as_str());
        let label = match found.name("label") {
            Some(label) => label.as_str().to_owned(),
            // `(Y)es` names its key within its label.
            None => whole.chars().filter(|c| !matches!(c, '(' | ')')).collect(),
        };
        Choice {
            label: kept(&one_line(&label)),
            key: found.name("key").map(|key| kept(key.as_str())),
            selected: found.name("selected").is_some_and(|mark| !mark.as_str().trim().is_empty()),
        }
    };
    regex.captures_iter(text).take(CHOICES).map(one).collect()
}

/// The same with the one marked whose label alone has a colour behind it; none when that is not clear.
fn pointed(mut choices: Vec<Choice>, lit: &[String]) -> Vec<Choice> {
    if choices.iter().any(|choice| choice.selected) {
        return choices;
    }
    let mut found = choices.iter_mut().filter(|choice| lit.contains(&choice.label));
    if let (Some(choice), None) = (found.next(), found.next()) {
        choice.selected = true;
    }
    choices
}

/// The rows of a text without the lines of a frame around them.
fn without_frame(text: &str) -> String {
    let mark = |c: char| matches!(c, '│' | '┃' | '║' | '╎');
    let rows = text.lines().map(|row| {
        let mut row = row.trim();
        // A frame may stand within a frame.
        for _ in 0..2 {
            row = row.strip_prefix(mark).unwrap_or(row);
            row = row.strip_suffix(mark).unwrap_or(row).trim();
        }
        row
    });
    rows.filter(|row| !row.starts_with(['╭', '╰', '┌', '└'])).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_that_stands_out_is_the_one_the_cursor_is_on() {
        let offered =
            || ["Allow once", "Reject"].map(|label| Choice { label: label.to_owned(), ..Choice::default() }).to_vec();
        let at = |lit: &[&str]| {
            let lit: Vec<String> = lit.iter().map(|&piece| piece.to_owned()).collect();
            pointed(offered(), &lit).iter().map(|choice| choice.selected).collect::<Vec<_>>()
        };
        assert_eq!(at(&["Reject", "ctrl+p"]), [false, true]);
        assert_eq!(at(&[]), [false, false]);
        assert_eq!(at(&["Allow once", "Reject"]), [false, false], "not clear");
    }
}
