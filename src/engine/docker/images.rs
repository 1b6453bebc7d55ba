//! Images, with the classic builder: what API 1.41 gives without a BuildKit session.

use std::time::{Duration, UNIX_EPOCH};

use bollard::query_parameters::{BuildImageOptions, CreateImageOptions, ListImagesOptions};
use bytes::Bytes;
use futures_util::StreamExt;

use super::{DockerEngine, convert, label_filter};
use crate::engine::{BuildSpec, EngineError, EngineStream, FoundImage, Kind, Story};

impl DockerEngine {
    pub(super) async fn list_images(&self, label: &str) -> Result<Vec<FoundImage>, EngineError> {
        let options = ListImagesOptions {
            filters: Some(label_filter(&[(label, "")])),
            ..ListImagesOptions::default()
        };
        let found = self
            .docker
            .list_images(Some(options))
            .await
            .map_err(convert::error)?;
        Ok(found
            .into_iter()
            .map(|image| FoundImage {
                id: image.id,
                // Up to API 1.42 an image without a name has this one.
                names: image
                    .repo_tags
                    .into_iter()
                    .filter(|name| name != "<none>:<none>")
                    .collect(),
                labels: image.labels.into_iter().collect(),
                made: UNIX_EPOCH + Duration::from_secs(u64::try_from(image.created).unwrap_or(0)),
            })
            .collect())
    }

    pub(super) async fn build(&self, spec: BuildSpec, story: &Story) -> Result<(), EngineError> {
        let BuildSpec {
            name,
            context,
            args,
        } = spec;
        let options = BuildImageOptions {
            dockerfile: "Dockerfile".to_owned(),
            t: Some(name),
            rm: true,
            forcerm: true,
            buildargs: Some(args.into_iter().collect()),
            // Packages come from the network that the host has; a bridge may lack its DNS or its proxy.
            networkmode: Some("host".to_owned()),
            ..BuildImageOptions::default()
        };
        let mut steps = Box::pin(self.docker.build_image(
            options,
            None,
            Some(bollard::body_full(context)),
        ));
        let mut last = String::new();
        while let Some(step) = steps.next().await {
            let step = step.map_err(|error| build_error(convert::error(error), &last))?;
            if let Some(text) = step.stream {
                for line in text
                    .lines()
                    .map(str::trim_end)
                    .filter(|line| !line.is_empty())
                {
                    story(line.to_owned());
                    if !is_builders_own(line) {
                        last = line.to_owned();
                    }
                }
            }
            if let Some(error) = step.error_detail.and_then(|detail| detail.message) {
                return Err(build_error(EngineError::answered(500, &error), &last));
            }
        }
        Ok(())
    }

    pub(super) async fn import(
        &self,
        name: &str,
        changes: &[String],
        archive: EngineStream<Bytes>,
    ) -> Result<(), EngineError> {
        let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
        let options = CreateImageOptions {
            from_src: Some("-".to_owned()),
            repo: Some(repository.to_owned()),
            tag: Some(tag.to_owned()),
            changes: changes.to_vec(),
            ..CreateImageOptions::default()
        };
        let body = bollard::body_try_stream(
            archive.map(|piece| piece.map_err(|error| std::io::Error::other(error.message))),
        );
        let mut steps = Box::pin(self.docker.create_image(Some(options), Some(body), None));
        while let Some(step) = steps.next().await {
            let step = step.map_err(convert::error)?;
            if let Some(error) = step.error_detail.and_then(|detail| detail.message) {
                return Err(EngineError::answered(500, &error));
            }
        }
        Ok(())
    }

    pub(super) async fn pull(&self, name: &str, story: &Story) -> Result<(), EngineError> {
        let options = CreateImageOptions {
            from_image: Some(name.to_owned()),
            ..CreateImageOptions::default()
        };
        let mut steps = Box::pin(self.docker.create_image(Some(options), None, None));
        let sorted = |error: EngineError| match error.kind {
            Kind::DiskFull => error,
            _ => EngineError::new(Kind::Pull, error.message),
        };
        while let Some(step) = steps.next().await {
            let step = step.map_err(|error| sorted(convert::error(error)))?;
            if let Some(error) = step.error_detail.and_then(|detail| detail.message) {
                return Err(sorted(EngineError::answered(500, &error)));
            }
            if let Some(status) = step.status {
                story(status);
            }
        }
        Ok(())
    }
}

/// Whether a line is the builder's about its own work, and not what a step printed.
fn is_builders_own(line: &str) -> bool {
    line.starts_with(" ---> ") || line.starts_with("Removing intermediate container ")
}

/// A failed build says what its last step printed.
fn build_error(error: EngineError, last: &str) -> EngineError {
    match error.kind {
        Kind::Other | Kind::NotFound if last.is_empty() => {
            EngineError::new(Kind::Build, error.message)
        }
        Kind::Other | Kind::NotFound => EngineError::new(
            Kind::Build,
            format!("{}; its last line was `{last}`", error.message),
        ),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::is_builders_own;

    #[test]
    fn a_steps_output_is_told_from_the_builders() {
        for own in [
            " ---> 3a5c1d0b7f66",
            " ---> Running in bb3cb40e9a65",
            "Removing intermediate container bb3cb40e9a65",
        ] {
            assert!(is_builders_own(own), "{own}");
        }
        for printed in ["E: Unable to fetch some archives", "---> not the builder's"] {
            assert!(!is_builders_own(printed), "{printed}");
        }
    }
}
