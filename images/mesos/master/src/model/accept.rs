//! ACCEPT: operations on offers (protocol-flows §7).

use std::collections::BTreeSet;

use mesos_proto::mesos::offer::{Operation, operation};
use mesos_proto::mesos::task_status::Reason;
use mesos_proto::mesos::{
    ExecutorInfo, OperationState, OperationStatus, TaskInfo, TaskState, executor_info,
};
use mesos_proto::messages::{ResourceVersionUUID, RunTaskGroupMessage, RunTaskMessage};
use mesos_proto::scheduler::call;
use mesos_wire::resources::Resources;
use protobuf::MessageField;

use super::authorization::launch_denied;
use super::framework::Framework;
use super::id::{AgentId, ExecutorId, FrameworkId, OfferId, TaskId};
use super::master::{Master, bag};
use super::offer::{Offer, fill_allocation, normalize};
use super::status::{MasterStatus, staged};
use super::validate_group;
use super::validate_task::{self, Place};

/// Why nothing of an ACCEPT is done.
struct Rejection {
    reason: Reason,
    text: String,
}

/// What is left of the offers while operations are applied, and where.
struct Bargain {
    agent: AgentId,
    role: String,
    rest: Resources,
    launched: usize,
    converted: usize,
}

impl Bargain {
    /// Takes what is used; shared volumes stay for others.
    fn take(&mut self, needs: &Resources) {
        self.rest.subtract(&needs.filter(|r| r.shared.is_none()));
    }
}

impl Master {
    pub(crate) fn accept(&mut self, id: &FrameworkId, call: call::Accept) {
        let flaw = self.offers_flaw(id, &call);
        let offers: Vec<Offer> = call
            .offer_ids
            .iter()
            .map(OfferId::from)
            .filter(|offer| self.offers.get(offer).is_some_and(|o| o.framework == *id))
            .collect::<BTreeSet<_>>()
            .iter()
            .filter_map(|offer| self.remove_offer(offer))
            .collect();
        let named = call
            .operations
            .iter()
            .any(|operation| operation.id.is_some());
        let driver = self.frameworks.get(id).and_then(|f| f.pid().cloned());
        if let (Some(driver), true) = (driver, named) {
            let text = "The 'id' field was set in an offer operation, but operation feedback is not supported for the SchedulerDriver API";
            self.send_framework_error(&driver, text);
            for offer in &offers {
                self.free(&offer.agent);
            }
            return;
        }
        let place = match (flaw, offers.first()) {
            (Some(flaw), _) => Err(Rejection {
                reason: Reason::REASON_INVALID_OFFERS,
                text: format!("Task launched with invalid offers: {flaw}"),
            }),
            (None, None) => Err(Rejection {
                reason: Reason::REASON_INVALID_OFFERS,
                text: "Task launched with invalid offers: No offers specified".to_string(),
            }),
            (None, Some(first)) => match self.agents.get(&first.agent) {
                None => Err(Rejection {
                    reason: Reason::REASON_SLAVE_REMOVED,
                    text: "Agent removed".to_string(),
                }),
                Some(agent) if !agent.connected => Err(Rejection {
                    reason: Reason::REASON_SLAVE_DISCONNECTED,
                    text: "Agent disconnected".to_string(),
                }),
                Some(_) => Ok((first.agent.clone(), first.role.clone())),
            },
        };
        let (agent, role) = match place {
            Ok(place) => place,
            Err(rejection) => {
                for offer in &offers {
                    self.free(&offer.agent);
                }
                self.reject(id, call.operations, &rejection);
                return;
            }
        };
        let mut rest = Resources::new();
        for offer in &offers {
            rest.add(&offer.resources);
        }
        if let Some(framework) = self.frameworks.get_mut(id) {
            let count = offers.len() as u64;
            if call.operations.is_empty() {
                framework.counters.offers_declined += count;
            } else {
                framework.counters.offers_accepted += count;
            }
        }
        let offered = rest.clone();
        let mut bargain = Bargain {
            agent,
            role,
            rest,
            launched: 0,
            converted: 0,
        };
        for operation in call.operations {
            self.apply(id, &mut bargain, operation);
        }
        let seconds = call.filters.get_or_default().refuse_seconds();
        // What operations made of the offers was never offered, so it is not refused.
        let refused = bargain.rest.filter(|resource| {
            Resources::from_protos([resource]).is_ok_and(|bag| offered.contains(&bag))
        });
        self.refuse(id, &bargain.role, &bargain.agent, &refused, seconds);
        // A framework that used the offer can soon use what is left; one that did not waits for the
        // next interval.
        if bargain.launched + bargain.converted > 0 {
            self.free(&bargain.agent);
        }
    }

