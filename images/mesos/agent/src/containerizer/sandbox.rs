//! The folder that an executor works in.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, chown, symlink};
use std::path::Path;

use crate::spawn::Identity;

/// Makes the sandbox: mode 0750, owned by the user, with `stdout` and `stderr`, and `latest` beside it.
pub fn create(directory: &Path, owner: Option<&Identity>) -> io::Result<(File, File)> {
    let runs = directory.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(runs)?;
    match DirBuilder::new().mode(0o750).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    give(directory, owner)?;
    point(&runs.join("latest"), directory)?;
    Ok((
        open(directory, "stdout", owner)?,
        open(directory, "stderr", owner)?,
    ))
}

/// Makes `link` point to `target`, in one step: a reader finds the old one or the new one.
pub fn point(link: &Path, target: &Path) -> io::Result<()> {
    let fresh = link.with_extension("new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(target, &fresh)?;
    fs::rename(&fresh, link)
}

/// Opens a file of the sandbox to write at its end.
pub fn open(directory: &Path, name: &str, owner: Option<&Identity>) -> io::Result<File> {
    let path = directory.join(name);
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o644)
        .open(&path)?;
    give(&path, owner)?;
    Ok(file)
}

/// Gives a file to its user, as far as this process is another.
pub fn give(path: &Path, owner: Option<&Identity>) -> io::Result<()> {
    match owner.filter(|owner| !owner.is_current()) {
        Some(owner) => chown(path, Some(owner.uid.as_raw()), Some(owner.gid.as_raw())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_sandbox_is_laid_out_as_the_originals() {
        let work = tempfile::tempdir().expect("a folder");
        let runs = work.path().join("executors/E/runs");
        for run in ["one", "two"] {
            let sandbox = runs.join(run);
            create(&sandbox, None).expect("made");
            let mode =
                |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o7777;
            assert_eq!(mode(&sandbox), 0o750);
            assert_eq!(mode(&sandbox.join("stdout")), 0o644);
            assert_eq!(mode(&sandbox.join("stderr")), 0o644);
            assert_eq!(fs::read_link(runs.join("latest")).expect("a link"), sandbox);
        }
    }
}
