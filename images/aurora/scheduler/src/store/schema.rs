//! The tables. Values are the API's structs in TBINARY, so that they grow as the API does; a task's
//! configuration, which many share, is kept once.

/// The version written into new databases.
pub(super) const VERSION: i64 = 1;

/// Makes all tables.
pub(super) const CREATE: &str = "
CREATE TABLE leader (id INTEGER PRIMARY KEY CHECK (id = 0), era INTEGER NOT NULL, zxid INTEGER NOT NULL, host TEXT NOT NULL);
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE configs (id INTEGER PRIMARY KEY, data BLOB NOT NULL UNIQUE);
CREATE TABLE tasks (id TEXT PRIMARY KEY, config INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE updates (id INTEGER PRIMARY KEY, job TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL, UNIQUE (job, name));
CREATE TABLE update_events (id INTEGER PRIMARY KEY AUTOINCREMENT, parent INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX update_events_parent ON update_events (parent);
CREATE TABLE instance_events (id INTEGER PRIMARY KEY AUTOINCREMENT, parent INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX instance_events_parent ON instance_events (parent);
CREATE TABLE hosts (host TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE quotas (role TEXT PRIMARY KEY, data BLOB NOT NULL);
";