    /// What is wrong with the offers that a call names.
    fn offers_flaw(&self, id: &FrameworkId, call: &call::Accept) -> Option<String> {
        if call.offer_ids.is_empty() {
            return Some("No offers specified".to_string());
        }
        let mut seen = BTreeSet::new();
        let mut first: Option<&Offer> = None;
        for offer_id in call.offer_ids.iter().map(OfferId::from) {
            if !seen.insert(offer_id.clone()) {
                return Some(format!("Duplicate offer {offer_id} in offer list"));
            }
            let Some(offer) = self.offers.get(&offer_id) else {
                return Some(format!("Offer {offer_id} is no longer valid"));
            };
            if offer.framework != *id {
                return Some(format!(
                    "Offer {offer_id} has invalid framework {} while framework {id} is expected",
                    offer.framework
                ));
            }
            match first {
                None => first = Some(offer),
                Some(first) if first.role != offer.role => {
                    return Some(format!(
                        "Aggregated offers must be allocated to the same role. Offer {offer_id} uses role '{}' but another is using role '{}'",
                        offer.role, first.role
                    ));
                }
                Some(first) if first.agent != offer.agent => {
                    return Some(format!(
                        "Aggregated offers must belong to one single agent. Offer {offer_id} uses agent {} and agent {}",
                        offer.agent, first.agent
                    ));
                }
                Some(_) => {}
            }
        }
        None
    }

    /// Tells the framework that none of its operations are done.
    fn reject(&mut self, id: &FrameworkId, operations: Vec<Operation>, rejection: &Rejection) {
        let is_aware = self
            .frameworks
            .get(id)
            .is_some_and(|f| f.capabilities.partition_aware);
        for operation in operations {
            for task in tasks_of(&operation) {
                let status = MasterStatus {
                    state: if is_aware {
                        TaskState::TASK_DROPPED
                    } else {
                        TaskState::TASK_LOST
                    },
                    reason: rejection.reason,
                    message: rejection.text.clone(),
                    unreachable: None,
                };
                self.refuse_task(id, task, status);
            }
            self.drop_operation(id, &operation, &rejection.text);
        }
    }

    fn refuse_task(&mut self, id: &FrameworkId, task: &TaskInfo, status: MasterStatus) {
        let agent = AgentId::from(task.slave_id.get_or_default());
        let task = TaskId::from(task.task_id.get_or_default());
        let status = self.notify_status(id, &task, Some(&agent), status);
        self.count_end(id, &status);
    }

    /// Operations other than launches that name themselves are told that they failed.
    fn drop_operation(&mut self, id: &FrameworkId, operation: &Operation, text: &str) {
        if !is_launch(operation) {
            tracing::warn!("dropping {:?} of framework {id}: {text}", operation.type_());
        }
        self.counters
            .operation_ended(operation.type_(), OperationState::OPERATION_ERROR);
        if operation.id.is_none() {
            return;
        }
        let mut status = OperationStatus::new();
        status.operation_id = operation.id.clone();
        status.set_state(OperationState::OPERATION_ERROR);
        status.set_message(text.to_string());
        self.tell_operation(id, status);
    }

    fn apply(&mut self, id: &FrameworkId, bargain: &mut Bargain, mut operation: Operation) {
        if let Some(framework) = self.frameworks.get_mut(id) {
            framework.counters.operation(operation.type_());
        }
        if let Some(text) = launch_flaw(&operation) {
            let reason = match operation.type_() {
                operation::Type::LAUNCH => Reason::REASON_TASK_INVALID,
                _ => Reason::REASON_TASK_GROUP_INVALID,
            };
            for task in tasks_of(&operation) {
                self.refuse_task(id, task, invalid(reason, text.clone()));
            }
            self.drop_operation(id, &operation, &text);
            return;
        }
        match operation.type_() {
            operation::Type::LAUNCH => {
                let launch = operation.launch.take().unwrap_or_default();
                for task in launch.task_infos {
                    self.launch(id, bargain, task);
                }
            }
            operation::Type::LAUNCH_GROUP => {
                let group = operation.launch_group.take().unwrap_or_default();
                self.launch_group(id, bargain, group);
            }
            _ => {
                let (agent, role) = (&bargain.agent, &bargain.role);
                match self.convert(id, agent, role, &mut bargain.rest, &mut operation) {
                    Ok(()) => bargain.converted += 1,
                    Err(text) => self.drop_operation(id, &operation, &text),
                }
            }
        }
    }

