//! The door of a master's or an agent's HTTP port: endpoints that are closed, and the realms that ask
//! who comes (flags.md; libprocess.md, section 5).

use std::collections::BTreeSet;
use std::sync::Arc;

use hyper::StatusCode;
use serde_json::Value;
use thiserror::Error;

use super::{Basic, Credentials};
use crate::flags::Flags;
use crate::http::{Request, Response};

/// Which of a program's realms an endpoint belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Realm {
    /// None: everybody may ask.
    Open,
    /// What only reads.
    ReadOnly,
    /// What may change something; `/api/v1` as a whole is of this realm.
    ReadWrite,
    /// The frameworks' API.
    Frameworks,
}

/// What is asked of requests.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    closed: BTreeSet<String>,
    readonly: Option<Basic>,
    readwrite: Option<Basic>,
    frameworks: Option<Basic>,
}

/// Why flags do not make a gate.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum GateError {
    /// A realm asks for credentials, and there are none.
    #[error(
        "No credentials provided for the default 'basic' HTTP authenticator for realm '{realm}'"
    )]
    NoCredentials {
        /// The realm.
        realm: &'static str,
    },
    /// Frameworks are to be authenticated, and it is not said how.
    #[error(
        "Missing `--http_framework_authenticators` flag. This must be used together with `--authenticate_http_frameworks`"
    )]
    NoFrameworkAuthenticators,
    /// An authenticator that is not here.
    #[error("HTTP authenticator '{name}' not found. Check the spelling (compare to 'basic')")]
    Unknown {
        /// Its name.
        name: String,
    },
    /// Rules that are none.
    #[error("invalid `--firewall_rules`: {0}")]
    Rules(String),
}

/// The realms of one program.
#[derive(Debug, Clone, Copy)]
pub struct RealmNames {
    /// Of what reads.
    pub readonly: &'static str,
    /// Of what changes something.
    pub readwrite: &'static str,
    /// Of frameworks, where there is one.
    pub frameworks: Option<&'static str>,
}

impl Gate {
    /// The gate that these flags ask for.
    pub fn new(
        flags: &Flags,
        names: RealmNames,
        credentials: Option<&Arc<Credentials>>,
    ) -> Result<Self, GateError> {
        let realm = |on: &str, authenticators: &str, realm: &'static str| {
            if !flags.is_on(on) {
                return Ok(None);
            }
            if let Some(name) = flags.text(authenticators).filter(|name| *name != "basic") {
                return Err(GateError::Unknown {
                    name: name.to_string(),
                });
            }
            let known = credentials.ok_or(GateError::NoCredentials { realm })?;
            Ok(Some(Basic::new(realm, known.clone())))
        };
        let frameworks = match names.frameworks {
            None => None,
            Some(name) => {
                let (on, how) = (
                    "authenticate_http_frameworks",
                    "http_framework_authenticators",
                );
                if flags.is_on(on) && flags.text(how).is_none() {
                    return Err(GateError::NoFrameworkAuthenticators);
                }
                realm(on, how, name)?
            }
        };
        Ok(Self {
            closed: match flags.text("firewall_rules") {
                None => BTreeSet::new(),
                Some(text) => closed(text).map_err(GateError::Rules)?,
            },
            readonly: realm(
                "authenticate_http_readonly",
                "http_authenticators",
                names.readonly,
            )?,
            readwrite: realm(
                "authenticate_http_readwrite",
                "http_authenticators",
                names.readwrite,
            )?,
            frameworks,
        })
    }

    /// Lets a request in, and notes its principal; the error is the answer to give.
    pub fn admit(&self, request: &mut Request, realm: Realm) -> Result<(), Response> {
        let path = request.target.split('?').next().unwrap_or_default();
        if self.closed.contains(path) {
            return Err(Response::text(
                StatusCode::FORBIDDEN,
                format!("Endpoint '{path}' is disabled"),
            ));
        }
        let asks = match realm {
            Realm::Open => &None,
            Realm::ReadOnly => &self.readonly,
            Realm::ReadWrite => &self.readwrite,
            Realm::Frameworks => &self.frameworks,
        };
        request.principal = match asks {
            None => None,
            Some(asks) => Some(asks.check(request)?),
        };
        Ok(())
    }
}

/// The paths in `{"disabled_endpoints": {"paths": […]}}`.
fn closed(text: &str) -> Result<BTreeSet<String>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Some(rules) = value.as_object() else {
        return Err("a JSON object is expected".to_string());
    };
    let Some(rule) = rules.get("disabled_endpoints") else {
        return Ok(BTreeSet::new());
    };
    rule.get("paths")
        .and_then(Value::as_array)
        .and_then(|paths| {
            let paths = paths.iter().map(|path| path.as_str().map(str::to_string));
            paths.collect::<Option<BTreeSet<_>>>()
        })
        .ok_or_else(|| r#"`{"disabled_endpoints": {"paths": ["/…"]}}` is expected"#.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_the_paths_that_are_closed() {
        let paths = closed(r#"{"disabled_endpoints":{"paths":["/files/browse","/state"]}}"#);
        let paths: Vec<_> = paths.expect("rules").into_iter().collect();
        assert_eq!(paths, ["/files/browse", "/state"]);
        assert_eq!(closed("{}"), Ok(BTreeSet::new()));
        for text in ["", "[]", r#"{"disabled_endpoints":["/x"]}"#] {
            assert!(closed(text).is_err(), "case `{text}`");
        }
    }
}
