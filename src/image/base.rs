//! The Debian root file system that the base image begins with: pulled from a registry, or made by a script.

use std::env;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures_util::stream;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use super::archive::Entry;
use super::material::Material;
use super::{ImageError, store::IMAGE_LABEL};
use crate::engine::{Engine, EngineError, Kind, Story};

/// The image pulled where a registry can be reached.
const PUBLIC: &str = "debian:bookworm-slim";
/// A registry that answers at all begins to within this.
const PULL: Duration = Duration::from_secs(60);
const FIRST_WORD: Duration = Duration::from_secs(4);

/// The name of an image with the root file system; makes one if there is none.
pub(super) async fn root(
    engine: &dyn Engine,
    base: &Material,
    story: &Story,
) -> Result<String, ImageError> {
    let made = Material(
        base.0
            .iter()
            .filter(|entry| entry.path != "Dockerfile")
            .cloned()
            .collect(),
    );
    let own = format!("devcluster/root:{}", made.hash(&[]));
    let failed = |source| ImageError::Engine {
        image: own.clone(),
        source,
    };
    for name in [own.as_str(), PUBLIC] {
        if engine.has_image(name).await.map_err(failed)? {
            return Ok(name.to_owned());
        }
    }
    if env::var_os("DEVCLUSTER_OFFLINE").is_none_or(|value| value.is_empty() || value == "0") {
        match pull(engine, story).await {
            Ok(()) => return Ok(PUBLIC.to_owned()),
            Err(error) if error.kind == Kind::DiskFull || error.is_unusable() => {
                return Err(failed(error));
            }
            Err(_) => story(format!(
                "`{PUBLIC}` cannot be pulled, so mmdebstrap makes the base"
            )),
        }
    }
    let folder = tempfile::Builder::new()
        .prefix("devcluster-")
        .tempdir()
        .map_err(ImageError::Script)?;
    for entry in &made.0 {
        write(folder.path(), entry).map_err(ImageError::Script)?;
    }
    let tar = folder.path().join("root.tar");
    run(&folder.path().join("build"), &tar, story).await?;
    story("importing the base file system".to_owned());
    let file = tokio::fs::File::open(&tar)
        .await
        .map_err(ImageError::Script)?;
    let pieces = stream::try_unfold(file, async |mut file| {
        let mut piece = vec![0; 256 << 10];
        let read = file
            .read(&mut piece)
            .await
            .map_err(|error| EngineError::new(Kind::Other, error.to_string()))?;
        piece.truncate(read);
        Ok(if read == 0 {
            None
        } else {
            Some((piece.into(), file))
        })
    });
    engine
        .import_image(
            &own,
            &[format!("LABEL {IMAGE_LABEL}=root")],
            Box::pin(pieces),
        )
        .await
        .map_err(failed)?;
    Ok(own)
}

/// Pulls the public image, giving up soon where nothing answers.
async fn pull(engine: &dyn Engine, story: &Story) -> Result<(), EngineError> {
    let (heard, mut hearing) = tokio::sync::mpsc::unbounded_channel();
    let listen = move |line: String| {
        // The receiver is gone once the first word was heard.
        let _ = heard.send(line);
    };
    let pulling = tokio::time::timeout(PULL, engine.pull_image(PUBLIC, &listen));
    tokio::pin!(pulling);
    let late = || EngineError::new(Kind::Pull, "the registry does not answer");
    tokio::select! {
        result = &mut pulling => return result.map_err(|_| late())?,
        word = tokio::time::timeout(FIRST_WORD, hearing.recv()) => {
            let word = word.map_err(|_| late())?;
            story(word.unwrap_or_default());
        }
    }
    pulling.await.map_err(|_| late())?
}

fn write(folder: &Path, entry: &Entry) -> std::io::Result<()> {
    let path = folder.join(&entry.path);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, &entry.content)
}

/// The script with all that it started, which ends when this is dropped.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        // Reaped already when there is no id any more.
        let Some(group) = self.0.id().and_then(|id| i32::try_from(id).ok()) else {
            return;
        };
        // SIGTERM lets mmdebstrap remove what it made; a group that is gone needs nothing.
        let _ = killpg(Pid::from_raw(group), Signal::SIGTERM);
    }
}

async fn run(script: &Path, tar: &Path, story: &Story) -> Result<(), ImageError> {
    let child = Command::new("bash")
        .arg(script)
        .arg(tar)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Its own group, so that Ctrl-C reaches it through us alone and takes its children along.
        .process_group(0)
        .spawn()
        .map_err(ImageError::Script)?;
    let mut child = Script(child);
    let (mut problem, mut advice, mut last) = (None, None, String::new());
    if let Some(stderr) = child.0.stderr.take() {
        let mut lines = BufReader::new(stderr).lines();
        while let Some(line) = lines.next_line().await.map_err(ImageError::Script)? {
            if let Some(text) = line.strip_prefix("error: ") {
                problem = Some(text.to_owned());
            } else if let Some(text) = line.strip_prefix("hint: ") {
                advice = Some(text.to_owned());
            } else if !line.trim().is_empty() {
                last.clone_from(&line);
                story(line);
            }
        }
    }
    let status = child.0.wait().await.map_err(ImageError::Script)?;
    if status.success() {
        return Ok(());
    }
    let problem = problem.unwrap_or_else(|| format!("the script ended with {status}"));
    let problem = if last.is_empty() {
        problem
    } else {
        format!("{problem}; its last line was `{last}`")
    };
    Err(ImageError::Base { problem, advice })
}
