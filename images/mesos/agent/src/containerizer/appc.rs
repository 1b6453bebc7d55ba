//! Containers with appc images: the engine gets each image once, under a name of this agent's own, and runs it
//! as it runs its own. Volumes are unpacked without the engine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mesos_proto::mesos::{ContainerInfo, Image, image};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::images;
use crate::appc::archive::archive;
use crate::appc::{App, Found, Store};
use crate::docker::Engine;

/// What the engine calls these images, before the tag.
const REPOSITORY: &str = "mesos-appc";
/// How many digits a tag has.
const TAG_DIGITS: usize = 32;

/// The images of a store, in an engine.
#[derive(Debug)]
pub struct Images {
    store: Store,
    /// Held by who gives the engine an image, so that those who start together give it once.
    turn: Mutex<()>,
}

/// An image that the engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The engine's name for it.
    pub name: String,
    /// What runs in it unless a task says otherwise.
    pub app: Option<App>,
}

impl Imported {
    /// An image of the engine's own, which knows itself what runs in it.
    pub fn of_engine(name: &str) -> Self {
        Self {
            name: name.to_string(),
            app: None,
        }
    }
}

impl Images {
    /// Those of this store.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            turn: Mutex::default(),
        }
    }

    async fn find(&self, wanted: &image::Appc, cached: bool) -> Result<Found, String> {
        let (store, wanted) = (self.store.clone(), wanted.clone());
        let found = tokio::task::spawn_blocking(move || store.find(&wanted, cached));
        found.await.unwrap_or_else(|error| Err(error.to_string()))
    }

    /// Puts an image's files into a folder that `make` makes once the image is found.
    pub async fn unpack(
        &self,
        wanted: &image::Appc,
        cached: bool,
        make: impl FnOnce() -> Result<PathBuf, String>,
    ) -> Result<(), String> {
        let found = self.find(wanted, cached).await?;
        let folder = make()?;
        images::unpack(archive(found.layers), folder)
            .await
            .map_err(|error| format!("Failed to provision the image '{}': {error}", wanted.name()))
    }

    /// Gives the engine an image, unless it has it from this agent.
    pub async fn import(
        &self,
        engine: &Engine,
        labels: &BTreeMap<String, String>,
        wanted: &image::Appc,
        cached: bool,
    ) -> Result<Imported, String> {
        let found = self.find(wanted, cached).await?;
        let said = |error| format!("Failed to provision the image '{}': {error}", wanted.name());
        let name = format!("{REPOSITORY}:{}", tag(labels, &found.ids));
        let turn = self.turn.lock().await;
        if !engine
            .has_image(&name)
            .await
            .map_err(|error| said(error.to_string()))?
        {
            tracing::info!("the engine gets image {} as {name}", found.ids.join(" + "));
            let changes = labels.iter().map(|(key, value)| change(key, value));
            let imported = engine.import(&name, changes.collect(), archive(found.layers));
            imported.await.map_err(|error| said(error.to_string()))?;
        }
        drop(turn);
        Ok(Imported {
            name,
            app: Some(found.manifest.app.unwrap_or_default()),
        })
    }
}

/// The images of an executor's own root, and of its volumes.
pub(super) fn images_of(container: &ContainerInfo) -> impl Iterator<Item = &Image> {
    let own = container
        .mesos
        .as_ref()
        .and_then(|mesos| mesos.image.as_ref());
    let volumes = container.volumes.iter();
    own.into_iter()
        .chain(volumes.filter_map(|volume| volume.image.as_ref()))
}

/// What the original says of an image of a kind that is not in `--image_providers`.
pub(super) fn unsupported(kind: image::Type) -> String {
    format!("Unsupported container image type: {kind:?}")
}

/// The labels say whose image it is, and it goes with them: no two agents share one.
fn tag(labels: &BTreeMap<String, String>, ids: &[String]) -> String {
    let text = serde_json::json!([labels, ids]).to_string();
    let digest = Sha256::digest(text.as_bytes());
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    let mut digits = digits.collect::<String>();
    digits.truncate(TAG_DIGITS);
    digits
}

/// A label as an instruction of a Dockerfile, in which these characters have a meaning.
fn change(key: &str, value: &str) -> String {
    let quoted = |text: &str| {
        let mut quoted = String::with_capacity(text.len() + 2);
        quoted.push('"');
        for character in text.chars() {
            if matches!(character, '"' | '\\' | '$') {
                quoted.push('\\');
            }
            quoted.push(character);
        }
        quoted.push('"');
        quoted
    };
    format!("LABEL {}={}", quoted(key), quoted(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_taken_word_for_word() {
        assert_eq!(change("a.b", "c"), r#"LABEL "a.b"="c""#);
        assert_eq!(change("k", r#"$x "y" \z"#), r#"LABEL "k"="\$x \"y\" \\z""#);
    }

    #[test]
    fn each_agent_has_names_of_its_own() {
        let labels = |text: &str| BTreeMap::from([("work_dir".to_string(), text.to_string())]);
        let ids = ["sha512-1".to_string()];
        let one = tag(&labels("/a"), &ids);
        assert_eq!(one, tag(&labels("/a"), &ids));
        assert_eq!(one.len(), TAG_DIGITS);
        assert_ne!(one, tag(&labels("/b"), &ids));
        assert_ne!(one, tag(&labels("/a"), &["sha512-2".to_string()]));
    }
}
