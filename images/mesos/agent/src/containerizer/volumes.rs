//! Persistent volumes: folders that outlive tasks, and links to them in sandboxes, as the posix
//! filesystem isolator makes them (protocol-flows.md, "agent disk layout").

use std::fs;
use std::io;
use std::os::unix::fs::{chown, symlink};
use std::path::{Component, Path, PathBuf};

use mesos_proto::mesos::Resource;
use mesos_proto::mesos::resource::disk_info::source::Type;

use crate::paths;
use crate::spawn::Identity;

/// Where a volume's files are; `None` for what is no volume, or has a name that is no folder's.
pub fn path(work_dir: &Path, volume: &Resource) -> Option<PathBuf> {
    let persistence = volume.disk.persistence.as_ref()?;
    let source = volume.disk.source.as_ref();
    let root = match source.map(|source| source.type_()) {
        None => work_dir.to_path_buf(),
        Some(Type::PATH) => work_dir.join(source?.path.root()),
        // The whole of such a disk is one volume.
        Some(Type::MOUNT) => return Some(work_dir.join(source?.mount.root())),
        Some(_) => return None,
    };
    let role = volume.reservations.last()?.role().replace('/', " ");
    let id = persistence.id();
    if !paths::is_safe_id(&role) || !paths::is_safe_id(id) {
        return None;
    }
    Some(root.join("volumes").join("roles").join(role).join(id))
}

