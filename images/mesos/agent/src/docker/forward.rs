//! Ports of an agent in a container that lead to a task's container, as the engine's own ports do on a host.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

/// How long an answer to a datagram is waited for.
const UDP_PATIENCE: Duration = Duration::from_secs(30);
/// How many senders of datagrams have their answers waited for at once.
const MOST_SENDERS: usize = 256;

/// One port mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forward {
    /// The agent's port.
    pub from: u16,
    /// The container's.
    pub to: u16,
    /// Whether it is UDP; else TCP.
    pub is_udp: bool,
}

impl std::fmt::Display for Forward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let protocol = if self.is_udp { "udp" } else { "tcp" };
        write!(f, "{}:{}/{protocol}", self.from, self.to)
    }
}

impl FromStr for Forward {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (ports, protocol) = text.split_once('/')?;
            let (from, to) = ports.split_once(':')?;
            Some(Self {
                from: from.parse().ok()?,
                to: to.parse().ok()?,
                is_udp: match protocol {
                    "tcp" => false,
                    "udp" => true,
                    _ => return None,
                },
            })
        };
        read().ok_or_else(|| format!("`{text}` is no port mapping such as `31000:80/tcp`"))
    }
}

/// A port that is open and leads nowhere yet.
pub enum Open {
    /// TCP.
    Tcp(TcpListener, u16),
    /// UDP.
    Udp(UdpSocket, u16),
}

impl Open {
    /// Takes the port; fails if another has it.
    pub async fn new(forward: Forward) -> Result<Self, String> {
        let at = SocketAddr::from((Ipv4Addr::UNSPECIFIED, forward.from));
        let opened = if forward.is_udp {
            UdpSocket::bind(at)
                .await
                .map(|socket| Self::Udp(socket, forward.to))
        } else {
            TcpListener::bind(at)
                .await
                .map(|listener| Self::Tcp(listener, forward.to))
        };
        opened
            .map_err(|error| format!("port {} of the agent cannot be used: {error}", forward.from))
    }

    /// Leads to a container, for as long as this program runs.
    pub fn lead(self, container: std::net::IpAddr) {
        match self {
            Self::Tcp(listener, port) => {
                tokio::spawn(carry_tcp(listener, (container, port).into()));
            }
            Self::Udp(socket, port) => {
                tokio::spawn(carry_udp(socket, (container, port).into()));
            }
        }
    }
}

async fn carry_tcp(listener: TcpListener, target: SocketAddr) {
    loop {
        let Ok((mut client, _)) = listener.accept().await else {
            // Out of file descriptors, say: the next one may find some.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        tokio::spawn(async move {
            // A connection that breaks is told to both ends by its being closed.
            if let Ok(mut server) = TcpStream::connect(target).await {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

async fn carry_udp(socket: UdpSocket, target: SocketAddr) {
    let socket = Arc::new(socket);
    let senders = Arc::new(tokio::sync::Semaphore::new(MOST_SENDERS));
    let mut flows: std::collections::HashMap<SocketAddr, Arc<UdpSocket>> = Default::default();
    let mut buffer = vec![0; 65_536];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        // The task of a flow that has ended holds its socket no longer.
        flows.retain(|_, flow| Arc::strong_count(flow) > 1);
        let flow = match flows.get(&from) {
            Some(flow) => flow.clone(),
            None => {
                let Ok(permit) = senders.clone().try_acquire_owned() else {
                    continue;
                };
                let Ok(flow) = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await else {
                    continue;
                };
                if flow.connect(target).await.is_err() {
                    continue;
                }
                let flow = Arc::new(flow);
                flows.insert(from, flow.clone());
                let (back, answers) = (socket.clone(), flow.clone());
                tokio::spawn(async move {
                    let mut buffer = vec![0; 65_536];
                    while let Ok(Ok(length)) =
                        timeout(UDP_PATIENCE, answers.recv(&mut buffer)).await
                    {
                        let Some(answer) = buffer.get(..length) else {
                            break;
                        };
                        if back.send_to(answer, from).await.is_err() {
                            break;
                        }
                    }
                    drop(permit);
                });
                flow
            }
        };
        if let Some(datagram) = buffer.get(..length) {
            // Datagrams may be lost, by their nature.
            let _ = flow.send(datagram).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[test]
    fn a_mapping_reads_as_it_is_written() {
        let forward = Forward {
            from: 31000,
            to: 80,
            is_udp: false,
        };
        assert_eq!(forward.to_string().parse(), Ok(forward));
        assert!("31000:80".parse::<Forward>().is_err());
        assert!("31000:99999/tcp".parse::<Forward>().is_err());
    }

    #[tokio::test]
    async fn bytes_and_datagrams_reach_the_container_and_come_back() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = server.local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        Open::Tcp(listener, to.port()).lead(to.ip());
        tokio::spawn(async move {
            let (mut peer, _) = server.accept().await.unwrap();
            let mut got = [0; 4];
            peer.read_exact(&mut got).await.unwrap();
            peer.write_all(&got).await.unwrap();
        });
        let mut client = TcpStream::connect(at).await.unwrap();
        client.write_all(b"ping").await.unwrap();
        let mut got = Vec::new();
        client.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"ping");

        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = server.local_addr().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        Open::Udp(socket, to.port()).lead(to.ip());
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.send_to(b"ping", at).await.unwrap();
        let mut got = [0; 16];
        let (length, from) = server.recv_from(&mut got).await.unwrap();
        server.send_to(&got[..length], from).await.unwrap();
        assert_eq!(client.recv(&mut got).await.unwrap(), 4);
    }
}
