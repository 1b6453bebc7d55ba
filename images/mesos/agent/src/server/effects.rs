//! Carries out what the model decides.

use std::sync::Arc;

use mesos_wire::libprocess::Outgoing;
use mesos_wire::pid::Upid;
use tokio::sync::{mpsc, watch};

use super::agent::{Agent, PROCESS_ID};
use super::{collect, v0};
use crate::checkpoint::Store;
use crate::containerizer::Containers;
use crate::model::{Effect, Link};

/// An exit code, and why.
pub(crate) type Exit = Option<(u8, String)>;

/// Carries out effects in order, for as long as there are any.
pub(crate) async fn carry_out(
    agent: Arc<Agent>,
    containers: Arc<Containers>,
    mut store: Store,
    mut effects: mpsc::UnboundedReceiver<Effect>,
    exit: watch::Sender<Exit>,
) {
    while let Some(effect) = effects.recv().await {
        match effect {
            Effect::Send(to, message) => send(&agent, &to, &*message),
            Effect::SendAs(id, to, message) => send_as(&agent, &id, &to, &*message),
            Effect::Link(pid) => agent.process.link(&pid),
            Effect::Launch(launch) => {
                let (id, work_dir) = whereabouts(&agent);
                collect::revive(&agent, &work_dir, &id, &launch.place);
                containers.launch(id, *launch);
            }
            Effect::RetireExecutor(place) => {
                let (id, work_dir) = whereabouts(&agent);
                collect::retire_executor(&agent, &work_dir, &id, &place);
            }
            Effect::RetireFramework(framework) => {
                let (id, work_dir) = whereabouts(&agent);
                collect::retire_framework(&agent, &work_dir, &id, &framework);
                agent.idle.notify_one();
            }
            Effect::Attach {
                place,
                directory,
                user,
                volumes,
            } => {
                if let Err(error) = containers.attach(&directory, user.as_deref(), &volumes) {
                    tracing::error!("destroying container {}: {error}", place.container);
                    containers.destroy(&place.container);
                }
            }
            Effect::Detach { directory, volumes } => containers.detach(&directory, &volumes),
            Effect::Resize(container, share) => containers.resize(&container, share),
            Effect::Destroy(container) => containers.destroy(&container),
            Effect::Tell {
                link: Link::Http(link),
                event,
                ..
            } => agent.tell(link, &*event),
            Effect::Tell {
                link: Link::Libprocess { driver, again },
                place,
                event,
            } => {
                let id = agent.look(|model| model.id().unwrap_or_default().to_string());
                if let Some(message) = v0::message(*event, &place, &id, again) {
                    send(&agent, &driver, &*message);
                }
            }
            Effect::End(link) => agent.end_subscriber(link),
            Effect::Checkpoint(checkpoint) => {
                // Without its checkpoint a task could be lost by a restart, which is told; the task
                // itself need not die of it.
                if let Err(error) = store.write(&checkpoint) {
                    tracing::error!("cannot checkpoint: {error}");
                }
            }
            Effect::Exit(code, reason) => {
                exit.send_replace(Some((code, reason)));
            }
        }
    }
}

/// The agent's id and its work directory.
fn whereabouts(agent: &Agent) -> (String, std::path::PathBuf) {
    agent.look(|model| {
        let id = model.id().unwrap_or_default().to_string();
        (id, model.config().work_dir.clone())
    })
}

pub(crate) fn send(agent: &Agent, to: &Upid, message: &dyn Outgoing) {
    send_as(agent, PROCESS_ID, to, message);
}

fn send_as(agent: &Agent, id: &str, to: &Upid, message: &dyn Outgoing) {
    agent.process.send(&agent.process.pid(id), to, message);
}
