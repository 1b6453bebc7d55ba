//! Pending groups by what they ask for, so that those an agent cannot suit are not looked at one by one.

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::{Constraint, HostAttributes, TaskConfig, TaskConstraint};

use super::constraints;
use super::resources::{Available, Demand, Pool, Revocable};

/// What groups of one kind have in common. Amounts are of one kind when they lie between the same two powers of two.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    /// Their constraints but for limits, which depend on the job.
    constraints: BTreeSet<Constraint>,
    revocable: (bool, bool),
    ram: Option<u32>,
    disk: Option<u32>,
    gpus: Option<u32>,
}

fn power(amount: i64) -> Option<u32> {
    u64::try_from(amount).ok()?.checked_ilog2()
}

/// Whether there may be enough for an amount of this power.
fn may_do(power: Option<u32>, available: f64) -> bool {
    power.is_none_or(|power| 2f64.powf(f64::from(power)) <= available)
}

impl Kind {
    fn of(config: &TaskConfig, demand: &Demand, revocable: Revocable) -> Self {
        let is_limit = |c: &&Constraint| matches!(c.constraint, TaskConstraint::Limit(_));
        let all = config.constraints.iter();
        Self {
            constraints: all.filter(|c| !is_limit(c)).cloned().collect(),
            revocable: (revocable.cpus, revocable.ram),
            ram: power(demand.ram_mb),
            disk: power(demand.disk_mb),
            gpus: power(demand.gpus),
        }
    }

    fn available(&self, pool: &Pool) -> Available {
        let (cpus, ram) = self.revocable;
        pool.available(Revocable { cpus, ram })
    }

    /// Whether an agent may suit groups of this kind, their cores and limits aside.
    fn may_go_to(&self, host: &HostAttributes, available: &Available) -> bool {
        may_do(self.ram, available.ram_mb)
            && may_do(self.disk, available.disk_mb)
            && may_do(self.gpus, available.gpus)
            && constraints::check(&self.constraints, host, |_, _| 0).is_none()
    }
}

/// The groups' numbers by kind, each with the thousandths of cores that it asks for.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    kinds: BTreeMap<Kind, BTreeSet<(u64, u64)>>,
}

fn thousandths(cpus: f64) -> u64 {
    // Saturates, so an absurd demand is no trouble.
    (cpus * 1000.0).round() as u64
}

impl Kinds {
    pub(super) fn add(
        &mut self,
        number: u64,
        config: &TaskConfig,
        demand: &Demand,
        revocable: Revocable,
    ) {
        let kind = Kind::of(config, demand, revocable);
        let members = self.kinds.entry(kind).or_default();
        members.insert((thousandths(demand.cpus), number));
    }

    pub(super) fn remove(
        &mut self,
        number: u64,
        config: &TaskConfig,
        demand: &Demand,
        revocable: Revocable,
    ) {
        let kind = Kind::of(config, demand, revocable);
        if let Some(members) = self.kinds.get_mut(&kind) {
            members.remove(&(thousandths(demand.cpus), number));
            if members.is_empty() {
                self.kinds.remove(&kind);
            }
        }
    }

    /// The groups that an agent which offers this may suit.
    pub(super) fn within<'a>(
        &'a self,
        host: &'a HostAttributes,
        pool: &'a Pool,
    ) -> impl Iterator<Item = u64> + 'a {
        let kinds = self.kinds.iter().filter_map(|(kind, members)| {
            let available = kind.available(pool);
            let may_go = available.cpus > 0.0 && kind.may_go_to(host, &available);
            may_go.then(|| members.range(..=(thousandths(available.cpus), u64::MAX)))
        });
        kinds.flatten().map(|(_, number)| *number)
    }
}
