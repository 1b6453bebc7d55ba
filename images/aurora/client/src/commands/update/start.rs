//! `update start`.

use std::collections::BTreeSet;

use aurora_api::calls::StartJobUpdateArgs;
use aurora_api::{
    Call, CallResult, JobUpdateStatus, Metadata, Response, ResponseCode, StartJobUpdateResult,
};

use super::control;
use crate::commands::job::show_changes;
use crate::context::{Context, combined, open_browser};
use crate::exit::{self, Failure, Result};
use crate::grammar;
use crate::hooks::Method;

/// A label that tells this start from any other: it makes starting again harmless.
const UPDATE_ID: &str = "org.apache.aurora.client.update_id";

pub(crate) async fn start(context: &Context) -> Result {
    let spec = context.instances()?;
    let file = context.args.word(grammar::PATHNAME.metavar);
    let config = context.job_config(&spec.key, file).await?;
    if config.cron_schedule().is_some() {
        return Err(Failure::new(
            exit::COMMAND_FAILURE,
            "Cron jobs may only be updated with \"aurora cron schedule\" command",
        ));
    }
    if let Some(instances) = &spec.instances
        && context.flag(&grammar::STRICT)
    {
        context.active_instances(&spec.key, instances).await?;
    }
    let cluster = &spec.key.cluster;
    show_changes(context, &config, cluster, spec.instances.as_ref(), None).await?;

    let label = Metadata {
        key: UPDATE_ID.to_owned(),
        value: uuid::Uuid::new_v4().to_string(),
    };
    let request = config
        .update_request(
            spec.instances.as_ref(),
            Some(BTreeSet::from([label.clone()])),
        )
        .map_err(|why| Failure::new(exit::INVALID_CONFIGURATION, why))?;
    context
        .console
        .info(&format!("Starting update for: {}", config.name()));
    let message = context.text(&grammar::UPDATE_MESSAGE);
    let args = StartJobUpdateArgs {
        request: Some(request),
        message: message.clone(),
    };
    let method = Method::StartJobUpdate {
        message: message.as_deref(),
        instances: spec.instances.as_ref(),
    };
    let response = context
        .hooked(cluster, &method, Call::StartJobUpdate(args))
        .await?;
    if !is_ours(&response, &label) {
        context.check(
            &response,
            exit::API_ERROR,
            "Failed to start update due to error:",
        )?;
    }
    let Some(started) = result(&response) else {
        context.console.out(&combined(&response));
        return Ok(exit::OK);
    };
    let page = format!(
        "{}/update/{}",
        context.job_page(&spec.key).await?,
        started.key.id
    );
    context.console.out(&format!(
        "Job update has started. View your update progress at {page}"
    ));
    if context.flag(&grammar::OPEN_BROWSER) {
        open_browser(&page);
    }
    if context.flag(&grammar::WAIT) {
        let wanted = JobUpdateStatus::RolledForward;
        return control::wait_for(context, &spec.key, &started.key, wanted).await;
    }
    Ok(exit::OK)
}

fn result(response: &Response) -> Option<&StartJobUpdateResult> {
    match &response.result {
        Some(CallResult::StartJobUpdate(started)) => Some(started),
        _ => None,
    }
}

/// Whether a refusal is only because an earlier attempt of this very start had arrived.
fn is_ours(response: &Response, label: &Metadata) -> bool {
    response.response_code == ResponseCode::InvalidRequest
        && result(response)
            .and_then(|started| started.update_summary.as_ref()?.metadata.as_ref())
            .is_some_and(|metadata| metadata.contains(label))
}
