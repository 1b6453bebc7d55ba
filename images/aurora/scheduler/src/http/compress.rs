//! Answers are compressed for those who ask for it (api.md, section 1).

use std::io::Write as _;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// What is shorter does not get shorter.
const FROM: usize = 256;

/// Answers are made in memory anyway; this is beyond any.
const MAX: usize = 1 << 30;

/// Whether `Accept-Encoding` names gzip without forbidding it.
fn is_wanted(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        let quality = quality.trim().strip_prefix("q=").unwrap_or("1");
        name.trim().eq_ignore_ascii_case("gzip") && quality.parse().is_ok_and(|q: f64| q > 0.0)
    })
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let level = flate2::Compression::fast();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(plain)?;
    encoder.finish()
}

/// Compresses an answer if the request asks for it.
pub(super) async fn compress(request: Request, next: Next) -> Response {
    let wanted = is_wanted(request.headers());
    let response = next.run(request).await;
    if !wanted || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let plain = match to_bytes(body, MAX).await {
        Ok(plain) => plain,
        Err(error) => {
            tracing::warn!("an answer could not be made: {error}");
            return Response::from_parts(parts, Body::empty());
        }
    };
    parts
        .headers
        .insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if plain.len() < FROM {
        return Response::from_parts(parts, Body::from(plain));
    }
    match gzip(&plain) {
        Ok(small) => {
            parts
                .headers
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(small))
        }
        Err(_) => Response::from_parts(parts, Body::from(plain)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_wanted_when_it_is_named_and_not_forbidden() {
        let cases = [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("identity", false),
            ("", false),
        ];
        for (text, want) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(text));
            assert_eq!(is_wanted(&headers), want, "`{text}`");
        }
        assert!(!is_wanted(&HeaderMap::new()));
    }
}
