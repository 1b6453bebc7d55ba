//! `mesos-docker-executor`: the task of the executor is a container of a Docker engine (protocol-flows.md,
//! section 14). It also is what an executor in a container has beside it, as `docker run` is for the original.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use mesos_driver::executor::{Environment, start};
use mesos_proto::mesos::{ContainerInfo, ContainerStatus, NetworkInfo, TaskInfo, network_info};
use mesos_wire::flags::{Flag, Flags, Kind, Request, flag, usage};
use mesos_wire::log;
use mesos_wire::resources::Resources;
use nix::sys::signal::Signal;
use tokio::task::JoinHandle;

use super::run::Executor;
use crate::appc::App;
use crate::containerizer::environment::given;
use crate::docker::attend::{self, NotStarted};
use crate::docker::engine::{EngineError, Inspected};
use crate::docker::forward::Forward;
use crate::docker::spec::{Wanted, spec};
use crate::docker::{Engine, SANDBOX, Source, source};
use crate::model::Share;

const NAME: &str = "mesos-docker-executor";

/// The flags that agents give to it. Those after the ninth are this agent's own.
#[rustfmt::skip]
const FLAGS: [Flag; 14] = [
    flag("container", Kind::Text, None, "The name of the container"),
    flag("docker", Kind::Text, Some("docker"), "Taken for compatibility; the engine is asked itself"),
    flag("docker_socket", Kind::Text, Some("/var/run/docker.sock"), "The engine's socket"),
    flag("sandbox_directory", Kind::Text, None, "The sandbox"),
    flag("mapped_directory", Kind::Text, Some(SANDBOX), "The sandbox, inside of the container"),
    flag("launcher_dir", Kind::Text, None, "Where Mesos' programs are"),
    flag("stop_timeout", Kind::Duration, Some("0ns"), "The least time that a container has to stop"),
    flag("cgroups_enable_cfs", Kind::Bool, Some("false"), "Whether a task's CPUs are the most that it may use"),
    flag("task_environment", Kind::Text, None, "JSON object of more variables"),
    flag("container_labels", Kind::Text, None, "JSON object of labels for the container"),
    flag("attend", Kind::Bool, Some("false"), "Only start a container that was made, copy its output, and end with its status"),
    flag("image", Kind::Text, None, "The engine's name for the image, if not the task's"),
    flag("image_app", Kind::Text, None, "With --image, JSON object of what an appc manifest says of the app"),
    flag("forwards", Kind::Text, None, "With --attend, ports that lead to it, such as `31000:80/tcp,31001:53/udp`"),
];

