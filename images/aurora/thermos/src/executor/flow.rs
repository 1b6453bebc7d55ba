//! The executor's life: subscribe, take one task, see it through, tell the agent, exit.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use mesos_driver::executor::{Driver, Environment, Event, start};
use mesos_proto::mesos::{TaskInfo, TaskState};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::users::User;

use super::announce::Announcement;
use super::assigned::Assigned;
use super::config::Config;
use super::lifecycle;
use super::probe::Probe;
use super::running::{Running, Shown};
use super::sandbox::{self, Kind, Place};
use super::status::Report;
use super::watch::Watchers;

/// How long an executor waits for a task.
const TASK_LIMIT: Duration = Duration::from_secs(10);
/// How long the last update may take to reach an agent that will not come back.
const LAST_UPDATE_LIMIT: Duration = Duration::from_secs(5);

/// Why a task has to end from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Kill,
    Shutdown,
}

impl Stop {
    fn report(self) -> Report {
        Report::new(
            TaskState::TASK_KILLED,
            match self {
                Self::Kill => "Instructed to kill task.",
                Self::Shutdown => "Told to shut down executor.",
            },
        )
    }
}

/// The run's folder.
#[derive(Debug, Clone)]
struct Folder {
    /// As this process finds it.
    path: PathBuf,
    /// As the agent calls it, which is something else in a container.
    on_agent: Option<PathBuf>,
}

/// The task that an executor has, and the way to end it.
struct Current {
    task_id: String,
    stop: watch::Sender<Option<Stop>>,
    done: JoinHandle<()>,
}

/// Runs the executor to its end.
pub(crate) async fn run(config: Config, environment: Environment) -> ExitCode {
    let folder = Folder {
        path: environment.sandbox.clone(),
        on_agent: std::env::var_os("MESOS_DIRECTORY").map(PathBuf::from),
    };
    let patience = match environment.checkpoint {
        true => environment.recovery_timeout,
        false => LAST_UPDATE_LIMIT,
    };
    let (driver, mut events) = start(environment);
    let mut hostname = String::new();
    let mut waiting_until: Option<Instant> = None;
    let mut current: Option<Current> = None;
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = ended(&mut current) => break,
            () = until(waiting_until), if current.is_none() => {
                tracing::error!("Executor timing out.");
                return ExitCode::FAILURE;
            }
        };
        match event {
            Some(Event::Subscribed(subscribed)) => {
                if let Some(agent) = subscribed.slave_info.as_ref() {
                    hostname = agent.hostname().to_string();
                }
                waiting_until.get_or_insert(Instant::now() + TASK_LIMIT);
            }
            Some(Event::Launch(task)) => {
                launch(&mut current, &task, &config, &driver, &hostname, &folder)
            }
            Some(Event::LaunchGroup(group)) => {
                for task in &group.tasks {
                    launch(&mut current, task, &config, &driver, &hostname, &folder);
                }
            }
            Some(Event::Kill { task_id, .. }) => match &current {
                Some(current) if current.task_id == task_id.value() => {
                    current
                        .stop
                        .send_if_modified(|stop| stop.replace(Stop::Kill).is_none());
                }
                _ => tracing::warn!(
                    "told to kill `{}`, which does not run here",
                    task_id.value()
                ),
            },
            Some(Event::Message(_)) => {}
            Some(Event::Error(text)) => tracing::error!("the agent says: {text}"),
            Some(Event::Shutdown) | None => match &mut current {
                Some(current) => {
                    current
                        .stop
                        .send_if_modified(|stop| stop.replace(Stop::Shutdown).is_none());
                    let _ = (&mut current.done).await;
                    break;
                }
                None => return ExitCode::SUCCESS,
            },
        }
    }
    // The agent has to know before this process is gone: it would call the task lost.
    if timeout(patience, driver.settled()).await != Ok(true) {
        tracing::warn!("the agent did not take the last update");
    }
    ExitCode::SUCCESS
}

