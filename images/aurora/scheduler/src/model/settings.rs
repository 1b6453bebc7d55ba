//! The thresholds and defaults that govern the model. The flags of the same names set them.

pub mod environments;
pub mod scheduling;
pub mod sla_stats;

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::{DockerParameter, ScheduleStatus, TaskConfig};
use jiff::tz::TimeZone;

use environments::Environments;
use scheduling::Scheduling;
use sla_stats::SlaStats;

/// One tier of `-tier_config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// Its tasks may be preempted.
    pub preemptible: bool,
    /// Its tasks run on revocable resources.
    pub revocable: bool,
}

impl Tier {
    /// Neither preemptible nor revocable.
    pub fn is_production(self) -> bool {
        !self.preemptible && !self.revocable
    }
}

/// Everything that can be tuned. Times are in milliseconds.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of the cluster, in answers and in discovery information.
    pub cluster_name: String,
    /// Host name of this scheduler, noted in every task event.
    pub scheduler_host: String,
    /// Tiers by name.
    pub tiers: BTreeMap<String, Tier>,
    /// The tier of a task that names none.
    pub default_tier: String,
    /// `-max_tasks_per_job`
    pub max_tasks_per_job: i32,
    /// `-max_update_instance_failures`
    pub max_update_instance_failures: i64,
    /// `-allowed_job_environments`
    pub allowed_job_environments: Environments,
    /// `-allowed_container_types` contains MESOS.
    pub allow_mesos_containers: bool,
    /// `-allowed_container_types` contains DOCKER.
    pub allow_docker_containers: bool,
    /// `-allow_docker_parameters`
    pub allow_docker_parameters: bool,
    /// `-require_docker_use_executor`
    pub require_docker_use_executor: bool,
    /// `-allow_gpu_resource`
    pub allow_gpu_resource: bool,
    /// `-enable_mesos_fetcher`
    pub enable_mesos_fetcher: bool,
    /// `-allow_container_volumes`
    pub allow_container_volumes: bool,
    /// `-sla_aware_kill_non_prod`
    pub sla_aware_kill_non_prod: bool,
    /// `-min_required_instances_for_sla_check`
    pub min_required_instances_for_sla_check: i32,
    /// `-max_sla_duration_secs`, in seconds.
    pub max_sla_duration_secs: i64,
    /// `-flapping_task_threshold`
    pub flapping_threshold: i64,
    /// `-initial_flapping_task_delay`
    pub initial_flapping_delay: i64,
    /// `-max_flapping_task_delay`
    pub max_flapping_delay: i64,
    /// `-transient_task_state_timeout`; kills are never further apart, either.
    pub transient_timeout: i64,
    /// `-initial_task_kill_retry_interval`
    pub kill_retry_interval: i64,
    /// `-history_prune_threshold`
    pub history_prune_threshold: i64,
    /// `-history_max_per_job_threshold`
    pub history_max_per_job: usize,
    /// `-history_min_retention_threshold`
    pub history_min_retention: i64,
    /// `-job_update_history_pruning_interval`
    pub update_history_interval: i64,
    /// `-job_update_history_per_job_threshold`
    pub update_history_per_job: usize,
    /// `-job_update_history_pruning_threshold`
    pub update_history_threshold: i64,
    /// `-cron_timezone`
    pub cron_timezone: TimeZone,
    /// `-cron_start_initial_backoff`
    pub cron_start_initial_backoff: i64,
    /// `-cron_start_max_backoff`
    pub cron_start_max_backoff: i64,
    /// `-sla_aware_kill_retry_min_delay`
    pub sla_kill_min_delay: i64,
    /// `-sla_aware_kill_retry_max_delay`
    pub sla_kill_max_delay: i64,
    /// `-unavailability_threshold`
    pub unavailability_threshold: i64,
    /// States that the webhook is told of.
    pub webhook_statuses: BTreeSet<ScheduleStatus>,
    /// `-host_maintenance_polling_interval`
    pub maintenance_interval: i64,
    /// `-min_offer_hold_time`
    pub offer_hold: i64,
    /// `-offer_hold_jitter_window`
    pub offer_hold_jitter: i64,
    /// `-hold_offers_forever`
    pub hold_offers_forever: bool,
    /// `-reconciliation_initial_delay`
    pub reconciliation_initial_delay: i64,
    /// `-reconciliation_explicit_interval`
    pub reconciliation_explicit_interval: i64,
    /// `-reconciliation_implicit_interval`
    pub reconciliation_implicit_interval: i64,
    /// `-reconciliation_schedule_spread`
    pub reconciliation_spread: i64,
    /// What governs the placing of tasks.
    pub scheduling: Scheduling,
    /// Which SLA statistics are computed, and when.
    pub sla_stats: SlaStats,
    /// `-thermos_executor_cpu`, in cores: what an executor is given beside its task.
    pub executor_cpus: f64,
    /// `-thermos_executor_ram`, in MB.
    pub executor_ram_mb: f64,
    /// What the executors of `-custom_executor_config` are given, by their names.
    pub custom_executors: BTreeMap<String, Overhead>,
    /// `-default_docker_parameters`
    pub default_docker_parameters: Vec<DockerParameter>,
}

