//! The task itself: its processes and their limits. Defaults are those of
//! `apache/thermos/config/schema_base.py`.

use serde_json::{Map, Value, json};

use super::fields::{Fields, TaskError};

/// Where a process's output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Destination {
    /// Into files in the sandbox.
    #[default]
    File,
    /// Into the runner's own output.
    Console,
    /// Into both.
    Both,
    /// Nowhere.
    None,
}

impl Destination {
    /// Its name in a job.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Console => "console",
            Self::Both => "both",
            Self::None => "none",
        }
    }

    /// The destination of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::File, Self::Console, Self::Both, Self::None]
            .into_iter()
            .find(|destination| destination.name() == name)
    }
}

/// Whether log files are rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// They grow.
    #[default]
    Standard,
    /// They are moved away when they have grown.
    Rotate,
}

impl Mode {
    /// Its name in a job.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Rotate => "rotate",
        }
    }

    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Standard, Self::Rotate]
            .into_iter()
            .find(|mode| mode.name() == name)
    }
}

/// When a log file is moved away, and how many are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotate {
    /// At which size, in bytes.
    pub log_size: u64,
    /// How many older files are kept.
    pub backups: u32,
}

impl Default for Rotate {
    fn default() -> Self {
        Self {
            log_size: 100 * 1024 * 1024,
            backups: 5,
        }
    }
}

/// What a process says about its own logs; what it does not say, the runner's flags do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Logger {
    /// Where to.
    pub destination: Option<Destination>,
    /// Rotated or not.
    pub mode: Option<Mode>,
    /// When.
    pub rotate: Option<Rotate>,
}

/// One process of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSpec {
    /// Its name, unique in the task.
    pub name: String,
    /// What `/bin/bash -c` runs.
    pub cmdline: String,
    /// How many failed runs make it a failed process; 0: none does.
    pub max_failures: u32,
    /// Run again after success too.
    pub daemon: bool,
    /// Does not keep the task alive.
    pub ephemeral: bool,
    /// The least time between an end and the next start, in seconds.
    pub min_duration: u64,
    /// Runs after the others have ended.
    pub final_: bool,
    /// Its logs.
    pub logger: Option<Logger>,
}

/// What a task may use.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Resources {
    /// Cores.
    pub cpu: f64,
    /// Bytes.
    pub ram: i64,
    /// Bytes.
    pub disk: i64,
    /// Pieces.
    pub gpu: i64,
}

/// A task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskSpec {
    /// Its name.
    pub name: String,
    /// What it runs.
    pub processes: Vec<ProcessSpec>,
    /// Orders: in each, a process starts after the one before it has ended well.
    pub constraints: Vec<Vec<String>>,
    /// What it may use.
    pub resources: Option<Resources>,
    /// How many failed processes make it a failed task; 0: none does.
    pub max_failures: u32,
    /// How many processes run at once; 0: all.
    pub max_concurrency: u32,
    /// How long cleaning up and final processes may take, in seconds.
    pub finalization_wait: u64,
    /// The user that it runs as, outside of Aurora.
    pub user: Option<String>,
}

impl TaskSpec {
    /// Reads the `task` of a job, or a task file. Unknown fields are ignored.
    pub fn from_value(value: &Value) -> Result<Self, TaskError> {
        let fields = Fields::of("Task", value)?;
        let processes = fields
            .list("processes")?
            .iter()
            .map(ProcessSpec::from_value)
            .collect::<Result<Vec<_>, _>>()?;
        let constraints = fields
            .list("constraints")?
            .iter()
            .map(order)
            .collect::<Result<Vec<_>, _>>()?;
        let name = match (fields.string("name")?, processes.first()) {
            (Some(name), _) => name,
            (None, Some(process)) => process.name.clone(),
            (None, None) => {
                return Err(TaskError::Required {
                    owner: "Task",
                    field: "name",
                });
            }
        };
        Ok(Self {
            name,
            processes,
            constraints,
            resources: fields
                .get("resources")
                .map(Resources::from_value)
                .transpose()?,
            max_failures: count(fields.integer("max_failures")?, 1),
            max_concurrency: count(fields.integer("max_concurrency")?, 0),
            finalization_wait: seconds(fields.integer("finalization_wait")?, 30),
            user: fields.string("user")?,
        })
    }

