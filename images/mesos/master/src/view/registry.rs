//! `/registrar(1)/registry`: what outlives this master, as the original's registry has it. What there never
//! was is left out.

use mesos_proto::mesos::{self, SlaveInfo};
use mesos_proto::messages::{Registry, registry};
use mesos_wire::authorization::Rights;
use mesos_wire::resources::Format;
use mesos_wire::resources::operation::in_format;
use protobuf::MessageField;

use crate::model::{AgentId, Master, time_info};

/// Who this master is, its agents, and what operators have decided.
pub fn registry(master: &Master) -> Registry {
    let mut all = Registry::new();
    all.master.mut_or_insert_default().info = MessageField::some(master.info.clone());
    agents(master, &mut all);
    let machines: Vec<registry::Machine> = master
        .maintenance
        .machines()
        .map(|info| registry::Machine {
            info: MessageField::some(info.clone()),
            ..Default::default()
        })
        .collect();
    if master.maintenance.schedule.is_some() || !machines.is_empty() {
        all.machines.mut_or_insert_default().machines = machines;
    }
    all.schedules.extend(master.maintenance.schedule.clone());
    // It is shown whole, as the original shows it.
    let all_rights = Rights::default();
    all.quota_configs = super::quotas(master, &all_rights).configs;
    all.quota_configs
        .retain(|config| !config.guarantees.is_empty() || !config.limits.is_empty());
    all.weights = super::weights(master, &all_rights)
        .into_iter()
        .map(|info| registry::Weight {
            info: MessageField::some(info),
            ..Default::default()
        })
        .collect();
    let needs = [
        ("QUOTA_V2", !all.quota_configs.is_empty()),
        (
            "AGENT_DRAINING",
            !master.draining.is_empty() || !master.deactivated_agents.is_empty(),
        ),
    ];
    all.minimum_capabilities = needs
        .into_iter()
        .filter(|(_, is_needed)| *is_needed)
        .map(|(name, _)| registry::MinimumCapability {
            capability: Some(name.to_string()),
            ..Default::default()
        })
        .collect();
    all
}

fn agents(master: &Master, all: &mut Registry) {
    let deactivated = |id: &AgentId| master.deactivated_agents.contains(id).then_some(true);
    let drain = |id: &AgentId| -> MessageField<mesos::DrainInfo> {
        master.draining.get(id).cloned().into()
    };
    let slaves: Vec<registry::Slave> = master
        .agents
        .iter()
        .map(|(id, agent)| (id, &agent.info))
        .chain(&master.recovered_agents)
        .map(|(id, info)| registry::Slave {
            info: MessageField::some(kept(info)),
            drain_info: drain(id),
            deactivated: deactivated(id),
            ..Default::default()
        })
        .collect();
    let unreachable: Vec<registry::UnreachableSlave> = master
        .unreachable_agents
        .iter()
        .map(|(id, since)| registry::UnreachableSlave {
            id: id.field(),
            timestamp: MessageField::some(time_info(*since)),
            drain_info: drain(id),
            deactivated: deactivated(id),
            ..Default::default()
        })
        .collect();
    let gone: Vec<registry::GoneSlave> = master
        .gone_agents
        .iter()
        .map(|(id, since)| registry::GoneSlave {
            id: id.field(),
            timestamp: MessageField::some(time_info(*since)),
            ..Default::default()
        })
        .collect();
    if !slaves.is_empty() {
        all.slaves.mut_or_insert_default().slaves = slaves;
    }
    if !unreachable.is_empty() {
        all.unreachable.mut_or_insert_default().slaves = unreachable;
    }
    if !gone.is_empty() {
        all.gone.mut_or_insert_default().slaves = gone;
    }
}

/// Resources are kept in the older form wherever they have one.
fn kept(info: &SlaveInfo) -> SlaveInfo {
    let mut info = info.clone();
    for resource in &mut info.resources {
        *resource = in_format(resource, Format::Pre);
    }
    info
}
