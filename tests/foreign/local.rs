//! A master and an agent as processes on free ports, and a Python with the foreign libraries.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::net::TcpSocket;

/// How long a program may take to start, or to come to its end, on a slow machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

/// Whose master it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Master {
    Ours,
    /// The one in libmesos.
    Original,
}

/// A master and an agent of ours; both end with this.
pub(crate) struct Local {
    folder: tempfile::TempDir,
    pub(crate) master: u16,
    pub(crate) agent: u16,
    processes: Vec<Child>,
}

/// A port where nobody listens and where a program of this test may do so. It stays bound here, so that nobody else is
/// given it for as long as this process lives.
pub(crate) fn free_port() -> u16 {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("it may be shared");
    let any = "127.0.0.1:0".parse().expect("an address");
    socket.bind(any).expect("a free port");
    let port = socket.local_addr().expect("an address").port();
    std::mem::forget(socket);
    port
}

/// The interpreter that `scripts/test` prepares, with pymesos in it.
pub(crate) fn python() -> PathBuf {
    std::env::var_os("AURORA_PYTHON")
        .expect("AURORA_PYTHON names a Python with pymesos; `scripts/test` makes one")
        .into()
}

/// A program that `scripts/test` builds on the original libmesos.
fn libmesos(program: &str) -> PathBuf {
    let folder = std::env::var_os("LIBMESOS").expect(
        "LIBMESOS names a folder with the programs on libmesos; `scripts/test` makes one, with PyPI's help",
    );
    Path::new(&folder).join(program)
}

impl Local {
    pub(crate) async fn start() -> Self {
        Self::start_with(Master::Ours, &[]).await
    }

    /// The same with more flags for the master, which may be the original.
    pub(crate) async fn start_with(kind: Master, flags: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut local = Self {
            folder,
            master: free_port(),
            agent: free_port(),
            processes: Vec::new(),
        };
        let names = local.path("bin");
        std::fs::create_dir(&names).expect("a folder");
        for name in [
            "mesos-executor",
            "mesos-default-executor",
            "mesos-containerizer",
        ] {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_devcluster"), names.join(name))
                .expect("a link");
        }
        match kind {
            Master::Ours => {
                let mut all = vec![
                    format!("--port={}", local.master),
                    format!("--work_dir={}", local.path("master").display()),
                    "--allocation_interval=50ms".to_owned(),
                ];
                all.extend(
                    flags
                        .iter()
                        .map(|(name, value)| format!("--{name}={value}")),
                );
                local.run("mesos-master", &all);
            }
            Master::Original => local.run_original(flags),
        }
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

    /// A place in the cluster's own folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a program of ours on the loopback; it ends with this.
    pub(crate) fn run(&mut self, name: &str, flags: &[String]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_devcluster"));
        command.arg0(name).arg("--ip=127.0.0.1").args(flags);
        self.spawn(name, command);
    }

    /// The original master has no command line: it takes its flags from the environment.
    fn run_original(&mut self, flags: &[(&str, &str)]) {
        let mut command = Command::new(libmesos("original"));
        command
            .env("LIBPROCESS_IP", "127.0.0.1")
            .env("LIBPROCESS_PORT", self.master.to_string())
            .env("MESOS_NUM_SLAVES", "0")
            .env("MESOS_WORK_DIR", self.path("master"))
            .env("MESOS_ALLOCATION_INTERVAL", "50ms");
        for (name, value) in flags {
            command.env(format!("MESOS_{}", name.to_ascii_uppercase()), value);
        }
        self.spawn("mesos-master", command);
    }

    /// Starts a program of anybody's; what it prints is its log, and it ends with this.
    pub(crate) fn spawn(&mut self, name: &str, mut command: Command) {
        let log = File::create(self.path(&format!("{name}.log"))).expect("a log");
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the program starts");
        self.processes.push(child);
    }

    async fn registered(&self) -> Option<f64> {
        let url = format!("http://127.0.0.1:{}/metrics/snapshot", self.master);
        // The original leaves a request without an answer for ever that comes while it starts.
        let client = reqwest::Client::builder().timeout(Duration::from_secs(2));
        // A master that asks who comes knows this one.
        let asked = client.build().ok()?.get(url);
        let asked = asked.basic_auth("p", Some("right")).send();
        let metrics: Value = asked.await.ok()?.json().await.ok()?;
        metrics.get("master/slaves_active")?.as_f64()
    }

    /// What master and agent logged.
    pub(crate) fn logs(&self) -> String {
        self.logs_of(&["mesos-master", "mesos-agent"])
    }

    /// What some programs logged.
    pub(crate) fn logs_of(&self, names: &[&str]) -> String {
        let read = |name| std::fs::read_to_string(self.path(&format!("{name}.log")));
        let logs: Vec<_> = names
            .iter()
            .map(|name| read(name).unwrap_or_default())
            .collect();
        logs.join("\n")
    }

    /// Runs a Python program of tests/foreign with the master's and the agent's address; what it printed.
    pub(crate) async fn python(&self, script: &str) -> String {
        let addresses = [self.master, self.agent].map(|port| format!("127.0.0.1:{port}"));
        self.script(script, &addresses).await
    }

    /// Runs a program of tests/foreign/libmesos: with the driver's program, unless it does without, and the master.
    pub(crate) async fn libmesos(&self, script: &str) -> String {
        let program = libmesos("framework").display().to_string();
        let master = format!("127.0.0.1:{}", self.master);
        self.script(&format!("libmesos/{script}"), &[program, master])
            .await
    }

    async fn script(&self, script: &str, arguments: &[String]) -> String {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign");
        let run = tokio::process::Command::new(python())
            .arg("-B")
            .arg(scripts.join(script))
            .args(arguments)
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
