//! An agent among clients that mean harm: its memory is bounded, and others are served.

use mesos_proto::mesos::TaskState;
use mesos_proto::messages::{StatusUpdateMessage, UpdateFrameworkMessage};

use crate::foe::{MB, Target};
use crate::folder::{Folder, folder};
use crate::support::{self, *};
use mesos_wire::pid::Upid;
use tokio::process::Child;

struct Program {
    master: Master,
    agent: Upid,
    target: Target,
    _child: Child,
    work: Folder,
}

async fn program() -> Program {
    let work = folder();
    let mut master = Master::start().await;
    let child = support::agent(&master.address(), work.path());
    let agent = master.register("M-S0").await;
    let target = Target {
        address: agent.address,
        process: child.id().expect("it runs"),
        actor: "slave(1)",
        path: "/slave(1)/api/v1",
    };
    Program {
        master,
        agent,
        target,
        _child: child,
        work,
    }
}

#[tokio::test]
async fn large_bodies_are_refused_and_little_of_them_is_kept() {
    let program = program().await;
    program.target.bears_large_bodies().await;
    program.target.bears_unfinished_bodies().await;
}

#[tokio::test]
async fn a_thousand_idle_connections_disturb_nobody() {
    program().await.target.bears_idle_connections().await;
}

#[tokio::test]
async fn nonsense_is_answered() {
    let program = program().await;
    program.target.bears_nonsense().await;
    for body in [
        "18446744073709551615\n{}",
        "99999999999999999999999\n{}",
        "-1\n{}",
        "99999999\n{}",
        "nonsense",
    ] {
        let request = format!(
            "POST /slave(1)/api/v1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/recordio\r\n\
             Message-Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let got = program.target.status_of(request.as_bytes()).await;
        assert_eq!(got, Some(400), "for the record `{body}`");
    }
    program.target.serves().await;
}

#[tokio::test]
async fn no_path_leads_out_of_a_sandbox() {
    let mut program = program().await;
    let command = "ln -s /etc/passwd link; ln -s / root; mkdir -p in/side; ln -s ../../../../../../../../../.. in/up; echo seen > in/side/file";
    program
        .master
        .send(&program.agent, &run(task("M-S0", "t1", command), false));
    while program.master.state(&program.agent).await.0 != TaskState::TASK_FINISHED {}
    let sandbox = format!(
        "{}/slaves/M-S0/frameworks/M-0000/executors/t1/runs/latest",
        program.work.path().display()
    );
    let virtual_one = "/frameworks/M-0000/executors/t1/runs/latest";
    let mut paths = vec![
        "/etc/passwd".to_string(),
        "etc/passwd".to_string(),
        "%2fetc%2fpasswd".to_string(),
    ];
    for sandbox in [sandbox.as_str(), virtual_one] {
        let (status, body) = get(
            &program.agent,
            &format!("/files/read?path={sandbox}/in/side/file&offset=0"),
        )
        .await;
        assert_eq!(
            (status, body.as_str()),
            (200, r#"{"data":"seen\n","offset":0}"#)
        );
        for out in [
            "link",
            "root/etc/passwd",
            "in/up/etc/passwd",
            "in/side/../../../../../../../../../../../etc/passwd",
            "%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            "in%2fup%2fetc%2fpasswd",
            "..%2fx",
            "in/side/file%00",
            "./../../x",
            "in/%ff",
        ] {
            paths.push(format!("{sandbox}/{out}"));
        }
    }
    program.target.shows_no_file(&paths).await;
    let own = format!(
        "{}/meta/slaves/latest/slave.info",
        program.work.path().display()
    );
    program.target.shows_no_file(&[own]).await;
}

/// The updates of a framework that says nothing wait, at the cost of nobody else.
#[tokio::test]
async fn a_framework_that_never_acknowledges_is_told_again_when_it_is_back() {
    let mut program = program().await;
    let before = program.target.memory();
    let silent = 6;
    for number in 0..silent {
        let id = format!("silent{number}");
        program
            .master
            .send(&program.agent, &run(task("M-S0", &id, "true"), false));
    }
    for _ in 0..silent {
        // Heard, and not acknowledged.
        let (_, first) = program.master.hear::<StatusUpdateMessage>().await;
        assert_eq!(first.update.status.state(), TaskState::TASK_STARTING);
    }
    let mut other = run(task("M-S0", "other", "true"), false);
    other
        .framework
        .mut_or_insert_default()
        .id
        .mut_or_insert_default()
        .set_value("M-0001".to_string());
    program.master.send(&program.agent, &other);
    for wanted in [
        TaskState::TASK_STARTING,
        TaskState::TASK_RUNNING,
        TaskState::TASK_FINISHED,
    ] {
        let update = loop {
            let (_, message) = program.master.hear::<StatusUpdateMessage>().await;
            let update = message.update.clone().unwrap_or_default();
            // What was not acknowledged is said again after a while, and is still not acknowledged.
            if update.framework_id != framework_id() {
                break update;
            }
            assert_eq!(update.status.state(), TaskState::TASK_STARTING);
        };
        program.master.acknowledge(&program.agent, &update);
        assert_eq!(
            (update.framework_id.value(), update.status.state()),
            ("M-0001", wanted)
        );
    }
    program.target.serves().await;
    let grown = program.target.memory().saturating_sub(before);
    assert!(grown < 32 * MB, "{} MB for a few updates", grown / MB);
    let mut back = UpdateFrameworkMessage::new();
    back.framework_id = framework_id();
    back.set_pid(Upid::empty().to_string());
    back.framework_info = run(task("M-S0", "x", "true"), false).framework;
    program.master.send(&program.agent, &back);
    let mut ended = 0;
    while ended < silent {
        let update = program.master.update(&program.agent).await;
        assert_eq!(update.framework_id, framework_id());
        ended += usize::from(update.status.state() == TaskState::TASK_FINISHED);
    }
}
