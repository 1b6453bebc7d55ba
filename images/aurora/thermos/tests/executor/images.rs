//! Tasks in containers: Docker's, which the executor runs in itself, and images that the agent has put
//! beside it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use aurora_api::{Container, DockerContainer, DockerImage, Image, MesosContainer};
use aurora_thermos::checkpoint::TaskState as Ended;
use mesos_proto::mesos::{TaskInfo, TaskState};
use serde_json::json;

use crate::agent::Agent;
use crate::task::{STARTED, assert_said, exit, history, job, log, role, run_folder, task_info_in};

fn in_docker(processes: &[(&str, &str)]) -> TaskInfo {
    let container = Container::Docker(DockerContainer {
        image: Some("busybox".into()),
        parameters: None,
    });
    task_info_in(&job(processes, json!({})), &[], Some(container))
}

#[tokio::test]
async fn a_docker_task_runs_as_the_containers_user_and_names_files_as_the_agent_does() {
    let (agent, run) = (Agent::start().await, run_folder());
    let elsewhere = run_folder();
    // The agent's name for the sandbox, which does not exist in the container.
    let directory = elsewhere.path().join("slaves/S/runs/1");
    agent.launch(in_docker(&[("p", "id -u; pwd -P; echo $HOME")]));
    let directory_text = directory.to_str().unwrap();
    let executor = agent.executor_in(run.path(), &[], &[("MESOS_DIRECTORY", directory_text)]);
    assert!(exit(executor).await.success());
    assert_said(
        &agent,
        &[
            STARTED[0],
            STARTED[1],
            (TaskState::TASK_FINISHED, "Task finished."),
        ],
    );
    let own = std::fs::metadata("/proc/self").unwrap().uid();
    let real = run.path().canonicalize().unwrap().join("sandbox");
    let named = directory.join("sandbox");
    assert_eq!(
        log(run.path(), "p/0/stdout"),
        format!("{own}\n{}\n{}\n", real.display(), named.display())
    );
    let header = history(run.path()).header.unwrap();
    assert_eq!(Path::new(&header.sandbox), named);
    assert_eq!(std::fs::metadata(run.path()).unwrap().mode() & 0o777, 0o755);
}

/// A file system with nothing but bash and its libraries.
fn image(root: &Path) {
    let listed = Command::new("ldd").arg("/bin/bash").output().unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    let libraries = text
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(str::to_string);
    for file in std::iter::once("/bin/bash".to_string()).chain(libraries) {
        let to = root.join(file.trim_start_matches('/'));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(&file, &to).unwrap();
    }
    std::fs::write(root.join("marker"), "of the image\n").unwrap();
}

#[tokio::test]
async fn an_images_task_sees_the_image_and_its_sandbox_and_nothing_of_the_agent() {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("only root can give a process another root");
        return;
    }
    let (agent, run) = (Agent::start().await, run_folder());
    image(&run.path().join("taskfs"));
    let processes = [
        (
            "first",
            "echo 'export WORD=hello' >.thermos_profile; echo $HOME; pwd; echo $(</marker)",
        ),
        (
            "second",
            "echo $WORD; [ -e /usr/sbin ] && echo agent; while read l; do [[ $l == $USER:* ]] && echo known; done </etc/passwd; until [ -e stop ]; do :; done",
        ),
    ];
    let check = json!({"health_check_config": {
        "health_checker": {"shell": {"shell_command": "[ -e /marker ] && [ -O . ] && [ ! -w /etc/passwd ]"}},
        "initial_interval_secs": 600, "interval_secs": 0.05, "timeout_secs": 30,
    }});
    let container = Container::Mesos(MesosContainer {
        image: Some(Image::Docker(DockerImage {
            name: "bash".into(),
            tag: "5".into(),
        })),
        volumes: None,
    });
    agent.launch(task_info_in(&job(&processes, check), &[], Some(container)));
    let executor = agent.executor(
        run.path(),
        &["--mesos-containerizer-path=/usr/libexec/mesos/mesos-containerizer"],
    );
    agent.wait_for(TaskState::TASK_RUNNING).await;
    std::fs::write(run.path().join("sandbox/stop"), "").unwrap();
    assert!(exit(executor).await.success());
    assert_said(
        &agent,
        &[
            (TaskState::TASK_STARTING, ""),
            (TaskState::TASK_RUNNING, "Task is healthy."),
            (TaskState::TASK_FINISHED, "Task finished."),
        ],
    );
    assert_eq!(
        log(run.path(), "first/0/stdout"),
        "/mnt/mesos/sandbox\n/mnt/mesos/sandbox\nof the image\n"
    );
    assert_eq!(
        log(run.path(), "second/0/stdout"),
        "hello\nknown\n",
        "as {}",
        role()
    );
    assert_eq!(history(run.path()).state(), Some(Ended::Success));
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(
        !mounts.contains(run.path().to_str().unwrap()),
        "a mount is left"
    );
}

#[tokio::test]
async fn an_image_that_is_not_there_fails_the_task() {
    let (agent, run) = (Agent::start().await, run_folder());
    let container = Container::Mesos(MesosContainer {
        image: Some(Image::Docker(DockerImage {
            name: "bash".into(),
            tag: "5".into(),
        })),
        volumes: None,
    });
    let task = task_info_in(&job(&[("p", "true")], json!({})), &[], Some(container));
    agent.launch(task);
    let executor = agent.executor(run.path(), &[]);
    assert!(exit(executor).await.success());
    let (state, message) = agent.said().last().unwrap().clone();
    assert_eq!(state, TaskState::TASK_FAILED);
    assert!(
        message.starts_with("Failed to initialize sandbox: Could not prepare the task's file system: the agent has put no image at "),
        "{message}"
    );
}
