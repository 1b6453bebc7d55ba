//! What ends a group's wait: an agent that suits it, or a limit that is met no more.

use aurora_api::{HostAttributes, JobKey};

use super::Model;
use super::groups::Group;
use super::placement::{Wanted, is_banned};

impl Model {
    /// An agent offers more, or may be used again: the groups that it suits need not wait.
    pub(super) fn offer_changed(&mut self, agent: &str) {
        let Some(held) = self.offers.get(agent) else {
            return;
        };
        let mut suited = Vec::new();
        let mut unsuited = Vec::new();
        let nowhere = HostAttributes::default();
        let host = self.hosts.get(&held.host).unwrap_or(&nowhere);
        for number in self.groups.waiting_within(host, &held.pool) {
            let Some(group) = self.groups.numbered(number) else {
                continue;
            };
            if !self.may_use(held, &group.config) || is_banned(group, held) {
                continue;
            }
            let wanted = Wanted {
                config: &group.config,
                demand: &group.demand,
                revocable: group.revocable,
            };
            let counts = self.counts_for(&group.config);
            match self.against(&wanted, held, &counts) {
                // Whoever was given something last comes last.
                None => suited.push((group.last_placed, number)),
                Some(against) => unsuited.push((number, against)),
            }
        }
        for (number, against) in unsuited {
            self.note_veto(number, agent.to_string(), against);
        }
        // Whoever the agent is kept for is looked at in any case.
        let kept = self.reservations.instances.iter(self.now);
        let jobs = kept.filter(|(_, kept)| *kept == agent);
        let numbers = jobs.flat_map(|((job, _), _)| self.groups.of_job(job));
        suited.extend(numbers.map(|number| (0, number)));
        suited.sort_unstable();
        for (_, number) in suited {
            self.groups.turns.wake(number);
        }
    }

    /// The same for all agents of a host.
    pub(super) fn host_changed(&mut self, host: &str) {
        let agents = self.offers.iter().filter(|held| held.host == host);
        let agents: Vec<String> = agents.map(|held| held.agent_id.clone()).collect();
        for agent in agents {
            self.offer_changed(&agent);
        }
    }

    /// A task of a job has left its agent: a limit may be met again.
    pub(super) fn limit_freed(&mut self, job: &JobKey) {
        let numbers: Vec<u64> = self.groups.of_job(job).collect();
        for number in numbers {
            if self.groups.numbered(number).is_some_and(Group::is_limited) {
                self.groups.turns.wake(number);
            }
        }
    }
}
