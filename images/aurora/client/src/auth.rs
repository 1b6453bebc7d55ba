//! How this client proves who its user is: not at all or by `~/.netrc`, or by a Kerberos ticket
//! (`apache/aurora/common/auth/` and `apache/aurora/kerberos/auth_module.py`).

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::clusters::Cluster;
use crate::python::interpreter;

const TOKEN: &str = include_str!("../python/kerberos_token.py");
/// How long a token may take: the library asks each key distribution centre several times.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A cluster's `auth_mechanism`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Nothing is asked of the user; what `~/.netrc` says of the host is sent.
    Unauthenticated,
    /// A ticket of the user's is shown to a scheduler that asks for one.
    Kerberos,
}

impl Mechanism {
    /// That of a cluster, or what to say where it is none of these.
    pub fn of(cluster: &Cluster) -> Result<Self, String> {
        match cluster.auth_mechanism.as_deref() {
            None | Some("UNAUTHENTICATED") => Ok(Self::Unauthenticated),
            Some("KERBEROS") => Ok(Self::Kerberos),
            Some(other) => Err(format!(
                "cluster `{}` has the auth_mechanism `{other}`, which this client does not have: it has `UNAUTHENTICATED`, with the credentials of ~/.netrc if there are any, and `KERBEROS`",
                cluster.name
            )),
        }
    }

    /// What a user whom the scheduler does not take is told to try; nothing, if nothing is known.
    pub fn advice(self) -> Option<&'static str> {
        match self {
            Self::Unauthenticated => None,
            Self::Kerberos => Some(
                "Communication with Aurora scheduler is kerberized. Did you forget to run \"kinit\"?",
            ),
        }
    }
}

/// The value of an `Authorization` header that shows a host's service HTTP who the user is, made of the tickets in the
/// user's credential cache; or why there is none. The system's Kerberos library makes it, which reads `KRB5CCNAME` and
/// `KRB5_CONFIG` and asks the key distribution centre; Python calls that, because this program is static and cannot.
pub async fn negotiate(host: &str) -> Result<String, String> {
    let python = interpreter();
    let name = python.to_string_lossy().into_owned();
    let run = Command::new(&python)
        // Nothing of the user's own is wanted, such as a module in the folder.
        .args(["-I", "-c", TOKEN, host])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(TIMEOUT, run)
        .await
        .map_err(|_| format!("no Kerberos token within {} seconds", TIMEOUT.as_secs()))?
        .map_err(|error| {
            format!("cannot run `{name}`: {error}; AURORA_PYTHON names the interpreter")
        })?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.success() {
        true => Ok(format!("Negotiate {}", said(&output.stdout))),
        false => Err(format!("no Kerberos token: {}", said(&output.stderr))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_mechanism_is_refused_and_not_ignored() {
        let of = |mechanism: Option<&str>| {
            Mechanism::of(&Cluster {
                auth_mechanism: mechanism.map(str::to_owned),
                ..Cluster::default()
            })
        };
        assert_eq!(of(None), Ok(Mechanism::Unauthenticated));
        assert_eq!(of(Some("UNAUTHENTICATED")), Ok(Mechanism::Unauthenticated));
        assert_eq!(of(Some("KERBEROS")), Ok(Mechanism::Kerberos));
        let error = of(Some("COOKIE")).unwrap_err();
        assert!(error.contains("`COOKIE`"), "{error}");
    }
}
