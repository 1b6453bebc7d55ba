//! Calls about one container: launch, wait, kill, remove, attach (v1-api.md, section 11).

use std::sync::Arc;

use hyper::StatusCode;
use mesos_proto::mesos::{CommandInfo, ContainerID, ContainerInfo, container_info};
use mesos_proto::v1_agent::{Call, Response as Answer, call, response};
use mesos_wire::authorization::{Action, Rights};
use mesos_wire::http::{Request, Response};
use mesos_wire::resources::Resources;
use protobuf::MessageField;

use super::agent::Agent;
use super::{attach, sight};
use crate::containerizer::environment::environment;
use crate::model::{ExecutorState, Launch};
use crate::nested::{Chain, LaunchError, Order, Parent, Termination};

/// The signal that ends a container if none is named.
const SIGKILL: i32 = 9;
/// What the system takes as a signal.
const SIGNALS: std::ops::RangeInclusive<i32> = 0..=64;

/// Answers a call about a container; gives one about something else back.
pub(super) async fn answer(
    agent: &Arc<Agent>,
    request: &Request,
    mut call: Call,
) -> Result<Response, Call> {
    use call::Type as Asked;
    if !may(agent, &agent.rights(request), &call) {
        return Ok(Response::status(StatusCode::FORBIDDEN));
    }
    let response = match call.type_() {
        Asked::LAUNCH_NESTED_CONTAINER => {
            let mut asked = call.launch_nested_container.take().unwrap_or_default();
            let command = asked.command.take();
            launch(
                agent,
                &asked.container_id,
                command,
                asked.container.take(),
                Resources::new(),
            )
            .await
        }
        Asked::LAUNCH_CONTAINER => {
            let mut asked = call.launch_container.take().unwrap_or_default();
            let resources = Resources::from_protos(&asked.resources).unwrap_or_default();
            let command = asked.command.take();
            launch(
                agent,
                &asked.container_id,
                command,
                asked.container.take(),
                resources,
            )
            .await
        }
        Asked::LAUNCH_NESTED_CONTAINER_SESSION => {
            let mut asked = call
                .launch_nested_container_session
                .take()
                .unwrap_or_default();
            let (command, container) = (asked.command.take(), asked.container.take());
            session(agent, request, &asked.container_id, command, container).await
        }
        Asked::WAIT_NESTED_CONTAINER => {
            let id = call
                .wait_nested_container
                .take()
                .unwrap_or_default()
                .container_id;
            wait(agent, request, &id, response::Type::WAIT_NESTED_CONTAINER).await
        }
        Asked::WAIT_CONTAINER => {
            let id = call.wait_container.take().unwrap_or_default().container_id;
            wait(agent, request, &id, response::Type::WAIT_CONTAINER).await
        }
        Asked::KILL_NESTED_CONTAINER => {
            let asked = call.kill_nested_container.take().unwrap_or_default();
            kill(agent, &asked.container_id, asked.signal)
        }
        Asked::KILL_CONTAINER => {
            let asked = call.kill_container.take().unwrap_or_default();
            kill(agent, &asked.container_id, asked.signal)
        }
        Asked::REMOVE_NESTED_CONTAINER => remove(
            agent,
            &call.remove_nested_container.get_or_default().container_id,
        ),
        Asked::REMOVE_CONTAINER => {
            remove(agent, &call.remove_container.get_or_default().container_id)
        }
        Asked::ATTACH_CONTAINER_OUTPUT => {
            let id = chain(&call.attach_container_output.get_or_default().container_id);
            attach::output(agent, request, &id, false).await
        }
        _ => return Err(call),
    };
    Ok(response)
}

