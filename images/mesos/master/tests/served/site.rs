//! A master of a test's own, on a free port of this host.

use std::ffi::OsString;

use mesos_master::flags::{FLAGS, Settings};
use mesos_master::server::Server;
use mesos_wire::flags::{Flags, Request};
use mesos_wire::pid::Upid;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::Client;

/// A master that runs until this is dropped.
pub(crate) struct Site {
    pub(crate) pid: Upid,
    pub(crate) master_id: String,
    _stop: oneshot::Sender<()>,
    _serving: JoinHandle<()>,
}

/// The flags of the recordings, and those that tests need to be quick. The recorded `--zk` is shown
/// but not followed: the master leads from the start.
const FLAGS_OF_TESTS: [&str; 10] = [
    "--ip=127.0.0.1",
    "--port=0",
    "--hostname=localhost",
    "--cluster=devcluster",
    "--registry=in_memory",
    "--quorum=1",
    "--work_dir=/var/lib/mesos/master",
    "--zk=zk://127.0.0.1:12181/mesos",
    "--allocation_interval=50ms",
    "--agent_ping_timeout=1secs",
];

pub(crate) fn settings(more: &[&str]) -> Settings {
    let args = FLAGS_OF_TESTS.iter().chain(more).map(OsString::from);
    let Ok(Request::Run(flags)) = Flags::parse(FLAGS, args, []) else {
        panic!("the flags of the tests are wrong");
    };
    let mut settings = Settings::new(flags).expect("settings");
    settings.zk = None;
    settings
}

impl Site {
    pub(crate) async fn start(more: &[&str]) -> Self {
        Self::start_with(more, 200).await
    }

    /// A master that answers `/state` with this status once it leads.
    pub(crate) async fn start_with(more: &[&str], status: u16) -> Self {
        let server = Server::bind(settings(more)).await.expect("a free port");
        let pid = Upid::new("master", server.address());
        let master_id = server.info().id().to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            server
                .serve(stopped)
                .await
                .expect("a standalone master does not lose leadership");
        });
        let site = Self {
            pid,
            master_id,
            _stop: stop,
            _serving: serving,
        };
        // It listens already; the first answer comes when it serves and leads.
        while site.client().get("/state").await.status != status {
            tokio::task::yield_now().await;
        }
        site
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.pid.address)
    }
}
