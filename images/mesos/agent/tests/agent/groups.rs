//! Groups of tasks under the default executor, as real processes.

use std::path::PathBuf;

use crate::folder::{Folder, folder};
use crate::support::{self, *};
use mesos_proto::mesos::volume::source::{self, sandbox_path};
use mesos_proto::mesos::{
    ContainerInfo, ExecutorInfo, TaskInfo, TaskState, Volume, container_info, executor_info,
    task_status, volume,
};
use mesos_proto::messages::{ExitedExecutorMessage, RunTaskGroupMessage, StatusUpdate};

/// The message that runs tasks as a group.
pub(crate) fn run_group(tasks: Vec<TaskInfo>, checkpoint: bool) -> RunTaskGroupMessage {
    let mut one = run(tasks[0].clone(), checkpoint);
    let mut executor = ExecutorInfo::new();
    executor.set_type(executor_info::Type::DEFAULT);
    executor
        .executor_id
        .mut_or_insert_default()
        .set_value("default".into());
    executor.framework_id = framework_id();
    executor.resources = tasks[0].resources.clone();
    let mut message = RunTaskGroupMessage::new();
    message.framework = one.framework.take().into();
    message.executor = Some(executor).into();
    message.task_group.mut_or_insert_default().tasks = tasks;
    message.set_launch_executor(true);
    message
}

fn with_shared_volume(mut task: TaskInfo) -> TaskInfo {
    let mut volume = Volume::new();
    volume.set_container_path("shared".into());
    volume.set_mode(volume::Mode::RW);
    let source = volume.source.mut_or_insert_default();
    source.set_type(source::Type::SANDBOX_PATH);
    let path = source.sandbox_path.mut_or_insert_default();
    path.set_type(sandbox_path::Type::PARENT);
    path.set_path("common".into());
    let mut container = ContainerInfo::new();
    container.set_type(container_info::Type::MESOS);
    container.volumes.push(volume);
    task.container = Some(container).into();
    task
}

/// The updates of a group until this many tasks have ended, in short.
async fn updates(
    master: &mut Master,
    agent: &mesos_wire::pid::Upid,
    ends: usize,
) -> Vec<StatusUpdate> {
    let mut all = Vec::new();
    let mut ended = 0;
    while ended < ends {
        let update = master.update(agent).await;
        use TaskState::*;
        let over = [
            TASK_FINISHED,
            TASK_FAILED,
            TASK_KILLED,
            TASK_LOST,
            TASK_ERROR,
        ];
        ended += usize::from(over.contains(&update.status.state()));
        all.push(update);
    }
    all
}

fn of(all: &[StatusUpdate], task: &str) -> Vec<TaskState> {
    let own = all
        .iter()
        .filter(|update| update.status.task_id.value() == task);
    own.map(|update| update.status.state()).collect()
}

fn sandbox(work: &Folder) -> PathBuf {
    work.path()
        .join("slaves/M-S0/frameworks/M-0000/executors/default/runs/latest")
}

#[tokio::test]
async fn a_group_shares_a_volume_and_falls_with_one_of_its_tasks() {
    let work = folder();
    let mut master = Master::start().await;
    let _agent = support::agent(&master.address(), work.path());
    let agent = master.register("M-S0").await;
    let stays =
        "echo \"$MESOS_CONTAINER_IP $MESOS_ALLOCATION_ROLE\"; echo here > shared/word; sleep 300";
    let fails = "until test -s shared/word; do sleep 0.01; done; cat shared/word >&2; exit 3";
    let tasks = [("stays", stays), ("fails", fails)];
    let tasks = tasks.map(|(id, command)| with_shared_volume(task("M-S0", id, command)));
    master.send(&agent, &run_group(tasks.to_vec(), false));
    let all = updates(&mut master, &agent, 2).await;
    use TaskState::*;
    assert_eq!(
        of(&all, "fails"),
        [TASK_STARTING, TASK_RUNNING, TASK_FAILED]
    );
    assert_eq!(
        of(&all, "stays"),
        [TASK_STARTING, TASK_RUNNING, TASK_KILLING, TASK_KILLED]
    );
    let failed = all
        .iter()
        .find(|update| update.status.state() == TASK_FAILED)
        .expect("one");
    assert_eq!(failed.status.message(), "Command exited with status 3");
    assert_eq!(failed.executor_id.value(), "default");
    let container = &failed.status.container_status.container_id;
    assert!(!container.parent.value().is_empty());
    let killed = all.last().expect("one");
    assert_eq!(
        killed.status.message(),
        "Command terminated with signal Terminated"
    );

    let (_, exited): (_, ExitedExecutorMessage) = master.hear().await;
    assert_eq!(
        (exited.executor_id.value(), exited.status()),
        ("default", 0)
    );
    let read = |path: &str| std::fs::read_to_string(sandbox(&work).join(path)).expect(path);
    assert_eq!(read("tasks/stays/stdout"), "127.0.0.1 *\n");
    assert_eq!(read("tasks/fails/stderr"), "here\n");
    assert_eq!(
        read(&format!("containers/{}/stderr", container.value())),
        "here\n"
    );
    assert_eq!(read("common/word"), "here\n");
}

