//! Whether a task may be taken away without breaking what its job was promised.
//!
//! Percentage and count policies are decided here. A coordinator is asked outside: the model hands an
//! [`Ask`] out, and is told the answer later. One question at a time goes to the same URL.

use std::collections::BTreeMap;

use aurora_api::simple::{Style, to_simple};
use aurora_api::{CoordinatorSlaPolicy, JobUpdateKey, JobUpdateStatus, ScheduleStatus, SlaPolicy};
use serde_json::{Value as Json, json};

use super::Model;
use super::task::Task;

/// What a coordinator's answer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// The host is drained.
    Drain {
        /// Its name.
        host: String,
    },
    /// The task is replaced by an update.
    Replace {
        /// The update.
        update: JobUpdateKey,
        /// The task's instance.
        instance: i32,
        /// The direction in which the update went.
        status: JobUpdateStatus,
    },
}

/// A question to a job's coordinator.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The task that is to go.
    pub task: String,
    /// Its name for the coordinator: `cluster/role/environment/job/instance`.
    pub key: String,
    /// Where the question goes.
    pub url: String,
    /// The key of the answer that must be true.
    pub status_key: String,
    /// What is sent.
    pub body: Json,
    /// What follows if it is allowed.
    pub purpose: Purpose,
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// An answer came.
    Allowed(bool),
    /// The coordinator answered with another status than 200.
    BadStatus,
    /// There was no answer, or one that cannot be read.
    Failed,
}

/// Where a coordinator's answer is looked up, if the policy does not say.
const STATUS_KEY: &str = "drain";

/// How much a policy's instances must be up, of `total` of which `up` would be left.
fn meets(policy: &SlaPolicy, up: usize, total: usize) -> bool {
    match policy {
        SlaPolicy::Count(count) => {
            let total = i64::try_from(total).unwrap_or(i64::MAX);
            // A policy that would allow nothing, ever, allows one.
            let required = count.count.min(total - 1);
            i64::try_from(up).unwrap_or(i64::MAX) >= required
        }
        SlaPolicy::Percentage(share) => {
            let (up, total) = (up as f64, total as f64);
            let mut required = share.percentage.0;
            if ((1.0 - required / 100.0) * total).trunc() < 1.0 {
                required = (total - 1.0) / total * 100.0;
            }
            up / total * 100.0 >= required
        }
        SlaPolicy::Coordinator(_) | SlaPolicy::Unset => true,
    }
}

fn duration_ms(policy: &SlaPolicy) -> i64 {
    let secs = match policy {
        SlaPolicy::Count(count) => count.duration_secs,
        SlaPolicy::Percentage(share) => share.duration_secs,
        SlaPolicy::Coordinator(_) | SlaPolicy::Unset => 0,
    };
    secs.saturating_mul(1000)
}

impl Model {
    /// Whether a count or percentage policy lets a task go. Jobs that are not in production or have
    /// few instances are not protected.
    pub(super) fn sla_allows(&self, task: &Task, policy: &SlaPolicy) -> bool {
        let total = self.tasks.active(&task.job).count();
        let tier = task.config.tier.as_ref();
        let is_production = tier
            .and_then(|name| self.settings.tiers.get(name))
            .is_some_and(|tier| tier.is_production());
        let least = self.settings.min_required_instances_for_sla_check;
        let is_protected = is_production || self.settings.sla_aware_kill_non_prod;
        if !is_protected || total < usize::try_from(least).unwrap_or(0) {
            return true;
        }
        let duration = duration_ms(policy);
        let is_up = |other: &&Task| {
            let running = |event: &&aurora_api::TaskEvent| event.status == ScheduleStatus::Running;
            other.id != task.id
                && other.status == ScheduleStatus::Running
                && other
                    .events
                    .iter()
                    .filter(running)
                    .map(|event| event.timestamp)
                    .max()
                    .is_some_and(|since| self.now.saturating_sub(since) > duration)
        };
        meets(
            policy,
            self.tasks.active(&task.job).filter(is_up).count(),
            total,
        )
    }

    /// Has a coordinator asked, unless it is being asked something already.
    pub(super) fn ask_coordinator(
        &mut self,
        id: &str,
        policy: &CoordinatorSlaPolicy,
        purpose: Purpose,
        more: &BTreeMap<&str, String>,
    ) {
        let Some(task) = self.tasks.get(id) else {
            return;
        };
        let cluster = &self.settings.cluster_name;
        let key = format!("{cluster}/{}/{}", task.job, task.instance);
        if !self.asking.insert(policy.coordinator_url.clone()) {
            self.count_coordinator("lock_starvation", &key);
            return;
        }
        let mut body = json!({
            "taskConfig": to_simple(&task.to_scheduled(), Style::Numbers),
            "task": key,
        });
        if let Json::Object(body) = &mut body {
            let more = more.iter();
            body.extend(more.map(|(name, value)| (name.to_string(), value.clone().into())));
        }
        let status_key = match policy.status_key.as_str() {
            "" => STATUS_KEY.to_string(),
            key => key.to_string(),
        };
        self.stats.count("sla_coordinator_attempts");
        self.effects.asks.push(Ask {
            task: id.to_string(),
            key,
            url: policy.coordinator_url.clone(),
            status_key,
            body,
            purpose,
        });
    }

    fn count_coordinator(&mut self, what: &str, key: &str) {
        self.stats.count(&format!("sla_coordinator_{what}"));
        self.stats.count(&format!("sla_coordinator_{what}_{key}"));
    }

    /// A coordinator was asked, and this came of it.
    pub fn coordinator_said(&mut self, ask: &Ask, said: Said) {
        self.asking.remove(&ask.url);
        let allowed = match said {
            Said::Allowed(allowed) => {
                self.stats.count("sla_coordinator_success");
                allowed
            }
            Said::BadStatus => {
                self.count_coordinator("user_errors", &ask.key);
                false
            }
            Said::Failed => {
                self.count_coordinator("errors", &ask.key);
                false
            }
        };
        tracing::info!("coordinator {} for {}: {said:?}", ask.url, ask.key);
        if !allowed {
            return;
        }
        match &ask.purpose {
            Purpose::Drain { host } => self.drain_task_now(&ask.task, host),
            Purpose::Replace {
                update,
                instance,
                status,
            } => self.replace_now(update, *instance, *status, &ask.task),
        }
    }
}

#[cfg(test)]
mod tests {
    use aurora_api::{CountSlaPolicy, PercentageSlaPolicy};

    use super::*;

    #[test]
    fn policies_are_met_as_documented() {
        let count = |count| {
            SlaPolicy::Count(CountSlaPolicy {
                count,
                duration_secs: 0,
            })
        };
        let share = |percentage: f64| {
            SlaPolicy::Percentage(PercentageSlaPolicy {
                percentage: percentage.into(),
                duration_secs: 0,
            })
        };
        for (policy, up, total, want) in [
            (count(1), 1, 2, true),
            (count(1), 0, 2, false),
            (count(8), 9, 10, true),
            (count(8), 7, 10, false),
            // Relaxed: otherwise no task could ever go.
            (count(10), 9, 10, true),
            (count(99), 9, 10, true),
            (count(10), 8, 10, false),
            (share(50.0), 1, 2, true),
            (share(50.0), 0, 2, false),
            (share(80.0), 8, 10, true),
            (share(80.0), 7, 10, false),
            (share(95.0), 9, 10, true),
            (share(100.0), 9, 10, true),
            (share(100.0), 8, 10, false),
            (share(0.0), 0, 10, true),
        ] {
            assert_eq!(meets(&policy, up, total), want, "{policy:?} {up}/{total}");
        }
    }
}
