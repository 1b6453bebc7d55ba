//! Executors on a terminal: they run under the same launcher as nested containers, to which others
//! attach.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::launcher::{Io, LaunchInfo, write_private};
use crate::model::Launch;
use crate::spawn::Spawn;

/// The file that names the socket of an executor's terminal.
const SOCKET_FILE: &str = "switchboard";
/// The file that the launcher reads.
const LAUNCH_FILE: &str = "launch_info";

/// What terminals take.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `--runtime_dir`.
    pub runtime_dir: PathBuf,
    /// `mesos-containerizer` in `--launcher_dir`.
    pub launcher: PathBuf,
}

/// The folder of an executor's container under `--runtime_dir`.
fn runtime(runtime_dir: &Path, container: &str) -> PathBuf {
    runtime_dir.join("containers").join(container)
}

/// Where to attach to an executor's container, if it has a terminal.
pub(crate) fn socket(runtime_dir: &Path, container: &str) -> Option<PathBuf> {
    let text = std::fs::read_to_string(runtime(runtime_dir, container).join(SOCKET_FILE)).ok()?;
    Some(PathBuf::from(text.trim()))
}

impl Settings {
    /// Puts what is to be started on a terminal of its own, if the container asks for one.
    pub(super) fn put(&self, launch: &Launch, spawn: Spawn) -> io::Result<Spawn> {
        let container = launch.info.container.as_ref();
        let Some(terminal) = container.and_then(|container| container.tty_info.as_ref()) else {
            return Ok(spawn);
        };
        let runtime = runtime(&self.runtime_dir, &launch.place.container);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&runtime)?;
        let side = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
        let size = terminal.window_size.as_ref();
        let socket = crate::launcher::new_socket();
        // The command executor leaves the control of the terminal to its task.
        let built_in = self.launcher.with_file_name("mesos-executor");
        let text = |word: std::ffi::OsString| word.to_string_lossy().into_owned();
        let info = LaunchInfo {
            is_controlled: spawn.program != built_in,
            program: spawn.program,
            name: spawn.name.map(text),
            arguments: spawn.arguments.into_iter().map(text).collect(),
            environment: spawn.environment.clone(),
            directory: spawn.directory,
            user: spawn.identity.map(|identity| identity.name),
            runtime: runtime.clone(),
            keeper: None,
            io: Io::Terminal {
                socket: socket.clone(),
                size: size.map(|size| (side(size.rows()), side(size.columns()))),
                waits: false,
            },
        };
        let file = runtime.join(LAUNCH_FILE);
        info.write(&file)?;
        write_private(
            &runtime.join(SOCKET_FILE),
            socket.display().to_string().as_bytes(),
        )?;
        Ok(Spawn {
            program: self.launcher.clone(),
            name: Some("mesos-containerizer".into()),
            arguments: vec![
                "launch".into(),
                format!("--launch_info={}", file.display()).into(),
            ],
            // The container's mark is in it.
            environment: spawn.environment,
            directory: "/".into(),
            identity: None,
            output: spawn.output,
        })
    }
}
