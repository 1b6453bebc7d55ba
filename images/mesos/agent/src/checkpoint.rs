//! What the agent keeps under `work_dir/meta` for its next life, in the original's folders. The files
//! are the agent's own business; single messages are a length (4 bytes, little-endian) and protobuf.

mod file;
mod recover;
mod resources;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mesos_proto::mesos::{
    DrainConfig, ExecutorInfo, FrameworkInfo, Operation, Resource, SlaveInfo, Task,
};
use mesos_proto::messages::StatusUpdate;
use mesos_wire::pid::Upid;

use crate::containerizer::sandbox::point;
use crate::model::{Checkpoint, Link, Place};
use crate::paths;
use crate::proc::{self, Boot};

pub use recover::recover;

/// Stands in the agent's folder while it drains.
const DRAIN_FILE: &str = "drain.config";

/// Where folders end before they are removed.
const TRASH: &str = "removed";

/// Writes checkpoints.
#[derive(Debug)]
pub struct Store {
    work_dir: PathBuf,
    meta: PathBuf,
    agent: Option<String>,
    /// The reservations and volumes that were written last.
    kept: Vec<Resource>,
}

/// What an earlier life left.
#[derive(Debug, Default)]
pub struct Recovered {
    /// The agent as it was registered.
    pub agent: Option<SlaveInfo>,
    /// What operators and frameworks made of its resources.
    pub resources: Vec<Resource>,
    /// Operations whose end was not acknowledged.
    pub operations: Vec<Operation>,
    /// Whether processes of that life may still run: neither the machine nor the container has been
    /// started again.
    pub is_same_boot: bool,
    /// How the agent was to drain, if it was.
    pub drain: Option<DrainConfig>,
    /// Frameworks that checkpoint.
    pub frameworks: Vec<RecoveredFramework>,
    /// Files that could not be read.
    pub errors: Vec<String>,
}

/// A framework that checkpoints.
#[derive(Debug)]
pub struct RecoveredFramework {
    /// The framework.
    pub info: FrameworkInfo,
    /// Its v0 driver.
    pub pid: Option<Upid>,
    /// The latest run of each of its executors.
    pub executors: Vec<RecoveredExecutor>,
}

/// A run of an executor.
#[derive(Debug)]
pub struct RecoveredExecutor {
    /// Which run.
    pub place: Place,
    /// The executor.
    pub info: ExecutorInfo,
    /// Whether the agent made it up for a command task.
    pub is_command: bool,
    /// Its process, and when that started.
    pub process: Option<(i32, u64)>,
    /// Its actor, if it speaks v0.
    pub libprocess: Option<Upid>,
    /// Its tasks.
    pub tasks: Vec<RecoveredTask>,
}

/// A task, its updates, and the uuids of those that were acknowledged.
pub type RecoveredTask = (Task, Vec<StatusUpdate>, HashSet<Vec<u8>>);

impl Store {
    /// Checkpoints of `agent`, or, where that is not known yet, of the one that is checkpointed first.
    /// Notes this boot.
    pub fn open(work_dir: &Path, agent: Option<String>) -> io::Result<Self> {
        let meta = paths::meta(work_dir);
        fs::create_dir_all(meta.join("slaves"))?;
        if let Some(boot) = proc::boot() {
            fs::write(meta.join("boot_id"), boot.id)?;
            fs::write(meta.join("init_start"), boot.init_start.to_string())?;
        }
        clear(&meta.join(TRASH))?;
        let kept = resources::settle(work_dir, &meta)?;
        Ok(Self {
            work_dir: work_dir.to_path_buf(),
            meta,
            agent,
            kept,
        })
    }

