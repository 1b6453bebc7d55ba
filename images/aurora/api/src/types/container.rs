//! Where a task runs: containers, images, volumes.

use crate::enums::Mode;

thrift_struct! {
    /// A file the agent fetches into the sandbox before the task starts.
    MesosFetcherUri {
        1 "value" => value: String,
        2 "extract" => extract: Option<bool>,
        3 "cache" => cache: Option<bool>,
        4 "outputFile" => output_file: Option<String>,
    }

    /// A host path seen inside the container.
    Volume {
        1 "containerPath" => container_path: String,
        2 "hostPath" => host_path: String,
        3 "mode" => mode: Mode,
    }

    /// An image by its name and tag.
    DockerImage {
        1 "name" => name: String,
        2 "tag" => tag: String,
    }

    /// An App Container image.
    AppcImage {
        1 "name" => name: String,
        2 "imageId" => image_id: String,
    }

    /// Mesos' own containerizer, with the agent's root file system or an image's.
    MesosContainer {
        1 "image" => image: Option<Image>,
        2 "volumes" => volumes: Option<Vec<Volume>>,
    }

    /// One argument for `docker run`.
    DockerParameter {
        1 "name" => name: String,
        2 "value" => value: String,
    }

    /// The Docker containerizer.
    DockerContainer {
        1 "image" => image: Option<String>,
        2 "parameters" => parameters: Option<Vec<DockerParameter>>,
    }
}

thrift_union! {
    /// An image of either format.
    Image {
        1 "docker" => Docker(DockerImage),
        2 "appc" => Appc(AppcImage),
    }

    /// A task's container.
    Container {
        1 "mesos" => Mesos(MesosContainer),
        2 "docker" => Docker(DockerContainer),
    }
}
