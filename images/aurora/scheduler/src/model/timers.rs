//! What the model wants to be woken for. A timer is never cancelled: when it fires, what it was for
//! is looked at again.

use std::collections::BTreeMap;

use aurora_api::{JobKey, JobUpdateKey, JobUpdateStatus, ScheduleStatus};
use mesos_proto::mesos::TaskID;

/// Why the model is woken.
#[derive(Debug, Clone, PartialEq)]
pub enum Timer {
    /// A throttled task's penalty is over.
    Unthrottle { task: String },
    /// A task has been in a transient state for too long, if it still is in that state since `since`.
    Transient {
        task: String,
        status: ScheduleStatus,
        since: i64,
    },
    /// A kill may have gone astray; `delay` was the wait before this.
    KillAgain { task: String, delay: i64 },
    /// A partitioned task's grace is over, if it is still partitioned since `since`.
    PartitionOver { task: String, since: i64 },
    /// A finished task's record is too old.
    PruneTask { task: String },
    /// A job may have too many records of finished tasks, which were too young to go.
    PruneJob { job: JobKey },
    /// Terminated updates may be too many or too old.
    PruneUpdates,
    /// An updated instance has run for long enough.
    InstanceStable { update: JobUpdateKey, instance: i32 },
    /// An update that waits for pulses may have waited too long.
    PulseDue { update: JobUpdateKey },
    /// An update may try again to replace a task, which it has tried to since `since`; `delay` was
    /// the wait before this.
    ReplaceAgain {
        update: JobUpdateKey,
        instance: i32,
        status: JobUpdateStatus,
        task: String,
        since: i64,
        delay: i64,
    },
    /// A cron job's run is due, if it still is the next one.
    Cron { job: JobKey, at: i64 },
    /// A cron job's run waits for an earlier one's tasks; `delay` is the next wait.
    CronStart { job: JobKey, delay: i64 },
    /// Hosts that are being drained are looked at.
    Maintenance,
    /// An offer has been held for long enough.
    OfferHeld { offer: String },
    /// A reservation of an agent is over.
    ReservationsOver,
    /// Slots are looked for that tasks could be preempted in.
    SearchSlots,
    /// SLA statistics are computed.
    SlaStats,
    /// Mesos is asked about the next of the tasks we think it has.
    ReconcileBatch {
        tasks: Vec<(TaskID, Option<String>)>,
    },
    /// Mesos is asked about the tasks we think it has.
    ReconcileExplicit,
    /// Mesos is asked about all it has.
    ReconcileImplicit,
}

/// Timers by time.
#[derive(Debug, Default)]
pub struct Timers {
    queue: BTreeMap<(i64, u64), Timer>,
    sequence: u64,
}

impl Timers {
    /// Sets a timer for `at`, in milliseconds.
    pub fn set(&mut self, at: i64, timer: Timer) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), timer);
    }

    /// How many are set.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<i64> {
        self.queue.keys().next().map(|(at, _)| *at)
    }

    /// Takes one that is due.
    pub fn take_due(&mut self, now: i64) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.queue.pop_first().map(|(_, timer)| timer)
    }
}
