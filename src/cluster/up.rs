//! `up`: converges what is there to what the profile describes, and waits until all of it is ready.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::watch;

use super::bring::{Bringing, Progress};
use super::containers::{self, HostPorts};
use super::converge::{self, Everything};
use super::labels::{self, Reach};
use super::ready::Answers;
use super::survey::Survey;
use super::{ClusterError, ClusterStatus, Event, Events, Launcher, status};
use crate::engine::{EngineError, Kind, NetworkSpec};
use crate::image::{ImageError, ImageStore, Product, References};
use crate::plan::{Image, OwnImage, Plan, Surroundings};
use crate::profile::{Managed, Profile};

/// Whether nodes that are as they should be are made anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Recreate {
    /// They are left alone.
    #[default]
    No,
    /// All are made anew, with the product and the folder of now.
    All,
}

/// How `up` is to be done.
#[derive(Debug, Clone, Default)]
pub struct UpOptions {
    /// Whether nodes that are as they should be are made anew.
    pub recreate: Recreate,
    /// The label of who starts and ends the cluster, when that is a test.
    pub owner: Option<String>,
    /// Which ports of the host the cluster takes.
    pub ports: HostPorts,
    /// The product that goes into the images, in place of the one that [`Product::find`] finds.
    pub product: Option<PathBuf>,
}

/// Brings a cluster up, and returns what it is then: every node ready.
///
/// What was started stays when this fails, or is dropped before it ends; the next `up` goes on from there.
///
/// # Errors
/// When an image cannot be had, a node cannot be made or started, dies, or is not ready in its time.
pub async fn up(
    launcher: &Launcher,
    profile: &Profile,
    options: &UpOptions,
    events: Arc<dyn Events>,
) -> Result<ClusterStatus, ClusterError> {
    // A network that was free a moment ago may be another cluster's now. Where we chose it, we choose again.
    const CHOICES: usize = 20;
    let mut last = attempt(launcher, profile, options, &events).await;
    for _ in 1..CHOICES {
        match last {
            Err(ClusterError::SubnetClash { .. }) if profile.network.subnet.is_none() => {
                last = attempt(launcher, profile, options, &events).await;
            }
            done => return done,
        }
    }
    last
}

async fn attempt(
    launcher: &Launcher,
    profile: &Profile,
    options: &UpOptions,
    events: &Arc<dyn Events>,
) -> Result<ClusterStatus, ClusterError> {
    let began = Instant::now();
    // Reading the product takes as long as asking the engine, so both go at once; who needs no image needs no product.
    let product = match options.product.clone() {
        Some(path) => tokio::spawn(Product::read(path)),
        None => tokio::spawn(Product::find()),
    };
    let survey = Survey::take(launcher, &profile.name).await?;
    let subnet = survey.subnet(&profile.name, profile.network.subnet, &launcher.host)?;
    let surroundings = Surroundings {
        subnet,
        addresses_reachable: survey.facts.local,
        folder: launcher.host.folder.clone(),
    };
    let plan = Plan::new(profile, &surroundings)?;
    if survey.facts.local {
        sources(launcher, &plan)?;
    }
    let own: Vec<_> = survey.own_networks(&profile.name).collect();
    let network_stays =
        own.len() == 1 && own.iter().all(|network| network.subnets.contains(&subnet));
    let everything = match options.recreate {
        Recreate::All => Everything::Asked,
        Recreate::No if !network_stays => Everything::NewNetwork,
        Recreate::No => Everything::Converge,
    };
    let changes = converge::changes(&plan, &survey.containers, everything);
    events.emit(Event::Planned {
        cluster: plan.cluster.clone(),
        subnet,
        tiers: plan
            .tiers
            .iter()
            .map(|tier| (tier.tier.clone(), plan.nodes_of(&tier.tier).count()))
            .collect(),
    });
    note_other_folder(&plan, &survey, &changes, events.as_ref());

    let common = labels::common(&plan.cluster, options.owner.as_deref());
    // The watch begins before anything of ours can die.
    let deaths = launcher
        .engine
        .deaths((labels::CLUSTER, plan.cluster.as_str()));
    let images = images(launcher, &plan, &changes, product, events).await?;
    clear(
        launcher,
        &survey,
        &changes,
        network_stays,
        &plan,
        events.as_ref(),
    )
    .await?;
    let (network, record) = tokio::join!(
        network(launcher, &plan, network_stays, &common),
        record(launcher, &plan, &survey, &common)
    );
    network.and(record)?;

    let answers: Answers = Mutex::default();
    let bringing = Bringing {
        launcher,
        plan: &plan,
        changes: &changes,
        images: &images,
        common,
        reach: if survey.facts.local {
            Reach::Address
        } else {
            Reach::Published
        },
        ports: options.ports,
        events: events.as_ref(),
        began,
        progress: watch::Sender::new(Progress::of(&plan)),
        alive: Mutex::default(),
    };
    tokio::select! {
        // In this order, so that a death is told before the probe that fails of it.
        biased;
        dead = bringing.deaths(deaths, &answers) => return Err(dead),
        done = async { tokio::try_join!(bringing.nodes(), bringing.verdicts(&answers)) } => done?,
    };
    if changes.is_nothing() {
        events.emit(Event::InPlace {
            nodes: plan.nodes.len(),
        });
    }
    events.emit(Event::Done {
        after: began.elapsed(),
    });
    status::all_ready(launcher, &plan.cluster).await
}

