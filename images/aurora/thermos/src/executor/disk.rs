//! The one limit that the executor itself enforces: disk (`resource_manager.py`).

use std::path::PathBuf;
use std::time::Duration;

use mesos_proto::mesos::TaskState;

use crate::proc::disk_usage;

use super::status::Report;

/// How often the sandbox is measured (the original's interval).
const INTERVAL: Duration = Duration::from_secs(60);

/// Waits until the sandbox has grown beyond `limit` bytes.
pub(crate) async fn exceeded(sandbox: PathBuf, limit: u64) -> Report {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let path = sandbox.clone();
        // Walking a large sandbox would hold everything else up.
        let used = tokio::task::spawn_blocking(move || disk_usage(&path))
            .await
            .unwrap_or_default();
        if let Some(report) = judge(limit, used) {
            return report;
        }
    }
}

fn judge(limit: u64, used: u64) -> Option<Report> {
    (used > limit).then(|| {
        Report::new(
            TaskState::TASK_FAILED,
            format!("Disk limit exceeded.  Reserved {limit} bytes vs used {used} bytes."),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_may_be_as_large_as_its_task_says() {
        assert_eq!(judge(10, 10), None);
        let report = judge(10, 11).unwrap();
        assert_eq!(
            report.message.as_deref(),
            Some("Disk limit exceeded.  Reserved 10 bytes vs used 11 bytes.")
        );
    }
}
