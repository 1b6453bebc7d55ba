//! Sizes of sandboxes as the agent has measured them: `--enable_mesos_disk_collector`.
//!
//! The agent is asked when somebody looks, and then not again for a while; so one that does not answer
//! holds nobody up for long.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Leads to a value in JSON: names with dots between, each perhaps in quotes. What JMESPath has more is
/// not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonPath(Vec<String>);

impl JsonPath {
    /// Reads `statistics.disk_used_bytes`, or `"a.b".c`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut names = Vec::new();
        let mut rest = text;
        loop {
            let (name, after) = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => {
                    let end = rest.find('.').unwrap_or(rest.len());
                    let (name, after) = rest.split_at(end);
                    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    (name.chars().all(plain)).then_some((name, after))?
                }
            };
            if name.is_empty() {
                return None;
            }
            names.push(name.to_string());
            match after.strip_prefix('.') {
                Some(more) => rest = more,
                None if after.is_empty() => return Some(Self(names)),
                None => return None,
            }
        }
    }

    fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(value, |at, name| at.get(name))
    }
}

/// Asks the agent, and remembers what it said.
#[derive(Debug)]
pub(crate) struct Collector {
    url: String,
    executor_id: JsonPath,
    disk_usage: JsonPath,
    interval: Duration,
    client: Client,
    /// When the agent was asked last.
    asked: tokio::sync::Mutex<Option<Instant>>,
    /// Bytes, by the executor's id.
    sizes: Mutex<HashMap<String, u64>>,
}

impl Collector {
    pub(crate) fn new(
        url: String,
        executor_id: JsonPath,
        disk_usage: JsonPath,
        interval: Duration,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            url,
            executor_id,
            disk_usage,
            interval,
            client: Client::builder().no_proxy().timeout(PATIENCE).build()?,
            asked: tokio::sync::Mutex::default(),
            sizes: Mutex::default(),
        })
    }

    /// Asks the agent, unless that was done a short while ago.
    pub(crate) async fn refresh(&self) {
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|at| at.elapsed() < self.interval) {
            return;
        }
        *asked = Some(Instant::now());
        let answer = async {
            let response = self.client.get(&self.url).send().await?;
            response.error_for_status()?.json::<Value>().await
        };
        match answer.await {
            Ok(containers) => {
                let sizes = self.read(&containers);
                *self.sizes.lock().unwrap_or_else(PoisonError::into_inner) = sizes;
            }
            Err(error) => tracing::warn!("no sizes of sandboxes from {}: {error}", self.url),
        }
    }

    fn read(&self, containers: &Value) -> HashMap<String, u64> {
        containers
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|container| {
                let id = self.executor_id.find(container)?.as_str()?.to_string();
                Some((id, self.disk_usage.find(container)?.as_u64()?))
            })
            .collect()
    }

    /// What the agent said of the executor whose run is in this folder.
    pub(crate) fn size(&self, run: &Path) -> Option<u64> {
        let executor = run.parent()?.parent()?.file_name()?.to_str()?;
        let sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        sizes.get(executor).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn path(text: &str) -> JsonPath {
        JsonPath::parse(text).unwrap()
    }

    #[test]
    fn a_path_leads_to_a_value() {
        let value = json!({"a": {"b.c": {"d_1": 7}}});
        assert_eq!(path("a.\"b.c\".d_1").find(&value), Some(&json!(7)));
        assert_eq!(path("a.x").find(&value), None);
        for bad in [
            "", ".", "a.", "a..b", "a[0]", "a b", "\"a", "\"a\"b", "\"\"",
        ] {
            assert_eq!(JsonPath::parse(bad), None, "case `{bad}`");
        }
    }

    #[test]
    fn sizes_are_those_of_executors() {
        let collector = Collector::new(
            "http://localhost/containers".into(),
            path("executor_id"),
            path("statistics.disk_used_bytes"),
            Duration::ZERO,
        )
        .unwrap();
        let containers = json!([
            {"executor_id": "thermos-a", "statistics": {"disk_used_bytes": 4096}},
            {"executor_id": "thermos-b", "statistics": {}},
            {"container_id": "x"},
        ]);
        *collector.sizes.lock().unwrap() = collector.read(&containers);
        let size = |id: &str| collector.size(Path::new(&format!("/w/executors/{id}/runs/1")));
        assert_eq!((size("thermos-a"), size("thermos-b")), (Some(4096), None));
        assert_eq!(collector.size(Path::new("/")), None);
    }
}
