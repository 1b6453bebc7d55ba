//! The program: reads its command line, recovers, serves until it is told to stop.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use mesos_proto::mesos::{MasterInfo, Resource, SlaveInfo, slave_info};
use mesos_wire::flags::{Flags, Request, usage};
use mesos_wire::libprocess::{Listener, Process};
use mesos_wire::log;
use mesos_wire::resources::Resources;
use mesos_wire::resources::operation::with_checkpointed;
use mesos_wire::zk::detect;
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

use super::agent::{Agent, ContainerEvents, PROCESS_ID};
use super::collect;
use super::documents::VERSION;
use super::effects::{Exit, carry_out};
use super::isolation;
use super::recovery::{Incompatible, judge, restore};
use super::rest;
use super::routes::Routes;
use crate::appc::Store;
use crate::checkpoint::{self, recover};
use crate::containerizer::docker::{Docker, Settings as DockerSettings};
use crate::containerizer::environment::Contribution;
use crate::containerizer::fetcher::cache::Cache;
use crate::containerizer::{Containers, Settings as ContainerSettings, fetcher, terminal};
use crate::flags;
use crate::model::{Config, ExecutorState, Master, Model};
use crate::nested::{self, Nested};
use crate::settings::{Recover, Settings};

/// Why the agent does not run.
#[derive(Debug, Error)]
enum RunError {
    #[error("cannot listen on `{address}`")]
    Listen {
        address: String,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot use the work directory `{path}`")]
    WorkDir {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Master(#[from] mesos_wire::zk::MasterAddressError),
    #[error(transparent)]
    Incompatible(#[from] Incompatible),
    #[error("{0}")]
    Resources(String),
    #[error("a checkpoint cannot be used: {0}. `--no-strict` starts without it")]
    Recovery(String),
    #[error(
        "Failed to create a containerizer: Could not create DockerContainerizer: Failed to create docker"
    )]
    Docker(#[source] crate::docker::engine::EngineError),
    #[error("Failed to create image stores: Failed to create the images directory")]
    Appc(#[source] std::io::Error),
    #[error("cannot start")]
    Start(#[source] std::io::Error),
}

/// Runs `mesos-agent`; `args` begins with the program's name.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let program = args
        .first()
        .cloned()
        .unwrap_or_else(|| "mesos-agent".into());
    let program = program.to_string_lossy();
    let program = program
        .rsplit('/')
        .next()
        .unwrap_or("mesos-agent")
        .to_string();
    let specs = flags::all();
    let environment = std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    let settings = match Flags::parse(&specs, args.into_iter().skip(1), environment) {
        Ok(Request::Help) => return say(&usage(&program, &specs)),
        Ok(Request::Version) => return say(&format!("mesos {VERSION}\n")),
        Ok(Request::Run(flags)) => Settings::new(flags).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let settings = match settings {
        Ok(settings) => settings,
        Err(text) => {
            complain(&format!("{text}\n\nSee `{program} --help`"));
            return ExitCode::FAILURE;
        }
    };
    let level = settings
        .flags
        .text("log_level")
        .or(settings.flags.text("logging_level"));
    log::init(if settings.flags.is_on("quiet") {
        "error"
    } else {
        level.unwrap_or("info")
    });
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        match run(settings).await {
            Ok(code) => code,
            Err(error) => {
                tracing::error!("{}", chain(&error));
                1
            }
        }
    });
    runtime.shutdown_background();
    ExitCode::from(code)
}

fn say(text: &str) -> ExitCode {
    use std::io::Write as _;
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn complain(text: &str) {
    use std::io::Write as _;
    // There is nobody left to tell if this fails.
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

async fn run(mut settings: Settings) -> Result<u8, RunError> {
    // Signals are heard before anything starts.
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Start)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Start)?;
    let mut leave = signal(SignalKind::user_defined1()).map_err(RunError::Start)?;
    for name in settings.without_effect() {
        tracing::warn!("the flag `{name}` has no effect here");
    }
    for name in &settings.other_modules {
        tracing::warn!("the module `{name}` has no effect here");
    }
    let (process, listener) = bind(&settings).await?;
    let hostname = match &settings.hostname {
        Some(given) => given.clone(),
        None => own_hostname(&settings, &process),
    };
    settings.flags.set("hostname", hostname.clone());
    for built_in in ["help", "version"] {
        settings.flags.set(built_in, "false");
    }
    let config = config(&settings, &process, hostname);
    let began = Instant::now();
    let work_dir = |source| RunError::WorkDir {
        path: settings.work_dir.display().to_string(),
        source,
    };
    fs::create_dir_all(&settings.work_dir).map_err(work_dir)?;
    let recovered = recover(&settings.work_dir);
    let mut model = Model::new(config);
    for error in &recovered.errors {
        tracing::error!("{error}");
        model.counters_mut().recovery_errors += 1;
    }
    if let (Some(error), true) = (recovered.errors.first(), settings.flags.is_on("strict")) {
        return Err(RunError::Recovery(error.clone()));
    }
    compatible(&model, &recovered.resources).map_err(RunError::Resources)?;
    let keeps_id = judge(&settings, &model, &recovered)?;
    let id = recovered
        .agent
        .as_ref()
        .filter(|_| keeps_id)
        .map(|info| info.id.value().to_string());
    let operations = match keeps_id {
        true => recovered.operations.clone(),
        false => Vec::new(),
    };
    model.restore_resources(recovered.resources.clone(), operations);
    let store = checkpoint::Store::open(&settings.work_dir, id.clone()).map_err(work_dir)?;
    if !keeps_id {
        store.forget_agent().map_err(work_dir)?;
    }
    if let Some(id) = &id {
        tracing::info!("recovering agent {id}");
        model.restore_agent(id);
    }
    let (sender, effects) = mpsc::unbounded_channel();
    let cache = Cache::new(settings.cache.0.clone(), settings.cache.1);
    if let Err(error) = cache.clear() {
        let folder = settings.cache.0.display();
        tracing::warn!("cannot empty the fetcher's cache '{folder}': {error}");
    }
    let mut container_settings = container_settings(&settings, &process);
    container_settings.fetcher.cache = Some(cache);
    let (told, ended_sandboxes) = mpsc::unbounded_channel();
    let mut nested = nested_settings(&settings, &container_settings);
    nested.ended =
        Some(told).filter(|_| settings.flags.is_on("gc_non_executor_container_sandboxes"));
    let nested = Nested::new(nested);
    let flags = settings.flags.clone();
    let (gate, acls) = (settings.gate.clone(), settings.acls.clone());
    let agent = Agent::new(model, (flags, gate, acls), process.clone(), nested, sender);
    let docker = match docker_settings(&settings)? {
        Some(wanted) => Some(Docker::connect(wanted).await.map_err(RunError::Docker)?),
        None => None,
    };
    let events = Arc::new(ContainerEvents(agent.clone()));
    let cgroups = isolation::cgroups(&settings);
    let containers = Containers::new(container_settings, events, docker, cgroups);
    let containers = Arc::new(containers.map_err(RunError::Start)?);
    agent.set_containers(containers.clone());
    let (exit, mut exited) = watch::channel(None);
    let work = carry_out(agent.clone(), containers.clone(), store, effects, exit);
    tokio::spawn(work);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serve = tokio::spawn(listener.serve(Arc::new(Routes(agent.clone())), async {
        // An error means that the sender is gone, which is the same.
        let _ = stopped.await;
    }));
    let known = if keeps_id {
        restore(&agent, &containers, recovered)
    } else {
        Vec::new()
    };
    containers.clear_orphans(&known).await;
    collect::retire_left(&agent, &settings.work_dir, id.as_deref());
    let interval = settings.duration("disk_watch_interval");
    let work_dir = settings.work_dir.clone();
    tokio::spawn(collect::collect(agent.clone(), work_dir, interval));
    isolation::watch_disk(&agent, &settings);
    tokio::spawn(collect::retire_sent(agent.clone(), ended_sandboxes));
    let executors = agent.look(executors_that_run);
    agent.nested.recover(&executors);
    agent.act(|model, now| {
        model.counters_mut().recovery_micros = began.elapsed().as_micros() as u64;
        model.recovered(now);
        if settings.recover == Recover::Cleanup {
            model.leave(now, "`--recover=cleanup` is given");
        }
    });
    tracing::info!(
        "agent at {} works in {}",
        process.address(),
        settings.work_dir.display()
    );
    let timeout = settings.duration("zk_session_timeout");
    let leader = detect(&settings.master, timeout)?;
    tokio::spawn(follow(agent.clone(), leader));
    tokio::spawn(keep_time(agent.clone()));
    tokio::spawn(rest::settle(agent.clone()));
    let code = loop {
        tokio::select! {
            _ = terminate.recv() => { tracing::info!("stopping: executors of checkpointing frameworks go on"); break 0 }
            _ = interrupt.recv() => break 0,
            _ = leave.recv() => agent.act(|model, now| model.leave(now, "SIGUSR1 was received")),
            code = ended(&mut exited) => break code,
        }
    };
    // The server may be gone already; then there is nothing to stop.
    let _ = stop.send(());
    let _ = serve.await;
    Ok(code)
}

/// Whether what was made of the agent's resources in an earlier life can be made of those it has now.
fn compatible(model: &Model, checkpointed: &[Resource]) -> Result<(), String> {
    let own = &model.config().info.resources;
    let shown = |resources: &[Resource]| {
        let bag = Resources::from_protos(resources).unwrap_or_default();
        bag.to_string()
    };
    match with_checkpointed(own, checkpointed) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "Checkpointed resources {} are incompatible with agent resources {}: {error}",
            shown(checkpointed),
            shown(own)
        )),
    }
}

