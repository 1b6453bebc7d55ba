//! Reading files of a task's sandbox, and of nothing else. The task's user can change everything in
//! there at any moment, links too, while the observer may read everything there is.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use nix::fcntl::OFlag;
use serde_json::{Value, json};

use super::catalog::Task;
use super::text::escape;

/// The most that one answer holds, in bytes. Whoever wants more asks for the rest.
const MAX_READ: u64 = 4 * 1024 * 1024;

/// A task's sandbox, as the real path that everything has to be under.
#[derive(Debug, Clone)]
pub(crate) struct Sandbox {
    root: PathBuf,
}

impl Sandbox {
    /// The task's sandbox. What an agent's executor runs has it in its run's folder: a header that
    /// says otherwise was not written by the executor.
    pub(crate) fn of(task: &Task) -> Option<Self> {
        let recorded = PathBuf::from(&task.history.header.as_ref()?.sandbox);
        let recorded = fs::canonicalize(recorded).ok();
        let root = match &task.found.run {
            None => recorded?,
            Some(run) => {
                let run = fs::canonicalize(run).ok()?;
                let own = fs::canonicalize(run.join("sandbox")).ok();
                recorded
                    .into_iter()
                    .chain(own)
                    .find(|path| path.starts_with(&run))?
            }
        };
        Some(Self { root })
    }

    /// The real path of something in the sandbox; `None` where it is missing or outside.
    pub(crate) fn resolve(&self, path: &str) -> Option<PathBuf> {
        let relative = Path::new(path.trim_start_matches('/'));
        let plain = relative.components().all(|part| {
            matches!(
                part,
                Component::Normal(_) | Component::CurDir | Component::ParentDir
            )
        });
        let real = plain
            .then(|| fs::canonicalize(self.root.join(relative)).ok())
            .flatten()?;
        real.starts_with(&self.root).then_some(real)
    }

    /// The sandbox's own real path.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Opens a regular file of the sandbox.
    pub(crate) fn open(&self, path: &str) -> Option<File> {
        let real = self.resolve(path)?;
        // Not to wait for the writer of a pipe.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(real)
            .ok()?;
        // A folder on the way may have become a link since: where the file is now is what counts.
        let now = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()?;
        let regular = file.metadata().is_ok_and(|meta| meta.is_file());
        (regular && now.starts_with(&self.root)).then_some(file)
    }
}

/// A part of a file, as `/logdata` and `/filedata` answer it: `offset` −1 is the end, `length` −1
/// all that is left.
pub(crate) fn chunk(file: Option<File>, offset: i64, length: i64) -> Value {
    let missing = || json!({});
    let Some(mut file) = file else {
        return missing();
    };
    let Ok(size) = file.metadata().map(|meta| meta.len()) else {
        return missing();
    };
    let offset = u64::try_from(offset).unwrap_or(size);
    let wanted = u64::try_from(length).unwrap_or(u64::MAX).min(MAX_READ);
    let mut bytes = Vec::new();
    let read = file.seek(SeekFrom::Start(offset)).and_then(|_| {
        file.take(wanted.min(size.saturating_sub(offset)))
            .read_to_end(&mut bytes)
    });
    match read {
        Ok(_) if bytes.is_empty() => json!({"offset": offset, "length": 0}),
        Ok(_) => json!({
            "offset": offset,
            "length": bytes.len(),
            "data": escape(&String::from_utf8_lossy(&bytes)),
        }),
        Err(_) => missing(),
    }
}

/// Where a run's log is in the sandbox.
pub(crate) fn log_path(process: &str, run: usize, output: &str) -> String {
    format!(".logs/{process}/{run}/{output}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_outside_of_the_sandbox_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap().join("sandbox");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::create_dir(dir.path().join("sandbox-other")).unwrap();
        fs::write(root.join("sub/file"), "in").unwrap();
        fs::write(dir.path().join("secret"), "out").unwrap();
        fs::write(dir.path().join("sandbox-other/secret"), "out").unwrap();
        symlink("../secret", root.join("link")).unwrap();
        symlink("sub/file", root.join("good")).unwrap();
        symlink(root.join("sub"), root.join("absolute")).unwrap();
        symlink("..", root.join("up")).unwrap();
        let sandbox = Sandbox { root: root.clone() };
        for path in [
            "sub/file",
            "/sub/file",
            "good",
            "absolute/file",
            "sub/../sub/file",
        ] {
            assert!(sandbox.open(path).is_some(), "case `{path}`");
        }
        for path in [
            "../secret",
            "link",
            "up/secret",
            "sub",
            "none",
            "../sandbox-other/secret",
            "../../etc/passwd",
            "/etc/passwd",
            "sub/../../secret",
            "a\0b",
        ] {
            assert!(sandbox.open(path).is_none(), "case `{path}`");
        }
    }

    #[test]
    fn parts_of_files_are_answered_as_the_original_does() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, b"one\n<&>\xff").unwrap();
        let open = || Some(File::open(file.path()).unwrap());
        let cases = [
            (0, 3, json!({"offset": 0, "length": 3, "data": "one"})),
            (
                4,
                -1,
                json!({"offset": 4, "length": 4, "data": "&lt;&amp;&gt;\u{fffd}"}),
            ),
            (-1, -1, json!({"offset": 8, "length": 0})),
            (100, 5, json!({"offset": 100, "length": 0})),
            (0, 0, json!({"offset": 0, "length": 0})),
        ];
        for (offset, length, want) in cases {
            assert_eq!(
                chunk(open(), offset, length),
                want,
                "case {offset} {length}"
            );
        }
        assert_eq!(chunk(None, 0, 1), json!({}));
    }
}
