//! Frameworks in `/frameworks` and `/state` (http-endpoints §3.3).

use mesos_proto::mesos::{FrameworkInfo, Task};
use mesos_wire::authorization::Rights;
use serde_json::{Map, Value, json};

use super::shared::{executor, labels, names, offer, proto, task};
use super::sight;
use crate::model::{Framework, Master};

/// `/frameworks`, of one framework or of all.
pub fn frameworks(master: &Master, only: Option<&str>, rights: &Rights) -> Value {
    let wanted = |f: &&Framework| {
        only.is_none_or(|id| f.id.as_str() == id) && sight::framework(rights, &f.info)
    };
    let list = |all: &mut dyn Iterator<Item = &Framework>| -> Vec<Value> {
        all.filter(wanted)
            .map(|f| framework(master, f, rights))
            .collect()
    };
    json!({
        "frameworks": list(&mut master.frameworks.values()),
        "completed_frameworks": list(&mut master.completed_frameworks.iter()),
        "unregistered_frameworks": [],
    })
}

/// What both documents on a framework have in common with its summary.
pub(crate) fn head(framework: &Framework) -> Map<String, Value> {
    let info = &framework.info;
    let mut object = Map::new();
    object.insert("id".into(), framework.id.as_str().into());
    object.insert("name".into(), info.name().into());
    if let Some(pid) = framework.pid() {
        object.insert("pid".into(), pid.to_string().into());
    }
    object.insert(
        "used_resources".into(),
        framework.used_total().unallocated().to_json(),
    );
    object.insert(
        "offered_resources".into(),
        framework.offered_total().unallocated().to_json(),
    );
    object.insert(
        "capabilities".into(),
        names(info.capabilities.iter().map(|c| c.type_())),
    );
    object.insert("hostname".into(), info.hostname().into());
    object.insert("webui_url".into(), info.webui_url().into());
    object.insert("active".into(), framework.active.into());
    object.insert("connected".into(), framework.is_connected().into());
    object.insert("recovered".into(), framework.recovered.into());
    object
}

pub(crate) fn framework(master: &Master, framework: &Framework, rights: &Rights) -> Value {
    let info: &FrameworkInfo = &framework.info;
    let mut object = head(framework);
    object.insert("user".into(), info.user().into());
    object.insert("failover_timeout".into(), info.failover_timeout().into());
    object.insert("checkpoint".into(), info.checkpoint().into());
    object.insert(
        "registered_time".into(),
        framework.registered.as_secs_f64().into(),
    );
    let unregistered = framework
        .unregistered
        .map_or(0.0, |time| time.as_secs_f64());
    object.insert("unregistered_time".into(), unregistered.into());
    if framework.reregistered != framework.registered {
        object.insert(
            "reregistered_time".into(),
            framework.reregistered.as_secs_f64().into(),
        );
    }
    if let Some(principal) = &info.principal {
        object.insert("principal".into(), principal.as_str().into());
    }
    let mut all = framework.used_total().unallocated();
    all.add(&framework.offered_total().unallocated());
    object.insert("resources".into(), all.to_json());
    if framework.capabilities.multi_role {
        object.insert("roles".into(), json!(info.roles));
    } else {
        object.insert("role".into(), info.role().into());
    }
    let visible = |all: &mut dyn Iterator<Item = &Task>| -> Value {
        all.filter(|t| sight::task(rights, t, info))
            .map(task)
            .collect()
    };
    object.insert("tasks".into(), visible(&mut framework.tasks.values()));
    object.insert(
        "unreachable_tasks".into(),
        visible(&mut framework.unreachable.values()),
    );
    object.insert(
        "completed_tasks".into(),
        visible(&mut framework.completed.iter()),
    );
    let offers = framework
        .offers
        .iter()
        .filter_map(|id| master.offers.get(id));
    object.insert("offers".into(), offers.map(offer).collect());
    let executors = master.agents.values().flat_map(|agent| {
        let own = agent
            .executors
            .get(&framework.id)
            .into_iter()
            .flat_map(|e| e.values());
        // What may not be seen leaves an empty object here.
        own.map(|own| match sight::executor(rights, own, info) {
            true => executor(own, &agent.id),
            false => json!({}),
        })
    });
    object.insert("executors".into(), executors.collect());
    if let Some(own) = info.labels.as_ref() {
        object.insert("labels".into(), labels(own));
    }
    object.insert(
        "offer_constraints".into(),
        proto(&framework.offer_constraints),
    );
    Value::Object(object)
}
