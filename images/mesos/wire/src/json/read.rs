//! From JSON to messages, as loosely as the original reads them, and in its words where it does not.

use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine as _, alphabet};
use protobuf::reflect::{
    EnumDescriptor, FieldDescriptor, MessageDescriptor, ReflectFieldRef, ReflectValueBox,
    ReflectValueRef, RuntimeFieldType, RuntimeType,
};
use protobuf::{MessageDyn, MessageFull};
use serde_json::{Map, Value};
use thiserror::Error;

use super::{Dialect, text};

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

impl JsonError {
    /// What is wrong, without what it is wrong with.
    pub fn reason(&self) -> &str {
        match self {
            Self::Syntax(reason) | Self::Shape { reason, .. } => reason,
        }
    }
}

/// The message that a JSON text stands for.
pub fn from_slice<M: MessageFull>(text: &[u8], dialect: Dialect) -> Result<M, JsonError> {
    from_value(&text::parse(text).map_err(JsonError::Syntax)?, dialect)
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
    let mut reader = Reader {
        dialect,
        lacks_in_maps: false,
    };
    reader
        .fill(&mut message, &descriptor, object)
        .map_err(shape)?;
    if reader.lacks_in_maps || !message.is_initialized() {
        return Err(shape(format!(
            "Missing required fields: {}",
            missing(&message, "", dialect).join(", ")
        )));
    }
    Ok(message)
}

struct Reader {
    dialect: Dialect,
    /// A map has a message that lacks a field: protobuf itself does not look there.
    lacks_in_maps: bool,
}

impl Reader {
    /// Sets what the object has, in the order of its keys, so that of several flaws the same one is named.
    fn fill(
        &mut self,
        message: &mut dyn MessageDyn,
        descriptor: &MessageDescriptor,
        object: &Map<String, Value>,
    ) -> Result<(), String> {
        let mut entries: Vec<(&String, &Value)> = object.iter().collect();
        entries.sort_unstable_by_key(|(name, _)| *name);
        for (name, value) in entries {
            if let Some(field) = self.field(descriptor, name) {
                self.set(message, &field, name, value)?;
            }
        }
        Ok(())
    }

    fn field(&self, descriptor: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
        let field = descriptor.field_by_name(name).or_else(|| {
            let older = name.replace("agent", "slave");
            descriptor.field_by_name(&older)
        })?;
        let is_named_so = self.dialect.field(field.name()) == name;
        (is_named_so && self.dialect.has(descriptor, field.name())).then_some(field)
    }

    fn set(
        &mut self,
        message: &mut dyn MessageDyn,
        field: &FieldDescriptor,
        name: &str,
        value: &Value,
    ) -> Result<(), String> {
        match (field.runtime_field_type(), value) {
            (_, Value::Null) => {}
            (RuntimeFieldType::Singular(kind), value) => match self.parse(&kind, name, value)? {
                Some(value) => field.set_singular_field(message, value),
                None if field.is_required() => {
                    let name = value.as_str().unwrap_or_default();
                    return Err(format!("Failed to find enum for '{name}'"));
                }
                None => {}
            },
            // A list is as good as its items one after the other, and an item is as good as a list of it.
            (_, Value::Array(items)) => {
                for item in items {
                    self.set(message, field, name, item)?;
                }
            }
            (RuntimeFieldType::Repeated(kind), value) => {
                if let Some(item) = self.parse(&kind, name, value)? {
                    field.mut_repeated(message).push(item);
                }
            }
            (RuntimeFieldType::Map(key_kind, kind), Value::Object(entries)) => {
                for (key, entry) in entries {
                    let key = self.parse(&key_kind, "key", &Value::String(key.clone()))?;
                    let entry = match entry {
                        Value::Null => None,
                        entry => self.parse(&kind, "value", entry)?,
                    };
                    let (Some(key), Some(entry)) = (key, entry) else {
                        continue;
                    };
                    if let ReflectValueBox::Message(entry) = &entry {
                        self.lacks_in_maps |= !entry.is_initialized_dyn();
                    }
                    field.mut_map(message).insert(key, entry);
                }
            }
            (RuntimeFieldType::Map(..), value) => return Err(unexpected(name, value)),
        }
        Ok(())
    }

