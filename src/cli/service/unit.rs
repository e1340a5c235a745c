//! The texts of service files: a systemd user unit, a launchd agent.
//!
//! The daemon starts tmux in a scope of its own, outside the service's control group. Where it could not, `KillMode=process`
//! (launchd: `AbandonProcessGroup`) has the manager end the daemon alone all the same, so tmux and the sessions survive
//! its restart.

use std::path::Path;

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A user unit of systemd.
    Systemd,
    /// An agent of launchd.
    Launchd,
}

/// What stands in it.
#[derive(Debug)]
pub struct Described<'a> {
    /// [`name`].
    pub name: &'a str,
    /// This program.
    pub program: &'a Path,
    /// The sessions.toml.
    pub file: &'a Path,
    /// Its folder.
    pub folder: &'a Path,
    /// Where what is said before the daemon has its log goes.
    pub log: &'a Path,
    /// `PATH`, which a service manager would set to less than sessions need.
    pub path: Option<&'a str>,
}

/// `nightkeep-FOLDER-KEY`: tells which instance it is, and is another for each.
pub fn name(folder: &Path, key: &str) -> String {
    let folder = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let plain: String =
        folder.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).take(40).collect();
    let middle = if plain.is_empty() { "home" } else { &plain };
    format!("nightkeep-{middle}-{}", key.get(..6).unwrap_or(key))
}

/// The file's text. Fails for what cannot stand in such a file.
pub fn text(kind: Kind, described: &Described<'_>) -> Result<String, String> {
    match kind {
        Kind::Systemd => systemd(described),
        Kind::Launchd => launchd(described),
    }
}

fn plain(path: &Path) -> Result<&str, String> {
    let text = path.to_str().ok_or_else(|| format!("the path {path:?} is not UTF-8"))?;
    if text.chars().any(char::is_control) {
        Err(format!("the path {path:?} has a control character"))
    } else {
        Ok(text)
    }
}

/// A word of `ExecStart=` or `Environment=`: quoted, with specifiers and variables made literal.
fn word(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    format!("\"{escaped}\"")
}

fn systemd(d: &Described<'_>) -> Result<String, String> {
    let (program, file, folder) = (plain(d.program)?, plain(d.file)?, plain(d.folder)?);
    // `$` is a variable in ExecStart= only.
    let exec = |text: &str| word(text).replace('$', "$$");
    let path = d.path.filter(|path| !path.chars().any(char::is_control));
    let environment = path.map(|path| format!("Environment={}\n", word(&format!("PATH={path}")))).unwrap_or_default();
    Ok(format!(
        "# Written by `nightkeep service install`; `nightkeep service uninstall` removes it.
[Unit]
Description=nightkeep: keeps the sessions of {file} going
Documentation=man:nightkeep(1)
StartLimitIntervalSec=600
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
ExecStart={program_word} daemon --file {file_word}
WorkingDirectory={folder_word}
{environment}# The daemon alone is ended: tmux and the sessions in it run on, and the next daemon finds them.
KillMode=process
SendSIGHUP=no
# A session that is ended for memory is no reason to end the daemon.
OOMPolicy=continue
# Sessions can be given limits of their own.
Delegate=yes
TimeoutStopSec=30
Restart=on-failure
RestartSec=2
# Its main loop has to make a turn within this time.
WatchdogSec=60

[Install]
WantedBy=default.target
",
        file = file.replace('%', "%%"),
        program_word = exec(program),
        file_word = exec(file),
        // Takes no quotes.
        folder_word = folder.replace('%', "%%"),
    ))
}

