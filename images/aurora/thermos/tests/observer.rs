//! The observer, asked over HTTP about an agent's work directory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use support::{FAILED, FINISHED, Recorded, recorded_tasks, run_folder, write};

/// A running observer; ends with the test.
struct Observer {
    child: Child,
    address: String,
    client: Client,
}

impl Observer {
    fn start(root: &Path) -> Self {
        Self::start_with(root, &[])
    }

    fn start_with(root: &Path, flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_thermos_observer"))
            .args(["--ip=127.0.0.1", "--port=0", "--root=/nonexistent"])
            .arg(format!("--mesos-root={}", root.display()))
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .find_map(|line| {
                line.unwrap()
                    .split(" at http://")
                    .nth(1)
                    .map(str::to_string)
            })
            .expect("it says where it listens");
        Self {
            child,
            address,
            client: Client::builder().no_proxy().build().unwrap(),
        }
    }

    async fn get(&self, path: &str) -> (StatusCode, String, String) {
        let response = self
            .client
            .get(format!("http://{}{path}", self.address))
            .send()
            .await
            .unwrap();
        let kind = response
            .headers()
            .get("content-type")
            .map(|v| v.to_str().unwrap().to_string())
            .unwrap_or_default();
        (response.status(), kind, response.text().await.unwrap())
    }

