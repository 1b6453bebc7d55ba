//! As much of an HTTP client as the tests need, so that they see the bytes.

use std::net::SocketAddrV4;

use mesos_wire::recordio::Decoder;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// Sends requests to one address.
pub(crate) struct Client {
    pub(crate) address: SocketAddrV4,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e} in {}", self.text()))
    }
}

/// An event stream that is being read.
pub(crate) struct Events {
    pub(crate) id: String,
    pub(crate) headers: Vec<(String, String)>,
    reader: BufReader<TcpStream>,
    decoder: Decoder,
}

pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

impl Client {
    pub(crate) fn new(address: SocketAddrV4) -> Self {
        Self { address }
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.request("GET", target, &[], b"").await
    }

    /// A call in JSON.
    pub(crate) async fn call(&self, target: &str, stream: Option<&str>, body: &Value) -> Answer {
        let mut headers = vec![("Content-Type", "application/json")];
        if let Some(stream) = stream {
            headers.push(("Mesos-Stream-Id", stream));
        }
        self.request("POST", target, &headers, body.to_string().as_bytes())
            .await
    }

    pub(crate) async fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let (mut reader, status, headers) = self.open(method, target, headers, body).await;
        let mut body = Vec::new();
        if let Some(length) = header(&headers, "content-length") {
            body.resize(length.parse().expect("a length"), 0);
            reader.read_exact(&mut body).await.expect("the body");
        } else if header(&headers, "transfer-encoding").is_some() {
            while let Some(chunk) = chunk(&mut reader).await {
                body.extend_from_slice(&chunk);
            }
        }
        Answer {
            status,
            headers,
            body,
        }
    }

    /// Subscribes in JSON, and reads no further than the headers.
    pub(crate) async fn subscribe(&self, body: &Value) -> Events {
        let json = "application/json";
        let headers = [("Content-Type", json), ("Accept", json)];
        let body = body.to_string();
        self.subscribe_with("/api/v1/scheduler", &headers, body.as_bytes())
            .await
    }

    /// Subscribes in any form.
    pub(crate) async fn subscribe_with(
        &self,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Events {
        let (reader, status, headers) = self.open("POST", target, headers, body).await;
        assert_eq!(status, 200);
        Events {
            id: header(&headers, "mesos-stream-id")
                // Operators get none.
                .unwrap_or_default()
                .to_string(),
            headers,
            reader,
            decoder: Decoder::new(1 << 20),
        }
    }

    async fn open(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (BufReader<TcpStream>, u16, Vec<(String, String)>) {
        let mut stream = TcpStream::connect(self.address)
            .await
            .expect("a connection");
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        stream
            .write_all(head.as_bytes())
            .await
            .expect("the request is sent");
        stream.write_all(body).await.expect("the body is sent");
        let mut reader = BufReader::new(stream);
        let first = line(&mut reader).await;
        let status = first
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .expect("a status");
        let mut headers = Vec::new();
        loop {
            let text = line(&mut reader).await;
            let Some((name, value)) = text.split_once(':') else {
                break;
            };
            headers.push((name.to_string(), value.trim().to_string()));
        }
        (reader, status, headers)
    }
}

impl Events {
    /// The next event, or none at the stream's end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let record = self.next_record().await?;
        Some(serde_json::from_slice(&record).expect("an event"))
    }

    /// The next record, or none at the stream's end.
    pub(crate) async fn next_record(&mut self) -> Option<bytes::Bytes> {
        loop {
            if let Some(record) = self.decoder.next_record().expect("a record") {
                return Some(record);
            }
            let chunk = chunk(&mut self.reader).await?;
            self.decoder.push(&chunk);
        }
    }

    /// Reads to the stream's end, also where that comes in the midst of something.
    pub(crate) async fn end(&mut self) {
        let mut bytes = [0; 4096];
        while matches!(self.reader.read(&mut bytes).await, Ok(read) if read > 0) {}
    }

    /// The next event of this type; others are passed over.
    pub(crate) async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if event["type"] == kind {
                return event;
            }
        }
    }
}

async fn line(reader: &mut BufReader<TcpStream>) -> String {
    let mut text = String::new();
    reader.read_line(&mut text).await.expect("a line");
    text.trim_end().to_string()
}

async fn chunk(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut size = String::new();
    if reader.read_line(&mut size).await.ok()? == 0 {
        return None;
    }
    let size = usize::from_str_radix(size.trim(), 16).expect("a chunk's size");
    let mut bytes = vec![0; size + 2];
    reader.read_exact(&mut bytes).await.ok()?;
    bytes.truncate(size);
    (size > 0).then_some(bytes)
}
