//! What operators and monitoring look at besides the pages.

use std::io::Read as _;

use aurora_api::calls::GetTasksStatusArgs;
use aurora_api::{Call, JobConfiguration, JobKey, Protocol, Resource, TaskQuery};
use aurora_scheduler::engine::now_ms;
use aurora_scheduler::model::resources::scalar;
use mesos_proto::mesos::Offer;
use mesos_proto::mesos::task_status::Source;

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
    // It is tried once, and not again before everything has been looked at.
    let server = Server::with(&["-initial_schedule_penalty=1mins".to_string()]).await;
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
    assert_eq!(groups[0]["penaltyMs"], 60_000);
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
async fn a_status_counts_with_its_way_here_and_calls_with_what_they_affect() {
    let server = waiting().await;
    server.app.sample(0, true);
    server
        .engine
        .command(|model| {
            let made = model.now() as f64 / 1000.0;
            model.note_delivery(Source::SOURCE_SLAVE, made - 2.0);
            // Another machine's clock is ahead, or says nothing that can be.
            for timestamp in [made + 60.0, f64::NAN, -1e300] {
                model.note_delivery(Source::SOURCE_SLAVE, timestamp);
            }
            model.note_delivery(Source::SOURCE_MASTER, made - 1.0);
            model.rescinded("O9");
        })
        .unwrap();
    server.app.sample(1, true);
    let (_, vars) = server.get("/vars").await;
    let value = |name: &str| -> f64 {
        let line = vars.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {vars}"))
            .trim()
            .parse()
            .unwrap()
    };
    let slave = "task_delivery_delay_SOURCE_SLAVE_requests";
    assert_eq!(value(&format!("{slave}_events ")), 1.0);
    let micros = value(&format!("{slave}_micros_total "));
    assert!((2_000_000.0..2_100_000.0).contains(&micros), "{micros}");
    assert_eq!(
        value("task_delivery_delay_SOURCE_MASTER_requests_events "),
        1.0
    );
    assert_eq!(value("offer_cancel_failures "), 1.0);
    assert_eq!(value("thrift_workload_startJobUpdate "), 0.0);
    assert_eq!(value("statically_banned_offers_hit_rate "), 0.0);
    assert!(value("process_cpu_time_nanos ") >= 0.0);
    assert!(value("process_cpu_cores_utilized ") >= 0.0);
    // The job's tasks were stored before.
    assert!(value("scheduler_log_native_append_events ") > 0.0);
    assert!(value("scheduler_log_native_append_nanos_total ") > 0.0);
    assert!(value("process_max_fd_count ") > 0.0);
    assert!(value("timeout_queue_size ") > 0.0);
}

#[tokio::test]
async fn the_level_of_the_log_can_be_changed() {
    let server = Server::start().await;
    mesos_wire::log::init("info");
    let post = |form: &'static str| {
        let request = server.request(reqwest::Method::POST, "/logconfig");
        async move {
            let response = request.body(form).send().await.unwrap();
            (response.status().as_u16(), response.text().await.unwrap())
        }
    };
    for (form, status, text) in [
        ("logger=root&level=DEBUG", 200, "<td>DEBUG</td>"),
        ("logger=root&level=WARN", 200, "<td>WARN</td>"),
        ("logger=root&level=LOUD", 400, "There is no level"),
        ("logger=other&level=INFO", 400, "There is no logger"),
        ("level=INFO", 400, "There is no logger"),
        ("logger=root", 400, "There is no level"),
    ] {
        let (found, page) = post(form).await;
        assert_eq!(found, status, "{form}: {page}");
        assert!(page.contains(text), "{form}: {page}");
    }
    let (_, page) = server.get("/logconfig").await;
    assert!(page.contains("<td>WARN</td>"), "{page}");
}

