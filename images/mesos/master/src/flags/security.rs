//! Who may speak to the master: credentials, the realms of its HTTP port, and how long a proof may
//! take.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use mesos_wire::authentication::{Credentials, Gate, RealmNames};
use mesos_wire::authorization::Acls;
use mesos_wire::flags::Flags;

use super::{SettingsError, wrong};

/// The realms of a master's port.
const REALMS: RealmNames = RealmNames {
    readonly: "mesos-master-readonly",
    readwrite: "mesos-master-readwrite",
    frameworks: Some("mesos-master-scheduler"),
};

/// What the master asks of those who come.
#[derive(Debug, Clone)]
pub struct Security {
    /// The principals that it knows.
    pub credentials: Arc<Credentials>,
    /// What it asks of HTTP requests.
    pub gate: Gate,
    /// Who may do what.
    pub acls: Option<Arc<Acls>>,
    /// How long an exchange of CRAM-MD5 may take.
    pub timeout: Duration,
}

impl Security {
    pub(super) fn new(flags: &Flags) -> Result<Self, SettingsError> {
        if let Some(value) = flags.text("authenticators").filter(|v| *v != "crammd5") {
            return Err(wrong("authenticators", value, "`crammd5` is supported"));
        }
        let credentials = match flags.text("credentials") {
            None => None,
            Some(path) => Some(Arc::new(
                Credentials::load(path).map_err(|error| SettingsError::Security(told(&error)))?,
            )),
        };
        let asks_peers =
            flags.is_on("authenticate_frameworks") || flags.is_on("authenticate_agents");
        if asks_peers && credentials.is_none() {
            return Err(SettingsError::Security(
                "Authentication requires a credentials file (see --credentials flag)".to_string(),
            ));
        }
        let gate = Gate::new(flags, REALMS, credentials.as_ref())
            .map_err(|error| SettingsError::Security(error.to_string()))?;
        Ok(Self {
            credentials: credentials.unwrap_or_default(),
            gate,
            acls: acls(flags)?,
            timeout: flags
                .duration("authentication_v0_timeout")
                .unwrap_or(Duration::from_secs(15)),
        })
    }
}

/// The lists of `--acls`, which the only authorizer there is judges by.
fn acls(flags: &Flags) -> Result<Option<Arc<Acls>>, SettingsError> {
    if let Some(value) = flags.text("authorizers").filter(|v| *v != "local") {
        return Err(wrong("authorizers", value, "`local` is supported"));
    }
    Acls::of_flag(flags.text("acls"))
        .map_err(|error| SettingsError::Security(format!("invalid `--acls`: {error}")))
}

fn told(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
