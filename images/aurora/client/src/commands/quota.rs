//! `quota get`.

use aurora_api::calls::GetQuotaArgs;
use aurora_api::simple::Style;
use aurora_api::{Call, CallResult, GetQuotaResult, Resource, ResourceAggregate, Value};

use crate::context::Context;
use crate::exit::{self, Failure, Result};
use crate::grammar;
use crate::pretty;

pub(super) async fn get(context: &Context) -> Result {
    let (cluster, role) = context
        .args
        .word(grammar::ROLE.metavar)
        .split_once('/')
        .ok_or_else(|| Failure::new(exit::INVALID_PARAMETER, "no role"))?;
    context.console.info(&format!("Getting quota for: {role}"));
    let args = GetQuotaArgs {
        owner_role: Some(role.to_owned()),
    };
    let response = context
        .scheduler(cluster)?
        .call(Call::GetQuota(args))
        .await?;
    let complaint = format!("Error retrieving quota for role {role}");
    context.check(&response, exit::INVALID_PARAMETER, &complaint)?;
    let quota = match response.result {
        Some(CallResult::GetQuota(quota)) => quota,
        _ => GetQuotaResult::default(),
    };
    context.console.out(&if context.flag(&grammar::WRITE_JSON) {
        pretty::dumps(&quota.to_simple(Style::Numbers))
    } else {
        describe(&quota)
    });
    Ok(exit::OK)
}

fn describe(quota: &GetQuotaResult) -> String {
    let mut lines = Vec::new();
    section("Allocated", Some(&quota.quota), &mut lines);
    for (title, consumption) in [
        (
            "Production shared pool resources consumed",
            &quota.prod_shared_consumption,
        ),
        (
            "Production dedicated pool resources consumed",
            &quota.prod_dedicated_consumption,
        ),
        (
            "Non-production shared pool resources consumed",
            &quota.non_prod_shared_consumption,
        ),
        (
            "Non-production dedicated pool resources consumed",
            &quota.non_prod_dedicated_consumption,
        ),
    ] {
        section(title, consumption.as_ref(), &mut lines);
    }
    lines.join("\n")
}

fn section(title: &str, sum: Option<&ResourceAggregate>, lines: &mut Vec<String>) {
    let Some(sum) = sum else {
        return;
    };
    lines.push(format!("{title}:"));
    lines.extend(sum.resources.iter().filter_map(|resource| match resource {
        Resource::NumCpus(cpus) => Some(format!("  CPU: {} core(s)", pretty::float_text(cpus.0))),
        Resource::RamMb(ram) => Some(format!("  RAM: {ram} MB")),
        Resource::DiskMb(disk) => Some(format!("  Disk: {disk} MB")),
        Resource::NumGpus(gpus) => Some(format!("  GPU: {gpus} GPU(s)")),
        Resource::NamedPort(_) | Resource::Unset => None,
    }));
}
