//! `hooks.jsonl`: what an agent told the program that it was given as its hook, a line each, oldest first.
//!
//! `nightkeep hook` appends to it, in the run directory of the attempt, whether a daemon runs or not. Of what the agent
//! hands over only a few fields are kept, each cut: the rest is its conversation and none of our business.

use serde_json::{Map, Value, json};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Name of the file in the run directory.
pub const HOOKS_FILE: &str = "hooks.jsonl";
/// Most bytes that are read of what an agent hands over.
pub const INPUT_MAX: u64 = 4 * 1024 * 1024;
/// Longest line of the file, in bytes; a write of it is whole or not there.
pub const LINE_MAX: usize = 64 * 1024;
/// The file grows no further than this, in bytes.
pub const FILE_MAX: u64 = 8 * 1024 * 1024;
/// Characters kept of what a tool is to do; of any other field a quarter.
const FIELD_MAX: usize = 2_000;
/// Fields that are kept: of the event, and of what a tool is to do.
const KEPT: [&str; 13] = [
    "hook_event_name",
    "session_id",
    "error",
    "error_details",
    "last_assistant_message",
    "message",
    "notification_type",
    "type",
    "tool_name",
    "reason",
    "source",
    "permission_mode",
    "stop_hook_active",
];
const KEPT_OF_TOOL: [&str; 3] = ["command", "file_path", "url"];

/// What is kept of what an agent handed over at a time (milliseconds since 1970); `None` for what is no event of a hook.
pub fn line(input: &[u8], at_ms: i64) -> Option<Vec<u8>> {
    let input: Value = serde_json::from_slice(input).ok()?;
    let input = input.as_object()?;
    input.get("hook_event_name")?.as_str()?;
    let mut kept = fields(input, &KEPT);
    if let Some(tool) = input.get("tool_input").and_then(Value::as_object) {
        kept.insert("tool_input".to_owned(), Value::Object(fields(tool, &KEPT_OF_TOOL)));
    }
    kept.insert("at".to_owned(), json!(at_ms));
    let mut line = serde_json::to_vec(&kept).ok()?;
    line.push(b'\n');
    (line.len() <= LINE_MAX).then_some(line)
}

fn fields(from: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let mut kept = Map::new();
    for name in names {
        match from.get(*name) {
            Some(Value::String(text)) => {
                let most = if names.len() == KEPT_OF_TOOL.len() { FIELD_MAX } else { FIELD_MAX / 4 };
                let cut: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect();
                kept.insert((*name).to_owned(), Value::String(cut));
            }
            Some(Value::Bool(yes)) => {
                kept.insert((*name).to_owned(), Value::Bool(*yes));
            }
            Some(Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_)) | None => {}
        }
    }
    kept
}

/// Appends a line, unless the file has become too large.
pub fn append(file: &Path, line: &[u8]) -> io::Result<()> {
    let nofollow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(nofollow).open(file)?;
    if file.metadata()?.len() + line.len() as u64 <= FILE_MAX { file.write_all(line) } else { Ok(()) }
}

/// Reads on in the file.
#[derive(Debug, Default)]
pub struct HooksReader {
    at: u64,
}

impl HooksReader {
    /// The whole lines that came since the last look, each with its time in milliseconds since 1970. A missing file has
    /// none.
    pub fn read(&mut self, file: &Path) -> io::Result<Vec<(i64, String)>> {
        let mut file: File = match super::open_regular(file) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e),
        };
        file.seek(SeekFrom::Start(self.at))?;
        let mut bytes = Vec::new();
        file.take(FILE_MAX.saturating_sub(self.at)).read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.at += whole as u64;
        let lines = bytes.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n');
        let read = |line: &[u8]| {
            let text = std::str::from_utf8(line).ok().filter(|text| text.len() <= LINE_MAX)?;
            let value: Value = serde_json::from_str(text).ok()?;
            Some((value.get("at")?.as_i64()?, text.to_owned()))
        };
        Ok(lines.filter_map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_kept_of_an_event_and_nothing_of_what_is_none() {
        let input = json!({
            "hook_event_name": "PermissionRequest", "session_id": "s", "tool_name": "Bash", "prompt": "my secret plan",
            "tool_input": {"command": "x".repeat(9_000), "content": "a whole file"}, "transcript_path": "/home/x",
        });
        let line = line(input.to_string().as_bytes(), 7).unwrap();
        assert!(line.len() <= LINE_MAX && line.ends_with(b"\n"));
        let kept: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(kept["tool_input"]["command"].as_str().unwrap().len(), FIELD_MAX);
        assert_eq!((kept["at"].as_i64(), kept["tool_name"].as_str()), (Some(7), Some("Bash")));
        assert!(kept.get("prompt").is_none() && kept["tool_input"].get("content").is_none(), "{kept}");
        for none in ["", "[]", "{}", "{\"hook_event_name\":3}", "not json"] {
            assert_eq!(super::line(none.as_bytes(), 7), None, "{none}");
        }
        let wide = json!({"hook_event_name": "Stop", "last_assistant_message": "\u{1}".repeat(9_000), "message": "\u{1}".repeat(9_000)});
        assert!(super::line(wide.to_string().as_bytes(), 7).is_some_and(|line| line.len() <= LINE_MAX));
    }

    #[test]
    fn lines_are_read_once_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(HOOKS_FILE);
        let mut reader = HooksReader::default();
        assert!(reader.read(&file).unwrap().is_empty(), "not there yet");
        let stop = line(br#"{"hook_event_name":"Stop"}"#, 1).unwrap();
        append(&file, &stop).unwrap();
        append(&file, &stop[..5]).unwrap();
        assert_eq!(reader.read(&file).unwrap().len(), 1);
        append(&file, &stop[5..]).unwrap();
        append(&file, b"rubbish\n").unwrap();
        append(&file, &line(br#"{"hook_event_name":"SessionEnd"}"#, 2).unwrap()).unwrap();
        let times: Vec<i64> = reader.read(&file).unwrap().iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [1, 2]);
        assert!(reader.read(&file).unwrap().is_empty());
    }

    #[test]
    fn the_file_does_not_grow_for_ever_and_no_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(HOOKS_FILE);
        File::create(&file).unwrap().set_len(FILE_MAX - 3).unwrap();
        append(&file, b"1234\n").unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().len(), FILE_MAX - 3);
        let (elsewhere, link) = (dir.path().join("elsewhere"), dir.path().join("link"));
        std::fs::write(&elsewhere, "").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
        assert!(append(&link, b"x\n").is_err());
        assert_eq!(std::fs::read(&elsewhere).unwrap(), b"");
    }
}
