//! Masters as processes of their own on one registry, elected in a ZooKeeper inside the test.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use mesos_proto::mesos::MasterInfo;
use mesos_wire::json::{self, Dialect};
use mesos_wire::pid::Upid;
use mesos_wire::zk;
use tokio::sync::watch;
use zookeeper_for_tests::ZooKeeper;

use crate::client::Client;

/// How long anything may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Long enough for a busy machine not to look dead. Nobody waits for its end: the session of one that is killed ends with
/// its connection, and that of one that stands still is ended by hand.
const SESSION: &str = "60secs";

pub(crate) struct Masters {
    zookeeper: ZooKeeper,
    all: Vec<Process>,
    leader: watch::Receiver<Option<MasterInfo>>,
    _folder: tempfile::TempDir,
}

/// One master: it is known by the host name that it gives out.
struct Process {
    child: Child,
    hostname: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A master that leads.
#[derive(Debug, Clone)]
pub(crate) struct Leader {
    pub(crate) hostname: String,
    pub(crate) pid: Upid,
}

impl Leader {
    pub(crate) fn client(&self) -> Client {
        Client::new(self.pid.address)
    }
}

impl Masters {
    pub(crate) fn start(count: usize) -> Self {
        let zookeeper = ZooKeeper::start();
        zookeeper.end_sessions_with_connections();
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("zk://{}/mesos", zookeeper.address);
        let all = (1..=count).map(|number| {
            let hostname = format!("master-{number}");
            let child = Command::new(env!("CARGO_BIN_EXE_mesos-master"))
                .args([
                    "--ip=127.0.0.1",
                    "--port=0",
                    "--quorum=2",
                    "--allocation_interval=50ms",
                    "--logging_level=ERROR",
                    &format!("--zk_session_timeout={SESSION}"),
                    &format!("--hostname={hostname}"),
                    &format!("--work_dir={}", folder.path().display()),
                    &format!("--zk={url}"),
                ])
                .stderr(Stdio::inherit())
                .spawn()
                .expect("the program starts");
            Process { child, hostname }
        });
        Self {
            all: all.collect(),
            leader: zk::detect(&url, Duration::from_secs(10)).expect("an address"),
            zookeeper,
            _folder: folder,
        }
    }

    /// Waits until so many stand for election, and returns where they are.
    pub(crate) async fn until_candidates(&self, count: usize) -> Vec<Leader> {
        let began = Instant::now();
        loop {
            let children = self.zookeeper.children("/mesos");
            let found: Vec<Leader> = children
                .iter()
                .filter(|(name, _)| name.starts_with("json.info_"))
                .map(|(_, data)| leader(&json::from_slice(data, Dialect::V0).expect("a master")))
                .collect();
            if found.len() == count {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "candidates: {found:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a master leads that is none of these, and answers as a leader does.
    pub(crate) async fn until_led_by_another(&mut self, former: &[&Leader]) -> Leader {
        let is_other = |found: &Option<MasterInfo>| {
            found
                .as_ref()
                .is_some_and(|found| former.iter().all(|old| old.hostname != found.hostname()))
        };
        let found = tokio::time::timeout(PATIENCE, self.leader.wait_for(is_other)).await;
        let found = found.expect("a leader in time").expect("somebody watches");
        let found = leader(found.as_ref().expect("a leader"));
        let began = Instant::now();
        while found.client().get("/state").await.status != 200 {
            assert!(began.elapsed() < PATIENCE, "{found:?} does not lead");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        found
    }

    fn process(&mut self, of: &Leader) -> &mut Process {
        let mut all = self.all.iter_mut();
        all.find(|process| process.hostname == of.hostname)
            .expect("it was started here")
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, which: &Leader) {
        let process = self.process(which);
        process.child.kill().expect("killed");
        process.child.wait().expect("ended");
    }

    /// Ends its session, as if it had not been heard for too long.
    pub(crate) fn expire(&self, which: &Leader) {
        for (name, data) in self.zookeeper.children("/mesos") {
            let is_its = json::from_slice::<MasterInfo>(&data, Dialect::V0)
                .is_ok_and(|info| info.hostname() == which.hostname);
            if name.starts_with("json.info_") && is_its {
                self.zookeeper.expire_owner(&format!("/mesos/{name}"));
            }
        }
    }

    /// Sends it a signal such as `STOP`.
    pub(crate) fn signal(&mut self, which: &Leader, name: &str) {
        let id = self.process(which).child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("`kill` runs").success());
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn until_ended(&mut self, which: &Leader) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.process(which).child.try_wait().expect("a child") {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "{which:?} runs on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn leader(info: &MasterInfo) -> Leader {
    Leader {
        hostname: info.hostname().to_string(),
        pid: info.pid().parse().expect("a pid"),
    }
}
