//! Who may see and do what on an agent, by `--acls`. Nobody is asked for a name here: entries about any principal
//! are.

use std::ffi::OsString;

use serde_json::{Value, json};

use crate::folder::folder;
use crate::support::*;

/// An entry that refuses something to everybody.
fn nobody(field: &str) -> Value {
    json!([{"principals": {"type": "ANY"}, field: {"type": "NONE"}}])
}

fn flags(acls: &Value, log: &std::path::Path) -> Vec<OsString> {
    vec![
        format!("--acls={acls}").into(),
        format!("--external_log_file={}", log.display()).into(),
    ]
}

#[tokio::test]
async fn what_is_refused_is_refused_and_what_is_hidden_is_left_out() {
    let folder = folder();
    let work = folder.path();
    let log = work.join("the-log");
    std::fs::write(&log, "hello\n").expect("written");
    let mut acls = json!({
        "view_flags": nobody("flags"),
        "set_log_level": nobody("level"),
        "access_mesos_logs": nobody("logs"),
        "get_endpoints": nobody("paths"),
        "prune_images": nobody("images"),
    });
    for list in [
        "view_frameworks",
        "view_tasks",
        "view_executors",
        "view_containers",
        "access_sandboxes",
        "launch_nested_containers_under_parent_with_user",
        "launch_nested_container_sessions_as_user",
        "wait_nested_containers",
        "kill_nested_containers",
        "remove_nested_containers",
        "attach_containers_input",
        "attach_containers_output",
        "launch_standalone_containers",
        "wait_standalone_containers",
        "kill_standalone_containers",
        "remove_standalone_containers",
    ] {
        acls[list] = nobody("users");
    }
    let mut master = Master::start().await;
    let _agent = agent_flagged(&master.address(), work, &flags(&acls, &log));
    let agent = master.register("S").await;
    master.send(&agent, &run(task("S", "hidden", "sleep 1000"), false));
    let container = master.running_in(&agent).await;

    for path in [
        "/flags",
        "/metrics/snapshot",
        "/monitor/statistics",
        "/containers",
        "/files/debug",
        "/logging/toggle",
    ] {
        let (status, body) = get(&agent, path).await;
        assert_eq!((status, body.as_str()), (403, "403 Forbidden."), "`{path}`");
    }
    for path in [
        "/slave/log".to_string(),
        "/frameworks/M-0000/executors/hidden/runs/latest/stdout".to_string(),
    ] {
        for (kind, want) in [("browse", ""), ("read", ""), ("download", "403 Forbidden.")] {
            let (status, body) = get(&agent, &format!("/files/{kind}?path={path}&offset=0")).await;
            assert_eq!((status, body.as_str()), (403, want), "{kind} of `{path}`");
        }
        let call = json!({"type": "LIST_FILES", "list_files": {"path": path}});
        let (status, body) = post(&agent, "/api/v1", &call.to_string()).await;
        assert_eq!((status, body.as_str()), (403, ""), "`{path}`");
    }
    let (status, state) = get(&agent, "/state").await;
    assert_eq!(status, 200);
    let state: Value = serde_json::from_str(&state).expect("JSON");
    assert_eq!(state["frameworks"], json!([]));
    assert!(state.get("flags").is_none() && state.get("external_log_file").is_none());
    let (_, page) = get(&agent, "/").await;
    assert!(!page.contains("hidden"));

    let own = json!({"value": container});
    let nested = json!({"value": "n", "parent": own});
    let alone = json!({"value": "alone"});
    let command = json!({"value": "true"});
    let amounts = json!([{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}]);
    for (kind, body) in [
        ("GET_FLAGS", json!({})),
        (
            "SET_LOGGING_LEVEL",
            json!({"level": 1, "duration": {"nanoseconds": 10}}),
        ),
        ("PRUNE_IMAGES", json!({})),
        (
            "LAUNCH_NESTED_CONTAINER",
            json!({"container_id": nested, "command": command}),
        ),
        (
            "LAUNCH_CONTAINER",
            json!({"container_id": nested, "command": command}),
        ),
        (
            "LAUNCH_CONTAINER",
            json!({"container_id": alone, "command": command, "resources": amounts}),
        ),
        (
            "LAUNCH_NESTED_CONTAINER_SESSION",
            json!({"container_id": nested, "command": command}),
        ),
        ("WAIT_NESTED_CONTAINER", json!({"container_id": nested})),
        ("WAIT_CONTAINER", json!({"container_id": nested})),
        ("WAIT_CONTAINER", json!({"container_id": alone})),
        ("KILL_NESTED_CONTAINER", json!({"container_id": nested})),
        ("KILL_CONTAINER", json!({"container_id": own})),
        ("REMOVE_NESTED_CONTAINER", json!({"container_id": nested})),
        ("REMOVE_CONTAINER", json!({"container_id": alone})),
        ("ATTACH_CONTAINER_OUTPUT", json!({"container_id": own})),
    ] {
        let call = json!({"type": kind, kind.to_ascii_lowercase(): body});
        let (status, body) = post(&agent, "/api/v1", &call.to_string()).await;
        assert_eq!((status, body.as_str()), (403, "403 Forbidden."), "{call}");
    }
    for (kind, field) in [
        ("GET_FRAMEWORKS", "frameworks"),
        ("GET_EXECUTORS", "executors"),
        ("GET_TASKS", "launched_tasks"),
    ] {
        let call = json!({"type": kind}).to_string();
        let (_, body) = post(&agent, "/api/v1", &call).await;
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        let list = &answer[kind.to_ascii_lowercase()][field];
        assert_eq!(list, &json!([]), "{kind}: {body}");
    }
    let (_, body) = post(&agent, "/api/v1", r#"{"type":"GET_CONTAINERS"}"#).await;
    assert_eq!(body, r#"{"type":"GET_CONTAINERS"}"#);
    master.kill(&agent, "hidden");
}

#[tokio::test]
async fn lists_are_about_the_user_that_something_runs_as() {
    let folder = folder();
    let log = folder.path().join("the-log");
    // The framework of these tests has no user of another name.
    let user = json!({"values": [run(task("S", "t", "true"), false).framework.user()]});
    let of = |users: &Value| {
        json!([
            {"principals": {"type": "ANY"}, "users": users},
            {"principals": {"type": "ANY"}, "users": {"type": "NONE"}},
        ])
    };
    let acls = json!({
        "view_frameworks": of(&user),
        "view_executors": of(&user),
        "view_tasks": of(&json!({"values": ["another"]})),
        "view_containers": of(&user),
        "access_sandboxes": of(&user),
        "wait_nested_containers": of(&json!({"values": ["unknown"]})),
    });
    let mut master = Master::start().await;
    let _agent = agent_flagged(&master.address(), folder.path(), &flags(&acls, &log));
    let agent = master.register("S").await;
    master.send(&agent, &run(task("S", "t", "sleep 1000"), false));
    let container = master.running_in(&agent).await;
    let (_, state) = get(&agent, "/state").await;
    let state: Value = serde_json::from_str(&state).expect("JSON");
    let executor = &state["frameworks"][0]["executors"][0];
    assert_eq!(executor["id"], "t");
    assert_eq!(executor["tasks"], json!([]));
    let directory = executor["directory"].as_str().expect("a folder");
    let (status, _) = get(&agent, &format!("/files/browse?path={directory}")).await;
    assert_eq!(status, 200);
    let (status, shown) = get(&agent, "/containers").await;
    assert_eq!((status, shown.contains(&container)), (200, true));
    // A container of nobody's is asked about by its own name.
    for (own, want) in [("unknown", 404), ("other", 403)] {
        let id = json!({"value": own, "parent": {"value": "nowhere"}});
        let call =
            json!({"type": "WAIT_NESTED_CONTAINER", "wait_nested_container": {"container_id": id}});
        let (status, _) = post(&agent, "/api/v1", &call.to_string()).await;
        assert_eq!(status, want, "case `{own}`");
    }
    master.kill(&agent, "t");
}
