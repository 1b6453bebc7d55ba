//! How a message looks on the wire: one HTTP/1.1 request, its body in a single chunk.

use bytes::Bytes;
use hyper::Method;
use hyper::header::HeaderMap;

use crate::http::percent_decode;
use crate::pid::Upid;

/// The bytes of the request that carries a message. An empty body has no headers of its own.
pub fn encode(from: &Upid, to: &Upid, name: &str, body: &[u8]) -> Bytes {
    let target = if to.id.is_empty() {
        format!("/{name}")
    } else {
        format!("/{}/{name}", to.id)
    };
    let mut bytes = format!(
        "POST {target} HTTP/1.1\r\nUser-Agent: libprocess/{from}\r\nLibprocess-From: {from}\r\nConnection: Keep-Alive\r\nHost: {}\r\n",
        to.address
    )
    .into_bytes();
    if body.is_empty() {
        bytes.extend_from_slice(b"\r\n");
    } else {
        bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        bytes.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(b"\r\n0\r\n\r\n");
    }
    bytes.into()
}

/// Whether a request is a message: a POST whose sender says that it is a libprocess.
pub fn is_message(method: &Method, headers: &HeaderMap) -> bool {
    let agent = headers
        .get("user-agent")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    *method == Method::POST
        && (agent.starts_with("libprocess/") || headers.contains_key("libprocess-from"))
}

/// Who sent a message: its `Libprocess-From`, else its user agent. A host name in it is not resolved.
pub fn sender(headers: &HeaderMap) -> Option<Upid> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
    let from = text("libprocess-from")
        .or_else(|| text("user-agent").and_then(|agent| agent.strip_prefix("libprocess/")))?;
    from.trim().parse().ok()
}

/// The process id and the message name in a request's path: `/slave%281%29/mesos.internal.X`.
pub fn target(path: &str) -> Option<(String, String)> {
    let (id, name) = path.strip_prefix('/')?.split_once('/')?;
    Some((percent_decode(id)?, name.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid(text: &str) -> Upid {
        text.parse().expect(text)
    }

    #[test]
    fn a_message_looks_as_the_original_sends_it() {
        let (from, to) = (
            pid("slave-observer(1)@127.0.0.1:35050"),
            pid("slave(1)@127.0.0.1:35051"),
        );
        let head = "POST /slave(1)/mesos.internal.PingSlaveMessage HTTP/1.1\r\nUser-Agent: libprocess/slave-observer(1)@127.0.0.1:35050\r\nLibprocess-From: slave-observer(1)@127.0.0.1:35050\r\nConnection: Keep-Alive\r\nHost: 127.0.0.1:35051\r\n";
        let with_body = encode(&from, &to, "mesos.internal.PingSlaveMessage", &[8, 1]);
        let want = format!("{head}Transfer-Encoding: chunked\r\n\r\n2\r\n\u{8}\u{1}\r\n0\r\n\r\n");
        assert_eq!(with_body, want.as_bytes());
        let empty = encode(&from, &to, "mesos.internal.PingSlaveMessage", &[]);
        assert_eq!(empty, format!("{head}\r\n").as_bytes());
    }

    #[test]
    fn targets_are_taken_apart() {
        let some = |id: &str, name: &str| Some((id.to_string(), name.to_string()));
        for (path, want) in [
            ("/slave(1)/a.B", some("slave(1)", "a.B")),
            ("/slave%281%29/a.B", some("slave(1)", "a.B")),
            ("/master/a/b", some("master", "a/b")),
            ("/a.B", None),
            ("a/b", None),
            ("/%zz/b", None),
        ] {
            assert_eq!(target(path), want, "case `{path}`");
        }
    }
}
