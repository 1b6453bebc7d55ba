//! `/state` and what is like it (http-endpoints.md, sections 2 and 4).

use std::collections::BTreeMap;

use mesos_proto::mesos::{FrameworkInfo, Resource, Task, TaskInfo, executor_info, framework_info};
use mesos_wire::authorization::{Action, Rights};
use mesos_wire::json::{Dialect, to_value};
use mesos_wire::resources::{Format, Resources, reservation_role};
use mesos_wire::{attributes, flags::Flags};
use serde_json::{Map, Value, json};

use super::agent::Agent;
use super::sight;
use crate::model::{Executor, Framework, Model};

/// Mesos' version that this agent speaks.
pub(crate) const VERSION: &str = "1.12.0";
/// The day of that version's last change, in seconds since 1970: documents must have one.
const BUILD_TIME: f64 = 1_724_371_200.0;
const BUILD_DATE: &str = "2024-08-23 00:00:00";

/// `/version`.
pub(crate) fn version() -> Value {
    json!({"build_date": BUILD_DATE, "build_time": BUILD_TIME, "build_user": "", "version": VERSION})
}

/// The object of `/flags`.
pub(crate) fn flags(flags: &Flags) -> Value {
    Value::Object(
        flags
            .iter()
            .map(|(name, value)| (name.to_string(), value.into()))
            .collect(),
    )
}

/// `/state`.
pub(crate) fn state(agent: &Agent, rights: &Rights) -> Value {
    agent.look(|model| {
        let Value::Object(mut all) = version() else {
            return Value::Null;
        };
        all.extend(own(model, agent, rights));
        Value::Object(all)
    })
}

fn own(model: &Model, agent: &Agent, rights: &Rights) -> Map<String, Value> {
    let config = model.config();
    let total = model.total();
    let allocated = allocated(model);
    let unreserved = total.filter(|r| reservation_role(r).is_none());
    let mut state = Map::new();
    let mut set = |name: &str, value: Value| {
        state.insert(name.to_string(), value);
    };
    set("start_time", agent.start_time.into());
    set("id", model.id().unwrap_or_default().into());
    set("pid", config.pid.to_string().into());
    set("hostname", config.info.hostname().into());
    let names = config
        .capabilities
        .iter()
        .map(|kind| Value::from(format!("{kind:?}")));
    set("capabilities", names.collect());
    set("resources", total.to_json());
    set("unreserved_resources", unreserved.to_json());
    let free = allocated.filter(|r| reservation_role(r).is_none());
    set("unreserved_resources_allocated", free.to_json());
    set(
        "reserved_resources",
        by_role(&total, rights, |part| part.to_json()),
    );
    set(
        "reserved_resources_allocated",
        by_role(&allocated, rights, |part| part.to_json()),
    );
    set("reserved_resources_full", by_role(&total, rights, full));
    set("unreserved_resources_full", full(&unreserved));
    set("resource_providers", json!([]));
    set("attributes", attributes::to_json(&config.info.attributes));
    if let Some(master) = model.master() {
        set("master_hostname", master.hostname.clone().into());
    }
    let shows_flags = rights.allow_any(Action::ViewFlags);
    let file = agent.flags.text("external_log_file");
    if let Some(file) = file.filter(|_| shows_flags) {
        set("external_log_file", file.into());
    }
    if let Some(drain) = model.draining() {
        set("drain_config", to_value(&drain.config, Dialect::V0));
        let since = drain.since.floor() as i64;
        set("estimated_drain_start_time_seconds", since.into());
    }
    if shows_flags {
        set("flags", flags(&agent.flags));
    }
    let visible = |all: &mut dyn Iterator<Item = &Framework>| -> Value {
        all.filter(|f| sight::framework(rights, &f.info))
            .map(|f| framework(f, rights))
            .collect()
    };
    set("frameworks", visible(&mut model.frameworks()));
    set(
        "completed_frameworks",
        visible(&mut model.completed_frameworks()),
    );
    state
}

/// What executors and tasks have allocated.
pub(crate) fn allocated(model: &Model) -> Resources {
    let mut all = Resources::new();
    for (_, executor) in model.executors() {
        all.add(&executor.allocated().unallocated());
    }
    all
}

fn by_role(resources: &Resources, rights: &Rights, show: impl Fn(&Resources) -> Value) -> Value {
    let mut roles: BTreeMap<String, Resources> = BTreeMap::new();
    let all = resources.iter().filter_map(reservation_role);
    for role in all.filter(|role| rights.allow(Action::ViewRole, role)) {
        roles
            .entry(role.to_string())
            .or_insert_with(|| resources.filter(|r| reservation_role(r) == Some(role)));
    }
    Value::Object(
        roles
            .iter()
            .map(|(role, part)| (role.clone(), show(part)))
            .collect(),
    )
}

fn full(resources: &Resources) -> Value {
    let protos = resources.to_protos(Format::Endpoint);
    protos
        .iter()
        .map(|resource| to_value(resource, Dialect::V0))
        .collect()
}

