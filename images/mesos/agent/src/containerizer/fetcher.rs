//! Brings the URIs of a command into its sandbox (protocol-flows.md, section 15).
//!
//! Done by running the usual programs as the task's user: `cp`, `tar`, `gzip`, `unzip`, and `curl` for
//! what is on the network. What cannot be brought fails the launch; nothing is passed over.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Component, Path, PathBuf};
use std::process::Stdio;

use mesos_proto::mesos::command_info::URI;
use thiserror::Error;

use crate::spawn::{Identity, Spawn};

/// What the fetcher needs to know.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `--frameworks_home`: where relative paths start.
    pub frameworks_home: String,
    /// `--fetcher_stall_timeout`, in seconds.
    pub stall_secs: u64,
}

/// Why a URI is not in the sandbox.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FetchError {
    /// Nothing here can bring it.
    #[error(
        "'{0}' has a scheme that is not supported: http, https, ftp, ftps, file and plain paths are"
    )]
    Scheme(String),
    /// It would end up outside of the sandbox, or has no name.
    #[error("'{0}' has no file name to be stored under in the sandbox")]
    Name(String),
    /// A relative path, and no `--frameworks_home`.
    #[error("'{0}' is a relative path, and `--frameworks_home` is not set")]
    Relative(String),
    /// A program that it takes failed.
    #[error("'{uri}': {what}")]
    Failed {
        /// The URI.
        uri: String,
        /// The program and how it ended.
        what: String,
    },
}

/// One program to run in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    program: &'static str,
    arguments: Vec<OsString>,
    output: Option<PathBuf>,
}

impl Step {
    fn new<const N: usize>(
        program: &'static str,
        arguments: [&dyn AsRef<std::ffi::OsStr>; N],
    ) -> Self {
        let arguments = arguments
            .iter()
            .map(|a| a.as_ref().to_os_string())
            .collect();
        Self {
            program,
            arguments,
            output: None,
        }
    }
}

/// Brings one URI.
pub async fn fetch(
    uri: &URI,
    sandbox: &Path,
    user: Option<&Identity>,
    settings: &Settings,
) -> Result<(), FetchError> {
    for step in plan(uri, sandbox, settings)? {
        run(step, uri.value(), sandbox, user).await?;
    }
    Ok(())
}

/// The steps that bring a URI.
fn plan(uri: &URI, sandbox: &Path, settings: &Settings) -> Result<Vec<Step>, FetchError> {
    let value = uri.value().trim();
    let name = match uri.output_file() {
        "" => base_name(value),
        given => Some(given.to_string()),
    };
    let name = name
        .filter(|name| is_inside(name))
        .ok_or_else(|| FetchError::Name(value.to_string()))?;
    let target = sandbox.join(&name);
    let mut steps = Vec::new();
    if let Some(folder) = target.parent().filter(|folder| *folder != sandbox) {
        steps.push(Step::new("mkdir", [&"-p", &folder]));
    }
    let stall = settings.stall_secs.max(1).to_string();
    match value.split_once("://") {
        Some(("http" | "https" | "ftp" | "ftps", _)) => steps.push(Step::new(
            "curl",
            [
                &"-fsSL",
                &"--speed-limit",
                &"1",
                &"--speed-time",
                &stall,
                &"-o",
                &target,
                &"--",
                &value,
            ],
        )),
        Some(("file", path)) if path.starts_with('/') => {
            steps.push(Step::new("cp", [&"--", &path, &target]));
        }
        Some(_) => return Err(FetchError::Scheme(value.to_string())),
        None if value.starts_with('/') => steps.push(Step::new("cp", [&"--", &value, &target])),
        None if settings.frameworks_home.is_empty() => {
            return Err(FetchError::Relative(value.to_string()));
        }
        None => {
            let path = Path::new(&settings.frameworks_home).join(value);
            steps.push(Step::new("cp", [&"--", &path, &target]));
        }
    }
    if uri.executable() {
        steps.push(Step::new("chmod", [&"755", &target]));
    } else if uri.extract() {
        steps.extend(extraction(&target, &name, sandbox));
    }
    Ok(steps)
}

/// How an archive is taken apart, by its name's ending; `None` for what is no archive.
fn extraction(archive: &Path, name: &str, sandbox: &Path) -> Option<Step> {
    const TAR: [&str; 7] = [
        ".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz",
    ];
    if TAR.iter().any(|end| name.ends_with(end)) {
        Some(Step::new("tar", [&"-C", &sandbox, &"-xf", &archive]))
    } else if name.ends_with(".zip") {
        Some(Step::new(
            "unzip",
            [&"-o", &"-q", &"-d", &sandbox, &archive],
        ))
    } else {
        let plain = archive.to_str()?.strip_suffix(".gz")?;
        let output = Some(PathBuf::from(plain));
        Some(Step {
            output,
            ..Step::new("gzip", [&"-dc", &archive])
        })
    }
}

