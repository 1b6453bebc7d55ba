//! Volumes of containers that share the agent's file system: a link in the sandbox.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use mesos_proto::mesos::volume::source::{self, sandbox_path};
use mesos_proto::mesos::{ContainerInfo, Volume};

use crate::containerizer::sandbox::give;
use crate::spawn::Identity;

/// Puts a container's volumes into its sandbox; the error says which cannot be, and why.
pub(super) fn place(
    container: &ContainerInfo,
    sandbox: &Path,
    parent: Option<&Path>,
    owner: Option<&Identity>,
) -> Result<(), String> {
    for volume in &container.volumes {
        let source = source_of(volume, sandbox, parent, owner)?;
        let target = volume.container_path();
        let inside = inside(target).ok_or_else(|| {
            format!(
                "Container path '{target}' of a volume is not supported: without an image it has to be \
                 relative, and inside of the sandbox"
            )
        })?;
        let target = sandbox.join(inside);
        if target == source {
            continue;
        }
        link(&source, &target)
            .map_err(|error| format!("Failed to link volume '{}': {error}", target.display()))?;
    }
    Ok(())
}

fn source_of(
    volume: &Volume,
    sandbox: &Path,
    parent: Option<&Path>,
    owner: Option<&Identity>,
) -> Result<PathBuf, String> {
    if let Some(source) = volume.source.as_ref() {
        if source.type_() == source::Type::HOST_PATH {
            return Ok(source.host_path.path().into());
        }
        if source.type_() != source::Type::SANDBOX_PATH {
            return Err(format!(
                "Volumes of type {:?} are not supported",
                source.type_()
            ));
        }
        let wanted = source.sandbox_path.path();
        let base = match source.sandbox_path.type_() {
            sandbox_path::Type::PARENT => {
                parent.ok_or("PARENT type of SANDBOX_PATH only works for nested container")?
            }
            sandbox_path::Type::SELF => sandbox,
            sandbox_path::Type::UNKNOWN => return Err("Unknown SANDBOX_PATH volume type".into()),
        };
        let path = inside(wanted)
            .ok_or_else(|| format!("SANDBOX_PATH volume's path '{wanted}' leaves the sandbox"))?;
        let path = base.join(path);
        if !path.exists() {
            let made = fs::create_dir_all(&path).and_then(|()| give(&path, owner));
            made.map_err(|error| {
                format!(
                    "Failed to create the volume directory '{}': {error}",
                    path.display()
                )
            })?;
        }
        return Ok(path);
    }
    let host = volume.host_path();
    if !Path::new(host).is_absolute() {
        return Err("Path in host volume is not absolute or not specified".to_string());
    }
    Ok(host.into())
}

/// The path as a relative one that does not climb upwards.
fn inside(path: &str) -> Option<&Path> {
    let path = Path::new(path);
    let is_inside = path
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    (is_inside && !path.as_os_str().is_empty()).then_some(path)
}

fn link(source: &Path, target: &Path) -> io::Result<()> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    match symlink(source, target) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match fs::read_link(target) {
            Ok(known) if known == source => Ok(()),
            _ => Err(error),
        },
        linked => linked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(kind: sandbox_path::Type, from: &str, to: &str) -> ContainerInfo {
        let mut volume = Volume::new();
        volume.set_container_path(to.into());
        let source = volume.source.mut_or_insert_default();
        source.set_type(source::Type::SANDBOX_PATH);
        let path = source.sandbox_path.mut_or_insert_default();
        path.set_type(kind);
        path.set_path(from.into());
        let mut container = ContainerInfo::new();
        container.volumes.push(volume);
        container
    }

    #[test]
    fn siblings_share_a_folder_of_their_parent() {
        let parent = tempfile::tempdir().expect("a folder");
        for child in ["a", "b"] {
            let sandbox = parent.path().join("containers").join(child);
            fs::create_dir_all(&sandbox).expect("made");
            let shared = volume(sandbox_path::Type::PARENT, "shared", "data/in");
            for _ in 0..2 {
                place(&shared, &sandbox, Some(parent.path()), None).expect("placed");
            }
            fs::write(sandbox.join("data/in").join(child), child).expect("written");
        }
        assert_eq!(
            fs::read_dir(parent.path().join("shared"))
                .expect("there")
                .count(),
            2
        );
    }

    #[test]
    fn what_would_leave_a_sandbox_is_refused() {
        let sandbox = tempfile::tempdir().expect("a folder");
        use sandbox_path::Type;
        let cases = [
            (volume(Type::PARENT, "x", "y"), "PARENT type"),
            (volume(Type::SELF, "../x", "y"), "leaves the sandbox"),
            (volume(Type::SELF, "x", "/y"), "has to be relative"),
            (volume(Type::SELF, "x", "../y"), "has to be relative"),
            (volume(Type::SELF, "x", ""), "has to be relative"),
        ];
        for (container, want) in cases {
            let error = place(&container, sandbox.path(), None, None).expect_err(want);
            assert!(error.contains(want), "{error}");
        }
        place(&volume(Type::SELF, "x", "y"), sandbox.path(), None, None).expect("placed");
        assert!(sandbox.path().join("y").is_dir());
    }
}
