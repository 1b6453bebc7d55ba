//! node-listen against real connections.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, setsockopt, socket, sockopt,
};

/// A node-listen that ends with the test.
struct Listening {
    child: Child,
    port: u16,
    _reserved: OwnedFd,
}

/// A port where nobody listens. It is bound for as long as the descriptor is there, so that no other program is given it.
fn reserve() -> (u16, OwnedFd) {
    let kind = (
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
    );
    let fd = socket(kind.0, kind.1, kind.2, None).unwrap();
    setsockopt(&fd, sockopt::ReuseAddr, &true).unwrap();
    bind(fd.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
    let bound: SockaddrIn = getsockname(fd.as_raw_fd()).unwrap();
    (bound.port(), fd)
}

impl Listening {
    fn start(program: &[&str]) -> Self {
        let (port, reserved) = reserve();
        let child = Command::new(env!("CARGO_BIN_EXE_node-listen"))
            .arg(port.to_string())
            .args(program)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            port,
            _reserved: reserved,
        }
    }

    fn connect(&self) -> TcpStream {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) {
                Ok(connection) => return connection,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_all(mut connection: TcpStream) -> String {
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn each_connection_is_a_programs_input_and_output() {
    let listening = Listening::start(&["sh", "-c", "read line; echo \"got $line\""]);
    let (mut first, mut second) = (listening.connect(), listening.connect());
    second.write_all(b"two\n").unwrap();
    assert_eq!(read_all(second), "got two\n");
    first.write_all(b"one\n").unwrap();
    assert_eq!(read_all(first), "got one\n");
}

#[test]
fn a_connection_ends_with_its_program_and_the_program_with_its_connection() {
    let listening = Listening::start(&["cat"]);
    let mut connection = listening.connect();
    connection.write_all(b"x").unwrap();
    connection.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(connection), "x");
    // Nothing is left but the listener: another one is served as the first was.
    let connection = listening.connect();
    connection.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(connection), "");
}

#[test]
fn a_program_that_is_not_there_closes_its_connection_only() {
    let listening = Listening::start(&["/nonexistent/program"]);
    assert_eq!(read_all(listening.connect()), "");
    assert_eq!(read_all(listening.connect()), "");
}

#[test]
fn bad_usage_exits_with_two() {
    for args in [&[][..], &["22"], &["x", "cat"], &["70000", "cat"]] {
        let status = Command::new(env!("CARGO_BIN_EXE_node-listen"))
            .args(args)
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(2), "{args:?}");
    }
}
