//! The objects that several documents share (http-endpoints §2).

use std::collections::BTreeMap;

use mesos_proto::mesos::{ExecutorInfo, Labels, Task, TaskState, TaskStatus, value};
use mesos_wire::json::{Dialect, to_value};
use mesos_wire::resources::{Format, Resources};
use protobuf::{Enum as _, MessageFull};
use serde_json::{Map, Value, json};

use crate::model::{AgentId, Offer, label};

pub(crate) fn proto(message: &impl MessageFull) -> Value {
    to_value(message, Dialect::V0)
}

/// `[{"key":…,"value":…}]`.
pub(crate) fn labels(labels: &Labels) -> Value {
    labels.labels.iter().map(proto).collect()
}

/// The names of capabilities, or of any list of enum values.
pub(crate) fn names<T: std::fmt::Debug>(values: impl IntoIterator<Item = T>) -> Value {
    values
        .into_iter()
        .map(|value| Value::from(format!("{value:?}")))
        .collect()
}

/// Resources as messages, for the `*_full` keys.
pub(crate) fn full(resources: &Resources) -> Value {
    resources
        .to_protos(Format::Endpoint)
        .iter()
        .map(proto)
        .collect()
}

/// Every resource's sum by name: `{"cpus":0.5,"ports":1001.0}`. Of ranges and sets, it is how many they name.
pub(crate) fn quantities(resources: &Resources) -> Value {
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    for name in resources.scalar_names() {
        sums.insert(name, resources.scalar(name));
    }
    for resource in resources.iter() {
        let count = match resource.type_() {
            value::Type::RANGES => {
                let ranges = resource.ranges.range.iter();
                let each = ranges.map(|r| r.end().saturating_sub(r.begin()).saturating_add(1));
                each.fold(0, u64::saturating_add)
            }
            value::Type::SET => resource.set.item.len() as u64,
            value::Type::SCALAR | value::Type::TEXT => continue,
        };
        *sums.entry(resource.name()).or_default() += count as f64;
    }
    let sums = sums.into_iter();
    Value::Object(
        sums.map(|(name, sum)| (name.to_string(), sum.into()))
            .collect(),
    )
}

pub(crate) fn task(task: &Task) -> Value {
    let resources = Resources::from_protos(&task.resources).unwrap_or_default();
    let role = resources
        .iter()
        .next()
        .map(|r| r.allocation_info.role().to_string());
    let mut object = Map::new();
    object.insert("id".into(), task.task_id.value().into());
    object.insert("name".into(), task.name().into());
    object.insert("framework_id".into(), task.framework_id.value().into());
    object.insert("executor_id".into(), task.executor_id.value().into());
    object.insert("slave_id".into(), task.slave_id.value().into());
    object.insert("state".into(), format!("{:?}", task.state()).into());
    object.insert("resources".into(), resources.unallocated().to_json());
    if !task.limits.is_empty() {
        let limits = task
            .limits
            .iter()
            .map(|(name, limit)| (name.clone(), limit.value().into()));
        object.insert("limits".into(), Value::Object(limits.collect()));
    }
    if let Some(role) = role {
        object.insert("role".into(), role.into());
    }
    object.insert(
        "statuses".into(),
        task.statuses.iter().map(status).collect(),
    );
    if let Some(user) = &task.user {
        object.insert("user".into(), user.as_str().into());
    }
    if let Some(own) = task.labels.as_ref() {
        object.insert("labels".into(), labels(own));
    }
    if let Some(discovery) = task.discovery.as_ref() {
        object.insert("discovery".into(), proto(discovery));
    }
    if let Some(container) = task.container.as_ref() {
        object.insert("container".into(), proto(container));
    }
    if let Some(check) = task.health_check.as_ref() {
        object.insert("health_check".into(), proto(check));
    }
    Value::Object(object)
}

fn status(status: &TaskStatus) -> Value {
    let mut object = Map::new();
    object.insert("state".into(), format!("{:?}", status.state()).into());
    object.insert("timestamp".into(), status.timestamp().into());
    if let Some(own) = status.labels.as_ref() {
        object.insert("labels".into(), labels(own));
    }
    if let Some(container) = status.container_status.as_ref() {
        let mut container = container.clone();
        container.clear_executor_pid();
        object.insert("container_status".into(), proto(&container));
    }
    if let Some(healthy) = status.healthy {
        object.insert("healthy".into(), healthy.into());
    }
    Value::Object(object)
}

pub(crate) fn executor(executor: &ExecutorInfo, agent: &AgentId) -> Value {
    let resources = Resources::from_protos(&executor.resources).unwrap_or_default();
    let role = resources
        .iter()
        .next()
        .map(|r| r.allocation_info.role().to_string());
    let mut object = Map::new();
    object.insert("executor_id".into(), executor.executor_id.value().into());
    object.insert("name".into(), executor.name().into());
    object.insert("framework_id".into(), executor.framework_id.value().into());
    object.insert("command".into(), command(executor));
    object.insert("resources".into(), resources.unallocated().to_json());
    if let Some(role) = role {
        object.insert("role".into(), role.into());
    }
    if let Some(own) = executor.labels.as_ref() {
        object.insert("labels".into(), labels(own));
    }
    if executor.has_type() {
        object.insert("type".into(), format!("{:?}", executor.type_()).into());
    }
    object.insert("slave_id".into(), agent.as_str().into());
    Value::Object(object)
}

fn command(executor: &ExecutorInfo) -> Value {
    let command = &executor.command;
    let mut object = Map::new();
    if let Some(shell) = command.shell {
        object.insert("shell".into(), shell.into());
    }
    if let Some(value) = &command.value {
        object.insert("value".into(), value.as_str().into());
    }
    object.insert("argv".into(), json!(command.arguments));
    if let Some(environment) = command.environment.as_ref() {
        object.insert("environment".into(), proto(environment));
    }
    let uris = command.uris.iter();
    let uris: Vec<Value> = uris
        .map(|uri| json!({ "value": uri.value(), "executable": uri.executable() }))
        .collect();
    object.insert("uris".into(), uris.into());
    Value::Object(object)
}

pub(crate) fn offer(offer: &Offer) -> Value {
    json!({
        "id": offer.id.as_str(),
        "framework_id": offer.framework.as_str(),
        "allocation_info": { "role": offer.role },
        "slave_id": offer.agent.as_str(),
        "resources": offer.resources.unallocated().to_json(),
    })
}

/// The states whose tasks `/state-summary` counts.
const COUNTED: [TaskState; 10] = [
    TaskState::TASK_STAGING,
    TaskState::TASK_STARTING,
    TaskState::TASK_RUNNING,
    TaskState::TASK_KILLING,
    TaskState::TASK_FINISHED,
    TaskState::TASK_KILLED,
    TaskState::TASK_FAILED,
    TaskState::TASK_LOST,
    TaskState::TASK_ERROR,
    TaskState::TASK_UNREACHABLE,
];

/// How many tasks are in each state.
pub(crate) fn state_counts<'a>(tasks: impl Iterator<Item = &'a Task>) -> Map<String, Value> {
    let mut counts = std::collections::BTreeMap::new();
    for task in tasks {
        *counts.entry(task.state().value()).or_insert(0u64) += 1;
    }
    let count = |state: TaskState| counts.get(&state.value()).copied().unwrap_or_default();
    COUNTED
        .iter()
        .map(|state| (label(state).to_ascii_uppercase(), count(*state).into()))
        .collect()
}

/// A sum that is 0 where there is nothing; the standard one would be -0, which JSON shows.
pub(crate) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |sum, value| sum + value)
}
