//! What sessions inherit from whoever started the daemon.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// Variables that belong to the terminal, login or service the daemon was started from, not to the work.
const FOREIGN: &[&str] = &[
    "_",
    "COLORTERM",
    "COLUMNS",
    "DBUS_STARTER_BUS_TYPE",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LINES",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "MANAGERPID",
    "NOTIFY_SOCKET",
    "NO_COLOR",
    "OLDPWD",
    "PWD",
    "SHLVL",
    "SSH_CLIENT",
    "SSH_CONNECTION",
    "SSH_TTY",
    "STY",
    "TERM",
    "TERMCAP",
    "TERM_PROGRAM",
    "TERM_PROGRAM_VERSION",
    "TERM_SESSION_ID",
    "VTE_VERSION",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "WINDOW",
    "WINDOWID",
];

/// The inherited environment: all of ours, less what is [`FOREIGN`], tmux's and nightkeep's own. Values that are not
/// UTF-8 cannot be written to a session's specification; their names are given back, to be told.
pub fn inherited(vars: impl Iterator<Item = (OsString, OsString)>) -> (BTreeMap<String, String>, Vec<String>) {
    let mut env = BTreeMap::new();
    let mut left_out = Vec::new();
    for (name, value) in vars {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => {
                let foreign =
                    FOREIGN.contains(&name.as_str()) || name.starts_with("TMUX") || name.starts_with("NIGHTKEEP_");
                if !foreign {
                    env.insert(name, value);
                }
            }
            (Ok(name), Err(_)) => left_out.push(name),
            (Err(name), _) => left_out.push(name.to_string_lossy().into_owned()),
        }
    }
    (env, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn sessions_inherit_the_path_but_not_the_terminal_nor_an_outer_nightkeep() {
        let vars =
            [("PATH", "/bin"), ("TMUX", "x"), ("TMUX_PANE", "%1"), ("NIGHTKEEP_ATTEMPT", "a"), ("TERM", "xterm")];
        let odd = (OsString::from("ODD"), OsString::from_vec(vec![0xff]));
        let (env, left_out) = inherited(vars.into_iter().map(|(n, v)| (n.into(), v.into())).chain([odd]));
        assert_eq!(env, BTreeMap::from([("PATH".to_owned(), "/bin".to_owned())]));
        assert_eq!(left_out, ["ODD"]);
    }
}
