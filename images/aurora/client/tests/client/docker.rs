//! `{{docker.image[name][tag]}}`, looked up in a registry.

use aurora_api::{CallResult, GetTierConfigResult, Protocol};

use crate::support::{Canned, CannedScheduler, Client, ok, text};

const KEY: &str = "direct/www-data/devel/x";

fn registry_answer(status: &'static str, headers: &str, body: &str) -> Canned {
    Canned {
        status,
        headers: headers.to_owned(),
        body: body.as_bytes().to_vec(),
    }
}

fn found(digest: &str) -> Canned {
    registry_answer(
        "200 OK",
        &format!("Docker-Content-Digest: {digest}\r\n"),
        "",
    )
}

struct Inspected {
    stdout: String,
    stderr: String,
    /// Paths and `Authorization` headers that the registry saw.
    asked: Vec<(String, Option<String>)>,
    host: String,
}

/// Inspects a job whose images come from a registry with these answers.
fn inspect(image: &str, answers: Vec<Canned>) -> Inspected {
    let tiers = ok(CallResult::GetTierConfig(GetTierConfigResult::default()));
    let tiers =
        aurora_api::envelope::encode_reply(Protocol::Binary, "getTierConfigs", 0, &tiers).unwrap();
    let scheduler = CannedScheduler::start(vec![Canned::ok(tiers)]);
    let registry = CannedScheduler::start(answers);
    let url = registry.url.clone();
    let mut client = Client::new(&format!(
        r#"[{{"name": "direct", "scheduler_uri": "{}", "docker_registry": "{url}"}}]"#,
        scheduler.url
    ));
    client.folder = client.home().to_owned();
    std::fs::write(
        client.home().join("x.aurora"),
        format!(
            "jobs = [Job(cluster = 'direct', role = 'www-data', environment = 'devel', name = 'x',\n\
             task = SimpleTask('x', 'true'), container = Docker(image = '{image}'))]\n"
        ),
    )
    .unwrap();
    let output = client.run(&["job", "inspect", KEY, "x.aurora", "--write-json"]);
    let asked = registry
        .requests()
        .iter()
        .map(|seen| {
            let header = seen.header("Authorization").map(str::to_owned);
            (seen.path.clone(), header)
        })
        .collect();
    Inspected {
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
        asked,
        host: url.replace("http://", ""),
    }
}

#[test]
fn an_image_is_its_digest_behind_the_registrys_host() {
    let told = inspect(
        "{{docker.image[library/python][2.7-slim]}}",
        vec![registry_answer("200 OK", "", ""), found("sha256:abc")],
    );
    let image = format!("{}/library/python@sha256:abc", told.host);
    let job: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(job["container"]["image"], image.as_str(), "{}", told.stderr);
    assert_eq!(
        told.stderr,
        format!(" INFO] Resolved library/python:2.7-slim => {image}\n")
    );
    let paths: Vec<&str> = told.asked.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/v2/", "/v2/library/python/manifests/2.7-slim"]);
}

#[test]
fn a_bearer_challenge_is_solved_with_a_token() {
    let listener =
        CannedScheduler::start(vec![registry_answer("200 OK", "", r#"{"token": "t-1"}"#)]);
    let challenge = format!(
        "Www-Authenticate: Bearer realm=\"{}/token\",service=\"registry\",scope=\"repository:a:pull\"\r\n",
        listener.url
    );
    let told = inspect(
        "{{docker.image[a][b]}}",
        vec![
            registry_answer("200 OK", "", ""),
            registry_answer("401 Unauthorized", &challenge, ""),
            found("sha256:abc"),
        ],
    );
    assert!(told.stdout.contains("a@sha256:abc"), "{}", told.stderr);
    assert_eq!(told.asked[2].1.as_deref(), Some("Bearer t-1"));
    let token = listener.requests();
    assert_eq!(
        token[0].path,
        "/token?service=registry&scope=repository%3Aa%3Apull"
    );
}

#[test]
fn what_a_registry_cannot_say_is_an_error_in_the_configuration() {
    let version = || registry_answer("200 OK", "", "");
    let not_found = || registry_answer("404 Not Found", "", "");
    let basic = "Www-Authenticate: Basic realm=\"x\"\r\n";
    for (answers, expected) in [
        (
            vec![not_found()],
            "404 Client Error: Not Found for url: http://HOST/v2/",
        ),
        (
            vec![version(), not_found()],
            "404 Client Error: Not Found for url: http://HOST/v2/a/manifests/b",
        ),
        (
            vec![registry_answer("204 No Content", "", "")],
            "http://HOST is not a registry v2",
        ),
        (
            vec![version(), registry_answer("204 No Content", "", "")],
            "Unable to resolve image a:b",
        ),
        (
            vec![registry_answer("401 Unauthorized", basic, "")],
            "Basic authorization not supported: Basic realm=\"x\"",
        ),
    ] {
        let told = inspect("{{docker.image[a][b]}}", answers);
        let expected = expected.replace("HOST", &told.host);
        assert_eq!(
            told.stderr,
            format!("Error loading configuration: {expected}\n")
        );
    }
}
