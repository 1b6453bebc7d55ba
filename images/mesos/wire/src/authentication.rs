//! Who may speak to a master or an agent: files of credentials, HTTP's Basic scheme, and CRAM-MD5 as
//! libprocess peers speak it (libprocess.md, sections 5 and 7).

mod basic;
pub mod cram_md5;
mod gate;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use thiserror::Error;

pub use basic::{Basic, header};
pub use gate::{Gate, GateError, Realm, RealmNames};

/// A principal and its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The name.
    pub principal: String,
    /// What proves it.
    pub secret: String,
}

/// All principals that are known, with their secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials(BTreeMap<String, String>);

/// Why a file of credentials is of no use. No text quotes a secret.
#[derive(Debug, Error)]
pub enum CredentialsError {
    /// It cannot be read.
    #[error("cannot read the credentials in `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It says something else.
    #[error("invalid credentials in `{path}`: {reason}")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is expected.
        reason: String,
    },
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({:?}, …)", self.principal)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Credential {
    /// Reads the one credential of an agent, `{"principal": …, "secret": …}` or `principal secret`.
    pub fn load(flag: &str) -> Result<Self, CredentialsError> {
        let (path, text) = read(flag)?;
        one(&text).map_err(|reason| CredentialsError::Form { path, reason })
    }
}

impl Credentials {
    /// Reads `{"credentials": [{"principal": …, "secret": …}]}`, or lines of `principal secret`.
    pub fn load(flag: &str) -> Result<Self, CredentialsError> {
        let (path, text) = read(flag)?;
        text.parse()
            .map_err(|reason| CredentialsError::Form { path, reason })
    }

    /// The secret of a principal.
    pub fn secret(&self, principal: &str) -> Option<&str> {
        self.0.get(principal).map(String::as_str)
    }

    /// Whether this is the secret of that principal.
    pub fn prove(&self, principal: &str, secret: &str) -> bool {
        self.secret(principal)
            .is_some_and(|known| is_same(known.as_bytes(), secret.as_bytes()))
    }
}

impl std::str::FromStr for Credentials {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = match serde_json::from_str::<Value>(text) {
            Ok(value) => value
                .get("credentials")
                .and_then(Value::as_array)
                .and_then(|all| all.iter().map(from_json).collect::<Option<Vec<_>>>())
                .ok_or(r#"`{"credentials": [{"principal": "…", "secret": "…"}]}` is expected"#)?,
            Err(error) if text.trim_start().starts_with('{') => return Err(error.to_string()),
            Err(_) => from_lines(text)?,
        };
        let pairs = all.into_iter().map(|one| (one.principal, one.secret));
        Ok(Self(pairs.collect()))
    }
}

fn one(text: &str) -> Result<Credential, String> {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => from_json(&value)
            .ok_or_else(|| r#"`{"principal": "…", "secret": "…"}` is expected"#.to_string()),
        Err(error) if text.trim_start().starts_with('{') => Err(error.to_string()),
        Err(_) => {
            let mut all = from_lines(text)?;
            match (all.pop(), all.is_empty()) {
                (Some(only), true) => Ok(only),
                _ => Err("one principal with its secret is expected".to_string()),
            }
        }
    }
}

fn from_json(value: &Value) -> Option<Credential> {
    let text = |name: &str| value.get(name)?.as_str().map(str::to_string);
    Some(Credential {
        principal: text("principal")?,
        secret: text("secret").unwrap_or_default(),
    })
}

fn from_lines(text: &str) -> Result<Vec<Credential>, String> {
    let lines = text.lines().map(str::trim).enumerate();
    lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| {
            let mut words = line.split_whitespace();
            match (words.next(), words.next(), words.next()) {
                (Some(principal), Some(secret), None) => Ok(Credential {
                    principal: principal.to_string(),
                    secret: secret.to_string(),
                }),
                _ => Err(format!("Invalid credential format at line {}", number + 1)),
            }
        })
        .collect()
}

fn read(flag: &str) -> Result<(PathBuf, String), CredentialsError> {
    let path = Path::new(flag.strip_prefix("file://").unwrap_or(flag)).to_path_buf();
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok((path, text)),
        Err(source) => Err(CredentialsError::Read { path, source }),
    }
}

/// Compares without telling by its duration where the first difference is.
pub(crate) fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_file_are_read() {
        for text in [
            r#"{"credentials":[{"principal":"p","secret":"s"},{"principal":"q","secret":"t"}]}"#,
            "p s\n\nq\tt\n",
        ] {
            let all: Credentials = text.parse().expect(text);
            assert!(all.prove("p", "s") && all.prove("q", "t"), "case `{text}`");
            assert!(!all.prove("p", "t") && !all.prove("r", ""), "case `{text}`");
            assert_eq!(format!("{all:?}"), r#"{"p", "q"}"#);
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_without_its_secrets() {
        for (text, want) in [
            ("p", "Invalid credential format at line 1"),
            ("p s\nq t u", "Invalid credential format at line 2"),
            (
                r#"{"credentials":{"p":"s"}}"#,
                r#"`{"credentials": [{"principal": "…", "secret": "…"}]}` is expected"#,
            ),
        ] {
            assert_eq!(text.parse::<Credentials>().expect_err(text), want);
        }
    }

    #[test]
    fn an_agent_has_one_credential() {
        let want = Credential {
            principal: "p".to_string(),
            secret: "s".to_string(),
        };
        assert_eq!(one(r#"{"principal":"p","secret":"s"}"#).as_ref(), Ok(&want));
        assert_eq!(one("p s\n").as_ref(), Ok(&want));
        assert!(one("p s\nq t").is_err() && one("").is_err() && one("{}").is_err());
    }
}
