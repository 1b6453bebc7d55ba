//! Calls about job updates.

use std::collections::BTreeSet;
use std::sync::Arc;

use aurora_api::calls::{
    AbortJobUpdateArgs, GetJobUpdateDetailsArgs, GetJobUpdateDiffArgs, GetJobUpdateSummariesArgs,
    PauseJobUpdateArgs, PulseJobUpdateArgs, ResumeJobUpdateArgs, RollbackJobUpdateArgs,
    StartJobUpdateArgs,
};
use aurora_api::{
    CallResult, GetJobUpdateDetailsResult, GetJobUpdateDiffResult, GetJobUpdateSummariesResult,
    JobUpdateKey, JobUpdateQuery, JobUpdateSummary, PulseJobUpdateResult, StartJobUpdateResult,
};

use super::jobs::valid;
use super::{Answer, Api, Outcome, required};
use crate::model::key::VerboseUpdate;
use crate::model::update::diff::{Diff, config_groups};
use crate::model::update::{Started, Update, expand};
use crate::model::{Model, Refusal, query, validate};

/// More instances than any job may have.
const MOST_INSTANCES: usize = 100_000;

fn started(summary: JobUpdateSummary) -> CallResult {
    CallResult::StartJobUpdate(StartJobUpdateResult {
        key: summary.key.clone(),
        update_summary: Some(summary),
    })
}

/// An update's key whose job may be asked about at all.
fn known(key: Option<JobUpdateKey>) -> Result<JobUpdateKey, Refusal> {
    let key = required(key)?;
    valid(Some(key.job.clone()))?;
    Ok(key)
}

/// The updates a query means, the last modified first.
fn select<'a>(model: &'a Model, asked: &JobUpdateQuery) -> Vec<&'a Update> {
    let meets = |update: &&Update| {
        let key = update.key();
        asked.role.as_ref().is_none_or(|role| *role == key.job.role)
            && asked.key.as_ref().is_none_or(|asked| asked == key)
            && asked.job_key.as_ref().is_none_or(|job| *job == key.job)
            && asked
                .user
                .as_ref()
                .is_none_or(|user| *user == update.update.summary.user)
            && asked
                .update_statuses
                .as_ref()
                .is_none_or(|set| set.is_empty() || set.contains(&update.status()))
    };
    let mut found: Vec<&Update> = model.updates().filter(meets).collect();
    found.sort_by_key(|update| std::cmp::Reverse(update.last_modified()));
    query::page(found, asked.offset, asked.limit)
}