    async fn json(&self, path: &str) -> Value {
        let (status, kind, text) = self.get(path).await;
        assert_eq!(
            (status.as_u16(), kind.as_str()),
            (200, "application/json"),
            "{path}"
        );
        serde_json::from_str(&text).unwrap()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn the_recorded_documents_are_answered_as_recorded() {
    let root = tempfile::tempdir().unwrap();
    recorded_tasks(root.path());
    let observer = Observer::start(root.path());
    let recorded: Vec<Value> =
        serde_json::from_str(include_str!("data/observer-documents.json")).unwrap();
    assert!(recorded.len() >= 15);
    for document in recorded {
        let path = document["path"].as_str().unwrap();
        let (status, kind, text) = observer.get(path).await;
        assert_eq!(json!(status.as_u16()), document["status"], "{path}");
        assert_eq!(json!(kind), document["content_type"], "{path}");
        if let Some(want) = document.get("json") {
            let got: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(&got, want, "{path}");
            // The order of keys, too, is the original's.
            assert_eq!(got.to_string(), want.to_string(), "{path}");
        }
        if path == "/health" {
            assert_eq!(text, "OK");
        }
    }
}

#[tokio::test]
async fn pages_show_the_tasks_and_escape_what_they_show() {
    let root = tempfile::tempdir().unwrap();
    recorded_tasks(root.path());
    let observer = Observer::start(root.path());
    let task = format!("/task/{FINISHED}");
    let process = format!("/process/{FINISHED}/p0");
    let cases: [(&str, &[&str]); 9] = [
        (
            "/",
            &[
                "active tasks 0...-1 of 0",
                "finished tasks 0...1 of 2",
                "SUCCESS @ 11/21 12:13:53",
                "thermos(",
            ],
        ),
        (
            "/main/finished/1/1",
            &["finished tasks 1...1 of 2", "/main/finished/0/1", "fail"],
        ),
        (
            &task,
            &[
                "SUCCESS",
                "CLEANING",
                "11/21 12:13:50",
                "www-data",
                "/rawtask/",
                "p0 → p1",
                "/logs/",
            ],
        ),
        (&process, &["echo one; sleep 2", "N/A", "p0"]),
        (&format!("/process/{FAILED}/p0"), &["<td>7</td>", "FAILED"]),
        (
            &format!("/rawtask/{FINISHED}"),
            &["    &quot;name&quot;: &quot;finish&quot;"],
        ),
        (
            &format!("/browse/{FINISHED}"),
            &["&lt;b&gt;.txt", "%3Cb%3E.txt", ".logs", "drwx"],
        ),
        (
            &format!("/logs/{FINISHED}/p0/0/stdout"),
            &[
                "/logdata/",
                "/download/",
                ".logs&#x2f;p0&#x2f;0&#x2f;stdout",
            ],
        ),
        (
            &format!("/file/{FINISHED}/%3Cb%3E.txt"),
            &["/filedata/", "&lt;b&gt;.txt"],
        ),
    ];
    for (path, wants) in cases {
        let (status, kind, text) = observer.get(path).await;
        assert_eq!(
            (status.as_u16(), kind.as_str()),
            (200, "text/html; charset=UTF-8"),
            "{path}"
        );
        for want in wants {
            let escaped = want.replace('/', "&#x2f;");
            assert!(
                text.contains(want) || text.contains(&escaped),
                "{path} lacks `{want}`:\n{text}"
            );
        }
        assert!(!text.contains("<b>.txt"), "{path} shows a name as HTML");
    }
    let data = observer
        .json(&format!(
            "/filedata/{FINISHED}/%3Cb%3E.txt?offset=0&length=100"
        ))
        .await;
    assert_eq!(data["data"], "&lt;script&gt;alert(1)&lt;/script&gt;");
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_nothing_else_is_shown() {
    let root = tempfile::tempdir().unwrap();
    recorded_tasks(root.path());
    let observer = Observer::start(root.path());
    let cases = [
        (
            "/task/nosuch",
            "Failed to find task nosuch.  Try again shortly.",
        ),
        ("/nosuch", "Not found"),
        ("/main/some", "Invalid task type"),
        ("/main/all/x", "Invalid offset"),
        (
            &format!("/logs/{FINISHED}/p0/0/stdlog"),
            "No such log type: stdlog",
        ),
        (
            &format!("/browse/{FINISHED}/none"),
            "Sandbox does not exist.",
        ),
        (
            &format!("/browse/{FINISHED}/..%2f"),
            "Sandbox does not exist.",
        ),
        (&format!("/download/{FINISHED}/link"), "File does not exist"),
        (
            &format!("/download/{FINISHED}/..%2fsecret"),
            "File does not exist",
        ),
    ];
    for (path, want) in cases {
        let (status, _, text) = observer.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(text.contains(want), "{path}: {text}");
    }
    for path in [
        "link",
        "..%2fsecret",
        "..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "%2fetc%2fpasswd",
        "none",
    ] {
        assert_eq!(
            observer
                .json(&format!("/filedata/{FINISHED}/{path}?offset=0"))
                .await,
            json!({}),
            "{path}"
        );
    }
    assert_eq!(
        observer
            .json(&format!(
                "/logdata/{FINISHED}/..%2f..%2f..%2fsecret/0/stdout?offset=0"
            ))
            .await,
        json!({})
    );
}

#[tokio::test]
async fn downloads_are_the_files() {
    let root = tempfile::tempdir().unwrap();
    recorded_tasks(root.path());
    let large: Vec<u8> = (0..300_000_u32).map(|i| i.to_le_bytes()[1]).collect();
    std::fs::write(
        run_folder(root.path(), FINISHED).join("sandbox/large.bin"),
        &large,
    )
    .unwrap();
    let observer = Observer::start(root.path());
    let url = format!("http://{}/download/{FINISHED}/large.bin", observer.address);
    let response = observer.client.get(url).send().await.unwrap();
    assert_eq!(
        response.headers()["content-disposition"],
        "attachment; filename=\"large.bin\""
    );
    assert_eq!(
        response.headers()["content-type"],
        "application/octet-stream"
    );
    assert_eq!(response.bytes().await.unwrap(), large);
}

#[tokio::test]
async fn a_running_task_has_ports_and_new_tasks_are_seen_at_once() {
    let root = tempfile::tempdir().unwrap();
    let observer = Observer::start(root.path());
    assert_eq!(
        observer.json("/j/task_id_count").await,
        json!({"active": 0, "finished": 0, "all": 0})
    );
    write(
        root.path(),
        &Recorded {
            task_id: "t-1".into(),
            json: json!({"name": "t", "processes": [{"name": "p", "cmdline": "sleep 60"}]}),
            states: vec![(aurora_thermos::checkpoint::TaskState::Active, 1795263230)],
            runs: vec![("p", 1795263231.0, 0.0, 0)],
            active: true,
            ports: vec![
                ("http".into(), 31000),
                ("admin".into(), 31001),
                ("x".into(), 31002),
            ],
        },
    );
    assert_eq!(
        observer.json("/j/task_id_count").await,
        json!({"active": 1, "finished": 0, "all": 1})
    );
    let task = observer.json("/j/task/t-1").await;
    assert_eq!(task["t-1"]["ports"]["http"], 31000);
    assert_eq!(task["t-1"]["processes"]["running"], json!(["p"]));
    let process = observer.json("/j/process/t-1/p").await;
    assert_eq!(
        (&process["state"], &process["used"]["threads"]),
        (&json!("RUNNING"), &json!(0))
    );
    assert_eq!(
        observer.json("/j/processes?task_id=t-1").await["t-1"]["p"]["process_run"],
        0
    );
    let (_, _, page) = observer.get("/main/active").await;
    assert!(
        page.contains("http://127.0.0.1:31000")
            && page.contains("31001")
            && !page.contains("31002"),
        "{page}"
    );
}

#[tokio::test]
async fn the_observer_tells_of_itself() {
    let root = tempfile::tempdir().unwrap();
    let observer = Observer::start(root.path());
    let vars = observer.json("/vars.json").await;
    for (name, is) in [
        ("sys.uptime", Value::is_number as fn(&Value) -> bool),
        ("sys.version", Value::is_string),
        ("sys.prefix", Value::is_string),
        ("sys.exec_prefix", Value::is_string),
        ("sys.uname", Value::is_string),
    ] {
        assert!(vars.get(name).is_some_and(is), "{name}");
    }
    let (status, kind, text) = observer.get("/vars").await;
    assert_eq!(
        (status.as_u16(), kind.as_str()),
        (200, "text/plain; charset=iso-8859-1")
    );
    assert!(
        text.lines().any(|line| line.starts_with("sys.uname Linux")),
        "{text}"
    );
    assert!(
        observer
            .get("/vars/sys.uptime")
            .await
            .2
            .parse::<f64>()
            .is_ok()
    );
    assert_eq!(observer.get("/vars/none").await.0, StatusCode::NOT_FOUND);
    for path in ["/threads", "/profile"] {
        assert_eq!(observer.get(path).await.0, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn the_agent_is_asked_for_sizes_and_measured_where_it_does_not_know() {
    let root = tempfile::tempdir().unwrap();
    let active = |task_id: &str| Recorded {
        task_id: task_id.into(),
        json: json!({"name": task_id, "processes": []}),
        states: vec![(aurora_thermos::checkpoint::TaskState::Active, 1795263230)],
        runs: vec![],
        active: true,
        ports: vec![],
    };
    for id in ["known", "unknown"] {
        let run = write(root.path(), &active(id));
        std::fs::create_dir_all(run.join("sandbox")).unwrap();
        std::fs::write(run.join("sandbox/file"), vec![1; 10_000]).unwrap();
    }
    let containers =
        json!([{"executor_id": "thermos-known", "statistics": {"disk_used_bytes": 123}}]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/containers", listener.local_addr().unwrap());
    let router = axum::Router::new().route(
        "/containers",
        axum::routing::get(async move || containers.to_string()),
    );
    let agent = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let observer = Observer::start_with(
        root.path(),
        &[
            "--enable_mesos_disk_collector",
            &format!("--agent_api_url={url}"),
        ],
    );
    let listed = observer.json("/j/task_ids/active").await;
    let disk = |id: &str| {
        let tasks = listed["tasks"].as_array().unwrap();
        let task = tasks.iter().find(|task| task["task_id"] == id).unwrap();
        task["disk"].as_u64().unwrap()
    };
    assert_eq!(disk("known"), 123);
    assert!(disk("unknown") >= 10_000);
    agent.abort();
}
