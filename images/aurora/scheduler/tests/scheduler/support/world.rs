//! A model, a store and a Mesos master with agents, all in memory, under one clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use aurora_api::{JobKey, JobUpdateKey, JobUpdateSettings, ScheduleStatus};
use aurora_scheduler::model::chance::Chance;
use aurora_scheduler::model::effect::{Effects, Launch, Request};
use aurora_scheduler::model::resources::{ports, scalar};
use aurora_scheduler::model::settings::Settings;
use aurora_scheduler::model::update::Started;
use aurora_scheduler::model::{Model, Refusal, StatusReport, Stored, validate};
use mesos_proto::mesos::{Offer, TaskState};

use super::fake_store::FakeStore;
use super::jobs;

mod maintenance;

const AGENT_CPUS: f64 = 8.0;

/// What the master knows of a task.
#[derive(Debug, Clone)]
struct Remote {
    agent: usize,
    state: TaskState,
    cpus: f64,
}

/// Everything.
pub(crate) struct World {
    pub(crate) model: Model,
    store: FakeStore,
    now: i64,
    dice: Chance,
    agents: usize,
    remote: BTreeMap<String, Remote>,
    /// Offers that are out, by id.
    offers: BTreeMap<String, usize>,
    next_offer: u64,
    /// Statuses on their way to the scheduler.
    reports: VecDeque<(String, TaskState)>,
    /// The instances each job was created with, unless it was killed.
    pub(crate) wanted: BTreeMap<JobKey, i32>,
    /// Whether calls are lost, as if the master were just gone.
    pub(crate) drop_calls: bool,
    /// Whether tasks sometimes fail.
    pub(crate) failing: bool,
}

