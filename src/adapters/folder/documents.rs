//! Reads documents of a foreign folder: regular files only, a bounded number of bytes, as text without secrets.

use super::open::{self, nanos};
use crate::core::evidence::DOCUMENT_MAX;
use crate::core::secret::Redactor;
use crate::terminal::redact;
use crate::terminal::redact::REDACTED;
use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Largest file whose bytes are hashed though its text is not kept.
const HASHED_MAX: u64 = 64 << 20;

/// A document as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentFile {
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was last written, in nanoseconds since the Unix epoch.
    pub modified: i64,
    /// SHA-256 of its bytes; `None` where they were not read.
    pub hash: Option<[u8; 32]>,
    /// Its text, secrets made unreadable.
    pub text: String,
    /// Why there is no text.
    pub problem: Option<String>,
}

/// Reads documents below one folder.
#[derive(Debug)]
pub struct Reader {
    root: OwnedFd,
}

impl Reader {
    /// Opens the folder.
    pub fn open(root: &Path) -> io::Result<Self> {
        Ok(Self { root: open::root(root)? })
    }

    /// Reads one. What it holds that `secrets` knows, or that looks like a secret, is made unreadable.
    pub fn read(&self, path: &Path, secrets: &Redactor) -> io::Result<DocumentFile> {
        let (file, stat) = open::regular(&self.root, path)?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let modified = nanos(stat.st_mtime, stat.st_mtime_nsec);
        if size > DOCUMENT_MAX {
            let problem = Some(format!("it is larger than {} KiB: {size} bytes", DOCUMENT_MAX >> 10));
            let hash = if size <= HASHED_MAX { Some(hash(file.take(HASHED_MAX))?) } else { None };
            return Ok(DocumentFile { bytes: size, modified, hash, text: String::new(), problem });
        }
        let mut bytes = Vec::new();
        // One more than may be: a file that grows meanwhile is found out.
        file.take(DOCUMENT_MAX + 1).read_to_end(&mut bytes)?;
        let read = bytes.len() as u64;
        let hash = Some(Sha256::digest(&bytes).into());
        let (text, problem) = if read > DOCUMENT_MAX {
            (String::new(), Some(format!("it grows while it is read, and is larger than {} KiB", DOCUMENT_MAX >> 10)))
        } else {
            match decoded(&bytes) {
                Some(text) => (without_secrets(&text, secrets), None),
                None => (String::new(), Some("it is no text".to_owned())),
            }
        };
        Ok(DocumentFile { bytes: read, modified, hash, text, problem })
    }

    /// The hash of a document as it stands; `None` when it is not one that would be read.
    pub fn hash(&self, path: &Path) -> Option<[u8; 32]> {
        let (file, stat) = open::regular(&self.root, path).ok()?;
        u64::try_from(stat.st_size)
            .is_ok_and(|size| size <= DOCUMENT_MAX)
            .then(|| hash(file.take(DOCUMENT_MAX)).ok())?
    }
}

/// SHA-256 of what a reader gives.
pub(super) fn hash(mut from: impl Read) -> io::Result<[u8; 32]> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(digest.finalize().into()),
            n => digest.update(buffer.get(..n).unwrap_or_default()),
        }
    }
}

/// The text of a file; `None` of one that holds something else. What was once decoded wrongly stays so.
fn decoded(bytes: &[u8]) -> Option<String> {
    if let Some((encoding, length)) = encoding_rs::Encoding::for_bom(bytes) {
        let text = encoding.decode_without_bom_handling(bytes.get(length..)?).0;
        return (!text.contains('\0')).then(|| text.into_owned());
    }
    (!bytes.contains(&0)).then(|| String::from_utf8_lossy(bytes).into_owned())
}

fn without_secrets(text: &str, secrets: &Redactor) -> String {
    redact(&without_keys(&secrets.clean(text))).into_owned()
}

