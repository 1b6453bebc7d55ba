//! Any sequence of what frameworks do and operators decide keeps the promises of quotas: no limit is
//! passed, guarantees are held back and met, and what a task says in the end is heard.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mesos_proto::maintenance::Schedule;
use mesos_proto::mesos::framework_info::capability::Type;
use mesos_proto::mesos::{DrainState, MachineID, TaskState, WeightInfo};
use mesos_proto::quota::QuotaConfig;
use mesos_proto::scheduler::call;
use mesos_wire::authorization::Rights;
use mesos_wire::json::{Dialect, from_value};
use mesos_wire::resources::{Resources, reservation_role};
use proptest::prelude::*;
use serde_json::json;

use super::invariants::{check, config_for};
use super::world::{World, agent_pid, framework_info, offer_ids, statuses, task};
use crate::model::{
    AgentId, Amounts, Config, FrameworkId, Master, OfferId, StreamId, consumed, is_within, top_of,
};

const ROLES: [&str; 5] = ["a", "a/x", "b", "b/y/z", "c"];
const AGENTS: [&str; 2] = [
    "cpus:4;mem:1024;ports:[1-9]",
    "cpus:2;mem:512;cpus(a):1;mem(b):64;ports:[1-9]",
];

#[derive(Debug, Clone)]
enum Happening {
    Registers(u16, usize),
    Unregisters(usize),
    Breaks(usize),
    Returns(usize),
    Subscribes(usize),
    Closes(usize),
    Suppresses(usize),
    Revives(usize),
    Declines(usize, usize, u8),
    Launches(usize, usize, u8),
    Updates {
        framework: usize,
        task: usize,
        state: usize,
        twice: bool,
        acknowledge: bool,
    },
    Quota(usize, u8, Option<u8>),
    Weight(usize, u8),
    Schedules(bool),
    Machine(bool),
    Drains(usize, bool),
    Reactivates(usize),
    AnswersInverse(usize, bool),
    Passes(u16),
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let n = || 0usize..6;
    prop_oneof![
        4 => (1u16..7, n()).prop_map(|(port, kind)| Registers(port, kind)),
        1 => n().prop_map(Unregisters),
        1 => n().prop_map(Breaks),
        2 => n().prop_map(Returns),
        4 => n().prop_map(Subscribes),
        1 => n().prop_map(Closes),
        1 => n().prop_map(Suppresses),
        1 => n().prop_map(Revives),
        3 => (n(), n(), 0u8..9).prop_map(|(f, o, s)| Declines(f, o, s)),
        6 => (n(), n(), 1u8..40).prop_map(|(f, o, cpus)| Launches(f, o, cpus)),
        6 => (n(), n(), n(), any::<bool>(), any::<bool>()).prop_map(
            |(framework, task, state, twice, acknowledge)| Updates { framework, task, state, twice, acknowledge },
        ),
        4 => (0usize..3, 0u8..12, prop::option::of(0u8..12)).prop_map(|(r, g, l)| Quota(r, g, l)),
        1 => (n(), 1u8..40).prop_map(|(r, w)| Weight(r, w)),
        1 => any::<bool>().prop_map(Schedules),
        1 => any::<bool>().prop_map(Machine),
        1 => (n(), any::<bool>()).prop_map(|(a, gone)| Drains(a, gone)),
        1 => n().prop_map(Reactivates),
        1 => (n(), any::<bool>()).prop_map(|(o, yes)| AnswersInverse(o, yes)),
        4 => (1u16..3000).prop_map(Passes),
    ]
}

struct Story {
    world: World,
    streams: Vec<(FrameworkId, StreamId)>,
    ports: BTreeMap<AgentId, (u16, &'static str)>,
    tasks: u32,
}

fn pick<T: Clone>(all: impl IntoIterator<Item = T>, at: usize) -> Option<T> {
    let all: Vec<T> = all.into_iter().collect();
    all.get(at % all.len().max(1)).cloned()
}

fn machine() -> MachineID {
    from_value(
        &json!({"hostname": "localhost", "ip": "127.0.0.1"}),
        Dialect::V0,
    )
    .expect("a machine")
}

/// What an agent could still give towards guarantees.
fn open(bag: &Resources) -> Amounts {
    Amounts::of(&bag.filter(|r| r.reservations.is_empty() && r.revocable.is_none()))
}

fn available(master: &Master) -> Amounts {
    let mut sum = Amounts::new();
    for agent in master.agents.values().filter(|a| a.is_active()) {
        sum.add(&open(&agent.available()));
    }
    sum
}

/// What roles are promised and do not have.
fn missing(master: &Master) -> BTreeMap<String, Amounts> {
    let consumed = consumed(&master.frameworks, &master.agents, true);
    let quotas = master.policy.quotas.iter();
    quotas
        .map(|(role, quota)| {
            let has = consumed.get(role).cloned().unwrap_or_default();
            (role.clone(), quota.guarantees.minus(&has))
        })
        .filter(|(_, missing)| !missing.is_empty())
        .collect()
}

/// What is reserved to each top-level role.
fn reserved(master: &Master) -> BTreeMap<String, Amounts> {
    let mut all: BTreeMap<String, Amounts> = BTreeMap::new();
    for resource in master.agents.values().flat_map(|a| a.total.iter()) {
        if let Some(role) = reservation_role(resource) {
            all.entry(top_of(role).into()).or_default().count(resource);
        }
    }
    all
}

impl Story {
    fn framework(&self, at: usize) -> Option<(FrameworkId, StreamId)> {
        let known = &self.world.master.frameworks_by_stream;
        let live = self.streams.iter().filter(|(_, s)| known.contains_key(s));
        pick(live.cloned(), at)
    }

