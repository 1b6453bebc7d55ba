//! The recorded runs of the original client, played back: the same answers must give the same
//! output, the same exit code, and requests that mean the same.

use crate::support::{Canned, CannedScheduler, Client, text};
use aurora_api::envelope::decode_call;
use aurora_api::{Call, Protocol, TaskConfig};
use serde_json::Value as Json;

const RECORDED_URL: &str = "http://127.0.0.1:28091";
const RECORDED_RUNS: usize = 28;

fn bytes(hex: &Json) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect()
}

/// A call without what differs between two runs of the same client: the layout of the executor's
/// JSON, and the update's random label.
fn normal(body: &[u8]) -> Call {
    let mut call = decode_call(Protocol::Binary, body).unwrap().call;
    match &mut call {
        Call::CreateJob(args) => {
            let job = args.description.as_mut().unwrap();
            normalize(job.task_config.as_mut().unwrap());
        }
        Call::ScheduleCronJob(args) => {
            let job = args.description.as_mut().unwrap();
            normalize(job.task_config.as_mut().unwrap());
        }
        Call::GetJobUpdateDiff(args) => {
            let request = args.request.as_mut().unwrap();
            normalize(request.task_config.as_mut().unwrap());
        }
        Call::StartJobUpdate(args) => {
            let request = args.request.as_mut().unwrap();
            normalize(request.task_config.as_mut().unwrap());
            let labels = std::mem::take(request.metadata.as_mut().unwrap());
            request.metadata = Some(
                labels
                    .into_iter()
                    .map(|mut label| {
                        assert_eq!(label.value.len(), 36, "{label:?}");
                        label.value = "random".to_owned();
                        label
                    })
                    .collect(),
            );
        }
        _ => {}
    }
    call
}

fn normalize(task: &mut TaskConfig) {
    let data = task
        .executor_config
        .as_mut()
        .unwrap()
        .data
        .as_mut()
        .unwrap();
    let value: Json = serde_json::from_str(data).unwrap();
    *data = sorted(value).to_string();
}

/// With all objects' keys, and the members of what are sets on the wire, in order.
fn sorted(value: Json) -> Json {
    match value {
        Json::Object(entries) => {
            let mut entries: Vec<(String, Json)> = entries
                .into_iter()
                .map(|(key, value)| {
                    let mut value = sorted(value);
                    if let ("resources", Json::Array(members)) = (key.as_str(), &mut value) {
                        members.sort_by_key(Json::to_string);
                    }
                    (key, value)
                })
                .collect();
            entries.sort_by(|(left, _), (right, _)| left.cmp(right));
            Json::Object(entries.into_iter().collect())
        }
        Json::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

fn assert_same_output(command: &str, found: &str, expected: &str) {
    if let (Ok(found), Ok(expected)) = (serde_json::from_str(found), serde_json::from_str(expected))
    {
        assert_eq!(sorted(found), sorted(expected), "{command}");
    } else {
        assert_eq!(found, expected, "{command}");
    }
}

#[test]
fn every_recorded_run_gives_the_same_output_and_the_same_requests() {
    let mut runs = 0;
    for line in include_str!("../data/client.jsonl").lines() {
        let run: Json = serde_json::from_str(line).unwrap();
        let command = run["argv"].to_string();
        let calls = run["calls"].as_array().unwrap();
        let answers = calls
            .iter()
            .map(|call| Canned::ok(bytes(&call["response_hex"])))
            .collect();
        let scheduler = CannedScheduler::start(answers);
        let client = Client::direct(&scheduler.url);
        let args: Vec<&str> = run["argv"]
            .as_array()
            .unwrap()
            .iter()
            .map(|arg| arg.as_str().unwrap())
            .collect();

        let output = client.run(&args);

        let expected = |name: &str| {
            run[name]
                .as_str()
                .unwrap()
                .replace(RECORDED_URL, &scheduler.url)
        };
        assert_same_output(&command, &text(&output.stdout), &expected("stdout"));
        assert_eq!(text(&output.stderr), expected("stderr"), "{command}");
        assert_eq!(
            output.status.code().map(i64::from),
            run["exit"].as_i64(),
            "{command}"
        );

        let requests = scheduler.requests();
        assert_eq!(requests.len(), calls.len(), "{command}");
        for (request, call) in requests.iter().zip(calls) {
            assert_eq!(request.path, call["path"].as_str().unwrap(), "{command}");
            for (name, value) in call["headers"].as_object().unwrap() {
                assert_eq!(request.header(name), value.as_str(), "{command} {name}");
            }
            assert_eq!(
                normal(&request.body),
                normal(&bytes(&call["request_hex"])),
                "{command}"
            );
        }
        runs += 1;
    }
    assert_eq!(runs, RECORDED_RUNS);
}

#[test]
fn the_executors_data_is_the_originals_to_the_letter() {
    // The scheduler compares this text to find out what an update changes.
    let data = |body: &[u8]| match decode_call(Protocol::Binary, body).unwrap().call {
        Call::CreateJob(args) => args
            .description
            .and_then(|job| job.task_config?.executor_config?.data)
            .unwrap(),
        other => panic!("{other:?}"),
    };
    let mut compared = 0;
    for line in include_str!("../data/client.jsonl").lines() {
        let run: Json = serde_json::from_str(line).unwrap();
        let args: Vec<&str> = run["argv"]
            .as_array()
            .unwrap()
            .iter()
            .map(|arg| arg.as_str().unwrap())
            .collect();
        let calls = run["calls"].as_array().unwrap();
        if !matches!(args.as_slice(), ["job", "create", ..]) || calls.len() < 2 {
            continue;
        }
        let answers = calls
            .iter()
            .map(|call| Canned::ok(bytes(&call["response_hex"])))
            .collect();
        let scheduler = CannedScheduler::start(answers);
        Client::direct(&scheduler.url).run(&args);
        let requests = scheduler.requests();
        assert_eq!(
            data(&requests[1].body),
            data(&bytes(&calls[1]["request_hex"])),
            "{args:?}"
        );
        compared += 1;
    }
    assert!(compared >= 5, "{compared}");
}
