//! `job inspect`.

use serde_json::Value as Json;

use crate::config::JobConfig;
use crate::context::Context;
use crate::exit::{self, Result};
use crate::grammar;
use crate::pretty;

pub(crate) async fn inspect(context: &Context) -> Result {
    let key = context.job()?;
    let config = context
        .job_config(&key, context.args.word(grammar::PATHNAME.metavar))
        .await?;
    if context.flag(&grammar::RAW) {
        context
            .console
            .out(&pretty::thrift_repr(&config.job_configuration()));
    } else if context.flag(&grammar::WRITE_JSON) {
        context.console.out(&config.dumps());
    } else {
        context.console.out(&describe(&config));
    }
    Ok(exit::OK)
}

/// A value as Python's `str` shows it.
fn shown(value: Option<&Json>) -> String {
    match value {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Bool(true)) => "True".to_owned(),
        Some(Json::Bool(false)) => "False".to_owned(),
        Some(other) => other.to_string(),
        None => "None".to_owned(),
    }
}

fn describe(config: &JobConfig) -> String {
    let mut lines = vec!["Job level information".to_owned()];
    for (name, label) in [
        ("name", "name:       "),
        ("role", "role:       "),
        ("contact", "contact:    "),
        ("cluster", "cluster:    "),
        ("instances", "instances:  "),
    ] {
        if let Some(value) = config.field(name) {
            lines.push(format!("  {label}'{}'", shown(Some(value))));
        }
    }
    if let Some(schedule) = config.cron_schedule() {
        lines.push("  cron:".to_owned());
        lines.push(format!("    schedule: '{schedule}'"));
        let policy = shown(config.field("cron_collision_policy"));
        lines.push(format!("    policy:   '{policy}'"));
    }
    if let Some(Json::Object(constraints)) = config.field("constraints") {
        lines.push("  constraints:".to_owned());
        lines.extend(
            constraints
                .iter()
                .map(|(name, value)| format!("    '{name}': '{}'", shown(Some(value)))),
        );
    }
    if let Some(policy) = config.field("partition_policy") {
        lines.push("  partition_policy:".to_owned());
        lines.push(format!(
            "    reschedule: {}",
            shown(policy.get("reschedule"))
        ));
        lines.push(format!(
            "    delay_secs: '{}'",
            shown(policy.get("delay_secs"))
        ));
    }
    lines.push(format!("  service:    {}", shown(config.field("service"))));
    lines.push(format!(
        "  production: {}",
        shown(config.field("production"))
    ));
    lines.push(String::new());
    if let Some(task) = config.field("task") {
        describe_task(task, &mut lines);
    }
    lines.join("\n")
}

fn items<'a>(value: &'a Json, name: &str) -> &'a [Json] {
    value
        .get(name)
        .and_then(Json::as_array)
        .map_or(&[], Vec::as_slice)
}

fn describe_task(task: &Json, lines: &mut Vec<String>) {
    lines.push("Task level information".to_owned());
    lines.push(format!("  name: '{}'", shown(task.get("name"))));
    let constraints = items(task, "constraints");
    if !constraints.is_empty() {
        lines.push("  constraints:".to_owned());
        lines.extend(constraints.iter().map(|constraint| {
            let order: Vec<String> = items(constraint, "order")
                .iter()
                .map(|name| shown(Some(name)))
                .collect();
            format!("  {}", order.join(" < "))
        }));
    }
    lines.push(String::new());
    for process in items(task, "processes") {
        lines.push(format!("Process '{}':", shown(process.get("name"))));
        for trait_name in ["daemon", "ephemeral", "final"] {
            if process.get(trait_name) == Some(&Json::Bool(true)) {
                lines.push(format!("  {trait_name}"));
            }
        }
        lines.push("  cmdline:".to_owned());
        let command = shown(process.get("cmdline"));
        lines.extend(command.lines().map(|line| format!("    {line}")));
        lines.push(String::new());
    }
}