#[tokio::test]
async fn a_kill_of_one_task_ends_its_group_and_every_process() {
    let work = folder();
    let mut master = Master::start().await;
    let _agent = support::agent(&master.address(), work.path());
    let agent = master.register("M-S0").await;
    let command =
        "echo $$ > pid; trap '' TERM; setsid sleep 300 & echo $! > other; wait; sleep 300";
    let mut stubborn = task("M-S0", "a", command);
    let policy = stubborn.kill_policy.mut_or_insert_default();
    policy
        .grace_period
        .mut_or_insert_default()
        .set_nanoseconds(200_000_000);
    let tasks = vec![stubborn, task("M-S0", "b", "sleep 300")];
    master.send(&agent, &run_group(tasks, false));
    let mut running = 0;
    while running < 2 {
        let update = master.update(&agent).await;
        running += usize::from(update.status.state() == TaskState::TASK_RUNNING);
    }
    let file = sandbox(&work).join("tasks/a/other");
    eventually(|| std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n'))).await;
    let pid = std::fs::read_to_string(&file).expect("there");
    master.kill(&agent, "a");
    let all = updates(&mut master, &agent, 2).await;
    assert_eq!(of(&all, "a").last(), Some(&TaskState::TASK_KILLED));
    assert_eq!(of(&all, "b").last(), Some(&TaskState::TASK_KILLED));
    let a = all
        .iter()
        .rfind(|update| update.status.task_id.value() == "a")
        .expect("one");
    assert_eq!(a.status.message(), "Command terminated with signal Killed");
    ended(pid.trim()).await;
}

#[tokio::test]
async fn a_group_goes_on_under_an_agent_that_restarts() {
    let work = folder();
    let mut master = Master::start().await;
    let port = Port::reserve();
    let mut first = support::agent_at(&master.address(), work.path(), &port);
    let agent = master.register("M-S0").await;
    let tasks = vec![
        task(
            "M-S0",
            "ends",
            "until test -e go; do sleep 0.02; done; exit 5",
        ),
        task("M-S0", "late", "until test -e never; do sleep 0.02; done"),
    ];
    master.send(&agent, &run_group(tasks, true));
    let mut running = 0;
    while running < 2 {
        let update = master.update(&agent).await;
        running += usize::from(update.status.state() == TaskState::TASK_RUNNING);
    }
    first.kill().await.expect("killed");
    // It ends while there is no agent: its status is kept for the next.
    std::fs::write(sandbox(&work).join("tasks/ends/go"), "").expect("written");
    let _second = support::agent_at(&master.address(), work.path(), &port);
    let (agent, _) = master.reregister("M-S0").await;
    let all = updates(&mut master, &agent, 2).await;
    let failed = all
        .iter()
        .find(|update| update.status.state() == TaskState::TASK_FAILED);
    assert_eq!(
        failed.expect("one").status.message(),
        "Command exited with status 5"
    );
    assert_eq!(of(&all, "late").last(), Some(&TaskState::TASK_KILLED));
}

#[tokio::test]
async fn checks_look_into_the_containers_of_their_tasks() {
    let work = folder();
    let mut master = Master::start().await;
    let _agent = support::agent(&master.address(), work.path());
    let agent = master.register("M-S0").await;
    let mut sick = task("M-S0", "sick", "echo x > well; sleep 300");
    let health = sick.health_check.mut_or_insert_default();
    health.set_type(mesos_proto::mesos::health_check::Type::COMMAND);
    health
        .command
        .mut_or_insert_default()
        .set_value("test -e well && rm well".into());
    health.set_delay_seconds(0.5);
    health.set_interval_seconds(0.05);
    // Until it has been healthy once: the command may not have begun when the delay is over.
    health.set_grace_period_seconds(60.0);
    health.set_consecutive_failures(1);
    master.send(&agent, &run_group(vec![sick], false));
    let all = updates(&mut master, &agent, 1).await;
    let reason = task_status::Reason::REASON_TASK_HEALTH_CHECK_STATUS_UPDATED;
    let checked = all.iter().filter(|update| update.status.reason() == reason);
    let healthy: Vec<bool> = checked.map(|update| update.status.healthy()).collect();
    assert_eq!(healthy, [true, false]);
    let last = &all.last().expect("one").status;
    assert_eq!(
        (last.state(), last.healthy()),
        (TaskState::TASK_KILLED, false)
    );
}

#[tokio::test]
async fn a_command_that_cannot_be_executed_runs_and_fails() {
    let work = folder();
    let mut master = Master::start().await;
    let _agent = support::agent(&master.address(), work.path());
    let agent = master.register("M-S0").await;
    let missing = |id: &str| {
        let mut task = task("M-S0", id, "/no/such/program");
        task.command.mut_or_insert_default().set_shell(false);
        task
    };
    let want = [
        TaskState::TASK_STARTING,
        TaskState::TASK_RUNNING,
        TaskState::TASK_FAILED,
    ];
    for (id, grouped) in [("alone", false), ("grouped", true)] {
        if grouped {
            master.send(&agent, &run_group(vec![missing(id)], false));
        } else {
            master.send(&agent, &run(missing(id), false));
        }
        let all = updates(&mut master, &agent, 1).await;
        assert_eq!(of(&all, id), want, "case {id}");
        let last = &all.last().expect("one").status;
        assert_eq!(last.message(), "Command exited with status 1", "case {id}");
    }
    let text = std::fs::read_to_string(sandbox(&work).join("tasks/grouped/stderr"));
    assert_eq!(
        text.expect("there"),
        "Failed to execute command: No such file or directory\n"
    );
}
