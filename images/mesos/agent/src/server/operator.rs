//! The agent's operator API, `/api/v1` (v1-api.md, sections 10 and 11).

use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode};
use mesos_proto::mesos::{
    ExecutorInfo, Flag, Metric, Operation, Resource, Task, TimeInfo, VersionInfo,
};
use mesos_proto::v1_agent::response::{get_executors, get_frameworks};
use mesos_proto::v1_agent::{Call, Response as Answer, call, response};
use mesos_wire::authorization::{Action, Rights};
use mesos_wire::http::{Media, Request, Response, not_acceptable};
use mesos_wire::json::{Dialect, to_value};
use mesos_wire::resources::operation::conversions;
use mesos_wire::resources::{Format, Resources};
use serde_json::{Value, json};

use super::agent::Agent;
use super::attach::{self, RECORDIO};
use super::attached;
use super::documents::VERSION;
use super::executor_api::Api;
use super::{
    container_calls, container_checks, documents, executor_api, files, metrics, sight, statistics,
};
use crate::model::{Executor, Model, State};

/// Answers an operator.
pub(crate) async fn answer(agent: Arc<Agent>, mut request: Request) -> Response {
    if is_streaming(&request) {
        return attach::input(agent, request).await;
    }
    let call: Call = match executor_api::read_call(&mut request, Api::Operator).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    if !call.has_type() {
        return invalid("Expecting 'type' to be present");
    }
    if let Err(reason) = container_checks::validate(&call) {
        return invalid(&reason);
    }
    if let Err(response) = media_types(&request, &call) {
        return response;
    }
    if agent.look(|model| model.state() == State::Recovering) {
        let text = "Agent has not finished recovery";
        return Response::text(StatusCode::SERVICE_UNAVAILABLE, text);
    }
    let call = match container_calls::answer(&agent, &request, call).await {
        Ok(response) => return response,
        // A call that is not about one container.
        Err(call) => call,
    };
    let rights = agent.rights(&request);
    if let Some(action) = needed(call.type_())
        && !rights.allow_any(action)
    {
        return Response::status(StatusCode::FORBIDDEN);
    }
    if call.type_() == call::Type::SET_LOGGING_LEVEL {
        let Some(wanted) = call.set_logging_level.as_ref() else {
            return invalid("Expecting 'set_logging_level' to be present");
        };
        let nanos = u64::try_from(wanted.duration.nanoseconds()).unwrap_or_default();
        mesos_wire::log::set_verbosity(wanted.level(), Duration::from_nanos(nanos));
        return Response::status(StatusCode::OK);
    }
    match read(&agent, &call, &rights).await {
        Ok(Some(answer)) => written(&request, &answer),
        Ok(None) => Response::status(StatusCode::NOT_IMPLEMENTED),
        Err(response) => response,
    }
}

/// What whoever makes a call must be allowed, whatever the call says besides.
fn needed(kind: call::Type) -> Option<Action> {
    Some(match kind {
        call::Type::GET_FLAGS => Action::ViewFlags,
        call::Type::SET_LOGGING_LEVEL => Action::SetLogLevel,
        call::Type::PRUNE_IMAGES => Action::PruneImages,
        _ => return None,
    })
}

/// Whether a request is a stream of records.
fn is_streaming(request: &Request) -> bool {
    request.method == Method::POST && request.header("content-type") == Some(RECORDIO)
}

/// Whether a call may be made, and answered, in the forms that its headers name.
fn media_types(request: &Request, call: &Call) -> Result<(), Response> {
    if request.header("message-content-type").is_some() {
        return Err(Response::text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Expecting 'Message-Content-Type' to be not set for non-streaming requests",
        ));
    }
    let streams = matches!(
        call.type_(),
        call::Type::ATTACH_CONTAINER_OUTPUT | call::Type::LAUNCH_NESTED_CONTAINER_SESSION
    );
    if call.type_() == call::Type::ATTACH_CONTAINER_INPUT {
        return Err(Response::text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Expecting 'Content-Type' to be application/recordio for ATTACH_CONTAINER_INPUT call",
        ));
    }
    match (Media::accepted(request), request.accepts(RECORDIO)) {
        (None, false) => Err(Response::text(
            StatusCode::NOT_ACCEPTABLE,
            "Expecting 'Accept' to allow application/json or application/x-protobuf or application/recordio",
        )),
        (None, true) if !streams => Err(Response::text(
            StatusCode::NOT_ACCEPTABLE,
            format!(
                "Streaming response is not supported for {:?} call",
                call.type_()
            ),
        )),
        (Some(_), _) if request.header("message-accept").is_some() => Err(Response::text(
            StatusCode::NOT_ACCEPTABLE,
            "Expecting 'Message-Accept' to be not set for non-streaming responses",
        )),
        _ => Ok(()),
    }
}

pub(super) fn invalid(reason: &str) -> Response {
    let text = format!("Failed to validate agent::Call: {reason}");
    Response::text(StatusCode::BAD_REQUEST, text)
}

