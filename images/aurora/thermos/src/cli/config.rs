//! Thermos' own configurations: Python that calls `export(task)`, evaluated by CPython with the
//! types of the job language; or the task as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use aurora_client::python;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::task::{Bindings, Fragment, TaskSpec, bind, fragments};

use super::Failure;

const EVALUATE: &str = include_str!("../../python/thermos_config.py");

/// What is asked of a configuration.
#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    pub(super) file: &'a str,
    /// The file is the task as JSON, not Python.
    pub(super) json: bool,
    /// The name of the task that is meant, where there are several.
    pub(super) task: Option<&'a str>,
    pub(super) bindings: &'a [(String, String)],
    pub(super) ports: &'a BTreeMap<String, i64>,
    pub(super) user: &'a str,
}

/// A task, as far as it can be resolved before it has an id.
#[derive(Debug, Deserialize)]
pub(super) struct Evaluated {
    pub(super) task: Value,
    /// The names of the ports that it refers to.
    pub(super) ports: Vec<String>,
    /// The task as Python shows it to people.
    pub(super) pretty: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Task(Evaluated),
    /// The command line does not fit the file.
    Usage {
        usage: String,
    },
    /// The file is wrong.
    Error {
        error: String,
    },
}

/// Evaluates a configuration.
pub(super) fn evaluate(request: &Request<'_>) -> Result<Evaluated, Failure> {
    let other = |text: String| Failure::Other(text);
    let interpreter = python::interpreter();
    let name = interpreter.to_string_lossy().into_owned();
    let modules = serde_json::to_string(&python::LANGUAGE).map_err(|e| other(e.to_string()))?;
    let asked = serde_json::to_string(request).map_err(|e| other(e.to_string()))?;
    // What the file prints goes to stdout, too, so that the answer stands behind a mark.
    let mark = format!("thermos-{}-{}", std::process::id(), crate::clock::now());
    let output = Command::new(&interpreter)
        .arg("-c")
        .arg(EVALUATE)
        .args([&mark, &modules, &asked])
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| {
            other(format!(
                "cannot run `{name}`: {error}; AURORA_PYTHON names the interpreter"
            ))
        })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let Some((printed, answer)) = text.rsplit_once(&mark) else {
        say!("{text}");
        return Err(other(format!(
            "`{name}` ended without an answer: {}",
            output.status
        )));
    };
    say!("{printed}");
    match serde_json::from_str(answer) {
        Ok(Answer::Task(task)) => Ok(task),
        Ok(Answer::Usage { usage }) => Err(Failure::Usage(usage)),
        Ok(Answer::Error { error }) => Err(other(error)),
        Err(error) => Err(other(format!("`{name}` gave no usable answer: {error}"))),
    }
}

/// A task that needs no Python: its references are resolved here.
pub(super) fn simple(
    task: Value,
    given: &[(String, String)],
    ports: &BTreeMap<String, i64>,
) -> Result<Evaluated, Failure> {
    let wrong = |text: String| Failure::Other(text);
    let mut bindings = Bindings::default();
    for (name, value) in given {
        let parts: Vec<&str> = name
            .split(['.', '['])
            .map(|part| part.trim_end_matches(']'))
            .collect();
        bindings.set(&parts, value);
    }
    for (name, port) in ports {
        bindings.set(&["thermos", "ports", name], port.to_string());
    }
    let (task, _) = bind(&task, &task, &bindings).map_err(|error| wrong(error.to_string()))?;
    let spec = TaskSpec::from_value(&task).map_err(|error| wrong(error.to_string()))?;
    Ok(Evaluated {
        ports: unbound_ports(&spec),
        task: spec.to_value(),
        pretty: String::new(),
    })
}

fn unbound_ports(task: &TaskSpec) -> Vec<String> {
    let ports: BTreeSet<String> = task
        .processes
        .iter()
        .flat_map(|process| fragments(&process.cmdline))
        .filter_map(|fragment| match fragment {
            Fragment::Reference(steps) => match steps.as_slice() {
                [thermos, ports, name] if thermos == "thermos" && ports == "ports" => {
                    Some(name.clone())
                }
                _ => None,
            },
            Fragment::Text(_) => None,
        })
        .collect();
    ports.into_iter().collect()
}
