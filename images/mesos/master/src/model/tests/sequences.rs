//! Any sequence of what may happen leaves the books right.

use std::time::Duration;

use mesos_proto::mesos::framework_info::capability::Type;
use mesos_proto::mesos::offer::{Operation, operation};
use mesos_proto::mesos::{FrameworkInfo, Task, TaskState};
use mesos_proto::messages::ExitedExecutorMessage;
use mesos_proto::scheduler::call;
use proptest::prelude::*;

use super::invariants::{check, config_for};
use super::operations::{operation, reserved, volume};
use super::world::{World, agent_pid, framework_info, task, task_with_executor};
use crate::model::{AgentId, Config, FrameworkId, OfferId, StreamId};

const RESOURCES: &str = "cpus:4;mem:1024;disk:100;ports:[31000-31009];cpus(prod):1";

/// Something that happens; numbers pick among what there is.
#[derive(Debug, Clone)]
enum Happening {
    AgentRegisters(u16),
    AgentExits(usize),
    AgentReturns(usize),
    FrameworkSubscribes {
        aware: bool,
        patient: bool,
        checkpoints: bool,
    },
    FrameworkReturns(usize),
    StreamCloses(usize),
    Teardown(usize),
    Launch {
        framework: usize,
        offer: usize,
        cpus: u8,
        count: u8,
        executor: Option<u8>,
    },
    LaunchStale {
        framework: usize,
        offer: u64,
    },
    Decline {
        framework: usize,
        offer: usize,
        seconds: u8,
    },
    ExecutorExits(usize),
    Reserve {
        framework: usize,
        offer: usize,
        tenths: u8,
        launches: bool,
    },
    Operate {
        agent: usize,
        kind: u8,
        size: u8,
    },
    Suppress(usize),
    Revive(usize),
    Kill {
        framework: usize,
        task: usize,
    },
    Update {
        framework: usize,
        task: usize,
        state: u8,
        acknowledge: bool,
    },
    Pass {
        millis: u32,
    },
    Silence {
        seconds: u8,
    },
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let n = 0usize..6;
    prop_oneof![
        2 => (1u16..5).prop_map(AgentRegisters),
        1 => n.clone().prop_map(AgentExits),
        2 => n.clone().prop_map(AgentReturns),
        2 => (any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(aware, patient, checkpoints)| FrameworkSubscribes { aware, patient, checkpoints }),
        1 => n.clone().prop_map(FrameworkReturns),
        1 => n.clone().prop_map(StreamCloses),
        1 => n.clone().prop_map(Teardown),
        8 => (n.clone(), n.clone(), 1u8..30, 1u8..4, prop::option::of(0u8..3)).prop_map(
            |(framework, offer, cpus, count, executor)| Launch { framework, offer, cpus, count, executor },
        ),
        1 => n.clone().prop_map(ExecutorExits),
        1 => (n.clone(), 0u64..30).prop_map(|(framework, offer)| LaunchStale { framework, offer }),
        3 => (n.clone(), n.clone(), 0u8..9)
            .prop_map(|(framework, offer, seconds)| Decline { framework, offer, seconds }),
        3 => (n.clone(), n.clone(), 1u8..9, any::<bool>()).prop_map(
            |(framework, offer, tenths, launches)| Reserve { framework, offer, tenths, launches },
        ),
        4 => (n.clone(), 0u8..6, 1u8..4).prop_map(|(agent, kind, size)| Operate { agent, kind, size }),
        1 => n.clone().prop_map(Suppress),
        1 => n.clone().prop_map(Revive),
        2 => (n.clone(), n.clone()).prop_map(|(framework, task)| Kill { framework, task }),
        8 => (n.clone(), n.clone(), 0u8..6, any::<bool>())
            .prop_map(|(framework, task, state, acknowledge)| Update { framework, task, state, acknowledge }),
        4 => (1u32..3000).prop_map(|millis| Pass { millis }),
        1 => (10u8..90).prop_map(|seconds| Silence { seconds }),
    ]
}

/// The world and what it was told.
struct Story {
    world: World,
    streams: Vec<(FrameworkId, StreamId)>,
    ports: Vec<(AgentId, u16)>,
    tasks: u32,
}

impl Story {
    fn framework(&self, pick: usize) -> Option<(FrameworkId, StreamId)> {
        let live: Vec<_> = self
            .streams
            .iter()
            .filter(|(_, stream)| self.world.master.frameworks_by_stream.contains_key(stream))
            .collect();
        live.get(pick % live.len().max(1))
            .map(|pair| (*pair).clone())
    }

    fn offer(&self, id: &FrameworkId, pick: usize) -> Option<OfferId> {
        let offers = &self.world.master.frameworks.get(id)?.offers;
        offers.iter().nth(pick % offers.len().max(1)).cloned()
    }

    fn task(&self, id: &FrameworkId, pick: usize) -> Option<Task> {
        let tasks = &self.world.master.frameworks.get(id)?.tasks;
        tasks.values().nth(pick % tasks.len().max(1)).cloned()
    }

