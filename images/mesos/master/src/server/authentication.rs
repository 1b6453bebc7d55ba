//! The exchange that clients with a credential begin (libprocess.md §7). This master requires nobody
//! to authenticate and lets everybody who wants to; without an answer such clients would wait for ever.

use std::sync::atomic::{AtomicU64, Ordering};

use mesos_proto::messages::{
    AuthenticationCompletedMessage, AuthenticationMechanismsMessage, AuthenticationStepMessage,
};
use mesos_wire::pid::Upid;

use super::node::Node;

/// The name before a session's number.
const PREFIX: &str = "crammd5-authenticator-session(";

/// Counts the sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions(AtomicU64);

impl Sessions {
    /// Whether this is the name of a session that was begun.
    pub(super) fn has(&self, id: &str) -> bool {
        let number = id
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.strip_suffix(')'));
        let number = number.and_then(|text| text.parse::<u64>().ok());
        number.is_some_and(|number| (1..=self.0.load(Ordering::Relaxed)).contains(&number))
    }

    /// `AuthenticateMessage`: names the mechanisms.
    pub(super) fn begin(&self, node: &Node, client: &Upid) {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        let session = node.pid(&format!("{PREFIX}{number})"));
        node.link(client);
        let mut message = AuthenticationMechanismsMessage::new();
        message.mechanisms.push("CRAM-MD5".to_string());
        node.send(&session, client, &message);
    }

    /// A message to a session: a start is challenged, and whatever answers the challenge will do.
    pub(super) fn go_on(&self, node: &Node, session: &str, client: &Upid, name: &str) {
        let session = node.pid(session);
        match name {
            "mesos.internal.AuthenticationStartMessage" => {
                let challenge = format!(
                    "<{}@{}>",
                    uuid::Uuid::new_v4().as_u128(),
                    session.address.ip()
                );
                let mut message = AuthenticationStepMessage::new();
                message.set_data(challenge.into_bytes());
                node.send(&session, client, &message);
            }
            "mesos.internal.AuthenticationStepMessage" => {
                node.send(&session, client, &AuthenticationCompletedMessage::new());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sessions_that_were_begun_are_there() {
        let sessions = Sessions(AtomicU64::new(2));
        for (id, want) in [
            ("crammd5-authenticator-session(1)", true),
            ("crammd5-authenticator-session(2)", true),
            ("crammd5-authenticator-session(0)", false),
            ("crammd5-authenticator-session(3)", false),
            ("crammd5-authenticator-session(x)", false),
            ("master", false),
        ] {
            assert_eq!(sessions.has(id), want, "case `{id}`");
        }
    }
}
