//! The job that `executorConfig.data` holds, resolved for one instance of it
//! (`apache/aurora/executor/common/task_info.py`).

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::JobKey;
use serde_json::Value;

use super::bind::{Bindings, bind};
use super::fields::{Fields, TaskError};
use super::spec::TaskSpec;

/// Which instance a job is resolved for.
#[derive(Debug, Clone, Default)]
pub struct Assignment {
    /// The task's id.
    pub task_id: String,
    /// The job that it is of, as the scheduler knows it: what it says of itself counts only where this is not known.
    pub job: Option<JobKey>,
    /// The instance's number.
    pub instance: i32,
    /// The agent's host name.
    pub hostname: String,
    /// The ports that the scheduler assigned.
    pub ports: BTreeMap<String, i64>,
}

/// How an instance announces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcer {
    /// The port that the service is reached at.
    pub primary_port: String,
    /// Other names for ports, and static ports.
    pub portmap: BTreeMap<String, String>,
    /// Where it announces, instead of the usual place.
    pub zk_path: Option<String>,
}

/// How HTTP tells that a task is healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpHealthChecker {
    /// The path that is asked.
    pub endpoint: String,
    /// What has to be answered, in any case; empty: anything.
    pub expected_response: String,
    /// With which status; 0: any but an error.
    pub expected_response_code: i64,
}

/// What tells that a task is healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthChecker {
    /// A request to the port `health`.
    Http(HttpHealthChecker),
    /// A command that exits with 0.
    Shell(String),
}

/// When and how often a task's health is looked at. Times are in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthCheckConfig {
    /// What is looked at.
    pub checker: HealthChecker,
    /// For how long failures are forgiven.
    pub initial_interval_secs: f64,
    /// The time between two checks.
    pub interval_secs: f64,
    /// How many failures in a row are one too few.
    pub max_consecutive_failures: i64,
    /// How many successes in a row make a task run.
    pub min_consecutive_successes: i64,
    /// How long one check may take.
    pub timeout_secs: f64,
}

/// How a task is asked over HTTP to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpLifecycle {
    /// The name of the port that is asked.
    pub port: String,
    /// The first request.
    pub graceful_shutdown_endpoint: String,
    /// How long the first is given, in seconds.
    pub graceful_shutdown_wait_secs: u64,
    /// The second request.
    pub shutdown_endpoint: String,
    /// How long the second is given, in seconds.
    pub shutdown_wait_secs: u64,
}

/// A job, resolved for one instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The Unix user that it belongs to.
    pub role: String,
    /// Its environment.
    pub environment: String,
    /// Its name.
    pub name: String,
    /// What runs.
    pub task: TaskSpec,
    /// Whether it announces itself.
    pub announce: Option<Announcer>,
    /// Its health checks.
    pub health_check: HealthCheckConfig,
    /// How it is asked to end; `None`: not over HTTP.
    pub lifecycle: Option<HttpLifecycle>,
    /// All ports: assigned ones, aliases and static ones.
    pub ports: BTreeMap<String, i64>,
}