/// Whether a call about a container may be made. One that stands alone is nobody's in particular.
fn may(agent: &Agent, rights: &Rights, call: &Call) -> bool {
    use Action as A;
    use call::Type as Asked;
    if !rights.are_limited() {
        return true;
    }
    let id = match call.type_() {
        Asked::LAUNCH_NESTED_CONTAINER => &call.launch_nested_container.container_id,
        Asked::LAUNCH_CONTAINER => &call.launch_container.container_id,
        Asked::LAUNCH_NESTED_CONTAINER_SESSION => {
            &call.launch_nested_container_session.container_id
        }
        Asked::WAIT_NESTED_CONTAINER => &call.wait_nested_container.container_id,
        Asked::WAIT_CONTAINER => &call.wait_container.container_id,
        Asked::KILL_NESTED_CONTAINER => &call.kill_nested_container.container_id,
        Asked::KILL_CONTAINER => &call.kill_container.container_id,
        Asked::REMOVE_NESTED_CONTAINER => &call.remove_nested_container.container_id,
        Asked::REMOVE_CONTAINER => &call.remove_container.container_id,
        Asked::ATTACH_CONTAINER_OUTPUT => &call.attach_container_output.container_id,
        _ => return true,
    };
    let id = chain(id);
    let root = id.outermost();
    let alone = id.parent().is_none();
    // Where no executor has it, what is asked about is the container itself.
    let own = |action| sight::in_container(agent, rights, action, root, Some(id.own()));
    let launch = |within: A, as_user: A, command: &MessageField<CommandInfo>| {
        let user = command.as_ref().and_then(|command| command.user.as_deref());
        let as_user = match user {
            Some(user) => rights.allow(as_user, user),
            None => rights.allow_any(as_user),
        };
        as_user && sight::in_container(agent, rights, within, root, None)
    };
    match call.type_() {
        Asked::LAUNCH_CONTAINER if alone => rights.allow_any(A::LaunchStandaloneContainer),
        Asked::WAIT_CONTAINER if alone => rights.allow_any(A::WaitStandaloneContainer),
        Asked::KILL_CONTAINER if alone => rights.allow_any(A::KillStandaloneContainer),
        Asked::REMOVE_CONTAINER if alone => rights.allow_any(A::RemoveStandaloneContainer),
        Asked::LAUNCH_NESTED_CONTAINER => launch(
            A::LaunchNestedContainerUnderParent,
            A::LaunchNestedContainerAsUser,
            &call.launch_nested_container.command,
        ),
        Asked::LAUNCH_CONTAINER => launch(
            A::LaunchNestedContainerUnderParent,
            A::LaunchNestedContainerAsUser,
            &call.launch_container.command,
        ),
        Asked::LAUNCH_NESTED_CONTAINER_SESSION => launch(
            A::LaunchNestedContainerSessionUnderParent,
            A::LaunchNestedContainerSessionAsUser,
            &call.launch_nested_container_session.command,
        ),
        Asked::WAIT_NESTED_CONTAINER | Asked::WAIT_CONTAINER => own(A::WaitNestedContainer),
        Asked::KILL_NESTED_CONTAINER | Asked::KILL_CONTAINER => own(A::KillNestedContainer),
        Asked::ATTACH_CONTAINER_OUTPUT => may_attach(agent, rights, A::AttachContainerOutput, &id),
        _ => own(A::RemoveNestedContainer),
    }
}

/// Whether somebody may attach to a container. One that is not here is missed by everybody.
pub(super) fn may_attach(agent: &Agent, rights: &Rights, action: Action, id: &Chain) -> bool {
    !has_root(agent, id)
        || sight::in_container(agent, rights, action, id.outermost(), Some(id.own()))
}

/// An id that was found to be fine.
fn chain(id: &MessageField<ContainerID>) -> Chain {
    Chain::read(id.get_or_default()).unwrap_or_else(|_| Chain::root(""))
}

fn not_found(id: &Chain) -> Response {
    let text = format!("Container {id} cannot be found");
    Response::text(StatusCode::NOT_FOUND, text)
}

/// What an executor's container gives to those nested in it; `None` if no such executor runs.
pub(super) fn executor(agent: &Agent, container: &str) -> Option<(Parent, Option<u32>, bool)> {
    let settings = agent.nested.settings();
    agent.look(|model| {
        let (framework, executor) = model.executors().find(|(_, executor)| {
            executor.container_id == container && executor.state != ExecutorState::Terminated
        })?;
        let command = executor.info.command.as_ref();
        let user = command
            .filter(|command| command.has_user())
            .map_or_else(|| framework.info.user(), |command| command.user());
        let launch = Launch {
            place: executor.place(),
            info: executor.info.clone(),
            framework: framework.info.clone(),
            directory: executor.directory.clone(),
            user: executor.user.clone(),
            volumes: Vec::new(),
            is_command: false,
            ports: Vec::new(),
        };
        let id = model.id().unwrap_or_default();
        let parent = Parent {
            directory: executor.directory.clone(),
            environment: environment(&launch, id, &settings.contribution),
            user: settings.switch_user.then(|| user.to_string()),
            outlives_agent: executor.checkpoint,
        };
        let is_docker = executor.info.container.type_() == container_info::Type::DOCKER;
        Some((
            parent,
            executor.process,
            is_docker && executor.info.container.is_some(),
        ))
    })
}

/// Whether the outermost of a container's ids names something that runs here.
fn has_root(agent: &Agent, id: &Chain) -> bool {
    agent.nested.has(&Chain::root(id.outermost())) || executor(agent, id.outermost()).is_some()
}

