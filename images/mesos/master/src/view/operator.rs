//! Answers to the calls of operators that read (v1-api §9).

use mesos_proto::mesos::{Flag, Metric, SlaveInfo};
use mesos_proto::v1_master::response::{
    GetAgents, GetExecutors, GetFrameworks, GetState, GetTasks, get_agents, get_executors,
    get_frameworks,
};
use mesos_proto::v1_master::{Event, Response, call, event, response};
use mesos_wire::json::{Dialect, to_value};
use mesos_wire::resources::Format;
use protobuf::MessageField;
use serde_json::{Value, json};

use super::metrics::Metrics;
use super::{Site, quotas, role_messages, schedule, version_info, weights};
use crate::model::{Agent, Framework, Happening, Master, Moment, time_info};

/// The answer to a call that reads the state; `None` for any other call.
pub fn answer(
    master: &Master,
    site: &Site,
    metrics: &Metrics,
    call: call::Type,
) -> Option<Response> {
    let mut answer = Response::new();
    match call {
        call::Type::GET_HEALTH => {
            answer.set_type(response::Type::GET_HEALTH);
            answer.get_health.mut_or_insert_default().set_healthy(true);
        }
        call::Type::GET_FLAGS => {
            answer.set_type(response::Type::GET_FLAGS);
            answer.get_flags.mut_or_insert_default().flags = flags(site);
        }
        call::Type::GET_VERSION => {
            answer.set_type(response::Type::GET_VERSION);
            answer.get_version.mut_or_insert_default().version_info =
                MessageField::some(version_info(site));
        }
        call::Type::GET_METRICS => {
            answer.set_type(response::Type::GET_METRICS);
            answer.get_metrics.mut_or_insert_default().metrics = metrics
                .iter()
                .map(|(name, value)| {
                    let mut metric = Metric::new();
                    metric.set_name(name.clone());
                    metric.set_value(*value);
                    metric
                })
                .collect();
        }
        call::Type::GET_STATE => {
            answer.set_type(response::Type::GET_STATE);
            answer.get_state = MessageField::some(snapshot(master));
        }
        call::Type::GET_AGENTS => {
            answer.set_type(response::Type::GET_AGENTS);
            answer.get_agents = MessageField::some(agents(master));
        }
        call::Type::GET_FRAMEWORKS => {
            answer.set_type(response::Type::GET_FRAMEWORKS);
            answer.get_frameworks = MessageField::some(frameworks(master));
        }
        call::Type::GET_EXECUTORS => {
            answer.set_type(response::Type::GET_EXECUTORS);
            answer.get_executors = MessageField::some(executors(master));
        }
        call::Type::GET_TASKS => {
            answer.set_type(response::Type::GET_TASKS);
            answer.get_tasks = MessageField::some(tasks(master));
        }
        call::Type::GET_ROLES => {
            answer.set_type(response::Type::GET_ROLES);
            answer.get_roles.mut_or_insert_default().roles = role_messages(master);
        }
        call::Type::GET_MASTER => {
            answer.set_type(response::Type::GET_MASTER);
            let own = answer.get_master.mut_or_insert_default();
            own.master_info = MessageField::some(master.info.clone());
            own.set_start_time(master.started.as_secs_f64());
            own.elected_time = master.elected.map(|time| time.as_secs_f64());
        }
        call::Type::GET_OPERATIONS => {
            answer.set_type(response::Type::GET_OPERATIONS);
            answer.get_operations.mut_or_insert_default().operations = master
                .agents
                .values()
                .flat_map(|agent| agent.operations.values().cloned())
                .collect();
        }
        call::Type::GET_WEIGHTS => {
            answer.set_type(response::Type::GET_WEIGHTS);
            let weights = weights(master);
            if !weights.is_empty() {
                answer.get_weights.mut_or_insert_default().weight_infos = weights;
            }
        }
        call::Type::GET_QUOTA => {
            answer.set_type(response::Type::GET_QUOTA);
            answer.get_quota.mut_or_insert_default().status = MessageField::some(quotas(master));
        }
        call::Type::GET_MAINTENANCE_STATUS => {
            answer.set_type(response::Type::GET_MAINTENANCE_STATUS);
            answer.get_maintenance_status.mut_or_insert_default().status =
                MessageField::some(master.maintenance_status());
        }
        call::Type::GET_MAINTENANCE_SCHEDULE => {
            answer.set_type(response::Type::GET_MAINTENANCE_SCHEDULE);
            answer
                .get_maintenance_schedule
                .mut_or_insert_default()
                .schedule = MessageField::some(schedule(master));
        }
        call::Type::GET_LOGGING_LEVEL => {
            answer.set_type(response::Type::GET_LOGGING_LEVEL);
            answer
                .get_logging_level
                .mut_or_insert_default()
                .set_level(mesos_wire::log::verbosity());
        }
        _ => return None,
    }
    Some(answer)
}

