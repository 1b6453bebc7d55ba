//! What pages and documents are made of: a task, its runs, what they use.

use std::time::{Duration, Instant};

use crate::checkpoint::{ProcessState, ProcessStatus};
use crate::proc::{self, Stat};

use super::catalog::{Catalog, Found, Summary, Task, Which};
use super::collector::Collector;
use super::config::Config;
use super::files::Sandbox;
use super::resources::{Meter, Usage};

/// How many tasks a list shows where nobody says.
pub(crate) const PAGE: usize = 20;

/// Everything that requests are answered from.
#[derive(Debug)]
pub(crate) struct Observer {
    pub(crate) catalog: Catalog,
    pub(crate) meter: Meter,
    pub(crate) collector: Option<Collector>,
    pub(crate) started: Instant,
}

/// A part of a list of tasks.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) which: Which,
    pub(crate) offset: usize,
    pub(crate) num: usize,
    pub(crate) count: usize,
    pub(crate) rows: Vec<Row>,
}

/// One task of a list.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) summary: Summary,
    pub(crate) active: bool,
    pub(crate) usage: Usage,
    pub(crate) disk: u64,
}

impl Observer {
    pub(crate) fn new(config: Config) -> Result<Self, reqwest::Error> {
        let collector = config
            .collector
            .filter(|_| config.resources)
            .map(|asked| {
                let interval = Duration::from_secs(config.disk_interval);
                Collector::new(asked.url, asked.executor_id, asked.disk_usage, interval)
            })
            .transpose()?;
        Ok(Self {
            collector,
            meter: Meter::new(config.resources, config.disk_interval),
            catalog: Catalog::new(config.mesos_root, config.root),
            started: Instant::now(),
        })
    }

    /// Tasks, newest first, from `offset` on.
    pub(crate) fn list(&self, which: Which, offset: usize, num: usize) -> Listing {
        let all = self.catalog.summaries(which);
        let count = all.len();
        let processes = all
            .iter()
            .any(|(found, _)| found.active)
            .then(proc::all)
            .unwrap_or_default();
        let rows = all
            .into_iter()
            .skip(offset)
            .take(num)
            .map(|(found, summary)| self.row(found, summary, &processes))
            .collect();
        Listing {
            which,
            offset,
            num,
            count,
            rows,
        }
    }

    fn row(&self, found: Found, summary: Summary, processes: &[Stat]) -> Row {
        let active = found.active;
        let task = active
            .then(|| self.catalog.task(&summary.task_id))
            .flatten();
        let (usage, disk) = task
            .map(|task| self.used(&task, processes))
            .unwrap_or_default();
        Row {
            summary,
            active,
            usage,
            disk,
        }
    }

    /// What a task uses now: processes, and bytes of disk. Nothing for one that has ended.
    pub(crate) fn used(&self, task: &Task, processes: &[Stat]) -> (Usage, u64) {
        let mut total = Usage::default();
        if !task.found.active {
            return (total, 0);
        }
        for run in task.history.alive() {
            total.add(&self.used_by(task, run, processes));
        }
        let told = self
            .collector
            .as_ref()
            .zip(task.found.run.as_deref())
            .and_then(|(collector, run)| collector.size(run));
        let measured = || Sandbox::of(task).map_or(0, |sandbox| self.meter.disk(sandbox.root()));
        (total, told.unwrap_or_else(measured))
    }

    /// What one run uses now.
    pub(crate) fn used_by(&self, task: &Task, run: &ProcessStatus, processes: &[Stat]) -> Usage {
        let uid = task.history.header.as_ref().and_then(|header| header.uid);
        match task.found.active && run.state == ProcessState::Running {
            true => self.meter.of_run(processes, run, uid),
            false => Usage::default(),
        }
    }
}
