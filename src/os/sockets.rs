//! Who listens on this machine, as the kernel tells it.

/// The user whose socket listens at a port of 127.0.0.1 (or at all addresses); `None` when none does.
pub fn listener(port: u16) -> Option<u32> {
    listener_in(&std::fs::read_to_string("/proc/net/tcp").ok()?, port)
}

/// The same by the text of `/proc/net/tcp`.
fn listener_in(table: &str, port: u16) -> Option<u32> {
    let row = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let (address, local) = fields.next()?.split_once(':')?;
        let state = fields.nth(1)?;
        let uid: u32 = fields.nth(3)?.parse().ok()?;
        let here = matches!(address, "0100007F" | "00000000");
        (here && state == "0A" && u16::from_str_radix(local, 16).ok() == Some(port)).then_some(uid)
    };
    table.lines().skip(1).find_map(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 123 1 0 100 0 0 10 0
   1: 0100007F:1F91 0100007F:9000 01 00000000:00000000 00:00000000 00000000  1001        0 124 1 0 100 0 0 10 0
   2: 0500A8C0:1F92 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1002        0 125 1 0 100 0 0 10 0
   3: 00000000:1F93 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 126 1 0 100 0 0 10 0
";

    #[test]
    fn whose_a_socket_is_is_told_only_of_one_that_listens_here() {
        let of = |port| listener_in(TABLE, port);
        assert_eq!([of(8080), of(8081), of(8082), of(8083), of(9)], [Some(1000), None, None, Some(0), None]);
        assert_eq!(listener_in("", 1), None);
    }

    #[test]
    fn ones_own_socket_is_found() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        assert_eq!(listener(port), Some(rustix::process::getuid().as_raw()));
    }
}
