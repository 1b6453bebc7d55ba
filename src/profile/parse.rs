//! From a profile's text to a [`Profile`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::name::is_label;
use super::reader::{Entry, Reader, Source};
use super::{
    Advertise, FlagValue, Managed, MountSetting, NodeSettings, Overrides, PortSetting,
    ProbeSetting, Profile, ProfileError, ServiceSettings, StartOrder, Tier, TierSettings, units,
    validate,
};

/// The largest profile read; a cluster's description is a page or two.
const LARGEST: usize = 1 << 20;

impl Profile {
    /// Reads and checks a profile.
    ///
    /// `file` names the text in messages. What `overrides` has wins over the text, and the text over the defaults.
    ///
    /// # Errors
    /// For the first thing that is not TOML, not a known key, or not an allowed value.
    pub fn parse(file: &str, text: &str, overrides: &Overrides) -> Result<Self, ProfileError> {
        let source = Source { file, text };
        if text.len() > LARGEST {
            return Err(source.error(
                0,
                format!("is larger than {LARGEST} bytes, so it is hardly a profile"),
            ));
        }
        let document = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            source.error(
                at,
                format!("is not TOML: {}", error.message().replace('\n', ", ")),
            )
        })?;
        let mut profile = Self::default();
        let mut reader = Reader::new(source, "", document.get_ref());
        if let Some(entry) = reader.entry("name") {
            profile.name = entry.text()?.parse().map_err(|error| entry.says(error))?;
        }
        if let Some(entry) = reader.entry("network") {
            network(&entry, &mut profile)?;
        }
        for (settings, key) in profile.tiers.iter_mut().zip(TIER_KEYS) {
            if let Some(entry) = reader.entry(key) {
                tier(&entry, settings)?;
            }
        }
        if let Some(entry) = reader.entry("mount") {
            profile.mounts = entry.list()?.iter().map(mount).collect::<Result<_, _>>()?;
        }
        if let Some(entry) = reader.entry("service") {
            for item in entry.list()? {
                let service = service(&item, &profile.services)?;
                profile.services.push(service);
            }
        }
        reader.finish()?;
        profile.apply(overrides);
        validate::check(&profile).map_err(|fault| fault.located(source))?;
        Ok(profile)
    }

    fn apply(&mut self, overrides: &Overrides) {
        let Overrides {
            name,
            subnet,
            agents,
        } = overrides;
        if let Some(name) = name {
            self.name = name.clone();
        }
        if let Some(subnet) = subnet {
            self.network.subnet = Some(*subnet);
        }
        if let (Some(agents), Some(tier)) = (
            agents,
            self.tiers
                .iter_mut()
                .find(|tier| tier.tier == Tier::MesosAgent),
        ) {
            tier.count = *agents;
        }
    }
}

/// The sections of the built-in tiers, in the order of [`Tier::BUILT_IN`].
const TIER_KEYS: [&str; 5] = [
    "zookeeper",
    "mesos-master",
    "mesos-agent",
    "aurora-scheduler",
    "devtools",
];

fn network(entry: &Entry<'_>, profile: &mut Profile) -> Result<(), ProfileError> {
    let mut reader = entry.table()?;
    if let Some(entry) = reader.entry("subnet") {
        profile.network.subnet = Some(entry.text()?.parse().map_err(|error| entry.says(error))?);
    }
    if let Some(entry) = reader.entry("advertise") {
        profile.network.advertise =
            entry.word(&[("address", Advertise::Address), ("name", Advertise::Name)])?;
    }
    reader.finish()
}

fn tier(entry: &Entry<'_>, settings: &mut TierSettings) -> Result<(), ProfileError> {
    let mut reader = entry.table()?;
    if let Some(entry) = reader.entry("count") {
        settings.count = count(&entry, &settings.tier)?;
    }
    if settings.tier == Tier::MesosAgent {
        if let Some(entry) = reader.entry("resources") {
            settings.resources = Some(entry.text()?.to_owned());
        }
        if let Some(entry) = reader.entry("attributes") {
            settings.attributes = Some(entry.text()?.to_owned());
        }
        if let Some(entry) = reader.entry("docker_tasks") {
            settings.docker_tasks = entry.switch()?;
        }
    }
    settings.node = node(&mut reader)?;
    reader.finish()
}

