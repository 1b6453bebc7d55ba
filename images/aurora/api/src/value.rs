//! [`Value`]: what can be read from and written to any Thrift protocol.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use thrift::protocol::{
    TFieldIdentifier, TInputProtocol, TListIdentifier, TMapIdentifier, TOutputProtocol,
    TSetIdentifier, TStructIdentifier, TType,
};
use thrift::{ProtocolError, ProtocolErrorKind};

use crate::schema::Type;
use crate::simple::{SimpleError, Style};

/// A Thrift type.
pub trait Value: Sized {
    /// Its code on the wire.
    const WIRE: TType;

    /// Its description.
    fn schema() -> Type;

    /// Reads one. `None` is a value that is well formed but means nothing to this version (an enum's
    /// unknown number): the reader treats it as absent, as the original does.
    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Option<Self>>;

    /// Writes it.
    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()>;

    /// Whether a field of this value is written at all.
    fn is_set(&self) -> bool {
        true
    }

    /// As simple JSON.
    fn to_simple(&self, style: Style) -> Json;

    /// From simple JSON, enums by name or number.
    fn from_simple(json: &Json) -> Result<Self, SimpleError>;
}

/// A 64-bit float with a total order, so that it can sit in a set's member.
#[derive(Clone, Copy, Debug, Default)]
pub struct Double(pub f64);

impl PartialEq for Double {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Double {}
impl PartialOrd for Double {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Double {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}
impl std::hash::Hash for Double {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}
impl From<f64> for Double {
    fn from(value: f64) -> Self {
        Self(value)
    }
}

/// Bytes that are not text.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binary(pub Vec<u8>);

/// Neither protocol writes struct names.
pub(crate) const STRUCT: TStructIdentifier = TStructIdentifier {
    name: String::new(),
};

/// A field's head. Neither protocol writes field names.
pub(crate) fn field<T: Value>(id: i16) -> TFieldIdentifier {
    TFieldIdentifier {
        name: None,
        field_type: T::WIRE,
        id: Some(id),
    }
}

pub(crate) fn invalid(message: String) -> thrift::Error {
    thrift::Error::Protocol(ProtocolError::new(ProtocolErrorKind::InvalidData, message))
}

/// A container's declared element type must be the one we read it as: taking an empty container
/// instead could turn "these instances" into "all instances".
fn check_element<T: Value>(found: TType, size: i32) -> thrift::Result<()> {
    if size > 0 && found != T::WIRE {
        return Err(invalid(format!(
            "a container's elements are `{found}`, expected `{}`",
            T::WIRE
        )));
    }
    Ok(())
}

pub(crate) fn wire_size(len: usize) -> thrift::Result<i32> {
    i32::try_from(len).map_err(|_| {
        thrift::Error::Protocol(ProtocolError::new(
            ProtocolErrorKind::SizeLimit,
            format!("a container of {len} elements does not fit the protocol"),
        ))
    })
}

macro_rules! primitive {
    ($rust:ty, $wire:ident, $schema:ident, $read:ident, $write:ident, $simple:expr, $from:expr) => {
        impl Value for $rust {
            const WIRE: TType = TType::$wire;
            fn schema() -> Type {
                Type::$schema
            }
            fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Option<Self>> {
                input.$read().map(Some)
            }
            fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
                output.$write(*self)
            }
            fn to_simple(&self, style: Style) -> Json {
                let convert: fn(Self, Style) -> Json = $simple;
                convert(*self, style)
            }
            fn from_simple(json: &Json) -> Result<Self, SimpleError> {
                let convert: fn(&Json) -> Option<Self> = $from;
                convert(json).ok_or_else(|| SimpleError::mismatch(stringify!($rust), json))
            }
        }
    };
}

primitive!(
    bool,
    Bool,
    Bool,
    read_bool,
    write_bool,
    |b, style| style.bool(b),
    |j| match j {
        Json::Bool(b) => Some(*b),
        Json::Number(n) => n.as_i64().map(|n| n != 0),
        _ => None,
    }
);
primitive!(i32, I32, I32, read_i32, write_i32, |n, _| n.into(), |j| j
    .as_i64()
    .and_then(|n| i32::try_from(n).ok()));
primitive!(i64, I64, I64, read_i64, write_i64, |n, _| n.into(), |j| j
    .as_i64());

impl Value for Double {
    const WIRE: TType = TType::Double;
    fn schema() -> Type {
        Type::Double
    }
    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Option<Self>> {
        input.read_double().map(|d| Some(Self(d)))
    }
    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        output.write_double(self.0)
    }
    fn to_simple(&self, _: Style) -> Json {
        serde_json::Number::from_f64(self.0).map_or_else(|| self.0.to_string().into(), Json::Number)
    }
    fn from_simple(json: &Json) -> Result<Self, SimpleError> {
        json.as_f64()
            .map(Self)
            .ok_or_else(|| SimpleError::mismatch("double", json))
    }
}

impl Value for String {
    const WIRE: TType = TType::String;
    fn schema() -> Type {
        Type::String
    }
    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Option<Self>> {
        input.read_string().map(Some)
    }
    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        output.write_string(self)
    }
    fn to_simple(&self, _: Style) -> Json {
        self.as_str().into()
    }
    fn from_simple(json: &Json) -> Result<Self, SimpleError> {
        json.as_str()
            .map(str::to_owned)
            .ok_or_else(|| SimpleError::mismatch("string", json))
    }
}

