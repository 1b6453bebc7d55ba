//! The original libmesos: frameworks on its scheduler driver, and its master beside ours.
//!
//! Each program of `libmesos/` plays a table of calls, good and bad, and prints what came of each. It is run against
//! our master and against the original one, with an agent of ours under both: the two must say the same, word for word.

use serde_json::json;

use crate::local::{Local, Master};

/// Plays the tables against both masters, one after the other on the same two clusters.
async fn both_masters_agree_on(scripts: &[&str], flags: &[(&str, &str)]) {
    let (ours, original) = tokio::join!(
        Local::start_with(Master::Ours, flags),
        Local::start_with(Master::Original, flags)
    );
    for script in scripts {
        let (got, wanted) = tokio::join!(ours.libmesos(script), original.libmesos(script));
        assert!(wanted.lines().count() > 3, "{script} printed {wanted}");
        let (mut got, mut wanted) = (got.lines(), wanted.lines());
        loop {
            let (got, wanted) = (got.next(), wanted.next());
            assert_eq!(got, wanted, "{script}: ours, and then the original's");
            if got.is_none() {
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_and_groups_are_refused_in_the_originals_words() {
    both_masters_agree_on(&["tasks.py", "groups.py"], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_and_every_method_of_the_driver_do_what_the_original_does() {
    both_masters_agree_on(&["methods.py", "operations.py"], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frameworks_and_http_calls_are_answered_as_the_original_answers() {
    both_masters_agree_on(&["frameworks.py", "http_calls.py"], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drivers_authenticate_as_with_the_original() {
    let secrets = tempfile::NamedTempFile::new().expect("a file");
    let known = r#"{"credentials": [{"principal": "p", "secret": "right"}]}"#;
    std::fs::write(secrets.path(), known).expect("written");
    let file = secrets.path().display().to_string();
    let flags = [
        ("authenticate_frameworks", "true"),
        ("credentials", file.as_str()),
    ];
    both_masters_agree_on(&["authentication.py"], &flags).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_do_what_is_judged_as_the_original_judges() {
    let folder = tempfile::tempdir().expect("a folder");
    let secrets = folder.path().join("credentials");
    let known = ["p", "q", "r", "t"].map(|name| json!({"principal": name, "secret": "right"}));
    let known = json!({"credentials": known}).to_string();
    std::fs::write(&secrets, known).expect("written");
    let log = folder.path().join("log");
    std::fs::write(&log, "").expect("written");
    let acls = concat!(
        "file://",
        env!("CARGO_MANIFEST_DIR"),
        "/tests/foreign/libmesos/acls.json"
    );
    let (secrets, log) = (secrets.display().to_string(), log.display().to_string());
    let flags = [
        ("authenticate_http_readonly", "true"),
        ("authenticate_http_readwrite", "true"),
        ("credentials", secrets.as_str()),
        ("external_log_file", log.as_str()),
        ("cluster", "c"),
        ("acls", acls),
    ];
    both_masters_agree_on(&["authorization.py"], &flags).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drivers_speak_as_fast_as_the_original_lets_them() {
    let limits = r#"{
        "limits": [
            {"principal": "free"},
            {"principal": "slow", "qps": 10},
            {"principal": "strict", "qps": 1, "capacity": 3},
            {"principal": "silent", "qps": 1000, "capacity": 0}
        ],
        "aggregate_default_qps": 1,
        "aggregate_default_capacity": 2
    }"#;
    both_masters_agree_on(&["rate_limits.py"], &[("rate_limits", limits)]).await;
}
