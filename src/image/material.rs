//! What the images are made of: the files under `images/`, carried inside the launcher.

use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

use super::archive::Entry;
use crate::plan::OwnImage;

static BASE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/images/base");
static ZOOKEEPER: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/images/zookeeper");
static MESOS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/images/mesos/image");
static AURORA: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/images/aurora/image");
static DEVTOOLS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/images/devtools");

/// Files that a build needs, in a fixed order.
#[derive(Debug, Clone)]
pub(super) struct Material(pub(super) Vec<Entry>);

impl Material {
    /// The base's: its Dockerfile, and the script that makes its root file system.
    pub(super) fn base() -> Self {
        Self::of(&BASE)
    }

    /// An image's.
    pub(super) fn own(image: OwnImage) -> Self {
        Self::of(match image {
            OwnImage::Zookeeper => &ZOOKEEPER,
            OwnImage::Mesos => &MESOS,
            OwnImage::Aurora => &AURORA,
            OwnImage::Devtools => &DEVTOOLS,
        })
    }

    fn of(dir: &'static Dir<'static>) -> Self {
        let mut entries = Vec::new();
        collect(dir, &mut entries);
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        Self(entries)
    }

    /// Whether the Dockerfile speaks of a file.
    pub(super) fn wants(&self, name: &str) -> bool {
        let dockerfile = self.0.iter().find(|entry| entry.path == "Dockerfile");
        dockerfile.is_some_and(|entry| String::from_utf8_lossy(&entry.content).contains(name))
    }

    /// The hash of these files and of what else goes into the image: twelve hexadecimal digits.
    pub(super) fn hash(&self, others: &[&[u8]]) -> String {
        let mut hasher = Sha256::new();
        // Lengths go in too, so that no two sets of files run into the same bytes.
        let mut put = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        for entry in &self.0 {
            put(entry.path.as_bytes());
            put(&entry.content);
        }
        others.iter().for_each(|other| put(other));
        hasher
            .finalize()
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// The files of a folder and its folders; sources and manifests of crates beside them are not material.
fn collect(dir: &'static Dir<'static>, entries: &mut Vec<Entry>) {
    for file in dir.files() {
        let path = file.path().to_string_lossy();
        if !path.ends_with(".md") {
            entries.push(Entry::new(path.into_owned(), file.contents()));
        }
    }
    for folder in dir
        .dirs()
        .filter(|folder| folder.get_file(folder.path().join("Cargo.toml")).is_none())
    {
        collect(folder, entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_has_a_dockerfile_and_no_sources() {
        let own = [
            OwnImage::Zookeeper,
            OwnImage::Mesos,
            OwnImage::Aurora,
            OwnImage::Devtools,
        ]
        .map(Material::own);
        for material in own.into_iter().chain([Material::base()]) {
            let paths: Vec<&str> = material.0.iter().map(|entry| entry.path.as_str()).collect();
            assert!(paths.contains(&"Dockerfile"), "{paths:?}");
            assert!(
                !paths
                    .iter()
                    .any(|path| path.ends_with(".rs") || path.ends_with("Cargo.toml")),
                "{paths:?}"
            );
        }
    }

    #[test]
    fn the_hash_follows_every_part() {
        let entry = |path: &str, content: &'static str| Entry::new(path, content);
        let hash = |entries: &[Entry], others: &[&[u8]]| Material(entries.to_vec()).hash(others);
        let one = hash(&[entry("a", "x")], &[b"p"]);
        assert_eq!(one, hash(&[entry("a", "x")], &[b"p"]));
        assert_eq!(one.len(), 12);
        for other in [
            hash(&[entry("b", "x")], &[b"p"]),
            hash(&[entry("a", "y")], &[b"p"]),
            hash(&[entry("a", "x")], &[b"q"]),
            hash(&[entry("a", "xp")], &[]),
            hash(&[entry("a", "x")], &[b"p", b""]),
        ] {
            assert_ne!(one, other);
        }
    }
}
