//! `update info` and `update wait`.

use aurora_api::calls::GetJobUpdateDetailsArgs;
use aurora_api::{
    Call, CallResult, JobUpdateDetails, JobUpdateKey, JobUpdateQuery, JobUpdateStatus,
};
use serde_json::{Map, Value as Json, json};

use super::control::{active_update, wait_for};
use crate::context::Context;
use crate::exit::{self, Result};
use crate::grammar;
use crate::keys::AuroraKey;
use crate::pretty;
use crate::times;

pub(crate) async fn info(context: &Context) -> Result {
    let job = context.job()?;
    let Some(key) = update_key(context, &job).await? else {
        context
            .console
            .err("There is no active update for this job.");
        return Ok(exit::INVALID_PARAMETER);
    };
    let query = JobUpdateQuery {
        key: Some(key.clone()),
        ..JobUpdateQuery::default()
    };
    let args = GetJobUpdateDetailsArgs {
        key: Some(key.clone()),
        query: Some(query),
    };
    let response = context
        .scheduler(&job.cluster)?
        .call(Call::GetJobUpdateDetails(args))
        .await?;
    context.check(&response, exit::API_ERROR, "Command failure:")?;
    let details = match response.result {
        Some(CallResult::GetJobUpdateDetails(found)) => found
            .details_list
            .unwrap_or_default()
            .into_iter()
            .next()
            .or(found.details),
        _ => None,
    };
    let Some(details) = details else {
        let shown = pretty::thrift_repr(&key);
        context
            .console
            .err(&format!("There is no update for key: {shown}"));
        return Ok(exit::INVALID_PARAMETER);
    };
    context.console.out(&if context.flag(&grammar::WRITE_JSON) {
        pretty::dumps_indented(&document(&job, &details))
    } else {
        describe(&job, &details)
    });
    Ok(exit::OK)
}

pub(crate) async fn wait(context: &Context) -> Result {
    let job = context.job()?;
    let Some(key) = update_key(context, &job).await? else {
        context
            .console
            .err("There is no active update for this job.");
        return Ok(exit::INVALID_PARAMETER);
    };
    wait_for(context, &job, &key, JobUpdateStatus::RolledForward).await
}

/// The update with the id on the command line, else the active one.
async fn update_key(context: &Context, job: &AuroraKey) -> Result<Option<JobUpdateKey>> {
    match context.args.value(grammar::UPDATE_ID.metavar) {
        Some(id) => Ok(Some(JobUpdateKey {
            job: job.job.clone(),
            id: id.to_owned(),
        })),
        None => active_update(context, job).await,
    }
}

fn document(job: &AuroraKey, details: &JobUpdateDetails) -> Json {
    let summary = &details.update.summary;
    let state = summary.state.clone().unwrap_or_default();
    let update_events: Vec<Json> = details
        .update_events
        .iter()
        .map(|event| {
            let mut entry =
                json!({"status": event.status.name(), "timestampMs": event.timestamp_ms});
            if let (Some(message), Json::Object(entry)) = (
                event
                    .message
                    .as_deref()
                    .filter(|message| !message.is_empty()),
                &mut entry,
            ) {
                entry.insert("message".to_owned(), message.into());
            }
            entry
        })
        .collect();
    let instance_events: Vec<Json> = details
        .instance_events
        .iter()
        .map(|event| {
            json!({
                "instance": event.instance_id,
                "timestamp": event.timestamp_ms,
                "action": event.action.name(),
            })
        })
        .collect();
    let metadata: Vec<Json> = summary
        .metadata
        .iter()
        .flatten()
        .map(|label| {
            Json::Object(Map::from_iter([(
                label.key.clone(),
                label.value.as_str().into(),
            )]))
        })
        .collect();
    json!({
        "updateId": summary.key.id,
        "job": job.to_string(),
        "started": state.created_timestamp_ms,
        "last_modified": times::utc(state.last_modified_timestamp_ms),
        "status": state.status.name(),
        "update_events": update_events,
        "instance_update_events": instance_events,
        "metadata": metadata,
    })
}

fn describe(job: &AuroraKey, details: &JobUpdateDetails) -> String {
    let summary = &details.update.summary;
    let state = summary.state.clone().unwrap_or_default();
    let mut lines = vec![
        format!("Job: {job}, UpdateID: {}", summary.key.id),
        format!(
            "Started {}, last activity: {}",
            times::utc(state.created_timestamp_ms),
            times::utc(state.last_modified_timestamp_ms)
        ),
        format!("Current status: {}", state.status),
    ];
    if !details.update_events.is_empty() {
        lines.push("Update events:".to_owned());
        for event in &details.update_events {
            let when = times::utc(event.timestamp_ms);
            lines.push(format!("  Status: {} at {when}", event.status));
            if let Some(message) = event
                .message
                .as_deref()
                .filter(|message| !message.is_empty())
            {
                lines.push(format!("      message: {message}"));
            }
        }
    }
    if !details.instance_events.is_empty() {
        lines.push("Instance events:".to_owned());
        lines.extend(details.instance_events.iter().map(|event| {
            let when = times::utc(event.timestamp_ms);
            format!(
                "  Instance {} at {when}: {}",
                event.instance_id, event.action
            )
        }));
    }
    if let Some(metadata) = &summary.metadata {
        lines.push("Metadata:".to_owned());
        lines.extend(
            metadata
                .iter()
                .map(|label| format!("  {}: {}", label.key, label.value)),
        );
    }
    lines.join("\n")
}
