//! A model, a store and a Mesos master with agents, all in memory, under one clock.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use aurora_api::{ScheduleStatus, SlaPolicy};
use aurora_scheduler::model::chance::Chance;
use aurora_scheduler::model::effect::Effects;
use aurora_scheduler::model::settings::Settings;
use aurora_scheduler::model::sla::Ask;
use aurora_scheduler::model::task::Task;
use aurora_scheduler::model::{Model, Stored};
use mesos_proto::mesos::TaskState;

use super::fake_store::FakeStore;

mod commands;
mod cron;
mod maintenance;
mod mesos;
mod partition;
mod quota;
mod shape;
mod updates;
mod wanted;
mod watch;

pub(crate) use cron::cron_key;

/// So many agents more have room for everything.
const RELIEF: usize = 5;
/// Everything.
pub(crate) struct World {
    pub(crate) model: Model,
    store: FakeStore,
    now: i64,
    dice: Chance,
    agents: usize,
    remote: BTreeMap<String, mesos::Remote>,
    /// Everything that was ever launched.
    launched: HashSet<String>,
    /// Offers that are out, by id.
    offers: BTreeMap<String, usize>,
    next_offer: u64,
    /// Statuses on their way to the scheduler.
    reports: VecDeque<(String, TaskState)>,
    /// What each job should have.
    wanted: wanted::Wanted,
    /// Questions to coordinators that wait for an answer.
    asks: VecDeque<Ask>,
    /// Whether the present command is a coordinator's answer.
    answering: bool,
    /// How much the role may use beyond its quota, because updates ended half way.
    left_over: quota::LeftOver,
    /// Tasks that no longer run after the present command; those that were drained with the policy that permitted it.
    drained: Vec<(Task, Option<SlaPolicy>)>,
    /// The next command that asks for something is the scheduler's last: what it asks for is lost.
    dies: bool,
    /// How often a scheduler has begun.
    starts: u64,
    /// Whether calls are lost, as if the master were just gone.
    pub(crate) drop_calls: bool,
    /// Whether tasks sometimes fail.
    pub(crate) failing: bool,
    /// Agents that cannot be reached.
    unreachable: BTreeSet<usize>,
}

fn settings() -> Settings {
    let mut settings = Settings {
        cluster_name: "test".to_string(),
        scheduler_host: "here".to_string(),
        ..Settings::default()
    };
    settings.scheduling.preemption_delay = 5000;
    settings.scheduling.slot_search_initial_delay = 5000;
    settings.scheduling.slot_search_interval = 5000;
    settings.scheduling.update_affinity = true;
    settings.min_required_instances_for_sla_check = 2;
    settings.sla_aware_kill_non_prod = true;
    settings.sla_kill_min_delay = 5000;
    settings.sla_kill_max_delay = 20_000;
    // What is over is forgotten while others still remember it.
    settings.history_prune_threshold = 10 * 60_000;
    settings.history_max_per_job = 5;
    settings.history_min_retention = 60_000;
    settings.update_history_interval = 5 * 60_000;
    settings.update_history_per_job = 3;
    settings
}

impl World {
    pub(crate) fn new(seed: u64, agents: usize) -> Self {
        let now = 1_000_000;
        let mut world = Self {
            model: Model::new(settings(), Stored::default(), seed, now),
            store: FakeStore::default(),
            now,
            dice: Chance::new(seed ^ 0xabcd),
            agents,
            remote: BTreeMap::new(),
            launched: HashSet::new(),
            offers: BTreeMap::new(),
            next_offer: 0,
            reports: VecDeque::new(),
            wanted: wanted::Wanted::default(),
            asks: VecDeque::new(),
            answering: false,
            left_over: quota::LeftOver::default(),
            drained: Vec::new(),
            dies: false,
            starts: 0,
            drop_calls: false,
            failing: true,
            unreachable: BTreeSet::new(),
        };
        world.reconnect();
        world.set_quota(2.0);
        world
    }

