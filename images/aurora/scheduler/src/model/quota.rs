//! Quotas: what a role's production jobs may use, and what they do use.
//!
//! Only production jobs outside of dedicated hosts are held to it. A cron job counts even while it
//! does not run. A job with an update in progress counts as the larger of what it was and what it
//! becomes, resource by resource, over all the instances that the update is about; the others count as
//! they are.
//!
//! What is promised is what Aurora's `QuotaManager` promises: no request is let in that makes this sum
//! pass the quota, and an update that rolls all the way, forward or back, ends within it. It is a
//! promise about requests, not about each moment of an update: one that adds instances, removes others
//! and is aborted in between, or fails without a way back, leaves both, and from then on each counts as
//! what it is. Until that is below the quota again, nothing that is held to it is let in.
//!
//! In one thing this counts more than the original, which forgets a cron job's run while its template
//! is not held to the quota, so that what comes in meanwhile could pass it later.

use std::collections::BTreeMap;

use aurora_api::{
    GetQuotaResult, JobKey, JobUpdateInstructions, Range, Resource, ResourceAggregate, TaskConfig,
};

use super::constraints::DEDICATED;
use super::cron::CronJob;
use super::effect::Record;
use super::resources::Demand;
use super::summary::Consumption;
use super::{Model, Refusal};

/// Whether a configuration is held to its role's quota.
fn is_held(config: &TaskConfig) -> bool {
    is_production(config) && !is_dedicated(config)
}

fn is_production(config: &TaskConfig) -> bool {
    config.production.unwrap_or(false)
}

fn is_dedicated(config: &TaskConfig) -> bool {
    config
        .constraints
        .iter()
        .any(|constraint| constraint.name == DEDICATED)
}

/// How many instances some ranges mean; ranges come from outside.
fn count<'a>(ranges: impl IntoIterator<Item = &'a Range>) -> i64 {
    ranges
        .into_iter()
        .map(|range| (i64::from(range.last) - i64::from(range.first) + 1).max(0))
        .fold(0, i64::saturating_add)
}

/// What so many instances of a configuration use.
fn scaled(config: &TaskConfig, instances: i64) -> Consumption {
    Consumption::of_demand(&Demand::of(config)).times(instances)
}

/// The larger of both sides of an update, of the configurations that `counts` picks.
fn of_update(
    instructions: &JobUpdateInstructions,
    counts: impl Fn(&TaskConfig) -> bool,
) -> Consumption {
    let sum = |states: &mut dyn Iterator<Item = &aurora_api::InstanceTaskConfig>| {
        states
            .filter(|state| counts(&state.task))
            .map(|state| scaled(&state.task, count(&state.instances)))
            .fold(Consumption::default(), Consumption::plus)
    };
    let before = sum(&mut instructions.initial_state.iter());
    let after = sum(&mut instructions.desired_state.iter());
    before.max(after)
}

/// Whether an update is about an instance.
fn touches(instructions: &JobUpdateInstructions, instance: i32) -> bool {
    instructions
        .initial_state
        .iter()
        .chain(&instructions.desired_state)
        .flat_map(|state| &state.instances)
        .any(|range| (range.first..=range.last).contains(&instance))
}

/// Refuses what passes the quota, saying by how much.
fn check(quota: Consumption, wanted: Consumption) -> Result<(), Refusal> {
    let mut exceeded = Vec::new();
    let mut compare = |name: &str, unit: &str, by: f64| {
        // Thousandths are noise of adding cores up.
        if by > 0.0005 {
            exceeded.push(format!("{name} quota exceeded by {by:.2} {unit}"));
        }
    };
    let megabytes = |wanted: i64, quota: i64| wanted.saturating_sub(quota) as f64;
    compare("CPU", "core(s)", wanted.cpus - quota.cpus);
    compare("RAM", "MB", megabytes(wanted.ram_mb, quota.ram_mb));
    compare("disk", "MB", megabytes(wanted.disk_mb, quota.disk_mb));
    match exceeded.is_empty() {
        true => Ok(()),
        false => Err(Refusal::invalid(format!(
            "Insufficient resource quota: {}",
            exceeded.join("; ")
        ))),
    }
}

impl Model {
    fn quota_of(&self, role: &str) -> Consumption {
        self.quotas
            .get(role)
            .map(Consumption::of_aggregate)
            .unwrap_or_default()
    }

    /// What a role's jobs use of the configurations that `counts` picks, as if `requested` were in
    /// progress already.
    fn consumed(
        &self,
        role: &str,
        requested: Option<(&JobKey, &JobUpdateInstructions)>,
        counts: impl Fn(&TaskConfig) -> bool,
    ) -> Consumption {
        let mut updates: BTreeMap<&JobKey, &JobUpdateInstructions> = self
            .updating
            .iter()
            .filter(|(job, _)| job.role == role)
            .filter_map(|(job, key)| Some((job, &self.updates.get(key)?.update.instructions)))
            .collect();
        updates.extend(requested);
        let mut sum = Consumption::default();
        let is_cron = |job: &&JobKey| self.crons.contains_key(*job);
        for job in self
            .job_keys(Some(role))
            .into_iter()
            .filter(|job| !is_cron(job))
        {
            let update = updates.get(job);
            let untouched = self.tasks.active(job).filter(|task| {
                counts(&task.config) && update.is_none_or(|update| !touches(update, task.instance))
            });
            for task in untouched {
                sum = sum.plus(scaled(&task.config, 1));
            }
        }
        for (job, cron) in self.crons.iter().filter(|(job, _)| job.role == role) {
            // A run of the template's predecessor may use more than the template, or be what the
            // template no longer is.
            let template = self.template_of(cron, &counts);
            sum = sum.plus(template.max(self.run_of(job, &counts)));
        }
        for instructions in updates.values() {
            sum = sum.plus(of_update(instructions, &counts));
        }
        sum
    }

