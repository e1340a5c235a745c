//! The key table as data. What a key does, the help and the footer are all made of it.

use super::intent::{Intent, Move};
use super::ui::View;
use crate::core::event::Verb;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::collections::BTreeMap;
use std::fmt;

/// Where a binding counts. A nearer context is looked at before `Everywhere`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Context {
    /// In all views.
    Everywhere,
    /// The home view.
    Night,
    /// All parts of the session view.
    Session,
    /// What the status knows of a session.
    Overview,
    /// A session's screen.
    Screen,
    /// A session's log.
    Log,
    /// A session's recording.
    Replay,
    /// The timeline.
    Timeline,
    /// Alerts.
    Alerts,
    /// Dead letters.
    Dead,
    /// What comes next.
    Plan,
    /// The report.
    Morning,
    /// A session's attempts.
    Attempts,
    /// A session's events.
    Events,
    /// A session's numbers.
    Numbers,
    /// Why a session is in its state.
    Why,
    /// Notes to a session.
    Notes,
}

impl Context {
    /// Its name in the help, when it is not everywhere.
    pub fn place(self) -> Option<&'static str> {
        match self {
            Self::Everywhere => None,
            Self::Night => Some("night"),
            Self::Session => Some("session"),
            Self::Overview => Some("overview"),
            Self::Screen => Some("screen"),
            Self::Log => Some("log"),
            Self::Replay => Some("replay"),
            Self::Timeline => Some("timeline"),
            Self::Alerts => Some("alerts"),
            Self::Dead => Some("dead letters"),
            Self::Plan => Some("plan"),
            Self::Morning => Some("morning"),
            Self::Attempts => Some("attempts"),
            Self::Events => Some("events"),
            Self::Numbers => Some("numbers"),
            Self::Why => Some("why"),
            Self::Notes => Some("notes"),
        }
    }
}

/// A key with its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    code: Code,
    ctrl: bool,
    alt: bool,
}

/// A key without modifiers; letters come as they are typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Code {
    Char(char),
    Function(u8),
    Named(&'static str),
}

/// Keys with names, as the file writes them.
const NAMED: [(&str, KeyCode); 14] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("shift-tab", KeyCode::BackTab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("page-up", KeyCode::PageUp),
    ("page-down", KeyCode::PageDown),
];

impl Key {
    /// The key that was pressed, when it is one that can be bound.
    pub fn of(event: &KeyEvent) -> Option<Self> {
        let code = if let KeyCode::Char(c) = event.code {
            Code::Char(c)
        } else if let KeyCode::F(n) = event.code {
            Code::Function(n)
        } else {
            Code::Named(NAMED.iter().find(|(_, code)| *code == event.code)?.0)
        };
        let has = |modifier| event.modifiers.contains(modifier);
        Some(Self { code, ctrl: has(KeyModifiers::CONTROL), alt: has(KeyModifiers::ALT) })
    }
    /// Reads `x`, `X`, `ctrl-l`, `alt-x`, `space`, `page-up`, `f5`. `None` when it names no key.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut rest, mut ctrl, mut alt) = (text, false, false);
        loop {
            if let Some(more) = rest.strip_prefix("ctrl-").filter(|more| !more.is_empty()) {
                (rest, ctrl) = (more, true);
            } else if let Some(more) = rest.strip_prefix("alt-").filter(|more| !more.is_empty()) {
                (rest, alt) = (more, true);
            } else {
                break;
            }
        }
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_control() => Code::Char(c),
            (Some('f'), Some('0'..='9')) => Code::Function(rest[1..].parse().ok().filter(|n| (1..=24).contains(n))?),
            _ if rest == "space" => Code::Char(' '),
            _ => Code::Named(NAMED.iter().find(|(name, _)| *name == rest)?.0),
        };
        Some(Self { code, ctrl, alt })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("Ctrl-")?;
        }
        if self.alt {
            f.write_str("Alt-")?;
        }
        match self.code {
            Code::Char(' ') => f.write_str("Space"),
            Code::Char(c) => write!(f, "{c}"),
            Code::Function(n) => write!(f, "F{n}"),
            Code::Named(name) => f.write_str(match name {
                "enter" => "Enter",
                "esc" => "Esc",
                "tab" => "Tab",
                "shift-tab" => "Shift-Tab",
                "backspace" => "Backspace",
                "delete" => "Delete",
                "up" => "↑",
                "down" => "↓",
                "left" => "←",
                "right" => "→",
                "home" => "Home",
                "end" => "End",
                "page-up" => "PgUp",
                "page-down" => "PgDn",
                other => other,
            }),
        }
    }
}

