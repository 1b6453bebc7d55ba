//! Mesos agents, each with a Thermos observer beside it, and a way in by ssh.

use super::{Context, KEYS, Origin, Recipe, arguments, mesos_master, page, program};
use crate::plan::check::{Check, Want};
use crate::plan::flags::{Flags, Style};
use crate::plan::node::{CLUSTER_LABEL, OwnImage, TASKS_OF_LABEL, VolumeOf};
use crate::plan::template::TemplateError;
use crate::profile::{Tier, TierSettings};

const PORT: u16 = 5051;
const OBSERVER: u16 = 1338;
/// Lets devtools in.
const SSH: &str = "/usr/share/devcluster/ssh/serve";
/// Where engines listen, on the host and where agents look for it.
const ENGINE_SOCKET: &str = "/var/run/docker.sock";
/// Tells an agent what to write on the containers of its tasks: a variable, so that the original ignores it.
const LABELS: &str = "MESOS_DOCKER_CONTAINER_LABELS";

/// By these the containers of a node's tasks are found, and go with the cluster.
fn task_labels(context: &Context<'_>) -> String {
    serde_json::json!({
        CLUSTER_LABEL: context.profile.name.to_string(),
        TASKS_OF_LABEL: context.node,
    })
    .to_string()
}

pub(super) fn recipe(
    settings: &TierSettings,
    context: &Context<'_>,
) -> Result<Recipe, TemplateError> {
    let mut flags = Flags::default()
        .text("master", "{mesos-master.zk}")
        .text("work_dir", "/var/lib/mesos")
        .text("ip", "0.0.0.0")
        .text("advertise_ip", context.address.to_string())
        .text("port", PORT.to_string())
        .text("hostname", context.advertised)
        .text("registration_backoff_factor", "10ms");
    if let Some(resources) = &settings.resources {
        flags = flags.text("resources", resources);
    }
    if let Some(attributes) = &settings.attributes {
        flags = flags.text("attributes", attributes);
    }
    if settings.docker_tasks {
        flags = flags
            .text("containerizers", "docker,mesos")
            .text("image_providers", "docker,appc");
    }
    let args = arguments(flags, settings, Style::Stout, context)?;
    let (image, entrypoint, mut command, origin) =
        program(&settings.node, OwnImage::Mesos, "mesos-agent", args);
    let mut recipe = Recipe {
        ports: vec![PORT],
        volumes: vec![(VolumeOf::Node, "/var/lib/mesos")],
        links: vec![page(PORT, "/state")],
        ..Recipe::default()
    };
    if settings.docker_tasks {
        recipe.sockets.push(ENGINE_SOCKET);
        recipe.env.insert(LABELS.to_owned(), task_labels(context));
    }
    if origin == Origin::Own {
        let observer = [
            "---",
            "thermos_observer",
            "--root=/var/run/thermos",
            "--mesos-root=/var/lib/mesos",
        ];
        command.extend(observer.map(str::to_owned));
        command.push(format!("--port={OBSERVER}"));
        command.extend(["---", SSH].map(str::to_owned));
        recipe.volumes.push(KEYS);
        recipe.ports.push(OBSERVER);
        recipe.links.push(page(OBSERVER, "/"));
    }
    Ok(Recipe {
        image: Some(image),
        entrypoint,
        command,
        ..recipe
    })
}

/// Each is healthy and knows itself registered, and the leading master counts them all.
pub(super) fn checks() -> Vec<Check> {
    let registered = Want::Number {
        key: "slave/registered".to_owned(),
        value: 1.0,
    };
    let counted = Want::Count {
        key: "master/slaves_active".to_owned(),
        tier: Tier::MesosAgent.name().to_owned(),
    };
    vec![
        Check::own_http(PORT, "/slave(1)/health", Want::Status(200)),
        Check::own_http(PORT, "/metrics/snapshot", registered),
        Check::any_http(
            Tier::MesosMaster.name(),
            mesos_master::PORT,
            "/metrics/snapshot",
            counted,
        ),
    ]
}
