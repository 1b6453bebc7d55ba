//! What the original answers to requests of operators, most of them wrong: played in the order in which they
//! were recorded, on a master without agents.

use serde::Deserialize;

use crate::site::Site;

/// A request, and the answer of Mesos 1.11. What has no headers of its own is JSON.
#[derive(Deserialize)]
struct Recorded {
    #[serde(default = "post")]
    method: String,
    path: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    status: u16,
    #[serde(default)]
    text: String,
}

fn post() -> String {
    "POST".to_string()
}

#[tokio::test]
async fn operators_are_answered_in_the_originals_words() {
    let site = Site::start(&[]).await;
    let client = site.client();
    let lines = include_str!("../data/refusals.jsonl").lines();
    let all: Vec<Recorded> = lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    assert!(all.len() > 200, "{} are recorded", all.len());
    let mut flaws = Vec::new();
    for Recorded {
        method,
        path,
        headers,
        body,
        status,
        text,
    } in all
    {
        let mut headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        if headers.is_empty() {
            headers.push(("Content-Type", "application/json"));
        }
        let answer = client
            .request(&method, &path, &headers, body.as_bytes())
            .await;
        let got = (answer.status, answer.text());
        if got != (status, text.clone()) {
            flaws.push(format!(
                "{method} {path} {headers:?} {body}\n  recorded: {status} {text}\n  ours:     {} {}",
                got.0, got.1
            ));
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}
