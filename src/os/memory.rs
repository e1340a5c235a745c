//! Memory that was needed once: the allocator keeps what it was given back, and the process looks as large as at its
//! largest moment for the rest of the night.
#![expect(unsafe_code, reason = "`malloc_trim` has no safe wrapper")]

/// Gives freed memory back to the system, where the allocator can. Takes some milliseconds for a large heap.
pub fn give_back() {
    // SAFETY: may be called at any time from any thread; it only returns pages that nothing uses.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    fn anonymous_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    #[test]
    fn what_was_freed_is_given_back() {
        // Small pieces: large ones go back by themselves. One that stays at the end keeps the rest from doing so.
        let mut pieces: Vec<Vec<u8>> = (0..40_000).map(|_| vec![1; 1_000]).collect();
        let last = pieces.pop();
        drop(pieces);
        let before = anonymous_kib();
        super::give_back();
        let after = anonymous_kib();
        assert!(after + 20_000 < before, "{before} KiB before, {after} KiB after");
        drop(last);
    }
}
