//! Asking a task over HTTP to end, before anybody sends it signals
//! (`apache/aurora/executor/http_lifecycle.py`).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::task::HttpLifecycle;

use super::probe::local_client;
use super::running::Running;

/// How long an answer may take, unless the environment says otherwise.
const SIGNAL_TIMEOUT: f64 = 1.0;
/// The environment variable that says so.
const SIGNAL_TIMEOUT_VARIABLE: &str = "AURORA_HTTP_SIGNALER_TIMEOUT_SECS";

/// Asks twice, each time waiting as long as the job says; an unanswered request is not waited for.
/// Returns when the runner has ended, or the time is over.
pub(crate) async fn stop(
    lifecycle: &HttpLifecycle,
    ports: &BTreeMap<String, i64>,
    running: &mut Running,
) {
    let Some(port) = ports.get(&lifecycle.port) else {
        return;
    };
    let Ok(client) = local_client(*port) else {
        return;
    };
    let timeout = std::env::var(SIGNAL_TIMEOUT_VARIABLE)
        .ok()
        .and_then(|text| text.parse::<f64>().ok())
        .filter(|secs| secs.is_finite() && *secs > 0.0)
        .unwrap_or(SIGNAL_TIMEOUT);
    let requests = [
        (
            &lifecycle.graceful_shutdown_endpoint,
            lifecycle.graceful_shutdown_wait_secs,
        ),
        (&lifecycle.shutdown_endpoint, lifecycle.shutdown_wait_secs),
    ];
    for (endpoint, wait) in requests {
        let url = format!("http://localhost:{port}{endpoint}");
        let answer = client
            .post(&url)
            .timeout(Duration::from_secs_f64(timeout))
            .send()
            .await;
        match answer {
            Ok(_) if running.ended_within(Duration::from_secs(wait)).await => return,
            Ok(_) => {}
            Err(error) => tracing::info!(
                "no answer from {url}: {}",
                super::probe::urlopen_error(&error)
            ),
        }
    }
}