    fn happens(&mut self, happening: Happening) {
        let world = &mut self.world;
        match happening {
            Happening::AgentRegisters(port) => {
                let id = world.agent(port, RESOURCES);
                self.ports.push((id, port));
            }
            Happening::AgentExits(pick) => {
                if let Some((_, port)) = self.ports.get(pick % self.ports.len().max(1)) {
                    world.master.exited(&agent_pid(*port));
                }
            }
            Happening::AgentReturns(pick) => {
                let Some((id, port)) = self.ports.get(pick % self.ports.len().max(1)).cloned()
                else {
                    return;
                };
                let frameworks: Vec<FrameworkInfo> = world
                    .master
                    .frameworks
                    .values()
                    .map(|f| f.info.clone())
                    .collect();
                let tasks: Vec<Task> = world
                    .master
                    .frameworks
                    .values()
                    .flat_map(|f| f.tasks.values().chain(f.unreachable.values()))
                    .filter(|t| t.slave_id.value() == id.as_str())
                    .cloned()
                    .map(|mut task| {
                        // Its executors are gone, its tasks are not.
                        task.executor_id = Default::default();
                        if task.state() == TaskState::TASK_UNREACHABLE {
                            task.set_state(TaskState::TASK_RUNNING);
                        }
                        task
                    })
                    .collect();
                world.agent_returns(&id, port, RESOURCES, tasks, frameworks);
            }
            Happening::FrameworkSubscribes {
                aware,
                patient,
                checkpoints,
            } => {
                let capabilities = if aware {
                    &[Type::PARTITION_AWARE][..]
                } else {
                    &[Type::MULTI_ROLE]
                };
                let mut info = framework_info("story", capabilities);
                if !patient {
                    info.set_role("prod".into());
                    info.roles.clear();
                    if !aware {
                        info.clear_role();
                        info.roles.push("prod".into());
                    }
                }
                info.set_failover_timeout(if patient { 60.0 } else { 0.0 });
                info.set_checkpoint(checkpoints);
                let pair = world.framework(info);
                self.streams.push(pair);
            }
            Happening::FrameworkReturns(pick) => {
                let known = world.master.frameworks.values().nth(pick);
                if let Some(info) = known.map(|f| f.info.clone()) {
                    let pair = world.framework(info);
                    self.streams.push(pair);
                }
            }
            Happening::StreamCloses(pick) => {
                if let Some((_, stream)) = self.framework(pick) {
                    self.world.master.stream_closed(stream);
                }
            }
            Happening::Teardown(pick) => {
                if let Some((id, stream)) = self.framework(pick) {
                    self.world
                        .call(&id, stream, call::Type::TEARDOWN, |_| ())
                        .expect("allowed");
                }
            }
            Happening::Launch {
                framework,
                offer,
                cpus,
                count,
                executor,
            } => {
                let Some((id, stream)) = self.framework(framework) else {
                    return;
                };
                let Some(offer_id) = self.offer(&id, offer) else {
                    return;
                };
                let agent = self.world.master.offers[&offer_id].agent.clone();
                let tasks = (0..count)
                    .map(|_| {
                        self.tasks += 1;
                        let name = format!("t{}", self.tasks);
                        let needs = format!("cpus:{};mem:64", f64::from(cpus) / 10.0);
                        match executor {
                            Some(executor) => {
                                task_with_executor(&name, &agent, &needs, &format!("e{executor}"))
                            }
                            None => task(&name, &agent, &needs),
                        }
                    })
                    .collect();
                self.world.launch(&id, stream, &[offer_id], tasks);
            }
            Happening::LaunchStale { framework, offer } => {
                let Some((id, stream)) = self.framework(framework) else {
                    return;
                };
                let stale = OfferId::new(format!("m-O{offer}"));
                let agent = AgentId::new("m-S0");
                let tasks = vec![task("stale", &agent, "cpus:1")];
                self.world
                    .launch(&id, stream, &[stale.clone(), stale], tasks);
            }
            Happening::Decline {
                framework,
                offer,
                seconds,
            } => {
                let Some((id, stream)) = self.framework(framework) else {
                    return;
                };
                let Some(offer) = self.offer(&id, offer) else {
                    return;
                };
                self.world
                    .decline(&id, stream, &[offer.clone(), offer], f64::from(seconds));
            }
            Happening::Reserve {
                framework,
                offer,
                tenths,
                launches,
            } => {
                let Some((id, stream)) = self.framework(framework) else {
                    return;
                };
                let Some(offer_id) = self.offer(&id, offer) else {
                    return;
                };
                let agent = self.world.master.offers[&offer_id].agent.clone();
                let cpus = format!("cpus:0.{tenths}");
                let reserved = reserved(&cpus, &["prod"]);
                self.tasks += 1;
                let mut task = task(&format!("t{}", self.tasks), &agent, "mem:32");
                task.resources.extend(reserved.clone());
                let mut operations = vec![operation(operation::Type::RESERVE, reserved)];
                if launches {
                    let mut launch = Operation::new();
                    launch.set_type(operation::Type::LAUNCH);
                    launch.launch.mut_or_insert_default().task_infos = vec![task];
                    operations.push(launch);
                }
                self.world.accept(&id, stream, &[offer_id], operations);
            }
            Happening::Operate { agent, kind, size } => {
                let Some((id, _)) = self.ports.get(agent % self.ports.len().max(1)).cloned() else {
                    return;
                };
                let disk = reserved(&format!("disk:{size}"), &["prod"]);
                let shared = volume(disk[0].clone(), &format!("shared{size}"), true);
                let own = volume(disk[0].clone(), &format!("own{size}"), false);
                let operation = match kind {
                    0 => operation(operation::Type::RESERVE, disk),
                    1 => operation(operation::Type::UNRESERVE, disk),
                    2 => operation(operation::Type::CREATE, vec![own]),
                    3 => operation(operation::Type::DESTROY, vec![own]),
                    4 => operation(operation::Type::CREATE, vec![shared]),
                    _ => operation(operation::Type::DESTROY, vec![shared]),
                };
                // Whether it can be done is not known here; what is left afterwards is checked.
                let _ = world.master.operate(&id, operation, None);
            }
            Happening::ExecutorExits(pick) => {
                let agents = world.master.agents.iter();
                let all: Vec<ExitedExecutorMessage> = agents
                    .flat_map(|(agent, record)| {
                        record
                            .executors
                            .iter()
                            .flat_map(move |(framework, executors)| {
                                executors.keys().map(move |executor| ExitedExecutorMessage {
                                    slave_id: agent.field(),
                                    framework_id: framework.field(),
                                    executor_id: executor.field(),
                                    status: Some(0),
                                    ..Default::default()
                                })
                            })
                    })
                    .collect();
                if let Some(message) = all.get(pick % all.len().max(1)) {
                    world.master.exited_executor(message.clone());
                }
            }
            Happening::Suppress(pick) => {
                if let Some((id, stream)) = self.framework(pick) {
                    self.world
                        .call(&id, stream, call::Type::SUPPRESS, |_| ())
                        .expect("allowed");
                }
            }
            Happening::Revive(pick) => {
                if let Some((id, stream)) = self.framework(pick) {
                    self.world
                        .call(&id, stream, call::Type::REVIVE, |_| ())
                        .expect("allowed");
                }
            }
            Happening::Kill { framework, task } => {
                let Some((id, stream)) = self.framework(framework) else {
                    return;
                };
                let Some(task) = self.task(&id, task) else {
                    return;
                };
                self.world
                    .call(&id, stream, call::Type::KILL, |call| {
                        call.kill.mut_or_insert_default().task_id = task.task_id.clone();
                    })
                    .expect("allowed");
            }
            Happening::Update {
                framework,
                task,
                state,
                acknowledge,
            } => {
                let Some((id, stream)) = self.framework(framework) else {
                    return;
                };
                let Some(task) = self.task(&id, task) else {
                    return;
                };
                let states = [
                    TaskState::TASK_STARTING,
                    TaskState::TASK_RUNNING,
                    TaskState::TASK_RUNNING,
                    TaskState::TASK_FINISHED,
                    TaskState::TASK_FAILED,
                    TaskState::TASK_KILLED,
                ];
                let state = states[usize::from(state) % states.len()];
                let agent = AgentId::from(task.slave_id.get_or_default());
                let name = task.task_id.value().to_string();
                let uuid = self.world.update(&id, &agent, &name, state);
                if acknowledge {
                    self.world.acknowledge(&id, stream, &agent, &name, uuid);
                }
            }
            Happening::Pass { millis } => {
                // Agents that are connected answer their pings.
                let end = Duration::from_millis(millis.into());
                let observers: Vec<u64> = self.world.master.observers.keys().copied().collect();
                for observer in observers {
                    self.world.master.pong(observer);
                }
                self.world.pass(end);
            }
            Happening::Silence { seconds } => {
                self.world.pass(Duration::from_secs(seconds.into()));
            }
        }
    }
}

proptest! {
    #![proptest_config(config_for(192))]

    #[test]
    fn resources_are_neither_lost_nor_given_twice(happenings in prop::collection::vec(happening(), 1..60)) {
        let config = Config {
            ping_timeout: Duration::from_secs(3),
            max_completed_tasks: 5,
            max_unreachable_tasks: 100,
            offer_timeout: Some(Duration::from_secs(20)),
            ..Config::default()
        };
        let mut story = Story { world: World::new(config), streams: Vec::new(), ports: Vec::new(), tasks: 0 };
        for happening in happenings {
            story.happens(happening);
            story.world.effects();
            check(&story.world.master);
        }
        let frameworks: Vec<FrameworkId> = story.world.master.frameworks.keys().cloned().collect();
        for framework in frameworks {
            story.world.master.remove_framework(&framework);
        }
        story.world.effects();
        check(&story.world.master);
        prop_assert!(story.world.master.offers.is_empty());
        for agent in story.world.master.agents.values() {
            prop_assert!(agent.used.is_empty(), "agent {} still gives {:?}", agent.id, agent.used);
            prop_assert_eq!(agent.available(), agent.total.clone());
        }
    }
}
