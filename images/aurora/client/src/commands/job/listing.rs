//! `job list`, `job open`, and which jobs a pattern means.

use aurora_api::calls::GetJobsArgs;
use aurora_api::{Call, CallResult};

use crate::context::{Context, open_browser};
use crate::exit::{self, Result};
use crate::grammar;
use crate::keys::{AuroraKey, Pattern};

pub(crate) async fn list(context: &Context) -> Result {
    for key in matching(context, &pattern(context)).await? {
        context.console.out(&key.to_string());
    }
    Ok(exit::OK)
}

pub(crate) async fn open(context: &Context) -> Result {
    let page = context.args.word(grammar::PAGE.metavar).to_owned();
    let (cluster, rest) = page.split_once('/').unwrap_or((&page, ""));
    let scheduler = context.scheduler(cluster)?;
    let url = scheduler.shown_url().await;
    let path = if rest.is_empty() {
        String::new()
    } else {
        format!("/{rest}")
    };
    open_browser(&format!("{url}/scheduler{path}"));
    Ok(exit::OK)
}

/// The pattern on the command line. The parser has checked it.
pub(crate) fn pattern(context: &Context) -> Pattern {
    Pattern::parse(context.args.word(grammar::WILDCARD.metavar)).unwrap_or(Pattern {
        cluster: "*".to_owned(),
        role: "*".to_owned(),
        environment: "*".to_owned(),
        name: "*".to_owned(),
    })
}

/// The jobs that a pattern means; a key without any `*` means itself, whether it exists or not.
pub(crate) async fn matching(context: &Context, pattern: &Pattern) -> Result<Vec<AuroraKey>> {
    if let Some(key) = pattern.exact() {
        return Ok(vec![key]);
    }
    let clusters: Vec<String> = if pattern.cluster == "*" {
        context.clusters()?.keys().cloned().collect()
    } else {
        vec![pattern.cluster.clone()]
    };
    let role = (!pattern.role.contains('*')).then(|| pattern.role.clone());
    let mut found = Vec::new();
    for cluster in clusters {
        let scheduler = context.scheduler(&cluster)?;
        let shown = role.as_deref().unwrap_or("None");
        context
            .console
            .info(&format!("Retrieving jobs for role {shown}"));
        let args = GetJobsArgs {
            owner_role: role.clone(),
        };
        let response = scheduler.call(Call::GetJobs(args)).await?;
        context.check(&response, exit::COMMAND_FAILURE, "Command failure:")?;
        let Some(CallResult::GetJobs(jobs)) = response.result else {
            continue;
        };
        found.extend(
            jobs.configs
                .into_iter()
                .filter_map(|job| job.key)
                .filter(|job| pattern.matches(job))
                .map(|job| AuroraKey::new(&cluster, job)),
        );
    }
    Ok(found)
}