async fn ended(current: &mut Option<Current>) {
    match current {
        Some(current) => {
            let _ = (&mut current.done).await;
        }
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn launch(
    current: &mut Option<Current>,
    task: &TaskInfo,
    config: &Config,
    driver: &Driver,
    hostname: &str,
    folder: &Folder,
) {
    let task_id = task.task_id.value().to_string();
    if let Some(current) = current {
        let text = format!("Task already running on this executor: {}", current.task_id);
        driver.update(Report::new(TaskState::TASK_LOST, text).status(&task_id));
        return;
    }
    let (stop, stopped) = watch::channel(None);
    let seen = See {
        config: config.clone(),
        driver: driver.clone(),
        folder: folder.clone(),
        task_id: task_id.clone(),
        stopped,
    };
    let assigned = Assigned::read(task, hostname);
    let done = tokio::spawn(async move {
        let report = match assigned {
            Ok(assigned) => seen.through(assigned).await,
            Err(error) => Report::new(TaskState::TASK_FAILED, error.to_string()),
        };
        tracing::info!(
            "task `{}` has ended: {:?} {:?}",
            seen.task_id,
            report.state,
            report.message
        );
        seen.driver.update(report.status(&seen.task_id));
    });
    *current = Some(Current {
        task_id,
        stop,
        done,
    });
}

/// Sees one task through.
struct See {
    config: Config,
    driver: Driver,
    folder: Folder,
    task_id: String,
    stopped: watch::Receiver<Option<Stop>>,
}

impl See {
    fn tell(&self, report: &Report) {
        self.driver.update(report.status(&self.task_id));
    }

    /// Waits until the task has to end.
    async fn stop(&self) -> Stop {
        let mut stopped = self.stopped.clone();
        match stopped.wait_for(Option::is_some).await.map(|stop| *stop) {
            Ok(Some(stop)) => stop,
            _ => std::future::pending().await,
        }
    }

    /// From TASK_STARTING to the end, which is returned.
    async fn through(&self, assigned: Assigned) -> Report {
        self.tell(&Report {
            state: TaskState::TASK_STARTING,
            message: None,
        });
        let announcement = match Announcement::of(&self.config.announcer, &assigned) {
            Ok(announcement) => announcement,
            Err(error) => {
                return Report::new(
                    TaskState::TASK_FAILED,
                    format!("Task initialization failed: {error}"),
                );
            }
        };
        let user = self.user(&assigned);
        let created = sandbox::create(
            &self.folder.path,
            self.folder.on_agent.as_deref(),
            &user,
            &self.kind(&assigned),
        );
        let place = match created {
            Ok(place) => place,
            Err(error) => {
                return Report::new(
                    TaskState::TASK_FAILED,
                    format!("Failed to initialize sandbox: {error}"),
                );
            }
        };
        let mut running = match Running::start(&assigned, &self.config, &place, &user) {
            Ok(running) => running,
            Err(error) => {
                return Report::new(
                    TaskState::TASK_FAILED,
                    format!("Task initialization failed: {error}"),
                );
            }
        };
        let shown = tokio::select! {
            shown = running.shown() => Some(shown),
            _ = self.stop() => None,
        };
        match shown {
            Some(Shown::Task) => {}
            Some(Shown::Nothing(exit)) => return running.report(exit),
            Some(Shown::TooLate) => {
                running.stop(Duration::ZERO).await;
                return Report::new(TaskState::TASK_LOST, "Timed out waiting for task to start!");
            }
            None => {
                running.stop(self.config.stop_timeout).await;
                return Report::new(TaskState::TASK_KILLED, "Task killed during initialization.");
            }
        }
        match self
            .watch(&assigned, &place, announcement, &mut running)
            .await
        {
            Ok(report) => report,
            Err(report) => {
                if !running.has_ended()
                    && let Some(lifecycle) = &assigned.job.lifecycle
                {
                    let asked = lifecycle::stop(lifecycle, &assigned.job.ports, &mut running);
                    let _ = timeout(self.config.stop_timeout, asked).await;
                }
                running.stop(self.config.stop_timeout).await;
                report
            }
        }
    }

    /// Watches a task until it ends (`Ok`) or has to be ended (`Err`).
    async fn watch(
        &self,
        assigned: &Assigned,
        place: &Place,
        announcement: Option<Announcement>,
        running: &mut Running,
    ) -> Result<Report, Report> {
        let job = &assigned.job;
        let check_as = match self.config.nosetuid_health_checks || assigned.in_docker {
            true => None,
            false => User::named(&self.user(assigned)).filter(|user| *user != User::current()),
        };
        let probe = Probe::of(&job.health_check, &job.ports, check_as, place).map_err(|error| {
            Report::new(
                TaskState::TASK_FAILED,
                format!("Internal health check error: {error}"),
            )
        })?;
        let disk = job
            .task
            .resources
            .and_then(|r| u64::try_from(r.disk).ok())
            .filter(|disk| *disk > 0);
        let mut watchers = Watchers::start(
            probe,
            &job.health_check,
            place.sandbox.clone(),
            disk,
            announcement,
        );
        loop {
            let report = tokio::select! {
                biased;
                // What runs for a moment has run: that report comes before the end.
                report = watchers.next() => report,
                exit = running.ended() => return Ok(running.report(exit)),
                stop = self.stop() => return Err(stop.report()),
            };
            if report.state != TaskState::TASK_RUNNING {
                // A runner that ended meanwhile has the better word on how.
                if !running.has_ended() {
                    return Err(report);
                }
                let exit = running.ended().await;
                let state = running.report(exit).state;
                return Ok(Report { state, ..report });
            }
            self.tell(&report);
        }
    }

    fn kind(&self, assigned: &Assigned) -> Kind {
        match &assigned.image {
            Some(volumes) => Kind::Image {
                mount_point: self.config.sandbox_mount_point.clone(),
                volumes: volumes.clone(),
                create_user: !self.config.no_create_user,
            },
            None if assigned.in_docker => Kind::Docker,
            None => Kind::Plain,
        }
    }

    fn user(&self, assigned: &Assigned) -> String {
        if let Some(user) = &self.config.execute_as_user {
            return user.clone();
        }
        match self.config.nosetuid {
            true => User::current().name,
            false => assigned.job.role.clone(),
        }
    }
}