/// Runs `mesos-docker-executor`; `args` begins with the program's name.
pub fn main(args: Vec<OsString>) -> ExitCode {
    use std::io::Write as _;
    let said = |text: String| match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    };
    log::init("info");
    match Flags::parse(&FLAGS, args.into_iter().skip(1), []) {
        Ok(Request::Help) => said(usage(NAME, &FLAGS)),
        Ok(Request::Version) => said("mesos 1.12.0\n".to_string()),
        Ok(Request::Run(flags)) => match run(&flags) {
            Ok(code) => code,
            Err(text) => {
                tracing::error!("{text}");
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> Result<ExitCode, String> {
    let name = flags
        .text("container")
        .ok_or("missing required option `--container`")?
        .to_string();
    let socket = flags.text("docker_socket").unwrap_or_default().to_string();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let code = runtime.block_on(async {
        if flags.is_on("attend") {
            let forwards = flags.text("forwards").unwrap_or_default();
            let forwards: Result<Vec<Forward>, String> = forwards
                .split(',')
                .filter(|text| !text.is_empty())
                .map(str::parse)
                .collect();
            return Ok(attended(&socket, &name, &forwards?).await);
        }
        let environment = Environment::from_process().map_err(|error| error.to_string())?;
        let labels = object(flags, "container_labels")?;
        let docker = Docker {
            name,
            socket,
            sandbox: flags
                .text("sandbox_directory")
                .map_or_else(|| environment.sandbox.clone(), PathBuf::from),
            mapped: flags
                .text("mapped_directory")
                .unwrap_or(SANDBOX)
                .to_string(),
            grace: environment
                .shutdown_grace_period
                .max(flags.duration("stop_timeout").unwrap_or_default()),
            has_quota: flags.is_on("cgroups_enable_cfs"),
            variables: object(flags, "task_environment")?.into_iter().collect(),
            labels,
            image: flags.text("image").map(ToString::to_string),
            app: app(flags)?,
        };
        let (driver, events) = start(environment.clone());
        Ok(Executor::new(driver, environment, None)
            .with_docker(docker)
            .run(events)
            .await)
    });
    runtime.shutdown_background();
    code
}

fn object(flags: &Flags, name: &str) -> Result<BTreeMap<String, String>, String> {
    flags
        .text(name)
        .filter(|text| !text.is_empty())
        .map_or(Ok(BTreeMap::new()), |text| {
            serde_json::from_str(text)
                .map_err(|error| format!("flag `{name}` is no JSON object of texts: {error}"))
        })
}

fn app(flags: &Flags) -> Result<Option<App>, String> {
    let read = |text| {
        serde_json::from_str(text).map_err(|error| format!("flag `image_app` is no app: {error}"))
    };
    flags.text("image_app").map(read).transpose()
}

/// What `docker run` is: the exit code is the container's.
async fn attended(socket: &str, name: &str, forwards: &[Forward]) -> ExitCode {
    let run = async {
        let engine = Engine::connect(socket)
            .await
            .map_err(|e| NotStarted::refused(&e))?;
        let attended = attend::start(&engine, name, forwards).await?;
        attended.ended().await.map_err(|e| NotStarted::refused(&e))
    };
    match run.await {
        Ok(status) => ExitCode::from(u8::try_from(status & 0xff).unwrap_or(u8::MAX)),
        Err(error) => {
            complain(&error.text);
            ExitCode::from(u8::try_from(error.status).unwrap_or(u8::MAX))
        }
    }
}

/// Says why in the sandbox, as the engine's client would.
fn complain(text: &str) {
    use std::io::Write as _;
    // Where it cannot be said the status says it.
    let _ = writeln!(io::stderr(), "docker: {text}");
}

/// How tasks are run in containers.
#[derive(Debug, Clone)]
pub(super) struct Docker {
    name: String,
    socket: String,
    sandbox: PathBuf,
    mapped: String,
    pub(super) grace: Duration,
    has_quota: bool,
    variables: Vec<(String, String)>,
    labels: BTreeMap<String, String>,
    image: Option<String>,
    app: Option<App>,
}

/// Where a task's container is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    engine: Engine,
    name: String,
    pub(super) address: IpAddr,
}

impl Place {
    /// Runs a command of a check in the container; its exit status.
    pub(super) async fn exec(
        &self,
        command: &mesos_proto::mesos::CommandInfo,
    ) -> Result<i32, String> {
        let run = if command.shell() {
            vec![
                "/bin/sh".to_string(),
                "-c".to_string(),
                command.value().to_string(),
            ]
        } else {
            let arguments = command.arguments.iter().skip(1).cloned();
            [command.value().to_string()]
                .into_iter()
                .chain(arguments)
                .collect()
        };
        let env = given(command.environment.as_ref());
        let env = env
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let status = self
            .engine
            .exec(&self.name, run, env)
            .await
            .map_err(|e| e.to_string())?;
        i32::try_from(status).map_err(|_| format!("the command ended with {status}"))
    }
}

/// A task's container.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) place: Place,
    inspected: Inspected,
    ended: JoinHandle<Result<i64, EngineError>>,
}

impl Docker {
    fn image<'a>(&'a self, container: &'a ContainerInfo) -> &'a str {
        match (&self.image, source(container)) {
            (Some(image), _) => image,
            (None, Some(Source::Docker(image))) => image,
            (None, _) => "",
        }
    }

    /// Makes the container of a task and starts it.
    pub(super) async fn start(&self, task: &TaskInfo) -> Result<Container, NotStarted> {
        let refused = |error: EngineError| NotStarted::refused(&error);
        let engine = Engine::connect(&self.socket).await.map_err(refused)?;
        let host = engine.host().await.map_err(refused)?;
        let role = task
            .resources
            .first()
            .map(|r| r.allocation_info.role().to_string());
        let mut variables = self.variables.clone();
        variables.extend(role.map(|role| ("MESOS_ALLOCATION_ROLE".to_string(), role)));
        let mut command = task.command.get_or_default().clone();
        if let Some(app) = &self.app {
            let failed = |text| NotStarted { status: 0, text };
            command = app.command(&command).map_err(failed)?;
            variables = app.variables().chain(variables).collect();
        }
        let wanted = Wanted {
            image: self.image(&task.container),
            working_directory: self.app.as_ref().map(|app| app.start(&self.mapped)),
            container: &task.container,
            command: &command,
            environment: variables,
            name: &self.name,
            sandbox: &self.sandbox,
            mapped: &self.mapped,
            share: share(task),
            ports: ports(task),
            has_quota: self.has_quota,
            labels: &self.labels,
        };
        let spec = spec(&wanted, &host).map_err(|error| NotStarted {
            status: 0,
            text: format!("Failed to create docker run options: {error}"),
        })?;
        for folder in &spec.folders {
            std::fs::create_dir_all(folder).map_err(|error| {
                NotStarted::wrong(format!("cannot make '{}': {error}", folder.display()))
            })?;
        }
        engine
            .create(&self.name, spec.body)
            .await
            .map_err(refused)?;
        let attended = attend::start(&engine, &self.name, &spec.forwards).await?;
        let inspected = attended.inspected.clone();
        let address = inspected
            .addresses
            .iter()
            .find_map(|address| address.parse().ok())
            .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Ok(Container {
            place: Place {
                engine,
                name: self.name.clone(),
                address,
            },
            inspected,
            ended: tokio::spawn(attended.ended()),
        })
    }
}

/// How a task that did not start is reported.
pub(super) fn explained(error: &NotStarted) -> String {
    if error.status == 0 {
        return error.text.clone();
    }
    complain(&error.text);
    format!(
        "Container exited with status {}: {}",
        error.status, error.text
    )
}

impl Container {
    /// What the framework is told of it: all that the engine says, and its addresses.
    pub(super) fn described(&self) -> (Vec<u8>, ContainerStatus) {
        let mut status = ContainerStatus::new();
        if !self.inspected.addresses.is_empty() {
            let mut network = NetworkInfo::new();
            for address in &self.inspected.addresses {
                let mut ip = network_info::IPAddress::new();
                ip.set_ip_address(address.clone());
                network.ip_addresses.push(ip);
            }
            status.network_infos.push(network);
        }
        if let Some(pid) = self.inspected.pid {
            status.set_executor_pid(pid);
        }
        (self.inspected.json.clone().into_bytes(), status)
    }

    /// Waits for its end; whether it succeeded, and the words for that.
    pub(super) async fn ended(&mut self) -> io::Result<(bool, String)> {
        match (&mut self.ended).await {
            Ok(Ok(status)) => Ok((
                status == 0,
                format!("Container exited with status {status}"),
            )),
            Ok(Err(error)) => Err(io::Error::other(error)),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// Lets the engine end it: at once, or after it has been asked and given this time.
    pub(super) fn signal(&self, signal: Signal, grace: Duration) {
        let place = self.place.clone();
        tokio::spawn(async move {
            let done = if signal == Signal::SIGKILL {
                place.engine.kill(&place.name, "SIGKILL").await
            } else {
                place.engine.stop(&place.name, grace).await
            };
            if let Err(error) = done {
                tracing::error!("cannot stop container {}: {error}", place.name);
            }
        });
    }
}

fn share(task: &TaskInfo) -> Share {
    let given = Resources::from_protos(&task.resources).unwrap_or_default();
    let limit = |name: &str| task.limits.get(name).map(|limit| limit.value());
    Share {
        cpus: given.scalar("cpus"),
        mem: given.scalar("mem"),
        cpus_limit: limit("cpus"),
        mem_limit: limit("mem"),
        disk: given.scalar("disk"),
        // Only groups that the agent itself makes heed it, as in the original.
        is_lent: false,
    }
}

fn ports(task: &TaskInfo) -> Option<Vec<(u64, u64)>> {
    crate::docker::ports(&task.resources)
}
