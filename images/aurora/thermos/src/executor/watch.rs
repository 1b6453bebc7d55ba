//! What goes on around a task while it runs, besides its runner: health, disk, announcement.

use std::path::PathBuf;
use std::time::Duration;

use mesos_proto::mesos::TaskState;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::task::HealthCheckConfig;

use super::announce::Announcement;
use super::disk;
use super::health::{Health, Verdict};
use super::probe::Probe;
use super::status::Report;

/// While this file is in the sandbox, every health check counts as a success.
const SNOOZE: &str = ".healthchecksnooze";

/// Watchers at work. They stop when this is dropped.
pub(crate) struct Watchers {
    reports: mpsc::Receiver<Report>,
    _tasks: JoinSet<()>,
}

impl Watchers {
    /// Starts watching. Without a probe the task runs at once.
    pub(crate) fn start(
        probe: Option<Probe>,
        config: &HealthCheckConfig,
        sandbox: PathBuf,
        disk_limit: Option<u64>,
        announcement: Option<Announcement>,
    ) -> Self {
        let (sender, reports) = mpsc::channel(4);
        let mut tasks = JoinSet::new();
        match probe {
            Some(probe) => {
                tasks.spawn(check_again_and_again(
                    probe,
                    config.clone(),
                    sandbox.clone(),
                    sender.clone(),
                ));
            }
            None => {
                let report = Report::new(
                    TaskState::TASK_RUNNING,
                    "No health-check defined, task is assumed healthy.",
                );
                // The channel was made with room for it.
                let _ = sender.try_send(report);
            }
        }
        if let Some(announcement) = announcement {
            tasks.spawn(announcement.keep(sender.clone()));
        }
        if let Some(limit) = disk_limit {
            tasks.spawn(async move {
                let report = disk::exceeded(sandbox, limit).await;
                let _ = sender.send(report).await;
            });
        }
        Self {
            reports,
            _tasks: tasks,
        }
    }

    /// The next report. Never returns once all watchers are done.
    pub(crate) async fn next(&mut self) -> Report {
        match self.reports.recv().await {
            Some(report) => report,
            None => std::future::pending().await,
        }
    }
}

async fn check_again_and_again(
    probe: Probe,
    config: HealthCheckConfig,
    sandbox: PathBuf,
    reports: mpsc::Sender<Report>,
) {
    let mut health = Health::new(&config);
    let seconds = |secs: f64| {
        Duration::try_from_secs_f64(secs.max(0.001)).unwrap_or(Duration::from_secs(86_400))
    };
    loop {
        let result = match sandbox.join(SNOOZE).exists() {
            true => Ok(()),
            false => probe.check(seconds(config.timeout_secs)).await,
        };
        if let Err(reason) = &result {
            tracing::warn!("health check failure: {reason}");
        }
        let report = match health.checked(result) {
            Verdict::Same => None,
            Verdict::Running => Some(Report::new(TaskState::TASK_RUNNING, "Task is healthy.")),
            Verdict::Unhealthy(reason) => Some(Report::new(
                TaskState::TASK_FAILED,
                format!("Failed health check! {reason}"),
            )),
        };
        if let Some(report) = report {
            let over = report.state != TaskState::TASK_RUNNING;
            if reports.send(report).await.is_err() || over {
                return;
            }
        }
        tokio::time::sleep(seconds(config.interval_secs)).await;
    }
}
