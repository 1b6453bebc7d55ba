//! Callers prove themselves with Kerberos tickets, as the original's `Kerberos5Realm` has them: one token of SPNEGO or
//! of Kerberos itself, without state between requests.
//!
//! No library of the system's is asked: the product is one static file.

mod crypto;
mod exchange;
mod keytab;
mod messages;
mod principal;
mod replay;
mod token;

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crypto::{Key, Usage};
use exchange::{MUTUAL, decrypt, in_time, malformed, named, reply, user, wanted};
use keytab::Entry;
use messages::{ApReq, Authenticator, EncTicketPart, Encrypted, Ticket, is_set, unwrap, within};
pub use principal::Principal;
use replay::Shown;

/// How far clocks may be apart, in seconds; Kerberos' own default.
const SKEW_SECS: i64 = 300;
/// The largest keytab that is read, in bytes: thousands of keys.
const MAX_KEYTAB: u64 = 1 << 20;
/// The largest token that is taken, in bytes. Those of Windows with many groups are some ten thousand long.
const MAX_TOKEN: usize = 64 << 10;
/// The AP-REQ's option of a ticket that is encrypted with another ticket's key.
const USE_SESSION_KEY: usize = 1;

/// Why somebody is not let in. The text is for the log: a caller is told nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The token is none.
    #[error("the token is not taken: {0}")]
    Token(String),
    /// The keytab has no key for the ticket.
    #[error("{0}")]
    NoKey(String),
    /// A part is not encrypted with the key that it should be.
    #[error("{0} cannot be decrypted: it was made with another key, or changed")]
    Integrity(&'static str),
    /// The ticket is for somebody else.
    #[error("the ticket is for `{0}`")]
    NotUs(String),
    /// It was, or will be.
    #[error("{0}")]
    Time(&'static str),
    /// Somebody else shows it.
    #[error("ticket and authenticator name different clients")]
    Mismatch,
    /// It has been shown before.
    #[error("the authenticator was used before")]
    Replayed,
    /// The client is of another realm, or its name could be mistaken for another.
    #[error("the client `{0}` is no user here")]
    Client(String),
    /// The server's own proof fails.
    #[error("no answer can be made: {0}")]
    Answer(String),
}

/// Somebody who proved who they are.
#[derive(Debug, PartialEq, Eq)]
pub struct Proved {
    /// The name without the realm.
    pub user: String,
    /// The token to send back, if there is one.
    pub answer: Option<Vec<u8>>,
}

/// Judges tokens on behalf of one server.
#[derive(Debug)]
pub struct Acceptor {
    keytab: PathBuf,
    server: Principal,
    /// Whether the log tells what tokens hold.
    debug: bool,
    shown: Mutex<Shown>,
}

impl Acceptor {
    /// For a server whose keys are in a keytab. That is read for each token, because keys change, and need not be there
    /// yet; what is wrong with it now is only logged.
    pub fn new(keytab: PathBuf, server: Principal, debug: bool) -> Self {
        let acceptor = Self {
            keytab,
            server,
            debug,
            shown: Mutex::default(),
        };
        match acceptor.keys() {
            Ok(keys) => {
                for Entry { kvno, etype, .. } in keys {
                    acceptor.tell(format_args!("the keytab has key {kvno} of type {etype}"));
                }
            }
            Err(why) => tracing::warn!("{why}"),
        }
        acceptor
    }

    /// Who sends a token, if it proves it at that time. What is wrong with it is logged.
    pub fn accept(&self, token: &[u8], now: SystemTime) -> Result<Proved, Refusal> {
        let judged = self.judge(token, now);
        match &judged {
            Ok(proved) => self.tell(format_args!("`{}` is let in", proved.user)),
            Err(why) => tracing::warn!("login failed: {why}"),
        }
        judged
    }

    fn tell(&self, text: std::fmt::Arguments<'_>) {
        if self.debug {
            tracing::info!("Kerberos: {text}");
        } else {
            tracing::debug!("Kerberos: {text}");
        }
    }

    /// The server's entries in the keytab.
    fn keys(&self) -> Result<Vec<Entry>, Refusal> {
        let path = self.keytab.display();
        let unfit = |why: &dyn std::fmt::Display| {
            Refusal::NoKey(format!("the keytab `{path}` cannot be used: {why}"))
        };
        let mut bytes = Vec::new();
        File::open(&self.keytab)
            .and_then(|file| file.take(MAX_KEYTAB).read_to_end(&mut bytes))
            .map_err(|error| unfit(&error))?;
        let mut entries = keytab::read(&bytes).map_err(|error| unfit(&error))?;
        entries.retain(|entry| entry.owner.is(&self.server));
        if entries.is_empty() {
            return Err(unfit(&format_args!("it has no key of `{}`", self.server)));
        }
        Ok(entries)
    }

    /// The server's key that something was encrypted with; the newest of its type, where that is not told.
    fn key(&self, secret: &Encrypted<'_>) -> Result<Key, Refusal> {
        let suits = |entry: &Entry| {
            entry.etype == secret.etype && secret.kvno.is_none_or(|kvno| entry.kvno == kvno)
        };
        let (etype, kvno) = (secret.etype, secret.kvno);
        self.tell(format_args!("a ticket for key {kvno:?} of type {etype}"));
        let found = self.keys()?.into_iter().filter(suits);
        let newest = found.max_by_key(|entry| entry.kvno);
        newest.and_then(|entry| entry.key).ok_or_else(|| {
            let version = kvno.map_or_else(String::new, |kvno| format!(" and version {kvno}"));
            Refusal::NoKey(format!(
                "there is no key of type {etype}{version} for `{}` that is known here",
                self.server
            ))
        })
    }

    /// As RFC 4120, 3.2.3, has it. Addresses in tickets are not compared: the original does not know its callers'.
    fn judge(&self, token: &[u8], now: SystemTime) -> Result<Proved, Refusal> {
        if token.len() > MAX_TOKEN {
            return Err(malformed("it is too long"));
        }
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let (wrapping, request) = token::request(token).map_err(malformed)?;
        let request: ApReq<'_> = unwrap(messages::AP_REQ, request).map_err(malformed)?;
        let kind = i32::try_from(messages::AP_REQ).ok();
        if request.version != messages::VERSION || Some(request.kind) != kind {
            return Err(malformed("it is of another version or kind"));
        }
        if is_set(request.options, USE_SESSION_KEY) {
            return Err(malformed("it is encrypted from user to user"));
        }
        let ticket: Ticket<'_> = within(messages::TICKET, request.ticket).map_err(malformed)?;
        let server = named(&ticket.server, &ticket.realm)?;
        if !server.is(&self.server) {
            return Err(Refusal::NotUs(server.to_string()));
        }
        let key = self.key(&ticket.secret)?;
        let secret = decrypt(&key, Usage::Ticket, &ticket.secret)?;
        let part: EncTicketPart<'_> =
            unwrap(messages::ENC_TICKET_PART, &secret).map_err(malformed)?;
        let session = Key::new(part.session_key.kind, part.session_key.value.as_bytes());
        let session = session.ok_or_else(|| {
            let etype = part.session_key.kind;
            Refusal::NoKey(format!("the session's key is of the unknown type {etype}"))
        })?;
        let shown = decrypt(&session, Usage::Authenticator, &request.authenticator)?;
        let shown: Authenticator<'_> =
            unwrap(messages::AUTHENTICATOR, &shown).map_err(malformed)?;
        let client = named(&part.client, &part.realm)?;
        if client != named(&shown.client, &shown.realm)? {
            return Err(Refusal::Mismatch);
        }
        in_time(&part, &shown, now)?;
        let wants_answer = wanted(&shown)? & MUTUAL != 0;
        let cipher = request.authenticator.cipher.as_bytes();
        let mut known = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        // An authenticator is taken from `SKEW_SECS` before its time to as long after it.
        if !known.is_new(cipher, now, 2 * SKEW_SECS) {
            return Err(Refusal::Replayed);
        }
        drop(known);
        let user = user(&client, &server)?;
        let reply = wants_answer.then(|| reply(&session, &shown)).transpose()?;
        let answer = token::answer(wrapping, reply.as_deref());
        let answer = answer.map_err(|error| Refusal::Answer(error.to_string()))?;
        Ok(Proved { user, answer })
    }
}

#[cfg(test)]
mod tests;
