//! "Simple JSON": structs as objects keyed by field names, unset fields left out, sets and lists as
//! arrays, unions as an object with one key.
//!
//! Two dialects: Thrift's own `TSimpleJSONProtocol` writes enums as numbers and booleans as 1 and 0;
//! the scheduler's `/apibeta` writes enum names, `true` and `false`. Reading takes both.

use serde_json::Value as Json;
use thiserror::Error;

use crate::schema::{Shape, Type};
use crate::value::Value;

/// How simple JSON spells enums and booleans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As Thrift's `TSimpleJSONProtocol`: numbers for both.
    Numbers,
    /// As the scheduler's `/apibeta`: enum names, `true` and `false`.
    Names,
}

impl Style {
    pub(crate) fn bool(self, value: bool) -> Json {
        match self {
            Self::Numbers => i32::from(value).into(),
            Self::Names => value.into(),
        }
    }

    pub(crate) fn enumeration(self, name: &'static str, number: i32) -> Json {
        match self {
            Self::Numbers => number.into(),
            Self::Names => name.into(),
        }
    }
}

/// A JSON document that is not of the expected type.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("`{path}` must be a {expected}, not `{found}`")]
pub struct SimpleError {
    path: String,
    expected: &'static str,
    found: String,
}

impl SimpleError {
    pub(crate) fn mismatch(expected: &'static str, found: &Json) -> Self {
        const SHOWN: usize = 60;
        let mut found = found.to_string();
        if found.chars().count() > SHOWN {
            found = found.chars().take(SHOWN).chain("...".chars()).collect();
        }
        Self {
            path: String::new(),
            expected,
            found,
        }
    }

    pub(crate) fn within(mut self, outer: &str) -> Self {
        self.path = if self.path.is_empty() {
            outer.to_owned()
        } else {
            format!("{outer}.{}", self.path)
        };
        self
    }
}

/// A value as simple JSON.
pub fn to_simple<T: Value>(value: &T, style: Style) -> Json {
    value.to_simple(style)
}

/// A value from simple JSON. Unknown keys are ignored, `null` is unset.
pub fn from_simple<T: Value>(json: &Json) -> Result<T, SimpleError> {
    T::from_simple(json)
}

/// A value as the scheduler's `/structdump` shows it: like [`Style::Names`], but a union is an object
/// of its member's `value` and of its name as a `key`, such as `NUM_CPUS`.
pub fn to_dump<T: Value>(value: &T) -> Json {
    dump(&T::schema(), &to_simple(value, Style::Names))
}

fn dump(ty: &Type, value: &Json) -> Json {
    match (ty, value) {
        (Type::Struct(schema), Json::Object(fields)) => {
            let set = schema
                .fields
                .iter()
                .filter_map(|field| Some((field, fields.get(field.name)?)));
            let mut shown = serde_json::Map::new();
            for (field, value) in set {
                let value = dump(&(field.ty)(), value);
                if schema.shape == Shape::Union {
                    shown.insert("value".to_owned(), value);
                    shown.insert("key".to_owned(), constant(field.name).into());
                } else {
                    shown.insert(field.name.to_owned(), value);
                }
            }
            Json::Object(shown)
        }
        (Type::List(of) | Type::Set(of), Json::Array(items)) => {
            items.iter().map(|item| dump(of, item)).collect()
        }
        (Type::Map(_, of), Json::Object(entries)) => {
            let shown = entries
                .iter()
                .map(|(key, value)| (key.clone(), dump(of, value)));
            Json::Object(shown.collect())
        }
        (_, other) => other.clone(),
    }
}

/// `numCpus` as `NUM_CPUS`.
fn constant(name: &str) -> String {
    let mut constant = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            constant.push('_');
        }
        constant.push(c.to_ascii_uppercase());
    }
    constant
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AssignedTask, Resource, TaskConfig};

    #[test]
    fn a_dump_names_the_members_of_unions() {
        let task = AssignedTask {
            task_id: "t".to_owned(),
            task: TaskConfig {
                resources: [Resource::NumCpus(1.0.into()), Resource::RamMb(64)].into(),
                ..TaskConfig::default()
            },
            ..AssignedTask::default()
        };
        let shown = to_dump(&task);
        assert_eq!(shown["taskId"], "t");
        assert_eq!(
            shown["task"]["resources"],
            serde_json::json!([
                {"value": 1.0, "key": "NUM_CPUS"},
                {"value": 64, "key": "RAM_MB"},
            ])
        );
        assert_eq!(
            shown["task"]["container"],
            serde_json::json!({"value": {}, "key": "MESOS"})
        );
    }
}
