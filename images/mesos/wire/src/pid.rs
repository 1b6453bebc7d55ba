//! Process ids of libprocess: `master@10.0.0.1:5050`.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4, ToSocketAddrs};
use std::str::FromStr;

use thiserror::Error;

/// The name and address of an actor. Messages are sent to one and come from one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Upid {
    /// The actor's name, such as `master`, `slave(1)` or `scheduler-<uuid>`; opaque.
    pub id: String,
    /// Where its process listens. libprocess knows IPv4 alone.
    pub address: SocketAddrV4,
}

/// Why a text is not a process id.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("`{0}` is not a process id: `<id>@<ip>:<port>` is expected")]
pub struct PidError(pub String);

impl Upid {
    /// The process `id` at `address`.
    pub fn new(id: impl Into<String>, address: SocketAddrV4) -> Self {
        Self {
            id: id.into(),
            address,
        }
    }

    /// The process id that stands for none: `@0.0.0.0:0`.
    pub fn empty() -> Self {
        Self::new("", SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))
    }

    /// Whether this stands for no process.
    pub fn is_empty(&self) -> bool {
        self.id.is_empty() && self.address.port() == 0
    }

    /// Reads a process id whose host may be a name, which is resolved now.
    pub fn resolve(text: &str) -> Result<Self, PidError> {
        if let Ok(pid) = text.parse() {
            return Ok(pid);
        }
        let error = || PidError(text.to_string());
        let (id, host) = text.split_once('@').ok_or_else(error)?;
        host.to_socket_addrs()
            .map_err(|_| error())?
            .find_map(|address| match address {
                std::net::SocketAddr::V4(v4) => Some(Self::new(id, v4)),
                std::net::SocketAddr::V6(_) => None,
            })
            .ok_or_else(error)
    }
}

impl fmt::Display for Upid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.address)
    }
}

impl FromStr for Upid {
    type Err = PidError;

    fn from_str(text: &str) -> Result<Self, PidError> {
        let error = || PidError(text.to_string());
        let (id, address) = text.split_once('@').ok_or_else(error)?;
        let address = address.parse().map_err(|_| error())?;
        Ok(Self::new(id, address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_is_read_as_it_is_printed() {
        for text in [
            "master@10.0.0.1:5050",
            "slave(1)@127.0.0.1:1",
            "@0.0.0.0:0",
            "scheduler-6ed3.x@10.0.0.3:41234",
        ] {
            let pid: Upid = text.parse().expect(text);
            assert_eq!(pid.to_string(), text);
        }
        assert!(Upid::empty().is_empty());
        for bad in [
            "",
            "master",
            "master@",
            "master@1.2.3.4",
            "a@1.2.3.4:99999",
            "a@::1:5050",
        ] {
            assert!(bad.parse::<Upid>().is_err(), "case `{bad}`");
        }
    }
}