/// The pressed key as the file writes it: `x`, `ctrl-n`, `enter`; empty for one that cannot be bound.
pub fn name(event: &KeyEvent) -> String {
    let Some(key) = Key::of(event) else { return String::new() };
    let held = format!("{}{}", if key.ctrl { "ctrl-" } else { "" }, if key.alt { "alt-" } else { "" });
    match key.code {
        Code::Char(' ') => format!("{held}space"),
        Code::Char(c) => format!("{held}{c}"),
        Code::Function(n) => format!("{held}f{n}"),
        Code::Named(name) => format!("{held}{name}"),
    }
}

/// A line of the key table.
#[derive(Debug, Clone, Copy)]
pub struct Action {
    /// Its name in the file and in the palette.
    pub name: &'static str,
    /// Where it counts.
    pub context: Context,
    /// Its keys, as in the file; the first is the one that is shown.
    pub keys: &'static [&'static str],
    /// What it means.
    pub intent: Intent,
    /// What it does, for the help.
    pub what: &'static str,
    /// Under which heading of the help.
    pub group: Group,
    /// Its word in the footer, when it is to stand there.
    pub hint: Option<&'static str>,
}

/// A heading of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Getting about.
    Moving,
    /// What is shown.
    Showing,
    /// What is done to a session.
    Session,
    /// What is done to an alert.
    Alert,
    /// The dashboard itself.
    Dashboard,
}

impl Group {
    /// All, in order.
    pub const ALL: [Self; 5] = [Self::Moving, Self::Showing, Self::Session, Self::Alert, Self::Dashboard];
    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Moving => "Moving",
            Self::Showing => "Showing",
            Self::Session => "The session",
            Self::Alert => "Its alert",
            Self::Dashboard => "The dashboard",
        }
    }
}

const fn action(
    name: &'static str,
    context: Context,
    keys: &'static [&'static str],
    intent: Intent,
    group: Group,
    what: &'static str,
) -> Action {
    Action { name, context, keys, intent, what, group, hint: None }
}

impl Action {
    /// The same, with a word in the footer.
    const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }
}

use Context::{Everywhere, Log, Night, Replay};
use Group::{Alert, Dashboard, Moving, Session, Showing};

