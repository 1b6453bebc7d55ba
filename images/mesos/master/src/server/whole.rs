//! Required values inside of maps. The protobuf library does not look there when it reads: a task that lacks
//! one would be taken, and lost on its way, because the agent's own reading fails.

use mesos_proto::mesos::offer::Operation;
use mesos_proto::mesos::{FrameworkInfo, TaskInfo};
use mesos_proto::scheduler::{self, call};
use mesos_proto::v1_scheduler;

/// Whether nothing is lacking in a call of the v1 API. Read from JSON, it has been looked at already.
pub(super) fn is_whole(call: &v1_scheduler::Call) -> bool {
    accept(&call.accept)
        && framework(&call.subscribe.framework_info)
        && framework(&call.update_framework.framework_info)
}

/// Whether nothing is lacking in a call of a driver's.
pub(super) fn is_whole_message(call: &scheduler::Call) -> bool {
    accept(&call.accept)
        && framework(&call.subscribe.framework_info)
        && framework(&call.update_framework.framework_info)
}

/// Whether tasks have a value for each of their limits.
pub(super) fn tasks(tasks: &[TaskInfo]) -> bool {
    let mut limits = tasks.iter().flat_map(|task| task.limits.values());
    limits.all(|limit| limit.has_value())
}

fn accept(accept: &call::Accept) -> bool {
    accept.operations.iter().all(|operation: &Operation| {
        tasks(&operation.launch.task_infos) && tasks(&operation.launch_group.task_group.tasks)
    })
}

fn framework(info: &FrameworkInfo) -> bool {
    let filters = info.offer_filters.values();
    let mut all = filters.flat_map(|filter| &filter.min_allocatable_resources.quantities);
    all.all(|some| {
        some.quantities
            .values()
            .all(|quantity| quantity.has_value())
    })
}

#[cfg(test)]
mod tests {
    use mesos_proto::mesos::offer_filters::ResourceQuantities;
    use protobuf::Message as _;

    use super::*;

    /// What is lacking cannot be sent on, and that is what a check is for.
    #[test]
    fn a_limit_without_a_value_is_missed() {
        let mut call = v1_scheduler::Call::new();
        assert!(is_whole(&call));
        let mut task = TaskInfo::new();
        task.set_name("t".into());
        task.task_id.mut_or_insert_default().set_value("t".into());
        task.slave_id.mut_or_insert_default().set_value("a".into());
        task.limits.insert("cpus".into(), Default::default());
        let bytes = task.write_to_bytes().expect("the library writes it");
        assert!(
            TaskInfo::parse_from_bytes(&bytes).is_err(),
            "and does not read it"
        );
        let mut operation = Operation::new();
        operation.launch.mut_or_insert_default().task_infos = vec![task];
        let accept = call.accept.mut_or_insert_default();
        accept.operations.push(operation);
        assert!(!is_whole(&call));
        let operation = &mut call.accept.mut_or_insert_default().operations[0];
        let task = &mut operation.launch.mut_or_insert_default().task_infos[0];
        task.limits.entry("cpus".into()).or_default().set_value(1.0);
        assert!(is_whole(&call));
    }

    #[test]
    fn a_filter_without_a_value_is_missed() {
        let mut call = scheduler::Call::new();
        let change = |call: &mut scheduler::Call, change: fn(&mut Vec<ResourceQuantities>)| {
            let subscribe = call.subscribe.mut_or_insert_default();
            let info = subscribe.framework_info.mut_or_insert_default();
            let filter = info.offer_filters.entry("*".into()).or_default();
            let least = filter.min_allocatable_resources.mut_or_insert_default();
            change(&mut least.quantities);
        };
        change(&mut call, |least| least.push(Default::default()));
        assert!(is_whole_message(&call));
        change(&mut call, |least| {
            let cpus = ("cpus".into(), Default::default());
            least[0].quantities.extend([cpus]);
        });
        assert!(!is_whole_message(&call));
    }
}
