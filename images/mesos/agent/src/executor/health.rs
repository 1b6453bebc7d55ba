//! What follows from what probes see (protocol-flows.md, section 12.1).

use std::time::Duration;

use mesos_proto::mesos::{CheckInfo, CheckStatusInfo, HealthCheck, check_info};
use tokio::time::Instant;

use super::probe::Seen;

/// What follows from one look at a task's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// What the framework is told, if anything.
    pub(crate) report: Option<bool>,
    /// Whether the task is to be killed.
    pub(crate) kill: bool,
}

/// A task's health so far.
#[derive(Debug)]
pub(crate) struct Health {
    most_failures: u32,
    failures: u32,
    /// Until the first success failures before this moment do not count.
    grace_ends: Option<Instant>,
    healthy: Option<bool>,
}

impl Health {
    pub(crate) fn new(now: Instant, check: &HealthCheck) -> Self {
        let grace = Duration::try_from_secs_f64(check.grace_period_seconds()).unwrap_or_default();
        Self {
            most_failures: check.consecutive_failures(),
            failures: 0,
            grace_ends: now.checked_add(grace),
            healthy: None,
        }
    }

    /// The last that the framework was told.
    pub(crate) fn healthy(&self) -> Option<bool> {
        self.healthy
    }

    pub(crate) fn judge(&mut self, now: Instant, is_healthy: bool) -> Verdict {
        if is_healthy {
            let report = (self.healthy != Some(true)).then_some(true);
            (self.failures, self.grace_ends, self.healthy) = (0, None, Some(true));
            return Verdict {
                report,
                kill: false,
            };
        }
        if self.grace_ends.is_some_and(|ends| now <= ends) {
            return Verdict {
                report: None,
                kill: false,
            };
        }
        self.failures = self.failures.saturating_add(1);
        self.healthy = Some(false);
        Verdict {
            report: Some(false),
            kill: self.failures >= self.most_failures,
        }
    }
}

/// What a task's check has shown so far.
#[derive(Debug)]
pub(crate) struct Check {
    kind: check_info::Type,
    status: CheckStatusInfo,
}

impl Check {
    pub(crate) fn new(check: &CheckInfo) -> Self {
        let mut new = Self {
            kind: check.type_(),
            status: CheckStatusInfo::new(),
        };
        new.status = new.blank();
        new
    }

    /// The status of a check that has shown nothing: its kind alone.
    fn blank(&self) -> CheckStatusInfo {
        let mut status = CheckStatusInfo::new();
        status.set_type(self.kind);
        match self.kind {
            check_info::Type::COMMAND => status.command = Some(Default::default()).into(),
            check_info::Type::HTTP => status.http = Some(Default::default()).into(),
            check_info::Type::TCP => status.tcp = Some(Default::default()).into(),
            check_info::Type::UNKNOWN => {}
        }
        status
    }

    /// What is shown now.
    pub(crate) fn status(&self) -> &CheckStatusInfo {
        &self.status
    }

    /// Notes what was seen; whether it is something else than before.
    pub(crate) fn note(&mut self, seen: &Seen) -> bool {
        let mut status = self.blank();
        match seen {
            Seen::Exit(code) => status.command.mut_or_insert_default().set_exit_code(*code),
            Seen::Status(code) => {
                status
                    .http
                    .mut_or_insert_default()
                    .set_status_code((*code).into());
            }
            Seen::Connected(is) => status.tcp.mut_or_insert_default().set_succeeded(*is),
            Seen::Nothing(_) => {}
        }
        let changed = status != self.status;
        self.status = status;
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_count_after_the_grace_period_and_in_a_row() {
        let start = Instant::now();
        let mut check = HealthCheck::new();
        check.set_grace_period_seconds(10.0);
        check.set_consecutive_failures(2);
        let mut health = Health::new(start, &check);
        let nothing = Verdict {
            report: None,
            kill: false,
        };
        let told = |healthy, kill| Verdict {
            report: Some(healthy),
            kill,
        };
        for (at, ok, want) in [
            (1, false, nothing),
            (2, true, told(true, false)),
            (3, true, nothing),
            (4, false, told(false, false)),
            (5, true, told(true, false)),
            (6, false, told(false, false)),
            (7, false, told(false, true)),
        ] {
            let now = start + Duration::from_secs(at);
            assert_eq!(health.judge(now, ok), want, "second {at}");
        }
        assert_eq!(health.healthy(), Some(false));
    }

    #[test]
    fn a_check_tells_what_has_changed() {
        let mut info = CheckInfo::new();
        info.set_type(check_info::Type::COMMAND);
        let mut check = Check::new(&info);
        assert!(check.status().command.is_some());
        assert!(check.note(&Seen::Exit(1)));
        assert!(!check.note(&Seen::Exit(1)));
        assert_eq!(check.status().command.exit_code(), 1);
        assert!(check.note(&Seen::Nothing("late".into())));
        assert!(!check.status().command.has_exit_code());
    }
}
