//! Authentication and authorization over HTTP.

use aurora_api::envelope::{decode_reply, encode_call};
use aurora_api::{Call, Protocol, ResponseCode};
use reqwest::Method;

use crate::http::create;
use crate::support::server::Server;

const USERS: &str = "
[users]
aurora = secret, admin
dev = pw, others
[roles]
admin = *
others = thrift.AuroraSchedulerManager:*:other
";

async fn server() -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shiro.ini");
    std::fs::write(&path, USERS).unwrap();
    let flags = [
        "-http_authentication_mechanism=BASIC".to_string(),
        format!("-shiro_ini_path={}", path.display()),
    ];
    (Server::with(&flags).await, folder)
}

/// Makes a call as somebody; gives the status, the challenge, and the answer if there is one.
async fn call(
    server: &Server,
    who: Option<(&str, &str)>,
    call: &Call,
) -> (u16, Option<String>, Option<(ResponseCode, String)>) {
    let mut request = server
        .request(Method::POST, "/api")
        .header("Content-Type", "application/vnd.apache.thrift.binary")
        .header("Accept", "application/vnd.apache.thrift.binary")
        .body(encode_call(Protocol::Binary, 1, call).unwrap());
    if let Some((name, password)) = who {
        request = request.basic_auth(name, Some(password));
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let challenge = response.headers().get("WWW-Authenticate");
    let challenge = challenge.map(|text| text.to_str().unwrap().to_string());
    let body = response.bytes().await.unwrap();
    let answer = (status == 200).then(|| {
        let response = decode_reply(Protocol::Binary, call, &body).unwrap();
        (response.response_code, response.message())
    });
    (status, challenge, answer)
}

fn challenged() -> (u16, Option<String>, Option<(ResponseCode, String)>) {
    let challenge = "BASIC realm=\"Apache Aurora Scheduler\"".to_string();
    (401, Some(challenge), None)
}

#[tokio::test]
async fn changes_need_a_user_who_may_make_them() {
    let (server, _folder) = server().await;
    let read = Call::GetRoleSummary(aurora_api::calls::GetRoleSummaryArgs {});
    let snapshot = Call::Snapshot(aurora_api::calls::SnapshotArgs {});
    let ok = |message: &str| (200, None, Some((ResponseCode::Ok, message.to_string())));
    assert_eq!(call(&server, None, &read).await, ok(""));
    assert_eq!(call(&server, None, &create(1)).await, challenged());
    assert_eq!(call(&server, None, &snapshot).await, challenged());
    let wrong = Some(("aurora", "wrong"));
    assert_eq!(
        call(&server, wrong, &read).await,
        challenged(),
        "even to read"
    );
    let (status, _, answer) = call(&server, Some(("dev", "pw")), &create(1)).await;
    assert_eq!(status, 200);
    let text = "Subject dev is not permitted to JobScopedRpcPermission{rpc=createJob, permittedJob=\
                IJobKey{role=www-data, environment=devel, name=hello_world}}.";
    assert_eq!(answer, Some((ResponseCode::AuthFailed, text.to_string())));
    let (_, _, answer) = call(&server, Some(("dev", "pw")), &snapshot).await;
    let text = "Subject dev lacks permission UnscopedRpcPermission{domain=thrift.AuroraAdmin, rpc=snapshot}";
    assert_eq!(answer, Some((ResponseCode::AuthFailed, text.to_string())));
    let aurora = Some(("aurora", "secret"));
    assert_eq!(call(&server, aurora, &create(1)).await, ok(""));
    let (_, vars) = server.get("/vars").await;
    assert!(vars.contains("shiro_authorization_failures 2\n"), "{vars}");
}

#[tokio::test]
async fn the_caller_is_named_in_what_they_did() {
    let (server, _folder) = server().await;
    let aurora = Some(("aurora", "secret"));
    call(&server, aurora, &create(1)).await;
    server
        .engine
        .command(|model| model.offered(vec![crate::http::offer("O1")]))
        .unwrap();
    let kill = Call::KillTasks(aurora_api::calls::KillTasksArgs {
        job: Some(crate::http::key()),
        ..Default::default()
    });
    call(&server, aurora, &kill).await;
    let message = server.engine.read(|model| {
        let job = crate::http::key();
        let mut active = model.tasks().active(&job);
        let task = active.next().unwrap();
        task.events.last().unwrap().message.clone()
    });
    assert_eq!(message.unwrap().as_deref(), Some("Killed by aurora"));
}

#[tokio::test]
async fn the_other_paths_ask_the_same() {
    let (server, _folder) = server().await;
    let post = |path: &str| server.request(Method::POST, path).body("{}");
    let status = |response: reqwest::Response| response.status().as_u16();
    assert_eq!(
        status(post("/apibeta/getRoleSummary").send().await.unwrap()),
        200
    );
    assert_eq!(status(post("/apibeta/snapshot").send().await.unwrap()), 401);
    let known = post("/apibeta/snapshot").basic_auth("aurora", Some("secret"));
    assert_eq!(status(known.send().await.unwrap()), 200);
    let get = || server.request(Method::GET, "/vars");
    assert_eq!(status(get().send().await.unwrap()), 200);
    let wrong = get().basic_auth("aurora", Some("x"));
    assert_eq!(status(wrong.send().await.unwrap()), 401);
}
