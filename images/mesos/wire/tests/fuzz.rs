//! Mutated input for every parser of what comes from outside: none may panic, and what one of them
//! takes, it takes again when written anew. `FUZZ_INPUTS=10000000` sets the number of inputs over all
//! targets, which is printed; `scripts/fuzz` does that with an optimised build.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use mesos_proto::mesos::{FrameworkInfo, Resource, TaskInfo};
use mesos_proto::messages::{RegisterSlaveMessage, RunTaskMessage, StatusUpdateMessage};
use mesos_proto::{v1_agent, v1_master, v1_scheduler};
use mesos_wire::flags::{Flag, Flags, Kind, flag};
use mesos_wire::json::{Dialect, from_slice, to_vec};
use mesos_wire::libprocess::frame;
use mesos_wire::pid::Upid;
use mesos_wire::recordio::{self, Decoder};
use mesos_wire::resources::{Format, Resources};
use mesos_wire::{attributes, duration, http, resources, zk};
use protobuf::{Message, MessageFull};

/// The inputs of a run that nobody asked to be long.
const DEFAULT_INPUTS: u64 = 60_000;

/// A small generator, seeded, so that a failure can be repeated (xorshift64*).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Pieces that parsers look for: put in, they lead further than random bytes do.
const TOKENS: [&[u8]; 32] = [
    b":",
    b";",
    b"[",
    b"]",
    b"(",
    b")",
    b"{",
    b"}",
    b"-",
    b",",
    b"\"",
    b"\\",
    b"\n",
    b"0",
    b"-1",
    b"1e309",
    b"18446744073709551616",
    b"9223372036854775807",
    b"nan",
    b"inf",
    b"*",
    b"/",
    b"@",
    b"%",
    b"%f",
    b"%00",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"\xff\xfe",
    b"\x00",
];

fn mutate(seed: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut input = seed.to_vec();
    for _ in 0..=chance.below(6) {
        let at = chance.below(input.len() + 1);
        match chance.below(7) {
            0 if at < input.len() => input[at] ^= 1 << chance.below(8),
            1 if at < input.len() => input[at] = chance.next() as u8,
            2 => input.truncate(at),
            3 => {
                let token = TOKENS[chance.below(TOKENS.len())];
                input.splice(at..at, token.iter().copied());
            }
            4 if at < input.len() => {
                let end = (at + 1 + chance.below(8)).min(input.len());
                input.drain(at..end);
            }
            5 => {
                let from = chance.below(input.len() + 1);
                let end = (from + chance.below(16)).min(input.len());
                let copy = input[from..end].to_vec();
                input.splice(at..at, copy);
            }
            _ => input.insert(at, chance.next() as u8),
        }
    }
    input
}

