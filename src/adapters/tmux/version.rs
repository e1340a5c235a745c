//! Which tmux this is, and whether it is new enough.

use std::fmt;

/// The oldest release that can be used: since 3.3 a pane tells the signal that ended it.
pub const MINIMUM: (u32, u32) = (3, 3);
/// The first OpenBSD release that ships at least [`MINIMUM`].
const OPENBSD_MINIMUM: (u32, u32) = (7, 2);

/// What `tmux -V` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    text: String,
    usable: bool,
}

impl Version {
    /// Reads the output of `tmux -V`: `tmux 3.3a`, `tmux next-3.8`, `tmux openbsd-7.4`, `tmux master`. A version that
    /// cannot be read is not usable.
    pub fn parse(output: &str) -> Self {
        let line = output.lines().next().unwrap_or_default();
        let text: String = line.trim().chars().filter(|c| !c.is_control()).take(60).collect();
        let version = text.strip_prefix("tmux ").unwrap_or(&text).trim();
        let usable = match version.strip_prefix("openbsd-") {
            Some(openbsd) => numbers(openbsd).is_some_and(|v| v >= OPENBSD_MINIMUM),
            None if version == "master" => true,
            None => numbers(version.strip_prefix("next-").unwrap_or(version)).is_some_and(|v| v >= MINIMUM),
        };
        Self { text: version.to_owned(), usable }
    }
    /// Whether nightkeep can work with it.
    pub fn is_usable(&self) -> bool {
        self.usable
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// `3.3a` as (3, 3).
fn numbers(text: &str) -> Option<(u32, u32)> {
    let (major, rest) = text.split_once('.')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((major.parse().ok()?, rest[..digits].parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        for good in
            ["tmux 3.3", "tmux 3.3a\n", "tmux 3.10", "tmux 4.0-rc", "tmux next-3.8", "tmux openbsd-7.4", "tmux master"]
        {
            assert!(Version::parse(good).is_usable(), "{good}");
        }
        for bad in
            ["tmux 3.2a", "tmux 2.9", "tmux 1.8", "tmux next-3.2", "tmux openbsd-6.9", "", "tmux", "tmux 3", "tmux x.y"]
        {
            assert!(!Version::parse(bad).is_usable(), "{bad}");
        }
        assert_eq!(Version::parse("tmux 3.3a\n").to_string(), "3.3a");
    }
}
