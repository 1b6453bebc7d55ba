//! The pages people read: roles, jobs, tasks and updates, rendered here and without any script.

mod views;

use std::fmt::Write as _;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use minijinja::Environment;
use serde_json::{Value as Json, json};

use super::{Shared, not_found, not_ready};
use crate::engine::now_ms;
use crate::model::Model;
use aurora_api::{JobKey, JobUpdateKey, JobUpdateStatus};

/// So many updates are listed.
const UPDATES_LIMIT: usize = 100;
/// So many completed tasks are listed.
const COMPLETED_LIMIT: usize = 100;

macro_rules! template {
    ($name:literal) => {
        ($name, include_str!(concat!("templates/", $name)))
    };
}

const TEMPLATES: &[(&str, &str)] = &[
    template!("layout.html"),
    template!("agents.html"),
    template!("api.html"),
    template!("dump.html"),
    template!("graph.html"),
    template!("index.html"),
    template!("instance.html"),
    template!("job.html"),
    template!("jobs.html"),
    template!("logconfig.html"),
    template!("roles.html"),
    template!("update.html"),
    template!("updates.html"),
    template!("utilization.html"),
];

/// The compiled templates.
pub struct Templates {
    environment: Environment<'static>,
}

impl Default for Templates {
    fn default() -> Self {
        Self::new()
    }
}

impl Templates {
    /// Compiles them. One that does not compile is missing, and a page that needs it says so: a test
    /// renders every page.
    pub fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_formatter(escape);
        for (name, source) in TEMPLATES {
            if let Err(error) = environment.add_template(name, source) {
                tracing::error!("the template `{name}` does not compile: {error:#}");
            }
        }
        Self { environment }
    }

    /// A page with a template's content inside the common frame.
    pub fn page(&self, name: &str, title: &str, context: Json) -> Response {
        match self.render(name, title, &context) {
            Ok(html) => Html(html).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
        }
    }

    fn render(&self, name: &str, title: &str, context: &Json) -> Result<String, minijinja::Error> {
        let body = self
            .environment
            .get_template(name)?
            .render(minijinja::value::Serde(context))?;
        let crumbs = context.get("crumbs").cloned().unwrap_or(Json::Null);
        let frame = json!({ "title": title, "crumbs": crumbs, "body": body });
        self.environment
            .get_template("layout.html")?
            .render(minijinja::value::Serde(frame))
    }
}

/// Writes a value into HTML. Unlike the usual escaping it leaves slashes alone, so that addresses can
/// be read, and found, in a page's source.
fn escape(
    output: &mut minijinja::Output<'_>,
    state: &mut minijinja::State<'_, '_>,
    value: &minijinja::Value,
) -> Result<(), minijinja::Error> {
    match value.as_str().filter(|_| !value.is_safe()) {
        Some(text) => {
            for c in text.chars() {
                match c {
                    '<' => output.write_str("&lt;")?,
                    '>' => output.write_str("&gt;")?,
                    '&' => output.write_str("&amp;")?,
                    '"' => output.write_str("&quot;")?,
                    '\'' => output.write_str("&#39;")?,
                    other => output.write_char(other)?,
                }
            }
            Ok(())
        }
        None => minijinja::escape_formatter(output, state, value),
    }
}

/// The path to a page as links: the cluster, then each part.
fn crumbs(app: &Shared, parts: &[&str]) -> Json {
    let mut link = "/scheduler".to_string();
    let mut crumbs = vec![json!({ "name": app.server_info.cluster_name, "link": link })];
    for part in parts {
        link = format!("{link}/{part}");
        crumbs.push(json!({ "name": part, "link": link }));
    }
    crumbs.into()
}

/// Renders what `view` makes of the model; `None` is 404.
fn show(
    app: &Shared,
    template: &str,
    title: &str,
    parts: &[&str],
    view: impl FnOnce(&Model, i64) -> Option<Json>,
) -> Response {
    let now = now_ms();
    match app.engine.read(|model| view(model, now)) {
        Ok(Some(mut context)) => {
            if let Some(object) = context.as_object_mut() {
                object.insert("crumbs".to_string(), crumbs(app, parts));
            }
            app.templates.page(template, title, context)
        }
        Ok(None) => not_found("There is no such thing here."),
        Err(error) => not_ready(error),
    }
}

