//! Mesos masters.

use super::{Context, Recipe, arguments, page, program};
use crate::plan::check::{Check, Want};
use crate::plan::flags::{Flags, Style};
use crate::plan::node::{OwnImage, VolumeOf};
use crate::plan::template::TemplateError;
use crate::profile::{Tier, TierSettings};

pub(super) const PORT: u16 = 5050;

pub(super) fn recipe(
    settings: &TierSettings,
    context: &Context<'_>,
) -> Result<Recipe, TemplateError> {
    let flags = Flags::default()
        .text("zk", "{mesos-master.zk}")
        .text("quorum", (settings.count / 2 + 1).to_string())
        .text("work_dir", "/var/lib/mesos")
        .text("ip", "0.0.0.0")
        .text("advertise_ip", context.address.to_string())
        .text("port", PORT.to_string())
        .text("hostname", context.advertised)
        .text("cluster", context.profile.name.as_str())
        .text("agent_ping_timeout", "3secs")
        .text("max_agent_ping_timeouts", "5");
    let args = arguments(flags, settings, Style::Stout, context)?;
    let (image, entrypoint, command, _) =
        program(&settings.node, OwnImage::Mesos, "mesos-master", args);
    Ok(Recipe {
        image: Some(image),
        entrypoint,
        command,
        ports: vec![PORT],
        volumes: vec![(VolumeOf::Tier, "/var/lib/mesos")],
        links: vec![page(PORT, "/")],
        ..Recipe::default()
    })
}

/// Each is healthy, and one is elected.
pub(super) fn checks() -> Vec<Check> {
    let elected = Want::Number {
        key: "master/elected".to_owned(),
        value: 1.0,
    };
    vec![
        Check::own_http(PORT, "/health", Want::Status(200)),
        Check::any_http(Tier::MesosMaster.name(), PORT, "/metrics/snapshot", elected),
    ]
}
