//! Plain HTTP: which path is what, and who answers when another master leads (http-endpoints §1).

use std::sync::Arc;

use hyper::{Method, StatusCode};
use mesos_proto::mesos::offer::operation::Type as Kind;
use mesos_wire::authentication::Realm;
use mesos_wire::authorization::{Action, Rights};
use mesos_wire::http::{Query, Request, Response};

use super::node::Node;
use super::{globals, operations, operator, policies, scheduler};
use crate::model::{FrameworkId, Master};
use crate::view::{self, Edition, Metrics, Site, TaskQuery};

/// What a path of the master stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Page,
    Health,
    Flags,
    Redirect,
    Scheduler,
    Operator,
    State(Edition),
    Summary,
    Slaves,
    Frameworks,
    Tasks,
    Roles,
    Stats,
    Weights,
    Quota,
    Schedule,
    MaintenanceStatus,
    MachineUp,
    MachineDown,
    Teardown,
    Operation(Kind),
}

impl Route {
    /// Who is asked for credentials here.
    fn realm(self) -> Realm {
        match self {
            Self::Page | Self::Health | Self::Redirect => Realm::Open,
            Self::Scheduler => Realm::Frameworks,
            Self::Flags
            | Self::State(_)
            | Self::Summary
            | Self::Slaves
            | Self::Frameworks
            | Self::Tasks
            | Self::Roles
            | Self::Stats
            | Self::MaintenanceStatus => Realm::ReadOnly,
            Self::Operator
            | Self::Weights
            | Self::Quota
            | Self::Schedule
            | Self::MachineUp
            | Self::MachineDown
            | Self::Teardown
            | Self::Operation(_) => Realm::ReadWrite,
        }
    }
}

/// Every route. A route also answers what lies below it; the longest that fits is taken.
const ROUTES: &[(&str, Route)] = &[
    ("health", Route::Health),
    ("flags", Route::Flags),
    ("redirect", Route::Redirect),
    ("api/v1/scheduler", Route::Scheduler),
    ("api/v1", Route::Operator),
    ("state", Route::State(Edition::Current)),
    ("state.json", Route::State(Edition::Old)),
    ("state-summary", Route::Summary),
    ("state-summary.json", Route::Summary),
    ("slaves", Route::Slaves),
    ("slaves.json", Route::Slaves),
    ("frameworks", Route::Frameworks),
    ("frameworks.json", Route::Frameworks),
    ("tasks", Route::Tasks),
    ("tasks.json", Route::Tasks),
    ("roles", Route::Roles),
    ("roles.json", Route::Roles),
    ("stats.json", Route::Stats),
    ("weights", Route::Weights),
    ("quota", Route::Quota),
    ("maintenance/schedule", Route::Schedule),
    ("maintenance/status", Route::MaintenanceStatus),
    ("teardown", Route::Teardown),
    ("shutdown", Route::Teardown),
    ("reserve", Route::Operation(Kind::RESERVE)),
    ("unreserve", Route::Operation(Kind::UNRESERVE)),
    ("create-volumes", Route::Operation(Kind::CREATE)),
    ("destroy-volumes", Route::Operation(Kind::DESTROY)),
    ("machine/up", Route::MachineUp),
    ("machine/down", Route::MachineDown),
];

