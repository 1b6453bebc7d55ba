//! Coordinators: services of the users' that say whether a task may go (task-lifecycle.md, 14).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;

use super::gson;
use crate::engine::Engine;
use crate::model::sla::{Ask, Said};

/// The longest answer that is read. One is a line.
const ANSWER_LIMIT_BYTES: usize = 1 << 20;

/// Asks whatever comes, at most `parallel` at a time, and tells the engine the answers, for ever.
pub async fn ask_all(
    engine: Arc<Engine>,
    mut asks: UnboundedReceiver<Ask>,
    timeout: Duration,
    parallel: usize,
) {
    let places = Arc::new(Semaphore::new(parallel.max(1)));
    let client = reqwest::Client::builder()
        .timeout(timeout)
        .no_proxy()
        .build();
    while let Some(ask) = asks.recv().await {
        let (engine, places, client) = (
            Arc::clone(&engine),
            Arc::clone(&places),
            client.as_ref().ok().cloned(),
        );
        tokio::spawn(async move {
            let _place = places.acquire_owned().await;
            let said = match client {
                Some(client) => put(&client, &ask).await,
                None => Said::Failed,
            };
            if engine
                .command(|model| model.coordinator_said(&ask, said))
                .is_err()
            {
                tracing::debug!("a coordinator's answer came when the lead was lost");
            }
        });
    }
}

async fn put(client: &reqwest::Client, ask: &Ask) -> Said {
    let Ok(mut url) = reqwest::Url::parse(&ask.url) else {
        tracing::warn!("the coordinator's address `{}` is no URL", ask.url);
        return Said::Failed;
    };
    url.query_pairs_mut().append_pair("task", &ask.key);
    let request = client.post(url).body(ask.body.to_string());
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            tracing::warn!("coordinator {} cannot be asked: {error}", ask.url);
            return Said::Failed;
        }
    };
    if response.status() != reqwest::StatusCode::OK {
        return Said::BadStatus;
    }
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_LIMIT_BYTES => {
                body.extend_from_slice(&chunk);
            }
            Ok(None) => break,
            Ok(Some(_)) | Err(_) => return Said::Failed,
        }
    }
    let flags = gson::flags(&String::from_utf8_lossy(&body));
    match flags.as_ref().and_then(|flags| flags.get(&ask.status_key)) {
        Some(allowed) => Said::Allowed(*allowed),
        // The original stumbles over an answer without the key, and over what is no answer; that is no permission. It
        // has counted the answer before it reads it.
        None => Said::Allowed(false),
    }
}
