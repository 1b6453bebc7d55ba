//! The executors that tasks may run under: Thermos as the flags describe it, and those of
//! `-custom_executor_config` (Aurora 0.23, "Custom Executors").

use std::collections::BTreeMap;
use std::path::Path;

use aurora_api::{AURORA_EXECUTOR_NAME, Mode};
use mesos_proto::mesos::{CommandInfo, ExecutorInfo, Volume, command_info, volume};
use mesos_wire::json::{Dialect, from_value};
use protobuf::MessageField;
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// One executor.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Executor {
    /// What is the same for each of its tasks. Its id and resources are set with each launch.
    pub info: ExecutorInfo,
    /// Before the task's id, in its executor's.
    pub prefix: String,
    /// Mounted into each container that has an image.
    pub mounts: Vec<Volume>,
    /// The command where the executor sees the agent's files: instead of a copy in the sandbox it
    /// runs what lies on the agent. A Docker container sees only the sandbox.
    pub in_place: Option<CommandInfo>,
}

/// How Thermos is started.
#[derive(Debug, Clone, Default)]
pub struct Thermos {
    /// `-thermos_executor_path`: a path or URI on the agents.
    pub path: String,
    /// `-thermos_executor_flags`
    pub flags: String,
    /// `-thermos_executor_resources`: more URIs to fetch.
    pub resources: Vec<String>,
    /// `-thermos_home_in_sandbox`
    pub home_in_sandbox: bool,
    /// `-executor_user`
    pub user: String,
    /// `-thermos_executor_in_place`
    pub in_place: bool,
    /// `-global_container_mounts`
    pub mounts: Vec<aurora_api::Volume>,
}

impl Thermos {
    /// As an executor.
    pub fn executor(&self) -> Executor {
        let program = self.path.rsplit('/').next().unwrap_or_default();
        let in_sandbox = format!("${{MESOS_SANDBOX=.}}/{program}");
        let resources = self.resources.iter().map(String::as_str);
        let fetched: Vec<&str> = std::iter::once(self.path.as_str())
            .chain(resources.clone())
            .collect();
        let is_on_agent = self.in_place && self.path.starts_with('/');
        let mut info = ExecutorInfo::new();
        info.set_name(AURORA_EXECUTOR_NAME.to_string());
        info.command = MessageField::some(self.command(&in_sandbox, &fetched));
        Executor {
            info,
            prefix: "thermos-".to_string(),
            mounts: self.mounts.iter().map(mount).collect(),
            in_place: is_on_agent.then(|| self.command(&self.path, &resources.collect::<Vec<_>>())),
        }
    }

    fn command(&self, program: &str, fetched: &[&str]) -> CommandInfo {
        let home = match self.home_in_sandbox {
            true => "HOME=${MESOS_SANDBOX=.} ",
            false => "",
        };
        let text = format!("{home}{program} {}", self.flags);
        let mut command = CommandInfo::new();
        command.set_value(text.trim_end().to_string());
        command.set_shell(true);
        command.set_user(self.user.clone());
        command.uris = fetched.iter().map(|path| executable(path)).collect();
        command
    }
}

fn executable(path: &str) -> command_info::URI {
    let mut uri = command_info::URI::new();
    uri.set_value(path.to_string());
    uri.set_executable(true);
    uri
}

/// A mount in Mesos' form.
pub(super) fn mount(wanted: &aurora_api::Volume) -> Volume {
    let mut volume = Volume::new();
    volume.set_container_path(wanted.container_path.clone());
    volume.set_host_path(wanted.host_path.clone());
    volume.set_mode(match wanted.mode {
        Mode::ReadWrite => volume::Mode::RW,
        Mode::ReadOnly => volume::Mode::RO,
    });
    volume
}

#[derive(Deserialize)]
struct Entry {
    executor: serde_json::Map<String, Json>,
    #[serde(default)]
    volume_mounts: Option<Vec<Json>>,
    #[serde(default)]
    task_prefix: Option<String>,
}

/// Reads a file of executors. What is wrong with it is said in words.
pub fn load(path: &Path) -> Result<BTreeMap<String, Executor>, String> {
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    parse(&text)
}

