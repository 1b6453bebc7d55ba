//! Volumes made from images, of containers whose executor itself runs in the agent's file system
//! (`Volume.image` of `mesos.proto`): the image's files become a folder of the sandbox.
//!
//! The engine exports those of a Docker image, and those of an appc image are in the agent's store, so that an
//! agent in a container without privileges needs no mount. Each container has files of its own, which go with its sandbox: what a task writes there stays there.

use std::fmt::Display;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use bytes::{Buf as _, Bytes};
use futures_util::{Stream, StreamExt as _};
use mesos_proto::mesos::{ContainerInfo, Image, Volume, container_info};
use tokio::sync::mpsc;

use crate::docker::Source;

/// How many pieces of an archive may wait to be unpacked.
const WAITING: usize = 16;
/// What the engine adds to each container's root, whatever its image.
const MARK_OF_ENGINE: &str = ".dockerenv";

/// One volume to make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageVolume<'a> {
    /// The image.
    pub source: Source<'a>,
    /// Whether it is asked for again although it is there.
    pub is_pull_forced: bool,
    /// Where it is to be in the sandbox.
    pub place: &'a str,
}

/// The volumes that an executor's container has from images, if it has such and nothing else that needs
/// a containerizer's help. Folders of the agent are named for the executor, which sees them where they are.
pub fn wanted(container: &ContainerInfo) -> Option<Vec<ImageVolume<'_>>> {
    if container.type_() != container_info::Type::MESOS || container.mesos.image.is_some() {
        return None;
    }
    let mut found = Vec::new();
    for volume in &container.volumes {
        match volume.image.as_ref() {
            Some(source) => found.push(one(volume, source)?),
            None if volume.has_host_path() && volume.source.is_none() => {}
            None => return None,
        }
    }
    (!found.is_empty()).then_some(found)
}

fn one<'a>(volume: &'a Volume, source: &'a Image) -> Option<ImageVolume<'a>> {
    Some(ImageVolume {
        source: Source::of(source)?,
        is_pull_forced: !source.cached(),
        place: volume.container_path(),
    })
}

/// The folder of the sandbox that a volume is unpacked into; fresh, so that nothing of the task's leads
/// the archive elsewhere.
pub fn folder(sandbox: &Path, place: &str) -> Result<PathBuf, String> {
    let inside = Path::new(place);
    let stays = inside
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if place.is_empty() || !stays {
        return Err(format!(
            "The container path '{place}' of an image volume must be relative and stay in the sandbox"
        ));
    }
    let folder = sandbox.join(inside);
    let said = |error: io::Error| format!("Failed to create '{}': {error}", folder.display());
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).map_err(said)?;
    }
    fs::create_dir(&folder).map_err(said)?;
    Ok(folder)
}

/// Unpacks an archive as it comes.
pub async fn unpack<E: Display>(
    mut archive: impl Stream<Item = Result<Bytes, E>> + Unpin,
    folder: PathBuf,
) -> Result<(), String> {
    let (pieces, waiting) = mpsc::channel(WAITING);
    let unpacking = tokio::task::spawn_blocking(move || {
        let pieces = Pieces {
            waiting,
            rest: Bytes::new(),
            is_whole: false,
        };
        write(pieces, &folder)
    });
    while let Some(piece) = archive.next().await {
        let piece = piece.map_err(|error| error.to_string())?;
        // If nobody listens, the reason is what unpacking has ended with.
        if pieces.send(Some(piece)).await.is_err() {
            break;
        }
    }
    let _ = pieces.send(None).await;
    match unpacking.await {
        Ok(done) => done.map_err(|error| chain(&error)),
        Err(error) => Err(error.to_string()),
    }
}

