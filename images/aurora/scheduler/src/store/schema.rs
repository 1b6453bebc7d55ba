//! The tables. Values are the API's structs in TBINARY, so that they grow as the API does; a task's
//! configuration, which many share, is kept once.

/// The version written into new databases.
pub(super) const VERSION: i64 = 3;

/// Empties all tables but the leader's.
pub(super) const EMPTY: &str = "
DELETE FROM tasks; DELETE FROM configs; DELETE FROM crons; DELETE FROM hosts; DELETE FROM quotas;
DELETE FROM update_events; DELETE FROM instance_events; DELETE FROM updates; DELETE FROM meta; DELETE FROM maintenance;
";

/// Makes all tables that are missing: an older version's database lacks the newer ones.
pub(super) const CREATE: &str = "
CREATE TABLE IF NOT EXISTS leader (id INTEGER PRIMARY KEY CHECK (id = 0), era INTEGER NOT NULL, zxid INTEGER NOT NULL, host TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS configs (id INTEGER PRIMARY KEY, data BLOB NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY, config INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS updates (id INTEGER PRIMARY KEY, job TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL, UNIQUE (job, name));
CREATE TABLE IF NOT EXISTS update_events (id INTEGER PRIMARY KEY AUTOINCREMENT, parent INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS update_events_parent ON update_events (parent);
CREATE TABLE IF NOT EXISTS instance_events (id INTEGER PRIMARY KEY AUTOINCREMENT, parent INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS instance_events_parent ON instance_events (parent);
CREATE TABLE IF NOT EXISTS hosts (host TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS quotas (role TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS maintenance (host TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS crons (job TEXT PRIMARY KEY, data BLOB NOT NULL);
";
