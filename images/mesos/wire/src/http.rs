//! Plain HTTP as libprocess serves it: its texts for each status, JSON with `jsonp`, gzip for those
//! who ask, and streams of records.

mod accept;
mod body;
mod feed;
mod query;

use std::convert::Infallible;
use std::io::Read as _;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use protobuf::MessageDyn;
use serde_json::Value;

pub use body::{MAX_BODY, RequestBody};
pub use feed::{Feed, NotRead, WeakFeed};
pub use query::{Query, percent_decode};

pub(crate) use body::gunzip;
use feed::Pieces;

use crate::json::{self, Dialect};

/// Bodies at least this long, in bytes, are compressed for clients that accept it.
const GZIP_FROM: usize = 1024;

/// A request that is not a libprocess message.
#[derive(Debug)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// The id of the process that it is for, such as `master` or `files`.
    pub process: String,
    /// The path behind the process' id, without slashes at its ends: `api/v1/scheduler`.
    pub path: String,
    /// The query, decoded.
    pub query: Query,
    /// Its headers.
    pub headers: HeaderMap,
    /// The path and query as they came.
    pub target: String,
    /// Who makes it, where its realm asks for that.
    pub principal: Option<String>,
    /// What follows the headers, unread.
    pub(crate) body: RequestBody,
    /// The connection that it came on.
    pub(crate) traffic: Option<std::sync::Arc<crate::libprocess::Traffic>>,
}

impl Request {
    /// A header's value as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Reads the whole body, decompressed; the error is the answer to give.
    pub async fn bytes(&mut self) -> Result<Bytes, Response> {
        let body = self.body.whole().await?;
        match self.header("content-encoding") {
            Some("gzip") => gunzip(&body),
            _ => Ok(body),
        }
    }

    /// The next piece of a body that comes bit by bit, as it was sent; `None` at its end. The error is
    /// the answer to give.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Response> {
        self.body.piece().await
    }

    /// Gives the request up when its client goes away before it is answered: for calls that take long,
    /// and change nothing. Others are carried out although nobody waits for the answer.
    pub fn give_up_when_abandoned(&self) {
        if let Some(traffic) = &self.traffic {
            traffic.release();
        }
    }

    /// Whether the client takes answers of this media type. No `Accept` takes everything.
    pub fn accepts(&self, media_type: &str) -> bool {
        self.header("accept")
            .is_none_or(|accept| accept::media_type(accept, media_type))
    }
}

/// What an answer carries.
#[derive(Debug)]
enum Body {
    /// All of it.
    Whole(Bytes),
    /// Pieces, until the sender is dropped.
    Pieces(Pieces),
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, but those that follow from the body.
    pub headers: HeaderMap,
    /// Its body.
    body: Body,
}

impl Response {
    /// A status with the text that libprocess gives it: `404 Not Found.`
    pub fn status(status: StatusCode) -> Self {
        let text = match status {
            StatusCode::OK | StatusCode::ACCEPTED => String::new(),
            _ => format!(
                "{} {}.",
                status.as_str(),
                status.canonical_reason().unwrap_or_default()
            ),
        };
        Self::text(status, text)
    }

    /// A status with a text of its own. All but 2xx say what type it is even when it is empty.
    pub fn text(status: StatusCode, text: impl Into<String>) -> Self {
        const PLAIN: &str = "text/plain; charset=utf-8";
        let mut response = Self::bytes(status, PLAIN, text.into().into_bytes());
        if !status.is_success() {
            response.set(header::CONTENT_TYPE, PLAIN);
        }
        response
    }

    /// Bytes of some media type.
    pub fn bytes(status: StatusCode, media_type: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let mut response = Self {
            status,
            headers: HeaderMap::new(),
            body: Body::Whole(bytes.clone()),
        };
        if !bytes.is_empty() {
            response.set(header::CONTENT_TYPE, media_type);
        }
        response
    }

    /// A JSON document, wrapped in a call where the query has `jsonp`.
    pub fn json(query: &Query, value: &Value) -> Self {
        match query.get("jsonp") {
            Some(callback) => Self::bytes(
                StatusCode::OK,
                "text/javascript",
                format!("{callback}({value})"),
            ),
            None => Self::bytes(StatusCode::OK, "application/json", value.to_string()),
        }
    }

    /// A JSON document laid out over lines, as the tutorials show `/stats.json`.
    pub fn json_lines(query: &Query, value: &Value) -> Self {
        match query.get("jsonp") {
            Some(_) => Self::json(query, value),
            None => Self::bytes(StatusCode::OK, "application/json", format!("{value:#}\n")),
        }
    }

