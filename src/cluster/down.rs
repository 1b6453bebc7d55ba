//! `down`: removes every container, network and volume of a cluster, what images its agents have made, and
//! nothing else.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use std::time::{Duration, Instant};

use super::{ClusterError, Event, Events, Launcher, labels};
use crate::engine::{EngineError, Kind, Labels};
use crate::profile::ClusterName;

/// How much was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Containers.
    pub containers: usize,
    /// Networks.
    pub networks: usize,
    /// Volumes.
    pub volumes: usize,
    /// Images that its agents have made; those of its nodes stay for the next cluster.
    pub images: usize,
}

impl Removed {
    /// Whether there was nothing to remove.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// How long what others still do to the cluster is waited for.
const OTHERS_END_WITHIN: Duration = Duration::from_secs(5);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(100);

/// Removes all that carries the cluster's label. Fine with nothing there.
///
/// The engine goes on making what an interrupted `up` asked it for, and its volumes cannot be removed until then: that
/// is waited for, and removed as well.
///
/// # Errors
/// When the engine cannot be asked, or refuses to remove something; the rest is removed all the same.
pub async fn down(
    launcher: &Launcher,
    cluster: &ClusterName,
    events: &dyn Events,
) -> Result<Removed, ClusterError> {
    let began = Instant::now();
    let mut sum = Removed::default();
    loop {
        let (removed, refused) = round(launcher, cluster, events).await?;
        sum.containers += removed.containers;
        sum.networks += removed.networks;
        sum.volumes += removed.volumes;
        sum.images += removed.images;
        match refused {
            Some(error) if began.elapsed() >= OTHERS_END_WITHIN || !is_busy(&error) => {
                return Err(error);
            }
            Some(_) => tokio::time::sleep(PAUSE).await,
            None if removed.is_nothing() => return Ok(sum),
            None => {}
        }
    }
}

fn is_busy(error: &ClusterError) -> bool {
    error
        .engine_error()
        .is_some_and(|error| error.kind == Kind::Conflict)
}

/// Removes what there is now: how much that was, and the first thing that the engine refused.
async fn round(
    launcher: &Launcher,
    cluster: &ClusterName,
    events: &dyn Events,
) -> Result<(Removed, Option<ClusterError>), ClusterError> {
    let engine = launcher.engine.as_ref();
    let own = [(labels::CLUSTER, cluster.as_str())];
    let (containers, networks, volumes, images) = tokio::try_join!(
        engine.containers(&own),
        engine.networks(),
        engine.volumes(&own),
        engine.images(labels::CLUSTER)
    )
    .map_err(ClusterError::engine("ask the engine for the cluster"))?;
    let is_own = |found: &Labels| {
        let owner = found.get(labels::CLUSTER);
        owner.is_some_and(|owner| owner == cluster.as_str())
    };
    let networks: Vec<_> = networks
        .into_iter()
        .filter(|network| is_own(&network.labels))
        .collect();
    let images: Vec<String> = images
        .into_iter()
        .filter(|image| is_own(&image.labels))
        .flat_map(|image| match image.names.is_empty() {
            true => vec![image.id],
            false => image.names,
        })
        .collect();
    let mut first = None;
    let mut removed = Removed::default();
    let mut note = |kind: &'static str, name: String, result: Result<(), EngineError>| match result
    {
        Ok(()) => {
            match kind {
                "container" => removed.containers += 1,
                "network" => removed.networks += 1,
                "image" => removed.images += 1,
                _ => removed.volumes += 1,
            }
            events.emit(Event::Removed { kind, name });
        }
        Err(error) => {
            first.get_or_insert_with(|| {
                ClusterError::engine(format!("remove {kind} `{name}`"))(error)
            });
        }
    };
    let mut removals: FuturesUnordered<_> = containers
        .iter()
        .map(async |found| (found.name.clone(), engine.remove_container(&found.id).await))
        .collect();
    while let Some((name, result)) = removals.next().await {
        note("container", name, result);
    }
    drop(removals);
    // Networks, volumes and images can go only when nobody uses them any more.
    let network_removals = networks.iter().map(async |network| {
        (
            "network",
            network.name.clone(),
            remove_network(engine, &network.id).await,
        )
    });
    let volume_removals = volumes
        .iter()
        .map(async |(name, _)| ("volume", name.clone(), engine.remove_volume(name).await));
    let image_removals = images
        .iter()
        .map(async |name| ("image", name.clone(), engine.remove_image(name).await));
    let (of_networks, of_volumes, of_images) = tokio::join!(
        futures_util::future::join_all(network_removals),
        futures_util::future::join_all(volume_removals),
        futures_util::future::join_all(image_removals)
    );
    let all = of_networks.into_iter().chain(of_volumes).chain(of_images);
    for (kind, name, result) in all {
        note(kind, name, result);
    }
    Ok((removed, first))
}

/// Removes a network; one whose last container is just leaving is tried again.
async fn remove_network(engine: &dyn crate::engine::Engine, id: &str) -> Result<(), EngineError> {
    let mut last = Ok(());
    for _ in 0..40 {
        last = engine.remove_network(id).await;
        match &last {
            Err(error)
                if matches!(error.kind, Kind::Conflict | Kind::Forbidden)
                    || error.message.contains("active endpoints") =>
            {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            _ => return last,
        }
    }
    last
}
