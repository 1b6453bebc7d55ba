//! Validation of job and task configurations, and the values filled in ("sanitizing"). The order of
//! the checks and the messages are the original's (api.md, section 9).

mod sla;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::text::to_text;
use aurora_api::{
    AURORA_EXECUTOR_NAME, Container, CronCollisionPolicy, Identity, JobConfiguration, JobKey,
    JobUpdateRequest, Resource, TaskConfig, TaskConstraint,
};

use super::constraints::DEDICATED;
use super::key::{self, Verbose};
use super::settings::{Settings, Tier};
use super::{Model, Refusal};

/// What a cron job is told by the calls for other jobs.
pub const NOT_FOR_CRON: &str = "Cron jobs may only be created/updated by calling scheduleCronJob.";

/// A job that passed, with its defaults filled in.
#[derive(Debug, Clone)]
pub struct Sanitized {
    /// Its key, valid.
    pub key: JobKey,
    /// What its instances run.
    pub config: TaskConfig,
    /// How many there are, at least one.
    pub instance_count: i32,
    /// Not empty.
    pub cron_schedule: Option<String>,
    /// What a cron job's run does about an earlier one.
    pub collision_policy: CronCollisionPolicy,
    /// Who owns it.
    pub owner: Option<Identity>,
}

impl Sanitized {
    /// As the API shows it.
    pub fn into_configuration(self) -> JobConfiguration {
        JobConfiguration {
            key: Some(self.key),
            owner: self.owner,
            cron_schedule: self.cron_schedule,
            cron_collision_policy: Some(self.collision_policy),
            task_config: Some(self.config),
            instance_count: self.instance_count,
        }
    }
}

fn refuse<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::invalid(message))
}

/// Validates a job.
pub fn job(settings: &Settings, job: &JobConfiguration) -> Result<Sanitized, Refusal> {
    let Some(config) = &job.task_config else {
        return refuse("Job configuration must have taskConfig set.");
    };
    if job.instance_count <= 0 {
        return refuse("Instance count must be positive.");
    }
    let job_key = check_key(job.key.as_ref())?;
    check_environment(settings, &job_key.environment)?;
    if let Some(owner) = &job.owner {
        let user = owner.user.as_deref();
        if !user.is_some_and(key::is_valid_identifier) {
            let user = user.unwrap_or("null");
            return refuse(format!("Job user contains illegal characters: {user}"));
        }
    }
    let config = task(settings, config, job.instance_count)?;
    let cron_schedule = job
        .cron_schedule
        .clone()
        .filter(|schedule| !schedule.is_empty());
    if cron_schedule.is_some() && config.is_service {
        let shown = JobConfiguration {
            task_config: Some(config),
            ..job.clone()
        };
        return refuse(format!(
            "A service task may not be run on a cron schedule: {}",
            to_text(&shown)
        ));
    }
    Ok(Sanitized {
        key: job_key,
        config,
        instance_count: job.instance_count,
        cron_schedule,
        collision_policy: job.cron_collision_policy.unwrap_or_default(),
        owner: job.owner.clone(),
    })
}

/// Validates what `startJobUpdate` and `getJobUpdateDiff` are given: only the configuration, as the
/// original does. The number of instances is checked against what is there.
pub fn update_request(
    settings: &Settings,
    request: &JobUpdateRequest,
) -> Result<Sanitized, Refusal> {
    let Some(config) = &request.task_config else {
        return Err(Refusal::missing());
    };
    let config = task(settings, config, request.instance_count)?;
    Ok(Sanitized {
        key: config.job.clone().unwrap_or_default(),
        owner: config.owner.clone(),
        config,
        instance_count: request.instance_count,
        cron_schedule: None,
        collision_policy: CronCollisionPolicy::default(),
    })
}

fn check_key(job: Option<&JobKey>) -> Result<JobKey, Refusal> {
    match job {
        Some(job) if key::is_valid(job) => Ok(job.clone()),
        Some(job) => refuse(format!("Job key {} is invalid.", Verbose(job))),
        None => refuse("Job key null is invalid."),
    }
}

fn check_environment(settings: &Settings, environment: &str) -> Result<(), Refusal> {
    let environments = &settings.allowed_job_environments;
    match environments.allow(environment) {
        true => Ok(()),
        false => refuse(format!(
            "Job environment {environment} doesn't match: {environments}"
        )),
    }
}

/// Validates what a job's instances run.
pub fn task(
    settings: &Settings,
    config: &TaskConfig,
    instance_count: i32,
) -> Result<TaskConfig, Refusal> {
    let mut config = config.clone();
    let tier = fill_in_tier(settings, &mut config)?;
    check_key(config.job.as_ref())?;
    check_executor(settings, &config)?;
    check_constraints(&config)?;
    check_container(settings, &mut config)?;
    check_resources(settings, &config)?;
    if config
        .mesos_fetcher_uris
        .as_ref()
        .is_some_and(|uris| !uris.is_empty())
        && !settings.enable_mesos_fetcher
    {
        return refuse("Mesos Fetcher for individual jobs is disabled in this cluster.");
    }
    if let Some(Container::Mesos(mesos)) = &config.container
        && mesos
            .volumes
            .as_ref()
            .is_some_and(|volumes| !volumes.is_empty())
        && !settings.allow_container_volumes
    {
        return refuse("This scheduler is configured to disallow container volumes.");
    }
    sla::check(settings, &config, tier, instance_count)?;
    fill_in_links(&mut config);
    Ok(config)
}

