//! Hosts: their attributes and their maintenance.

use std::collections::BTreeSet;

use super::sla::SlaPolicy;
use crate::enums::MaintenanceMode;

thrift_struct! {
    /// One of an agent's attributes, with all its values.
    Attribute {
        1 "name" => name: String,
        2 "values" => values: BTreeSet<String>,
    }

    /// What the scheduler knows of a host.
    HostAttributes {
        1 "host" => host: String,
        2 "attributes" => attributes: BTreeSet<Attribute>,
        3 "mode" => mode: Option<MaintenanceMode>,
        4 "slaveId" => slave_id: Option<String>,
    }

    /// A host and its place in maintenance.
    HostStatus {
        1 "host" => host: String,
        2 "mode" => mode: MaintenanceMode,
    }

    /// Hosts by name.
    Hosts {
        1 "hostNames" => host_names: BTreeSet<String>,
    }

    /// A request to drain a host, kept until it is done.
    HostMaintenanceRequest {
        1 "host" => host: String,
        2 "defaultSlaPolicy" => default_sla_policy: Option<SlaPolicy>,
        3 "timeoutSecs" => timeout_secs: i64,
        4 "createdTimestampMs" => created_timestamp_ms: i64,
    }
}
