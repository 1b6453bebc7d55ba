//! The agent's calls about containers, with real processes.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::folder::{Folder, folder};
use crate::support::{self, *};
use mesos_proto::mesos::TaskState;
use mesos_wire::pid::Upid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

/// An agent with a task that sleeps, and the id of the task's container.
struct Site {
    _work: Folder,
    _program: tokio::process::Child,
    _master: Master,
    agent: Upid,
    container: String,
}

impl Site {
    async fn start() -> Self {
        let work = folder();
        let mut master = Master::start().await;
        let program = support::agent(&master.address(), work.path());
        let agent = master.register("M-S0").await;
        master.send(&agent, &run(task("M-S0", "t1", "sleep 300"), false));
        let container = master.running_in(&agent).await;
        Self {
            _work: work,
            _program: program,
            _master: master,
            agent,
            container,
        }
    }

    /// The id of a container nested in the task's, as JSON.
    fn nested(&self, id: &str) -> String {
        format!(
            r#"{{"value":"{id}","parent":{{"value":"{}"}}}}"#,
            self.container
        )
    }

    async fn call(&self, kind: &str, id: &str, more: &str) -> (u16, String) {
        let field = kind.to_lowercase();
        let body = format!(r#"{{"type":"{kind}","{field}":{{"container_id":{id}{more}}}}}"#);
        post(&self.agent, "/api/v1", &body).await
    }

    /// A session that runs a shell command; its stream.
    async fn session(&self, id: &str, command: &str, tty: bool) -> Output {
        let container = if tty {
            r#","container":{"type":"MESOS","tty_info":{}}"#
        } else {
            ""
        };
        let body = format!(
            r#"{{"type":"LAUNCH_NESTED_CONTAINER_SESSION","launch_nested_container_session":{{"container_id":{},"command":{{"value":"/bin/sh","arguments":["sh","-c","{command}"],"shell":false}}{container}}}}}"#,
            self.nested(id)
        );
        Output::open(&self.agent, &body).await
    }

    /// Sends records of input; the answer's status and text.
    async fn input(&self, id: &str, records: &[&str]) -> (u16, String) {
        let first = format!(
            r#"{{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{{"type":"CONTAINER_ID","container_id":{}}}}}"#,
            self.nested(id)
        );
        let mut body = format!("{}\n{first}", first.len());
        for record in records {
            let record = format!(
                r#"{{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{{"type":"PROCESS_IO","process_io":{record}}}}}"#
            );
            body += &format!("{}\n{record}", record.len());
        }
        self.raw_input(&body).await
    }

    async fn raw_input(&self, body: &str) -> (u16, String) {
        let piece = match body.len() {
            0 => String::new(),
            length => format!("{length:x}\r\n{body}\r\n"),
        };
        let request = format!(
            "POST /api/v1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/recordio\r\n\
             Message-Content-Type: application/json\r\nAccept: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n{piece}0\r\n\r\n"
        );
        http(&self.agent, &request).await
    }
}

/// A stream of output.
struct Output {
    stream: TcpStream,
    seen: String,
}

impl Output {
    async fn open(agent: &Upid, body: &str) -> Self {
        let request = format!(
            "POST /api/v1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
             Accept: application/recordio\r\nMessage-Accept: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(agent.address).await.expect("it listens");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it reads");
        Self {
            stream,
            seen: String::new(),
        }
    }

    /// Reads until this comes.
    async fn until(&mut self, what: &str) {
        self.until_so(what, |output| output.seen.contains(what))
            .await;
    }

    /// Reads until this has been printed to standard output, in however many pieces.
    async fn until_printed(&mut self, what: &str) {
        self.until_so(what, |output| output.printed().contains(what))
            .await;
    }

    async fn until_so(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let reading = async {
            while !is_so(self) {
                let mut piece = [0; 4096];
                let count = self.stream.read(&mut piece).await.expect("it sends");
                assert!(count > 0, "the stream ends before `{what}`: {}", self.seen);
                self.seen += &String::from_utf8_lossy(&piece[..count]);
            }
        };
        if timeout(PATIENCE, reading).await.is_err() {
            panic!("`{what}` does not come: {}", self.seen);
        }
    }

    /// What whole records of standard output say.
    fn printed(&self) -> String {
        let records = self.seen.split(r#""type":"STDOUT","data":""#).skip(1);
        let data = records.filter_map(|record| Some(record.split_once('"')?.0));
        let bytes = data.flat_map(|data| STANDARD.decode(data).expect("base64"));
        String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned()
    }
}

const STDIN: &str = r#"{"type":"DATA","data":{"type":"STDIN","data":"#;

#[tokio::test]
async fn containers_are_launched_waited_for_killed_and_removed() {
    let site = Site::start().await;
    let id = site.nested("one");
    let command = r#","command":{"value":"echo $MESOS_SANDBOX; echo $A; exit 7","environment":{"variables":[{"name":"A","value":"b"}]}}"#;
    assert_eq!(
        site.call("LAUNCH_NESTED_CONTAINER", &id, command).await.0,
        200
    );
    assert_eq!(
        site.call("LAUNCH_NESTED_CONTAINER", &id, command).await.0,
        202
    );
    let (status, body) = site.call("WAIT_NESTED_CONTAINER", &id, "").await;
    let want = r#"{"type":"WAIT_NESTED_CONTAINER","wait_nested_container":{"exit_status":1792}}"#;
    assert_eq!((status, body.as_str()), (200, want));
    let sandbox = site
        ._work
        .path()
        .join("slaves/M-S0/frameworks/M-0000/executors/t1/runs/latest");
    let own = sandbox.join("containers/one");
    let text = std::fs::read_to_string(own.join("stdout")).expect("there");
    let real = sandbox
        .canonicalize()
        .expect("there")
        .join("containers/one");
    assert_eq!(text, format!("{}\nb\n", real.display()));
    assert_eq!(site.call("KILL_NESTED_CONTAINER", &id, "").await.0, 404);
    assert_eq!(site.call("REMOVE_NESTED_CONTAINER", &id, "").await.0, 200);
    assert!(!own.exists());
    assert_eq!(site.call("WAIT_CONTAINER", &id, "").await.0, 404);

    // One below another: both go by the signal to the outer one.
    let outer = site.nested("outer");
    let inner = format!(r#"{{"value":"inner","parent":{outer}}}"#);
    let sleeps = r#","command":{"value":"sleep 300 & wait"}"#;
    assert_eq!(site.call("LAUNCH_CONTAINER", &outer, sleeps).await.0, 200);
    assert_eq!(site.call("LAUNCH_CONTAINER", &inner, sleeps).await.0, 200);
    assert!(
        own.with_file_name("outer")
            .join("containers/inner/stdout")
            .exists()
    );
    let (status, text) = site.call("REMOVE_CONTAINER", &outer, "").await;
    assert_eq!(
        (status, text.as_str()),
        (500, "Nested container has not terminated yet")
    );
    let get = r#"{"type":"GET_CONTAINERS","get_containers":{"show_nested":true}}"#;
    let (_, shown) = post(&site.agent, "/api/v1", get).await;
    assert_eq!(shown.matches(r#""container_id""#).count(), 3 * 2, "{shown}");
    let (_, shown) = support::get(&site.agent, "/containers?show_nested=true").await;
    assert!(shown.contains(r#""container_id":"inner""#), "{shown}");
    let (_, shown) = support::get(&site.agent, "/containers").await;
    assert!(!shown.contains("inner"), "{shown}");
    assert_eq!(
        site.call("KILL_CONTAINER", &outer, r#","signal":15"#)
            .await
            .0,
        200
    );
    let (_, text) = site.call("WAIT_CONTAINER", &outer, "").await;
    assert!(text.contains(r#""exit_status":15"#), "{text}");
    let (_, text) = site.call("WAIT_CONTAINER", &inner, "").await;
    assert!(text.contains(r#""exit_status":9"#), "{text}");
}

#[tokio::test]
async fn a_container_can_stand_alone() {
    let site = Site::start().await;
    let id = r#"{"value":"alone"}"#;
    let more = r#","command":{"value":"sleep 300"},"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}}]"#;
    assert_eq!(site.call("LAUNCH_CONTAINER", id, more).await.0, 200);
    let sandbox = site._work.path().join("containers/alone");
    assert!(sandbox.join("stdout").exists());
    let path = format!("/files/browse?path={}", sandbox.display());
    assert_eq!(support::get(&site.agent, &path).await.0, 200);
    assert_eq!(site.call("KILL_CONTAINER", id, "").await.0, 200);
    let (_, text) = site.call("WAIT_CONTAINER", id, "").await;
    assert!(text.contains(r#""exit_status":9"#), "{text}");
    assert_eq!(site.call("REMOVE_CONTAINER", id, "").await.0, 200);
    assert!(!sandbox.exists());
}

#[tokio::test]
async fn a_session_takes_input_tells_both_outputs_and_its_status() {
    let site = Site::start().await;
    let command = "read a; echo $a; echo err >&2; cat; exit 3";
    let mut output = site.session("s", command, false).await;
    output.until("Message-Content-Type: application/json").await;
    // The client tries whether input is taken before it sends any.
    assert_eq!(site.input("s", &[]).await, (200, String::new()));
    let line = format!(r#"{STDIN}"aGVsbG8K"}}}}"#);
    let beat = r#"{"type":"CONTROL","control":{"type":"HEARTBEAT","heartbeat":{"interval":{"nanoseconds":30000000000}}}}"#;
    let end = format!(r#"{STDIN}""}}}}"#);
    let (status, text) = site.input("s", &[&line, beat, &line, &end]).await;
    assert_eq!(status, 200, "{text}");
    output.until(r#"{"type":"STDERR","data":"ZXJyCg=="}"#).await;
    output.until("0\r\n\r\n").await;
    assert_eq!(
        output.seen.matches("aGVsbG8K").count(),
        2,
        "{}",
        output.seen
    );
    let (_, text) = site.call("WAIT_CONTAINER", &site.nested("s"), "").await;
    assert!(text.contains(r#""exit_status":768"#), "{text}");
}

#[tokio::test]
async fn a_session_ends_with_its_connection() {
    let site = Site::start().await;
    let mut output = site.session("s", "echo $$; sleep 300", false).await;
    output.until(r#""type":"STDOUT""#).await;
    drop(output);
    let (_, text) = site.call("WAIT_CONTAINER", &site.nested("s"), "").await;
    assert!(text.contains(r#""exit_status":9"#), "{text}");
}

#[tokio::test]
async fn a_terminal_has_the_size_that_it_is_told() {
    let site = Site::start().await;
    let mut output = site
        .session(
            "s",
            "tty -s && echo on; read a; stty size; read a; echo over",
            true,
        )
        .await;
    output.until_printed("on\r\n").await;
    let size = r#"{"type":"CONTROL","control":{"type":"TTY_INFO","tty_info":{"window_size":{"rows":41,"columns":97}}}}"#;
    let enter = format!(r#"{STDIN}"Cg=="}}}}"#);
    let (status, text) = site.input("s", &[size, &enter]).await;
    assert_eq!(status, 200, "{text}");
    output.until_printed("41 97\r\n").await;
    let (status, _) = site.input("s", &[&enter]).await;
    assert_eq!(status, 200);
    output.until("0\r\n\r\n").await;
}

#[tokio::test]
async fn what_cannot_be_attached_to_says_why() {
    let site = Site::start().await;
    let task = format!(r#"{{"value":"{}"}}"#, site.container);
    let (status, text) = site.call("ATTACH_CONTAINER_OUTPUT", &task, "").await;
    let disabled = "I/O switchboard server was disabled for this container";
    assert_eq!((status, text.as_str()), (500, disabled));
    let nobody = site.nested("nobody");
    let unknown = format!("Container {}.nobody cannot be found", site.container);
    for kind in ["WAIT_CONTAINER", "ATTACH_CONTAINER_OUTPUT"] {
        assert_eq!(
            site.call(kind, &nobody, "").await,
            (404, unknown.clone()),
            "case {kind}"
        );
    }
    assert_eq!(site.input("nobody", &[]).await, (404, unknown.clone()));
    let stranger = r#"{"value":"a","parent":{"value":"stranger"}}"#;
    let launch = site.call(
        "LAUNCH_NESTED_CONTAINER",
        stranger,
        r#","command":{"value":"true"}"#,
    );
    let nowhere = "Parent container stranger does not exist".to_string();
    assert_eq!(launch.await, (400, nowhere));
    let below = format!(r#"{{"value":"a","parent":{nobody}}}"#);
    let (status, text) = site
        .call(
            "LAUNCH_NESTED_CONTAINER",
            &below,
            r#","command":{"value":"true"}"#,
        )
        .await;
    let want = format!("Parent container {}.nobody does not exist", site.container);
    assert_eq!((status, text), (400, want));

    let mut output = site.session("s", "cat", false).await;
    output.until("recordio").await;
    for (body, want) in [
        ("x", 400),
        ("99999999999999999999999\n", 400),
        ("5\nabcde", 400),
        ("2\n{}", 400),
        ("1000000000000\n", 400),
        ("", 400),
        ("20\n{\"type\":\"GET_HEALTH\"", 400),
        ("21\n{\"type\":\"GET_HEALTH\"}", 415),
    ] {
        assert_eq!(site.raw_input(body).await.0, want, "case {body:?}");
    }
    for (record, want) in [
        (
            r#"{"type":"DATA"}"#,
            "Expecting 'process_io.data' to be present",
        ),
        (
            r#"{"type":"DATA","data":{"type":"STDOUT","data":""}}"#,
            "Expecting 'process_io.data.type' to be 'STDIN'",
        ),
    ] {
        assert_eq!(site.input("s", &[record]).await, (400, want.to_string()));
    }
    let plain = r#"{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"type":"CONTAINER_ID","container_id":{"value":"a"}}}"#;
    assert_eq!(post(&site.agent, "/api/v1", plain).await.0, 415);
    // The container is unharmed, and takes input of one at a time.
    let held = {
        let first = format!(
            r#"{{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{{"type":"CONTAINER_ID","container_id":{}}}}}"#,
            site.nested("s")
        );
        let data = format!(
            r#"{{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{{"type":"PROCESS_IO","process_io":{STDIN}"aGVsbG8K"}}}}}}}}"#
        );
        let body = format!("{}\n{first}{}\n{data}", first.len(), data.len());
        let mut stream = TcpStream::connect(site.agent.address)
            .await
            .expect("it listens");
        let request = format!(
            "POST /api/v1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/recordio\r\n\
             Message-Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n",
            body.len()
        );
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it reads");
        stream
    };
    // It has its place when what it typed comes back.
    output.until_printed("hello\n").await;
    assert_eq!(site.input("s", &[]).await.0, 409, "the second is refused");
    drop(held);
    let free = async { while site.input("s", &[]).await.0 != 200 {} };
    timeout(PATIENCE, free)
        .await
        .expect("the place is free again");
}

#[tokio::test]
async fn a_task_on_a_terminal_can_be_attached_to() {
    let work = folder();
    let mut master = Master::start().await;
    let _agent = support::agent(&master.address(), work.path());
    let agent = master.register("M-S0").await;
    let mut task = task(
        "M-S0",
        "t1",
        "read a; stty size; echo got $a; read b; exit 4",
    );
    let container = task.container.mut_or_insert_default();
    container.set_type(mesos_proto::mesos::container_info::Type::MESOS);
    let size = &mut container.tty_info.mut_or_insert_default().window_size;
    size.mut_or_insert_default().set_rows(33);
    size.mut_or_insert_default().set_columns(88);
    master.send(&agent, &run(task, false));
    let container = master.running_in(&agent).await;
    let id = format!(r#"{{"value":"{container}"}}"#);
    let attach = format!(
        r#"{{"type":"ATTACH_CONTAINER_OUTPUT","attach_container_output":{{"container_id":{id}}}}}"#
    );
    let mut output = Output::open(&agent, &attach).await;
    output.until("Message-Content-Type: application/json").await;
    let enter = |word: &str| {
        let record = |body: &str| {
            let text = format!(
                r#"{{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{{{body}}}}}"#
            );
            format!("{}\n{text}", text.len())
        };
        let first = record(&format!(r#""type":"CONTAINER_ID","container_id":{id}"#));
        let second = record(&format!(
            r#""type":"PROCESS_IO","process_io":{STDIN}"{word}"}}}}"#
        ));
        let body = first + &second;
        format!(
            "POST /api/v1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/recordio\r\n\
             Message-Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        )
    };
    // `hi` and the key that ends a line.
    assert_eq!(http(&agent, &enter("aGkN")).await.0, 200);
    let sandbox = work
        .path()
        .join("slaves/M-S0/frameworks/M-0000/executors/t1/runs/latest");
    let heard = async {
        let file = sandbox.join("stdout");
        while !std::fs::read_to_string(&file).is_ok_and(|text| text.contains("got hi\r\n")) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, heard).await.expect("it answers");
    assert_eq!(http(&agent, &enter("DQ==")).await.0, 200);
    let failed = (
        TaskState::TASK_FAILED,
        "Command exited with status 4".to_string(),
    );
    assert_eq!(master.state(&agent).await, failed);
    output.until("0\r\n\r\n").await;
    let seen = std::fs::read_to_string(sandbox.join("stdout")).expect("there");
    assert!(seen.contains("33 88\r\n"), "{seen}");
}

#[tokio::test]
async fn containers_of_a_framework_that_does_not_checkpoint_end_with_the_agent() {
    let mut site = Site::start().await;
    let id = site.nested("sleeps");
    let command = r#","command":{"value":"sleep 300"}"#;
    let (status, text) = site.call("LAUNCH_NESTED_CONTAINER", &id, command).await;
    assert_eq!(status, 200, "{text}");
    let mut output = site.session("session", "echo begun; sleep 300", true).await;
    output.until_printed("begun\r\n").await;
    // Agent and executor, two launchers and what they launched.
    let (processes, sockets) = site._work.left();
    assert!(processes >= 6 && sockets >= 1, "{processes} {sockets}");
    site._program.kill().await.expect("it ran");
    eventually(|| site._work.left() == (0, 0)).await;
}
