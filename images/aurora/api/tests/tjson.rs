//! TJSON as Apache Thrift's own implementations write it, letter by letter.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::calls::{KillTasksArgs, SnapshotArgs};
use aurora_api::envelope::{BadCall, decode_call, encode_call, encode_refusal, encode_reply};
use aurora_api::types::{
    JobKey, Resource, Response, ResponseDetail, ServerInfo, TaskConfig, TierConfig,
};
use aurora_api::{Binary, Call, Protocol, ResponseCode, Value};

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_call_typed_by_hand_is_understood() {
    let request = decode_call(Protocol::Json, b" [1,\"snapshot\",1,0,{}]\n").unwrap();
    assert_eq!(request.call, Call::Snapshot(SnapshotArgs::default()));
    assert_eq!(request.sequence, 0);
}

#[test]
fn a_call_is_written_with_types_and_sizes() {
    let call = Call::KillTasks(KillTasksArgs {
        job: Some(JobKey::new("www-data", "prod", "hello")),
        instances: Some(BTreeSet::from([0, 7])),
        message: Some("say \"bye\"\n".to_owned()),
    });
    assert_eq!(
        text(encode_call(Protocol::Json, 3, &call).unwrap()),
        concat!(
            r#"[1,"killTasks",1,3,{"4":{"rec":{"1":{"str":"www-data"},"2":{"str":"prod"},"#,
            r#""3":{"str":"hello"}}},"5":{"set":["i32",2,0,7]},"6":{"str":"say \"bye\"\n"}}]"#
        )
    );
}

#[test]
fn a_reply_holds_its_response_in_field_zero() {
    let response = Response {
        response_code: ResponseCode::Ok,
        result: None,
        server_info: Some(ServerInfo {
            cluster_name: "devcluster".to_owned(),
            stats_url_prefix: String::new(),
        }),
        details: vec![ResponseDetail {
            message: Some("done".to_owned()),
        }],
    };
    assert_eq!(
        text(encode_reply(Protocol::Json, "snapshot", 0, &response).unwrap()),
        concat!(
            r#"[1,"snapshot",2,0,{"0":{"rec":{"1":{"i32":1},"5":{"rec":{"1":{"str":"devcluster"},"#,
            r#""3":{"str":""}}},"6":{"lst":["rec",1,{"1":{"str":"done"}}]}}}}]"#
        )
    );
}

#[test]
fn maps_and_doubles_are_written_as_thrift_writes_them() {
    let tier = TierConfig {
        name: "preferred".to_owned(),
        settings: BTreeMap::from([("preemptible".to_owned(), "false".to_owned())]),
    };
    assert_eq!(
        text(Protocol::Json.encode(&tier).unwrap()),
        r#"{"1":{"str":"preferred"},"2":{"map":["str","str",1,{"preemptible":"false"}]}}"#
    );
    let cpus = Resource::NumCpus(0.5.into());
    assert_eq!(
        text(Protocol::Json.encode(&cpus).unwrap()),
        r#"{"1":{"dbl":0.5}}"#
    );
}

#[test]
fn bytes_are_base64_with_or_without_padding() {
    let bytes = Binary(vec![1]);
    assert_eq!(text(Protocol::Json.encode(&bytes).unwrap()), r#""AQ""#);
    for padded in [r#""AQ""#, r#""AQ==""#] {
        assert_eq!(
            Protocol::Json.decode::<Binary>(padded.as_bytes()).unwrap(),
            bytes
        );
    }
}

#[test]
fn unknown_fields_and_wrong_types_are_skipped() {
    let json = r#"{"7":{"tf":1},"11":{"str":"not a number"},"999":{"map":["i32","lst",1,{"4":["rec",1,{}]}]}}"#;
    let task = Protocol::Json
        .decode::<TaskConfig>(json.as_bytes())
        .unwrap();
    assert_eq!(
        task,
        TaskConfig {
            is_service: true,
            ..TaskConfig::default()
        }
    );
}

#[test]
fn a_size_that_is_not_the_number_of_elements_is_refused() {
    for set in [
        r#"["i32",3,1]"#,
        r#"["i32",0,1]"#,
        r#"["i32",-1]"#,
        r#"["i32"]"#,
    ] {
        let json = format!(r#"[1,"restartShards",1,0,{{"3":{{"set":{set}}}}}]"#);
        assert!(
            decode_call(Protocol::Json, json.as_bytes()).is_err(),
            "{json}"
        );
    }
}

#[test]
fn elements_of_another_type_are_refused_rather_than_dropped() {
    let json = r#"[1,"killTasks",1,0,{"5":{"set":["i64",1,4]}}]"#;
    assert!(decode_call(Protocol::Json, json.as_bytes()).is_err());
}

#[test]
fn an_unknown_method_gets_thrifts_own_exception() {
    let refused = decode_call(Protocol::Json, br#"[1,"getVersion",1,9,{}]"#).unwrap_err();
    let reply = encode_refusal(Protocol::Json, &refused).unwrap().unwrap();
    assert_eq!(
        text(reply),
        r#"[1,"getVersion",3,9,{"1":{"str":"Invalid method name: 'getVersion'"},"2":{"i32":1}}]"#
    );
}

#[test]
fn what_is_no_message_has_no_reply() {
    for body in [
        "",
        "[]",
        "{}",
        "[1]",
        "[2,\"snapshot\",1,0,{}]",
        "[1,\"snapshot\",1,0,{}] x",
    ] {
        let refused = decode_call(Protocol::Json, body.as_bytes()).unwrap_err();
        let named = matches!(refused, BadCall::Refused { .. });
        assert_eq!(
            encode_refusal(Protocol::Json, &refused).is_some(),
            named,
            "{body}"
        );
    }
}

#[test]
fn the_default_container_is_mesos_own() {
    let task = Protocol::Json.decode::<TaskConfig>(b"{}").unwrap();
    let container = task
        .container
        .map(|c| c.to_simple(aurora_api::simple::Style::Names));
    assert_eq!(container, Some(serde_json::json!({"mesos": {}})));
}
