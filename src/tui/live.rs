//! The screen of a session as it is now: fed by what the daemon tells of its output.

use super::pane::{Emulator, Trust};
use crate::client::output::Followed;
use crate::protocol::output::{OutputAbout, OutputNews};

/// Bytes before the end from which a screen is put together. A session that wrote less is shown from its first byte.
pub const TAIL: u64 = 512 << 10;

/// A session's screen.
#[derive(Debug, Default)]
pub struct Live {
    about: Option<OutputAbout>,
    emulator: Option<Emulator>,
    ended: Option<Option<String>>,
    problem: Option<String>,
}

impl Live {
    /// Takes what came of following.
    pub fn take(&mut self, news: Result<Followed, String>) {
        match news {
            Ok(Followed::Other(OutputNews::About { about })) => {
                if about.bytes == 0 {
                    let (cols, rows) = about.sizes.last().map_or((80, 24), |size| (size.cols, size.rows));
                    self.emulator = Some(Emulator::new(cols, rows, 0, true));
                } else {
                    self.emulator = None;
                }
                (self.about, self.ended, self.problem) = (Some(*about), None, None);
            }
            Ok(Followed::Bytes { at, bytes }) => self.feed(at, &bytes),
            Ok(Followed::Other(OutputNews::Size { size })) => {
                if let Some(about) = &mut self.about {
                    about.sizes.push(size);
                }
                if let Some(emulator) = &mut self.emulator {
                    emulator.resize(size.cols, size.rows);
                }
            }
            // What comes next stands elsewhere in the log; that is seen when it comes.
            Ok(Followed::Other(OutputNews::Skipped { .. } | OutputNews::Bytes { .. })) => {}
            Ok(Followed::Other(OutputNews::Ended { exit })) => self.ended = Some(exit),
            Err(problem) => self.problem = Some(problem),
        }
    }
    fn feed(&mut self, at: u64, bytes: &[u8]) {
        let Some(about) = &self.about else { return };
        let size_at = |offset: u64| {
            let number = about.sizes.partition_point(|size| size.at <= offset).saturating_sub(1);
            about.sizes.get(number).map_or((80, 24), |size| (size.cols, size.rows))
        };
        let fits = self.emulator.take().filter(|emulator| emulator.offset() == at);
        let mut emulator = fits.unwrap_or_else(|| {
            let (cols, rows) = size_at(at);
            Emulator::new(cols, rows, at, at == 0)
        });
        let end = at + bytes.len() as u64;
        let mut from = at;
        let changes = about.sizes.iter().map(|size| size.at).filter(|change| (at + 1..end).contains(change));
        for until in changes.chain([end]) {
            let (cols, rows) = size_at(from);
            if emulator.size() != (cols, rows) {
                emulator.resize(cols, rows);
            }
            let span = usize::try_from(from - at).ok().zip(usize::try_from(until - at).ok());
            emulator.feed(span.and_then(|(from, until)| bytes.get(from..until)).unwrap_or_default());
            from = until;
        }
        self.emulator = Some(emulator);
    }
    /// What is recorded, as of when following began.
    pub fn about(&self) -> Option<&OutputAbout> {
        self.about.as_ref()
    }
    /// The screen, once something of it is known.
    pub fn emulator(&self) -> Option<&Emulator> {
        self.emulator.as_ref()
    }
    /// Why there is nothing to see, or nothing new.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
    /// How the attempt ended, when it has: an exit, or nothing when nobody knows.
    pub fn ended(&self) -> Option<Option<&str>> {
        self.ended.as_ref().map(Option::as_deref)
    }
    /// What is to be said of the screen, in short.
    pub fn remark(&self) -> Option<&'static str> {
        let emulator = self.emulator.as_ref()?;
        if emulator.faults() > 0 {
            return Some("begun anew: the output held what no screen can show");
        }
        (emulator.trust() == Trust::Partial)
            .then_some("from the last 512 KiB: older parts of the screen can be missing")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::output::OutputSize;

    fn about(bytes: u64, sizes: &[(u64, u16, u16)]) -> Result<Followed, String> {
        let sizes = sizes.iter().map(|(at, cols, rows)| OutputSize { at: *at, cols: *cols, rows: *rows }).collect();
        let about = Box::new(OutputAbout { bytes, sizes, lives: true, ..OutputAbout::default() });
        Ok(Followed::Other(OutputNews::About { about }))
    }
    fn bytes(at: u64, text: &str) -> Result<Followed, String> {
        Ok(Followed::Bytes { at, bytes: text.as_bytes().to_vec() })
    }
    fn text(live: &Live) -> String {
        live.emulator().map(Emulator::text).unwrap_or_default()
    }

    #[test]
    fn output_becomes_the_screen_at_the_size_it_was_written_for() {
        let mut live = Live::default();
        live.take(about(15, &[(0, 5, 4), (10, 10, 4)]));
        live.take(bytes(0, "aaaaabbbbbccccc"));
        assert_eq!(live.emulator().unwrap().size(), (10, 4));
        assert_eq!(text(&live), "aaaaa\nbbbbbccccc\n");
        live.take(Ok(Followed::Other(OutputNews::Size { size: OutputSize { at: 15, cols: 20, rows: 5 } })));
        live.take(bytes(15, "\x1b[2J\x1b[Hall new"));
        assert_eq!((live.emulator().unwrap().size(), text(&live)), ((20, 5), "all new\n".to_owned()));
        assert_eq!(live.remark(), None);
        live.take(Ok(Followed::Other(OutputNews::Ended { exit: Some("1".into()) })));
        assert_eq!(live.ended(), Some(Some("1")));
    }

    #[test]
    fn what_was_skipped_is_not_passed_over_in_silence() {
        let mut live = Live::default();
        live.take(about(0, &[(0, 20, 4)]));
        assert_eq!(text(&live), "");
        live.take(bytes(0, "one"));
        live.take(Ok(Followed::Other(OutputNews::Skipped { to: 1000 })));
        live.take(bytes(1000, "two"));
        assert_eq!(text(&live), "two\n");
        assert!(live.remark().is_some());
        live.take(about(2000, &[(0, 20, 4)]));
        assert_eq!(text(&live), "", "another attempt begins with nothing");
    }
}
