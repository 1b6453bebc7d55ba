//! What must hold after any step: nothing is lost, nothing is given twice, no index is stale.

use std::collections::BTreeSet;

use mesos_wire::resources::Resources;
use proptest::prelude::ProptestConfig;

use crate::model::master::bag;
use crate::model::{AgentId, FrameworkId, Master, is_terminal};

/// How often sequences are tried: as often as `PROPTEST_CASES` says, or else so often.
pub(crate) fn config_for(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config.max_shrink_iters = 2000;
    config
}

fn assert_same(what: &str, a: &Resources, b: &Resources) {
    assert!(a.contains(b) && b.contains(a), "{what}: {a} is not {b}");
}

fn sum<'a>(bags: impl Iterator<Item = &'a Resources>) -> Resources {
    let mut sum = Resources::new();
    for bag in bags {
        sum.add(bag);
    }
    sum
}

/// What a framework's tasks and executors on an agent use, counted anew.
fn counted(master: &Master, framework: &FrameworkId, agent: &AgentId) -> Resources {
    let mut used = Resources::new();
    let record = &master.frameworks[framework];
    for task in record.tasks.values() {
        if task.slave_id.value() == agent.as_str() && !is_terminal(task.state()) {
            used.add(&bag(&task.resources));
        }
    }
    for executor in master.agents[agent]
        .executors
        .get(framework)
        .into_iter()
        .flat_map(|e| e.values())
    {
        used.add(&bag(&executor.resources));
    }
    used
}

/// Panics if the books of `master` are wrong.
pub(super) fn check(master: &Master) {
    for (id, agent) in &master.agents {
        let offers = || master.offers.values().filter(|offer| offer.agent == *id);
        assert_same(
            "offered",
            &agent.offered,
            &sum(offers().map(|offer| &offer.resources)),
        );
        let ids: BTreeSet<_> = offers().map(|offer| offer.id.clone()).collect();
        assert_eq!(agent.offers, ids, "the offers of agent {id}");
        let mut given = agent.used_total().unallocated();
        given.add(&agent.offered.unallocated());
        assert!(
            agent.total.contains(&given),
            "agent {id} gives {given} of {}",
            agent.total
        );
        let mut all = given;
        all.add(&agent.available());
        assert_same("the agent's total", &agent.total, &all);
        for framework in agent
            .used
            .keys()
            .chain(agent.tasks.keys())
            .chain(agent.executors.keys())
        {
            assert!(
                master.frameworks.contains_key(framework),
                "agent {id} knows ended {framework}"
            );
        }
        for framework in master.frameworks.keys() {
            let used = agent.used.get(framework).cloned().unwrap_or_default();
            assert_same("used", &used, &counted(master, framework, id));
            for task in agent.tasks.get(framework).into_iter().flatten() {
                let record = master.frameworks[framework].tasks.get(task);
                let record = record.unwrap_or_else(|| panic!("agent {id} knows ended task {task}"));
                assert_eq!(record.slave_id.value(), id.as_str());
            }
        }
    }
    for (id, framework) in &master.frameworks {
        let offers = || {
            master
                .offers
                .values()
                .filter(|offer| offer.framework == *id)
        };
        assert!(
            framework
                .used
                .keys()
                .chain(framework.offered.keys())
                .all(|a| master.agents.contains_key(a))
        );
        for agent in master.agents.values() {
            let theirs = agent.used.get(id).cloned().unwrap_or_default();
            let ours = framework.used.get(&agent.id).cloned().unwrap_or_default();
            assert_same("the framework's used", &ours, &theirs);
            let theirs = sum(offers()
                .filter(|o| o.agent == agent.id)
                .map(|o| &o.resources));
            let ours = framework
                .offered
                .get(&agent.id)
                .cloned()
                .unwrap_or_default();
            assert_same("the framework's offered", &ours, &theirs);
        }
        assert_eq!(
            framework.offers,
            offers().map(|offer| offer.id.clone()).collect()
        );
        for (task, record) in &framework.tasks {
            let agent = AgentId::from(record.slave_id.get_or_default());
            let agent = master.agents.get(&agent);
            let agent = agent.unwrap_or_else(|| panic!("task {task} is on a lost agent"));
            assert!(
                agent
                    .tasks
                    .get(id)
                    .is_some_and(|tasks| tasks.contains(task))
            );
            assert!(
                !framework.unreachable.contains_key(task),
                "task {task} is in two places"
            );
        }
    }
    for offer in master.offers.values() {
        assert!(
            master
                .agents
                .get(&offer.agent)
                .is_some_and(|agent| agent.is_active())
        );
        assert!(
            master
                .frameworks
                .get(&offer.framework)
                .is_some_and(|f| f.active)
        );
    }
}
