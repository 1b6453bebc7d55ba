//! The observer's pages, made of templates. Every value is escaped by the template engine.

use minijinja::value::Serde;
use minijinja::{Environment, Value as Rendered, context};
use serde::Serialize;
use serde_json::Value;

use crate::checkpoint::{ProcessState, ProcessStatus};
use crate::proc;

use super::browse;
use super::catalog::{Task, Which};
use super::files::Sandbox;
use super::text::{link, page_time};
use super::view::{Observer, PAGE};

const TEMPLATES: [(&str, &str); 9] = [
    ("layout.html", include_str!("templates/layout.html")),
    ("home.html", include_str!("templates/home.html")),
    ("main.html", include_str!("templates/main.html")),
    ("task.html", include_str!("templates/task.html")),
    ("process.html", include_str!("templates/process.html")),
    ("viewer.html", include_str!("templates/viewer.html")),
    ("browse.html", include_str!("templates/browse.html")),
    ("raw.html", include_str!("templates/raw.html")),
    ("error.html", include_str!("templates/error.html")),
];

/// The ports that a row of a list shows; others are behind `...`.
const SHOWN_PORTS: [&str; 2] = ["http", "admin"];

/// Fills in templates.
#[derive(Debug)]
pub(crate) struct Pages {
    engine: Environment<'static>,
    hostname: String,
}

#[derive(Serialize)]
struct Port {
    host: String,
    name: String,
    number: i64,
}

#[derive(Serialize)]
struct ListRow {
    name: String,
    role: String,
    launched: String,
    status: String,
    cpu: String,
    ram: String,
    disk: String,
    link: String,
    ports: Vec<Port>,
    more_ports: bool,
}

#[derive(Serialize)]
struct Run {
    name: String,
    link: String,
    number: usize,
    status: String,
    code: String,
    started: String,
    finished: String,
    cpu: String,
    ram: String,
}

type Page = Result<String, minijinja::Error>;

impl Pages {
    pub(crate) fn new() -> Result<Self, minijinja::Error> {
        let mut engine = Environment::new();
        for (name, source) in TEMPLATES {
            engine.add_template(name, source)?;
        }
        let hostname = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
        Ok(Self {
            engine,
            hostname: hostname.unwrap_or_default(),
        })
    }

    fn page(&self, title: &str, name: &str, values: Rendered) -> Page {
        let body = self.engine.get_template(name)?.render(values)?;
        self.engine
            .get_template("layout.html")?
            .render(context! { title, body })
    }

    /// `/`.
    pub(crate) fn home(&self, observer: &Observer) -> Page {
        let active = self.main(observer, Which::Active, 0, PAGE)?;
        let finished = self.main(observer, Which::Finished, 0, PAGE)?;
        let title = format!("thermos({})", self.hostname);
        self.page(
            &title,
            "home.html",
            context! { hostname => self.hostname.as_str(), active, finished },
        )
    }

    /// `/main…`: a table and nothing around it.
    pub(crate) fn main(
        &self,
        observer: &Observer,
        which: Which,
        offset: usize,
        num: usize,
    ) -> Page {
        let listing = observer.list(which, offset, num);
        let rows: Vec<ListRow> = listing
            .rows
            .iter()
            .map(|row| {
                let summary = &row.summary;
                let shown: Vec<(String, i64)> = summary
                    .ports
                    .iter()
                    .filter(|(name, _)| row.active && SHOWN_PORTS.contains(&name.as_str()))
                    .cloned()
                    .collect();
                let only_active = |text: String| if row.active { text } else { String::new() };
                ListRow {
                    name: summary.name.clone(),
                    role: summary.user.clone(),
                    launched: page_time(summary.launched),
                    status: format!("{} @ {}", summary.state, page_time(summary.state_since)),
                    cpu: only_active(format!("{:.3}", row.usage.cpu)),
                    ram: only_active(megabytes(row.usage.rss)),
                    disk: only_active(format!("{}GB", row.disk / 1_073_741_824)),
                    link: link(&summary.task_id),
                    ports: ports(&shown, &summary.hostname),
                    more_ports: row.active && summary.ports.len() > shown.len(),
                }
            })
            .collect();
        let address = |offset: usize| format!("/main/{}/{offset}/{num}", which.name());
        let newer = (offset > 0).then(|| address(offset.saturating_sub(num)));
        let older = (offset.saturating_add(num) < listing.count)
            .then(|| address(offset.saturating_add(num)));
        // Nothing shown is `0...-1` on the original's page.
        let last = match offset.saturating_add(rows.len()).checked_sub(1) {
            Some(last) => last.to_string(),
            None => "-1".to_string(),
        };
        self.engine.get_template("main.html")?.render(context! {
            which => which.name(), offset, last, count => listing.count, newer, older,
            rows => Rendered::from(Serde(&rows)),
        })
    }