struct Target {
    name: &'static str,
    seeds: Vec<Vec<u8>>,
    takes: fn(&[u8]),
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a parser took, it takes again.
fn json_call<M: MessageFull>(input: &[u8]) {
    for dialect in [Dialect::V0, Dialect::V1] {
        if let Ok(message) = from_slice::<M>(input, dialect) {
            let again = from_slice::<M>(&to_vec(&message, dialect), dialect);
            assert!(again.is_ok(), "taken once only: {}", text(input));
        }
    }
}

fn binary<M: Message>(input: &[u8]) {
    if let Ok(message) = M::parse_from_bytes(input) {
        let bytes = message
            .write_to_bytes()
            .expect("what parsed can be written");
        // The library takes an entry of a map without its value, although the value's own fields are
        // required, and misses them only when it reads what it has written (`TaskInfo.limits`).
        const IN_A_MAP: &str = "Message `Scalar` is missing required fields";
        if let Err(error) = M::parse_from_bytes(&bytes) {
            assert_eq!(error.to_string(), IN_A_MAP, "{input:?}");
        }
    }
}

fn framing(input: &[u8]) {
    let line = text(input);
    if let Some((id, name)) = frame::target(&line) {
        assert!(!id.contains('/') || line.contains('%') || !name.is_empty());
    }
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(input) {
        headers.insert(HeaderName::from_static("libprocess-from"), value.clone());
        headers.insert(HeaderName::from_static("user-agent"), value);
    }
    if let Some(from) = frame::sender(&headers) {
        let bytes = frame::encode(&from, &from, "a.B", input);
        assert!(bytes.starts_with(b"POST /"));
        assert_eq!(from.to_string().parse::<Upid>().ok(), Some(from));
    }
    // Their results are judged by tests of their own: here they must come back at all.
    let _ = http::Query::parse(&line);
    let _ = line.parse::<zk::Url>();
    let _ = duration::parse(&line);
    let _ = attributes::parse(&line);
}

fn records(input: &[u8]) {
    let mut decoder = Decoder::new(1 << 16);
    for piece in input.chunks(7) {
        decoder.push(piece);
        while let Ok(Some(record)) = decoder.next_record() {
            let mut again = Decoder::new(1 << 16);
            again.push(&recordio::encode(&record));
            assert_eq!(again.next_record(), Ok(Some(record)));
        }
    }
}

fn resource_text(input: &[u8]) {
    let Ok(parsed) = resources::parse(&text(input), "*") else {
        return;
    };
    for format in [Format::Pre, Format::Post, Format::Endpoint] {
        let protos = parsed.to_protos(format);
        let again = Resources::from_protos(&protos);
        assert_eq!(again.as_ref(), Ok(&parsed), "{}", text(input));
    }
    assert!(parsed.contains(&parsed) && parsed.minus(&parsed).is_empty());
}

fn command_line(input: &[u8]) {
    const SPECS: &[Flag] = &[
        flag("ip", Kind::Text, None, "an address"),
        flag("count", Kind::Integer, Some("1"), "a number"),
        flag("wait", Kind::Duration, Some("1secs"), "a time"),
    ];
    let arguments = text(input);
    let arguments = arguments.split(' ').map(std::ffi::OsString::from);
    let _ = Flags::parse(SPECS, arguments, []);
}

fn recorded_bodies(name: &str) -> Vec<Vec<u8>> {
    let recordings = include_str!("data/libprocess.jsonl");
    let wanted = format!("mesos.internal.{name} HTTP");
    recordings
        .lines()
        .filter(|line| line.contains(&wanted))
        .take(4)
        .filter_map(|line| {
            let recorded: serde_json::Value = serde_json::from_str(line).ok()?;
            let hex = recorded["body_hex"].as_str()?;
            (0..hex.len() / 2)
                .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).ok())
                .collect()
        })
        .collect()
}

fn texts(seeds: &[&str]) -> Vec<Vec<u8>> {
    seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect()
}

