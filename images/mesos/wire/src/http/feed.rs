//! What an event stream is fed with. A reader that does not keep up is given up, before what waits for it
//! fills the memory.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use hyper::body::Frame;
use thiserror::Error;
use tokio::sync::mpsc;

/// How many bytes may wait for one reader. A single piece may be larger.
const MAX_WAITING: usize = 32 << 20;

/// The reader is gone, or too far behind.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the stream is not read")]
pub struct NotRead;

/// Feeds a stream; it ends when all clones are dropped.
#[derive(Debug, Clone)]
pub struct Feed {
    sender: mpsc::Sender<Bytes>,
    waiting: Arc<AtomicUsize>,
}

/// A [`Feed`] that does not keep its stream open.
#[derive(Debug)]
pub struct WeakFeed {
    sender: mpsc::WeakSender<Bytes>,
    waiting: Arc<AtomicUsize>,
}

/// The reading end.
#[derive(Debug)]
pub(super) struct Pieces {
    receiver: mpsc::Receiver<Bytes>,
    waiting: Arc<AtomicUsize>,
}

/// A stream that so many pieces may wait in.
pub(super) fn channel(capacity: usize) -> (Feed, Pieces) {
    let (sender, receiver) = mpsc::channel(capacity);
    let waiting = Arc::new(AtomicUsize::new(0));
    let pieces = Pieces {
        receiver,
        waiting: waiting.clone(),
    };
    (Feed { sender, waiting }, pieces)
}

impl Feed {
    /// Queues a piece, if there is room for it now.
    pub fn try_send(&self, piece: Bytes) -> Result<(), NotRead> {
        let size = piece.len();
        let before = self.waiting.fetch_add(size, Ordering::Relaxed);
        let is_full = before > 0 && before + size > MAX_WAITING;
        if is_full || self.sender.try_send(piece).is_err() {
            self.waiting.fetch_sub(size, Ordering::Relaxed);
            return Err(NotRead);
        }
        Ok(())
    }

    /// Queues a piece as soon as there are fewer than the stream's capacity.
    pub async fn send(&self, piece: Bytes) -> Result<(), NotRead> {
        let place = self.sender.reserve().await.map_err(|_| NotRead)?;
        self.waiting.fetch_add(piece.len(), Ordering::Relaxed);
        place.send(piece);
        Ok(())
    }

    /// Waits until the reader is gone.
    pub async fn closed(&self) {
        self.sender.closed().await;
    }

    /// The same feed, as long as another keeps the stream open.
    pub fn downgrade(&self) -> WeakFeed {
        WeakFeed {
            sender: self.sender.downgrade(),
            waiting: self.waiting.clone(),
        }
    }
}

impl WeakFeed {
    /// The feed, if the stream is still open.
    pub fn upgrade(&self) -> Option<Feed> {
        Some(Feed {
            sender: self.sender.upgrade()?,
            waiting: self.waiting.clone(),
        })
    }
}

impl Stream for Pieces {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(context).map(|piece| {
            let piece = piece?;
            self.waiting.fetch_sub(piece.len(), Ordering::Relaxed);
            Some(Ok(Frame::data(piece)))
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn a_reader_that_is_too_far_behind_is_given_up() {
        let (feed, mut pieces) = channel(1000);
        let piece = || Bytes::from(vec![0; MAX_WAITING / 4]);
        for _ in 0..4 {
            feed.try_send(piece()).expect("room");
        }
        assert_eq!(feed.try_send(Bytes::from_static(b"x")), Err(NotRead));
        pieces.next().await.expect("open").expect("a piece");
        feed.try_send(piece()).expect("room again");
        assert_eq!(feed.try_send(Bytes::from_static(b"x")), Err(NotRead));
    }

    #[tokio::test]
    async fn one_piece_may_be_large_but_not_many() {
        let (feed, _pieces) = channel(2);
        feed.try_send(Bytes::from(vec![0; MAX_WAITING + 1]))
            .expect("nothing waits");
        assert_eq!(feed.try_send(Bytes::from_static(b"x")), Err(NotRead));
        let (feed, pieces) = channel(2);
        for _ in 0..2 {
            feed.try_send(Bytes::new()).expect("room");
        }
        assert_eq!(feed.try_send(Bytes::new()), Err(NotRead));
        drop(pieces);
        assert_eq!(feed.send(Bytes::new()).await, Err(NotRead));
        feed.closed().await;
    }
}
