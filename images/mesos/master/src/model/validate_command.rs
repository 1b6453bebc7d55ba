//! What commands, secrets and containers may be, in Mesos' words where they may not.

use mesos_proto::mesos::environment::variable;
use mesos_proto::mesos::volume::source;
use mesos_proto::mesos::{
    CommandInfo, ContainerInfo, Environment, Secret, Volume, container_info, secret,
};

/// The environment is all of a command that the master looks at.
pub(crate) fn check_command(command: &CommandInfo) -> Result<(), String> {
    check_environment(&command.environment)
}

fn check_environment(environment: &Environment) -> Result<(), String> {
    for variable in &environment.variables {
        let kind = variable.type_();
        let wrong = |what: &str| Err(format!("Environment variable '{}' {what}", variable.name()));
        match (kind, variable.secret.as_ref()) {
            (variable::Type::UNKNOWN, _) => {
                return Err("Environment variable of type 'UNKNOWN' is not allowed".to_string());
            }
            (variable::Type::VALUE, secret) => {
                if !variable.has_value() {
                    return wrong("of type 'VALUE' must have a value set");
                }
                if secret.is_some() {
                    return wrong("of type 'VALUE' must not have a secret set");
                }
            }
            (variable::Type::SECRET, None) => {
                return wrong("of type 'SECRET' must have a secret set");
            }
            (variable::Type::SECRET, Some(secret)) => {
                if variable.has_value() {
                    return wrong("of type 'SECRET' must not have a value set");
                }
                if let Err(flaw) = check_secret(secret) {
                    return wrong(&format!("specifies an invalid secret: {flaw}"));
                }
                if secret.value.data().contains(&0) {
                    return wrong(
                        "specifies a secret containing null bytes, which is not allowed in the environment",
                    );
                }
            }
        }
    }
    Ok(())
}

fn check_secret(secret: &Secret) -> Result<(), String> {
    let (reference, value) = (secret.reference.as_ref(), secret.value.is_some());
    match (secret.type_(), reference) {
        (secret::Type::REFERENCE, None) => {
            Err("Secret of type REFERENCE must have the 'reference' field set".into())
        }
        (secret::Type::REFERENCE, Some(reference)) if value => Err(format!(
            "Secret '{}' of type REFERENCE must not have the 'value' field set",
            reference.name()
        )),
        (secret::Type::VALUE, _) if !value => {
            Err("Secret of type VALUE must have the 'value' field set".into())
        }
        (secret::Type::VALUE, Some(_)) => {
            Err("Secret of type VALUE must not have the 'reference' field set".into())
        }
        _ => Ok(()),
    }
}

/// What a container may be.
pub(crate) fn check_container(container: &ContainerInfo) -> Result<(), String> {
    for volume in &container.volumes {
        check_volume(volume).map_err(|flaw| format!("Invalid volume: {flaw}"))?;
    }
    if container.type_() != container_info::Type::DOCKER {
        return Ok(());
    }
    let Some(docker) = container.docker.as_ref() else {
        return Err("DockerInfo 'docker' is not set for DOCKER typed ContainerInfo".to_string());
    };
    // The name is how Mesos finds the container again.
    if docker.parameters.iter().any(|p| p.key() == "name") {
        return Err("Parameter in DockerInfo must not be 'name'".to_string());
    }
    Ok(())
}

