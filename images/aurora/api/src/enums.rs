//! The API's enums, and what their values mean.

thrift_enum! {
    /// How a call went.
    ResponseCode {
        /// Validation or state forbids it; `Response.details` says why.
        InvalidRequest = 0 "INVALID_REQUEST",
        /// Done, or nothing to do.
        Ok = 1 "OK",
        /// Something unexpected failed inside the scheduler.
        Error = 2 "ERROR",
        /// Declared, never sent by this version.
        Warning = 3 "WARNING",
        /// The caller may not do this.
        AuthFailed = 4 "AUTH_FAILED",
        /// The job has an update in progress.
        JobUpdatingError = 5 "JOB_UPDATING_ERROR",
        /// Storage is not ready; the caller should try again.
        ErrorTransient = 6 "ERROR_TRANSIENT",
    }
}

thrift_enum! {
    /// A host's place in maintenance.
    MaintenanceMode {
        None = 1 "NONE",
        Scheduled = 2 "SCHEDULED",
        Draining = 3 "DRAINING",
        Drained = 4 "DRAINED",
    }
}

thrift_enum! {
    /// How a volume is mounted (`Mode` in the definition).
    Mode {
        ReadWrite = 1 "RW",
        ReadOnly = 2 "RO",
    }
}

thrift_enum! {
    /// What happens when a cron job's earlier run is still active.
    CronCollisionPolicy {
        KillExisting = 0 "KILL_EXISTING",
        CancelNew = 1 "CANCEL_NEW",
        /// No longer supported, still declared.
        RunOverlap = 2 "RUN_OVERLAP",
    }
}

thrift_enum! {
    /// The state of a task.
    ScheduleStatus {
        Init = 11 "INIT",
        Throttled = 16 "THROTTLED",
        Pending = 0 "PENDING",
        Assigned = 9 "ASSIGNED",
        Starting = 1 "STARTING",
        Running = 2 "RUNNING",
        Finished = 3 "FINISHED",
        Preempting = 13 "PREEMPTING",
        Restarting = 12 "RESTARTING",
        Draining = 17 "DRAINING",
        Failed = 4 "FAILED",
        Killed = 5 "KILLED",
        Killing = 6 "KILLING",
        Lost = 7 "LOST",
        Partitioned = 18 "PARTITIONED",
    }
}

impl ScheduleStatus {
    /// `ACTIVE_STATES`: the task counts as an instance of its job.
    pub const ACTIVE: &'static [Self] = &[
        Self::Pending,
        Self::Starting,
        Self::Running,
        Self::Killing,
        Self::Assigned,
        Self::Restarting,
        Self::Preempting,
        Self::Throttled,
        Self::Draining,
        Self::Partitioned,
    ];
    /// `SLAVE_ASSIGNED_STATES`: the task has a place on an agent.
    pub const AGENT_ASSIGNED: &'static [Self] = &[
        Self::Starting,
        Self::Running,
        Self::Killing,
        Self::Assigned,
        Self::Restarting,
        Self::Preempting,
        Self::Draining,
        Self::Partitioned,
    ];
    /// `LIVE_STATES`: the task has come to run.
    pub const LIVE: &'static [Self] = &[
        Self::Running,
        Self::Killing,
        Self::Restarting,
        Self::Preempting,
        Self::Draining,
        Self::Partitioned,
    ];
    /// `TERMINAL_STATES`: the task is over.
    pub const TERMINAL: &'static [Self] = &[Self::Finished, Self::Failed, Self::Killed, Self::Lost];

    /// Whether it is in [`Self::ACTIVE`].
    pub fn is_active(self) -> bool {
        Self::ACTIVE.contains(&self)
    }

    /// Whether it is in [`Self::AGENT_ASSIGNED`].
    pub fn is_agent_assigned(self) -> bool {
        Self::AGENT_ASSIGNED.contains(&self)
    }

    /// Whether it is in [`Self::LIVE`].
    pub fn is_live(self) -> bool {
        Self::LIVE.contains(&self)
    }

    /// Whether it is in [`Self::TERMINAL`].
    pub fn is_terminal(self) -> bool {
        Self::TERMINAL.contains(&self)
    }
}

thrift_enum! {
    /// The state of a job update.
    JobUpdateStatus {
        RollingForward = 0 "ROLLING_FORWARD",
        RollingBack = 1 "ROLLING_BACK",
        RollForwardPaused = 2 "ROLL_FORWARD_PAUSED",
        RollBackPaused = 3 "ROLL_BACK_PAUSED",
        RolledForward = 4 "ROLLED_FORWARD",
        RolledBack = 5 "ROLLED_BACK",
        Aborted = 6 "ABORTED",
        Error = 7 "ERROR",
        Failed = 8 "FAILED",
        RollForwardAwaitingPulse = 9 "ROLL_FORWARD_AWAITING_PULSE",
        RollBackAwaitingPulse = 10 "ROLL_BACK_AWAITING_PULSE",
    }
}

impl JobUpdateStatus {
    /// `ACTIVE_JOB_UPDATE_STATES`: the update still owns its job.
    pub const ACTIVE: &'static [Self] = &[
        Self::RollingForward,
        Self::RollingBack,
        Self::RollForwardPaused,
        Self::RollBackPaused,
        Self::RollForwardAwaitingPulse,
        Self::RollBackAwaitingPulse,
    ];
    /// `AWAITNG_PULSE_JOB_UPDATE_STATES` (spelt so there).
    pub const AWAITING_PULSE: &'static [Self] =
        &[Self::RollForwardAwaitingPulse, Self::RollBackAwaitingPulse];
    /// The states no update leaves.
    pub const TERMINAL: &'static [Self] = &[
        Self::RolledForward,
        Self::RolledBack,
        Self::Aborted,
        Self::Error,
        Self::Failed,
    ];

    /// Whether it is in [`Self::ACTIVE`].
    pub fn is_active(self) -> bool {
        Self::ACTIVE.contains(&self)
    }

    /// Whether it is in [`Self::TERMINAL`].
    pub fn is_terminal(self) -> bool {
        Self::TERMINAL.contains(&self)
    }
}

thrift_enum! {
    /// What an update did to one instance.
    JobUpdateAction {
        InstanceUpdated = 1 "INSTANCE_UPDATED",
        InstanceRolledBack = 2 "INSTANCE_ROLLED_BACK",
        InstanceUpdating = 3 "INSTANCE_UPDATING",
        InstanceRollingBack = 4 "INSTANCE_ROLLING_BACK",
        InstanceUpdateFailed = 5 "INSTANCE_UPDATE_FAILED",
        InstanceRollbackFailed = 6 "INSTANCE_ROLLBACK_FAILED",
    }
}

thrift_enum! {
    /// The answer to a pulse.
    JobUpdatePulseStatus {
        Ok = 1 "OK",
        Finished = 2 "FINISHED",
    }
}
