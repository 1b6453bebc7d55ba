//! The machine of the default executor: single stories as tables, and random sequences.

use mesos_proto::mesos::task_status::Reason;
use mesos_proto::mesos::{
    FrameworkInfo, HealthCheck, KillPolicy, TaskGroupInfo, TaskState, framework_info,
};
use proptest::prelude::*;

use super::machine::{Act, Machine, Sight};
use crate::executor::probe::Seen;
use crate::model::{is_terminal, task_id};
use mesos_proto::mesos::{ContainerID, TaskInfo};
use mesos_proto::v1_agent::response::WaitContainer;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

fn task(id: &str) -> TaskInfo {
    let mut task = TaskInfo::new();
    task.task_id = task_id(id);
    task
}

fn group(tasks: Vec<TaskInfo>) -> TaskGroupInfo {
    let mut group = TaskGroupInfo::new();
    group.tasks = tasks;
    group
}

fn exited(status: i32) -> Result<WaitContainer, String> {
    let mut wait = WaitContainer::new();
    wait.set_exit_status(status);
    Ok(wait)
}

/// A machine that is subscribed, and knows TASK_KILLING.
fn machine() -> Machine {
    let mut framework = FrameworkInfo::new();
    let mut capability = framework_info::Capability::new();
    capability.set_type(framework_info::capability::Type::TASK_KILLING_STATE);
    framework.capabilities.push(capability);
    let mut machine = Machine::default();
    let mut container = ContainerID::new();
    container.set_value("root".into());
    machine.subscribed(Some(framework), container);
    machine
}

fn launch(machine: &mut Machine, now: Instant, tasks: Vec<TaskInfo>) {
    let mut count = 0;
    let ids: Vec<String> = tasks
        .iter()
        .map(|task| task.task_id.value().to_string())
        .collect();
    machine.launch_group(now, &group(tasks), || {
        count += 1;
        format!("c-{}", ids[count - 1])
    });
}

/// The acts in short: `a RUNNING`, `launch a`, `watch a`, `15 a`, `exit`.
fn told(machine: &mut Machine) -> Vec<String> {
    let short = |act: Act| match act {
        Act::Update(status) => {
            let container = &status.container_status.container_id;
            assert_eq!(container.parent.value(), "root");
            let state = format!("{:?}", status.state());
            format!(
                "{} {}",
                status.task_id.value(),
                state.trim_start_matches("TASK_")
            )
        }
        Act::Launch(task, _) => format!("launch {}", task.task_id.value()),
        Act::Watch(task, _) => format!("watch {}", task.task_id.value()),
        Act::Signal(container, signal) => {
            format!("{signal} {}", container.value().trim_start_matches("c-"))
        }
        Act::Exit => "exit".to_string(),
    };
    machine.take_acts().into_iter().map(short).collect()
}

#[test]
fn a_group_runs_when_all_of_it_is_launched_and_falls_with_one_task() {
    let now = Instant::now();
    let mut machine = machine();
    launch(&mut machine, now, vec![task("a"), task("b")]);
    assert_eq!(
        told(&mut machine),
        ["a STARTING", "launch a", "b STARTING", "launch b"]
    );
    machine.launched(now, "b", Ok(()));
    assert!(told(&mut machine).is_empty(), "the other is still to come");
    machine.launched(now, "a", Ok(()));
    assert_eq!(
        told(&mut machine),
        ["a RUNNING", "watch a", "b RUNNING", "watch b"]
    );
    machine.ended(now, "b", exited(1 << 8));
    assert_eq!(told(&mut machine), ["b FAILED", "a KILLING", "15 a"]);
    let later = now + Duration::from_secs(3);
    assert_eq!(machine.deadline(), Some(later));
    machine.tick(later);
    assert_eq!(told(&mut machine), ["9 a"]);
    machine.ended(later, "a", exited(9));
    assert_eq!(told(&mut machine), ["a KILLED", "exit"]);
}

#[test]
fn a_task_that_finishes_leaves_its_group_alone_and_groups_are_apart() {
    let now = Instant::now();
    let mut machine = machine();
    launch(&mut machine, now, vec![task("a"), task("b")]);
    launch(&mut machine, now, vec![task("c")]);
    for key in ["a", "b", "c"] {
        machine.launched(now, key, Ok(()));
    }
    told(&mut machine);
    machine.ended(now, "a", exited(0));
    assert_eq!(told(&mut machine), ["a FINISHED"]);
    machine.ended(now, "c", exited(3 << 8));
    assert_eq!(told(&mut machine), ["c FAILED"]);
    machine.ended(now, "b", exited(0));
    assert_eq!(told(&mut machine), ["b FINISHED", "exit"]);
}

