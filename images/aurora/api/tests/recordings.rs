//! The messages that the original client and a Python scheduler exchanged: each must decode, and
//! encode again to the same fields, types and values.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod dynamic;

use aurora_api::envelope::{decode_call, decode_reply, encode_call, encode_reply};
use aurora_api::{Call, Protocol};
use dynamic::Message;

const RECORDED_CALLS: usize = 38;

struct Exchange {
    command: String,
    request: Vec<u8>,
    response: Vec<u8>,
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect()
}

fn exchanges() -> Vec<Exchange> {
    let mut exchanges = Vec::new();
    for line in include_str!("data/client.jsonl").lines() {
        let run: serde_json::Value = serde_json::from_str(line).unwrap();
        for call in run["calls"].as_array().unwrap() {
            exchanges.push(Exchange {
                command: run["argv"].to_string(),
                request: bytes(call["request_hex"].as_str().unwrap()),
                response: bytes(call["response_hex"].as_str().unwrap()),
            });
        }
    }
    assert_eq!(exchanges.len(), RECORDED_CALLS);
    exchanges
}

fn call_of(exchange: &Exchange) -> Call {
    decode_call(Protocol::Binary, &exchange.request)
        .expect(&exchange.command)
        .call
}

#[test]
fn recorded_requests_encode_again_to_the_same_fields() {
    for exchange in exchanges() {
        let request = decode_call(Protocol::Binary, &exchange.request).unwrap();
        let again = encode_call(Protocol::Binary, request.sequence, &request.call).unwrap();
        let (before, after) = (Message::parse(&exchange.request), Message::parse(&again));
        assert_eq!(before, after, "{}", exchange.command);
    }
}

#[test]
fn recorded_responses_encode_again_to_the_same_fields() {
    for exchange in exchanges() {
        let call = call_of(&exchange);
        let response = decode_reply(Protocol::Binary, &call, &exchange.response).unwrap();
        let again = encode_reply(Protocol::Binary, call.name(), 0, &response).unwrap();
        let (before, after) = (Message::parse(&exchange.response), Message::parse(&again));
        assert_eq!(before, after, "{}", exchange.command);
    }
}

#[test]
fn recorded_messages_survive_tjson() {
    for exchange in exchanges() {
        let call = call_of(&exchange);
        let text = encode_call(Protocol::Json, 7, &call).unwrap();
        let request = decode_call(Protocol::Json, &text).unwrap();
        assert_eq!((request.sequence, &request.call), (7, &call));

        let response = decode_reply(Protocol::Binary, &call, &exchange.response).unwrap();
        let text = encode_reply(Protocol::Json, call.name(), 7, &response).unwrap();
        assert_eq!(
            decode_reply(Protocol::Json, &call, &text).unwrap(),
            response
        );
    }
}
