//! The pages and documents over real HTTP.

use aurora_api::calls::{GetJobsArgs, GetQuotaArgs};
use aurora_api::{Call, CallResult, Protocol, ResponseCode};
use mesos_proto::mesos::TaskState;
use reqwest::Method;

use crate::http::{create, offer, report, run_all};
use crate::support::server::Server;

#[tokio::test]
async fn only_the_leader_answers_what_is_the_leaders() {
    let server = Server::start().await;
    assert_eq!(server.get("/leaderhealth").await.0, 200);
    let mut other = server.endpoint.clone();
    other.port = 1;
    server.group.send_replace(vec![other]);
    let moved = server
        .request(Method::POST, "/api?x=1")
        .body("")
        .send()
        .await
        .unwrap();
    assert_eq!(moved.status().as_u16(), 307);
    assert_eq!(moved.headers()["Location"], "http://127.0.0.1:1/api?x=1");
    assert_eq!(server.get("/leaderhealth").await.0, 503);
    assert_eq!(server.get("/vars").await.0, 200);
    let bypass = server
        .request(Method::GET, "/offers")
        .header("Bypass-Leader-Redirect", "1");
    assert_eq!(bypass.send().await.unwrap().status().as_u16(), 200);
    server.group.send_replace(Vec::new());
    let (status, page) = server.get("/scheduler").await;
    assert!(status == 503 && page.contains("No Leader Found"), "{page}");
    assert_eq!(server.get("/leaderhealth").await.0, 502);
}

#[tokio::test]
async fn every_page_shows_what_it_is_for() {
    let mut server = Server::start().await;
    server.call(Protocol::Binary, &create(2)).await;
    let ids = run_all(&mut server, "O1").await;
    report(&server, &ids[0], TaskState::TASK_FAILED);
    for free in ["O2", "O3"] {
        server
            .engine
            .command(|model| model.offered(vec![offer(free)]))
            .unwrap();
    }
    let job = "/scheduler/www-data/devel/hello_world";
    let observer = format!("http://10.0.0.9:1338/task/{}", ids[1]);
    let dump = format!("/structdump/task/{}", ids[0]);
    let instance = format!("{job}/1");
    let task = format!("{job}/task/{}", ids[1]);
    let cases: Vec<(&str, u16, &str)> = vec![
        ("/", 200, "/pendingtasks"),
        ("/health", 200, "OK\n"),
        ("/scheduler", 200, "www-data"),
        ("/scheduler/www-data", 200, "hello_world"),
        ("/scheduler/www-data/devel", 200, "hello_world"),
        (job, 200, &observer),
        (job, 200, "FAILED"),
        (job, 200, "Active Tasks (2)"),
        (&instance, 200, &ids[1]),
        (&task, 200, "RUNNING"),
        ("/updates", 200, "Updates In Progress"),
        ("/agents", 200, "10.0.0.9"),
        ("/cron", 200, "scheduled"),
        ("/maintenance", 200, "DRAINING"),
        ("/offers", 200, "\"agent_id\":{\"value\":\"S0\"}"),
        ("/pendingtasks", 200, "[]"),
        ("/quotas", 200, "{}"),
        ("/state", 200, "www-data/devel/hello_world-"),
        ("/tiers", 200, "\"default\":\"preemptible\""),
        ("/utilization", 200, "total consumed"),
        ("/utilization/total_consumed", 200, "www-data"),
        (
            "/utilization/free_pool_consumed/www-data",
            200,
            "www-data/devel/hello_world",
        ),
        ("/utilization/nonsense", 400, "Invalid metric type."),
        (&dump, 200, "&quot;status&quot;: &quot;FAILED&quot;"),
        (&dump, 200, "&quot;key&quot;: &quot;NUM_CPUS&quot;"),
        ("/structdump/task/none", 404, "Entity not found"),
        (
            "/mname/www-data/devel/hello_world/9",
            404,
            "No such live instance found.",
        ),
        ("/services", 200, "RUNNING"),
        ("/vars", 200, "framework_registered 1\n"),
        ("/vars", 200, "task_store_RUNNING 1\n"),
        ("/vars", 200, "tasks_FAILED_www-data/devel/hello_world 1\n"),
        ("/vars", 200, "scheduler_lifecycle_ACTIVE 1\n"),
        ("/vars.json?pretty", 200, "\"jvm_uptime_secs\": "),
        ("/nothing", 404, ""),
    ];
    for (path, status, text) in cases {
        let (got, body) = server.get(path).await;
        assert!(
            got == status && body.contains(text),
            "{path}: {got}, no `{text}` in {body}"
        );
    }
    let (_, index) = server.get("/").await;
    let links = index.split("href=\"").skip(1);
    for link in links.filter_map(|rest| rest.split('"').next()) {
        assert_eq!(server.get(link).await.0, 200, "`{link}` of the index");
    }
    let moved = server
        .request(Method::GET, "/mname/www-data/devel/hello_world/1/a?b")
        .send()
        .await
        .unwrap();
    let location = moved.headers()["Location"].to_str().unwrap();
    assert!(
        location.starts_with("http://10.0.0.9:31") && location.ends_with("/a?b"),
        "{location}"
    );
    let quota = Call::GetQuota(GetQuotaArgs {
        owner_role: Some("www-data".to_string()),
    });
    assert_eq!(
        server.call(Protocol::Json, &quota).await.response_code,
        ResponseCode::Ok
    );
    let jobs = Call::GetJobs(GetJobsArgs { owner_role: None });
    let Some(CallResult::GetJobs(jobs)) = server.call(Protocol::Json, &jobs).await.result else {
        panic!("no jobs")
    };
    assert_eq!(jobs.configs.first().map(|job| job.instance_count), Some(2));
}

#[tokio::test]
async fn any_variable_is_drawn_over_time() {
    let server = Server::start().await;
    server.app.sample(1000, true);
    server.call(Protocol::Binary, &create(2)).await;
    server.app.sample(2000, true);
    server.app.sample(3000, false);
    let (_, names) = server.get("/graphdata").await;
    let names: Vec<String> = serde_json::from_str(&names).unwrap();
    assert!(names.is_sorted() && names.len() > 50, "{names:?}");
    for name in ["task_store_PENDING", "resources_total_consumed_ram_mb"] {
        assert!(names.iter().any(|n| n == name), "{name}");
    }
    assert!(!names.iter().any(|n| n == "build.version"), "no number");
    let metrics = "metrics=task_store_PENDING,task_store_RUNNING";
    let (status, data) = server
        .get(&format!("/graphdata?{metrics}&since=1000"))
        .await;
    assert_eq!(
        (status, data.as_str()),
        (
            200,
            r#"{"names":["time","task_store_PENDING","task_store_RUNNING"],"data":[[2000,2,0],[3000,2,0]]}"#
        )
    );
    let unknown = server.get("/graphdata?metrics=x").await;
    assert_eq!(
        unknown,
        (500, r#"{"error":"Unknown metric x"}"#.to_string())
    );
    let (status, page) = server.get(&format!("/graphview?{metrics}")).await;
    assert_eq!(status, 200);
    assert!(
        page.contains(r#"points="0.0,320.0 480.0,0.0 960.0,0.0 ""#),
        "{page}"
    );
    let (status, page) = server.get("/graphview").await;
    assert!(
        status == 200 && page.contains("/graphview?metrics=task_store_PENDING"),
        "{page}"
    );
    assert_eq!(server.get("/graphview?metrics=x").await.0, 404);
}
