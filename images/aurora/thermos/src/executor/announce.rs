//! A task's entry in a ZooKeeper serverset (`apache/aurora/executor/common/announcer.py`): an
//! ephemeral member of `<root>/<role>/<environment>/<name>`, for as long as the task runs.

use std::time::Duration;

use mesos_proto::mesos::TaskState;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};
use zookeeper_client::{Acls, Client, CreateMode, Error};

use super::assigned::Assigned;
use super::config::{AnnouncerConfig, ZooKeeperAuth};
use super::status::Report;

/// After how long without a heartbeat ZooKeeper removes the member.
const SESSION: Duration = Duration::from_secs(10);
/// The pauses between two tries, from the first to the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(15));

/// What is announced, and where.
#[derive(Debug, Clone)]
pub(crate) struct Announcement {
    ensemble: String,
    path: String,
    data: String,
    auth: ZooKeeperAuth,
    /// How long the first time may take.
    limit: Duration,
}

impl Announcement {
    /// What a task announces; `None` where it, or the executor, does not. The error is told to
    /// whoever launched the task.
    pub(crate) fn of(
        config: &AnnouncerConfig,
        assigned: &Assigned,
    ) -> Result<Option<Self>, String> {
        let job = &assigned.job;
        let (Some(ensemble), Some(announce)) = (&config.ensemble, &job.announce) else {
            return Ok(None);
        };
        let path = match &announce.zk_path {
            None => format!(
                "{}/{}/{}/{}",
                config.root.trim_end_matches('/'),
                job.role,
                job.environment,
                job.name
            ),
            Some(path) if config.allow_custom_path && path.starts_with('/') => path.clone(),
            Some(path) if config.allow_custom_path => {
                return Err(format!("the serverset path `{path}` must start with `/`"));
            }
            Some(path) => {
                return Err(format!(
                    "the serverset path `{path}` is not allowed: `--announcer-allow-custom-serverset-path` is off"
                ));
            }
        };
        let check = &job.health_check;
        #[expect(
            clippy::cast_precision_loss,
            reason = "no job allows that many failures"
        )]
        let limit = check.initial_interval_secs
            + check.max_consecutive_failures as f64 * check.interval_secs;
        let host = config.hostname.as_deref().unwrap_or(&assigned.hostname);
        Ok(Some(Self {
            ensemble: ensemble.clone(),
            path,
            data: member(host, &job.ports, &announce.primary_port, assigned.instance),
            auth: config.auth.clone(),
            limit: Duration::try_from_secs_f64(limit.max(1.0)).unwrap_or(Duration::from_secs(15)),
        }))
    }

    /// Keeps the task announced until it is dropped. Tells when the first time takes too long.
    pub(crate) async fn keep(self, reports: mpsc::Sender<Report>) {
        let deadline = Instant::now() + self.limit;
        let Ok((mut client, mut member)) = timeout_at(deadline, self.join()).await else {
            let report = Report::new(
                TaskState::TASK_FAILED,
                "Creating Announcer Serverset timed out.",
            );
            let _ = reports.send(report).await;
            return;
        };
        loop {
            lost(&client, &member).await;
            tracing::info!("the announcement `{member}` is gone; announcing again");
            (client, member) = self.join().await;
        }
    }

    /// Becomes a member, however long that takes.
    async fn join(&self) -> (Client, String) {
        let (mut pause, longest) = RETRY;
        loop {
            match self.enter().await {
                Ok((client, member)) => {
                    tracing::info!("announced as `{member}`");
                    return (client, member);
                }
                Err(error) => tracing::warn!("cannot announce at `{}` yet: {error}", self.ensemble),
            }
            sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }

    async fn enter(&self) -> Result<(Client, String), Error> {
        let mut connector = Client::connector()
            .with_session_timeout(SESSION)
            .with_server_version(3, 4, 14)
            .with_fail_eagerly();
        for (scheme, credential) in &self.auth.credentials {
            connector = connector.with_auth(scheme, credential.as_bytes());
        }
        let client = connector.connect(&self.ensemble).await?;
        let acls = match self.auth.acl.is_empty() {
            true => Acls::anyone_all(),
            false => Acls::new(&self.auth.acl),
        };
        match client
            .mkdir(&self.path, &CreateMode::Persistent.with_acls(acls))
            .await
        {
            Ok(()) | Err(Error::NodeExists) => {}
            Err(error) => return Err(error),
        }
        let prefix = format!("{}/member_", self.path);
        let options = CreateMode::EphemeralSequential.with_acls(acls);
        let (_, sequence) = client
            .create(&prefix, self.data.as_bytes(), &options)
            .await?;
        Ok((client, format!("{prefix}{sequence}")))
    }
}

