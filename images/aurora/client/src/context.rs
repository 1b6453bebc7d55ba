//! What every verb works with: its arguments, the clusters, and the usual ways of calling a
//! scheduler and of reading a job (`apache/aurora/client/cli/context.py`).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use aurora_api::calls::{GetTasksWithoutConfigsArgs, GetTierConfigsArgs};
use aurora_api::{
    Call, CallResult, JobKey, Response, ResponseCode, ScheduleStatus, ScheduledTask, TaskQuery,
};

use crate::api::Scheduler;
use crate::argparse::Parsed;
use crate::clusters::{self, Clusters};
use crate::config::JobConfig;
use crate::console::Console;
use crate::exit::{self, Failure, Result};
use crate::grammar;
use crate::hooks::{Event, Hooks, Method};
use crate::keys::{self, AuroraKey};
use crate::python::{self, PythonError, Request};
use crate::transport::Manner;

const LOCKED: &str = "Error: job is locked by an active update.\n      Run 'aurora update abort' or wait for the active update to finish.";

/// A command under way.
#[derive(Debug)]
pub struct Context {
    pub args: Parsed,
    pub console: Console,
    clusters: RefCell<Option<Rc<Clusters>>>,
    schedulers: RefCell<BTreeMap<String, Rc<Scheduler>>>,
    /// The hooks of the job that was read last.
    hooks: RefCell<Option<Rc<Hooks>>>,
}

impl Context {
    /// For a command line.
    pub fn new(args: Parsed, console: Console) -> Self {
        let console = console.verbose(args.flag(grammar::name(&grammar::VERBOSE)));
        Self {
            args,
            console,
            clusters: RefCell::default(),
            schedulers: RefCell::default(),
            hooks: RefCell::default(),
        }
    }

    /// All clusters in `clusters.json`.
    pub fn clusters(&self) -> Result<Rc<Clusters>> {
        if let Some(clusters) = self.clusters.borrow().as_ref() {
            return Ok(Rc::clone(clusters));
        }
        let found = clusters::load(&clusters::search_path())
            .map_err(|error| Failure::new(exit::INVALID_CONFIGURATION, error.to_string()))?;
        let found = Rc::new(found);
        *self.clusters.borrow_mut() = Some(Rc::clone(&found));
        Ok(found)
    }

    /// A cluster's scheduler.
    pub fn scheduler(&self, cluster: &str) -> Result<Rc<Scheduler>> {
        if let Some(scheduler) = self.schedulers.borrow().get(cluster) {
            return Ok(Rc::clone(scheduler));
        }
        let found = self.clusters()?.get(cluster).cloned().ok_or_else(|| {
            Failure::new(
                exit::INVALID_CONFIGURATION,
                format!("Unknown cluster: {cluster}"),
            )
        })?;
        let scheduler = Rc::new(Scheduler::new(found, self.console, Manner::USER));
        self.schedulers
            .borrow_mut()
            .insert(cluster.to_owned(), Rc::clone(&scheduler));
        Ok(scheduler)
    }

    /// Whether a flag was given.
    pub fn flag(&self, option: &crate::argparse::Opt) -> bool {
        self.args.flag(grammar::name(option))
    }

    /// An option's text.
    pub fn text(&self, option: &crate::argparse::Opt) -> Option<String> {
        self.args.value(grammar::name(option)).map(str::to_owned)
    }

    /// An option's number.
    pub fn number(&self, option: &crate::argparse::Opt, default: i64) -> i64 {
        self.args.integer(grammar::name(option), default)
    }

    /// The job that the command line is about. The parser has checked that it is one.
    pub fn job(&self) -> Result<AuroraKey> {
        AuroraKey::parse(self.args.word(grammar::JOB.metavar))
            .ok_or_else(|| Failure::new(exit::INVALID_PARAMETER, "no job key"))
    }

    /// The job and instances that the command line is about.
    pub fn instances(&self) -> Result<keys::InstanceSpec> {
        keys::InstanceSpec::parse(self.args.word(grammar::INSTANCES.metavar))
            .map_err(|_| Failure::new(exit::INVALID_PARAMETER, "no job key"))
    }