/// The text without the lines of private keys, whether they end or not.
fn without_keys(text: &str) -> String {
    const BEGIN: &str = "-----BEGIN ";
    if !text.contains(BEGIN) {
        return text.to_owned();
    }
    let is_key = |line: &str| line.contains("PRIVATE KEY") || line.contains("PRIVATE-KEY");
    let (mut shown, mut inside) = (String::with_capacity(text.len()), false);
    for line in text.split_inclusive('\n') {
        if inside {
            // A key is made of nothing else than these; after a line of another kind the text goes on.
            let ends = line.contains("-----END ");
            let of_key = line.trim().bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=:,-._ ".contains(&b));
            inside = !ends && of_key;
            if ends || of_key {
                continue;
            }
        }
        match line.find(BEGIN).filter(|_| is_key(line)) {
            Some(at) => {
                shown.push_str(line.get(..at).unwrap_or_default());
                shown.push_str(REDACTED);
                shown.push('\n');
                inside = !line.contains("-----END ");
            }
            None => shown.push_str(line),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::secret::Secret;
    use std::fs;

    fn reader() -> (tempfile::TempDir, Reader) {
        let folder = tempfile::tempdir().unwrap();
        let reader = Reader::open(folder.path()).unwrap();
        (folder, reader)
    }

    #[test]
    fn only_regular_files_are_read_and_no_link_is_followed() {
        let (folder, reader) = reader();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("real")).unwrap();
        fs::write(at("real/STATUS.md"), "inside").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", at("SUMMARY.md")).unwrap();
        std::os::unix::fs::symlink("real", at("way")).unwrap();
        std::os::unix::fs::symlink("/etc", at("out")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("PIPE.md"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let read = |path: &str| reader.read(Path::new(path), &Redactor::new());
        assert_eq!(read("real/STATUS.md").unwrap().text, "inside");
        for path in ["SUMMARY.md", "way/STATUS.md", "out/passwd", "PIPE.md", "real", "gone.md", "../x", "/etc/passwd"] {
            assert!(read(path).is_err(), "{path}");
        }
    }

    #[test]
    fn what_is_too_large_or_no_text_is_told_and_not_kept() {
        let (folder, reader) = reader();
        let read = |bytes: &[u8]| {
            fs::write(folder.path().join("X.md"), bytes).unwrap();
            reader.read(Path::new("X.md"), &Redactor::new()).unwrap()
        };
        let large = read(&vec![b'x'; 10 << 20]);
        assert_eq!((large.bytes, large.text.as_str()), (10 << 20, ""));
        assert_eq!(large.problem.as_deref(), Some("it is larger than 256 KiB: 10485760 bytes"));
        assert_eq!(large.hash, Some(Sha256::digest(vec![b'x'; 10 << 20]).into()));
        assert_eq!(read(b"a\0b").problem.as_deref(), Some("it is no text"));
        assert_eq!(read(b"gr\xfc\xdfe").text, "gr\u{fffd}\u{fffd}e");
        assert_eq!(read("\u{feff}done".as_bytes()).text, "done");
        assert_eq!(read(b"\xff\xfed\0o\0").text, "do");
        assert_eq!(read("âœ… done".as_bytes()).text, "âœ… done");
        assert_eq!(read(b"").text, "");
        let exact = read(&vec![b'y'; DOCUMENT_MAX as usize]);
        assert_eq!((exact.text.len() as u64, exact.problem), (DOCUMENT_MAX, None));
    }

    #[test]
    fn secrets_do_not_leave_the_file() {
        let mut known = Redactor::new();
        known.add(&Secret::new("correct-horse-battery"));
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nQyNTUxOQAAACA=\n-----END OPENSSH PRIVATE KEY-----\n";
        let text = format!("# Done\npassword is correct-horse-battery\n{key}export API_KEY=Zx9Zx9Zx9Zx9\n- [x] all\n");
        assert_eq!(
            without_secrets(&text, &known),
            "# Done\npassword is [secret]\n[redacted]\nexport API_KEY=[redacted]\n- [x] all\n"
        );
        let cut = "x -----BEGIN RSA PRIVATE KEY-----\nMIIEow\n## Next steps\n";
        assert_eq!(without_keys(cut), "x [redacted]\n## Next steps\n");
        let one_line = "key: -----BEGIN PRIVATE KEY-----MIIEow-----END PRIVATE KEY-----\nafter\n";
        assert_eq!(without_keys(one_line), "key: [redacted]\nafter\n");
        let certificate = "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n";
        assert_eq!(without_keys(certificate), certificate);
    }
}
