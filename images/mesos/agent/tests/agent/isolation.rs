//! Tasks that use more than they may.

use std::fs;
use std::path::{Path, PathBuf};

use mesos_proto::mesos::{Resource, TaskInfo, TaskState, task_status::Reason, value};
use mesos_proto::messages::StatusUpdate;
use mesos_wire::pid::Upid;
use serde_json::Value;

use crate::folder::folder;
use crate::support::{self, *};

fn task_with_disk(command: &str) -> TaskInfo {
    let mut task = task("M-S0", "t1", command);
    let mut disk = Resource::new();
    disk.set_name("disk".to_string());
    disk.set_type(value::Type::SCALAR);
    disk.scalar.mut_or_insert_default().set_value(1.0);
    disk.allocation_info
        .mut_or_insert_default()
        .set_role("*".to_string());
    task.resources.push(disk);
    task
}

async fn until(master: &mut Master, agent: &Upid, state: TaskState) -> StatusUpdate {
    loop {
        let update = master.update(agent).await;
        if update.status.state() == state {
            return update;
        }
    }
}

const FILLS: &str = "head -c 3000000 /dev/zero > big; sleep 300";

#[tokio::test]
async fn a_task_whose_sandbox_outgrows_its_disk_fails_for_that_reason() {
    let work = folder();
    let mut master = Master::start().await;
    let flags = [
        "--isolation=posix/cpu,disk/du",
        "--enforce_container_disk_quota",
        "--container_disk_watch_interval=50ms",
    ];
    let _agent = support::agent_flagged(&master.address(), work.path(), &flags);
    let agent = master.register("M-S0").await;
    master.send(&agent, &run(task_with_disk(FILLS), false));
    let failed = until(&mut master, &agent, TaskState::TASK_FAILED).await;
    let status = failed.status.as_ref().expect("a status");
    assert_eq!(status.reason(), Reason::REASON_CONTAINER_LIMITATION_DISK);
    let message = status.message();
    assert!(message.starts_with("Disk usage ("), "{message}");
    assert!(message.ends_with(") exceeds quota (1MB)"), "{message}");
    let limited = status.limitation.resources.first().expect("a resource");
    assert_eq!((limited.name(), limited.scalar.value()), ("disk", 1.0));
}

#[tokio::test]
async fn a_sandbox_is_measured_and_left_alone_where_its_quota_is_not_enforced() {
    let work = folder();
    let mut master = Master::start().await;
    let flags = [
        "--isolation=disk/du",
        "--container_disk_watch_interval=50ms",
    ];
    let _agent = support::agent_flagged(&master.address(), work.path(), &flags);
    let agent = master.register("M-S0").await;
    master.send(&agent, &run(task_with_disk(FILLS), false));
    until(&mut master, &agent, TaskState::TASK_RUNNING).await;
    loop {
        let (_, all) = get(&agent, "/monitor/statistics").await;
        let all: Value = serde_json::from_str(&all).expect("JSON");
        let statistics = &all[0]["statistics"];
        assert_eq!(statistics["disk_limit_bytes"], 1 << 20, "{all}");
        if statistics["disk_used_bytes"].as_u64() > Some(2_900_000) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    master.kill(&agent, "t1");
    until(&mut master, &agent, TaskState::TASK_KILLED).await;
}

/// A root of control groups of a test's own, which goes with it.
struct Groups {
    name: String,
    folders: Vec<PathBuf>,
}

impl Groups {
    /// `None` where the kernel's hierarchies of version 1 cannot be written.
    fn new() -> Option<Self> {
        let name = format!("mesos-test-{}", std::process::id());
        let folders =
            ["memory", "cpu"].map(|one| Path::new("/sys/fs/cgroup").join(one).join(&name));
        let made = folders.iter().all(|folder| fs::create_dir(folder).is_ok());
        let folders = folders.to_vec();
        made.then_some(Self { name, folders })
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for folder in &self.folders {
            let inside = fs::read_dir(folder).into_iter().flatten().flatten();
            for group in inside.filter(|entry| entry.path().is_dir()) {
                let _ = fs::remove_dir(group.path());
            }
            let _ = fs::remove_dir(folder);
        }
    }
}

#[tokio::test]
async fn memory_and_cpu_are_limited_where_control_groups_can_be_written() {
    let work = folder();
    let groups = Groups::new();
    let mut master = Master::start().await;
    let root = groups.as_ref().map_or("mesos", |groups| &groups.name);
    let root = format!("--cgroups_root={root}");
    let mut flags = vec![
        "--isolation=cgroups/cpu,cgroups/mem",
        "--cgroups_enable_cfs",
        &root,
    ];
    if groups.is_none() {
        flags.push("--cgroups_hierarchy=/no/such/hierarchy");
    }
    let _agent = support::agent_flagged(&master.address(), work.path(), &flags);
    let agent = master.register("M-S0").await;
    master.send(&agent, &run(task("M-S0", "t1", "sleep 300"), false));
    let running = until(&mut master, &agent, TaskState::TASK_RUNNING).await;
    let container = running
        .status
        .container_status
        .container_id
        .value()
        .to_string();
    if let Some(groups) = &groups {
        let read = |folder: usize, file: &str| {
            let path = groups.folders[folder].join(&container).join(file);
            let text = fs::read_to_string(&path);
            text.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
                .trim()
                .to_string()
        };
        // The task's half and the executor's tenth; 64 MB and the executor's 32.
        assert_eq!(read(0, "memory.limit_in_bytes"), (96 << 20).to_string());
        assert_eq!(read(1, "cpu.shares"), "614");
        assert_eq!(read(1, "cpu.cfs_quota_us"), "60000");
        assert!(read(0, "cgroup.procs").lines().count() >= 2);
    }
    master.kill(&agent, "t1");
    until(&mut master, &agent, TaskState::TASK_KILLED).await;
    let Some(groups) = &groups else {
        return;
    };
    eventually(|| {
        groups
            .folders
            .iter()
            .all(|folder| !folder.join(&container).exists())
    })
    .await;
    let hog = "head -c 400000000 /dev/zero | tail -c 399000000 > /dev/null";
    master.send(&agent, &run(task("M-S0", "t2", hog), false));
    let failed = until(&mut master, &agent, TaskState::TASK_FAILED).await;
    let status = failed.status.as_ref().expect("a status");
    assert_eq!(
        status.reason(),
        Reason::REASON_CONTAINER_LIMITATION_MEMORY,
        "{status}"
    );
    let message = status.message();
    assert!(
        message.starts_with(
            "Memory limit exceeded: Requested: 96MB Maximum Used: 96MB\n\nMEMORY STATISTICS: \n"
        ),
        "{message}"
    );
    let limited = status.limitation.resources.first().expect("a resource");
    assert_eq!((limited.name(), limited.scalar.value()), ("mem", 96.0));
}
