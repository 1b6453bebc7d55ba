//! Tasks in appc images, which the agent's store has and the machine's Docker engine runs. Without an engine
//! there is nothing to test, as in `docker`.

use std::path::{Path, PathBuf};

use mesos_proto::mesos::{ContainerInfo, Image, TaskInfo, TaskState, container_info, image};

use crate::docker::{Mark, beside_image, docker, has_engine, mark, rootfs, sandbox, start_with};
use crate::folder::{Folder, folder};
use crate::support::*;

/// Says where it starts, a variable of its own, and what the image has; ends with 4.
const MANIFEST: &str = r#"{"acKind": "ImageManifest", "acVersion": "0.8.9", "name": "test/shell", "app": {
    "exec": ["/bin/sh", "-c", "pwd; echo $GREETING; cat marker; exit 4"], "user": "0", "group": "0",
    "environment": [{"name": "GREETING", "value": "hello"}], "workingDirectory": "/data"}}"#;
const ID: &str = "sha512-7e57";

/// A store with one image.
fn store() -> Folder {
    let store = folder();
    let image = store.path().join("images").join(ID);
    rootfs(&image.join("rootfs"));
    std::fs::create_dir(image.join("rootfs/data")).expect("made");
    std::fs::write(image.join("rootfs/data/marker"), "of the image\n").expect("written");
    std::fs::write(image.join("manifest"), MANIFEST).expect("written");
    store
}

fn image(id: &str) -> Image {
    let mut image = Image::new();
    image.set_type(image::Type::APPC);
    let appc = image.appc.mut_or_insert_default();
    appc.set_name("test/shell".into());
    appc.set_id(id.into());
    image
}

/// A task whose root is the image; without a command it is the image's.
fn in_image(id: &str, command: Option<&str>) -> TaskInfo {
    let mut task = task("M-S0", id, command.unwrap_or_default());
    if command.is_none() {
        let command = task.command.mut_or_insert_default();
        command.clear_value();
        command.set_shell(false);
    }
    let mut container = ContainerInfo::new();
    container.set_type(container_info::Type::MESOS);
    container.mesos.mut_or_insert_default().image = Some(image(ID)).into();
    task.container = Some(container).into();
    task
}

fn stdout(work: &Path, executor: &str) -> String {
    let file: PathBuf = sandbox(work, executor).join("stdout");
    std::fs::read_to_string(file).expect("an output")
}

fn images(mark: &Mark) -> usize {
    let filter = format!("label={}", mark.0);
    let listed = docker(&["images", "-q", "--filter", &filter]);
    listed.lines().count()
}

fn flags(store: &Folder, providers: &str) -> [String; 2] {
    [
        format!("--appc_store_dir={}", store.path().display()),
        format!("--image_providers={providers}"),
    ]
}

#[tokio::test]
async fn a_task_runs_in_an_image_of_the_store_as_its_manifest_says() {
    if !has_engine() {
        return;
    }
    let (mark, work, store) = (mark("appc"), folder(), store());
    let mut master = Master::start().await;
    let given = flags(&store, "appc");
    let (_child, agent) = start_with(&mut master, work.path(), &mark.0, &given).await;
    let failed = |status| {
        (
            TaskState::TASK_FAILED,
            format!("Container exited with status {status}"),
        )
    };
    for (id, command, status, said) in [
        ("t1", None, 4, "/data\nhello\nof the image\n"),
        (
            "t2",
            Some("echo $GREETING $MESOS_SANDBOX; exit 3"),
            3,
            "hello /mnt/mesos/sandbox\n",
        ),
    ] {
        master.send(&agent, &run(in_image(id, command), false));
        assert_eq!(master.state(&agent).await.0, TaskState::TASK_STARTING);
        assert_eq!(master.state(&agent).await.0, TaskState::TASK_RUNNING);
        assert_eq!(master.state(&agent).await, failed(status));
        assert_eq!(stdout(work.path(), id), said);
    }
    assert_eq!(images(&mark), 1, "the engine gets it once");

    // An executor of a framework's own, whose root is the image.
    let mut task = task("M-S0", "t3", "");
    task.command = None.into();
    let mut executor = mesos_proto::mesos::ExecutorInfo::new();
    executor
        .executor_id
        .mut_or_insert_default()
        .set_value("e3".into());
    executor.framework_id = framework_id();
    executor.command.mut_or_insert_default().set_shell(false);
    executor.container = in_image("t3", None).container;
    task.executor = Some(executor).into();
    master.send(&agent, &run(task, false));
    let ended = "Command exited with status 4".to_string();
    assert_eq!(master.state(&agent).await, (TaskState::TASK_FAILED, ended));
    assert_eq!(stdout(work.path(), "e3"), "/data\nhello\nof the image\n");
}

#[tokio::test]
async fn a_volume_has_an_images_files_and_what_is_missing_is_told_in_mesos_words() {
    if !has_engine() {
        return;
    }
    let (mark, work, store) = (mark("appc-volume"), folder(), store());
    let mut master = Master::start().await;
    let given = flags(&store, "docker,appc");
    let (_child, agent) = start_with(&mut master, work.path(), &mark.0, &given).await;
    let command = "cat taskfs/data/marker; test -x taskfs/bin/cat && exit 5";
    master.send(
        &agent,
        &run(beside_image("e1", command, "taskfs", image(ID)), false),
    );
    let ended = "Command exited with status 5".to_string();
    assert_eq!(master.state(&agent).await, (TaskState::TASK_FAILED, ended));
    assert_eq!(stdout(work.path(), "e1"), "of the image\n");
    assert_eq!(images(&mark), 0, "the engine is not asked");

    let missing = "Failed to launch container: Failed to get discovery path for image 'test/shell': \
        Failed to form simple discovery url: label 'os' is missing";
    master.send(
        &agent,
        &run(
            beside_image("e2", command, "taskfs", image("sha512-0")),
            false,
        ),
    );
    let failed = (TaskState::TASK_FAILED, missing.to_string());
    assert_eq!(master.state(&agent).await, failed);
    let manifest = store.path().join("images").join(ID).join("manifest");
    std::fs::write(&manifest, MANIFEST.replace("ImageManifest", "Other")).expect("written");
    master.send(&agent, &run(in_image("e3", None), false));
    let (state, text) = master.state(&agent).await;
    assert_eq!(state, TaskState::TASK_FAILED);
    let want = format!(
        "Failed to launch container: Failed to get dependencies for image id '{ID}': Failed to parse manifest \
         from '{}': Schema validation failed: Incorrect acKind field: Other",
        manifest.display()
    );
    assert_eq!(text, want);
}

#[tokio::test]
async fn images_that_are_not_provided_are_refused() {
    if !has_engine() {
        return;
    }
    let (mark, work, store) = (mark("appc-none"), folder(), store());
    let mut master = Master::start().await;
    let given = flags(&store, "docker");
    let (_child, agent) = start_with(&mut master, work.path(), &mark.0, &given).await;
    let want = "Failed to launch container: Unsupported container image type: APPC";
    for refused in [
        in_image("t1", None),
        beside_image("t2", "true", "taskfs", image(ID)),
    ] {
        master.send(&agent, &run(refused, false));
        let failed = (TaskState::TASK_FAILED, want.to_string());
        assert_eq!(master.state(&agent).await, failed);
    }
}