    /// What a cron job's template means, if it `counts`.
    fn template_of(&self, cron: &CronJob, counts: impl Fn(&TaskConfig) -> bool) -> Consumption {
        let template = cron.config.task_config.as_ref();
        template
            .filter(|template| counts(template))
            .map(|template| scaled(template, cron.config.instance_count.into()))
            .unwrap_or_default()
    }

    /// What those active tasks of a job use that `counts` picks.
    fn run_of(&self, job: &JobKey, counts: impl Fn(&TaskConfig) -> bool) -> Consumption {
        self.tasks
            .active(job)
            .filter(|task| counts(&task.config))
            .map(|task| scaled(&task.config, 1))
            .fold(Consumption::default(), Consumption::plus)
    }

    /// Refuses `instances` more of a configuration if its role's quota does not allow them.
    pub(super) fn check_quota(&self, config: &TaskConfig, instances: i32) -> Result<(), Refusal> {
        let role = config.job.as_ref().map_or("", |job| job.role.as_str());
        if !is_held(config) {
            return Ok(());
        }
        let used = self.consumed(role, None, is_held);
        let more = scaled(config, instances.into());
        check(self.quota_of(role), used.plus(more))
    }

    /// Refuses a cron job, new or in the place of an old one, that its role's quota does not allow.
    pub(super) fn check_cron_quota(
        &self,
        job: &JobKey,
        config: &TaskConfig,
        instances: i32,
    ) -> Result<(), Refusal> {
        if !is_held(config) {
            return Ok(());
        }
        let used = self.consumed(&job.role, None, is_held);
        let new = scaled(config, instances.into());
        let is_held_now = |cron: &&CronJob| cron.config.task_config.as_ref().is_some_and(is_held);
        let (old, new) = match self.crons.get(job).filter(is_held_now) {
            Some(cron) => (self.template_of(cron, is_held), new),
            // Only a run of it may count until now.
            None => {
                let run = self.run_of(job, is_held);
                (run, new.max(run))
            }
        };
        let wanted = used.plus(new).plus(old.times(-1));
        check(self.quota_of(&job.role), wanted)
    }

    /// Refuses an update that its role's quota does not allow.
    pub(super) fn check_update_quota(
        &self,
        job: &JobKey,
        instructions: &JobUpdateInstructions,
    ) -> Result<(), Refusal> {
        let grows = instructions
            .desired_state
            .as_ref()
            .is_some_and(|desired| is_held(&desired.task));
        if !grows {
            return Ok(());
        }
        let used = self.consumed(&job.role, Some((job, instructions)), is_held);
        check(self.quota_of(&job.role), used)
    }

    /// `getQuota`
    pub fn quota(&self, role: &str) -> Result<GetQuotaResult, Refusal> {
        check_role(role)?;
        let consumed = |production, dedicated| {
            let sum = self.consumed(role, None, |config| {
                is_production(config) == production && is_dedicated(config) == dedicated
            });
            Some(sum.to_aggregate())
        };
        Ok(GetQuotaResult {
            quota: self.quota_of(role).to_aggregate(),
            prod_shared_consumption: consumed(true, false),
            non_prod_shared_consumption: consumed(false, false),
            prod_dedicated_consumption: consumed(true, true),
            non_prod_dedicated_consumption: consumed(false, true),
        })
    }

    /// `setQuota`
    pub fn set_quota(&mut self, role: &str, quota: &ResourceAggregate) -> Result<(), Refusal> {
        check_role(role)?;
        if quota.resources.len() > 3 {
            return Err(Refusal::error("Too many resource values in quota."));
        }
        let has = |is: fn(&Resource) -> bool| quota.resources.iter().any(is);
        let complete = has(|r| matches!(r, Resource::NumCpus(_)))
            && has(|r| matches!(r, Resource::RamMb(_)))
            && has(|r| matches!(r, Resource::DiskMb(_)));
        if !complete {
            return Err(Refusal::error(
                "Quota resources must be exactly: [CPUS, RAM_MB, DISK_MB]",
            ));
        }
        let wanted = Consumption::of_aggregate(quota);
        // Not `<`: that would let NaN pass.
        let cpus_ok = wanted.cpus >= 0.0 && wanted.cpus.is_finite();
        if !cpus_ok || wanted.ram_mb < 0 || wanted.disk_mb < 0 {
            return Err(Refusal::invalid(format!("Negative values in: {wanted}")));
        }
        let used = self.consumed(role, None, is_held);
        if check(wanted, used).is_err() {
            return Err(Refusal::invalid(format!(
                "Quota: {wanted} is less then current prod reservation: {used}"
            )));
        }
        self.quotas.insert(role.to_string(), quota.clone());
        self.record(Record::SaveQuota(role.to_string(), quota.clone()));
        Ok(())
    }
}

fn check_role(role: &str) -> Result<(), Refusal> {
    match role.trim().is_empty() {
        true => Err(Refusal::blank()),
        false => Ok(()),
    }
}
