//! A framework that launches so many tasks as fast as offers allow, and times each of them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use mesos_driver::scheduler::{CallSender, Config, DriverEvent, MasterAddress, start};
use mesos_proto::mesos::{FrameworkInfo, Offer, Resource, TaskInfo, TaskState, TaskStatus};
use mesos_proto::scheduler::Event;
use mesos_proto::scheduler::call::{Accept, Acknowledge, Decline, Type as CallType};
use mesos_proto::v1_scheduler::Call;
use mesos_wire::resources::{Format, Resources};
use protobuf::MessageField;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;

/// What to launch.
#[derive(clap::Args)]
pub(crate) struct Plan {
    /// The master, as HOST:PORT.
    #[arg(long)]
    master: String,
    /// How many tasks to launch.
    #[arg(long, default_value_t = 200)]
    count: usize,
    /// CPUs of a task.
    #[arg(long, default_value_t = 0.1)]
    cpus: f64,
    /// Memory of a task, in MB.
    #[arg(long, default_value_t = 16.0)]
    mem: f64,
    /// The tasks' command, run by a shell.
    #[arg(long, default_value = "true")]
    command: String,
    /// Most tasks that are on their way at one time; 1 measures an idle cluster.
    #[arg(long, default_value_t = usize::MAX)]
    at_once: usize,
    /// The tasks go on: prints when all run, and ends with standard input.
    #[arg(long)]
    hold: bool,
    /// Ends when this many seconds are over, with an error.
    #[arg(long, default_value_t = 600)]
    timeout: u64,
}

/// Why the load could not be put on.
#[derive(Debug, Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Driver(#[from] mesos_driver::scheduler::DriverError),
    #[error("the master refused the framework: {0}")]
    Refused(String),
    #[error("a call was not taken: {0}")]
    Call(String),
    #[error("{ended} of {count} tasks ended within {seconds} s")]
    Timeout {
        ended: usize,
        count: usize,
        seconds: u64,
    },
    #[error("the driver ended")]
    Ended,
    #[error("resources: {0}")]
    Resources(#[from] mesos_wire::resources::ResourceError),
}

struct Load<'a> {
    plan: &'a Plan,
    each: Resources,
    calls: CallSender,
    launched: HashMap<String, Instant>,
    running: Vec<Duration>,
    ended: Vec<Duration>,
    failed: HashMap<TaskState, usize>,
    /// What the first failed task said.
    complaint: Option<String>,
    updates: usize,
    offers: usize,
    start: Option<Instant>,
}

/// Launches them all, and prints what was measured.
pub(crate) async fn run(plan: &Plan) -> Result<(), LoadError> {
    let mut info = FrameworkInfo::new();
    info.set_user("root".into());
    info.set_name("load".into());
    info.roles.push("*".into());
    let mut capability = mesos_proto::mesos::framework_info::Capability::new();
    capability.set_type(mesos_proto::mesos::framework_info::capability::Type::MULTI_ROLE);
    info.capabilities.push(capability);
    let (_master, masters) = watch::channel(Some(MasterAddress::new(plan.master.clone())));
    let mut driver = start(Config::new(info), masters)?;
    let text = format!("cpus:{};mem:{}", plan.cpus, plan.mem);
    let mut load = Load {
        plan,
        each: mesos_wire::resources::parse(&text, "*")?,
        calls: driver.calls.clone(),
        launched: HashMap::new(),
        running: Vec::new(),
        ended: Vec::new(),
        failed: HashMap::new(),
        complaint: None,
        updates: 0,
        offers: 0,
        start: None,
    };
    let deadline = tokio::time::sleep(Duration::from_secs(plan.timeout));
    tokio::pin!(deadline);
    let result = loop {
        tokio::select! {
            event = driver.events.recv() => match event {
                Some(DriverEvent::Api(event)) => match load.on(*event) {
                    Ok(false) => {}
                    Ok(true) => break Ok(load.report()),
                    Err(error) => break Err(error),
                },
                Some(DriverEvent::Disconnected { reason }) => break Err(LoadError::Refused(reason)),
                Some(DriverEvent::CallFailed { reason, .. }) => break Err(LoadError::Call(reason)),
                None => return Err(LoadError::Ended),
            },
            () = &mut deadline => break Err(LoadError::Timeout {
                ended: load.ended.len(),
                count: plan.count,
                seconds: plan.timeout,
            }),
        }
    };
    if let Ok(report) = &result {
        println!("{report}");
    }
    if plan.hold && result.is_ok() {
        let mut rest = Vec::new();
        // Whatever ends standard input, an error too, ends the framework.
        let _ = tokio::io::stdin().read_to_end(&mut rest).await;
    }
    let mut teardown = Call::new();
    teardown.set_type(CallType::TEARDOWN);
    load.calls.send(teardown);
    // The master closes the stream when it has taken the call.
    while let Some(DriverEvent::Api(_)) = driver.events.recv().await {}
    result.map(|_| ())
}

