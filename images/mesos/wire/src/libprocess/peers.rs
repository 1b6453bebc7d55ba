//! Outgoing connections: one for each address, opened by the first message or link.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddrV4;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::Handler;
use crate::pid::Upid;

/// How long a connection may take to come about.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// How long an unlinked connection is kept for the next message. Closing it at once, with the answers
/// unread, would reset it and could lose what was just sent.
const LINGER: Duration = Duration::from_secs(5);

/// What may wait for one peer, in bytes. Beyond this messages are lost, as they may be.
const MAX_QUEUED: usize = 64 * 1024 * 1024;

/// All outgoing connections of a program.
#[derive(Default)]
pub(super) struct Peers {
    handler: OnceLock<Arc<dyn Handler>>,
    peers: Mutex<HashMap<SocketAddrV4, Peer>>,
}

struct Peer {
    sender: mpsc::UnboundedSender<Bytes>,
    queued: Arc<AtomicUsize>,
    links: HashSet<Upid>,
}

/// The reading end of a [`Peer`]'s queue.
struct Queue {
    receiver: mpsc::UnboundedReceiver<Bytes>,
    queued: Arc<AtomicUsize>,
}

impl Peers {
    /// Who is told of broken links.
    pub(super) fn set_handler(&self, handler: Arc<dyn Handler>) {
        // A second call would be a second server for one program: the first one stays.
        let _ = self.handler.set(handler);
    }

    /// Queues bytes for an address.
    pub(super) fn send(self: &Arc<Self>, address: SocketAddrV4, bytes: Bytes) {
        self.with_peer(address, |peer| {
            let size = bytes.len();
            if peer.queued.fetch_add(size, Ordering::Relaxed) + size > MAX_QUEUED {
                peer.queued.fetch_sub(size, Ordering::Relaxed);
                tracing::warn!(%address, "a message is dropped: the peer does not read");
                return;
            }
            // The receiver lives as long as its entry in the map, whose lock is held here.
            let _ = peer.sender.send(bytes);
        });
    }

    /// Watches `pid`.
    pub(super) fn link(self: &Arc<Self>, pid: Upid) {
        self.with_peer(pid.address, |peer| {
            peer.links.insert(pid.clone());
        });
    }

    /// Stops watching `pid`; its connection is closed when it has been idle.
    pub(super) fn unlink(&self, pid: &Upid) {
        if let Some(peer) = self.lock().get_mut(&pid.address) {
            peer.links.remove(pid);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SocketAddrV4, Peer>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_peer(self: &Arc<Self>, address: SocketAddrV4, act: impl FnOnce(&mut Peer)) {
        let mut peers = self.lock();
        let peer = peers.entry(address).or_insert_with(|| {
            let (sender, receiver) = mpsc::unbounded_channel();
            let queued = Arc::new(AtomicUsize::new(0));
            let queue = Queue {
                receiver,
                queued: queued.clone(),
            };
            tokio::spawn(self.clone().run(address, queue));
            Peer {
                sender,
                queued,
                links: HashSet::new(),
            }
        });
        act(peer);
    }

    /// One connection, from its opening to its end.
    async fn run(self: Arc<Self>, address: SocketAddrV4, mut queue: Queue) {
        let broken = match tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => self.talk(address, stream, &mut queue).await,
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no connection in time".to_string()),
        };
        if let Err(reason) = broken {
            let links = self
                .lock()
                .remove(&address)
                .map(|peer| peer.links)
                .unwrap_or_default();
            tracing::debug!(%address, reason, "a connection broke");
            if let Some(handler) = self.handler.get() {
                for pid in links {
                    handler.exited(pid);
                }
            }
        }
    }

    /// Sends what is queued and throws away what comes back. `Ok` when the connection was let go for
    /// lack of use, and its entry is gone.
    async fn talk(
        &self,
        address: SocketAddrV4,
        stream: TcpStream,
        queue: &mut Queue,
    ) -> Result<(), String> {
        let _ = stream.set_nodelay(true);
        let (mut reader, mut writer) = stream.into_split();
        let mut discard = [0; 4096];
        loop {
            tokio::select! {
                bytes = queue.receiver.recv() => {
                    let Some(bytes) = bytes else { return Ok(()) };
                    queue.queued.fetch_sub(bytes.len(), Ordering::Relaxed);
                    writer.write_all(&bytes).await.map_err(|e| e.to_string())?;
                }
                read = reader.read(&mut discard) => match read {
                    Ok(0) => return Err("closed by the peer".to_string()),
                    Ok(_) => {}
                    Err(error) => return Err(error.to_string()),
                },
                () = tokio::time::sleep(LINGER) => {
                    let mut peers = self.lock();
                    let idle = queue.receiver.is_empty()
                        && peers.get(&address).is_none_or(|peer| peer.links.is_empty());
                    if idle {
                        peers.remove(&address);
                        return Ok(());
                    }
                }
            }
        }
    }
}