async fn ended(exited: &mut watch::Receiver<Exit>) -> u8 {
    match exited.wait_for(Option::is_some).await.as_deref() {
        Ok(Some((code, reason))) => {
            tracing::warn!("exiting: {reason}");
            *code
        }
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

async fn bind(settings: &Settings) -> Result<(Process, Listener), RunError> {
    let bound = Process::bind(settings.listen, settings.advertise).await;
    bound.map_err(|source| RunError::Listen {
        address: settings.listen.to_string(),
        source,
    })
}

/// The name that is advertised where none is given.
fn own_hostname(settings: &Settings, process: &Process) -> String {
    let ip = process.address().ip().to_string();
    if !settings.flags.is_on("hostname_lookup") {
        return ip;
    }
    if process.address().ip().is_loopback() {
        return "localhost".to_string();
    }
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .filter(|name| !name.is_empty())
        .unwrap_or(ip)
}

fn config(settings: &Settings, process: &Process, hostname: String) -> Config {
    let mut info = SlaveInfo::new();
    info.set_hostname(hostname);
    info.set_port(process.address().port().into());
    info.resources.clone_from(&settings.resources);
    info.attributes.clone_from(&settings.attributes);
    info.set_checkpoint(true);
    let most = settings
        .flags
        .integer("max_completed_executors_per_framework")
        .unwrap_or(150);
    use slave_info::capability::Type;
    Config {
        info,
        pid: process.pid(PROCESS_ID),
        version: VERSION.to_string(),
        capabilities: vec![
            Type::MULTI_ROLE,
            Type::HIERARCHICAL_ROLE,
            Type::RESERVATION_REFINEMENT,
            Type::RESOURCE_PROVIDER,
            Type::RESIZE_VOLUME,
            Type::AGENT_DRAINING,
            Type::AGENT_OPERATION_FEEDBACK,
            Type::TASK_RESOURCE_LIMITS,
        ],
        work_dir: settings.work_dir.clone(),
        launcher_dir: settings
            .flags
            .text("launcher_dir")
            .unwrap_or_default()
            .to_string(),
        switch_user: settings.flags.is_on("switch_user"),
        registration_backoff_factor: settings.duration("registration_backoff_factor"),
        executor_registration_timeout: settings.duration("executor_registration_timeout"),
        executor_reregistration_timeout: settings.duration("executor_reregistration_timeout"),
        executor_shutdown_grace_period: settings.duration("executor_shutdown_grace_period"),
        acls: settings.acls.clone(),
        proof: settings.proof.clone(),
        oversubscription: settings.oversubscription.clone(),
        max_completed_executors: usize::try_from(most).unwrap_or(usize::MAX),
    }
}

fn container_settings(settings: &Settings, process: &Process) -> ContainerSettings {
    let text = |name: &str| settings.flags.text(name).unwrap_or_default().to_string();
    let given_ip = settings.flags.text("ip").map(ToString::to_string);
    ContainerSettings {
        contribution: Contribution {
            pid: process.pid(PROCESS_ID),
            libprocess_ip: given_ip.or_else(|| std::env::var("LIBPROCESS_IP").ok()),
            variables: settings.executor_variables.clone(),
            http_command_executor: settings.flags.is_on("http_command_executor"),
            shutdown_grace_period: settings.duration("executor_shutdown_grace_period"),
            recovery_timeout: settings.duration("recovery_timeout"),
            subscription_backoff_max: settings.duration("executor_reregistration_timeout"),
        },
        fetcher: fetcher::Settings {
            frameworks_home: text("frameworks_home"),
            stall_secs: settings.duration("fetcher_stall_timeout").as_secs(),
            cache: None,
        },
        terminals: terminal::Settings {
            runtime_dir: PathBuf::from(text("runtime_dir")),
            launcher: PathBuf::from(text("launcher_dir")).join("mesos-containerizer"),
        },
        containerizers: text("containerizers"),
        work_dir: settings.work_dir.clone(),
    }
}

fn nested_settings(settings: &Settings, containers: &ContainerSettings) -> nested::Settings {
    let path = |name: &str| PathBuf::from(settings.flags.text(name).unwrap_or_default());
    nested::Settings {
        runtime_dir: path("runtime_dir"),
        work_dir: settings.work_dir.clone(),
        launcher: path("launcher_dir").join("mesos-containerizer"),
        fetcher: containers.fetcher.clone(),
        contribution: containers.contribution.clone(),
        switch_user: settings.flags.is_on("switch_user"),
        ended: None,
    }
}

/// The containers of executors from a former life that run.
fn executors_that_run(model: &Model) -> Vec<String> {
    let running = model.executors().filter(|(_, executor)| {
        executor.process.is_some() && executor.state != ExecutorState::Terminated
    });
    running
        .map(|(_, executor)| executor.container_id.clone())
        .collect()
}

/// How the Docker engine is used, if it is.
fn docker_settings(settings: &Settings) -> Result<Option<DockerSettings>, RunError> {
    let flags = &settings.flags;
    let lists = |flag: &str, name: &str| {
        let all = flags.text(flag).unwrap_or_default();
        all.split(',').any(|one| one.trim() == name)
    };
    let takes_docker = lists("containerizers", "docker");
    let provides = |kind| lists("containerizers", "mesos") && lists("image_providers", kind);
    let takes_images = provides("docker");
    let text = |name: &str| flags.text(name).unwrap_or_default().to_string();
    let store = provides("appc").then(|| Store::open(text("appc_store_dir").into()));
    let store = store.transpose().map_err(RunError::Appc)?;
    let is_used = takes_docker || takes_images || store.is_some();
    Ok(is_used.then(|| DockerSettings {
        socket: text("docker_socket"),
        mapped: text("sandbox_directory"),
        remove_delay: settings.duration("docker_remove_delay"),
        stop_timeout: settings.duration("docker_stop_timeout"),
        kills_orphans: flags.is_on("docker_kill_orphans"),
        has_quota: flags.is_on("cgroups_enable_cfs"),
        launcher_dir: text("launcher_dir").into(),
        work_dir: settings.work_dir.clone(),
        labels: settings.container_labels.clone(),
        takes_docker,
        takes_images,
        store,
    }))
}

/// Tells the model who leads.
async fn follow(agent: Arc<Agent>, mut leader: watch::Receiver<Option<MasterInfo>>) {
    loop {
        let master = leader.borrow_and_update().as_ref().and_then(|info| {
            let pid = info.pid().parse().ok()?;
            let (id, hostname) = (info.id().to_string(), info.hostname().to_string());
            Some(Master { id, pid, hostname })
        });
        agent.act(|model, now| {
            if model.master() != master.as_ref() {
                model.master_detected(now, master);
            }
        });
        if leader.changed().await.is_err() {
            return;
        }
    }
}

/// Lets the model do what is due, when it is.
async fn keep_time(agent: Arc<Agent>) {
    loop {
        let deadline = agent.look(Model::next_deadline);
        let now = agent.now().at;
        match deadline {
            Some(at) if at <= now => agent.act(|model, now| model.tick(now)),
            Some(at) => {
                let until = tokio::time::Instant::now() + (at - now);
                tokio::select! { () = sleep_until(until) => {}, () = agent.wake.notified() => {} }
            }
            None => agent.wake.notified().await,
        }
    }
}