    fn launch(&mut self, id: &FrameworkId, bargain: &mut Bargain, mut task: TaskInfo) {
        if let Some((framework, wish)) = self.launch_denied(id, &task) {
            let principal = framework.info.principal();
            let text = format!("Principal '{principal}' no authorized to {wish}");
            let status = invalid(Reason::REASON_TASK_UNAUTHORIZED, text);
            self.refuse_task(id, &task, status);
            return;
        }
        prepare(id, &bargain.role, &mut task);
        let flaw = self
            .place(id, bargain)
            .ok_or_else(|| "Agent removed".to_string())
            .and_then(|place| validate_task::check(&place, &task));
        let needs = match flaw {
            Ok(needs) => needs,
            Err(text) => {
                let status = invalid(Reason::REASON_TASK_INVALID, text);
                self.refuse_task(id, &task, status);
                return;
            }
        };
        let executor = task.executor.as_ref().cloned();
        let is_new = executor
            .as_ref()
            .is_none_or(|e| !self.has_executor(id, &bargain.agent, e));
        bargain.take(&needs);
        bargain.launched += 1;
        if let Some(executor) = executor.filter(|_| is_new) {
            self.add_executor(id, &bargain.agent, executor);
        }
        self.stage(id, &bargain.agent, &task);
        let (Some(framework), Some(agent)) =
            (self.frameworks.get(id), self.agents.get(&bargain.agent))
        else {
            return;
        };
        let format = agent.format();
        task.resources = bag(&task.resources).to_protos(format);
        if let Some(executor) = task.executor.as_mut() {
            executor.resources = bag(&executor.resources).to_protos(format);
        }
        let message = RunTaskMessage {
            framework: MessageField::some(framework.info.clone()),
            task: MessageField::some(task),
            pid: Some(framework.pid_text()),
            resource_version_uuids: versions(agent.resource_version.as_ref()),
            launch_executor: Some(is_new),
            ..Default::default()
        };
        self.send_to_agent(&bargain.agent, message);
    }

    fn launch_group(
        &mut self,
        id: &FrameworkId,
        bargain: &mut Bargain,
        mut group: operation::LaunchGroup,
    ) {
        let all = &group.task_group.tasks;
        // The last that may not run gives the others its reason.
        let denied = all.iter().rev().find_map(|task| {
            let (_, wish) = self.launch_denied(id, task)?;
            let task = task.task_id.value();
            // The original leaves the blank out.
            Some(format!("Task '{task}' is not authorized to{wish}"))
        });
        if let Some(text) = denied {
            for task in &group.task_group.tasks {
                let reason = Reason::REASON_TASK_GROUP_UNAUTHORIZED;
                self.refuse_task(id, task, invalid(reason, text.clone()));
            }
            return;
        }
        let mut executor = group.executor.take().unwrap_or_default();
        fill_allocation(&mut executor.resources, &bargain.role);
        normalize(&mut executor.resources);
        let mut tasks = group.task_group.take().unwrap_or_default();
        for task in &mut tasks.tasks {
            prepare(id, &bargain.role, task);
        }
        let flaw = self
            .place(id, bargain)
            .ok_or_else(|| "Agent removed".to_string())
            .and_then(|place| validate_group::check_group(&place, &executor, &tasks.tasks));
        let needs = match flaw {
            Ok(needs) => needs,
            Err(text) => {
                for task in &tasks.tasks {
                    let status = invalid(Reason::REASON_TASK_GROUP_INVALID, text.clone());
                    self.refuse_task(id, task, status);
                }
                return;
            }
        };
        let is_new = !self.has_executor(id, &bargain.agent, &executor);
        bargain.take(&needs);
        bargain.launched += tasks.tasks.len();
        if is_new {
            self.add_executor(id, &bargain.agent, executor.clone());
        }
        for task in &mut tasks.tasks {
            task.executor = MessageField::some(executor.clone());
            self.stage(id, &bargain.agent, task);
        }
        let (Some(framework), Some(agent)) =
            (self.frameworks.get(id), self.agents.get(&bargain.agent))
        else {
            return;
        };
        let format = agent.format();
        executor.resources = bag(&executor.resources).to_protos(format);
        for task in &mut tasks.tasks {
            task.resources = bag(&task.resources).to_protos(format);
            task.executor = MessageField::some(executor.clone());
        }
        let message = RunTaskGroupMessage {
            framework: MessageField::some(framework.info.clone()),
            executor: MessageField::some(executor),
            task_group: MessageField::some(tasks),
            resource_version_uuids: versions(agent.resource_version.as_ref()),
            launch_executor: Some(is_new),
            ..Default::default()
        };
        self.send_to_agent(&bargain.agent, message);
    }