fn count(entry: &Entry<'_>, tier: &Tier) -> Result<u16, ProfileError> {
    let number = match tier {
        Tier::Zookeeper => {
            let number = entry
                .whole(1, 3)
                .map_err(|_| entry.wrong("1, or 3 for an ensemble"))?;
            if number == 2 {
                return Err(entry.wrong("1, or 3 for an ensemble"));
            }
            number
        }
        Tier::MesosMaster => entry.whole(1, validate::MOST_MASTERS)?,
        Tier::MesosAgent => entry.whole(0, validate::MOST_AGENTS)?,
        Tier::Devtools => entry.whole(0, 1)?,
        _ => entry.whole(0, validate::MOST_SCHEDULERS)?,
    };
    Ok(small(number))
}

/// A number whose range was checked before.
fn small(number: u64) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn service(entry: &Entry<'_>, others: &[ServiceSettings]) -> Result<ServiceSettings, ProfileError> {
    let mut reader = entry.table()?;
    let name = reader
        .entry("name")
        .ok_or_else(|| entry.says("has no `name`"))?;
    let text = name.text()?;
    if !is_label(text) {
        return Err(name.wrong("lower-case letters, digits and `-` between them"));
    }
    if matches!(Tier::named(text), Tier::Service(_)) {
        if others.iter().any(|other| other.name == text) {
            return Err(name.says(format!("there are two services named `{text}`")));
        }
    } else {
        return Err(name.says(format!("`{text}` is the name of a built-in tier")));
    }
    let mut after = Vec::new();
    if let Some(entry) = reader.entry("after") {
        let known: Vec<&str> = TIER_KEYS
            .into_iter()
            .chain(others.iter().map(|other| other.name.as_str()))
            .collect();
        for item in entry.list()? {
            let words: Vec<(&str, usize)> = known
                .iter()
                .enumerate()
                .map(|(index, word)| (*word, index))
                .collect();
            let index = item.word(&words)?;
            after.extend(known.get(index).map(|name| Tier::named(name)));
        }
    }
    let args = reader
        .entry("args")
        .map(|entry| entry.texts())
        .transpose()?
        .unwrap_or_default();
    let node = node(&mut reader)?;
    if node.image.is_none() {
        return Err(entry.says(format!("service `{text}` has no `image`")));
    }
    reader.finish()?;
    Ok(ServiceSettings {
        name: text.to_owned(),
        after,
        args,
        node,
    })
}

fn node(reader: &mut Reader<'_>) -> Result<NodeSettings, ProfileError> {
    let mut node = NodeSettings::default();
    if let Some(entry) = reader.entry("image") {
        let text = entry.text()?;
        if text.is_empty() || text.contains(char::is_whitespace) {
            return Err(entry.wrong("an image such as `name:tag`"));
        }
        node.image = Some(text.to_owned());
    }
    if let Some(entry) = reader.entry("binary") {
        node.binary = Some(PathBuf::from(entry.text()?));
    }
    if let Some(entry) = reader.entry("managed") {
        node.managed = entry.word(&[("launcher", Managed::Launcher), ("user", Managed::User)])?;
    }
    if let Some(entry) = reader.entry("env") {
        for (name, value) in entry.table()?.entries() {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(value.says("is not a variable's name"));
            }
            node.env.insert(name, scalar(&value)?);
        }
    }
    if let Some(entry) = reader.entry("flags") {
        node.flags = flags(&entry)?;
    }
    if let Some(entry) = reader.entry("ports") {
        node.ports = entry.list()?.iter().map(port).collect::<Result<_, _>>()?;
    }
    if let Some(entry) = reader.entry("cpus") {
        node.cpus = Some(cpus(&entry)?);
    }
    if let Some(entry) = reader.entry("memory") {
        let allowed = "an amount such as `\"512MB\"`, at least `\"6MB\"`";
        let amount = entry
            .value
            .as_str()
            .and_then(units::bytes)
            .filter(|bytes| (6 << 20..=1 << 50).contains(bytes));
        node.memory = Some(amount.ok_or_else(|| entry.wrong(allowed))?);
    }
    if let Some(entry) = reader.entry("probe") {
        let (probe, within) = probe(&entry)?;
        node.probe = probe;
        node.ready_within = within;
    }
    if let Some(entry) = reader.entry("start") {
        node.start =
            Some(entry.word(&[("eager", StartOrder::Eager), ("gated", StartOrder::Gated)])?);
    }
    Ok(node)
}

