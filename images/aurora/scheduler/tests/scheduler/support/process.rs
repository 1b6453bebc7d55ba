//! The real scheduler as a process of its own.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aurora_api::calls::GetRoleSummaryArgs;
use aurora_api::envelope::{decode_reply, encode_call};
use aurora_api::{Call, Protocol, Response, ResponseCode};
use tokio::net::TcpSocket;

use zookeeper_for_tests::ZooKeeper;

use super::fake_master::FakeMaster;

/// Dies with the test.
pub(crate) struct Process {
    child: Child,
    pub(crate) url: String,
    client: reqwest::Client,
}

/// A port where nobody listens and where programs of this test may do so, again and again. It stays bound here, so that
/// nobody else is given it for as long as this process lives.
pub(crate) fn free_port() -> u16 {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    std::mem::forget(socket);
    port
}

impl Process {
    pub(crate) fn start(
        zookeeper: &ZooKeeper,
        master: &FakeMaster,
        folder: &Path,
        port: u16,
    ) -> Self {
        Self::with(zookeeper, master, folder, port, &[])
    }

    /// The same with more flags.
    pub(crate) fn with(
        zookeeper: &ZooKeeper,
        master: &FakeMaster,
        folder: &Path,
        port: u16,
        flags: &[&str],
    ) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_aurora-scheduler"))
            .args([
                "-cluster_name=test".to_string(),
                "-hostname=127.0.0.1".to_string(),
                "-ip=127.0.0.1".to_string(),
                format!("-http_port={port}"),
                format!("-zk_endpoints={}", zookeeper.address),
                // A killed one is not waited for: its session ends with its connection.
                "-zk_session_timeout=60secs".to_string(),
                "-serverset_path=/aurora/scheduler".to_string(),
                format!("-mesos_master_address={}", master.address),
                format!("-native_log_file_path={}", folder.join("store").display()),
                format!("-backup_dir={}", folder.join("backups").display()),
                "-vlog=ERROR".to_string(),
            ])
            .args(flags)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            client: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .timeout(Duration::from_secs(20))
                .build()
                .unwrap(),
        }
    }

    /// Makes a call; `None` if no answer came.
    pub(crate) async fn call(&self, call: &Call) -> Option<Response> {
        let media = "application/vnd.apache.thrift.binary";
        let request = self
            .client
            .post(format!("{}/api", self.url))
            .header("Content-Type", media)
            .header("Accept", media)
            .body(encode_call(Protocol::Binary, 0, call).unwrap());
        let response = request.send().await.ok()?;
        if response.status().as_u16() != 200 {
            return None;
        }
        let body = response.bytes().await.ok()?;
        Some(decode_reply(Protocol::Binary, call, &body).unwrap())
    }

    /// The status of a page and where it leads.
    pub(crate) async fn get(&self, path: &str) -> Option<(u16, Option<String>)> {
        let response = self
            .client
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .ok()?;
        let location = response.headers().get("Location");
        let location = location.map(|place| place.to_str().unwrap().to_string());
        Some((response.status().as_u16(), location))
    }

    /// A page that is a JSON document.
    pub(crate) async fn page(&self, path: &str) -> serde_json::Value {
        for _ in 0..1000 {
            let got = self.client.get(format!("{}{path}", self.url)).send().await;
            if let Ok(response) = got
                && response.status().as_u16() == 200
            {
                return response.json().await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no {path}");
    }

    /// Waits until a page has this status.
    pub(crate) async fn until(&self, path: &str, status: u16) {
        let began = Instant::now();
        loop {
            let found = self.get(path).await;
            if found.as_ref().is_some_and(|(found, _)| *found == status) {
                return;
            }
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{path}: {found:?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until this is the leader, with its store read.
    pub(crate) async fn until_leading(&self) {
        self.until("/leaderhealth", 200).await;
        let read = Call::GetRoleSummary(GetRoleSummaryArgs {});
        let began = Instant::now();
        loop {
            // What a killed process announced from the same address may still be there.
            let response = self.call(&read).await;
            let code = response.map(|response| response.response_code);
            if code == Some(ResponseCode::Ok) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{code:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The memory that it holds, in KB.
    #[allow(dead_code, reason = "a benchmark uses it")]
    pub(crate) fn resident_kb(&self) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS"));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number.unwrap().parse().unwrap()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
