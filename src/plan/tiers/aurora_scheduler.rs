//! Aurora schedulers.

use super::{Context, KEYS, Origin, Recipe, arguments, page, program};
use crate::plan::check::{Check, Want};
use crate::plan::flags::{Flags, Style};
use crate::plan::node::{OwnImage, VolumeOf};
use crate::plan::template::TemplateError;
use crate::profile::{Tier, TierSettings};

pub(super) const PORT: u16 = 8081;

pub(super) fn recipe(
    settings: &TierSettings,
    context: &Context<'_>,
) -> Result<Recipe, TemplateError> {
    let mut flags = Flags::default()
        .text("cluster_name", context.profile.name.as_str())
        .text("http_port", PORT.to_string())
        .text("hostname", context.advertised)
        .text("zk_endpoints", "{zookeeper.connect}")
        .text("serverset_path", "/aurora/scheduler")
        .text("mesos_master_address", "{mesos-master.zk}")
        .text("backup_dir", "/var/db/aurora/backups")
        .text("native_log_file_path", "/var/db/aurora")
        .text("thermos_executor_path", "/usr/bin/thermos_executor")
        // The original spreads what it finds pending at its start over 30 s, for clusters of thousands.
        .text("max_reschedule_task_delay_on_startup", "1secs");
    if settings.node.image.is_none() && settings.node.binary.is_none() {
        // The agents have it, so that no sandbox needs a copy. The original knows no such flag.
        flags = flags.text("thermos_executor_in_place", "true");
    }
    let agents = context.profile.tier(&Tier::MesosAgent);
    if agents.is_some_and(|agents| agents.docker_tasks) {
        flags = flags.text("allowed_container_types", "MESOS,DOCKER");
    }
    let args = arguments(flags, settings, Style::Aurora, context)?;
    let (image, entrypoint, command, origin) =
        program(&settings.node, OwnImage::Aurora, "aurora-scheduler", args);
    let mut volumes = vec![(VolumeOf::Tier, "/var/db/aurora")];
    if origin == Origin::Own {
        // The client is here too, and `aurora task ssh` is expected to work.
        volumes.push(KEYS);
    }
    Ok(Recipe {
        image: Some(image),
        entrypoint,
        command,
        ports: vec![PORT],
        volumes,
        files: vec![super::devtools::clusters(context)],
        links: vec![page(PORT, "/scheduler")],
        ..Recipe::default()
    })
}

/// One leads, and the master knows it.
pub(super) fn checks() -> Vec<Check> {
    let tier = Tier::AuroraScheduler;
    vec![
        Check::own_http(PORT, "/health", Want::Status(200)),
        Check::any_http(tier.name(), PORT, "/leaderhealth", Want::Status(200)),
        Check::any_http(
            tier.name(),
            PORT,
            "/vars",
            Want::Line("framework_registered 1".to_owned()),
        ),
    ]
}