/// What an executor is given beside its task.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Overhead {
    /// Cores.
    pub cpus: f64,
    /// RAM in MB.
    pub ram_mb: f64,
}

impl Settings {
    /// Whether the webhook is told of tasks that come into this state.
    pub fn tells_of(&self, status: ScheduleStatus) -> bool {
        self.webhook_statuses.contains(&status)
    }

    /// What this executor is given; a task without one needs nothing beside it.
    pub fn overhead(&self, executor: Option<&str>) -> Overhead {
        match executor {
            None => Overhead::default(),
            Some(name) => match self.custom_executors.get(name) {
                Some(overhead) => *overhead,
                None => Overhead {
                    cpus: self.executor_cpus,
                    ram_mb: self.executor_ram_mb,
                },
            },
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        const SECOND: i64 = 1000;
        const MINUTE: i64 = 60 * SECOND;
        const HOUR: i64 = 60 * MINUTE;
        const DAY: i64 = 24 * HOUR;
        let tier = |preemptible, revocable| Tier {
            preemptible,
            revocable,
        };
        Self {
            cluster_name: String::new(),
            scheduler_host: String::new(),
            tiers: BTreeMap::from([
                ("preferred".to_string(), tier(false, false)),
                ("preemptible".to_string(), tier(true, false)),
                ("revocable".to_string(), tier(true, true)),
            ]),
            default_tier: "preemptible".to_string(),
            max_tasks_per_job: 4000,
            max_update_instance_failures: 20_000,
            allowed_job_environments: Environments::default(),
            allow_mesos_containers: true,
            allow_docker_containers: false,
            allow_docker_parameters: false,
            require_docker_use_executor: true,
            allow_gpu_resource: false,
            enable_mesos_fetcher: false,
            allow_container_volumes: false,
            sla_aware_kill_non_prod: false,
            min_required_instances_for_sla_check: 20,
            max_sla_duration_secs: 2 * 60 * 60,
            flapping_threshold: 5 * MINUTE,
            initial_flapping_delay: 30 * SECOND,
            max_flapping_delay: 5 * MINUTE,
            transient_timeout: 5 * MINUTE,
            kill_retry_interval: 15 * SECOND,
            history_prune_threshold: 2 * DAY,
            history_max_per_job: 100,
            history_min_retention: HOUR,
            update_history_interval: 15 * MINUTE,
            update_history_per_job: 10,
            update_history_threshold: 30 * DAY,
            cron_timezone: TimeZone::UTC,
            cron_start_initial_backoff: 5 * SECOND,
            cron_start_max_backoff: MINUTE,
            sla_kill_min_delay: MINUTE,
            sla_kill_max_delay: 5 * MINUTE,
            unavailability_threshold: 6 * MINUTE,
            webhook_statuses: BTreeSet::new(),
            maintenance_interval: MINUTE,
            offer_hold: 5 * MINUTE,
            offer_hold_jitter: MINUTE,
            hold_offers_forever: false,
            reconciliation_initial_delay: MINUTE,
            reconciliation_explicit_interval: HOUR,
            reconciliation_implicit_interval: HOUR,
            reconciliation_spread: 30 * MINUTE,
            scheduling: Scheduling::default(),
            sla_stats: SlaStats::default(),
            executor_cpus: 0.25,
            executor_ram_mb: 128.0,
            custom_executors: BTreeMap::new(),
            default_docker_parameters: Vec::new(),
        }
    }
}

impl Settings {
    /// The tier of a configuration. One that is not known any more counts as preemptible.
    pub fn tier_of(&self, config: &TaskConfig) -> Tier {
        let name = config.tier.as_deref().unwrap_or(&self.default_tier);
        self.tiers.get(name).copied().unwrap_or(Tier {
            preemptible: true,
            revocable: false,
        })
    }
}
