//! Where a task's sandbox is on its agent, and what a command may say about the task.

use aurora_api::AssignedTask;

use crate::clusters::Cluster;
use crate::exit::{self, Failure, Result};

/// A task's sandbox as a shell pattern: who runs the client knows neither the agent's nor the
/// framework's ID.
pub(super) fn path(cluster: &Cluster, task: &AssignedTask, of_executor: bool) -> Result<String> {
    let needed = |value: &Option<String>, name: &str| {
        value.clone().ok_or_else(|| {
            Failure::new(
                exit::INVALID_CONFIGURATION,
                format!(
                    "cluster `{}` has no `{name}` in clusters.json, which the sandbox is found by",
                    cluster.name
                ),
            )
        })
    };
    let root = needed(&cluster.slave_root, "slave_root")?;
    let run = needed(&cluster.slave_run_directory, "slave_run_directory")?;
    let path = format!(
        "{}/slaves/*/frameworks/*/executors/thermos-{}/runs/{run}",
        root.trim_end_matches('/'),
        task.task_id
    );
    Ok(if of_executor {
        path
    } else {
        format!("{path}/sandbox")
    })
}

/// A command with `{{thermos.task_id}}`, `{{thermos.ports[name]}}` and `{{mesos.instance}}` filled in, to
/// be run in the sandbox. Other references stay as they are, as pystachio leaves them.
pub(super) fn command(
    cluster: &Cluster,
    task: &AssignedTask,
    of_executor: bool,
    command: &str,
) -> Result<String> {
    let folder = path(cluster, task, of_executor)?;
    Ok(substitute(&format!("cd {folder};{command}"), task))
}

fn substitute(text: &str, task: &AssignedTask) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        done.push_str(before);
        let reference = after
            .split_once("}}")
            .filter(|(reference, _)| !reference.contains(['{', '}']));
        match reference {
            Some((reference, tail)) => {
                match (reference.strip_prefix('&'), value(reference.trim(), task)) {
                    (Some(literal), _) => done.push_str(&format!("{{{{{literal}}}}}")),
                    (None, Some(value)) => done.push_str(&value),
                    (None, None) => done.push_str(&format!("{{{{{reference}}}}}")),
                }
                rest = tail;
            }
            None => {
                // The second brace may begin a reference of its own.
                done.push('{');
                rest = text.get(text.len() - after.len() - 1..).unwrap_or(after);
            }
        }
    }
    done.push_str(rest);
    done
}

fn value(reference: &str, task: &AssignedTask) -> Option<String> {
    match reference {
        "thermos.task_id" => Some(task.task_id.clone()),
        "mesos.instance" => Some(task.instance_id.to_string()),
        other => {
            let name = other.strip_prefix("thermos.ports[")?.strip_suffix(']')?;
            task.assigned_ports.get(name).map(ToString::to_string)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_to_the_task_are_filled_in_and_others_stay() {
        let task = AssignedTask {
            task_id: "t-1".to_owned(),
            instance_id: 3,
            assigned_ports: [("http".to_owned(), 31000)].into(),
            ..AssignedTask::default()
        };
        for (text, expected) in [
            ("{{thermos.task_id}}/{{mesos.instance}}", "t-1/3"),
            ("curl :{{thermos.ports[http]}}", "curl :31000"),
            ("{{thermos.ports[admin]}}", "{{thermos.ports[admin]}}"),
            ("{{mesos.hostname}} {{x}}", "{{mesos.hostname}} {{x}}"),
            ("{{&mesos.instance}}", "{{mesos.instance}}"),
            ("awk '{{print}'", "awk '{{print}'"),
            ("{{{mesos.instance}}}", "{3}"),
            ("{{", "{{"),
            ("é{{", "é{{"),
        ] {
            assert_eq!(substitute(text, &task), expected, "{text}");
        }
    }
}
