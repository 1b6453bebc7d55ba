//! What `thermos` says of itself and to those who ask it wrongly, as `tests/data/words.txt` has it. After a change that
//! is meant, `UPDATE_WORDS=1 cargo test -p aurora-thermos --test words` writes the file anew.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

const VERBS: [&str; 9] = [
    "gc",
    "help",
    "inspect",
    "kill",
    "read",
    "run",
    "simplerun",
    "status",
    "tail",
];

/// Command lines that ask for nothing, or wrongly.
const LINES: [&str; 14] = [
    "",
    "--help",
    "nosuch",
    "help nosuch",
    "status --only=nosuch",
    "tail",
    "kill",
    "gc --max_age=x",
    "read",
    "read /nowhere/runner",
    "run",
    "inspect",
    "inspect a b",
    "run -Ename /nowhere/task.thermos",
];

fn said(line: &str, all: &mut String) {
    let output = Command::new(env!("CARGO_BIN_EXE_thermos"))
        .args(line.split_whitespace())
        .env_remove("AURORA_PYTHON")
        .output()
        .unwrap();
    all.push_str(&format!("$ thermos {line}\n"));
    all.push_str(&String::from_utf8(output.stdout).unwrap());
    for line in String::from_utf8(output.stderr).unwrap().lines() {
        all.push_str(&format!("! {line}\n"));
    }
    all.push_str(&format!("[exit {}]\n\n", output.status.code().unwrap()));
}

#[test]
fn every_command_says_what_it_said() {
    let mut all = String::new();
    for verb in VERBS {
        said(&format!("help {verb}"), &mut all);
        if verb != "help" {
            said(&format!("{verb} --help"), &mut all);
            said(&format!("{verb} --nosuch"), &mut all);
        }
    }
    for line in LINES {
        said(line, &mut all);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/words.txt");
    if std::env::var_os("UPDATE_WORDS").is_some() {
        std::fs::write(&file, &all).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap();
    for (found, expected) in all.split("\n\n$ ").zip(kept.split("\n\n$ ")) {
        assert_eq!(found, expected);
    }
    assert_eq!(all.len(), kept.len());
}
