//! `[dashboard]`: how the dashboard looks and what its keys do.

use super::words::KeyName;
use schemars::JsonSchema;
use serde::Deserialize;

/// How the dashboard looks and what its keys do.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dashboard {
    /// Its colours; without the key `dark`, and `none` where NO_COLOR is set.
    pub theme: Option<Theme>,
    /// Whether it listens to the mouse; then the terminal selects text with Shift held down.
    pub mouse: Option<bool>,
    /// Other keys for what it can do; an empty list leaves an action to the palette.
    pub keys: KeyTable,
}

/// Colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
    /// For dark backgrounds.
    Dark,
    /// For light backgrounds.
    Light,
    /// Strong colours.
    HighContrast,
    /// No colours.
    None,
}

/// One key or several.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Keys {
    /// The only key.
    One(KeyName),
    /// All of them; the first is the one that is shown.
    Several(Vec<KeyName>),
}

/// Keys by what they do. A test keeps the list equal to the dashboard's own.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct KeyTable {
    /// One line up.
    pub up: Option<Keys>,
    /// One line down.
    pub down: Option<Keys>,
    /// A screenful up.
    pub page_up: Option<Keys>,
    /// A screenful down.
    pub page_down: Option<Keys>,
    /// To the first line.
    pub first: Option<Keys>,
    /// To the last line.
    pub last: Option<Keys>,
    /// To the left; folds a project.
    pub left: Option<Keys>,
    /// To the right; unfolds a project.
    pub right: Option<Keys>,
    /// Open what is under the cursor.
    pub open: Option<Keys>,
    /// Back; on the first view leave.
    pub back: Option<Keys>,
    /// The next view.
    pub next_view: Option<Keys>,
    /// The view before.
    pub previous_view: Option<Keys>,
    /// The night.
    pub night: Option<Keys>,
    /// To the next session that needs you.
    pub next_needy: Option<Keys>,
    /// Show only what contains a text.
    pub filter: Option<Keys>,
    /// Another order.
    pub sort: Option<Keys>,
    /// Fold or unfold a project.
    pub collapse: Option<Keys>,
    /// Show or hide the preview.
    pub preview: Option<Keys>,
    /// Another theme.
    pub theme: Option<Keys>,
    /// Its own screen; back with the tmux prefix and d.
    pub attach: Option<Keys>,
    /// Answer what it asks.
    pub answer: Option<Keys>,
    /// Start it now.
    pub start: Option<Keys>,
    /// End it for this night.
    pub stop: Option<Keys>,
    /// Stop it and start it again.
    pub restart: Option<Keys>,
    /// Keep it from starting.
    pub hold: Option<Keys>,
    /// Undo hold.
    pub release: Option<Keys>,
    /// End its run without running it.
    pub skip: Option<Keys>,
    /// Start it at a time.
    pub schedule: Option<Keys>,
    /// Type a line into it.
    pub send: Option<Keys>,
    /// Copy the command that helps.
    pub copy: Option<Keys>,
    /// Add a session that stands in no file.
    pub add: Option<Keys>,
    /// Begin the night, or queue what has not run in it.
    pub up_night: Option<Keys>,
    /// Do not tell it for a while.
    pub snooze: Option<Keys>,
    /// Tell the next in line now.
    pub escalate: Option<Keys>,
    /// A command by name.
    pub palette: Option<Keys>,
    /// These keys.
    pub help: Option<Keys>,
    /// Draw everything anew.
    pub redraw: Option<Keys>,
    /// Search a text.
    pub search: Option<Keys>,
    /// The next line that has it.
    pub next_match: Option<Keys>,
    /// The line before that has it.
    pub previous_match: Option<Keys>,
    /// Go along with the end, or stay.
    pub follow: Option<Keys>,
    /// Show or hide times.
    pub times: Option<Keys>,
    /// The attempt before.
    pub log_attempt_before: Option<Keys>,
    /// The attempt after.
    pub log_attempt_after: Option<Keys>,
    /// Play or pause.
    pub play: Option<Keys>,
    /// Play faster.
    pub faster: Option<Keys>,
    /// Play slower.
    pub slower: Option<Keys>,
    /// 10 seconds back; up a minute, PgUp ten.
    pub replay_back: Option<Keys>,
    /// 10 seconds on; down a minute, PgDn ten.
    pub replay_on: Option<Keys>,
    /// To the next mark.
    pub next_mark: Option<Keys>,
    /// To the mark before.
    pub previous_mark: Option<Keys>,
    /// The attempt before.
    pub attempt_before: Option<Keys>,
    /// The attempt after.
    pub attempt_after: Option<Keys>,
    /// Back to the shell until `fg`.
    pub suspend: Option<Keys>,
    /// The night as a timeline.
    pub timeline: Option<Keys>,
    /// Alerts, open and past.
    pub alerts: Option<Keys>,
    /// What failed for good.
    pub dead_letters: Option<Keys>,
    /// What comes next, and why not yet.
    pub plan: Option<Keys>,
    /// The report of this or a past night.
    pub morning: Option<Keys>,
    /// Less of the night, larger.
    pub zoom_in: Option<Keys>,
    /// More of the night, smaller.
    pub zoom_out: Option<Keys>,
    /// The whole night, up to now.
    pub now: Option<Keys>,
    /// You know: it is not told again.
    pub ack: Option<Keys>,
    /// It is over.
    pub resolve: Option<Keys>,
    /// A second chance for a dead letter.
    pub retry: Option<Keys>,
    /// A note to it, for its next prompt and attempts.
    pub note: Option<Keys>,
    /// The note is settled.
    pub settle: Option<Keys>,
    /// Leave; the night goes on.
    pub quit: Option<Keys>,
}
