//! `thermos run`, `simplerun` and `inspect`: tasks that no agent runs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::clock;
use crate::runner;
use crate::task::{Bindings, bind, to_python_json};
use crate::users::User;

use super::Failure;
use super::config::{self, Evaluated, Request};
use super::options::Given;
use super::roots::CHECKPOINTS;
use super::times::stamp;

/// Where `thermos run` runs a task.
const SANDBOX: &str = "/var/lib/thermos/sandbox";
/// What `thermos simplerun` gives its command, in bytes.
const SIMPLE_RAM: i64 = 256 * 1024 * 1024;

/// Runs the task of a configuration.
pub(super) fn run(given: &Given) -> Result<(), Failure> {
    let start = Start::of(given)?;
    let evaluated = evaluated(given, &start)?;
    let sandbox = PathBuf::from(given.text("sandbox").unwrap_or(SANDBOX));
    start.really(&evaluated, &sandbox, given.is_on("enable_chroot"))
}

/// Prints the task of a configuration.
pub(super) fn inspect(given: &Given) -> Result<(), Failure> {
    let start = Start::of(given)?;
    sayln!("{}", evaluated(given, &start)?.pretty);
    Ok(())
}

/// Runs a command line as a task of one process.
pub(super) fn simplerun(given: &Given) -> Result<(), Failure> {
    let start = Start::of(given)?;
    let cmdline = given.args.join(" ");
    sayln!("Running command: '{cmdline}'");
    let name = given.text("name").unwrap_or("simple");
    let task = json!({
        "name": name,
        "processes": [{"name": name, "cmdline": cmdline}],
        "resources": {"cpu": 1.0, "ram": SIMPLE_RAM, "disk": 0},
    });
    let evaluated = config::simple(task, &start.bindings, &start.ports)?;
    let sandbox = new_folder()?;
    start.really(&evaluated, &sandbox, false)
}

fn evaluated(given: &Given, start: &Start) -> Result<Evaluated, Failure> {
    let [file] = given.args.as_slice() else {
        return Err(Failure::Usage(format!(
            "Should specify precisely one config, instead got: {:?}",
            given.args
        )));
    };
    config::evaluate(&Request {
        file,
        json: given.is_on("json"),
        task: given.text("task"),
        bindings: &start.bindings,
        ports: &start.ports,
        user: &start.user,
    })
}

/// How a task is started.
struct Start {
    root: PathBuf,
    user: String,
    task_id: Option<String>,
    ports: BTreeMap<String, i64>,
    bindings: Vec<(String, String)>,
    daemon: bool,
}

impl Start {
    fn of(given: &Given) -> Result<Self, Failure> {
        let mut ports = BTreeMap::new();
        for text in given.all("port") {
            let port = text.split_once(':').and_then(|(name, port)| {
                Some((name.to_string(), i64::from(port.parse::<u16>().ok()?)))
            });
            let (name, port) = port.ok_or_else(|| {
                Failure::Usage(format!(
                    "option -P: invalid value: '{text}' (`NAME:PORT` is allowed)"
                ))
            })?;
            ports.insert(name, port);
        }
        let bindings = given
            .all("environment")
            .iter()
            .map(|text| {
                let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty())?;
                Some((name.to_string(), value.to_string()))
            })
            .collect::<Option<_>>()
            .ok_or_else(|| {
                Failure::Usage("option -E: invalid value (`NAME=VALUE` is allowed)".into())
            })?;
        Ok(Self {
            root: given.text("root").unwrap_or(CHECKPOINTS).into(),
            user: given
                .text("user")
                .map_or_else(|| User::current().name, str::to_string),
            task_id: given.text("task_id").map(str::to_string),
            ports,
            bindings,
            daemon: given.is_on("daemon"),
        })
    }

    fn really(&self, evaluated: &Evaluated, sandbox: &Path, chroot: bool) -> Result<(), Failure> {
        let missing: Vec<&str> = evaluated
            .ports
            .iter()
            .map(String::as_str)
            .filter(|name| !self.ports.contains_key(*name))
            .collect();
        if !missing.is_empty() {
            return Err(Failure::Usage(format!(
                "ERROR!  Unbound ports: {}",
                missing.join(" ")
            )));
        }
        let name = evaluated
            .task
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or("task");
        let task_id = match &self.task_id {
            Some(id) => id.clone(),
            None => format!("{name}-{}", stamp(clock::now())),
        };
        let mut own = Bindings::default();
        own.set(&["thermos", "task_id"], &task_id);
        let (task, _) = bind(&evaluated.task, &evaluated.task, &own)
            .map_err(|error| Failure::Other(error.to_string()))?;
        std::fs::create_dir_all(sandbox)?;
        if let Some(user) = User::named(&self.user)
            && user != User::current()
        {
            std::os::unix::fs::chown(sandbox, Some(user.uid), Some(user.gid))?;
        }
        // The runner reads its task once, before anything else; nothing is left behind.
        let folder = new_folder()?;
        let file = folder.join("task.json");
        let written = std::fs::write(&file, to_python_json(&task));
        let flags = self.flags(&file, sandbox, &task_id, chroot);
        let done = written
            .map_err(Failure::from)
            .and_then(|()| self.start(flags, &file));
        let _ = std::fs::remove_dir_all(&folder);
        done
    }

    fn flags(&self, file: &Path, sandbox: &Path, task_id: &str, chroot: bool) -> Vec<OsString> {
        let path = |name: &str, path: &Path| {
            let mut flag = OsString::from(format!("--{name}="));
            flag.push(path);
            flag
        };
        let mut flags = vec![
            path("thermos_json", file),
            path("sandbox", sandbox),
            path("checkpoint_root", &self.root),
            format!("--task_id={task_id}").into(),
            "--standalone".into(),
        ];
        if self.user != User::current().name {
            flags.push(format!("--setuid={}", self.user).into());
        }
        if chroot {
            flags.push("--enable_chroot".into());
        }
        let ports = self.ports.iter();
        flags.extend(ports.map(|(name, port)| OsString::from(format!("--port={name}:{port}"))));
        flags
    }

    fn start(&self, flags: Vec<OsString>, file: &Path) -> Result<(), Failure> {
        if !self.daemon {
            return match runner::run(flags) {
                runner::ExitStatus::Done => Ok(()),
                runner::ExitStatus::TerminalTask => {
                    Err(Failure::Other("the task has ended before".into()))
                }
                _ => Err(Failure::Silent),
            };
        }
        sayln!("Daemonizing and starting runner.");
        let mut command = runner::this_program(runner::RUNNER);
        command
            .args(flags)
            .arg("--daemon")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command
            .spawn()
            .map_err(|error| Failure::Other(format!("Failed to daemonize: {error}")))?;
        // It has read its task when it has taken the file away.
        while file.exists() {
            if let Some(status) = child.try_wait()? {
                return Err(Failure::Other(format!("the runner has ended: {status}")));
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Ok(())
    }
}

/// A new folder of this user's alone, under the system's one for such.
fn new_folder() -> Result<PathBuf, Failure> {
    let template = std::env::temp_dir().join("thermos-XXXXXX");
    nix::unistd::mkdtemp(&template).map_err(|errno| Failure::Other(format!("{errno}")))
}
