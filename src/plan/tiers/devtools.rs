//! The container with the clients.

use super::{Context, INIT, KEYS, Recipe, aurora_scheduler};
use crate::plan::build::zookeeper_names;
use crate::plan::check::{Ask, Check, Want, Where};
use crate::plan::clusters_json;
use crate::plan::node::{File, Image, OwnImage};
use crate::plan::template::TemplateError;
use crate::profile::{Profile, Tier, TierSettings};

pub(super) fn recipe(
    settings: &TierSettings,
    context: &Context<'_>,
) -> Result<Recipe, TemplateError> {
    let mut recipe = Recipe {
        files: vec![clusters(context)],
        ..Recipe::default()
    };
    match &settings.node.image {
        Some(image) => recipe.image = Some(Image::Named(image.clone())),
        None => {
            recipe.image = Some(Image::Own(OwnImage::Devtools));
            recipe.volumes.push(KEYS);
            recipe.entrypoint = Some(vec![INIT.to_owned()]);
            recipe.command = vec!["sleep".to_owned(), "infinity".to_owned()];
        }
    }
    Ok(recipe)
}

/// The client's list of clusters.
pub(super) fn clusters(context: &Context<'_>) -> File {
    clusters_json::file(context.profile, &zookeeper_names(context.profile))
}

/// A scheduler leads, and the client reaches the one that the list names. The first alone is what `status` asks.
pub(super) fn checks(profile: &Profile) -> Vec<Check> {
    let leads = Check::any_http(
        Tier::AuroraScheduler.name(),
        aurora_scheduler::PORT,
        "/leaderhealth",
        Want::Status(200),
    );
    let command = ["aurora", "job", "list", profile.name.as_str()]
        .map(str::to_owned)
        .to_vec();
    vec![
        leads,
        Check {
            at: Where::Own,
            ask: Ask::Exec { command },
            want: Want::Success,
        },
    ]
}
