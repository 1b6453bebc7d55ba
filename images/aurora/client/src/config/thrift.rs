//! A job as the scheduler's API has it (`apache/aurora/config/thrift.py`).

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::{
    AURORA_EXECUTOR_NAME, AppcImage, Constraint, Container, CoordinatorSlaPolicy, CountSlaPolicy,
    CronCollisionPolicy, DockerContainer, DockerImage, DockerParameter, ExecutorConfig, Identity,
    Image, JobConfiguration, LimitConstraint, MesosContainer, Metadata, Mode, PartitionPolicy,
    PercentageSlaPolicy, Resource, SlaPolicy, TaskConfig, TaskConstraint, ValueConstraint, Volume,
};
use nix::unistd::{User, getuid};

use super::{JobConfig, model};

const BYTES_PER_MB: i64 = 1 << 20;

/// The user who runs the client, as Python's `getpass.getuser` finds it.
pub fn user() -> String {
    let named = ["LOGNAME", "USER", "LNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    named
        .or_else(|| {
            User::from_uid(getuid())
                .ok()
                .flatten()
                .map(|user| user.name)
        })
        .unwrap_or_else(|| getuid().to_string())
}

impl JobConfig {
    /// What `createJob` is sent.
    pub fn job_configuration(&self) -> JobConfiguration {
        JobConfiguration {
            key: Some(self.job_key()),
            owner: Some(Identity { user: Some(user()) }),
            cron_schedule: self.job.cron_schedule.clone(),
            cron_collision_policy: CronCollisionPolicy::from_name(
                &self.job.cron_collision_policy.to_uppercase(),
            ),
            task_config: Some(self.task_config()),
            instance_count: self.job.instances,
        }
    }

    /// What every instance runs.
    pub fn task_config(&self) -> TaskConfig {
        let job = &self.job;
        TaskConfig {
            job: Some(self.job_key()),
            owner: Some(Identity { user: Some(user()) }),
            is_service: job.service,
            priority: job.priority,
            max_task_failures: job.max_task_failures,
            production: Some(job.production),
            tier: job.tier.clone(),
            resources: resources(&job.task.resources, &self.ports),
            constraints: job
                .constraints
                .iter()
                .map(|(name, value)| Constraint {
                    name: name.clone(),
                    constraint: constraint(value.as_str().unwrap_or_default()),
                })
                .collect(),
            mesos_fetcher_uris: None,
            task_links: Some(BTreeMap::new()),
            contact_email: job.contact.clone(),
            executor_config: Some(self.executor_config()),
            metadata: Some(
                job.metadata
                    .iter()
                    .map(|label| Metadata {
                        key: label.key.clone(),
                        value: label.value.clone(),
                    })
                    .collect(),
            ),
            partition_policy: job.partition_policy.as_ref().map(|policy| PartitionPolicy {
                reschedule: policy.reschedule,
                delay_secs: Some(policy.delay_secs),
            }),
            sla_policy: job.sla_policy.as_ref().map(sla_policy),
            container: Some(
                job.container
                    .as_ref()
                    .map_or_else(|| Container::Mesos(MesosContainer::default()), container),
            ),
        }
    }

    /// Aurora's own executor gets the job; another gets what the file has for it.
    fn executor_config(&self) -> ExecutorConfig {
        let model::ExecutorConfig { name, data } = &self.job.executor_config;
        let data = if name == AURORA_EXECUTOR_NAME {
            self.executor_data()
        } else {
            data.clone()
        };
        ExecutorConfig {
            name: Some(name.clone()),
            data: Some(data),
        }
    }
}

fn resources(wanted: &model::Resources, ports: &[String]) -> BTreeSet<Resource> {
    let mut resources = BTreeSet::from([
        Resource::NumCpus(wanted.cpu.into()),
        Resource::RamMb(wanted.ram.div_euclid(BYTES_PER_MB)),
        Resource::DiskMb(wanted.disk.div_euclid(BYTES_PER_MB)),
    ]);
    resources.extend(ports.iter().cloned().map(Resource::NamedPort));
    if wanted.gpu != 0 {
        resources.insert(Resource::NumGpus(wanted.gpu));
    }
    resources
}

/// `limit:2`, or values separated by commas, all negated by a `!` in front.
fn constraint(text: &str) -> TaskConstraint {
    if let Some(limit) = text
        .strip_prefix("limit:")
        .and_then(|limit| limit.trim().parse().ok())
    {
        return TaskConstraint::Limit(LimitConstraint { limit });
    }
    let (negated, values) = match text.strip_prefix('!') {
        Some(values) => (true, values),
        None => (false, text),
    };
    TaskConstraint::Value(ValueConstraint {
        negated,
        values: values.split(',').map(str::to_owned).collect(),
    })
}

fn sla_policy(policy: &model::SlaPolicy) -> SlaPolicy {
    match policy {
        model::SlaPolicy::Coordinator {
            coordinator_url,
            status_key,
        } => SlaPolicy::Coordinator(CoordinatorSlaPolicy {
            coordinator_url: coordinator_url.clone(),
            status_key: status_key.clone(),
        }),
        model::SlaPolicy::Count {
            count,
            duration_secs,
        } => SlaPolicy::Count(CountSlaPolicy {
            count: *count,
            duration_secs: *duration_secs,
        }),
        model::SlaPolicy::Percentage {
            percentage,
            duration_secs,
        } => SlaPolicy::Percentage(PercentageSlaPolicy {
            percentage: (*percentage).into(),
            duration_secs: *duration_secs,
        }),
    }
}

fn container(container: &model::Container) -> Container {
    match container {
        model::Container::Wrapped { docker } | model::Container::Docker(docker) => {
            Container::Docker(DockerContainer {
                image: Some(docker.image.clone()),
                parameters: Some(
                    docker
                        .parameters
                        .iter()
                        .map(|parameter| DockerParameter {
                            name: parameter.name.clone(),
                            value: parameter.value.clone(),
                        })
                        .collect(),
                ),
            })
        }
        model::Container::Mesos { image, volumes } => Container::Mesos(MesosContainer {
            image: image.as_ref().map(|image| match image {
                model::Image::Appc { name, image_id } => Image::Appc(AppcImage {
                    name: name.clone(),
                    image_id: image_id.clone(),
                }),
                model::Image::Docker { name, tag } => Image::Docker(DockerImage {
                    name: name.clone(),
                    tag: tag.clone(),
                }),
            }),
            volumes: Some(
                volumes
                    .iter()
                    .map(|volume| Volume {
                        container_path: volume.container_path.clone(),
                        host_path: volume.host_path.clone(),
                        mode: Mode::from_name(&volume.mode.to_uppercase()).unwrap_or_default(),
                    })
                    .collect(),
            ),
        }),
    }
}
