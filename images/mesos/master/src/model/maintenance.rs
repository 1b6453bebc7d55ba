//! Maintenance of machines: when they are to be worked on, and what becomes of their agents
//! (protocol-flows §11, v1-api §9).

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use mesos_proto::maintenance::{ClusterStatus, Schedule, cluster_status};
use mesos_proto::mesos::machine_info::Mode;
use mesos_proto::mesos::{MachineID, MachineInfo};
use mesos_proto::messages::ShutdownMessage;
use mesos_wire::authorization::{Action, Rights};
use mesos_wire::json::{Dialect, to_value};
use mesos_wire::pid::Upid;
use protobuf::MessageField;

use super::agent::Agent;
use super::calls::CallError;
use super::health::Removal;
use super::id::AgentId;
use super::master::Master;
use super::records::Record;

/// What agents of a machine that goes down are told.
const DOWN: &str = "Operator initiated 'Machine DOWN'";

/// A machine as it is looked up: host names are compared without case.
pub(super) type MachineKey = (String, String);

/// The schedule and its machines.
#[derive(Debug, Default)]
pub struct Maintenance {
    /// When machines are to be worked on; the last that was given.
    pub schedule: Option<Schedule>,
    machines: BTreeMap<MachineKey, MachineInfo>,
    /// Machines that were in a schedule, and are not any more.
    former: BTreeSet<MachineKey>,
}

impl Maintenance {
    /// The machines of the schedule.
    pub fn machines(&self) -> impl Iterator<Item = &MachineInfo> {
        self.machines.values()
    }

    pub(crate) fn set_machines(&mut self, machines: Vec<MachineInfo>) {
        self.machines = machines
            .into_iter()
            .map(|info| (key(&info.id), info))
            .collect();
    }

    fn mode(&self, machine: &MachineKey) -> Mode {
        self.machines.get(machine).map_or(Mode::UP, |m| m.mode())
    }
}

fn key(machine: &MachineID) -> MachineKey {
    (
        machine.hostname().to_ascii_lowercase(),
        machine.ip().to_string(),
    )
}

/// The machine that an agent runs on.
fn machine_of(agent: &Agent) -> MachineKey {
    machine_at(agent.info.hostname(), &agent.pid)
}

fn machine_at(hostname: &str, pid: &Upid) -> MachineKey {
    (hostname.to_ascii_lowercase(), pid.address.ip().to_string())
}

fn text(machine: &MachineID) -> String {
    to_value(machine, Dialect::V0).to_string()
}

/// What is wrong with machines that must each be there once.
fn machines_flaw<'a>(
    machines: impl IntoIterator<Item = &'a MachineID>,
    seen: &mut BTreeSet<MachineKey>,
) -> Option<String> {
    for machine in machines {
        if machine.hostname().is_empty() && machine.ip().is_empty() {
            return Some("Both 'hostname' and 'ip' for a machine are empty".to_string());
        }
        if !machine.ip().is_empty() && machine.ip().parse::<Ipv4Addr>().is_err() {
            return Some(format!("Failed to parse IPv4: {}", machine.ip()));
        }
        if !seen.insert(key(machine)) {
            return Some(format!(
                "Machine '{}' appears more than once in the schedule",
                text(machine)
            ));
        }
    }
    None
}

impl Master {
    fn schedule_flaw(&self, schedule: &Schedule) -> Option<String> {
        let mut seen = BTreeSet::new();
        for window in &schedule.windows {
            if window.machine_ids.is_empty() {
                return Some("List of machines in the maintenance window is empty".to_string());
            }
            if window.unavailability.duration.nanoseconds() < 0 {
                return Some("Unavailability 'duration' is negative".to_string());
            }
            if let Some(flaw) = machines_flaw(&window.machine_ids, &mut seen) {
                return Some(flaw);
            }
        }
        let machines = self.maintenance.machines.iter();
        let mut lost =
            machines.filter(|(key, info)| info.mode() == Mode::DOWN && !seen.contains(*key));
        lost.next().map(|(_, info)| {
            format!(
                "Machine '{}' is deactivated and cannot be removed from the schedule",
                text(&info.id)
            )
        })
    }

