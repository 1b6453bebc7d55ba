//! Agents in `/slaves` and `/state` (http-endpoints §3.2).

use std::collections::BTreeMap;

use mesos_wire::attributes;
use mesos_wire::authorization::Rights;
use mesos_wire::resources::{Resources, reservation_role};
use serde_json::{Map, Value, json};

use super::shared::{full, names, proto};
use super::sight;
use crate::model::{Agent, Master};

/// Whether resources are also written as messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// They are not.
    Plain,
    /// They are.
    Full,
}

/// `/slaves`, of one agent or of all.
pub fn slaves(master: &Master, only: Option<&str>, rights: &Rights) -> Value {
    let wanted = master
        .agents
        .values()
        .filter(|a| only.is_none_or(|id| a.id.as_str() == id));
    let slaves: Vec<Value> = wanted
        .map(|a| Value::Object(slave(master, a, Detail::Full, rights)))
        .collect();
    json!({ "slaves": slaves, "recovered_slaves": recovered(master, only) })
}

/// Agents that a former master had and that have not come back yet.
pub(crate) fn recovered(master: &Master, only: Option<&str>) -> Value {
    let wanted = master
        .recovered_agents
        .iter()
        .filter(|(id, _)| only.is_none_or(|only| id.as_str() == only));
    wanted
        .map(|(id, info)| {
            let mut object = Map::new();
            object.insert("id".into(), id.as_str().into());
            object.insert("hostname".into(), info.hostname().into());
            object.insert("port".into(), info.port().into());
            object.insert("attributes".into(), attributes::to_json(&info.attributes));
            if let Some(domain) = info.domain.as_ref() {
                object.insert("domain".into(), proto(domain));
            }
            Value::Object(object)
        })
        .collect()
}

pub(crate) fn slave(
    master: &Master,
    agent: &Agent,
    detail: Detail,
    rights: &Rights,
) -> Map<String, Value> {
    let used = agent.used_total();
    let free = agent.total.filter(|r| reservation_role(r).is_none());
    let mut reserved = reservations(&agent.total);
    reserved.retain(|role, _| sight::role(rights, role));
    let mut object = Map::new();
    object.insert("id".into(), agent.id.as_str().into());
    object.insert("hostname".into(), agent.info.hostname().into());
    object.insert("port".into(), agent.info.port().into());
    object.insert(
        "attributes".into(),
        attributes::to_json(&agent.info.attributes),
    );
    if let Some(domain) = agent.info.domain.as_ref() {
        object.insert("domain".into(), proto(domain));
    }
    object.insert("pid".into(), agent.pid.to_string().into());
    object.insert(
        "registered_time".into(),
        agent.registered.as_secs_f64().into(),
    );
    if let Some(time) = agent.reregistered {
        object.insert("reregistered_time".into(), time.as_secs_f64().into());
    }
    object.insert("resources".into(), agent.total.to_json());
    object.insert("used_resources".into(), used.unallocated().to_json());
    object.insert(
        "offered_resources".into(),
        agent.offered.unallocated().to_json(),
    );
    let by_role = reserved
        .iter()
        .map(|(role, bag)| (role.clone(), bag.to_json()));
    object.insert(
        "reserved_resources".into(),
        Value::Object(by_role.collect()),
    );
    object.insert("unreserved_resources".into(), free.to_json());
    object.insert("active".into(), agent.is_active().into());
    object.insert("deactivated".into(), agent.deactivated.into());
    object.insert("version".into(), agent.version.as_str().into());
    object.insert("capabilities".into(), names(&agent.capabilities));
    if let Some(drain) = master.draining.get(&agent.id) {
        object.insert("drain_info".into(), proto(drain));
    }
    if let Some(time) = agent.drain_started {
        object.insert(
            "estimated_drain_start_time_seconds".into(),
            time.as_secs_f64().into(),
        );
    }
    if detail == Detail::Full {
        let full = |bag: &Resources| full(&sight::resources(rights, bag));
        let by_role = reserved.iter().map(|(role, bag)| (role.clone(), full(bag)));
        object.insert(
            "reserved_resources_full".into(),
            Value::Object(by_role.collect()),
        );
        object.insert("unreserved_resources_full".into(), full(&free));
        object.insert("used_resources_full".into(), full(&used));
        object.insert("offered_resources_full".into(), full(&agent.offered));
    }
    object
}

/// What is reserved, by role.
fn reservations(total: &Resources) -> BTreeMap<String, Resources> {
    let roles = total
        .iter()
        .filter_map(reservation_role)
        .map(str::to_string);
    roles
        .map(|role| {
            let bag = total.filter(|r| reservation_role(r) == Some(role.as_str()));
            (role, bag)
        })
        .collect()
}