fn check_volume(volume: &Volume) -> Result<(), String> {
    let places = [
        volume.has_host_path(),
        volume.image.is_some(),
        volume.source.is_some(),
    ];
    if places.into_iter().filter(|is_set| *is_set).count() != 1 {
        return Err("Only one of them should be set: 'host_path', 'image' and 'source'".into());
    }
    let Some(source) = volume.source.as_ref() else {
        return Ok(());
    };
    let kind = source.type_();
    let (name, is_set) = match kind {
        source::Type::DOCKER_VOLUME => ("docker_volume", source.docker_volume.is_some()),
        source::Type::HOST_PATH => ("host_path", source.host_path.is_some()),
        source::Type::SANDBOX_PATH => ("sandbox_path", source.sandbox_path.is_some()),
        source::Type::SECRET => ("secret", source.secret.is_some()),
        source::Type::CSI_VOLUME if source.csi_volume.is_none() => ("csi_volume", false),
        source::Type::CSI_VOLUME => (
            "csi_volume.static_provisioning",
            source.csi_volume.static_provisioning.is_some(),
        ),
        source::Type::UNKNOWN => return Err("'source.type' is unknown".into()),
    };
    if is_set {
        return Ok(());
    }
    // Mesos calls the volume by the last word of its type here.
    let what = match kind {
        source::Type::CSI_VOLUME => "CSI".to_string(),
        _ => format!("{kind:?}"),
    };
    Err(format!("'source.{name}' is not set for {what} volume"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesos_wire::json::{Dialect, from_slice};

    #[test]
    fn commands_and_their_secrets_are_refused_in_mesos_words() {
        let wrong = |what: &str| format!("Environment variable 'A' {what}");
        for (variable, want) in [
            (r#""value": "x""#, None),
            ("", Some(wrong("of type 'VALUE' must have a value set"))),
            (
                r#""value": "x", "secret": {"type": "VALUE", "value": {"data": "YQ=="}}"#,
                Some(wrong("of type 'VALUE' must not have a secret set")),
            ),
            (
                r#""type": "SECRET", "value": "x""#,
                Some(wrong("of type 'SECRET' must have a secret set")),
            ),
            (
                r#""type": "SECRET", "secret": {"type": "VALUE", "value": {"data": "YQ=="}}"#,
                None,
            ),
            (
                r#""type": "SECRET", "secret": {"type": "VALUE", "value": {"data": "YQBh"}}"#,
                Some(wrong(
                    "specifies a secret containing null bytes, which is not allowed in the environment",
                )),
            ),
            (
                r#""type": "SECRET", "secret": {"type": "REFERENCE"}"#,
                Some(wrong(
                    "specifies an invalid secret: Secret of type REFERENCE must have the 'reference' field set",
                )),
            ),
            (
                r#""type": "UNKNOWN", "value": "x""#,
                Some("Environment variable of type 'UNKNOWN' is not allowed".to_string()),
            ),
        ] {
            let comma = if variable.is_empty() { "" } else { "," };
            let json = format!(
                r#"{{"environment": {{"variables": [{{"name": "A"{comma} {variable}}}]}}}}"#
            );
            let command: CommandInfo = from_slice(json.as_bytes(), Dialect::V0).expect(&json);
            assert_eq!(check_command(&command).err(), want, "case `{variable}`");
        }
    }

    #[test]
    fn a_volume_has_one_source_which_is_there() {
        let only = "Only one of them should be set: 'host_path', 'image' and 'source'";
        for (volume, want) in [
            (r#""host_path": "/h""#, None),
            ("", Some(only)),
            (
                r#""host_path": "/h", "source": {"type": "HOST_PATH", "host_path": {"path": "/h"}}"#,
                Some(only),
            ),
            (
                r#""source": {"type": "HOST_PATH"}"#,
                Some("'source.host_path' is not set for HOST_PATH volume"),
            ),
            (
                r#""source": {"type": "CSI_VOLUME"}"#,
                Some("'source.csi_volume' is not set for CSI volume"),
            ),
            (
                r#""source": {"type": "UNKNOWN"}"#,
                Some("'source.type' is unknown"),
            ),
        ] {
            let comma = if volume.is_empty() { "" } else { "," };
            let json = format!(
                r#"{{"type": "MESOS", "volumes": [{{"mode": "RW", "container_path": "c"{comma} {volume}}}]}}"#
            );
            let container: ContainerInfo = from_slice(json.as_bytes(), Dialect::V0).expect(&json);
            let want = want.map(|want| format!("Invalid volume: {want}"));
            assert_eq!(check_container(&container).err(), want, "case `{volume}`");
        }
    }
}
