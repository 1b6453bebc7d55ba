//! Quotas, weights and maintenance as messages (http-endpoints §3.7), and what keeps offers from frameworks.

use mesos_proto::maintenance::Schedule;
use mesos_proto::mesos::WeightInfo;
use mesos_proto::quota::QuotaStatus;

use serde_json::{Map, Value, json};

use crate::model::Master;

/// All weights that were set.
pub fn weights(master: &Master) -> Vec<WeightInfo> {
    let weights = master.policy.weights.iter();
    weights
        .map(|(role, weight)| {
            let mut info = WeightInfo::new();
            info.set_role(role.clone());
            info.set_weight(*weight);
            info
        })
        .collect()
}

/// All quotas that were set.
pub fn quotas(master: &Master) -> QuotaStatus {
    let quotas = || master.policy.quotas.iter();
    QuotaStatus {
        infos: quotas().map(|(role, quota)| quota.info(role)).collect(),
        configs: quotas().map(|(role, quota)| quota.config(role)).collect(),
        ..Default::default()
    }
}

/// When machines are to be worked on.
pub fn schedule(master: &Master) -> Schedule {
    master.maintenance.schedule.clone().unwrap_or_default()
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