/// What is mounted must be there, and is looked for before anything is made or replaced.
fn sources(launcher: &Launcher, plan: &Plan) -> Result<(), ClusterError> {
    for node in &plan.nodes {
        for bind in &node.binds {
            if node.managed == Managed::Launcher && !(launcher.host.path_exists)(&bind.source) {
                return Err(ClusterError::NoSource {
                    path: bind.source.clone(),
                    target: bind.target.clone(),
                    node: node.name.clone(),
                });
            }
        }
    }
    Ok(())
}

/// Another folder does not replace running nodes by itself, so the user is told what they see.
fn note_other_folder(
    plan: &Plan,
    survey: &Survey,
    changes: &converge::Changes,
    events: &dyn Events,
) {
    let other = plan
        .nodes
        .iter()
        .filter(|node| !changes.makes(&node.name))
        .find_map(|node| {
            let bind = node.binds.first()?;
            let found = survey
                .containers
                .iter()
                .find(|found| found.name == containers::container_name(plan, node))?;
            let folder = found.labels.get(labels::FOLDER)?;
            (*folder != bind.source.display().to_string())
                .then(|| (bind.target.clone(), folder.clone()))
        });
    if let Some((target, folder)) = other {
        events.emit(Event::Note(format!(
            "`{target}` in the running nodes is `{folder}`, not this folder; `up --recreate` makes them anew with this one"
        )));
    }
}

/// The images of the nodes that are to be made: the launcher's own built, the others pulled where they are not there.
async fn images(
    launcher: &Launcher,
    plan: &Plan,
    changes: &converge::Changes,
    product: tokio::task::JoinHandle<Result<Product, ImageError>>,
    events: &Arc<dyn Events>,
) -> Result<References, ClusterError> {
    let needed = plan
        .nodes
        .iter()
        .filter(|node| node.managed == Managed::Launcher && changes.makes(&node.name));
    let mut own: Vec<OwnImage> = Vec::new();
    let mut named: Vec<&str> = Vec::new();
    for node in needed {
        match &node.image {
            Image::Own(image) if !own.contains(image) => own.push(*image),
            Image::Named(image) if !named.contains(&image.as_str()) => named.push(image),
            Image::Own(_) | Image::Named(_) => {}
        }
    }
    for image in named {
        pull(launcher, image, events).await?;
    }
    if own.is_empty() {
        return Ok(References::new());
    }
    let product = product.await.map_err(|_| ImageError::NoProduct)??;
    let store = ImageStore::new(Arc::clone(&launcher.engine), product);
    let sink = Arc::clone(events);
    Ok(store
        .ensure(&own, Arc::new(move |event| sink.emit(Event::Image(event))))
        .await?)
}

