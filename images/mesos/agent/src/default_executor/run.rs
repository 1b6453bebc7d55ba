//! The default executor at work: carries out what the machine decides, and tells it what came of it.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::process::ExitCode;
use std::time::Duration;

use mesos_driver::agent::Agent;
use mesos_driver::executor::{Driver, Environment, Event, Events};
use mesos_proto::mesos::{ContainerID, TaskInfo};
use mesos_proto::v1_agent::response::WaitContainer;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::calls;
use super::machine::{Act, Machine, Sight};
use crate::executor::child::Context;
use crate::executor::probe::{Probe, Seen};
use crate::executor::within::Within;

/// How long the last update may wait for its acknowledgement.
const LAST_WORDS: Duration = Duration::from_secs(60);
/// What an executor keeps of its grace period for itself.
const OWN_GRACE: Duration = Duration::from_secs(2);
/// How long the agent is left alone before it is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// What came of an act.
#[derive(Debug)]
enum Word {
    Launched(String, Result<(), String>),
    Ended(String, Result<WaitContainer, String>),
    Seen(String, Sight),
}

/// The executor's surroundings.
pub(super) struct Runner {
    driver: Driver,
    agent: Agent,
    environment: Environment,
    machine: Machine,
    words: mpsc::UnboundedSender<Word>,
    heard: mpsc::UnboundedReceiver<Word>,
}

impl Runner {
    pub(super) fn new(driver: Driver, agent: Agent, environment: Environment) -> Self {
        let (words, heard) = mpsc::unbounded_channel();
        Self {
            driver,
            agent,
            environment,
            machine: Machine::default(),
            words,
            heard,
        }
    }

