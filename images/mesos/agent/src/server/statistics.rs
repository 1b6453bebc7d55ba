//! What containers use: `/monitor/statistics`, `/containers` and GET_CONTAINERS.

use mesos_proto::mesos::{ContainerID, ContainerInfo, ContainerStatus, ResourceStatistics};
use mesos_proto::v1_agent::response::get_containers::Container;
use mesos_wire::authorization::{Action, Rights};
use mesos_wire::http::Query;
use mesos_wire::json::{Dialect, to_value};
use serde_json::{Value, json};

use super::agent::Agent;
use super::{disk, sight};
use crate::containerizer::usage::{Usage, usage};
use crate::model::{Executor, executor_id, framework_id};
use crate::nested::Chain;
use crate::settings;

/// An executor, and what is measured of it.
pub(crate) struct Measured {
    framework: String,
    executor: String,
    name: String,
    source: String,
    container: String,
    process: u32,
    info: Option<ContainerInfo>,
    statistics: ResourceStatistics,
}

/// All executors that run. Their processes are looked at without holding the model.
pub(crate) async fn measure(agent: &Agent) -> Vec<Measured> {
    let looks_at_disks = settings::isolates_disk(&agent.flags);
    let running: Vec<Measured> = agent.look(|model| {
        let measured = |executor: &Executor| {
            let mut statistics = limits(executor);
            if let Some(limit) = disk::limit(executor).filter(|_| looks_at_disks) {
                statistics.set_disk_limit_bytes(limit);
                if let Some(used) = agent.disks.used(&executor.container_id) {
                    statistics.set_disk_used_bytes(used);
                }
            }
            Some(Measured {
                framework: executor.framework.clone(),
                executor: executor.id().to_string(),
                name: executor.info.name().to_string(),
                source: executor.info.source().to_string(),
                container: executor.container_id.clone(),
                process: executor.process?,
                info: executor.info.container.clone().into_option(),
                statistics,
            })
        };
        model
            .executors()
            .filter_map(|(_, executor)| measured(executor))
            .collect()
    });
    let wall = agent.now().wall;
    let counts = counts_processes(agent);
    let used = running.iter().map(|one| used(agent, one));
    let used = futures_util::future::join_all(used).await;
    let measured = |(mut one, used): (Measured, Option<Usage>)| {
        let used = used?;
        let statistics = &mut one.statistics;
        statistics.set_timestamp(wall);
        note(statistics, &used, counts);
        Some(one)
    };
    running.into_iter().zip(used).filter_map(measured).collect()
}

/// What a container uses, by who runs it: the engine, or this agent itself.
async fn used(agent: &Agent, one: &Measured) -> Option<Usage> {
    let containers = agent.containers();
    if let Some(used) =
        containers.and_then(|all| all.engine_usage(one.info.as_ref(), &one.container))
    {
        return used.await;
    }
    usage(one.process)
}

/// What an executor was given.
fn limits(executor: &Executor) -> ResourceStatistics {
    let allocated = executor.allocated();
    let mut statistics = ResourceStatistics::new();
    statistics.set_cpus_soft_limit(allocated.scalar("cpus"));
    let requested = to_bytes(allocated.scalar("mem"));
    statistics.set_mem_soft_limit_bytes(requested);
    let limit = |name: &str| executor.declared(name).filter(|limit| limit.is_finite());
    statistics.set_mem_limit_bytes(limit("mem").map_or(requested, to_bytes));
    if let Some(cpus) = limit("cpus") {
        statistics.set_cpus_limit(cpus);
    }
    statistics
}

fn to_bytes(megabytes: f64) -> u64 {
    (megabytes * 1_048_576.0) as u64
}

/// `/monitor/statistics`.
pub(crate) async fn statistics(agent: &Agent) -> Value {
    measure(agent)
        .await
        .iter()
        .map(|one| {
            json!({
                "executor_id": one.executor,
                "executor_name": one.name,
                "framework_id": one.framework,
                "source": one.source,
                "statistics": to_value(&one.statistics, Dialect::V0),
            })
        })
        .collect()
}

fn status(one: &Measured) -> ContainerStatus {
    let mut id = ContainerID::new();
    id.set_value(one.container.clone());
    let mut status = ContainerStatus::new();
    status.container_id = Some(id).into();
    status.set_executor_pid(one.process);
    status
}

