//! How a container comes to run.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mesos_proto::mesos::{CommandInfo, ContainerInfo, container_info};
use thiserror::Error;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use super::chain::Chain;
use super::record::{self, Record, Termination};
use super::{Entry, Nested, Phase, volumes};
use crate::containerizer::environment::{DEFAULT_PATH, given};
use crate::containerizer::{fetcher, sandbox};
use crate::launcher::{Io, LaunchInfo, new_socket};
use crate::proc;
use crate::spawn::{Identity, Spawn, program};

/// How often a launcher is asked whether it has started its process.
const STARTED_POLL: Duration = Duration::from_millis(2);
/// The file that a launcher reads.
const LAUNCH_FILE: &str = "launch_info";

/// What a container is nested in.
#[derive(Debug, Clone)]
pub struct Parent {
    /// Its sandbox.
    pub directory: PathBuf,
    /// Its environment, which sessions take over.
    pub environment: Vec<(String, String)>,
    /// Its user, which is taken over where the command names none.
    pub user: Option<String>,
    /// Whether it outlives the agent, as the executors of checkpointing frameworks do.
    pub outlives_agent: bool,
}

/// A container to launch.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its id.
    pub id: Chain,
    /// What to run.
    pub command: CommandInfo,
    /// What else is asked for.
    pub container: Option<ContainerInfo>,
    /// Whether it belongs to the connection that launches it, and is attached to at once.
    pub is_session: bool,
    /// The executor that it is nested in, if directly. What is nested deeper is looked up.
    pub executor: Option<Parent>,
    /// How many processors it asks for.
    pub cpus: Option<f64>,
    /// How much memory it asks for, in bytes.
    pub memory: Option<u64>,
}

/// Why a container does not run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LaunchError {
    /// There is, or was, one of this id.
    #[error("the container was launched before")]
    Exists,
    /// What it is to be nested in is not here.
    #[error("Parent container {0} does not exist")]
    Parent(String),
    /// What is asked for cannot be made here.
    #[error("The provided ContainerInfo is not supported")]
    Unsupported,
    /// It could not be started.
    #[error("{0}")]
    Failed(String),
}

fn failed(text: impl ToString) -> LaunchError {
    LaunchError::Failed(text.to_string())
}

impl Nested {
    /// Launches a container; it runs when this returns.
    pub async fn launch(self: &Arc<Self>, order: Order) -> Result<(), LaunchError> {
        let id = order.id.clone();
        let parent = self.parent(&order)?;
        let entry = {
            let mut table = self.table();
            if table.contains_key(&id) {
                return Err(LaunchError::Exists);
            }
            table.entry(id.clone()).or_insert_with(Entry::new).clone()
        };
        // In a task of its own: whoever asked may go away in the middle.
        let (this, order_id) = (self.clone(), id.clone());
        let starting = tokio::spawn(async move {
            let started = tokio::select! {
                started = this.start(&order, parent.as_ref()) => started,
                () = entry.destroy.notified() => {
                    Err(failed("Container was destroyed while it was prepared"))
                }
            };
            let (record, child) = match started {
                Ok(started) => started,
                Err(error) => {
                    tracing::warn!("container {order_id} cannot be launched: {error}");
                    this.give_up(&order_id, &error);
                    return Err(error);
                }
            };
            if let Some(entry) = this.table().get_mut(&order_id) {
                entry.record = Some(record.clone());
                entry.phase.send_replace(Phase::Running);
            }
            tokio::spawn(this.attend(order_id, record, Some(child)));
            Ok(())
        });
        starting.await.unwrap_or_else(|error| Err(failed(error)))
    }

    /// What the container is nested in; `None` for one that stands alone.
    fn parent(&self, order: &Order) -> Result<Option<Parent>, LaunchError> {
        let Some(parent) = order.id.parent() else {
            return Ok(None);
        };
        if let Some(executor) = &order.executor {
            return Ok(Some(executor.clone()));
        }
        let entry = self.entry(&parent).filter(Entry::is_running);
        let record = entry.and_then(|entry| entry.record);
        let record = record.ok_or_else(|| LaunchError::Parent(parent.to_string()))?;
        Ok(Some(Parent {
            directory: record.directory,
            environment: record.environment,
            user: record.user,
            outlives_agent: record.outlives_agent,
        }))
    }

