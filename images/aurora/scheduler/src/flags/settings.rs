//! Flags become the parts' settings.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use mesos_wire::authentication::Credential;
use mesos_wire::zk::Url;
use serde::Deserialize;

use super::{FlagError, Values, bad, callers, executors, outside};
use crate::backup::Backups;
use crate::framework::{Identity, Launcher};
use crate::model::settings::environments::Environments;
use crate::model::settings::{Settings, Tier};
use crate::outside::webhook::Webhook;
use crate::security::Security;

/// Everything the flags decide, checked.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// For the model.
    pub model: Settings,
    /// For launches.
    pub launcher: Launcher,
    /// `-framework_name` and what else describes the framework; `webui_url` is still empty.
    pub framework: Identity,
    /// `-framework_authentication_file`
    pub credential: Option<Credential>,
    /// `-mesos_master_address`
    pub master: String,
    /// Where the HTTP server listens.
    pub listen: SocketAddr,
    /// `-hostname`
    pub hostname: String,
    /// ZooKeeper and the folder in it.
    pub serverset: Url,
    /// `-zk_session_timeout`
    pub session_timeout: Duration,
    /// `-serverset_endpoint_name`
    pub endpoint_name: String,
    /// `-native_log_file_path`
    pub store: PathBuf,
    /// `-max_registration_delay`
    pub max_registration_delay: Duration,
    /// `-max_leading_duration`
    pub max_leading_duration: Duration,
    /// `-backup_dir` and `-max_saved_backups`
    pub backups: Backups,
    /// `-backup_interval`
    pub backup_interval: Duration,
    /// `-stat_sampling_interval`
    pub stat_sampling_interval: Duration,
    /// `-stat_retention_period`
    pub stat_retention_period: Duration,
    /// `-enable_cors_for`
    pub cors: Option<String>,
    /// `-http_authentication_mechanism`, and where users are looked for
    pub security: Option<Security>,
    /// `-webhook_config`
    pub webhook: Option<Webhook>,
    /// `-sla_coordinator_timeout`
    pub coordinator_timeout: Duration,
    /// `-max_parallel_coordinated_maintenance`
    pub parallel_coordinators: usize,
    /// `-viz_job_url_prefix`
    pub stats_url_prefix: String,
}

/// This machine's name, as the kernel knows it.
fn local_hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_string(),
        name => name.to_string(),
    }
}

pub(super) fn small(values: &Values, name: &'static str) -> Result<i32, FlagError> {
    let value = values.integer(name);
    i32::try_from(value)
        .ok()
        .filter(|value| *value >= 0)
        .ok_or_else(|| bad(name, &value.to_string(), "a number from 0 to 2147483647"))
}

