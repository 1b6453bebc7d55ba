//! Mesos' mapping between protobuf and JSON (v1-api "JSON mapping"): field names as in the proto
//! files, 64-bit integers as numbers, enums by name, bytes in base64, and fields that have an
//! explicit default written even when unset.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use protobuf::reflect::{
    EnumDescriptor, FieldDescriptor, MessageDescriptor, ReflectFieldRef, ReflectValueBox,
    ReflectValueRef, RuntimeFieldType, RuntimeType,
};
use protobuf::{MessageDyn, MessageFull};
use serde_json::{Map, Number, Value};
use thiserror::Error;

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

/// Why a JSON text is not the message that is expected.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum JsonError {
    /// The text is no JSON.
    #[error("Failed to parse body into JSON: {0}")]
    Syntax(String),
    /// The JSON is not of the message's shape.
    #[error("Failed to convert JSON into {message} protobuf: {reason}")]
    Shape {
        /// The message's name without its package.
        message: String,
        /// What is wrong with it.
        reason: String,
    },
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

/// The message that a JSON text stands for.
pub fn from_slice<M: MessageFull>(text: &[u8], dialect: Dialect) -> Result<M, JsonError> {
    let value = serde_json::from_slice(text).map_err(|e| JsonError::Syntax(e.to_string()))?;
    from_value(&value, dialect)
}

/// The message that a JSON value stands for.
pub fn from_value<M: MessageFull>(value: &Value, dialect: Dialect) -> Result<M, JsonError> {
    let descriptor = M::descriptor();
    let shape = |reason: String| JsonError::Shape {
        message: descriptor.name().to_string(),
        reason,
    };
    let Value::Object(object) = value else {
        return Err(shape("Expecting a JSON object".to_string()));
    };
    let mut message = M::new();
    fill(&mut message, &descriptor, object, dialect).map_err(shape)?;
    if !message.is_initialized() {
        return Err(shape(format!(
            "Missing required fields: {}",
            missing(&message, "", dialect).join(", ")
        )));
    }
    Ok(message)
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

fn fill(
    message: &mut dyn MessageDyn,
    descriptor: &MessageDescriptor,
    object: &Map<String, Value>,
    dialect: Dialect,
) -> Result<(), String> {
    for field in descriptor.fields() {
        if !dialect.has(descriptor, field.name()) {
            continue;
        }
        let name = dialect.field(field.name());
        let value = match object.get(name.as_ref()) {
            None | Some(Value::Null) => continue,
            Some(value) => value,
        };
        let wrong = |reason: String| format!("field '{name}': {reason}");
        match field.runtime_field_type() {
            RuntimeFieldType::Singular(kind) => {
                match parse(&kind, value, dialect).map_err(wrong)? {
                    Some(value) => field.set_singular_field(message, value),
                    None if field.is_required() => {
                        return Err(wrong(format!("unknown value {value}")));
                    }
                    None => {}
                }
            }
            RuntimeFieldType::Repeated(kind) => {
                let Value::Array(items) = value else {
                    return Err(wrong(format!("Not expecting a JSON {}", kind_of(value))));
                };
                let mut repeated = field.mut_repeated(message);
                for item in items {
                    if let Some(item) = parse(&kind, item, dialect).map_err(wrong)? {
                        repeated.push(item);
                    }
                }
            }
            RuntimeFieldType::Map(key_kind, kind) => {
                let Value::Object(entries) = value else {
                    return Err(wrong(format!("Not expecting a JSON {}", kind_of(value))));
                };
                let mut map = field.mut_map(message);
                for (key, entry) in entries {
                    let key =
                        parse(&key_kind, &Value::String(key.clone()), dialect).map_err(wrong)?;
                    let entry = parse(&kind, entry, dialect).map_err(wrong)?;
                    if let (Some(key), Some(entry)) = (key, entry) {
                        map.insert(key, entry);
                    }
                }
            }
        }
    }
    Ok(())
}

/// One value, or `None` for the name of an enum value that does not exist, which counts as unset.
fn parse(
    kind: &RuntimeType,
    value: &Value,
    dialect: Dialect,
) -> Result<Option<ReflectValueBox>, String> {
    let wrong = || format!("Not expecting a JSON {}", kind_of(value));
    let parsed = match kind {
        RuntimeType::I32 => ReflectValueBox::I32(integer(value).ok_or_else(wrong)?),
        RuntimeType::I64 => ReflectValueBox::I64(integer(value).ok_or_else(wrong)?),
        RuntimeType::U32 => ReflectValueBox::U32(integer(value).ok_or_else(wrong)?),
        RuntimeType::U64 => ReflectValueBox::U64(integer(value).ok_or_else(wrong)?),
        RuntimeType::F32 => ReflectValueBox::F32(decimal(value).ok_or_else(wrong)? as f32),
        RuntimeType::F64 => ReflectValueBox::F64(decimal(value).ok_or_else(wrong)?),
        RuntimeType::Bool => ReflectValueBox::Bool(match value {
            Value::Bool(b) => *b,
            Value::String(s) if s == "true" => true,
            Value::String(s) if s == "false" => false,
            _ => return Err(wrong()),
        }),
        RuntimeType::String => {
            ReflectValueBox::String(value.as_str().ok_or_else(wrong)?.to_string())
        }
        RuntimeType::VecU8 => ReflectValueBox::Bytes(
            BASE64
                .decode(value.as_str().ok_or_else(wrong)?)
                .map_err(|e| format!("Failed to base64 decode bytes: {e}"))?,
        ),
        RuntimeType::Enum(descriptor) => match value {
            Value::String(name) => match enum_number(descriptor, name, dialect) {
                Some(number) => ReflectValueBox::Enum(descriptor.clone(), number),
                None => return Ok(None),
            },
            _ => return Err(wrong()),
        },
        RuntimeType::Message(descriptor) => {
            let Value::Object(object) = value else {
                return Err(wrong());
            };
            let mut message = descriptor.new_instance();
            fill(&mut *message, descriptor, object, dialect)?;
            ReflectValueBox::Message(message)
        }
    };
    Ok(Some(parsed))
}

fn enum_number(descriptor: &EnumDescriptor, name: &str, dialect: Dialect) -> Option<i32> {
    descriptor
        .values()
        .find(|value| dialect.value(value.name()) == name)
        .map(|value| value.value())
}

fn integer<N: TryFrom<i128>>(value: &Value) -> Option<N> {
    let wide = match value {
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(n), ..) => n.into(),
            (_, Some(n), _) => n.into(),
            (.., Some(n)) if n.is_finite() => n as i128,
            _ => return None,
        },
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    N::try_from(wide).ok()
}

