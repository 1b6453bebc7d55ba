//! The scheduler's decisions, pure: tasks, offers, updates, and what follows from one for the other.
//!
//! [`Model`] is fed commands and the time, and hands back [`effect::Effects`]: records to store and
//! requests to Mesos. No sockets, no clock, no files; the same commands at the same times with the
//! same seed have the same effects.

pub mod cache;
pub mod chance;
pub mod constraints;
mod counts;
pub mod cron;
pub mod effect;
mod ends;
mod flapping;
pub mod groups;
pub mod jobs;
pub mod key;
mod kinds;
mod lifecycle;
mod maintenance;
mod mesos;
pub mod offers;
mod placement;
pub mod preemption;
mod prune;
pub mod query;
mod quota;
pub mod reservations;
pub mod resources;
pub mod settings;
pub mod sla;
pub mod sla_stats;
pub mod snapshot;
pub mod state;
pub mod stats;
pub mod summary;
pub mod table;
pub mod task;
pub mod timers;
pub mod turns;
pub mod update;
pub mod validate;
mod waking;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use aurora_api::{
    HostAttributes, HostMaintenanceRequest, JobConfiguration, JobKey, JobUpdateDetails,
    JobUpdateKey, ResourceAggregate, ResponseCode, ScheduledTask,
};

use chance::Chance;
use cron::CronJob;
use effect::{Effects, Record, Request};
use groups::Groups;
use offers::Offers;
use settings::Settings;
use stats::Stats;
use table::Table;
use task::Task;
use timers::{Timer, Timers};
use update::{Seen, Update};

pub use mesos::StatusReport;

/// Why a command was not carried out, in the API's terms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What kind of refusal.
    pub code: ResponseCode,
    /// What the caller is told.
    pub message: String,
}

impl Refusal {
    /// The request is wrong, or comes at the wrong time.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self {
            code: ResponseCode::InvalidRequest,
            message: message.into(),
        }
    }

    /// The job has an update in progress.
    pub fn updating() -> Self {
        Self {
            code: ResponseCode::JobUpdatingError,
            message: "Job is currently updating".to_string(),
        }
    }

    /// An argument is missing: in the original a failed precondition, without words.
    pub fn missing() -> Self {
        Self::error("a required argument is missing")
    }

    /// An argument is empty that must not be.
    pub fn blank() -> Self {
        Self::error("Argument cannot be blank")
    }

    /// What the original does not expect.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            code: ResponseCode::Error,
            message: message.into(),
        }
    }
}

/// Everything a store holds.
#[derive(Debug, Default)]
pub struct Stored {
    /// Tasks, active and over.
    pub tasks: Vec<ScheduledTask>,
    /// Updates with their events.
    pub updates: Vec<JobUpdateDetails>,
    /// Hosts that were ever offered.
    pub hosts: Vec<HostAttributes>,
    /// How hosts are to be drained.
    pub maintenance: Vec<HostMaintenanceRequest>,
    /// Quotas by role.
    pub quotas: BTreeMap<String, ResourceAggregate>,
    /// Cron jobs.
    pub crons: Vec<JobConfiguration>,
    /// Our name with the master.
    pub framework_id: Option<String>,
}

/// The whole state of a leading scheduler.
#[derive(Debug)]
pub struct Model {
    settings: Settings,
    now: i64,
    tasks: Table,
    groups: Groups,
    offers: Offers,
    hosts: BTreeMap<String, HostAttributes>,
    /// How hosts are to be drained, by their names.
    maintenance: BTreeMap<String, HostMaintenanceRequest>,
    /// Coordinators that have yet to answer.
    asking: BTreeSet<String>,
    quotas: BTreeMap<String, ResourceAggregate>,
    crons: BTreeMap<JobKey, CronJob>,
    updates: BTreeMap<JobUpdateKey, Update>,
    /// The active update of each job that has one.
    updating: BTreeMap<JobKey, JobUpdateKey>,
    timers: Timers,
    /// How many attempts to place tasks may be made now.
    attempts: turns::Bucket,
    reservations: reservations::Reservations,
    slots: preemption::Slots,
    sla_values: sla_stats::SlaValues,
    chance: Chance,
    effects: Effects,
    stats: Stats,
    framework_id: Option<String>,
    /// Whether the master knows us at the moment.
    connected: bool,
    /// Changes of instances that an update has yet to look at.
    news: VecDeque<(JobKey, i32, Option<Seen>)>,
}

