//! What the flags say about executors and containers.

use std::collections::BTreeMap;
use std::path::Path;

use aurora_api::{AURORA_EXECUTOR_NAME, DockerParameter, Mode, Volume};

use super::{FlagError, Values, bad};
use crate::framework::executors::{Executor, Thermos, load};
use crate::model::settings::Overhead;

/// All executors by name: Thermos, and those of `-custom_executor_config`.
pub(super) fn all(values: &Values) -> Result<BTreeMap<String, Executor>, FlagError> {
    let text = |name| values.text(name).unwrap_or_default().to_string();
    let thermos = Thermos {
        path: text("thermos_executor_path"),
        flags: text("thermos_executor_flags"),
        resources: values.list("thermos_executor_resources"),
        home_in_sandbox: values.is_on("thermos_home_in_sandbox"),
        user: text("executor_user"),
        in_place: values.is_on("thermos_executor_in_place"),
        mounts: mounts(values)?,
    };
    let mut executors = custom(values)?;
    executors.insert(AURORA_EXECUTOR_NAME.to_string(), thermos.executor());
    Ok(executors)
}

fn custom(values: &Values) -> Result<BTreeMap<String, Executor>, FlagError> {
    let name = "custom_executor_config";
    match values.text(name) {
        None => Ok(BTreeMap::new()),
        Some(path) => load(Path::new(path))
            .map_err(|why| bad(name, path, format!("a file of executors ({why})"))),
    }
}

/// What custom executors are given beside their tasks.
pub(super) fn overheads(values: &Values) -> Result<BTreeMap<String, Overhead>, FlagError> {
    let overhead = |executor: &Executor| {
        let sum = |name: &str| {
            let resources = executor.info.resources.iter();
            let named = resources.filter(|resource| resource.name() == name);
            named.map(|resource| resource.scalar.value().max(0.0)).sum()
        };
        Overhead {
            cpus: sum("cpus"),
            ram_mb: sum("mem"),
        }
    };
    let executors = custom(values)?.into_iter();
    Ok(executors
        .map(|(name, executor)| (name, overhead(&executor)))
        .collect())
}

/// `-default_docker_parameters`
pub(super) fn docker_parameters(values: &Values) -> Result<Vec<DockerParameter>, FlagError> {
    let name = "default_docker_parameters";
    let parameter = |text: String| match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok(DockerParameter {
            name: key.to_string(),
            value: value.to_string(),
        }),
        _ => Err(bad(name, &text, "`name=value`, with commas between,")),
    };
    values.list(name).into_iter().map(parameter).collect()
}

fn mounts(values: &Values) -> Result<Vec<Volume>, FlagError> {
    let name = "global_container_mounts";
    let mount = |text: String| {
        let mut parts = text.split(':');
        let (host, container) = (parts.next()?, parts.next()?);
        let mode = match parts.next().unwrap_or("RO").to_ascii_uppercase().as_str() {
            "RW" => Mode::ReadWrite,
            "RO" => Mode::ReadOnly,
            _ => return None,
        };
        let (host_path, container_path) = (host.to_string(), container.to_string());
        parts.next().is_none().then_some(Volume {
            container_path,
            host_path,
            mode,
        })
    };
    let wrong = || {
        let value = values.text(name).unwrap_or_default();
        bad(
            name,
            value,
            "`host:container` or `host:container:mode`, with commas between,",
        )
    };
    values
        .list(name)
        .into_iter()
        .map(|text| mount(text).ok_or_else(wrong))
        .collect()
}
