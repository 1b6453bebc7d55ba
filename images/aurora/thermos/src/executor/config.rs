//! The executor's command line: all flags of the original.

use std::ffi::OsString;
use std::time::Duration;

use crate::flags::{Flag, FlagError, Given, switch, value};
use crate::runner::logger;
use crate::task::Logger;

const FLAGS: &[Flag] = &[
    value("announcer_ensemble"),
    value("announcer_serverset_path"),
    switch("announcer_allow_custom_serverset_path"),
    value("announcer_hostname"),
    value("announcer_zookeeper_auth_config"),
    value("mesos_containerizer_path"),
    switch("no_create_user"),
    value("sandbox_mount_point"),
    value("execute_as_user"),
    switch("nosetuid"),
    switch("nosetuid_health_checks"),
    value("runner_logger_destination"),
    value("runner_logger_mode"),
    value("runner_rotate_log_size_mb"),
    value("runner_rotate_log_backups"),
    switch("preserve_env"),
    value("stop_timeout_in_secs"),
];

/// How an executor runs its task.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where tasks announce themselves; `None`: nowhere.
    pub(crate) announcer_ensemble: Option<String>,
    /// Run processes as this user, not as the role.
    pub(crate) execute_as_user: Option<String>,
    /// Run processes as the executor's own user.
    pub(crate) nosetuid: bool,
    /// Run shell health checks as the executor's own user.
    pub(crate) nosetuid_health_checks: bool,
    /// What processes that say nothing about their logs get.
    pub(crate) logger: Logger,
    /// Give processes the executor's whole environment.
    pub(crate) preserve_env: bool,
    /// How long a graceful end may take.
    pub(crate) stop_timeout: Duration,
}

impl Config {
    pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, FlagError> {
        let given = Given::parse(FLAGS, args)?;
        let text = |name| {
            given
                .text(name)
                .filter(|v| !v.is_empty())
                .map(str::to_string)
        };
        Ok(Self {
            announcer_ensemble: text("announcer_ensemble"),
            execute_as_user: text("execute_as_user"),
            nosetuid: given.is_on("nosetuid"),
            nosetuid_health_checks: given.is_on("nosetuid_health_checks"),
            logger: logger(
                &given,
                [
                    "runner_logger_destination",
                    "runner_logger_mode",
                    "runner_rotate_log_size_mb",
                    "runner_rotate_log_backups",
                ],
            )?,
            preserve_env: given.is_on("preserve_env"),
            stop_timeout: given
                .parsed("stop_timeout_in_secs", "a number of seconds", |v| {
                    v.parse().ok()
                })?
                .map_or(Duration::from_secs(120), Duration::from_secs),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vagrant_clusters_flags_are_taken() {
        let args = [
            "--announcer-ensemble",
            "localhost:2181",
            "--announcer-zookeeper-auth-config",
            "/a.json",
            "--mesos-containerizer-path=/usr/libexec/mesos/mesos-containerizer",
            "--stop_timeout_in_secs=7",
        ];
        let config = Config::parse(args.iter().map(OsString::from)).unwrap();
        assert_eq!(config.announcer_ensemble.as_deref(), Some("localhost:2181"));
        assert_eq!(config.stop_timeout, Duration::from_secs(7));
        assert!(!config.nosetuid);
    }
}
