//! A configuration's hooks: Python objects whose methods run before and after the client's calls
//! (`apache/aurora/client/hooks/hooked_api.py`). The interpreter that read the file stays for them, and is
//! asked over a socket, a line of JSON for each event.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;

use aurora_api::{Response, ResponseCode};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::sync::Mutex;

use crate::context::combined;
use crate::exit::{self, Failure, Result};
use crate::keys::AuroraKey;

/// The calls that have hooks, with the arguments that hooks are given.
#[derive(Clone, Debug)]
pub enum Method<'a> {
    CreateJob,
    AddInstances {
        key: &'a AuroraKey,
        instance: i32,
        count: i32,
    },
    KillJob {
        key: &'a AuroraKey,
        instances: Option<&'a BTreeSet<i32>>,
        message: Option<&'a str>,
    },
    Restart {
        key: &'a AuroraKey,
        instances: Option<&'a BTreeSet<i32>>,
    },
    StartCronJob {
        key: &'a AuroraKey,
    },
    StartJobUpdate {
        message: Option<&'a str>,
        instances: Option<&'a BTreeSet<i32>>,
    },
}

impl Method<'_> {
    /// What the original calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateJob => "create_job",
            Self::AddInstances { .. } => "add_instances",
            Self::KillJob { .. } => "kill_job",
            Self::Restart { .. } => "restart",
            Self::StartCronJob { .. } => "start_cronjob",
            Self::StartJobUpdate { .. } => "start_job_update",
        }
    }

    fn arguments(&self) -> Json {
        let parts = |key: &AuroraKey| {
            let job = &key.job;
            json!([key.cluster, job.role, job.environment, job.name])
        };
        match self {
            Self::CreateJob => json!({}),
            Self::AddInstances {
                key,
                instance,
                count,
            } => json!({"job_key": parts(key), "instance_id": instance, "count": count}),
            Self::KillJob {
                key,
                instances,
                message,
            } => json!({"job_key": parts(key), "instances": instances, "message": message}),
            Self::Restart { key, instances } => {
                json!({"job_key": parts(key), "instances": instances})
            }
            Self::StartCronJob { key } => json!({"job_key": parts(key)}),
            Self::StartJobUpdate { message, instances } => {
                json!({"message": message, "instances": instances})
            }
        }
    }
}

/// When hooks run.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    Before,
    /// With what the scheduler answered, be it good or bad.
    After(&'a Response),
}

/// What an interpreter is given to be asked over.
pub(crate) struct Channel {
    ours: StdUnixStream,
    /// Its end, and our standard output, which it inherits.
    pub(crate) theirs: StdUnixStream,
    pub(crate) stdout: OwnedFd,
}

impl Channel {
    /// A new one, which whatever is spawned next inherits.
    pub(crate) fn new() -> std::io::Result<Self> {
        let (ours, theirs) = StdUnixStream::pair()?;
        let stdout = std::os::fd::AsFd::as_fd(&std::io::stdout()).try_clone_to_owned()?;
        fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty()))?;
        fcntl(&stdout, FcntlArg::F_SETFD(FdFlag::empty()))?;
        ours.set_nonblocking(true)?;
        Ok(Self {
            ours,
            theirs,
            stdout,
        })
    }

    /// Keeps our end only.
    pub(crate) fn open(self, interpreter: Child) -> Hooks {
        Hooks {
            socket: Mutex::new(self.ours),
            _interpreter: interpreter,
        }
    }
}

/// A job's hooks. The interpreter ends when this is dropped.
#[derive(Debug)]
pub struct Hooks {
    socket: Mutex<StdUnixStream>,
    _interpreter: Child,
}

impl Hooks {
    /// Runs all hooks for an event, and says whether all agree.
    pub async fn run(&self, event: Event<'_>, method: &Method<'_>) -> Result<bool> {
        let mut message =
            json!({"event": "pre", "method": method.name(), "args": method.arguments()});
        if let Event::After(response) = event {
            let code = response.response_code;
            let kind = if code == ResponseCode::Ok {
                "post"
            } else {
                "err"
            };
            message["event"] = kind.into();
            message["response"] = json!({
                "code": code.number(),
                "name": code.name(),
                "messages": [combined(response)],
            });
        }
        self.ask(&message).await.map_err(|error| {
            Failure::new(
                exit::DIED,
                format!("the hooks of {} cannot be run: {error}", method.name()),
            )
        })
    }

    async fn ask(&self, message: &Json) -> std::io::Result<bool> {
        let socket = self.socket.lock().await;
        let mut stream = BufReader::new(UnixStream::from_std(socket.try_clone()?)?);
        stream.write_all(format!("{message}\n").as_bytes()).await?;
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        serde_json::from_str(&line).map_err(|_| std::io::Error::other("Python has ended"))
    }
}
