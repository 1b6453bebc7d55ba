//! The scheduler as a Mesos framework: what it subscribes with, what its requests look like as calls,
//! and what it makes of the master's events.

mod events;
pub mod executors;
mod launch;

use std::collections::BTreeMap;

use mesos_proto::mesos::framework_info::{Capability, capability};
use mesos_proto::mesos::{Filters, FrameworkID, FrameworkInfo, OfferID, SlaveID};
use mesos_proto::scheduler::call;
use mesos_proto::v1_scheduler::Call;
use protobuf::MessageField;

use crate::model::effect::{Launch, Request};

pub use events::serve;
pub use executors::Executor;

/// What is the same for every launch and every call.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// Name of the cluster, for discovery information.
    pub cluster_name: String,
    /// The executors by name.
    pub executors: BTreeMap<String, Executor>,
    /// `-populate_discovery_info`
    pub populate_discovery_info: bool,
    /// How long declined resources stay away, in seconds.
    pub refuse_secs: f64,
    /// The same for what a launch leaves over.
    pub accept_refuse_secs: f64,
}

/// What the flags say about the framework.
#[derive(Debug, Clone)]
pub struct Identity {
    /// `-framework_name`
    pub name: String,
    /// `-executor_user`, which is the framework's user as well.
    pub user: String,
    /// `-mesos_role`
    pub role: Option<String>,
    /// `-framework_failover_timeout`, in seconds.
    pub failover_timeout_secs: f64,
    /// Host name of this scheduler.
    pub hostname: String,
    /// Where its pages are.
    pub webui_url: String,
    /// `-partition_aware`
    pub partition_aware: bool,
    /// `-receive_revocable_resources`
    pub revocable: bool,
    /// `-allow_gpu_resource`
    pub gpus: bool,
    /// `-framework_announce_principal` with its name, if any.
    pub principal: Option<String>,
}

impl Identity {
    /// The framework as it subscribes; with `id` it takes its own place again.
    pub fn framework_info(&self, id: Option<&str>) -> FrameworkInfo {
        let mut info = FrameworkInfo::new();
        info.set_user(self.user.clone());
        info.set_name(self.name.clone());
        info.set_checkpoint(true);
        info.set_failover_timeout(self.failover_timeout_secs);
        info.set_hostname(self.hostname.clone());
        info.set_webui_url(self.webui_url.clone());
        info.role.clone_from(&self.role);
        info.principal.clone_from(&self.principal);
        if let Some(id) = id {
            let mut framework_id = FrameworkID::new();
            framework_id.set_value(id.to_string());
            info.id = MessageField::some(framework_id);
        }
        let wanted = [
            (self.gpus, capability::Type::GPU_RESOURCES),
            (self.partition_aware, capability::Type::PARTITION_AWARE),
            (self.revocable, capability::Type::REVOCABLE_RESOURCES),
        ];
        for (_, kind) in wanted.into_iter().filter(|(wanted, _)| *wanted) {
            let mut capability = Capability::new();
            capability.set_type(kind);
            info.capabilities.push(capability);
        }
        info
    }
}

fn agent(id: &str) -> MessageField<SlaveID> {
    let mut agent = SlaveID::new();
    agent.set_value(id.to_string());
    MessageField::some(agent)
}

fn offer_ids(ids: &[String]) -> Vec<OfferID> {
    let wrap = |id: &String| {
        let mut offer = OfferID::new();
        offer.set_value(id.clone());
        offer
    };
    ids.iter().map(wrap).collect()
}

fn filters(refuse_secs: f64) -> MessageField<Filters> {
    let mut filters = Filters::new();
    filters.set_refuse_seconds(refuse_secs);
    MessageField::some(filters)
}

/// So many tasks are asked about in one call.
const RECONCILE_BATCH: usize = 1000;

impl Launcher {
    /// The calls that carry out a request.
    pub fn calls(&self, request: Request) -> Vec<Call> {
        let mut call = Call::new();
        match request {
            Request::Accept { offers, launches } => {
                call.set_type(call::Type::ACCEPT);
                let accept = call.accept.mut_or_insert_default();
                accept.offer_ids = offer_ids(&offers);
                accept.filters = filters(self.accept_refuse_secs);
                accept.operations = vec![self.operation(&launches)];
            }
            Request::Decline {
                offers,
                refuse_secs,
            } => {
                call.set_type(call::Type::DECLINE);
                let decline = call.decline.mut_or_insert_default();
                decline.offer_ids = offer_ids(&offers);
                decline.filters = filters(refuse_secs.unwrap_or(self.refuse_secs));
            }
            Request::AcceptInverse { offer } => {
                call.set_type(call::Type::ACCEPT_INVERSE_OFFERS);
                let accept = call.accept_inverse_offers.mut_or_insert_default();
                accept.inverse_offer_ids = offer_ids(&[offer]);
                accept.filters = MessageField::some(Filters::new());
            }
            Request::Kill { task, agent_id } => {
                call.set_type(call::Type::KILL);
                let kill = call.kill.mut_or_insert_default();
                kill.task_id.mut_or_insert_default().set_value(task);
                if let Some(id) = agent_id {
                    kill.slave_id = agent(&id);
                }
            }
            Request::Reconcile { tasks } => return reconcile(tasks),
        }
        vec![call]
    }

    fn operation(&self, launches: &[Launch]) -> mesos_proto::mesos::offer::Operation {
        let mut operation = mesos_proto::mesos::offer::Operation::new();
        operation.set_type(mesos_proto::mesos::offer::operation::Type::LAUNCH);
        operation.launch.mut_or_insert_default().task_infos = launches
            .iter()
            .filter_map(|launch| self.task_info(launch))
            .collect();
        operation
    }
}

fn reconcile(tasks: Vec<(mesos_proto::mesos::TaskID, Option<String>)>) -> Vec<Call> {
    let call_for = |tasks: &[(mesos_proto::mesos::TaskID, Option<String>)]| {
        let mut call = Call::new();
        call.set_type(call::Type::RECONCILE);
        let reconcile = call.reconcile.mut_or_insert_default();
        for (id, agent_id) in tasks {
            let mut task = call::reconcile::Task::new();
            task.task_id = MessageField::some(id.clone());
            if let Some(agent_id) = agent_id {
                task.slave_id = agent(agent_id);
            }
            reconcile.tasks.push(task);
        }
        call
    };
    if tasks.is_empty() {
        return vec![call_for(&[])];
    }
    tasks.chunks(RECONCILE_BATCH).map(call_for).collect()
}
