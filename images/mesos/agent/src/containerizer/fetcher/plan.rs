//! What has to be run to bring a URI into a sandbox.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::process::Stdio;

use mesos_proto::mesos::command_info::URI;

use super::{FetchError, Settings};

/// One program to run in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) program: &'static str,
    pub(super) arguments: Vec<OsString>,
    pub(super) output: Option<PathBuf>,
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

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Network(String),
    File(PathBuf),
}

impl Source {
    pub(super) fn step(&self, target: &Path, settings: &Settings) -> Step {
        let stall = settings.stall_secs.max(1).to_string();
        match self {
            Self::Network(url) => Step::new(
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
                    &url,
                ],
            ),
            Self::File(path) => Step::new("cp", [&"--", &path, &target]),
        }
    }
}

/// What is asked for, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) value: String,
    pub(super) source: Source,
    /// Below the sandbox.
    name: String,
}

impl Asked {
    pub(super) fn new(uri: &URI, settings: &Settings) -> Result<Self, FetchError> {
        let value = uri.value().trim().to_string();
        let name = match uri.output_file() {
            "" => base_name(&value),
            given => Some(given.to_string()),
        };
        let name = name
            .filter(|name| is_inside(name))
            .ok_or_else(|| FetchError::Name(value.clone()))?;
        let source = match value.split_once("://") {
            Some(("http" | "https" | "ftp" | "ftps", _)) => Source::Network(value.clone()),
            Some(("file", path)) if path.starts_with('/') => Source::File(path.into()),
            Some(_) => return Err(FetchError::Scheme(value)),
            None if value.starts_with('/') => Source::File(value.clone().into()),
            None if settings.frameworks_home.is_empty() => return Err(FetchError::Relative(value)),
            None => Source::File(Path::new(&settings.frameworks_home).join(&value)),
        };
        Ok(Self {
            value,
            source,
            name,
        })
    }

    pub(super) fn base_name(&self) -> String {
        base_name(&self.value).unwrap_or_else(|| self.name.clone())
    }

    fn folder(&self, sandbox: &Path) -> Option<Step> {
        let target = sandbox.join(&self.name);
        let folder = target.parent().filter(|folder| *folder != sandbox)?;
        Some(Step::new("mkdir", [&"-p", &folder]))
    }

    /// The steps that bring it past the cache: an archive stays beside what was in it.
    pub(super) fn downloaded(&self, uri: &URI, sandbox: &Path, settings: &Settings) -> Vec<Step> {
        let target = sandbox.join(&self.name);
        let mut steps: Vec<Step> = self.folder(sandbox).into_iter().collect();
        steps.push(self.source.step(&target, settings));
        if uri.executable() {
            steps.push(Step::new("chmod", [&"755", &target]));
        } else if uri.extract() {
            steps.extend(extraction(&target, &self.name, &target, sandbox));
        }
        steps
    }

    /// The steps that bring it from the cache: an archive is taken apart there.
    pub(super) fn placed(&self, uri: &URI, cached: &Path, sandbox: &Path) -> Vec<Step> {
        let target = sandbox.join(&self.name);
        let mut steps: Vec<Step> = self.folder(sandbox).into_iter().collect();
        let base = self.base_name();
        if let Some(step) = extraction(cached, &base, &target, sandbox)
            .filter(|_| uri.extract() && !uri.executable())
        {
            steps.push(step);
            return steps;
        }
        steps.push(Step::new("cp", [&"--", &cached, &target]));
        if uri.executable() {
            steps.push(Step::new("chmod", [&"755", &target]));
        }
        steps
    }

    /// How many bytes it has, as far as can be known before.
    pub(super) async fn size(&self) -> Option<u64> {
        match &self.source {
            Source::File(path) => std::fs::metadata(path)
                .ok()
                .filter(|m| m.is_file())
                .map(|m| m.len()),
            Source::Network(url) => {
                let mut curl = tokio::process::Command::new("curl");
                curl.args(["-fsSIL", "--max-time", "30", "--", url]);
                let answer = curl
                    .stdin(Stdio::null())
                    .kill_on_drop(true)
                    .output()
                    .await
                    .ok()?;
                let text = String::from_utf8_lossy(&answer.stdout).into_owned();
                let mut lengths = text.lines().filter_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length")
                        .then(|| value.trim().parse().ok())?
                });
                lengths.next_back().filter(|_| answer.status.success())
            }
        }
    }
}

/// How an archive is taken apart, by its name's ending; `None` for what is no archive. `target` is where it
/// is, or would be, in the sandbox.
fn extraction(archive: &Path, name: &str, target: &Path, sandbox: &Path) -> Option<Step> {
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
        let plain = target.to_str()?.strip_suffix(".gz")?;
        let output = Some(PathBuf::from(plain));
        Some(Step {
            output,
            ..Step::new("gzip", [&"-dc", &archive])
        })
    }
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