/// The library's errors say what was done, and only their sources why it failed.
fn chain(error: &io::Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

fn write(mut archive: impl Read, folder: &Path) -> io::Result<()> {
    {
        let mut files = tar::Archive::new(&mut archive);
        files.set_preserve_permissions(true);
        files.set_preserve_ownerships(nix::unistd::Uid::effective().is_root());
        files.set_overwrite(true);
        files.unpack(folder)?;
    }
    // An archive's end is padded; what is left unread would look as if it had been cut off.
    io::copy(&mut archive, &mut io::sink())?;
    match fs::remove_file(folder.join(MARK_OF_ENGINE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What comes from the engine, for a reader that waits.
struct Pieces {
    waiting: mpsc::Receiver<Option<Bytes>>,
    rest: Bytes,
    is_whole: bool,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            if self.is_whole {
                return Ok(0);
            }
            match self.waiting.blocking_recv() {
                Some(Some(piece)) => self.rest = piece,
                Some(None) => self.is_whole = true,
                // The container was destroyed meanwhile, or the engine has hung up.
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let length = self.rest.len().min(buffer.len());
        self.rest.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use mesos_wire::json::{Dialect, from_value};
    use serde_json::{Value, json};

    use super::*;
    use crate::docker::engine::EngineError;

    fn container(value: &Value) -> ContainerInfo {
        from_value(value, Dialect::V0).expect("a container")
    }

    fn from_image(name: &str) -> Value {
        json!({"container_path": "taskfs", "mode": "RO",
            "image": {"type": "DOCKER", "docker": {"name": name}}})
    }

    #[test]
    fn volumes_from_images_are_found_and_what_else_needs_help_is_not_taken() {
        let host = json!({"container_path": "/c", "host_path": "/h", "mode": "RO"});
        let found = container(&json!({"type": "MESOS", "volumes": [host, from_image("a:1")]}));
        let want = ImageVolume {
            source: Source::Docker("a:1"),
            is_pull_forced: false,
            place: "taskfs",
        };
        assert_eq!(wanted(&found), Some(vec![want]));
        let appc = json!({"container_path": "taskfs", "mode": "RO",
            "image": {"type": "APPC", "appc": {"name": "a", "id": "sha512-1"}, "cached": false}});
        let found = container(&json!({"type": "MESOS", "volumes": [appc]}));
        let found = wanted(&found).expect("a volume");
        assert!(found[0].is_pull_forced);
        assert!(matches!(found[0].source, Source::Appc(appc) if appc.id() == "sha512-1"));
        let secret = json!({"container_path": "s", "mode": "RO",
            "source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "SELF", "path": "p"}}});
        let docker = json!({"type": "DOCKER", "docker": {"name": "a"}});
        for other in [
            json!({"type": "MESOS"}),
            json!({"type": "MESOS", "volumes": [host]}),
            json!({"type": "MESOS", "volumes": [from_image("a:1"), secret]}),
            json!({"type": "MESOS", "mesos": {"image": docker}, "volumes": [from_image("a:1")]}),
            json!({"type": "DOCKER", "docker": {"image": "a"}, "volumes": [from_image("a:1")]}),
        ] {
            assert_eq!(wanted(&container(&other)), None, "{other}");
        }
    }

    #[test]
    fn a_volume_is_a_fresh_folder_of_the_sandbox() {
        let sandbox = tempfile::tempdir().expect("a folder");
        let made = folder(sandbox.path(), "deep/taskfs").expect("made");
        assert!(made.starts_with(sandbox.path()) && made.is_dir());
        for bad in ["/taskfs", "../taskfs", "a/../../b", "", "deep/taskfs"] {
            assert!(folder(sandbox.path(), bad).is_err(), "case `{bad}`");
        }
    }

    fn archive() -> Vec<u8> {
        let mut files = tar::Builder::new(Vec::new());
        let mut add = |path: &str, mode, text: &str| {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(mode);
            header.set_uid(nix::unistd::Uid::effective().as_raw().into());
            header.set_gid(nix::unistd::Gid::effective().as_raw().into());
            files
                .append_data(&mut header, path, text.as_bytes())
                .expect("added");
        };
        add(".dockerenv", 0o755, "");
        add("bin/tool", 0o4755, "text");
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_uid(nix::unistd::Uid::effective().as_raw().into());
        header.set_gid(nix::unistd::Gid::effective().as_raw().into());
        files
            .append_link(&mut header, "sbin", "/bin")
            .expect("added");
        files.into_inner().expect("an archive")
    }

    fn pieces(bytes: &[u8]) -> Vec<Result<Bytes, EngineError>> {
        let parts = bytes.chunks(700);
        parts.map(|part| Ok(Bytes::copy_from_slice(part))).collect()
    }

    #[tokio::test]
    async fn an_archive_is_unpacked_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let archive = futures_util::stream::iter(pieces(&archive()));
        unpack(archive, folder.path().into())
            .await
            .expect("unpacked");
        let tool = folder.path().join("bin/tool");
        assert_eq!(fs::read_to_string(&tool).expect("there"), "text");
        let mode = fs::metadata(&tool).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o4755);
        let link = fs::read_link(folder.path().join("sbin")).expect("a link");
        assert_eq!(link, Path::new("/bin"));
        assert!(!folder.path().join(MARK_OF_ENGINE).exists());
    }

    #[tokio::test]
    async fn an_archive_that_breaks_off_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut broken = pieces(&archive());
        broken.truncate(2);
        let text = "the engine is gone".to_string();
        broken.push(Err(EngineError::Unreachable(text)));
        let done = unpack(futures_util::stream::iter(broken), folder.path().into()).await;
        let error = done.expect_err("broken");
        assert!(error.ends_with("the engine is gone"), "{error}");
    }

    #[test]
    fn an_archive_whose_sender_is_gone_is_not_taken_for_whole() {
        let (pieces, waiting) = mpsc::channel(1);
        drop(pieces);
        let mut cut_off = Pieces {
            waiting,
            rest: Bytes::new(),
            is_whole: false,
        };
        let error = cut_off.read(&mut [0; 8]).expect_err("cut off");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
