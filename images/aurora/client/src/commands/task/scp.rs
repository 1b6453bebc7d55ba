//! `task scp`: files to, from and between sandboxes.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::{call, first_task, host_of, role_of, sandbox, words};
use crate::context::Context;
use crate::exit::{self, Failure, Result};
use crate::grammar;
use crate::keys::AuroraKey;

pub(crate) async fn scp(context: &Context) -> Result {
    let mut args = words(context, &grammar::SCP_OPTIONS);
    for path in context.args.values(grammar::SOURCE.metavar) {
        args.push(resolve(context, path).await?);
    }
    args.push(resolve(context, context.args.word(grammar::DESTINATION.metavar)).await?);
    call("scp", &args).await
}

/// A path as `scp` takes it: one behind a task's key is on that task's agent.
async fn resolve(context: &Context, text: &str) -> Result<String> {
    let invalid = |text: String| Failure::new(exit::INVALID_PARAMETER, text);
    let Some((task, path)) = text.split_once(':') else {
        return Ok(text.to_owned());
    };
    let (key, instance) = instance_of(task).map_err(invalid)?;
    let scheduler = context.scheduler(&key.cluster)?;
    let none = format!("Job or instance {key}/{instance} not found");
    let task = first_task(context, &key, Some(&BTreeSet::from([instance])), none).await?;
    let normal = normalized(path);
    let path = if normal.starts_with('/') {
        normal
    } else if normal == "~" || normal.starts_with("~/") {
        return Err(invalid(format!(
            "Command does not support tilde expansion for path: {path}"
        )));
    } else {
        let of_executor = context.flag(&grammar::EXECUTOR_SANDBOX);
        let folder = sandbox::path(scheduler.cluster(), &task.assigned_task, of_executor)?;
        format!("{folder}/{normal}")
    };
    Ok(format!("{}@{}:{path}", role_of(&task), host_of(&task)))
}

fn instance_of(text: &str) -> std::result::Result<(AuroraKey, i32), String> {
    let unfit = || {
        format!("Task instance specifier {text} is not in the form CLUSTER/ROLE/ENV/NAME/INSTANCE")
    };
    let (key, instance) = text.rsplit_once('/').ok_or_else(unfit)?;
    let key = AuroraKey::parse(key).ok_or_else(unfit)?;
    let instance = instance
        .trim()
        .parse()
        .map_err(|_| format!("Instance must be an integer, but got {instance}"))?;
    Ok((key, instance))
}

/// A path without `.`, empty parts and `..` that have something to go back from, as Python's
/// `os.path.normpath`. An empty one is `.`.
fn normalized(path: &str) -> String {
    let mut parts = PathBuf::new();
    for component in Path::new(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match parts.components().next_back() {
                Some(Component::Normal(_)) => {
                    parts.pop();
                }
                Some(Component::RootDir) => {}
                _ => parts.push(".."),
            },
            other => parts.push(other),
        }
    }
    if parts.as_os_str().is_empty() {
        ".".to_owned()
    } else {
        parts.to_string_lossy().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_plain() {
        for (path, expected) in [
            ("", "."),
            ("a/./b//c", "a/b/c"),
            ("a/../b", "b"),
            ("../../", "../.."),
            ("/../a", "/a"),
            ("~/x", "~/x"),
        ] {
            assert_eq!(normalized(path), expected, "{path}");
        }
    }
}
