//! HTTP's Basic scheme, as each realm of a master or an agent asks for it (libprocess.md, section 5).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use hyper::header;

use super::{Credential, Credentials};
use crate::http::{Request, Response};

/// A realm whose requests need a principal and its secret.
#[derive(Debug, Clone)]
pub struct Basic {
    realm: &'static str,
    credentials: Arc<Credentials>,
}

impl Basic {
    /// A realm, and those who may enter it.
    pub fn new(realm: &'static str, credentials: Arc<Credentials>) -> Self {
        Self { realm, credentials }
    }

    /// The principal of a request; the error is the answer to give.
    pub fn check(&self, request: &Request) -> Result<String, Response> {
        let claim = request.header("authorization").and_then(claim);
        match claim {
            Some(claim) if self.credentials.prove(&claim.principal, &claim.secret) => {
                Ok(claim.principal)
            }
            _ => {
                let mut response = Response::status(StatusCode::UNAUTHORIZED);
                let challenge = format!("Basic realm=\"{}\"", self.realm);
                response.set(header::WWW_AUTHENTICATE, &challenge);
                Err(response)
            }
        }
    }
}

/// The `Authorization` header that proves a principal.
pub fn header(credential: &Credential) -> String {
    let pair = format!("{}:{}", credential.principal, credential.secret);
    format!("Basic {}", STANDARD.encode(pair))
}

/// What an `Authorization` header claims. A secret may hold colons, a principal may not.
fn claim(header: &str) -> Option<Credential> {
    // Libprocess takes it in this spelling alone.
    let encoded = header.strip_prefix("Basic ")?;
    let pair = STANDARD.decode(encoded).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (principal, secret) = pair.split_once(':')?;
    Some(Credential {
        principal: principal.to_string(),
        secret: secret.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let credential = Credential {
            principal: "framework".to_string(),
            secret: "a:b c".to_string(),
        };
        assert_eq!(claim(&header(&credential)), Some(credential));
    }

    #[test]
    fn a_claim_that_is_none_is_not_taken() {
        for header in [
            "",
            "Basic",
            "Basic ?",
            "Basic cA==",
            "Bearer cDpz",
            "basic cDpz",
            "Basic  cDpz",
            "Basic gA==",
        ] {
            assert_eq!(claim(header), None, "case `{header}`");
        }
    }
}