    /// Logs what a scheduler says to a success, and ends the command on anything else.
    pub fn check(&self, response: &Response, code: u8, complaint: &str) -> Result<()> {
        let message = combined(response);
        if response.response_code == ResponseCode::Ok {
            if !message.is_empty() {
                self.console.info(&message);
            }
            return Ok(());
        }
        self.console.err(complaint);
        self.console.err(&format!("\t{message}"));
        if response.response_code == ResponseCode::JobUpdatingError {
            self.console.err(&format!("\t{LOCKED}"));
        }
        Err(Failure::logged(code))
    }

    /// Has the job's hooks run before a call. One that does not agree ends the command.
    pub async fn before(&self, method: &Method<'_>) -> Result<()> {
        let hooks = self.hooks.borrow().clone();
        let Some(hooks) = hooks else {
            return Ok(());
        };
        if hooks.run(Event::Before, method).await? {
            return Ok(());
        }
        Err(Failure::new(
            exit::DIED,
            format!("Pre hooks stopped call to {}", method.name()),
        ))
    }

    /// Has the job's hooks run after a call. What they say changes nothing.
    pub async fn after(&self, method: &Method<'_>, response: &Response) -> Result<()> {
        let hooks = self.hooks.borrow().clone();
        if let Some(hooks) = hooks {
            hooks.run(Event::After(response), method).await?;
        }
        Ok(())
    }

    /// Makes a call with the job's hooks around it.
    pub async fn hooked(&self, cluster: &str, method: &Method<'_>, call: Call) -> Result<Response> {
        self.before(method).await?;
        let response = self.scheduler(cluster)?.call(call).await?;
        self.after(method, &response).await?;
        Ok(response)
    }

    /// Each cluster's registry, where it names one.
    fn registries(&self) -> Result<BTreeMap<String, String>> {
        let clusters = self.clusters()?;
        let named = clusters
            .values()
            .filter_map(|cluster| Some((cluster.name.clone(), cluster.docker_registry.clone()?)));
        Ok(named.collect())
    }

    /// A job from a file, as this cluster's scheduler will understand it.
    pub async fn job_config(&self, key: &AuroraKey, file: &str) -> Result<JobConfig> {
        let request = Request {
            file,
            json: self.flag(&grammar::READ_JSON),
            registries: self.registries()?,
            hooks: !self.args.flag("--disable_all_hooks_reason"),
            bindings: python::bindings(self.args.values(grammar::name(&grammar::BIND))),
            key: Some([
                &key.cluster,
                &key.job.role,
                &key.job.environment,
                &key.job.name,
            ]),
        };
        // An unknown cluster is only complained of when the file is right.
        let scheduler = self.scheduler(&key.cluster);
        let reading = async {
            let read = python::job(&request, self.console).await;
            read.map_err(|error| self.broken_file(error))
        };
        let (description, hooks) = match &scheduler {
            Ok(scheduler) => scheduler.found_during(reading).await?,
            Err(_) => reading.await?,
        };
        *self.hooks.borrow_mut() = hooks.map(Rc::new);
        let scheduler = scheduler?;
        let response = scheduler
            .call(Call::GetTierConfigs(GetTierConfigsArgs::default()))
            .await?;
        self.check(
            &response,
            exit::INVALID_CONFIGURATION,
            "Error getting tier configurations:",
        )?;
        let tiers = match response.result {
            Some(CallResult::GetTierConfig(tiers)) => tiers.tiers.into_iter().collect(),
            _ => Vec::new(),
        };
        JobConfig::new(description, &tiers).map_err(|error| {
            Failure::new(
                exit::INVALID_CONFIGURATION,
                format!("Error loading configuration: {error}"),
            )
        })
    }

    /// A job from the file of `--config`, if there is one.
    pub async fn optional_config(&self, key: &AuroraKey) -> Result<Option<JobConfig>> {
        match self.text(&grammar::CONFIG) {
            Some(file) => self.job_config(key, &file).await.map(Some),
            None => Ok(None),
        }
    }

