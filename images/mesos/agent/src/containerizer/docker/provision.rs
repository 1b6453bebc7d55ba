//! What containers and volumes are made from: the engine's images, and those of the appc store.

use bollard::models::ContainerCreateBody;
use mesos_proto::mesos::{ContainerInfo, Image, image};

use super::Docker;
use crate::containerizer::appc::{Imported, images_of, unsupported};
use crate::containerizer::images::{self, ImageVolume};
use crate::docker::{Engine, Source, container_name, is_pull_forced, source};
use crate::model::Launch;

/// A container that is there for its files only; it goes however the launch ends.
struct Exported {
    engine: Engine,
    name: String,
}

impl Drop for Exported {
    fn drop(&mut self) {
        let (engine, name) = (self.engine.clone(), std::mem::take(&mut self.name));
        tokio::spawn(async move {
            if let Err(error) = engine.remove(&name).await {
                tracing::warn!("cannot remove container {name}: {error}");
            }
        });
    }
}

impl Docker {
    pub(super) fn provides(&self, source: Source<'_>) -> bool {
        match source {
            Source::Docker(_) => self.settings.takes_images,
            Source::Appc(_) => self.appc.is_some(),
        }
    }

    /// The first of an executor's images whose kind this agent does not provide.
    pub fn unprovided(&self, container: &ContainerInfo) -> Option<image::Type> {
        let is_missing = |image: &&Image| Source::of(image).is_some_and(|own| !self.provides(own));
        images_of(container).find(is_missing).map(Image::type_)
    }

    /// The image of a container, which the engine has then; with what its manifest says if it is an appc image.
    pub(super) async fn image(&self, info: &ContainerInfo) -> Result<Imported, String> {
        let is_forced = is_pull_forced(info);
        match (source(info), &self.appc) {
            (Some(Source::Appc(wanted)), Some(appc)) => {
                let labels = &self.settings.labels;
                appc.import(&self.engine, labels, wanted, !is_forced).await
            }
            (Some(Source::Appc(_)), None) => Err(unsupported(image::Type::APPC)),
            (Some(Source::Docker(name)), _) => {
                self.pull(name, is_forced).await?;
                Ok(Imported::of_engine(name))
            }
            (None, _) => Ok(Imported::of_engine("")),
        }
    }

    async fn pull(&self, image: &str, is_forced: bool) -> Result<(), String> {
        let pulled = self.engine.pull(image, is_forced).await;
        pulled.map_err(|error| {
            format!(
                "Failed to run 'docker -H unix://{} pull {}': exited with status 1; stderr='{error}\n'",
                self.settings.socket,
                crate::docker::tagged(image)
            )
        })
    }

    /// The volumes that are made from images, where those are taken.
    pub fn image_volumes<'a>(
        &self,
        container: Option<&'a ContainerInfo>,
    ) -> Option<Vec<ImageVolume<'a>>> {
        let volumes = container.and_then(images::wanted)?;
        let are_provided = volumes.iter().all(|volume| self.provides(volume.source));
        are_provided.then_some(volumes)
    }

    /// Puts an image's files into a sandbox.
    pub async fn provide(&self, launch: &Launch, volume: &ImageVolume<'_>) -> Result<(), String> {
        let make = || images::folder(&launch.directory, volume.place);
        let image = match (volume.source, &self.appc) {
            (Source::Docker(name), _) => name,
            (Source::Appc(wanted), Some(appc)) => {
                return appc.unpack(wanted, !volume.is_pull_forced, make).await;
            }
            (Source::Appc(_), None) => return Err(unsupported(image::Type::APPC)),
        };
        self.pull(image, volume.is_pull_forced).await?;
        let folder = make()?;
        let name = format!(
            "{}-image-{}",
            container_name(&launch.place.container),
            uuid::Uuid::new_v4().simple()
        );
        let labels = self.settings.labels.clone();
        let body = ContainerCreateBody {
            image: Some(crate::docker::tagged(image)),
            // It never runs, but the engine makes none without a command.
            cmd: Some(vec!["-".to_string()]),
            labels: Some(labels.into_iter().collect()),
            network_disabled: Some(true),
            ..ContainerCreateBody::default()
        };
        let said = |error: String| format!("Failed to provision the image '{image}': {error}");
        let _exported = Exported {
            engine: self.engine.clone(),
            name: name.clone(),
        };
        let made = self.engine.create(&name, body).await;
        made.map_err(|error| said(error.to_string()))?;
        let archive = self.engine.export(&name);
        images::unpack(archive, folder).await.map_err(said)
    }
}
