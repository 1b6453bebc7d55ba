//! A scheduler that gives prepared answers, and the client run against it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::mpsc::{self, Receiver};

use aurora_api::envelope::{decode_call, encode_reply};
use aurora_api::{
    AssignedTask, Call, CallResult, JobKey, Protocol, Response, ResponseCode, ResponseDetail,
    ScheduleStatus, ScheduleStatusResult, ScheduledTask, TaskConfig, TaskEvent,
};
use tempfile::TempDir;

/// A request as the canned scheduler saw it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let name = name.to_lowercase();
        self.headers
            .iter()
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value.as_str())
    }
}

/// An answer: the status line's rest, more header lines, and the body.
pub(crate) struct Canned {
    pub(crate) status: &'static str,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Canned {
    pub(crate) fn ok(body: Vec<u8>) -> Self {
        let headers = "Content-Type: application/vnd.apache.thrift.binary\r\n".to_owned();
        Self {
            status: "200 OK",
            headers,
            body,
        }
    }
}

/// A scheduler that gives its answers in order and then closes its port.
pub(crate) struct CannedScheduler {
    pub(crate) url: String,
    seen: Receiver<Seen>,
}

impl CannedScheduler {
    pub(crate) fn start(answers: Vec<Canned>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, seen) = mpsc::channel();
        std::thread::spawn(move || {
            let mut answers = answers.into_iter().peekable();
            while answers.peek().is_some() {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream);
                while answers.peek().is_some()
                    && let Some(request) = read_request(&mut reader)
                {
                    let answer = answers.next().unwrap();
                    sender.send(request).unwrap();
                    write_answer(reader.get_mut(), &answer);
                }
            }
        });
        Self { url, seen }
    }

    /// All requests, once the client has ended.
    pub(crate) fn requests(self) -> Vec<Seen> {
        self.seen.try_iter().collect()
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some(Seen {
        path,
        headers,
        body,
    })
}

fn write_answer(stream: &mut TcpStream, answer: &Canned) {
    let head = format!(
        "HTTP/1.1 {}\r\n{}Content-Length: {}\r\n\r\n",
        answer.status,
        answer.headers,
        answer.body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&answer.body).unwrap();
}

/// A place to run the client in: a home, a `clusters.json`, and an interpreter that has pystachio.
pub(crate) struct Client {
    pub(crate) home: TempDir,
    pub(crate) folder: PathBuf,
    /// The program to run: `aurora`, or `aurora_admin`.
    pub(crate) program: &'static str,
    /// More environment.
    pub(crate) env: Vec<(&'static str, String)>,
}

impl Client {
    /// With `clusters` as the content of `clusters.json`, in the folder of the recorded jobs.
    pub(crate) fn new(clusters: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("clusters.json"), clusters).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/jobs");
        Self {
            home,
            folder,
            program: env!("CARGO_BIN_EXE_aurora"),
            env: Vec::new(),
        }
    }

    /// With one cluster, `direct`, at a URL.
    pub(crate) fn direct(url: &str) -> Self {
        Self::new(&format!(
            r#"[{{"name": "direct", "scheduler_uri": "{url}"}}]"#
        ))
    }

    /// Puts programs in front of all others: names and shell scripts.
    pub(crate) fn with_programs(mut self, programs: &[(&str, &str)]) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = self.home().join("bin");
        std::fs::create_dir(&folder).unwrap();
        for (name, script) in programs {
            let file = folder.join(name);
            std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = std::env::var("PATH").unwrap();
        self.env
            .push(("PATH", format!("{}:{path}", folder.display())));
        self
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn run(&self, args: &[impl AsRef<str>]) -> Output {
        Command::new(self.program)
            .args(args.iter().map(AsRef::as_ref))
            .current_dir(&self.folder)
            .env("AURORA_CONFIG_ROOT", self.home.path())
            .env("HOME", self.home.path())
            .env("AURORA_PYTHON", python())
            .env("LOGNAME", "www-data")
            .env("TZ", "UTC")
            .env_remove("COLUMNS")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap()
    }
}

/// An interpreter with pystachio: `AURORA_PYTHON`, else the one that `scripts/test` prepares.
fn python() -> PathBuf {
    let prepared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target/venv/bin/python");
    let python = match std::env::var_os("AURORA_PYTHON") {
        Some(named) => PathBuf::from(named),
        None if prepared.exists() => prepared,
        None => PathBuf::from("python3"),
    };
    let works = Command::new(&python)
        .args(["-c", "import pystachio"])
        .output();
    assert!(
        works.is_ok_and(|output| output.status.success()),
        "`{}` cannot import pystachio: run `python3 -m venv target/venv && target/venv/bin/pip install pystachio==0.8.10`, or set AURORA_PYTHON",
        python.display()
    );
    python
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A response with a result, or with a message.
pub(crate) fn response(
    code: ResponseCode,
    result: Option<CallResult>,
    message: Option<&str>,
) -> Response {
    Response {
        response_code: code,
        result,
        server_info: None,
        details: message
            .map(|message| ResponseDetail {
                message: Some(message.to_owned()),
            })
            .into_iter()
            .collect(),
    }
}

/// A success with a result.
pub(crate) fn ok(result: CallResult) -> Response {
    response(ResponseCode::Ok, Some(result), None)
}

/// A success with nothing to tell.
pub(crate) fn done() -> Response {
    response(ResponseCode::Ok, None, None)
}

/// A job's tasks, as instances and states.
pub(crate) fn tasks(states: &[(i32, ScheduleStatus)]) -> Response {
    let tasks = states
        .iter()
        .map(|(instance, status)| ScheduledTask {
            assigned_task: AssignedTask {
                task_id: format!("task-{instance}"),
                instance_id: *instance,
                task: TaskConfig {
                    job: Some(JobKey::new("www-data", "prod", "hello")),
                    ..TaskConfig::default()
                },
                ..AssignedTask::default()
            },
            status: *status,
            task_events: vec![TaskEvent {
                timestamp: 1000,
                status: *status,
                ..TaskEvent::default()
            }],
            ..ScheduledTask::default()
        })
        .collect();
    ok(CallResult::ScheduleStatus(ScheduleStatusResult { tasks }))
}

/// What a command said, and what it asked the scheduler.
pub(crate) struct Told {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
    pub(crate) calls: Vec<Call>,
    /// The scheduler's address in this run.
    pub(crate) url: String,
}

/// Runs a command against a scheduler of cluster `direct` that gives these answers.
pub(crate) fn converse(args: &[&str], answers: Vec<(&str, Response)>) -> Told {
    converse_as(args, answers, Client::direct)
}

/// The same, with a client made for the scheduler's address.
pub(crate) fn converse_as(
    args: &[&str],
    answers: Vec<(&str, Response)>,
    client: impl FnOnce(&str) -> Client,
) -> Told {
    let answers = answers
        .into_iter()
        .map(|(method, response)| {
            Canned::ok(encode_reply(Protocol::Binary, method, 0, &response).unwrap())
        })
        .collect();
    let scheduler = CannedScheduler::start(answers);
    let url = scheduler.url.clone();
    let output = client(&url).run(args);
    let calls = scheduler
        .requests()
        .iter()
        .map(|request| decode_call(Protocol::Binary, &request.body).unwrap().call)
        .collect();
    Told {
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
        code: output.status.code().unwrap(),
        calls,
        url,
    }
}