fn parse(text: &[u8]) -> Result<BTreeMap<String, Executor>, String> {
    let entries: Vec<Entry> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let mut executors = BTreeMap::new();
    for mut entry in entries {
        // Every task has its own; without any the message would not be whole.
        let placeholder = json!({"value": "PLACEHOLDER"});
        entry.executor.insert("executor_id".into(), placeholder);
        let executor = Json::Object(entry.executor);
        let mut info: ExecutorInfo =
            from_value(&executor, Dialect::V0).map_err(|error| error.to_string())?;
        info.executor_id.clear();
        let name = info.name().to_string();
        if name.is_empty() {
            return Err("an executor has no name".to_string());
        }
        if info.command.is_none() {
            return Err(format!("the executor `{name}` has no command"));
        }
        let mounts: Result<Vec<Volume>, _> = entry
            .volume_mounts
            .iter()
            .flatten()
            .map(|mount| from_value(mount, Dialect::V0))
            .collect();
        let executor = Executor {
            info,
            prefix: entry.task_prefix.unwrap_or_default(),
            mounts: mounts.map_err(|error| error.to_string())?,
            in_place: None,
        };
        if name == AURORA_EXECUTOR_NAME || executors.insert(name.clone(), executor).is_some() {
            return Err(format!("the executor `{name}` is described twice"));
        }
    }
    Ok(executors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thermos(in_place: bool, path: &str) -> Executor {
        let thermos = Thermos {
            path: path.to_string(),
            flags: "--flag".to_string(),
            resources: vec!["/etc/more".to_string()],
            user: "root".to_string(),
            in_place,
            ..Thermos::default()
        };
        thermos.executor()
    }

    fn seen(command: &CommandInfo) -> (&str, Vec<&str>) {
        let uris = command.uris.iter().map(command_info::URI::value).collect();
        (command.value(), uris)
    }

    #[test]
    fn thermos_is_fetched_into_the_sandbox_and_may_run_in_place() {
        let executor = thermos(true, "/usr/bin/thermos_executor");
        assert_eq!(
            seen(&executor.info.command),
            (
                "${MESOS_SANDBOX=.}/thermos_executor --flag",
                vec!["/usr/bin/thermos_executor", "/etc/more"]
            )
        );
        assert_eq!(
            seen(&executor.in_place.unwrap()),
            ("/usr/bin/thermos_executor --flag", vec!["/etc/more"])
        );
    }

    #[test]
    fn what_is_no_file_on_the_agent_is_always_fetched() {
        for (in_place, path) in [(false, "/usr/bin/x"), (true, "http://host/x"), (true, "x")] {
            assert_eq!(thermos(in_place, path).in_place, None, "{path}");
        }
    }

    #[test]
    fn custom_executors_are_read_as_documented() {
        let text = r#"[{
            "executor": {
                "name": "myExecutor",
                "command": {
                    "value": "myExecutor.a", "shell": "false",
                    "arguments": ["localhost:2181", "-verbose"],
                    "uris": [{"value": "/dist/myExecutor.a", "executable": true, "extract": false, "cache": true}]
                },
                "resources": [
                    {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.00}},
                    {"name": "mem", "type": "SCALAR", "scalar": {"value": 512}}
                ]
            },
            "volume_mounts": [{"mode": "RO", "container_path": "/c", "host_path": "/h"}],
            "task_prefix": "my-executor-"
        }]"#;
        let executors = parse(text.as_bytes()).unwrap();
        let executor = &executors["myExecutor"];
        assert!(!executor.info.command.shell());
        assert_eq!(executor.info.command.arguments.len(), 2);
        assert!(executor.info.command.uris[0].cache());
        assert_eq!(executor.info.resources[1].scalar.value(), 512.0);
        assert_eq!(executor.prefix, "my-executor-");
        assert_eq!(executor.mounts[0].host_path(), "/h");
        assert!(executor.info.executor_id.is_none());
    }

    #[test]
    fn what_describes_no_executor_is_refused() {
        for (text, want) in [
            ("{}", "invalid type: map"),
            ("[{}]", "missing field `executor`"),
            (r#"[{"executor": {}}]"#, "an executor has no name"),
            (r#"[{"executor": {"name": "a"}}]"#, "has no command"),
            (
                r#"[{"executor": {"name": "AuroraExecutor", "command": {}}}]"#,
                "described twice",
            ),
            (
                r#"[{"executor": {"name": "a", "command": {"uris": [{}]}}}]"#,
                "value",
            ),
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
    }
}
