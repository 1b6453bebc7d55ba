//! `mesos-executor`: runs one plain command task (protocol-flows.md, section 12.1). It speaks the v1
//! API to whatever agent has started it, the original's too.

mod child;
mod task;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use mesos_driver::executor::{Driver, Environment, Event, Events, start};
use mesos_proto::mesos::{FrameworkInfo, TaskID, TaskInfo, TaskState, TaskStatus};
use mesos_wire::flags::{Flag, Flags, Kind, Request, flag, usage};
use mesos_wire::log;
use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep_until, timeout};

use child::Child;
use task::{Order, Task};

use crate::model::wait_status;

/// How long the last update may wait for its acknowledgement.
const LAST_WORDS: Duration = Duration::from_secs(60);
/// What an executor keeps of its grace period for itself.
const OWN_GRACE: Duration = Duration::from_secs(2);

/// The flags that agents give to it; what is not used here is for containers with images.
const FLAGS: [Flag; 9] = [
    flag(
        "launcher_dir",
        Kind::Text,
        None,
        "Where Mesos' programs are",
    ),
    flag("user", Kind::Text, None, "The user that the task runs as"),
    flag(
        "sandbox_directory",
        Kind::Text,
        None,
        "The sandbox, inside of an image",
    ),
    flag(
        "working_directory",
        Kind::Text,
        None,
        "Where the task starts",
    ),
    flag("rootfs", Kind::Text, None, "The root of an image"),
    flag(
        "task_launch_info",
        Kind::Text,
        None,
        "How a container is entered",
    ),
    flag("tty_slave_path", Kind::Text, None, "A terminal"),
    flag(
        "effective_capabilities",
        Kind::Text,
        None,
        "Capabilities of the task",
    ),
    flag(
        "bounding_capabilities",
        Kind::Text,
        None,
        "The most capabilities of the task",
    ),
];

/// Runs `mesos-executor`; `args` begins with the program's name.
pub fn main(args: Vec<OsString>) -> ExitCode {
    use std::io::Write as _;
    let said = |text: String| match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    };
    log::init("info");
    let flags = match Flags::parse(&FLAGS, args.into_iter().skip(1), []) {
        Ok(Request::Help) => return said(usage("mesos-executor", &FLAGS)),
        Ok(Request::Version) => return said("mesos 1.12.0\n".to_string()),
        Ok(Request::Run(flags)) => flags,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    if flags.text("rootfs").is_some() || flags.text("task_launch_info").is_some() {
        tracing::error!("this executor starts no containers with images");
        return ExitCode::FAILURE;
    }
    let environment = match Environment::from_process() {
        Ok(environment) => environment,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        let (driver, events) = start(environment.clone());
        let user = flags.text("user").map(ToString::to_string);
        Executor {
            driver,
            environment,
            user,
            framework: None,
            task: None,
            child: None,
            over: false,
        }
        .run(events)
        .await
    });
    runtime.shutdown_background();
    code
}

struct Executor {
    driver: Driver,
    environment: Environment,
    user: Option<String>,
    framework: Option<FrameworkInfo>,
    task: Option<Task>,
    child: Option<Child>,
    /// Whether the task could not even start.
    over: bool,
}

impl Executor {
    async fn run(mut self, mut events: Events) -> ExitCode {
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
        match Child::start(&info, &self.environment, self.user.as_deref()) {
            Ok(child) => {
                tracing::info!("task {} runs as process {}", id.value(), child.pid());
                self.child = Some(child);
                self.task = Some(Task::new(Instant::now(), &info, self.framework.as_ref()));
                self.report(&id, TaskState::TASK_RUNNING, "");
            }
            Err(text) => {
                tracing::error!("task {} cannot be started: {text}", id.value());
                self.report(&id, TaskState::TASK_FAILED, &text);
                self.last_words().await;
                self.over = true;
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
        if let Some(child) = &self.child {
            child.signal(signal);
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

    async fn finish(&mut self, status: std::io::Result<i32>) -> ExitCode {
        let Some(task) = &self.task else {
            return ExitCode::SUCCESS;
        };
        let (end, text) = match status {
            Ok(status) => (
                task.end(status == 0),
                format!("Command {}", wait_status(status)),
            ),
            Err(error) => (
                task.end(false),
                format!("Failed to get exit status for Command: {error}"),
            ),
        };
        tracing::info!("task {}: {text}", task.id().value());
        let mut update = status_of(task.id(), end.state, &text);
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
        self.driver.update(status_of(id, state, text));
    }
}

fn status_of(id: &TaskID, state: TaskState, text: &str) -> TaskStatus {
    let mut status = TaskStatus::new();
    status.task_id = Some(id.clone()).into();
    status.set_state(state);
    if !text.is_empty() {
        status.set_message(text.to_string());
    }
    status
}

async fn exited(child: Option<&mut Child>) -> std::io::Result<i32> {
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