/// All that can be done by key.
pub const ACTIONS: &[Action] = &[
    action("up", Everywhere, &["up", "k"], Intent::Move(Move::Up), Moving, "one line up"),
    action("down", Everywhere, &["down", "j"], Intent::Move(Move::Down), Moving, "one line down"),
    action("page-up", Everywhere, &["page-up", "ctrl-b"], Intent::Move(Move::PageUp), Moving, "a screenful up"),
    action("page-down", Everywhere, &["page-down", "ctrl-f"], Intent::Move(Move::PageDown), Moving, "a screenful down"),
    action("first", Everywhere, &["home", "g"], Intent::Move(Move::First), Moving, "to the first line"),
    action("last", Everywhere, &["end", "G"], Intent::Move(Move::Last), Moving, "to the last line"),
    action("left", Everywhere, &["left", "h"], Intent::Left, Moving, "to the left; folds a project"),
    action("right", Everywhere, &["right", "l"], Intent::Right, Moving, "to the right; unfolds a project"),
    action("open", Everywhere, &["enter"], Intent::Open, Moving, "open what is under the cursor").hint("open"),
    action("back", Everywhere, &["esc", "q"], Intent::Back, Moving, "back; on the first view leave"),
    action("next-view", Everywhere, &["tab"], Intent::NextView, Moving, "the next view"),
    action("previous-view", Everywhere, &["shift-tab"], Intent::PreviousView, Moving, "the view before"),
    action("night", Everywhere, &["1"], Intent::Go(View::Night), Moving, "the night"),
    action("next-needy", Everywhere, &["w"], Intent::NextNeedy, Moving, "to the next session that needs you"),
    action("filter", Everywhere, &["/"], Intent::Filter, Showing, "show only what contains a text").hint("filter"),
    action("sort", Night, &["o"], Intent::Sort, Showing, "another order"),
    action("collapse", Night, &["space"], Intent::Collapse, Showing, "fold or unfold a project"),
    action("preview", Night, &["p"], Intent::Preview, Showing, "show or hide the preview"),
    action("theme", Everywhere, &["T"], Intent::NextTheme, Showing, "another theme"),
    action("attach", Everywhere, &["a"], Intent::Attach, Session, "its own screen; back with the tmux prefix and d")
        .hint("attach"),
    action("start", Everywhere, &["s"], Intent::Verb(Verb::Start), Session, "start it now"),
    action("stop", Everywhere, &["x"], Intent::Verb(Verb::Stop), Session, "end it for this night").hint("stop"),
    action("restart", Everywhere, &["r"], Intent::Verb(Verb::Restart), Session, "stop it and start it again"),
    action("hold", Everywhere, &["H"], Intent::Verb(Verb::Hold), Session, "keep it from starting"),
    action("release", Everywhere, &["u"], Intent::Verb(Verb::Release), Session, "undo hold"),
    action("skip", Everywhere, &["S"], Intent::Verb(Verb::Skip), Session, "end its run without running it"),
    action("schedule", Everywhere, &["t"], Intent::Schedule, Session, "start it at a time"),
    action("send", Everywhere, &["i"], Intent::SendText, Session, "type a line into it"),
    action("copy", Everywhere, &["y"], Intent::CopyCommand, Session, "copy the command that helps"),
    action("add", Everywhere, &["A"], Intent::Add, Session, "add a session that stands in no file"),
    action("up-night", Everywhere, &["U"], Intent::Up, Session, "begin the night, or queue what has not run in it"),
    action("snooze", Everywhere, &["z"], Intent::Snooze, Alert, "do not tell it for a while"),
    action("escalate", Everywhere, &["e"], Intent::Escalate, Alert, "tell the next in line now"),
    action("palette", Everywhere, &[":"], Intent::Palette, Dashboard, "a command by name").hint("command"),
    action("help", Everywhere, &["?", "f1"], Intent::Help, Dashboard, "these keys").hint("help"),
    action("redraw", Everywhere, &["ctrl-l"], Intent::Redraw, Dashboard, "draw everything anew"),
    action("search", Log, &["/"], Intent::Filter, Showing, "search a text").hint("search"),
    action("next-match", Log, &["n"], Intent::NextMatch, Moving, "the next line that has it"),
    action("previous-match", Log, &["N"], Intent::PreviousMatch, Moving, "the line before that has it"),
    action("follow", Log, &["f"], Intent::Follow, Showing, "go along with the end, or stay").hint("follow"),
    action("times", Log, &["t"], Intent::Timestamps, Showing, "show or hide times").hint("times"),
    action("log-attempt-before", Log, &["["], Intent::Attempt { next: false }, Showing, "the attempt before"),
    action("log-attempt-after", Log, &["]"], Intent::Attempt { next: true }, Showing, "the attempt after"),
    action("play", Replay, &["space"], Intent::Play, Showing, "play or pause").hint("play"),
    action("faster", Replay, &["+", "="], Intent::Faster, Showing, "play faster").hint("faster"),
    action("slower", Replay, &["-"], Intent::Slower, Showing, "play slower"),
    action("replay-back", Replay, &["left", "h"], Intent::Left, Moving, "10 seconds back; up a minute, PgUp ten"),
    action("replay-on", Replay, &["right", "l"], Intent::Right, Moving, "10 seconds on; down a minute, PgDn ten"),
    action("next-mark", Replay, &["n"], Intent::NextMatch, Moving, "to the next mark").hint("next mark"),
    action("previous-mark", Replay, &["N"], Intent::PreviousMatch, Moving, "to the mark before"),
    action("attempt-before", Replay, &["["], Intent::Attempt { next: false }, Showing, "the attempt before"),
    action("attempt-after", Replay, &["]"], Intent::Attempt { next: true }, Showing, "the attempt after"),
    action("suspend", Everywhere, &["ctrl-z"], Intent::Suspend, Dashboard, "back to the shell until `fg`"),
    action("timeline", Everywhere, &["2"], Intent::Go(View::Timeline), Moving, "the night as a timeline"),
    action("alerts", Everywhere, &["3"], Intent::Go(View::Alerts), Moving, "alerts, open and past"),
    action("dead-letters", Everywhere, &["4"], Intent::Go(View::Dead), Moving, "what failed for good"),
    action("plan", Everywhere, &["5"], Intent::Go(View::Plan), Moving, "what comes next, and why not yet"),
    action("morning", Everywhere, &["6"], Intent::Go(View::Morning), Moving, "the report of this or a past night"),
    action("zoom-in", Context::Timeline, &["+", "="], Intent::ZoomIn, Showing, "less of the night, larger")
        .hint("zoom"),
    action("zoom-out", Context::Timeline, &["-"], Intent::ZoomOut, Showing, "more of the night, smaller"),
    action("now", Context::Timeline, &["0"], Intent::Now, Showing, "the whole night, up to now").hint("all"),
    action("ack", Context::Alerts, &["c"], Intent::Ack, Alert, "you know: it is not told again").hint("I know"),
    action("resolve", Context::Alerts, &["d"], Intent::Resolve, Alert, "it is over").hint("over"),
    action("retry", Context::Dead, &["R"], Intent::Retry, Session, "a second chance for a dead letter").hint("retry"),
    action("note", Everywhere, &["n"], Intent::Note, Session, "a note to it, for its next prompt and attempts"),
    action("answer", Everywhere, &["Y"], Intent::Answer, Session, "answer what it asks"),
    action("settle", Context::Notes, &["d"], Intent::Resolve, Session, "the note is settled").hint("settled"),
    action("quit", Everywhere, &["Q", "ctrl-c"], Intent::Quit, Dashboard, "leave; the night goes on"),
];