    fn give_up(&self, id: &Chain, error: &LaunchError) {
        if let Some(entry) = self.table().remove(id) {
            entry.phase.send_replace(Phase::Ended(Termination {
                message: Some(error.to_string()),
                ..Termination::default()
            }));
        }
        // The sandbox stays for a look at what was fetched.
        let _ = super::remove(&self.runtime(id));
    }

    async fn start(
        &self,
        order: &Order,
        parent: Option<&Parent>,
    ) -> Result<(Record, Child), LaunchError> {
        if !is_supported(order.container.as_ref()) {
            return Err(LaunchError::Unsupported);
        }
        let own = order
            .command
            .has_user()
            .then(|| order.command.user().to_string());
        let user = own
            .or_else(|| parent.and_then(|parent| parent.user.clone()))
            .filter(|_| self.settings.switch_user);
        let identity = user
            .as_deref()
            .map(Identity::of)
            .transpose()
            .map_err(failed)?;
        let directory = self.directory(order, parent);
        let (stdout, stderr) = streams(order, &directory, identity.as_ref()).map_err(|error| {
            failed(format!(
                "Failed to create sandbox '{}': {error}",
                directory.display()
            ))
        })?;
        if !order.is_session {
            for uri in &order.command.uris {
                let fetched =
                    fetcher::fetch(uri, &directory, identity.as_ref(), &self.settings.fetcher);
                fetched.await.map_err(|error| {
                    let id = &order.id;
                    failed(format!(
                        "Failed to fetch all URIs for container '{id}': {error}"
                    ))
                })?;
            }
            if let Some(container) = &order.container {
                let outer = parent.map(|parent| parent.directory.as_path());
                volumes::place(container, &directory, outer, identity.as_ref()).map_err(failed)?;
            }
        }
        let runtime = self.runtime(&order.id);
        let environment = environment(order, parent, &directory);
        // What a session is attached to breaks with the agent.
        let outlives_agent = !order.is_session && parent.is_none_or(|parent| parent.outlives_agent);
        let (program, name, arguments) = program(&order.command).map_err(failed)?;
        let text = |word: std::ffi::OsString| word.to_string_lossy().into_owned();
        let info = LaunchInfo {
            program,
            name: name.map(text),
            arguments: arguments.into_iter().map(text).collect(),
            environment: environment.clone(),
            directory: directory.clone(),
            user: user.clone(),
            runtime: runtime.clone(),
            io: io_of(order),
            is_controlled: true,
            keeper: (!outlives_agent).then(|| std::process::id().cast_signed()),
        };
        let file = runtime.join(LAUNCH_FILE);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&runtime)
            .and_then(|()| info.write(&file))
            .map_err(|error| {
                let folder = runtime.display();
                failed(format!(
                    "Failed to make the runtime directory '{folder}': {error}"
                ))
            })?;
        let mut child = self.spawn(&file, stdout, stderr)?;
        let launcher = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(|pid| {
                let start = proc::process(pid)?.start;
                Some((pid, start))
            });
        let record = Record {
            id: order.id.clone(),
            work_dir: self.settings.work_dir.clone(),
            is_session: order.is_session,
            directory,
            environment,
            user,
            socket: info.io.socket().map(Path::to_path_buf),
            outlives_agent,
            launcher,
            cpus: order.cpus,
            memory: order.memory,
        };
        record.write(&runtime).map_err(failed)?;
        while record::process(&runtime).is_none() {
            if let Ok(Some(status)) = child.try_wait()
                && record::process(&runtime).is_none()
            {
                return Err(failed(format!("The launcher ended with {status}")));
            }
            sleep(STARTED_POLL).await;
        }
        tracing::info!("container {} runs under launcher {launcher:?}", order.id);
        Ok((record, child))
    }

    fn directory(&self, order: &Order, parent: Option<&Parent>) -> PathBuf {
        match parent {
            Some(parent) if order.is_session => parent.directory.clone(),
            Some(parent) => parent.directory.join("containers").join(order.id.own()),
            None => self
                .settings
                .work_dir
                .join("containers")
                .join(order.id.own()),
        }
    }

    fn spawn(&self, file: &Path, stdout: File, stderr: File) -> Result<Child, LaunchError> {
        let launcher = &self.settings.launcher;
        let spawn = Spawn {
            program: launcher.clone(),
            name: Some("mesos-containerizer".into()),
            arguments: vec![
                "launch".into(),
                format!("--launch_info={}", file.display()).into(),
            ],
            environment: Vec::new(),
            directory: "/".into(),
            identity: None,
            output: Some((stdout, stderr)),
        };
        let command = spawn.into_command().map_err(failed)?;
        Command::from(command).spawn().map_err(|error| {
            failed(format!(
                "Failed to execute '{}': {error}",
                launcher.display()
            ))
        })
    }
}

