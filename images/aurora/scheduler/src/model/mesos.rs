//! What Mesos tells us, and what we ask it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use aurora_api::{Attribute, HostAttributes, MaintenanceMode, ScheduleStatus};
use mesos_proto::mesos::task_status::{Reason, Source};
use mesos_proto::mesos::{Offer, TaskID, TaskState, TaskStatus};

use super::Model;
use super::effect::{Record, Request};
use super::lifecycle::{Outcome, is_ending};
use super::resources::attribute_text;
use super::state::Target;
use super::timers::Timer;

/// The part of a Mesos status that matters here.
#[derive(Debug, Clone)]
pub struct StatusReport {
    /// The task.
    pub task: String,
    /// What became of it.
    pub state: TaskState,
    /// In words.
    pub message: Option<String>,
    /// Why.
    pub reason: Option<Reason>,
    /// Who says so.
    pub source: Option<Source>,
}

impl StatusReport {
    /// From the wire.
    pub fn of(status: &TaskStatus) -> Self {
        Self {
            task: status.task_id.value().to_string(),
            state: status.state(),
            message: status.message.clone().filter(|message| !message.is_empty()),
            reason: status.has_reason().then(|| status.reason()),
            source: status.has_source().then(|| status.source()),
        }
    }

    /// In Aurora's terms (task-lifecycle.md, "Mesos status mapping").
    fn status(&self) -> ScheduleStatus {
        match self.state {
            TaskState::TASK_STAGING | TaskState::TASK_STARTING => ScheduleStatus::Starting,
            TaskState::TASK_RUNNING => ScheduleStatus::Running,
            TaskState::TASK_FINISHED => ScheduleStatus::Finished,
            TaskState::TASK_FAILED => ScheduleStatus::Failed,
            TaskState::TASK_KILLING | TaskState::TASK_KILLED => ScheduleStatus::Killed,
            TaskState::TASK_UNREACHABLE | TaskState::TASK_UNKNOWN => ScheduleStatus::Partitioned,
            TaskState::TASK_LOST
            | TaskState::TASK_ERROR
            | TaskState::TASK_DROPPED
            | TaskState::TASK_GONE
            | TaskState::TASK_GONE_BY_OPERATOR => ScheduleStatus::Lost,
        }
    }

    /// What the task's event says.
    fn text(&self) -> Option<String> {
        match (self.reason, &self.message) {
            (Some(Reason::REASON_EXECUTOR_UNREGISTERED), _) => None,
            (_, Some(message)) => Some(message.clone()),
            (Some(Reason::REASON_CONTAINER_LIMITATION_MEMORY), None) => {
                Some("Task used more memory than requested.".to_string())
            }
            (Some(Reason::REASON_CONTAINER_LIMITATION_DISK), None) => {
                Some("Task used more disk than requested.".to_string())
            }
            (_, None) => None,
        }
    }
}

impl Model {
    /// The master took us in under this name. Whatever it was asked before may be lost, so it is asked
    /// again: about every task we think it has, about all it has, and to end those that should end.
    pub fn registered(&mut self, framework_id: &str) {
        if self.framework_id.as_deref() == Some(framework_id) {
            self.stats.count("scheduler_framework_reregisters");
        } else {
            self.framework_id = Some(framework_id.to_string());
            self.record(Record::SaveFrameworkId(framework_id.to_string()));
        }
        self.connected = true;
        self.offers.clear();
        self.ask_about_all(None);
        // What it has of us and we have written off is killed when it is heard of.
        self.ask_what_there_is();
        let ending: Vec<(String, Option<String>)> = self
            .tasks
            .iter()
            .filter(|task| is_ending(task.status))
            .map(|task| (task.id.clone(), task.agent_id.clone()))
            .collect();
        for (task, agent_id) in ending {
            self.request(Request::Kill { task, agent_id });
        }
    }

    /// The master will not have us under our name: next time we come as a stranger.
    pub fn forget_framework(&mut self) {
        self.framework_id = None;
        self.record(Record::SaveFrameworkId(String::new()));
    }

    /// The connection to the master is gone, and our offers with it.
    pub fn disconnected(&mut self) {
        if std::mem::replace(&mut self.connected, false) {
            self.stats.count("scheduler_framework_disconnects");
        }
        self.offers.clear();
    }

