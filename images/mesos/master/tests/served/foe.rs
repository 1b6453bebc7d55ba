//! Clients that mean harm, or are broken: what every program with a libprocess port has to bear. Memory is
//! the served program's own, so that has to be a process.

use std::net::SocketAddrV4;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long others may have to wait behind a foe on a machine that is busy as well: less than any limit that ends a foe.
const SERVED_WITHIN: Duration = Duration::from_secs(20);
/// In bytes.
pub(crate) const MB: usize = 1 << 20;
/// The largest body that is taken.
const MAX_BODY: usize = 64 * MB;

/// A program under attack.
pub(crate) struct Target {
    pub(crate) address: SocketAddrV4,
    pub(crate) process: u32,
    /// The id of its actor.
    pub(crate) actor: &'static str,
    /// A call of its v1 API in JSON that changes nothing.
    pub(crate) path: &'static str,
}

impl Target {
    /// The most memory that it has had so far, in bytes.
    pub(crate) fn peak(&self) -> usize {
        self.status("VmHWM")
    }

    /// The memory that it has, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.status("VmRSS")
    }

    fn status(&self, name: &str) -> usize {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.process));
        let text = text.expect("it runs");
        let line = text.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<usize>().ok());
        number.expect("a size") * 1024
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("it listens")
    }

    /// A connection on which this was sent.
    pub(crate) async fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.expect("it reads");
        stream
    }

    /// The status that these bytes are answered with; `None` if the connection is closed instead.
    pub(crate) async fn status_of(&self, bytes: &[u8]) -> Option<u16> {
        status(&mut self.send(bytes).await).await
    }

    /// The status of a call in JSON.
    pub(crate) async fn call(&self, body: &[u8]) -> Option<u16> {
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: {}\r\n\r\n",
            self.path,
            body.len()
        );
        self.status_of(&[head.as_bytes(), body].concat()).await
    }

    /// Others are served as ever.
    pub(crate) async fn serves(&self) {
        for path in ["health", "state"] {
            let request = format!("GET /{}/{path} HTTP/1.1\r\nHost: a\r\n\r\n", self.actor);
            let begin = std::time::Instant::now();
            assert_eq!(
                self.status_of(request.as_bytes()).await,
                Some(200),
                "`{path}`"
            );
            let took = begin.elapsed();
            assert!(took < SERVED_WITHIN, "`{path}` took {took:?}");
        }
    }

    fn chunked(&self) -> String {
        let path = self.path;
        format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
    }

    /// Bodies that are too large, said beforehand or not.
    pub(crate) async fn bears_large_bodies(&self) {
        let before = self.peak();
        let path = self.path;
        for kind in [
            "Content-Type: application/json\r\n",
            "Libprocess-From: a@127.0.0.1:1\r\n",
        ] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\n{kind}Content-Length: {}\r\n\r\n",
                1 << 30
            );
            assert_eq!(
                self.status_of(head.as_bytes()).await,
                Some(413),
                "before any of it is sent"
            );
        }
        let piece = vec![b' '; MB];
        let mut stream = self.send(self.chunked().as_bytes()).await;
        for _ in 0..2 * MAX_BODY / MB {
            let sent = [format!("{MB:x}\r\n").as_bytes(), &piece, b"\r\n"].concat();
            stream
                .write_all(&sent)
                .await
                .expect("it is taken, and thrown away");
        }
        stream.write_all(b"0\r\n\r\n").await.expect("taken");
        assert_eq!(status(&mut stream).await, Some(413));
        let grown = self.peak().saturating_sub(before);
        assert!(grown < 3 * MAX_BODY, "{} MB for one body", grown / MB);
        self.serves().await;
    }

    /// Bodies that are large, and never whole.
    pub(crate) async fn bears_unfinished_bodies(&self) {
        let before = self.peak();
        let (size, mut open, mut refused) = (60 * MB, Vec::new(), 0);
        let piece = vec![b' '; size];
        for _ in 0..6 {
            let mut stream = self.send(self.chunked().as_bytes()).await;
            stream
                .write_all(format!("{size:x}\r\n").as_bytes())
                .await
                .expect("taken");
            stream.write_all(&piece).await.expect("taken");
            open.push(stream);
        }
        for stream in &mut open {
            let answer = timeout(Duration::from_millis(200), status(stream)).await;
            refused += usize::from(answer == Ok(Some(503)));
        }
        assert!(refused >= 1, "all together are bounded");
        let grown = self.peak().saturating_sub(before);
        assert!(grown < 8 * MAX_BODY, "{} MB for them all", grown / MB);
        self.serves().await;
        assert_ne!(
            self.call(b"{}").await,
            Some(503),
            "calls of others are taken"
        );
    }

    /// Connections that say nothing, or not enough.
    pub(crate) async fn bears_idle_connections(&self) {
        let before = self.memory();
        let mut open = Vec::new();
        for number in 0..1000 {
            let said: &[u8] = if number % 2 == 0 {
                b""
            } else {
                b"GET /state HTTP/1.1\r\nHos"
            };
            open.push(self.send(said).await);
        }
        self.serves().await;
        let grown = self.memory().saturating_sub(before);
        assert!(grown < 64 * MB, "{} MB for idle connections", grown / MB);
        drop(open);
        self.serves().await;
    }

    /// Bytes that are no text, and text that is too deep or too long.
    pub(crate) async fn bears_nonsense(&self) {
        assert_eq!(self.call(b"{\"type\":\"\xff\xfe\"}").await, Some(400));
        let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        assert_eq!(self.call(&deep).await, Some(400));
        let deep = [b"{\"a\":".repeat(50_000), b"1".to_vec(), vec![b'}'; 50_000]].concat();
        assert_eq!(self.call(&deep).await, Some(400));
        let actor = self.actor;
        let long = "n".repeat(40_000);
        for (request, wants) in [
            (
                "GET /%ff%fe HTTP/1.1\r\nHost: a\r\n\r\n"
                    .to_string()
                    .into_bytes(),
                [400, 404],
            ),
            (
                "GET /state?jsonp=%ff HTTP/1.1\r\nHost: a\r\n\r\n"
                    .to_string()
                    .into_bytes(),
                [400, 400],
            ),
            (
                b"GET /health HTTP/1.1\r\nHost: a\r\nX: \xff\xfe\r\n\r\n".to_vec(),
                [200, 200],
            ),
            (
                b"GET /health HTTP/1.1\r\nHost: a\r\nAuthorization: \xff\r\nAccept: \xff\r\n\r\n"
                    .to_vec(),
                [200, 200],
            ),
            (
                format!("POST /{actor}/%ff HTTP/1.1\r\nLibprocess-From: a@127.0.0.1:1\r\n\r\n")
                    .into_bytes(),
                [202, 500],
            ),
            (
                "POST /%ff/x HTTP/1.1\r\nLibprocess-From: a@127.0.0.1:1\r\n\r\n"
                    .to_string()
                    .into_bytes(),
                [404, 500],
            ),
            (
                format!("POST /{actor}/x HTTP/1.1\r\nLibprocess-From: \u{fffd}\r\n\r\n")
                    .into_bytes(),
                [400, 500],
            ),
            (
                format!("POST /{actor}/{long} HTTP/1.1\r\nLibprocess-From: a@127.0.0.1:1\r\n\r\n")
                    .into_bytes(),
                [202, 414],
            ),
            (
                format!("POST /{actor}/x HTTP/1.1\r\nLibprocess-From: {long}@127.0.0.1:1\r\n\r\n")
                    .into_bytes(),
                [202, 202],
            ),
        ] {
            let got = self.status_of(&request).await;
            let shown = String::from_utf8_lossy(&request);
            let shown: String = shown.chars().take(60).collect();
            assert!(
                got.is_some_and(|got| wants.contains(&got)),
                "{got:?} for `{shown}`"
            );
        }
        for request in [
            &b"GET /\xff\xfe HTTP/1.1\r\n\r\n"[..],
            b"G\xff /health HTTP/1.1\r\n\r\n",
            b"\0\r\n\r\n",
        ] {
            let got = self.status_of(request).await;
            assert_eq!(got, Some(400), "for what is no request");
        }
        let endless = [b"GET /health HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; 2 * MB]].concat();
        let mut stream = self.connect().await;
        // It may be closed before all is sent.
        let _ = stream.write_all(&endless).await;
        let got = status(&mut stream).await;
        assert!(
            matches!(got, None | Some(431)),
            "{got:?} for an endless header"
        );
        self.serves().await;
    }

    /// Paths out of what `/files` shows.
    pub(crate) async fn shows_no_file(&self, paths: &[String]) {
        for path in paths {
            for kind in ["read", "browse", "download"] {
                let request =
                    format!("GET /files/{kind}?path={path}&offset=0 HTTP/1.1\r\nHost: a\r\n\r\n");
                let got = self.status_of(request.as_bytes()).await;
                assert!(
                    matches!(got, Some(400 | 404)),
                    "{got:?} for {kind} of `{path}`"
                );
            }
        }
    }
}

/// The status of the next answer; `None` if there is none.
async fn status(stream: &mut TcpStream) -> Option<u16> {
    let read = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).ok()?;
        head.split(' ').nth(1)?.parse().ok()
    };
    timeout(PATIENCE, read).await.expect("an answer, or an end")
}