    fn offer(&self, id: &FrameworkId, at: usize) -> Option<OfferId> {
        let framework = self.world.master.frameworks.get(id)?;
        pick(framework.offers.iter().cloned(), at)
    }

    fn agent(&self, at: usize) -> Option<AgentId> {
        pick(self.world.master.agents.keys().cloned(), at)
    }

    fn happens(&mut self, happening: Happening) -> Option<()> {
        let world = &mut self.world;
        match happening {
            Happening::Registers(port, kind) => {
                let text = AGENTS[kind % AGENTS.len()];
                let down = world.master.maintenance_status().down_machines.len();
                if down == 0 {
                    let id = world.agent(port, text);
                    self.ports.entry(id).or_insert((port, text));
                }
            }
            Happening::Unregisters(at) => {
                let id = self.agent(at)?;
                let pid = self.world.master.agents[&id].pid.clone();
                let mut message = mesos_proto::messages::UnregisterSlaveMessage::new();
                message.slave_id = id.field();
                self.world.master.unregister_agent(&pid, &message);
            }
            Happening::Breaks(at) => {
                let id = self.agent(at)?;
                let (port, _) = self.ports[&id];
                self.world.master.exited(&agent_pid(port));
            }
            Happening::Returns(at) => {
                let id = self.agent(at)?;
                let (port, text) = self.ports[&id];
                let master = &self.world.master;
                let all = master.frameworks.values();
                let tasks = all.clone().flat_map(|f| f.tasks.values());
                let tasks = tasks.filter(|t| t.slave_id.value() == id.as_str()).cloned();
                let tasks = tasks.collect();
                let infos = all.map(|f| f.info.clone()).collect();
                self.world.agent_returns(&id, port, text, tasks, infos);
            }
            Happening::Subscribes(at) => {
                let mut info = framework_info("story", &[Type::MULTI_ROLE]);
                info.roles = vec![ROLES[at % ROLES.len()].to_string()];
                info.set_failover_timeout(1.0);
                let pair = world.framework(info);
                self.streams.push(pair);
            }
            Happening::Closes(at) => {
                let (_, stream) = self.framework(at)?;
                self.world.master.stream_closed(stream);
            }
            Happening::Suppresses(at) => {
                let (id, stream) = self.framework(at)?;
                let call = self.world.call(&id, stream, call::Type::SUPPRESS, |_| ());
                call.expect("allowed");
            }
            Happening::Revives(at) => {
                let (id, stream) = self.framework(at)?;
                let call = self.world.call(&id, stream, call::Type::REVIVE, |_| ());
                call.expect("allowed");
            }
            Happening::Declines(at, offer, seconds) => {
                let (id, stream) = self.framework(at)?;
                let offer = self.offer(&id, offer)?;
                self.world
                    .decline(&id, stream, &[offer], f64::from(seconds));
            }
            Happening::Launches(at, offer, cpus) => {
                let (id, stream) = self.framework(at)?;
                let offer = self.offer(&id, offer)?;
                let agent = self.world.master.offers[&offer].agent.clone();
                self.tasks += 1;
                let needs = format!("cpus:{};mem:32", f64::from(cpus) / 10.0);
                let task = task(&format!("t{}", self.tasks), &agent, &needs);
                self.world.launch(&id, stream, &[offer], vec![task]);
            }
            Happening::Updates {
                framework,
                task,
                state,
                twice,
                acknowledge,
            } => {
                let (id, stream) = self.framework(framework)?;
                let tasks = &self.world.master.frameworks[&id].tasks;
                let task = pick(tasks.values().cloned(), task)?;
                let states = [
                    TaskState::TASK_RUNNING,
                    TaskState::TASK_FINISHED,
                    TaskState::TASK_KILLED,
                ];
                let state = states[state % states.len()];
                let agent = AgentId::from(task.slave_id.get_or_default());
                let name = task.task_id.value();
                self.world.effects();
                let uuid = self.world.update(&id, &agent, name, state);
                let mut heard = statuses(&self.world.effects(), stream);
                assert_eq!(heard.pop().map(|s| s.uuid().to_vec()), Some(uuid.clone()));
                if twice {
                    self.world.repeat_update();
                    let heard = statuses(&self.world.effects(), stream);
                    assert!(heard.iter().any(|s| s.uuid() == uuid), "said again");
                }
                let key = crate::model::TaskId::from(task.task_id.get_or_default());
                let knows = |world: &World| world.master.frameworks[&id].tasks.contains_key(&key);
                assert!(knows(&self.world), "its end is not acknowledged yet");
                if acknowledge {
                    self.world.acknowledge(&id, stream, &agent, name, uuid);
                    let is_over = state != TaskState::TASK_RUNNING;
                    assert!(!is_over || !knows(&self.world), "it is acknowledged");
                }
            }
            Happening::Quota(role, guarantee, limit) => {
                let role = ["a", "b", "c"][role % 3];
                let mut config = json!({ "role": role });
                let limit = limit.map(|limit| limit.max(guarantee));
                config["guarantees"] = json!({"cpus": {"value": guarantee}, "mem": {"value": u32::from(guarantee) * 64}});
                if let Some(limit) = limit {
                    config["limits"] = json!({"cpus": {"value": limit}});
                }
                let config: QuotaConfig = from_value(&config, Dialect::V1).expect("a quota");
                world
                    .master
                    .update_quota(&[config], true, &Rights::default())
                    .expect("forced");
            }
            Happening::Weight(role, weight) => {
                let mut info = WeightInfo::new();
                info.set_role(ROLES[role % ROLES.len()].to_string());
                info.set_weight(f64::from(weight) / 10.0);
                world
                    .master
                    .update_weights(&[info], &Rights::default())
                    .expect("allowed");
            }
            Happening::Schedules(on) => {
                let windows = if on {
                    json!([{"machine_ids": [{"hostname": "localhost", "ip": "127.0.0.1"}], "unavailability": {"start": {"nanoseconds": 1}}}])
                } else {
                    json!([])
                };
                let schedule: Schedule =
                    from_value(&json!({"windows": windows}), Dialect::V0).expect("a schedule");
                // Refused while the machine is down.
                let _ = world
                    .master
                    .update_maintenance_schedule(schedule, &Rights::default());
            }
            // Refused where the machine is in no such state.
            Happening::Machine(true) => {
                let _ = world
                    .master
                    .start_maintenance(&[machine()], &Rights::default());
            }
            Happening::Machine(false) => {
                let _ = world
                    .master
                    .stop_maintenance(&[machine()], &Rights::default());
            }
            Happening::Drains(at, gone) => {
                let id = self.agent(at)?;
                // Refused while maintenance is planned.
                let _ = self.world.master.drain_agent(&id, None, gone);
            }
            Happening::Reactivates(at) => {
                let id = self.agent(at)?;
                let _ = self.world.master.reactivate_agent(&id);
            }
            Happening::AnswersInverse(at, yes) => {
                let master = &self.world.master;
                let (offer, known) = pick(master.inverse_offers.clone(), at)?;
                let (id, stream) = self
                    .streams
                    .iter()
                    .rfind(|(id, _)| *id == known.framework)
                    .cloned()?;
                let kind = if yes {
                    call::Type::ACCEPT_INVERSE_OFFERS
                } else {
                    call::Type::DECLINE_INVERSE_OFFERS
                };
                let answer = self.world.call(&id, stream, kind, |call| {
                    let ids = vec![offer.proto()];
                    call.accept_inverse_offers
                        .mut_or_insert_default()
                        .inverse_offer_ids
                        .clone_from(&ids);
                    call.decline_inverse_offers
                        .mut_or_insert_default()
                        .inverse_offer_ids = ids;
                });
                answer.expect("it is connected");
                assert!(!self.world.master.inverse_offers.contains_key(&offer));
            }
            Happening::Passes(millis) => {
                self.world.pass(Duration::from_millis(millis.into()));
            }
        }
        Some(())
    }