    /// Runs a command and everything it asks for.
    fn command<R>(&mut self, run: impl FnOnce(&mut Model) -> R) -> R {
        self.now += 1;
        self.model.at(self.now);
        let result = run(&mut self.model);
        let Effects {
            records,
            requests,
            asks,
            ..
        } = self.model.finish();
        for record in records {
            self.watch(&record);
            self.store.apply(record);
        }
        self.check_protected();
        if self.dies && !requests.is_empty() {
            // What was stored is stored, but nobody was asked for anything.
            self.dies = false;
            self.restart_scheduler();
            return result;
        }
        self.asks.extend(asks);
        for request in requests {
            self.serve(request);
        }
        result
    }

    pub(crate) fn pass(&mut self, ms: i64) {
        let end = self.now + ms;
        while let Some(next) = self.model.next_timer().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.command(|_| ());
        }
        self.now = self.now.max(end);
        self.command(|_| ());
    }

    /// The connection to the master begins anew.
    pub(crate) fn reconnect(&mut self) {
        self.offers.clear();
        self.command(Model::disconnected);
        self.command(|model| model.registered("F"));
    }

    /// There is room for everything, and nothing fails any more.
    pub(crate) fn relieve(&mut self) {
        self.drop_calls = false;
        self.failing = false;
        self.dies = false;
        self.agents += RELIEF;
        self.end_crons();
        self.heal();
        self.end_maintenance();
        self.reconnect();
    }

    /// The scheduler dies and another one goes on from the store.
    pub(crate) fn restart_scheduler(&mut self) {
        let stored = Stored {
            tasks: self.store.scheduled(),
            updates: self.store.updates.values().cloned().collect(),
            hosts: self.store.hosts.values().cloned().collect(),
            maintenance: self.store.maintenance.values().cloned().collect(),
            quotas: self.store.quotas.clone(),
            crons: self.store.crons.values().cloned().collect(),
            framework_id: self.store.framework_id.clone(),
        };
        self.starts += 1;
        self.asks.clear();
        let seed = self.dice.draw();
        self.model = Model::new(settings(), stored, seed, self.now);
        self.offers.clear();
        if self.drop_calls {
            self.command(|_| ());
        } else {
            self.command(|model| model.registered("F"));
        }
    }

    /// The scheduler dies when it has stored what it next decides, and another one goes on from there.
    pub(crate) fn die_soon(&mut self) {
        self.dies = true;
    }

    pub(crate) fn check_store(&self, context: &str) {
        assert_eq!(
            self.store.tasks.len(),
            self.model.tasks().len(),
            "{context}: tasks in the store"
        );
        for task in self.model.tasks().iter() {
            let stored = self.store.tasks.get(&task.id);
            assert_eq!(stored, Some(task), "{context}: the stored {}", task.id);
        }
        for update in self.model.updates() {
            let stored = &self.store.updates[update.key()];
            assert_eq!(stored.update_events, update.events, "{context}");
            assert_eq!(stored.instance_events, update.instance_events, "{context}");
        }
    }

    /// What there is, a line a job.
    pub(crate) fn shown(&self) -> String {
        let mut lines = Vec::new();
        for job in self.model.job_keys(None) {
            let shown = |task: &Task| {
                let Task {
                    instance,
                    config,
                    status,
                    ..
                } = task;
                format!("{instance}: v{} {status}", config.priority)
            };
            let tasks: Vec<String> = self.model.tasks().active(job).map(shown).collect();
            let update = self.model.active_update(job).map(|update| update.status());
            lines.push(format!("    {job} {update:?} {}", tasks.join(", ")));
        }
        lines.join("\n")
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.unsettled().is_empty()
    }

    /// What is still on its way.
    pub(crate) fn unsettled(&self) -> String {
        let tasks = self
            .model
            .tasks()
            .iter()
            .filter(|task| task.status.is_active() && task.status != ScheduleStatus::Running);
        let mut text: Vec<String> = tasks
            .map(|task| format!("{} is {}", task.id, task.status))
            .collect();
        let updates = self
            .model
            .updates()
            .filter(|update| update.status().is_active());
        text.extend(updates.map(|update| format!("{} is {}", update.key().id, update.status())));
        let runs = self.model.tasks().iter();
        let runs = runs.filter(|task| task.status.is_active() && !task.config.is_service);
        text.extend(runs.map(|task| format!("the run {} goes on", task.id)));
        if !self.reports.is_empty() {
            text.push(format!("{} reports are on their way", self.reports.len()));
        }
        text.join(", ")
    }
}
