//! What operators who watch are told.

use mesos_proto::mesos::TaskState;
use mesos_proto::scheduler::call;

use super::world::{World, framework_info, offer_ids, task};
use crate::model::{Config, Effect, Happening};

fn told(effects: &[Effect]) -> Vec<String> {
    let happenings = effects.iter().filter_map(|effect| match effect {
        Effect::Tell(happening) => Some(happening),
        _ => None,
    });
    happenings
        .map(|happening| match happening {
            Happening::TaskAdded(task) => format!("task+ {:?}", task.state()),
            Happening::TaskUpdated { status, state, .. } => {
                format!("task {:?} {state:?}", status.state())
            }
            Happening::AgentAdded(_) => "agent+".to_string(),
            Happening::AgentRemoved(_) => "agent-".to_string(),
            Happening::FrameworkAdded(_) => "framework+".to_string(),
            Happening::FrameworkUpdated(_) => "framework".to_string(),
            Happening::FrameworkRemoved(_) => "framework-".to_string(),
        })
        .collect()
}

#[test]
fn a_clusters_life_is_told_to_those_who_watch() {
    let mut world = World::new(Config::default());
    world.agent(9, "cpus:1;mem:64");
    assert!(told(&world.effects()).is_empty(), "nobody watches yet");
    world.master.set_watched(true);
    let agent = world.agent(1, "cpus:4;mem:4096");
    assert_eq!(told(&world.effects()), ["agent+"]);
    let (framework, stream) = world.framework(framework_info("a", &[]));
    let effects = world.effects();
    assert_eq!(told(&effects), ["framework+"]);
    let offers: Vec<_> = offer_ids(&effects, stream)
        .into_iter()
        .filter(|id| world.master.offers[id].agent == agent)
        .collect();
    let tasks = vec![task("t", &agent, "cpus:1;mem:64")];
    world.launch(&framework, stream, &offers, tasks);
    assert_eq!(told(&world.effects()), ["task+ TASK_STAGING"]);
    for want in [&["task TASK_RUNNING TASK_RUNNING"][..], &[]] {
        world.update(&framework, &agent, "t", TaskState::TASK_RUNNING);
        assert_eq!(told(&world.effects()), want, "only what is new is told");
    }
    world
        .call(&framework, stream, call::Type::TEARDOWN, |_| {})
        .expect("a subscribed framework");
    assert_eq!(
        told(&world.effects()),
        ["task TASK_KILLED TASK_KILLED", "framework-"]
    );
}
