//! Mesos' mapping between protobuf and JSON (v1-api "JSON mapping"): field names as in the proto
//! files, 64-bit integers as numbers, enums by name, bytes in base64, and fields that have an
//! explicit default written even when unset.

mod read;
mod text;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use protobuf::MessageDyn;
use protobuf::reflect::{FieldDescriptor, MessageDescriptor, ReflectFieldRef, ReflectValueRef};
use serde_json::{Map, Number, Value};

pub use read::{JsonError, from_slice, from_value};
pub use text::parse;

/// Under which names fields and enum values stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The old endpoints' names: `slave_id`, `SOURCE_SLAVE`.
    V0,
    /// The v1 API's names: `agent_id`, `SOURCE_AGENT`.
    V1,
}

impl Dialect {
    fn field(self, name: &str) -> std::borrow::Cow<'_, str> {
        match self {
            Self::V1 if name.contains("slave") => name.replace("slave", "agent").into(),
            _ => name.into(),
        }
    }

    /// Whether a message has a field. v1's `AgentInfo` lacks the one that only old agents left unset.
    fn has(self, message: &MessageDescriptor, field: &str) -> bool {
        let lacks = message.full_name() == "mesos.SlaveInfo" && field == "checkpoint";
        self == Self::V0 || !lacks
    }

    fn value(self, name: &str) -> String {
        match self {
            Self::V0 => name.to_string(),
            Self::V1 => name.replace("SLAVE", "AGENT"),
        }
    }
}

/// The JSON of a message.
pub fn to_value(message: &dyn MessageDyn, dialect: Dialect) -> Value {
    let descriptor = message.descriptor_dyn();
    let mut object = Map::new();
    for field in descriptor.fields() {
        if !dialect.has(&descriptor, field.name()) {
            continue;
        }
        let value = match field.get_reflect(message) {
            ReflectFieldRef::Optional(optional) => match optional.value() {
                Some(value) => Some(scalar(value, dialect)),
                None => default(&field, message, dialect),
            },
            ReflectFieldRef::Repeated(items) if items.is_empty() => None,
            ReflectFieldRef::Repeated(items) => Some(Value::Array(
                items
                    .into_iter()
                    .map(|item| scalar(item, dialect))
                    .collect(),
            )),
            ReflectFieldRef::Map(entries) if entries.is_empty() => None,
            ReflectFieldRef::Map(entries) => {
                let mut entries: Vec<(String, Value)> = entries
                    .into_iter()
                    .map(|(key, value)| (key_text(key), scalar(value, dialect)))
                    .collect();
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                Some(Value::Object(entries.into_iter().collect()))
            }
        };
        if let Some(value) = value {
            object.insert(dialect.field(field.name()).into_owned(), value);
        }
    }
    Value::Object(object)
}

/// The JSON of a message as bytes, without white space.
pub fn to_vec(message: &dyn MessageDyn, dialect: Dialect) -> Vec<u8> {
    to_value(message, dialect).to_string().into_bytes()
}

/// An unset field is still written if it has a default of its own and is not deprecated.
fn default(field: &FieldDescriptor, message: &dyn MessageDyn, dialect: Dialect) -> Option<Value> {
    let proto = field.proto();
    (proto.has_default_value() && !proto.options.deprecated())
        .then(|| scalar(field.get_singular_field_or_default(message), dialect))
}

fn scalar(value: ReflectValueRef<'_>, dialect: Dialect) -> Value {
    match value {
        ReflectValueRef::U32(n) => n.into(),
        ReflectValueRef::U64(n) => n.into(),
        ReflectValueRef::I32(n) => n.into(),
        ReflectValueRef::I64(n) => n.into(),
        ReflectValueRef::F32(n) => double(n.into()),
        ReflectValueRef::F64(n) => double(n),
        ReflectValueRef::Bool(b) => b.into(),
        ReflectValueRef::String(s) => s.into(),
        ReflectValueRef::Bytes(b) => BASE64.encode(b).into(),
        ReflectValueRef::Enum(descriptor, number) => match descriptor.value_by_number(number) {
            Some(value) => dialect.value(value.name()).into(),
            None => number.into(),
        },
        ReflectValueRef::Message(message) => to_value(&*message, dialect),
    }
}

fn double(n: f64) -> Value {
    match Number::from_f64(n) {
        Some(number) => Value::Number(number),
        None if n.is_nan() => "NaN".into(),
        None if n > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

fn key_text(key: ReflectValueRef<'_>) -> String {
    match scalar(key, Dialect::V0) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use mesos_proto::mesos::{FrameworkInfo, SlaveInfo, TaskStatus};
    use mesos_proto::scheduler::Event;
    use protobuf::Message;

    use super::*;

    #[test]
    fn v1_names_agents_where_v0_names_slaves() {
        let v1 = r#"{"task_id":{"value":"t"},"state":"TASK_LOST","source":"SOURCE_AGENT","reason":"REASON_AGENT_REMOVED","agent_id":{"value":"a"},"uuid":"AAECAw=="}"#;
        let status: TaskStatus = from_slice(v1.as_bytes(), Dialect::V1).unwrap();
        assert_eq!(status.slave_id.value(), "a");
        assert_eq!(status.uuid(), [0, 1, 2, 3]);
        assert_eq!(String::from_utf8(to_vec(&status, Dialect::V1)).unwrap(), v1);
        let v0 = String::from_utf8(to_vec(&status, Dialect::V0)).unwrap();
        assert!(
            v0.contains(r#""slave_id":{"value":"a"}"#) && v0.contains("REASON_SLAVE_REMOVED"),
            "{v0}"
        );
    }

    #[test]
    fn v1_agents_say_nothing_of_checkpoints() {
        let text = br#"{"hostname":"a","checkpoint":true}"#;
        let info: SlaveInfo = from_slice(text, Dialect::V0).unwrap();
        let written = |dialect| to_value(&info, dialect).get("checkpoint").cloned();
        assert_eq!(written(Dialect::V0), Some(Value::Bool(true)));
        assert_eq!(written(Dialect::V1), None);
        let info: SlaveInfo = from_slice(text, Dialect::V1).unwrap();
        assert!(!info.has_checkpoint());
    }

    #[test]
    fn explicit_defaults_are_written_and_deprecated_ones_are_not() {
        let info: FrameworkInfo = from_slice(br#"{"user":"u","name":"n"}"#, Dialect::V1).unwrap();
        let text = String::from_utf8(to_vec(&info, Dialect::V1)).unwrap();
        assert_eq!(
            text,
            r#"{"user":"u","name":"n","failover_timeout":0.0,"checkpoint":false}"#
        );
    }

    #[test]
    fn a_message_is_the_same_after_json_and_back() {
        let text = br#"{"type":"UPDATE","update":{"status":{"task_id":{"value":"x"},"state":"TASK_RUNNING","timestamp":1.5,"container_status":{"network_infos":[{"ip_addresses":[{"protocol":"IPv4","ip_address":"10.0.0.1"}]}],"executor_pid":7}}}}"#;
        let event: Event = from_slice(text, Dialect::V1).unwrap();
        let bytes = event.write_to_bytes().unwrap();
        let again: Event = from_slice(&to_vec(&event, Dialect::V1), Dialect::V1).unwrap();
        assert_eq!(again.write_to_bytes().unwrap(), bytes);
    }
}
