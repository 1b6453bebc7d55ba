//! The flags about placing tasks and about SLA statistics.

use super::settings::small;
use super::{FlagError, Values, bad};
use crate::model::settings::scheduling::{OfferOrder, Scheduling};
use crate::model::settings::sla_stats::{Category, SlaStats};

/// A timer that fires at once, again and again, would do nothing else.
const SHORTEST_INTERVAL_MS: i64 = 100;

pub(super) fn scheduling(values: &Values) -> Result<Scheduling, FlagError> {
    let count = |name| small(values, name).map(|n| usize::try_from(n).unwrap_or(0).max(1));
    let interval = |name| values.millis(name).max(SHORTEST_INTERVAL_MS);
    let rate = values.number("max_schedule_attempts_per_sec");
    if !(rate > 0.0 && rate.is_finite()) {
        let text = rate.to_string();
        let name = "max_schedule_attempts_per_sec";
        return Err(bad(name, &text, "a number greater than 0"));
    }
    Ok(Scheduling {
        first_delay: values.millis("first_schedule_delay"),
        initial_penalty: values.millis("initial_schedule_penalty").max(1),
        max_penalty: values.millis("max_schedule_penalty").max(1),
        attempts_per_sec: rate,
        tasks_per_attempt: count("max_tasks_per_schedule_attempt")?,
        startup_delay: values.millis("max_reschedule_task_delay_on_startup"),
        offer_order: named(values, "offer_order", OfferOrder::ALL)?,
        reservation: values.millis("offer_reservation_duration"),
        revocable_cpus: values.is_on("enable_revocable_cpus"),
        revocable_ram: values.is_on("enable_revocable_ram"),
        update_affinity: values.is_on("enable_update_affinity"),
        affinity_hold: values.millis("update_affinity_reservation_hold_time"),
        preemptor: values.is_on("enable_preemptor"),
        preemption_delay: values.millis("preemption_delay"),
        slot_search_initial_delay: values.millis("preemption_slot_search_initial_delay"),
        slot_search_interval: interval("preemption_slot_search_interval"),
        slot_hold: values.millis("preemption_slot_hold_time"),
        slot_batch: count("preemption_reservation_max_batch_size")?,
        reconciliation_batch: count("reconciliation_explicit_batch_size")?,
        reconciliation_batch_interval: values.millis("reconciliation_explicit_batch_interval"),
    })
}

pub(super) fn sla_stats(values: &Values) -> Result<SlaStats, FlagError> {
    Ok(SlaStats {
        interval: values
            .millis("sla_stat_refresh_interval")
            .max(SHORTEST_INTERVAL_MS),
        prod: named(values, "sla_prod_metrics", Category::ALL)?,
        non_prod: named(values, "sla_non_prod_metrics", Category::ALL)?,
    })
}

/// A list of names with commas.
fn named<T: Copy>(
    values: &Values,
    flag: &'static str,
    all: &[(&'static str, T)],
) -> Result<Vec<T>, FlagError> {
    let find = |text: &String| {
        let known = all.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        known.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<String> = all.iter().map(|(name, _)| format!("`{name}`")).collect();
            bad(flag, text, format!("a list of {}", names.join(", ")))
        })
    };
    let list = values.list(flag);
    list.iter()
        .filter(|text| !text.is_empty())
        .map(find)
        .collect()
}
