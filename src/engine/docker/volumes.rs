//! Volumes.

use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::ListVolumesOptions;

use super::{DockerEngine, convert, label_filter};
use crate::engine::{EngineError, Labels};

impl DockerEngine {
    pub(super) async fn list_volumes(
        &self,
        labels: &[(&str, &str)],
    ) -> Result<Vec<(String, Labels)>, EngineError> {
        let options = ListVolumesOptions {
            filters: Some(label_filter(labels)),
        };
        let found = self
            .docker
            .list_volumes(Some(options))
            .await
            .map_err(convert::error)?;
        let volumes = found.volumes.unwrap_or_default().into_iter();
        Ok(volumes
            .map(|volume| (volume.name, volume.labels.into_iter().collect()))
            .collect())
    }

    pub(super) async fn make_volume(&self, name: &str, labels: &Labels) -> Result<(), EngineError> {
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.clone().into_iter().collect()),
            ..VolumeCreateRequest::default()
        };
        self.docker
            .create_volume(request)
            .await
            .map(drop)
            .map_err(convert::error)
    }
}
