//! A folder for one test's agent. When the test is over nothing of the agent's is left, however it ended:
//! executors and launchers of checkpointing frameworks are meant to outlive an agent, and do.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The folder; it goes when this goes.
pub(crate) struct Folder(tempfile::TempDir);

/// A new one.
pub(crate) fn folder() -> Folder {
    Folder(tempfile::tempdir().expect("a folder"))
}

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// How many processes of its agent's there are, the agent included, and sockets.
    pub(crate) fn left(&self) -> (usize, usize) {
        let sockets = sockets(&self.path().join("run"));
        let sockets = sockets.iter().filter(|socket| socket.exists());
        (processes(self.path()).len(), sockets.count())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let sockets = sockets(&self.path().join("run"));
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let left = processes(self.path());
            if left.is_empty() || Instant::now() >= deadline {
                break;
            }
            for process in left {
                // One that ended meanwhile needs none.
                let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        for socket in sockets {
            // Most launchers have removed theirs.
            let _ = fs::remove_file(socket);
        }
    }
}

/// The processes, this one aside, that name the folder in their command line or environment. Those that
/// have ended have neither.
fn processes(folder: &Path) -> Vec<i32> {
    let own = std::process::id().cast_signed();
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = |file: PathBuf| {
        let wanted = folder.as_os_str().as_bytes();
        fs::read(file).is_ok_and(|bytes| bytes.windows(wanted.len()).any(|part| part == wanted))
    };
    all.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .filter(|(pid, path)| {
            *pid != own && (names(path.join("cmdline")) || names(path.join("environ")))
        })
        .map(|(pid, _)| pid)
        .collect()
}

/// The sockets that the files below a runtime folder name.
fn sockets(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(sockets(&entry.path()));
            continue;
        }
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let starts = text.match_indices("/tmp/mesos-io-switchboard-");
        found.extend(starts.filter_map(|(at, start)| {
            let id = text.get(at + start.len()..at + start.len() + 36)?;
            Some(PathBuf::from(format!("{start}{id}")))
        }));
    }
    found
}
