//! Has CPython run an `.aurora` file, which is Python with `pystachio`'s types in it.
//!
//! Our loader (`python/`) travels inside this program and is handed to the interpreter as an
//! argument; nothing is written to disk.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::{ExitCode, Stdio};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use thiserror::Error;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::console::Console;
use crate::exit;
use crate::hooks::{self, Hooks};

const BOOTSTRAP: &str = include_str!("../python/bootstrap.py");

/// The job language: Python modules with its types and its helpers, each after those it imports.
pub const LANGUAGE: [(&str, &str); 2] = [
    ("aurora_schema", include_str!("../python/aurora_schema.py")),
    (
        "aurora_helpers",
        include_str!("../python/aurora_helpers.py"),
    ),
];

/// The loader's modules, in the same way, after those of the language.
const LOADER: [(&str, &str); 5] = [
    ("aurora_loader", include_str!("../python/aurora_loader.py")),
    ("aurora_docker", include_str!("../python/aurora_docker.py")),
    ("aurora_hooks", include_str!("../python/aurora_hooks.py")),
    (
        "aurora_validation",
        include_str!("../python/aurora_validation.py"),
    ),
    ("aurora_main", include_str!("../python/aurora_main.py")),
];

/// What is asked of a file.
#[derive(Clone, Debug, Serialize)]
pub struct Request<'a> {
    pub file: &'a str,
    /// The file is a JSON document, not Python.
    pub json: bool,
    /// What `--bind` gave.
    pub bindings: Vec<(String, String)>,
    /// Cluster, role, environment and name; `None` asks for all jobs' keys.
    pub key: Option<[&'a str; 4]>,
    /// The registry of each cluster, for `{{docker.image[name][tag]}}`.
    pub registries: BTreeMap<String, String>,
    /// Whether the file's hooks may run.
    #[serde(skip)]
    pub hooks: bool,
}

/// The request as the loader gets it.
#[derive(Serialize)]
struct Sent<'a> {
    #[serde(flatten)]
    request: &'a Request<'a>,
    /// The descriptors of the socket that hooks are asked for over, and of our own standard output.
    channel: Option<RawFd>,
    stdout: Option<RawFd>,
}

/// One job of a file, interpolated as far as the client can.
#[derive(Clone, Debug, Deserialize)]
pub struct Description {
    pub job: Map<String, Json>,
    /// Names of the ports that the scheduler is to allocate.
    pub ports: Vec<String>,
    /// All fields that a job can have, in the order they are written.
    pub field_order: Vec<String>,
    /// Whether the job has hooks, which the interpreter waits to run.
    hooked: bool,
}

/// Why a file gives no job.
#[derive(Debug, Error)]
pub enum PythonError {
    /// The file is wrong.
    #[error("{message}")]
    File { message: String, traceback: String },
    /// The job would do harm; the client dies of it.
    #[error("{0}")]
    Fatal(String),
    /// The interpreter itself failed.
    #[error("{0}")]
    Interpreter(String),
    /// The file ended the interpreter with this status.
    #[error("the configuration ended Python with status {0}")]
    Exited(u8),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Job(Description),
    Keys { keys: Vec<String> },
    Error { error: String, traceback: String },
    Fatal { fatal: String },
    NoPystachio { no_pystachio: String },
}

/// The job that the request's key names.
pub async fn job(
    request: &Request<'_>,
    console: Console,
) -> Result<(Description, Option<Hooks>), PythonError> {
    match ask(request, console).await? {
        (Answer::Job(job), hooks) => {
            let hooks = hooks.filter(|_| job.hooked);
            Ok((job, hooks))
        }
        (other, _) => Err(refusal(other)),
    }
}

/// The keys of all jobs in a file.
pub async fn keys(request: &Request<'_>, console: Console) -> Result<Vec<String>, PythonError> {
    match ask(request, console).await? {
        (Answer::Keys { keys }, _) => Ok(keys),
        (other, _) => Err(refusal(other)),
    }
}

fn refusal(answer: Answer) -> PythonError {
    match answer {
        Answer::Error { error, traceback } => PythonError::File {
            message: error,
            traceback,
        },
        Answer::Fatal { fatal } => PythonError::Fatal(fatal),
        Answer::NoPystachio { no_pystachio } => PythonError::Interpreter(format!(
            "`{no_pystachio}` has no module `pystachio`: run `{no_pystachio} -m pip install pystachio==0.8.10`, or name another interpreter in AURORA_PYTHON"
        )),
        Answer::Job(_) | Answer::Keys { .. } => {
            PythonError::Interpreter("the loader answered another question".to_owned())
        }
    }
}

/// The interpreter: `$AURORA_PYTHON`, else `python3`.
pub fn interpreter() -> OsString {
    std::env::var_os("AURORA_PYTHON")
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| OsString::from("python3"))
}

