//! What an executor finds when it starts: its sandbox, volumes, files and control groups.

use std::path::Path;

use mesos_proto::mesos::{ContainerInfo, ExecutorInfo, Image, container_info};
use tokio::process::Child;

use super::images::ImageVolume;
use super::{Containers, appc, docker, environment, fetcher, sandbox, volumes};
use crate::model::{Launch, Mount};
use crate::spawn::{Identity, Spawn, program};

/// An executor that can be started.
pub(super) struct Prepared {
    command: std::process::Command,
    /// What is started, for messages.
    shown: String,
}

impl Containers {
    /// Puts persistent volumes into a sandbox. Says why not, if not.
    pub fn attach(
        &self,
        directory: &Path,
        user: Option<&str>,
        volumes: &[Mount],
    ) -> Result<(), String> {
        let identity = user.map(Identity::of).transpose();
        let identity = identity.map_err(|error| error.to_string())?;
        attach(
            &self.settings.work_dir,
            directory,
            identity.as_ref(),
            volumes,
        )
    }

    /// The volumes to be made from images, if the executor's container has such and can be made.
    fn image_volumes<'a>(
        &'a self,
        launch: &'a Launch,
    ) -> Option<Vec<(&'a docker::Docker, ImageVolume<'a>)>> {
        let docker = self.docker.as_deref()?;
        let volumes = docker.image_volumes(launch.info.container.as_ref())?;
        Some(volumes.into_iter().map(|volume| (docker, volume)).collect())
    }

    /// Why a container cannot be made here as a process, if so.
    fn unsupported(&self, info: &ExecutorInfo) -> Option<String> {
        let container: &ContainerInfo = info.container.as_ref()?;
        let is_mesos = container.type_() == container_info::Type::MESOS;
        if is_mesos && container.mesos.image.is_none() && container.volumes.is_empty() {
            return None;
        }
        let unprovided = match self.docker.as_deref() {
            Some(docker) => docker.unprovided(container),
            None => appc::images_of(container).next().map(Image::type_),
        };
        if let Some(kind) = unprovided.filter(|_| is_mesos) {
            return Some(appc::unsupported(kind));
        }
        let containerizers = &self.settings.containerizers;
        Some(format!(
            "None of the enabled containerizers ({containerizers}) could create a container for the \
             provided TaskInfo/ExecutorInfo message"
        ))
    }

    /// Makes everything that an executor finds when it starts, and what starts it.
    pub(super) async fn prepare(&self, agent: &str, launch: &Launch) -> Result<Prepared, String> {
        let docker = self.docker_for(launch.info.container.as_ref());
        let volumes = self.image_volumes(launch);
        if docker.is_none()
            && volumes.is_none()
            && let Some(reason) = self.unsupported(&launch.info)
        {
            return Err(reason);
        }
        let (directory, user) = (launch.directory.clone(), launch.user.clone());
        let (work_dir, mounts) = (self.settings.work_dir.clone(), launch.volumes.clone());
        let made = move || {
            let identity = user.as_deref().map(Identity::of).transpose();
            let identity = identity.map_err(|error| error.to_string())?;
            let output = sandbox::create(&directory, identity.as_ref()).map_err(|error| {
                format!(
                    "Failed to create sandbox '{}': {error}",
                    directory.display()
                )
            })?;
            attach(&work_dir, &directory, identity.as_ref(), &mounts)?;
            Ok((identity, output))
        };
        let (identity, output) = self.starter.run(made).await?;
        let uris = launch.info.command.uris.as_slice();
        for uri in uris {
            let sandbox = &launch.directory;
            let fetched = fetcher::fetch(uri, sandbox, identity.as_ref(), &self.settings.fetcher);
            if let Err(error) = fetched.await {
                tracing::warn!("container {}: {error}", launch.place.container);
                self.watcher.fetched(false);
                let container = &launch.place.container;
                return Err(format!(
                    "Failed to fetch all URIs for container '{container}': exited with status 1"
                ));
            }
        }
        self.watcher.fetched(true);
        for (docker, volume) in volumes.into_iter().flatten() {
            docker.provide(launch, &volume).await?;
        }
        let (program, name, arguments) = match &docker {
            Some(docker) => {
                let share = self.share(&launch.place.container);
                let own = &self.settings.contribution;
                let prepared = docker.prepare(launch, agent, share, own).await?;
                if !launch.is_command {
                    self.keep_sized(docker.clone(), &launch.place.container, share);
                }
                let mut arguments = prepared.arguments.into_iter();
                (prepared.program, arguments.next(), arguments.collect())
            }
            None => program(&launch.info.command)?,
        };
        let shown = program.display().to_string();
        let command = Spawn {
            program,
            name,
            arguments,
            environment: environment::environment(launch, agent, &self.settings.contribution),
            directory: launch.directory.clone(),
            // The program beside a container talks to the engine, which the task's user may not.
            identity: identity.filter(|_| docker.is_none()),
            output: Some(output),
        };
        let groups = match docker {
            Some(_) => Vec::new(),
            None => self.group(&launch.place.container)?,
        };
        let command = self.settings.terminals.put(launch, command);
        let command = command
            .and_then(|command| command.into_command_in(groups))
            .map_err(|error| error.to_string())?;
        Ok(Prepared { command, shown })
    }

    /// Starts what was prepared.
    pub(super) async fn start(&self, prepared: Prepared) -> Result<Child, String> {
        let started = self.starter.start(prepared.command).await?;
        started.map_err(|error| format!("Failed to execute '{}': {error}", prepared.shown))
    }
}

fn attach(
    work_dir: &Path,
    directory: &Path,
    owner: Option<&Identity>,
    volumes: &[Mount],
) -> Result<(), String> {
    for Mount { volume, is_used } in volumes {
        volumes::attach(work_dir, directory, volume, owner, *is_used)?;
    }
    Ok(())
}
