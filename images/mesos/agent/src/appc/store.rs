//! The images on the agent's disk. Nothing is fetched: what is not in the store is missing, and the task's
//! reason is what the original says where an image can neither be found nor discovered.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use mesos_proto::mesos::image;

use super::manifest::Manifest;
use crate::paths;

/// The longest manifest that is read, in bytes.
const LARGEST_MANIFEST: u64 = 1024 * 1024;
/// How many images may be one above the other.
const MOST_LAYERS: usize = 64;

/// `--appc_store_dir`.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// An image that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The ids of the images whose files it consists of, its own last: what is above hides what is below.
    pub ids: Vec<String>,
    /// Where the files of each are.
    pub layers: Vec<PathBuf>,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// What is looked for.
struct Wanted<'a> {
    name: &'a str,
    id: Option<&'a str>,
    labels: BTreeMap<String, String>,
}

impl Store {
    /// The store in this folder, which is made if need be.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(root.join("images"))?;
        Ok(Self { root })
    }

    /// Finds an image by its id, or where none is given by its name and all of its labels, and those below it.
    ///
    /// # Errors
    /// The reason for which a task that wants the image fails. One that is to be fetched anew (`cached` is
    /// not set) cannot be had at all.
    pub fn find(&self, wanted: &image::Appc, cached: bool) -> Result<Found, String> {
        let labels = wanted.labels.labels.iter();
        let labels = labels.map(|label| (label.key().to_string(), label.value().to_string()));
        let wanted = Wanted {
            name: wanted.name(),
            id: wanted.has_id().then(|| wanted.id()),
            labels: labels.collect(),
        };
        let mut ids = Vec::new();
        let manifest = self.collect(&wanted, cached, 0, &mut ids)?;
        let layers = ids
            .iter()
            .map(|id| self.folder(id).join("rootfs"))
            .collect();
        Ok(Found {
            ids,
            layers,
            manifest,
        })
    }

    fn folder(&self, id: &str) -> PathBuf {
        self.root.join("images").join(id)
    }

    /// Depth first, as the original does it.
    fn collect(
        &self,
        wanted: &Wanted<'_>,
        cached: bool,
        depth: usize,
        ids: &mut Vec<String>,
    ) -> Result<Manifest, String> {
        let id = self.id(wanted).filter(|_| cached);
        let id = id.ok_or_else(|| self.missing(wanted))?;
        let said = |text: String| format!("Failed to get dependencies for image id '{id}': {text}");
        if depth >= MOST_LAYERS || ids.len() >= MOST_LAYERS {
            return Err(said(format!(
                "more than {MOST_LAYERS} images are one above the other"
            )));
        }
        let manifest = manifest(&self.folder(&id)).map_err(said)?;
        for below in &manifest.dependencies {
            let wanted = Wanted {
                name: &below.name,
                id: below.id.as_deref(),
                labels: below.labels.clone(),
            };
            self.collect(&wanted, cached, depth + 1, ids)?;
        }
        let rootfs = self.folder(&id).join("rootfs");
        if !fs::symlink_metadata(&rootfs).is_ok_and(|meta| meta.is_dir()) {
            return Err(format!(
                "Image validation failed for image at '{}': No rootfs directory found in image layout",
                self.folder(&id).display()
            ));
        }
        ids.push(id);
        Ok(manifest)
    }

    /// The id of the image, if it is there.
    fn id(&self, wanted: &Wanted<'_>) -> Option<String> {
        if let Some(id) = wanted.id {
            // An id comes from a framework, and is to lead nowhere else.
            let is_there = paths::is_safe_id(id) && self.folder(id).is_dir();
            return is_there.then(|| id.to_string());
        }
        let entries = fs::read_dir(self.root.join("images")).ok()?;
        let mut ids: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        ids.sort_unstable();
        ids.into_iter().rev().find(|id| {
            manifest(&self.folder(id))
                .is_ok_and(|found| found.name == wanted.name && found.labels == wanted.labels)
        })
    }

    /// Why an image that is not there is not fetched either.
    fn missing(&self, wanted: &Wanted<'_>) -> String {
        let name = wanted.name;
        let store = self.root.display();
        tracing::warn!("the store `{store}` has no image `{name}` {:?}", wanted.id);
        if name.is_empty() {
            return "Image name cannot be empty".to_string();
        }
        let of = |label: &str| wanted.labels.get(label);
        for label in ["os", "arch"] {
            if of(label).is_none() {
                return format!(
                    "Failed to get discovery path for image '{name}': Failed to form simple discovery url: label '{label}' is missing"
                );
            }
        }
        let version = of("version").map_or("latest", String::as_str);
        let rest = ["os", "arch"].map(|label| of(label).map_or("", String::as_str));
        format!(
            "Failed to get URI for image discovery path '{name}-{version}-{}.aci': only images in the store '{store}' are used",
            rest.join("-")
        )
    }
}

fn manifest(folder: &Path) -> Result<Manifest, String> {
    let path = folder.join("manifest");
    let read = || {
        let mut text = String::new();
        fs::File::open(&path)?
            .take(LARGEST_MANIFEST)
            .read_to_string(&mut text)?;
        Ok(text)
    };
    let shown = path.display();
    let text = read()
        .map_err(|error: io::Error| format!("Failed to read manifest from '{shown}': {error}"))?;
    Manifest::parse(&text)
        .map_err(|error| format!("Failed to parse manifest from '{shown}': {error}"))
}

