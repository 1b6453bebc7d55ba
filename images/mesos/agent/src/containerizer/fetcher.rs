//! Brings the URIs of a command into its sandbox (protocol-flows.md, section 15).
//!
//! Done by running the usual programs as the task's user: `cp`, `tar`, `gzip`, `unzip`, and `curl` for
//! what is on the network. What cannot be brought fails the launch; nothing is passed over.

pub mod cache;
mod plan;

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use mesos_proto::mesos::command_info::URI;
use thiserror::Error;

use crate::spawn::{Identity, Spawn};
use cache::{Cache, Held};
use plan::{Asked, Step};

/// What the fetcher needs to know.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `--frameworks_home`: where relative paths start.
    pub frameworks_home: String,
    /// `--fetcher_stall_timeout`, in seconds.
    pub stall_secs: u64,
    /// Where what is fetched with `cache` is kept; nothing is where there is none.
    pub cache: Option<Arc<Cache>>,
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

/// Brings one URI. Why it could not is also written to the sandbox's `stderr`.
pub async fn fetch(
    uri: &URI,
    sandbox: &Path,
    user: Option<&Identity>,
    settings: &Settings,
) -> Result<(), FetchError> {
    let fetched = bring(uri, sandbox, user, settings).await;
    if let Err(error) = &fetched {
        use std::io::Write as _;
        let text = format!("Failed to fetch '{}': {error}\n", uri.value().trim());
        // Where it cannot be written the launch fails all the same.
        let _ = super::sandbox::open(sandbox, "stderr", user)
            .and_then(|mut file| file.write_all(text.as_bytes()));
    }
    fetched
}

async fn bring(
    uri: &URI,
    sandbox: &Path,
    user: Option<&Identity>,
    settings: &Settings,
) -> Result<(), FetchError> {
    let asked = Asked::new(uri, settings)?;
    let steps = match cached(&asked, uri, sandbox, user, settings).await? {
        Some(held) => {
            let steps = asked.placed(uri, &held.file, sandbox);
            for step in steps {
                run(step, uri.value(), sandbox, user).await?;
            }
            return Ok(());
        }
        None => asked.downloaded(uri, sandbox, settings),
    };
    for step in steps {
        run(step, uri.value(), sandbox, user).await?;
    }
    Ok(())
}

/// The file in the cache, if it is to be there and there is room. It is brought by the first who asks.
async fn cached(
    asked: &Asked,
    uri: &URI,
    sandbox: &Path,
    user: Option<&Identity>,
    settings: &Settings,
) -> Result<Option<Held>, FetchError> {
    let Some(cache) = settings.cache.as_ref().filter(|_| uri.cache()) else {
        return Ok(None);
    };
    let failed = |what: String| FetchError::Failed {
        uri: asked.value.clone(),
        what,
    };
    let owner = user.map_or("root", |user| user.name.as_str());
    let held = match cache.find(owner, &asked.value) {
        Some(held) => Some(held),
        None => match asked.size().await {
            Some(size) => cache.reserve(owner, &asked.value, &asked.base_name(), size),
            None => None,
        },
    };
    let Some(mut held) = held else {
        tracing::info!(
            "'{}' is fetched without the cache: its size is unknown, or too large",
            asked.value
        );
        return Ok(None);
    };
    if !held.is_first {
        return match held.wait().await {
            true => Ok(Some(held)),
            false => Err(failed(
                "another fetch of it into the cache failed".to_string(),
            )),
        };
    }
    let folder = cache.folder_of(owner);
    std::fs::create_dir_all(&folder)
        .and_then(|()| super::sandbox::give(&folder, user))
        .map_err(|error| failed(format!("cannot make '{}': {error}", folder.display())))?;
    run(
        asked.source.step(&held.file, settings),
        &asked.value,
        sandbox,
        user,
    )
    .await?;
    let size = std::fs::metadata(&held.file)
        .map_err(|error| failed(error.to_string()))?
        .len();
    held.is_brought(size);
    Ok(Some(held))
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
            cache: None,
        }
    }

    fn plan(uri: &URI, sandbox: &Path, settings: &Settings) -> Result<Vec<Step>, FetchError> {
        Ok(Asked::new(uri, settings)?.downloaded(uri, sandbox, settings))
    }

    #[tokio::test]
    async fn a_cached_file_is_brought_once_and_taken_apart_in_each_sandbox() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("a.txt"), "hello").expect("written");
        let archive = dir.path().join("a.tgz");
        let done = std::process::Command::new("tar")
            .arg("-C")
            .arg(dir.path())
            .arg("-czf")
            .arg(&archive)
            .arg("a.txt")
            .status();
        assert!(done.expect("tar runs").success());
        let cache = Cache::new(dir.path().join("cache"), 1 << 20);
        let settings = Settings {
            cache: Some(cache.clone()),
            ..settings()
        };
        let mut archive_uri = uri(archive.to_str().expect("UTF-8"));
        archive_uri.set_cache(true);
        for name in ["one", "two"] {
            let sandbox = dir.path().join(name);
            std::fs::create_dir(&sandbox).expect("made");
            fetch(&archive_uri, &sandbox, None, &settings)
                .await
                .expect("fetched");
            assert_eq!(
                std::fs::read_to_string(sandbox.join("a.txt")).expect("there"),
                "hello"
            );
            assert!(!sandbox.join("a.tgz").exists());
            // The second time it comes from the cache alone.
            let _ = std::fs::remove_file(&archive);
        }
        let files: Vec<_> = std::fs::read_dir(dir.path().join("cache/root"))
            .expect("there")
            .flatten()
            .collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].file_name(), "c1-a.tgz");
        cache.clear().expect("cleared");
        assert!(!dir.path().join("cache").exists());
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
        let said = std::fs::read_to_string(sandbox.join("stderr")).expect("there");
        assert!(said.contains("Failed to fetch '/no/such/file'"), "{said}");
    }
}