fn framework(framework: &Framework, rights: &Rights) -> Value {
    let info = &framework.info;
    let visible = |all: &mut dyn Iterator<Item = &Executor>| -> Value {
        all.filter(|one| sight::executor(rights, one, info))
            .map(|one| executor(one, info, rights))
            .collect()
    };
    let mut value = json!({
        "id": framework.id(),
        "name": info.name(),
        "user": info.user(),
        "failover_timeout": info.failover_timeout(),
        "checkpoint": info.checkpoint(),
        "hostname": info.hostname(),
        "executors": visible(&mut framework.executors.values()),
        "completed_executors": visible(&mut framework.completed.iter()),
    });
    if info.has_principal() {
        value["principal"] = info.principal().into();
    }
    if framework.can(framework_info::capability::Type::MULTI_ROLE) {
        value["roles"] = info.roles.clone().into();
    } else {
        value["role"] = info.role().into();
    }
    value
}

fn executor(executor: &Executor, of: &FrameworkInfo, rights: &Rights) -> Value {
    let info = &executor.info;
    let visible = |all: &mut dyn Iterator<Item = &Task>| -> Value {
        all.filter(|one| sight::task(rights, one, of))
            .map(task)
            .collect()
    };
    let queued = executor
        .queued_tasks()
        .filter(|one| sight::queued(rights, one, of))
        .map(|queued| queued_task(executor, queued));
    let mut value = json!({
        "id": executor.id(),
        "name": info.name(),
        "source": info.source(),
        "container": executor.container_id,
        "directory": executor.directory.to_string_lossy(),
        "resources": executor.allocated().to_json(),
        "tasks": visible(&mut executor.launched.values().chain(executor.terminated.values())),
        "queued_tasks": queued.collect::<Value>(),
        "completed_tasks": visible(&mut executor.completed.iter()),
    });
    let first = executor
        .allocated()
        .iter()
        .next()
        .map(|r| r.allocation_info.role().to_string());
    if let Some(role) = first {
        value["role"] = role.into();
    }
    if let Some(labels) = info.labels.as_ref() {
        value["labels"] = to_value(labels, Dialect::V0)["labels"].take();
    }
    if info.has_type() && info.type_() != executor_info::Type::UNKNOWN {
        value["type"] = format!("{:?}", info.type_()).into();
    }
    value
}

fn resources_of(protos: &[Resource]) -> Value {
    Resources::from_protos(protos).unwrap_or_default().to_json()
}

fn role_of(protos: &[Resource]) -> &str {
    protos
        .first()
        .map_or("*", |resource| resource.allocation_info.role())
}

fn queued_task(executor: &Executor, task: &TaskInfo) -> Value {
    let mut value = json!({
        "id": task.task_id.value(),
        "name": task.name(),
        "slave_id": task.slave_id.value(),
        "framework_id": executor.framework,
        "resources": resources_of(&task.resources),
        "role": role_of(&task.resources),
    });
    if let Some(command) = task.command.as_ref() {
        value["command"] = to_value(command, Dialect::V0);
    }
    if let Some(custom) = task.executor.as_ref() {
        value["executor_id"] = custom.executor_id.value().into();
    }
    if let Some(discovery) = task.discovery.as_ref() {
        value["discovery"] = to_value(discovery, Dialect::V0);
    }
    value
}

/// A task as the documents show it.
pub(crate) fn task(task: &Task) -> Value {
    let mut value = json!({
        "id": task.task_id.value(),
        "name": task.name(),
        "framework_id": task.framework_id.value(),
        "executor_id": task.executor_id.value(),
        "slave_id": task.slave_id.value(),
        "state": format!("{:?}", task.state()),
        "resources": resources_of(&task.resources),
        "role": role_of(&task.resources),
        "statuses": task.statuses.iter().map(status).collect::<Value>(),
    });
    if !task.limits.is_empty() {
        let limits = task
            .limits
            .iter()
            .map(|(name, limit)| (name.clone(), limit.value().into()));
        value["limits"] = Value::Object(limits.collect());
    }
    if task.has_user() {
        value["user"] = task.user().into();
    }
    if let Some(labels) = task.labels.as_ref() {
        value["labels"] = to_value(labels, Dialect::V0)["labels"].take();
    }
    for (name, part) in [
        (
            "discovery",
            task.discovery.as_ref().map(|m| to_value(m, Dialect::V0)),
        ),
        (
            "container",
            task.container.as_ref().map(|m| to_value(m, Dialect::V0)),
        ),
        (
            "health_check",
            task.health_check.as_ref().map(|m| to_value(m, Dialect::V0)),
        ),
    ] {
        if let Some(part) = part {
            value[name] = part;
        }
    }
    value
}

fn status(status: &mesos_proto::mesos::TaskStatus) -> Value {
    let mut value = json!({
        "state": format!("{:?}", status.state()),
        "timestamp": status.timestamp(),
    });
    if let Some(labels) = status.labels.as_ref() {
        value["labels"] = to_value(labels, Dialect::V0)["labels"].take();
    }
    if let Some(container) = status.container_status.as_ref() {
        let mut shown = container.clone();
        // The process is shown where containers are.
        shown.clear_executor_pid();
        value["container_status"] = to_value(&shown, Dialect::V0);
    }
    if status.has_healthy() {
        value["healthy"] = status.healthy().into();
    }
    value
}