/// All that there is.
pub fn snapshot(master: &Master) -> GetState {
    GetState {
        get_tasks: MessageField::some(tasks(master)),
        get_executors: MessageField::some(executors(master)),
        get_frameworks: MessageField::some(frameworks(master)),
        get_agents: MessageField::some(agents(master)),
        ..Default::default()
    }
}

fn flags(site: &Site) -> Vec<Flag> {
    super::flag_texts(site)
        .into_iter()
        .map(|(name, value)| {
            let mut flag = Flag::new();
            flag.set_name(name);
            flag.set_value(value.as_str().unwrap_or_default().to_string());
            flag
        })
        .collect()
}

fn agents(master: &Master) -> GetAgents {
    GetAgents {
        agents: master.agents.values().map(|a| agent(master, a)).collect(),
        recovered_agents: master.recovered_agents.values().cloned().collect(),
        ..Default::default()
    }
}

fn agent(master: &Master, agent: &Agent) -> get_agents::Agent {
    let mut message = get_agents::Agent::new();
    message.agent_info = MessageField::some(agent.info.clone());
    message.set_active(agent.is_active());
    message.set_deactivated(agent.deactivated);
    message.drain_info = master.draining.get(&agent.id).cloned().into();
    message.estimated_drain_start_time = agent.drain_started.map(time_info).into();
    message.set_version(agent.version.clone());
    message.set_pid(agent.pid.to_string());
    message.registered_time = MessageField::some(time_info(agent.registered));
    message.reregistered_time = agent.reregistered.map(time_info).into();
    message.total_resources = agent.total.to_protos(Format::Endpoint);
    message.allocated_resources = agent.used_total().to_protos(Format::Endpoint);
    message.offered_resources = agent.offered.to_protos(Format::Endpoint);
    message.capabilities = agent
        .capabilities
        .iter()
        .map(|kind| {
            let mut capability = mesos_proto::mesos::slave_info::Capability::new();
            capability.set_type(*kind);
            capability
        })
        .collect();
    message
}

fn frameworks(master: &Master) -> GetFrameworks {
    let message = |f: &Framework| framework(master, f);
    GetFrameworks {
        frameworks: master.frameworks.values().map(message).collect(),
        completed_frameworks: master.completed_frameworks.iter().map(message).collect(),
        ..Default::default()
    }
}

fn framework(master: &Master, framework: &Framework) -> get_frameworks::Framework {
    let mut message = get_frameworks::Framework::new();
    message.framework_info = MessageField::some(framework.info.clone());
    message.set_active(framework.active);
    message.set_connected(framework.is_connected());
    message.set_recovered(framework.recovered);
    message.registered_time = MessageField::some(time_info(framework.registered));
    message.reregistered_time = MessageField::some(time_info(framework.reregistered));
    message.unregistered_time = framework.unregistered.map(time_info).into();
    message.offers = framework
        .offers
        .iter()
        .filter_map(|id| master.offers.get(id))
        .filter_map(|offer| Some(offer.proto(master.agents.get(&offer.agent)?, framework)))
        .collect();
    let asked = master.inverse_offers.iter();
    message.inverse_offers = asked
        .filter(|(_, offer)| offer.framework == framework.id)
        .filter_map(|(id, offer)| Some(offer.proto(id, master.agents.get(&offer.agent)?)))
        .collect();
    message.allocated_resources = framework.used_total().to_protos(Format::Endpoint);
    message.offered_resources = framework.offered_total().to_protos(Format::Endpoint);
    message.offer_constraints = MessageField::some(framework.offer_constraints.clone());
    message
}

