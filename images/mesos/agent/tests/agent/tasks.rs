//! The agent as a program, over real sockets, with a master that the test plays.

use std::time::Duration;

use crate::folder::folder;
use crate::support::{self, *};
use mesos_proto::mesos::TaskState;
use mesos_proto::messages::{PongSlaveMessage, ShutdownFrameworkMessage};

#[tokio::test]
async fn a_command_task_runs_to_its_acknowledged_end() {
    let work = folder();
    let mut master = Master::start().await;
    let _agent = support::agent(&master.address(), work.path());
    let agent = master.register("M-S0").await;
    let (observer, _) = master.hear::<PongSlaveMessage>().await;
    assert_eq!(observer, agent);

    let command = "echo out; echo err >&2; echo $A \"$MESOS_ALLOCATION_ROLE\"; exit 3";
    let mut info = task("M-S0", "t1", command);
    let mut variable = mesos_proto::mesos::environment::Variable::new();
    variable.set_name("A".to_string());
    variable.set_value("b".to_string());
    info.command
        .mut_or_insert_default()
        .environment
        .mut_or_insert_default()
        .variables
        .push(variable);
    master.send(&agent, &run(info, false));
    let starting = master.update(&agent).await;
    assert_eq!(starting.status.state(), TaskState::TASK_STARTING);
    assert_eq!(starting.executor_id.value(), "t1");
    assert_eq!(starting.uuid(), starting.status.uuid());
    let container = &starting.status.container_status;
    assert_eq!(
        container.network_infos[0].ip_addresses[0].ip_address(),
        "127.0.0.1"
    );
    assert!(container.executor_pid() > 1);
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_RUNNING);
    let failed = (
        TaskState::TASK_FAILED,
        "Command exited with status 3".to_string(),
    );
    assert_eq!(master.state(&agent).await, failed);

    let sandbox = format!(
        "{}/slaves/M-S0/frameworks/M-0000/executors/t1/runs/latest",
        work.path().display()
    );
    assert_eq!(
        std::fs::read_to_string(format!("{sandbox}/stdout")).expect("there"),
        "out\nb *\n"
    );
    let (status, body) = get(
        &agent,
        &format!("/files/read?path={sandbox}/stdout&offset=4"),
    )
    .await;
    assert_eq!(
        (status, body.as_str()),
        (200, r#"{"data":"b *\n","offset":4}"#)
    );
    let (status, _) = get(&agent, "/files/read?path=/etc/passwd&offset=0").await;
    assert_eq!(status, 404);
    let (status, body) = get(&agent, "/slave(1)/stats.json").await;
    assert_eq!(status, 200);
    assert!(
        body.contains(r#""registered": "1""#) && body.contains(r#""failed_tasks": 1"#),
        "{body}"
    );
}

#[tokio::test]
async fn a_kill_ends_every_process_of_a_task() {
    let work = folder();
    let mut master = Master::start().await;
    let _agent = support::agent(&master.address(), work.path());
    let agent = master.register("M-S0").await;
    let command = "trap 'echo got term; exit 0' TERM; sleep 300 & echo $! > pid; wait";
    master.send(&agent, &run(task("M-S0", "t1", command), false));
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_STARTING);
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_RUNNING);
    let file = work
        .path()
        .join("slaves/M-S0/frameworks/M-0000/executors/t1/runs/latest/pid");
    eventually(|| std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n'))).await;
    let pid = std::fs::read_to_string(&file).expect("there");
    master.kill(&agent, "t1");
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_KILLING);
    let killed = (
        TaskState::TASK_KILLED,
        "Command exited with status 0".to_string(),
    );
    assert_eq!(master.state(&agent).await, killed);
    ended(pid.trim()).await;
}

#[tokio::test]
async fn a_framework_that_is_shut_down_leaves_nothing_running() {
    let work = folder();
    let mut master = Master::start().await;
    let _agent = support::agent(&master.address(), work.path());
    let agent = master.register("M-S0").await;
    master.send(
        &agent,
        &run(task("M-S0", "t1", "trap '' TERM; sleep 300"), false),
    );
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_STARTING);
    let running = master.update(&agent).await;
    let executor = running.status.container_status.executor_pid();
    let mut shutdown = ShutdownFrameworkMessage::new();
    shutdown.framework_id = framework_id();
    master.send(&agent, &shutdown);
    ended(&executor.to_string()).await;
}

