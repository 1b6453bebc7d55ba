//! A cluster's scheduler, called with the patience of the original client
//! (`apache/aurora/client/api/scheduler_client.py`).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use aurora_api::{Call, Response, ResponseCode, Service};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::auth::Mechanism;
use crate::clusters::Cluster;
use crate::console::Console;
use crate::discovery::{DiscoveryError, scheduler_url};
use crate::exit::{self, Failure, Result};
use crate::transport::{Manner, Transport, TransportError};

/// Pause between attempts.
const RETRY_PAUSE: Duration = Duration::from_secs(5);
/// How long attempts go on.
const RETRY_LIMIT: Duration = Duration::from_secs(600);

/// One cluster's scheduler. It is looked for when the first call is made.
#[derive(Debug)]
pub struct Scheduler {
    cluster: Cluster,
    console: Console,
    manner: Manner,
    /// Whom the cluster named last. Forgotten when it does not answer: another one may lead by now.
    found: Mutex<Option<Found>>,
}

/// The scheduler's URL, and the way to it.
type Found = Arc<(String, Transport)>;

/// Why one attempt failed.
enum Attempt {
    /// The call was not sent, or the scheduler is not ready: it is safe to try again.
    NotServed(String),
    /// Nobody knows whether the call was served.
    Lost(String),
    /// Trying again is pointless.
    Final(Failure),
}

impl Scheduler {
    /// The scheduler of a cluster.
    pub fn new(cluster: Cluster, console: Console, manner: Manner) -> Self {
        Self {
            cluster,
            console,
            manner,
            found: Mutex::default(),
        }
    }

    /// Makes a call, again and again where that is safe. Any response is a success here.
    pub async fn call(&self, call: Call) -> Result<Response> {
        let method = call.name();
        let deadline = Instant::now() + RETRY_LIMIT;
        while Instant::now() < deadline {
            match self.attempt(&call).await {
                Ok(response) => return Ok(response),
                Err(Attempt::Final(failure)) => return Err(failure),
                Err(Attempt::Lost(why)) if !is_retriable(&call) => {
                    return Err(Failure::new(
                        exit::NETWORK_ERROR,
                        format!(
                            "Transport error communicating with scheduler during non-idempotent operation: {why}, not retrying"
                        ),
                    ));
                }
                Err(Attempt::NotServed(why)) => self.console.warn(&format!(
                    "Connection error with scheduler: {why}, reconnecting..."
                )),
                Err(Attempt::Lost(why)) => self.console.warn(&format!(
                    "Transport error communicating with scheduler: {why}, retrying..."
                )),
            }
            *self.found.lock().await = None;
            tokio::time::sleep(RETRY_PAUSE).await;
        }
        Err(Failure::new(
            exit::TIMEOUT,
            format!(
                "Timed out attempting to issue {method} to {}",
                self.cluster.name
            ),
        ))
    }

    async fn attempt(&self, call: &Call) -> std::result::Result<Response, Attempt> {
        let found = self.find().await?;
        let response = found.1.call(call).await.map_err(|error| match error {
            TransportError::Auth(why) => {
                if let Some(advice) = found.1.mechanism().advice() {
                    self.console.error(advice);
                }
                Attempt::Final(Failure::new(exit::AUTH_ERROR, why))
            }
            TransportError::Broken(why) => Attempt::Lost(why),
            TransportError::Protocol(why) => Attempt::Final(Failure::new(
                exit::UNKNOWN_ERROR,
                format!(
                    "Error during thrift call {} to {}: {why}",
                    call.name(),
                    self.cluster.name
                ),
            )),
        })?;
        if response.response_code == ResponseCode::ErrorTransient {
            return Err(Attempt::NotServed(response.message()));
        }
        Ok(response)
    }

    async fn find(&self) -> std::result::Result<Found, Attempt> {
        let mut known = self.found.lock().await;
        if let Some(found) = known.as_ref() {
            return Ok(Arc::clone(found));
        }
        let mechanism = Mechanism::of(&self.cluster)
            .map_err(|why| Attempt::Final(Failure::new(exit::INVALID_CONFIGURATION, why)))?;
        let url = scheduler_url(&self.cluster)
            .await
            .map_err(|error| match error {
                DiscoveryError::Configuration(why) => {
                    Attempt::Final(Failure::new(exit::INVALID_CONFIGURATION, why))
                }
                DiscoveryError::NotNow(why) => Attempt::NotServed(why),
            })?;
        let transport = Transport::new(&url, self.manner, mechanism).map_err(|error| {
            Attempt::Final(Failure::new(exit::INVALID_CONFIGURATION, error.to_string()))
        })?;
        let found = Arc::new((url, transport));
        *known = Some(Arc::clone(&found));
        Ok(found)
    }

    /// Does something else that takes its time, and looks for the scheduler meanwhile. Whoever is not found by the
    /// end of it is looked for by the first call, which also says why.
    pub async fn found_during<T>(&self, work: impl Future<Output = T>) -> T {
        let look = async {
            let _ = self.find().await;
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            done = work => done,
            never = look => match never {},
        }
    }

    /// The scheduler's own address.
    pub async fn raw_url(&self) -> Result<String> {
        match self.find().await {
            Ok(found) => Ok(found.0.clone()),
            Err(Attempt::Final(failure)) => Err(failure),
            Err(Attempt::NotServed(why) | Attempt::Lost(why)) => {
                Err(Failure::new(exit::NETWORK_ERROR, why))
            }
        }
    }

    /// The address that users are shown. Known once a call has been answered, or fixed.
    pub async fn shown_url(&self) -> String {
        if let Some(proxy) = &self.cluster.proxy_url {
            return proxy.trim_end_matches('/').to_owned();
        }
        match self.find().await {
            Ok(found) => found.0.clone(),
            Err(_) => String::new(),
        }
    }

    /// Its console.
    pub fn console(&self) -> Console {
        self.console
    }

    /// Its cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Its cluster's name.
    pub fn cluster_name(&self) -> &str {
        &self.cluster.name
    }
}

/// Whether a call may be made again when nobody knows what became of it.
fn is_retriable(call: &Call) -> bool {
    call.service() == Service::ReadOnlyScheduler
        || matches!(call, Call::StartJobUpdate(_) | Call::RestartShards(_))
}