fn fill_in_tier(settings: &Settings, config: &mut TaskConfig) -> Result<Tier, Refusal> {
    if let Some(tier) = &config.tier
        && !key::is_valid_identifier(tier)
    {
        return refuse(format!("Tier contains illegal characters: {tier}"));
    }
    let name = config
        .tier
        .clone()
        .unwrap_or_else(|| settings.default_tier.clone());
    let Some(tier) = settings.tiers.get(&name).copied() else {
        return refuse(format!("Invalid tier '{name}' in TaskConfig."));
    };
    config.tier = Some(name);
    config.production = Some(tier.is_production());
    Ok(tier)
}

fn check_executor(settings: &Settings, config: &TaskConfig) -> Result<(), Refusal> {
    let Some(executor) = &config.executor_config else {
        return match &config.container {
            Some(Container::Docker(_)) => Ok(()),
            _ => refuse("Configuration may not be null."),
        };
    };
    match executor.name.as_deref() {
        None => refuse("Executor name may not be left unset."),
        Some(AURORA_EXECUTOR_NAME) => Ok(()),
        Some(name) if settings.custom_executors.contains_key(name) => Ok(()),
        Some(name) => refuse(format!(
            "Configuration for executor '{name}' doesn't exist."
        )),
    }
}

fn check_constraints(config: &TaskConfig) -> Result<(), Refusal> {
    for constraint in config.constraints.iter().filter(|c| c.name == DEDICATED) {
        let TaskConstraint::Value(value) = &constraint.constraint else {
            return refuse("A dedicated constraint must be of value type.");
        };
        let mut values = value.values.iter();
        let (Some(only), None) = (values.next(), values.next()) else {
            return refuse("A dedicated constraint must have exactly one value");
        };
        let role = only.split('/').next().unwrap_or_default();
        let own = config.job.as_ref().is_some_and(|job| job.role == role);
        if role != "*" && !own {
            return refuse(format!(
                "Only {role} may use hosts dedicated for that role."
            ));
        }
    }
    Ok(())
}

fn check_container(settings: &Settings, config: &mut TaskConfig) -> Result<(), Refusal> {
    let (allowed, name) = match &mut config.container {
        Some(Container::Docker(docker)) => {
            if docker.image.as_ref().is_none_or(String::is_empty) {
                return refuse("A container must specify an image.");
            }
            if docker.parameters.as_ref().is_none_or(Vec::is_empty) {
                if !settings.default_docker_parameters.is_empty() {
                    docker.parameters = Some(settings.default_docker_parameters.clone());
                }
            } else if !settings.allow_docker_parameters {
                return refuse("This scheduler is configured to disallow Docker parameters.");
            }
            if config.executor_config.is_none() && settings.require_docker_use_executor {
                return refuse(
                    "This scheduler is configured to require an executor for Docker-based tasks.",
                );
            }
            (settings.allow_docker_containers, "DOCKER")
        }
        Some(Container::Mesos(_)) => (settings.allow_mesos_containers, "MESOS"),
        Some(Container::Unset) | None => return refuse("A job must have a container type."),
    };
    match allowed {
        true => Ok(()),
        false => refuse(format!(
            "This scheduler is not configured to allow the container type {name}"
        )),
    }
}

fn check_resources(settings: &Settings, config: &TaskConfig) -> Result<(), Refusal> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut cpus, mut ram, mut disk) = (0.0, 0, 0);
    let mut has_gpus = false;
    for resource in &config.resources {
        let name = match resource {
            Resource::NumCpus(value) => {
                cpus = value.0;
                "CPU"
            }
            Resource::RamMb(value) => {
                ram = *value;
                "RAM"
            }
            Resource::DiskMb(value) => {
                disk = *value;
                "disk"
            }
            Resource::NumGpus(_) => {
                has_gpus = true;
                "GPU"
            }
            Resource::NamedPort(_) | Resource::Unset => continue,
        };
        *counts.entry(name).or_default() += 1;
    }
    let several: Vec<&str> = counts
        .iter()
        .filter(|(_, count)| **count > 1)
        .map(|(name, _)| *name)
        .collect();
    if !several.is_empty() {
        let names = several.join(", ");
        return refuse(format!(
            "Multiple resource values are not supported for {names}"
        ));
    }
    // Not `<=`: that would let NaN pass.
    if !(cpus > 0.0 && f64::is_finite(cpus)) {
        return refuse("num_cpus must be greater than 0.0");
    }
    if ram <= 0 {
        return refuse("ram_mb must be greater than 0.0");
    }
    if disk <= 0 {
        return refuse("disk_mb must be greater than 0.0");
    }
    if has_gpus && !settings.allow_gpu_resource {
        return refuse("GPU resource support is disabled in this cluster.");
    }
    Ok(())
}

/// Links for the ports that have well-known names, if none are given.
fn fill_in_links(config: &mut TaskConfig) {
    if config
        .task_links
        .as_ref()
        .is_some_and(|links| !links.is_empty())
    {
        return;
    }
    let ports: BTreeSet<&str> = config
        .resources
        .iter()
        .filter_map(|resource| match resource {
            Resource::NamedPort(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let links: BTreeMap<String, String> = ["health", "http"]
        .into_iter()
        .filter(|name| ports.contains(name))
        .map(|name| (name.to_string(), format!("http://%host%:%port:{name}%")))
        .collect();
    config.task_links = Some(links);
}

impl Model {
    /// Validates a job against this scheduler's settings.
    pub fn sanitize(&self, description: &JobConfiguration) -> Result<Sanitized, Refusal> {
        job(&self.settings, description)
    }
}