fn decimal(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The paths of the required fields that are not set.
fn missing(message: &dyn MessageDyn, path: &str, dialect: Dialect) -> Vec<String> {
    let mut names = Vec::new();
    for field in message.descriptor_dyn().fields() {
        let name = format!("{path}{}", dialect.field(field.name()));
        match field.get_reflect(message) {
            ReflectFieldRef::Optional(optional) => match optional.value() {
                Some(ReflectValueRef::Message(inner)) => {
                    names.extend(missing(&*inner, &format!("{name}."), dialect));
                }
                None if field.is_required() => names.push(name),
                _ => {}
            },
            ReflectFieldRef::Repeated(items) => {
                for (index, item) in items.into_iter().enumerate() {
                    if let ReflectValueRef::Message(inner) = item {
                        names.extend(missing(&*inner, &format!("{name}[{index}]."), dialect));
                    }
                }
            }
            ReflectFieldRef::Map(_) => {}
        }
    }
    names
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
    fn what_clients_write_loosely_is_read() {
        let text = br#"{"user":"u","name":"n","failover_timeout":"12.5","checkpoint":"true","roles":null,"capabilities":[{"type":"NO_SUCH"}],"unknown":{"a":[1]}}"#;
        let info: FrameworkInfo = from_slice(text, Dialect::V1).unwrap();
        assert_eq!(info.failover_timeout(), 12.5);
        assert!(info.checkpoint());
        assert_eq!(info.capabilities.len(), 1);
        assert!(!info.capabilities[0].has_type());
    }

    #[test]
    fn wrong_json_says_what_is_wrong() {
        let cases: [(&[u8], &str); 5] = [
            (
                b"{",
                "Failed to parse body into JSON: EOF while parsing an object at line 1 column 1",
            ),
            (
                b"[]",
                "Failed to convert JSON into FrameworkInfo protobuf: Expecting a JSON object",
            ),
            (
                br#"{"user":"u"}"#,
                "Failed to convert JSON into FrameworkInfo protobuf: Missing required fields: name",
            ),
            (
                br#"{"user":1,"name":"n"}"#,
                "Failed to convert JSON into FrameworkInfo protobuf: field 'user': Not expecting a JSON number",
            ),
            (
                br#"{"user":"u","name":"n","id":{}}"#,
                "Failed to convert JSON into FrameworkInfo protobuf: Missing required fields: id.value",
            ),
        ];
        for (text, want) in cases {
            let error = from_slice::<FrameworkInfo>(text, Dialect::V1).expect_err(want);
            assert_eq!(error.to_string(), want);
        }
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
