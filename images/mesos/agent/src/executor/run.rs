//! The executor at work: events of the agent, the task's process, its checks, and time.

use std::process::ExitCode;
use std::time::Duration;

use mesos_driver::executor::{Driver, Environment, Event, Events};
use mesos_proto::mesos::task_status::Reason;
use mesos_proto::mesos::{FrameworkInfo, TaskID, TaskInfo, TaskState, TaskStatus};
use nix::sys::signal::Signal;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::child::{Child, Context};
use super::docker::{self, Docker};
use super::health::{Check, Health};
use super::probe::{Probe, Seen};
use super::task::{Order, Task};
use crate::model::wait_status;

/// How long the last update may wait for its acknowledgement.
const LAST_WORDS: Duration = Duration::from_secs(60);
/// What an executor keeps of its grace period for itself.
const OWN_GRACE: Duration = Duration::from_secs(2);

/// The end of a command that could not be executed.
const NOT_EXECUTED: &str = "Command exited with status 1";

/// What a probe has seen.
#[derive(Debug)]
enum Sight {
    Health(Seen),
    Check(Seen),
}

/// What runs the task.
#[derive(Debug)]
enum Running {
    /// A process.
    Process(Child),
    /// A container of a Docker engine.
    Container(docker::Container),
}

impl Running {
    /// Waits for the end; whether it was a success, and the words for that.
    async fn wait(&mut self) -> std::io::Result<(bool, String)> {
        match self {
            Self::Process(child) => {
                let status = child.wait().await?;
                Ok((status == 0, format!("Command {}", wait_status(status))))
            }
            Self::Container(container) => container.ended().await,
        }
    }
}

/// The executor: what it was told, and what it runs.
pub(super) struct Executor {
    driver: Driver,
    environment: Environment,
    user: Option<String>,
    framework: Option<FrameworkInfo>,
    task: Option<Task>,
    docker: Option<Docker>,
    child: Option<Running>,
    health: Option<Health>,
    check: Option<Check>,
    sight: mpsc::UnboundedSender<Sight>,
    sights: mpsc::UnboundedReceiver<Sight>,
    /// Whether the task could not even start.
    over: bool,
}

impl Executor {
    pub(super) fn new(driver: Driver, environment: Environment, user: Option<String>) -> Self {
        let (sight, sights) = mpsc::unbounded_channel();
        Self {
            driver,
            environment,
            user,
            framework: None,
            task: None,
            docker: None,
            child: None,
            health: None,
            check: None,
            sight,
            sights,
            over: false,
        }
    }

    /// Runs its task in a container.
    pub(super) fn with_docker(self, docker: Docker) -> Self {
        Self {
            docker: Some(docker),
            ..self
        }
    }

    /// Does what the agent says until the task is over, or there will be none.
    pub(super) async fn run(mut self, mut events: Events) -> ExitCode {
        let mut listening = true;
        while !self.over {
            let deadline = self.task.as_ref().and_then(Task::deadline);
            tokio::select! {
                event = events.next(), if listening => match event {
                    Some(Event::Shutdown) | None => {
                        listening = false;
                        if self.shut_down().await { return ExitCode::SUCCESS; }
                    }
                    Some(event) => self.handle(event).await,
                },
                status = exited(self.child.as_mut()) => {
                    self.child = None;
                    return self.finish(status).await;
                }
                Some(sight) = self.sights.recv() => self.look_at(sight).await,
                () = at(deadline) => {
                    let order = self.task.as_mut().map(|task| task.tick(Instant::now()));
                    self.obey(order.unwrap_or(Order::Nothing)).await;
                }
            }
        }
        ExitCode::SUCCESS
    }

