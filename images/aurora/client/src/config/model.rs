//! The fields of a job that the client itself makes use of, typed.

use serde::Deserialize;
use serde_json::Map;

/// `Job` of the job language, interpolated.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Job {
    pub(super) name: String,
    pub(super) role: String,
    pub(super) contact: Option<String>,
    pub(super) cluster: String,
    pub(super) environment: String,
    pub(super) instances: i32,
    pub(super) task: Task,
    pub(super) tier: Option<String>,
    pub(super) cron_schedule: Option<String>,
    pub(super) cron_collision_policy: String,
    pub(super) update_config: UpdateConfig,
    #[serde(default)]
    pub(super) constraints: Map<String, serde_json::Value>,
    pub(super) metadata: Vec<Metadata>,
    pub(super) service: bool,
    pub(super) max_task_failures: i32,
    pub(super) production: bool,
    pub(super) priority: i32,
    pub(super) executor_config: ExecutorConfig,
    pub(super) partition_policy: Option<PartitionPolicy>,
    pub(super) sla_policy: Option<SlaPolicy>,
    pub(super) container: Option<Container>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Task {
    pub(super) resources: Resources,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Resources {
    pub(super) cpu: f64,
    /// Bytes, as is `disk`.
    pub(super) ram: i64,
    pub(super) disk: i64,
    pub(super) gpu: i64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) key: String,
    pub(super) value: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct ExecutorConfig {
    pub(super) name: String,
    pub(super) data: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct PartitionPolicy {
    pub(super) reschedule: bool,
    pub(super) delay_secs: i64,
}

/// Which of the three it is shows in its fields.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum SlaPolicy {
    Coordinator {
        coordinator_url: String,
        status_key: String,
    },
    Count {
        count: i64,
        duration_secs: i64,
    },
    Percentage {
        percentage: f64,
        duration_secs: i64,
    },
}

/// Which of the three it is shows in its fields.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Container {
    Wrapped {
        docker: Docker,
    },
    Docker(Docker),
    Mesos {
        image: Option<Image>,
        volumes: Vec<Volume>,
    },
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Docker {
    pub(super) image: String,
    pub(super) parameters: Vec<Parameter>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Image {
    Appc { name: String, image_id: String },
    Docker { name: String, tag: String },
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Volume {
    pub(super) container_path: String,
    pub(super) host_path: String,
    pub(super) mode: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct UpdateConfig {
    pub(super) batch_size: i32,
    pub(super) watch_secs: i32,
    pub(super) max_per_shard_failures: i32,
    pub(super) max_total_failures: i32,
    pub(super) rollback_on_failure: bool,
    pub(super) wait_for_batch_completion: bool,
    pub(super) pulse_interval_secs: Option<i32>,
    pub(super) sla_aware: bool,
    pub(super) update_strategy: Option<UpdateStrategy>,
}

/// Which of the three it is shows in its fields.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum UpdateStrategy {
    VariableBatch {
        batch_sizes: Vec<i32>,
        autopause_after_batch: bool,
    },
    Batch {
        batch_size: i32,
        autopause_after_batch: bool,
    },
    Queue {
        batch_size: i32,
    },
}