impl Model {
    /// A scheduler that goes on where the store ends. `now` is in milliseconds since the epoch.
    pub fn new(settings: Settings, stored: Stored, seed: u64, now: i64) -> Self {
        let attempts = turns::Bucket::new(now, settings.scheduling.attempts_per_sec);
        let mut model = Self {
            settings,
            now,
            tasks: Table::default(),
            groups: Groups::default(),
            offers: Offers::default(),
            hosts: BTreeMap::new(),
            maintenance: stored
                .maintenance
                .into_iter()
                .map(|request| (request.host.clone(), request))
                .collect(),
            asking: BTreeSet::new(),
            quotas: stored.quotas,
            crons: BTreeMap::new(),
            updates: BTreeMap::new(),
            updating: BTreeMap::new(),
            timers: Timers::default(),
            attempts,
            reservations: reservations::Reservations::default(),
            slots: preemption::Slots::default(),
            sla_values: sla_stats::SlaValues::new(),
            chance: Chance::new(seed),
            effects: Effects::default(),
            stats: Stats::new(),
            framework_id: stored.framework_id,
            connected: false,
            news: VecDeque::new(),
        };
        for host in stored.hosts {
            model.hosts.insert(host.host.clone(), host);
        }
        let mut restored = Vec::new();
        for mut scheduled in stored.tasks {
            let config = std::mem::take(&mut scheduled.assigned_task.task);
            let config = model.tasks.intern(config);
            match Task::from_scheduled(scheduled, config) {
                Some(task) => {
                    restored.push(task.id.clone());
                    model.tasks.insert(task);
                }
                None => tracing::warn!("a stored task names no job and is left out"),
            }
        }
        // Only now: how long a task waits is decided by others.
        for id in restored {
            model.arm(&id);
            model.resume_kill(&id);
            model.count_end(&id);
        }
        model.wait_after_start();
        model.prune_jobs();
        for config in stored.crons {
            model.restore_cron(config);
        }
        for details in stored.updates {
            model.restore_update(details);
        }
        let spread = model.settings.reconciliation_spread;
        let first = now + model.settings.reconciliation_initial_delay;
        model.timers.set(first, Timer::ReconcileExplicit);
        model.timers.set(first + spread, Timer::ReconcileImplicit);
        model.timers.set(
            now + model.settings.update_history_interval,
            Timer::PruneUpdates,
        );
        if model.settings.scheduling.preemptor {
            let first = now + model.settings.scheduling.slot_search_initial_delay;
            model.timers.set(first, Timer::SearchSlots);
        }
        let first = now + model.settings.sla_stats.interval;
        model.timers.set(first, Timer::SlaStats);
        // Where a drain was going on, it goes on.
        model.timers.set(now, Timer::Maintenance);
        model
    }

    /// Lets time pass up to `now`, in milliseconds since the epoch, and does what fell due. Time
    /// never goes back here, whatever the host's clock does.
    pub fn at(&mut self, now: i64) {
        self.now = self.now.max(now);
        while let Some(timer) = self.timers.take_due(self.now) {
            self.fire(timer);
        }
    }

    /// The time as the model knows it, in milliseconds since the epoch.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// When the model wants to be woken.
    pub fn next_timer(&self) -> Option<i64> {
        match (self.timers.next(), self.next_attempt()) {
            (Some(timer), Some(attempt)) => Some(timer.min(attempt)),
            (timer, attempt) => timer.or(attempt),
        }
    }

    /// How much waits for its time.
    pub fn timeouts(&self) -> usize {
        self.timers.len()
    }

    /// Ends a command: follows all its consequences, and hands over what is to be done.
    pub fn finish(&mut self) -> Effects {
        loop {
            if let Some((job, instance, seen)) = self.news.pop_front() {
                self.update_saw(&job, instance, seen);
            } else if !self.place() {
                break;
            }
        }
        std::mem::take(&mut self.effects)
    }