impl Value for Binary {
    const WIRE: TType = TType::String;
    fn schema() -> Type {
        Type::Binary
    }
    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Option<Self>> {
        input.read_bytes().map(|b| Some(Self(b)))
    }
    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        output.write_bytes(&self.0)
    }
    fn to_simple(&self, _: Style) -> Json {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD
            .encode(&self.0)
            .into()
    }
    fn from_simple(json: &Json) -> Result<Self, SimpleError> {
        use base64::Engine as _;
        json.as_str()
            .and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok())
            .map(Self)
            .ok_or_else(|| SimpleError::mismatch("base64 text", json))
    }
}

impl<T: Value> Value for Option<T> {
    const WIRE: TType = T::WIRE;
    fn schema() -> Type {
        T::schema()
    }
    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Option<Self>> {
        T::read(input).map(Some)
    }
    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        match self {
            Some(value) => value.write(output),
            None => Ok(()),
        }
    }
    fn is_set(&self) -> bool {
        self.is_some()
    }
    fn to_simple(&self, style: Style) -> Json {
        self.as_ref()
            .map_or(Json::Null, |value| value.to_simple(style))
    }
    fn from_simple(json: &Json) -> Result<Self, SimpleError> {
        match json {
            Json::Null => Ok(None),
            other => T::from_simple(other).map(Some),
        }
    }
}

impl<T: Value> Value for Vec<T> {
    const WIRE: TType = TType::List;
    fn schema() -> Type {
        Type::List(Box::new(T::schema()))
    }
    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Option<Self>> {
        let head = input.read_list_begin()?;
        check_element::<T>(head.element_type, head.size)?;
        let mut list = Vec::new();
        for _ in 0..head.size {
            list.extend(T::read(input)?);
        }
        input.read_list_end()?;
        Ok(Some(list))
    }
    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        output.write_list_begin(&TListIdentifier::new(T::WIRE, wire_size(self.len())?))?;
        self.iter().try_for_each(|item| item.write(output))?;
        output.write_list_end()
    }
    fn to_simple(&self, style: Style) -> Json {
        self.iter().map(|item| item.to_simple(style)).collect()
    }
    fn from_simple(json: &Json) -> Result<Self, SimpleError> {
        json.as_array()
            .ok_or_else(|| SimpleError::mismatch("list", json))?
            .iter()
            .enumerate()
            .map(|(index, item)| T::from_simple(item).map_err(|e| e.within(&index.to_string())))
            .collect()
    }
}

impl<T: Value + Ord> Value for BTreeSet<T> {
    const WIRE: TType = TType::Set;
    fn schema() -> Type {
        Type::Set(Box::new(T::schema()))
    }
    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Option<Self>> {
        let head = input.read_set_begin()?;
        check_element::<T>(head.element_type, head.size)?;
        let mut set = BTreeSet::new();
        for _ in 0..head.size {
            set.extend(T::read(input)?);
        }
        input.read_set_end()?;
        Ok(Some(set))
    }
    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        output.write_set_begin(&TSetIdentifier::new(T::WIRE, wire_size(self.len())?))?;
        self.iter().try_for_each(|item| item.write(output))?;
        output.write_set_end()
    }
    fn to_simple(&self, style: Style) -> Json {
        self.iter().map(|item| item.to_simple(style)).collect()
    }
    fn from_simple(json: &Json) -> Result<Self, SimpleError> {
        Vec::<T>::from_simple(json).map(Self::from_iter)
    }
}

impl<V: Value> Value for BTreeMap<String, V> {
    const WIRE: TType = TType::Map;
    fn schema() -> Type {
        Type::Map(Box::new(Type::String), Box::new(V::schema()))
    }
    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Option<Self>> {
        let head = input.read_map_begin()?;
        check_element::<String>(head.key_type.unwrap_or(TType::String), head.size)?;
        check_element::<V>(head.value_type.unwrap_or(V::WIRE), head.size)?;
        let mut map = BTreeMap::new();
        for _ in 0..head.size {
            if let (Some(key), Some(value)) = (String::read(input)?, V::read(input)?) {
                map.insert(key, value);
            }
        }
        input.read_map_end()?;
        Ok(Some(map))
    }
    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        let size = wire_size(self.len())?;
        output.write_map_begin(&TMapIdentifier::new(TType::String, V::WIRE, size))?;
        for (key, value) in self {
            output.write_string(key)?;
            value.write(output)?;
        }
        output.write_map_end()
    }
    fn to_simple(&self, style: Style) -> Json {
        let entries = self
            .iter()
            .map(|(key, value)| (key.clone(), value.to_simple(style)));
        Json::Object(entries.collect())
    }
    fn from_simple(json: &Json) -> Result<Self, SimpleError> {
        json.as_object()
            .ok_or_else(|| SimpleError::mismatch("map", json))?
            .iter()
            .map(|(key, value)| {
                Ok((
                    key.clone(),
                    V::from_simple(value).map_err(|e| e.within(key))?,
                ))
            })
            .collect()
    }
}