impl Configuration {
    /// From the flags.
    pub fn new(values: &Values) -> Result<Self, FlagError> {
        let port = values.integer("http_port");
        let port = u16::try_from(port)
            .map_err(|_| bad("http_port", &port.to_string(), "a port from 0 to 65535"))?;
        let ip = match values.text("ip") {
            Some(text) => text.parse().map_err(|_| bad("ip", text, "an IP address"))?,
            None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        let hostname = values
            .text("hostname")
            .map_or_else(local_hostname, str::to_string);
        let cluster_name = values.required("cluster_name")?.to_string();
        let text = |name| values.text(name).unwrap_or_default().to_string();
        let store = values
            .text("native_log_file_path")
            .unwrap_or("/var/db/aurora");
        let webhook = outside::webhook(values)?;
        let credential = outside::credential(values)?;
        let mut model = model(values, &cluster_name, &hostname)?;
        if let Some(webhook) = &webhook {
            model.webhook_statuses.clone_from(&webhook.statuses);
        }
        Ok(Self {
            model,
            webhook,
            security: callers::security(values)?,
            coordinator_timeout: values.time("sla_coordinator_timeout"),
            parallel_coordinators: usize::try_from(small(
                values,
                "max_parallel_coordinated_maintenance",
            )?)
            .unwrap_or(0),
            launcher: Launcher {
                cluster_name,
                executors: executors::all(values)?,
                populate_discovery_info: values.is_on("populate_discovery_info"),
                refuse_secs: values.time("offer_filter_duration").as_secs_f64(),
                // What a launch leaves over is wanted back at once, unless the flag says otherwise.
                accept_refuse_secs: if values.is_given("offer_filter_duration") {
                    values.time("offer_filter_duration").as_secs_f64()
                } else {
                    0.0
                },
            },
            framework: Identity {
                name: text("framework_name"),
                user: text("executor_user"),
                role: values.text("mesos_role").map(str::to_string),
                failover_timeout_secs: values.time("framework_failover_timeout").as_secs_f64(),
                hostname: hostname.clone(),
                webui_url: String::new(),
                partition_aware: values.is_on("partition_aware"),
                revocable: values.is_on("receive_revocable_resources"),
                gpus: values.is_on("allow_gpu_resource"),
                // A principal of no credentials would be refused by a master that authenticates.
                principal: credential
                    .as_ref()
                    .map(|credential| credential.principal.clone())
                    .filter(|_| values.is_on("framework_announce_principal")),
            },
            credential,
            master: values.required("mesos_master_address")?.to_string(),
            listen: SocketAddr::new(ip, port),
            hostname,
            serverset: serverset(values)?,
            session_timeout: values.time("zk_session_timeout"),
            endpoint_name: text("serverset_endpoint_name"),
            store: PathBuf::from(store),
            max_registration_delay: values.time("max_registration_delay"),
            max_leading_duration: values.time("max_leading_duration"),
            backups: Backups {
                folder: values.text("backup_dir").map(PathBuf::from),
                keep: usize::try_from(small(values, "max_saved_backups")?).unwrap_or(0),
            },
            // A backup that begins before the last has ended would be no use.
            backup_interval: values.time("backup_interval").max(Duration::from_secs(1)),
            stat_sampling_interval: values.time("stat_sampling_interval"),
            stat_retention_period: values.time("stat_retention_period"),
            cors: values.text("enable_cors_for").map(str::to_string),
            stats_url_prefix: text("viz_job_url_prefix"),
        })
    }
}

/// `-zk_endpoints`, `-zk_chroot_path` and `-serverset_path` as one place in ZooKeeper.
fn serverset(values: &Values) -> Result<Url, FlagError> {
    let endpoints = values.required("zk_endpoints")?;
    let path = values.required("serverset_path")?;
    let chroot = values
        .text("zk_chroot_path")
        .unwrap_or_default()
        .trim_end_matches('/');
    if !path.starts_with('/') {
        return Err(bad("serverset_path", path, "a path that begins with `/`"));
    }
    let mut url: Url = format!("zk://{endpoints}{chroot}{path}")
        .parse()
        .map_err(|_| {
            bad(
                "zk_endpoints",
                endpoints,
                "`host:port`, with commas between several,",
            )
        })?;
    if let Some(credentials) = values.text("zk_digest_credentials") {
        if !credentials.contains(':') {
            return Err(bad("zk_digest_credentials", "…", "`user:password`"));
        }
        url.auth = Some(credentials.to_string());
    }
    Ok(url)
}

#[derive(Deserialize)]
struct TierFile {
    default: String,
    tiers: BTreeMap<String, TierEntry>,
}

#[derive(Deserialize)]
struct TierEntry {
    preemptible: bool,
    revocable: bool,
}

fn tiers(path: &str) -> Result<(String, BTreeMap<String, Tier>), FlagError> {
    let wrong = |why: String| bad("tier_config", path, format!("a file of tiers ({why})"));
    let data = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let file: TierFile = serde_json::from_slice(&data).map_err(|error| wrong(error.to_string()))?;
    if !file.tiers.contains_key(&file.default) {
        return Err(wrong(format!(
            "the default `{}` is none of its tiers",
            file.default
        )));
    }
    let tiers = file.tiers.into_iter().map(
        |(
            name,
            TierEntry {
                preemptible,
                revocable,
            },
        )| {
            (
                name,
                Tier {
                    preemptible,
                    revocable,
                },
            )
        },
    );
    Ok((file.default, tiers.collect()))
}

fn model(values: &Values, cluster: &str, hostname: &str) -> Result<Settings, FlagError> {
    let mut settings = Settings {
        cluster_name: cluster.to_string(),
        scheduler_host: hostname.to_string(),
        ..Settings::default()
    };
    if let Some(path) = values.text("tier_config") {
        (settings.default_tier, settings.tiers) = tiers(path)?;
    }
    let pattern = values.text("allowed_job_environments").unwrap_or_default();
    settings.allowed_job_environments = Environments::new(pattern)
        .map_err(|_| bad("allowed_job_environments", pattern, "a regular expression"))?;
    let types = values.list("allowed_container_types");
    if let Some(other) = types
        .iter()
        .find(|kind| !matches!(kind.as_str(), "MESOS" | "DOCKER"))
    {
        return Err(bad(
            "allowed_container_types",
            other,
            "`MESOS`, `DOCKER` or both",
        ));
    }
    settings.allow_mesos_containers = types.iter().any(|kind| kind == "MESOS");
    settings.allow_docker_containers = types.iter().any(|kind| kind == "DOCKER");
    settings.allow_docker_parameters = values.is_on("allow_docker_parameters");
    settings.require_docker_use_executor = values.is_on("require_docker_use_executor");
    settings.allow_gpu_resource = values.is_on("allow_gpu_resource");
    settings.enable_mesos_fetcher = values.is_on("enable_mesos_fetcher");
    settings.allow_container_volumes = values.is_on("allow_container_volumes");
    settings.sla_aware_kill_non_prod = values.is_on("sla_aware_kill_non_prod");
    settings.hold_offers_forever = values.is_on("hold_offers_forever");
    settings.max_tasks_per_job = small(values, "max_tasks_per_job")?;
    settings.max_update_instance_failures = values.integer("max_update_instance_failures");
    settings.min_required_instances_for_sla_check =
        small(values, "min_required_instances_for_sla_check")?;
    settings.max_sla_duration_secs = values.millis("max_sla_duration_secs") / 1000;
    settings.flapping_threshold = values.millis("flapping_task_threshold");
    settings.initial_flapping_delay = values.millis("initial_flapping_task_delay");
    settings.max_flapping_delay = values.millis("max_flapping_task_delay");
    settings.transient_timeout = values.millis("transient_task_state_timeout");
    settings.kill_retry_interval = values.millis("initial_task_kill_retry_interval");
    settings.history_prune_threshold = values.millis("history_prune_threshold");
    settings.history_min_retention = values.millis("history_min_retention_threshold");
    let count = |name| small(values, name).map(|n| usize::try_from(n).unwrap_or(0));
    settings.history_max_per_job = count("history_max_per_job_threshold")?;
    settings.update_history_per_job = count("job_update_history_per_job_threshold")?;
    // A timer that fires at once, again and again, would do nothing else.
    let interval = |name| values.millis(name).max(1000);
    settings.update_history_interval = interval("job_update_history_pruning_interval");
    settings.update_history_threshold = values.millis("job_update_history_pruning_threshold");
    let zone = values.text("cron_timezone").unwrap_or_default();
    settings.cron_timezone = match zone {
        // Known even where no database of time zones is installed.
        "GMT" | "UTC" => TimeZone::UTC,
        name => TimeZone::get(name)
            .map_err(|_| bad("cron_timezone", name, "the name of a time zone"))?,
    };
    settings.cron_start_initial_backoff = values.millis("cron_start_initial_backoff").max(1);
    settings.cron_start_max_backoff = values.millis("cron_start_max_backoff");
    settings.maintenance_interval = interval("host_maintenance_polling_interval");
    settings.offer_hold = values.millis("min_offer_hold_time");
    settings.offer_hold_jitter = values.millis("offer_hold_jitter_window");
    settings.reconciliation_initial_delay = values.millis("reconciliation_initial_delay");
    settings.reconciliation_explicit_interval = interval("reconciliation_explicit_interval");
    settings.reconciliation_implicit_interval = interval("reconciliation_implicit_interval");
    settings.reconciliation_spread = values.millis("reconciliation_schedule_spread");
    settings.scheduling = super::scheduling::scheduling(values)?;
    settings.sla_stats = super::scheduling::sla_stats(values)?;
    settings.executor_cpus = values.number("thermos_executor_cpu").max(0.0);
    settings.executor_ram_mb = values.bytes("thermos_executor_ram") as f64 / f64::from(1 << 20);
    settings.sla_kill_min_delay = values.millis("sla_aware_kill_retry_min_delay").max(1);
    settings.sla_kill_max_delay = values.millis("sla_aware_kill_retry_max_delay");
    settings.unavailability_threshold = values.millis("unavailability_threshold");
    settings.custom_executors = executors::overheads(values)?;
    settings.default_docker_parameters = executors::docker_parameters(values)?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::super::Request;
    use super::*;

    fn configuration(more: &[&str]) -> Result<Configuration, FlagError> {
        let base = [
            "-cluster_name=devcluster",
            "-hostname=10.0.0.1",
            "-zk_endpoints=zookeeper:2181",
            "-serverset_path=/aurora/scheduler",
            "-mesos_master_address=zk://zookeeper:2181/mesos",
        ];
        let all: Vec<String> = base
            .iter()
            .chain(more)
            .map(|text| text.to_string())
            .collect();
        match Values::parse(&all)? {
            Request::Run(values) => Configuration::new(&values),
            Request::Help => panic!("no help was asked for"),
        }
    }

    #[test]
    fn the_flags_of_a_cluster_become_its_configuration() {
        let config = configuration(&[
            "-http_port=8081",
            "-zk_chroot_path=/x",
            "-zk_digest_credentials=a:b",
        ])
        .unwrap();
        assert_eq!(config.serverset.path, "/x/aurora/scheduler");
        assert_eq!(config.serverset.auth.as_deref(), Some("a:b"));
        assert_eq!(config.listen.port(), 8081);
        assert_eq!(config.model.executor_ram_mb, 128.0);
        assert!(config.launcher.executors.contains_key("AuroraExecutor"));
        assert_eq!(
            (
                config.launcher.refuse_secs,
                config.launcher.accept_refuse_secs
            ),
            (5.0, 0.0)
        );
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        for flag in [
            "-http_port=70000",
            "-ip=nowhere",
            "-zk_endpoints=zookeeper",
            "-serverset_path=aurora",
            "-allowed_job_environments=(",
            "-allowed_container_types=LXC",
            "-global_container_mounts=x",
            "-custom_executor_config=/nonexistent",
            "-default_docker_parameters=x",
            "-webhook_config=/nonexistent",
            "-http_authentication_mechanism=BASIC",
            "-http_authentication_mechanism=NEGOTIATE",
            "-tier_config=/nonexistent",
        ] {
            assert!(configuration(&[flag]).is_err(), "`{flag}`");
        }
    }
}
