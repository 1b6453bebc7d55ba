//! Calls about cron jobs.

use aurora_api::JobConfiguration;
use aurora_api::calls::{DescheduleCronJobArgs, StartCronJobArgs};

use super::jobs::valid;
use super::{Answer, Api, Outcome, required};
use crate::model::Refusal;

impl Api<'_> {
    pub(super) fn schedule_cron(
        &self,
        description: Option<JobConfiguration>,
        update_only: bool,
    ) -> Outcome {
        let description = required(description)?;
        valid(description.key.clone())?;
        self.engine.promise(|model| {
            let job = model.sanitize(&description)?;
            let count = usize::try_from(job.instance_count).unwrap_or(0);
            model.schedule_cron(job, update_only)?;
            model.note_workload("createOrUpdateCronTemplate", count);
            Ok::<(), Refusal>(())
        })??;
        Ok(Answer::ok())
    }

    pub(super) fn deschedule_cron(&self, args: DescheduleCronJobArgs) -> Outcome {
        let job = valid(args.job)?;
        let known = self.engine.promise(|model| model.deschedule_cron(&job))??;
        Ok(match known {
            true => Answer::ok(),
            false => Answer::ok().saying(format!("Job {job} is not scheduled with cron")),
        })
    }

    pub(super) fn start_cron(&self, args: StartCronJobArgs) -> Outcome {
        let job = valid(args.job)?;
        self.engine.promise(|model| model.start_cron(&job))??;
        Ok(Answer::ok())
    }
}
