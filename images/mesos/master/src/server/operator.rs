//! `/api/v1`: the calls of operators (v1-api §8, §9).

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use mesos_proto::mesos::{DurationInfo, SlaveID};
use mesos_proto::v1_master::{self, Call, ProtoDuration, call};
use mesos_wire::authorization::Action;
use mesos_wire::http::{Media, Request, Response, not_acceptable};

use super::endpoints::{end_framework, metrics};
use super::files;
use super::node::Node;
use super::operations;
use super::scheduler::{bad, read};
use super::watchers::watch;
use crate::model::{AgentId, CallError, FrameworkId, Master};
use crate::view;

/// Answers a call.
pub(super) async fn answer(node: Arc<Node>, mut request: Request) -> Response {
    let call: Call = match read(&mut request).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    let Some(kind) = call.type_.and_then(|kind| kind.enum_value().ok()) else {
        return bad("Failed to validate master::Call: Expecting 'type' to be present");
    };
    if let Some(field) = missing(&call, kind) {
        return bad(format!(
            "Failed to validate master::Call: Expecting '{field}' to be present"
        ));
    }
    if let Some(flaw) = operations::flaw(&call) {
        return bad(format!("Failed to validate master::Call: {flaw}"));
    }
    let Some(media) = Media::accepted(&request) else {
        return not_acceptable();
    };
    let rights = node.rights(&request);
    if let Some(action) = needed(kind)
        && !rights.allow_any(action)
    {
        return Response::status(StatusCode::FORBIDDEN);
    }
    match kind {
        call::Type::TEARDOWN => {
            let id = FrameworkId::from(call.teardown.framework_id.get_or_default());
            return end_framework(&node, &id, &rights);
        }
        call::Type::SUBSCRIBE => return watch(&node, media, rights),
        call::Type::RESERVE_RESOURCES
        | call::Type::UNRESERVE_RESOURCES
        | call::Type::CREATE_VOLUMES
        | call::Type::DESTROY_VOLUMES
        | call::Type::GROW_VOLUME
        | call::Type::SHRINK_VOLUME => {
            return operations::call(&node, call, request.principal.as_deref());
        }
        call::Type::MARK_AGENT_GONE => {
            let id = call.mark_agent_gone.agent_id.get_or_default();
            return decide(&node, id, Master::mark_agent_gone);
        }
        call::Type::DEACTIVATE_AGENT => {
            let id = call.deactivate_agent.agent_id.get_or_default();
            return decide(&node, id, Master::deactivate_agent);
        }
        call::Type::REACTIVATE_AGENT => {
            let id = call.reactivate_agent.agent_id.get_or_default();
            return decide(&node, id, Master::reactivate_agent);
        }
        call::Type::DRAIN_AGENT => {
            let call = call.drain_agent.unwrap_or_default();
            let id = AgentId::from(call.agent_id.get_or_default());
            let grace = call.max_grace_period.as_ref().map(duration_info);
            return done(node.step(|master| master.drain_agent(&id, grace, call.mark_gone())));
        }
        call::Type::UPDATE_WEIGHTS => {
            let weights = &call.update_weights.weight_infos;
            return done(node.step(|master| master.update_weights(weights, &rights)));
        }
        call::Type::UPDATE_QUOTA => {
            let call = call.update_quota.get_or_default();
            return done(
                node.step(|master| master.update_quota(&call.quota_configs, call.force(), &rights)),
            );
        }
        call::Type::SET_QUOTA => {
            let request = call.set_quota.quota_request.get_or_default();
            return done(node.step(|master| master.set_quota(request, &rights)));
        }
        call::Type::REMOVE_QUOTA => {
            let role = call.remove_quota.role();
            return done(node.step(|master| master.remove_quota(role, "", &rights)));
        }
        call::Type::UPDATE_MAINTENANCE_SCHEDULE => {
            let call = call.update_maintenance_schedule.unwrap_or_default();
            let schedule = call.schedule.unwrap_or_default();
            return done(node.step(|master| master.update_maintenance_schedule(schedule, &rights)));
        }
        call::Type::START_MAINTENANCE => {
            let machines = &call.start_maintenance.machines;
            return done(node.step(|master| master.start_maintenance(machines, &rights)));
        }
        call::Type::STOP_MAINTENANCE => {
            let machines = &call.stop_maintenance.machines;
            return done(node.step(|master| master.stop_maintenance(machines, &rights)));
        }
        call::Type::SET_LOGGING_LEVEL => {
            let call = call.set_logging_level.get_or_default();
            let nanos = u64::try_from(call.duration.nanoseconds()).unwrap_or_default();
            mesos_wire::log::set_verbosity(call.level(), Duration::from_nanos(nanos));
            return Response::status(StatusCode::OK);
        }
        call::Type::LIST_FILES => {
            if let Err(refusal) = files::list(node.flags(), call.list_files.path(), &rights) {
                return refusal;
            }
            let mut answer = v1_master::Response::new();
            answer.set_type(v1_master::response::Type::LIST_FILES);
            answer.list_files.mut_or_insert_default();
            return written(media, &answer);
        }
        call::Type::READ_FILE => {
            let asked = call.read_file.get_or_default();
            let part = files::read(
                node.flags(),
                asked.path(),
                asked.offset(),
                asked.length,
                &rights,
            );
            let part = match part {
                Ok(part) => part,
                Err(refusal) => return refusal,
            };
            let mut answer = v1_master::Response::new();
            answer.set_type(v1_master::response::Type::READ_FILE);
            let read = answer.read_file.mut_or_insert_default();
            read.set_size(part.size);
            read.set_data(part.data);
            return written(media, &answer);
        }
        _ => {}
    }
    let metrics = match kind {
        call::Type::GET_METRICS => metrics(&node),
        _ => Default::default(),
    };
    let answer =
        node.read(|master, site, _, _| view::answer(master, site, &metrics, kind, &rights));
    let Some(answer) = answer else {
        return Response::status(StatusCode::NOT_IMPLEMENTED);
    };
    written(media, &answer)
}

