//! What operators who watch are told (v1-api §9, "Event stream"), each of what they may see.

use mesos_proto::mesos::{Resource, Task, TaskID};
use mesos_proto::v1_master::response::get_frameworks;
use mesos_proto::v1_master::{Event, event};
use mesos_wire::authorization::Rights;
use mesos_wire::json::{Dialect, to_value};
use protobuf::MessageField;
use serde_json::Value;

use super::operator::{agent, framework, with_checkpoints, with_empty_lists};
use super::sight;
use crate::model::{Framework, FrameworkId, Happening, Master, Moment, time_info};

/// What happened, as operators read it; `None` if it is over already.
pub fn event(master: &Master, happening: &Happening) -> Option<Event> {
    let mut event = Event::new();
    match happening {
        Happening::TaskAdded(task) => {
            event.set_type(event::Type::TASK_ADDED);
            event.task_added.mut_or_insert_default().task = MessageField::some((**task).clone());
        }
        Happening::TaskUpdated {
            framework,
            status,
            state,
        } => {
            event.set_type(event::Type::TASK_UPDATED);
            let updated = event.task_updated.mut_or_insert_default();
            updated.framework_id = framework.field();
            updated.status = MessageField::some((**status).clone());
            updated.set_state(*state);
        }
        Happening::AgentAdded(id) => {
            event.set_type(event::Type::AGENT_ADDED);
            event.agent_added.mut_or_insert_default().agent =
                MessageField::some(agent(master, master.agents.get(id)?));
        }
        Happening::AgentRemoved(id) => {
            event.set_type(event::Type::AGENT_REMOVED);
            event.agent_removed.mut_or_insert_default().agent_id = id.field();
        }
        Happening::FrameworkAdded(id) => {
            event.set_type(event::Type::FRAMEWORK_ADDED);
            let mut added = told(framework(master, master.frameworks.get(id)?));
            // It is told of before offers are made to it.
            added.offers.clear();
            added.offered_resources.clear();
            event.framework_added.mut_or_insert_default().framework = MessageField::some(added);
        }
        Happening::FrameworkUpdated(id) => {
            event.set_type(event::Type::FRAMEWORK_UPDATED);
            event.framework_updated.mut_or_insert_default().framework =
                MessageField::some(told(framework(master, master.frameworks.get(id)?)));
        }
        Happening::FrameworkRemoved(info) => {
            event.set_type(event::Type::FRAMEWORK_REMOVED);
            event
                .framework_removed
                .mut_or_insert_default()
                .framework_info = MessageField::some((**info).clone());
        }
    }
    Some(event)
}

/// An event as it is told somebody who may not see everything; `None` if nothing of it is.
pub fn visible(
    master: &Master,
    happening: &Happening,
    mut event: Event,
    rights: &Rights,
) -> Option<Event> {
    if !rights.are_limited() {
        return Some(event);
    }
    let hide = |all: &mut Vec<Resource>| all.retain(|one| sight::resource(rights, one));
    let is_visible = match happening {
        Happening::TaskAdded(task) => {
            let id = FrameworkId::from(task.framework_id.get_or_default());
            sees_task(master, rights, &id, task)
        }
        Happening::TaskUpdated {
            framework, status, ..
        } => sight::find(master, framework)
            .and_then(|of| task_of(of, status.task_id.get_or_default()))
            .is_some_and(|task| sees_task(master, rights, framework, task)),
        Happening::AgentAdded(_) => {
            if let Some(agent) = event.agent_added.mut_or_insert_default().agent.as_mut() {
                hide(&mut agent.total_resources);
            }
            true
        }
        Happening::AgentRemoved(_) => true,
        Happening::FrameworkAdded(id) | Happening::FrameworkUpdated(id) => {
            let added = event.framework_added.as_mut().map(|e| &mut e.framework);
            let updated = event.framework_updated.as_mut().map(|e| &mut e.framework);
            if let Some(told) = added.or(updated).and_then(MessageField::as_mut) {
                hide(&mut told.allocated_resources);
                hide(&mut told.offered_resources);
            }
            sight::find(master, id).is_some_and(|of| sight::framework(rights, &of.info))
        }
        Happening::FrameworkRemoved(info) => sight::framework(rights, info),
    };
    is_visible.then_some(event)
}

fn sees_task(master: &Master, rights: &Rights, framework: &FrameworkId, task: &Task) -> bool {
    sight::find(master, framework)
        .is_some_and(|of| sight::framework(rights, &of.info) && sight::task(rights, task, &of.info))
}

/// A framework's task of this name, the newest first.
fn task_of<'a>(framework: &'a Framework, id: &TaskID) -> Option<&'a Task> {
    let id = crate::model::TaskId::from(id);
    let ended = || {
        framework
            .completed
            .iter()
            .rev()
            .find(|t| t.task_id.value() == id.as_str())
    };
    let lost = || framework.unreachable.get(&id);
    framework.tasks.get(&id).or_else(lost).or_else(ended)
}

/// A framework as events have it: the time of its end is there before it has one, and constraints are
/// only if there are any.
fn told(mut message: get_frameworks::Framework) -> get_frameworks::Framework {
    if message.unregistered_time.is_none() {
        message.unregistered_time = MessageField::some(time_info(Moment::ZERO));
    }
    if message.offer_constraints.role_constraints.is_empty() {
        message.offer_constraints = MessageField::none();
    }
    message
}

/// An event as the original writes it.
pub fn event_to_json(event: &Event) -> Value {
    let mut value = to_value(event, Dialect::V1);
    if let Some(subscribed) = value.get_mut("subscribed") {
        *subscribed = with_empty_lists(subscribed.take());
        if let (Some(agents), Some(value)) = (
            event.subscribed.get_state.get_agents.as_ref(),
            subscribed.pointer_mut("/get_state/get_agents"),
        ) {
            with_checkpoints(agents, value);
        }
    }
    value
}