/// `/containers`; the error says which queries are taken.
pub(crate) async fn containers(
    agent: &Agent,
    query: &Query,
    rights: &Rights,
) -> Result<Value, &'static str> {
    let (container, framework, executor) = (
        query.get("container_id"),
        query.get("framework_id"),
        query.get("executor_id"),
    );
    let is_allowed = matches!(
        (container, framework, executor),
        (None, None, None) | (Some(_), None, None) | (None, Some(_), _)
    );
    if !is_allowed {
        return Err(
            "Supported query parameters are container_id only, framework_id only, or executor_id and framework_id only",
        );
    }
    let wanted = |one: &&Measured| {
        sees(agent, rights, &one.container)
            && container.is_none_or(|id| id == one.container)
            && framework.is_none_or(|id| id == one.framework)
            && executor.is_none_or(|id| id == one.executor)
    };
    let measured = measure(agent).await;
    let asks = |name: &str| query.get(name) == Some("true");
    let show = Show {
        nested: asks("show_nested"),
        standalone: asks("show_standalone"),
    };
    let others = others(agent, show, rights);
    let others = others.iter().filter(|one| {
        let (of_framework, of_executor) = match &one.executor {
            Some((framework, executor, _)) => (framework.as_str(), executor.as_str()),
            None => ("", ""),
        };
        container.is_none_or(|id| id == one.id.own())
            && framework.is_none_or(|id| id == of_framework)
            && executor.is_none_or(|id| id == of_executor)
    });
    let others = others.map(|one| {
        let mut entry = json!({
            "container_id": one.id.own(),
            "statistics": to_value(&one.statistics, Dialect::V0),
            "status": to_value(&one.status, Dialect::V0),
        });
        if let (Some(entry), Some((framework, executor, name))) =
            (entry.as_object_mut(), &one.executor)
        {
            entry.insert("executor_id".to_string(), json!(executor));
            entry.insert("executor_name".to_string(), json!(name));
            entry.insert("framework_id".to_string(), json!(framework));
        }
        entry
    });
    let shown = measured.iter().filter(wanted).map(|one| {
        json!({
            "container_id": one.container,
            "executor_id": one.executor,
            "executor_name": one.name,
            "framework_id": one.framework,
            "source": one.source,
            "statistics": to_value(&one.statistics, Dialect::V0),
            "status": to_value(&status(one), Dialect::V0),
        })
    });
    Ok(shown.chain(others).collect())
}

/// The containers of GET_CONTAINERS.
pub(crate) async fn v1_containers(agent: &Agent, show: Show, rights: &Rights) -> Vec<Container> {
    let measured = measure(agent).await.into_iter();
    let visible = measured.filter(|one| sees(agent, rights, &one.container));
    let executors = visible.map(|one| {
        let mut container = Container::new();
        let status = status(&one);
        container.framework_id = framework_id(&one.framework);
        container.executor_id = executor_id(&one.executor);
        container.set_executor_name(one.name);
        container.container_id = status.container_id.clone();
        container.container_status = Some(status).into();
        container.resource_statistics = Some(one.statistics).into();
        container
    });
    let others = others(agent, show, rights).into_iter().map(|one| {
        let mut container = Container::new();
        if let Some((framework, executor, name)) = &one.executor {
            container.framework_id = framework_id(framework);
            container.executor_id = executor_id(executor);
            container.set_executor_name(name.clone());
        }
        container.container_id = one.status.container_id.clone();
        container.container_status = Some(one.status).into();
        container.resource_statistics = Some(one.statistics).into();
        container
    });
    executors.chain(others).collect()
}

/// Which containers are shown beside those of executors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Show {
    /// Those nested in others.
    pub(crate) nested: bool,
    /// Those that stand alone.
    pub(crate) standalone: bool,
}

/// A container that is not an executor's.
struct Other {
    id: Chain,
    /// The framework, executor and executor's name that it is nested in.
    executor: Option<(String, String, String)>,
    status: ContainerStatus,
    statistics: ResourceStatistics,
}

/// Whether a container may be seen: an executor's and what is in it by those who may see those of its user.
fn sees(agent: &Agent, rights: &Rights, root: &str) -> bool {
    !rights.are_limited() || sight::in_container(agent, rights, Action::ViewContainer, root, None)
}

fn others(agent: &Agent, show: Show, rights: &Rights) -> Vec<Other> {
    if show == Show::default() {
        return Vec::new();
    }
    let wall = agent.now().wall;
    let counts = counts_processes(agent);
    let running = agent.nested.running().into_iter().filter(|record| {
        if record.id.parent().is_some() {
            show.nested && sees(agent, rights, record.id.outermost())
        } else {
            show.standalone && rights.allow_any(Action::ViewStandaloneContainer)
        }
    });
    running
        .map(|record| {
            let mut statistics = ResourceStatistics::new();
            statistics.set_timestamp(wall);
            statistics.cpus_soft_limit = record.cpus;
            statistics.mem_soft_limit_bytes = record.memory;
            statistics.mem_limit_bytes = record.memory;
            let process = record.launcher.and_then(|(pid, _)| u32::try_from(pid).ok());
            if let Some(used) = process.and_then(usage) {
                note(&mut statistics, &used, counts);
            }
            let mut status = ContainerStatus::new();
            status.container_id = record.id.proto();
            status.executor_pid = process;
            let executor = agent.look(|model| {
                let mut executors = model.executors();
                let (_, owner) =
                    executors.find(|(_, e)| e.container_id == record.id.outermost())?;
                let name = owner.info.name().to_string();
                Some((owner.framework.clone(), owner.id().to_string(), name))
            });
            Other {
                id: record.id,
                executor,
                status,
                statistics,
            }
        })
        .collect()
}

/// Whether statistics have how many processes and threads there are: the original's have them only then.
fn counts_processes(agent: &Agent) -> bool {
    agent.flags.is_on("cgroups_cpu_enable_pids_and_tids_count")
}

fn note(statistics: &mut ResourceStatistics, used: &Usage, counts: bool) {
    statistics.set_cpus_user_time_secs(used.user_secs);
    statistics.set_cpus_system_time_secs(used.system_secs);
    statistics.set_mem_rss_bytes(used.resident_bytes);
    if counts {
        statistics.set_processes(used.processes);
        statistics.set_threads(used.threads);
    }
}
