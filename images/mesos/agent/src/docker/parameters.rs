//! `DockerInfo.parameters`: long options of `docker run`, as the engine's API takes them.

use bollard::models::{
    ContainerCreateBody, DeviceMapping, EndpointIpamConfig, EndpointSettings, HostConfig,
    HostConfigLogConfig, NetworkingConfig, PortBinding, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum,
};
use mesos_proto::mesos::Parameter;
use thiserror::Error;

/// Why a parameter cannot be passed on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParameterError {
    /// There is no such option, or none that the engine's API has.
    #[error("unknown flag: --{0}")]
    Unknown(String),
    /// Its value makes no sense.
    #[error("invalid argument \"{value}\" for \"--{key}\" flag: {expected} is expected")]
    Invalid {
        /// The option.
        key: String,
        /// Its value.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
}

/// Puts parameters into what is asked of the engine. Those that `network` settles are left in the places
/// where it looks: the network's name, and the host name.
pub fn apply(
    parameters: &[Parameter],
    body: &mut ContainerCreateBody,
) -> Result<(), ParameterError> {
    for parameter in parameters {
        one(
            parameter.key().trim_start_matches("--"),
            parameter.value(),
            body,
        )?;
    }
    Ok(())
}

struct Value<'a>(&'a str, &'a str);

impl Value<'_> {
    fn wrong(&self, expected: &'static str) -> ParameterError {
        ParameterError::Invalid {
            key: self.0.to_string(),
            value: self.1.to_string(),
            expected,
        }
    }

    fn text(&self) -> String {
        self.1.to_string()
    }

    fn integer(&self) -> Result<i64, ParameterError> {
        self.1.parse().map_err(|_| self.wrong("an integer"))
    }

    fn is_on(&self) -> Result<bool, ParameterError> {
        match self.1 {
            "" | "true" | "1" | "t" | "T" | "TRUE" | "True" => Ok(true),
            "false" | "0" | "f" | "F" | "FALSE" | "False" => Ok(false),
            _ => Err(self.wrong("true or false")),
        }
    }

    fn bytes(&self) -> Result<i64, ParameterError> {
        let text = self.1.trim().to_ascii_lowercase();
        if text == "-1" {
            return Ok(-1);
        }
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let scale = match unit.trim_end_matches("ib").trim_end_matches('b') {
            "" => 1.0,
            "k" => 1024.0,
            "m" => 1_048_576.0,
            "g" => 1_073_741_824.0,
            "t" => 1_099_511_627_776.0,
            _ => return Err(self.wrong("a size such as `512m`")),
        };
        let number: f64 = number
            .parse()
            .map_err(|_| self.wrong("a size such as `512m`"))?;
        Ok((number * scale) as i64)
    }

    fn pair(&self) -> (String, String) {
        let (name, value) = self.1.split_once('=').unwrap_or((self.1, ""));
        (name.to_string(), value.to_string())
    }
}

fn one(key: &str, value: &str, body: &mut ContainerCreateBody) -> Result<(), ParameterError> {
    let v = Value(key, value);
    let push = |list: &mut Option<Vec<String>>| list.get_or_insert_default().push(v.text());
    match key {
        "env" => set_variable(body.env.get_or_insert_default(), value),
        "label" => {
            body.labels.get_or_insert_default().extend([v.pair()]);
        }
        "entrypoint" => body.entrypoint = Some(vec![v.text()]),
        "workdir" => body.working_dir = Some(v.text()),
        "user" => body.user = Some(v.text()),
        "hostname" => body.hostname = Some(v.text()),
        "domainname" => body.domainname = Some(v.text()),
        "tty" => body.tty = Some(v.is_on()?),
        "interactive" => body.open_stdin = Some(v.is_on()?),
        "stop-signal" => body.stop_signal = Some(v.text()),
        "stop-timeout" => body.stop_timeout = Some(v.integer()?),
        "expose" => {
            let port = if value.contains('/') {
                v.text()
            } else {
                format!("{value}/tcp")
            };
            body.exposed_ports.get_or_insert_default().push(port);
        }
        "publish" => publish(&v, body)?,
        "no-healthcheck" => {
            let none = Some(vec!["NONE".to_string()]);
            body.healthcheck = v.is_on()?.then(|| bollard::models::HealthConfig {
                test: none,
                ..Default::default()
            });
        }
        "ip" => ipam(body).ipv4_address = Some(v.text()),
        "ip6" => ipam(body).ipv6_address = Some(v.text()),
        "net-alias" | "network-alias" => push(&mut endpoint(body).aliases),
        _ => return of_host(&v, body.host_config.get_or_insert_default()),
    }
    Ok(())
}

