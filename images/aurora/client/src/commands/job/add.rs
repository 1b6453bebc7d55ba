//! `job add`.

use std::collections::BTreeSet;

use aurora_api::calls::AddInstancesArgs;
use aurora_api::{Call, InstanceKey, ScheduledTask, SlaPolicy};

use super::monitor;
use crate::context::{Context, instances_of};
use crate::exit::{self, Failure, Result};
use crate::grammar;
use crate::hooks::Method;
use crate::keys::{self, InstanceSpec};

pub(crate) async fn add(context: &Context) -> Result {
    let spec = InstanceSpec::parse(context.args.word(grammar::TASK_INSTANCE.metavar)).ok();
    let count = context.args.integer(grammar::INSTANCE_COUNT.metavar, 0);
    let spec = spec.and_then(|spec| Some((spec.key, spec.instances?.first().copied()?)));
    let (Some((key, instance)), Ok(count)) = (spec, i32::try_from(count)) else {
        return Err(Failure::new(
            exit::INVALID_PARAMETER,
            "no instance, or too many to add",
        ));
    };
    context.scheduler(&key.cluster)?;
    context.optional_config(&key).await?;
    let tasks = context.active_tasks(&key).await?;
    let active = instances_of(&tasks);
    if !active.contains(&instance) {
        return Err(Failure::new(
            exit::INVALID_PARAMETER,
            format!("Invalid instance parameter: {}", keys::list([instance])),
        ));
    }
    if tasks.iter().any(has_counting_sla) {
        context
            .console
            .out("WARNING: Adding instances without updating SlaPolicy.");
    }
    context.console.info(&format!(
        "Adding {count} instances to {key} using the task config of instance {instance}"
    ));
    let args = AddInstancesArgs {
        key: Some(InstanceKey {
            job_key: Some(key.job.clone()),
            instance_id: instance,
        }),
        count: Some(count),
    };
    let method = Method::AddInstances {
        key: &key,
        instance,
        count,
    };
    let response = context
        .hooked(&key.cluster, &method, Call::AddInstances(args))
        .await?;
    context.check(&response, exit::API_ERROR, "Command failure:")?;
    let first = active.last().copied().unwrap_or_default().saturating_add(1);
    let added: BTreeSet<i32> = (first..first.saturating_add(count)).collect();
    monitor::wait_as_asked(context, &key, Some(&added)).await?;
    context.maybe_open_browser(&key).await?;
    Ok(exit::OK)
}

/// Whether a task's SLA is counted in instances, so that their number matters.
pub(crate) fn has_counting_sla(task: &ScheduledTask) -> bool {
    matches!(
        task.assigned_task.task.sla_policy,
        Some(SlaPolicy::Count(_) | SlaPolicy::Percentage(_))
    )
}