    /// Does what the agent says until nothing is left to do.
    pub(super) async fn run(mut self, mut events: Events) -> ExitCode {
        let mut listening = true;
        let mut end = None;
        loop {
            let deadline = self.machine.deadline();
            tokio::select! {
                event = events.next(), if listening => match event {
                    Some(Event::Shutdown) | None => {
                        listening = false;
                        let grace = self.environment.shutdown_grace_period;
                        end = Some(Instant::now() + grace + LAST_WORDS);
                        self.machine.shut_down(Instant::now(), grace.saturating_sub(OWN_GRACE));
                    }
                    Some(event) => self.handle(event),
                },
                Some(word) = self.heard.recv() => self.note(word),
                () = at(deadline) => self.machine.tick(Instant::now()),
                // Only the agent can end what runs in its containers and tell of it, and it may be gone for good.
                () = at(end) => {
                    tracing::warn!("exiting although the agent has not told how the last tasks ended");
                    return ExitCode::FAILURE;
                }
            }
            for act in self.machine.take_acts() {
                if act == Act::Exit {
                    if timeout(LAST_WORDS, self.driver.settled()).await.is_err() {
                        tracing::warn!(
                            "exiting although the agent has not acknowledged the last update"
                        );
                    }
                    return ExitCode::SUCCESS;
                }
                self.carry_out(act);
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Subscribed(subscribed) => {
                tracing::info!("subscribed as executor {}", self.environment.executor_id);
                let container = subscribed.container_id.into_option().unwrap_or_default();
                self.machine
                    .subscribed(subscribed.framework_info.into_option(), container);
            }
            Event::LaunchGroup(group) => {
                let new_id = || uuid::Uuid::new_v4().to_string();
                self.machine.launch_group(now, &group, new_id);
            }
            Event::Launch(task) => {
                let id = task.task_id.value();
                tracing::error!(
                    "task {id} is not in a group, as this executor runs them: shutting down"
                );
                self.machine.shut_down(now, Duration::ZERO);
            }
            Event::Kill {
                task_id,
                kill_policy,
            } => self
                .machine
                .kill(now, task_id.value(), kill_policy.as_ref()),
            Event::Message(_) => tracing::debug!("ignoring a message: groups take none"),
            Event::Error(text) => tracing::error!("the agent says: {text}"),
            Event::Shutdown => {}
        }
    }

    fn note(&mut self, word: Word) {
        let now = Instant::now();
        match word {
            Word::Launched(task, result) => self.machine.launched(now, &task, result),
            Word::Ended(task, result) => self.machine.ended(now, &task, result),
            Word::Seen(task, sight) => self.machine.seen(now, &task, &sight),
        }
    }

    fn carry_out(&self, act: Act) {
        match act {
            Act::Update(status) => self.driver.update(*status),
            Act::Launch(task, container) => {
                let ip = self
                    .environment
                    .agent_endpoint
                    .split(':')
                    .next()
                    .unwrap_or_default();
                let ip = std::env::var("LIBPROCESS_IP").unwrap_or_else(|_| ip.to_string());
                let call = calls::launch(&task, &container, &ip);
                let (agent, words) = (self.agent.clone(), self.words.clone());
                tokio::spawn(async move {
                    let answer = agent.call_for_nothing(&call).await;
                    let result = answer.map_err(|error| error.to_string());
                    let _ = words.send(Word::Launched(task.task_id.value().to_string(), result));
                });
            }
            Act::Watch(task, container) => self.watch(*task, container),
            Act::Signal(container, signal) => {
                let (agent, call) = (self.agent.clone(), calls::kill(&container, signal));
                tokio::spawn(async move {
                    loop {
                        match agent.call_for_nothing(&call).await {
                            Err(error) if error.is_passing() => sleep(RETRY).await,
                            Err(error) => {
                                tracing::info!("signal {signal} has come too late: {error}");
                                return;
                            }
                            Ok(()) => return,
                        }
                    }
                });
            }
            Act::Exit => {}
        }
    }

    fn watch(&self, task: TaskInfo, container: ContainerID) {
        let id = task.task_id.value().to_string();
        if let Err(error) = self.link(&id, &container) {
            tracing::warn!("the sandbox of task {id} cannot be linked to: {error}");
        }
        // The checks go with the wait: they end when the task does.
        let mut checks = JoinSet::new();
        let health = task
            .health_check
            .as_ref()
            .map(|check| (Probe::of_health(check), true));
        let check = task
            .check
            .as_ref()
            .map(|check| (Probe::of_check(check), false));
        for (probe, is_health) in health.into_iter().chain(check) {
            let Some(probe) = probe else {
                tracing::error!("a check of task {id} cannot be understood");
                continue;
            };
            let context = Context {
                variables: Vec::new(),
                directory: self.environment.sandbox.clone(),
                identity: None,
                container: None,
                within: Some(Within::new(self.agent.clone(), container.clone())),
            };
            let (words, id) = (self.words.clone(), id.clone());
            let wrap = move |seen: Seen| {
                if is_health {
                    Sight::Health(seen)
                } else {
                    Sight::Check(seen)
                }
            };
            let tell = move |seen| words.send(Word::Seen(id.clone(), wrap(seen))).is_ok();
            checks.spawn(probe.repeat(context, tell));
        }
        let (agent, words, call) = (
            self.agent.clone(),
            self.words.clone(),
            calls::wait(&container),
        );
        tokio::spawn(async move {
            let result = loop {
                match agent.call(&call).await {
                    Ok(answer) => {
                        break Ok(answer.wait_container.into_option().unwrap_or_default());
                    }
                    Err(error) if error.is_passing() => sleep(RETRY).await,
                    Err(error) => break Err(error.to_string()),
                }
            };
            drop(checks);
            let _ = words.send(Word::Ended(id, result));
        });
    }

    /// The web page finds a task's sandbox by the task's id.
    fn link(&self, task: &str, container: &ContainerID) -> io::Result<()> {
        if !crate::paths::is_safe_id(task) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let tasks = self.environment.sandbox.join("tasks");
        fs::create_dir_all(&tasks)?;
        let sandbox = self
            .environment
            .sandbox
            .join("containers")
            .join(container.value());
        symlink(sandbox, tasks.join(task))
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