    /// One value, or `None` for the name of an enum value that does not exist, which counts as unset.
    fn parse(
        &mut self,
        kind: &RuntimeType,
        name: &str,
        value: &Value,
    ) -> Result<Option<ReflectValueBox>, String> {
        let wrong = || unexpected(name, value);
        let parsed = match kind {
            RuntimeType::I32 => ReflectValueBox::I32(whole(name, value)? as i32),
            RuntimeType::I64 => ReflectValueBox::I64(whole(name, value)? as i64),
            RuntimeType::U32 => ReflectValueBox::U32(whole(name, value)? as u32),
            RuntimeType::U64 => ReflectValueBox::U64(whole(name, value)? as u64),
            RuntimeType::F32 => ReflectValueBox::F32(decimal(name, value)? as f32),
            RuntimeType::F64 => ReflectValueBox::F64(decimal(name, value)?),
            RuntimeType::Bool => {
                let read = spelled(name, "boolean", value, Value::is_boolean)?;
                ReflectValueBox::Bool(read.as_bool().ok_or_else(wrong)?)
            }
            RuntimeType::String => {
                ReflectValueBox::String(value.as_str().ok_or_else(wrong)?.to_string())
            }
            RuntimeType::VecU8 => {
                let bytes = decode(value.as_str().ok_or_else(wrong)?);
                ReflectValueBox::Bytes(bytes.map_err(|error| {
                    format!("Failed to base64 decode bytes field '{name}': {error}")
                })?)
            }
            RuntimeType::Enum(descriptor) => {
                let value = value.as_str().ok_or_else(wrong)?;
                match enum_number(descriptor, value, self.dialect) {
                    Some(number) => ReflectValueBox::Enum(descriptor.clone(), number),
                    None => return Ok(None),
                }
            }
            RuntimeType::Message(descriptor) => {
                let Value::Object(object) = value else {
                    return Err(wrong());
                };
                let mut message = descriptor.new_instance();
                self.fill(&mut *message, descriptor, object)?;
                ReflectValueBox::Message(message)
            }
        };
        Ok(Some(parsed))
    }
}

/// Base64, read up to its padding; white space in it is skipped, and a last letter alone says nothing.
fn decode(text: &str) -> Result<Vec<u8>, String> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true);
    let text = text.split('=').next().unwrap_or_default();
    let mut letters: String = text.split_ascii_whitespace().collect();
    if letters.len() % 4 == 1 && letters.is_ascii() {
        letters.pop();
    }
    let decoded = GeneralPurpose::new(&alphabet::STANDARD, config).decode(&letters);
    decoded.map_err(|error| match error {
        DecodeError::InvalidByte(_, byte) => format!("Invalid character '{}'", char::from(byte)),
        other => other.to_string(),
    })
}

fn enum_number(descriptor: &EnumDescriptor, name: &str, dialect: Dialect) -> Option<i32> {
    descriptor
        .values()
        .find(|value| dialect.value(value.name()) == name)
        .map(|value| value.value())
}

fn unexpected(name: &str, value: &Value) -> String {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("Not expecting a JSON {kind} for field '{name}'")
}

/// A value that may also be written in a string: what it is of the kind asked for.
fn spelled(
    name: &str,
    kind: &str,
    value: &Value,
    fits: impl Fn(&Value) -> bool,
) -> Result<Value, String> {
    let Value::String(spelled) = value else {
        return Ok(value.clone());
    };
    let read = text::parse(spelled.as_bytes()).and_then(|value| match fits(&value) {
        true => Ok(value),
        false => Err("Unexpected JSON type parsed".to_string()),
    });
    read.map_err(|error| {
        format!("Failed to parse '{spelled}' as a JSON {kind} for field '{name}': {error}")
    })
}

/// A whole number; fractions are cut off, and what is too large wraps around, as the original casts it.
fn whole(name: &str, value: &Value) -> Result<i128, String> {
    let value = spelled(name, "number", value, Value::is_number)?;
    match (value.as_i64(), value.as_u64(), value.as_f64()) {
        (Some(n), ..) => Ok(n.into()),
        (_, Some(n), _) => Ok(n.into()),
        (.., Some(n)) => Ok((n as i64).into()),
        _ => Err(unexpected(name, &value)),
    }
}

fn decimal(name: &str, value: &Value) -> Result<f64, String> {
    let value = spelled(name, "number", value, Value::is_number)?;
    value.as_f64().ok_or_else(|| unexpected(name, &value))
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
            ReflectFieldRef::Map(entries) => {
                let mut entries: Vec<_> = entries.into_iter().collect();
                entries.sort_by_key(|(key, _)| key.to_string());
                for (index, (_, entry)) in entries.into_iter().enumerate() {
                    if let ReflectValueRef::Message(inner) = entry {
                        let path = format!("{name}[{index}].value.");
                        names.extend(missing(&*inner, &path, dialect));
                    }
                }
            }
        }
    }
    names
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
