//! What the simulated cluster's jobs ask for.

use aurora_api::{
    CoordinatorSlaPolicy, CountSlaPolicy, JobKey, PartitionPolicy, PercentageSlaPolicy, Resource,
    SlaPolicy, TaskConfig,
};

use crate::support::jobs;

/// One that must be up beside the one that goes.
pub(super) fn one_stays() -> SlaPolicy {
    SlaPolicy::Count(CountSlaPolicy {
        count: 1,
        duration_secs: 0,
    })
}

pub(super) fn half_stays() -> SlaPolicy {
    SlaPolicy::Percentage(PercentageSlaPolicy {
        percentage: 50.0.into(),
        duration_secs: 2,
    })
}

pub(super) fn ask_somebody() -> SlaPolicy {
    SlaPolicy::Coordinator(CoordinatorSlaPolicy {
        coordinator_url: "http://coordinator".to_string(),
        ..CoordinatorSlaPolicy::default()
    })
}

/// A job's configuration: its name says the tier, its version how partitions are borne, how large it is, and what
/// protects it if it has so many instances.
pub(super) fn shape(key: &JobKey, version: i32, count: i32) -> TaskConfig {
    let tier = match (key.name.as_bytes().last(), version) {
        (Some(b'0'), _) | (Some(b'1'), 2) => "preferred",
        (Some(b'1'), _) => "preemptible",
        _ => "revocable",
    };
    let policy = |reschedule, delay_secs| PartitionPolicy {
        reschedule,
        delay_secs,
    };
    let mut config = TaskConfig {
        tier: Some(tier.to_string()),
        partition_policy: match version {
            0 => None,
            1 => Some(policy(true, Some(20))),
            _ => Some(policy(false, None)),
        },
        sla_policy: match version {
            _ if count < 2 => None,
            0 => Some(one_stays()),
            1 => Some(half_stays()),
            _ => (count == 2).then(ask_somebody),
        },
        ..jobs::config(key, version)
    };
    if version == 2 {
        let is_cpus = |resource: &Resource| matches!(resource, Resource::NumCpus(_));
        config.resources.retain(|resource| !is_cpus(resource));
        config.resources.insert(Resource::NumCpus(0.5.into()));
    }
    config
}
