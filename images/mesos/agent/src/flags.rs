//! The agent's flags (flags.md, section 3), with the original's defaults.

use mesos_wire::flags::{Flag, Kind, flag};

/// What changes how this agent works.
#[rustfmt::skip]
const EFFECTIVE: [Flag; 72] = [
    flag("acls", Kind::Text, None, "Who may do what: access control lists in JSON, or `file:///path` of such"),
    flag("advertise_ip", Kind::Text, None, "The address that others reach this agent at"),
    flag("advertise_port", Kind::Integer, None, "The port that others reach this agent at"),
    flag("appc_store_dir", Kind::Text, Some("/tmp/mesos/store/appc"), "Where appc images are: `images/<image id>/manifest` and `images/<image id>/rootfs`; nothing is fetched into it"),
    flag("attributes", Kind::Text, None, "What the agent is, such as `rack:r1;level:10`"),
    flag("authenticate_http_executors", Kind::Bool, None, "Whether executors prove who they are; not supported here"),
    flag("authenticate_http_readonly", Kind::Bool, Some("false"), "Whether HTTP requests that read need credentials"),
    flag("authenticate_http_readwrite", Kind::Bool, Some("false"), "Whether HTTP requests that may change something need credentials"),
    flag("authenticatee", Kind::Text, Some("crammd5"), "How the agent proves itself to a master; `crammd5` is the one that is here"),
    flag("authentication_backoff_factor", Kind::Duration, Some("1secs"), "The scale by which the time for an authentication grows"),
    flag("authentication_timeout_max", Kind::Duration, Some("1mins"), "The longest that an authentication may take before it is tried again"),
    flag("authentication_timeout_min", Kind::Duration, Some("5secs"), "The least time that an authentication is given"),
    flag("authorizer", Kind::Text, Some("local"), "What judges by `--acls`; `local` is the one that is here"),
    flag("cgroups_enable_cfs", Kind::Bool, Some("false"), "Whether CPUs are the most that a task may use, and not its share alone"),
    flag("cgroups_hierarchy", Kind::Text, Some("/sys/fs/cgroup"), "Where control groups are mounted"),
    flag("cgroups_limit_swap", Kind::Bool, Some("false"), "Whether the limit of memory is that of memory and swap together"),
    flag("cgroups_root", Kind::Text, Some("mesos"), "The control group that those of containers are in"),
    flag("container_disk_watch_interval", Kind::Duration, Some("15secs"), "How often `disk/du` looks at sandboxes"),
    flag("containerizers", Kind::Text, Some("mesos"), "The containerizers in use: `docker`, `mesos`, or both"),
    flag("credential", Kind::Text, None, "A file of the principal and the secret that the agent proves itself with, in JSON"),
    flag("default_role", Kind::Text, Some("*"), "The role of resources that name none"),
    flag("disk_watch_interval", Kind::Duration, Some("1mins"), "How often the disk is looked at"),
    flag("docker_container_labels", Kind::Text, None, "JSON object of labels for every container that the engine is asked for; no flag of the original's"),
    flag("docker_kill_orphans", Kind::Bool, Some("true"), "Whether containers of an earlier life that no executor knows are removed"),
    flag("docker_remove_delay", Kind::Duration, Some("6hrs"), "How long an ended container is kept by the engine"),
    flag("docker_socket", Kind::Text, Some("/var/run/docker.sock"), "The socket of the Docker engine"),
    flag("docker_stop_timeout", Kind::Duration, Some("0ns"), "How long a container may take to stop"),
    flag("enforce_container_disk_quota", Kind::Bool, Some("false"), "Whether `disk/du` ends executors whose sandbox is larger than their disk"),
    flag("executor_environment_variables", Kind::Text, None, "JSON object of variables for every executor"),
    flag("executor_registration_timeout", Kind::Duration, Some("1mins"), "How long an executor may take to subscribe"),
    flag("executor_reregistration_timeout", Kind::Duration, Some("2secs"), "How long executors may take to come back after a restart of the agent"),
    flag("executor_shutdown_grace_period", Kind::Duration, Some("5secs"), "How long an executor may take to end"),
    flag("external_log_file", Kind::Text, None, "A file that is shown as `/slave/log`"),
    flag("fetcher_cache_dir", Kind::Text, Some("/tmp/mesos/fetch"), "Where files are kept that are fetched with `cache`; emptied when the agent starts"),
    flag("fetcher_cache_size", Kind::Text, Some("2GB"), "How much is kept there"),
    flag("fetcher_stall_timeout", Kind::Duration, Some("1mins"), "How long a download may stand still"),
    flag("firewall_rules", Kind::Text, None, "Endpoints that are closed, in JSON"),
    flag("frameworks_home", Kind::Text, Some(""), "Where relative URIs start"),
    flag("gc_delay", Kind::Duration, Some("1weeks"), "How old the sandbox of an ended executor becomes, on an empty disk"),
    flag("gc_disk_headroom", Kind::Number, Some("0.1"), "The part of the disk that is to stay free: the fuller it is the sooner sandboxes are removed"),
    flag("gc_non_executor_container_sandboxes", Kind::Bool, Some("false"), "Whether sandboxes of nested and standalone containers age as those of executors"),
    flag("hostname", Kind::Text, None, "The host name that is advertised"),
    flag("hostname_lookup", Kind::Bool, Some("true"), "Whether the host name is looked up where none is given"),
    flag("http_authenticators", Kind::Text, None, "Authenticators of HTTP requests; `basic` is the one that is here"),
    flag("http_command_executor", Kind::Bool, Some("false"), "What `MESOS_HTTP_COMMAND_EXECUTOR` tells command executors"),
    flag("http_credentials", Kind::Text, None, "A file of those who may make HTTP requests, in JSON"),
    flag("http_heartbeat_interval", Kind::Duration, Some("30secs"), "How often attached streams are kept alive"),
    flag("image_providers", Kind::Text, None, "Of `docker` and `appc`, the kinds of images that containers of type MESOS may name; the engine runs them"),
    flag("ip", Kind::Text, None, "The address to listen on"),
    flag("isolation", Kind::Text, Some("posix/cpu,posix/mem"), "The isolators in use: of `cgroups/cpu`, `cgroups/mem`, `cgroups/all` and `disk/du`; others change nothing here"),
    flag("launcher_dir", Kind::Text, Some("/usr/libexec/mesos"), "Where `mesos-executor` is"),
    flag("log_level", Kind::Text, None, "The same as logging_level, and `DEBUG`"),
    flag("logging_level", Kind::Text, Some("INFO"), "`INFO`, `WARNING` or `ERROR`"),
    flag("master", Kind::Text, None, "The master: `zk://host1:port1,host2:port2/path`, `host:port`, or `file:///path` of a file that holds one of these"),
    flag("max_completed_executors_per_framework", Kind::Integer, Some("150"), "How many ended executors are remembered"),
    flag("modules", Kind::Text, None, "JSON of module libraries: the parameters of `org_apache_mesos_FixedResourceEstimator`, the only module that is here"),
    flag("oversubscribed_resources_interval", Kind::Duration, Some("15secs"), "How often it is estimated what may be lent"),
    flag("port", Kind::Integer, Some("5051"), "The port to listen on"),
    flag("quiet", Kind::Bool, Some("false"), "Whether only errors are logged"),
    flag("reconfiguration_policy", Kind::Text, Some("equal"), "What may differ from a former life: `equal`, nothing; `additive`, more resources and attributes"),
    flag("recover", Kind::Text, Some("reconnect"), "`reconnect` to executors of a former life, or `cleanup`: end them and exit"),
    flag("recovery_timeout", Kind::Duration, Some("15mins"), "How long executors wait for the agent to come back"),
    flag("registration_backoff_factor", Kind::Duration, Some("1secs"), "The scale of the pauses between two attempts to register"),
    flag("resource_estimator", Kind::Text, None, "What estimates which resources may be lent as revocable: `org_apache_mesos_FixedResourceEstimator`, which is built in; none if not given"),
    flag("resources", Kind::Text, None, "What is offered, such as `cpus:4;mem:2048;disk:20480;ports:[31000-32000]`; what is not named is detected"),
    flag("revocable_cpu_low_priority", Kind::Bool, Some("true"), "Whether tasks on lent CPUs yield to others, where `cgroups/cpu` is in use"),
    flag("runtime_dir", Kind::Text, Some("/var/run/mesos"), "Where files that need not outlive a restart of the machine are"),
    flag("sandbox_directory", Kind::Text, Some("/mnt/mesos/sandbox"), "Where the sandbox is inside of a container with an image"),
    flag("strict", Kind::Bool, Some("true"), "Whether a checkpoint that cannot be read ends the agent"),
    flag("switch_user", Kind::Bool, Some("true"), "Whether tasks run as their user rather than as the agent's"),
    flag("work_dir", Kind::Text, None, "Where sandboxes and checkpoints are"),
    flag("zk_session_timeout", Kind::Duration, Some("10secs"), "How long ZooKeeper waits for this agent"),
];