fn flags(entry: &Entry<'_>) -> Result<BTreeMap<String, FlagValue>, ProfileError> {
    let mut flags = BTreeMap::new();
    for (name, value) in entry.table()?.entries() {
        if name.is_empty() || name.starts_with('-') || name.contains(['=', ' ']) {
            return Err(value.says("is not a flag's name: write it without dashes"));
        }
        let flag = match value.value {
            DeValue::Boolean(switch) => FlagValue::Switch(*switch),
            _ => FlagValue::Text(scalar(&value)?),
        };
        flags.insert(name, flag);
    }
    Ok(flags)
}

/// A string, or a number or truth value as it is written.
fn scalar(entry: &Entry<'_>) -> Result<String, ProfileError> {
    match entry.value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.to_string()),
        DeValue::Float(number) => Ok(number.to_string()),
        DeValue::Boolean(value) => Ok(value.to_string()),
        _ => Err(entry.wrong("a string, a number or a truth value")),
    }
}

fn port(entry: &Entry<'_>) -> Result<PortSetting, ProfileError> {
    let allowed = "a port from 1 to 65535, or `\"HOST:CONTAINER\"` for a fixed port on the host";
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    match entry.value {
        DeValue::Integer(found) => number(found.as_str()).map(|container| PortSetting {
            container,
            host: None,
        }),
        DeValue::String(text) => text.split_once(':').and_then(|(host, container)| {
            Some(PortSetting {
                container: number(container)?,
                host: Some(number(host)?),
            })
        }),
        _ => None,
    }
    .ok_or_else(|| entry.wrong(allowed))
}

fn cpus(entry: &Entry<'_>) -> Result<f64, ProfileError> {
    let number: Option<f64> = match entry.value {
        DeValue::Integer(found) => found.as_str().parse().ok(),
        DeValue::Float(found) => found.as_str().parse().ok(),
        _ => None,
    };
    number
        .filter(|number| (0.01..=4096.0).contains(number))
        .ok_or_else(|| entry.wrong("a number of processors, at least 0.01"))
}

fn probe(
    entry: &Entry<'_>,
) -> Result<(Option<ProbeSetting>, Option<std::time::Duration>), ProfileError> {
    let mut reader = entry.table()?;
    let http = reader.entry("http");
    let port = reader.entry("port");
    let status = reader.entry("status");
    let exec = reader.entry("exec");
    let within = reader.entry("within");
    reader.finish()?;
    let within = within
        .map(|entry| {
            let time = entry
                .value
                .as_str()
                .and_then(units::duration)
                .filter(|time| !time.is_zero());
            time.ok_or_else(|| entry.wrong("a time such as `\"30s\"`"))
        })
        .transpose()?;
    let setting = match (http, exec) {
        (Some(_), Some(exec)) => return Err(exec.says("a probe has `http` or `exec`, not both")),
        (Some(http), None) => {
            let path = http.text()?;
            if !path.starts_with('/') {
                return Err(http.wrong("a path that begins with `/`"));
            }
            let port = port.ok_or_else(|| entry.says("an `http` probe needs a `port`"))?;
            let status = status
                .map(|entry| entry.whole(100, 599))
                .transpose()?
                .unwrap_or(200);
            Some(ProbeSetting::Http {
                port: small(port.whole(1, 65535)?),
                path: path.to_owned(),
                status: small(status),
            })
        }
        (None, Some(exec)) => {
            let command = exec.texts()?;
            if command.is_empty() {
                return Err(exec.wrong("a command and its arguments"));
            }
            Some(ProbeSetting::Exec(command))
        }
        (None, None) if within.is_some() && port.is_none() && status.is_none() => None,
        (None, None) => return Err(entry.says("a probe needs `http` with `port`, or `exec`")),
    };
    Ok((setting, within))
}

fn mount(entry: &Entry<'_>) -> Result<MountSetting, ProfileError> {
    let mut reader = entry.table()?;
    let source = reader
        .entry("source")
        .ok_or_else(|| entry.says("has no `source`"))?;
    let target = reader
        .entry("target")
        .ok_or_else(|| entry.says("has no `target`"))?;
    reader.finish()?;
    let path = target.text()?;
    if !path.starts_with('/') || path == "/" {
        return Err(target.wrong("an absolute path other than `/`"));
    }
    let source = source.text()?;
    Ok(MountSetting {
        source: PathBuf::from(if source.is_empty() { "." } else { source }),
        target: path.to_owned(),
    })
}