#[test]
fn a_container_that_cannot_be_launched_fails_its_task_and_its_group() {
    let now = Instant::now();
    let mut machine = machine();
    launch(&mut machine, now, vec![task("a"), task("b")]);
    told(&mut machine);
    machine.launched(now, "a", Err("no such user".into()));
    machine.launched(now, "b", Ok(()));
    let acts = machine.take_acts();
    let failed = acts.iter().find_map(|act| match act {
        Act::Update(status) if status.state() == TaskState::TASK_FAILED => Some(status),
        _ => None,
    });
    let failed = failed.expect("told");
    assert_eq!(failed.reason(), Reason::REASON_CONTAINER_LAUNCH_FAILED);
    assert_eq!(failed.message(), "no such user");
    assert!(acts.iter().any(|act| matches!(act, Act::Signal(_, 15))));
    machine.ended(now, "b", exited(15));
    assert_eq!(told(&mut machine), ["b KILLED", "exit"]);
}

#[test]
fn a_kill_before_the_launch_is_said_again_after_it() {
    let now = Instant::now();
    let mut machine = machine();
    launch(&mut machine, now, vec![task("a")]);
    told(&mut machine);
    let mut policy = KillPolicy::new();
    policy
        .grace_period
        .mut_or_insert_default()
        .set_nanoseconds(7_000_000_000);
    machine.kill(now, "a", Some(&policy));
    assert_eq!(told(&mut machine), ["a KILLING", "15 a"]);
    assert_eq!(machine.deadline(), Some(now + Duration::from_secs(7)));
    machine.launched(now, "a", Ok(()));
    assert_eq!(told(&mut machine), ["15 a", "watch a"]);
    machine.ended(now, "a", Err("Container root.c-a cannot be found".into()));
    assert_eq!(told(&mut machine), ["a KILLED", "exit"]);
    machine.kill(now, "a", None);
    assert!(told(&mut machine).is_empty());
}

#[test]
fn an_unhealthy_task_is_killed_and_what_takes_too_long_fails() {
    let now = Instant::now();
    let mut machine = machine();
    let mut sick = task("a");
    let mut check = HealthCheck::new();
    check.set_consecutive_failures(1);
    check.set_grace_period_seconds(0.0);
    sick.health_check = Some(check).into();
    let mut slow = task("b");
    slow.max_completion_time
        .mut_or_insert_default()
        .set_nanoseconds(1_000_000_000);
    launch(&mut machine, now, vec![sick]);
    launch(&mut machine, now, vec![slow]);
    machine.launched(now, "a", Ok(()));
    machine.launched(now, "b", Ok(()));
    told(&mut machine);
    let later = now + Duration::from_millis(1);
    machine.seen(later, "a", &Sight::Health(Seen::Exit(1)));
    assert_eq!(told(&mut machine), ["a RUNNING", "a KILLING", "15 a"]);
    machine.seen(later, "a", &Sight::Health(Seen::Exit(0)));
    assert!(told(&mut machine).is_empty(), "it ends, healthy or not");
    machine.ended(later, "a", exited(15));
    let acts = machine.take_acts();
    assert!(matches!(&acts[0], Act::Update(s) if s.has_healthy() && !s.healthy()));
    machine.tick(now + Duration::from_secs(1));
    assert_eq!(told(&mut machine), ["b KILLING", "9 b"]);
    machine.ended(later, "b", exited(9));
    let acts = machine.take_acts();
    let reason = Reason::REASON_MAX_COMPLETION_TIME_REACHED;
    assert!(matches!(&acts[0], Act::Update(s) if s.reason() == reason));
}

#[test]
fn a_shut_down_ends_every_task_and_an_idle_executor_at_once() {
    let now = Instant::now();
    let mut idle = machine();
    idle.shut_down(now, Duration::from_secs(3));
    assert_eq!(told(&mut idle), ["exit"]);
    let mut machine = machine();
    launch(&mut machine, now, vec![task("a"), task("b")]);
    machine.launched(now, "a", Ok(()));
    machine.launched(now, "b", Ok(()));
    told(&mut machine);
    machine.shut_down(now, Duration::from_secs(3));
    assert_eq!(
        told(&mut machine),
        ["a KILLING", "15 a", "b KILLING", "15 b"]
    );
    launch(&mut machine, now, vec![task("c")]);
    assert!(told(&mut machine).is_empty());
    machine.ended(now, "a", exited(15));
    machine.ended(now, "b", exited(15));
    assert_eq!(told(&mut machine), ["a KILLED", "b KILLED", "exit"]);
}

