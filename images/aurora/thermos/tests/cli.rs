//! `thermos` as a person uses it: the program itself, on checkpoints of its own and the original's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::{File, FileTimes};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use aurora_thermos::checkpoint::{TaskHistory, TaskPaths, TaskState, read_all};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");

/// A checkpoint root, and sandboxes beside it.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn thermos(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_thermos"))
            .arg(format!("--root={}", self.at("root").display()))
            .arg(format!("--mesos-root={}", self.at("none").display()))
            .args(args)
            .env("TZ", "UTC")
            .env("TMPDIR", self.0.path())
            .output()
            .unwrap()
    }

    /// What a command prints that has to end well.
    fn says(&self, args: &[&str]) -> String {
        let output = self.thermos(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn paths(&self, task_id: &str) -> TaskPaths {
        TaskPaths::new(self.at("root"), task_id)
    }

    fn history(&self, task_id: &str) -> TaskHistory {
        TaskHistory::replay(&read_all(&self.paths(task_id).runner()).unwrap())
    }

    /// Starts a task that sleeps, in the background, and waits until it runs.
    fn sleeper(&self, task_id: &str) {
        let flag = format!("--task_id={task_id}");
        let said = self.says(&["simplerun", "--daemon", &flag, "--", "sleep 600"]);
        assert!(
            said.ends_with("Daemonizing and starting runner.\n"),
            "{said}"
        );
        until("the process runs", || {
            self.history(task_id)
                .runs("simple")
                .iter()
                .any(|run| run.pid.is_some())
        });
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn kill(pid: i32) {
    let pid = nix::unistd::Pid::from_raw(pid);
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_originals_checkpoints_are_read_word_for_word() {
    let desk = Desk::new();
    for name in ["flaky", "seq"] {
        let stream = format!("{DATA}/{name}/checkpoint/runner");
        let want = std::fs::read_to_string(format!("{DATA}/{name}/read.txt")).unwrap();
        let lines = |text: &str| -> Vec<String> {
            // The recording's host is not the one in the stream.
            let lines = text.lines().filter(|line| !line.starts_with("  host: "));
            lines.map(str::to_string).collect()
        };
        assert_eq!(lines(&desk.says(&["read", &stream])), lines(&want));
    }
    let simple = desk.says(&["read", "--simple", &format!("{DATA}/seq/checkpoint/runner")]);
    assert!(simple.starts_with(
        "CKPT: RunnerCkpt(runner_header=None, process_status=None, task_status=TaskStatus(state=0, "
    ));
}

#[test]
fn a_simple_command_runs_and_is_seen_by_all_verbs() {
    let desk = Desk::new();
    let said = desk.says(&[
        "simplerun",
        "--task_id=one",
        "-P",
        "http:8080",
        "-E",
        "who=me",
        "--",
        "echo {{who}} at {{thermos.ports[http]}} is {{thermos.task_id}}; echo no >&2",
    ]);
    assert!(
        said.starts_with("Running command: 'echo {{who}} at "),
        "{said}"
    );
    assert_eq!(desk.history("one").state(), Some(TaskState::Success));

    let user = desk.history("one").header.unwrap().user;
    let status = desk.says(&["status"]);
    assert_eq!(
        status,
        format!("Finished tasks:\n  {:<20} [owner: {user:>8}]\n\n", "one")
    );
    let status = desk.says(&["status", "--verbosity=3", "on"]);
    assert!(status.contains("]  state:  SUCCESS start: "), "{status}");
    assert!(
        status.contains(&format!("    user: {user} ports: http -> 8080\n")),
        "{status}"
    );
    assert!(
        status.contains("      - simple runs: 1 last: pid="),
        "{status}"
    );

    let tail = desk.says(&["tail", "one"]);
    assert!(
        tail.starts_with("Tail of terminal log ") && tail.ends_with("\nme at 8080 is one\n"),
        "{tail}"
    );
    assert!(
        desk.says(&["tail", "--stderr", "one", "simple"])
            .ends_with("\nno\n")
    );

    let none = desk.thermos(&["status", "--only=active"]);
    assert_eq!(
        (none.status.code(), none.stdout.as_slice()),
        (Some(1), &b"No tasks found.\n"[..])
    );
}

#[test]
fn what_cannot_be_found_is_said_as_the_original_does() {
    let desk = Desk::new();
    let cases: [(&[&str], &str, &str); 6] = [
        (&["status"], "No tasks found.\n", ""),
        (&["tail", "x"], "ERROR: Could not find task.\n", ""),
        (&["tail"], "", "Expected a task to tail, got nothing!"),
        (&["read", "/no/such"], "", "Could not find /no/such"),
        (
            &["simplerun", "echo {{thermos.ports[http]}}"],
            "Running command: 'echo {{thermos.ports[http]}}'\n",
            "ERROR!  Unbound ports: http",
        ),
        (
            &["nonsense"],
            "",
            "Must supply one of the following commands:",
        ),
    ];
    for (args, out, err) in cases {
        let output = desk.thermos(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), out, "{args:?}");
        assert!(error(&output).contains(err), "{args:?}: {}", error(&output));
    }
    assert_eq!(desk.says(&["kill", "x"]), "No active tasks matched.\n");
    assert_eq!(error(&desk.thermos(&["kill"])), "Must specify tasks!\n");
    assert!(
        desk.says(&["help"])
            .contains("    simplerun \tRun a simple command line as a thermos task.\n")
    );
    assert!(
        desk.says(&["help", "tail"])
            .starts_with("command tail:\nTail the logs of a task process.\n")
    );
    assert_eq!(error(&desk.thermos(&["help", "x"])), "unknown command: x\n");
}

#[test]
fn a_configuration_is_evaluated_by_python_and_run() {
    let desk = Desk::new();
    let config = desk.at("two.thermos");
    std::fs::write(
        &config,
        "print('reading')\n\
         main = Process(name='main', cmdline='echo {{word}} >out')\n\
         last = Process(name='last', cmdline='cp out copy', final=True)\n\
         r = Resources(cpu=0.1, ram=MB, disk=MB)\n\
         export(Task(name='a', processes=[main, last], resources=r))\n\
         export(SimpleTask('b', 'true'))\n",
    )
    .unwrap();
    let config = config.to_str().unwrap();
    let sandbox = desk.at("sandbox");
    let sandbox_flag = format!("--sandbox={}", sandbox.display());
    let said = desk.says(&[
        "run",
        "--task=a",
        "--task_id=t",
        "-Eword=hello",
        &sandbox_flag,
        config,
    ]);
    assert_eq!(said, "reading\n");
    assert_eq!(
        std::fs::read_to_string(sandbox.join("copy")).unwrap(),
        "hello\n"
    );
    assert_eq!(desk.history("t").state(), Some(TaskState::Success));

    let shown = desk.says(&["inspect", "--task=b", config]);
    assert!(shown.contains("'cmdline': 'true'"), "{shown}");
    for (args, want) in [
        (
            vec!["inspect", config],
            "Multiple tasks in config but no task name specified!",
        ),
        (
            vec!["inspect", "--task=c", config],
            "Could not find task c!",
        ),
        (
            vec!["inspect"],
            "Should specify precisely one config, instead got: []",
        ),
    ] {
        assert!(error(&desk.thermos(&args)).contains(want), "{args:?}");
    }
    let json = desk.at("task.json");
    std::fs::write(
        &json,
        std::fs::read(format!("{DATA}/seq/task.json")).unwrap(),
    )
    .unwrap();
    desk.says(&[
        "run",
        "--json",
        "--task_id=j",
        &sandbox_flag,
        json.to_str().unwrap(),
    ]);
    assert_eq!(desk.history("j").state(), Some(TaskState::Success));
}

#[test]
fn nobody_has_to_read_to_the_end() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_thermos"))
        .args(["read", "--simple", &format!("{DATA}/seq/checkpoint/runner")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(error(&output), "");
}

#[test]
fn kill_ends_a_running_task_and_all_of_its_processes() {
    let desk = Desk::new();
    desk.sleeper("long");
    assert!(desk.says(&["status"]).starts_with("Active tasks:\n  long "));
    let pid = desk.history("long").runs("simple")[0].pid.unwrap();
    assert_eq!(desk.says(&["kill", "lo"]), "Killing long...done.\n");
    let history = desk.history("long");
    assert_eq!(history.state(), Some(TaskState::Killed));
    until("its process is gone", || !is_alive(pid));
    assert!(desk.paths("long").finished().exists() && !desk.paths("long").active().exists());
}

#[test]
fn a_task_whose_runner_was_killed_with_its_node_is_lost() {
    let desk = Desk::new();
    desk.sleeper("left");
    let history = desk.history("left");
    let run = history.runs("simple")[0].clone();
    // The runner first, so that it sees nothing; then what is left of its task.
    kill(history.statuses[0].runner_pid);
    until("the runner is gone", || {
        !is_alive(history.statuses[0].runner_pid)
    });
    for pid in [run.coordinator_pid.unwrap(), run.pid.unwrap()] {
        kill(pid);
        until("what is left of it is gone", || !is_alive(pid));
    }
    let stream = desk.paths("left").runner();
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let file = File::options().append(true).open(stream).unwrap();
    file.set_times(FileTimes::new().set_modified(hour_ago))
        .unwrap();
    let status = desk.says(&["status", "--verbosity=3"]);
    assert!(status.starts_with("Finished tasks:\n  left "), "{status}");
    assert!(
        status.contains("state:     LOST") && status.contains("state:LOST\n"),
        "{status}"
    );
    // Whoever wants it written down can have that.
    assert_eq!(desk.says(&["kill", "left"]), "Killing left...done.\n");
    assert_eq!(desk.history("left").state(), Some(TaskState::Killed));
}

#[test]
fn gc_removes_what_it_is_told_to_and_nothing_else() {
    let desk = Desk::new();
    for id in ["gone", "kept"] {
        desk.says(&["simplerun", &format!("--task_id={id}"), "echo x"]);
    }
    let sandbox = |id: &str| PathBuf::from(desk.history(id).header.unwrap().sandbox);
    let (gone, kept) = (sandbox("gone"), sandbox("kept"));
    let said = desk.says(&["gc", "--force", "--dryrun", "--delete-data", "gone"]);
    assert!(
        said.contains("    would remove ") && gone.exists(),
        "{said}"
    );
    let said = desk.says(&["gc", "--force"]);
    assert!(
        said.ends_with("   None.\nNo tasks to garbage collect.  Exiting\n"),
        "{said}"
    );
    // Without a terminal nobody agrees.
    assert!(
        desk.says(&["gc", "gone"])
            .ends_with("Continue [y/N]? Cancelling gc.\n")
    );
    let said = desk.says(&[
        "gc",
        "--force",
        "--delete-data",
        "--delete-metadata",
        "gone",
    ]);
    assert!(
        said.contains("  Task gone data (deleting) logs (keeping) metadata (deleting) \ndone.\n"),
        "{said}"
    );
    assert!(!gone.exists() && kept.exists());
    assert!(!desk.paths("gone").finished().exists() && !desk.paths("gone").streams().exists());
    assert!(Path::new(&desk.paths("kept").finished()).exists());
}
