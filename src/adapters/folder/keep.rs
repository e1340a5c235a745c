//! A snapshot as a file: one zstd frame with a checksum, replaced whole. It outlives the daemon that took it.

use super::{Count, Entry, Kind, LeftOut, Snapshot};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The first word of the file, with the version of its form.
const MAGIC: &str = "nightkeep-files-1";
/// Largest file, unpacked.
const UNPACKED_MAX: u64 = 512 << 20;
const LEVEL: i32 = 1;

/// Why a kept snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// It could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not what was written.
    #[error("it does not have the expected form")]
    Malformed,
}

/// Writes a snapshot: whoever reads sees the old one or the new one, also after a power cut.
pub fn write(path: &Path, snapshot: &Snapshot) -> Result<(), KeepError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let file = tempfile::NamedTempFile::new_in(folder)?;
    let mut encoder = zstd::Encoder::new(BufWriter::new(file), LEVEL)?;
    encoder.include_checksum(true)?;
    let took = u64::try_from(snapshot.took.as_millis()).unwrap_or(u64::MAX);
    writeln!(encoder, "{MAGIC} {} {took} {} {}", snapshot.taken, u8::from(snapshot.listed), snapshot.entries.len())?;
    encoder.write_all(snapshot.root.as_os_str().as_bytes())?;
    encoder.write_all(b"\0")?;
    let LeftOut { too_many, too_deep, too_slow, unreadable, rules } = &snapshot.left_out;
    for Count { number, first } in [too_many, too_deep, too_slow, unreadable, rules] {
        write!(encoder, "{number} ")?;
        encoder.write_all(first)?;
        encoder.write_all(b"\0")?;
    }
    for entry in &snapshot.entries {
        let kind = match entry.kind {
            Kind::File => 'f',
            Kind::Folder { listed: true } => 'd',
            Kind::Folder { listed: false } => 'u',
            Kind::Link => 'l',
            Kind::Special => 's',
        };
        let ignored = if entry.ignored { 'i' } else { '-' };
        let Entry { size, modified, changed, inode, .. } = entry;
        write!(encoder, "{kind}{ignored} {size} {modified} {changed} {inode} ")?;
        for byte in entry.hash.iter().flatten() {
            write!(encoder, "{byte:02x}")?;
        }
        encoder.write_all(b" ")?;
        encoder.write_all(&entry.path)?;
        encoder.write_all(b"\0")?;
    }
    let file = encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

/// Reads a snapshot; `None` when there is none.
pub fn read(path: &Path) -> Result<Option<Snapshot>, KeepError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    let mut reader = BufReader::new(zstd::Decoder::new(file)?.take(UNPACKED_MAX));
    let mut first = String::new();
    (&mut reader).take(200).read_line(&mut first)?;
    let words: Vec<&str> = first.split_whitespace().collect();
    let [MAGIC, taken, took, listed, count] = words.as_slice() else { return Err(KeepError::Malformed) };
    let mut snapshot = Snapshot {
        taken: number(taken)?,
        took: Duration::from_millis(number(took)?),
        listed: *listed == "1",
        ..Snapshot::default()
    };
    let mut record = Vec::new();
    next(&mut reader, &mut record)?;
    snapshot.root = PathBuf::from(OsStr::from_bytes(&record));
    let left_out = &mut snapshot.left_out;
    for kept in [
        &mut left_out.too_many,
        &mut left_out.too_deep,
        &mut left_out.too_slow,
        &mut left_out.unreadable,
        &mut left_out.rules,
    ] {
        next(&mut reader, &mut record)?;
        let mut parts = record.splitn(2, |&b| b == b' ');
        let (how_many, first) = (parts.next().unwrap_or_default(), parts.next().ok_or(KeepError::Malformed)?);
        *kept = Count { number: number(text(how_many)?)?, first: first.to_vec() };
    }
    let count: usize = number(count)?;
    for _ in 0..count {
        next(&mut reader, &mut record)?;
        snapshot.entries.push(entry(&record)?);
    }
    // The checksum stands at the end.
    if reader.read(&mut [0; 1])? != 0 || !snapshot.entries.is_sorted_by(|a, b| a.path < b.path) {
        return Err(KeepError::Malformed);
    }
    Ok(Some(snapshot))
}

