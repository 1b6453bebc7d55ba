//! Who a request's `Authorization` header says that the caller is, and whether it proves it.

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::Security;
use crate::kerberos::Acceptor;

/// The scheme of SPNEGO (RFC 4559). The original takes it in this spelling only.
const NEGOTIATE: &str = "Negotiate";

/// How callers prove who they are.
#[derive(Debug, Clone)]
pub enum Mechanism {
    /// By a password of the file of users.
    Basic,
    /// By a Kerberos ticket.
    Negotiate(Arc<Acceptor>),
}

/// What a header proves.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing is claimed in the mechanism's scheme.
    None,
    /// It is a user.
    Proved {
        /// The user's name.
        user: String,
        /// What is sent back as `WWW-Authenticate`, if something is.
        answer: Option<String>,
    },
    /// It is not who it says.
    Wrong,
    /// It cannot be read.
    Malformed,
}

impl Security {
    /// What a caller is told to prove who they are.
    pub fn challenge(&self) -> &'static str {
        match self.mechanism {
            Mechanism::Basic => "BASIC realm=\"Apache Aurora Scheduler\"",
            Mechanism::Negotiate(_) => NEGOTIATE,
        }
    }

    /// Judges an `Authorization` header at a time.
    pub fn judge(&self, header: &str, now: SystemTime) -> Claim {
        match &self.mechanism {
            Mechanism::Basic => self.basic(header),
            Mechanism::Negotiate(acceptor) => negotiate(acceptor, header, now),
        }
    }

    fn basic(&self, header: &str) -> Claim {
        let header = header.trim();
        if !header.to_ascii_lowercase().starts_with("basic") {
            return Claim::None;
        }
        let user = || {
            let (scheme, encoded) = header.split_once(' ')?;
            if !scheme.eq_ignore_ascii_case("basic") {
                return None;
            }
            let decoded = String::from_utf8(BASE64.decode(encoded.trim()).ok()?).ok()?;
            let (name, password) = decoded.split_once(':')?;
            let user = self.users.get(name)?;
            self.matcher
                .matches(password, &user.password)
                .then(|| name.to_string())
        };
        user().map_or(Claim::Wrong, |user| Claim::Proved { user, answer: None })
    }
}

/// Any other scheme is malformed, as in the original's `AuthorizeHeaderToken`.
fn negotiate(acceptor: &Acceptor, header: &str, now: SystemTime) -> Claim {
    let token = header
        .strip_prefix(NEGOTIATE)
        .and_then(|rest| rest.strip_prefix(' '))
        .and_then(|encoded| BASE64.decode(encoded).ok());
    let Some(token) = token else {
        tracing::info!("malformed Authorization header");
        return Claim::Malformed;
    };
    match acceptor.accept(&token, now) {
        Ok(proved) => Claim::Proved {
            user: proved.user,
            answer: proved
                .answer
                .map(|answer| format!("{NEGOTIATE} {}", BASE64.encode(answer))),
        },
        Err(_) => Claim::Wrong,
    }
}
