//! The simulated Mesos master with its agents.

use std::collections::BTreeSet;

use aurora_scheduler::model::chance::Chance;
use aurora_scheduler::model::effect::{Launch, Request};
use aurora_scheduler::model::resources::{ports, scalar};
use aurora_scheduler::model::{Model, StatusReport};
use mesos_proto::mesos::{Offer, TaskState};

use super::World;

/// So few that tasks must wait, and displace each other.
const AGENT_CPUS: f64 = 2.5;
/// Cores that each agent lends out besides.
const LENT_CPUS: f64 = 1.0;
/// What the master knows of a task.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub(super) agent: usize,
    pub(super) state: TaskState,
    cpus: f64,
    lent: f64,
}

impl World {
    pub(super) fn serve(&mut self, request: Request) {
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

    pub(super) fn accept(&mut self, offers: &[String], launches: Vec<Launch>) {
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

    pub(super) fn set(&mut self, id: &str, state: TaskState) {
        if let Some(task) = self.remote.get_mut(id) {
            task.state = state;
            if !self.unreachable.contains(&task.agent) {
                self.reports.push_back((id.to_string(), state));
            }
        }
    }

    pub(super) fn is_live(state: TaskState) -> bool {
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
        self.finish_runs();
        self.answer_coordinators();
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
            let starts = self.starts;
            self.command(|model| model.reported(&report));
            if self.starts != starts {
                // It died before it could acknowledge this, so it comes again.
                self.reports.push_front((report.task, report.state));
                continue;
            }
            // What is over and acknowledged the master forgets.
            let known = self.remote.get(&report.task).map(|task| task.state);
            if known == Some(report.state) && !Self::is_live(report.state) {
                self.remote.remove(&report.task);
            }
        }
    }

    pub(super) fn offer_all(&mut self) {
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

    /// The cores, plain and lent, that live tasks hold on an agent.
    pub(super) fn used(&self, agent: usize) -> (f64, f64) {
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
}
