//! A connection that requests come in on. The original opens one for a message to somebody whom it
//! does not watch, sends, and closes it at once, without a look at the answers; clients of the v1 API
//! close theirs behind their last call. The server would take either for a client that gave up, and
//! drop what it had not handled.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What a connection's socket and the handling of its requests know of one another.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// A request is being handled.
    taking: AtomicBool,
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

/// The socket: its end is seen only between two requests, and answers to messages may be lost.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    traffic: Arc<Traffic>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, traffic: Arc<Traffic>) -> Self {
        Self { stream, traffic }
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
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
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
