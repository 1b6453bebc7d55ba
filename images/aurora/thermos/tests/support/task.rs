//! A task for an executor, and what is left of it.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use aurora_api::{AssignedTask, Container, ExecutorConfig, JobKey, Protocol, TaskConfig};
use aurora_thermos::checkpoint::{TaskHistory, TaskPaths, read_all};
use mesos_proto::mesos::{TaskInfo, TaskState};
use serde_json::{Value, json};

use crate::agent::Agent;

pub(crate) const TASK: &str = "role-devel-job-0-1234";

/// The user that tasks run as: another one where that is possible.
pub(crate) fn role() -> String {
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let uid = std::fs::metadata("/proc/self").unwrap().uid().to_string();
    let own = passwd
        .lines()
        .find(|line| line.split(':').nth(2) == Some(&uid))
        .and_then(|line| line.split(':').next());
    match root && passwd.lines().any(|line| line.starts_with("www-data:")) {
        true => "www-data".to_string(),
        false => own.expect("the tests' user has a name").to_string(),
    }
}

/// A job of these processes, in order.
pub(crate) fn job(processes: &[(&str, &str)], more: Value) -> Value {
    let specs: Vec<Value> = processes
        .iter()
        .map(|(name, cmdline)| json!({"name": name, "cmdline": cmdline, "max_failures": 1, "min_duration": 1}))
        .collect();
    let order: Vec<&str> = processes.iter().map(|(name, _)| *name).collect();
    let mut job = json!({
        "role": role(), "environment": "devel", "name": "job", "cluster": "devcluster", "service": false,
        "task": {
            "name": "job", "processes": specs, "constraints": [{"order": order}], "finalization_wait": 5,
            "resources": {"cpu": 1.0, "ram": 1048576, "disk": 8388608},
        },
    });
    job.as_object_mut()
        .unwrap()
        .extend(more.as_object().cloned().unwrap_or_default());
    job
}

pub(crate) fn task_info(data: &Value, ports: &[(&str, u16)]) -> TaskInfo {
    task_info_in(data, ports, None)
}

pub(crate) fn task_info_in(
    data: &Value,
    ports: &[(&str, u16)],
    container: Option<Container>,
) -> TaskInfo {
    task_info_of(&role(), data, ports, container)
}

/// The task of a job that is somebody else's.
pub(crate) fn task_info_of(
    role: &str,
    data: &Value,
    ports: &[(&str, u16)],
    container: Option<Container>,
) -> TaskInfo {
    let assigned = AssignedTask {
        task_id: TASK.into(),
        slave_id: Some("S".into()),
        slave_host: Some("192.168.33.10".into()),
        task: TaskConfig {
            job: Some(JobKey {
                role: role.into(),
                environment: "devel".into(),
                name: "job".into(),
            }),
            executor_config: Some(ExecutorConfig {
                name: Some("AuroraExecutor".into()),
                data: Some(data.to_string()),
            }),
            container,
            ..TaskConfig::default()
        },
        assigned_ports: ports
            .iter()
            .map(|(name, port)| (name.to_string(), i32::from(*port)))
            .collect::<BTreeMap<_, _>>(),
        instance_id: 0,
    };
    let mut task = TaskInfo::new();
    task.set_name("job".into());
    task.task_id.mut_or_insert_default().set_value(TASK.into());
    task.slave_id.mut_or_insert_default().set_value("S".into());
    task.set_data(Protocol::Binary.encode(&assigned).unwrap());
    task
}

pub(crate) async fn exit(mut child: Child) -> ExitStatus {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < deadline, "the executor does not exit");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A run's folder that other users can reach.
pub(crate) fn run_folder() -> tempfile::TempDir {
    let run = tempfile::tempdir().unwrap();
    std::fs::set_permissions(
        run.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    run
}

pub(crate) fn paths(run: &Path) -> TaskPaths {
    TaskPaths::new(run.join("checkpoints"), TASK)
}

pub(crate) fn history(run: &Path) -> TaskHistory {
    TaskHistory::replay(&read_all(&paths(run).runner()).unwrap())
}

pub(crate) fn log(run: &Path, path: &str) -> String {
    std::fs::read_to_string(run.join("sandbox/.logs").join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) const STARTED: [(TaskState, &str); 2] = [
    (TaskState::TASK_STARTING, ""),
    (
        TaskState::TASK_RUNNING,
        "No health-check defined, task is assumed healthy.",
    ),
];

pub(crate) fn assert_said(agent: &Agent, said: &[(TaskState, &str)]) {
    let said: Vec<(TaskState, String)> = said
        .iter()
        .map(|(state, text)| (*state, text.to_string()))
        .collect();
    assert_eq!(agent.said(), said);
}
