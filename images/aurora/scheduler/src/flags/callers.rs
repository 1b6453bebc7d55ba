//! What the flags say about callers: how they prove who they are, and what they may do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{FlagError, Values, bad};
use crate::kerberos::{Acceptor, Principal};
use crate::security::{Matcher, Mechanism, Security};

const REALMS: &str = "shiro_realm_modules";

/// Where users are looked for, by the original's names: its aliases, and the classes themselves.
struct Realms {
    kerberos: bool,
    ini: bool,
}

impl Realms {
    fn new(values: &Values) -> Result<Self, FlagError> {
        const PACKAGE: &str = "org.apache.aurora.scheduler.http.api.security.";
        let mut realms = Self {
            kerberos: false,
            ini: false,
        };
        for name in values.list(REALMS) {
            match name.strip_prefix(PACKAGE).unwrap_or(&name) {
                "KERBEROS5_AUTHN" | "Kerberos5ShiroRealmModule" => realms.kerberos = true,
                "INI_AUTHNZ" | "IniShiroRealmModule" => realms.ini = true,
                _ => {
                    let known = "`INI_AUTHNZ`, `KERBEROS5_AUTHN` or both, with a comma between,";
                    return Err(bad(REALMS, &name, known));
                }
            }
        }
        Ok(realms)
    }
}

/// `-http_authentication_mechanism` and what belongs to it.
pub(super) fn security(values: &Values) -> Result<Option<Security>, FlagError> {
    let name = "http_authentication_mechanism";
    let realms = Realms::new(values)?;
    let lacks = |realm: &str, mechanism: &str| {
        let given = values.text(REALMS).unwrap_or_default();
        let expected = format!("a list with `{realm}`, which `-{name}={mechanism}` needs,");
        bad(REALMS, given, expected)
    };
    let mechanism = values.text(name).unwrap_or_default();
    let mechanism = match mechanism.to_ascii_uppercase().as_str() {
        "NONE" => return Ok(None),
        "BASIC" if realms.ini => Mechanism::Basic,
        "BASIC" => return Err(lacks("INI_AUTHNZ", "BASIC")),
        "NEGOTIATE" if realms.kerberos => Mechanism::Negotiate(Arc::new(acceptor(values)?)),
        "NEGOTIATE" => return Err(lacks("KERBEROS5_AUTHN", "NEGOTIATE")),
        other => return Err(bad(name, other, "`NONE`, `BASIC` or `NEGOTIATE`")),
    };
    if !realms.ini {
        tracing::warn!("without `INI_AUTHNZ` in `-{REALMS}` nobody may change anything");
        return Ok(Some(Security::closed(mechanism)));
    }
    let path = values.required("shiro_ini_path")?;
    let name = "shiro_credentials_matcher";
    let matcher = values.text(name).unwrap_or_default();
    let matcher = Matcher::named(matcher).ok_or_else(|| {
        let known =
            "`SimpleCredentialsMatcher`, `Sha256CredentialsMatcher` or `Sha512CredentialsMatcher`";
        bad(name, matcher, known)
    })?;
    Security::load(Path::new(path), matcher, mechanism)
        .map(Some)
        .map_err(|why| {
            bad(
                "shiro_ini_path",
                path,
                format!("a file of users and roles ({why})"),
            )
        })
}

/// The server that tickets are for.
fn acceptor(values: &Values) -> Result<Acceptor, FlagError> {
    let keytab = PathBuf::from(values.required("kerberos_server_keytab")?);
    let name = "kerberos_server_principal";
    let text = values.required(name)?;
    let principal: Principal = text.parse().map_err(|why| {
        let wanted = format!("a principal such as `HTTP/aurora.example.com@EXAMPLE.COM` ({why})");
        bad(name, text, wanted)
    })?;
    let debug = values.is_on("kerberos_debug");
    Ok(Acceptor::new(keytab, principal, debug))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::flags::Request;

    fn security_of(flags: &[&str]) -> Result<Option<Security>, String> {
        let mut ini = tempfile::NamedTempFile::new().unwrap();
        ini.write_all(b"[users]\na = b\n").unwrap();
        let path = ini.path().display().to_string();
        let flags: Vec<String> = flags.iter().map(|f| f.replace("FILE", &path)).collect();
        let Request::Run(values) = Values::parse(&flags).map_err(|e| e.to_string())? else {
            panic!("no help was asked for");
        };
        security(&values).map_err(|error| error.to_string())
    }

    #[test]
    fn a_mechanism_has_the_realm_that_it_needs() {
        let negotiate = "-http_authentication_mechanism=NEGOTIATE";
        let kerberos = [
            negotiate,
            "-kerberos_server_keytab=/nowhere",
            "-kerberos_server_principal=HTTP/h@R",
        ];
        let both = "-shiro_realm_modules=KERBEROS5_AUTHN,INI_AUTHNZ";
        let ini = "-shiro_ini_path=FILE";
        let challenge = |flags: &[&str]| {
            let security = security_of(&[&kerberos, flags].concat());
            security.map(|security| security.unwrap().challenge())
        };
        assert_eq!(challenge(&[both, ini]), Ok("Negotiate"));
        let alone = "-shiro_realm_modules=org.apache.aurora.scheduler.http.api.security.Kerberos5ShiroRealmModule";
        assert_eq!(challenge(&[alone]), Ok("Negotiate"));
        for (flags, want) in [
            (&[ini][..], "`KERBEROS5_AUTHN`, which"),
            (&[both], "`-shiro_ini_path` is required"),
            (&["-shiro_realm_modules=X"], "cannot be `X`"),
            (
                &["-kerberos_server_principal=HTTP/@R", both, ini],
                "a part of it is empty",
            ),
            (
                &["-kerberos_server_keytab=", both, ini],
                "`-kerberos_server_keytab` is required",
            ),
            (
                &["-http_authentication_mechanism=BASIC", alone, ini],
                "`INI_AUTHNZ`, which",
            ),
            (
                &["-http_authentication_mechanism=DIGEST", both, ini],
                "`NONE`, `BASIC` or `NEGOTIATE`",
            ),
        ] {
            let error = challenge(flags).unwrap_err();
            assert!(error.contains(want), "{flags:?}: {error}");
        }
        assert!(security_of(&[]).unwrap().is_none());
    }
}
