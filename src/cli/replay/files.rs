//! A recording from its files: what the player needs, read for it.

use crate::cli::failure::{Failure, shown_path};
use crate::core::ids::AttemptId;
use crate::daemon::output_about;
use crate::instance::Instance;
use crate::protocol::output::{OutputAbout, OutputTime, POINTS_MAX};
use crate::recording::attempt::AttemptFiles;
use crate::recording::index::Frame;
use crate::recording::output::{About, OutputReader, times};
use crate::tui::player::{Need, Player};
use std::io;
use std::path::{Path, PathBuf};

/// An attempt's recording, open.
pub struct Files {
    reader: OutputReader,
    attempt: AttemptId,
    all: Vec<AttemptId>,
    known: About,
    log: PathBuf,
}

impl Files {
    /// Opens the recording of an attempt; `all` are those of the session.
    pub fn open(instance: &Instance, attempt: &AttemptId, all: &[AttemptId]) -> Result<Self, Failure> {
        let log = instance.output_log(attempt);
        let files = AttemptFiles::new(instance.run_dir(attempt), &log);
        let known = About::read(&files).map_err(|e| unreadable(&log, &e))?;
        Ok(Self { reader: OutputReader::new(files), attempt: attempt.clone(), all: all.to_vec(), known, log })
    }
    /// Which attempt.
    pub fn attempt(&self) -> &AttemptId {
        &self.attempt
    }
    /// The attempts of the session.
    pub fn all(&self) -> &[AttemptId] {
        &self.all
    }
    /// Its log.
    pub fn log(&self) -> &Path {
        &self.log
    }
    /// What is recorded.
    pub fn known(&self) -> &About {
        &self.known
    }
    /// The same in the words of the API, with points of time.
    pub fn about(&mut self) -> Result<OutputAbout, Failure> {
        let most = usize::try_from(POINTS_MAX).unwrap_or(usize::MAX);
        let times = self.points(self.known.kept.from, self.known.bytes, most)?;
        Ok(OutputAbout { times, ..output_about(&self.known, &self.attempt, &self.all) })
    }
    /// The first and the last moment, in milliseconds.
    pub fn span(&self) -> (i64, i64) {
        let frames = times(&self.log, self.known.kept.from, self.known.bytes, 2).unwrap_or_default();
        let ms = |t: u64| i64::try_from(t / 1_000_000).unwrap_or(i64::MAX);
        let began = frames.first().map(|frame| frame.t).or(self.known.began);
        let ended = self.known.ended.or(frames.last().map(|frame| frame.t));
        (ms(began.unwrap_or(0)), ms(ended.or(began).unwrap_or(0)))
    }
    /// Reads a span of the log.
    pub fn read(&mut self, from: u64, max: usize) -> Result<Vec<u8>, Failure> {
        self.reader.read(from, max).map_err(|e| unreadable(&self.log, &e))
    }
    fn points(&self, from: u64, to: u64, most: usize) -> Result<Vec<OutputTime>, Failure> {
        let frames = times(&self.log, from, to, most).map_err(|e| unreadable(&self.log, &e))?;
        let point =
            |frame: &Frame| OutputTime { ms: i64::try_from(frame.t / 1_000_000).unwrap_or(i64::MAX), at: frame.offset };
        Ok(frames.iter().map(point).collect())
    }
    /// Gives the player what it needs now. Tells whether it needed something.
    pub fn serve(&mut self, player: &mut Player) -> Result<bool, Failure> {
        match player.need() {
            Some(Need::Bytes { from, max }) => {
                let bytes = self.read(from, usize::try_from(max).unwrap_or(usize::MAX))?;
                player.take_bytes(from, bytes);
            }
            Some(Need::Times { from, to }) => {
                let points = self.points(from, to, usize::MAX)?;
                player.take_times(from, to, &points);
            }
            None => return Ok(false),
        }
        Ok(true)
    }
    /// Serves the player until the screen is there.
    pub fn serve_all(&mut self, player: &mut Player) -> Result<(), Failure> {
        while player.step() || self.serve(player)? {}
        Ok(())
    }
    /// Looks at the files again; a recording that lives grows.
    pub fn look(&mut self) -> io::Result<()> {
        self.known = About::read(self.reader.files())?;
        Ok(())
    }
}

fn unreadable(log: &Path, error: &io::Error) -> Failure {
    Failure::io(format!("cannot read the recording {}", shown_path(log)), error)
}