/// What the original also takes, and what has no meaning here. Giving one of these another value than
/// its default is answered by a warning.
#[rustfmt::skip]
pub const INERT: [Flag; 47] = [
    flag("agent_features", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("appc_simple_discovery_uri_prefix", Kind::Text, Some("http://"), "Taken for compatibility; without effect here"),
    flag("cgroups_cpu_enable_pids_and_tids_count", Kind::Bool, Some("false"), "Whether statistics count the processes and threads of a container"),
    flag("cgroups_destroy_timeout", Kind::Duration, Some("1mins"), "Taken for compatibility; without effect here"),
    flag("container_logger", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("csi_plugin_config_dir", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("default_container_dns", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("default_container_info", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("disallow_sharing_agent_ipc_namespace", Kind::Bool, Some("false"), "Taken for compatibility; without effect here"),
    flag("disallow_sharing_agent_pid_namespace", Kind::Bool, Some("false"), "Taken for compatibility; without effect here"),
    flag("disk_profile_adaptor", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("docker", Kind::Text, Some("docker"), "Taken for compatibility; without effect here"),
    flag("docker_config", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("docker_ignore_runtime", Kind::Bool, Some("false"), "Taken for compatibility; without effect here"),
    flag("docker_mesos_image", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("docker_registry", Kind::Text, Some("https://registry-1.docker.io"), "Taken for compatibility; without effect here"),
    flag("docker_store_dir", Kind::Text, Some("/tmp/mesos/store/docker"), "Taken for compatibility; without effect here"),
    flag("docker_volume_checkpoint_dir", Kind::Text, Some("/var/run/mesos/isolators/docker/volume"), "Taken for compatibility; without effect here"),
    flag("docker_volume_chown", Kind::Bool, Some("false"), "Taken for compatibility; without effect here"),
    flag("domain", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("domain_socket_location", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("executor_reregistration_retry_interval", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("hadoop_home", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("hooks", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("http_executor_domain_sockets", Kind::Bool, Some("false"), "Taken for compatibility; without effect here"),
    flag("image_provisioner_backend", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("initialize_driver_logging", Kind::Bool, Some("true"), "Taken for compatibility; without effect here"),
    flag("ip6", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("ip_discovery_command", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("jwt_secret_key", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("launcher", Kind::Text, Some("posix"), "Taken for compatibility; without effect here"),
    flag("log_dir", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("logbufsecs", Kind::Integer, Some("0"), "Taken for compatibility; without effect here"),
    flag("memory_profiling", Kind::Bool, Some("false"), "Taken for compatibility; without effect here"),
    flag("modules_dir", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("network_cni_config_dir", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("network_cni_metrics", Kind::Bool, Some("true"), "Taken for compatibility; without effect here"),
    flag("network_cni_plugins_dir", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("network_cni_root_dir_persist", Kind::Bool, Some("false"), "Taken for compatibility; without effect here"),
    flag("nvidia_gpu_devices", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("perf_duration", Kind::Duration, Some("10secs"), "Taken for compatibility; without effect here"),
    flag("perf_interval", Kind::Duration, Some("1mins"), "Taken for compatibility; without effect here"),
    flag("qos_controller", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("qos_correction_interval_min", Kind::Duration, Some("0ns"), "Taken for compatibility; without effect here"),
    flag("resource_provider_config_dir", Kind::Text, None, "Taken for compatibility; without effect here"),
    flag("systemd_enable_support", Kind::Bool, Some("false"), "Taken for compatibility; without effect here"),
    flag("systemd_runtime_directory", Kind::Text, Some("/run/systemd/system"), "Taken for compatibility; without effect here"),
];

/// All of them.
pub fn all() -> Vec<Flag> {
    EFFECTIVE.into_iter().chain(INERT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recorded_flag_is_taken_and_each_once() {
        let recorded: serde_json::Value =
            serde_json::from_str(include_str!("../tests/data/agent_flags.json")).expect("JSON");
        let mut names: Vec<&str> = all().iter().map(|flag| flag.name).collect();
        for name in recorded["json"]["flags"]
            .as_object()
            .expect("an object")
            .keys()
        {
            let built_in = name == "help" || name == "version";
            assert!(built_in || names.contains(&name.as_str()), "flag `{name}`");
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