    async fn handle(&mut self, event: Event) {
        match event {
            Event::Subscribed(subscribed) => {
                if let (Some(task), Some(info)) =
                    (self.task.as_mut(), subscribed.framework_info.as_ref())
                {
                    task.set_framework(info);
                }
                tracing::info!("subscribed as executor {}", self.environment.executor_id);
                self.framework = subscribed.framework_info.into_option();
            }
            Event::Launch(task) => self.launch(*task).await,
            Event::LaunchGroup(group) => {
                for task in &group.tasks {
                    let text = "Task groups are not supported by the command executor";
                    self.report(&task.task_id, TaskState::TASK_FAILED, text);
                }
            }
            Event::Kill {
                task_id,
                kill_policy,
            } => {
                let now = Instant::now();
                let order = match self.task.as_mut().filter(|task| *task.id() == task_id) {
                    Some(task) => task.kill(now, kill_policy.as_ref()),
                    None => {
                        tracing::warn!(
                            "ignoring the kill of task {}, which is not here",
                            task_id.value()
                        );
                        Order::Nothing
                    }
                };
                self.obey(order).await;
            }
            Event::Message(_) => tracing::debug!("ignoring a message: a command takes none"),
            Event::Error(text) => tracing::error!("the agent says: {text}"),
            Event::Shutdown => {}
        }
    }

    async fn launch(&mut self, info: TaskInfo) {
        let id = info.task_id.clone().unwrap_or_default();
        if self.task.is_some() {
            let text = "Attempted to run multiple tasks using a \"command\" executor";
            self.report(&id, TaskState::TASK_FAILED, text);
            return;
        }
        tracing::info!("starting task {}", id.value());
        self.report(&id, TaskState::TASK_STARTING, "");
        let context = Context::new(&info, &self.environment, self.user.as_deref());
        let started = match (context, &self.docker) {
            (Err(text), _) => Err(text),
            (Ok(context), None) => {
                Child::start(&info, &context).map(|child| (Running::Process(child), context))
            }
            (Ok(mut context), Some(docker)) => docker
                .start(&info)
                .await
                .map_err(|error| docker::explained(&error))
                .map(|container| {
                    context.container = Some(container.place.clone());
                    (Running::Container(container), context)
                }),
        };
        match started {
            Ok((child, context)) => {
                let mut update = self.status_of(&id, TaskState::TASK_RUNNING, "");
                match &child {
                    Running::Process(child) => {
                        tracing::info!("task {} runs as process {}", id.value(), child.pid());
                    }
                    Running::Container(container) => {
                        let (data, status) = container.described();
                        update.set_data(data);
                        update.container_status = Some(status).into();
                    }
                }
                self.child = Some(child);
                self.watch(&info, &context);
                let mut task = Task::new(Instant::now(), &info, self.framework.as_ref());
                if let Some(docker) = &self.docker {
                    task.set_default_grace(docker.grace);
                }
                self.task = Some(task);
                if let Some(check) = &self.check {
                    update.check_status = Some(check.status().clone()).into();
                }
                self.driver.update(update);
            }
            Err(text) if self.docker.is_some() => {
                tracing::error!("task {}: {text}", id.value());
                self.report(&id, TaskState::TASK_FAILED, &text);
                self.last_words().await;
                self.over = true;
            }
            // To the framework this is a command that ran and failed: the original's launcher runs, and
            // fails to become the command.
            Err(text) => {
                tracing::error!("task {}: Failed to execute command: {text}", id.value());
                self.report(&id, TaskState::TASK_RUNNING, "");
                self.report(&id, TaskState::TASK_FAILED, NOT_EXECUTED);
                self.last_words().await;
                self.over = true;
            }
        }
    }

    /// Starts to look at the task, as far as it asks for that.
    fn watch(&mut self, info: &TaskInfo, context: &Context) {
        if let Some(check) = info.health_check.as_ref() {
            self.health = Some(Health::new(Instant::now(), check));
            self.repeat(Probe::of_health(check), context, Sight::Health);
        }
        if let Some(check) = info.check.as_ref() {
            self.check = Some(Check::new(check));
            self.repeat(Probe::of_check(check), context, Sight::Check);
        }
    }

    fn repeat(&self, probe: Option<Probe>, context: &Context, wrap: fn(Seen) -> Sight) {
        let Some(probe) = probe else {
            tracing::error!("the task's check cannot be understood");
            return;
        };
        let sight = self.sight.clone();
        tokio::spawn(probe.repeat(context.clone(), move |seen| sight.send(wrap(seen)).is_ok()));
    }

