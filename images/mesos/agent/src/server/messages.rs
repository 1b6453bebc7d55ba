//! Messages from the master, from v0 executors and from frameworks (messages.md, sections 1.1, 1.3).

use mesos_proto::mesos::TaskInfo;
use mesos_proto::messages::StatusUpdate;
use mesos_proto::messages::{
    AcknowledgeOperationStatusMessage, ApplyOperationMessage, CheckpointResourcesMessage,
    DrainSlaveMessage, ExecutorToFrameworkMessage, FrameworkToExecutorMessage, KillTaskMessage,
    PingSlaveMessage, ReconcileOperationsMessage, RegisterExecutorMessage,
    ReregisterExecutorMessage, RunTaskGroupMessage, RunTaskMessage, ShutdownExecutorMessage,
    ShutdownFrameworkMessage, ShutdownMessage, SlaveRegisteredMessage, SlaveReregisteredMessage,
    StatusUpdateAcknowledgementMessage, StatusUpdateMessage, UpdateFrameworkMessage,
};
use mesos_wire::libprocess::Message;
use mesos_wire::pid::Upid;
use protobuf::Message as _;

use super::agent::Agent;
use super::effects::send;
use crate::model::{Link, Model, Now, Registered};

/// Takes one message in. One that does not parse, or that the sender may not send, is dropped.
pub(crate) fn take(agent: &Agent, message: Message) {
    let Message {
        from, name, body, ..
    } = message;
    let known = name
        .strip_prefix("mesos.internal.")
        .unwrap_or(&name)
        .to_string();
    let result = match from_master(agent, &from, &known, &body) {
        Some(result) => result,
        None => match from_others(agent, &from, &known, &body) {
            Some(result) => result,
            None => {
                tracing::debug!("dropping message {name} from {from}, which is unknown");
                return;
            }
        },
    };
    if let Err(error) = result {
        tracing::warn!("dropping message {name} from {from}: {error}");
    }
}

/// Takes a message to the process that proves this agent to its master.
pub(crate) fn take_authenticatee(agent: &Agent, message: &Message) {
    let Message {
        from,
        to,
        name,
        body,
    } = message;
    let short = name.strip_prefix("mesos.internal.").unwrap_or(name);
    let result = agent.act(|model, now| model.authenticatee_message(now, to, from, short, body));
    if let Err(error) = result {
        tracing::warn!("dropping message {name} from {from}: {error}");
    }
}

type Outcome = Option<protobuf::Result<()>>;