    fn fire(&mut self, timer: Timer) {
        self.stats.count("async_tasks_completed");
        match timer {
            Timer::Unthrottle { task } => self.unthrottle(&task),
            Timer::Transient {
                task,
                status,
                since,
            } => self.time_out(&task, status, since),
            Timer::KillAgain { task, delay } => self.kill_again(&task, delay),
            Timer::PartitionOver { task, since } => self.partition_over(&task, since),
            Timer::PruneTask { task } => self.prune_task(&task),
            Timer::PruneJob { job } => self.prune_job(&job),
            Timer::PruneUpdates => self.prune_updates(),
            Timer::InstanceStable { update, instance } => {
                self.news.push_back((
                    update.job.clone(),
                    instance,
                    self.seen_now(&update.job, instance),
                ));
            }
            Timer::PulseDue { update } => self.check_pulse(&update),
            Timer::Cron { job, at } => self.cron_due(&job, at),
            Timer::CronStart { job, delay } => self.continue_cron(&job, delay),
            Timer::ReplaceAgain {
                update,
                instance,
                status,
                task,
                since,
                delay,
            } => self.try_to_replace(&update, instance, status, &task, since, delay),
            Timer::Maintenance => self.look_at_maintenance(),
            Timer::OfferHeld { offer } => self.give_back(&offer),
            Timer::ReservationsOver => self.expire_reservations(),
            Timer::SearchSlots => self.search_slots(),
            Timer::SlaStats => self.refresh_sla(),
            Timer::ReconcileBatch { tasks } => self.reconcile_batch(tasks),
            Timer::ReconcileExplicit => self.reconcile_explicitly(),
            Timer::ReconcileImplicit => self.reconcile_implicitly(),
        }
    }

    fn record(&mut self, record: Record) {
        self.effects.records.push(record);
    }

    fn request(&mut self, request: Request) {
        self.effects.requests.push(request);
    }

    /// Counts a backup that was made, or was not.
    pub fn note_backup(&mut self, made: bool) {
        self.stats.count(match made {
            true => "scheduler_backup_success",
            false => "scheduler_backup_failed",
        });
    }

    /// Counts what a call affected, as `/vars` shows it.
    pub fn note_workload(&mut self, call: &str, affected: usize) {
        self.stats.add(&format!("thrift_workload_{call}"), affected);
    }

    fn save(&mut self, id: &str) {
        if let Some(task) = self.tasks.get(id) {
            let task = Box::new(task.clone());
            self.record(Record::SaveTask(task));
        }
    }

    /// What the flags say.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// All tasks.
    pub fn tasks(&self) -> &Table {
        &self.tasks
    }

    /// Held offers.
    pub fn offers(&self) -> &Offers {
        &self.offers
    }

    /// Pending tasks by configuration.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Known hosts by name.
    pub fn hosts(&self) -> &BTreeMap<String, HostAttributes> {
        &self.hosts
    }

    /// Quotas by role.
    pub fn quotas(&self) -> &BTreeMap<String, ResourceAggregate> {
        &self.quotas
    }

    /// Counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The same, for what is done around the model.
    pub fn stats_mut(&mut self) -> &mut Stats {
        &mut self.stats
    }

    /// Our name with the master, once it gave us one.
    pub fn framework_id(&self) -> Option<&str> {
        self.framework_id.as_deref()
    }

    /// Whether the master knows us at the moment.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// All updates, active and over.
    pub fn updates(&self) -> impl Iterator<Item = &Update> {
        self.updates.values()
    }

    /// The update of this key.
    pub fn update(&self, key: &JobUpdateKey) -> Option<&Update> {
        self.updates.get(key)
    }

    /// The active update of a job.
    pub fn active_update(&self, job: &JobKey) -> Option<&Update> {
        self.updates.get(self.updating.get(job)?)
    }

    /// A configuration as the tasks share it.
    fn intern(&mut self, config: aurora_api::TaskConfig) -> Arc<aurora_api::TaskConfig> {
        self.tasks.intern(config)
    }
}
