//! `thermos read`: what a checkpoint stream says.

use std::path::Path;

use crate::checkpoint::{self, ProcessStatus, Record, RunnerHeader, TaskHistory};

use super::Failure;
use super::options::Given;
use super::times::asctime;

/// Prints a stream, replayed or record by record.
pub(super) fn read(given: &Given) -> Result<(), Failure> {
    let [file] = given.args.as_slice() else {
        return Err(Failure::Usage(format!(
            "Expected one checkpoint file, got {}",
            given.args.len()
        )));
    };
    let path = Path::new(file);
    if !path.exists() {
        return Err(Failure::Usage(format!("Could not find {file}")));
    }
    let records = match checkpoint::read_all(path) {
        Ok(records) => records,
        Err(error) => {
            sayln!("Failed to recover from {file}: {error}");
            return Ok(());
        }
    };
    if given.is_on("simple") {
        for record in &records {
            sayln!("CKPT: {}", repr(record));
        }
    } else {
        say!("{}", replayed(&TaskHistory::replay(&records)));
    }
    Ok(())
}

fn replayed(history: &TaskHistory) -> String {
    let Some(header) = &history.header else {
        return "Checkpoint stream CORRUPT or outdated format\n".to_string();
    };
    let mut text = format!(
        "Recovered Task Header:\n  id:      {}\n  user:    {}\n  host:    {}\n  sandbox: {}\n",
        header.task_id, header.user, header.hostname, header.sandbox
    );
    if !header.ports.is_empty() {
        let ports: Vec<String> = header
            .ports
            .iter()
            .map(|(name, port)| format!("{name}->{port}"))
            .collect();
        text.push_str(&format!("  ports:   {}\n", ports.join(" ")));
    }
    text.push_str("Recovered Task States:\n");
    for status in &history.statuses {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
        let at = status.timestamp_ms as f64 / 1000.0;
        text.push_str(&format!(
            "  {} [pid: {}] => {}\n",
            asctime(at),
            status.runner_pid,
            status.state
        ));
    }
    text.push_str("Recovered Processes:\n");
    for runs in &history.processes {
        text.push_str(&format!("  {}   runs: {}\n", runs.process, runs.runs.len()));
        for (number, run) in runs.runs.iter().enumerate().rev() {
            let (code, stop) = run.told_end();
            text.push_str(&format!(
                "    {number:>2}: pid={}, rc={}, finish:{}, state:{}\n",
                run.pid
                    .map_or_else(|| "None".to_string(), |pid| pid.to_string()),
                code.map(|code| code.to_string()).unwrap_or_default(),
                stop.map_or_else(|| "None".to_string(), asctime),
                run.state
            ));
        }
    }
    text
}

/// A record as Python shows the object that Thrift made of it.
fn repr(record: &Record) -> String {
    let (header, process, task) = match record {
        Record::Header(header) => (header_repr(header), none(), none()),
        Record::Process(status) => (none(), process_repr(status), none()),
        Record::Task(status) => {
            let task = format!(
                "TaskStatus(state={}, timestamp_ms={}, runner_pid={}, runner_uid={})",
                status.state as i32, status.timestamp_ms, status.runner_pid, status.runner_uid
            );
            (none(), none(), task)
        }
    };
    format!("RunnerCkpt(runner_header={header}, process_status={process}, task_status={task})")
}

fn none() -> String {
    "None".to_string()
}

fn shown<T: std::fmt::Debug>(value: Option<T>) -> String {
    value.map_or_else(none, |value| format!("{value:?}"))
}

fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '\'' => "\\'".to_string(),
            '"' => "\"".to_string(),
            other => other.escape_debug().to_string(),
        })
        .collect();
    format!("'{escaped}'")
}

fn process_repr(status: &ProcessStatus) -> String {
    format!(
        "ProcessStatus(seq={}, process={}, state={}, coordinator_pid={}, fork_time={}, start_time={}, pid={}, stop_time={}, return_code={})",
        status.seq,
        quoted(&status.process),
        status.state as i32,
        shown(status.coordinator_pid),
        shown(status.fork_time),
        shown(status.start_time),
        shown(status.pid),
        shown(status.stop_time),
        shown(status.return_code),
    )
}

fn header_repr(header: &RunnerHeader) -> String {
    let ports: Vec<String> = header
        .ports
        .iter()
        .map(|(name, port)| format!("{}: {port}", quoted(name)))
        .collect();
    format!(
        "RunnerHeader(task_id={}, launch_time_ms={}, sandbox={}, log_dir={}, hostname={}, user={}, uid={}, ports={{{}}})",
        quoted(&header.task_id),
        header.launch_time_ms,
        quoted(&header.sandbox),
        header.log_dir.as_deref().map_or_else(none, quoted),
        quoted(&header.hostname),
        quoted(&header.user),
        shown(header.uid),
        ports.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{ProcessState, TaskState, TaskStatus};

    #[test]
    fn records_are_shown_as_python_shows_them() {
        let mut failed = ProcessStatus::new("it's", 3, ProcessState::Failed);
        failed.stop_time = Some(1.5);
        failed.return_code = Some(7);
        assert_eq!(
            repr(&Record::Process(failed)),
            "RunnerCkpt(runner_header=None, process_status=ProcessStatus(seq=3, process='it\\'s', state=5, coordinator_pid=None, fork_time=None, start_time=None, pid=None, stop_time=1.5, return_code=7), task_status=None)"
        );
        let task = TaskStatus {
            state: TaskState::Active,
            timestamp_ms: 12,
            runner_pid: 3,
            runner_uid: 0,
        };
        assert_eq!(
            repr(&Record::Task(task)),
            "RunnerCkpt(runner_header=None, process_status=None, task_status=TaskStatus(state=0, timestamp_ms=12, runner_pid=3, runner_uid=0))"
        );
    }

    #[test]
    fn a_stream_without_a_header_is_called_corrupt() {
        let text = replayed(&TaskHistory::default());
        assert_eq!(text, "Checkpoint stream CORRUPT or outdated format\n");
    }
}
