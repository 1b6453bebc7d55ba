//! The scheduler as a process: it starts, stands for election, leads, and ends.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aurora_api::ServerInfo;
use mesos_driver::scheduler as driver;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::discovery::{Endpoint, Group, Leadership, Place, elect, follow};
use crate::engine::{Engine, Lifecycle, describe, now_ms};
use crate::flags::{Configuration, Request, Values, usage};
use crate::framework;
use crate::http::{App, count_panics, router, sample};
use crate::model::Model;
use crate::outside::coordinator::ask_all;
use crate::outside::webhook::Teller;
use crate::store::Store;

/// Threads that serve: requests are short, and commands go one after the other anyway.
const WORKERS: usize = 2;

/// The program `aurora-scheduler`. Exit codes: 0 after an orderly end, 1 after a failure or the loss
/// of the lead, 2 for bad flags.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let arguments: Vec<String> = args
        .iter()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let configuration = Values::parse(&arguments).and_then(|request| match request {
        Request::Run(values) => {
            Configuration::new(&values).map(|configuration| Some((configuration, values)))
        }
        Request::Help => Ok(None),
    });
    let (configuration, values) = match configuration {
        Ok(Some(parts)) => parts,
        Ok(None) => {
            print!("{}", usage());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("aurora-scheduler: {error}");
            eprintln!("hint: `aurora-scheduler -help` lists all flags");
            return ExitCode::from(2);
        }
    };
    mesos_wire::log::init(match values.text("vlog").unwrap_or_default() {
        "SEVERE" | "ERROR" => "error",
        "WARNING" => "warning",
        "FINE" | "FINER" | "FINEST" | "DEBUG" => "debug",
        _ => "info",
    });
    count_panics();
    for flag in values.without_effect() {
        tracing::warn!("the flag `-{flag}` has no effect in this scheduler");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(run(configuration));
            // A connection that lingers must not keep the process.
            runtime.shutdown_timeout(Duration::from_millis(100));
            outcome
        }
        Err(error) => Err(format!("cannot start: {error}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            tracing::error!("ending: {reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(mut configuration: Configuration) -> Result<(), String> {
    let mut term = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let listen = configuration.listen;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    let port = listener
        .local_addr()
        .map_err(|error| error.to_string())?
        .port();
    let endpoint = Endpoint {
        host: configuration.hostname.clone(),
        port,
    };
    configuration.framework.webui_url = format!("http://{endpoint}");
    let place = Place {
        url: configuration.serverset.clone(),
        session_timeout: configuration.session_timeout,
        endpoint: endpoint.clone(),
        endpoint_name: configuration.endpoint_name.clone(),
    };
    let engine = Arc::new(Engine::new(configuration.backups.clone()));
    let server_info = ServerInfo {
        cluster_name: configuration.model.cluster_name.clone(),
        stats_url_prefix: configuration.stats_url_prefix.clone(),
    };
    let cors = configuration.cors.clone();
    if let Some(webhook) = &configuration.webhook {
        let teller = Teller::start(webhook).map_err(|error| describe(&error))?;
        engine.tell(teller);
    }
    let mut app = App::new(
        Arc::clone(&engine),
        server_info,
        endpoint,
        follow(&place),
        cors,
        configuration.stat_retention_period,
    );
    app.security.clone_from(&configuration.security);
    app.teller = engine.teller().cloned();
    let app = Arc::new(app);
    if let Some(asks) = engine.asks() {
        tokio::spawn(ask_all(
            Arc::clone(&engine),
            asks,
            configuration.coordinator_timeout,
            configuration.parallel_coordinators,
        ));
    }
    tracing::info!("listening on {listen}, port {port}");
    let server = axum::serve(listener, router(Arc::clone(&app)));
    let leadership: watch::Sender<Option<Arc<Leadership>>> = watch::Sender::new(None);
    let outcome = tokio::select! {
        served = server.into_future() => served.map_err(|error| error.to_string()),
        led = lead(&configuration, &place, &engine, &leadership, app.group.clone()) => Err(led),
        () = engine.run_timers() => Ok(()),
        () = back_up(&engine, &configuration) => Ok(()),
        () = sample(&app, configuration.stat_sampling_interval) => Ok(()),
        reason = engine.failure() => Err(reason),
        () = app.quit.notified() => Ok(()),
        _ = term.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    engine.enter(Lifecycle::Dead);
    let leadership = leadership.borrow().clone();
    if let Some(leadership) = leadership {
        // ZooKeeper may be gone: then the session's end does it.
        let _ = tokio::time::timeout(Duration::from_secs(1), leadership.resign()).await;
    }
    outcome
}

/// Writes a backup once an interval, while this scheduler leads and has a folder for them.
async fn back_up(engine: &Engine, configuration: &Configuration) {
    loop {
        tokio::time::sleep(configuration.backup_interval).await;
        if configuration.backups.folder.is_none() {
            continue;
        }
        match engine.back_up() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!("no backup was made: {}", describe(&error)),
            Err(not_ready) => tracing::debug!("no backup was made: {not_ready}"),
        }
    }
}

/// Waits to be elected, then leads until the lead is lost; returns why it was.
async fn lead(
    configuration: &Configuration,
    place: &Place,
    engine: &Arc<Engine>,
    elected: &watch::Sender<Option<Arc<Leadership>>>,
    group: watch::Receiver<Group>,
) -> String {
    engine.enter(Lifecycle::PreparingStorage);
    let folder = configuration.store.clone();
    let mut store = match tokio::task::spawn_blocking(move || Store::open(&folder)).await {
        Ok(Ok(store)) => store,
        Ok(Err(error)) => return describe(&error),
        Err(error) => return error.to_string(),
    };
    engine.enter(Lifecycle::StoragePrepared);
    let leadership = Arc::new(elect(place).await);
    elected.send_replace(Some(Arc::clone(&leadership)));
    tracing::info!("elected as the leading scheduler");
    let began = Instant::now();
    let stored = match store.take_over(leadership.epoch, &place.endpoint.to_string()) {
        Ok(stored) => stored,
        Err(error) => return describe(&error),
    };
    tracing::info!(
        "{} tasks and {} updates in the store",
        stored.tasks.len(),
        stored.updates.len()
    );
    let seed = u64::from_be_bytes(uuid_bytes());
    let mut model = Model::new(configuration.model.clone(), stored, seed, now_ms());
    let took = began.elapsed();
    model.stats_mut().time("scheduler_log_recover", took);
    let framework_id = model.framework_id().map(str::to_string);
    engine.lead(model, store, configuration.launcher.clone());
    let info = configuration
        .framework
        .framework_info(framework_id.as_deref());
    let masters = match driver::detect(&configuration.master, configuration.session_timeout) {
        Ok(masters) => masters,
        Err(error) => return describe(&error),
    };
    let mut config = driver::Config::new(info);
    config.credential.clone_from(&configuration.credential);
    let started = match driver::start(config, masters) {
        Ok(started) => started,
        Err(error) => return describe(&error),
    };
    engine.connect(started.calls.clone());
    let registered = tokio::sync::Notify::new();
    tokio::select! {
        () = framework::serve(engine, started, || registered.notify_one()) => {
            "the connection to Mesos ended for good".to_string()
        }
        reason = announce(configuration, place, engine, &leadership, &registered, group) => reason,
        reason = leadership.lost() => format!("the lead is lost: {reason}"),
        () = tokio::time::sleep(configuration.max_leading_duration) => {
            "led for as long as `-max_leading_duration` allows".to_string()
        }
    }
}

/// Announces the leader as soon as Mesos has registered it. Returns only if that fails.
///
/// It is active once it finds itself announced: callers who are told so by `/vars` would else be sent away for a moment,
/// since calls are answered by who is announced.
async fn announce(
    configuration: &Configuration,
    place: &Place,
    engine: &Engine,
    leadership: &Leadership,
    registered: &tokio::sync::Notify,
    mut group: watch::Receiver<Group>,
) -> String {
    let delay = configuration.max_registration_delay;
    if tokio::time::timeout(delay, registered.notified())
        .await
        .is_err()
    {
        return format!("not registered with Mesos within {delay:?} (`-max_registration_delay`)");
    }
    while let Err(error) = leadership.announce().await {
        tracing::warn!("could not announce the leader: {error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let found = group.wait_for(|group| group.contains(&place.endpoint));
    if found.await.is_err() {
        return "the announced schedulers are no longer followed".to_string();
    }
    engine.enter(Lifecycle::Active);
    tracing::info!("announced as the leading scheduler");
    std::future::pending().await
}

/// Eight random bytes.
fn uuid_bytes() -> [u8; 8] {
    let uuid = uuid::Uuid::new_v4();
    let mut bytes = [0; 8];
    for (byte, from) in bytes.iter_mut().zip(uuid.as_bytes()) {
        *byte = *from;
    }
    bytes
}