fn of_host(v: &Value<'_>, host: &mut HostConfig) -> Result<(), ParameterError> {
    let push = |list: &mut Option<Vec<String>>| list.get_or_insert_default().push(v.text());
    match v.0 {
        "net" | "network" => host.network_mode = Some(v.text()),
        "add-host" => push(&mut host.extra_hosts),
        "blkio-weight" => {
            host.blkio_weight =
                Some(u16::try_from(v.integer()?).map_err(|_| v.wrong("10 to 1000"))?)
        }
        "cap-add" => push(&mut host.cap_add),
        "cap-drop" => push(&mut host.cap_drop),
        "cgroup-parent" => host.cgroup_parent = Some(v.text()),
        "cpu-period" => host.cpu_period = Some(v.integer()?),
        "cpu-quota" => host.cpu_quota = Some(v.integer()?),
        "cpu-rt-period" => host.cpu_realtime_period = Some(v.integer()?),
        "cpu-rt-runtime" => host.cpu_realtime_runtime = Some(v.integer()?),
        "cpu-shares" => host.cpu_shares = Some(v.integer()?),
        "cpus" => {
            let cpus: f64 = v.1.parse().map_err(|_| v.wrong("a number of CPUs"))?;
            // Both are ways to say the same, and the engine takes one of them.
            host.cpu_quota = None;
            host.nano_cpus = Some((cpus * 1e9) as i64);
        }
        "cpuset-cpus" => host.cpuset_cpus = Some(v.text()),
        "cpuset-mems" => host.cpuset_mems = Some(v.text()),
        "device" => host.devices.get_or_insert_default().push(device(v.1)),
        "device-cgroup-rule" => push(&mut host.device_cgroup_rules),
        "dns" => push(&mut host.dns),
        "dns-opt" | "dns-option" => push(&mut host.dns_options),
        "dns-search" => push(&mut host.dns_search),
        "group-add" => push(&mut host.group_add),
        "init" => host.init = Some(v.is_on()?),
        "ipc" => host.ipc_mode = Some(v.text()),
        "link" => push(&mut host.links),
        "log-driver" => host.log_config.get_or_insert_default().typ = Some(v.text()),
        "log-opt" => {
            let log: &mut HostConfigLogConfig = host.log_config.get_or_insert_default();
            log.config.get_or_insert_default().extend([v.pair()]);
        }
        "memory" => host.memory = Some(v.bytes()?),
        "memory-reservation" => host.memory_reservation = Some(v.bytes()?),
        "memory-swap" => host.memory_swap = Some(v.bytes()?),
        "memory-swappiness" => host.memory_swappiness = Some(v.integer()?),
        "oom-kill-disable" => host.oom_kill_disable = Some(v.is_on()?),
        "oom-score-adj" => host.oom_score_adj = Some(v.integer()?),
        "pid" => host.pid_mode = Some(v.text()),
        "pids-limit" => host.pids_limit = Some(v.integer()?),
        "privileged" => host.privileged = Some(v.is_on()?),
        "publish-all" => host.publish_all_ports = Some(v.is_on()?),
        "read-only" => host.readonly_rootfs = Some(v.is_on()?),
        "restart" => host.restart_policy = Some(restart(v)?),
        "runtime" => host.runtime = Some(v.text()),
        "security-opt" => push(&mut host.security_opt),
        "shm-size" => host.shm_size = Some(v.bytes()?),
        "storage-opt" => host.storage_opt.get_or_insert_default().extend([v.pair()]),
        "sysctl" => host.sysctls.get_or_insert_default().extend([v.pair()]),
        "tmpfs" => {
            let (path, options) = v.1.split_once(':').unwrap_or((v.1, ""));
            host.tmpfs
                .get_or_insert_default()
                .insert(path.to_string(), options.to_string());
        }
        "ulimit" => host.ulimits.get_or_insert_default().push(ulimit(v)?),
        "userns" => host.userns_mode = Some(v.text()),
        "uts" => host.uts_mode = Some(v.text()),
        "cgroupns" => {
            host.cgroupns_mode = Some(v.1.parse().map_err(|_| v.wrong("`host` or `private`"))?);
        }
        "volume" => push(&mut host.binds),
        "volume-driver" => host.volume_driver = Some(v.text()),
        "volumes-from" => push(&mut host.volumes_from),
        other => return Err(ParameterError::Unknown(other.to_string())),
    }
    Ok(())
}

fn set_variable(all: &mut Vec<String>, variable: &str) {
    let name = variable.split('=').next().unwrap_or_default();
    all.retain(|known| known.split('=').next() != Some(name));
    all.push(variable.to_string());
}

fn endpoint(body: &mut ContainerCreateBody) -> &mut EndpointSettings {
    let all = body
        .networking_config
        .get_or_insert_with(NetworkingConfig::default);
    // The engine applies what is said of `default` to the container's network.
    all.endpoints_config
        .get_or_insert_default()
        .entry("default".to_string())
        .or_default()
}

fn ipam(body: &mut ContainerCreateBody) -> &mut EndpointIpamConfig {
    endpoint(body).ipam_config.get_or_insert_default()
}

fn device(text: &str) -> DeviceMapping {
    let mut parts = text.split(':');
    let host = parts.next().unwrap_or_default();
    let inside = parts.next().unwrap_or(host);
    DeviceMapping {
        path_on_host: Some(host.to_string()),
        path_in_container: Some(inside.to_string()),
        cgroup_permissions: Some(parts.next().unwrap_or("rwm").to_string()),
    }
}

