//! The task's working directory (`apache/aurora/executor/common/sandbox.py`).

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use nix::unistd::Uid;

use crate::users::User;

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxError {
    #[error("Could not create sandbox because user does not exist: {0}")]
    UnknownUser(String),
    #[error("Could not create {0}: {1}")]
    Create(PathBuf, #[source] io::Error),
    #[error("Could not chown/chmod {0}: {1}")]
    Own(PathBuf, #[source] io::Error),
}

/// Makes `<run>/sandbox` for a user. The run's own folder becomes the user's as well, but for tasks
/// in a Docker container, which run as whoever the image says.
pub(crate) fn create(run: &Path, user: &str, in_docker: bool) -> Result<PathBuf, SandboxError> {
    let sandbox = run.join("sandbox");
    let owner = match in_docker {
        true => None,
        false => {
            Some(User::named(user).ok_or_else(|| SandboxError::UnknownUser(user.to_string()))?)
        }
    };
    if let Err(error) = fs::create_dir(&sandbox)
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(SandboxError::Create(sandbox, error));
    }
    if let Some(owner) = owner {
        for path in [run, sandbox.as_path()] {
            // Files of one's own need no new owner, and only root could give them one.
            if owner.uid != Uid::effective().as_raw() || Uid::effective().is_root() {
                chown(path, Some(owner.uid), Some(owner.gid))
                    .map_err(|e| SandboxError::Own(path.to_path_buf(), e))?;
            }
        }
        fs::set_permissions(&sandbox, Permissions::from_mode(0o700))
            .map_err(|e| SandboxError::Own(sandbox.clone(), e))?;
    }
    Ok(sandbox)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_is_private_to_its_user() {
        let run = tempfile::tempdir().unwrap();
        let me = User::current();
        let sandbox = create(run.path(), &me.name, false).unwrap();
        assert_eq!(
            fs::metadata(&sandbox).unwrap().permissions().mode() & 0o777,
            0o700
        );
        assert!(create(run.path(), &me.name, false).is_ok(), "a second time");
        let error = create(run.path(), "no-such-user-here", false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Could not create sandbox because user does not exist: no-such-user-here"
        );
    }
}