    /// The master offers resources.
    pub fn offered(&mut self, offers: Vec<Offer>) {
        let began = Instant::now();
        self.take_offers(offers);
        self.stats
            .time("scheduler_resource_offers", began.elapsed());
    }

    fn take_offers(&mut self, offers: Vec<Offer>) {
        for offer in offers {
            self.stats.count("scheduler_resource_offers");
            let id = offer.id.value().to_string();
            let has = |name: &str| {
                offer
                    .resources
                    .iter()
                    .any(|r| r.name() == name && r.scalar.value() > 0.0)
            };
            if !has("cpus") || !has("mem") {
                self.request(Request::Decline {
                    offers: vec![id],
                    refuse_secs: None,
                });
                continue;
            }
            self.note_host(&offer);
            if !self.settings.hold_offers_forever {
                let jitter = u64::try_from(self.settings.offer_hold_jitter).unwrap_or(0);
                let jitter = i64::try_from(self.chance.below(jitter)).unwrap_or(0);
                let until = self.now + self.settings.offer_hold + jitter;
                self.timers.set(until, Timer::OfferHeld { offer: id });
            }
            let rank = self.chance.draw();
            let attributes = self.attributes_stamp(offer.hostname());
            let agent = offer.slave_id.value().to_string();
            self.offers.add(offer, rank, attributes);
            self.offer_changed(&agent);
        }
    }

    /// The same number as long as the host's attributes are the same.
    fn attributes_stamp(&self, host: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        let attributes = self.hosts.get(host).map(|host| &host.attributes);
        attributes.hash(&mut hasher);
        hasher.finish()
    }

    /// Notes the attributes of an offer's host; its maintenance mode is kept.
    fn note_host(&mut self, offer: &Offer) {
        let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for attribute in &offer.attributes {
            if let Some(text) =
                attribute_text(attribute.type_(), &attribute.scalar, attribute.text.value())
            {
                values
                    .entry(attribute.name().to_string())
                    .or_default()
                    .insert(text);
            }
        }
        let known = self.hosts.get(offer.hostname());
        let mode = known
            .and_then(|host| host.mode)
            .unwrap_or(MaintenanceMode::None);
        let host = HostAttributes {
            host: offer.hostname().to_string(),
            attributes: values
                .into_iter()
                .map(|(name, values)| Attribute { name, values })
                .collect(),
            mode: Some(mode),
            slave_id: Some(offer.slave_id.value().to_string()),
        };
        if known != Some(&host) {
            self.record(Record::SaveHost(host.clone()));
            self.hosts.insert(host.host.clone(), host);
        }
    }

    /// The master takes an offer back.
    pub fn rescinded(&mut self, offer: &str) {
        self.stats.count("offers_rescinded");
        if !self.offers.remove(offer) {
            // It was accepted or declined meanwhile.
            self.stats.count("offer_cancel_failures");
        }
    }

    /// An offer has been held for long enough.
    pub(super) fn give_back(&mut self, offer: &str) {
        if self.offers.remove(offer) {
            let offers = vec![offer.to_string()];
            self.request(Request::Decline {
                offers,
                refuse_secs: None,
            });
        }
    }

    /// Notes how long a status was on its way: it was made at `timestamp`, in seconds since the epoch.
    /// Times that other machines' clocks make impossible are left out.
    pub fn note_delivery(&mut self, source: Source, timestamp: f64) {
        let name = match source {
            Source::SOURCE_MASTER => "task_delivery_delay_SOURCE_MASTER_requests",
            Source::SOURCE_SLAVE => "task_delivery_delay_SOURCE_SLAVE_requests",
            Source::SOURCE_EXECUTOR => "task_delivery_delay_SOURCE_EXECUTOR_requests",
        };
        let took = self.now as f64 / 1000.0 - timestamp;
        if took > 0.0
            && let Ok(took) = Duration::try_from_secs_f64(took)
        {
            self.stats.time(name, took);
        }
    }

    /// A task's status came.
    pub fn reported(&mut self, report: &StatusReport) {
        let began = Instant::now();
        self.take_report(report);
        self.stats.time("scheduler_status_update", began.elapsed());
    }

