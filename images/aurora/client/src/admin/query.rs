//! `query`: tasks, one a line, in any format.

use std::collections::BTreeSet;

use aurora_api::calls::GetTasksStatusArgs;
use aurora_api::{Call, ResponseCode, ScheduleStatus, ScheduledTask, TaskQuery};

use super::session::{Session, die};
use crate::context::{combined, tasks_of};
use crate::exit::Result;
use crate::pretty;

const STATES: &str = "RUNNING";
const FORMAT: &str = "%role%/%name%/%instanceId% %status%";

pub(super) async fn query(session: &Session) -> Result<()> {
    let args = &session.args;
    let states = states(args.value("--states").unwrap_or(STATES))?;
    let mut words = args.words.iter().cloned();
    if words.next().is_none() {
        return Err(die("Must specify at least cluster."));
    }
    let (role, job_name) = (words.next(), words.next());
    if !args.flag("--force") {
        let expensive = |why: &str| {
            Err(die(format!(
                "--force is required for expensive queries ({why}"
            )))
        };
        if role.is_none() {
            return expensive("no role specified)");
        }
        if job_name.is_none() {
            return expensive("no job specified)");
        }
        if !states.iter().all(|state| state.is_active()) {
            return expensive("states outside ACTIVE states");
        }
    }
    let instance_ids = args.text("--shards").map(shards).transpose()?;
    let query = TaskQuery {
        role,
        job_name,
        instance_ids: Some(instance_ids.unwrap_or_default()),
        statuses: Some(states),
        ..TaskQuery::default()
    };
    let call = Call::GetTasksStatus(GetTasksStatusArgs { query: Some(query) });
    let response = session.scheduler()?.call(call).await?;
    if response.response_code != ResponseCode::Ok {
        return Err(die(format!(
            "Failed to query scheduler: {}",
            combined(&response)
        )));
    }
    let format = args.value("-l").unwrap_or(FORMAT);
    for task in tasks_of(response) {
        let fields = fields(&task);
        let line = fill(format, &fields).map_err(|()| {
            let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
            die(format!(
                "Unknown key in format string.  Valid keys are:\n{}",
                names.join(",")
            ))
        })?;
        session.console.out(&line);
    }
    Ok(())
}

/// States by their names, separated by commas.
pub(super) fn states(text: &str) -> Result<BTreeSet<ScheduleStatus>> {
    text.split(',')
        .map(|name| {
            ScheduleStatus::from_name(name).ok_or_else(|| {
                let names: Vec<&str> = ScheduleStatus::ALL
                    .iter()
                    .map(|status| status.name())
                    .collect();
                die(format!(
                    "Unknown state '{name}' specified.  Valid states are:\n{}",
                    names.join(",")
                ))
            })
        })
        .collect()
}

fn shards(text: &str) -> Result<BTreeSet<i32>> {
    text.split(',')
        .map(|shard| {
            shard
                .trim()
                .parse()
                .map_err(|_| die(format!("invalid literal for int() with base 10: '{shard}'")))
        })
        .collect()
}

/// All fields of a task. The job's own name goes before its executor's.
fn fields(task: &ScheduledTask) -> Vec<(&'static str, String)> {
    let mut fields = vec![("status", task.status.name().to_owned())];
    if let Some(job) = &task.assigned_task.task.job {
        fields.extend(pretty::flatten(job));
    }
    for (name, text) in pretty::flatten(task) {
        if !fields.iter().any(|(known, _)| *known == name) {
            fields.push((name, text));
        }
    }
    fields
}

/// The format with each `%field%` filled in; nothing, if there is no such field.
fn fill(format: &str, fields: &[(&str, String)]) -> std::result::Result<String, ()> {
    let mut line = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        line.push_str(before);
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let name = after
            .split_once('%')
            .filter(|(name, _)| !name.is_empty() && name.chars().all(word));
        match name {
            Some((name, tail)) => {
                let (_, text) = fields.iter().find(|(known, _)| *known == name).ok_or(())?;
                line.push_str(text);
                rest = tail;
            }
            None => {
                line.push('%');
                rest = after;
            }
        }
    }
    line.push_str(rest);
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_filled_in_with_fields() {
        let fields = [("a", "1".to_owned()), ("b", "2".to_owned())];
        for (format, expected) in [
            ("%a%/%b% x", Ok("1/2 x")),
            ("100% %a%", Ok("100% 1")),
            ("%", Ok("%")),
            ("", Ok("")),
            ("%c%", Err(())),
        ] {
            assert_eq!(
                fill(format, &fields),
                expected.map(str::to_owned),
                "{format}"
            );
        }
    }
}
