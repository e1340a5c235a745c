//! Logs of past nights: compressed whole (one zstd frame with its length and a checksum), read as if they were plain.
//!
//! `2026-11-21-1.2.log` becomes `2026-11-21-1.2.log.zst`. The plain log goes only after the compressed one was read back
//! and stands under its name on the disk; a packing that was cut short leaves the plain log, and at most a leftover whose
//! name begins with [`LEFTOVER`].

use super::open_regular;
use std::fs::{File, FileTimes, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// How the names of files begin that a packing that was cut short leaves.
pub const LEFTOVER: &str = ".nk-pack-";
/// How hard zstd tries: its default, some 300 MB/s.
const LEVEL: i32 = 3;
/// Bytes at once.
const CHUNK: usize = 1 << 20;
/// Enough of a frame's beginning to hold its length.
const HEADER: usize = 18;

/// The compressed form of a log.
pub fn packed_path(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".zst");
    PathBuf::from(name)
}

/// Bytes of a log, compressed or not, as the program wrote them; holes of dropped output count. Fails with `NotFound`
/// when there is none.
pub fn log_bytes(log: &Path) -> io::Result<u64> {
    match std::fs::metadata(log) {
        Ok(meta) => Ok(meta.len()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => packed_bytes(&packed_path(log)),
        Err(e) => Err(e),
    }
}

/// The length that a compressed log says it has.
fn packed_bytes(path: &Path) -> io::Result<u64> {
    let mut header = Vec::with_capacity(HEADER);
    open_regular(path)?.take(HEADER as u64).read_to_end(&mut header)?;
    zstd::zstd_safe::get_frame_content_size(&header).ok().flatten().ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{} is not a compressed log", path.display()))
    })
}

/// A log, open for reading from its beginning.
pub enum LogReader {
    /// As it was written. Reading goes on when more is written.
    Plain(File),
    /// Compressed.
    Packed(Box<zstd::Decoder<'static, io::BufReader<File>>>),
}

impl LogReader {
    /// Opens a log in whatever form it is there.
    pub fn open(log: &Path) -> io::Result<Self> {
        match open_regular(log) {
            Ok(file) => Ok(Self::Plain(file)),
            Err(plain) if plain.kind() == io::ErrorKind::NotFound => match open_regular(&packed_path(log)) {
                Ok(file) => Ok(Self::Packed(Box::new(zstd::Decoder::new(file)?))),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Err(plain),
                Err(e) => Err(e),
            },
            Err(e) => Err(e),
        }
    }
    /// Passes over this many bytes from the beginning. To be called before the first read.
    pub fn skip(&mut self, bytes: u64) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.seek(SeekFrom::Start(bytes)).map(drop),
            Self::Packed(decoder) => io::copy(&mut decoder.by_ref().take(bytes), &mut io::sink()).map(drop),
        }
    }
}

impl Read for LogReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Packed(decoder) => decoder.read(buffer),
        }
    }
}

/// Why a log was not compressed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The caller wanted it to end.
    #[error("it was told to end")]
    Ended,
    /// The compressed form did not read back as the plain one.
    #[error("what was compressed does not read back as it was")]
    Differs,
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Compresses a log that nobody writes any more. `go_on` is asked between pieces. Gives the compressed bytes.
///
/// Doing it again after it was cut short anywhere finishes it.
pub fn pack(log: &Path, mut go_on: impl FnMut() -> bool) -> Result<u64, PackError> {
    let folder = log.parent().unwrap_or(Path::new("/"));
    let packed = packed_path(log);
    let mut source = open_regular(log)?;
    let meta = source.metadata()?;
    if packed.exists() && same(&mut source, &packed, &mut go_on)? {
        // An earlier packing came as far as this.
        std::fs::remove_file(log)?;
        sync_folder(folder)?;
        return Ok(std::fs::metadata(&packed)?.len());
    }
    source.seek(SeekFrom::Start(0))?;
    let mut name = std::ffi::OsString::from(LEFTOVER);
    name.push(log.file_name().unwrap_or_default());
    let leftover = folder.join(name);
    let result = write_packed(&mut source, meta.len(), &leftover, &mut go_on).and_then(|()| {
        let file = File::open(&leftover)?;
        // The age of an output is that of its last byte, also compressed.
        file.set_times(FileTimes::new().set_modified(meta.modified()?))?;
        file.sync_all()?;
        source.seek(SeekFrom::Start(0))?;
        if !same(&mut source, &leftover, &mut go_on)? {
            return Err(PackError::Differs);
        }
        std::fs::rename(&leftover, &packed)?;
        sync_folder(folder)?;
        std::fs::remove_file(log)?;
        sync_folder(folder)?;
        Ok(())
    });
    if let Err(error) = result {
        // What stays is found by its name and removed by the next clean-up.
        let _ = std::fs::remove_file(&leftover);
        return Err(error);
    }
    Ok(std::fs::metadata(&packed)?.len())
}