/// The keys in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// Of each action of [`ACTIONS`] its keys, the one to show first.
    bound: Vec<Vec<Key>>,
}

impl Default for Keys {
    fn default() -> Self {
        let keys = |action: &Action| action.keys.iter().filter_map(|text| Key::parse(text)).collect();
        Self { bound: ACTIONS.iter().map(keys).collect() }
    }
}

impl Keys {
    /// The table with other keys for some actions, as `[dashboard.keys]` has them. What names no action or no key is
    /// left out: the file's check has told it.
    pub fn with(changes: &BTreeMap<String, Vec<String>>) -> Self {
        let mut keys = Self::default();
        for (action, bound) in ACTIONS.iter().zip(&mut keys.bound) {
            if let Some(changed) = changes.get(action.name) {
                *bound = changed.iter().filter_map(|text| Key::parse(text)).collect();
            }
        }
        // A key that was given to another action is no longer the default of the first.
        for (name, changed) in changes {
            let Some(taker) = ACTIONS.iter().find(|a| a.name == name) else { continue };
            let taken: Vec<Key> = changed.iter().filter_map(|text| Key::parse(text)).collect();
            for (action, bound) in ACTIONS.iter().zip(&mut keys.bound) {
                if action.name != name && action.context == taker.context && !changes.contains_key(action.name) {
                    bound.retain(|key| !taken.contains(key));
                }
            }
        }
        keys
    }
    /// What a key means, looked up in the contexts in order.
    pub fn intent(&self, contexts: &[Context], event: &KeyEvent) -> Option<Intent> {
        let key = Key::of(event)?;
        contexts.iter().find_map(|context| {
            let mut bound = ACTIONS.iter().zip(&self.bound).filter(|(action, _)| action.context == *context);
            bound.find(|(_, keys)| keys.contains(&key)).map(|(action, _)| action.intent)
        })
    }
    /// The keys of an action.
    pub fn of(&self, name: &str) -> &[Key] {
        ACTIONS.iter().position(|action| action.name == name).map_or(&[], |at| self.bound[at].as_slice())
    }
    /// All actions with their keys.
    pub fn all(&self) -> impl Iterator<Item = (&'static Action, &[Key])> {
        ACTIONS.iter().zip(self.bound.iter().map(Vec::as_slice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn press(text: &str) -> KeyEvent {
        let key = Key::parse(text).unwrap();
        let code = match key.code {
            Code::Char(c) => KeyCode::Char(c),
            Code::Function(n) => KeyCode::F(n),
            Code::Named(name) => NAMED.iter().find(|(known, _)| *known == name).unwrap().1,
        };
        let ctrl = if key.ctrl { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
        let alt = if key.alt { KeyModifiers::ALT } else { KeyModifiers::NONE };
        KeyEvent::new(code, ctrl | alt)
    }

    #[test]
    fn every_action_has_a_name_of_its_own_and_every_key_is_one() {
        let names: BTreeSet<_> = ACTIONS.iter().map(|a| a.name).collect();
        assert_eq!(names.len(), ACTIONS.len());
        for action in ACTIONS {
            for key in action.keys {
                assert!(Key::parse(key).is_some(), "{key} of {}", action.name);
            }
        }
    }

    #[test]
    fn the_file_knows_every_action_and_every_default_key() {
        let schema: serde_json::Value = serde_json::from_str(&crate::config::schema_json()).unwrap();
        let known = schema["definitions"]["KeyTable"]["properties"].as_object().unwrap();
        let known: BTreeSet<&str> = known.keys().map(String::as_str).collect();
        assert_eq!(known, ACTIONS.iter().map(|a| a.name).collect());
        for key in ACTIONS.iter().flat_map(|action| action.keys) {
            assert!(crate::config::raw::KeyName::read(key).is_ok(), "{key}");
        }
        for text in ["", "hyper-x", "f0", "f99", "ctrl-", "\u{1b}", "xy", "f25"] {
            assert_eq!(Key::parse(text).is_some(), crate::config::raw::KeyName::read(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn no_key_means_two_things_in_one_place() {
        let mut seen = BTreeSet::new();
        for action in ACTIONS {
            for key in action.keys {
                assert!(seen.insert((action.context, Key::parse(key))), "{key} of {} is taken", action.name);
            }
        }
    }

    #[test]
    fn a_key_of_the_file_takes_the_place_of_the_default_everywhere_it_stood() {
        let keys = Keys::with(&BTreeMap::from([("stop".to_owned(), vec!["s".to_owned(), "delete".to_owned()])]));
        let means = |key: &str| keys.intent(&[Night, Everywhere], &press(key));
        assert_eq!(means("s"), Some(Intent::Verb(Verb::Stop)));
        assert_eq!(means("delete"), Some(Intent::Verb(Verb::Stop)));
        assert_eq!(means("x"), None);
        assert_eq!(means("ctrl-l"), Some(Intent::Redraw));
        assert_eq!(means("space"), Some(Intent::Collapse));
        assert!(keys.of("start").is_empty());
    }

    #[test]
    fn keys_are_read_and_shown() {
        for (text, shown) in [("ctrl-l", "Ctrl-l"), ("space", "Space"), ("page-up", "PgUp"), ("f5", "F5"), ("-", "-")] {
            assert_eq!(Key::parse(text).unwrap().to_string(), shown);
        }
        for text in ["", "hyper-x", "f0", "f99", "ctrl-", "\u{1b}", "xy"] {
            assert_eq!(Key::parse(text), None, "{text:?}");
        }
    }
}