    /// A v1 message in JSON or protobuf, whichever the client prefers; 406 if it takes neither.
    pub fn message(request: &Request, message: &dyn MessageDyn) -> Self {
        match Media::accepted(request) {
            Some(media) => Self::bytes(StatusCode::OK, media.name(), media.encode(message)),
            None => not_acceptable(),
        }
    }

    /// 307 to another place, with an empty body.
    pub fn redirect(location: &str) -> Self {
        let mut response = Self::bytes(StatusCode::TEMPORARY_REDIRECT, "", Bytes::new());
        response.set(header::LOCATION, location);
        response
    }

    /// 405, naming the methods that are allowed.
    pub fn method_not_allowed(allowed: &[&str], got: &Method) -> Self {
        let quoted: Vec<String> = allowed.iter().map(|m| format!("'{m}'")).collect();
        let mut response = Self::text(
            StatusCode::METHOD_NOT_ALLOWED,
            format!(
                "405 Method Not Allowed. Expecting one of {{ {} }}, but received '{got}'.",
                quoted.join(", ")
            ),
        );
        response.set(header::ALLOW, &allowed.join(", "));
        response
    }

    /// A stream, and what feeds it. The client is gone, or does not read, when sending fails.
    pub fn stream(media_type: &str, capacity: usize) -> (Feed, Self) {
        let (feed, pieces) = feed::channel(capacity);
        let mut response = Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Body::Pieces(pieces),
        };
        response.set(header::CONTENT_TYPE, media_type);
        (feed, response)
    }

    /// Sets a header; one that HTTP does not allow is left out.
    pub fn set(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
    }

    /// The answer as hyper sends it, compressed where `accept_encoding` asks for it.
    pub(crate) fn into_hyper(
        mut self,
        accept_encoding: Option<&HeaderValue>,
    ) -> hyper::Response<UnsyncBoxBody<Bytes, Infallible>> {
        let body = match self.body {
            Body::Whole(bytes) => {
                let compress = bytes.len() >= GZIP_FROM
                    && !self.headers.contains_key(header::CONTENT_ENCODING)
                    && accept_encoding
                        .and_then(|v| v.to_str().ok())
                        .is_some_and(accept::gzip);
                let bytes = match compress.then(|| gzip(&bytes)).flatten() {
                    Some(small) => {
                        self.headers
                            .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                        small
                    }
                    None => bytes,
                };
                Full::new(bytes).boxed_unsync()
            }
            Body::Pieces(pieces) => StreamBody::new(pieces).boxed_unsync(),
        };
        let mut response = hyper::Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// 406, as every v1 endpoint words it.
pub fn not_acceptable() -> Response {
    Response::text(
        StatusCode::NOT_ACCEPTABLE,
        "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'",
    )
}

/// The two forms of the v1 API's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/json`.
    Json,
    /// `application/x-protobuf`.
    Protobuf,
}

impl Media {
    /// The form that a media type names; parameters are not allowed.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "application/json" => Some(Self::Json),
            "application/x-protobuf" => Some(Self::Protobuf),
            _ => None,
        }
    }

    /// The media type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/x-protobuf",
        }
    }

    /// The form that the client takes, JSON before protobuf.
    pub fn accepted(request: &Request) -> Option<Self> {
        [Self::Json, Self::Protobuf]
            .into_iter()
            .find(|media| request.accepts(media.name()))
    }

    /// A message in this form, under v1 names.
    pub fn encode(self, message: &dyn MessageDyn) -> Vec<u8> {
        match self {
            Self::Json => json::to_vec(message, Dialect::V1),
            // Writing to memory fails only for lack of a required field, which is a fault of ours
            // that the reader reports better than a broken stream would.
            Self::Protobuf => message.write_to_bytes_dyn().unwrap_or_default(),
        }
    }
}

fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut small = Vec::with_capacity(bytes.len() / 4);
    flate2::read::GzEncoder::new(bytes, flate2::Compression::fast())
        .read_to_end(&mut small)
        .ok()?;
    Some(small.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_the_texts_of_libprocess() {
        for (status, want) in [
            (StatusCode::NOT_FOUND, "404 Not Found."),
            (StatusCode::NOT_IMPLEMENTED, "501 Not Implemented."),
            (StatusCode::ACCEPTED, ""),
        ] {
            let Body::Whole(body) = Response::status(status).body else {
                panic!("a stream");
            };
            assert_eq!(body, want);
        }
    }
}
