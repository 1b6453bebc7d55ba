//! The exchange in which agents and drivers prove who they are: CRAM-MD5 over libprocess
//! (libprocess.md §7). What a peer says while its exchange goes on waits for the end of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesos_proto::messages::{
    AuthenticateMessage, AuthenticationCompletedMessage, AuthenticationErrorMessage,
    AuthenticationFailedMessage, AuthenticationMechanismsMessage, AuthenticationStartMessage,
    AuthenticationStepMessage,
};
use mesos_wire::authentication::Credentials;
use mesos_wire::authentication::cram_md5::{NAME, Reply, Session};
use mesos_wire::libprocess::Message;
use mesos_wire::pid::Upid;
use protobuf::Message as _;

use super::node::Node;

/// The name before a session's number.
const PREFIX: &str = "crammd5-authenticator-session(";
/// How many exchanges may go on at a time; beyond that the oldest is given up.
const MAX_OPEN: usize = 4096;
/// How many messages of one peer wait.
const MAX_HELD: usize = 16;

/// The exchanges that go on.
#[derive(Debug)]
pub(super) struct Sessions {
    credentials: Arc<Credentials>,
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    open: BTreeMap<u64, Exchange>,
}

#[derive(Debug)]
struct Exchange {
    /// Who is to be authenticated.
    client: Upid,
    session: Session,
    held: Vec<Message>,
}

impl State {
    fn number_of(&self, client: &Upid) -> Option<u64> {
        let mut all = self.open.iter();
        all.find(|(_, exchange)| exchange.client == *client)
            .map(|(number, _)| *number)
    }
}

