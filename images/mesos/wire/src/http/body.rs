//! Bodies of requests: how much of them is read, and what becomes of the rest.

use std::io::Read as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::{Body as _, Incoming};

use super::Response;

/// The largest request body that is read, in bytes: protobuf's own limit.
pub const MAX_BODY: usize = 64 * 1024 * 1024;

/// How many bytes of bodies that are not whole yet are kept, of all connections together. What is not
/// [`LARGE`] counts nothing: those who send much at a time do not keep others from their calls.
const MAX_UNFINISHED: usize = 4 * MAX_BODY;
const LARGE: usize = 1 << 20;

/// How long the next piece of a body may take.
const PIECE_WITHIN: Duration = Duration::from_secs(60);

/// How much of a refused body is still taken, and for how long. Many a client reads no answer before it has
/// sent everything, and would see no more than a broken connection.
const MAX_DISCARDED: u64 = 4 << 30;
const DISCARD_WITHIN: Duration = Duration::from_secs(30);

/// What [`MAX_UNFINISHED`] counts.
static UNFINISHED: AtomicUsize = AtomicUsize::new(0);

/// A body, unread.
#[derive(Debug)]
pub struct RequestBody(Option<Incoming>);

impl RequestBody {
    pub(crate) fn new(body: Incoming) -> Self {
        Self(Some(body))
    }

    /// The whole body, of at most [`MAX_BODY`] bytes; the error is the answer to give.
    pub(crate) async fn whole(&mut self) -> Result<Bytes, Response> {
        let read = match self.0.as_mut() {
            Some(body) => read(body).await,
            None => Ok(Bytes::new()),
        };
        if read.is_err()
            && let Some(body) = self.0.take()
        {
            tokio::spawn(tokio::time::timeout(DISCARD_WITHIN, discard(body)));
        }
        read
    }

    /// The next piece as it was sent; `None` at the end. The error is the answer to give.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, Response> {
        match self.0.as_mut() {
            Some(body) => piece(body).await,
            None => Ok(None),
        }
    }
}

async fn piece(body: &mut Incoming) -> Result<Option<Bytes>, Response> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Response::status(StatusCode::BAD_REQUEST))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

async fn read(body: &mut Incoming) -> Result<Bytes, Response> {
    let too_large = || Response::status(StatusCode::PAYLOAD_TOO_LARGE);
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(too_large());
    }
    let mut all = Vec::new();
    let mut kept = Kept(0);
    loop {
        let late = |_| Response::status(StatusCode::REQUEST_TIMEOUT);
        let next = tokio::time::timeout(PIECE_WITHIN, piece(body)).await;
        let Some(data) = next.map_err(late)?? else {
            return Ok(all.into());
        };
        if all.len() + data.len() > MAX_BODY {
            return Err(too_large());
        }
        all.extend_from_slice(&data);
        if !kept.grow_to(all.len().saturating_sub(LARGE)) {
            return Err(Response::status(StatusCode::SERVICE_UNAVAILABLE));
        }
    }
}

/// A part of [`MAX_UNFINISHED`], in bytes.
struct Kept(usize);

impl Kept {
    /// Whether there is room for so many.
    fn grow_to(&mut self, size: usize) -> bool {
        let by = size - std::mem::replace(&mut self.0, size);
        UNFINISHED.fetch_add(by, Ordering::Relaxed) + by <= MAX_UNFINISHED
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        UNFINISHED.fetch_sub(self.0, Ordering::Relaxed);
    }
}

async fn discard(mut body: Incoming) {
    let mut taken = 0;
    while let Ok(Some(data)) = piece(&mut body).await {
        taken += data.len() as u64;
        if taken > MAX_DISCARDED {
            return;
        }
    }
}

/// Decompresses a body to at most [`MAX_BODY`] bytes; the error is the answer to give.
pub(crate) fn gunzip(body: &[u8]) -> Result<Bytes, Response> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(body)
        .take(MAX_BODY as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|_| {
            Response::text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Failed to decompress body",
            )
        })?;
    if plain.len() > MAX_BODY {
        return Err(Response::status(StatusCode::PAYLOAD_TOO_LARGE));
    }
    Ok(plain.into())
}