fn route(path: &str) -> Option<Route> {
    if path.is_empty() || path == "index.html" {
        return Some(Route::Page);
    }
    ROUTES
        .iter()
        .filter(|(name, _)| {
            path.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
        .max_by_key(|(name, _)| name.len())
        .map(|(_, route)| *route)
        // A redirect has no places of its own.
        .filter(|route| *route != Route::Redirect || path == "redirect")
}

/// Answers a request.
pub(super) async fn answer(node: Arc<Node>, mut request: Request) -> Response {
    let route = match request.process.as_str() {
        // A redirect has no places of its own, not even one without a name.
        "master" => route(&request.path)
            .filter(|route| *route != Route::Redirect || !request.target.ends_with('/')),
        _ => None,
    };
    let realm = match route {
        Some(route) => route.realm(),
        None => globals::realm(&request),
    };
    if let Err(refusal) = node.gate.admit(&mut request, realm) {
        return refusal;
    }
    if request.process != "master" {
        return globals::answer(&node, &request);
    }
    let Some(route) = route else {
        return Response::status(StatusCode::NOT_FOUND);
    };
    let is_everybodys = matches!(route, Route::Health | Route::Flags | Route::Redirect);
    if !is_everybodys && !node.is_leading() {
        return elsewhere(&node, &request, route);
    }
    let query = &request.query;
    let rights = node.rights(&request);
    match route {
        Route::Page => {
            let page = node.read(|master, site, _, _| view::page(master, site, &rights));
            Response::bytes(StatusCode::OK, "text/html; charset=utf-8", page)
        }
        Route::Health => Response::status(StatusCode::OK),
        Route::Flags => flags(&node, &request),
        Route::Redirect => match leader(&node) {
            Some(place) => Response::redirect(&place),
            None => no_leader(),
        },
        Route::Scheduler => scheduler::answer(node, request).await,
        Route::Operator => operator::answer(node, request).await,
        Route::State(edition) => document(&node, query, |master, site| {
            view::state(master, site, edition, &rights)
        }),
        Route::Summary => document(&node, query, |master, site| {
            view::summary(master, site, &rights)
        }),
        Route::Slaves => document(&node, query, |master, _| {
            view::slaves(master, query.get("slave_id"), &rights)
        }),
        Route::Frameworks => document(&node, query, |master, _| {
            view::frameworks(master, query.get("framework_id"), &rights)
        }),
        Route::Tasks => {
            let wanted = TaskQuery::new(query);
            document(&node, query, |master, _| {
                view::tasks(master, &wanted, &rights)
            })
        }
        Route::Roles => document(&node, query, |master, _| view::roles(master, &rights)),
        Route::Stats => stats(&node, query),
        Route::Weights => policies::weights(&node, request).await,
        Route::Quota => policies::quota(&node, request).await,
        Route::Schedule => policies::schedule(&node, request).await,
        Route::MaintenanceStatus => policies::status(&node, &request),
        Route::MachineUp => policies::machines(&node, request, Master::stop_maintenance).await,
        Route::MachineDown => policies::machines(&node, request, Master::start_maintenance).await,
        Route::Teardown => teardown(&node, request).await,
        Route::Operation(kind) => operations::form(&node, kind, request).await,
    }
}

/// `/flags`, for those who may see them.
fn flags(node: &Node, request: &Request) -> Response {
    // The original looks at the method only where it has to look at who asks.
    let rights = node.rights(request);
    if rights.are_limited() && request.method != Method::GET {
        return Response::method_not_allowed(&["GET"], &request.method);
    }
    if !rights.allow_any(Action::ViewFlags) {
        return Response::status(StatusCode::FORBIDDEN);
    }
    document(node, &request.query, |_, site| view::flags(site))
}

fn document(
    node: &Node,
    query: &Query,
    show: impl FnOnce(&Master, &Site) -> serde_json::Value,
) -> Response {
    let value = node.read(|master, site, _, _| show(master, site));
    Response::json(query, &value)
}

/// All metrics now.
pub(super) fn metrics(node: &Node) -> Metrics {
    node.read(view::metrics)
}

fn stats(node: &Node, query: &Query) -> Response {
    let metrics = metrics(node);
    let value = node.read(|master, _, _, _| view::stats(master, &metrics));
    Response::json_lines(query, &value)
}

/// The leader's place without a path: `//host:port`.
fn leader(node: &Node) -> Option<String> {
    let leader = node.leader()?;
    Some(format!("//{}:{}", leader.hostname(), leader.port()))
}

fn no_leader() -> Response {
    Response::text(StatusCode::SERVICE_UNAVAILABLE, "No leader elected")
}

/// The same place on the master that leads. The path always names the process.
fn elsewhere(node: &Node, request: &Request, route: Route) -> Response {
    let Some(place) = leader(node) else {
        return no_leader();
    };
    let is_own = node
        .leader()
        .is_some_and(|leader| leader.id() == node.info().id());
    if is_own {
        return Response::text(
            StatusCode::SERVICE_UNAVAILABLE,
            "Master has not finished recovery",
        );
    }
    if route == Route::Page {
        return Response::redirect(&format!("{place}/"));
    }
    let target = &request.target;
    let rest = target
        .strip_prefix("/master")
        .filter(|rest| rest.starts_with('/'));
    Response::redirect(&format!("{place}/master{}", rest.unwrap_or(target)))
}

/// Ends a framework: `frameworkId=…` in a form.
async fn teardown(node: &Node, mut request: Request) -> Response {
    if request.method != Method::POST {
        return Response::method_not_allowed(&["POST"], &request.method);
    }
    let body = match request.bytes().await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let form = match Query::parse_form(&body) {
        Ok(form) => form,
        Err(response) => return response,
    };
    let Some(id) = form.get("frameworkId") else {
        return Response::text(
            StatusCode::BAD_REQUEST,
            "Missing 'frameworkId' query parameter in the request body",
        );
    };
    end_framework(node, &FrameworkId::new(id), &node.rights(&request))
}

/// Ends a framework on an operator's word.
pub(super) fn end_framework(node: &Node, id: &FrameworkId, rights: &Rights) -> Response {
    node.step(|master| {
        let Some(framework) = master.frameworks.get(id) else {
            return Response::text(
                StatusCode::BAD_REQUEST,
                "No framework found with specified ID",
            );
        };
        if !rights.allow(Action::TeardownFramework, framework.info.principal()) {
            return Response::status(StatusCode::FORBIDDEN);
        }
        master.remove_framework(id);
        Response::status(StatusCode::OK)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_route_that_fits_is_taken() {
        for (path, want) in [
            ("", Some(Route::Page)),
            ("state", Some(Route::State(Edition::Current))),
            ("state.json", Some(Route::State(Edition::Old))),
            ("state/x", Some(Route::State(Edition::Current))),
            ("state-summary", Some(Route::Summary)),
            ("statex", None),
            ("api/v1", Some(Route::Operator)),
            ("api/v1/operator", Some(Route::Operator)),
            ("api/v1/scheduler", Some(Route::Scheduler)),
            ("api", None),
            ("redirect", Some(Route::Redirect)),
            ("redirect/x", None),
            ("quota/role", Some(Route::Quota)),
        ] {
            assert_eq!(route(path), want, "case `{path}`");
        }
    }
}
