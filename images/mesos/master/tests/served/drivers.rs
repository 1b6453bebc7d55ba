//! A v0 scheduler driver over libprocess, byte for byte as peers send it.

use std::sync::Arc;

use mesos_proto::mesos::TaskState;
use mesos_proto::mesos::offer::{Operation, operation};
use mesos_proto::messages::{
    FrameworkRegisteredMessage, ResourceOffersMessage, RunTaskMessage,
    StatusUpdateAcknowledgementMessage, StatusUpdateMessage,
};
use mesos_proto::scheduler::{Call, call};
use mesos_wire::http::{Request, Response};
use mesos_wire::libprocess::{BoxFuture, Handler, Message, Process};
use mesos_wire::pid::Upid;
use protobuf::MessageFull;
use tokio::sync::mpsc;

use crate::agent::Agent;
use crate::site::Site;

const NAME: &str = "scheduler-6ed3";

struct Inbox(mpsc::UnboundedSender<Message>);

impl Handler for Inbox {
    fn delegate(&self) -> &str {
        NAME
    }

    fn has(&self, id: &str) -> bool {
        id == NAME
    }

    fn message(&self, message: Message) {
        // The test may be over.
        let _ = self.0.send(message);
    }

    fn exited(&self, _: Upid) {}

    fn http(self: Arc<Self>, _: Request) -> BoxFuture<Response> {
        Box::pin(async { Response::status(hyper::StatusCode::NOT_FOUND) })
    }
}

async fn next<M: MessageFull>(inbox: &mut mpsc::UnboundedReceiver<Message>, master: &Upid) -> M {
    let message = inbox.recv().await.expect("a message");
    assert_eq!(message.name, M::descriptor().full_name());
    // Drivers take messages from the pid in MasterInfo alone.
    assert_eq!(message.from, *master);
    M::parse_from_bytes(&message.body).expect("a whole message")
}

#[tokio::test]
async fn a_driver_runs_a_task_and_is_gone_when_its_connection_is() {
    let site = Site::start(&[]).await;
    let mut agent = Agent::register(&site.pid).await;
    let any = "127.0.0.1:0".parse().expect("an address");
    let (process, listener) = Process::bind(any, None).await.expect("a free port");
    let (sender, mut inbox) = mpsc::unbounded_channel();
    let serving = tokio::spawn(listener.serve(Arc::new(Inbox(sender)), std::future::pending()));
    let own = process.pid(NAME);
    let mut subscribe = Call::new();
    subscribe.set_type(call::Type::SUBSCRIBE);
    let info = subscribe
        .subscribe
        .mut_or_insert_default()
        .framework_info
        .mut_or_insert_default();
    info.set_user("root".into());
    info.set_name("driver".into());
    process.send(&own, &site.pid, &subscribe);
    let registered: FrameworkRegisteredMessage = next(&mut inbox, &site.pid).await;
    let offers: ResourceOffersMessage = next(&mut inbox, &site.pid).await;
    assert_eq!(offers.offers.len(), offers.pids.len());
    let offer = offers.offers.first().expect("an offer");

    let mut task = mesos_proto::mesos::TaskInfo::new();
    task.set_name("t".into());
    task.task_id.mut_or_insert_default().set_value("t".into());
    task.slave_id = offer.slave_id.clone();
    task.command
        .mut_or_insert_default()
        .set_value("true".into());
    task.resources = mesos_wire::resources::parse("cpus:1;mem:32", "*")
        .expect("resources")
        .to_protos(mesos_wire::resources::Format::Pre);
    let mut launch = Operation::new();
    launch.set_type(operation::Type::LAUNCH);
    launch.launch.mut_or_insert_default().task_infos.push(task);
    let mut accept = Call::new();
    accept.set_type(call::Type::ACCEPT);
    accept.framework_id = registered.framework_id.clone();
    let body = accept.accept.mut_or_insert_default();
    body.offer_ids.extend(offer.id.as_ref().cloned());
    body.operations.push(launch);
    // What is left is not offered again while anything else is waited for.
    body.filters
        .mut_or_insert_default()
        .set_refuse_seconds(1000.0);
    process.send(&own, &site.pid, &accept);
    let run: RunTaskMessage = agent.next().await;
    assert_eq!(run.pid(), own.to_string());

    let id = registered.framework_id.value().to_string();
    agent.update(&id, "t", TaskState::TASK_RUNNING);
    let update: StatusUpdateMessage = next(&mut inbox, &site.pid).await;
    assert_eq!(update.update.status.state(), TaskState::TASK_RUNNING);
    assert!(update.pid().starts_with("slave(1)@"));
    let mut acknowledge = Call::new();
    acknowledge.set_type(call::Type::ACKNOWLEDGE);
    acknowledge.framework_id = registered.framework_id.clone();
    let body = acknowledge.acknowledge.mut_or_insert_default();
    body.slave_id = update.update.slave_id.clone();
    body.task_id = update.update.status.task_id.clone();
    body.set_uuid(update.update.uuid().to_vec());
    process.send(&own, &site.pid, &acknowledge);
    let acknowledged: StatusUpdateAcknowledgementMessage = agent.next().await;
    assert_eq!(acknowledged.uuid(), update.update.uuid());

    let shown = site.client().get("/frameworks").await.json();
    assert_eq!(shown["frameworks"][0]["pid"], own.to_string());
    serving.abort();
    loop {
        let shown = site.client().get("/frameworks").await.json();
        if shown["completed_frameworks"][0]["id"] == id.as_str() {
            break;
        }
    }
}