/// The answer to a call that reads; `None` for calls that have no meaning here.
async fn read(agent: &Agent, call: &Call, rights: &Rights) -> Result<Option<Answer>, Response> {
    use call::Type as Asked;
    use response::Type;
    let mut answer = Answer::new();
    match call.type_() {
        Asked::GET_HEALTH => {
            answer.set_type(Type::GET_HEALTH);
            answer.get_health.mut_or_insert_default().set_healthy(true);
        }
        Asked::GET_FLAGS => {
            answer.set_type(Type::GET_FLAGS);
            let flags = agent.flags.iter().map(|(name, value)| {
                let mut flag = Flag::new();
                flag.set_name(name.to_string());
                flag.set_value(value.to_string());
                flag
            });
            answer.get_flags.mut_or_insert_default().flags = flags.collect();
        }
        Asked::GET_VERSION => {
            answer.set_type(Type::GET_VERSION);
            answer.get_version.mut_or_insert_default().version_info = Some(version()).into();
        }
        Asked::GET_METRICS => {
            if call.get_metrics.is_none() {
                return Err(invalid("Expecting 'get_metrics' to be present"));
            }
            answer.set_type(Type::GET_METRICS);
            let metrics = metrics::snapshot(agent).into_iter().map(|(name, value)| {
                let mut metric = Metric::new();
                metric.set_name(name);
                metric.set_value(value);
                metric
            });
            answer.get_metrics.mut_or_insert_default().metrics = metrics.collect();
        }
        Asked::GET_LOGGING_LEVEL => {
            answer.set_type(Type::GET_LOGGING_LEVEL);
            answer
                .get_logging_level
                .mut_or_insert_default()
                .set_level(mesos_wire::log::verbosity());
        }
        Asked::LIST_FILES => {
            let path = call.list_files.as_ref();
            let path = path
                .ok_or_else(|| invalid("Expecting 'list_files' to be present"))?
                .path();
            let found =
                attached::find(agent, path, rights).and_then(|real| files::list(&real, path));
            answer.set_type(Type::LIST_FILES);
            answer.list_files.mut_or_insert_default().file_infos =
                found.map_err(|error| error.response())?;
        }
        Asked::READ_FILE => {
            let asked = call.read_file.as_ref();
            let asked = asked.ok_or_else(|| invalid("Expecting 'read_file' to be present"))?;
            let length = asked.has_length().then(|| asked.length());
            let (size, data) = attached::find(agent, asked.path(), rights)
                .and_then(|real| files::read(&real, asked.offset(), length))
                .map_err(|error| error.response())?;
            answer.set_type(Type::READ_FILE);
            let file = answer.read_file.mut_or_insert_default();
            file.set_size(size);
            file.set_data(data);
        }
        Asked::GET_OPERATIONS => {
            answer.set_type(Type::GET_OPERATIONS);
            answer.get_operations.mut_or_insert_default().operations = agent.look(|model| {
                let all = model.operations();
                all.filter(|one| is_visible(rights, one)).cloned().collect()
            });
        }
        Asked::GET_STATE => {
            answer.set_type(Type::GET_STATE);
            let state = answer.get_state.mut_or_insert_default();
            agent.look(|model| {
                state.get_tasks = Some(tasks(model, rights)).into();
                state.get_executors = Some(executors(model, rights)).into();
                state.get_frameworks = Some(frameworks(model, rights)).into();
            });
        }
        Asked::GET_TASKS => {
            answer.set_type(Type::GET_TASKS);
            answer.get_tasks = Some(agent.look(|model| tasks(model, rights))).into();
        }
        Asked::GET_EXECUTORS => {
            answer.set_type(Type::GET_EXECUTORS);
            answer.get_executors = Some(agent.look(|model| executors(model, rights))).into();
        }
        Asked::GET_FRAMEWORKS => {
            answer.set_type(Type::GET_FRAMEWORKS);
            answer.get_frameworks = Some(agent.look(|model| frameworks(model, rights))).into();
        }
        Asked::GET_CONTAINERS => {
            answer.set_type(Type::GET_CONTAINERS);
            let asked = call.get_containers.get_or_default();
            let show = statistics::Show {
                nested: asked.show_nested(),
                standalone: asked.show_standalone(),
            };
            let containers = statistics::v1_containers(agent, show, rights).await;
            // Without containers not even the field that would hold them is set.
            if !containers.is_empty() {
                answer.get_containers.mut_or_insert_default().containers = containers;
            }
        }
        Asked::GET_AGENT => {
            answer.set_type(Type::GET_AGENT);
            let mut info = agent.look(Model::info);
            refine(&mut info.resources);
            let own = answer.get_agent.mut_or_insert_default();
            own.agent_info = Some(info).into();
            agent.look(|model| {
                if let Some(drain) = model.draining() {
                    own.drain_config = Some(drain.config.clone()).into();
                    let mut since = TimeInfo::new();
                    // In whole seconds, as `/state` has it.
                    since.set_nanoseconds((drain.since.floor() * 1e9) as i64);
                    own.estimated_drain_start_time = Some(since).into();
                }
            });
        }
        Asked::GET_RESOURCE_PROVIDERS => {
            answer.set_type(Type::GET_RESOURCE_PROVIDERS);
            answer.get_resource_providers.mut_or_insert_default();
        }
        _ => return Ok(None),
    }
    Ok(Some(answer))
}

