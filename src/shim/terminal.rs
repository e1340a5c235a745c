//! The two terminals of the shim: the outer one, in which tmux shows it, and the inner one, on which the program runs.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::OpenptFlags;
use rustix::termios::{InputModes, OptionalActions, Termios, Winsize};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What a look at a descriptor gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Got {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// Nothing any more.
    End,
}

/// Reads once.
pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Got {
    loop {
        match rustix::io::read(fd, &mut *buffer) {
            Ok(0) => return Got::End,
            Ok(n) => return Got::Bytes(n),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Got::Nothing,
            Err(_) => return Got::End,
        }
    }
}

/// Writes once.
pub fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> Got {
    loop {
        match rustix::io::write(fd, bytes) {
            Ok(n) => return Got::Bytes(n),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Got::Nothing,
            Err(_) => return Got::End,
        }
    }
}

/// The terminal that shows the program. Everything about it may fail or vanish: the recording does not depend on it.
#[derive(Debug)]
pub struct Outer {
    input: Option<OwnedFd>,
    output: Option<OwnedFd>,
    /// Its settings before, when it is a terminal.
    before: Option<Termios>,
}

impl Outer {
    /// Takes over standard input and output. A terminal is opened once more, so that reads and writes do not wait and
    /// nobody who shares the old descriptors notices.
    pub fn take() -> Self {
        let again = || rustix::fs::open("/dev/tty", OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty());
        let open = |fd: BorrowedFd<'_>| {
            let own = if rustix::termios::isatty(fd) { again().ok() } else { None };
            own.or_else(|| {
                let copy = rustix::io::fcntl_dupfd_cloexec(fd, 3).ok()?;
                let flags = rustix::fs::fcntl_getfl(&copy).ok()?;
                rustix::fs::fcntl_setfl(&copy, flags | OFlags::NONBLOCK).ok()?;
                Some(copy)
            })
        };
        let input = open(rustix::stdio::stdin());
        let before = input.as_ref().and_then(|fd| rustix::termios::tcgetattr(fd).ok());
        Self { input, output: open(rustix::stdio::stdout()), before }
    }
    /// Makes it pass every key on. Undone by [`Outer::restore`].
    pub fn make_raw(&self) {
        if let (Some(fd), Some(before)) = (&self.input, &self.before) {
            let mut raw = before.clone();
            raw.make_raw();
            let _ = rustix::termios::tcsetattr(fd, OptionalActions::Now, &raw);
        }
    }
    /// Puts its settings back.
    pub fn restore(&self) {
        if let (Some(fd), Some(before)) = (&self.input, &self.before) {
            let _ = rustix::termios::tcsetattr(fd, OptionalActions::Now, before);
        }
    }
    /// Its settings before, when it is a terminal.
    pub fn settings(&self) -> Option<&Termios> {
        self.before.as_ref()
    }
    /// Columns and rows; `None` when it has no size.
    pub fn size(&self) -> Option<(u16, u16)> {
        let size = rustix::termios::tcgetwinsize(self.input.as_ref()?).ok()?;
        (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
    }
    /// Where keys come from, while they do.
    pub fn input(&self) -> Option<BorrowedFd<'_>> {
        self.input.as_ref().map(AsFd::as_fd)
    }
    /// Where output is shown, while it is.
    pub fn output(&self) -> Option<BorrowedFd<'_>> {
        self.output.as_ref().map(AsFd::as_fd)
    }
    /// No more keys will come. Tells whether that means the terminal is gone.
    pub fn input_ended(&mut self) -> bool {
        self.input = None;
        self.before.take().is_some()
    }
    /// Output cannot be shown any more.
    pub fn output_ended(&mut self) {
        self.output = None;
    }
}

/// Opens the inner terminal with a size (columns, rows) and gives its master side, which never waits. The settings are
/// those of the outer terminal, or the system's with UTF-8.
pub fn open_inner(size: (u16, u16), like: Option<&Termios>) -> io::Result<OwnedFd> {
    let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    rustix::io::ioctl_fionbio(&master, true)?;
    let mut settings = match like {
        Some(settings) => settings.clone(),
        None => rustix::termios::tcgetattr(&master)?,
    };
    settings.input_modes |= InputModes::IUTF8;
    rustix::termios::tcsetattr(&master, OptionalActions::Now, &settings)?;
    resize(master.as_fd(), size)?;
    Ok(master)
}

/// Sets a terminal's size: columns, rows.
pub fn resize(fd: BorrowedFd<'_>, (cols, rows): (u16, u16)) -> io::Result<()> {
    let size = Winsize { ws_col: cols.max(1), ws_row: rows.max(1), ws_xpixel: 0, ws_ypixel: 0 };
    Ok(rustix::termios::tcsetwinsize(fd, size)?)
}
