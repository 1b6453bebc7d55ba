//! Answers to the calls of operators that read (v1-api §9).

use mesos_proto::mesos::{Flag, Metric, Operation, Resource, SlaveInfo, Task};
use mesos_proto::v1_master::response::{
    GetAgents, GetExecutors, GetFrameworks, GetState, GetTasks, get_agents, get_executors,
    get_frameworks,
};
use mesos_proto::v1_master::{Response, call, response};
use mesos_wire::authorization::Rights;
use mesos_wire::json::{Dialect, to_value};
use mesos_wire::resources::Format;
use mesos_wire::resources::operation::conversions;
use protobuf::MessageField;
use serde_json::{Value, json};

use super::metrics::Metrics;
use super::{
    Site, maintenance_status, quotas, role_messages, schedule, sight, version_info, weights,
};
use crate::model::{Agent, Framework, Master, time_info};

/// The answer to a call that reads the state; `None` for any other call.
pub fn answer(
    master: &Master,
    site: &Site,
    metrics: &Metrics,
    call: call::Type,
    rights: &Rights,
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
            answer.get_state = MessageField::some(snapshot(master, rights));
        }
        call::Type::GET_AGENTS => {
            answer.set_type(response::Type::GET_AGENTS);
            answer.get_agents = MessageField::some(agents(master, rights));
        }
        call::Type::GET_FRAMEWORKS => {
            answer.set_type(response::Type::GET_FRAMEWORKS);
            answer.get_frameworks = MessageField::some(frameworks(master, rights));
        }
        call::Type::GET_EXECUTORS => {
            answer.set_type(response::Type::GET_EXECUTORS);
            answer.get_executors = MessageField::some(executors(master, rights));
        }
        call::Type::GET_TASKS => {
            answer.set_type(response::Type::GET_TASKS);
            answer.get_tasks = MessageField::some(tasks(master, rights));
        }
        call::Type::GET_ROLES => {
            answer.set_type(response::Type::GET_ROLES);
            answer.get_roles.mut_or_insert_default().roles = role_messages(master, rights);
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
                .flat_map(|agent| agent.operations.values())
                .filter(|operation| is_visible(rights, operation))
                .cloned()
                .collect();
        }
        call::Type::GET_WEIGHTS => {
            answer.set_type(response::Type::GET_WEIGHTS);
            let weights = weights(master, rights);
            if !weights.is_empty() {
                answer.get_weights.mut_or_insert_default().weight_infos = weights;
            }
        }
        call::Type::GET_QUOTA => {
            answer.set_type(response::Type::GET_QUOTA);
            answer.get_quota.mut_or_insert_default().status =
                MessageField::some(quotas(master, rights));
        }
        call::Type::GET_MAINTENANCE_STATUS => {
            answer.set_type(response::Type::GET_MAINTENANCE_STATUS);
            answer.get_maintenance_status.mut_or_insert_default().status =
                MessageField::some(maintenance_status(master, rights));
        }
        call::Type::GET_MAINTENANCE_SCHEDULE => {
            answer.set_type(response::Type::GET_MAINTENANCE_SCHEDULE);
            answer
                .get_maintenance_schedule
                .mut_or_insert_default()
                .schedule = MessageField::some(schedule(master, rights));
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

/// All that there is, and may be seen.
pub fn snapshot(master: &Master, rights: &Rights) -> GetState {
    GetState {
        get_tasks: MessageField::some(tasks(master, rights)),
        get_executors: MessageField::some(executors(master, rights)),
        get_frameworks: MessageField::some(frameworks(master, rights)),
        get_agents: MessageField::some(agents(master, rights)),
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

fn agents(master: &Master, rights: &Rights) -> GetAgents {
    let mut all = GetAgents {
        agents: master.agents.values().map(|a| agent(master, a)).collect(),
        recovered_agents: master.recovered_agents.values().cloned().collect(),
        ..Default::default()
    };
    if rights.are_limited() {
        let hide = |all: &mut Vec<Resource>| all.retain(|one| sight::resource(rights, one));
        for agent in &mut all.agents {
            hide(&mut agent.agent_info.mut_or_insert_default().resources);
            hide(&mut agent.total_resources);
            hide(&mut agent.allocated_resources);
            hide(&mut agent.offered_resources);
        }
        for info in &mut all.recovered_agents {
            hide(&mut info.resources);
        }
    }
    all
}

/// Whether an operation may be seen: all that it is done on.
fn is_visible(rights: &Rights, operation: &Operation) -> bool {
    let steps = conversions(&operation.info).unwrap_or_default();
    let mut consumed = steps.iter().flat_map(|step| step.consumed.iter());
    consumed.all(|resource| sight::resource(rights, resource))
}

pub(super) fn agent(master: &Master, agent: &Agent) -> get_agents::Agent {
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

fn frameworks(master: &Master, rights: &Rights) -> GetFrameworks {
    let visible = |all: &mut dyn Iterator<Item = &Framework>| {
        all.filter(|f| sight::framework(rights, &f.info))
            .map(|f| framework(master, f))
            .collect()
    };
    GetFrameworks {
        frameworks: visible(&mut master.frameworks.values()),
        completed_frameworks: visible(&mut master.completed_frameworks.iter()),
        ..Default::default()
    }
}

pub(super) fn framework(master: &Master, framework: &Framework) -> get_frameworks::Framework {
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

fn executors(master: &Master, rights: &Rights) -> GetExecutors {
    let mut all = GetExecutors::new();
    for agent in master.agents.values() {
        for (framework, executors) in &agent.executors {
            let framework = sight::find(master, framework).map(|f| &f.info);
            let is_visible = |info| match framework {
                Some(of) => sight::framework(rights, of) && sight::executor(rights, info, of),
                None => !rights.are_limited(),
            };
            for info in executors.values().filter(|info| is_visible(info)) {
                all.executors.push(get_executors::Executor {
                    executor_info: MessageField::some(info.clone()),
                    agent_id: agent.id.field(),
                    ..Default::default()
                });
            }
        }
    }
    all
}

fn tasks(master: &Master, rights: &Rights) -> GetTasks {
    let mut all = GetTasks::new();
    for framework in sight::all_frameworks(master, rights) {
        let is_visible = |task: &&Task| sight::task(rights, task, &framework.info);
        let running = framework.tasks.values().filter(is_visible);
        all.tasks.extend(running.cloned());
        let lost = framework.unreachable.values().filter(is_visible);
        all.unreachable_tasks.extend(lost.cloned());
        let ended = framework.completed.iter().filter(is_visible);
        all.completed_tasks.extend(ended.cloned());
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

/// v1's description of an agent does not say whether it checkpoints; the original's answers do, since
/// it writes its own description there.
pub(super) fn with_checkpoints(agents: &GetAgents, value: &mut Value) {
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
pub(super) fn with_empty_lists(mut answer: Value) -> Value {
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