fn settings() -> Settings {
    Settings {
        cluster_name: "test".to_string(),
        scheduler_host: "here".to_string(),
        ..Settings::default()
    }
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
            offers: BTreeMap::new(),
            next_offer: 0,
            reports: VecDeque::new(),
            wanted: BTreeMap::new(),
            drop_calls: false,
            failing: true,
        };
        world.reconnect();
        world
    }

    /// Runs a command and everything it asks for.
    fn command<R>(&mut self, run: impl FnOnce(&mut Model) -> R) -> R {
        self.now += 1;
        self.model.at(self.now);
        let result = run(&mut self.model);
        let Effects {
            records, requests, ..
        } = self.model.finish();
        for record in records {
            self.store.apply(record);
        }
        for request in requests {
            self.serve(request);
        }
        result
    }

    fn serve(&mut self, request: Request) {
        if self.drop_calls {
            if let Request::Accept { launches, .. } = request {
                let ids: Vec<String> = launches.into_iter().map(|l| l.task.id).collect();
                self.command(|model| model.launch_failed(&ids));
            }
            return;
        }
        match request {
            Request::Accept { offers, launches } => self.accept(&offers, launches),
            Request::AcceptInverse { .. } => {}
            Request::Decline { offers, .. } => {
                for offer in offers {
                    self.offers.remove(&offer);
                }
            }
            Request::Kill { task, .. } => match self.remote.get(&task).map(|t| t.state) {
                Some(
                    TaskState::TASK_KILLED
                    | TaskState::TASK_FAILED
                    | TaskState::TASK_LOST
                    | TaskState::TASK_FINISHED,
                ) => {}
                Some(_) => self.set(&task, TaskState::TASK_KILLED),
                None => self.reports.push_back((task, TaskState::TASK_LOST)),
            },
            Request::Reconcile { tasks } if tasks.is_empty() => {
                let all = self
                    .remote
                    .iter()
                    .map(|(id, task)| (id.clone(), task.state));
                self.reports.extend(all.collect::<Vec<_>>());
            }
            Request::Reconcile { tasks } => {
                for (id, _) in tasks {
                    let id = id.value().to_string();
                    let state = self
                        .remote
                        .get(&id)
                        .map_or(TaskState::TASK_LOST, |t| t.state);
                    self.reports.push_back((id, state));
                }
            }
        }
    }

    fn accept(&mut self, offers: &[String], launches: Vec<Launch>) {
        let agents: BTreeSet<Option<usize>> =
            offers.iter().map(|id| self.offers.remove(id)).collect();
        let agent = match agents.into_iter().collect::<Vec<_>>().as_slice() {
            [Some(agent)] => *agent,
            _ => {
                for launch in launches {
                    self.reports
                        .push_back((launch.task.id, TaskState::TASK_LOST));
                }
                return;
            }
        };
        for launch in launches {
            let resources = launch.resources.iter().chain(&launch.executor_resources);
            let cpus = resources
                .filter(|r| r.name() == "cpus")
                .map(|r| r.scalar.value())
                .sum();
            assert_eq!(launch.task.ports.len(), 1, "a port was asked for");
            let id = launch.task.id.clone();
            let remote = Remote {
                agent,
                state: TaskState::TASK_STAGING,
                cpus,
            };
            assert!(
                self.remote.insert(id.clone(), remote).is_none(),
                "{id} was launched twice"
            );
        }
    }

    fn set(&mut self, id: &str, state: TaskState) {
        if let Some(task) = self.remote.get_mut(id) {
            task.state = state;
            self.reports.push_back((id.to_string(), state));
        }
    }

    fn is_live(state: TaskState) -> bool {
        matches!(
            state,
            TaskState::TASK_STAGING | TaskState::TASK_STARTING | TaskState::TASK_RUNNING
        )
    }

    /// Moves tasks on, delivers up to `count` statuses, and offers what is free.
    pub(crate) fn deliver(&mut self, count: usize) {
        let ids: Vec<String> = self.remote.keys().cloned().collect();
        for id in ids {
            let state = self.remote[&id].state;
            match state {
                TaskState::TASK_STAGING => self.set(&id, TaskState::TASK_STARTING),
                TaskState::TASK_STARTING if self.failing && self.dice.below(12) == 0 => {
                    self.set(&id, TaskState::TASK_FAILED);
                }
                TaskState::TASK_STARTING => self.set(&id, TaskState::TASK_RUNNING),
                _ => {}
            }
        }
        self.offer_all();
        for _ in 0..count {
            let Some((task, state)) = self.reports.pop_front() else {
                break;
            };
            let report = StatusReport {
                task,
                state,
                message: None,
                reason: None,
                source: None,
            };
            self.command(|model| model.reported(&report));
        }
    }

    fn offer_all(&mut self) {
        if self.drop_calls {
            return;
        }
        for agent in 0..self.agents {
            if self.offers.values().any(|a| *a == agent) {
                continue;
            }
            let used: f64 = self
                .remote
                .values()
                .filter(|task| task.agent == agent && Self::is_live(task.state))
                .map(|task| task.cpus)
                .sum();
            if used >= AGENT_CPUS {
                continue;
            }
            self.next_offer += 1;
            let id = format!("O{}", self.next_offer);
            self.offers.insert(id.clone(), agent);
            let mut offer = Offer::new();
            offer.id.mut_or_insert_default().set_value(id);
            offer
                .slave_id
                .mut_or_insert_default()
                .set_value(format!("S{agent}"));
            offer.set_hostname(format!("host{agent}"));
            offer.resources = vec![
                scalar("cpus", AGENT_CPUS - used),
                scalar("mem", 100_000.0),
                scalar("disk", 100_000.0),
                ports(31_000, 32_000),
            ];
            self.command(|model| model.offered(vec![offer]));
        }
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

    pub(crate) fn create(&mut self, key: &JobKey, version: i32, count: i32) -> Result<(), Refusal> {
        let description = jobs::job(key, version, count);
        let made = self.command(|model| {
            let job = model.sanitize(&description)?;
            model.create_job(job)
        });
        if made.is_ok() {
            self.wanted.insert(key.clone(), count);
        }
        made
    }

    pub(crate) fn kill(&mut self, key: &JobKey) -> Result<usize, Refusal> {
        let killed = self.command(|model| model.kill_tasks(key, None, "me", None));
        if killed.is_ok() {
            self.wanted.remove(key);
        }
        killed
    }

    pub(crate) fn restart(&mut self, key: &JobKey) -> Result<(), Refusal> {
        let all = self
            .model
            .tasks()
            .active(key)
            .map(|task| task.instance)
            .collect();
        self.command(|model| model.restart(key, &all, "me"))
    }

    pub(crate) fn update(
        &mut self,
        key: &JobKey,
        version: i32,
        count: i32,
        dice: &mut Chance,
    ) -> String {
        let settings = JobUpdateSettings {
            update_group_size: 1 + i32::try_from(dice.below(3)).unwrap_or(0),
            max_per_instance_failures: i32::try_from(dice.below(3)).unwrap_or(0),
            max_failed_instances: i32::try_from(dice.below(2)).unwrap_or(0),
            min_wait_in_instance_running_ms: i32::try_from(dice.below(20_000)).unwrap_or(0),
            rollback_on_failure: dice.below(2) == 0,
            wait_for_batch_completion: dice.below(2) == 0,
            ..JobUpdateSettings::default()
        };
        let request = jobs::update(key, version, count, settings);
        let started = self.command(|model| {
            let check =
                |model: &Model, request: &_| validate::update_request(model.settings(), request);
            model.start_update(request, check, "me", None)
        });
        match started {
            Ok(Started::Rolling(_)) => "rolling".to_string(),
            Ok(Started::Unchanged) => "unchanged".to_string(),
            Ok(Started::Busy(..)) => "busy".to_string(),
            Err(refusal) => refusal.message,
        }
    }

    /// Pauses, resumes, aborts or turns back an update.
    pub(crate) fn interfere(&mut self, key: &JobKey, dice: &mut Chance) -> String {
        let Some(update) = self
            .model
            .active_update(key)
            .map(|update| update.key().clone())
        else {
            return "there is none".to_string();
        };
        let done = match dice.below(4) {
            0 => self.command(|model| model.pause_update(&update, "me", None)),
            1 | 2 => self.command(|model| model.roll_back_update(&update, "me", None)),
            _ => self.command(|model| model.abort_update(&update, "me", None)),
        };
        format!("{done:?}")
    }

    pub(crate) fn lose_agent(&mut self, dice: &mut Chance) {
        let agent = usize::try_from(dice.below(self.agents as u64)).unwrap_or(0);
        let lost: Vec<String> = self
            .remote
            .iter()
            .filter(|(_, task)| task.agent == agent && Self::is_live(task.state))
            .map(|(id, _)| id.clone())
            .collect();
        for id in lost {
            self.set(&id, TaskState::TASK_LOST);
        }
        let gone: Vec<String> = self
            .offers
            .iter()
            .filter(|(_, a)| **a == agent)
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            self.offers.remove(&id);
            self.command(|model| model.rescinded(&id));
        }
    }

    /// Every agent ended while there was no master: the next one knows none of the tasks, and says only that agents
    /// are lost.
    pub(crate) fn lose_agents_before_their_master(&mut self) {
        self.remote.clear();
        self.command(Model::agent_lost);
    }

    pub(crate) fn fail_task(&mut self, dice: &mut Chance) {
        let running = self.running();
        let nth = usize::try_from(dice.below(running.len() as u64)).unwrap_or(0);
        if let Some(id) = running.get(nth) {
            self.set(id, TaskState::TASK_FAILED);
        }
    }

    /// The connection to the master begins anew.
    pub(crate) fn reconnect(&mut self) {
        self.offers.clear();
        self.command(Model::disconnected);
        self.command(|model| model.registered("F"));
        for update in self.paused() {
            let resumed = self.command(|model| model.resume_update(&update, "me", None));
            assert_eq!(resumed, Ok(()));
        }
    }

    fn paused(&self) -> Vec<JobUpdateKey> {
        use aurora_api::JobUpdateStatus as S;
        let paused = |status| matches!(status, S::RollForwardPaused | S::RollBackPaused);
        let updates = self
            .model
            .updates()
            .filter(|update| paused(update.status()));
        updates.map(|update| update.key().clone()).collect()
    }

    /// The scheduler dies and another one goes on from the store.
    pub(crate) fn restart_scheduler(&mut self) {
        let stored = Stored {
            tasks: self.store.tasks.values().cloned().collect(),
            updates: self.store.updates.values().cloned().collect(),
            hosts: self.store.hosts.values().cloned().collect(),
            maintenance: self.store.maintenance.values().cloned().collect(),
            framework_id: self.store.framework_id.clone(),
            ..Stored::default()
        };
        let seed = self.dice.draw();
        self.model = Model::new(settings(), stored, seed, self.now);
        self.offers.clear();
        if self.drop_calls {
            self.command(|_| ());
        } else {
            self.command(|model| model.registered("F"));
        }
    }

    pub(crate) fn check_store(&self, context: &str) {
        assert_eq!(
            self.store.tasks.len(),
            self.model.tasks().len(),
            "{context}: tasks in the store"
        );
        for task in self.model.tasks().iter() {
            let stored = self.store.tasks.get(&task.id);
            assert_eq!(
                stored,
                Some(&task.to_scheduled()),
                "{context}: the stored {}",
                task.id
            );
        }
        for update in self.model.updates() {
            let stored = &self.store.updates[update.key()];
            assert_eq!(stored.update_events, update.events, "{context}");
            assert_eq!(stored.instance_events, update.instance_events, "{context}");
        }
    }

    pub(crate) fn check_capacity(&self, context: &str) {
        for agent in 0..self.agents {
            let live = self
                .remote
                .values()
                .filter(|t| t.agent == agent && Self::is_live(t.state));
            let used: f64 = live.map(|task| task.cpus).sum();
            assert!(
                used <= AGENT_CPUS + 1e-6,
                "{context}: agent {agent} holds {used} cpus"
            );
        }
    }

    pub(crate) fn running(&self) -> Vec<String> {
        let live = self
            .remote
            .iter()
            .filter(|(_, task)| Self::is_live(task.state));
        live.map(|(id, _)| id.clone()).collect()
    }

    pub(crate) fn runs(&self, id: &str) -> bool {
        self.remote
            .get(id)
            .is_some_and(|task| task.state == TaskState::TASK_RUNNING)
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
        if !self.reports.is_empty() {
            text.push(format!("{} reports are on their way", self.reports.len()));
        }
        text.join(", ")
    }
}