impl Job {
    /// Reads and resolves a job.
    pub fn from_executor_data(data: &str, assignment: &Assignment) -> Result<Self, TaskError> {
        let value: Value =
            serde_json::from_str(data).map_err(|e| TaskError::Syntax(e.to_string()))?;
        let raw = Fields::of("Job", &value)?;
        let text =
            |field| -> Result<String, TaskError> { Ok(raw.string(field)?.unwrap_or_default()) };

        let mut bindings = Bindings::default();
        bindings.set(&["mesos", "instance"], assignment.instance.to_string());
        bindings.set(&["mesos", "hostname"], &assignment.hostname);
        bindings.set(&["mesos", "role"], text("role")?);
        bindings.set(&["mesos", "cluster"], text("cluster")?);
        bindings.set(&["thermos", "task_id"], &assignment.task_id);
        bindings.set(&["thermos", "user"], text("role")?);

        // The port map names ports, which references elsewhere in the job then have.
        let mut ports = assignment.ports.clone();
        if let Some(announce) = raw.get("announce") {
            let (announce, _) = bind(announce, &value, &bindings)?;
            ports.extend(resolve_portmap(
                &announcer(&announce)?.portmap,
                &assignment.ports,
            ));
        }
        for (name, port) in &ports {
            bindings.set(&["thermos", "ports", name], port.to_string());
        }

        // What an update or a schedule says is none of the executor's business.
        let mut bound = serde_json::Map::new();
        let mut unbound = BTreeSet::new();
        for name in [
            "name",
            "role",
            "environment",
            "task",
            "announce",
            "health_check_config",
            "lifecycle",
        ] {
            if let Some(field) = raw.get(name) {
                let (field, missing) = bind(field, &value, &bindings)?;
                bound.insert(name.to_string(), field);
                unbound.extend(missing);
            }
        }
        if !unbound.is_empty() {
            return Err(TaskError::Unbound(
                unbound.into_iter().collect::<Vec<_>>().join(" "),
            ));
        }

        let value = Value::Object(bound);
        let fields = Fields::of("Job", &value)?;
        let task = TaskSpec::from_value(fields.required("task")?)?;
        let key = match &assignment.job {
            Some(key) => key.clone(),
            None => JobKey {
                role: fields.string("role")?.ok_or(TaskError::Required {
                    owner: "Job",
                    field: "role",
                })?,
                environment: fields.string("environment")?.unwrap_or_default(),
                name: fields.string("name")?.unwrap_or_else(|| task.name.clone()),
            },
        };
        Ok(Self {
            role: key.role,
            environment: key.environment,
            name: key.name,
            announce: fields.get("announce").map(announcer).transpose()?,
            health_check: health_check(fields.get("health_check_config"))?,
            lifecycle: lifecycle(fields.get("lifecycle"))?,
            task,
            ports,
        })
    }
}

/// The numbers that a port map's names stand for: static ones, and those of the assigned ports that
/// a name leads to. A name that leads to nothing, or to itself, has none.
pub fn resolve_portmap(
    portmap: &BTreeMap<String, String>,
    assigned: &BTreeMap<String, i64>,
) -> BTreeMap<String, i64> {
    let mut resolved = BTreeMap::new();
    for name in portmap.keys() {
        let mut at = name;
        // Every step uses up a name, so that a circle ends too.
        for _ in 0..=portmap.len() {
            match portmap.get(at) {
                Some(to) => match to.parse::<i64>() {
                    Ok(port) => {
                        resolved.insert(name.clone(), port);
                        break;
                    }
                    Err(_) => at = to,
                },
                None => {
                    if let Some(port) = assigned.get(at) {
                        resolved.insert(name.clone(), *port);
                    }
                    break;
                }
            }
        }
    }
    resolved
}

fn announcer(value: &Value) -> Result<Announcer, TaskError> {
    let fields = Fields::of("Announcer", value)?;
    let primary_port = fields
        .string("primary_port")?
        .unwrap_or_else(|| "http".into());
    let portmap = match fields.get("portmap") {
        None => BTreeMap::from([("aurora".to_string(), primary_port.clone())]),
        Some(Value::Object(map)) => map
            .iter()
            .map(|(name, to)| match to {
                Value::String(to) => Ok((name.clone(), to.clone())),
                Value::Number(to) => Ok((name.clone(), to.to_string())),
                other => Err(fields.wrong("portmap", other, "String")),
            })
            .collect::<Result<_, _>>()?,
        Some(other) => return Err(fields.wrong("portmap", other, "Map")),
    };
    Ok(Announcer {
        primary_port,
        portmap,
        zk_path: fields.string("zk_path")?,
    })
}

fn health_check(value: Option<&Value>) -> Result<HealthCheckConfig, TaskError> {
    let mut config = HealthCheckConfig {
        checker: HealthChecker::Http(HttpHealthChecker {
            endpoint: "/health".into(),
            expected_response: "ok".into(),
            expected_response_code: 0,
        }),
        initial_interval_secs: 15.0,
        interval_secs: 10.0,
        max_consecutive_failures: 0,
        min_consecutive_successes: 1,
        timeout_secs: 1.0,
    };
    let Some(value) = value else {
        return Ok(config);
    };
    let fields = Fields::of("HealthCheckConfig", value)?;
    let set_float = |place: &mut f64, field| -> Result<(), TaskError> {
        *place = fields.float(field)?.unwrap_or(*place);
        Ok(())
    };
    set_float(&mut config.initial_interval_secs, "initial_interval_secs")?;
    set_float(&mut config.interval_secs, "interval_secs")?;
    set_float(&mut config.timeout_secs, "timeout_secs")?;
    if let Some(count) = fields.integer("max_consecutive_failures")? {
        config.max_consecutive_failures = count;
    }
    if let Some(count) = fields.integer("min_consecutive_successes")? {
        config.min_consecutive_successes = count;
    }
    let Some(checker) = fields.get("health_checker") else {
        return Ok(config);
    };
    let checker = Fields::of("HealthCheckerConfig", checker)?;
    if let Some(shell) = checker.get("shell") {
        let fields = Fields::of("ShellHealthChecker", shell)?;
        let command = fields.string("shell_command")?.ok_or(TaskError::Required {
            owner: "ShellHealthChecker",
            field: "shell_command",
        })?;
        config.checker = HealthChecker::Shell(command);
    } else if let Some(http) = checker.get("http") {
        let fields = Fields::of("HttpHealthChecker", http)?;
        config.checker = HealthChecker::Http(HttpHealthChecker {
            endpoint: fields
                .string("endpoint")?
                .unwrap_or_else(|| "/health".into()),
            expected_response: fields
                .string("expected_response")?
                .unwrap_or_else(|| "ok".into()),
            expected_response_code: fields.integer("expected_response_code")?.unwrap_or(0),
        });
    }
    Ok(config)
}

