//! Checkpoints that the original wrote: read, written again, replayed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

use aurora_thermos::checkpoint::{
    ProcessState, Record, TaskHistory, TaskState, Writer, decode, encode, read_all, split,
};

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(path)
}

const STREAMS: [&str; 7] = [
    "seq/checkpoint/runner",
    "seq/checkpoint/coordinator.first",
    "seq/checkpoint/coordinator.second",
    "flaky/checkpoint/runner",
    "flaky/checkpoint/coordinator.flaky",
    "flaky/checkpoint/coordinator.side",
    "flaky/checkpoint/coordinator.cleanup",
];

#[test]
fn every_recorded_record_is_written_again_byte_for_byte() {
    for stream in STREAMS {
        let bytes = std::fs::read(data(stream)).unwrap();
        let mut rest = bytes.as_slice();
        let mut count = 0;
        while let Some((record, after)) = split(rest).unwrap() {
            assert_eq!(
                encode(&decode(record).unwrap()).unwrap(),
                record,
                "{stream}, record {count}"
            );
            rest = after;
            count += 1;
        }
        assert!(rest.is_empty(), "{stream}");
        assert!(count >= 3, "{stream}");
    }
}

#[test]
fn a_whole_stream_is_written_again_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    for stream in STREAMS {
        let copy = dir.path().join("copy");
        let mut writer = Writer::open(&copy).unwrap();
        for record in read_all(&data(stream)).unwrap() {
            writer.append(&record).unwrap();
        }
        drop(writer);
        assert_eq!(
            std::fs::read(&copy).unwrap(),
            std::fs::read(data(stream)).unwrap(),
            "{stream}"
        );
        std::fs::remove_file(&copy).unwrap();
    }
}

/// The history in the form of the original's `thermos read`, as far as times do not matter.
fn describe(history: &TaskHistory) -> String {
    let mut text = String::new();
    if let Some(header) = &history.header {
        text += &format!("{} {} {}\n", header.task_id, header.user, header.sandbox);
    }
    for status in &history.statuses {
        text += &format!("[pid: {}] => {}\n", status.runner_pid, status.state);
    }
    for runs in &history.processes {
        text += &format!("{} runs: {}\n", runs.process, runs.runs.len());
        for (number, run) in runs.runs.iter().enumerate().rev() {
            text += &format!(
                "  {number}: pid={}, state:{}\n",
                run.pid.unwrap_or_default(),
                run.state
            );
        }
    }
    text
}

/// What `read.txt` says, in the same form.
fn recorded(task: &str) -> String {
    let mut text = String::new();
    let mut header = Vec::new();
    for line in std::fs::read_to_string(data(task).join("read.txt"))
        .unwrap()
        .lines()
    {
        let field = |name: &str| {
            line.trim()
                .strip_prefix(name)
                .map(|rest| rest.trim().to_string())
        };
        if let Some(value) = field("id:").or(field("user:")).or(field("sandbox:")) {
            header.push(value);
            if header.len() == 3 {
                text += &format!("{}\n", header.join(" "));
            }
        } else if let Some(at) = line.find("[pid:") {
            text += &format!("{}\n", &line[at..]);
        } else if let Some((name, count)) = line.split_once(" runs: ") {
            text += &format!("{} runs: {count}\n", name.trim());
        } else if let Some((number, rest)) = line.trim().split_once(": pid=") {
            let pid = rest.split(',').next().unwrap();
            let state = rest.split("state:").nth(1).unwrap();
            text += &format!("  {number}: pid={pid}, state:{state}\n");
        }
    }
    text
}

#[test]
fn the_history_is_what_the_original_reads() {
    for task in ["seq", "flaky"] {
        let records = read_all(&data(task).join("checkpoint/runner")).unwrap();
        let history = TaskHistory::replay(&records);
        assert_eq!(describe(&history), recorded(task), "{task}");
        assert_eq!(history.state(), Some(TaskState::Success));
    }
}

#[test]
fn a_coordinators_records_are_those_that_the_runner_copied() {
    for (task, process) in [
        ("seq", "first"),
        ("seq", "second"),
        ("flaky", "flaky"),
        ("flaky", "side"),
        ("flaky", "cleanup"),
    ] {
        let written =
            read_all(&data(task).join(format!("checkpoint/coordinator.{process}"))).unwrap();
        let copied: Vec<Record> = read_all(&data(task).join("checkpoint/runner"))
            .unwrap()
            .into_iter()
            .filter(|record| matches!(record, Record::Process(s) if s.process == process && s.state != ProcessState::Waiting))
            .collect();
        assert_eq!(written, copied, "{task} {process}");
    }
}

proptest::proptest! {
    /// Whatever a file holds, reading it ends in records or an error.
    #[test]
    fn no_bytes_are_too_bad_to_read(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), at in 0..700usize) {
        let _ = decode(&bytes);
        let mut stream = std::fs::read(data("flaky/checkpoint/runner")).unwrap();
        for (place, byte) in bytes.iter().enumerate().take(4) {
            if let Some(old) = stream.get_mut(at + place) {
                *old = *byte;
            }
        }
        let mut rest = stream.as_slice();
        while let Ok(Some((record, after))) = split(rest) {
            let _ = decode(record);
            rest = after;
        }
    }
}
