//! How loosely JSON is read, and what is said where it is not.

use mesos_proto::mesos::{FrameworkInfo, TaskInfo};
use mesos_proto::v1_master::Call;
use protobuf::Message as _;

use super::*;

#[test]
fn what_clients_write_loosely_is_read() {
    let text = br#"{"user":"u","name":"n","failover_timeout":"12.5","checkpoint":" true","roles":null,"capabilities":[{"type":"NO_SUCH"},null],"unknown":{"a":[1]}}"#;
    let info: FrameworkInfo = from_slice(text, Dialect::V1).unwrap();
    assert_eq!(info.failover_timeout(), 12.5);
    assert!(info.checkpoint());
    assert_eq!(info.capabilities.len(), 1);
    assert!(!info.capabilities[0].has_type());
}

#[test]
fn what_a_map_lacks_is_named_too() {
    let text = br#"{"name":"n","task_id":{"value":"t"},"agent_id":{"value":"a"},"limits":{"mem":{},"cpus":{"value":1}}}"#;
    let error = from_slice::<TaskInfo>(text, Dialect::V1).expect_err("a limit without a value");
    let want = "Failed to convert JSON into TaskInfo protobuf: Missing required fields: limits[1].value.value";
    assert_eq!(error.to_string(), want);
}

/// Each pair of texts stands for the same call.
#[test]
fn items_stand_for_lists_and_numbers_are_cast() {
    for (text, same) in [
        (
            r#"{"update_weights":{"weight_infos":{"role":"a","weight":1}}}"#,
            r#"{"update_weights":{"weight_infos":[[{"role":"a","weight":1}],null]}}"#,
        ),
        (
            r#"{"update_quota":{"quota_configs":[{"role":"a","limits":[{"cpus":{"value":1}}]}]}}"#,
            r#"{"update_quota":{"quota_configs":{"role":"a","limits":{"cpus":{"value":"1"}}}}}"#,
        ),
        (
            r#"{"set_logging_level":{"level":-1,"duration":{"nanoseconds":1.9}}}"#,
            r#"{"set_logging_level":{"level":4294967295,"duration":{"nanoseconds":1}}}"#,
        ),
    ] {
        let [text, same] = [text, same].map(|text| {
            let call: Call = from_slice(text.as_bytes(), Dialect::V1).expect(text);
            call.write_to_bytes().expect("a call")
        });
        assert!(!text.is_empty());
        assert_eq!(text, same);
    }
}

#[test]
fn base64_is_read_without_care_for_its_padding() {
    for (text, want) in [
        ("AAEC", Ok(vec![0, 1, 2])),
        ("AA E\nC====?", Ok(vec![0, 1, 2])),
        ("AAE", Ok(vec![0, 1])),
        ("AAECA", Ok(vec![0, 1, 2])),
        ("", Ok(vec![])),
        ("A-_=", Err("Invalid character '-'".to_string())),
    ] {
        assert_eq!(decode(text), want, "case `{text}`");
    }
}

#[test]
fn names_are_those_of_the_dialect() {
    let v0 = r#"{"framework_id":{"value":"f"},"slave_id":{"value":"s"}}"#;
    let v1 = v0.replace("slave", "agent");
    let read = |text: &str, dialect| {
        from_slice::<mesos_proto::mesos::Offer>(text.as_bytes(), dialect)
            .map_err(|error| error.reason().to_string())
            .expect_err("an offer lacks more")
    };
    for (text, dialect, lacks) in [
        (v0, Dialect::V0, false),
        (&*v1, Dialect::V1, false),
        (v0, Dialect::V1, true),
        (&*v1, Dialect::V0, true),
    ] {
        let error = read(text, dialect);
        let is_missed = error.contains("slave_id") || error.contains("agent_id");
        assert_eq!(is_missed, lacks, "case `{text}`: {error}");
    }
}

#[test]
fn wrong_json_says_what_is_wrong_as_the_original_does() {
    let call = |text: &str| {
        from_slice::<Call>(text.as_bytes(), Dialect::V1).map_err(|error| error.to_string())
    };
    for (text, want) in [
        (
            "{\n \"a\" x}\n",
            "Failed to parse body into JSON: syntax error at line 2 near: x}",
        ),
        (
            r#"{"drain_agent":{"mark_gone":"no"}}"#,
            "Failed to convert JSON into Call protobuf: Failed to parse 'no' as a JSON boolean for field 'mark_gone': syntax error at line 1 near: o",
        ),
        (
            "{",
            "Failed to parse body into JSON: syntax error at line 1 near: ",
        ),
        (
            "[]",
            "Failed to convert JSON into Call protobuf: Expecting a JSON object",
        ),
        (
            r#"{"type":5}"#,
            "Failed to convert JSON into Call protobuf: Not expecting a JSON number for field 'type'",
        ),
        (
            r#"{"teardown":[],"drain_agent":5}"#,
            "Failed to convert JSON into Call protobuf: Not expecting a JSON number for field 'drain_agent'",
        ),
        (
            r#"{"teardown":{"framework_id":"x"}}"#,
            "Failed to convert JSON into Call protobuf: Not expecting a JSON string for field 'framework_id'",
        ),
        (
            r#"{"teardown":{"framework_id":{}}}"#,
            "Failed to convert JSON into Call protobuf: Missing required fields: teardown.framework_id.value",
        ),
        (
            r#"{"drain_agent":{"agent_id":{"value":"x"},"mark_gone":"1"}}"#,
            "Failed to convert JSON into Call protobuf: Failed to parse '1' as a JSON boolean for field 'mark_gone': Unexpected JSON type parsed",
        ),
        (
            r#"{"drain_agent":{"mark_gone":1}}"#,
            "Failed to convert JSON into Call protobuf: Not expecting a JSON number for field 'mark_gone'",
        ),
        (
            r#"{"read_file":{"offset":"5 "}}"#,
            "Failed to convert JSON into Call protobuf: Failed to parse '5 ' as a JSON number for field 'offset': Parsed JSON included non-whitespace trailing characters: ",
        ),
        (
            r#"{"update_quota":{"quota_configs":[{"role":"a","limits":{"cpus":{}}}]}}"#,
            "Failed to convert JSON into Call protobuf: Missing required fields: update_quota.quota_configs[0].limits[0].value.value",
        ),
        (
            r#"{"update_quota":{"quota_configs":[{"role":"a","limits":{"cpus":5}}]}}"#,
            "Failed to convert JSON into Call protobuf: Not expecting a JSON number for field 'value'",
        ),
        (
            r#"{"reserve_resources":{"resources":[{"name":"cpus","type":"FOO"}]}}"#,
            "Failed to convert JSON into Call protobuf: Failed to find enum for 'FOO'",
        ),
    ] {
        assert_eq!(call(text), Err(want.to_string()), "case `{text}`");
    }
}
