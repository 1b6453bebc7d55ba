//! Images of the agent's appc store, volumes and mounts, what an agent lends, and GPUs: a cluster that offers all of
//! it, as Aurora's own development cluster does.

use serde_json::Value;

use super::Site;
use super::full_cycle::full_cycle;
use crate::support::{APPC_IMAGE, page, store_appc_image, succeed, until};

const PROFILE: &str = r#"
[mesos-agent]
count = 1
docker_tasks = true
resources = "cpus:4;mem:2048;disk:8192;ports:[31000-31500];gpus:1"
[mesos-agent.flags]
registration_backoff_factor = "10ms"
appc_store_dir = "/var/lib/mesos/appc"
# What the agent lends besides: 3 CPUs and 512 MB.
resource_estimator = "org_apache_mesos_FixedResourceEstimator"
modules = "file:///vagrant/modules.json"
oversubscribed_resources_interval = "1secs"
[aurora-scheduler.flags]
populate_discovery_info = true
allow_container_volumes = true
global_container_mounts = "/vagrant/http_example.py:/etc/mounted.py"
receive_revocable_resources = true
enable_revocable_ram = true
allow_gpu_resource = true
[[mount]]
source = "."
target = "/vagrant"
"#;

/// How many mounts the agent's node has.
async fn mounts(site: &Site) -> usize {
    let listed = succeed(&site.cluster, "mesos-agent", "cat /proc/self/mountinfo").await;
    listed.lines().count()
}

/// What the master says of the job's only task that runs.
async fn running(site: &Site, job: &str) -> Value {
    let id = site.task_id("www-data", job, 0).await;
    let state = site.master("/tasks").await;
    let tasks = state["tasks"].as_array().expect("tasks");
    let task = tasks.iter().find(|task| task["id"] == *id);
    task.expect("the task").clone()
}

/// Creates a job, looks at its page in the observer, and kills it when `look` has seen its task.
async fn basic(site: &Site, job: &str, look: impl FnOnce(&Value)) {
    let key = format!("devcluster/www-data/test/{job}");
    site.run(&format!(
        "aurora job create {key} /vagrant/images.aurora --wait-until RUNNING"
    ))
    .await;
    let task = running(site, job).await;
    look(&task);
    let shown = format!("/task/{}", task["id"].as_str().expect("an id"));
    until("the observer shows the task", || {
        page(&site.cluster, "mesos-agent", 1338, &shown)
    })
    .await;
    site.run(&format!("aurora job kill --message='Test message' {key}/0"))
        .await;
    site.until_states(&key, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_run_in_appc_images_on_lent_resources_and_with_gpus() {
    let site = Site::of(PROFILE).await;
    store_appc_image(&site.cluster).await;
    let before = mounts(&site).await;

    appc(&site).await;
    what_is_missing_is_told(&site).await;

    // It takes nothing of what is the agent's for good.
    basic(&site, "http_example_revocable", |task| {
        let resources = &task["resources"];
        assert_eq!(resources["cpus"], 0.0, "{task}");
        assert_eq!(resources["cpus_revocable"], 0.4, "{task}");
        assert_eq!(resources["mem_revocable"], 32.0, "{task}");
    })
    .await;
    let agents = site.master("/slaves").await;
    assert_eq!(
        agents["slaves"][0]["resources"]["cpus_revocable"], 3.0,
        "{agents}"
    );
    basic(&site, "http_example_gpu", |task| {
        assert_eq!(task["resources"]["gpus"], 1.0, "{task}");
    })
    .await;
    assert_eq!(mounts(&site).await, before, "no mount is left");

    site.end().await;
}

/// The whole life of a job whose file system is an image of the store.
async fn appc(site: &Site) {
    let job = "http_example_unified_appc";
    let file = format!("/vagrant/images.aurora --bind appc_image_id={APPC_IMAGE}");
    let key = format!("devcluster/www-data/test/{job}");
    site.run(&format!(
        "aurora job create {key} {file} --wait-until RUNNING"
    ))
    .await;
    let read = site
        .run(&format!(
            "aurora task ssh {key}/0 --command='cat .logs/verify_file_mount/0/stdout'"
        ))
        .await;
    assert!(
        read.contains("A small web server"),
        "what is mounted everywhere: {read}"
    );
    assert!(read.ends_with("of the image\n"), "{read}");
    let listed = site.run(&format!("aurora task run {key} 'ls -a'")).await;
    let found = listed.lines().filter(|line| line.ends_with(" .logs"));
    assert_eq!(found.count(), 1, "{listed}");
    site.run(&format!("aurora job killall {key}")).await;
    site.until_states(&key, &[]).await;
    full_cycle(site, job, &file).await;
}

/// An image that the store has not got.
async fn what_is_missing_is_told(site: &Site) {
    let key = "devcluster/www-data/test/http_example_unified_appc";
    let file = "/vagrant/images.aurora --bind appc_image_id=sha512-0";
    site.run(&format!("aurora job create {key} {file}")).await;
    let reason = "Failed to launch container: Failed to get discovery path for image 'example.com/http_example': \
                  Failed to form simple discovery url: label 'os' is missing";
    site.until_prints(&format!("aurora job status {key}"), reason)
        .await;
    site.run(&format!("aurora job killall {key}")).await;
    site.until_states(key, &[]).await;
}