    /// What launching a task would be, and whose, where that framework may not launch it.
    fn launch_denied(&self, id: &FrameworkId, task: &TaskInfo) -> Option<(&Framework, String)> {
        let framework = self.frameworks.get(id)?;
        let rights = self.rights(framework.info.principal.as_deref());
        Some((framework, launch_denied(&rights, task, framework)?))
    }

    fn place<'a>(&'a self, id: &FrameworkId, bargain: &'a Bargain) -> Option<Place<'a>> {
        Some(Place {
            framework: self.frameworks.get(id)?,
            agent: self.agents.get(&bargain.agent)?,
            offered: &bargain.rest,
        })
    }

    fn has_executor(&self, id: &FrameworkId, agent: &AgentId, executor: &ExecutorInfo) -> bool {
        let executor = ExecutorId::from(executor.executor_id.get_or_default());
        let executors = self
            .agents
            .get(agent)
            .and_then(|agent| agent.executors.get(id));
        executors.is_some_and(|executors| executors.contains_key(&executor))
    }

    fn stage(&mut self, id: &FrameworkId, agent: &AgentId, task: &TaskInfo) {
        tracing::info!(
            "launching task {} of framework {id} on agent {agent} with {}",
            task.task_id.value(),
            bag(&task.resources).unallocated()
        );
        self.counters.staged += 1;
        self.take(id, agent, &bag(&task.resources));
        self.index_task(id, agent, staged(task, id));
    }
}

fn is_launch(operation: &Operation) -> bool {
    matches!(
        operation.type_(),
        operation::Type::LAUNCH | operation::Type::LAUNCH_GROUP
    )
}

/// Why nothing of a launch can be done: one bad resource is enough.
fn launch_flaw(operation: &Operation) -> Option<String> {
    if !is_launch(operation) {
        return None;
    }
    if operation.id.is_some() {
        return Some(format!(
            "The `id` field cannot be set on {:?} operations",
            operation.type_()
        ));
    }
    let of_executor = operation.launch_group.executor.iter();
    let of_tasks = tasks_of(operation).flat_map(|task| task.executor.iter());
    let all = of_executor
        .chain(of_tasks)
        .flat_map(|executor| &executor.resources)
        .chain(tasks_of(operation).flat_map(|task| &task.resources));
    Resources::from_protos(all)
        .err()
        .map(|error| error.to_string())
}

/// The tasks that an operation launches.
fn tasks_of(operation: &Operation) -> impl Iterator<Item = &TaskInfo> {
    let group = operation.launch_group.task_group.tasks.iter();
    operation.launch.task_infos.iter().chain(group)
}

/// Fills in what frameworks may leave out.
fn prepare(id: &FrameworkId, role: &str, task: &mut TaskInfo) {
    use mesos_proto::mesos::health_check;
    fill_allocation(&mut task.resources, role);
    normalize(&mut task.resources);
    if let Some(executor) = task.executor.as_mut() {
        fill_allocation(&mut executor.resources, role);
        normalize(&mut executor.resources);
        if executor.framework_id.is_none() {
            executor.framework_id = id.field();
        }
        if !executor.has_type() && executor.command.is_some() {
            executor.set_type(executor_info::Type::CUSTOM);
        }
    }
    if let Some(check) = task.health_check.as_mut()
        && !check.has_type()
    {
        if check.command.is_some() {
            check.set_type(health_check::Type::COMMAND);
        } else if check.http.is_some() {
            check.set_type(health_check::Type::HTTP);
        }
    }
}

fn invalid(reason: Reason, message: String) -> MasterStatus {
    MasterStatus {
        state: TaskState::TASK_ERROR,
        reason,
        message,
        unreachable: None,
    }
}

fn versions(version: Option<&mesos_proto::mesos::UUID>) -> Vec<ResourceVersionUUID> {
    version
        .map(|uuid| ResourceVersionUUID {
            uuid: MessageField::some(uuid.clone()),
            ..Default::default()
        })
        .into_iter()
        .collect()
}