    /// Replaces the whole schedule. Machines that are new in it drain from now on; those that are not
    /// in it any more are as before.
    pub fn update_maintenance_schedule(
        &mut self,
        schedule: Schedule,
        rights: &Rights,
    ) -> Result<(), CallError> {
        if let Some(flaw) = self.schedule_flaw(&schedule) {
            return Err(CallError::new(400, flaw));
        }
        // Every machine is asked about, though none is told from another: no machine is allowed to all.
        let is_allowed = rights.allow_any(Action::UpdateMaintenanceSchedule);
        if !schedule.windows.is_empty() && !is_allowed {
            return Err(CallError::forbidden());
        }
        let mut machines = BTreeMap::new();
        for window in &schedule.windows {
            for machine in &window.machine_ids {
                let key = key(machine);
                let mut info = match self.maintenance.machines.get(&key) {
                    Some(known) => known.clone(),
                    None => {
                        let mut info = MachineInfo::new();
                        info.id = MessageField::some(machine.clone());
                        info.set_mode(Mode::DRAINING);
                        info
                    }
                };
                info.unavailability = window.unavailability.clone();
                machines.insert(key, info);
            }
        }
        tracing::info!("{} machines are scheduled for maintenance", machines.len());
        let old = std::mem::replace(&mut self.maintenance.machines, machines);
        self.maintenance.former.extend(old.keys().cloned());
        self.maintenance.schedule = Some(schedule);
        self.record_maintenance();
        let touched: Vec<AgentId> = self
            .agents
            .values()
            .filter(|agent| {
                let machine = machine_of(agent);
                old.contains_key(&machine) || self.maintenance.machines.contains_key(&machine)
            })
            .map(|agent| agent.id.clone())
            .collect();
        for agent in touched {
            self.update_unavailability(&agent);
        }
        Ok(())
    }

    /// Offers of an agent are made anew: what they said of its time may be wrong.
    fn update_unavailability(&mut self, id: &AgentId) {
        self.learn_unavailability(id);
        self.rescind_inverse_of(id);
        self.allocator.forget_inverse(id);
        self.rescind_agent(id);
        if let Some(agent) = self.agents.get_mut(id) {
            agent.maintenance_answers.clear();
        }
        self.allocate(id);
    }

    /// Has an agent's offers say when its machine is to be worked on.
    pub(crate) fn learn_unavailability(&mut self, id: &AgentId) {
        let Some(agent) = self.agents.get_mut(id) else {
            return;
        };
        let machine = self.maintenance.machines.get(&machine_of(agent));
        agent.unavailability = machine.and_then(|m| m.unavailability.as_ref().cloned());
    }

    fn record_maintenance(&mut self) {
        let schedule = self.maintenance.schedule.clone();
        let machines = self.maintenance.machines.values().cloned().collect();
        self.record(Record::Schedule(schedule));
        self.record(Record::Machines(machines));
    }

    /// Whether agents at this place are refused.
    pub(crate) fn is_down(&self, hostname: &str, pid: &Upid) -> bool {
        self.maintenance.mode(&machine_at(hostname, pid)) == Mode::DOWN
    }

    fn check_machines(
        &self,
        machines: &[MachineID],
        wanted: Mode,
        otherwise: &str,
    ) -> Result<(), CallError> {
        let refuse = |text: String| Err(CallError::new(400, text));
        if machines.is_empty() {
            return refuse("List of machines is empty".to_string());
        }
        if let Some(flaw) = machines_flaw(machines, &mut BTreeSet::new()) {
            return refuse(flaw);
        }
        for machine in machines {
            let key = key(machine);
            let known = self.maintenance.machines.get(&key).map(MachineInfo::mode);
            if known == Some(wanted) {
                continue;
            }
            // Those of agents, and of schedules that were, are known and up.
            let is_known = known.is_some()
                || self.maintenance.former.contains(&key)
                || self.agents.values().any(|agent| machine_of(agent) == key);
            let flaw = match is_known {
                true => otherwise,
                false => "is not part of a maintenance schedule",
            };
            return refuse(format!("Machine '{}' {flaw}", text(machine)));
        }
        Ok(())
    }

