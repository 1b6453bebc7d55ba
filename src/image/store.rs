//! Finding, building and clearing out the launcher's own images.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::archive::{Entry, archive};
use super::material::Material;
use super::turn::Turn;
use super::{ImageError, Product, base};
use crate::engine::{BuildSpec, Engine, EngineError, Kind};
use crate::plan::OwnImage;

/// The label of every image that the launcher made. The Dockerfiles set it, before the product comes in: set from here it
/// would be a step after that, and cost another second for each image whenever the product changes.
pub const IMAGE_LABEL: &str = "devcluster.image";

/// The names of the images that nodes are made of.
pub type References = BTreeMap<OwnImage, String>;

/// What happens to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageEvent {
    /// Another launcher makes images; this one goes on when that is done.
    Waiting,
    /// It is being made.
    Building {
        /// Which.
        image: String,
    },
    /// A line of its making.
    Line {
        /// Which.
        image: String,
        /// The line.
        line: String,
    },
    /// It is there.
    Built {
        /// Which.
        image: String,
        /// How long that took.
        took: Duration,
    },
}

/// The launcher's own images in an engine.
pub struct ImageStore {
    engine: Arc<dyn Engine>,
    product: Product,
}

type Tell<'a> = &'a (dyn Fn(ImageEvent) + Send + Sync);

impl ImageStore {
    /// The images that carry that product.
    pub fn new(engine: Arc<dyn Engine>, product: Product) -> Self {
        Self { engine, product }
    }

    /// The name that an image has, made or not.
    pub fn reference(&self, image: OwnImage) -> String {
        let material = Material::own(image);
        format!(
            "devcluster/{}:{}",
            image.name(),
            material.hash(&[base_name().as_bytes(), &self.product.digest])
        )
    }

    /// Makes those of the images that are not there, and removes the ones that they supersede.
    ///
    /// # Errors
    /// When one cannot be made.
    pub async fn ensure(
        &self,
        images: &[OwnImage],
        tell: Arc<dyn Fn(ImageEvent) + Send + Sync>,
    ) -> Result<References, ImageError> {
        let references: References = images
            .iter()
            .map(|image| (*image, self.reference(*image)))
            .collect();
        if self.missing(&references).await?.is_empty() {
            return Ok(references);
        }
        let _turn = Turn::take(TURN, || tell(ImageEvent::Waiting)).await;
        // Whoever had the turn before may have made them.
        let missing = self.missing(&references).await?;
        if missing.is_empty() {
            return Ok(references);
        }
        let base = self.base(&tell).await?;
        // ZooKeeper's takes its time. The others share their first layer, so each finds it made by the one before.
        let (slow, quick): (Vec<_>, Vec<_>) = missing
            .into_iter()
            .partition(|image| *image == OwnImage::Zookeeper);
        let lane = async |images: Vec<OwnImage>| {
            for image in images {
                self.build(image, &base, &references, tell.as_ref()).await?;
            }
            Ok::<_, ImageError>(())
        };
        tokio::try_join!(lane(slow), lane(quick))?;
        self.prune(&references).await;
        Ok(references)
    }

    /// Those of the images that the engine does not have.
    async fn missing(&self, references: &References) -> Result<Vec<OwnImage>, ImageError> {
        let there = self.names().await?;
        Ok(references
            .iter()
            .filter(|(_, name)| !there.contains(*name))
            .map(|(image, _)| *image)
            .collect())
    }

    /// The names of the launcher's images that the engine has.
    async fn names(&self) -> Result<BTreeSet<String>, ImageError> {
        let found = self.engine.images(IMAGE_LABEL).await;
        let found = found.map_err(|source| failed("base", source))?;
        Ok(found.into_iter().flat_map(|image| image.names).collect())
    }

    async fn base(
        &self,
        tell: &Arc<dyn Fn(ImageEvent) + Send + Sync>,
    ) -> Result<String, ImageError> {
        let name = base_name();
        if self.names().await?.contains(&name) {
            return Ok(name);
        }
        let began = Instant::now();
        tell(ImageEvent::Building {
            image: "base".to_owned(),
        });
        let story = line_teller("base", tell);
        let material = Material::base();
        let root = base::root(self.engine.as_ref(), &material, &*story).await?;
        self.make("base", &name, &root, material, None, &*story)
            .await?;
        tell(ImageEvent::Built {
            image: "base".to_owned(),
            took: began.elapsed(),
        });
        Ok(name)
    }

