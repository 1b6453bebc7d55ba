//! What a container's launcher is told, in a file that is the agent's own business.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What to start, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LaunchInfo {
    /// The file to run; looked up on `PATH` if it has no slash.
    pub(crate) program: PathBuf,
    /// What it is told that it is called.
    pub(crate) name: Option<String>,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// Its whole environment.
    pub(crate) environment: Vec<(String, String)>,
    /// Where it starts.
    pub(crate) directory: PathBuf,
    /// Whom it runs as, if not the agent's own user.
    pub(crate) user: Option<String>,
    /// Where the launcher notes the process and how it ended.
    pub(crate) runtime: PathBuf,
    /// Where its input comes from, and its output goes.
    pub(crate) io: Io,
    /// Whether its terminal, if it has one, controls its session.
    pub(crate) is_controlled: bool,
    /// The agent's process, if the container ends with it.
    #[serde(default)]
    pub(crate) keeper: Option<i32>,
}

/// Where a container's input comes from, and its output goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Io {
    /// From nowhere, and to the launcher's own output.
    Inherit,
    /// From and to whoever attaches at this socket; output waits for the first that does.
    Pipes(PathBuf),
    /// The same, through a terminal.
    Terminal {
        /// The socket.
        socket: PathBuf,
        /// Its height and width, in characters, if told.
        size: Option<(u16, u16)>,
        /// Whether output waits for the first that attaches.
        waits: bool,
    },
}

impl Io {
    /// Where to attach.
    pub(crate) fn socket(&self) -> Option<&Path> {
        match self {
            Self::Inherit => None,
            Self::Pipes(socket) | Self::Terminal { socket, .. } => Some(socket),
        }
    }
}

impl LaunchInfo {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        serde_json::from_slice(&fs::read(path)?).map_err(io::Error::other)
    }

    /// Writes the file, for the agent's user alone: environments hold secrets.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        write_private(path, &serde_json::to_vec(self).map_err(io::Error::other)?)
    }

    /// The name and arguments as the system takes them.
    pub(crate) fn words(&self) -> (Option<OsString>, Vec<OsString>) {
        let name = self.name.as_ref().map(OsString::from);
        (name, self.arguments.iter().map(OsString::from).collect())
    }
}

/// Writes a file that only its owner reads; a reader finds the old one or the whole new one.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let fresh = path.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(bytes)?;
    fs::rename(&fresh, path)
}
