//! libprocess: actors that send one another messages as HTTP requests, on the same port as plain
//! HTTP. Message bodies are protobuf; a reply is a message to the sender's pid, never the answer to
//! the request. (libprocess.md)

pub mod frame;
mod peers;
mod server;
mod socket;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use protobuf::{MessageDyn, MessageFull};
use tokio::net::TcpListener;

use crate::http::{Request, Response};
use crate::pid::Upid;
use peers::Peers;
pub(crate) use socket::Traffic;

/// The package of every message that is sent, but for a driver's call.
const PACKAGE: &str = "mesos.internal";
const DRIVER_CALL: &str = "mesos.scheduler.Call";

/// A message that can be sent.
pub trait Outgoing: MessageDyn {
    /// Its full name, without a look into its descriptor: those of all messages together take more memory than
    /// an agent at rest, and longer to build than an executor to start.
    fn wire_name(&self) -> String;
}

impl<M: MessageFull> Outgoing for M {
    fn wire_name(&self) -> String {
        let name = match M::NAME {
            "Call" => DRIVER_CALL.to_string(),
            name => format!("{PACKAGE}.{name}"),
        };
        debug_assert_eq!(name, M::descriptor().full_name());
        name
    }
}

/// A message as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who sent it, and where answers go.
    pub from: Upid,
    /// The id of the process that it is for.
    pub to: String,
    /// The protobuf type, such as `mesos.internal.PingSlaveMessage`.
    pub name: String,
    /// The type's binary encoding.
    pub body: Bytes,
}

/// A future that can be named.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a program does with what reaches its port.
pub trait Handler: Send + Sync + 'static {
    /// The process that gets requests whose first segment names none: `master`, `slave(1)`.
    fn delegate(&self) -> &str;

    /// Whether a process of this id exists.
    fn has(&self, id: &str) -> bool;

    /// Takes a message; must not block. Messages of one connection come in order.
    fn message(&self, message: Message);

    /// A linked process is gone: the connection to it failed or was closed.
    fn exited(&self, pid: Upid);

    /// Answers a request that is not a message.
    fn http(self: Arc<Self>, request: Request) -> BoxFuture<Response>;
}

/// The one libprocess instance of a program: its address, and its connections to others.
#[derive(Clone)]
pub struct Process {
    address: SocketAddrV4,
    peers: Arc<Peers>,
}

/// The listening side of a [`Process`].
pub struct Listener {
    listener: TcpListener,
    process: Process,
}

impl Process {
    /// Listens on `listen` (port 0 takes a free one). Pids carry `advertise`, whose port 0 stands for
    /// the port that is listened on; without it they carry the address that is listened on, or, where
    /// that is 0.0.0.0, the one that this host's name resolves to.
    pub async fn bind(
        listen: SocketAddrV4,
        advertise: Option<SocketAddrV4>,
    ) -> io::Result<(Self, Listener)> {
        let listener = TcpListener::bind(listen).await?;
        let SocketAddr::V4(bound) = listener.local_addr()? else {
            return Err(io::Error::other("libprocess knows IPv4 addresses alone"));
        };
        let address = match advertise {
            Some(given) if given.port() == 0 => SocketAddrV4::new(*given.ip(), bound.port()),
            Some(given) => given,
            None if bound.ip().is_unspecified() => {
                SocketAddrV4::new(own_address().await, bound.port())
            }
            None => bound,
        };
        let process = Self {
            address,
            peers: Arc::new(Peers::default()),
        };
        Ok((process.clone(), Listener { listener, process }))
    }

    /// The address that others reach this program at.
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// The pid of a process of this program.
    pub fn pid(&self, id: &str) -> Upid {
        Upid::new(id, self.address)
    }

    /// Sends a message, in order with others to the same address. Loss is silent. A message that lacks
    /// a required field is not sent, and logged.
    pub fn send(&self, from: &Upid, to: &Upid, message: &dyn Outgoing) {
        let name = message.wire_name();
        let message: &dyn MessageDyn = message;
        match message.write_to_bytes_dyn() {
            Ok(body) => self.post(from, to, &name, &body),
            Err(error) => tracing::error!("{name} to {to} is not sent: {error}"),
        }
    }

    /// Sends the encoded message `name`, as [`Process::send`] does.
    pub fn post(&self, from: &Upid, to: &Upid, name: &str, body: &[u8]) {
        if to.is_empty() {
            tracing::debug!(name, "a message for nobody is dropped");
            return;
        }
        self.peers
            .send(to.address, frame::encode(from, to, name, body));
    }

    /// Watches another process: [`Handler::exited`] is called once when the connection to it breaks.
    pub fn link(&self, to: &Upid) {
        self.peers.link(to.clone());
    }

    /// Stops watching a process.
    pub fn unlink(&self, to: &Upid) {
        self.peers.unlink(to);
    }
}

impl Listener {
    /// Serves until `stop` is done.
    pub async fn serve(self, handler: Arc<dyn Handler>, stop: impl Future<Output = ()>) {
        self.process.peers.set_handler(handler.clone());
        server::serve(self.listener, handler, stop).await;
    }
}

/// The address of this host's name, or the loopback one where it has none.
async fn own_address() -> Ipv4Addr {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let found = tokio::net::lookup_host((name.trim(), 0)).await;
    found
        .ok()
        .and_then(|mut addresses| {
            addresses.find_map(|address| match address {
                SocketAddr::V4(v4) => Some(*v4.ip()),
                SocketAddr::V6(_) => None,
            })
        })
        .unwrap_or(Ipv4Addr::LOCALHOST)
}

#[cfg(test)]
mod tests {
    use mesos_proto::messages::PingSlaveMessage;
    use mesos_proto::scheduler;

    use super::*;

    #[test]
    fn messages_have_their_full_names() {
        for (message, want) in [
            (
                &PingSlaveMessage::new() as &dyn Outgoing,
                "mesos.internal.PingSlaveMessage",
            ),
            (&scheduler::Call::new(), "mesos.scheduler.Call"),
        ] {
            assert_eq!(message.wire_name(), want);
        }
    }
}