fn ulimit(v: &Value<'_>) -> Result<ResourcesUlimits, ParameterError> {
    let read = || {
        let (name, limits) = v.1.split_once('=')?;
        let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
        Some(ResourcesUlimits {
            name: Some(name.to_string()),
            soft: Some(soft.parse().ok()?),
            hard: Some(hard.parse().ok()?),
        })
    };
    read().ok_or_else(|| v.wrong("a limit such as `nofile=1024:2048`"))
}

fn restart(v: &Value<'_>) -> Result<RestartPolicy, ParameterError> {
    let (name, most) = v.1.split_once(':').unwrap_or((v.1, ""));
    let name = match name {
        "no" => RestartPolicyNameEnum::NO,
        "always" => RestartPolicyNameEnum::ALWAYS,
        "unless-stopped" => RestartPolicyNameEnum::UNLESS_STOPPED,
        "on-failure" => RestartPolicyNameEnum::ON_FAILURE,
        _ => return Err(v.wrong("`no`, `always`, `unless-stopped` or `on-failure[:times]`")),
    };
    let times = match most {
        "" => None,
        most => Some(most.parse().map_err(|_| v.wrong("a number of times"))?),
    };
    Ok(RestartPolicy {
        name: Some(name),
        maximum_retry_count: times,
    })
}

/// `[ip:][host port:]container port[/protocol]`.
fn publish(v: &Value<'_>, body: &mut ContainerCreateBody) -> Result<(), ParameterError> {
    let (ports, protocol) = v.1.split_once('/').unwrap_or((v.1, "tcp"));
    let mut parts = ports.rsplit(':');
    let inside: u16 = parts
        .next()
        .and_then(|port| port.parse().ok())
        .ok_or_else(|| v.wrong("ports such as `8080:80`"))?;
    let exposed = format!("{inside}/{protocol}");
    let binding = PortBinding {
        host_port: parts.next().map(ToString::to_string),
        host_ip: parts.next().map(ToString::to_string),
    };
    body.exposed_ports
        .get_or_insert_default()
        .push(exposed.clone());
    let host = body.host_config.get_or_insert_default();
    let all = host.port_bindings.get_or_insert_default();
    all.entry(exposed)
        .or_default()
        .get_or_insert_default()
        .push(binding);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(parameters: &[(&str, &str)]) -> Result<ContainerCreateBody, ParameterError> {
        let parameters: Vec<Parameter> = parameters
            .iter()
            .map(|(key, value)| {
                let mut parameter = Parameter::new();
                parameter.set_key(key.to_string());
                parameter.set_value(value.to_string());
                parameter
            })
            .collect();
        let mut body = ContainerCreateBody {
            env: Some(vec!["A=1".to_string()]),
            ..Default::default()
        };
        apply(&parameters, &mut body).map(|()| body)
    }

    #[test]
    fn long_options_become_what_the_engine_takes() {
        let body = applied(&[
            ("env", "A=2"),
            ("label", "MESOS_TASK_ID=t"),
            ("memory", "64m"),
            ("cpus", "0.5"),
            ("ulimit", "nofile=10:20"),
            ("publish", "127.0.0.1:8080:80"),
            ("volume", "/a:/b:ro"),
            ("network", "blue"),
            ("user", "nobody"),
            ("cap-add", "NET_ADMIN"),
            ("restart", "on-failure:3"),
            ("ip", "10.0.0.9"),
        ])
        .unwrap();
        let host = body.host_config.as_ref().unwrap();
        assert_eq!(body.env.as_deref(), Some(["A=2".to_string()].as_slice()));
        assert_eq!(body.labels.as_ref().unwrap()["MESOS_TASK_ID"], "t");
        assert_eq!(host.memory, Some(67_108_864));
        assert_eq!(host.nano_cpus, Some(500_000_000));
        assert_eq!(host.ulimits.as_ref().unwrap()[0].hard, Some(20));
        let bindings = host.port_bindings.as_ref().unwrap()["80/tcp"]
            .as_ref()
            .unwrap();
        assert_eq!(bindings[0].host_port.as_deref(), Some("8080"));
        assert_eq!(bindings[0].host_ip.as_deref(), Some("127.0.0.1"));
        assert_eq!(host.network_mode.as_deref(), Some("blue"));
        assert_eq!(body.user.as_deref(), Some("nobody"));
        assert_eq!(
            host.restart_policy.as_ref().unwrap().maximum_retry_count,
            Some(3)
        );
        let endpoint = &body.networking_config.unwrap().endpoints_config.unwrap()["default"];
        assert_eq!(
            endpoint
                .ipam_config
                .as_ref()
                .unwrap()
                .ipv4_address
                .as_deref(),
            Some("10.0.0.9")
        );
    }

    #[test]
    fn what_is_no_option_or_no_value_is_said() {
        assert_eq!(
            applied(&[("frobnicate", "1")]).unwrap_err().to_string(),
            "unknown flag: --frobnicate"
        );
        let cases = [
            ("memory", "much"),
            ("privileged", "maybe"),
            ("ulimit", "nofile"),
            ("publish", "x"),
            ("restart", "often"),
        ];
        for (key, value) in cases {
            let error = applied(&[(key, value)]).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains(value), "{error}");
        }
    }
}