/// Waits until the member is gone: removed by somebody, or with its session.
async fn lost(client: &Client, member: &str) {
    while !client.state().is_terminated() {
        match client.check_and_watch_stat(member).await {
            Ok((None, _)) => return,
            Ok((Some(_), watcher)) => {
                watcher.changed().await;
            }
            Err(_) => sleep(RETRY.0).await,
        }
    }
}

/// A member's data.
fn member(
    host: &str,
    ports: &std::collections::BTreeMap<String, i64>,
    primary: &str,
    instance: i32,
) -> String {
    let endpoint = |port: i64| json!({"host": host, "port": port});
    let additional: Map<String, Value> = ports
        .iter()
        .map(|(name, port)| (name.clone(), endpoint(*port)))
        .collect();
    json!({
        "status": "ALIVE",
        "additionalEndpoints": additional,
        "serviceEndpoint": endpoint(ports.get(primary).copied().unwrap_or(0)),
        "shard": instance,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{Assignment, Job};

    fn assigned(announce: Value) -> Assigned {
        let data = json!({
            "role": "www-data", "environment": "prod", "name": "hello", "announce": announce,
            "task": {"processes": [{"name": "p", "cmdline": "c"}]},
        });
        let assignment = Assignment {
            ports: [("http".to_string(), 31000)].into(),
            ..Assignment::default()
        };
        Assigned {
            task_id: "t".into(),
            instance: 2,
            hostname: "agent-1".into(),
            job: Job::from_executor_data(&data.to_string(), &assignment).unwrap(),
            in_docker: false,
            image: None,
        }
    }

    fn config(ensemble: Option<&str>, allow_custom_path: bool) -> AnnouncerConfig {
        AnnouncerConfig {
            ensemble: ensemble.map(str::to_string),
            root: "/aurora".into(),
            allow_custom_path,
            hostname: None,
            auth: ZooKeeperAuth::default(),
        }
    }

    #[test]
    fn a_member_says_where_the_task_is() {
        let task = assigned(
            json!({"primary_port": "http", "portmap": {"aurora": "http", "admin": "8080"}}),
        );
        let announcement = Announcement::of(&config(Some("zk:2181"), false), &task)
            .unwrap()
            .unwrap();
        assert_eq!(announcement.path, "/aurora/www-data/prod/hello");
        let data: Value = serde_json::from_str(&announcement.data).unwrap();
        assert_eq!(
            data,
            json!({
                "status": "ALIVE",
                "additionalEndpoints": {
                    "http": {"host": "agent-1", "port": 31000},
                    "aurora": {"host": "agent-1", "port": 31000},
                    "admin": {"host": "agent-1", "port": 8080},
                },
                "serviceEndpoint": {"host": "agent-1", "port": 31000},
                "shard": 2,
            })
        );
        assert_eq!(announcement.limit, Duration::from_secs(15));
    }

    #[test]
    fn nothing_is_announced_where_nobody_asks_and_custom_paths_need_leave() {
        let plain = assigned(json!({}));
        assert!(
            Announcement::of(&config(None, false), &plain)
                .unwrap()
                .is_none()
        );
        let custom = assigned(json!({"zk_path": "/my/path"}));
        assert!(
            Announcement::of(&config(Some("zk"), false), &custom)
                .unwrap_err()
                .contains("not allowed")
        );
        let allowed = Announcement::of(&config(Some("zk"), true), &custom)
            .unwrap()
            .unwrap();
        assert_eq!(allowed.path, "/my/path");
    }
}