/// Makes the folders of volumes that are new, and removes those of volumes that are no more.
pub fn sync(work_dir: &Path, before: &[Resource], now: &[Resource]) -> io::Result<()> {
    let paths = |resources: &[Resource]| -> Vec<(PathBuf, bool)> {
        let each = resources.iter().filter_map(|volume| {
            let is_mount = volume.disk.source.type_() == Type::MOUNT;
            Some((path(work_dir, volume)?, is_mount))
        });
        each.collect()
    };
    let (old, new) = (paths(before), paths(now));
    for (path, _) in &new {
        fs::create_dir_all(path)
            .map_err(|error| said("Failed to create the volume", path, &error))?;
    }
    for (path, is_mount) in old {
        if new.iter().any(|(kept, _)| *kept == path) {
            continue;
        }
        tracing::info!("deleting persistent volume {}", path.display());
        let removed = if is_mount {
            empty(&path)
        } else {
            fs::remove_dir_all(&path)
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(said("Failed to remove the volume", &path, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn said(what: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("{what} '{}': {error}", path.display()),
    )
}

/// A mounted disk itself cannot be removed, only what is in it.
fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Where a volume stands in a sandbox.
fn link(sandbox: &Path, volume: &Resource) -> Result<PathBuf, String> {
    let place = volume.disk.volume.container_path();
    let inside = Path::new(place);
    let stays = inside
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if place.is_empty() || !stays {
        return Err(format!(
            "The container path '{place}' of a persistent volume must be relative and stay in the sandbox"
        ));
    }
    Ok(sandbox.join(inside))
}

/// Puts a volume into a sandbox, and gives it to the sandbox's user unless others use it as well.
pub fn attach(
    work_dir: &Path,
    sandbox: &Path,
    volume: &Resource,
    owner: Option<&Identity>,
    is_used: bool,
) -> Result<(), String> {
    let original =
        path(work_dir, volume).ok_or("The persistent volume is on no disk of this agent")?;
    let link = link(sandbox, volume)?;
    if let Some(owner) = owner.filter(|owner| !is_used && !owner.is_current()) {
        chown(&original, Some(owner.uid.as_raw()), Some(owner.gid.as_raw())).map_err(|error| {
            format!(
                "Failed to change the ownership of the persistent volume at '{}' with uid {} and gid {}: {error}",
                original.display(),
                owner.uid,
                owner.gid
            )
        })?;
    }
    match fs::read_link(&link) {
        Ok(target) if target == original => return Ok(()),
        Ok(target) => {
            return Err(format!(
                "The existing symlink '{}' points to '{}' and the new target is '{}'",
                link.display(),
                target.display(),
                original.display()
            ));
        }
        Err(_) => {}
    }
    let made = match link.parent() {
        Some(parent) => fs::create_dir_all(parent).and_then(|()| symlink(&original, &link)),
        None => symlink(&original, &link),
    };
    made.map_err(|error| {
        format!(
            "Failed to symlink persistent volume from '{}' to '{}': {error}",
            original.display(),
            link.display()
        )
    })
}

/// Takes a volume out of a sandbox; its files stay.
pub fn detach(work_dir: &Path, sandbox: &Path, volume: &Resource) {
    let (Some(original), Ok(link)) = (path(work_dir, volume), link(sandbox, volume)) else {
        return;
    };
    // Something else at its place is the task's own.
    if fs::read_link(&link).is_ok_and(|target| target == original)
        && let Err(error) = fs::remove_file(&link)
    {
        tracing::warn!("cannot remove the symlink '{}': {error}", link.display());
    }
}

#[cfg(test)]
mod tests {
    use mesos_wire::json::{Dialect, from_value};

    use super::*;

    fn volume(role: &str, id: &str, place: &str) -> Resource {
        let value = serde_json::json!({"name": "disk", "type": "SCALAR", "scalar": {"value": 64},
            "reservations": [{"type": "DYNAMIC", "role": role}],
            "disk": {"persistence": {"id": id}, "volume": {"container_path": place, "mode": "RW"}}});
        from_value(&value, Dialect::V0).expect("a resource")
    }

    #[test]
    fn a_volume_is_where_the_original_puts_it() {
        let work = Path::new("/w");
        let cases = [
            (volume("prod", "v", "data"), Some("/w/volumes/roles/prod/v")),
            (
                volume("prod/a", "v", "data"),
                Some("/w/volumes/roles/prod a/v"),
            ),
            (volume("prod", "../v", "data"), None),
            (volume("..", "v", "data"), None),
        ];
        for (volume, want) in cases {
            assert_eq!(path(work, &volume).as_deref(), want.map(Path::new));
        }
    }

    #[test]
    fn volumes_come_and_go_and_what_is_in_them_stays_between() {
        let work = tempfile::tempdir().expect("a folder");
        let sandbox = work.path().join("sandbox");
        fs::create_dir(&sandbox).expect("made");
        let one = volume("prod", "one", "data/one");
        let two = volume("prod", "two", "two");
        sync(work.path(), &[], &[one.clone(), two.clone()]).expect("made");
        for _ in 0..2 {
            attach(work.path(), &sandbox, &one, None, false).expect("attached");
        }
        fs::write(sandbox.join("data/one/file"), "x").expect("written");
        detach(work.path(), &sandbox, &one);
        assert!(!sandbox.join("data/one").exists());
        let kept = work.path().join("volumes/roles/prod/one/file");
        assert_eq!(fs::read_to_string(&kept).expect("kept"), "x");
        sync(
            work.path(),
            &[one.clone(), two.clone()],
            std::slice::from_ref(&one),
        )
        .expect("synced");
        assert!(kept.exists() && !work.path().join("volumes/roles/prod/two").exists());
        sync(work.path(), &[one], &[]).expect("synced");
        assert!(!kept.exists());
    }

    #[test]
    fn a_volume_stays_within_its_sandbox() {
        let work = tempfile::tempdir().expect("a folder");
        let sandbox = work.path().join("sandbox");
        fs::create_dir(&sandbox).expect("made");
        for place in ["/etc", "../x", "a/../../x", ""] {
            let bad = volume("prod", "v", place);
            sync(work.path(), &[], std::slice::from_ref(&bad)).expect("made");
            assert!(
                attach(work.path(), &sandbox, &bad, None, false).is_err(),
                "case `{place}`"
            );
        }
        fs::write(sandbox.join("taken"), "").expect("written");
        let clash = volume("prod", "v", "taken");
        let error = attach(work.path(), &sandbox, &clash, None, false).expect_err("taken");
        assert!(
            error.starts_with("Failed to symlink persistent volume from '"),
            "{error}"
        );
    }
}
