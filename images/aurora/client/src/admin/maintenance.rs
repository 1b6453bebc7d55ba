//! Hosts into maintenance, and out of it (`apache/aurora/admin/{maintenance,host_maintenance}.py`).

pub(super) mod drain;
pub(super) mod hosts;

use std::collections::BTreeSet;

use aurora_api::calls::{
    EndMaintenanceArgs, MaintenanceStatusArgs, SlaDrainHostsArgs, StartMaintenanceArgs,
};
use aurora_api::{
    Call, CallResult, HostStatus, Hosts, MaintenanceMode, PercentageSlaPolicy, SlaPolicy,
};

use super::session::Session;
use super::sla::{percentage, seconds};
use crate::api::Scheduler;
use crate::exit::Result;
use hosts::shown;

/// What `sla_host_drain` takes for jobs that have no SLA policy of their own, and how long tasks may
/// stay.
const DEFAULT_PERCENTAGE: &str = "95";
const DEFAULT_DURATION: &str = "30m";
const DRAIN_TIMEOUT: &str = "7d";

pub(super) async fn deactivate(session: &Session) -> Result<()> {
    let wanted = hosts::needed(session)?;
    start(session, &*session.scheduler()?, &wanted)
        .await
        .map(|_| ())
}

pub(super) async fn activate(session: &Session) -> Result<()> {
    let wanted = hosts::needed(session)?;
    let scheduler = session.scheduler()?;
    session
        .console
        .info(&format!("Ending maintenance for: {}", shown(&wanted)));
    let call = Call::EndMaintenance(EndMaintenanceArgs {
        hosts: thrift(&wanted),
    });
    session.call(&scheduler, call).await?;
    for status in ask(session, &scheduler, &wanted, false).await? {
        if status.mode != MaintenanceMode::None {
            let host = status.host;
            session
                .console
                .warn(&format!("{host} is DRAINING or in DRAINED"));
        }
    }
    Ok(())
}

pub(super) async fn status(session: &Session) -> Result<()> {
    let wanted = hosts::needed(session)?;
    for status in ask(session, &*session.scheduler()?, &wanted, true).await? {
        let HostStatus { host, mode } = status;
        session.console.info(&format!("{host} is in state: {mode}"));
    }
    Ok(())
}

pub(super) async fn sla_drain(session: &Session) -> Result<()> {
    let args = &session.args;
    let wanted = hosts::needed(session)?;
    let option = |name, default| args.value(name).unwrap_or(default);
    let policy = PercentageSlaPolicy {
        percentage: percentage(option("--default_percentage", DEFAULT_PERCENTAGE))?.into(),
        duration_secs: seconds(option("--default_duration", DEFAULT_DURATION))?,
    };
    let timeout = seconds(option("--force_drain_timeout", DRAIN_TIMEOUT))?;
    let scheduler = session.scheduler()?;
    session.console.info(&format!(
        "Asking scheduler to drain tasks by SLA on: {}",
        shown(&wanted)
    ));
    let call = Call::SlaDrainHosts(SlaDrainHostsArgs {
        hosts: thrift(&wanted),
        default_sla_policy: Some(SlaPolicy::Percentage(policy)),
        timeout_secs: Some(timeout),
    });
    session.call(&scheduler, call).await.map(|_| ())
}

/// Marks hosts for maintenance, and gives back those that the scheduler knows.
async fn start(
    session: &Session,
    scheduler: &Scheduler,
    wanted: &BTreeSet<String>,
) -> Result<BTreeSet<String>> {
    session
        .console
        .info(&format!("Starting maintenance for: {}", shown(wanted)));
    let call = Call::StartMaintenance(StartMaintenanceArgs {
        hosts: thrift(wanted),
    });
    let marked: BTreeSet<String> = match session.call(scheduler, call).await? {
        Some(CallResult::StartMaintenance(result)) => result
            .statuses
            .into_iter()
            .map(|status| status.host)
            .collect(),
        _ => BTreeSet::new(),
    };
    if marked.len() != wanted.len() {
        session.console.warn(&format!(
            "Skipping maintenance for unknown hosts: {}",
            shown(&(wanted - &marked))
        ));
    }
    Ok(marked)
}

/// Where hosts are in their maintenance.
async fn ask(
    session: &Session,
    scheduler: &Scheduler,
    wanted: &BTreeSet<String>,
    log_answer: bool,
) -> Result<Vec<HostStatus>> {
    session
        .console
        .info(&format!("Maintenance status for: {}", shown(wanted)));
    let call = Call::MaintenanceStatus(MaintenanceStatusArgs {
        hosts: thrift(wanted),
    });
    let response = scheduler.call(call).await?;
    if log_answer || response.response_code != aurora_api::ResponseCode::Ok {
        session.check(&response)?;
    }
    Ok(match response.result {
        Some(CallResult::MaintenanceStatus(result)) => result.statuses.into_iter().collect(),
        _ => Vec::new(),
    })
}

fn thrift(hosts: &BTreeSet<String>) -> Option<Hosts> {
    Some(Hosts {
        host_names: hosts.clone(),
    })
}
