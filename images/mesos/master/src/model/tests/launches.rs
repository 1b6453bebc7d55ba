//! Launches with executors of the framework's own, alone and in groups.

use mesos_proto::mesos::TaskState;
use mesos_proto::mesos::task_status::Reason;
use mesos_proto::messages::RunTaskMessage;
use mesos_proto::scheduler::call;

use super::tasks::{Set, set};
use super::world::{events, sent, statuses, task, task_with_executor};
use crate::model::OfferId;

#[test]
fn an_executor_is_paid_for_once_and_until_it_exits() {
    let mut it = set(&[]);
    let agent = it.agent.clone();
    let two = ["t1", "t2"].map(|id| task_with_executor(id, &agent, "cpus:1;mem:64", "e"));
    it.launch(two.to_vec());
    let run = sent::<RunTaskMessage>(&it.world.effects());
    let new: Vec<bool> = run.iter().map(RunTaskMessage::launch_executor).collect();
    assert_eq!(new, [true, false]);
    let used = |it: &Set| {
        it.world.master.agents[&it.agent]
            .used_total()
            .scalar("cpus")
    };
    assert_eq!(used(&it), 2.1);
    for id in ["t1", "t2"] {
        it.world
            .update(&it.framework, &agent, id, TaskState::TASK_FINISHED);
    }
    assert_eq!(used(&it), 0.1);
    it.world.effects();
    let mut exited = mesos_proto::messages::ExitedExecutorMessage::new();
    exited.slave_id = agent.field();
    exited.framework_id = it.framework.field();
    exited.executor_id = run[0].task.executor.executor_id.clone();
    exited.set_status(9);
    it.world.master.exited_executor(exited.clone());
    assert_eq!(used(&it), 0.0);
    let told = events(&it.world.effects(), it.stream);
    assert_eq!(told[0].failure.status(), 9);
    assert_eq!(told[0].failure.executor_id.value(), "e");
    it.world.master.exited_executor(exited);
    assert!(
        events(&it.world.effects(), it.stream).is_empty(),
        "it exits once"
    );
}

#[test]
fn a_group_is_launched_as_a_whole_or_not_at_all() {
    use mesos_proto::mesos::offer::{Operation, operation};
    use mesos_proto::mesos::{ExecutorInfo, NetworkInfo, TaskInfo, container_info, executor_info};
    use mesos_proto::messages::RunTaskGroupMessage;
    use mesos_wire::resources::{Format, parse};

    type Change = fn(&mut ExecutorInfo, &mut TaskInfo);
    let docker: Change = |_, task| {
        task.container
            .mut_or_insert_default()
            .set_type(container_info::Type::DOCKER);
        task.container
            .mut_or_insert_default()
            .docker
            .mut_or_insert_default();
    };
    let networked: Change = |_, task| {
        let container = task.container.mut_or_insert_default();
        container.set_type(container_info::Type::MESOS);
        container.network_infos.push(NetworkInfo::new());
        let check = task.health_check.mut_or_insert_default();
        check.set_type(mesos_proto::mesos::health_check::Type::TCP);
        check.tcp.mut_or_insert_default().set_port(80);
    };
    let other: Change = |executor, task| {
        let mut other = executor.clone();
        other.set_name("another".into());
        task.executor = protobuf::MessageField::some(other);
    };
    let with = |text: &str| parse(text, "*").expect("resources").to_protos(Format::Pre);
    let small: Change = |executor, _| executor.resources.retain(|r| r.name() != "cpus");
    let forgetful: Change = |executor, _| {
        let mem = executor.resources.iter_mut().find(|r| r.name() == "mem");
        mem.expect("some")
            .scalar
            .mut_or_insert_default()
            .set_value(16.0);
    };
    let diskless: Change = |executor, _| executor.resources.retain(|r| r.name() != "disk");
    let cases: [(&str, Change, Option<&str>); 8] = [
        ("cpus:1;mem:32", |_, _| {}, None),
        ("cpus:9;mem:32", |_, _| {}, Some("Total resources")),
        (
            "cpus:1;mem:32",
            docker,
            Some("Task 'b' is invalid: Docker ContainerInfo is not supported on the task"),
        ),
        (
            "cpus:1;mem:32",
            networked,
            Some(
                "Task 'b' is invalid: HTTP and TCP health checks are not supported for nested containers not joining parent's network",
            ),
        ),
        (
            "cpus:1;mem:32",
            other,
            Some("The `ExecutorInfo` of task 'b' is different from executor 'default'"),
        ),
        (
            "cpus:1;mem:32",
            small,
            Some("Executor 'default' uses less CPUs (None) than the minimum required (0.01)"),
        ),
        (
            "cpus:1;mem:32",
            forgetful,
            Some("Executor 'default' uses less memory (16MB) than the minimum required (32MB)"),
        ),
        (
            "cpus:1;mem:32",
            diskless,
            Some("Executor 'default' uses no disk"),
        ),
    ];
    for (second, change, want) in cases {
        let mut it = set(&[]);
        let mut executor = ExecutorInfo::new();
        executor.set_type(executor_info::Type::DEFAULT);
        executor
            .executor_id
            .mut_or_insert_default()
            .set_value("default".into());
        executor.framework_id = it.framework.field();
        executor.resources = with("cpus:0.1;mem:32;disk:32");
        let mut tasks = vec![
            task("a", &it.agent, "cpus:1;mem:32"),
            task("b", &it.agent, second),
        ];
        change(&mut executor, &mut tasks[1]);
        let offers = std::mem::take(&mut it.offers);
        it.world
            .call(&it.framework, it.stream, call::Type::ACCEPT, |call| {
                let mut launch = Operation::new();
                launch.set_type(operation::Type::LAUNCH_GROUP);
                let group = launch.launch_group.mut_or_insert_default();
                group.executor = protobuf::MessageField::some(executor);
                group.task_group.mut_or_insert_default().tasks = tasks;
                let accept = call.accept.mut_or_insert_default();
                accept.offer_ids = offers.iter().map(OfferId::proto).collect();
                accept.operations.push(launch);
            })
            .expect("allowed");
        let effects = it.world.effects();
        let run = sent::<RunTaskGroupMessage>(&effects);
        let refused = statuses(&effects, it.stream);
        match want {
            None => {
                assert_eq!(run[0].task_group.tasks.len(), 2);
                assert!(run[0].launch_executor() && refused.is_empty());
            }
            Some(text) => {
                assert!(run.is_empty());
                assert_eq!(refused.len(), 2);
                for status in &refused {
                    assert!(status.message().starts_with(text), "{}", status.message());
                    assert_eq!(status.reason(), Reason::REASON_TASK_GROUP_INVALID);
                }
            }
        }
    }
}
