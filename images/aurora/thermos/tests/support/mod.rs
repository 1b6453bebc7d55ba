//! What several tests share: an agent's work directory with two ended tasks, as the recording has them.

use std::path::{Path, PathBuf};

use aurora_thermos::checkpoint::{
    ProcessState, ProcessStatus, Record, RunnerHeader, TaskPaths, TaskState, TaskStatus, Writer,
};
use serde_json::{Value, json};

pub(crate) const FINISHED: &str = "www-data-finish-0-379661d9-9ba5-4959-aa9c-921f9dc6505d";
pub(crate) const FAILED: &str = "www-data-fail-0-84275377-62ed-41be-8124-6935a5d3976d";

/// A task, written down as its runner would have.
pub(crate) struct Recorded {
    pub(crate) task_id: String,
    pub(crate) json: Value,
    pub(crate) states: Vec<(TaskState, i64)>,
    /// Process, start, end, return code.
    pub(crate) runs: Vec<(&'static str, f64, f64, i32)>,
    pub(crate) active: bool,
    pub(crate) ports: Vec<(String, i64)>,
}

/// The run's folder of a task's executor.
pub(crate) fn run_folder(root: &Path, task_id: &str) -> PathBuf {
    root.join(format!(
        "slaves/S0/frameworks/F/executors/thermos-{task_id}/runs/R"
    ))
}

pub(crate) fn write(root: &Path, task: &Recorded) -> PathBuf {
    let run = run_folder(root, &task.task_id);
    let sandbox = run.join("sandbox");
    let paths = TaskPaths::new(run.join("checkpoints"), &task.task_id);
    for folder in [
        &sandbox,
        &paths.streams(),
        paths.active().parent().unwrap(),
        paths.finished().parent().unwrap(),
    ] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let file = if task.active {
        paths.active()
    } else {
        paths.finished()
    };
    std::fs::write(file, task.json.to_string()).unwrap();
    let mut writer = Writer::open(&paths.runner()).unwrap();
    let mut append = |record| writer.append(&record).unwrap();
    let mut states = task.states.iter().map(|(state, at)| {
        Record::Task(TaskStatus {
            state: *state,
            timestamp_ms: *at * 1000 + 7,
            runner_pid: 1,
            runner_uid: 0,
        })
    });
    append(states.next().unwrap());
    append(Record::Header(RunnerHeader {
        task_id: task.task_id.clone(),
        launch_time_ms: task.states[0].1 * 1000,
        sandbox: sandbox.to_string_lossy().into_owned(),
        log_dir: Some(sandbox.join(".logs").to_string_lossy().into_owned()),
        hostname: "127.0.0.1".into(),
        user: "www-data".into(),
        uid: Some(33),
        ports: task.ports.clone(),
    }));
    for (process, start, stop, code) in &task.runs {
        let mut status = ProcessStatus::new(*process, 0, ProcessState::Waiting);
        append(Record::Process(status.clone()));
        status = ProcessStatus::new(*process, 1, ProcessState::Forked);
        status.fork_time = Some(*start);
        status.coordinator_pid = Some(2);
        append(Record::Process(status));
        status = ProcessStatus::new(*process, 2, ProcessState::Running);
        status.start_time = Some(*start);
        status.pid = Some(3);
        append(Record::Process(status));
        if *stop > 0.0 {
            let state = if *code == 0 {
                ProcessState::Success
            } else {
                ProcessState::Failed
            };
            status = ProcessStatus::new(*process, 3, state);
            status.stop_time = Some(*stop);
            status.return_code = Some(*code);
            append(Record::Process(status));
        }
    }
    states.for_each(append);
    run
}

fn process(name: &str, cmdline: &str) -> Value {
    json!({"cmdline": cmdline, "daemon": false, "ephemeral": false, "final": false, "max_failures": 1, "min_duration": 1, "name": name})
}

fn task_json(name: &str, processes: &[Value], order: &[&str]) -> Value {
    json!({
        "name": name, "processes": processes, "constraints": [{"order": order}],
        "resources": {"cpu": 0.1, "disk": 67108864, "gpu": 0, "ram": 33554432},
        "max_failures": 1, "max_concurrency": 0, "finalization_wait": 5,
    })
}

/// The two tasks of the recording, with the first's output.
pub(crate) fn recorded_tasks(root: &Path) {
    use TaskState::{Active, Cleaning, Failed, Finalizing, Success};
    let run = write(
        root,
        &Recorded {
            task_id: FINISHED.into(),
            json: task_json(
                "finish",
                &[
                    process("p0", "echo one; sleep 2"),
                    process("p1", "echo two"),
                ],
                &["p0", "p1"],
            ),
            states: vec![
                (Active, 1795263230),
                (Cleaning, 1795263233),
                (Finalizing, 1795263233),
                (Success, 1795263233),
            ],
            runs: vec![
                ("p0", 1795263230.2991378, 1795263232.3046637, 0),
                ("p1", 1795263232.5, 1795263232.6, 0),
            ],
            active: false,
            ports: vec![],
        },
    );
    std::fs::create_dir_all(run.join("sandbox/.logs/p0/0")).unwrap();
    std::fs::write(run.join("sandbox/.logs/p0/0/stdout"), "one\n").unwrap();
    std::fs::write(run.join("sandbox/<b>.txt"), "<script>alert(1)</script>").unwrap();
    std::fs::write(run.join("secret"), "secret").unwrap();
    std::os::unix::fs::symlink("../secret", run.join("sandbox/link")).unwrap();
    std::os::unix::fs::symlink("R", run.parent().unwrap().join("latest")).unwrap();
    write(
        root,
        &Recorded {
            task_id: FAILED.into(),
            json: task_json("fail", &[process("p0", "sleep 1; exit 7")], &["p0"]),
            states: vec![
                (Active, 1795263226),
                (Cleaning, 1795263228),
                (Failed, 1795263228),
            ],
            runs: vec![("p0", 1795263226.8235922, 1795263227.9, 7)],
            active: false,
            ports: vec![],
        },
    );
}