    /// Lets something happen, and looks whether what follows keeps the promises.
    fn step(&mut self, happening: Happening) {
        let adopts = matches!(happening, Happening::Returns(_));
        let before = self.unreserved();
        let known: BTreeSet<OfferId> = self.world.master.offers.keys().cloned().collect();
        self.happens(happening);
        self.world.effects();
        let master = &self.world.master;
        check(master);
        self.check_limits(&before, adopts);
        let (required, rest) = (missing(master), available(master));
        let mut needed = Amounts::new();
        for amounts in required.values() {
            needed.add(amounts);
        }
        for offer in master.offers.values().filter(|o| !known.contains(&o.id)) {
            if master.policy.quotas.contains_key(top_of(&offer.role)) {
                continue;
            }
            for (name, _) in open(&offer.resources.unallocated()).iter() {
                assert!(
                    rest.thousandths(name) >= needed.thousandths(name),
                    "{name} was given away though {needed} is promised and {rest} is left"
                );
            }
        }
        for (id, info) in &master.draining {
            let agent = master.agents.get(id);
            assert!(agent.is_none_or(|a| a.offers.is_empty()), "{id} is offered");
            let is_over = info.state() == DrainState::DRAINED;
            assert!(!is_over || agent.is_none_or(|a| a.is_idle() || !a.connected));
        }
        for offer in master.inverse_offers.values() {
            assert!(master.agents[&offer.agent].unavailability.is_some());
            assert!(master.frameworks[&offer.framework].is_connected());
        }
    }