    async fn build(
        &self,
        image: OwnImage,
        base: &str,
        references: &References,
        tell: Tell<'_>,
    ) -> Result<(), ImageError> {
        let Some(name) = references.get(&image) else {
            return Ok(());
        };
        let began = Instant::now();
        tell(ImageEvent::Building {
            image: image.name().to_owned(),
        });
        let (send, mut lines) = tokio::sync::mpsc::unbounded_channel();
        let story = move |line: String| {
            // Nobody listens once the build is over.
            let _ = send.send(line);
        };
        let building = async {
            let result = self
                .make(
                    image.name(),
                    name,
                    base,
                    Material::own(image),
                    Some(&self.product),
                    &story,
                )
                .await;
            drop(story);
            result
        };
        let telling = async {
            while let Some(line) = lines.recv().await {
                tell(ImageEvent::Line {
                    image: image.name().to_owned(),
                    line,
                });
            }
        };
        let (result, ()) = tokio::join!(building, telling);
        result?;
        tell(ImageEvent::Built {
            image: image.name().to_owned(),
            took: began.elapsed(),
        });
        Ok(())
    }

    async fn make(
        &self,
        image: &str,
        name: &str,
        from: &str,
        material: Material,
        product: Option<&Product>,
        story: &crate::engine::Story,
    ) -> Result<(), ImageError> {
        let mut entries = material.0.clone();
        if material.wants(CERTIFICATES) {
            entries.push(Entry::new(CERTIFICATES, certificates()));
        }
        if let Some(product) = product {
            entries.push(Entry {
                path: "devcluster".to_owned(),
                mode: 0o755,
                content: product.content.clone(),
            });
        }
        let context = archive(&entries)
            .map_err(|error| failed(image, EngineError::new(Kind::Build, error.to_string())))?;
        let mut args = proxies();
        args.insert("BASE".to_owned(), from.to_owned());
        let spec = BuildSpec {
            name: name.to_owned(),
            context,
            args,
        };
        self.engine
            .build_image(spec, story)
            .await
            .map_err(|source| failed(image, source))
    }

    /// Removes images of ours that newer ones supersede, and those that interrupted builds left without a name. One in
    /// use stays, and nothing is said of one that cannot go.
    async fn prune(&self, current: &References) {
        let Ok(found) = self.engine.images(IMAGE_LABEL).await else {
            return;
        };
        for image in found {
            let age = image.made.elapsed().unwrap_or_default();
            if image.names.is_empty() && age >= NAMED_WITHIN {
                let _ = self.engine.remove_image(&image.id).await;
            }
            for name in &image.names {
                let kind = name
                    .strip_prefix("devcluster/")
                    .and_then(|rest| rest.split_once(':'))
                    .map(|(kind, _)| kind);
                let superseding = match kind {
                    Some("base") => Some(base_name()),
                    _ => current
                        .iter()
                        .find(|(image, _)| Some(image.name()) == kind)
                        .map(|(_, name)| name.clone()),
                };
                if superseding.is_some_and(|superseding| superseding != *name) {
                    let _ = self.engine.remove_image(name).await;
                }
            }
        }
    }
}

/// The name of the turn in which a launcher makes images.
const TURN: &str = "devcluster-images";

/// How long another launcher's build may take to give its image a name.
const NAMED_WITHIN: Duration = Duration::from_secs(60);

const CERTIFICATES: &str = "ca-certificates.crt";

fn base_name() -> String {
    format!("devcluster/base:{}", Material::base().hash(&[]))
}

fn failed(image: &str, source: EngineError) -> ImageError {
    ImageError::Engine {
        image: image.to_owned(),
        source,
    }
}

fn line_teller(
    image: &str,
    tell: &Arc<dyn Fn(ImageEvent) + Send + Sync>,
) -> Box<crate::engine::Story> {
    let (image, tell) = (image.to_owned(), Arc::clone(tell));
    Box::new(move |line| {
        tell(ImageEvent::Line {
            image: image.clone(),
            line,
        })
    })
}

/// The host's certificates, so that downloads during a build trust what the host trusts; empty where it has none.
fn certificates() -> Bytes {
    let named = env::var_os("SSL_CERT_FILE").map(std::path::PathBuf::from);
    let usual = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
    ];
    let places = named
        .into_iter()
        .chain(usual.iter().map(|path| Path::new(path).to_path_buf()));
    places
        .into_iter()
        .find_map(|path| std::fs::read(path).ok())
        .unwrap_or_default()
        .into()
}

/// The host's proxies, under the names that the builder hands on.
fn proxies() -> BTreeMap<String, String> {
    const NAMES: [&str; 8] = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "FTP_PROXY",
        "ftp_proxy",
        "NO_PROXY",
        "no_proxy",
    ];
    NAMES
        .iter()
        .filter_map(|name| {
            Some((
                (*name).to_owned(),
                env::var(name).ok().filter(|value| !value.is_empty())?,
            ))
        })
        .collect()
}