async fn start(
    agent: &Arc<Agent>,
    id: &Chain,
    command: Option<CommandInfo>,
    container: Option<ContainerInfo>,
    resources: &Resources,
    is_session: bool,
) -> Result<(), Response> {
    let bad = |text: String| Response::text(StatusCode::BAD_REQUEST, text);
    let parent = id.parent();
    if let Some(parent) = parent.as_ref().filter(|_| !has_root(agent, id)) {
        return Err(bad(LaunchError::Parent(parent.to_string()).to_string()));
    }
    let outer = executor(agent, id.outermost());
    let in_executor = outer.filter(|_| {
        parent
            .as_ref()
            .is_none_or(|parent| parent.parent().is_none())
    });
    let outer = match (in_executor, &parent) {
        (Some(_), None) => return Err(Response::status(StatusCode::ACCEPTED)),
        (Some((_, _, true)), _) => {
            return Err(bad(LaunchError::Unsupported.to_string()));
        }
        (Some((outer, Some(_), _)), _) => Some(outer),
        (Some((_, None, _)), Some(parent)) => {
            return Err(bad(LaunchError::Parent(parent.to_string()).to_string()));
        }
        (None, _) => None,
    };
    let megabytes = resources.scalar("mem");
    let order = Order {
        id: id.clone(),
        command: command.unwrap_or_default(),
        container,
        is_session,
        executor: outer,
        cpus: Some(resources.scalar("cpus")).filter(|cpus| *cpus > 0.0),
        memory: (megabytes > 0.0).then_some((megabytes * 1_048_576.0) as u64),
    };
    match agent.nested.launch(order).await {
        Ok(()) => Ok(()),
        Err(LaunchError::Exists) => Err(Response::status(StatusCode::ACCEPTED)),
        Err(error) => Err(bad(error.to_string())),
    }
}

async fn launch(
    agent: &Arc<Agent>,
    id: &MessageField<ContainerID>,
    command: Option<CommandInfo>,
    container: Option<ContainerInfo>,
    resources: Resources,
) -> Response {
    match start(agent, &chain(id), command, container, &resources, false).await {
        Ok(()) => Response::status(StatusCode::OK),
        Err(response) => response,
    }
}

async fn session(
    agent: &Arc<Agent>,
    request: &Request,
    id: &MessageField<ContainerID>,
    command: Option<CommandInfo>,
    container: Option<ContainerInfo>,
) -> Response {
    let id = chain(id);
    if let Err(response) = attach::form(request) {
        return response;
    }
    match start(agent, &id, command, container, &Resources::new(), true).await {
        Ok(()) => attach::output(agent, request, &id, true).await,
        Err(response) => response,
    }
}

async fn wait(
    agent: &Arc<Agent>,
    request: &Request,
    id: &MessageField<ContainerID>,
    kind: response::Type,
) -> Response {
    let id = chain(id);
    request.give_up_when_abandoned();
    let ended = match agent.nested.wait(&id).await {
        Some(ended) => ended,
        None if id.parent().is_none() && executor(agent, id.outermost()).is_some() => {
            agent.nested.wait_executor(id.outermost()).await
        }
        None => return not_found(&id),
    };
    Response::message(request, &waited(kind, ended))
}

fn waited(kind: response::Type, ended: Termination) -> Answer {
    let mut wait = response::WaitContainer::new();
    wait.exit_status = ended.status;
    wait.state = ended.state.map(Into::into);
    wait.reason = ended.reason.map(Into::into);
    wait.message = ended.message;
    let mut answer = Answer::new();
    answer.set_type(kind);
    if kind == response::Type::WAIT_CONTAINER {
        answer.wait_container = MessageField::some(wait);
    } else {
        let mut nested = response::WaitNestedContainer::new();
        nested.exit_status = wait.exit_status;
        nested.state = wait.state;
        nested.reason = wait.reason;
        nested.message = wait.message;
        answer.wait_nested_container = MessageField::some(nested);
    }
    answer
}

fn kill(agent: &Agent, id: &MessageField<ContainerID>, signal: Option<i32>) -> Response {
    let id = chain(id);
    let signal = signal.unwrap_or(SIGKILL);
    if !SIGNALS.contains(&signal) && has_root(agent, &id) {
        let text = "Unable to send signal to container: Invalid argument";
        return Response::text(StatusCode::INTERNAL_SERVER_ERROR, text);
    }
    if agent.nested.kill(&id, signal) || kill_executor(agent, &id, signal) {
        return Response::status(StatusCode::OK);
    }
    let text = format!("Container '{id}' cannot be found (or is already killed)");
    Response::text(StatusCode::NOT_FOUND, text)
}

fn kill_executor(agent: &Agent, id: &Chain, signal: i32) -> bool {
    use nix::sys::signal::Signal;
    let process = executor(agent, id.outermost()).and_then(|(_, process, _)| process);
    let pid = process.and_then(|pid| i32::try_from(pid).ok());
    match (id.parent(), pid, Signal::try_from(signal)) {
        (None, Some(pid), Ok(signal)) if pid > 1 => {
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).is_ok()
        }
        _ => false,
    }
}

fn remove(agent: &Agent, id: &MessageField<ContainerID>) -> Response {
    let id = chain(id);
    if id.parent().is_some() && !has_root(agent, &id) {
        return Response::text(StatusCode::INTERNAL_SERVER_ERROR, "Unknown root container");
    }
    match agent.nested.remove(&id) {
        Ok(()) => Response::status(StatusCode::OK),
        Err(text) => Response::text(StatusCode::INTERNAL_SERVER_ERROR, text),
    }
}
