//! The scheduler's HTTP server: the thrift API, the pages, and what operators and monitoring read.

mod admin;
mod auth;
mod compress;
mod consumption;
mod documents;
mod graph;
mod pages;
mod process;
mod redirect;
mod reference;
mod series;
mod stats;
mod threads;
mod thrift;
mod time;
mod vars;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aurora_api::ServerInfo;
use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use tokio::sync::{Notify, watch};

use crate::discovery::{Endpoint, Group};
use crate::engine::{Engine, now_ms};
use crate::outside::webhook::Teller;
use crate::security::Security;
pub use process::count_panics;
use series::Series;
pub use stats::HttpStats;

/// What every handler can reach.
pub struct App {
    /// Carries commands out.
    pub engine: Arc<Engine>,
    /// In every answer of the API.
    pub server_info: ServerInfo,
    /// Our own address, as others see it.
    pub endpoint: Endpoint,
    /// Who leads.
    pub group: watch::Receiver<Group>,
    /// `-enable_cors_for`
    pub cors: Option<String>,
    /// Who may call what, if that is asked.
    pub security: Option<Security>,
    /// Tells the webhook, if there is one.
    pub teller: Option<Teller>,
    /// Counters of requests.
    pub stats: HttpStats,
    /// Variables over time.
    series: Mutex<Series>,
    /// When the process began.
    pub started: Instant,
    /// Tells the process to end.
    pub quit: Notify,
    /// The pages' templates.
    pub templates: pages::Templates,
}

impl App {
    /// An application that has not served anything yet.
    pub fn new(
        engine: Arc<Engine>,
        server_info: ServerInfo,
        endpoint: Endpoint,
        group: watch::Receiver<Group>,
        cors: Option<String>,
        retention: Duration,
    ) -> Self {
        Self {
            engine,
            server_info,
            endpoint,
            group,
            cors,
            security: None,
            teller: None,
            stats: HttpStats::default(),
            series: Mutex::new(Series::new(retention)),
            started: Instant::now(),
            quit: Notify::new(),
            templates: pages::Templates::new(),
        }
    }

    fn series(&self) -> MutexGuard<'_, Series> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Computes the rates of `/vars`, and notes every variable for the graphs. With `all`, those too
    /// that take a look at every task.
    pub fn sample(&self, now_ms: i64, all: bool) {
        // A scheduler that does not lead has no model to tell of.
        let _ = self.engine.read(|model| {
            for (name, events, total) in model.stats().timings() {
                self.stats.set(name, stats::Timing { events, total });
            }
        });
        self.stats
            .sample(self.started.elapsed(), process::computed());
        let numbers = vars::collect(self, all).into_iter();
        let numbers = numbers.filter_map(|(name, value)| match value {
            // These are shown, but not drawn over time.
            serde_json::Value::Number(_) if name.starts_with("sla_") => None,
            serde_json::Value::Number(number) => Some((name, number)),
            _ => None,
        });
        self.series().sample(now_ms, numbers);
    }
}

/// So many samples go by between two that look at every task.
const FULL_EVERY: u32 = 60;

/// Takes a sample of all variables once an interval, for ever.
pub async fn sample(app: &App, interval: Duration) {
    let mut ticks = tokio::time::interval(interval.max(Duration::from_millis(100)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        for nth in 0..FULL_EVERY {
            ticks.tick().await;
            app.sample(now_ms(), nth == 0);
        }
    }
}

type Shared = Arc<App>;

/// Every path the scheduler answers.
pub fn router(app: Shared) -> Router {
    Router::new()
        .route("/", get(admin::index))
        .route("/index.html", get(admin::index))
        .route("/api", any(thrift::api))
        .route("/api/", any(thrift::api))
        .route(
            "/apibeta",
            get(thrift::beta_index).post(thrift::beta_unnamed),
        )
        .route("/apibeta/{method}", post(thrift::beta))
        .route("/apiclient/api.html", get(reference::api))
        .route(
            "/logconfig",
            get(reference::log_config).post(reference::change_log_config),
        )
        .route("/threads", get(threads::threads))
        .route("/contention", get(threads::contention))
        .route("/health", get(admin::health))
        .route("/leaderhealth", get(admin::leader_health))
        .route("/graphdata", get(graph::data))
        .route("/graphview", get(graph::view))
        .route("/graphview/", get(graph::view))
        .route("/graphview/index.html", get(graph::view))
        .route("/vars", get(vars::text))
        .route("/vars.json", get(vars::json))
        .route("/quitquitquit", post(admin::quit))
        .route("/abortabortabort", post(admin::abort))
        .route("/services", get(admin::services))
        .route("/agents", get(documents::agents))
        .route("/slaves", get(documents::agents))
        .route("/cron", get(documents::cron))
        .route("/maintenance", get(documents::maintenance))
        .route("/offers", get(documents::offers))
        .route("/pendingtasks", get(documents::pending_tasks))
        .route("/quotas", get(documents::quotas))
        .route("/state", get(documents::state))
        .route("/tiers", get(documents::tiers))
        .route("/utilization", get(documents::utilization))
        .route(
            "/utilization/{metric}",
            get(documents::utilization_of_metric),
        )
        .route(
            "/utilization/{metric}/{role}",
            get(documents::utilization_of_role),
        )
        .route("/structdump", get(documents::struct_dump_usage))
        .route("/structdump/task/{id}", get(documents::struct_dump_task))
        .route(
            "/structdump/cron/{role}/{environment}/{job}",
            get(documents::struct_dump_cron),
        )
        .route("/mname", any(admin::mname_usage))
        .route(
            "/mname/{role}/{environment}/{job}/{instance}",
            any(admin::mname),
        )
        .route(
            "/mname/{role}/{environment}/{job}/{instance}/{*path}",
            any(admin::mname_path),
        )
        .route("/scheduler", get(pages::roles))
        .route("/scheduler/", get(pages::roles))
        .route("/scheduler/{role}", get(pages::role))
        .route("/scheduler/{role}/{environment}", get(pages::environment))
        .route("/scheduler/{role}/{environment}/{job}", get(pages::job))
        .route(
            "/scheduler/{role}/{environment}/{job}/{instance}",
            get(pages::instance),
        )
        .route(
            "/scheduler/{role}/{environment}/{job}/task/{id}",
            get(pages::task),
        )
        .route(
            "/scheduler/{role}/{environment}/{job}/update/{id}",
            get(pages::update),
        )
        .route("/updates", get(pages::updates))
        .fallback(|| async { not_found("Not found.") })
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            auth::authenticate,
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            redirect::to_leader,
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            stats::count,
        ))
        .layer(middleware::from_fn(compress::compress))
        .with_state(app)
}

/// 404 with a sentence.
fn not_found(text: impl Into<String>) -> Response {
    (StatusCode::NOT_FOUND, text.into()).into_response()
}

/// What is said while there is nothing to look at: no storage is ready.
fn not_ready(error: crate::engine::NotReady) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response()
}