#[cfg(test)]
mod tests {
    use mesos_wire::json::{Dialect, from_value};
    use serde_json::{Value, json};

    use super::*;

    fn store(images: &[(&str, Value)]) -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(dir.path().to_path_buf()).expect("a store");
        for (id, more) in images {
            fs::create_dir_all(store.folder(id).join("rootfs")).expect("a folder");
            let mut manifest = json!({"acKind": "ImageManifest", "acVersion": "0.8.9"});
            let all = manifest.as_object_mut().expect("an object");
            all.extend(more.as_object().cloned().unwrap_or_default());
            fs::write(store.folder(id).join("manifest"), manifest.to_string()).expect("written");
        }
        (dir, store)
    }

    fn find(store: &Store, wanted: &Value) -> Result<Vec<String>, String> {
        let wanted = from_value(wanted, Dialect::V0).expect("an image");
        store.find(&wanted, true).map(|found| found.ids)
    }

    fn label(name: &str, value: &str) -> Value {
        json!({"name": name, "value": value, "key": name})
    }

    #[test]
    fn an_image_is_found_by_its_id_or_by_its_name_and_all_labels() {
        let linux = label("os", "linux");
        let (_dir, store) = store(&[
            ("sha512-1", json!({"name": "a"})),
            (
                "sha512-2",
                json!({"name": "a", "labels": [linux, label("arch", "amd64")]}),
            ),
        ]);
        let both = json!({"labels": [linux, label("arch", "amd64")]});
        let missing = |name: &str, label: &str| {
            Err(format!(
                "Failed to get discovery path for image '{name}': Failed to form simple discovery url: label '{label}' is missing"
            ))
        };
        for (wanted, want) in [
            (json!({"name": "other", "id": "sha512-2"}), Ok("sha512-2")),
            (json!({"name": "a"}), Ok("sha512-1")),
            (json!({"name": "a", "labels": both}), Ok("sha512-2")),
            (
                json!({"name": "a", "labels": {"labels": [linux]}}),
                missing("a", "arch"),
            ),
            (json!({"name": "a", "id": "sha512-3"}), missing("a", "os")),
            (
                json!({"name": "a", "id": "../images/sha512-1"}),
                missing("a", "os"),
            ),
            (json!({"name": "b"}), missing("b", "os")),
            (
                json!({"name": ""}),
                Err("Image name cannot be empty".to_string()),
            ),
            (
                json!({"name": "b", "labels": both}),
                Err(format!(
                    "Failed to get URI for image discovery path 'b-latest-linux-amd64.aci': only images in the store '{}' are used",
                    store.root.display()
                )),
            ),
        ] {
            let want = want.map(|id| vec![id.to_string()]);
            assert_eq!(find(&store, &wanted), want, "{wanted}");
        }
        let wanted = from_value(&json!({"name": "a"}), Dialect::V0).expect("an image");
        assert!(
            store.find(&wanted, false).is_err(),
            "it cannot be fetched anew"
        );
    }

    #[test]
    fn images_below_come_first() {
        let (_dir, store) = store(&[
            ("base", json!({"name": "base"})),
            (
                "left",
                json!({"name": "left", "dependencies": [{"imageName": "base"}]}),
            ),
            (
                "top",
                json!({"name": "top", "dependencies": [
                {"imageName": "left"}, {"imageName": "x", "imageID": "base"}]}),
            ),
            (
                "round",
                json!({"name": "round", "dependencies": [{"imageName": "round"}]}),
            ),
        ]);
        let ids = find(&store, &json!({"name": "top"})).expect("found");
        assert_eq!(ids, ["base", "left", "base", "top"]);
        let error = find(&store, &json!({"name": "round"})).expect_err("without end");
        assert!(
            error.starts_with("Failed to get dependencies for image id 'round': more than"),
            "{error}"
        );
    }

    #[test]
    fn an_image_that_is_not_whole_is_told() {
        let (_dir, store) = store(&[("bad", json!({})), ("half", json!({"name": "half"}))]);
        fs::remove_dir(store.folder("half").join("rootfs")).expect("removed");
        fs::create_dir(store.folder("empty")).expect("made");
        let at = |id: &str| store.folder(id).display().to_string();
        for (id, want) in [
            (
                "bad",
                format!(
                    "Failed to get dependencies for image id 'bad': Failed to parse manifest from '{}/manifest': Protobuf parse failed: ",
                    at("bad")
                ),
            ),
            (
                "empty",
                format!(
                    "Failed to get dependencies for image id 'empty': Failed to read manifest from '{}/manifest': No such file",
                    at("empty")
                ),
            ),
            (
                "half",
                format!(
                    "Image validation failed for image at '{}': No rootfs directory found in image layout",
                    at("half")
                ),
            ),
        ] {
            let error = find(&store, &json!({"name": "n", "id": id})).expect_err(id);
            assert!(error.starts_with(&want), "{error}");
        }
    }
}
