//! The environment of an executor (protocol-flows.md, section 13). Nothing of the agent's own is
//! inherited but what is listed.

use std::path::Path;
use std::time::Duration;

use mesos_proto::mesos::environment::variable;
use mesos_proto::mesos::{Environment, ExecutorInfo};
use mesos_wire::duration;
use mesos_wire::pid::Upid;

use crate::model::Launch;

/// Where commands are looked for if nothing else is said.
pub(crate) const DEFAULT_PATH: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the agent contributes to every executor's environment.
#[derive(Debug, Clone)]
pub struct Contribution {
    /// The agent's actor.
    pub pid: Upid,
    /// `LIBPROCESS_IP`, where the agent has one.
    pub libprocess_ip: Option<String>,
    /// `--executor_environment_variables`.
    pub variables: Vec<(String, String)>,
    /// `--http_command_executor`.
    pub http_command_executor: bool,
    /// `--executor_shutdown_grace_period`.
    pub shutdown_grace_period: Duration,
    /// `--recovery_timeout`.
    pub recovery_timeout: Duration,
    /// `--executor_reregistration_timeout`: executors are to come back within it.
    pub subscription_backoff_max: Duration,
}

/// The environment of an executor, each name once; later definitions have won.
pub fn environment(launch: &Launch, agent: &str, own: &Contribution) -> Vec<(String, String)> {
    let mut all = Variables::default();
    if let Some(ip) = &own.libprocess_ip {
        all.set("LIBPROCESS_IP", ip);
    }
    for (name, value) in &own.variables {
        all.set(name, value);
    }
    let framework = &launch.framework;
    let directory = launch.directory.to_string_lossy();
    let flag = |on: bool| if on { "1" } else { "0" };
    all.set("LIBPROCESS_PORT", "0");
    all.set("MESOS_FRAMEWORK_ID", framework.id.value());
    all.set("MESOS_EXECUTOR_ID", launch.info.executor_id.value());
    all.set("MESOS_SLAVE_ID", agent);
    all.set("MESOS_DIRECTORY", &directory);
    all.set("MESOS_SLAVE_PID", &own.pid.to_string());
    all.set("MESOS_AGENT_ENDPOINT", &own.pid.address.to_string());
    all.set("MESOS_CHECKPOINT", flag(framework.checkpoint()));
    all.set(
        "MESOS_HTTP_COMMAND_EXECUTOR",
        flag(own.http_command_executor),
    );
    let grace = shutdown_grace(&launch.info, own.shutdown_grace_period);
    all.set(
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD",
        &duration::format(grace),
    );
    if framework.checkpoint() {
        all.set(
            "MESOS_RECOVERY_TIMEOUT",
            &duration::format(own.recovery_timeout),
        );
        let most = duration::format(own.subscription_backoff_max);
        all.set("MESOS_SUBSCRIPTION_BACKOFF_MAX", &most);
    }
    all.set("MESOS_SANDBOX", &directory);
    for (name, value) in given(launch.info.command.environment.as_ref()) {
        all.set(&name, &value);
    }
    if !all.0.iter().any(|(name, _)| name == "PATH") {
        all.set("PATH", DEFAULT_PATH);
    }
    all.0
}

/// The mark by which a container's processes are known, wherever they went.
pub fn mark(directory: &Path) -> String {
    format!("MESOS_DIRECTORY={}", directory.display())
}

/// The plain variables of an `Environment`. Secrets are not resolved, and not passed on.
pub fn given(environment: Option<&Environment>) -> Vec<(String, String)> {
    environment
        .map(|environment| environment.variables.as_slice())
        .unwrap_or_default()
        .iter()
        .filter(|variable| variable.type_() != variable::Type::SECRET)
        .map(|variable| (variable.name().to_string(), variable.value().to_string()))
        .filter(|(name, value)| {
            !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0')
        })
        .collect()
}

fn shutdown_grace(info: &ExecutorInfo, default: Duration) -> Duration {
    info.shutdown_grace_period
        .as_ref()
        .and_then(|period| u64::try_from(period.nanoseconds()).ok())
        .map_or(default, Duration::from_nanos)
}

#[derive(Debug, Default)]
struct Variables(Vec<(String, String)>);

impl Variables {
    fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value.to_string(),
            None => self.0.push((name.to_string(), value.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use mesos_proto::mesos::environment::Variable;

    use super::*;
    use crate::model::{Place, executor_id, framework_id};

    fn launch() -> Launch {
        let mut info = ExecutorInfo::new();
        info.executor_id = executor_id("t-7059c513");
        info.command.mut_or_insert_default();
        let mut framework = mesos_proto::mesos::FrameworkInfo::new();
        framework.id = framework_id("17e7496f-7160-4843-b6f7-094801e7ae13-0001");
        Launch {
            place: Place {
                framework: String::new(),
                executor: String::new(),
                container: String::new(),
            },
            info,
            framework,
            directory: "WORK".into(),
            user: None,
            volumes: Vec::new(),
            is_command: false,
            ports: Vec::new(),
        }
    }

    fn own() -> Contribution {
        Contribution {
            pid: "slave(1)@127.0.0.1:35051".parse().expect("a pid"),
            libprocess_ip: Some("127.0.0.1".into()),
            variables: vec![("MESOS_DIRECTORY".into(), "no".into())],
            http_command_executor: false,
            shutdown_grace_period: Duration::from_secs(5),
            recovery_timeout: Duration::from_secs(900),
            subscription_backoff_max: Duration::from_secs(2),
        }
    }

    /// What a task of the original printed, but for what the command executor and the shell add, and
    /// the native library, which there is none of.
    #[test]
    fn an_executors_environment_is_the_recorded_one() {
        let recorded = include_str!("../../tests/data/sandbox-environment.txt");
        let mut want: Vec<&str> = recorded.lines().collect();
        want.retain(|line| {
            !["MESOS_ALLOCATION_ROLE", "MESOS_NATIVE", "PWD"]
                .iter()
                .any(|p| line.starts_with(p))
        });
        let agent = "17e7496f-7160-4843-b6f7-094801e7ae13-S0";
        let mut got: Vec<String> = environment(&launch(), agent, &own())
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        got.sort();
        assert_eq!(got, want);
    }

    #[test]
    fn a_commands_own_variables_win_and_checkpointing_adds_two() {
        let mut launch = launch();
        launch.framework.set_checkpoint(true);
        let variables = &mut launch.info.command.mut_or_insert_default().environment;
        for (name, value) in [("PATH", "/bin"), ("A", "1"), ("A", "2"), ("B=", "x")] {
            let mut variable = Variable::new();
            variable.set_name(name.into());
            variable.set_value(value.into());
            variables.mut_or_insert_default().variables.push(variable);
        }
        let got = environment(&launch, "S", &own());
        let value = |name: &str| got.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        assert_eq!(value("PATH"), Some("/bin"));
        assert_eq!(value("A"), Some("2"));
        assert_eq!(value("B="), None);
        assert_eq!(value("MESOS_CHECKPOINT"), Some("1"));
        assert_eq!(value("MESOS_RECOVERY_TIMEOUT"), Some("15mins"));
        assert_eq!(value("MESOS_SUBSCRIPTION_BACKOFF_MAX"), Some("2secs"));
        assert_eq!(value("MESOS_DIRECTORY"), Some("WORK"));
    }
}
