//! Runs a check's command in a task's container: in a session of its own, through the agent.

use std::sync::Arc;

use mesos_driver::agent::{Agent, AgentError};
use mesos_proto::mesos::{CommandInfo, ContainerID};
use mesos_proto::v1_agent::{Call, call};
use protobuf::MessageField;
use tokio::sync::Mutex;

use super::probe::Seen;

/// The container that commands run in.
#[derive(Debug, Clone)]
pub(crate) struct Within {
    agent: Agent,
    container: ContainerID,
    /// The session before this one, which is still to be removed.
    last: Arc<Mutex<Option<ContainerID>>>,
}

impl Within {
    pub(crate) fn new(agent: Agent, container: ContainerID) -> Self {
        Self {
            agent,
            container,
            last: Arc::default(),
        }
    }

    /// Runs a command, and waits for its end. It is ended if nobody waits any more.
    pub(crate) async fn status(&self, command: &CommandInfo) -> Seen {
        match self.run(command).await {
            Ok(Some(status)) if status & 0x7f == 0 => Seen::Exit((status >> 8) & 0xff),
            Ok(status) => Seen::Nothing(format!("the command ended with wait status {status:?}")),
            Err(error) => Seen::Nothing(error.to_string()),
        }
    }

    async fn run(&self, command: &CommandInfo) -> Result<Option<i32>, AgentError> {
        let mut last = self.last.lock().await;
        if let Some(id) = last.take() {
            let mut remove = call::RemoveNestedContainer::new();
            remove.container_id = MessageField::some(id);
            let mut call = Call::new();
            call.set_type(call::Type::REMOVE_NESTED_CONTAINER);
            call.remove_nested_container = MessageField::some(remove);
            // What cannot be removed goes with the task's container.
            let _ = self.agent.call(&call).await;
        }
        let mut id = ContainerID::new();
        id.set_value(format!("check-{}", uuid::Uuid::new_v4()));
        id.parent = MessageField::some(self.container.clone());
        *last = Some(id.clone());
        let mut session = call::LaunchNestedContainerSession::new();
        session.container_id = MessageField::some(id.clone());
        session.command = MessageField::some(command.clone());
        let mut call = Call::new();
        call.set_type(call::Type::LAUNCH_NESTED_CONTAINER_SESSION);
        call.launch_nested_container_session = MessageField::some(session);
        self.agent.session(&call, |_| {}).await?;
        let mut wait = call::WaitNestedContainer::new();
        wait.container_id = MessageField::some(id);
        let mut call = Call::new();
        call.set_type(call::Type::WAIT_NESTED_CONTAINER);
        call.wait_nested_container = MessageField::some(wait);
        let answer = self.agent.call(&call).await?;
        Ok(answer.wait_nested_container.exit_status)
    }
}
