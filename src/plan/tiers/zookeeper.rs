//! Apache ZooKeeper, configured through the variables of its official image, which ours understands too.

use super::{Context, INIT, Recipe};
use crate::plan::check::{Check, Want};
use crate::plan::node::{Image, Link, OwnImage, VolumeOf};
use crate::plan::template::TemplateError;
use crate::profile::{FlagValue, Tier, TierSettings};

const PORT: u16 = 2181;

pub(super) fn recipe(
    settings: &TierSettings,
    context: &Context<'_>,
) -> Result<Recipe, TemplateError> {
    let mut recipe = Recipe {
        ports: vec![PORT],
        volumes: vec![(VolumeOf::Node, "/data")],
        links: vec![Link {
            scheme: String::new(),
            port: PORT,
            path: String::new(),
        }],
        ..Recipe::default()
    };
    match &settings.node.image {
        Some(image) => recipe.image = Some(Image::Named(image.clone())),
        None => {
            recipe.image = Some(Image::Own(OwnImage::Zookeeper));
            recipe.entrypoint = Some(vec![INIT.to_owned()]);
            recipe.command = vec!["zookeeper-server".to_owned()];
        }
    }
    let mut set = |name: &str, value: String| recipe.env.insert(name.to_owned(), value);
    set("ZOO_4LW_COMMANDS_WHITELIST", "*".to_owned());
    if settings.count > 1 {
        let members = (1..=settings.count)
            .map(|index| {
                format!(
                    "server.{index}={}-{index}:2888:3888;{PORT}",
                    Tier::Zookeeper.name()
                )
            })
            .collect::<Vec<_>>();
        set("ZOO_SERVERS", members.join(" "));
        set("ZOO_MY_ID", context.index.to_string());
    }
    let mut extra = Vec::new();
    for (name, value) in &settings.node.flags {
        let value = match value {
            FlagValue::Switch(switch) => switch.to_string(),
            FlagValue::Text(text) => context.values.expand(text)?,
        };
        extra.push(format!("{name}={value}"));
    }
    if !extra.is_empty() {
        set("ZOO_CFG_EXTRA", extra.join(" "));
    }
    Ok(recipe)
}

/// It answers, and it serves: alone, or in a quorum.
pub(super) fn checks() -> Vec<Check> {
    let modes = ["Mode: standalone", "Mode: leader", "Mode: follower"]
        .map(str::to_owned)
        .to_vec();
    vec![
        Check::word(PORT, "ruok", Want::Contains(vec!["imok".to_owned()])),
        Check::word(PORT, "srvr", Want::Contains(modes)),
    ]
}
