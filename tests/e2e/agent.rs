//! A coding agent of the project's own: a small program with a screen that behaves like the measured ones. It plays a
//! script, one step a line, and writes down what it was told, so that a test can count.
//!
//! | step | what it does |
//! |---|---|
//! | `work 2s` | a spinner and a title for so long |
//! | `say TEXT` | a line of conversation |
//! | `bash COMMAND` | asks whether it may run a command, and runs it if it may |
//! | `bash 3s COMMAND` | the same, but goes on by itself after so long |
//! | `edit PATH` | asks whether it may create a file |
//! | `ask QUESTION` | a question that is answered with a text |
//! | `choose QUESTION \| A \| B` | a question with choices |
//! | `slow` `deaf 1` | the next dialog takes Enter behind a key; the next dialog loses so many keys |
//! | `limit 20s resumes` `limit 20s stays` | a usage limit with a reset ahead, after which it goes on by itself, or does not |
//! | `retry 3 1s` | a provider that fails so often, each time after so long |
//! | `error TEXT` | an error, after which it waits for a person |
//! | `prompt` | the empty composer, until a text is sent off |
//! | `status` `quiet` | from here on it says, or does not say, what it does by the Program Status Protocol |
//! | `transcript` | from here on it writes a transcript |
//! | `hup` | from here on it ignores a hang-up and a polite end |
//! | `serve` | from here on it serves its events as opencode does, at the port of its arguments |
//! | `event JSON` `standing JSON JSON` | an event; what it answers to who is busy and what is asked (no blanks in the first) |
//! | `until NAME` | works until that file is in its home |
//! | `hang` | draws nothing more and waits |
//! | `exit 3` `crash` | leaves, or is gone |

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Names the script.
pub const SCRIPT: &str = "FAKE_AGENT_SCRIPT";
/// Names the file that it writes down what happened in.
pub const DIARY: &str = "FAKE_AGENT_DIARY";
/// What it was started with, a word a line.
pub const ARGUMENTS: &str = "FAKE_AGENT_ARGUMENTS";

/// A frame of its spinner.
const FRAME: Duration = Duration::from_millis(100);

/// Plays the script that the environment names; returns the exit code. Without one it does nothing.
pub fn play() -> Option<i32> {
    let script = std::fs::read_to_string(std::env::var_os(SCRIPT)?).ok()?;
    let mut agent = Agent::new();
    let mut code = 0;
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if let Some(left) = agent.step(word, rest.trim()) {
            code = left;
            break;
        }
    }
    agent.leave();
    Some(code)
}

struct Agent {
    keys: Receiver<u8>,
    before: Option<Termios>,
    talk: Vec<String>,
    diary: Option<PathBuf>,
    status: bool,
    transcript: Option<PathBuf>,
    messages: u32,
    slow: bool,
    deaf: u32,
    served: Option<Arc<Mutex<Served>>>,
}

/// What it serves.
#[derive(Default)]
struct Served {
    events: Vec<String>,
    busy: String,
    asked: String,
}

/// What was typed into the composer or a text field.
enum Typed {
    Text(String),
    Escape,
}