fn targets() -> Vec<Target> {
    let target = |name, seeds, takes| Target { name, seeds, takes };
    vec![
        target(
            "libprocess framing",
            texts(&[
                "/slave(1)/mesos.internal.PingSlaveMessage",
                "/slave%281%29/a.B",
                "slave-observer(1)@127.0.0.1:35050",
                "libprocess/master@10.0.0.1:5050",
                "zk://user:secret@a:2181,b:2181/mesos",
                "limit=10&order=asc&q=%41+b",
                "1.5hrs",
                "rack:a;level:3;ports:[1-2,4-5];names:{a,b}",
            ]),
            framing,
        ),
        target(
            "RecordIO",
            texts(&["5\nhello3\nabc", "0\n", "00012\n{\"type\":\"X\"}"]),
            records,
        ),
        target(
            "JSON scheduler calls",
            texts(&[
                r#"{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"f","roles":["a"],"capabilities":[{"type":"MULTI_ROLE"}]}}}"#,
                r#"{"framework_id":{"value":"F"},"type":"ACCEPT","accept":{"offer_ids":[{"value":"O"}],"operations":[{"type":"LAUNCH","launch":{"task_infos":[{"name":"t","task_id":{"value":"t"},"agent_id":{"value":"S"},"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}}],"command":{"value":"true","environment":{"variables":[{"name":"A","value":"b"}]}},"data":"aGVsbG8="}]}}],"filters":{"refuse_seconds":5.0}}}"#,
                r#"{"type":"ACKNOWLEDGE","acknowledge":{"agent_id":{"value":"S"},"task_id":{"value":"t"},"uuid":"AAAAAAAAAAAAAAAAAAAAAA=="}}"#,
            ]),
            json_call::<v1_scheduler::Call>,
        ),
        target(
            "JSON master calls",
            texts(&[
                r#"{"type":"GET_METRICS","get_metrics":{"timeout":{"nanoseconds":5000000000}}}"#,
                r#"{"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":{"schedule":{"windows":[{"machine_ids":[{"hostname":"h","ip":"1.2.3.4"}],"unavailability":{"start":{"nanoseconds":1},"duration":{"nanoseconds":2}}}]}}}"#,
                r#"{"type":"UPDATE_QUOTA","update_quota":{"force":false,"quota_configs":[{"role":"a","limits":{"cpus":{"value":1}}}]}}"#,
            ]),
            json_call::<v1_master::Call>,
        ),
        target(
            "JSON agent calls",
            texts(&[
                r#"{"type":"LAUNCH_NESTED_CONTAINER","launch_nested_container":{"container_id":{"value":"c","parent":{"value":"p"}},"command":{"value":"true"}}}"#,
                r#"{"type":"READ_FILE","read_file":{"path":"/slave/log","offset":0,"length":10}}"#,
            ]),
            json_call::<v1_agent::Call>,
        ),
        target(
            "RegisterSlaveMessage",
            recorded_bodies("RegisterSlaveMessage"),
            binary::<RegisterSlaveMessage>,
        ),
        target(
            "RunTaskMessage",
            recorded_bodies("RunTaskMessage"),
            binary::<RunTaskMessage>,
        ),
        target(
            "StatusUpdateMessage",
            recorded_bodies("StatusUpdateMessage"),
            binary::<StatusUpdateMessage>,
        ),
        target("TaskInfo", recorded_bodies("RunTaskMessage"), |input| {
            binary::<TaskInfo>(input);
            binary::<FrameworkInfo>(input);
        }),
        target(
            "resource texts",
            texts(&[
                "cpus:4;mem:4096;disk:20480;ports:[31000-32000]",
                "cpus(role):0.5;cpus(*):3.5;ports(a/b):[1-2, 4-5];names:{a,b}",
                r#"[{"name":"cpus","type":"SCALAR","scalar":{"value":4},"role":"a"},{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":2}]}}]"#,
            ]),
            resource_text,
        ),
        target(
            "resource JSON",
            texts(&[
                r#"{"name":"disk","type":"SCALAR","scalar":{"value":64},"reservations":[{"type":"DYNAMIC","role":"a","principal":"p"}],"disk":{"persistence":{"id":"v"},"volume":{"mode":"RW","container_path":"p"}}}"#,
            ]),
            |input| {
                if let Ok(resource) = from_slice::<Resource>(input, Dialect::V1) {
                    // Either answer will do.
                    let _ = Resources::from_protos([&resource]);
                }
            },
        ),
        target(
            "command lines",
            texts(&["--ip=1.2.3.4 --count=7 --wait=2mins", "--no-ip --ip 3 -- x"]),
            command_line,
        ),
    ]
}

#[test]
fn no_parser_panics() {
    let inputs = std::env::var("FUZZ_INPUTS")
        .ok()
        .map(|text| text.parse().expect("FUZZ_INPUTS is a number"))
        .unwrap_or(DEFAULT_INPUTS);
    let targets = targets();
    let each = inputs.div_ceil(targets.len() as u64);
    for target in &targets {
        assert!(!target.seeds.is_empty(), "{} has no seeds", target.name);
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        let start = Instant::now();
        for _ in 0..each {
            let seed = &target.seeds[chance.below(target.seeds.len())];
            let input = mutate(seed, &mut chance);
            let taken = catch_unwind(AssertUnwindSafe(|| (target.takes)(&input)));
            assert!(taken.is_ok(), "{}: {:?}", target.name, text(&input));
        }
        println!("{}: {each} inputs in {:.1?}", target.name, start.elapsed());
    }
    println!(
        "{} inputs in all, and no panic",
        each * targets.len() as u64
    );
}
