//! Every libprocess message that was recorded between original programs is understood, and written
//! again without loss.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use mesos_proto::{executor, messages, scheduler};
use mesos_wire::libprocess::frame;
use mesos_wire::pid::Upid;
use protobuf::reflect::{FileDescriptor, MessageDescriptor};
use serde_json::Value;

const RECORDINGS: [&str; 2] = [
    include_str!("data/libprocess.jsonl"),
    include_str!("data/libprocess-2.jsonl"),
];

fn descriptor(full_name: &str) -> Option<MessageDescriptor> {
    let files: [&FileDescriptor; 3] = [
        messages::file_descriptor(),
        scheduler::file_descriptor(),
        executor::file_descriptor(),
    ];
    files.iter().find_map(|file| {
        file.messages()
            .find(|message| message.full_name() == full_name)
    })
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).expect("recorded hex"))
        .collect()
}

struct Recorded {
    head: Vec<String>,
    body: Vec<u8>,
}

fn recorded() -> Vec<Recorded> {
    let lines = RECORDINGS
        .iter()
        .flat_map(|text| text.lines())
        .filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("a recorded line");
            let head = line["head"].as_array().expect("a head");
            Recorded {
                head: head
                    .iter()
                    .map(|h| h.as_str().unwrap_or_default().to_string())
                    .collect(),
                body: bytes_of(line["body_hex"].as_str().unwrap_or_default()),
            }
        })
        .collect()
}

fn path(head: &[String]) -> &str {
    head[0].split(' ').nth(1).expect("a request line")
}

#[test]
fn recorded_messages_are_decoded_and_encoded_without_loss() {
    let mut count = 0;
    for message in recorded() {
        let (_, name) = frame::target(path(&message.head)).expect("a target");
        let descriptor = descriptor(&name).unwrap_or_else(|| panic!("no type `{name}`"));
        let decoded = descriptor
            .parse_from_bytes(&message.body)
            .unwrap_or_else(|e| panic!("`{name}`: {e}"));
        assert!(
            decoded.unknown_fields_dyn().iter().next().is_none(),
            "`{name}` has fields that we do not know"
        );
        let encoded = decoded.write_to_bytes_dyn().expect("an encoding");
        // The order of fields is free, so the bytes may stand in another one.
        assert_eq!(encoded.len(), message.body.len(), "`{name}` lost something");
        let again = descriptor
            .parse_from_bytes(&encoded)
            .expect("our own encoding");
        assert!(
            descriptor.eq(&*decoded, &*again),
            "`{name}` changed on the way"
        );
        count += 1;
    }
    assert!(count > 40, "only {count} messages were recorded");
}

#[test]
fn recorded_heads_are_what_we_would_send() {
    for message in recorded() {
        let mut headers = HeaderMap::new();
        for line in &message.head[1..] {
            let (name, value) = line.split_once(": ").expect("a header");
            headers.insert(
                HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        let from = frame::sender(&headers).expect("a sender");
        let (id, name) = frame::target(path(&message.head)).expect("a target");
        let host = headers["host"].to_str().expect("a host");
        let to = Upid::new(id, host.parse().expect("an address"));
        let sent = frame::encode(&from, &to, &name, &message.body);
        let head = String::from_utf8_lossy(&sent);
        let head: Vec<&str> = head
            .split("\r\n\r\n")
            .next()
            .unwrap_or_default()
            .split("\r\n")
            .collect();
        assert_eq!(head, message.head, "`{name}`");
    }
}
