//! What the clients' commands print and how they end, as `tests/data/transcripts.txt` has it: every verb without its
//! arguments, with its scheduler refusing, and with an answer. The recorded runs of the original are elsewhere
//! (`replay`). After a change that is meant, `UPDATE_TRANSCRIPTS=1 cargo test -p aurora-client transcripts` writes the
//! file anew.

mod admin;
mod answers;
mod aurora;
mod updates;

use std::path::Path;

use aurora_api::{Response, ResponseCode};

use crate::support::{Client, Told, converse_as, response};

/// A command line, and what the scheduler answers to its calls.
type Case = (&'static str, Vec<(&'static str, Response)>);

/// What stands for the scheduler's address, which is another in each run.
const SCHEDULER: &str = "http://scheduler:8081";

/// Instead of going somewhere.
const TELL: &str = "echo \"$(basename $0) $*\"";

/// What any call can be answered with.
fn no(method: &'static str) -> (&'static str, Response) {
    let refused = response(
        ResponseCode::InvalidRequest,
        None,
        Some("so it is not done"),
    );
    (method, refused)
}

/// What a job's call is answered with while the job is being updated.
fn updating(method: &'static str) -> (&'static str, Response) {
    let message = Some("Job is currently updating");
    (
        method,
        response(ResponseCode::JobUpdatingError, None, message),
    )
}

fn transcript(program: &str, line: &str, told: &Told) -> String {
    let hide = |text: &str| text.replace(&told.url, SCHEDULER);
    let mut text = format!("$ {program} {line}\n{}", hide(&told.stdout));
    if !text.ends_with('\n') {
        text.push('\n');
    }
    for line in hide(&told.stderr).lines() {
        text.push_str(&format!("! {line}\n"));
    }
    let calls: Vec<&str> = told.calls.iter().map(|call| call.name()).collect();
    text.push_str(&format!("[exit {}; asked {calls:?}]\n\n", told.code));
    text
}

/// Words are apart by spaces; those in single quotes have spaces of their own.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (place, part) in line.split('\'').enumerate() {
        if place % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

fn run(program: &'static str, name: &str, all: &mut String, cases: Vec<Case>) {
    for (line, answers) in cases {
        let args = words(line);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let told = converse_as(&args, answers, |url| {
            let mut client = Client::new(&format!(
                r#"[{{"name": "direct", "scheduler_uri": "{url}", "slave_root": "/var/lib/mesos", "slave_run_directory": "latest"}}]"#
            ))
            .with_programs(&[("ssh", TELL), ("scp", TELL)]);
            client.program = program;
            client.env.push(("BROWSER", "true".to_owned()));
            client
        });
        all.push_str(&transcript(name, line, &told));
    }
}

#[test]
fn every_command_says_what_it_said() {
    let mut all = String::new();
    let program = env!("CARGO_BIN_EXE_aurora");
    run(program, "aurora", &mut all, aurora::bare());
    run(program, "aurora", &mut all, aurora::cases());
    let program = env!("CARGO_BIN_EXE_aurora_admin");
    run(program, "aurora_admin", &mut all, admin::bare());
    run(program, "aurora_admin", &mut all, admin::cases());

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/transcripts.txt");
    if std::env::var_os("UPDATE_TRANSCRIPTS").is_some() {
        std::fs::write(&file, &all).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap();
    for (found, expected) in all.split("\n\n$ ").zip(kept.split("\n\n$ ")) {
        assert_eq!(found, expected);
    }
    assert_eq!(all.len(), kept.len());
}
