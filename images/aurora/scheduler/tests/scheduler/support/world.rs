//! A model, a store and a Mesos master with agents, all in memory, under one clock.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use aurora_api::{JobKey, ScheduleStatus};
use aurora_scheduler::model::chance::Chance;
use aurora_scheduler::model::effect::{Effects, Launch, Request};
use aurora_scheduler::model::resources::{ports, scalar};
use aurora_scheduler::model::settings::Settings;
use aurora_scheduler::model::{Model, Refusal, StatusReport, Stored};
use mesos_proto::mesos::{Offer, TaskState};

use super::fake_store::FakeStore;
use super::jobs;

mod maintenance;
mod partition;
mod updates;

/// So few that tasks must wait, and displace each other.
const AGENT_CPUS: f64 = 2.5;
/// Cores that each agent lends out besides.
const LENT_CPUS: f64 = 1.0;
/// So many agents more have room for everything.
const RELIEF: usize = 5;

/// What the master knows of a task.
#[derive(Debug, Clone)]
struct Remote {
    agent: usize,
    state: TaskState,
    cpus: f64,
    lent: f64,
}

/// Everything.
pub(crate) struct World {
    pub(crate) model: Model,
    store: FakeStore,
    now: i64,
    dice: Chance,
    agents: usize,
    remote: BTreeMap<String, Remote>,
    /// Everything that was ever launched.
    launched: HashSet<String>,
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
            wanted: BTreeMap::new(),
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
            Request::Kill { task, .. } if self.is_cut_off(&task) => {}
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
                    .filter(|(_, task)| !self.unreachable.contains(&task.agent))
                    .map(|(id, task)| (id.clone(), task.state));
                self.reports.extend(all.collect::<Vec<_>>());
            }
            Request::Reconcile { tasks } => {
                for (id, _) in tasks {
                    let id = id.value().to_string();
                    let state = match self.remote.get(&id) {
                        Some(task) if self.unreachable.contains(&task.agent) => {
                            TaskState::TASK_UNREACHABLE
                        }
                        Some(task) => task.state,
                        None => TaskState::TASK_LOST,
                    };
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
            let cores = resources.filter(|r| r.name() == "cpus");
            let sum = |lent: bool| {
                let of_kind = cores.clone().filter(|r| r.revocable.is_some() == lent);
                of_kind.map(|r| r.scalar.value()).sum()
            };
            let (cpus, lent) = (sum(false), sum(true));
            assert_eq!(launch.task.ports.len(), 1, "a port was asked for");
            let id = launch.task.id.clone();
            let remote = Remote {
                agent,
                state: TaskState::TASK_STAGING,
                cpus,
                lent,
            };
            assert!(self.launched.insert(id.clone()), "{id} was launched twice");
            self.remote.insert(id, remote);
        }
    }

    fn set(&mut self, id: &str, state: TaskState) {
        if let Some(task) = self.remote.get_mut(id) {
            task.state = state;
            if !self.unreachable.contains(&task.agent) {
                self.reports.push_back((id.to_string(), state));
            }
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
        let moving = self.remote.iter().filter(|(_, task)| {
            matches!(
                task.state,
                TaskState::TASK_STAGING | TaskState::TASK_STARTING
            )
        });
        let moving: Vec<_> = moving.map(|(id, task)| (id.clone(), task.state)).collect();
        for (id, state) in moving {
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
            // What is over and acknowledged the master forgets.
            let known = self.remote.get(&report.task).map(|task| task.state);
            if known == Some(report.state) && !Self::is_live(report.state) {
                self.remote.remove(&report.task);
            }
        }
    }

    fn offer_all(&mut self) {
        if self.drop_calls {
            return;
        }
        for agent in 0..self.agents {
            if self.offers.values().any(|a| *a == agent) || self.unreachable.contains(&agent) {
                continue;
            }
            let (used, used_lent) = self.used(agent);
            if used >= AGENT_CPUS && used_lent >= LENT_CPUS {
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
            let mut lent = scalar("cpus", LENT_CPUS - used_lent);
            lent.revocable.mut_or_insert_default();
            offer.resources = vec![
                scalar("cpus", AGENT_CPUS - used),
                lent,
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
        let mut description = jobs::job(key, version, count);
        description.task_config = Some(self.shape(key, version));
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

    pub(crate) fn lose_agent(&mut self, dice: &mut Chance) {
        let agent = usize::try_from(dice.below(self.agents as u64)).unwrap_or(0);
        // It comes back without them.
        self.unreachable.remove(&agent);
        let lost: Vec<String> = self
            .remote
            .iter()
            .filter(|(_, task)| task.agent == agent && Self::is_live(task.state))
            .map(|(id, _)| id.clone())
            .collect();
        for id in lost {
            self.set(&id, TaskState::TASK_LOST);
        }
        self.rescind(agent);
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
    }

    /// There is room for everything, and nothing fails any more.
    pub(crate) fn relieve(&mut self) {
        self.drop_calls = false;
        self.failing = false;
        self.agents += RELIEF;
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
            assert_eq!(stored, Some(task), "{context}: the stored {}", task.id);
        }
        for update in self.model.updates() {
            let stored = &self.store.updates[update.key()];
            assert_eq!(stored.update_events, update.events, "{context}");
            assert_eq!(stored.instance_events, update.instance_events, "{context}");
        }
    }

    /// The cores, plain and lent, that live tasks hold on an agent.
    fn used(&self, agent: usize) -> (f64, f64) {
        let all = self.remote.values();
        all.filter(|task| task.agent == agent && Self::is_live(task.state))
            .fold((0.0, 0.0), |(plain, lent), task| {
                (plain + task.cpus, lent + task.lent)
            })
    }

    pub(crate) fn check_capacity(&self, context: &str) {
        for agent in 0..self.agents {
            let (used, lent) = self.used(agent);
            assert!(
                used <= AGENT_CPUS + 1e-6 && lent <= LENT_CPUS + 1e-6,
                "{context}: agent {agent} holds {used} cpus and {lent} that are lent"
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