    /// Work on machines begins: their agents are told to exit, and are refused until it is over.
    pub fn start_maintenance(
        &mut self,
        machines: &[MachineID],
        rights: &Rights,
    ) -> Result<(), CallError> {
        self.check_machines(
            machines,
            Mode::DRAINING,
            "is not in DRAINING mode and cannot be brought down",
        )?;
        if !rights.allow_any(Action::StartMaintenance) {
            return Err(CallError::forbidden());
        }
        for machine in machines.iter().map(key) {
            tracing::warn!("machine {} ({}) goes down", machine.0, machine.1);
            if let Some(info) = self.maintenance.machines.get_mut(&machine) {
                info.set_mode(Mode::DOWN);
            }
            let agents: Vec<AgentId> = self
                .agents
                .values()
                .filter(|agent| machine_of(agent) == machine)
                .map(|agent| agent.id.clone())
                .collect();
            for agent in agents {
                let mut shutdown = ShutdownMessage::new();
                shutdown.set_message(DOWN.to_string());
                self.send_to_agent(&agent, shutdown);
                self.remove_agent(&agent, Removal::Down);
            }
        }
        self.record_maintenance();
        Ok(())
    }

    /// Work on machines is over: they leave the schedule, and their agents may come back.
    pub fn stop_maintenance(
        &mut self,
        machines: &[MachineID],
        rights: &Rights,
    ) -> Result<(), CallError> {
        self.check_machines(
            machines,
            Mode::DOWN,
            "is not in DOWN mode and cannot be brought up",
        )?;
        if !rights.allow_any(Action::StopMaintenance) {
            return Err(CallError::forbidden());
        }
        let over: BTreeSet<MachineKey> = machines.iter().map(key).collect();
        self.maintenance.former.extend(over.iter().cloned());
        self.maintenance
            .machines
            .retain(|machine, _| !over.contains(machine));
        if let Some(schedule) = &mut self.maintenance.schedule {
            for window in &mut schedule.windows {
                window
                    .machine_ids
                    .retain(|machine| !over.contains(&key(machine)));
            }
            schedule.windows.retain(|w| !w.machine_ids.is_empty());
            if schedule.windows.is_empty() {
                self.maintenance.schedule = None;
            }
        }
        self.record_maintenance();
        Ok(())
    }

    /// Which machines drain, with what frameworks said to it, and which are down.
    pub fn maintenance_status(&self) -> ClusterStatus {
        let mut status = ClusterStatus::new();
        for (machine, info) in &self.maintenance.machines {
            let id = info.id.clone();
            match info.mode() {
                Mode::UP => {}
                Mode::DOWN => status.down_machines.extend(id.into_option()),
                Mode::DRAINING => {
                    let agents = self.agents.values().filter(|a| machine_of(a) == *machine);
                    let statuses = agents.flat_map(|a| a.maintenance_answers.values().cloned());
                    status
                        .draining_machines
                        .push(cluster_status::DrainingMachine {
                            id,
                            statuses: statuses.collect(),
                            ..Default::default()
                        });
                }
            }
        }
        status
    }

    /// The machine of the schedule that an agent runs on, as the original writes it.
    pub(crate) fn scheduled_machine(&self, agent: &Agent) -> Option<String> {
        let machine = self.maintenance.machines.get(&machine_of(agent))?;
        Some(format!("{} ({})", machine.id.hostname(), machine.id.ip()))
    }
}