    /// Writes one checkpoint.
    pub fn write(&mut self, checkpoint: &Checkpoint) -> io::Result<()> {
        match checkpoint {
            Checkpoint::Agent(info) => {
                let id = info.id.value().to_string();
                if !paths::is_safe_id(&id) {
                    return Err(unsafe_id(&id));
                }
                let folder = self.meta.join("slaves").join(&id);
                fs::create_dir_all(&folder)?;
                file::write_message(&folder.join("slave.info"), &**info)?;
                self.agent = Some(id);
                point(&self.meta.join("slaves").join("latest"), &folder)
            }
            Checkpoint::Resources {
                resources,
                operations,
            } => {
                let state = resources::state(resources.clone(), operations.clone());
                resources::write(&self.work_dir, &self.meta, &mut self.kept, &state)
            }
            Checkpoint::Framework(info, pid) => {
                let folder = paths::framework(&self.meta, self.agent()?, info.id.value());
                fs::create_dir_all(&folder)?;
                let pid = pid.clone().unwrap_or_else(Upid::empty).to_string();
                fs::write(folder.join("framework.pid"), pid)?;
                file::write_message(&folder.join("framework.info"), &**info)
            }
            Checkpoint::Executor {
                place,
                info,
                is_command,
            } => {
                let folder =
                    paths::executor(&self.meta, self.agent()?, &place.framework, &place.executor);
                let run = folder.join("runs").join(&place.container);
                fs::create_dir_all(run.join("pids"))?;
                fs::create_dir_all(run.join("tasks"))?;
                if *is_command {
                    fs::write(folder.join(recover::COMMAND_MARKER), "")?;
                }
                file::write_message(&folder.join("executor.info"), &**info)?;
                point(&folder.join("runs").join("latest"), &run)
            }
            Checkpoint::Forked(place, pid) => {
                let pids = self.run(place)?.join("pids");
                // The start proves later that the process of this id is still this one.
                let start = i32::try_from(*pid)
                    .ok()
                    .and_then(proc::process)
                    .map(|p| p.start);
                fs::write(
                    pids.join("forked.start"),
                    start.unwrap_or_default().to_string(),
                )?;
                fs::write(pids.join("forked.pid"), pid.to_string())
            }
            Checkpoint::Connected(place, link) => {
                let pids = self.run(place)?.join("pids");
                match link {
                    Link::Http(_) => fs::write(self.run(place)?.join("http.marker"), ""),
                    Link::Libprocess { driver, .. } => {
                        fs::write(pids.join("libprocess.pid"), driver.to_string())
                    }
                }
            }
            Checkpoint::Task(place, task) => {
                let folder = self.task(place, task.task_id.value())?;
                file::write_message(&folder.join("task.info"), &**task)
            }
            Checkpoint::Record {
                place,
                task,
                record,
            } => {
                let folder = self.task(place, task)?;
                file::append_message(&folder.join("task.updates"), &**record)
            }
            Checkpoint::Drain(config) => {
                let folder = self.meta.join("slaves").join(self.agent()?);
                let file = folder.join(DRAIN_FILE);
                match config {
                    Some(config) => file::write_message(&file, &**config),
                    None => match fs::remove_file(&file) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                        _ => Ok(()),
                    },
                }
            }
            Checkpoint::ForgetExecutor(place) => {
                let agent = self.agent()?;
                let folder = paths::executor(&self.meta, agent, &place.framework, &place.executor);
                remove(&self.meta, &folder)
            }
            Checkpoint::ForgetAgent => self.forget_agent(),
            Checkpoint::ForgetFramework(id) => {
                remove(&self.meta, &paths::framework(&self.meta, self.agent()?, id))
            }
        }
    }

    /// Forgets the agent's former life: its next registration is a new agent's.
    pub fn forget_agent(&self) -> io::Result<()> {
        match fs::remove_file(self.meta.join("slaves").join("latest")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn agent(&self) -> io::Result<&str> {
        self.agent
            .as_deref()
            .ok_or_else(|| io::Error::other("the agent has no id yet"))
    }

    fn run(&self, place: &Place) -> io::Result<PathBuf> {
        Ok(paths::run(&self.meta, self.agent()?, place))
    }

    fn task(&self, place: &Place, task: &str) -> io::Result<PathBuf> {
        if !paths::is_safe_id(task) {
            return Err(unsafe_id(task));
        }
        let folder = self.run(place)?.join("tasks").join(task);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

fn unsafe_id(id: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("`{id}` is no name for a folder"),
    )
}

/// Removes what no next life is to find, in one step: it may be looked at after any.
fn remove(meta: &Path, folder: &Path) -> io::Result<()> {
    let trash = meta.join(TRASH);
    clear(&trash)?;
    match fs::rename(folder, &trash) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => clear(&trash),
    }
}

fn clear(trash: &Path) -> io::Result<()> {
    match fs::remove_dir_all(trash) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether two lives are of one boot: nothing that ran in the first has been ended by a restart.
fn is_same_boot(before: Option<&Boot>, now: Option<&Boot>) -> bool {
    before.is_some() && before == now
}

#[cfg(test)]
mod tests;