/// Without images and networks of their own, all containers share the agent's file system.
fn is_supported(container: Option<&ContainerInfo>) -> bool {
    container.is_none_or(|container| {
        container.type_() == container_info::Type::MESOS && container.mesos.image.is_none()
    })
}

fn streams(order: &Order, directory: &Path, owner: Option<&Identity>) -> io::Result<(File, File)> {
    if order.is_session {
        let nowhere = OpenOptions::new().write(true).open("/dev/null")?;
        return Ok((nowhere.try_clone()?, nowhere));
    }
    if let Some(folder) = directory.parent() {
        fs::create_dir_all(folder)?;
    }
    match DirBuilder::new().mode(0o750).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sandbox::give(directory, owner)?;
    Ok((
        sandbox::open(directory, "stdout", owner)?,
        sandbox::open(directory, "stderr", owner)?,
    ))
}

fn io_of(order: &Order) -> Io {
    let terminal = order.container.as_ref().and_then(|c| c.tty_info.as_ref());
    match terminal {
        Some(terminal) => {
            let side = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
            let size = terminal.window_size.as_ref();
            Io::Terminal {
                socket: new_socket(),
                size: size.map(|size| (side(size.rows()), side(size.columns()))),
                waits: order.is_session,
            }
        }
        None if order.is_session => Io::Pipes(new_socket()),
        None => Io::Inherit,
    }
}

fn environment(order: &Order, parent: Option<&Parent>, directory: &Path) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let mut set =
        |name: String, value: String| match all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => all.push((name, value)),
        };
    match parent {
        Some(parent) if order.is_session => {
            parent
                .environment
                .iter()
                .cloned()
                .for_each(|(name, value)| set(name, value));
        }
        _ => set("MESOS_SANDBOX".into(), directory.display().to_string()),
    }
    for (name, value) in given(order.command.environment.as_ref()) {
        set(name, value);
    }
    if !all.iter().any(|(name, _)| name == "PATH") {
        all.push(("PATH".to_string(), DEFAULT_PATH.to_string()));
    }
    all
}

#[cfg(test)]
mod tests {
    use mesos_proto::mesos::environment::Variable;

    use super::*;

    fn order(is_session: bool) -> Order {
        let mut command = CommandInfo::new();
        let mut variable = Variable::new();
        variable.set_name("A".into());
        variable.set_value("own".into());
        command
            .environment
            .mut_or_insert_default()
            .variables
            .push(variable);
        Order {
            id: Chain::root("r"),
            command,
            container: None,
            is_session,
            executor: None,
            cpus: None,
            memory: None,
        }
    }

    #[test]
    fn sessions_have_their_parents_environment_and_others_their_own() {
        let parent = Parent {
            directory: "/p".into(),
            environment: vec![
                ("A".into(), "parents".into()),
                ("MESOS_SANDBOX".into(), "/p".into()),
                ("PATH".into(), "/bin".into()),
            ],
            user: None,
            outlives_agent: false,
        };
        let shown = |is_session| {
            let all = environment(&order(is_session), Some(&parent), Path::new("/own"));
            let all: Vec<String> = all.into_iter().map(|(n, v)| format!("{n}={v}")).collect();
            all.join(" ")
        };
        assert_eq!(shown(true), "A=own MESOS_SANDBOX=/p PATH=/bin");
        assert_eq!(
            shown(false),
            format!("MESOS_SANDBOX=/own A=own PATH={DEFAULT_PATH}")
        );
    }
}
