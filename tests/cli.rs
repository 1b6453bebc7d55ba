//! The program's behaviour where no engine is needed, or none can be had.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};

/// Runs devcluster in a folder, with nothing of this process's settings.
fn devcluster(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_devcluster"));
    for (name, _) in std::env::vars()
        .filter(|(name, _)| name.starts_with("DEVCLUSTER_") || name == "DOCKER_HOST")
    {
        command.env_remove(name);
    }
    command
        .current_dir(folder)
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .expect("devcluster runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An engine's address where nothing listens, so that a test that gets this far fails at once.
const NOWHERE: (&str, &str) = ("DOCKER_HOST", "unix:///nowhere/docker.sock");

#[test]
fn version_and_help_are_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let version = devcluster(folder.path(), &["--version"], &[]);
    assert!(version.status.success());
    assert_eq!(
        text(&version.stdout),
        text(&devcluster(folder.path(), &["version"], &[]).stdout)
    );
    let help = devcluster(folder.path(), &["--help"], &[]);
    assert!(help.status.success());
    for verb in ["up", "status", "ssh", "logs", "down", "Exit codes"] {
        assert!(text(&help.stdout).contains(verb), "{verb}");
    }
}

#[test]
fn bad_usage_and_bad_profiles_exit_with_2_and_say_what_is_meant() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, content: &str| {
        std::fs::write(folder.path().join(name), content).expect("a profile")
    };
    write("key.toml", "name = \"x\"\n[mesos-agent]\ncuont = 3\n");
    write("value.toml", "[zookeeper]\ncount = 2\n");
    write("docker.toml", "[mesos-agent]\ndocker = true\n");
    write(
        "template.toml",
        "[mesos-agent]\nattributes = \"rack:{idnex}\"\n",
    );
    let cases: [(&[&str], &str, &str); 8] = [
        (
            &["up", "--profile", "key.toml"],
            "`key.toml` line 3: unknown key `cuont` in `mesos-agent`",
            "did you mean `count`?",
        ),
        (
            &["up", "--profile", "value.toml"],
            "`value.toml` line 2: `zookeeper.count` is `2`; allowed is 1, or 3",
            "",
        ),
        (
            &["status", "--profile", "docker.toml"],
            "`docker.toml` line 2: key `docker`",
            "remove `docker`",
        ),
        (
            &["up", "--profile", "tny"],
            "`tny`: there is no such profile",
            "did you mean `tiny`?",
        ),
        (
            &["up", "--agents", "1000"],
            "there are 1000 agents; allowed are at most 190",
            "ask for fewer agents",
        ),
        (&["upp"], "unrecognized subcommand 'upp'", "up"),
        (
            &["--name", "A b", "status"],
            "`A b` is not a cluster's name",
            "",
        ),
        (
            &["up", "--subnet", "192.168.1.1/24"],
            "`192.168.1.1/24` has bits behind its prefix",
            "",
        ),
    ];
    for (arguments, problem, remedy) in cases {
        let output = devcluster(folder.path(), arguments, &[NOWHERE]);
        let story = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "case {arguments:?}: {story}");
        assert!(story.contains(problem), "case {arguments:?}: {story}");
        assert!(story.contains(remedy), "case {arguments:?}: {story}");
        assert!(output.stdout.is_empty(), "case {arguments:?}");
    }
}

#[test]
fn the_environment_stands_in_for_flags_and_flags_win() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = devcluster(
        folder.path(),
        &["status"],
        &[("DEVCLUSTER_NAME", "A b"), NOWHERE],
    );
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let output = devcluster(
        folder.path(),
        &["status", "--name", "good"],
        &[("DEVCLUSTER_NAME", "A b"), NOWHERE],
    );
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
}

#[test]
fn an_engine_that_cannot_be_used_exits_with_3_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let silent = folder.path().join("silent.sock");
    // A socket that nobody listens on any more.
    drop(UnixListener::bind(&silent).expect("a socket"));
    let silent = format!("unix://{}", silent.display());
    let old = folder.path().join("old.sock");
    let listener = UnixListener::bind(&old).expect("a socket");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            // The connection that only tries the socket sends nothing.
            if stream.read(&mut request).unwrap_or(0) > 0 {
                let body = r#"{"Version":"17.03.0","ApiVersion":"1.26"}"#;
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            }
        }
    });
    let old = format!("unix://{}", old.display());
    let cases = [
        (
            NOWHERE.1,
            "there is no Docker engine: `/nowhere/docker.sock` does not exist",
            "start Docker",
        ),
        (
            silent.as_str(),
            "no Docker engine listens at",
            "start Docker",
        ),
        (
            old.as_str(),
            "speaks API 1.26, and 1.40 is the oldest that will do",
            "install Docker 20.10 or newer",
        ),
        (
            "ssh://somewhere",
            "`DOCKER_HOST` is `ssh://somewhere`",
            "set `DOCKER_HOST`",
        ),
        ("tcp://127.0.0.1:1", "127.0.0.1:1", "start Docker"),
    ];
    for (host, problem, remedy) in cases {
        for verb in ["up", "status", "down"] {
            let output = devcluster(folder.path(), &[verb], &[("DOCKER_HOST", host)]);
            let story = text(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "case {host} {verb}: {story}");
            let lines: Vec<&str> = story.lines().collect();
            assert_eq!(
                lines.len(),
                2,
                "one line that says what is wrong, and one that says what to do: {story}"
            );
            assert!(
                lines[0].starts_with("error: ") && lines[0].contains(problem),
                "case {host} {verb}: {story}"
            );
            assert!(
                lines[1].starts_with("hint: ") && lines[1].contains(remedy),
                "case {host} {verb}: {story}"
            );
        }
    }
}