fn lifecycle(value: Option<&Value>) -> Result<Option<HttpLifecycle>, TaskError> {
    let empty = Value::Object(serde_json::Map::new());
    let http = match value {
        // No lifecycle at all is the default one; one without `http` is the disabled one.
        None => &empty,
        Some(value) => match Fields::of("LifecycleConfig", value)?.get("http") {
            Some(http) => http,
            None => return Ok(None),
        },
    };
    let fields = Fields::of("HttpLifecycleConfig", http)?;
    let text = |field, usual: &str| -> Result<String, TaskError> {
        Ok(fields.string(field)?.unwrap_or_else(|| usual.to_string()))
    };
    let wait = |field| -> Result<u64, TaskError> {
        Ok(fields
            .integer(field)?
            .map_or(5, |secs| u64::try_from(secs).unwrap_or(0)))
    };
    Ok(Some(HttpLifecycle {
        port: text("port", "health")?,
        graceful_shutdown_endpoint: text("graceful_shutdown_endpoint", "/quitquitquit")?,
        graceful_shutdown_wait_secs: wait("graceful_shutdown_wait_secs")?,
        shutdown_endpoint: text("shutdown_endpoint", "/abortabortabort")?,
        shutdown_wait_secs: wait("shutdown_wait_secs")?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn assignment(ports: &[(&str, i64)]) -> Assignment {
        Assignment {
            task_id: "www-data-prod-hello-0-x".into(),
            job: None,
            instance: 0,
            hostname: "192.168.33.10".into(),
            ports: ports
                .iter()
                .map(|(name, port)| (name.to_string(), *port))
                .collect(),
        }
    }

    /// The data of the hello_world job as the original client makes it.
    const HELLO: &str = r#"{"environment": "prod", "health_check_config": {"health_checker": {"http": {"expected_response_code": 0, "endpoint": "/health", "expected_response": "ok"}}, "min_consecutive_successes": 1, "initial_interval_secs": 15.0, "max_consecutive_failures": 0, "timeout_secs": 1.0, "interval_secs": 10.0}, "name": "hello", "service": true, "max_task_failures": 1, "executor_config": {"data": "", "name": "AuroraExecutor"}, "cron_collision_policy": "KILL_EXISTING", "enable_hooks": false, "cluster": "devcluster", "task": {"processes": [{"daemon": false, "name": "hello", "ephemeral": false, "max_failures": 1, "min_duration": 5, "cmdline": "\n    while true; do\n      echo hello world\n      sleep 10\n    done\n  ", "final": false}], "name": "hello", "finalization_wait": 30, "max_failures": 1, "max_concurrency": 0, "resources": {"gpu": 0, "disk": 134217728, "ram": 134217728, "cpu": 1.0}, "constraints": [{"order": ["hello"]}]}, "production": false, "role": "www-data", "tier": "preemptible", "metadata": [], "lifecycle": {"http": {"graceful_shutdown_endpoint": "/quitquitquit", "graceful_shutdown_wait_secs": 5, "port": "health", "shutdown_wait_secs": 5, "shutdown_endpoint": "/abortabortabort"}}, "priority": 0}"#;

    #[test]
    fn the_originals_job_is_read() {
        let job = Job::from_executor_data(HELLO, &assignment(&[])).unwrap();
        assert_eq!(
            (
                job.role.as_str(),
                job.environment.as_str(),
                job.name.as_str()
            ),
            ("www-data", "prod", "hello")
        );
        assert_eq!(job.task.processes.len(), 1);
        assert_eq!(
            job.lifecycle.as_ref().map(|l| l.port.as_str()),
            Some("health")
        );
        assert_eq!(job.health_check.initial_interval_secs, 15.0);
        assert_eq!(job.announce, None);
    }

    #[test]
    fn ports_and_aliases_are_resolved_in_command_lines() {
        let data = json!({
            "role": "r", "environment": "e", "name": "n", "cluster": "c",
            "announce": {"primary_port": "http", "portmap": {"aurora": "{{primary_port}}", "admin": "8080"}},
            "task": {"name": "t", "processes": [{
                "name": "p",
                "cmdline": "{{thermos.ports[http]}} {{thermos.ports[aurora]}} {{thermos.ports[admin]}} {{mesos.instance}} {{mesos.hostname}} {{thermos.task_id}} {{thermos.user}} {{role}}",
            }]},
        });
        let job =
            Job::from_executor_data(&data.to_string(), &assignment(&[("http", 31000)])).unwrap();
        assert_eq!(
            job.task.processes[0].cmdline,
            "31000 31000 8080 0 192.168.33.10 www-data-prod-hello-0-x r r"
        );
        assert_eq!(job.ports.get("admin"), Some(&8080));
    }

    #[test]
    fn a_shell_check_wins_over_http_and_a_lifecycle_can_be_off() {
        let data = json!({
            "role": "r", "task": {"processes": [{"name": "p", "cmdline": "c"}]}, "lifecycle": {},
            "health_check_config": {"health_checker": {"http": {}, "shell": {"shell_command": "test {{mesos.instance}} = 0"}}, "interval_secs": 1},
        });
        let job = Job::from_executor_data(&data.to_string(), &assignment(&[])).unwrap();
        assert_eq!(
            job.health_check.checker,
            HealthChecker::Shell("test 0 = 0".into())
        );
        assert_eq!(job.health_check.interval_secs, 1.0);
        assert_eq!(job.lifecycle, None);
    }

    #[test]
    fn a_job_is_whose_the_scheduler_says() {
        // Clients of the API send as little as a task, and what they send can say anything.
        let task = r#""task": {"processes": [{"name": "p", "cmdline": "c"}], "resources": {"cpu": 1.0, "ram": 1, "disk": 1}}"#;
        let assignment = Assignment {
            job: Some(JobKey::new("www-data", "prod", "hello")),
            ..assignment(&[])
        };
        for data in [
            format!("{{{task}}}"),
            format!(r#"{{"role": "root", "environment": "devel", "name": "x", {task}}}"#),
        ] {
            let job = Job::from_executor_data(&data, &assignment).unwrap();
            let found = (&*job.role, &*job.environment, &*job.name);
            assert_eq!(found, ("www-data", "prod", "hello"), "{data}");
            assert_eq!(job.task.name, "p");
        }
    }

    #[test]
    fn what_cannot_run_is_refused() {
        let cases = [
            ("{", "not JSON: "),
            ("[]", "Job must be a JSON object"),
            (r#"{"role": "r"}"#, "Job[task] is required."),
            (
                r#"{"task": {"processes": [{"name": "p", "cmdline": "c"}]}}"#,
                "Job[role] is required.",
            ),
            (
                r#"{"role": "r", "task": {"processes": [{"name": "p", "cmdline": "{{profile.x}}"}]}}"#,
                "Unexpected unbound refs: {{profile.x}}",
            ),
        ];
        for (data, want) in cases {
            let error = Job::from_executor_data(data, &assignment(&[]))
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(want), "case `{data}`: {error}");
        }
    }

    #[test]
    fn port_maps_chain_and_circles_end() {
        let map = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(a, b)| (a.to_string(), b.to_string()))
                .collect()
        };
        let assigned = BTreeMap::from([("http".to_string(), 31000)]);
        let got = resolve_portmap(
            &map(&[
                ("aurora", "web"),
                ("web", "http"),
                ("x", "y"),
                ("y", "x"),
                ("z", "80"),
            ]),
            &assigned,
        );
        assert_eq!(
            got,
            BTreeMap::from([
                ("aurora".into(), 31000),
                ("web".into(), 31000),
                ("z".into(), 80)
            ])
        );
    }
}