impl Sessions {
    pub(super) fn new(credentials: Arc<Credentials>, timeout: Duration) -> Self {
        Self {
            credentials,
            timeout,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is the name of a session that was begun.
    pub(super) fn has(&self, id: &str) -> bool {
        number(id).is_some_and(|number| (1..=self.state().last).contains(&number))
    }

    /// Keeps a message of a peer whose exchange goes on; gives it back if there is none.
    pub(super) fn hold(&self, message: &Message) -> bool {
        let mut state = self.state();
        let Some(number) = state.number_of(&message.from) else {
            return false;
        };
        if let Some(exchange) = state.open.get_mut(&number)
            && exchange.held.len() < MAX_HELD
        {
            exchange.held.push(message.clone());
        }
        true
    }

    /// Opens an exchange, in place of one that the client has begun before: its number.
    fn open(&self, client: Upid) -> u64 {
        let mut state = self.state();
        let former = state.number_of(&client);
        let former = former.and_then(|number| state.open.remove(&number));
        while state.open.len() >= MAX_OPEN {
            state.open.pop_first();
        }
        state.last += 1;
        let number = state.last;
        let exchange = Exchange {
            client,
            session: Session::default(),
            held: former.map(|former| former.held).unwrap_or_default(),
        };
        state.open.insert(number, exchange);
        number
    }

    /// What is said next in an exchange, and who it is with.
    fn go_on(
        &self,
        number: u64,
        turn: impl FnOnce(&mut Session, &Credentials) -> Reply,
    ) -> Option<(Upid, Reply)> {
        let mut state = self.state();
        let exchange = state.open.get_mut(&number)?;
        let reply = turn(&mut exchange.session, &self.credentials);
        Some((exchange.client.clone(), reply))
    }

    fn close(&self, number: u64) -> Option<Exchange> {
        self.state().open.remove(&number)
    }
}

fn number(id: &str) -> Option<u64> {
    id.strip_prefix(PREFIX)?.strip_suffix(')')?.parse().ok()
}

impl Node {
    /// `AuthenticateMessage`: names the mechanisms.
    pub(super) fn begin_authentication(&self, from: &Upid, message: &AuthenticateMessage) {
        let client = match message.pid().parse::<Upid>() {
            Ok(client) => client,
            Err(error) => {
                tracing::warn!("dropping AuthenticateMessage from {from}: {error}");
                return;
            }
        };
        self.step(|master| {
            master.counters.bump("messages_authenticate");
            master.forget_principal(&client);
        });
        let number = self.sessions.open(client);
        let session = self.pid(&format!("{PREFIX}{number})"));
        self.link(from);
        let mut message = AuthenticationMechanismsMessage::new();
        message.mechanisms.push(NAME.to_string());
        self.send(&session, from, &message);
        let (node, timeout) = (self.weak(), self.sessions.timeout);
        tokio::spawn(async move {
            tokio::time::sleep(timeout).await;
            if let Some(node) = node.upgrade() {
                node.end_authentication(number, None);
            }
        });
    }

    /// A message to a session.
    pub(super) fn go_on_authenticating(&self, message: &Message) {
        let Some(number) = number(&message.to) else {
            return;
        };
        let name = message.name.strip_prefix("mesos.internal.");
        let body = &message.body;
        let said = match name {
            Some("AuthenticationStartMessage") => {
                let start = AuthenticationStartMessage::parse_from_bytes(body);
                start.ok().and_then(|start| {
                    let unique = uuid::Uuid::new_v4().as_u128();
                    let challenge = format!("<{unique}@{}>", self.address().ip());
                    self.sessions.go_on(number, |session, _| {
                        session.start(start.mechanism(), challenge)
                    })
                })
            }
            Some("AuthenticationStepMessage") => {
                let step = AuthenticationStepMessage::parse_from_bytes(body);
                step.ok().and_then(|step| {
                    self.sessions
                        .go_on(number, |session, known| session.step(step.data(), known))
                })
            }
            _ => None,
        };
        let Some((client, reply)) = said else {
            return;
        };
        let (session, to) = (self.pid(&message.to), &message.from);
        match reply {
            Reply::Nothing => {}
            Reply::Challenge(challenge) => {
                let mut message = AuthenticationStepMessage::new();
                message.set_data(challenge.into_bytes());
                self.send(&session, to, &message);
            }
            Reply::Completed(principal) => {
                self.send(&session, to, &AuthenticationCompletedMessage::new());
                self.end_authentication(number, Some(principal));
            }
            Reply::Failed => {
                tracing::warn!("{client} could not prove who it is");
                self.send(&session, to, &AuthenticationFailedMessage::new());
                self.end_authentication(number, None);
            }
            Reply::Error(text) => {
                tracing::warn!("authentication of {client} failed: {text}");
                let mut message = AuthenticationErrorMessage::new();
                message.set_error(text);
                self.send(&session, to, &message);
                self.end_authentication(number, None);
            }
        }
    }

    /// An exchange is over: what waited for it is heard.
    fn end_authentication(&self, number: u64, principal: Option<String>) {
        let Some(exchange) = self.sessions.close(number) else {
            return;
        };
        if let Some(principal) = principal {
            self.step(|master| master.authenticated(&exchange.client, principal));
        }
        for message in &exchange.held {
            self.master_message(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions() -> Sessions {
        Sessions::new(Arc::default(), Duration::from_secs(15))
    }

    fn message(from: &str) -> Message {
        Message {
            from: from.parse().expect("a pid"),
            to: "master".to_string(),
            name: "mesos.internal.RegisterSlaveMessage".to_string(),
            body: bytes::Bytes::new(),
        }
    }

    #[test]
    fn only_sessions_that_were_begun_are_there() {
        let sessions = sessions();
        for client in ["a@127.0.0.1:1", "b@127.0.0.1:1"] {
            sessions.open(client.parse().expect("a pid"));
        }
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

    #[test]
    fn who_is_in_an_exchange_is_heard_after_it_and_not_without_end() {
        let sessions = sessions();
        let peer = "slave(1)@127.0.0.1:1";
        assert!(!sessions.hold(&message(peer)));
        let first = sessions.open(peer.parse().expect("a pid"));
        assert!(sessions.hold(&message(peer)));
        assert!(!sessions.hold(&message("slave(1)@127.0.0.1:2")));
        let second = sessions.open(peer.parse().expect("a pid"));
        assert!(sessions.close(first).is_none());
        for _ in 0..2 * MAX_HELD {
            assert!(sessions.hold(&message(peer)));
        }
        let exchange = sessions.close(second).expect("the second");
        assert_eq!(exchange.held.len(), MAX_HELD);
        for port in 1..=MAX_OPEN + 5 {
            let pid = Upid::new(
                format!("s{port}"),
                "127.0.0.1:9".parse().expect("an address"),
            );
            sessions.open(pid);
        }
        assert_eq!(sessions.state().open.len(), MAX_OPEN);
    }
}