/// `/scheduler`
pub(super) async fn roles(State(app): State<Shared>) -> Response {
    show(&app, "roles.html", "Roles", &[], |model, _| {
        Some(views::roles(model))
    })
}

/// `/scheduler/ROLE`
pub(super) async fn role(State(app): State<Shared>, Path(role): Path<String>) -> Response {
    show(&app, "jobs.html", &role, &[&role], |model, _| {
        Some(views::jobs(model, &role, None))
    })
}

/// `/scheduler/ROLE/ENV`
pub(super) async fn environment(
    State(app): State<Shared>,
    Path((role, environment)): Path<(String, String)>,
) -> Response {
    let title = format!("{role}/{environment}");
    show(
        &app,
        "jobs.html",
        &title,
        &[&role, &environment],
        |model, _| Some(views::jobs(model, &role, Some(&environment))),
    )
}

/// `/scheduler/ROLE/ENV/JOB`
pub(super) async fn job(
    State(app): State<Shared>,
    Path((role, environment, name)): Path<(String, String, String)>,
) -> Response {
    let key = JobKey::new(&role, &environment, &name);
    let parts = [role.as_str(), &environment, &name];
    show(&app, "job.html", &key.to_string(), &parts, |model, now| {
        Some(views::job(model, &key, now, COMPLETED_LIMIT))
    })
}

/// `/scheduler/ROLE/ENV/JOB/INSTANCE`
pub(super) async fn instance(
    State(app): State<Shared>,
    Path((role, environment, name, instance)): Path<(String, String, String, String)>,
) -> Response {
    let key = JobKey::new(&role, &environment, &name);
    let parts = [role.as_str(), &environment, &name, &instance];
    let Ok(number) = instance.parse::<i32>() else {
        return not_found("An instance is a number.");
    };
    show(
        &app,
        "instance.html",
        &format!("{key}/{instance}"),
        &parts,
        |model, now| Some(views::instance(model, &key, number, now)),
    )
}

/// `/scheduler/ROLE/ENV/JOB/task/ID`
pub(super) async fn task(
    State(app): State<Shared>,
    Path((role, environment, name, id)): Path<(String, String, String, String)>,
) -> Response {
    let link = format!("task/{id}");
    let parts = [role.as_str(), &environment, &name, &link];
    show(&app, "instance.html", &id, &parts, |model, now| {
        views::task_page(model, &id, now)
    })
}

/// `/scheduler/ROLE/ENV/JOB/update/ID`
pub(super) async fn update(
    State(app): State<Shared>,
    Path((role, environment, name, id)): Path<(String, String, String, String)>,
) -> Response {
    let job = JobKey::new(&role, &environment, &name);
    let key = JobUpdateKey {
        job,
        id: id.clone(),
    };
    let link = format!("update/{id}");
    let parts = [role.as_str(), &environment, &name, &link];
    show(
        &app,
        "update.html",
        &format!("Update {id}"),
        &parts,
        |model, now| Some(views::update(model.update(&key)?, now)),
    )
}

/// `/updates`
pub(super) async fn updates(State(app): State<Shared>) -> Response {
    show(&app, "updates.html", "Updates", &[], |model, now| {
        let list = |wanted: fn(JobUpdateStatus) -> bool| {
            let mut found: Vec<_> = model
                .updates()
                .filter(|update| wanted(update.status()))
                .collect();
            found.sort_by_key(|update| std::cmp::Reverse(update.last_modified()));
            found.truncate(UPDATES_LIMIT);
            found
                .into_iter()
                .map(|update| views::update_row(update, now))
                .collect::<Vec<Json>>()
        };
        let (active, over) = (
            list(JobUpdateStatus::is_active),
            list(JobUpdateStatus::is_terminal),
        );
        Some(json!({ "active": active, "over": over }))
    })
}
