//! Pseudo terminals: what a process that leads a session needs of one, and its size.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

use nix::libc;
use nix::pty::{Winsize, openpty};

/// A terminal that nobody has yet: the side that is attached to, and the side that a process gets.
pub(super) fn open(size: Option<(u16, u16)>) -> io::Result<(OwnedFd, OwnedFd)> {
    let size = size.map(|(rows, columns)| winsize(rows, columns));
    let pair = openpty(size.as_ref(), None)?;
    for fd in [&pair.master, &pair.slave] {
        // What is inherited by accident would keep the terminal open behind its last user.
        nix::fcntl::fcntl(
            fd,
            nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC),
        )?;
    }
    Ok((pair.master, pair.slave))
}

/// Tells a terminal its size in characters; its foreground processes get SIGWINCH.
#[expect(unsafe_code, reason = "this ioctl has no safe form")]
pub(super) fn resize(terminal: impl AsFd, rows: u16, columns: u16) -> io::Result<()> {
    let size = winsize(rows, columns);
    // SAFETY: the descriptor is open for the length of the call, and the request reads one `winsize`.
    let result = unsafe {
        libc::ioctl(
            terminal.as_fd().as_raw_fd(),
            libc::TIOCSWINSZ,
            &raw const size,
        )
    };
    nix::errno::Errno::result(result)?;
    Ok(())
}

/// Makes the terminal at standard input the one that controls this process's session. Only system
/// calls are made, so that it may run between fork and exec.
#[expect(unsafe_code, reason = "this ioctl has no safe form")]
pub(crate) fn take_control() -> io::Result<()> {
    // SAFETY: the request takes a plain number.
    let result = unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) };
    nix::errno::Errno::result(result)?;
    Ok(())
}

fn winsize(rows: u16, columns: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}
