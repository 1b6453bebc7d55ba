//! Every type survives every encoding, and no bytes make a reader panic.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod made_up;

use aurora_api::calls::GetRoleSummaryArgs;
use aurora_api::envelope::{decode_call, decode_reply, encode_call, encode_reply};
use aurora_api::simple::{Style, from_simple, to_simple};
use aurora_api::storage::{LogEntry, Snapshot};
use aurora_api::types::{Lock, Package, Response, TaskConfig};
use aurora_api::{Call, Protocol, Value};
use made_up::Maker;
use proptest::prelude::*;

const PROTOCOLS: [Protocol; 2] = [Protocol::Binary, Protocol::Json];

fn survives<T: Value + PartialEq + std::fmt::Debug>(seed: u64) {
    let made = Maker::new(seed).make(&T::schema());
    let value: T = from_simple(&made).unwrap();
    for protocol in PROTOCOLS {
        let bytes = protocol.encode(&value).unwrap();
        assert_eq!(protocol.decode::<T>(&bytes).unwrap(), value, "{protocol:?}");
    }
    for style in [Style::Names, Style::Numbers] {
        assert_eq!(
            from_simple::<T>(&to_simple(&value, style)).unwrap(),
            value,
            "{style:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_type_survives_every_encoding(seed: u64) {
        survives::<Response>(seed);
        survives::<Snapshot>(seed);
        survives::<LogEntry>(seed);
        survives::<Lock>(seed);
        survives::<Package>(seed);
    }

    #[test]
    fn every_call_survives_both_protocols(seed: u64, sequence: i32) {
        for (name, service, schema) in Call::methods() {
            let args = Maker::new(seed).fields(schema);
            let call = Call::from_simple(name, &args).unwrap().unwrap();
            prop_assert_eq!((call.name(), call.service()), (name, service));
            for protocol in PROTOCOLS {
                let bytes = encode_call(protocol, sequence, &call).unwrap();
                let request = decode_call(protocol, &bytes).unwrap();
                prop_assert_eq!(request.sequence, sequence);
                prop_assert_eq!(&request.call, &call);
            }
        }
    }

    #[test]
    fn random_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read_everything(&bytes);
    }

    #[test]
    fn damaged_messages_are_read_or_refused_without_a_panic(
        seed: u64,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut: prop::sample::Index,
    ) {
        let response: Response = from_simple(&Maker::new(seed).make(&Response::schema())).unwrap();
        for protocol in PROTOCOLS {
            let mut bytes = encode_reply(protocol, "getTasksStatus", 0, &response).unwrap();
            for (place, byte) in &damage {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            read_everything(&bytes);
            read_everything(&bytes[..cut.index(bytes.len())]);
        }
    }
}

fn read_everything(bytes: &[u8]) {
    let call = Call::GetRoleSummary(GetRoleSummaryArgs::default());
    for protocol in PROTOCOLS {
        let _ = decode_call(protocol, bytes);
        let _ = decode_reply(protocol, &call, bytes);
        let _ = protocol.decode::<Response>(bytes);
        let _ = protocol.decode::<LogEntry>(bytes);
    }
}

#[test]
fn sizes_that_the_input_cannot_back_are_refused() {
    // A set of 2^31 - 1 structs, and a string of as many bytes, in field 32 and 23 of a TaskConfig.
    for bytes in [
        &[14, 0, 32, 12, 0x7f, 0xff, 0xff, 0xff][..],
        &[11, 0, 23, 0x7f, 0xff, 0xff, 0xff, b'x'][..],
        &[14, 0, 32, 12, 0xff, 0xff, 0xff, 0xff][..],
    ] {
        assert!(Protocol::Binary.decode::<TaskConfig>(bytes).is_err());
    }
}

#[test]
fn deep_nesting_is_refused() {
    // An unknown field 1 that is a struct with a field 1 that is a struct …
    let deep: Vec<u8> = [12, 0, 1].repeat(100_000);
    assert!(Protocol::Binary.decode::<TaskConfig>(&deep).is_err());
    let deep = "{\"1\":{\"rec\":".repeat(100_000);
    assert!(
        Protocol::Json
            .decode::<TaskConfig>(deep.as_bytes())
            .is_err()
    );
}