    /// The task as Thermos writes it down: every field with its value, unset ones left out.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        map.insert("name".into(), json!(self.name));
        map.insert(
            "processes".into(),
            self.processes.iter().map(ProcessSpec::to_value).collect(),
        );
        map.insert(
            "constraints".into(),
            self.constraints
                .iter()
                .map(|order| json!({ "order": order }))
                .collect(),
        );
        if let Some(resources) = &self.resources {
            map.insert(
                "resources".into(),
                json!({"cpu": resources.cpu, "disk": resources.disk, "gpu": resources.gpu, "ram": resources.ram}),
            );
        }
        map.insert("max_failures".into(), json!(self.max_failures));
        map.insert("max_concurrency".into(), json!(self.max_concurrency));
        map.insert("finalization_wait".into(), json!(self.finalization_wait));
        if let Some(user) = &self.user {
            map.insert("user".into(), json!(user));
        }
        Value::Object(map)
    }

    /// The process of this name.
    pub fn process(&self, name: &str) -> Option<&ProcessSpec> {
        self.processes.iter().find(|process| process.name == name)
    }
}

impl ProcessSpec {
    fn from_value(value: &Value) -> Result<Self, TaskError> {
        let fields = Fields::of("Process", value)?;
        let required = |field| TaskError::Required {
            owner: "Process",
            field,
        };
        Ok(Self {
            name: fields.string("name")?.ok_or_else(|| required("name"))?,
            cmdline: fields
                .string("cmdline")?
                .ok_or_else(|| required("cmdline"))?,
            max_failures: count(fields.integer("max_failures")?, 1),
            daemon: fields.boolean("daemon")?.unwrap_or(false),
            ephemeral: fields.boolean("ephemeral")?.unwrap_or(false),
            min_duration: seconds(fields.integer("min_duration")?, 5),
            final_: fields.boolean("final")?.unwrap_or(false),
            logger: fields.get("logger").map(Logger::from_value).transpose()?,
        })
    }

    fn to_value(&self) -> Value {
        let mut value = json!({
            "cmdline": self.cmdline,
            "daemon": self.daemon,
            "ephemeral": self.ephemeral,
            "final": self.final_,
            "max_failures": self.max_failures,
            "min_duration": self.min_duration,
            "name": self.name,
        });
        if let (Some(logger), Some(map)) = (&self.logger, value.as_object_mut()) {
            map.insert("logger".into(), logger.to_value());
        }
        value
    }
}

impl Logger {
    fn from_value(value: &Value) -> Result<Self, TaskError> {
        let fields = Fields::of("Logger", value)?;
        let named = |field: &'static str, wanted| -> Result<Option<String>, TaskError> {
            match fields.get(field) {
                Some(value) if !value.is_string() => Err(fields.wrong(field, value, wanted)),
                _ => fields.string(field),
            }
        };
        let destination = named("destination", "LoggerDestination")?
            .map(|name| {
                Destination::from_name(&name)
                    .ok_or_else(|| fields.wrong("destination", &json!(name), "LoggerDestination"))
            })
            .transpose()?;
        let mode = named("mode", "LoggerMode")?
            .map(|name| {
                Mode::from_name(&name)
                    .ok_or_else(|| fields.wrong("mode", &json!(name), "LoggerMode"))
            })
            .transpose()?;
        let rotate = match fields.get("rotate") {
            None => None,
            Some(value) => {
                let fields = Fields::of("RotatePolicy", value)?;
                let usual = Rotate::default();
                Some(Rotate {
                    log_size: fields
                        .integer("log_size")?
                        .and_then(|size| u64::try_from(size).ok())
                        .unwrap_or(usual.log_size),
                    backups: count(fields.integer("backups")?, usual.backups),
                })
            }
        };
        Ok(Self {
            destination,
            mode,
            rotate,
        })
    }

    fn to_value(self) -> Value {
        let mut map = Map::new();
        if let Some(destination) = self.destination {
            map.insert("destination".into(), json!(destination.name()));
        }
        if let Some(mode) = self.mode {
            map.insert("mode".into(), json!(mode.name()));
        }
        if let Some(rotate) = self.rotate {
            map.insert(
                "rotate".into(),
                json!({"log_size": rotate.log_size, "backups": rotate.backups}),
            );
        }
        Value::Object(map)
    }
}