impl Agent {
    fn new() -> Self {
        let (send, keys) = channel();
        std::thread::spawn(move || {
            let mut byte = [0];
            while matches!(std::io::stdin().read(&mut byte), Ok(1)) {
                if send.send(byte[0]).is_err() {
                    return;
                }
            }
        });
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin).ok();
        if let Some(mut raw) = before.clone() {
            raw.make_raw();
            let _ = tcsetattr(&stdin, OptionalActions::Now, &raw);
        }
        let agent = Self {
            keys,
            before,
            talk: Vec::new(),
            diary: std::env::var_os(DIARY).map(PathBuf::from),
            status: false,
            transcript: None,
            messages: 0,
            slow: false,
            deaf: 0,
            served: None,
        };
        agent.write("\x1b[?1049h\x1b[?2004h\x1b[?25l");
        agent.title("✳ Claude Code");
        agent.note(&format!("began {}", std::env::var(ARGUMENTS).unwrap_or_default().replace('\n', " ")));
        agent
    }
    fn leave(&mut self) {
        self.write("\x1b[?2004l\x1b[?25h\x1b[?1049l");
        if let Some(before) = &self.before {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
        self.note("left");
    }
    fn write(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
    fn title(&self, title: &str) {
        self.write(&format!("\x1b]0;{title}\x07"));
    }
    fn tell(&self, state: &str) {
        if self.status {
            self.write(&format!("\x1b]7501;state={state}:app=claude\x1b\\"));
        }
    }
    fn tell_asks(&self, kind: &str, message: &str) {
        if self.status {
            use base64::Engine as _;
            let message = base64::engine::general_purpose::STANDARD.encode(message);
            self.write(&format!("\x1b]7501;state=blocked:app=claude:kind={kind}:msg={message}\x1b\\"));
        }
    }
    /// Writes a line into the diary, as one write.
    fn note(&self, line: &str) {
        let Some(diary) = &self.diary else { return };
        if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(diary) {
            let _ = file.write_all(format!("{line}\n").as_bytes());
        }
    }

    /// Plays a step; a code ends the script.
    fn step(&mut self, word: &str, rest: &str) -> Option<i32> {
        match word {
            "work" => self.work(span(rest)),
            "say" => self.say(rest),
            "bash" => self.permission("bash", rest),
            "edit" => self.permission("edit", rest),
            "ask" => self.question(rest),
            "choose" => self.choose(rest),
            "slow" => self.slow = true,
            "deaf" => self.deaf = rest.parse().unwrap_or(1),
            "limit" => self.limit(rest),
            "retry" => self.retry(rest),
            "error" => self.error(rest),
            "prompt" => self.composer("Try \"fix the tests\""),
            "status" => self.status = true,
            "quiet" => self.status = false,
            "transcript" => self.transcript = transcript(),
            "hup" => ignore_signals(),
            "serve" => self.served = served(self.diary.clone()),
            "event" => self.serves(|served| served.events.push(rest.to_owned())),
            "standing" => self.serves(|served| {
                let (busy, asked) = rest.split_once(' ').unwrap_or((rest, "[]"));
                (served.busy, served.asked) = (busy.to_owned(), asked.to_owned());
            }),
            "until" => {
                let file = Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(rest);
                while !file.exists() {
                    std::thread::sleep(FRAME);
                }
            }
            "hang" => self.hang(),
            "crash" => std::process::abort(),
            "exit" => return Some(rest.parse().unwrap_or(0)),
            other => self.say(&format!("there is no step {other}")),
        }
        None
    }

    fn serves(&self, change: impl FnOnce(&mut Served)) {
        if let Some(served) = &self.served {
            change(&mut served.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn say(&mut self, text: &str) {
        self.talk.push(format!("● {text}"));
        self.messages += 1;
        self.record(&serde_json::json!({
            "type": "assistant",
            "message": { "id": format!("msg_{}", self.messages), "model": "claude-opus-5-5",
                "content": [{ "type": "text", "text": text }],
                "usage": { "input_tokens": 1234, "output_tokens": 42,
                    "cache_read_input_tokens": 4000, "cache_creation_input_tokens": 300 } },
            "requestId": format!("req_{}", self.messages),
        }));
        self.draw_idle("");
    }
    fn record(&self, line: &serde_json::Value) {
        let Some(file) = &self.transcript else { return };
        if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(file) {
            let _ = file.write_all(format!("{line}\n").as_bytes());
        }
    }

    /// Draws the conversation and what stands below it, as one whole.
    fn draw(&self, below: &[String]) {
        let (rows, columns) = size();
        let head = [" ▐▛███▛█   Claude Code v2.1.329".to_owned(), "▝▜██████▀  Opus 5.5 · API Usage Billing".to_owned()];
        let mut lines: Vec<String> =
            head.into_iter().chain([String::new(), "❯ Do what is to be done".to_owned()]).collect();
        for line in &self.talk {
            lines.extend([String::new(), line.clone()]);
        }
        lines.push(String::new());
        let room = rows.saturating_sub(below.len());
        if lines.len() > room {
            lines.drain(..lines.len() - room);
        }
        lines.extend(below.iter().cloned());
        let mut screen = String::from("\x1b[?2026h\x1b[H");
        for (at, line) in lines.iter().enumerate() {
            let cut: String = line.chars().take(columns).collect();
            let _ = write!(screen, "{}{cut}\x1b[K", if at == 0 { "" } else { "\r\n" });
        }
        screen.push_str("\x1b[J\x1b[?2026l");
        self.write(&screen);
    }
    fn draw_composer(&self, above: &str, typed: &str, below: &str) {
        let rule = "─".repeat(size().1);
        let mut lines = Vec::new();
        if !above.is_empty() {
            lines.extend([above.to_owned(), String::new()]);
        }
        lines.extend([rule.clone(), format!("❯ {typed}"), rule, format!("  {below}")]);
        self.draw(&lines);
    }
    fn draw_idle(&self, typed: &str) {
        self.draw_composer("", typed, "⏸ manual mode on · ? for shortcuts");
    }

    fn work(&mut self, span: Duration) {
        self.tell("working");
        let begin = Instant::now();
        let mut frame = 0_usize;
        while begin.elapsed() < span {
            let mark = ['✢', '✳', '✶', '✻'][frame % 4];
            self.title(if (frame / 10).is_multiple_of(2) { "◐ Claude Code" } else { "◑ Claude Code" });
            let seconds = begin.elapsed().as_secs();
            let line = format!("{mark} Burrowing… ({seconds}s · ↓ {} tokens)", frame * 3);
            self.draw_composer(&line, "", "⏸ manual mode on · esc to interrupt");
            frame += 1;
            std::thread::sleep(FRAME);
        }
        self.title("✳ Claude Code");
        self.talk.push(format!("✻ Burrowed for {}s · done 9:26 AM", span.as_secs()));
        self.tell("done");
        self.draw_idle("");
    }

    /// Asks whether it may; goes on by itself after a while if it is told so.
    fn permission(&mut self, kind: &str, rest: &str) {
        let (first, after) = rest.split_once(' ').unwrap_or((rest, ""));
        let (alone, what) = match parse_span(first) {
            Some(span) if !after.is_empty() => (Some(span), after),
            Some(_) | None => (None, rest),
        };
        // A line of the script can hold a command of several lines.
        let what = what.replace("\\n", "\n");
        let dashes = "╌".repeat(size().1);
        let (head, question) = if kind == "bash" {
            let mut head = vec![" Bash command".to_owned(), " run it".to_owned(), dashes.clone()];
            head.extend(what.lines().map(|line| format!(" {line}")));
            head.push(dashes);
            (head, "Do you want to proceed?".to_owned())
        } else {
            (vec![" Create file".to_owned(), format!(" {what}")], format!("Do you want to create {what}?"))
        };
        let choices = ["Yes", "Yes, and don't ask again for such things", "No, and tell Claude what to do differently"];
        self.tell_asks("permission", &format!("approve Bash: {what}"));
        let chosen = self.dialog(&head, &question, &choices, alone);
        self.tell("working");
        match chosen {
            Some(1 | 2) if kind == "bash" => {
                self.note(&format!("ran {what}"));
                let _ = Command::new("sh").args(["-c", &what]).output();
                self.say("It ran.");
            }
            Some(1 | 2) => {
                self.note(&format!("wrote {what}"));
                self.say("It is written.");
            }
            Some(_) => {
                self.note(&format!("refused {what}"));
                self.say("Then not.");
            }
            None => {
                self.note(&format!("went on without {what}"));
                self.say("I go on without it.");
            }
        }
    }
    fn choose(&mut self, rest: &str) {
        let mut words = rest.split('|').map(str::trim);
        let question = words.next().unwrap_or_default().to_owned();
        let choices: Vec<&str> = words.collect();
        self.tell_asks("question", &question);
        let chosen = self.dialog(&[], &question, &choices, None);
        let label = chosen.and_then(|n| choices.get(n - 1)).copied().unwrap_or("nothing");
        self.note(&format!("chose {label}"));
        self.tell("working");
        self.say(&format!("So it is {label}."));
    }
    /// Shows a dialog in the place of the composer; the number of what was chosen, `None` when it did not wait.
    fn dialog(&mut self, head: &[String], question: &str, choices: &[&str], alone: Option<Duration>) -> Option<usize> {
        self.title("✳ Claude Code");
        let (begin, mut at) = (Instant::now(), 0_usize);
        let slow = std::mem::take(&mut self.slow);
        self.note(&format!("asks {question}"));
        loop {
            let mut lines = vec!["─".repeat(size().1)];
            lines.extend(head.iter().cloned());
            lines.push(format!(" {question}"));
            for (n, choice) in choices.iter().enumerate() {
                lines.push(format!(" {} {}. {choice}", if n == at { '❯' } else { ' ' }, n + 1));
            }
            lines.extend([String::new(), " Esc to cancel · Tab to amend".to_owned()]);
            self.draw(&lines);
            let key = match alone {
                None => self.key(None),
                Some(alone) => self.key(Some(alone.saturating_sub(begin.elapsed()))),
            };
            let mut key = key?;
            while self.deaf > 0 {
                self.deaf -= 1;
                self.note(&format!("lost {}", key.escape_debug()));
                key = self.key(None)?;
            }
            self.note(&format!("key {}", key.escape_debug()));
            match key.as_str() {
                "\x1b[A" => at = at.saturating_sub(1),
                "\x1b[B" => at = (at + 1).min(choices.len().saturating_sub(1)),
                "\r" => return Some(at + 1),
                "\x1b" => return Some(choices.len()),
                digit => {
                    if let Some(number) = digit.parse::<usize>().ok().filter(|n| (1..=choices.len()).contains(n)) {
                        if !slow {
                            return Some(number);
                        }
                        at = number - 1;
                    }
                }
            }
        }
    }
    fn question(&mut self, question: &str) {
        self.tell_asks("question", question);
        self.note(&format!("asks {question}"));
        let draw = |agent: &Self, typed: &str| {
            let rule = "─".repeat(size().1);
            agent.draw(&[rule, format!(" {question}"), format!(" > {typed}"), " Enter to submit".to_owned()]);
        };
        if let Typed::Text(text) = self.line(&draw) {
            self.note(&format!("told {text}"));
        }
        self.tell("working");
        self.say("Thank you.");
    }
    fn composer(&mut self, hint: &str) {
        self.tell("idle");
        // A hint is faint, as nobody typed it.
        let hint = format!("\x1b[2m{hint}\x1b[0m");
        let draw = |agent: &Self, typed: &str| agent.draw_idle(if typed.is_empty() { &hint } else { typed });
        if let Typed::Text(text) = self.line(&draw) {
            self.note(&format!("told {text}"));
            self.talk.push(format!("❯ {text}"));
            self.tell("working");
        }
    }
    /// Reads a line; what is pasted is taken as it is.
    fn line(&mut self, draw: &dyn Fn(&Self, &str)) -> Typed {
        let mut text = String::new();
        loop {
            draw(self, &text);
            let Some(key) = self.key(None) else { return Typed::Escape };
            match key.as_str() {
                "\r" if !text.is_empty() => return Typed::Text(text),
                "\r" => {}
                "\x1b" => return Typed::Escape,
                "\x7f" => {
                    text.pop();
                }
                other if other.starts_with('\x1b') => {}
                other => text.push_str(other),
            }
        }
    }

    fn limit(&mut self, rest: &str) {
        let (after, then) = rest.split_once(' ').unwrap_or((rest, "resumes"));
        let (after, resumes) = (span(after), then == "resumes");
        let resets = now() + after;
        let clock = clock_utc(resets);
        self.note(&format!("limited until {}", resets.as_secs()));
        self.record(&serde_json::json!({
            "type": "assistant", "isApiErrorMessage": true, "error": "rate_limit", "apiErrorStatus": 429,
            "apiError": "usage_limit_reached",
            "apiErrorParams": { "rate_limit_info": { "resetsAt": resets.as_secs(), "rateLimitType": "five_hour" } },
            "message": { "id": "err", "model": "<synthetic>", "content": [{ "type": "text", "text": "limit" }] },
        }));
        self.talk.push(format!("  ⎿  You've hit your 5-hour limit · resets {clock} (UTC)"));
        if resumes {
            self.talk.push(format!("● Usage limit reached · continuing automatically at {clock} · esc to cancel"));
        }
        let message = format!("You've hit your 5-hour limit · resets {clock} (UTC)");
        if self.status {
            use base64::Engine as _;
            let message = base64::engine::general_purpose::STANDARD.encode(message);
            self.write(&format!("\x1b]7501;state=error:app=claude:msg={message}\x1b\\"));
        }
        let below = format!("⚠ Usage limit reached · limit resets {clock}");
        self.draw_composer("", "", &below);
        if !resumes {
            let draw = |agent: &Self, typed: &str| agent.draw_composer("", typed, &below);
            if let Typed::Text(text) = self.line(&draw) {
                self.note(&format!("told {text} {}", if now() < resets { "too early" } else { "after the limit" }));
            }
            return;
        }
        while now() < resets {
            let left = resets.saturating_sub(now()).min(Duration::from_millis(200));
            if let Some(key) = self.key(Some(left)) {
                self.note(&format!("disturbed by {}", key.escape_debug()));
            }
        }
        self.talk.push("● Usage limit reset · Continuing automatically".to_owned());
        self.note("resumed by itself");
    }
    fn retry(&mut self, rest: &str) {
        let (times, each) = rest.split_once(' ').unwrap_or((rest, "1s"));
        let (times, each): (u32, Duration) = (times.parse().unwrap_or(3), span(each));
        self.tell("working");
        for n in 1..=times {
            let line = format!("✻ 529 Overloaded · retrying in {}s · attempt {n}/10", each.as_secs());
            self.draw_composer(&line, "", "⏸ manual mode on · esc to interrupt");
            self.note(&format!("retries {n}"));
            std::thread::sleep(each);
        }
    }
    fn error(&mut self, text: &str) {
        self.talk.push(format!("● {text}"));
        self.record(&serde_json::json!({
            "type": "assistant", "isApiErrorMessage": true, "error": "server_error",
            "message": { "id": "err", "model": "<synthetic>", "content": [{ "type": "text", "text": text }] },
        }));
        self.composer("Resend your message to try again");
    }
    fn hang(&mut self) {
        while self.key(None).is_some() {}
    }

    /// The next key: a character, an escape sequence, or what was pasted. `None` when the time is over, or the terminal is
    /// gone.
    fn key(&self, within: Option<Duration>) -> Option<String> {
        let first = self.byte(within)?;
        if first != 0x1b {
            let more = match first {
                0xc0..=0xdf => 1,
                0xe0..=0xef => 2,
                0xf0..=0xff => 3,
                _ => 0,
            };
            let mut bytes = vec![first];
            bytes.extend((0..more).filter_map(|_| self.byte(Some(FRAME))));
            return Some(String::from_utf8_lossy(&bytes).into_owned());
        }
        let mut sequence = String::from('\x1b');
        while let Some(byte) = self.byte(Some(Duration::from_millis(20))) {
            sequence.push(char::from(byte));
            if sequence.len() > 2 && (byte.is_ascii_alphabetic() || byte == b'~') {
                break;
            }
        }
        if sequence != "\x1b[200~" {
            return Some(sequence);
        }
        let mut pasted = Vec::new();
        while !pasted.ends_with(b"\x1b[201~") {
            pasted.push(self.byte(Some(Duration::from_secs(5)))?);
        }
        pasted.truncate(pasted.len() - 6);
        Some(String::from_utf8_lossy(&pasted).replace('\r', " "))
    }
    fn byte(&self, within: Option<Duration>) -> Option<u8> {
        match within {
            None => self.keys.recv().ok(),
            Some(within) => self.keys.recv_timeout(within).ok(),
        }
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// `10:37am`.
fn clock_utc(at: Duration) -> String {
    let minutes = at.as_secs() / 60 % 1440;
    let (hour, minute) = (minutes / 60, minutes % 60);
    let half = if hour < 12 { "am" } else { "pm" };
    format!("{}:{minute:02}{half}", if hour % 12 == 0 { 12 } else { hour % 12 })
}

fn size() -> (usize, usize) {
    tcgetwinsize(std::io::stdout()).map_or((40, 120), |size| (size.ws_row.max(10).into(), size.ws_col.max(40).into()))
}

fn span(text: &str) -> Duration {
    parse_span(text).unwrap_or(Duration::from_secs(1))
}

fn parse_span(text: &str) -> Option<Duration> {
    if let Some(ms) = text.strip_suffix("ms") {
        return ms.parse().ok().map(Duration::from_millis);
    }
    text.strip_suffix('s')?.parse().ok().map(Duration::from_secs)
}

/// Where a transcript of this folder belongs.
fn transcript() -> Option<PathBuf> {
    let home = std::env::var_os("CLAUDE_CONFIG_DIR").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".claude")))?;
    let folder = std::env::current_dir().ok()?.display().to_string();
    let folder: String = folder.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let folder = home.join("projects").join(folder);
    std::fs::create_dir_all(&folder).ok()?;
    let arguments = std::env::var(ARGUMENTS).unwrap_or_default();
    let mut words = arguments.lines();
    let named = words.find(|word| matches!(*word, "--session-id" | "--resume")).and_then(|_| words.next());
    let id = named.map_or_else(|| format!("00000000-0000-4000-8000-{:012x}", std::process::id()), str::to_owned);
    Some(folder.join(format!("{id}.jsonl")))
}

/// Serves events to whoever has the password, at the port of its arguments.
fn served(diary: Option<PathBuf>) -> Option<Arc<Mutex<Served>>> {
    let arguments = std::env::var(ARGUMENTS).unwrap_or_default();
    let port: u16 = arguments.lines().skip_while(|word| *word != "--port").nth(1)?.parse().ok()?;
    let password = std::env::var("OPENCODE_SERVER_PASSWORD").ok()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).ok()?;
    let served = Arc::new(Mutex::new(Served::default()));
    let shared = Arc::clone(&served);
    std::thread::spawn(move || {
        use base64::Engine as _;
        let key = base64::engine::general_purpose::STANDARD.encode(format!("opencode:{password}"));
        for stream in listener.incoming().flatten() {
            let (shared, key, diary) = (Arc::clone(&shared), key.clone(), diary.clone());
            std::thread::spawn(move || serve(stream, &shared, &key, diary.as_deref()));
        }
    });
    Some(served)
}

fn serve(mut stream: TcpStream, served: &Mutex<Served>, key: &str, diary: Option<&Path>) -> Option<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8_192 {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let answer =
        |kind: &str, body: &str| format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n{body}");
    let look = || served.lock().unwrap_or_else(PoisonError::into_inner);
    if !head.lines().any(|line| line.to_lowercase().starts_with("authorization: basic") && line.ends_with(key)) {
        if let Some(mut file) = diary.and_then(|diary| OpenOptions::new().append(true).open(diary).ok()) {
            let _ = file.write_all(format!("refused {path}\n").as_bytes());
        }
        return stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n").ok();
    }
    match path.as_str() {
        "/session/status" => stream.write_all(answer("application/json", &look().busy).as_bytes()).ok(),
        "/permission" => stream.write_all(answer("application/json", &look().asked).as_bytes()).ok(),
        "/event" => {
            stream.write_all(answer("text/event-stream", "").as_bytes()).ok()?;
            let mut from = look().events.len();
            loop {
                let new: Vec<String> = look().events.iter().skip(from).cloned().collect();
                from += new.len();
                for event in new {
                    stream.write_all(format!("data: {event}\n\n").as_bytes()).ok()?;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        _ => stream.write_all(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n").ok(),
    }
}

fn ignore_signals() {
    for signal in [signal_hook::consts::SIGHUP, signal_hook::consts::SIGTERM] {
        let _ = signal_hook::flag::register(signal, Arc::default());
    }
}