async fn pull(
    launcher: &Launcher,
    image: &str,
    events: &Arc<dyn Events>,
) -> Result<(), ClusterError> {
    use crate::image::ImageEvent::{Building, Built, Line};
    let failed = |source: EngineError| ImageError::Engine {
        image: image.to_owned(),
        source,
    };
    if launcher.engine.has_image(image).await.map_err(failed)? {
        return Ok(());
    }
    let began = Instant::now();
    events.emit(Event::Image(Building {
        image: image.to_owned(),
    }));
    let (sink, name) = (Arc::clone(events), image.to_owned());
    let story = move |line| {
        sink.emit(Event::Image(Line {
            image: name.clone(),
            line,
        }))
    };
    launcher
        .engine
        .pull_image(image, &story)
        .await
        .map_err(failed)?;
    events.emit(Event::Image(Built {
        image: image.to_owned(),
        took: began.elapsed(),
    }));
    Ok(())
}

/// Removes what the plan has not, and a network that is not the planned one.
async fn clear(
    launcher: &Launcher,
    survey: &Survey,
    changes: &converge::Changes,
    network_stays: bool,
    plan: &Plan,
    events: &dyn Events,
) -> Result<(), ClusterError> {
    let engine = launcher.engine.as_ref();
    for found in &changes.surplus {
        engine
            .remove_container(&found.id)
            .await
            .map_err(ClusterError::engine(format!(
                "remove container `{}`",
                found.name
            )))?;
        events.emit(Event::Removed {
            kind: "container",
            name: found.name.clone(),
        });
        let node = found.labels.get(labels::NODE);
        for (volume, _) in survey
            .volumes
            .iter()
            .filter(|(_, of)| node.is_some() && of.get(labels::NODE) == node)
        {
            engine
                .remove_volume(volume)
                .await
                .map_err(ClusterError::engine(format!("remove volume `{volume}`")))?;
        }
    }
    if network_stays {
        return Ok(());
    }
    // A network goes only when nothing is in it; all nodes are made anew on the new one.
    let removals = survey
        .containers
        .iter()
        .map(|found| engine.remove_container(&found.id));
    futures_util::future::try_join_all(removals)
        .await
        .map_err(ClusterError::engine("remove the nodes of the old network"))?;
    for network in survey.own_networks(&plan.cluster) {
        engine
            .remove_network(&network.id)
            .await
            .map_err(ClusterError::engine(format!(
                "remove network `{}`",
                network.name
            )))?;
        events.emit(Event::Removed {
            kind: "network",
            name: network.name.clone(),
        });
    }
    Ok(())
}

async fn network(
    launcher: &Launcher,
    plan: &Plan,
    stays: bool,
    common: &crate::engine::Labels,
) -> Result<(), ClusterError> {
    if stays {
        return Ok(());
    }
    let spec = NetworkSpec {
        name: plan.cluster.to_string(),
        subnet: plan.subnet,
        range: plan.range,
        gateway: plan.gateway,
        labels: common.clone(),
    };
    match launcher.engine.create_network(&spec).await {
        Ok(()) => Ok(()),
        Err(error) if error.kind == Kind::SubnetTaken => {
            let other = format!("another network of the engine ({error})");
            Err(ClusterError::SubnetClash {
                subnet: plan.subnet,
                other,
            })
        }
        Err(error) => Err(ClusterError::engine(format!(
            "make network `{}`",
            plan.cluster
        ))(error)),
    }
}

/// Notes which nodes were asked for, so that `status` misses one that is gone: an empty volume whose label names them.
///
/// Labels of a container or a network cannot change while it is used; a volume that nobody mounts is made anew at will.
async fn record(
    launcher: &Launcher,
    plan: &Plan,
    survey: &Survey,
    common: &crate::engine::Labels,
) -> Result<(), ClusterError> {
    let names: Vec<&str> = plan
        .nodes
        .iter()
        .filter(|node| node.managed == Managed::Launcher)
        .map(|node| node.name.as_str())
        .collect();
    let names = names.join(",");
    let name = format!("{}-nodes", plan.cluster);
    let engine = launcher.engine.as_ref();
    match survey.volumes.iter().find(|(found, _)| *found == name) {
        Some((_, found)) if found.get(labels::NODES) == Some(&names) => return Ok(()),
        Some(_) => engine
            .remove_volume(&name)
            .await
            .map_err(ClusterError::engine(format!("remove volume `{name}`")))?,
        None => {}
    }
    let mut labels = common.clone();
    labels.insert(labels::NODES.to_owned(), names);
    engine
        .create_volume(&name, &labels)
        .await
        .map_err(ClusterError::engine(format!("make volume `{name}`")))
}
