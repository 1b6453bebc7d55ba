//! The agent's second life: whether it is the agent that was here before, and what it takes back.

use std::sync::Arc;

use mesos_proto::mesos::SlaveInfo;
use mesos_proto::messages::ReconnectExecutorMessage;
use mesos_wire::resources::Resources;
use thiserror::Error;

use super::agent::Agent;
use super::effects::send;
use crate::checkpoint::Recovered;
use crate::containerizer::Containers;
use crate::model::{Model, slave_id};
use crate::proc;
use crate::settings::{Reconfiguration, Settings};

/// The agent was another before, and what it ran may still run.
#[derive(Debug, Error)]
#[error(
    "this agent was registered with other settings, and its executors may still run: {what}. \
     Start it as before, or delete `{link}` to start it as a new agent"
)]
pub(super) struct Incompatible {
    what: String,
    link: String,
}

/// Whether the agent goes on as the one that was here before.
pub(super) fn judge(
    settings: &Settings,
    model: &Model,
    recovered: &Recovered,
) -> Result<bool, Incompatible> {
    let Some(before) = &recovered.agent else {
        return Ok(false);
    };
    let now = &model.config().info;
    let Some(what) = difference(settings.reconfiguration, before, now) else {
        return Ok(true);
    };
    if recovered.is_same_boot {
        let link = settings
            .work_dir
            .join("meta/slaves/latest")
            .display()
            .to_string();
        return Err(Incompatible { what, link });
    }
    tracing::warn!("starting as a new agent: {what}");
    Ok(false)
}

/// What differs more than the policy allows.
fn difference(policy: Reconfiguration, before: &SlaveInfo, now: &SlaveInfo) -> Option<String> {
    if before.hostname() != now.hostname() {
        return Some(format!(
            "host name `{}` is now `{}`",
            before.hostname(),
            now.hostname()
        ));
    }
    if before.port() != now.port() {
        return Some(format!("port {} is now {}", before.port(), now.port()));
    }
    let sum = |info: &SlaveInfo| Resources::from_protos(&info.resources).unwrap_or_default();
    let (old, new) = (sum(before), sum(now));
    let grows = policy == Reconfiguration::Additive;
    if !(new.contains(&old) && (grows || old.contains(&new))) {
        return Some("its resources are others".to_string());
    }
    let kept = before
        .attributes
        .iter()
        .all(|attribute| now.attributes.contains(attribute));
    if !(kept && (grows || before.attributes.len() == now.attributes.len())) {
        return Some("its attributes are others".to_string());
    }
    None
}

/// Puts back what an earlier life left, and takes hold of the executors that still run: these containers.
pub(super) fn restore(
    agent: &Arc<Agent>,
    containers: &Arc<Containers>,
    recovered: Recovered,
) -> Vec<String> {
    let mut alive_containers = Vec::new();
    if let Some(config) = recovered.drain {
        agent.act(|model, now| model.restore_drain(now, config));
    }
    for framework in recovered.frameworks {
        agent.act(|model, _| model.restore_framework(framework.info, framework.pid));
        for executor in framework.executors {
            let alive = executor
                .process
                .filter(|_| recovered.is_same_boot)
                .filter(|(pid, start)| proc::same_process(*pid, *start).is_some());
            let place = executor.place;
            let process = alive.and_then(|(pid, _)| u32::try_from(pid).ok());
            let directory = agent.act(|model, now| {
                let (info, is_command) = (executor.info.clone(), executor.is_command);
                model.restore_executor(now, &place, info, is_command, process, executor.tasks);
                if alive.is_none() {
                    model.lost_with_former_life(now, &place.container, recovered.is_same_boot);
                }
                let id = model.id().unwrap_or_default();
                crate::paths::run(&model.config().work_dir, id, &place)
            });
            if let Some((pid, start)) = alive {
                alive_containers.push(place.container.clone());
                tracing::info!("executor {} still runs as process {pid}", place.executor);
                let container = executor.info.container.as_ref();
                containers.adopt(&place, container, &directory, pid, start);
                if let Some(driver) = &executor.libprocess {
                    let mut message = ReconnectExecutorMessage::new();
                    message.slave_id =
                        slave_id(&agent.look(|m| m.id().unwrap_or_default().to_string()));
                    agent.process.link(driver);
                    send(agent, driver, &message);
                }
            }
        }
    }
    alive_containers
}

#[cfg(test)]
mod tests {
    use mesos_wire::{attributes, resources};

    use super::*;

    fn info(resources: &str, attributes: &str) -> SlaveInfo {
        let mut info = SlaveInfo::new();
        info.set_hostname("h".into());
        let all = resources::parse(resources, "*").unwrap();
        info.resources = all.to_protos(resources::Format::Pre);
        info.attributes = attributes::parse(attributes).unwrap();
        info
    }

    #[test]
    fn an_agent_may_only_change_as_its_policy_allows() {
        let before = info("cpus:4;mem:64", "rack:a");
        let cases = [
            ("the same", info("cpus:4;mem:64", "rack:a"), true, true),
            (
                "more",
                info("cpus:8;mem:64;disk:1", "rack:a;zone:b"),
                false,
                true,
            ),
            ("less", info("cpus:2;mem:64", "rack:a"), false, false),
            (
                "other attributes",
                info("cpus:4;mem:64", "rack:b"),
                false,
                false,
            ),
        ];
        for (name, now, equal, additive) in cases {
            let allowed = |policy| difference(policy, &before, &now).is_none();
            assert_eq!(allowed(Reconfiguration::Equal), equal, "case `{name}`");
            assert_eq!(
                allowed(Reconfiguration::Additive),
                additive,
                "case `{name}`"
            );
        }
        let mut moved = before.clone();
        moved.set_port(1);
        assert!(difference(Reconfiguration::Additive, &before, &moved).is_some());
    }
}
