//! `job status`.

use aurora_api::simple::Style;
use aurora_api::{Resource, ScheduledTask, Value};
use serde_json::{Value as Json, json};

use super::listing::{matching, pattern};
use crate::argparse::repr;
use crate::context::{Context, query_for};
use crate::exit::{self, Result};
use crate::grammar;
use crate::keys::AuroraKey;
use crate::pretty;
use crate::times;

pub(crate) async fn status(context: &Context) -> Result {
    let pattern = pattern(context);
    let as_json = context.flag(&grammar::WRITE_JSON);
    let (mut text, mut documents, mut found) = (String::new(), Vec::new(), false);
    for key in matching(context, &pattern).await? {
        context.console.info(&format!("Checking status of {key}"));
        let scheduler = context.scheduler(&key.cluster)?;
        let tasks = context
            .tasks(&scheduler, query_for(&key.job), exit::INVALID_PARAMETER)
            .await?;
        if tasks.is_empty() {
            context
                .console
                .info(&format!("No tasks were found for jobkey {key}"));
            continue;
        }
        found = true;
        let (active, inactive) = split(tasks);
        if as_json {
            documents.push(document(&key, &active, &inactive));
        } else {
            text.push_str(&section("Active", &active));
            text.push_str(&section("Inactive", &inactive));
        }
    }
    if found {
        context.console.out(&if as_json {
            pretty::dumps_indented(&Json::Array(documents))
        } else {
            text
        });
        return Ok(exit::OK);
    }
    if as_json {
        // Scripts that get JSON do not want an error code as well.
        context.console.out(&format!(
            "{{\"jobspec\":{},\"error\":\"No matching jobs found\"}}",
            pretty::dumps(&pattern.to_string().into())
        ));
        return Ok(exit::OK);
    }
    context
        .console
        .err(&format!("Found no jobs matching {pattern}"));
    Ok(exit::INVALID_PARAMETER)
}

/// Active and other tasks, each by instance.
fn split(mut tasks: Vec<ScheduledTask>) -> (Vec<ScheduledTask>, Vec<ScheduledTask>) {
    tasks.sort_by_key(|task| task.assigned_task.instance_id);
    tasks.into_iter().partition(|task| task.status.is_active())
}

fn document(key: &AuroraKey, active: &[ScheduledTask], inactive: &[ScheduledTask]) -> Json {
    let all = |tasks: &[ScheduledTask]| -> Json { tasks.iter().map(task_document).collect() };
    json!({"job": key.to_string(), "active": all(active), "inactive": all(inactive)})
}

/// The task in simple JSON, with names for its states and truth values where the original has them.
fn task_document(task: &ScheduledTask) -> Json {
    let mut document = task.to_simple(Style::Numbers);
    if let Some(status) = document.pointer_mut("/status") {
        *status = task.status.name().into();
    }
    for (index, event) in task.task_events.iter().enumerate() {
        if let Some(status) = document.pointer_mut(&format!("/taskEvents/{index}/status")) {
            *status = event.status.name().into();
        }
    }
    let config = &task.assigned_task.task;
    if let Some(service) = document.pointer_mut("/assignedTask/task/isService") {
        *service = config.is_service.into();
    }
    if let (Some(production), Some(value)) = (
        document.pointer_mut("/assignedTask/task/production"),
        config.production,
    ) {
        *production = value.into();
    }
    document
}

fn section(title: &str, tasks: &[ScheduledTask]) -> String {
    let mut text = format!("{title} tasks ({}):\n", tasks.len());
    for task in tasks {
        for line in task_lines(task) {
            text.push('\t');
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

fn task_lines(task: &ScheduledTask) -> Vec<String> {
    let assigned = &task.assigned_task;
    let config = &assigned.task;
    let job = config.job.clone().unwrap_or_default();
    let mut lines = vec![format!(
        "Task role: {}, env: {}, name: {}, instance: {}, status: {} on {}",
        job.role,
        job.environment,
        job.name,
        assigned.instance_id,
        task.status,
        assigned.slave_host.as_deref().unwrap_or("None"),
    )];
    let resources: Vec<String> = config.resources.iter().map(resource_text).collect();
    lines.push(format!("  {}", resources.join(", ")));
    if !assigned.assigned_ports.is_empty() {
        let ports: Vec<String> = assigned
            .assigned_ports
            .iter()
            .map(|(name, port)| format!("{}: {port}", repr(name)))
            .collect();
        lines.push(format!("  assigned ports: {{{}}}", ports.join(", ")));
        lines.push(format!(
            "  failure count: {} (max {})",
            task.failure_count, config.max_task_failures
        ));
    }
    lines.push("  events:".to_owned());
    let mut events: Vec<_> = task.task_events.iter().collect();
    events.sort_by_key(|event| event.timestamp);
    lines.extend(events.into_iter().map(|event| {
        format!(
            "   {} {}: {}",
            times::local(event.timestamp),
            event.status,
            event.message.as_deref().unwrap_or("None")
        )
    }));
    if let Some(metadata) = config
        .metadata
        .as_ref()
        .filter(|metadata| !metadata.is_empty())
    {
        lines.push("  metadata:".to_owned());
        lines.extend(
            metadata
                .iter()
                .map(|label| format!("\t  (key: '{}', value: '{}')", label.key, label.value)),
        );
    }
    lines
}

fn resource_text(resource: &Resource) -> String {
    match resource {
        Resource::NumCpus(cpus) => format!("CPU: {} core(s)", pretty::float_text(cpus.0)),
        Resource::RamMb(ram) => format!("RAM: {ram} MB"),
        Resource::DiskMb(disk) => format!("Disk: {disk} MB"),
        Resource::NamedPort(name) => format!("Port: {name}"),
        Resource::NumGpus(gpus) => format!("GPU: {gpus} GPU(s)"),
        Resource::Unset => "None".to_owned(),
    }
}