    /// What each role consumes besides what is reserved to it.
    fn unreserved(&self) -> BTreeMap<String, Amounts> {
        let master = &self.world.master;
        let reserved = reserved(master);
        let all = consumed(&master.frameworks, &master.agents, true).into_iter();
        all.map(|(role, amounts)| {
            let of_it = reserved.get(&role).cloned().unwrap_or_default();
            let rest = amounts.minus(&of_it);
            (role, rest)
        })
        .collect()
    }

    /// A role that is given more than before is within its limits.
    fn check_limits(&self, before: &BTreeMap<String, Amounts>, adopts: bool) {
        let master = &self.world.master;
        let totals = consumed(&master.frameworks, &master.agents, true);
        for (role, now) in self.unreserved() {
            let Some(quota) = master.policy.quotas.get(&role) else {
                continue;
            };
            let was = before.get(&role).cloned().unwrap_or_default();
            for (name, limit) in quota.limits() {
                let grows = now.thousandths(name) > was.thousandths(name);
                let total = totals[&role].thousandths(name);
                assert!(
                    adopts || !grows || total as f64 <= limit * 1000.0,
                    "role {role} has {total} thousandths of {name}, and may have {limit}"
                );
            }
        }
    }

    /// With nothing refused, nobody misses what could be given.
    fn check_guarantees(&mut self) {
        for (id, stream) in self.streams.clone() {
            // Some are not there any more.
            let _ = self.world.call(&id, stream, call::Type::REVIVE, |_| ());
        }
        self.world.effects();
        // Frameworks that left are forgotten first, and what they had is offered in the run after.
        self.world.pass(Duration::from_millis(3010));
        let master = &self.world.master;
        for (role, missing) in missing(master) {
            let mut takers = master.frameworks.values().filter(|f| f.is_connected());
            if !takers.any(|f| f.roles.iter().any(|own| is_within(own, &role))) {
                continue;
            }
            for agent in master.agents.values().filter(|a| a.is_active()) {
                let left = open(&agent.available());
                for (name, _) in missing.iter() {
                    let is_crumb =
                        left.thousandths("cpus") < 10 && left.thousandths("mem") < 32_000;
                    assert!(
                        left.thousandths(name) == 0 || is_crumb,
                        "role {role} misses {missing}, and agent {} has {left}",
                        agent.id
                    );
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(config_for(48))]

    #[test]
    fn promises_are_kept_whatever_happens(happenings in prop::collection::vec(happening(), 1..70)) {
        let config = Config {
            ping_timeout: Duration::from_secs(10_000),
            offer_timeout: Some(Duration::from_secs(20)),
            ..Config::default()
        };
        let mut story = Story { world: World::new(config), streams: Vec::new(), ports: BTreeMap::new(), tasks: 0 };
        for happening in happenings {
            story.step(happening);
        }
        story.check_guarantees();
    }
}

/// Frameworks of one role that want the same get it in turn.
#[test]
fn who_was_offered_less_often_is_next() {
    let mut world = World::new(Config::default());
    world.agent(1, AGENTS[0]);
    let both = [
        world.framework(framework_info("a", &[])),
        world.framework(framework_info("b", &[])),
    ];
    let mut turns = Vec::new();
    let mut effects = world.effects();
    for _ in 0..6 {
        for (at, (id, stream)) in both.iter().enumerate() {
            let offers = offer_ids(&effects, *stream);
            if !offers.is_empty() {
                turns.push(at);
                world.decline(id, *stream, &offers, 0.0);
            }
        }
        effects = world.pass(Duration::from_millis(1010));
    }
    assert_eq!(turns, [0, 1, 0, 1, 0, 1]);
}
