//! Calls that change jobs.

use aurora_api::JobKey;
use aurora_api::calls::{AddInstancesArgs, CreateJobArgs, KillTasksArgs, RestartShardsArgs};

use super::{Answer, Api, Outcome, required};
use crate::model::{Refusal, key};

/// A job key that may be asked about at all.
pub(super) fn valid(job: Option<JobKey>) -> Result<JobKey, Refusal> {
    let job = required(job)?;
    match key::is_valid(&job) {
        true => Ok(job),
        false => Err(Refusal::error(format!(
            "Job key {} is invalid.",
            key::Verbose(&job)
        ))),
    }
}

impl Api<'_> {
    pub(super) fn create_job(&self, args: CreateJobArgs) -> Outcome {
        let description = required(args.description)?;
        self.engine.promise(|model| {
            let job = model.sanitize(&description)?;
            let count = usize::try_from(job.instance_count).unwrap_or(0);
            model.create_job(job)?;
            model.note_workload("createJob", count);
            Ok::<(), Refusal>(())
        })??;
        Ok(Answer::ok())
    }

    pub(super) fn kill_tasks(&self, args: KillTasksArgs) -> Outcome {
        let job = valid(args.job)?;
        let message = args.message.as_deref();
        let killed = self.engine.promise(|model| {
            let killed = model.kill_tasks(&job, args.instances.as_ref(), self.user, message)?;
            model.note_workload("killTasks", killed);
            Ok::<usize, Refusal>(killed)
        })??;
        Ok(match killed {
            0 => Answer::ok().saying("No tasks to kill."),
            _ => Answer::ok(),
        })
    }

    pub(super) fn restart_shards(&self, args: RestartShardsArgs) -> Outcome {
        let job = valid(args.job)?;
        let instances = args.shard_ids.unwrap_or_default();
        self.engine.promise(|model| {
            model.restart(&job, &instances, self.user)?;
            model.note_workload("restartShards", instances.len());
            Ok::<(), Refusal>(())
        })??;
        Ok(Answer::ok())
    }

    pub(super) fn add_instances(&self, args: AddInstancesArgs) -> Outcome {
        let instance = required(args.key)?;
        let job = valid(instance.job_key)?;
        let count = args.count.unwrap_or(0);
        self.engine.promise(|model| {
            model.add_instances(&job, instance.instance_id, count)?;
            model.note_workload("addInstances", usize::try_from(count).unwrap_or(0));
            Ok::<(), Refusal>(())
        })??;
        Ok(Answer::ok())
    }
}
