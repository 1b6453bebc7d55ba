//! What an agent tells an executor through `MESOS_*` environment variables.

use std::path::PathBuf;
use std::time::Duration;

use mesos_wire::duration;
use mesos_wire::pid::Upid;
use thiserror::Error;

/// The agent's own default for `MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD`.
const DEFAULT_SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// The agent's own default for `MESOS_RECOVERY_TIMEOUT`.
const DEFAULT_RECOVERY_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// The agent's own default for `MESOS_SUBSCRIPTION_BACKOFF_MAX`.
const DEFAULT_BACKOFF_MAX: Duration = Duration::from_secs(2);

/// The part of an executor's environment that Mesos defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// `MESOS_AGENT_ENDPOINT`, or the address in `MESOS_SLAVE_PID`: `ip:port`.
    pub agent_endpoint: String,
    /// The agent's actor, from `MESOS_SLAVE_PID`; `slave(1)` if that is not given.
    pub agent_process: String,
    /// `MESOS_FRAMEWORK_ID`.
    pub framework_id: String,
    /// `MESOS_EXECUTOR_ID`.
    pub executor_id: String,
    /// `MESOS_SLAVE_ID`, if given.
    pub agent_id: Option<String>,
    /// `MESOS_SANDBOX`, else `MESOS_DIRECTORY`, else the working directory.
    pub sandbox: PathBuf,
    /// `MESOS_CHECKPOINT`: whether the executor outlives its agent's restart.
    pub checkpoint: bool,
    /// `MESOS_RECOVERY_TIMEOUT`: how long to wait for the agent to come back.
    pub recovery_timeout: Duration,
    /// `MESOS_SUBSCRIPTION_BACKOFF_MAX`: the longest pause between two attempts to subscribe.
    pub subscription_backoff_max: Duration,
    /// `MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD`: the time between SHUTDOWN and the agent's SIGKILL.
    pub shutdown_grace_period: Duration,
    /// `MESOS_EXECUTOR_AUTHENTICATION_TOKEN`: sent as `Authorization: Bearer …`.
    pub token: Option<String>,
}

/// Why an environment is not an executor's.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EnvironmentError {
    /// A variable that every agent sets is not there.
    #[error("the environment variable `{0}` is not set; a Mesos agent sets it for its executors")]
    Missing(&'static str),
    /// A variable has a value that cannot be read.
    #[error("the environment variable `{name}` is `{value}`; {allowed} is expected")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        allowed: &'static str,
    },
}

impl Environment {
    /// Reads this process's environment.
    pub fn from_process() -> Result<Self, EnvironmentError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads an environment through `lookup`.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let given = |name: &'static str| lookup(name).filter(|value| !value.is_empty());
        let required = |name: &'static str| given(name).ok_or(EnvironmentError::Missing(name));
        let time = |name: &'static str, default: Duration| match given(name) {
            None => Ok(default),
            Some(value) => duration::parse(&value).map_err(|_| EnvironmentError::Invalid {
                name,
                value,
                allowed: "a duration such as `5secs`",
            }),
        };
        let pid = match given("MESOS_SLAVE_PID") {
            None => None,
            Some(value) => Some(
                value
                    .parse::<Upid>()
                    .map_err(|_| EnvironmentError::Invalid {
                        name: "MESOS_SLAVE_PID",
                        value,
                        allowed: "a process id such as `slave(1)@10.0.0.2:5051`",
                    })?,
            ),
        };
        let agent_endpoint = given("MESOS_AGENT_ENDPOINT")
            .or_else(|| pid.as_ref().map(|pid| pid.address.to_string()))
            .ok_or(EnvironmentError::Missing("MESOS_AGENT_ENDPOINT"))?;
        Ok(Self {
            agent_endpoint,
            agent_process: pid.map_or_else(|| "slave(1)".to_string(), |pid| pid.id),
            framework_id: required("MESOS_FRAMEWORK_ID")?,
            executor_id: required("MESOS_EXECUTOR_ID")?,
            agent_id: given("MESOS_SLAVE_ID"),
            sandbox: given("MESOS_SANDBOX")
                .or_else(|| given("MESOS_DIRECTORY"))
                .map_or_else(|| PathBuf::from("."), PathBuf::from),
            checkpoint: given("MESOS_CHECKPOINT")
                .is_some_and(|value| value == "1" || value == "true"),
            recovery_timeout: time("MESOS_RECOVERY_TIMEOUT", DEFAULT_RECOVERY_TIMEOUT)?,
            subscription_backoff_max: time("MESOS_SUBSCRIPTION_BACKOFF_MAX", DEFAULT_BACKOFF_MAX)?,
            shutdown_grace_period: time(
                "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD",
                DEFAULT_SHUTDOWN_GRACE,
            )?,
            token: given("MESOS_EXECUTOR_AUTHENTICATION_TOKEN"),
        })
    }

    /// Where calls are sent.
    pub(super) fn url(&self) -> String {
        format!(
            "http://{}/{}/api/v1/executor",
            self.agent_endpoint, self.agent_process
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Environment, EnvironmentError> {
        let map: HashMap<&str, &str> = pairs.iter().copied().collect();
        Environment::from_lookup(|name| map.get(name).map(ToString::to_string))
    }

    #[test]
    fn an_agents_environment_is_read_whole() {
        let env = read(&[
            ("MESOS_SLAVE_PID", "slave(1)@127.0.0.1:35051"),
            ("MESOS_FRAMEWORK_ID", "f"),
            ("MESOS_EXECUTOR_ID", "e"),
            ("MESOS_CHECKPOINT", "1"),
            ("MESOS_RECOVERY_TIMEOUT", "15mins"),
            ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "500ms"),
            ("MESOS_DIRECTORY", "/d"),
        ])
        .expect("complete");
        assert_eq!(env.url(), "http://127.0.0.1:35051/slave(1)/api/v1/executor");
        assert!(env.checkpoint);
        assert_eq!(env.recovery_timeout, Duration::from_secs(900));
        assert_eq!(env.subscription_backoff_max, Duration::from_millis(500));
        assert_eq!(env.shutdown_grace_period, Duration::from_secs(5));
        assert_eq!(env.sandbox, PathBuf::from("/d"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let id = [
            ("MESOS_AGENT_ENDPOINT", "1.2.3.4:1"),
            ("MESOS_EXECUTOR_ID", "e"),
        ];
        assert_eq!(
            read(&id),
            Err(EnvironmentError::Missing("MESOS_FRAMEWORK_ID"))
        );
        let mut all = id.to_vec();
        all.push(("MESOS_FRAMEWORK_ID", "f"));
        all.push(("MESOS_RECOVERY_TIMEOUT", "soon"));
        let error = read(&all).expect_err("not a duration");
        assert_eq!(
            error.to_string(),
            "the environment variable `MESOS_RECOVERY_TIMEOUT` is `soon`; a duration such as `5secs` is expected"
        );
    }
}
