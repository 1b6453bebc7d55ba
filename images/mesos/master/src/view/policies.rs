//! Quotas, weights and maintenance as messages (http-endpoints §3.7).

use mesos_proto::maintenance::Schedule;
use mesos_proto::mesos::WeightInfo;
use mesos_proto::quota::QuotaStatus;

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