#[tokio::test]
async fn sla_statistics_are_shown_but_not_drawn() {
    let mut flags = vec!["-sla_stat_refresh_interval=100ms".to_string()];
    flags.push("-sla_non_prod_metrics=PLATFORM_UPTIME".to_string());
    let server = Server::with(&flags).await;
    let name = "sla_cluster_platform_uptime_percent";
    let mut vars = String::new();
    for _ in 0..6000 {
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

/// Every variable of `/vars`, by name; those that are no numbers are left out.
async fn numbers(server: &Server) -> std::collections::BTreeMap<String, f64> {
    server.app.sample(now_ms(), true);
    let (_, vars) = server.get("/vars").await;
    let line = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        Some((name.to_string(), value.parse().ok()?))
    };
    vars.lines().filter_map(line).collect()
}

/// What exporters to Prometheus, collectd and Diamond read of a scheduler, as far as this one has it: single values.
const WATCHED: &[&str] = &[
    "async_tasks_completed",
    "cron_job_launch_failures",
    "cron_jobs_loaded",
    "empty_slots_dedicated_large",
    "empty_slots_small",
    "framework_registered",
    "jvm_available_processors",
    "jvm_memory_heap_mb_max",
    "jvm_memory_heap_mb_used",
    "jvm_memory_max_mb",
    "jvm_memory_mb_total",
    "jvm_memory_non_heap_mb_used",
    "jvm_threads_active",
    "jvm_threads_daemon",
    "jvm_threads_peak",
    "jvm_time_ms",
    "jvm_uptime_secs",
    "outstanding_offers",
    "preemption_slot_cache_size",
    "preemptor_slot_search_attempts_for_prod",
    "preemptor_tasks_preempted_non_prod",
    "process_cpu_cores_utilized",
    "process_cpu_time_nanos",
    "process_max_fd_count",
    "process_open_fd_count",
    "quartz_scheduler_running",
    "reservation_cache_size",
    "schedule_attempts_failed",
    "schedule_attempts_fired",
    "schedule_attempts_no_match",
    "schedule_queue_size",
    "scheduler_backup_failed",
    "scheduler_backup_success",
    "scheduler_driver_kill_failures",
    "scheduler_illegal_task_state_transitions",
    "scheduler_lifecycle_ACTIVE",
    "scheduler_log_entries_written",
    "scheduler_log_snapshots",
    "scheduler_resource_offers",
    "scheduling_veto_dynamic",
    "system_free_physical_memory_mb",
    "system_free_swap_mb",
    "system_load_avg",
    "task_kill_retries",
    "task_queries_all",
    "task_queries_by_host",
    "task_queries_by_id",
    "task_queries_by_job",
    "task_store_PENDING",
    "timed_out_tasks",
    "timeout_queue_size",
    "uncaught_exceptions",
];

/// The same, of what takes time: names with their units.
const WATCHED_TIMES: &[(&str, &str)] = &[
    ("http_200_responses", "nanos"),
    ("log_storage_write_lock_wait", "ns"),
    ("mem_storage_read_operation", "nanos"),
    ("mem_storage_write_operation", "nanos"),
    ("scheduled_task_penalty", "ms"),
    ("scheduler_log_native_append", "nanos"),
    ("scheduler_log_recover", "nanos"),
    ("scheduler_log_snapshot", "nanos"),
    ("scheduler_resource_offers", "nanos"),
    ("scheduler_status_update", "nanos"),
    ("sla_stats_computation", "nanos"),
    ("snapshot_create", "nanos"),
    ("storage_write_lock_wait", "ns"),
    ("task_schedule_attempt", "nanos"),
    ("task_throttle", "ms"),
    ("variable_scrape", "micros"),
];

#[tokio::test]
async fn what_exporters_read_is_there_from_the_start() {
    let server = Server::start().await;
    // A scrape is told of by the next.
    server.get("/vars").await;
    let vars = numbers(&server).await;
    for name in WATCHED {
        assert!(vars.contains_key(*name), "no `{name}`");
    }
    for (name, unit) in WATCHED_TIMES {
        for end in ["events", "events_per_sec"] {
            let name = format!("{name}_{end}");
            assert!(vars.contains_key(&name), "no `{name}`");
        }
        for end in ["per_event", "total", "total_per_sec"] {
            let name = format!("{name}_{unit}_{end}");
            assert!(vars.contains_key(&name), "no `{name}`");
        }
    }
}

#[tokio::test]
async fn values_are_those_of_this_process() {
    let server = waiting().await;
    let before = numbers(&server).await;
    // (what is asked for, what counts it)
    let key = JobKey::new("www-data", "devel", "hello_world");
    let query = |change: fn(&mut TaskQuery, &JobKey)| {
        let mut query = TaskQuery::default();
        change(&mut query, &key);
        Call::GetTasksStatus(GetTasksStatusArgs { query: Some(query) })
    };
    for call in [
        query(|q, key| q.job_keys = Some([key.clone()].into())),
        query(|q, key| {
            q.role = Some(key.role.clone());
            q.environment = Some(key.environment.clone());
            q.job_name = Some(key.name.clone());
        }),
        query(|q, _| q.task_ids = Some(["t".to_string()].into())),
        query(|q, _| q.slave_hosts = Some(["a".to_string()].into())),
        query(|q, key| q.role = Some(key.role.clone())),
    ] {
        server.call(Protocol::Binary, &call).await;
    }
    server.engine.compact().unwrap().unwrap();
    let stopped = server
        .engine
        .command(|model| model.kill_tasks(&key, None, "me", None));
    stopped.unwrap().unwrap();
    let after = numbers(&server).await;
    let grown = |name: &str| after[name] - before[name];
    for (name, by) in [
        ("task_queries_by_job", 2.0),
        ("task_queries_by_id", 1.0),
        ("task_queries_by_host", 1.0),
        ("task_queries_all", 1.0),
        ("scheduler_log_snapshots", 1.0),
        ("scheduler_log_snapshot_events", 1.0),
        ("scheduler_log_entries_written", 1.0),
        ("scheduler_log_native_append_events", 1.0),
        // One that is pending has no executor to be told.
        ("scheduler_driver_kill_failures", 0.0),
        ("schedule_queue_size", -1.0),
        ("scheduler_resource_offers_events", 0.0),
        ("uncaught_exceptions", 0.0),
    ] {
        assert_eq!(grown(name), by, "{name}");
    }
    assert!(grown("mem_storage_read_operation_events") >= 5.0);
    assert!(grown("mem_storage_write_operation_events") >= 1.0);
    assert!(grown("storage_write_lock_wait_events") >= 1.0);
    assert_eq!(before["scheduler_resource_offers_events"], 1.0);
    let threads = after["jvm_threads_active"];
    assert!(threads >= 1.0 && after["jvm_threads_peak"] >= threads);
    assert_eq!(after["jvm_threads_daemon"], threads - 1.0);
    let (heap, total) = (
        after["jvm_memory_heap_mb_used"],
        after["jvm_memory_mb_total"],
    );
    assert!(
        heap <= total && total <= after["jvm_memory_max_mb"],
        "{heap} {total}"
    );
}

#[tokio::test]
async fn roles_are_in_lower_case_in_names() {
    let server = Server::start().await;
    let key = JobKey::new("Web-Data", "devel", "job");
    let made = server.engine.command(|model| {
        let config = jobs::config(&key, 0);
        let job = JobConfiguration {
            key: Some(key.clone()),
            owner: config.owner.clone(),
            task_config: Some(config),
            instance_count: 2,
            ..JobConfiguration::default()
        };
        let job = model.sanitize(&job)?;
        model.create_job(job)?;
        let resources = [
            Resource::NumCpus(3.0.into()),
            Resource::RamMb(5),
            Resource::DiskMb(7),
        ];
        let resources = resources.into();
        model.set_quota("Web-Data", &aurora_api::ResourceAggregate { resources })
    });
    assert_eq!(made.unwrap(), Ok(()));
    let vars = numbers(&server).await;
    assert!(vars["resources_per_role_total_consumed_web-data_cpu_cores"] > 0.0);
    assert_eq!(vars["quota_per_role_web-data_ram_mb"], 5.0);
    assert!(!vars.keys().any(|name| name.contains("Web-Data_")));
}