impl Api<'_> {
    pub(super) fn start_update(&self, args: StartJobUpdateArgs) -> Outcome {
        let request = required(args.request)?;
        let sanitize =
            |model: &Model, request: &_| validate::update_request(model.settings(), request);
        let instances = usize::try_from(request.instance_count).unwrap_or(0);
        let result = self.engine.promise(|model| {
            let result = model.start_update(request, sanitize, self.user, args.message);
            if let Ok(Started::Rolling(_)) = &result {
                model.note_workload("startJobUpdate", instances);
            }
            result
        })??;
        Ok(match result {
            Started::Rolling(summary) => Answer::result(started(summary)),
            Started::Unchanged => Answer::ok().saying("Job is unchanged by proposed update."),
            Started::Busy(summary, refusal) => Answer {
                result: Some(started(summary)),
                ..Answer::from(refusal)
            },
        })
    }

    pub(super) fn pause_update(&self, args: PauseJobUpdateArgs) -> Outcome {
        let key = known(args.key)?;
        self.engine
            .promise(|model| model.pause_update(&key, self.user, args.message))??;
        Ok(Answer::ok())
    }

    pub(super) fn resume_update(&self, args: ResumeJobUpdateArgs) -> Outcome {
        let key = known(args.key)?;
        self.engine
            .promise(|model| model.resume_update(&key, self.user, args.message))??;
        Ok(Answer::ok())
    }

    pub(super) fn abort_update(&self, args: AbortJobUpdateArgs) -> Outcome {
        let key = known(args.key)?;
        self.engine
            .promise(|model| model.abort_update(&key, self.user, args.message))??;
        Ok(Answer::ok())
    }

    pub(super) fn rollback_update(&self, args: RollbackJobUpdateArgs) -> Outcome {
        let key = known(args.key)?;
        self.engine
            .promise(|model| model.roll_back_update(&key, self.user, args.message))??;
        Ok(Answer::ok())
    }

    pub(super) fn pulse_update(&self, args: PulseJobUpdateArgs) -> Outcome {
        let key = known(args.key)?;
        if key.id.trim().is_empty() {
            return Err(Refusal::blank().into());
        }
        let status = self.engine.promise(|model| model.pulse_update(&key))?;
        Ok(Answer::result(CallResult::PulseJobUpdate(
            PulseJobUpdateResult { status },
        )))
    }

    pub(super) fn update_summaries(&self, args: GetJobUpdateSummariesArgs) -> Outcome {
        let asked = args.job_update_query.unwrap_or_default();
        let update_summaries = self.engine.read(|model| {
            select(model, &asked)
                .into_iter()
                .map(Update::summary)
                .collect()
        })?;
        let result = GetJobUpdateSummariesResult { update_summaries };
        Ok(Answer::result(CallResult::GetJobUpdateSummaries(result)))
    }

    pub(super) fn update_details(&self, args: GetJobUpdateDetailsArgs) -> Outcome {
        let wrap = |result| Answer::result(CallResult::GetJobUpdateDetails(result));
        if let Some(asked) = args.query {
            let list = self.engine.read(|model| {
                select(model, &asked)
                    .into_iter()
                    .map(Update::details)
                    .collect()
            })?;
            return Ok(wrap(GetJobUpdateDetailsResult {
                details: None,
                details_list: Some(list),
            }));
        }
        let Some(key) = args.key else {
            return Err(Refusal::error("Either key or query must be set.").into());
        };
        let details = self
            .engine
            .read(|model| model.update(&key).map(Update::details))?;
        match details {
            Some(details) => {
                let details = Some(details);
                let result = GetJobUpdateDetailsResult {
                    details,
                    details_list: None,
                };
                let hint = "The key argument is deprecated, use the query argument instead";
                Ok(wrap(result).saying(hint))
            }
            None => {
                let text = format!("Invalid update: {}", VerboseUpdate(&key));
                Err(Refusal::invalid(text).into())
            }
        }
    }

    pub(super) fn update_diff(&self, args: GetJobUpdateDiffArgs) -> Outcome {
        let request = required(args.request)?;
        let result = self.engine.read(|model| {
            let job = validate::update_request(model.settings(), &request)?;
            if job.cron_schedule.is_some() || model.crons().contains_key(&job.key) {
                return Err(Refusal::invalid("Cron jobs are not supported."));
            }
            let settings = request.settings.clone().unwrap_or_default();
            let scope: BTreeSet<i32> = settings
                .update_only_these_instances
                .as_ref()
                .map(|scope| expand(scope, MOST_INSTANCES))
                .unwrap_or_default();
            let current = model.running_configs(&job.key);
            // What is compared is bounded, whatever the caller asks for.
            let count = job.instance_count.min(MOST_INSTANCES as i32);
            let requested = Arc::new(job.config);
            let diff = Diff::new(&current, &requested, count, &scope);
            let groups = |map: &std::collections::BTreeMap<i32, Arc<_>>| {
                config_groups(map.iter().map(|(instance, config)| (*instance, config)))
            };
            Ok(GetJobUpdateDiffResult {
                add: config_groups(diff.add.iter().map(|instance| (*instance, &requested))),
                remove: groups(&diff.remove),
                update: groups(&diff.update),
                unchanged: groups(&diff.unchanged),
            })
        })??;
        Ok(Answer::result(CallResult::GetJobUpdateDiff(result)))
    }
}
