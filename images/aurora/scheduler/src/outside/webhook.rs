//! The webhook: each change of a task's state is posted to a URL (scheduler-http.md, section 4).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aurora_api::ScheduleStatus;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::gson;
use crate::engine::now_ms;
use crate::model::effect::StateChange;

/// So many requests are under way at once. The changes of one task are told in their order.
const LANES: usize = 8;
/// So many changes wait in each lane; what is more is not told, and counts as an error.
const QUEUE: usize = 4096;

/// `-webhook_config`
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Where news go.
    pub url: String,
    /// With each request.
    pub headers: HeaderMap,
    /// How long a request may take.
    pub timeout: Duration,
    /// The states that are told of.
    pub statuses: BTreeSet<ScheduleStatus>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(rename = "targetURL")]
    target_url: String,
    #[serde(rename = "timeoutMsec")]
    timeout_msec: u64,
    statuses: Option<Vec<String>>,
}

impl Webhook {
    /// Reads the file. What is wrong with it is said in words.
    pub fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read(path).map_err(|error| error.to_string())?;
        Self::parse(&text)
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let file: File = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if reqwest::Url::parse(&file.target_url).is_err() {
            return Err(format!("`{}` is no URL", file.target_url));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &file.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| format!("`{name}` is no name of a header"))?;
            let value = HeaderValue::from_str(value)
                .map_err(|_| format!("`{value}` is no value of a header"))?;
            headers.insert(name, value);
        }
        let all = || ScheduleStatus::ALL.iter().copied().collect();
        let statuses = match file.statuses {
            None => all(),
            Some(names) if names.iter().any(|name| name == "*") => all(),
            Some(names) => {
                let find = |name: String| {
                    let mut all = ScheduleStatus::ALL.iter();
                    all.find(|status| status.to_string() == name)
                        .copied()
                        .ok_or_else(|| format!("`{name}` is no status of tasks"))
                };
                names.into_iter().map(find).collect::<Result<_, _>>()?
            }
        };
        Ok(Self {
            url: file.target_url,
            headers,
            timeout: Duration::from_millis(file.timeout_msec.max(1)),
            statuses,
        })
    }
}

/// What became of requests, as `/vars` shows it.
#[derive(Debug, Default)]
pub struct Counts {
    attempts: AtomicU64,
    success: AtomicU64,
    errors: AtomicU64,
    user_errors: AtomicU64,
}

impl Counts {
    /// The counters by name.
    pub fn all(&self) -> [(&'static str, u64); 4] {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("webhooks_attempts", get(&self.attempts)),
            ("webhooks_errors", get(&self.errors)),
            ("webhooks_success", get(&self.success)),
            ("webhooks_user_errors", get(&self.user_errors)),
        ]
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Hands changes over. Never waits.
#[derive(Debug, Clone)]
pub struct Teller {
    lanes: Vec<Sender<StateChange>>,
    counts: Arc<Counts>,
}

impl Teller {
    /// Starts to tell. Must be called in a runtime.
    pub fn start(webhook: &Webhook) -> Result<Self, reqwest::Error> {
        let counts = Arc::new(Counts::default());
        let client = reqwest::Client::builder()
            .timeout(webhook.timeout)
            .no_proxy()
            .build()?;
        let lanes = (0..LANES).map(|_| {
            let (lane, changes) = channel(QUEUE);
            let (client, webhook) = (client.clone(), webhook.clone());
            tokio::spawn(tell(client, webhook, changes, Arc::clone(&counts)));
            lane
        });
        Ok(Self {
            lanes: lanes.collect(),
            counts: Arc::clone(&counts),
        })
    }

    /// What became of requests so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Tells of a change, some time.
    pub fn tell(&self, change: StateChange) {
        let bytes = change.task.id.bytes();
        let sum = bytes.fold(0_usize, |sum, byte| {
            sum.wrapping_mul(31) + usize::from(byte)
        });
        let lane = self.lanes.get(sum % self.lanes.len().max(1));
        if lane.is_none_or(|lane| lane.try_send(change).is_err()) {
            count(&self.counts.errors);
            tracing::warn!("the webhook is too slow: a change is not told");
        }
    }
}

async fn tell(
    client: reqwest::Client,
    webhook: Webhook,
    mut changes: Receiver<StateChange>,
    counts: Arc<Counts>,
) {
    while let Some(change) = changes.recv().await {
        count(&counts.attempts);
        let request = client
            .post(&webhook.url)
            .header("Timestamp", now_ms().to_string())
            .headers(webhook.headers.clone())
            .body(body(&change));
        match request.send().await {
            Ok(response) if response.status() == reqwest::StatusCode::OK => {
                count(&counts.success);
            }
            Ok(response) => {
                count(&counts.user_errors);
                tracing::debug!("the webhook answered {}", response.status());
            }
            Err(error) => {
                count(&counts.errors);
                tracing::debug!("the webhook cannot be reached: {error}");
            }
        }
    }
}

fn body(change: &StateChange) -> String {
    let task = gson::dump(&change.task.to_scheduled());
    let old = json!({"value": change.from.to_string()});
    json!({"task": task, "oldState": old}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_is_told_to_whom() {
        let text =
            br#"{"headers": {"Producer-Type": "reliable"}, "targetURL": "http://localhost:5000/",
                        "timeoutMsec": 50, "statuses": ["LOST", "FAILED"]}"#;
        let webhook = Webhook::parse(text).unwrap();
        assert_eq!(webhook.url, "http://localhost:5000/");
        assert_eq!(webhook.headers["Producer-Type"], "reliable");
        assert_eq!(webhook.timeout, Duration::from_millis(50));
        let told: Vec<String> = webhook.statuses.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["FAILED", "LOST"]);
        for statuses in ["", r#", "statuses": ["LOST", "*"]"#] {
            let text = format!(r#"{{"targetURL": "http://a/", "timeoutMsec": 5{statuses}}}"#);
            let webhook = Webhook::parse(text.as_bytes()).unwrap();
            assert_eq!(webhook.statuses.len(), ScheduleStatus::ALL.len());
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (text, want) in [
            ("[]", "invalid"),
            (r#"{"timeoutMsec": 5}"#, "targetURL"),
            (r#"{"targetURL": "nowhere", "timeoutMsec": 5}"#, "is no URL"),
            (
                r#"{"targetURL": "http://a/", "timeoutMsec": 5, "statuses": ["GONE"]}"#,
                "`GONE` is no status",
            ),
            (
                r#"{"targetURL": "http://a/", "timeoutMsec": 5, "headers": {"a b": "c"}}"#,
                "is no name of a header",
            ),
        ] {
            let error = Webhook::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
    }
}