#[tokio::test]
async fn executors_of_a_checkpointing_framework_survive_the_agent() {
    let work = folder();
    let mut master = Master::start().await;
    let port = Port::reserve();
    let mut first = support::agent_at(&master.address(), work.path(), &port);
    let agent = master.register("M-S0").await;
    let command = "while [ ! -e go ]; do sleep 0.05; done";
    master.send(&agent, &run(task("M-S0", "t1", command), true));
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_STARTING);
    // The agent dies before this update is acknowledged.
    let (_, unacknowledged): (_, mesos_proto::messages::StatusUpdateMessage) = master.hear().await;
    assert_eq!(
        unacknowledged.update.status.state(),
        TaskState::TASK_RUNNING
    );
    first.kill().await.expect("killed");

    let _second = support::agent_at(&master.address(), work.path(), &port);
    let (agent, reported) = master.reregister("M-S0").await;
    assert_eq!(reported.tasks.len(), 1);
    assert_eq!(reported.tasks[0].state(), TaskState::TASK_RUNNING);
    assert_eq!(reported.frameworks.len(), 1);
    assert!(reported.executor_infos.is_empty());
    let again = master.update(&agent).await;
    assert_eq!(again.uuid(), unacknowledged.update.uuid());
    let run = work
        .path()
        .join("slaves/M-S0/frameworks/M-0000/executors/t1/runs/latest");
    std::fs::write(run.join("go"), "").expect("written");
    let done = (
        TaskState::TASK_FINISHED,
        "Command exited with status 0".to_string(),
    );
    assert_eq!(master.state(&agent).await, done);
}

#[tokio::test]
async fn a_task_that_is_not_healthy_is_killed() {
    use mesos_proto::mesos::health_check;
    let work = folder();
    let mut master = Master::start().await;
    let _agent = support::agent(&master.address(), work.path());
    let agent = master.register("M-S0").await;
    let mut info = task("M-S0", "t1", "touch well; sleep 300");
    let check = info.health_check.mut_or_insert_default();
    check.set_type(health_check::Type::COMMAND);
    // Healthy once, and then no more.
    check
        .command
        .mut_or_insert_default()
        .set_value("rm well".to_string());
    check.set_delay_seconds(0.2);
    check.set_interval_seconds(0.05);
    check.set_grace_period_seconds(60.0);
    check.set_consecutive_failures(2);
    master.send(&agent, &run(info, false));
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_STARTING);
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_RUNNING);
    let mut seen = Vec::new();
    loop {
        let update = master.update(&agent).await;
        let status = &update.status;
        seen.push((
            status.state(),
            status.has_healthy().then(|| status.healthy()),
        ));
        if status.state() == TaskState::TASK_KILLED {
            break;
        }
    }
    let want = [
        (TaskState::TASK_RUNNING, Some(true)),
        (TaskState::TASK_RUNNING, Some(false)),
        (TaskState::TASK_RUNNING, Some(false)),
        (TaskState::TASK_KILLING, Some(false)),
        (TaskState::TASK_KILLED, Some(false)),
    ];
    assert_eq!(seen, want);
}

#[tokio::test]
async fn the_sandbox_of_an_ended_task_is_removed_when_it_is_old_enough() {
    let work = folder();
    let mut master = Master::start().await;
    let flags = ["--gc_delay=1ms", "--disk_watch_interval=200ms"];
    let _agent = support::agent_flagged(&master.address(), work.path(), &flags);
    let agent = master.register("M-S0").await;
    master.send(&agent, &run(task("M-S0", "t1", "sleep 1"), false));
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_STARTING);
    let framework = work.path().join("slaves/M-S0/frameworks/M-0000");
    assert!(framework.join("executors/t1/runs/latest/stdout").exists());
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_RUNNING);
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_FINISHED);
    eventually(|| !framework.exists()).await;
    // It is counted once it is done.
    let counted = async {
        loop {
            let (_, metrics) = get(&agent, "/metrics/snapshot").await;
            let metrics: serde_json::Value = serde_json::from_str(&metrics).expect("JSON");
            if metrics["gc/path_removals_succeeded"].as_f64() >= Some(1.0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), counted)
        .await
        .expect("it is counted");
}
