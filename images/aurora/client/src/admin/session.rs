//! What every command works with: its arguments, its cluster's scheduler, the log.

use std::rc::Rc;

use aurora_api::{Call, CallResult, Response, ResponseCode};

use super::optparse::Parsed;
use crate::api::Scheduler;
use crate::clusters::{self, Cluster};
use crate::console::Console;
use crate::context::combined;
use crate::exit::{self, Failure, Result};
use crate::transport::Manner;

/// The end of the program: code 1, and the reason in the log.
pub(super) fn die(message: impl Into<String>) -> Failure {
    Failure::new(exit::DIED, message)
}

/// A command under way.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) args: Parsed,
    pub(super) console: Console,
}

impl Session {
    /// For a command line.
    pub(super) fn new(args: Parsed, console: Console) -> Self {
        Self { args, console }
    }

    /// The cluster that the first word names.
    pub(super) fn cluster(&self) -> Result<Cluster> {
        let name = self
            .args
            .words
            .first()
            .ok_or_else(|| die("Must specify at least cluster."))?;
        let mut known =
            clusters::load(&clusters::search_path()).map_err(|error| die(error.to_string()))?;
        known.remove(name).ok_or_else(|| {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            die(format!(
                "Unknown cluster: {name}. Known clusters: {}",
                names.join(", ")
            ))
        })
    }

    /// Its scheduler.
    pub(super) fn scheduler(&self) -> Result<Rc<Scheduler>> {
        let manner = Manner::admin(self.args.flag("--bypass-leader-redirect"));
        Ok(Rc::new(Scheduler::new(
            self.cluster()?,
            self.console,
            manner,
        )))
    }

    /// A word that the number of words has been checked for.
    pub(super) fn word(&self, index: usize) -> &str {
        self.args.words.get(index).map_or("", String::as_str)
    }

    /// Makes a call, logs what the scheduler says, and ends the program unless it agreed.
    pub(super) async fn call(
        &self,
        scheduler: &Scheduler,
        call: Call,
    ) -> Result<Option<CallResult>> {
        let response = scheduler.call(call).await?;
        self.check(&response)?;
        Ok(response.result)
    }

    /// The same, where the answer says nothing more.
    pub(super) async fn order(&self, call: Call) -> Result<()> {
        self.call(&*self.scheduler()?, call).await.map(|_| ())
    }

    pub(super) fn check(&self, response: &Response) -> Result<()> {
        self.console.info(&format!(
            "Response from scheduler: {} (message: {})",
            response.response_code,
            combined(response)
        ));
        if response.response_code == ResponseCode::Ok {
            Ok(())
        } else {
            Err(Failure::logged(exit::DIED))
        }
    }
}
