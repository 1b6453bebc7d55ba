//! Records become rows.

use std::collections::HashMap;
use std::sync::Arc;

use aurora_api::{JobUpdateKey, Protocol, TaskConfig, Value};
use rusqlite::{Connection, OptionalExtension, params};

use crate::model::effect::Record;

/// So many configurations are remembered as stored; beyond, they are looked up again.
pub(super) const MAX_KNOWN_CONFIGS: usize = 4096;

/// The name under which the framework's id is kept.
pub(super) const FRAMEWORK_ID: &str = "framework_id";

/// Why a record could not be written.
pub(super) enum WriteError {
    Database(rusqlite::Error),
    Encode { table: &'static str, reason: String },
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

fn encode<T: Value>(table: &'static str, value: &T) -> Result<Vec<u8>, WriteError> {
    Protocol::Binary
        .encode(value)
        .map_err(|error| WriteError::Encode {
            table,
            reason: error.to_string(),
        })
}

pub(super) fn apply(
    connection: &Connection,
    configs: &mut HashMap<Arc<TaskConfig>, i64>,
    record: &Record,
) -> Result<(), WriteError> {
    let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| -> Result<(), WriteError> {
        connection.prepare_cached(sql)?.execute(params)?;
        Ok(())
    };
    match record {
        Record::SaveTask(task) => {
            let config = config_id(connection, configs, &task.config)?;
            let data = encode("tasks", &task.to_scheduled_without_config())?;
            run(
                "INSERT OR REPLACE INTO tasks (id, config, data) VALUES (?1, ?2, ?3)",
                params![task.id, config, data],
            )
        }
        Record::RemoveTask(id) => run("DELETE FROM tasks WHERE id = ?1", params![id]),
        Record::SaveUpdate(update) => {
            let JobUpdateKey { job, id } = &update.summary.key;
            let data = encode("updates", update.as_ref())?;
            run(
                "INSERT OR REPLACE INTO updates (job, name, data) VALUES (?1, ?2, ?3)",
                params![job.to_string(), id, data],
            )
        }
        Record::AddUpdateEvent(key, event) => {
            let data = encode("update_events", event)?;
            run(
                "INSERT INTO update_events (parent, data) \
                 SELECT id, ?3 FROM updates WHERE job = ?1 AND name = ?2",
                params![key.job.to_string(), key.id, data],
            )
        }
        Record::AddInstanceEvent(key, event) => {
            let data = encode("instance_events", event)?;
            run(
                "INSERT INTO instance_events (parent, data) \
                 SELECT id, ?3 FROM updates WHERE job = ?1 AND name = ?2",
                params![key.job.to_string(), key.id, data],
            )
        }
        Record::RemoveUpdate(key) => {
            let job = key.job.to_string();
            for table in ["update_events", "instance_events"] {
                let sql = format!(
                    "DELETE FROM {table} WHERE parent IN \
                     (SELECT id FROM updates WHERE job = ?1 AND name = ?2)"
                );
                run(&sql, params![job, key.id])?;
            }
            run(
                "DELETE FROM updates WHERE job = ?1 AND name = ?2",
                params![job, key.id],
            )
        }
        Record::SaveHost(host) => {
            let data = encode("hosts", host)?;
            run(
                "INSERT OR REPLACE INTO hosts (host, data) VALUES (?1, ?2)",
                params![host.host, data],
            )
        }
        Record::SaveMaintenance(request) => {
            let data = encode("maintenance", request)?;
            run(
                "INSERT OR REPLACE INTO maintenance (host, data) VALUES (?1, ?2)",
                params![request.host, data],
            )
        }
        Record::RemoveMaintenance(host) => {
            run("DELETE FROM maintenance WHERE host = ?1", params![host])
        }
        Record::SaveQuota(role, quota) => {
            let data = encode("quotas", quota)?;
            run(
                "INSERT OR REPLACE INTO quotas (role, data) VALUES (?1, ?2)",
                params![role, data],
            )
        }
        Record::SaveCronJob(config) => {
            let job = config.key.as_ref().map(ToString::to_string);
            let data = encode("crons", config.as_ref())?;
            run(
                "INSERT OR REPLACE INTO crons (job, data) VALUES (?1, ?2)",
                params![job, data],
            )
        }
        Record::RemoveCronJob(job) => {
            run("DELETE FROM crons WHERE job = ?1", params![job.to_string()])
        }
        Record::SaveFrameworkId(id) => run(
            "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)",
            params![FRAMEWORK_ID, id],
        ),
    }
}

/// The number of a configuration, storing it if it is new.
fn config_id(
    connection: &Connection,
    configs: &mut HashMap<Arc<TaskConfig>, i64>,
    config: &Arc<TaskConfig>,
) -> Result<i64, WriteError> {
    if let Some(id) = configs.get(config) {
        return Ok(*id);
    }
    let data = encode("configs", config.as_ref())?;
    let known = connection
        .prepare_cached("SELECT id FROM configs WHERE data = ?1")?
        .query_row(params![data], |row| row.get(0))
        .optional()?;
    let id = match known {
        Some(id) => id,
        None => {
            connection
                .prepare_cached("INSERT INTO configs (data) VALUES (?1)")?
                .execute(params![data])?;
            connection.last_insert_rowid()
        }
    };
    configs.insert(Arc::clone(config), id);
    Ok(id)
}
