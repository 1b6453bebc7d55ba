//! The log: how much of it there is, and its file.

use serde_json::json;

use crate::site::Site;

const API: &str = "/api/v1";

#[tokio::test]
async fn the_log_level_is_changed_for_a_time() {
    let site = Site::start(&[]).await;
    let client = site.client();
    let level = async || {
        let call = json!({"type": "GET_LOGGING_LEVEL"});
        let answer = client.call(API, None, &call).await.json();
        answer["get_logging_level"]["level"].clone()
    };
    assert_eq!(level().await, 0);
    for (query, status, text) in [
        ("", 200, "0\n"),
        ("?level=1", 400, "Expecting 'duration=value' in query.\n"),
        (
            "?duration=1secs",
            400,
            "Expecting 'level=value' in query.\n",
        ),
        (
            "?level=x&duration=1secs",
            400,
            "Failed to convert 'x' to number.\n",
        ),
        ("?level=-1&duration=1secs", 400, "Invalid level '-1'.\n"),
        ("?level=2&duration=1hrs", 200, ""),
    ] {
        let answer = client.get(&format!("/logging/toggle{query}")).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, text));
    }
    let answer = client.get("/logging/toggle?level=2&duration=soon").await;
    assert_eq!(answer.status, 400);
    assert_eq!(level().await, 2);
    let call = json!({"type": "SET_LOGGING_LEVEL", "set_logging_level": {"level": 3, "duration": {"nanoseconds": 20_000_000}}});
    assert_eq!(client.call(API, None, &call).await.status, 200);
    while level().await != 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_log_can_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = Site::start(&[&format!("--log_dir={}", folder.path().display())]).await;
    let client = site.client();
    let log = folder.path().join("mesos-master.INFO");
    assert_eq!(client.get("/files/read?path=/master/log").await.status, 404);
    std::fs::write(&log, "0123456789").expect("written");
    let debug = client.get("/files/debug").await.json();
    assert_eq!(debug["/master/log"], log.display().to_string());
    for (query, want) in [
        ("", json!({"data": "", "offset": 10})),
        ("&offset=0", json!({"data": "0123456789", "offset": 0})),
        ("&offset=3&length=4", json!({"data": "3456", "offset": 3})),
        ("&offset=99", json!({"data": "", "offset": 99})),
    ] {
        let answer = client
            .get(&format!("/files/read?path=/master/log{query}"))
            .await;
        assert_eq!(answer.json(), want, "case `{query}`");
    }
    let wrong = client.get("/files/read?path=/master/log&offset=x").await;
    assert_eq!(wrong.status, 400);
    assert_eq!(
        client.get("/files/browse?path=/master/log").await.json(),
        json!([])
    );
    assert_eq!(
        client.get("/files/read?path=/master/log/../x").await.status,
        404
    );
    let all = client.get("/files/download?path=/master/log").await;
    assert_eq!(all.text(), "0123456789");
    assert_eq!(
        all.header("content-disposition"),
        Some("attachment; filename=mesos-master.INFO")
    );
    let call = |kind: &str, body| json!({"type": kind.to_uppercase(), kind: body});
    let read = call("read_file", json!({"path": "/master/log", "offset": 8}));
    let answer = client.call(API, None, &read).await.json();
    assert_eq!(answer["read_file"], json!({"size": 10, "data": "ODk="}));
    let list = call("list_files", json!({"path": "/master/log"}));
    let answer = client.call(API, None, &list).await;
    assert_eq!(
        (answer.status, &answer.json()["type"]),
        (200, &json!("LIST_FILES"))
    );
    let missing = call("list_files", json!({"path": "/etc"}));
    assert_eq!(client.call(API, None, &missing).await.status, 404);
}
