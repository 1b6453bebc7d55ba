//! Quotas, weights and maintenance as messages (http-endpoints §3.7), and what keeps offers from frameworks.

use mesos_proto::maintenance::{ClusterStatus, Schedule};
use mesos_proto::mesos::WeightInfo;
use mesos_proto::quota::QuotaStatus;
use mesos_wire::authorization::{Action, Rights};
use serde_json::{Map, Value, json};

use super::sight;
use crate::model::Master;

/// The weights that were set and may be seen.
pub fn weights(master: &Master, rights: &Rights) -> Vec<WeightInfo> {
    let weights = master.policy.weights.iter();
    weights
        .filter(|(role, _)| sight::role(rights, role))
        .map(|(role, weight)| {
            let mut info = WeightInfo::new();
            info.set_role(role.clone());
            info.set_weight(*weight);
            info
        })
        .collect()
}

/// The quotas that were set and may be seen.
pub fn quotas(master: &Master, rights: &Rights) -> QuotaStatus {
    let quotas = || {
        let all = master.policy.quotas.iter();
        all.filter(|(role, _)| rights.allow(Action::GetQuota, role))
    };
    QuotaStatus {
        infos: quotas().map(|(role, quota)| quota.info(role)).collect(),
        configs: quotas().map(|(role, quota)| quota.config(role)).collect(),
        ..Default::default()
    }
}

/// When machines are to be worked on. Machines are seen all or none.
pub fn schedule(master: &Master, rights: &Rights) -> Schedule {
    let schedule = master.maintenance.schedule.clone();
    schedule
        .filter(|_| rights.allow_any(Action::GetMaintenanceSchedule))
        .unwrap_or_default()
}

/// Which machines are worked on.
pub fn maintenance_status(master: &Master, rights: &Rights) -> ClusterStatus {
    match rights.allow_any(Action::GetMaintenanceStatus) {
        true => master.maintenance_status(),
        false => ClusterStatus::new(),
    }
}

/// `/allocator/offer_constraints_debug`: for each role of each framework, the agents that its offer constraints
/// leave out.
pub fn offer_constraints(master: &Master) -> Value {
    let frameworks = master.frameworks.values().map(|framework| {
        let left_out = |role: &String| -> Value {
            let agents = master.agents.iter();
            agents
                .filter(|(_, agent)| !framework.wishes.admit(role, &agent.info))
                .map(|(id, _)| json!(id.as_str()))
                .collect()
        };
        let excluded: Map<String, Value> = framework
            .roles
            .iter()
            .map(|role| (role.clone(), left_out(role)))
            .collect();
        let shown = json!({
            "suppressed_roles": framework.suppressed,
            "excluded_by_attribute_constraints": excluded,
        });
        (framework.id.as_str().to_string(), shown)
    });
    json!({ "frameworks": frameworks.collect::<Map<_, _>>() })
}