/// What whoever makes a call must be allowed, whatever the call says besides.
fn needed(kind: call::Type) -> Option<Action> {
    Some(match kind {
        call::Type::GET_FLAGS => Action::ViewFlags,
        call::Type::SET_LOGGING_LEVEL => Action::SetLogLevel,
        call::Type::MARK_AGENT_GONE => Action::MarkAgentGone,
        call::Type::DRAIN_AGENT => Action::DrainAgent,
        call::Type::DEACTIVATE_AGENT => Action::DeactivateAgent,
        call::Type::REACTIVATE_AGENT => Action::ReactivateAgent,
        _ => return None,
    })
}

/// The answer in the form that is asked for.
fn written(media: Media, answer: &v1_master::Response) -> Response {
    let body = match media {
        Media::Json => view::to_json(answer).to_string().into_bytes(),
        Media::Protobuf => media.encode(answer),
    };
    Response::bytes(StatusCode::OK, media.name(), body)
}

/// Does what an operator has decided about an agent.
fn decide(
    node: &Node,
    agent: &SlaveID,
    decision: fn(&mut Master, &AgentId) -> Result<(), CallError>,
) -> Response {
    done(node.step(|master| decision(master, &AgentId::from(agent))))
}

/// The one duration of this API that counts seconds, as all others do.
fn duration_info(duration: &ProtoDuration) -> DurationInfo {
    let nanoseconds = duration
        .seconds()
        .saturating_mul(1_000_000_000)
        .saturating_add(duration.nanos().into());
    let mut info = DurationInfo::new();
    info.set_nanoseconds(nanoseconds);
    info
}

/// The answer to what was decided.
pub(super) fn done(result: Result<(), CallError>) -> Response {
    match result {
        Ok(()) => Response::status(StatusCode::OK),
        Err(error) => Response::text(
            StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST),
            error.text,
        ),
    }
}

/// The field that a call of this kind needs and does not have.
fn missing(call: &Call, kind: call::Type) -> Option<&'static str> {
    let (field, is_there) = match kind {
        call::Type::GET_METRICS => ("get_metrics", call.get_metrics.is_some()),
        call::Type::SET_LOGGING_LEVEL => ("set_logging_level", call.set_logging_level.is_some()),
        call::Type::LIST_FILES => ("list_files", call.list_files.is_some()),
        call::Type::READ_FILE => ("read_file", call.read_file.is_some()),
        call::Type::UPDATE_WEIGHTS => ("update_weights", call.update_weights.is_some()),
        call::Type::RESERVE_RESOURCES => ("reserve_resources", call.reserve_resources.is_some()),
        call::Type::UNRESERVE_RESOURCES => {
            ("unreserve_resources", call.unreserve_resources.is_some())
        }
        call::Type::CREATE_VOLUMES => ("create_volumes", call.create_volumes.is_some()),
        call::Type::DESTROY_VOLUMES => ("destroy_volumes", call.destroy_volumes.is_some()),
        call::Type::GROW_VOLUME => ("grow_volume", call.grow_volume.is_some()),
        call::Type::SHRINK_VOLUME => ("shrink_volume", call.shrink_volume.is_some()),
        call::Type::UPDATE_MAINTENANCE_SCHEDULE => (
            "update_maintenance_schedule",
            call.update_maintenance_schedule.is_some(),
        ),
        call::Type::START_MAINTENANCE => ("start_maintenance", call.start_maintenance.is_some()),
        call::Type::STOP_MAINTENANCE => ("stop_maintenance", call.stop_maintenance.is_some()),
        call::Type::DRAIN_AGENT => ("drain_agent", call.drain_agent.is_some()),
        call::Type::DEACTIVATE_AGENT => ("deactivate_agent", call.deactivate_agent.is_some()),
        call::Type::REACTIVATE_AGENT => ("reactivate_agent", call.reactivate_agent.is_some()),
        call::Type::UPDATE_QUOTA => ("update_quota", call.update_quota.is_some()),
        call::Type::SET_QUOTA => ("set_quota", call.set_quota.is_some()),
        call::Type::REMOVE_QUOTA => ("remove_quota", call.remove_quota.is_some()),
        call::Type::TEARDOWN => ("teardown", call.teardown.is_some()),
        call::Type::MARK_AGENT_GONE => ("mark_agent_gone", call.mark_agent_gone.is_some()),
        _ => return None,
    };
    (!is_there).then_some(field)
}