fn version() -> VersionInfo {
    let shown = documents::version();
    let mut version = VersionInfo::new();
    version.set_version(VERSION.to_string());
    version.set_build_date(shown["build_date"].as_str().unwrap_or_default().to_string());
    version.set_build_time(shown["build_time"].as_f64().unwrap_or_default());
    version.set_build_user(String::new());
    version
}

/// Writes resources in the form that the v1 API has: reservations alone.
fn refine(resources: &mut Vec<Resource>) {
    if let Ok(all) = Resources::from_protos(resources.iter()) {
        *resources = all.to_protos(Format::Post);
    }
}

fn refined<'a>(tasks: impl Iterator<Item = &'a Task>) -> Vec<Task> {
    tasks
        .cloned()
        .map(|mut task| {
            refine(&mut task.resources);
            task
        })
        .collect()
}

/// Whether an operation may be seen: all that it is done on.
fn is_visible(rights: &Rights, operation: &Operation) -> bool {
    let steps = conversions(&operation.info).unwrap_or_default();
    let mut consumed = steps.iter().flat_map(|step| step.consumed.iter());
    consumed.all(|resource| sight::resource(rights, resource))
}

fn tasks(model: &Model, rights: &Rights) -> response::GetTasks {
    let mut answer = response::GetTasks::new();
    for framework in sight::frameworks(model, rights) {
        let of = &framework.info;
        let visible = |task: &&Task| sight::task(rights, task, of);
        let alive = framework.executors.values();
        for executor in alive.clone() {
            let queued = executor.queued_tasks();
            let queued = queued.filter(|task| sight::queued(rights, task, of));
            let queued: Vec<Task> = queued.map(|info| executor.as_task(info)).collect();
            answer.queued_tasks.extend(refined(queued.iter()));
            let launched = executor.launched.values().filter(visible);
            answer.launched_tasks.extend(refined(launched));
            let terminated = executor.terminated.values().filter(visible);
            answer.terminated_tasks.extend(refined(terminated));
        }
        for executor in alive.chain(&framework.completed) {
            let completed = executor.completed.iter().filter(visible);
            answer.completed_tasks.extend(refined(completed));
        }
    }
    answer
}

fn executors(model: &Model, rights: &Rights) -> response::GetExecutors {
    let shown = |executor: &Executor| {
        let mut info: ExecutorInfo = executor.info.clone();
        refine(&mut info.resources);
        let mut shown = get_executors::Executor::new();
        shown.executor_info = Some(info).into();
        shown
    };
    let mut answer = response::GetExecutors::new();
    for framework in sight::frameworks(model, rights) {
        let visible = |one: &&Executor| sight::executor(rights, one, &framework.info);
        let alive = framework.executors.values().filter(visible);
        answer.executors.extend(alive.map(shown));
        let completed = framework.completed.iter().filter(visible);
        answer.completed_executors.extend(completed.map(shown));
    }
    answer
}

fn frameworks(model: &Model, rights: &Rights) -> response::GetFrameworks {
    let shown = |all: &mut dyn Iterator<Item = &crate::model::Framework>| {
        all.filter(|f| sight::framework(rights, &f.info))
            .map(|framework| {
                let mut shown = get_frameworks::Framework::new();
                shown.framework_info = Some(framework.info.clone()).into();
                shown
            })
            .collect()
    };
    let mut answer = response::GetFrameworks::new();
    answer.frameworks = shown(&mut model.frameworks());
    answer.completed_frameworks = shown(&mut model.completed_frameworks());
    answer
}

/// Arrays that are written also when they are empty (v1-api.md, section 2).
const ALWAYS: [(&str, &[&str]); 3] = [
    (
        "get_tasks",
        &[
            "pending_tasks",
            "queued_tasks",
            "launched_tasks",
            "terminated_tasks",
            "completed_tasks",
        ],
    ),
    ("get_executors", &["executors", "completed_executors"]),
    ("get_frameworks", &["frameworks", "completed_frameworks"]),
];

fn written(request: &Request, answer: &Answer) -> Response {
    match Media::accepted(request) {
        None => not_acceptable(),
        Some(Media::Protobuf) => Response::message(request, answer),
        Some(Media::Json) => {
            let mut value = to_value(answer, Dialect::V1);
            fill_arrays(&mut value);
            if let Some(state) = value.get_mut("get_state") {
                fill_arrays(state);
            }
            Response::bytes(StatusCode::OK, Media::Json.name(), value.to_string())
        }
    }
}

fn fill_arrays(value: &mut Value) {
    for (part, arrays) in ALWAYS {
        if let Some(Value::Object(part)) = value.get_mut(part) {
            for array in arrays {
                part.entry(array.to_string()).or_insert_with(|| json!([]));
            }
        }
    }
}