    async fn look_at(&mut self, sight: Sight) {
        let Some(id) = self.task.as_ref().map(|task| task.id().clone()) else {
            return;
        };
        match sight {
            Sight::Health(seen) => {
                let Some(health) = self.health.as_mut() else {
                    return;
                };
                let verdict = health.judge(Instant::now(), seen.is_healthy());
                if let Seen::Nothing(why) = &seen {
                    tracing::info!("health check: {why}");
                }
                if verdict.report.is_some() {
                    let mut update = self.status_of(&id, TaskState::TASK_RUNNING, "");
                    update.set_reason(Reason::REASON_TASK_HEALTH_CHECK_STATUS_UPDATED);
                    self.driver.update(update);
                }
                if verdict.kill {
                    tracing::warn!("killing task {}: it is not healthy", id.value());
                    let order = self
                        .task
                        .as_mut()
                        .map(|task| task.kill(Instant::now(), None));
                    self.obey(order.unwrap_or(Order::Nothing)).await;
                }
            }
            Sight::Check(seen) => {
                if self.check.as_mut().is_some_and(|check| check.note(&seen)) {
                    let mut update = self.status_of(&id, TaskState::TASK_RUNNING, "");
                    update.set_reason(Reason::REASON_TASK_CHECK_STATUS_UPDATED);
                    self.driver.update(update);
                }
            }
        }
    }

    async fn obey(&mut self, order: Order) {
        let (signal, report) = match order {
            Order::Nothing => return,
            Order::Terminate { report } => (Signal::SIGTERM, report),
            Order::Kill { report } => (Signal::SIGKILL, report),
        };
        if let (true, Some(task)) = (report, &self.task) {
            self.report(task.id(), TaskState::TASK_KILLING, "");
        }
        match &self.child {
            Some(Running::Process(child)) => child.signal(signal),
            Some(Running::Container(container)) => {
                let deadline = self.task.as_ref().and_then(Task::deadline);
                let grace = deadline.map(|at| at.saturating_duration_since(Instant::now()));
                container.signal(signal, grace.unwrap_or_default());
            }
            None => {}
        }
    }

    /// The agent wants no more of this executor. Whether there is nothing to wait for.
    async fn shut_down(&mut self) -> bool {
        tracing::info!("shutting down");
        let grace = self
            .environment
            .shutdown_grace_period
            .saturating_sub(OWN_GRACE);
        let Some(task) = self.task.as_mut().filter(|_| self.child.is_some()) else {
            return true;
        };
        let order = task.kill_within(Instant::now(), grace);
        self.obey(order).await;
        false
    }

    async fn finish(&mut self, ended: std::io::Result<(bool, String)>) -> ExitCode {
        let Some(task) = &self.task else {
            return ExitCode::SUCCESS;
        };
        let (end, text) = match ended {
            Ok((succeeded, text)) => (task.end(succeeded), text),
            Err(error) => (
                task.end(false),
                format!("Failed to get exit status for Command: {error}"),
            ),
        };
        tracing::info!("task {}: {text}", task.id().value());
        let mut update = self.status_of(task.id(), end.state, &text);
        if let Some(reason) = end.reason {
            update.set_reason(reason);
        }
        self.driver.update(update);
        self.last_words().await;
        ExitCode::SUCCESS
    }

    /// Waits until the agent has stored everything that was reported.
    async fn last_words(&self) {
        if timeout(LAST_WORDS, self.driver.settled()).await.is_err() {
            tracing::warn!("exiting although the agent has not acknowledged the last update");
        }
    }

    fn report(&self, id: &TaskID, state: TaskState, text: &str) {
        self.driver.update(self.status_of(id, state, text));
    }

    fn status_of(&self, id: &TaskID, state: TaskState, text: &str) -> TaskStatus {
        let mut status = TaskStatus::new();
        status.task_id = Some(id.clone()).into();
        status.set_state(state);
        if !text.is_empty() {
            status.set_message(text.to_string());
        }
        if let Some(healthy) = self.health.as_ref().and_then(Health::healthy) {
            status.set_healthy(healthy);
        }
        if let Some(check) = &self.check {
            status.check_status = Some(check.status().clone()).into();
        }
        status
    }
}

async fn exited(child: Option<&mut Running>) -> std::io::Result<(bool, String)> {
    match child {
        Some(child) => child.wait().await,
        None => std::future::pending().await,
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
