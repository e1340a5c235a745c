//! Looks at what every start needs: free disk where the state is kept, and memory. Every 30 seconds, off the loop; what
//! follows from a reading the core decides.

use super::perform::Rim;
use crate::core::event::{Event, Seen};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How often is looked.
const EVERY: Duration = Duration::from_secs(30);
/// A disk that does not answer for this long says nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks again and again.
pub async fn watch(rim: Arc<Rim>) {
    loop {
        tokio::time::sleep(EVERY).await;
        look(&rim).await;
    }
}

/// One look at everything. That it gets through the loop says that the journal can be written.
pub async fn look(rim: &Arc<Rim>) {
    let state = rim.instance().state().to_path_buf();
    let reading = tokio::task::spawn_blocking(move || (disk(&state), memory()));
    let Ok(Ok((disk, memory))) = tokio::time::timeout(PATIENCE, reading).await else {
        tracing::warn!("disk and memory cannot be looked at: no answer within {} s", PATIENCE.as_secs());
        return;
    };
    let readings = [("disk", disk), ("memory", memory), ("journal", Some(Seen::Worked))];
    for (key, seen) in readings {
        if let Some(seen) = seen {
            let _ = rim.inbox().tell(Event::Sensed { key: key.to_owned(), seen }).await;
        }
    }
}

/// The free bytes of the file system that a folder is on, as far as we may use them. No free inodes is no space either.
fn disk(folder: &Path) -> Option<Seen> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    let full_of_files = stat.f_files > 0 && stat.f_favail == 0;
    let free = if full_of_files { 0 } else { stat.f_bavail.saturating_mul(stat.f_frsize) };
    Some(Seen::Level { free, total: stat.f_blocks.saturating_mul(stat.f_frsize) })
}

/// Memory that programs can still get, where the kernel tells.
fn memory() -> Option<Seen> {
    meminfo(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn meminfo(text: &str) -> Option<Seen> {
    let of = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    };
    Some(Seen::Level { free: of("MemAvailable")?, total: of("MemTotal")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_the_kernel_writes_it() {
        let text = "MemTotal:       24660080 kB\nMemFree:         112 kB\nMemAvailable:   23330000 kB\n";
        assert_eq!(meminfo(text), Some(Seen::Level { free: 23_330_000 << 10, total: 24_660_080 << 10 }));
        assert_eq!(meminfo("MemTotal: 5 kB\n"), None, "an old kernel does not tell");
        assert_eq!(meminfo("MemTotal: x kB\nMemAvailable: 5 kB\n"), None);
    }

    #[test]
    fn a_disk_is_never_freer_than_large() {
        let Some(Seen::Level { free, total }) = disk(Path::new("/")) else { panic!("the root has no size") };
        assert!(free <= total && total > 0);
        assert_eq!(disk(Path::new("/no/such/folder")), None);
    }
}