    fn broken_file(&self, error: PythonError) -> Failure {
        match error {
            PythonError::Fatal(message) => {
                self.console.fatal(&message);
                Failure::logged(exit::DIED)
            }
            PythonError::Exited(code) => Failure::logged(code),
            PythonError::File { message, traceback } => {
                if self.console.is_verbose() {
                    self.console.err(traceback.trim_end());
                }
                Failure::new(
                    exit::INVALID_CONFIGURATION,
                    format!("Error loading configuration: {message}"),
                )
            }
            PythonError::Interpreter(message) => Failure::new(
                exit::INVALID_CONFIGURATION,
                format!("Error loading configuration: {message}"),
            ),
        }
    }

    /// A cluster's tasks that match a query, without their executors' data.
    pub async fn tasks(
        &self,
        scheduler: &Scheduler,
        query: TaskQuery,
        code: u8,
    ) -> Result<Vec<ScheduledTask>> {
        let args = GetTasksWithoutConfigsArgs { query: Some(query) };
        let response = scheduler.call(Call::GetTasksWithoutConfigs(args)).await?;
        self.check(&response, code, "Command failure:")?;
        Ok(tasks_of(response))
    }

    /// A job's active tasks.
    pub async fn active_tasks(&self, key: &AuroraKey) -> Result<Vec<ScheduledTask>> {
        let scheduler = self.scheduler(&key.cluster)?;
        let query = TaskQuery {
            statuses: Some(ScheduleStatus::ACTIVE.iter().copied().collect()),
            ..query_for(&key.job)
        };
        self.tasks(&scheduler, query, exit::INVALID_PARAMETER).await
    }

    /// A job's active instances, all of `wanted` among them.
    pub async fn active_instances(
        &self,
        key: &AuroraKey,
        wanted: &BTreeSet<i32>,
    ) -> Result<BTreeSet<i32>> {
        let active: BTreeSet<i32> = instances_of(&self.active_tasks(key).await?);
        let unknown: Vec<i32> = wanted.difference(&active).copied().collect();
        if unknown.is_empty() {
            return Ok(active);
        }
        Err(Failure::new(
            exit::INVALID_PARAMETER,
            format!("Invalid instance parameter: {}", keys::list(unknown)),
        ))
    }

    /// The address of a page about a job.
    pub async fn job_page(&self, key: &AuroraKey) -> Result<String> {
        let url = self.scheduler(&key.cluster)?.shown_url().await;
        Ok(format!("{url}/scheduler/{}", key.job))
    }

    /// Shows the job's page in a browser, if the user asked for that.
    pub async fn maybe_open_browser(&self, key: &AuroraKey) -> Result<()> {
        if self.flag(&grammar::OPEN_BROWSER) {
            open_browser(&self.job_page(key).await?);
        }
        Ok(())
    }
}

/// A response's messages as the original joins them.
pub fn combined(response: &Response) -> String {
    let messages: Vec<&str> = response
        .details
        .iter()
        .map(|detail| {
            detail
                .message
                .as_deref()
                .filter(|m| !m.is_empty())
                .unwrap_or("Unknown error")
        })
        .collect();
    messages.join(", ")
}

/// All tasks of a job.
pub fn query_for(job: &JobKey) -> TaskQuery {
    TaskQuery {
        job_keys: Some(BTreeSet::from([job.clone()])),
        ..TaskQuery::default()
    }
}

/// The tasks in a response.
pub fn tasks_of(response: Response) -> Vec<ScheduledTask> {
    match response.result {
        Some(CallResult::ScheduleStatus(result)) => result.tasks,
        _ => Vec::new(),
    }
}

/// The instances that tasks are.
pub fn instances_of(tasks: &[ScheduledTask]) -> BTreeSet<i32> {
    tasks
        .iter()
        .map(|task| task.assigned_task.instance_id)
        .collect()
}

/// Hands an address to whatever browser there is. Having none is no error, as with Python's
/// `webbrowser`.
pub fn open_browser(url: &str) {
    let named = std::env::var_os("BROWSER").filter(|name| !name.is_empty());
    let programs = named
        .into_iter()
        .chain(["xdg-open", "sensible-browser", "open"].map(Into::into));
    for program in programs {
        let spawned = std::process::Command::new(program)
            .arg(url)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn();
        if spawned.is_ok() {
            return;
        }
    }
}
