//! Proving to a master who this agent is, before it registers: the client's side of CRAM-MD5
//! (libprocess.md, section 7).

use std::time::Duration;

use mesos_proto::messages::{
    AuthenticateMessage, AuthenticationErrorMessage, AuthenticationMechanismsMessage,
    AuthenticationStartMessage, AuthenticationStepMessage,
};
use mesos_wire::authentication::{Credential, cram_md5};
use mesos_wire::pid::Upid;
use protobuf::Message as _;

use super::effect::Effect;
use super::registration::up_to;
use super::{Model, Now};

/// The name before an attempt's number.
const PREFIX: &str = "crammd5-authenticatee(";

/// What an agent proves itself with.
#[derive(Debug, Clone)]
pub struct Proof {
    /// Who it is.
    pub credential: Credential,
    /// `--authentication_timeout_min`.
    pub timeout_min: Duration,
    /// `--authentication_timeout_max`.
    pub timeout_max: Duration,
    /// `--authentication_backoff_factor`.
    pub backoff_factor: Duration,
}

/// Where the agent stands with proving itself to its master.
#[derive(Debug, Default)]
pub(super) struct Authentication {
    attempts: u64,
    goes_on: bool,
    is_done: bool,
    give_up_at: Option<Duration>,
    /// How far timeouts are spread beyond the least one.
    spread: Duration,
}

impl Authentication {
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.give_up_at
    }

    fn process(&self) -> String {
        format!("{PREFIX}{})", self.attempts)
    }
}

impl Model {
    /// Whether this is the process that the master speaks to while the agent proves itself.
    pub fn is_authenticatee(&self, id: &str) -> bool {
        let number = id
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.strip_suffix(')'))
            .and_then(|number| number.parse::<u64>().ok());
        number.is_some_and(|number| (1..=self.authentication.attempts).contains(&number))
    }

    /// Another master leads, or the same one anew: nothing is proved to it.
    pub(super) fn forget_authentication(&mut self) {
        let attempts = self.authentication.attempts;
        let factor = self.config.proof.as_ref().map(|proof| proof.backoff_factor);
        self.authentication = Authentication {
            attempts,
            spread: factor.unwrap_or_default().saturating_mul(2),
            ..Authentication::default()
        };
    }

    /// Whether the agent may register; begins to prove itself if it has to do that first.
    pub(super) fn is_proved(&mut self, now: Now) -> bool {
        if self.config.proof.is_none() || self.authentication.is_done {
            return true;
        }
        self.begin_authentication(now);
        false
    }

    fn begin_authentication(&mut self, now: Now) {
        let (Some(master), Some(proof)) = (&self.master, &self.config.proof) else {
            return;
        };
        let own = &mut self.authentication;
        own.attempts += 1;
        own.goes_on = true;
        let longest = proof.timeout_max.max(proof.timeout_min);
        let timeout = (proof.timeout_min + up_to(own.spread)).min(longest);
        own.spread = own.spread.saturating_mul(2).min(longest);
        own.give_up_at = Some(now.at + timeout);
        let mut message = AuthenticateMessage::new();
        message.set_pid(self.config.pid.to_string());
        tracing::info!("authenticating with master {}", master.pid);
        let pid = master.pid.clone();
        self.effects.push(Effect::Link(pid.clone()));
        self.say(pid, message);
    }

    pub(super) fn tick_authentication(&mut self, now: Now) {
        if self
            .authentication
            .give_up_at
            .is_some_and(|at| at <= now.at)
        {
            if self.authentication.goes_on {
                tracing::warn!("authentication timed out");
            }
            self.begin_authentication(now);
        }
    }

    /// A message to the authenticatee. One of an earlier attempt, or out of place, is dropped.
    pub fn authenticatee_message(
        &mut self,
        now: Now,
        to: &str,
        from: &Upid,
        name: &str,
        body: &[u8],
    ) -> protobuf::Result<()> {
        let Some(proof) = self.config.proof.clone() else {
            return Ok(());
        };
        if !self.authentication.goes_on || to != self.authentication.process() {
            return Ok(());
        }
        match name {
            "AuthenticationMechanismsMessage" => {
                let named = AuthenticationMechanismsMessage::parse_from_bytes(body)?;
                if named.mechanisms.iter().any(|name| name == cram_md5::NAME) {
                    let mut start = AuthenticationStartMessage::new();
                    start.set_mechanism(cram_md5::NAME.to_string());
                    start.set_data(Vec::new());
                    self.say(from.clone(), start);
                } else {
                    self.retry_authentication(now, "the master does not know CRAM-MD5");
                }
            }
            "AuthenticationStepMessage" => {
                let challenge = AuthenticationStepMessage::parse_from_bytes(body)?;
                let mut step = AuthenticationStepMessage::new();
                step.set_data(cram_md5::response(&proof.credential, challenge.data()));
                self.say(from.clone(), step);
            }
            "AuthenticationCompletedMessage" => {
                tracing::info!("authenticated with the master");
                self.forget_authentication();
                self.authentication.is_done = true;
                self.register_soon(now);
            }
            "AuthenticationFailedMessage" => {
                self.forget_authentication();
                let master = self.master.as_ref();
                let master = master.map(|m| m.pid.to_string()).unwrap_or_default();
                let text = format!("Master {master} refused authentication");
                self.effects.push(Effect::Exit(1, text));
            }
            "AuthenticationErrorMessage" => {
                let error = AuthenticationErrorMessage::parse_from_bytes(body)?;
                self.retry_authentication(now, error.error());
            }
            _ => {}
        }
        Ok(())
    }

    fn retry_authentication(&mut self, now: Now, why: &str) {
        tracing::warn!("failed to authenticate with the master: {why}");
        let own = &mut self.authentication;
        own.goes_on = false;
        own.give_up_at = Some(now.at + up_to(own.spread).max(Duration::from_millis(1)));
    }

    fn say(&mut self, to: Upid, message: impl protobuf::MessageFull) {
        let process = self.authentication.process();
        self.effects
            .push(Effect::SendAs(process, to, Box::new(message)));
    }
}
