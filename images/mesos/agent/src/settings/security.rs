//! Who may speak to the agent, and what the agent proves itself with to its master.

use std::sync::Arc;

use mesos_wire::authentication::{Credential, Credentials, CredentialsError, Gate, RealmNames};
use mesos_wire::authorization::Acls;
use mesos_wire::flags::Flags;

use super::SettingsError;
use crate::model::Proof;

/// The realms of an agent's port.
const REALMS: RealmNames = RealmNames {
    readonly: "mesos-agent-readonly",
    readwrite: "mesos-agent-readwrite",
    frameworks: None,
};

fn told(error: CredentialsError) -> SettingsError {
    let text = match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    SettingsError::Security(text)
}

/// What is asked of HTTP requests.
pub(super) fn gate(flags: &Flags) -> Result<Gate, SettingsError> {
    if flags.is_on("authenticate_http_executors") {
        return Err(SettingsError::Invalid {
            name: "authenticate_http_executors",
            value: "true".to_string(),
            allowed: "this agent does not authenticate executors".to_string(),
        });
    }
    let known = flags.text("http_credentials").map(Credentials::load);
    let known = known.transpose().map_err(told)?.map(Arc::new);
    Gate::new(flags, REALMS, known.as_ref())
        .map_err(|error| SettingsError::Security(error.to_string()))
}

/// The lists of `--acls`, which the only authorizer there is judges by.
pub(super) fn acls(flags: &Flags) -> Result<Option<Arc<Acls>>, SettingsError> {
    if let Some(value) = flags.text("authorizer").filter(|v| *v != "local") {
        return Err(SettingsError::Invalid {
            name: "authorizer",
            value: value.to_string(),
            allowed: "`local` is the one that is here".to_string(),
        });
    }
    let acls = Acls::of_flag(flags.text("acls"))
        .map_err(|error| SettingsError::Security(format!("invalid `--acls`: {error}")))?;
    for name in acls.iter().flat_map(|acls| acls.strange()) {
        tracing::warn!("`--acls` has no list `{name}`: what it says is without effect");
    }
    Ok(acls)
}

/// What the agent proves itself with: `--credential`.
pub(super) fn proof(flags: &Flags) -> Result<Option<Proof>, SettingsError> {
    if let Some(value) = flags.text("authenticatee").filter(|v| *v != "crammd5") {
        return Err(SettingsError::Invalid {
            name: "authenticatee",
            value: value.to_string(),
            allowed: "`crammd5` is the one that is here".to_string(),
        });
    }
    let Some(path) = flags.text("credential") else {
        return Ok(None);
    };
    let duration = |name| flags.duration(name).unwrap_or_default();
    Ok(Some(Proof {
        credential: Credential::load(path).map_err(told)?,
        timeout_min: duration("authentication_timeout_min"),
        timeout_max: duration("authentication_timeout_max"),
        backoff_factor: duration("authentication_backoff_factor"),
    }))
}