fn next(reader: &mut impl BufRead, record: &mut Vec<u8>) -> Result<(), KeepError> {
    record.clear();
    reader.read_until(0, record)?;
    if record.pop() == Some(0) { Ok(()) } else { Err(KeepError::Malformed) }
}

fn entry(record: &[u8]) -> Result<Entry, KeepError> {
    let mut parts = record.splitn(7, |&b| b == b' ');
    let mut part = || parts.next().ok_or(KeepError::Malformed);
    let (kind, size, modified, changed, inode, hash, path) =
        (part()?, part()?, part()?, part()?, part()?, part()?, part()?);
    let (kind, ignored) = match kind {
        [b'f', ignored] => (Kind::File, ignored),
        [b'd', ignored] => (Kind::Folder { listed: true }, ignored),
        [b'u', ignored] => (Kind::Folder { listed: false }, ignored),
        [b'l', ignored] => (Kind::Link, ignored),
        [b's', ignored] => (Kind::Special, ignored),
        _ => return Err(KeepError::Malformed),
    };
    Ok(Entry {
        path: path.into(),
        kind,
        ignored: *ignored == b'i',
        size: number(text(size)?)?,
        modified: number(text(modified)?)?,
        changed: number(text(changed)?)?,
        inode: number(text(inode)?)?,
        hash: if hash.is_empty() { None } else { Some(unhex(hash)?) },
    })
}

fn text(bytes: &[u8]) -> Result<&str, KeepError> {
    std::str::from_utf8(bytes).map_err(|_| KeepError::Malformed)
}
fn number<T: std::str::FromStr>(text: &str) -> Result<T, KeepError> {
    text.parse().map_err(|_| KeepError::Malformed)
}
fn unhex(hex: &[u8]) -> Result<[u8; 32], KeepError> {
    let mut hash = [0; 32];
    if hex.len() != 64 {
        return Err(KeepError::Malformed);
    }
    for (byte, pair) in hash.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = u8::from_str_radix(text(pair)?, 16).map_err(|_| KeepError::Malformed)?;
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let entry = |path: &[u8], kind, hash| Entry {
            path: path.into(),
            kind,
            ignored: path.len() == 1,
            size: 7,
            modified: -5,
            changed: 1_700_000_000_000_000_001,
            inode: u64::MAX,
            hash,
        };
        vec![
            entry(b"a", Kind::Folder { listed: true }, None),
            entry(b"a/ b\n\xff", Kind::File, Some([0xab; 32])),
            entry(b"l", Kind::Link, None),
            entry(b"s", Kind::Special, None),
            entry(b"u", Kind::Folder { listed: false }, None),
        ]
    }

    #[test]
    fn a_snapshot_comes_back_as_it_was_whatever_the_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("2026-11-21/farm");
        assert!(read(&path).unwrap().is_none());
        let left_out = LeftOut { too_many: Count { number: 3, first: b"x y\xfe".to_vec() }, ..LeftOut::default() };
        let snapshot = Snapshot {
            taken: 42,
            root: PathBuf::from(OsStr::from_bytes(b"/home/\xff\n/farm")),
            took: Duration::from_millis(7),
            listed: true,
            entries: entries(),
            left_out,
        };
        write(&path, &snapshot).unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), snapshot);
        write(&path, &Snapshot::default()).unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), Snapshot::default());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_damaged_file_is_an_error_and_no_empty_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("farm");
        write(&path, &Snapshot { entries: entries(), ..Snapshot::default() }).unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert!(read(&path).is_err(), "cut at {cut} of {}", whole.len());
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            fs::write(&path, &damaged).unwrap();
            // Bits that mean nothing may differ; what is read must be what was written.
            if let Ok(Some(snapshot)) = read(&path) {
                assert_eq!(snapshot.entries, entries(), "damaged at {at}");
            }
        }
    }
}
