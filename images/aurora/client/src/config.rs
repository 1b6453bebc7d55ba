//! A job as its file describes it, turned into what the scheduler is sent.

mod model;
pub mod thrift;
mod update;

use aurora_api::{JobKey, TierConfig};
use serde_json::{Map, Value as Json};

use crate::keys::AuroraKey;
use crate::pretty;
use crate::python::Description;
use model::Job;

/// Fields that the executor is not told: an update that changes only these changes no task.
const NOT_FOR_EXECUTOR: [&str; 2] = ["update_config", "instances"];

/// One job of a file.
#[derive(Clone, Debug)]
pub struct JobConfig {
    fields: Map<String, Json>,
    ports: Vec<String>,
    job: Job,
}

impl JobConfig {
    /// From what the loader made of the file, with the tier settled as the scheduler's tiers say.
    pub fn new(description: Description, tiers: &[TierConfig]) -> Result<Self, serde_json::Error> {
        let Description {
            job: mut fields,
            ports,
            field_order,
            ..
        } = description;
        settle_tier(&mut fields, tiers);
        let fields: Map<String, Json> = field_order
            .into_iter()
            .filter_map(|name| fields.remove(&name).map(|value| (name, value)))
            .collect();
        let job = serde_json::from_value(Json::Object(fields.clone()))?;
        Ok(Self { fields, ports, job })
    }

    /// The job's key with its cluster.
    pub fn key(&self) -> AuroraKey {
        AuroraKey::new(&self.job.cluster, self.job_key())
    }

    pub(crate) fn job_key(&self) -> JobKey {
        JobKey::new(&*self.job.role, &*self.job.environment, &*self.job.name)
    }

    /// The job's name.
    pub fn name(&self) -> &str {
        &self.job.name
    }

    /// How many instances it has.
    pub fn instances(&self) -> i32 {
        self.job.instances
    }

    /// When it runs, if it is a cron job.
    pub fn cron_schedule(&self) -> Option<&str> {
        self.job.cron_schedule.as_deref()
    }

    /// The whole job as JSON.
    pub fn dumps(&self) -> String {
        pretty::dumps(&Json::Object(self.fields.clone()))
    }

    /// The job as the executor gets it.
    fn executor_data(&self) -> String {
        let mut fields = self.fields.clone();
        fields.retain(|name, _| !NOT_FOR_EXECUTOR.contains(&name.as_str()));
        pretty::dumps(&Json::Object(fields))
    }

    /// A field of the job, for showing it.
    pub fn field(&self, name: &str) -> Option<&Json> {
        self.fields.get(name)
    }
}

/// `production` is the older way of naming a tier: whichever is given settles the other.
fn settle_tier(fields: &mut Map<String, Json>, tiers: &[TierConfig]) {
    let setting = |tier: &TierConfig, name: &str| {
        tier.settings.get(name).is_some_and(|value| value == "true")
    };
    match fields.get("tier").and_then(Json::as_str) {
        Some(name) => {
            if let Some(tier) = tiers.iter().find(|tier| tier.name == name) {
                fields.insert(
                    "production".to_owned(),
                    (!setting(tier, "preemptible")).into(),
                );
            }
        }
        None => {
            let production = fields
                .get("production")
                .and_then(Json::as_bool)
                .unwrap_or_default();
            let fitting = tiers.iter().find(|tier| {
                !setting(tier, "revocable") && setting(tier, "preemptible") != production
            });
            if let Some(tier) = fitting {
                fields.insert("tier".to_owned(), tier.name.as_str().into());
            }
        }
    }
}