#[derive(Debug, Clone)]
enum Step {
    Launch(u8),
    Launched(u8, bool),
    Ended(u8, bool),
    Kill(u8),
    Tick(u8),
    Health(u8, bool),
    ShutDown,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u8..4).prop_map(Step::Launch),
        6 => (0u8..12, prop::bool::weighted(0.9)).prop_map(|(n, ok)| Step::Launched(n, ok)),
        4 => (0u8..12, any::<bool>()).prop_map(|(n, ok)| Step::Ended(n, ok)),
        2 => (0u8..12).prop_map(Step::Kill),
        2 => any::<u8>().prop_map(Step::Tick),
        2 => (0u8..12, any::<bool>()).prop_map(|(n, ok)| Step::Health(n, ok)),
        1 => Just(Step::ShutDown),
    ]
}

proptest! {
    /// Whatever happens: a task's updates begin with STARTING and end with one terminal state, nothing
    /// runs that was not launched, and the executor exits once, when nothing is left.
    #[test]
    fn every_task_gets_one_end(steps in prop::collection::vec(step(), 0..60)) {
        let mut now = Instant::now();
        let mut machine = machine();
        let mut launched: Vec<String> = Vec::new();
        let mut pending: Vec<String> = Vec::new();
        let mut running: Vec<String> = Vec::new();
        let mut states: BTreeMap<String, Vec<TaskState>> = BTreeMap::new();
        let mut exits = 0;
        let finish = steps.len();
        let drain = (0u8..200).flat_map(|_| [Step::Launched(0, true), Step::Ended(0, true)]);
        for (at, step) in steps.into_iter().chain(drain).enumerate() {
            let pick = |from: &[String], n: u8| from.get(usize::from(n) % from.len().max(1)).cloned();
            match step {
                Step::Launch(count) if at < finish => {
                    let base = launched.len();
                    let tasks: Vec<TaskInfo> = (0..usize::from(count)).map(|n| task(&format!("t{}", base + n))).collect();
                    launched.extend(tasks.iter().map(|t| t.task_id.value().to_string()));
                    launch(&mut machine, now, tasks);
                }
                Step::Launch(_) => {}
                Step::Launched(n, ok) => if let Some(key) = pick(&pending, n) {
                    pending.retain(|other| *other != key);
                    machine.launched(now, &key, if ok { Ok(()) } else { Err("no".into()) });
                },
                Step::Ended(n, ok) => if let Some(key) = pick(&running, n) {
                    running.retain(|other| *other != key);
                    machine.ended(now, &key, exited(if ok { 0 } else { 256 }));
                },
                Step::Kill(n) => if let Some(key) = pick(&launched, n) { machine.kill(now, &key, None) },
                Step::Tick(seconds) => {
                    now += Duration::from_secs(seconds.into());
                    machine.tick(now);
                }
                Step::Health(n, ok) => if let Some(key) = pick(&launched, n) {
                    machine.seen(now, &key, &Sight::Health(Seen::Connected(ok)));
                },
                Step::ShutDown => machine.shut_down(now, Duration::from_secs(1)),
            }
            for act in machine.take_acts() {
                match act {
                    Act::Launch(task, _) => pending.push(task.task_id.value().to_string()),
                    Act::Watch(task, _) => running.push(task.task_id.value().to_string()),
                    Act::Update(status) => {
                        let all = states.entry(status.task_id.value().to_string()).or_default();
                        let over = all.last().is_some_and(|state| is_terminal(*state));
                        prop_assert!(!over, "an update after the end: {status:?}");
                        prop_assert_eq!(all.is_empty(), status.state() == TaskState::TASK_STARTING);
                        all.push(status.state());
                    }
                    Act::Exit => exits += 1,
                    Act::Signal(..) => {}
                }
            }
        }
        for (task, all) in &states {
            prop_assert!(all.last().is_some_and(|state| is_terminal(*state)), "task {} has not ended: {:?}", task, all);
        }
        prop_assert!(exits <= 1);
        prop_assert!(exits == 1 || states.is_empty(), "nothing is left, and it stays");
    }
}
