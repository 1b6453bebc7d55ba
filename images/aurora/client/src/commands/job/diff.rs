//! `job diff`, and what an update will do to which instances
//! (`apache/aurora/client/cli/diff_formatter.py`).

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Command;

use aurora_api::calls::{GetJobUpdateDiffArgs, GetTasksStatusArgs, PopulateJobConfigArgs};
use aurora_api::{Call, CallResult, ConfigGroup, Range, ScheduleStatus, TaskConfig, TaskQuery};
use serde_json::Value as Json;

use crate::config::JobConfig;
use crate::context::{Context, query_for, tasks_of};
use crate::exit::{self, Failure, Result};
use crate::grammar;
use crate::keys::AuroraKey;
use crate::pretty;

pub(crate) async fn diff(context: &Context) -> Result {
    let spec = context.instances()?;
    let file = context.args.word(grammar::PATHNAME.metavar);
    let config = context.job_config(&spec.key, file).await?;
    let against = context
        .text(&grammar::FROM)
        .and_then(|from| AuroraKey::parse(&from))
        .unwrap_or_else(|| config.key());
    let scheduler = context.scheduler(&against.cluster)?;
    let args = PopulateJobConfigArgs {
        description: Some(config.job_configuration()),
    };
    let response = scheduler.call(Call::PopulateJobConfig(args)).await?;
    context.check(
        &response,
        exit::INVALID_CONFIGURATION,
        "Error loading configuration",
    )?;
    let local = match response.result {
        Some(CallResult::PopulateJob(populated)) => populated.task_config,
        _ => None,
    };
    let local = local.unwrap_or_else(|| config.task_config());
    if config.cron_schedule().is_some() {
        return against_tasks(context, &config, &against, &local).await;
    }
    show_changes(
        context,
        &config,
        &against.cluster,
        spec.instances.as_ref(),
        Some(&local),
    )
    .await?;
    Ok(exit::OK)
}

/// A cron job has no instances to change: its configuration is compared with the tasks there are.
async fn against_tasks(
    context: &Context,
    config: &JobConfig,
    against: &AuroraKey,
    local: &TaskConfig,
) -> Result {
    let query = TaskQuery {
        statuses: Some(ScheduleStatus::ACTIVE.iter().copied().collect()),
        ..query_for(&against.job)
    };
    let args = GetTasksStatusArgs { query: Some(query) };
    let response = context
        .scheduler(&against.cluster)?
        .call(Call::GetTasksStatus(args))
        .await?;
    context.check(
        &response,
        exit::INVALID_PARAMETER,
        "Could not find job to diff against",
    )?;
    let remote: Vec<TaskConfig> = tasks_of(response)
        .into_iter()
        .map(|task| task.assigned_task.task)
        .collect();
    let count = usize::try_from(config.instances()).unwrap_or_default();
    let local: Vec<TaskConfig> = std::iter::repeat_n(local.clone(), count).collect();
    show_difference(context, &remote, &local)?;
    Ok(exit::OK)
}

/// Prints which instances an update adds, removes, changes and leaves alone; and, given the new
/// configuration as the scheduler has it, what differs from the old.
pub(crate) async fn show_changes(
    context: &Context,
    config: &JobConfig,
    cluster: &str,
    instances: Option<&BTreeSet<i32>>,
    local: Option<&TaskConfig>,
) -> Result<()> {
    let request = config
        .update_request(instances, None)
        .map_err(|why| Failure::new(exit::INVALID_CONFIGURATION, why))?;
    let args = GetJobUpdateDiffArgs {
        request: Some(request),
    };
    let response = context
        .scheduler(cluster)?
        .call(Call::GetJobUpdateDiff(args))
        .await?;
    context.check(
        &response,
        exit::COMMAND_FAILURE,
        "Error getting diff info from scheduler",
    )?;
    let Some(CallResult::GetJobUpdateDiff(diff)) = response.result else {
        return Ok(());
    };
    context.console.out("This job update will:");
    show_group(context, "add instances:", &diff.add);
    // The original says it twice.
    show_group(context, "remove instances:", &diff.remove);
    show_group(context, "remove instances:", &diff.remove);
    match local {
        None => show_group(context, "update instances:", &diff.update),
        Some(local) => {
            let mut groups: Vec<&ConfigGroup> = diff.update.iter().collect();
            groups.sort_by_key(|group| group.instances.first().map(|range| range.first));
            for group in groups {
                let ranges = ranges_text(group.instances.iter());
                context.console.out(&format!("update instances: {ranges}"));
                context.console.out("with diff:\n");
                show_difference(
                    context,
                    std::slice::from_ref(&group.config),
                    std::slice::from_ref(local),
                )?;
                context.console.out("");
            }
        }
    }
    show_group(context, "not change instances:", &diff.unchanged);
    Ok(())
}

