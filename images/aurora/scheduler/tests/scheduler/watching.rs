//! What operators and monitoring look at besides the pages.

use std::io::Read as _;

use aurora_api::{JobConfiguration, JobKey, Resource};
use aurora_scheduler::model::resources::scalar;
use mesos_proto::mesos::Offer;

use crate::support::jobs;
use crate::support::server::Server;

fn offer(cpus: f64) -> Offer {
    let mut offer = Offer::new();
    offer.id.mut_or_insert_default().set_value("O1".to_string());
    let agent = offer.slave_id.mut_or_insert_default();
    agent.set_value("S1".to_string());
    offer.set_hostname("10.0.0.9".to_string());
    offer.resources = vec![
        scalar("cpus", cpus),
        scalar("mem", 9000.0),
        scalar("disk", 9000.0),
    ];
    offer
}

/// A server with a job that fits nowhere.
async fn waiting() -> Server {
    let server = Server::start().await;
    let key = JobKey::new("www-data", "devel", "hello_world");
    let mut config = jobs::config(&key, 0);
    config
        .resources
        .retain(|r| !matches!(r, Resource::NumCpus(_) | Resource::NamedPort(_)));
    config.resources.insert(Resource::NumCpus(16.0.into()));
    let job = JobConfiguration {
        key: Some(key),
        owner: config.owner.clone(),
        task_config: Some(config),
        instance_count: 1,
        ..JobConfiguration::default()
    };
    let made = server.engine.command(|model| {
        model.offered(vec![offer(2.5)]);
        let job = model.sanitize(&job)?;
        model.create_job(job)
    });
    assert_eq!(made.unwrap(), Ok(()));
    server
}

#[tokio::test]
async fn what_waits_says_for_how_long_and_why() {
    let server = waiting().await;
    let (status, body) = server.get("/pendingtasks").await;
    assert_eq!(status, 200);
    let groups: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(groups[0]["name"], "www-data/devel/hello_world");
    assert_eq!(groups[0]["penaltyMs"], 1000);
    assert_eq!(groups[0]["reason"], "[Insufficient: CPU]");
}

#[tokio::test]
async fn the_statistics_that_users_watch_are_there() {
    let server = waiting().await;
    server.app.sample(1, true);
    let (_, vars) = server.get("/vars").await;
    for line in [
        "empty_slots_small 2",
        "empty_slots_medium 0",
        "preemptor_task_processor_runs 0",
        "reservation_cache_size 0",
        "preemption_slot_cache_size 0",
        "update_affinity_cache_size 0",
        "resources_total_consumed_cpu_cores 16.0",
        "resources_free_pool_consumed_cpu_cores 16.0",
        "resources_quota_consumed_cpu_cores 0.0",
        "resources_per_role_total_consumed_www-data_cpu_cores 16.0",
        "resources_allocated_quota_ram_mb 0",
        "schedule_attempts_fired 1",
        "schedule_attempts_no_match 1",
        "scheduling_veto_static 1",
        "scheduling_veto_insufficient_resources 1",
        "statically_banned_offers_size 1",
        "task_schedule_attempt_events 1",
    ] {
        assert!(
            vars.lines().any(|found| found == line),
            "no `{line}` in {vars}"
        );
    }
}

#[tokio::test]
async fn sla_statistics_are_shown_but_not_drawn() {
    let mut flags = vec!["-sla_stat_refresh_interval=100ms".to_string()];
    flags.push("-sla_non_prod_metrics=PLATFORM_UPTIME".to_string());
    let server = Server::with(&flags).await;
    let name = "sla_cluster_platform_uptime_percent";
    let mut vars = String::new();
    for _ in 0..500 {
        (_, vars) = server.get("/vars").await;
        if vars.contains(name) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    for line in ["100.0", "_nonprod 100.0"] {
        let line = match line.starts_with('_') {
            true => format!("{name}{line}\n"),
            false => format!("{name} {line}\n"),
        };
        assert!(vars.contains(&line), "no `{line}` in {vars}");
    }
    server.app.sample(1, true);
    let (_, drawn) = server.get("/graphdata").await;
    assert!(drawn.contains("task_store_PENDING"), "{drawn}");
    assert!(!drawn.contains("sla_cluster"), "{drawn}");
}

#[tokio::test]
async fn the_process_tells_of_itself() {
    let server = Server::start().await;
    for (path, text) in [
        ("/threads", "State: "),
        ("/contention", "locked threads"),
        ("/logconfig", "<td>root</td>"),
        ("/apiclient/api.html", "<code>startJobUpdate</code>"),
        (
            "/apiclient/api.html",
            "union <code>JobUpdateStrategy</code>",
        ),
        ("/", "href=\"/apiclient/api.html\""),
    ] {
        let (status, body) = server.get(path).await;
        assert!(
            status == 200 && body.contains(text),
            "{path}: {status} {body}"
        );
    }
}

#[tokio::test]
async fn an_answer_is_compressed_for_who_asks() {
    let server = Server::start().await;
    let (_, plain) = server.get("/apiclient/api.html").await;
    let request = server.request(reqwest::Method::GET, "/apiclient/api.html");
    let response = request
        .header("Accept-Encoding", "gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["Content-Encoding"], "gzip");
    let bytes = response.bytes().await.unwrap();
    assert!(
        bytes.len() < plain.len() / 2,
        "{} of {}",
        bytes.len(),
        plain.len()
    );
    let mut text = String::new();
    let mut decoder = flate2::read::GzDecoder::new(bytes.as_ref());
    decoder.read_to_string(&mut text).unwrap();
    assert_eq!(text, plain);
    let short = server.request(reqwest::Method::GET, "/health");
    let short = short
        .header("Accept-Encoding", "gzip")
        .send()
        .await
        .unwrap();
    assert!(!short.headers().contains_key("Content-Encoding"));
}
