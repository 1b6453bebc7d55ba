//! `host_drain`: group by group, after a look at what it does to the jobs there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aurora_api::calls::DrainHostsArgs;
use aurora_api::{Call, HostStatus, MaintenanceMode};

use super::hosts::{self, shown};
use super::{ask, start, thrift};
use crate::admin::session::{Session, die};
use crate::admin::sla::{domain, grouping, limit, lines};
use crate::api::Scheduler;
use crate::exit::Result;
use crate::quantity::Span;
use crate::uptime::{Grouping, Limit};

/// Smaller jobs are drained without a look.
const LEAST_INSTANCES: usize = 20;
const PERCENTAGE: &str = "95";
const DURATION: &str = "30m";
/// Pause between two looks at hosts that are to be drained.
const POLL: Span = Span::seconds(5);
/// How long they may take.
const PATIENCE: Span = Span::minutes(5);

pub(in crate::admin) async fn drain(session: &Session) -> Result<()> {
    let args = &session.args;
    let wanted = hosts::needed(session)?;
    let grouping = grouping(session)?;
    let limit = overridden(session, &wanted)?;
    let script = args.text("--post_drain_script").map(script).transpose()?;
    let scheduler = session.scheduler()?;
    let known = start(session, &scheduler, &wanted).await?;
    let mut left = BTreeSet::new();
    for group in grouping.groups(&known) {
        session
            .console
            .info(&format!("Beginning SLA check for {}", shown(&group)));
        let unsafe_hosts = check(session, &scheduler, &group, limit, grouping).await?;
        if unsafe_hosts.is_empty() {
            session.console.info("All hosts passed SLA check.");
        } else {
            session.console.warn(&format!(
                "Some hosts did not pass SLA check and will not be drained! Skipping hosts: {}",
                shown(&unsafe_hosts)
            ));
        }
        let group = &group - &unsafe_hosts;
        left.extend(unsafe_hosts);
        if group.is_empty() {
            continue;
        }
        left.extend(drain_group(session, &scheduler, &group).await?);
        if let Some(script) = &script {
            for host in &group - &left {
                // What the script makes of the host is its own business.
                let ended = tokio::process::Command::new(script).arg(&host).status();
                if let Err(error) = ended.await {
                    return Err(die(format!("cannot run {}: {error}", script.display())));
                }
            }
        }
    }
    report(session, &left);
    Ok(())
}

/// The SLA that hosts are checked against: the usual one, unless all three `--override_*` are given.
fn overridden(session: &Session, wanted: &BTreeSet<String>) -> Result<Limit> {
    let option = |name| session.args.text(name);
    match (
        option("--override_percentage"),
        option("--override_duration"),
        option("--override_reason"),
    ) {
        (None, None, None) => limit(PERCENTAGE, DURATION),
        (Some(percentage), Some(duration), Some(reason)) => {
            let limit = limit(percentage, duration)?;
            session.console.warn(&format!(
                "Default SLA values (percentage: {PERCENTAGE}, duration: 30 mins) are overridden for the following hosts: {}. New percentage: {percentage}, duration: {duration}, override reason: {reason}",
                shown(wanted)
            ));
            Ok(limit)
        }
        _ => Err(die(
            "All --override_* options are required when attempting to override default SLA values.",
        )),
    }
}

fn script(name: &str) -> Result<PathBuf> {
    let missing = |_| die(format!("No such file: {name}"));
    Path::new(name).canonicalize().map_err(missing)
}

/// The hosts that jobs cannot spare; what is known of them is printed.
async fn check(
    session: &Session,
    scheduler: &Scheduler,
    group: &BTreeSet<String>,
    limit: Limit,
    grouping: Grouping,
) -> Result<BTreeSet<String>> {
    let domain = domain(session, scheduler, LEAST_INSTANCES, Some(group.clone())).await?;
    let groups = domain.probe(limit, grouping);
    let (hosts, lines) = lines(scheduler.cluster_name(), &groups, true);
    for line in lines {
        session.console.out(&line);
    }
    Ok(hosts)
}

/// Drains hosts and waits for it. Gives back those that were not done in time.
async fn drain_group(
    session: &Session,
    scheduler: &Scheduler,
    group: &BTreeSet<String>,
) -> Result<BTreeSet<String>> {
    session
        .console
        .info(&format!("Draining tasks on: {}", shown(group)));
    let call = Call::DrainHosts(DrainHostsArgs {
        hosts: thrift(group),
    });
    session.call(scheduler, call).await?;
    let mut left = group.clone();
    let mut waited = POLL.seconds;
    while !left.is_empty() {
        session.console.info(&format!(
            "Waiting for hosts to be in DRAINED: {}",
            shown(&left)
        ));
        tokio::time::sleep(Duration::from_secs(POLL.seconds)).await;
        let mut statuses = ask(session, scheduler, &left, true).await?;
        statuses.retain(|status| status.mode != MaintenanceMode::Drained);
        left = statuses.iter().map(|status| status.host.clone()).collect();
        waited += POLL.seconds;
        if !left.is_empty() && waited > PATIENCE.seconds {
            let lines: Vec<String> = statuses
                .iter()
                .map(|HostStatus { host, mode }| format!("\tHost:{host}\tStatus:{mode}"))
                .collect();
            session.console.warn(&format!(
                "Failed to move all hosts into DRAINED within {PATIENCE}:\n{}",
                lines.join("\n")
            ));
            break;
        }
    }
    Ok(left)
}

/// Names the hosts that still have their tasks, on stdout and in the file of `--unsafe_hosts_file`.
fn report(session: &Session, left: &BTreeSet<String>) {
    if left.is_empty() {
        return;
    }
    session
        .console
        .info("The following hosts WERE NOT DRAINED due to failed SLA check or external failures:");
    let names: Vec<&str> = left.iter().map(String::as_str).collect();
    let names = names.join("\n");
    session.console.out(&names);
    if let Some(file) = session.args.text("--unsafe_hosts_file") {
        match std::fs::write(file, format!("{names}\n")) {
            Ok(()) => session
                .console
                .info(&format!("Written unsafe host names into: {file}")),
            Err(error) => session
                .console
                .error(&format!("Failed to write into the output file: {error}")),
        }
    }
}
