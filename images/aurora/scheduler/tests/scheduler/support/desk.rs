//! A model alone: what it asks for is noted, and what comes from Mesos is said by hand.

use aurora_api::{JobConfiguration, ScheduleStatus, TaskConfig};
use aurora_scheduler::model::effect::{Record, Request};
use aurora_scheduler::model::resources::{ports, scalar};
use aurora_scheduler::model::settings::Settings;
use aurora_scheduler::model::{Model, StatusReport, Stored};
use mesos_proto::mesos::{Attribute, Offer, Resource, TaskState, value};

/// A time to begin at, in milliseconds since the epoch.
pub(crate) const START: i64 = 1_000_000_000;

pub(crate) struct Desk {
    pub(crate) model: Model,
    pub(crate) now: i64,
    pub(crate) requests: Vec<Request>,
    pub(crate) records: Vec<Record>,
    offers: u64,
}

impl Desk {
    pub(crate) fn new(settings: Settings) -> Self {
        Self::with(settings, Stored::default())
    }

    /// A scheduler that goes on where a store ends.
    pub(crate) fn with(settings: Settings, stored: Stored) -> Self {
        let mut desk = Self {
            model: Model::new(settings, stored, 7, START),
            now: START,
            requests: Vec::new(),
            records: Vec::new(),
            offers: 0,
        };
        desk.run(|model| model.registered("F"));
        desk
    }

    pub(crate) fn run<R>(&mut self, run: impl FnOnce(&mut Model) -> R) -> R {
        self.model.at(self.now);
        let result = run(&mut self.model);
        let effects = self.model.finish();
        self.records.extend(effects.records);
        self.requests.extend(effects.requests);
        result
    }

    /// Lets time pass, with everything that falls due in it.
    pub(crate) fn pass(&mut self, ms: i64) {
        let end = self.now + ms;
        while let Some(next) = self.model.next_timer().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.run(|_| ());
        }
        self.now = end;
        self.run(|_| ());
    }

    /// An agent offers resources. `host` is its name, and its id with an `S` before it.
    pub(crate) fn offer_resources(&mut self, host: &str, resources: Vec<Resource>, rack: &str) {
        self.offers += 1;
        let mut offer = Offer::new();
        let id = format!("O{}", self.offers);
        offer.id.mut_or_insert_default().set_value(id);
        let agent = offer.slave_id.mut_or_insert_default();
        agent.set_value(format!("S{host}"));
        offer.set_hostname(host.to_string());
        offer.resources = resources;
        if !rack.is_empty() {
            let mut attribute = Attribute::new();
            attribute.set_name("rack".to_string());
            attribute.set_type(value::Type::TEXT);
            attribute
                .text
                .mut_or_insert_default()
                .set_value(rack.to_string());
            offer.attributes.push(attribute);
        }
        self.run(|model| model.offered(vec![offer]));
    }

    /// An agent offers cores, and of all else enough.
    pub(crate) fn offer(&mut self, host: &str, cpus: f64) {
        let resources = vec![
            scalar("cpus", cpus),
            scalar("mem", 1_000_000.0),
            scalar("disk", 1_000_000.0),
            ports(31_000, 32_000),
        ];
        self.offer_resources(host, resources, "");
    }

    /// Makes a job of this configuration.
    pub(crate) fn create(&mut self, config: &TaskConfig, instances: i32) {
        let job = JobConfiguration {
            key: config.job.clone(),
            owner: config.owner.clone(),
            task_config: Some(config.clone()),
            instance_count: instances,
            ..JobConfiguration::default()
        };
        let made = self.run(|model| {
            let job = model.sanitize(&job)?;
            model.create_job(job)
        });
        assert_eq!(made, Ok(()));
    }

    /// Mesos says what became of a task.
    pub(crate) fn report(&mut self, task: &str, state: TaskState) {
        let report = StatusReport {
            task: task.to_string(),
            state,
            message: None,
            reason: None,
            source: None,
        };
        self.run(|model| model.reported(&report));
    }

    /// What was launched since the last look: tasks with their agents. They run at once.
    pub(crate) fn launched(&mut self) -> Vec<(String, String)> {
        let mut launched = Vec::new();
        for request in std::mem::take(&mut self.requests) {
            if let Request::Accept { launches, .. } = request {
                launched.extend(launches.into_iter().map(|launch| {
                    let task = launch.task;
                    (task.id.clone(), task.agent_id.clone().unwrap())
                }));
            }
        }
        for (task, _) in &launched {
            self.report(task, TaskState::TASK_RUNNING);
        }
        launched
    }

    /// Lets time pass while one agent offers so much again and again. Gives what is launched there.
    pub(crate) fn keep_offering(
        &mut self,
        ms: i64,
        host: &str,
        cpus: f64,
    ) -> Vec<(String, String)> {
        let end = self.now + ms;
        let mut launched = Vec::new();
        while self.now < end {
            if self.model.offers().get(&format!("S{host}")).is_none() {
                self.offer(host, cpus);
            }
            self.pass(1);
            launched.extend(self.launched());
        }
        launched
    }

    /// The tasks that Mesos was told to kill since the last look.
    pub(crate) fn killed(&mut self) -> Vec<String> {
        let requests = std::mem::take(&mut self.requests).into_iter();
        let kills = requests.filter_map(|request| match request {
            Request::Kill { task, .. } => Some(task),
            _ => None,
        });
        kills.collect()
    }

    pub(crate) fn status(&self, task: &str) -> Option<ScheduleStatus> {
        self.model.tasks().get(task).map(|task| task.status)
    }

    /// A counter of `/vars`.
    pub(crate) fn stat(&self, name: &str) -> i64 {
        let mut all = self.model.stats().iter();
        all.find(|(known, _)| *known == name)
            .map_or(0, |(_, count)| count)
    }
}
