//! A connection that requests come in on. The original opens one for a message to somebody whom it
//! does not watch, sends, and closes it at once, without a look at the answers; clients of the v1 API
//! close theirs behind their last call. The server would take either for a client that gave up, and
//! drop what it had not handled.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// How long the head of a request may take from its first byte on. A connection without one may be idle as
/// long as it likes.
pub(super) const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// What a connection's socket and the handling of its requests know of one another.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// A request is being handled.
    taking: AtomicBool,
    /// How many requests have come.
    requests: AtomicUsize,
    /// Messages came: nobody reads the answers.
    one_way: AtomicBool,
    taken: AtomicWaker,
}

/// As long as this lives, the connection does not seem to end.
pub(super) struct Taking(Arc<Traffic>);

impl Traffic {
    /// A request begins, which may be a message.
    pub(super) fn take(self: Arc<Self>, is_message: bool) -> Taking {
        self.taking.store(true, Ordering::Release);
        self.requests.fetch_add(1, Ordering::Release);
        self.one_way.fetch_or(is_message, Ordering::Release);
        Taking(self)
    }

    /// The connection's end is to be seen although the request is being handled.
    pub(crate) fn release(&self) {
        self.taking.store(false, Ordering::Release);
        self.taken.wake();
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// The socket: its end is seen only between two requests, answers to messages may be lost, and a request is
/// begun to be finished.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    traffic: Arc<Traffic>,
    /// A head has begun: when it is not waited for any more, and how many requests came before it.
    head: Option<(Pin<Box<Sleep>>, usize)>,
    head_within: Duration,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, traffic: Arc<Traffic>, head_within: Duration) -> Self {
        Self {
            stream,
            traffic,
            head: None,
            head_within,
        }
    }

    /// Notes that bytes came.
    fn note(&mut self) {
        let requests = self.traffic.requests.load(Ordering::Acquire);
        if self
            .head
            .as_ref()
            .is_some_and(|(_, before)| *before != requests)
        {
            self.head = None;
        }
        if self.head.is_none() && !self.traffic.taking.load(Ordering::Acquire) {
            self.head = Some((Box::pin(sleep(self.head_within)), requests));
        }
    }

    /// Whether a head takes too long.
    fn is_overdue(&mut self, context: &mut Context<'_>) -> bool {
        let requests = self.traffic.requests.load(Ordering::Acquire);
        match &mut self.head {
            Some((end, before)) if *before == requests => end.as_mut().poll(context).is_ready(),
            _ => false,
        }
    }

    /// What a write that failed counts as.
    fn forgive<T>(&self, written: io::Result<T>, as_if: T) -> io::Result<T> {
        match written {
            Err(_) if self.traffic.one_way.load(Ordering::Acquire) => Ok(as_if),
            written => written,
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(read) => read,
            Poll::Pending if self.is_overdue(context) => {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Pending => return Poll::Pending,
        };
        if buffer.filled().len() > before {
            self.note();
        }
        let is_over = read.is_err() || (buffer.filled().len() == before && buffer.remaining() > 0);
        if is_over && self.traffic.taking.load(Ordering::Acquire) {
            self.traffic.taken.register(context.waker());
            // It may have been taken in between; a socket at its end is asked again without harm.
            if self.traffic.taking.load(Ordering::Acquire) {
                return Poll::Pending;
            }
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        Poll::Ready(self.forgive(written, bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(context));
        Poll::Ready(self.forgive(flushed, ()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, pieces));
        let all = pieces.iter().map(|piece| piece.len()).sum();
        Poll::Ready(self.forgive(written, all))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    const WITHIN: Duration = Duration::from_millis(50);

    async fn pair() -> (TcpStream, Socket, Arc<Traffic>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let client = TcpStream::connect(address).await.expect("it listens");
        let (stream, _) = listener.accept().await.expect("a connection");
        let traffic = Arc::new(Traffic::default());
        let socket = Socket::new(stream, traffic.clone(), WITHIN);
        (client, socket, traffic)
    }

    #[tokio::test]
    async fn a_head_that_has_begun_is_not_waited_for_without_end() {
        let (mut client, mut socket, _) = pair().await;
        client.write_all(b"GET /").await.expect("sent");
        let mut bytes = [0; 64];
        assert_eq!(socket.read(&mut bytes).await.expect("read"), 5);
        // A byte now and then does not help.
        let slowly = async {
            while client.write_all(b"x").await.is_ok() {
                sleep(WITHIN / 5).await;
            }
        };
        let read = async {
            loop {
                if let Err(error) = socket.read(&mut bytes).await {
                    return error;
                }
            }
        };
        let error = tokio::select! {
            error = read => error,
            () = slowly => panic!("the client was not served"),
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_connection_may_be_idle_before_and_after_a_request() {
        let (mut client, mut socket, traffic) = pair().await;
        let mut bytes = [0; 64];
        let idle = timeout(4 * WITHIN, socket.read(&mut bytes)).await;
        assert!(idle.is_err(), "nothing was sent");
        client.write_all(b"a request").await.expect("sent");
        assert_eq!(socket.read(&mut bytes).await.expect("read"), 9);
        drop(traffic.take(false));
        let idle = timeout(4 * WITHIN, socket.read(&mut bytes)).await;
        assert!(idle.is_err(), "the request is answered");
    }
}