    /// `/task/ID`.
    pub(crate) fn task(&self, observer: &Observer, task: &Task) -> Page {
        let summary = &task.summary;
        let processes = proc::all();
        let (used, disk) = observer.used(task, &processes);
        let runs: Vec<Run> = task
            .history
            .processes
            .iter()
            .flat_map(|runs| runs.runs.iter().enumerate())
            .map(|(number, status)| run(observer, task, number, status, &processes))
            .collect();
        let changes: Vec<_> = task
            .history
            .statuses
            .iter()
            .map(|status| context! { state => status.state.to_string(), time => page_time(status.timestamp_ms.div_euclid(1000)) })
            .collect();
        let title = format!("task {}", summary.task_id);
        self.page(
            &title,
            "task.html",
            context! {
                id => summary.task_id.as_str(),
                link => link(&summary.task_id),
                status => summary.state.as_str(),
                user => summary.user.as_str(),
                hostname => summary.hostname.as_str(),
                launched => page_time(summary.launched),
                ports => Rendered::from(Serde(ports(&summary.ports, &summary.hostname))),
                changes,
                cpu => format!("{:.3}", used.cpu),
                ram => megabytes(used.rss),
                disk => gigabytes(disk),
                limits => limits(&task.json),
                orders => orders(&task.json),
                runs => Rendered::from(Serde(&runs)),
            },
        )
    }

    /// `/process/ID/NAME`.
    pub(crate) fn process(&self, observer: &Observer, task: &Task, process: &str) -> Option<Page> {
        let all = proc::all();
        let statuses = task.history.runs(process);
        let last = statuses.last()?;
        let usage = observer.used_by(task, last, &all);
        let running = task.found.active && last.state == ProcessState::Running;
        let or_none = |text: String| if running { text } else { "N/A".to_string() };
        let mut runs: Vec<Run> = statuses
            .iter()
            .enumerate()
            .map(|(number, status)| run(observer, task, number, status, &all))
            .collect();
        runs.reverse();
        let values = context! {
            id => task.summary.task_id.as_str(),
            link => link(&task.summary.task_id),
            name => process,
            status => last.state.to_string(),
            cpu => or_none(format!("{:.3}", usage.cpu)),
            ram => or_none(megabytes(usage.rss)),
            total_user => or_none(format!("{:.1}s", usage.user)),
            total_system => or_none(format!("{:.1}s", usage.system)),
            threads => or_none(usage.threads.to_string()),
            cmdline => cmdline(&task.json, process),
            runs => Rendered::from(Serde(&runs)),
        };
        Some(self.page(&format!("process {process}"), "process.html", values))
    }

    /// `/rawtask/ID`.
    pub(crate) fn raw_task(&self, task: &Task) -> Page {
        let id = &task.summary.task_id;
        let mut text = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
        let mut out = serde_json::Serializer::with_formatter(&mut text, formatter);
        // Writing a value into memory fails at nothing.
        let _ = task.json.serialize(&mut out);
        let text = String::from_utf8_lossy(&text).into_owned();
        self.page(
            &format!("task {id}"),
            "raw.html",
            context! { id => id.as_str(), link => link(id), text },
        )
    }