fn launchd(d: &Described<'_>) -> Result<String, String> {
    let xml = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let (program, file, folder, log) = (plain(d.program)?, plain(d.file)?, plain(d.folder)?, plain(d.log)?);
    let path = d.path.filter(|path| !path.chars().any(char::is_control)).unwrap_or("/usr/local/bin:/usr/bin:/bin");
    Ok(format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- Written by `nightkeep service install`; `nightkeep service uninstall` removes it. -->
<plist version="1.0">
<dict>
  <key>Label</key><string>dev.{name}</string>
  <key>ProgramArguments</key>
  <array>
    <string>{program}</string>
    <string>daemon</string>
    <string>--file</string>
    <string>{file}</string>
  </array>
  <key>WorkingDirectory</key><string>{folder}</string>
  <key>EnvironmentVariables</key>
  <dict><key>PATH</key><string>{path}</string></dict>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key>
  <dict><key>SuccessfulExit</key><false/></dict>
  <key>ThrottleInterval</key><integer>10</integer>
  <!-- The daemon alone is ended: tmux and the sessions in it run on. -->
  <key>AbandonProcessGroup</key><true/>
  <key>StandardOutPath</key><string>{log}</string>
  <key>StandardErrorPath</key><string>{log}</string>
</dict>
</plist>
"#,
        name = xml(d.name),
        program = xml(program),
        file = xml(file),
        folder = xml(folder),
        path = xml(path),
        log = xml(log),
    ))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "another program reads what is written")]
mod tests {
    use super::*;

    fn described<'a>(file: &'a Path) -> Described<'a> {
        Described {
            name: "nightkeep-x-1a2b3c",
            program: Path::new("/opt/my \"tools\"/night%keep$x"),
            file,
            folder: file.parent().unwrap(),
            log: Path::new("/x/logs/daemon.log"),
            path: Some("/usr/bin:/home/a & b/bin:/p%h"),
        }
    }

    #[test]
    fn what_a_path_holds_is_never_read_as_syntax() {
        let file = Path::new("/home/a b/%h/<x>&/sessions.toml");
        let text = systemd(&described(file)).unwrap();
        assert!(
            text.contains(
                r#"ExecStart="/opt/my \"tools\"/night%%keep$$x" daemon --file "/home/a b/%%h/<x>&/sessions.toml""#
            ),
            "{text}"
        );
        assert!(text.contains("WorkingDirectory=/home/a b/%%h/<x>&\n"), "{text}");
        assert!(text.contains("Environment=\"PATH=/usr/bin:/home/a & b/bin:/p%%h\"\n"), "{text}");
        let text = launchd(&described(file)).unwrap();
        assert!(text.contains("<string>/home/a b/%h/&lt;x&gt;&amp;/sessions.toml</string>"), "{text}");
        let broken = Path::new("/a\nExecStartPre=/bin/evil/sessions.toml");
        assert!(systemd(&described(broken)).is_err() && launchd(&described(broken)).is_err());
    }

    #[test]
    fn a_plist_is_one_and_says_what_is_meant() {
        let file = Path::new("/home/a b/%h/<x>&/sessions.toml");
        let text = launchd(&described(file)).unwrap();
        let read = "import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))";
        let python = std::process::Command::new("python3")
            .args(["-c", read])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn();
        // Where there is no such reader the other tests have to do.
        let Ok(mut python) = python else { return };
        std::io::Write::write_all(&mut python.stdin.take().unwrap(), text.as_bytes()).unwrap();
        let out = python.wait_with_output().unwrap();
        assert!(out.status.success(), "{text}");
        let read: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        let expected = serde_json::json!({
            "Label": "dev.nightkeep-x-1a2b3c",
            "ProgramArguments": ["/opt/my \"tools\"/night%keep$x", "daemon", "--file", file.to_str().unwrap()],
            "WorkingDirectory": "/home/a b/%h/<x>&",
            "EnvironmentVariables": { "PATH": "/usr/bin:/home/a & b/bin:/p%h" },
            "RunAtLoad": true,
            "KeepAlive": { "SuccessfulExit": false },
            "ThrottleInterval": 10,
            "AbandonProcessGroup": true,
            "StandardOutPath": "/x/logs/daemon.log",
            "StandardErrorPath": "/x/logs/daemon.log",
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn names_tell_the_instance_and_hold_nothing_odd() {
        assert_eq!(name(Path::new("/home/anna/Glacier Backend"), "1a2b3c4d5e6f"), "nightkeep-glacierbackend-1a2b3c");
        assert_eq!(name(Path::new("/"), "1a2b3c4d5e6f"), "nightkeep-home-1a2b3c");
        assert_eq!(name(Path::new("/x/日本"), "1a"), "nightkeep-home-1a");
    }
}
