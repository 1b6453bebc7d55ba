//! The task's working directory (`apache/aurora/executor/common/sandbox.py`).

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use nix::unistd::Uid;

use crate::users::User;

use super::taskfs;

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxError {
    #[error("Could not create sandbox because user does not exist: {0}")]
    UnknownUser(String),
    #[error("Could not create {0}: {1}")]
    Create(PathBuf, #[source] io::Error),
    #[error("Could not chown/chmod {0}: {1}")]
    Own(PathBuf, #[source] io::Error),
    #[error("Could not prepare the task's file system: {0}")]
    Image(#[source] io::Error),
}

/// What a task runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The agent's own file system.
    Plain,
    /// A container of its own, as whoever its image says.
    Docker,
    /// An image's file system, as the role.
    Image {
        /// Where the sandbox is in there.
        mount_point: PathBuf,
        /// What else is of the agent in there.
        volumes: Vec<taskfs::Volume>,
        /// Whether the image is told about the user.
        create_user: bool,
    },
}

/// Where a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The run's folder.
    pub(crate) run: PathBuf,
    /// The sandbox in it.
    pub(crate) sandbox: PathBuf,
    /// Where processes find the sandbox.
    pub(crate) seen_at: PathBuf,
    /// What processes have as their root, if that is not the executor's.
    pub(crate) root: Option<PathBuf>,
}

/// The run's folder by the name that it has on the agent, so that checkpoints name files as the
/// observer finds them. In a container that name does not exist yet: it is made a link.
fn named_as_on_the_agent(folder: &Path, directory: Option<&Path>) -> PathBuf {
    let Some(directory) = directory.filter(|path| path.is_absolute() && *path != folder) else {
        return folder.to_path_buf();
    };
    let linked = directory
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| symlink(folder, directory));
    match linked {
        Ok(()) => directory.to_path_buf(),
        Err(_) if fs::canonicalize(directory).ok() == fs::canonicalize(folder).ok() => {
            directory.to_path_buf()
        }
        Err(error) => {
            // An image's user that may not do that has to do without.
            tracing::info!("cannot call the sandbox {}: {error}", directory.display());
            folder.to_path_buf()
        }
    }
}

/// Makes `sandbox` in the run's folder for a user. The run's own folder becomes the user's as well, but
/// for tasks in a Docker container. `directory` is the folder's name on the agent.
pub(crate) fn create(
    folder: &Path,
    directory: Option<&Path>,
    user: &str,
    kind: &Kind,
) -> Result<Place, SandboxError> {
    let owner = match kind {
        Kind::Docker => None,
        Kind::Plain | Kind::Image { .. } => {
            Some(User::named(user).ok_or_else(|| SandboxError::UnknownUser(user.to_string()))?)
        }
    };
    let run = match kind {
        Kind::Docker => named_as_on_the_agent(folder, directory),
        Kind::Plain | Kind::Image { .. } => folder.to_path_buf(),
    };
    let sandbox = run.join("sandbox");
    let mut place = Place {
        seen_at: sandbox.clone(),
        root: None,
        sandbox,
        run,
    };
    if let Kind::Image {
        mount_point,
        volumes,
        create_user,
    } = kind
    {
        let create = owner.as_ref().filter(|_| *create_user);
        taskfs::prepare(&place.run, mount_point, volumes, create).map_err(SandboxError::Image)?;
        place.seen_at.clone_from(mount_point);
        place.root = Some(place.run.join(taskfs::TASKFS));
    }
    if let Err(error) = fs::create_dir(&place.sandbox)
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(SandboxError::Create(place.sandbox, error));
    }
    match owner {
        Some(owner) => {
            for path in [&place.run, &place.sandbox] {
                // Files of one's own need no new owner, and only root could give them one.
                if owner.uid != Uid::effective().as_raw() || Uid::effective().is_root() {
                    chown(path, Some(owner.uid), Some(owner.gid))
                        .map_err(|e| SandboxError::Own(path.clone(), e))?;
                }
            }
            mode(&place.sandbox, 0o700)?;
        }
        // Whatever user a process in there becomes has to get through.
        None => {
            if let Err(error) = mode(folder, 0o755) {
                tracing::info!("{error}");
            }
        }
    }
    Ok(place)
}

fn mode(path: &Path, bits: u32) -> Result<(), SandboxError> {
    fs::set_permissions(path, Permissions::from_mode(bits))
        .map_err(|e| SandboxError::Own(path.to_path_buf(), e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_is_private_to_its_user() {
        let run = tempfile::tempdir().unwrap();
        let me = User::current();
        let place = create(run.path(), None, &me.name, &Kind::Plain).unwrap();
        let mode = fs::metadata(&place.sandbox).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(
            create(run.path(), None, &me.name, &Kind::Plain).is_ok(),
            "a second time"
        );
        let error = create(run.path(), None, "no-such-user-here", &Kind::Plain).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Could not create sandbox because user does not exist: no-such-user-here"
        );
    }

    #[test]
    fn in_docker_files_are_named_as_on_the_agent() {
        let dir = tempfile::tempdir().unwrap();
        let (mounted, on_agent) = (dir.path().join("mnt"), dir.path().join("work/runs/1"));
        fs::create_dir(&mounted).unwrap();
        // No user is asked for: the image may know none.
        for _ in 0..2 {
            let place = create(&mounted, Some(&on_agent), "nobody-here", &Kind::Docker).unwrap();
            assert_eq!(
                (place.run.as_path(), place.root),
                (on_agent.as_path(), None)
            );
            assert_eq!(place.sandbox, on_agent.join("sandbox"));
        }
        assert!(mounted.join("sandbox").is_dir());
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let place = create(&mounted, Some(&file.join("x")), "x", &Kind::Docker).unwrap();
        assert_eq!(place.run, mounted, "where no link can be made");
    }

    #[test]
    fn an_image_that_the_agent_has_not_brought_is_missed() {
        let run = tempfile::tempdir().unwrap();
        let kind = Kind::Image {
            mount_point: "/mnt/mesos/sandbox".into(),
            volumes: Vec::new(),
            create_user: true,
        };
        let error = create(run.path(), None, &User::current().name, &kind).unwrap_err();
        assert!(
            error.to_string().contains("the agent has put no image at"),
            "{error}"
        );
    }
}
