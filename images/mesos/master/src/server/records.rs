//! How what operators have decided is written into the registry's table of records: a kind, a key
//! that is empty where there is only one, and a message.

use mesos_proto::maintenance::Schedule;
use mesos_proto::mesos::{DrainInfo, WeightInfo};
use mesos_proto::messages::registry::{Machine, Machines};
use mesos_proto::quota::QuotaConfig;
use protobuf::{Message, MessageField};

use crate::model::{AgentId, Record};

const WEIGHT: &str = "weight";
const QUOTA: &str = "quota";
const SCHEDULE: &str = "schedule";
const MACHINES: &str = "machines";
const DRAIN: &str = "drain";

/// A record as a row; without a value it is to be deleted.
pub(super) struct Row {
    pub(super) kind: &'static str,
    pub(super) key: String,
    pub(super) value: Option<Vec<u8>>,
}

/// The row of a record.
pub(super) fn row(record: &Record) -> Result<Row, protobuf::Error> {
    let one = |kind, key: &str, value: Option<Vec<u8>>| {
        Ok(Row {
            kind,
            key: key.to_string(),
            value,
        })
    };
    match record {
        Record::Weight(role, weight) => {
            let mut info = WeightInfo::new();
            info.set_role(role.clone());
            info.set_weight(*weight);
            one(WEIGHT, role, bytes(Some(&info))?)
        }
        Record::Quota(role, config) => one(QUOTA, role, bytes(config.as_ref())?),
        Record::Schedule(schedule) => one(SCHEDULE, "", bytes(schedule.as_ref())?),
        Record::Machines(machines) => {
            let mut all = Machines::new();
            all.machines = machines
                .iter()
                .map(|info| Machine {
                    info: MessageField::some(info.clone()),
                    ..Default::default()
                })
                .collect();
            one(MACHINES, "", bytes(Some(&all))?)
        }
        Record::Drain(agent, info) => one(DRAIN, agent.as_str(), bytes(info.as_ref())?),
    }
}

fn bytes(message: Option<&impl Message>) -> Result<Option<Vec<u8>>, protobuf::Error> {
    message.map(Message::write_to_bytes).transpose()
}

/// The record of a row; `None` if nothing is ever written so.
pub(super) fn read(kind: &str, key: String, value: &[u8]) -> Option<Record> {
    match kind {
        WEIGHT => {
            let info = WeightInfo::parse_from_bytes(value).ok()?;
            Some(Record::Weight(key, info.weight()))
        }
        QUOTA => {
            let config = QuotaConfig::parse_from_bytes(value).ok()?;
            Some(Record::Quota(key, Some(config)))
        }
        SCHEDULE => {
            let schedule = Schedule::parse_from_bytes(value).ok()?;
            Some(Record::Schedule(Some(schedule)))
        }
        MACHINES => {
            let all = Machines::parse_from_bytes(value).ok()?;
            let machines = all.machines.into_iter().filter_map(|m| m.info.0);
            Some(Record::Machines(machines.map(|info| *info).collect()))
        }
        DRAIN => {
            let info = DrainInfo::parse_from_bytes(value).ok()?;
            Some(Record::Drain(AgentId::new(key), Some(info)))
        }
        _ => None,
    }
}
