//! The observer's JSON documents, key by key as the original's.

use serde_json::{Map, Value, json};

use crate::checkpoint::{ProcessState, ProcessStatus};
use crate::proc;

use super::catalog::{Task, Which};
use super::resources::Usage;
use super::view::Observer;

/// `/j/task_ids`.
pub(crate) fn task_ids(observer: &Observer, which: Which, offset: usize, num: usize) -> Value {
    let listing = observer.list(which, offset, num);
    let tasks: Vec<Value> = listing
        .rows
        .iter()
        .map(|row| {
            let summary = &row.summary;
            let mut map = Map::new();
            map.insert("task_id".into(), json!(summary.task_id));
            map.insert("name".into(), json!(summary.name));
            map.insert("role".into(), json!(summary.user));
            map.insert("launch_timestamp".into(), json!(summary.launched));
            map.insert("state".into(), json!(summary.state));
            map.insert("state_timestamp".into(), json!(summary.state_since));
            map.insert("ports".into(), ports(&summary.ports));
            consumption(&mut map, &row.usage, row.disk);
            Value::Object(map)
        })
        .collect();
    json!({
        "tasks": tasks,
        "type": listing.which.name(),
        "offset": listing.offset,
        "num": listing.num,
        "task_count": listing.count,
    })
}

/// `/j/task_id_count`.
pub(crate) fn task_id_count(observer: &Observer) -> Value {
    let (active, finished) = observer.catalog.counts();
    json!({"active": active, "finished": finished, "all": active + finished})
}

/// `/j/task`. `None` where one of the tasks is unknown.
pub(crate) fn tasks<'a>(observer: &Observer, ids: impl Iterator<Item = &'a str>) -> Option<Value> {
    let mut all = Map::new();
    for id in ids {
        all.insert(id.to_string(), task(observer, &observer.catalog.task(id)?));
    }
    Some(Value::Object(all))
}

fn task(observer: &Observer, task: &Task) -> Value {
    let summary = &task.summary;
    let (usage, disk) = observer.used(task, &proc::all());
    let mut used = Map::new();
    consumption(&mut used, &usage, disk);
    let in_state = |states: &[ProcessState]| -> Vec<&str> {
        task.history
            .processes
            .iter()
            .filter(|runs| {
                runs.runs
                    .last()
                    .is_some_and(|run| states.contains(&run.state))
            })
            .map(|runs| runs.process.as_str())
            .collect()
    };
    json!({
        "task_id": summary.task_id,
        "name": summary.name,
        "launch_timestamp": summary.launched,
        "state": summary.state,
        "state_timestamp": summary.state_since,
        "user": summary.user,
        "resource_consumption": used,
        "ports": ports(&summary.ports),
        "processes": {
            "waiting": in_state(&[ProcessState::Waiting]),
            "running": in_state(&[ProcessState::Forked, ProcessState::Running]),
            "success": in_state(&[ProcessState::Success]),
            "failed": in_state(&[ProcessState::Failed, ProcessState::Lost]),
            "killed": in_state(&[ProcessState::Killed]),
        },
        "task": task.json,
    })
}

/// `/j/process`: a run of a process, its last where none is named; `{}` where there is none.
pub(crate) fn process(
    observer: &Observer,
    task_id: &str,
    process: &str,
    run: Option<usize>,
) -> Value {
    let Some(task) = observer.catalog.task(task_id) else {
        return json!({});
    };
    let runs = task.history.runs(process);
    let number = run.or_else(|| runs.len().checked_sub(1));
    match number.and_then(|number| Some((number, runs.get(number)?))) {
        Some((number, status)) => run_document(observer, &task, number, status),
        None => json!({}),
    }
}

/// `/j/processes`: the last runs of all processes of some tasks.
pub(crate) fn processes<'a>(observer: &Observer, ids: impl Iterator<Item = &'a str>) -> Value {
    let mut all = Map::new();
    for id in ids {
        let mut documents = Map::new();
        if let Some(task) = observer.catalog.task(id) {
            for runs in &task.history.processes {
                if let Some((number, status)) = task.history.current(&runs.process) {
                    documents.insert(
                        runs.process.clone(),
                        run_document(observer, &task, number, status),
                    );
                }
            }
        }
        all.insert(id.to_string(), Value::Object(documents));
    }
    Value::Object(all)
}

fn run_document(observer: &Observer, task: &Task, number: usize, status: &ProcessStatus) -> Value {
    let mut map = Map::new();
    map.insert("process_name".into(), json!(status.process));
    map.insert("process_run".into(), json!(number));
    map.insert("state".into(), json!(status.state.to_string()));
    if let Some(start) = status.start_time {
        map.insert("start_time".into(), json!(start));
    }
    let (code, stop) = status.told_end();
    if let Some(stop) = stop {
        map.insert("stop_time".into(), json!(stop));
    }
    if let Some(code) = code.filter(|code| *code != 0) {
        map.insert("return_code".into(), json!(code));
    }
    if task.found.active && status.state == ProcessState::Running {
        let mut used = Map::new();
        observer
            .used_by(task, status, &proc::all())
            .fields(&mut used);
        map.insert("used".into(), Value::Object(used));
    }
    Value::Object(map)
}

fn consumption(map: &mut Map<String, Value>, usage: &Usage, disk: u64) {
    usage.fields(map);
    map.insert("disk".into(), json!(disk));
}

fn ports(ports: &[(String, i64)]) -> Value {
    ports
        .iter()
        .map(|(name, port)| (name.clone(), json!(port)))
        .collect::<Map<_, _>>()
        .into()
}

/// `/vars.json`: what the original says of its own process.
pub(crate) fn vars(observer: &Observer) -> Map<String, Value> {
    let uname = nix::sys::utsname::uname().ok();
    let part = |part: Option<&std::ffi::OsStr>| {
        part.map(|p| p.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let program = std::env::current_exe()
        .map(|path| path.to_string_lossy().into_owned())
        .unwrap_or_default();
    let uname = uname.map(|u| {
        [
            part(Some(u.sysname())),
            part(Some(u.nodename())),
            part(Some(u.release())),
            part(Some(u.version())),
            part(Some(u.machine())),
        ]
        .join(" ")
    });
    let mut vars = Map::new();
    vars.insert(
        "sys.uptime".into(),
        json!(observer.started.elapsed().as_secs_f64()),
    );
    vars.insert("sys.version".into(), json!(env!("CARGO_PKG_VERSION")));
    vars.insert("sys.prefix".into(), json!(program));
    vars.insert("sys.exec_prefix".into(), json!(program));
    vars.insert("sys.uname".into(), json!(uname.unwrap_or_default()));
    vars
}