fn write_packed(source: &mut File, length: u64, to: &Path, go_on: &mut impl FnMut() -> bool) -> Result<(), PackError> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to)?;
    let mut encoder = zstd::Encoder::new(file, LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.include_contentsize(true)?;
    encoder.set_pledged_src_size(Some(length))?;
    let mut chunk = vec![0; CHUNK];
    loop {
        if !go_on() {
            return Err(PackError::Ended);
        }
        match source.read(&mut chunk)? {
            0 => break,
            n => encoder.write_all(&chunk[..n])?,
        }
    }
    encoder.finish()?.sync_all()?;
    Ok(())
}

/// Whether a compressed file holds the very bytes of a plain one.
fn same(plain: &mut File, packed: &Path, go_on: &mut impl FnMut() -> bool) -> Result<bool, PackError> {
    let mut decoder = zstd::Decoder::new(open_regular(packed)?)?;
    let (mut left, mut right) = (vec![0; CHUNK], vec![0; CHUNK]);
    loop {
        if !go_on() {
            return Err(PackError::Ended);
        }
        let n = fill(plain, &mut left)?;
        // A frame that does not decode is one that differs.
        let Ok(m) = fill(&mut decoder, &mut right) else { return Ok(false) };
        if left[..n] != right[..m] {
            return Ok(false);
        }
        if n == 0 {
            return Ok(true);
        }
    }
}

fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("2026-11-21-1.2.log");
        let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i / 97 % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        (dir, path, bytes)
    }

    fn read(log: &Path, from: u64) -> Vec<u8> {
        let mut reader = LogReader::open(log).unwrap();
        reader.skip(from).unwrap();
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_packed_log_reads_like_the_plain_one() {
        let (_dir, path, bytes) = log();
        assert_eq!(read(&path, 7), bytes[7..]);
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        let size = pack(&path, || true).unwrap();
        assert!(size < bytes.len() as u64 / 10, "{size}");
        assert!(!path.exists());
        assert_eq!(std::fs::metadata(packed_path(&path)).unwrap().modified().unwrap(), modified);
        assert_eq!(log_bytes(&path).unwrap(), bytes.len() as u64);
        assert_eq!(read(&path, 0), bytes);
        assert_eq!(read(&path, 2_000_001), bytes[2_000_001..]);
        assert_eq!(read(&path, 1 << 40), b"");
    }

    #[test]
    fn an_empty_log_and_none_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("2026-11-21-1.1.log");
        assert_eq!(log_bytes(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(LogReader::open(&path).err().unwrap().kind(), io::ErrorKind::NotFound);
        std::fs::write(&path, b"").unwrap();
        pack(&path, || true).unwrap();
        assert_eq!((log_bytes(&path).unwrap(), read(&path, 0)), (0, Vec::new()));
    }

    #[test]
    fn cut_short_at_any_piece_it_leaves_the_log_and_is_finished_by_the_next() {
        let (dir, path, bytes) = log();
        for pieces in 0.. {
            let mut left = pieces;
            let result = pack(&path, || {
                left -= 1;
                left >= 0
            });
            match result {
                Err(PackError::Ended) => {
                    assert_eq!(std::fs::read(&path).unwrap(), bytes);
                    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
                }
                Ok(_) => break,
                Err(e) => panic!("{e}"),
            }
            assert!(pieces < 100);
        }
        assert_eq!(read(&path, 0), bytes);
    }

    #[test]
    fn a_kill_between_the_rename_and_the_removal_loses_nothing_whatever_the_packed_one_holds() {
        let (_dir, path, bytes) = log();
        pack(&path, || true).unwrap();
        for packed in [std::fs::read(packed_path(&path)).unwrap(), b"torn".to_vec(), Vec::new()] {
            std::fs::write(packed_path(&path), packed).unwrap();
            std::fs::write(&path, &bytes).unwrap();
            pack(&path, || true).unwrap();
            assert!(!path.exists());
            assert_eq!(read(&path, 0), bytes);
        }
    }
}