    /// A page that follows a file. `path` is where it is in the sandbox, `source` what its data is
    /// asked from.
    pub(crate) fn viewer(&self, task_id: &str, path: &str, source: &str) -> Page {
        let heading = format!("{task_id} {path}");
        let download = format!("/download/{}/{}", link(task_id), link(path));
        self.page(
            &heading,
            "viewer.html",
            context! { heading => heading.as_str(), link => link(task_id), source, download },
        )
    }

    /// `/browse/ID/PATH`. `None` where there is no such folder.
    pub(crate) fn browse(&self, task: &Task, path: &str) -> Option<Page> {
        let sandbox = Sandbox::of(task)?;
        let folder = sandbox.resolve(path)?;
        // Where links lead, seen from the sandbox.
        let within = folder
            .strip_prefix(sandbox.root())
            .ok()?
            .to_string_lossy()
            .into_owned();
        let entries = browse::entries(&folder, &within)?;
        let parent = within.rsplit_once('/').map_or("", |(parent, _)| parent);
        let shown = format!("{} /{within}", task.summary.task_id);
        Some(self.page(
            &shown,
            "browse.html",
            context! {
                link => link(&task.summary.task_id),
                path => shown.as_str(),
                is_root => within.is_empty(),
                parent => link(parent),
                entries => Rendered::from(Serde(&entries)),
            },
        ))
    }

    /// What went wrong.
    pub(crate) fn error(&self, status: &str, text: &str) -> Page {
        self.page(status, "error.html", context! { status, text })
    }
}

fn run(
    observer: &Observer,
    task: &Task,
    number: usize,
    status: &ProcessStatus,
    all: &[proc::Stat],
) -> Run {
    let running = task.found.active && status.state == ProcessState::Running;
    let usage = observer.used_by(task, status, all);
    let time = |at: Option<f64>| {
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 fit")]
        at.map(|at| page_time(at as i64)).unwrap_or_default()
    };
    let only_running = |text: String| if running { text } else { String::new() };
    Run {
        name: status.process.clone(),
        link: link(&status.process),
        number,
        status: status.state.to_string(),
        code: status
            .return_code
            .filter(|code| *code != 0)
            .map(|code| code.to_string())
            .unwrap_or_default(),
        started: time(status.start_time),
        finished: time(status.stop_time),
        cpu: only_running(format!("{:.3}", usage.cpu)),
        ram: only_running(megabytes(usage.rss)),
    }
}

fn ports(ports: &[(String, i64)], host: &str) -> Vec<Port> {
    ports
        .iter()
        .map(|(name, number)| Port {
            host: host.to_string(),
            name: name.clone(),
            number: *number,
        })
        .collect()
}

/// What the task has reserved, in words.
fn limits(task: &Value) -> Option<String> {
    let resources = task.get("resources")?;
    let number = |name| resources.get(name).and_then(Value::as_f64);
    let mib = |name| number(name).map(|bytes| bytes / 1_048_576.0);
    Some(format!(
        "{} cpu, {:.0} MB ram, {:.0} MB disk",
        number("cpu")?,
        mib("ram")?,
        mib("disk")?
    ))
}

/// The orders of the task's processes, in words.
fn orders(task: &Value) -> Vec<String> {
    let constraints = task.get("constraints").and_then(Value::as_array);
    constraints
        .into_iter()
        .flatten()
        .filter_map(|constraint| constraint.get("order")?.as_array())
        .map(|order| {
            order
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(" → ")
        })
        .collect()
}

fn cmdline(task: &Value, process: &str) -> String {
    let processes = task.get("processes").and_then(Value::as_array);
    processes
        .into_iter()
        .flatten()
        .find(|spec| spec.get("name").and_then(Value::as_str) == Some(process))
        .and_then(|spec| spec.get("cmdline").and_then(Value::as_str))
        .unwrap_or_default()
        .to_string()
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1}MB", bytes as f64 / 1_048_576.0)
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn gigabytes(bytes: u64) -> String {
    format!("{:.1}GB", bytes as f64 / 1_073_741_824.0)
}
