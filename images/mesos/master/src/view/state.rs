//! `/state` and `/state-summary` (http-endpoints §3.1, §3.4, §7).

use std::collections::{BTreeMap, BTreeSet};

use mesos_wire::authorization::{Action, Rights};
use serde_json::{Map, Value, json};

use super::agents::{Detail, recovered, slave};
use super::frameworks::{framework, head};
use super::shared::{names, proto, state_counts};
use super::{Site, flag_texts, sight, version};
use crate::model::{AgentId, Framework, FrameworkId, Master};

/// Which keys `/state` has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// Those of today.
    Current,
    /// Those, and what `state.json` of 2014 had besides.
    Old,
}

/// `/state`.
pub fn state(master: &Master, site: &Site, edition: Edition, rights: &Rights) -> Value {
    let mut object = Map::new();
    if let Value::Object(own) = version(site) {
        object.extend(own);
    }
    object.insert("start_time".into(), master.started.as_secs_f64().into());
    if let Some(elected) = master.elected {
        object.insert("elected_time".into(), elected.as_secs_f64().into());
    }
    object.insert("id".into(), master.info.id().into());
    object.insert("pid".into(), master.info.pid().into());
    object.insert("hostname".into(), master.info.hostname().into());
    object.insert(
        "capabilities".into(),
        names(master.info.capabilities.iter().map(|c| c.type_())),
    );
    let active = master.agents.values().filter(|a| a.is_active()).count();
    object.insert("activated_slaves".into(), (active as f64).into());
    object.insert(
        "deactivated_slaves".into(),
        ((master.agents.len() - active) as f64).into(),
    );
    object.insert(
        "unreachable_slaves".into(),
        (master.unreachable_agents.len() as f64).into(),
    );
    if let Some(domain) = master.info.domain.as_ref() {
        object.insert("domain".into(), proto(domain));
    }
    if let Some(leader) = &site.leader {
        object.insert("leader".into(), leader.pid().into());
        let mut info = json!({
            "id": leader.id(),
            "pid": leader.pid(),
            "port": leader.port(),
            "hostname": leader.hostname(),
        });
        if let (Some(domain), Some(info)) = (leader.domain.as_ref(), info.as_object_mut()) {
            info.insert("domain".into(), proto(domain));
        }
        object.insert("leader_info".into(), info);
    }
    if rights.allow_any(Action::ViewFlags) {
        if let Some(cluster) = &site.cluster {
            object.insert("cluster".into(), cluster.as_str().into());
        }
        for flag in ["log_dir", "external_log_file"] {
            if let Some(path) = site.flags.text(flag) {
                object.insert(flag.into(), path.into());
            }
        }
        object.insert("flags".into(), Value::Object(flag_texts(site)));
    }
    let slaves = master
        .agents
        .values()
        .map(|a| Value::Object(slave(master, a, Detail::Plain, rights)));
    object.insert("slaves".into(), slaves.collect());
    object.insert("recovered_slaves".into(), recovered(master, None));
    let visible = |all: &mut dyn Iterator<Item = &Framework>| -> Value {
        all.filter(|f| sight::framework(rights, &f.info))
            .map(|f| framework(master, f, rights))
            .collect()
    };
    object.insert(
        "frameworks".into(),
        visible(&mut master.frameworks.values()),
    );
    object.insert(
        "completed_frameworks".into(),
        visible(&mut master.completed_frameworks.iter()),
    );
    object.insert("orphan_tasks".into(), json!([]));
    object.insert("unregistered_frameworks".into(), json!([]));
    if edition == Edition::Old {
        let counts = super::stats::task_counts(master);
        object.extend(
            counts
                .into_iter()
                .map(|(name, count)| (name.to_string(), count.into())),
        );
    }
    Value::Object(object)
}

/// `/state-summary`.
pub fn summary(master: &Master, site: &Site, rights: &Rights) -> Value {
    let mut on: BTreeMap<AgentId, BTreeSet<FrameworkId>> = BTreeMap::new();
    let mut tasks_on: BTreeMap<AgentId, Vec<&mesos_proto::mesos::Task>> = BTreeMap::new();
    let mut frameworks = Vec::new();
    for framework in master.frameworks.values() {
        let all = || {
            let ended = framework.unreachable.values().chain(&framework.completed);
            framework.tasks.values().chain(ended)
        };
        let mut agents = BTreeSet::new();
        for task in all() {
            let agent = AgentId::from(task.slave_id.get_or_default());
            on.entry(agent.clone())
                .or_default()
                .insert(framework.id.clone());
            tasks_on.entry(agent.clone()).or_default().push(task);
            agents.insert(agent);
        }
        // What it runs where is told of agents all the same.
        if !sight::framework(rights, &framework.info) {
            continue;
        }
        let mut object = head(framework);
        object.extend(state_counts(all()));
        let ids = agents.iter().map(|id| Value::from(id.as_str()));
        object.insert("slave_ids".into(), ids.collect());
        frameworks.push(Value::Object(object));
    }
    let slaves = master.agents.values().map(|agent| {
        let mut object = slave(master, agent, Detail::Plain, rights);
        let tasks = tasks_on.get(&agent.id).into_iter().flatten().copied();
        object.extend(state_counts(tasks));
        let ids = on.get(&agent.id).into_iter().flatten();
        let ids = ids.map(|id| Value::from(id.as_str()));
        object.insert("framework_ids".into(), ids.collect());
        Value::Object(object)
    });
    let slaves: Vec<Value> = slaves.collect();
    let mut object = Map::new();
    object.insert("hostname".into(), master.info.hostname().into());
    if let Some(cluster) = &site.cluster {
        object.insert("cluster".into(), cluster.as_str().into());
    }
    object.insert("slaves".into(), slaves.into());
    object.insert("frameworks".into(), frameworks.into());
    Value::Object(object)
}
