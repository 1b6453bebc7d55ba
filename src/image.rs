//! What each image is made of, hashed by content; finding and building it.
//!
//! Every image is a Debian base plus the product's one file in its last layer. An image's tag is the hash of all that goes
//! into it, so one that is there is the right one, and a second `up` builds nothing.

mod archive;
mod base;
mod elf;
mod material;
mod product;
mod store;
mod turn;

use std::path::PathBuf;

use crate::engine::EngineError;

pub use archive::{Entry, archive};
pub use product::Product;
pub use store::{IMAGE_LABEL, ImageEvent, ImageStore, References};

/// An image that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The engine could not build, import, list or fetch it.
    #[error("cannot make image `{image}`")]
    Engine {
        /// The image.
        image: String,
        /// Why.
        #[source]
        source: EngineError,
    },
    /// Neither a registry nor `mmdebstrap` gave a base.
    #[error("cannot make the base image: {problem}")]
    Base {
        /// What the script said.
        problem: String,
        /// What it advised.
        advice: Option<String>,
    },
    /// The base's script could not be run at all.
    #[error("cannot run the script that makes the base image")]
    Script(#[source] std::io::Error),
    /// There is no product binary to put into images.
    #[error("cannot find the `devcluster` program that goes into the images")]
    NoProduct,
    /// It cannot be read.
    #[error("cannot read `{path}`, the program that goes into the images", path = .path.display())]
    Product {
        /// Where it is.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It would not run in an image.
    #[error("`{path}` cannot go into the images: {why}", path = .path.display())]
    Unfit {
        /// Where it is.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

impl ImageError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Engine { source, .. } => source.hint().map(str::to_owned),
            Self::Base { advice, .. } => {
                Some(advice.clone().unwrap_or_else(|| "see that a Debian mirror or an image registry can be reached".to_owned()))
            }
            Self::Script(_) => Some("install `bash`, and see that the folder for temporary files can be written".to_owned()),
            Self::NoProduct => Some("set `DEVCLUSTER_BIN` to it, or put it on `PATH`".to_owned()),
            Self::Product { .. } => Some("set `DEVCLUSTER_BIN` to a `devcluster` program that can be read".to_owned()),
            Self::Unfit { .. } => {
                Some("build it with `cargo build --release` in a clone, with `RUSTFLAGS` unset, and set `DEVCLUSTER_BIN` to it".to_owned())
            }
        }
    }
}
