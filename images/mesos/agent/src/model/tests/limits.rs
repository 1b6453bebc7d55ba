//! Containers that use more than they may.

use super::*;
use mesos_proto::mesos::Resource;

fn limitation() -> Limitation {
    let mut disk = Resource::new();
    disk.set_name("disk".to_string());
    Limitation {
        reason: Reason::REASON_CONTAINER_LIMITATION_DISK,
        message: "Disk usage (2MB) exceeds quota (1MB)".to_string(),
        resources: vec![disk],
    }
}

#[test]
fn a_container_beyond_its_limits_is_destroyed_and_its_tasks_fail_for_that() {
    let (mut model, container) = with_two_tasks();
    model.container_limited(&container, limitation());
    model.container_limited(&container, limitation());
    let effects = model.take_effects();
    let destroyed = effects
        .iter()
        .filter(|effect| matches!(effect, Effect::Destroy(_)));
    assert_eq!(destroyed.count(), 1);
    // Its executor sees a task die first, and does not know why.
    model.executor_update(at(3.0), update("t", "e", TaskState::TASK_FAILED));
    assert!(updates(&model.take_effects()).is_empty());
    model.container_exited(at(3.0), &container, Some(9));
    let effects = model.take_effects();
    let want = |id: &str| {
        (
            id.to_string(),
            TaskState::TASK_FAILED,
            Some(Reason::REASON_CONTAINER_LIMITATION_DISK),
            limitation().message,
        )
    };
    assert_eq!(updates(&effects), [want("t"), want("u")]);
    let told: Vec<StatusUpdateMessage> = sent(&effects);
    let limited = &told[0].update.status.limitation.resources;
    assert_eq!(limited[0].name(), "disk");
}

#[test]
fn limits_of_a_container_that_has_ended_or_never_was_change_nothing() {
    let mut model = running();
    model.run_task(at(2.0), run("t", None));
    let container = container(&model);
    model.container_exited(at(3.0), &container, Some(0));
    model.take_effects();
    model.container_limited(&container, limitation());
    model.container_limited("no", limitation());
    assert!(model.take_effects().is_empty());
}
