//! What checks and health checks may be, in Mesos' words where they may not.

use mesos_proto::mesos::{CheckInfo, CommandInfo, HealthCheck, check_info, health_check};

use super::validate_command::check_command;

/// What the two kinds of checks are called.
struct Kind {
    /// In the middle of a sentence.
    name: &'static str,
    /// Before `'s`.
    whole: &'static str,
    /// The message.
    message: &'static str,
}

const CHECK: Kind = Kind {
    name: "check",
    whole: "Check",
    message: "CheckInfo",
};
const HEALTH: Kind = Kind {
    name: "health check",
    whole: "Health check",
    message: "HealthCheck",
};

impl Kind {
    fn without_type<T>(&self) -> Result<T, String> {
        Err(format!("{} must specify 'type'", self.message))
    }

    fn unknown<T>(&self) -> Result<T, String> {
        Err(format!("'UNKNOWN' is not a valid {} type", self.name))
    }

    /// The part that a check of this type has to have.
    fn part<'a, T>(&self, part: Option<&'a T>, field: &str) -> Result<&'a T, String> {
        part.ok_or_else(|| {
            format!(
                "Expecting '{field}' to be set for {} {}",
                field.to_ascii_uppercase(),
                self.name
            )
        })
    }

    fn command(&self, command: &CommandInfo) -> Result<(), String> {
        if !command.has_value() {
            let what = if command.shell() {
                "shell command"
            } else {
                "executable path"
            };
            return Err(format!("Command {} must contain '{what}'", self.name));
        }
        check_command(command)
            .map_err(|flaw| format!("{}'s `CommandInfo` is invalid: {flaw}", self.whole))
    }

    fn path(&self, path: Option<&str>) -> Result<(), String> {
        match path {
            Some(path) if !path.starts_with('/') => Err(format!(
                "The path '{path}' of HTTP {} must start with '/'",
                self.name
            )),
            _ => Ok(()),
        }
    }
}

fn times(times: &[(&str, f64)]) -> Result<(), String> {
    match times.iter().find(|(_, value)| *value < 0.0) {
        Some((name, _)) => Err(format!("Expecting '{name}' to be non-negative")),
        None => Ok(()),
    }
}

/// A check that reports to the framework.
pub(crate) fn check(check: &CheckInfo) -> Result<(), String> {
    if !check.has_type() {
        return CHECK.without_type();
    }
    match check.type_() {
        check_info::Type::COMMAND => {
            let part = CHECK.part(check.command.as_ref(), "command")?;
            CHECK.command(&part.command)?;
        }
        check_info::Type::HTTP => {
            let http = CHECK.part(check.http.as_ref(), "http")?;
            CHECK.path(http.path.as_deref())?;
        }
        check_info::Type::TCP => {
            CHECK.part(check.tcp.as_ref(), "tcp")?;
        }
        check_info::Type::UNKNOWN => return CHECK.unknown(),
    }
    times(&[
        ("delay_seconds", check.delay_seconds()),
        ("interval_seconds", check.interval_seconds()),
        ("timeout_seconds", check.timeout_seconds()),
    ])
}

/// A check whose failure kills the task.
pub(crate) fn health(check: &HealthCheck) -> Result<(), String> {
    if !check.has_type() {
        return HEALTH.without_type();
    }
    match check.type_() {
        health_check::Type::COMMAND => {
            HEALTH.command(HEALTH.part(check.command.as_ref(), "command")?)?;
        }
        health_check::Type::HTTP => {
            let http = HEALTH.part(check.http.as_ref(), "http")?;
            if !matches!(http.scheme(), "" | "http" | "https") {
                return Err(format!(
                    "Unsupported HTTP health check scheme: '{}'",
                    http.scheme()
                ));
            }
            HEALTH.path(http.path.as_deref())?;
        }
        health_check::Type::TCP => {
            HEALTH.part(check.tcp.as_ref(), "tcp")?;
        }
        health_check::Type::UNKNOWN => return HEALTH.unknown(),
    }
    times(&[
        ("delay_seconds", check.delay_seconds()),
        ("grace_period_seconds", check.grace_period_seconds()),
        ("interval_seconds", check.interval_seconds()),
        ("timeout_seconds", check.timeout_seconds()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesos_wire::json::{Dialect, from_slice};

    #[test]
    fn both_kinds_of_checks_are_refused_in_mesos_words() {
        for (json, of_check, of_health) in [
            (
                "{}",
                "CheckInfo must specify 'type'",
                "HealthCheck must specify 'type'",
            ),
            (
                r#"{"type": "UNKNOWN"}"#,
                "'UNKNOWN' is not a valid check type",
                "'UNKNOWN' is not a valid health check type",
            ),
            (
                r#"{"type": "TCP"}"#,
                "Expecting 'tcp' to be set for TCP check",
                "Expecting 'tcp' to be set for TCP health check",
            ),
            (
                r#"{"type": "COMMAND"}"#,
                "Expecting 'command' to be set for COMMAND check",
                "Expecting 'command' to be set for COMMAND health check",
            ),
            (
                r#"{"type": "HTTP", "http": {"port": 1, "path": "a"}}"#,
                "The path 'a' of HTTP check must start with '/'",
                "The path 'a' of HTTP health check must start with '/'",
            ),
            (
                r#"{"type": "TCP", "tcp": {"port": 1}, "interval_seconds": -1}"#,
                "Expecting 'interval_seconds' to be non-negative",
                "Expecting 'interval_seconds' to be non-negative",
            ),
        ] {
            let one: CheckInfo = from_slice(json.as_bytes(), Dialect::V0).expect(json);
            let other: HealthCheck = from_slice(json.as_bytes(), Dialect::V0).expect(json);
            assert_eq!(check(&one).unwrap_err(), of_check);
            assert_eq!(health(&other).unwrap_err(), of_health);
        }
    }

    #[test]
    fn a_command_check_has_something_to_run() {
        for (command, want) in [
            ("{}", "Command health check must contain 'shell command'"),
            (
                r#"{"shell": false}"#,
                "Command health check must contain 'executable path'",
            ),
            (
                r#"{"value": "true", "environment": {"variables": [{"name": "A"}]}}"#,
                "Health check's `CommandInfo` is invalid: Environment variable 'A' of type 'VALUE' must have a value set",
            ),
        ] {
            let json = format!(r#"{{"type": "COMMAND", "command": {command}}}"#);
            let check: HealthCheck = from_slice(json.as_bytes(), Dialect::V0).expect(&json);
            assert_eq!(health(&check).unwrap_err(), want);
        }
    }
}