impl Load<'_> {
    /// True when all is done.
    fn on(&mut self, event: Event) -> Result<bool, LoadError> {
        if let Some(error) = event.error.as_ref() {
            return Err(LoadError::Refused(error.message().to_string()));
        }
        for offer in &event.offers.offers {
            self.offers += 1;
            self.answer(offer)?;
        }
        if let Some(status) = event.update.status.as_ref() {
            self.update(status);
        }
        let done = if self.plan.hold {
            self.running.len()
        } else {
            self.ended.len()
        };
        Ok(done == self.plan.count)
    }

    fn answer(&mut self, offer: &Offer) -> Result<(), LoadError> {
        let mut left = Resources::from_protos(&offer.resources)?;
        let role = offer.allocation_info.role().to_string();
        let each = self.each.clone().allocated(&role);
        let on_their_way = self.launched.len() - self.ended.len();
        let wanted = (self.plan.count - self.launched.len())
            .min(self.plan.at_once.saturating_sub(on_their_way));
        let mut tasks = Vec::new();
        while tasks.len() < wanted && left.contains(&each) {
            left = left.minus(&each);
            tasks.push(self.task(offer, each.to_protos(Format::Pre)));
        }
        let mut call = Call::new();
        if tasks.is_empty() {
            let mut decline = Decline::new();
            decline.offer_ids.push(offer.id.clone().unwrap_or_default());
            let wait = if self.launched.len() < self.plan.count {
                0.0
            } else {
                100.0
            };
            decline
                .filters
                .mut_or_insert_default()
                .set_refuse_seconds(wait);
            call.set_type(CallType::DECLINE);
            call.decline = MessageField::some(decline);
        } else {
            let mut operation = mesos_proto::mesos::offer::Operation::new();
            operation.set_type(mesos_proto::mesos::offer::operation::Type::LAUNCH);
            operation.launch.mut_or_insert_default().task_infos = tasks;
            let mut accept = Accept::new();
            accept.offer_ids.push(offer.id.clone().unwrap_or_default());
            accept.operations.push(operation);
            accept
                .filters
                .mut_or_insert_default()
                .set_refuse_seconds(0.0);
            call.set_type(CallType::ACCEPT);
            call.accept = MessageField::some(accept);
            self.start.get_or_insert_with(Instant::now);
        }
        self.calls.send(call);
        Ok(())
    }

    fn task(&mut self, offer: &Offer, resources: Vec<Resource>) -> TaskInfo {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let mut task = TaskInfo::new();
        task.set_name(id.clone());
        task.task_id.mut_or_insert_default().set_value(id.clone());
        task.slave_id = offer.slave_id.clone();
        task.resources = resources;
        let command = task.command.mut_or_insert_default();
        command.set_shell(true);
        command.set_value(self.plan.command.clone());
        self.launched.insert(id, Instant::now());
        task
    }

    fn update(&mut self, status: &TaskStatus) {
        self.updates += 1;
        if status.has_uuid() {
            let mut acknowledge = Acknowledge::new();
            acknowledge.slave_id = status.slave_id.clone();
            acknowledge.task_id = status.task_id.clone();
            acknowledge.set_uuid(status.uuid().to_vec());
            let mut call = Call::new();
            call.set_type(CallType::ACKNOWLEDGE);
            call.acknowledge = MessageField::some(acknowledge);
            self.calls.send(call);
        }
        let Some(launched) = self.launched.get(status.task_id.value()) else {
            return;
        };
        match status.state() {
            TaskState::TASK_STAGING | TaskState::TASK_STARTING => {}
            TaskState::TASK_RUNNING => self.running.push(launched.elapsed()),
            state => {
                self.ended.push(launched.elapsed());
                if state != TaskState::TASK_FINISHED {
                    *self.failed.entry(state).or_default() += 1;
                    self.complaint
                        .get_or_insert_with(|| status.message().to_string());
                }
            }
        }
    }

    fn report(&mut self) -> Value {
        let seconds = self
            .start
            .map_or(0.0, |start| start.elapsed().as_secs_f64());
        let failed: HashMap<String, usize> = self
            .failed
            .iter()
            .map(|(state, count)| (format!("{state:?}"), *count))
            .collect();
        json!({
            "tasks": self.plan.count,
            "seconds": seconds,
            "tasks_per_second": self.plan.count as f64 / seconds,
            "updates_per_second": self.updates as f64 / seconds,
            "offers_per_second": self.offers as f64 / seconds,
            "running_p50": percentile(&mut self.running, 50),
            "running_p99": percentile(&mut self.running, 99),
            "ended_p50": percentile(&mut self.ended, 50),
            "ended_p99": percentile(&mut self.ended, 99),
            "failed": failed,
            "complaint": self.complaint,
        })
    }
}

/// Seconds; none where nothing was timed.
fn percentile(times: &mut [Duration], percent: usize) -> Option<f64> {
    times.sort_unstable();
    let last = times.len().checked_sub(1)?;
    times
        .get((times.len() * percent / 100).min(last))
        .map(Duration::as_secs_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_times() {
        let mut times: Vec<_> = (1..=100).rev().map(Duration::from_secs).collect();
        assert_eq!(percentile(&mut times, 50), Some(51.0));
        assert_eq!(percentile(&mut times, 99), Some(100.0));
        assert_eq!(percentile(&mut times[..1], 99), Some(1.0));
        assert_eq!(percentile(&mut [], 50), None);
    }
}