async fn run(
    step: Step,
    uri: &str,
    sandbox: &Path,
    user: Option<&Identity>,
) -> Result<(), FetchError> {
    let failed = |what: String| FetchError::Failed {
        uri: uri.to_string(),
        what,
    };
    let error = |e: std::io::Error| failed(format!("{}: {e}", step.program));
    let stderr = super::sandbox::open(sandbox, "stderr", user).map_err(error)?;
    let stdout = match &step.output {
        Some(path) => {
            let file = File::create(path).map_err(error)?;
            super::sandbox::give(path, user).map_err(error)?;
            file
        }
        None => stderr.try_clone().map_err(error)?,
    };
    let command = Spawn {
        program: step.program.into(),
        name: None,
        arguments: step.arguments.clone(),
        environment: std::env::vars().filter(|(name, _)| keeps(name)).collect(),
        directory: sandbox.into(),
        identity: user.cloned(),
        output: Some((stdout, stderr)),
    };
    let mut command = tokio::process::Command::from(command.into_command().map_err(error)?);
    let status = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await
        .map_err(error)?;
    if status.success() {
        Ok(())
    } else {
        Err(failed(format!("`{}` ended with {status}", step.program)))
    }
}

/// What the programs need of the agent's own environment: where they are, and how the network is.
fn keeps(name: &str) -> bool {
    name == "PATH" || name.to_ascii_lowercase().ends_with("_proxy") || name.starts_with("SSL_CERT_")
}

fn base_name(uri: &str) -> Option<String> {
    let path = match uri.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => uri,
    };
    let path = if uri.contains("://") && !uri.starts_with("file:") {
        path.split(['?', '#']).next().unwrap_or_default()
    } else {
        path
    };
    path.rsplit('/')
        .next()
        .filter(|name| !name.is_empty())
        .map(ToString::to_string)
}

fn is_inside(name: &str) -> bool {
    let path = Path::new(name);
    !name.is_empty()
        && path
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(value: &str) -> URI {
        let mut uri = URI::new();
        uri.set_value(value.to_string());
        uri
    }

    fn settings() -> Settings {
        Settings {
            frameworks_home: String::new(),
            stall_secs: 60,
        }
    }

    #[test]
    fn what_cannot_be_brought_is_an_error() {
        let cases = [
            "hdfs://nn/a",
            "s3n://b/c",
            "file://relative",
            "http://host/",
            "relative/a",
            "/",
        ];
        for value in cases {
            let got = plan(&uri(value), Path::new("/s"), &settings());
            assert!(got.is_err(), "case `{value}`: {got:?}");
        }
        let mut outside = uri("/etc/hosts");
        outside.set_output_file("../x".into());
        assert!(plan(&outside, Path::new("/s"), &settings()).is_err());
    }

    #[test]
    fn programs_are_chosen_by_scheme_and_ending() {
        let cases = [
            ("http://h/a.tar.gz?x=1", "curl tar"),
            ("file:///x/a.zip", "cp unzip"),
            ("/x/a.gz", "cp gzip"),
            ("/x/a.txt", "cp"),
        ];
        for (value, want) in cases {
            let steps = plan(&uri(value), Path::new("/s"), &settings()).expect(value);
            let got: Vec<&str> = steps.iter().map(|step| step.program).collect();
            assert_eq!(got.join(" "), want, "case `{value}`");
        }
        let mut program = uri("/x/run.tar");
        program.set_executable(true);
        program.set_output_file("bin/run".into());
        let steps = plan(&program, Path::new("/s"), &settings()).expect("fine");
        let got: Vec<&str> = steps.iter().map(|step| step.program).collect();
        assert_eq!(got, ["mkdir", "cp", "chmod"]);
    }

    #[tokio::test]
    async fn files_are_copied_and_archives_taken_apart() {
        let dir = tempfile::tempdir().expect("a folder");
        let sandbox = dir.path().join("s");
        std::fs::create_dir(&sandbox).expect("made");
        std::fs::write(dir.path().join("a.txt"), "hello").expect("written");
        let done = std::process::Command::new("tar")
            .args(["-C"])
            .arg(dir.path())
            .args(["-czf"])
            .arg(dir.path().join("a.tgz"))
            .arg("a.txt")
            .status();
        assert!(done.expect("tar runs").success());
        let archive = uri(&format!("file://{}", dir.path().join("a.tgz").display()));
        fetch(&archive, &sandbox, None, &settings())
            .await
            .expect("fetched");
        assert_eq!(
            std::fs::read_to_string(sandbox.join("a.txt")).expect("there"),
            "hello"
        );
        let missing = uri("/no/such/file");
        let error = fetch(&missing, &sandbox, None, &settings())
            .await
            .expect_err("missing");
        assert!(error.to_string().contains("/no/such/file"), "{error}");
    }
}