fn show_group(context: &Context, title: &str, groups: &BTreeSet<ConfigGroup>) {
    if !groups.is_empty() {
        let ranges = ranges_text(groups.iter().flat_map(|group| &group.instances));
        context.console.out(&format!("{title} {ranges}"));
    }
}

fn ranges_text<'a>(ranges: impl Iterator<Item = &'a Range>) -> String {
    let mut ranges: Vec<&Range> = ranges.collect();
    ranges.sort();
    let texts: Vec<String> = ranges
        .into_iter()
        .map(|Range { first, last }| {
            if first == last {
                format!("[{first}]")
            } else {
                format!("[{first}-{last}]")
            }
        })
        .collect();
    texts.join(", ")
}

/// Prints what `$DIFF_VIEWER`, or `diff`, makes of two lists of configurations.
fn show_difference(context: &Context, old: &[TaskConfig], new: &[TaskConfig]) -> Result<()> {
    let failed =
        |why: String| Failure::new(exit::COMMAND_FAILURE, format!("Error running diff: {why}"));
    let program = std::env::var("DIFF_VIEWER")
        .ok()
        .filter(|program| !program.is_empty())
        .unwrap_or_else(|| "diff".to_owned());
    let folder = std::env::temp_dir();
    let name = |side: &str| folder.join(format!("aurora-{side}-{}", uuid::Uuid::new_v4()));
    let (old_file, new_file) = (name("old"), name("new"));
    let result = write(&old_file, old)
        .and_then(|()| write(&new_file, new))
        .and_then(|()| Command::new(&program).args([&old_file, &new_file]).output());
    for file in [&old_file, &new_file] {
        let _ = std::fs::remove_file(file);
    }
    let output = result.map_err(|error| failed(format!("`{program}`: {error}")))?;
    // diff's own way of saying that it went well: 0 is no difference, 1 is some.
    if !matches!(output.status.code(), Some(0 | 1)) {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    context
        .console
        .out(&String::from_utf8_lossy(&output.stdout));
    Ok(())
}

fn write(path: &std::path::Path, tasks: &[TaskConfig]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)?;
    let texts: Vec<String> = tasks.iter().map(task_text).collect();
    writeln!(file, "{}", texts.join(",\n"))
}

/// A configuration with a line for each field, and the executor's data laid out.
fn task_text(task: &TaskConfig) -> String {
    let executor = task.executor_config.clone().unwrap_or_default();
    let data = executor.data.unwrap_or_default();
    let data = match serde_json::from_str::<Json>(&data) {
        Ok(data) => pretty::dumps_indented(&sorted(data))
            .lines()
            .map(|line| format!("\n    {line}"))
            .collect::<String>()
            .replace("\\n", "\n"),
        Err(_) => data,
    };
    let executor = format!(
        "ExecutorConfig(name='{}', data={data})",
        executor.name.unwrap_or_default()
    );
    pretty::thrift_lines(task, ("executorConfig", executor))
}

/// With the keys of all objects in order.
fn sorted(value: Json) -> Json {
    match value {
        Json::Object(entries) => {
            let mut entries: Vec<_> = entries
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            entries.sort_by(|(left, _), (right, _)| left.cmp(right));
            Json::Object(entries.into_iter().collect())
        }
        Json::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}