fn executors(master: &Master) -> GetExecutors {
    let mut all = GetExecutors::new();
    for agent in master.agents.values() {
        for info in agent
            .executors
            .values()
            .flat_map(|executors| executors.values())
        {
            all.executors.push(get_executors::Executor {
                executor_info: MessageField::some(info.clone()),
                agent_id: agent.id.field(),
                ..Default::default()
            });
        }
    }
    all
}

fn tasks(master: &Master) -> GetTasks {
    let mut all = GetTasks::new();
    for framework in master
        .frameworks
        .values()
        .chain(&master.completed_frameworks)
    {
        all.tasks.extend(framework.tasks.values().cloned());
        all.unreachable_tasks
            .extend(framework.unreachable.values().cloned());
        all.completed_tasks
            .extend(framework.completed.iter().cloned());
    }
    all
}

/// An answer as the original writes it, which is not quite how the JSON mapping would.
pub fn to_json(answer: &Response) -> Value {
    let mut value = with_empty_lists(to_value(answer, Dialect::V1));
    let state = (&answer.get_state.get_agents, "/get_state/get_agents");
    for (agents, path) in [state, (&answer.get_agents, "/get_agents")] {
        if let (Some(agents), Some(value)) = (agents.as_ref(), value.pointer_mut(path)) {
            with_checkpoints(agents, value);
        }
    }
    value
}

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

/// v1's description of an agent does not say whether it checkpoints; the original's answers do, since
/// it writes its own description there.
fn with_checkpoints(agents: &GetAgents, value: &mut Value) {
    let mut say = |path: String, info: &SlaveInfo| {
        if let Some(object) = value.pointer_mut(&path).and_then(Value::as_object_mut) {
            object.insert("checkpoint".into(), info.checkpoint().into());
        }
    };
    for (index, agent) in agents.agents.iter().enumerate() {
        say(format!("/agents/{index}/agent_info"), &agent.agent_info);
    }
    for (index, info) in agents.recovered_agents.iter().enumerate() {
        say(format!("/recovered_agents/{index}"), info);
    }
}

/// The lists that are written even when they are empty, which the JSON mapping alone would leave out
/// (v1-api §2).
fn with_empty_lists(mut answer: Value) -> Value {
    const LISTS: [(&str, &[&str]); 4] = [
        ("get_agents", &["agents", "recovered_agents"]),
        ("get_frameworks", &["frameworks", "completed_frameworks"]),
        ("get_executors", &["executors"]),
        (
            "get_tasks",
            &["tasks", "unreachable_tasks", "completed_tasks"],
        ),
    ];
    let fill = |parent: &mut Value| {
        for (part, lists) in LISTS {
            if let Some(part) = parent.get_mut(part).and_then(Value::as_object_mut) {
                for list in lists {
                    part.entry(*list).or_insert_with(|| json!([]));
                }
            }
        }
    };
    fill(&mut answer);
    if let Some(state) = answer.get_mut("get_state") {
        fill(state);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lists_are_written_where_the_original_writes_them() {
        let got = with_empty_lists(
            json!({"get_state": {"get_tasks": {}, "get_executors": {"executors": [1]}}}),
        );
        let want = json!({"get_state": {
            "get_tasks": {"tasks": [], "unreachable_tasks": [], "completed_tasks": []},
            "get_executors": {"executors": [1]},
        }});
        assert_eq!(got, want);
    }
}