impl Resources {
    fn from_value(value: &Value) -> Result<Self, TaskError> {
        let fields = Fields::of("Resources", value)?;
        Ok(Self {
            cpu: fields.float("cpu")?.unwrap_or_default(),
            ram: fields.integer("ram")?.unwrap_or_default(),
            disk: fields.integer("disk")?.unwrap_or_default(),
            gpu: fields.integer("gpu")?.unwrap_or_default(),
        })
    }
}

fn order(value: &Value) -> Result<Vec<String>, TaskError> {
    let fields = Fields::of("Constraint", value)?;
    fields
        .list("order")?
        .iter()
        .map(|name| match name {
            Value::String(name) => Ok(name.clone()),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(fields.wrong("order", other, "String")),
        })
        .collect()
}

fn count(value: Option<i64>, usual: u32) -> u32 {
    value.map_or(usual, |value| {
        u32::try_from(value.max(0)).unwrap_or(u32::MAX)
    })
}

fn seconds(value: Option<i64>, usual: u64) -> u64 {
    value.map_or(usual, |value| u64::try_from(value).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_the_original_wrote_is_read_and_written_again() {
        let text = include_str!("../../tests/data/flaky/task.json");
        let value: Value = serde_json::from_str(text).unwrap();
        let task = TaskSpec::from_value(&value).unwrap();
        assert_eq!(task.processes.len(), 3);
        assert_eq!(
            task.process("flaky")
                .map(|p| (p.max_failures, p.min_duration)),
            Some((3, 1))
        );
        assert!(task.process("cleanup").is_some_and(|p| p.final_));
        assert!(task.process("side").is_some_and(|p| p.ephemeral));
        assert_eq!(task.to_value(), value);
    }

    #[test]
    fn what_is_left_out_has_the_originals_defaults() {
        let task = TaskSpec::from_value(&json!({"processes": [{"name": "p", "cmdline": "true"}]}))
            .unwrap();
        assert_eq!(
            (
                task.name.as_str(),
                task.max_failures,
                task.max_concurrency,
                task.finalization_wait
            ),
            ("p", 1, 0, 30)
        );
        let process = &task.processes[0];
        assert_eq!(
            (process.max_failures, process.min_duration, process.daemon),
            (1, 5, false)
        );
    }

    #[test]
    fn wrong_types_are_named() {
        let cases = [
            (json!([]), "Task must be a JSON object"),
            (
                json!({"processes": [{"name": "p"}]}),
                "Process[cmdline] is required.",
            ),
            (json!({"processes": []}), "Task[name] is required."),
            (
                json!({"processes": [{"name": "p", "cmdline": "c", "max_failures": "x"}]}),
                "Cannot coerce '\"x\"' to Integer in Process[max_failures]",
            ),
            (
                json!({"name": "t", "processes": 3}),
                "Cannot coerce '3' to List in Task[processes]",
            ),
            (
                json!({"processes": [{"name": "p", "cmdline": "c", "logger": {"mode": "loud"}}]}),
                "Cannot coerce '\"loud\"' to LoggerMode in Logger[mode]",
            ),
        ];
        for (value, want) in cases {
            assert_eq!(TaskSpec::from_value(&value).unwrap_err().to_string(), want);
        }
    }
}
