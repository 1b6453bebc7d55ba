//! `set_quota` and `increase_quota`.

use std::collections::BTreeSet;

use aurora_api::calls::{GetQuotaArgs, SetQuotaArgs};
use aurora_api::{Call, CallResult, Resource, ResourceAggregate};

use super::session::{Session, die};
use crate::api::Scheduler;
use crate::exit::Result;
use crate::pretty;
use crate::quantity::megabytes;

/// What a role may use for production.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Quota {
    cpus: f64,
    /// Megabytes, as is `disk`.
    ram: i64,
    disk: i64,
}

impl Quota {
    /// From three words of a command line.
    fn parse(session: &Session) -> Result<Self> {
        let cpus = session.word(2);
        Ok(Self {
            cpus: cpus
                .trim()
                .parse::<f64>()
                .ok()
                .filter(|cpus| cpus.is_finite())
                .ok_or_else(|| die(format!("could not convert string to float: '{cpus}'")))?,
            ram: megabytes(session.word(3)).map_err(die)?,
            disk: megabytes(session.word(4)).map_err(die)?,
        })
    }
}

pub(super) async fn set(session: &Session) -> Result<()> {
    let quota = Quota::parse(session)?;
    let scheduler = session.scheduler()?;
    order(session, &scheduler, quota).await
}

pub(super) async fn increase(session: &Session) -> Result<()> {
    let more = Quota::parse(session)?;
    let scheduler = session.scheduler()?;
    let role = session.word(1);
    session.console.info(&format!("Getting quota for: {role}"));
    let args = GetQuotaArgs {
        owner_role: Some(role.to_owned()),
    };
    let response = scheduler.call(Call::GetQuota(args)).await?;
    let now = match response.result {
        Some(CallResult::GetQuota(quota)) => quota.quota.resources,
        _ => {
            session.check(&response)?;
            BTreeSet::new()
        }
    };
    let lines: Vec<String> = now.iter().filter_map(line).collect();
    session.console.info(&format!(
        "Current quota for {role}:\n\t{}",
        lines.join("\n\t")
    ));
    let mut sum = more;
    for resource in &now {
        match resource {
            Resource::NumCpus(cpus) => sum.cpus += cpus.0,
            Resource::RamMb(ram) => sum.ram = sum.ram.saturating_add(*ram),
            Resource::DiskMb(disk) => sum.disk = sum.disk.saturating_add(*disk),
            Resource::NamedPort(_) | Resource::NumGpus(_) | Resource::Unset => {}
        }
    }
    session.console.info(&format!(
        "Attempting to update quota for {role} to\n\tCPU\t{}\n\tRAM\t{} MB\n\tDisk\t{} MB",
        pretty::float_text(sum.cpus),
        sum.ram,
        sum.disk
    ));
    order(session, &scheduler, sum).await
}

fn line(resource: &Resource) -> Option<String> {
    match resource {
        Resource::NumCpus(cpus) => Some(format!("CPU\t{} core(s)", pretty::float_text(cpus.0))),
        Resource::RamMb(ram) => Some(format!("RAM\t{ram} MB")),
        Resource::DiskMb(disk) => Some(format!("Disk\t{disk} MB")),
        Resource::NumGpus(gpus) => Some(format!("GPU\t{gpus} GPU(s)")),
        Resource::NamedPort(_) | Resource::Unset => None,
    }
}

async fn order(session: &Session, scheduler: &Scheduler, quota: Quota) -> Result<()> {
    let role = session.word(1);
    let Quota { cpus, ram, disk } = quota;
    session.console.info(&format!(
        "Setting quota for user:{role} cpu:{cpus:.6} ram:{ram} disk: {disk}"
    ));
    let resources = BTreeSet::from([
        Resource::NumCpus(cpus.into()),
        Resource::RamMb(ram),
        Resource::DiskMb(disk),
    ]);
    let args = SetQuotaArgs {
        owner_role: Some(role.to_owned()),
        quota: Some(ResourceAggregate { resources }),
    };
    session
        .call(scheduler, Call::SetQuota(args))
        .await
        .map(|_| ())
}
