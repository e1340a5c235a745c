//! Full and read-only disks. They need a small file system of their own, so they run as root only.

use super::{all, event, open};
use nightkeep::store::{Journal, JournalError};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A small tmpfs, gone with the value.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// `None`, with a word, where it cannot be made.
    fn new(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let disk = Self { folder };
        let mounted = disk.mount(&["-t", "tmpfs", "-o", options, "tmpfs"]);
        if !mounted {
            eprintln_skip("cannot mount a small disk here");
            // Nothing to unmount.
            std::mem::forget(disk);
            return None;
        }
        Some(disk)
    }
    fn mount(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new("mount");
        command.args(arguments).arg(self.path());
        command.output().is_ok_and(|output| output.status.success())
    }
    fn path(&self) -> &Path {
        self.folder.path()
    }
    fn journal(&self) -> PathBuf {
        self.path().join("nightkeep.db")
    }
    /// Fills the disk to the last block.
    fn fill(&self) {
        use std::io::Write;
        let mut file = fs::File::create(self.path().join("ballast")).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
        while file.write_all(&[1; 1]).is_ok() {}
    }
    fn free(&self) {
        fs::remove_file(self.path().join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[expect(clippy::print_stderr, reason = "tells a person why a test did nothing")]
fn eprintln_skip(why: &str) {
    eprintln!("skipped: {why}");
}

#[tokio::test]
async fn a_full_disk_is_told_and_survived() {
    let Some(disk) = SmallDisk::new("size=4m") else {
        return;
    };
    let journal = open(&disk.journal()).await;
    let mut kept = 0;
    for _ in 0..3 {
        assert!(journal.append(vec![event(&"a".repeat(20_000)); 3], vec![]).await.is_ok());
        kept += 3;
        disk.fill();
        let mut full = 0;
        // There may be room left inside the log file.
        while full < 5 {
            match journal.append(vec![event(&"b".repeat(50_000)); 2], vec![]).await {
                Ok(_) => kept += 2,
                Err(error) => {
                    assert_eq!(error, JournalError::Full);
                    full += 1;
                }
            }
        }
        assert_eq!(journal.reader().last_seq().await, Ok(kept), "reading goes on");
        disk.free();
        assert_eq!(journal.append(vec![event("after")], vec![]).await, Ok(kept + 1));
        kept += 1;
    }
    assert_eq!(journal.reader().verify().await, Ok(None));
    journal.close().await;
    let journal = open(&disk.journal()).await;
    assert_eq!(i64::try_from(all(journal.reader()).await.len()).unwrap(), kept);
}

#[tokio::test]
async fn a_disk_without_inodes_or_space_cannot_take_a_new_journal() {
    let Some(disk) = SmallDisk::new("size=4m,nr_inodes=3") else {
        return;
    };
    fs::write(disk.path().join("one"), "").unwrap();
    fs::write(disk.path().join("two"), "").unwrap();
    let error = Journal::open(&disk.journal()).await.unwrap_err();
    assert_eq!(error, JournalError::Full);
    let Some(disk) = SmallDisk::new("size=4m") else {
        return;
    };
    disk.fill();
    assert_eq!(Journal::open(&disk.journal()).await.unwrap_err(), JournalError::Full);
    disk.free();
    assert_eq!(open(&disk.journal()).await.append(vec![event("1")], vec![]).await, Ok(1));
}

#[tokio::test]
async fn a_read_only_disk_can_be_read_and_nothing_is_made_on_it() {
    let Some(disk) = SmallDisk::new("size=4m") else {
        return;
    };
    let journal = open(&disk.journal()).await;
    journal.append(vec![event("1")], vec![]).await.unwrap();
    journal.close().await;
    assert!(disk.mount(&["-o", "remount,ro"]));
    let reader = Journal::open_read_only(&disk.journal()).await.unwrap();
    assert_eq!(all(&reader).await.len(), 1);
    assert_eq!(reader.verify().await, Ok(None));
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 1);
    let error = Journal::open(&disk.journal()).await.unwrap_err();
    assert!(matches!(error, JournalError::ReadOnly { .. } | JournalError::CannotOpen { .. }), "{error:?}");
}
