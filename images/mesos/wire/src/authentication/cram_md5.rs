//! CRAM-MD5 (RFC 2195): a challenge, and its HMAC-MD5 under the secret. Both sides of the exchange are
//! state machines that are fed what the other says (libprocess.md, section 7).

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;

use super::{Credential, Credentials, is_same};

/// The mechanism's name.
pub const NAME: &str = "CRAM-MD5";

/// What a client sends back for a challenge: `PRINCIPAL HEX`.
pub fn response(credential: &Credential, challenge: &[u8]) -> Vec<u8> {
    let digest = digest(&credential.secret, challenge);
    format!("{} {digest}", credential.principal).into_bytes()
}

fn digest(secret: &str, challenge: &[u8]) -> String {
    // Keys of HMAC have any length.
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(challenge);
    let bytes = mac.finalize().into_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The server's side of one exchange.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Session {
    /// The mechanisms are named; a start is awaited.
    #[default]
    Starting,
    /// The challenge is sent; its answer is awaited.
    Challenged(String),
    /// It is over.
    Over,
}

/// What the server says next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// AuthenticationStepMessage with this challenge.
    Challenge(String),
    /// AuthenticationCompletedMessage: the client is this principal.
    Completed(String),
    /// AuthenticationFailedMessage: it is not who it says.
    Failed,
    /// AuthenticationErrorMessage: it spoke out of turn.
    Error(String),
    /// Nothing: the exchange is over.
    Nothing,
}

impl Session {
    /// AuthenticationStartMessage. `challenge` is unique, in angle brackets.
    pub fn start(&mut self, mechanism: &str, challenge: String) -> Reply {
        if *self == Self::Over {
            return Reply::Nothing;
        }
        if *self != Self::Starting {
            return self.end(Reply::Error(
                "Unexpected authentication 'start' received".to_string(),
            ));
        }
        if mechanism != NAME {
            return self.end(Reply::Error("no mechanism available".to_string()));
        }
        *self = Self::Challenged(challenge.clone());
        Reply::Challenge(challenge)
    }

    /// AuthenticationStepMessage.
    pub fn step(&mut self, data: &[u8], credentials: &Credentials) -> Reply {
        let challenge = match self {
            Self::Over => return Reply::Nothing,
            Self::Starting => {
                return self.end(Reply::Error(
                    "Unexpected authentication 'step' received".to_string(),
                ));
            }
            Self::Challenged(challenge) => std::mem::take(challenge),
        };
        let proven = std::str::from_utf8(data).ok().and_then(|text| {
            // The principal itself may hold spaces.
            let (principal, claimed) = text.rsplit_once(' ')?;
            let secret = credentials.secret(principal)?;
            let wanted = digest(secret, challenge.as_bytes());
            is_same(wanted.as_bytes(), claimed.as_bytes()).then(|| principal.to_string())
        });
        self.end(match proven {
            Some(principal) => Reply::Completed(principal),
            None => Reply::Failed,
        })
    }

    fn end(&mut self, reply: Reply) -> Reply {
        *self = Self::Over;
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 2195, section 3.
    #[test]
    fn the_digest_is_that_of_the_standard() {
        let credential = Credential {
            principal: "tim".to_string(),
            secret: "tanstaaftanstaaf".to_string(),
        };
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        assert_eq!(
            response(&credential, challenge),
            b"tim b913a602c7eda7a495b4e6e7334d3890"
        );
    }

    fn known() -> Credentials {
        "p s".parse().expect("credentials")
    }

    #[test]
    fn only_who_knows_the_secret_completes() {
        for (principal, secret, want) in [
            ("p", "s", Reply::Completed("p".to_string())),
            ("p", "t", Reply::Failed),
            ("q", "s", Reply::Failed),
            ("", "", Reply::Failed),
        ] {
            let mut session = Session::default();
            let Reply::Challenge(challenge) = session.start(NAME, "<1@h>".to_string()) else {
                panic!("no challenge");
            };
            let credential = Credential {
                principal: principal.to_string(),
                secret: secret.to_string(),
            };
            let answer = response(&credential, challenge.as_bytes());
            assert_eq!(session.step(&answer, &known()), want, "case `{principal}`");
            assert_eq!(session.step(&answer, &known()), Reply::Nothing);
        }
    }

    #[test]
    fn who_speaks_out_of_turn_is_told() {
        let error = |text: &str| Reply::Error(text.to_string());
        let mut session = Session::default();
        assert_eq!(
            session.step(b"p x", &known()),
            error("Unexpected authentication 'step' received")
        );
        let mut session = Session::default();
        session.start(NAME, "<1@h>".to_string());
        assert_eq!(
            session.start(NAME, "<2@h>".to_string()),
            error("Unexpected authentication 'start' received")
        );
        let mut session = Session::default();
        assert_eq!(
            session.start("PLAIN", "<1@h>".to_string()),
            error("no mechanism available")
        );
        let mut session = Session::default();
        session.start(NAME, "<1@h>".to_string());
        assert_eq!(session.step(&[0xff], &known()), Reply::Failed);
    }
}