/// Becomes the interpreter with these arguments, if `PEX_INTERPRETER` asks for it. The original clients are
/// PEX files, which do so; scripts use it to run with the client's Python and its modules. Returns if there is
/// nothing to become.
pub fn instead(args: &[OsString]) -> Option<ExitCode> {
    let asked = std::env::var("PEX_INTERPRETER").ok()?;
    if !matches!(asked.to_lowercase().as_str(), "1" | "true") {
        return None;
    }
    let python = interpreter();
    let error = std::process::Command::new(&python).args(args).exec();
    let name = python.to_string_lossy();
    Console::new().error(&format!(
        "cannot run `{name}`: {error}; AURORA_PYTHON names the interpreter"
    ));
    Some(ExitCode::from(exit::UNKNOWN_ERROR))
}

async fn ask(
    request: &Request<'_>,
    console: Console,
) -> Result<(Answer, Option<Hooks>), PythonError> {
    let broken = |text: String| PythonError::Interpreter(text);
    let python = interpreter();
    let name = python.to_string_lossy().into_owned();
    let modules = serde_json::to_string(&[&LANGUAGE[..], &LOADER[..]].concat())
        .map_err(|error| broken(error.to_string()))?;
    let channel = if request.hooks {
        Some(hooks::Channel::new().map_err(|error| broken(error.to_string()))?)
    } else {
        None
    };
    let sent = Sent {
        request,
        channel: channel.as_ref().map(|channel| channel.theirs.as_raw_fd()),
        stdout: channel.as_ref().map(|channel| channel.stdout.as_raw_fd()),
    };
    let request = serde_json::to_string(&sent).map_err(|error| broken(error.to_string()))?;
    // What the file prints goes to stdout too, so our answer stands behind a mark it cannot guess.
    let mark = uuid::Uuid::new_v4().to_string();
    let mut child = Command::new(&python)
        .arg("-c")
        .arg(BOOTSTRAP)
        .args([&mark, &modules, &request])
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            broken(format!(
                "cannot run `{name}`: {error}; AURORA_PYTHON names the interpreter"
            ))
        })?;
    // An interpreter that stays for the hooks closes this, and prints to our own output from then on.
    let mut output = Vec::new();
    if let Some(mut stdout) = child.stdout.take() {
        let reading = stdout.read_to_end(&mut output).await;
        reading.map_err(|error| broken(format!("cannot read from `{name}`: {error}")))?;
    }
    let text = String::from_utf8_lossy(&output);
    let Some((printed, answer)) = text.rsplit_once(&mark) else {
        console.raw(&text);
        let status = child.wait().await;
        let status =
            status.map_err(|error| broken(format!("cannot wait for `{name}`: {error}")))?;
        return Err(match status.code().map(u8::try_from) {
            Some(Ok(code)) => PythonError::Exited(code),
            _ => broken(format!("`{name}` was killed: {status}")),
        });
    };
    console.raw(printed);
    let answer = serde_json::from_str(answer)
        .map_err(|error| broken(format!("`{name}` gave no usable answer: {error}")))?;
    Ok((answer, channel.map(|channel| channel.open(child))))
}

/// `name=value`, where the name is a reference such as `profile.version` or `ports[http]`.
pub fn parse_binding(text: &str) -> Result<(String, String), String> {
    let parts: Vec<&str> = text.split('=').collect();
    let [name, value] = parts.as_slice() else {
        return Err("Binding parameter must be formatted name=value".to_owned());
    };
    if is_reference(name) {
        Ok(((*name).to_owned(), (*value).to_owned()))
    } else {
        Err(format!("Could not parse binding parameter {text}: {name}"))
    }
}

/// An identifier, then any of `.identifier` and `[index]`.
fn is_reference(name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let identifier = |text: &str| {
        text.starts_with(|c: char| word(c) && !c.is_numeric()) && text.chars().all(word)
    };
    let index = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| word(c) || matches!(c, '-' | '.' | '/'))
    };
    let head_end = name.find(['.', '[']).unwrap_or(name.len());
    let (head, mut rest) = name.split_at(head_end);
    if !identifier(head) {
        return false;
    }
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('.') {
            let (part, tail) = tail.split_at(tail.find(['.', '[']).unwrap_or(tail.len()));
            if !identifier(part) {
                return false;
            }
            rest = tail;
        } else if let Some((part, tail)) =
            rest.strip_prefix('[').and_then(|tail| tail.split_once(']'))
        {
            if !index(part) {
                return false;
            }
            rest = tail;
        } else {
            return false;
        }
    }
    true
}

/// The bindings of a command line, which have been checked already.
pub fn bindings(texts: &[String]) -> Vec<(String, String)> {
    texts
        .iter()
        .filter_map(|text| parse_binding(text).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_are_a_reference_and_a_value() {
        for (text, good) in [
            ("a=b", true),
            ("profile.version=v2", true),
            ("docker.image[library/python][2.7]=x", true),
            ("a=", true),
            ("a", false),
            ("a=b=c", false),
            ("1a=b", false),
            ("a..b=c", false),
            ("a[=c", false),
            ("=c", false),
        ] {
            assert_eq!(parse_binding(text).is_ok(), good, "{text}");
        }
    }
}
