//! Pending tasks meet offers. First fit, agents in maintenance last, the least used
//! first; several tasks may go into the
//! same offer, which the original does not do, but Mesos allows.

use std::sync::Arc;

use aurora_api::{MaintenanceMode, ScheduleStatus, TaskConfig};

use super::Model;
use super::constraints::{self, Veto};
use super::effect::{Launch, Request};
use super::groups::NearestFit;
use super::state::Target;

impl Model {
    /// Places what can be placed. Says whether anything was.
    pub(super) fn place(&mut self) -> bool {
        let generation = self.offers.generation();
        if self.offers.is_empty() {
            return false;
        }
        for config in self.groups.take_turns(generation) {
            self.place_group(&config);
        }
        self.launch_used()
    }

    fn place_group(&mut self, config: &Arc<TaskConfig>) {
        let waiting = self.groups.get(config).map_or(0, |group| group.tasks.len());
        for _ in 0..waiting {
            let Some(group) = self.groups.get(config) else {
                return;
            };
            let Some((_, task)) = group.tasks.first().cloned() else {
                return;
            };
            self.stats.count("schedule_attempts_fired");
            match self.choose_agent(config) {
                Ok(agent) => self.assign(&task, &agent),
                Err(nearest) => {
                    self.stats.count("schedule_attempts_no_match");
                    let generation = self.offers.generation();
                    if let Some(group) = self.groups.get_mut(config) {
                        group.seen = generation;
                        if let Some(nearest) = nearest {
                            group.nearest = Some(nearest);
                        }
                    }
                    return;
                }
            }
        }
    }

    /// The agent for a task of this configuration, or what stands against the nearest.
    fn choose_agent(&mut self, config: &TaskConfig) -> Result<String, Option<NearestFit>> {
        let mut best: Option<(MaintenanceMode, std::cmp::Reverse<i64>, usize, u64, &str)> = None;
        let mut nearest: Option<NearestFit> = None;
        let mut vetoes = Vec::new();
        let demand = super::resources::Demand::of(config);
        let nowhere = aurora_api::HostAttributes::default();
        for held in self.offers.iter() {
            let host = self.hosts.get(&held.host).unwrap_or(&nowhere);
            let draining = held.unavailable_from.is_some_and(|start| {
                self.now > start.saturating_sub(self.settings.unavailability_threshold)
            });
            let against = match constraints::check(config, host, |name, value| {
                self.tasks_with(config, name, value)
            })
            .or(draining.then_some(Veto::Maintenance(MaintenanceMode::Draining)))
            {
                Some(veto) => {
                    vetoes.push(veto.statistic());
                    Some((veto.score(), vec![veto.reason()]))
                }
                None => {
                    let missing = held.pool.shortages(&demand, &self.settings);
                    if missing.is_empty() {
                        None
                    } else {
                        vetoes.push("scheduling_veto_insufficient_resources");
                        let score = missing.iter().map(|(kind, by)| kind.score(*by)).sum();
                        let reasons = missing.iter().map(|(kind, _)| kind.reason().to_string());
                        Some((score, reasons.collect()))
                    }
                }
            };
            match against {
                None => {
                    let mode = self.maintenance_rank(&held.host);
                    let agent = held.agent_id.as_str();
                    // Where no end is near comes first.
                    let left = std::cmp::Reverse(held.unavailable_from.unwrap_or(i64::MAX));
                    let candidate = (mode, left, held.launches.len(), held.rank, agent);
                    if best.is_none_or(|best| candidate < best) {
                        best = Some(candidate);
                    }
                }
                Some((score, reasons)) => {
                    if nearest.as_ref().is_none_or(|nearest| score < nearest.score) {
                        nearest = Some(NearestFit { score, reasons });
                    }
                }
            }
        }
        let chosen = best.map(|(.., agent)| agent.to_string());
        for veto in vetoes {
            self.stats.count(veto);
        }
        chosen.ok_or(nearest)
    }

    /// How many of a job's tasks are on hosts whose attribute has this value.
    fn tasks_with(&self, config: &TaskConfig, name: &str, value: &str) -> usize {
        let Some(job) = &config.job else { return 0 };
        self.tasks
            .active(job)
            .filter(|task| task.status.is_agent_assigned())
            .filter_map(|task| self.hosts.get(task.host.as_ref()?))
            .filter(|host| {
                host.attributes
                    .iter()
                    .any(|a| a.name == name && a.values.contains(value))
            })
            .count()
    }

    fn assign(&mut self, id: &str, agent: &str) {
        let Some(task) = self.tasks.get(id) else {
            return;
        };
        let demand = super::resources::Demand::of(&task.config);
        let Some(held) = self.offers.get_mut(agent) else {
            return;
        };
        let taken = held.pool.take(&demand, &self.settings, &mut self.chance);
        let (agent_id, host) = (held.agent_id.clone(), held.host.clone());
        self.tasks.update(id, |task| {
            task.agent_id = Some(agent_id);
            task.host = Some(host);
            task.ports = demand
                .ports
                .iter()
                .cloned()
                .zip(taken.ports.iter().copied())
                .collect();
        });
        let pending = Some(ScheduleStatus::Pending);
        self.change(id, pending, Target::Status(ScheduleStatus::Assigned), None);
        let Some(task) = self.tasks.get(id) else {
            return;
        };
        let launch = Launch {
            task: Box::new(task.clone()),
            resources: taken.task,
            executor_resources: taken.executor,
        };
        if let Some(held) = self.offers.get_mut(agent) {
            held.launches.push(launch);
        }
    }

    fn launch_used(&mut self) -> bool {
        let used = self.offers.take_used();
        let any = !used.is_empty();
        for held in used {
            let offers = held
                .offers
                .iter()
                .map(|offer| offer.id.value().to_string())
                .collect();
            self.request(Request::Accept {
                offers,
                launches: held.launches,
            });
        }
        any
    }
}