    fn take_report(&mut self, report: &StatusReport) {
        self.stats.count("scheduler_status_update");
        let status = report.status();
        if status == ScheduleStatus::Lost
            && let Some(source) = report.source
        {
            self.stats.count(&format!("task_lost_{source:?}"));
        }
        if let Some(reason) = report.reason {
            self.stats.count(&format!("task_exit_{reason:?}"));
        }
        let outcome = self.change(&report.task, None, Target::Status(status), report.text());
        if let Some(reason) = report.reason {
            let result = match outcome {
                Outcome::Changed => "SUCCESS",
                Outcome::Same => "NOOP",
                Outcome::Refused => "ILLEGAL",
                Outcome::Unexpected => "INVALID_CAS_STATE",
            };
            self.stats
                .count(&format!("status_update_{reason:?}_{result}"));
        }
    }

    /// The master did not take a launch.
    pub fn launch_failed(&mut self, tasks: &[String]) {
        for id in tasks {
            self.stats.count("assigner_launch_failures");
            let message = "Unknown exception attempting to schedule task.".to_string();
            let assigned = Some(ScheduleStatus::Assigned);
            self.change(
                id,
                assigned,
                Target::Status(ScheduleStatus::Lost),
                Some(message),
            );
        }
    }

    /// An executor ended, with this exit status; its task's status says the rest. The master tells of those, too,
    /// that ended in order.
    pub fn executor_ended(&mut self, status: i32) {
        if status != 0 {
            self.stats.count("scheduler_lost_executors");
        }
    }

    /// An agent is gone. The statuses of its tasks follow, but for those that its master never knew: a master that was
    /// started after the agent's end. They are asked for.
    pub fn agent_lost(&mut self) {
        self.stats.count("slaves_lost");
        if self.connected {
            self.ask_about_all(None);
        }
    }

    /// A message of an executor's, which Aurora's own does not send.
    pub fn framework_message(&mut self) {
        self.stats.count("scheduler_framework_message");
    }

    pub(super) fn reconcile_explicitly(&mut self) {
        let next = self.now + self.settings.reconciliation_explicit_interval;
        self.timers.set(next, Timer::ReconcileExplicit);
        if self.connected {
            self.reconcile_known(None);
        }
    }

    /// Reconciles explicitly: asks about every task that should have an agent, so many at a time, or as many as the
    /// flags say. What is asked because the master or an agent has changed is no reconciliation, and not counted as one.
    pub fn reconcile_known(&mut self, at_once: Option<usize>) {
        self.stats.count("reconciliation_explicit_runs");
        self.ask_about_all(at_once);
    }

    /// Asks about every task that should have an agent, so many at a time, or as many as the flags say.
    fn ask_about_all(&mut self, at_once: Option<usize>) {
        let tasks: Vec<(TaskID, Option<String>)> = self
            .tasks
            .iter()
            .filter(|task| task.status.is_agent_assigned())
            .map(|task| {
                let mut id = TaskID::new();
                id.set_value(task.id.clone());
                (id, task.agent_id.clone())
            })
            .collect();
        let usual = self.settings.scheduling.reconciliation_batch;
        let size = at_once.unwrap_or(usual).max(1);
        let mut at = self.now;
        for batch in tasks.chunks(size) {
            let tasks = batch.to_vec();
            match at == self.now {
                true => self.request(Request::Reconcile { tasks }),
                false => self.timers.set(at, Timer::ReconcileBatch { tasks }),
            }
            at += self
                .settings
                .scheduling
                .reconciliation_batch_interval
                .max(1);
        }
    }

    /// Asks about some tasks that are still thought to be there.
    pub(super) fn reconcile_batch(&mut self, mut tasks: Vec<(TaskID, Option<String>)>) {
        tasks.retain(|(id, _)| {
            let task = self.tasks.get(id.value());
            task.is_some_and(|task| task.status.is_agent_assigned())
        });
        // An empty list would mean all tasks.
        if self.connected && !tasks.is_empty() {
            self.request(Request::Reconcile { tasks });
        }
    }

    pub(super) fn reconcile_implicitly(&mut self) {
        let next = self.now + self.settings.reconciliation_implicit_interval;
        self.timers.set(next, Timer::ReconcileImplicit);
        if self.connected {
            self.reconcile_unknown();
        }
    }

    /// Reconciles implicitly: asks about every task the master has of us.
    pub fn reconcile_unknown(&mut self) {
        self.stats.count("reconciliation_implicit_runs");
        self.ask_what_there_is();
    }

    fn ask_what_there_is(&mut self) {
        self.request(Request::Reconcile { tasks: Vec::new() });
    }
}
