//! The simulated role's quota.

use aurora_api::{JobUpdateStatus, Resource, ResourceAggregate};

use super::World;

const ROLE: &str = "www-data";

/// What updates that ended half way have left beyond the quota: it never grows by anything else.
#[derive(Debug, Default)]
pub(super) struct LeftOver {
    any_ended: bool,
    cores: f64,
}

impl LeftOver {
    /// An update has come into a state.
    pub(super) fn update_is(&mut self, status: JobUpdateStatus) {
        use JobUpdateStatus as S;
        self.any_ended |= matches!(status, S::Aborted | S::Failed | S::Error);
    }
}

fn cores(aggregate: &ResourceAggregate) -> f64 {
    let cores = aggregate.resources.iter();
    let cores = cores.filter_map(|resource| match resource {
        Resource::NumCpus(cpus) => Some(cpus.0),
        _ => None,
    });
    cores.sum()
}

impl World {
    /// Sets the role's quota; refused if the role uses more.
    pub(crate) fn set_quota(&mut self, cpus: f64) -> String {
        let quota = ResourceAggregate {
            resources: [
                Resource::NumCpus(cpus.into()),
                Resource::RamMb(10_000),
                Resource::DiskMb(10_000),
            ]
            .into(),
        };
        let set = self.command(|model| model.set_quota(ROLE, &quota));
        format!("{set:?}")
    }

    /// The role's production jobs use no more than its quota, or than what updates that ended half way have left.
    pub(crate) fn check_quota(&mut self, context: &str) {
        let quota = self.model.quota(ROLE).unwrap();
        let used = quota.prod_shared_consumption.as_ref().map_or(0.0, cores);
        let allowed = cores(&quota.quota);
        let left = &mut self.left_over;
        left.cores = match std::mem::take(&mut left.any_ended) {
            true => used,
            false => used.min(left.cores),
        };
        let most = allowed.max(left.cores);
        assert!(used <= most + 1e-6, "{context}: {used} cores of {most}");
    }
}
