//! A master and an agent of ours as processes on free ports, and a Python with the foreign libraries.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(60);

/// A master and an agent; both end with this.
pub(crate) struct Local {
    folder: tempfile::TempDir,
    pub(crate) master: u16,
    pub(crate) agent: u16,
    processes: Vec<Child>,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// The interpreter that `scripts/test` prepares, with pymesos in it.
pub(crate) fn python() -> PathBuf {
    std::env::var_os("AURORA_PYTHON")
        .expect("AURORA_PYTHON names a Python with pymesos; `scripts/test` makes one")
        .into()
}

impl Local {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut local = Self {
            folder,
            master: free_port(),
            agent: free_port(),
            processes: Vec::new(),
        };
        let names = local.path("bin");
        std::fs::create_dir(&names).expect("a folder");
        let executor = names.join("mesos-executor");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_devcluster"), executor).expect("a link");
        local.run(
            "mesos-master",
            &[
                format!("--port={}", local.master),
                format!("--work_dir={}", local.path("master").display()),
                "--allocation_interval=50ms".to_owned(),
            ],
        );
        local.run(
            "mesos-agent",
            &[
                format!("--port={}", local.agent),
                format!("--master=127.0.0.1:{}", local.master),
                format!("--work_dir={}", local.path("agent").display()),
                format!("--runtime_dir={}", local.path("run").display()),
                format!("--launcher_dir={}", names.display()),
                "--resources=cpus:4;mem:4096;disk:4096;ports:[31000-31099]".to_owned(),
                "--registration_backoff_factor=10ms".to_owned(),
            ],
        );
        let begin = Instant::now();
        while local.registered().await != Some(1.0) {
            assert!(begin.elapsed() < DEADLINE, "{}", local.logs());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        local
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&mut self, name: &str, flags: &[String]) {
        let log = File::create(self.path(&format!("{name}.log"))).expect("a log");
        let child = Command::new(env!("CARGO_BIN_EXE_devcluster"))
            .arg0(name)
            .arg("--ip=127.0.0.1")
            .args(flags)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("our own program starts");
        self.processes.push(child);
    }

    async fn registered(&self) -> Option<f64> {
        let url = format!("http://127.0.0.1:{}/metrics/snapshot", self.master);
        let metrics: Value = reqwest::get(url).await.ok()?.json().await.ok()?;
        metrics.get("master/slaves_active")?.as_f64()
    }

    /// What master and agent logged.
    pub(crate) fn logs(&self) -> String {
        ["mesos-master.log", "mesos-agent.log"]
            .map(|name| std::fs::read_to_string(self.path(name)).unwrap_or_default())
            .join("\n")
    }

    /// Runs a Python program of tests/foreign with the master's and the agent's address; what it printed.
    pub(crate) async fn python(&self, script: &str) -> String {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign");
        let run = tokio::process::Command::new(python())
            .arg("-B")
            .arg(scripts.join(script))
            .args([self.master, self.agent].map(|port| format!("127.0.0.1:{port}")))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(DEADLINE, run)
            .await
            .unwrap_or_else(|_| panic!("{script} does not end\n{}", self.logs()))
            .expect("Python starts");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{script} ended with {}\n{printed}{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr),
            self.logs()
        );
        printed
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // The agent first: it ends what it runs only where nobody waits for it, and tests end all they start.
        for mut process in self.processes.drain(..).rev() {
            // It may have died already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
