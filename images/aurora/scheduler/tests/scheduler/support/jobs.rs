//! Jobs to test with.

use std::collections::BTreeSet;

use aurora_api::{
    AURORA_EXECUTOR_NAME, ExecutorConfig, Identity, JobConfiguration, JobKey, JobUpdateRequest,
    JobUpdateSettings, Resource, TaskConfig,
};

/// A service's configuration; `version` tells one from another.
pub(crate) fn config(job: &JobKey, version: i32) -> TaskConfig {
    TaskConfig {
        job: Some(job.clone()),
        owner: Some(Identity {
            user: Some(job.role.clone()),
        }),
        is_service: true,
        priority: version,
        max_task_failures: 1,
        executor_config: Some(ExecutorConfig {
            name: Some(AURORA_EXECUTOR_NAME.to_string()),
            data: Some("{}".to_string()),
        }),
        resources: BTreeSet::from([
            Resource::NumCpus(0.25.into()),
            Resource::RamMb(64),
            Resource::DiskMb(8),
            Resource::NamedPort("http".to_string()),
        ]),
        ..TaskConfig::default()
    }
}

/// A job of such instances.
pub(crate) fn job(key: &JobKey, version: i32, instances: i32) -> JobConfiguration {
    JobConfiguration {
        key: Some(key.clone()),
        owner: Some(Identity {
            user: Some(key.role.clone()),
        }),
        task_config: Some(config(key, version)),
        instance_count: instances,
        ..JobConfiguration::default()
    }
}

/// A request to update to such instances.
pub(crate) fn update(
    key: &JobKey,
    version: i32,
    instances: i32,
    settings: JobUpdateSettings,
) -> JobUpdateRequest {
    JobUpdateRequest {
        task_config: Some(config(key, version)),
        instance_count: instances,
        settings: Some(settings),
        metadata: None,
    }
}
