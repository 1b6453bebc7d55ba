//! A container of the user's own.

use super::{Context, Recipe};
use crate::plan::node::{Image, Link};
use crate::plan::template::TemplateError;
use crate::profile::ServiceSettings;

pub(super) fn recipe(
    service: &ServiceSettings,
    context: &Context<'_>,
) -> Result<Recipe, TemplateError> {
    let command = service
        .args
        .iter()
        .map(|arg| context.values.expand(arg))
        .collect::<Result<_, _>>()?;
    let links = service
        .node
        .ports
        .iter()
        .map(|port| Link {
            scheme: "http".to_owned(),
            port: port.container,
            path: "/".to_owned(),
        })
        .collect();
    Ok(Recipe {
        image: service.node.image.clone().map(Image::Named),
        command,
        links,
        ..Recipe::default()
    })
}
