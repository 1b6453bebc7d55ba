//! What each tier runs: one file a tier, each a function from the profile to a [`Recipe`].

mod aurora_scheduler;
mod devtools;
mod mesos_agent;
mod mesos_master;
mod service;
mod zookeeper;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::check::{Check, Probe};
use super::flags::{Flags, Style};
use super::node::{File, Image, Link, OwnImage, VolumeOf};
use super::template::{TemplateError, Values};
use crate::profile::{NodeSettings, ProbeSetting, Profile, Tier, TierSettings};

/// PID 1 of every node made of the launcher's own images.
const INIT: &str = "/sbin/node-init";

/// Where nodes see the keys that they share.
const KEYS: (VolumeOf, &str) = (VolumeOf::Cluster, "/etc/devcluster/keys");

/// What a tier's node is made of and runs, before names, addresses and settings are put to it.
#[derive(Debug, Default)]
pub(super) struct Recipe {
    pub(super) image: Option<Image>,
    pub(super) entrypoint: Option<Vec<String>>,
    pub(super) command: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    /// The ports that the tier publishes.
    pub(super) ports: Vec<u16>,
    /// Whose volumes the node has, and where they are seen.
    pub(super) volumes: Vec<(VolumeOf, &'static str)>,
    pub(super) files: Vec<File>,
    /// Sockets of the host that the node sees where they are there.
    pub(super) sockets: Vec<&'static str>,
    pub(super) links: Vec<Link>,
}

/// What a recipe may know of its node and cluster.
pub(super) struct Context<'a> {
    pub(super) profile: &'a Profile,
    /// The node's name.
    pub(super) node: &'a str,
    pub(super) index: u16,
    pub(super) address: Ipv4Addr,
    /// What the node tells others to reach it by.
    pub(super) advertised: &'a str,
    pub(super) values: &'a Values,
}

/// Whether a tier's program is started by the launcher's own init.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Own,
    Foreign,
}

pub(super) fn recipe(tier: &Tier, context: &Context<'_>) -> Result<Recipe, TemplateError> {
    if let Tier::Service(name) = tier {
        let service = context
            .profile
            .services
            .iter()
            .find(|service| service.name == *name);
        return service.map_or_else(
            || Ok(Recipe::default()),
            |service| service::recipe(service, context),
        );
    }
    let Some(settings) = context.profile.tier(tier) else {
        return Ok(Recipe::default());
    };
    match tier {
        Tier::Zookeeper => zookeeper::recipe(settings, context),
        Tier::MesosMaster => mesos_master::recipe(settings, context),
        Tier::MesosAgent => mesos_agent::recipe(settings, context),
        Tier::AuroraScheduler => aurora_scheduler::recipe(settings, context),
        Tier::Devtools | Tier::Service(_) => devtools::recipe(settings, context),
    }
}

/// The tiers that a tier needs, of those that the profile has.
pub(super) fn needs(tier: &Tier, profile: &Profile) -> Vec<Tier> {
    let needs: &[Tier] = match tier {
        Tier::Zookeeper => &[],
        Tier::MesosMaster => &[Tier::Zookeeper],
        Tier::MesosAgent | Tier::AuroraScheduler => &[Tier::MesosMaster],
        Tier::Devtools => &[Tier::AuroraScheduler],
        Tier::Service(name) => {
            return profile
                .services
                .iter()
                .find(|service| service.name == *name)
                .map_or(Vec::new(), |service| service.after.clone());
        }
    };
    needs.to_vec()
}

/// The tiers after which a tier starts: those that it needs, but for devtools, which runs nothing of its own. It starts with
/// the scheduler, so that nobody waits for it in the end.
pub(super) fn starts_after(tier: &Tier, profile: &Profile) -> Vec<Tier> {
    match tier {
        Tier::Devtools => vec![Tier::MesosMaster],
        _ => needs(tier, profile),
    }
}

/// When a tier is ready, as the profile or the tier says.
pub(super) fn probe(tier: &Tier, profile: &Profile, settings: &NodeSettings) -> Probe {
    let checks = match &settings.probe {
        Some(ProbeSetting::Http { port, path, status }) => {
            vec![Check::own_http(*port, path, super::Want::Status(*status))]
        }
        Some(ProbeSetting::Exec(command)) => vec![Check {
            at: super::Where::Own,
            ask: super::Ask::Exec {
                command: command.clone(),
            },
            want: super::Want::Success,
        }],
        None => match tier {
            Tier::Zookeeper => zookeeper::checks(),
            Tier::MesosMaster => mesos_master::checks(),
            Tier::MesosAgent => mesos_agent::checks(),
            Tier::AuroraScheduler => aurora_scheduler::checks(),
            Tier::Devtools => devtools::checks(profile),
            Tier::Service(_) => Vec::new(),
        },
    };
    const WITHIN: Duration = Duration::from_secs(60);
    let within = settings.ready_within.unwrap_or(WITHIN);
    Probe {
        checks,
        within_ms: u64::try_from(within.as_millis()).unwrap_or(u64::MAX),
    }
}

/// The image and entry point of a tier that runs one program with flags.
///
/// A program of the user's lies under a path of its own, so that the image's other programs stay what they are.
fn program(
    settings: &NodeSettings,
    own: OwnImage,
    name: &str,
    args: Vec<String>,
) -> (Image, Option<Vec<String>>, Vec<String>, Origin) {
    let path = match &settings.binary {
        Some(_) => binary_target(name),
        None => name.to_owned(),
    };
    match &settings.image {
        Some(image) => (
            Image::Named(image.clone()),
            Some(vec![path]),
            args,
            Origin::Foreign,
        ),
        None => {
            let command = std::iter::once(path).chain(args).collect();
            (
                Image::Own(own),
                Some(vec![INIT.to_owned()]),
                command,
                Origin::Own,
            )
        }
    }
}

/// Where a node sees a program of the user's.
pub(super) fn binary_target(name: &str) -> String {
    format!("/opt/devcluster/{name}")
}

/// The name of a tier's program.
pub(super) fn program_name(tier: &Tier) -> Option<&'static str> {
    match tier {
        Tier::MesosMaster => Some("mesos-master"),
        Tier::MesosAgent => Some("mesos-agent"),
        Tier::AuroraScheduler => Some("aurora-scheduler"),
        Tier::Zookeeper | Tier::Devtools | Tier::Service(_) => None,
    }
}

/// The flags of a tier's program with the profile's over them.
fn arguments(
    flags: Flags,
    settings: &TierSettings,
    style: Style,
    context: &Context<'_>,
) -> Result<Vec<String>, TemplateError> {
    flags
        .overlay(&settings.node.flags)
        .write(style, |text| context.values.expand(text))
}

fn page(port: u16, path: &str) -> Link {
    Link {
        scheme: "http".to_owned(),
        port,
        path: path.to_owned(),
    }
}
