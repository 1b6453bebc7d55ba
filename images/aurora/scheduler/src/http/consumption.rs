//! What is used and what is free, for `/vars`: summed up over all tasks and offers.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::model::Model;
use crate::model::constraints::DEDICATED;
use crate::model::offers::Held;
use crate::model::resources::{Demand, Revocable};
use crate::model::sla_stats::SIZES;
use crate::model::summary::Consumption;
use crate::model::task::Task;

fn is_dedicated(task: &Task) -> bool {
    task.config.constraints.iter().any(|c| c.name == DEDICATED)
}

/// The metrics that a task counts for.
fn metrics(task: &Task) -> [Option<&'static str>; 2] {
    let kind = match (task.config.production == Some(true), is_dedicated(task)) {
        (_, true) => "dedicated_consumed",
        (true, false) => "quota_consumed",
        (false, false) => "free_pool_consumed",
    };
    [Some("total_consumed"), Some(kind)]
}

const METRICS: &[&str] = &[
    "total_consumed",
    "dedicated_consumed",
    "quota_consumed",
    "free_pool_consumed",
];

/// Everything that takes a look at every task.
pub(super) fn task_vars(model: &Model, set: &mut impl FnMut(&str, Json)) {
    let mut sums: BTreeMap<String, Consumption> = METRICS
        .iter()
        .map(|metric| (format!("resources_{metric}"), Consumption::default()))
        .collect();
    for task in model.tasks().iter().filter(|task| task.status.is_active()) {
        let used = Consumption::of_demand(&Demand::of(&task.config));
        for metric in metrics(task).into_iter().flatten() {
            // Names are in lower case, those of roles included.
            let role = task.job.role.to_lowercase();
            let role = format!("resources_per_role_{metric}_{role}");
            for name in [format!("resources_{metric}"), role] {
                let sum = sums.entry(name).or_default();
                *sum = sum.plus(used);
            }
        }
    }
    let mut allocated = Consumption::default();
    for (role, quota) in model.quotas() {
        let quota = Consumption::of_aggregate(quota);
        allocated = allocated.plus(quota);
        let role = role.to_lowercase();
        sums.insert(format!("quota_per_role_{role}"), quota);
    }
    sums.insert("resources_allocated_quota".to_string(), allocated);
    for (name, sum) in sums {
        set(&format!("{name}_cpu_cores"), sum.cpus.into());
        set(&format!("{name}_ram_mb"), sum.ram_mb.into());
        set(&format!("{name}_disk_mb"), sum.disk_mb.into());
    }
    set(
        "statically_banned_offers_size",
        model.groups().bans().into(),
    );
    set(
        "statically_banned_offers_hit_rate",
        model.groups().ban_hit_rate().into(),
    );
    for (name, slots) in empty_slots(model) {
        set(&name, slots.into());
    }
}

/// How many tasks of each size the offers have room for.
fn empty_slots(model: &Model) -> BTreeMap<String, u64> {
    let mut slots = BTreeMap::new();
    for (size, ..) in SIZES {
        for kind in ["", "dedicated_", "revocable_", "dedicated_revocable_"] {
            slots.insert(format!("empty_slots_{kind}{size}"), 0);
        }
    }
    for held in model.offers().iter() {
        let host = model.hosts().get(&held.host);
        let is_dedicated =
            host.is_some_and(|host| host.attributes.iter().any(|a| a.name == DEDICATED));
        let dedicated = if is_dedicated { "dedicated_" } else { "" };
        for (lent, revocable) in [(false, ""), (true, "revocable_")] {
            for size in SIZES {
                let name = format!("empty_slots_{dedicated}{revocable}{}", size.0);
                *slots.entry(name).or_default() += room(held, lent, size);
            }
        }
    }
    slots
}

fn room(held: &Held, lent: bool, (_, cpus, ram_mb, disk_mb): &(&str, f64, i64, i64)) -> u64 {
    let available = held.pool.available(Revocable {
        cpus: lent,
        ram: false,
    });
    let fits = (available.cpus / cpus)
        .min(available.ram_mb / *ram_mb as f64)
        .min(available.disk_mb / *disk_mb as f64);
    // Saturates.
    fits.max(0.0) as u64
}