/// Messages that only the leading master may send, but for the ping.
fn from_master(agent: &Agent, from: &Upid, name: &str, body: &[u8]) -> Outcome {
    /// Parses, and lets the message happen to the model if the sender leads.
    fn act<M: protobuf::Message>(
        agent: &Agent,
        from: &Upid,
        body: &[u8],
        act: impl FnOnce(&mut Model, Now, M),
    ) -> Outcome {
        Some(M::parse_from_bytes(body).map(|message| {
            agent.act(|model, now| {
                if model.is_master(from) {
                    act(model, now, message);
                } else {
                    tracing::warn!("ignoring a message from {from}, which does not lead");
                }
            });
        }))
    }
    match name {
        "PingSlaveMessage" => Some(PingSlaveMessage::parse_from_bytes(body).map(|ping| {
            agent.act(|model, now| model.pinged(now, from.clone(), ping.connected()));
        })),
        "SlaveRegisteredMessage" => act(
            agent,
            from,
            body,
            |model, now, m: SlaveRegisteredMessage| {
                model.registered(
                    now,
                    from,
                    m.slave_id.value(),
                    m.connection.as_ref(),
                    Registered::New,
                );
            },
        ),
        "SlaveReregisteredMessage" => act(
            agent,
            from,
            body,
            |model, now, mut m: SlaveReregisteredMessage| {
                let again = Registered::Again(std::mem::take(&mut m.reconciliations));
                model.registered(now, from, m.slave_id.value(), m.connection.as_ref(), again);
            },
        ),
        "RunTaskMessage" => act(agent, from, body, |model, now, m: RunTaskMessage| {
            model.run_task(now, m)
        }),
        "RunTaskGroupMessage" => act(agent, from, body, |model, now, m: RunTaskGroupMessage| {
            model.run_group(now, m)
        }),
        "KillTaskMessage" => act(agent, from, body, |model, now, m: KillTaskMessage| {
            model.kill_task(now, m)
        }),
        "DrainSlaveMessage" => act(agent, from, body, |model, now, m: DrainSlaveMessage| {
            model.drain(now, m)
        }),
        "ShutdownFrameworkMessage" => act(
            agent,
            from,
            body,
            |model, now, m: ShutdownFrameworkMessage| {
                model.shutdown_framework(now, m.framework_id.value());
            },
        ),
        "ShutdownExecutorMessage" => act(
            agent,
            from,
            body,
            |model, now, m: ShutdownExecutorMessage| {
                model.shutdown_executor(now, m.framework_id.value(), m.executor_id.value());
            },
        ),
        "UpdateFrameworkMessage" => act(
            agent,
            from,
            body,
            |model, now, m: UpdateFrameworkMessage| {
                model.update_framework(now, m);
            },
        ),
        "StatusUpdateAcknowledgementMessage" => act(
            agent,
            from,
            body,
            |model, now, m: StatusUpdateAcknowledgementMessage| {
                model.acknowledged(now, &m);
            },
        ),
        "CheckpointResourcesMessage" => act(
            agent,
            from,
            body,
            |model, _, m: CheckpointResourcesMessage| {
                model.checkpoint_resources(&m.resources);
            },
        ),
        "ApplyOperationMessage" => {
            act(agent, from, body, |model, now, m: ApplyOperationMessage| {
                model.apply_operation(now, m);
            })
        }
        "AcknowledgeOperationStatusMessage" => act(
            agent,
            from,
            body,
            |model, _, m: AcknowledgeOperationStatusMessage| {
                model.operation_acknowledged(&m);
            },
        ),
        "ReconcileOperationsMessage" => act(
            agent,
            from,
            body,
            |model, now, m: ReconcileOperationsMessage| {
                model.reconcile_operations(now, &m);
            },
        ),
        "ShutdownMessage" => act(agent, from, body, |model, now, m: ShutdownMessage| {
            model.leave(now, &format!("the master says: {}", m.message()));
        }),
        _ => None,
    }
}

/// Messages of executors that speak v0, and of frameworks that send to executors directly.
fn from_others(agent: &Agent, from: &Upid, name: &str, body: &[u8]) -> Outcome {
    match name {
        "FrameworkToExecutorMessage" => Some(
            FrameworkToExecutorMessage::parse_from_bytes(body)
                .map(|message| agent.act(|model, _| model.framework_message(message))),
        ),
        "RegisterExecutorMessage" => {
            Some(RegisterExecutorMessage::parse_from_bytes(body).map(|m| {
                let ids = (m.framework_id.value(), m.executor_id.value());
                subscribe(agent, from, ids, None);
            }))
        }
        "ReregisterExecutorMessage" => Some(ReregisterExecutorMessage::parse_from_bytes(body).map(
            |mut m| {
                let updates = std::mem::take(&mut m.updates);
                let ids = (m.framework_id.value(), m.executor_id.value());
                subscribe(agent, from, ids, Some((&m.tasks, updates)));
            },
        )),
        "StatusUpdateMessage" => Some(StatusUpdateMessage::parse_from_bytes(body).map(|mut m| {
            if let Some(mut update) = m.update.take() {
                if update.uuid().is_empty() {
                    update.set_uuid(uuid::Uuid::new_v4().as_bytes().to_vec());
                }
                agent.executor_update(update);
            }
        })),
        "ExecutorToFrameworkMessage" => Some(
            ExecutorToFrameworkMessage::parse_from_bytes(body).map(|mut m| {
                let data = m.take_data();
                agent.act(|model, _| {
                    model.executor_message(m.framework_id.value(), m.executor_id.value(), data);
                });
            }),
        ),
        _ => None,
    }
}

fn subscribe(
    agent: &Agent,
    from: &Upid,
    ids: (&str, &str),
    unacknowledged: Option<(&[TaskInfo], Vec<StatusUpdate>)>,
) {
    agent.process.link(from);
    let link = Link::Libprocess {
        driver: from.clone(),
        again: unacknowledged.is_some(),
    };
    let (tasks, updates) = unacknowledged.unwrap_or_default();
    let refused = agent.act(|model, now| model.subscribe(now, ids, link, tasks, updates));
    if let Err(reason) = refused {
        tracing::warn!("telling executor {from} to end: {reason}");
        send(agent, from, &ShutdownExecutorMessage::new());
    }
}
