//! "Simple JSON": structs as objects keyed by field names, unset fields left out, sets and lists as
//! arrays, unions as an object with one key.
//!
//! Two dialects: Thrift's own `TSimpleJSONProtocol` writes enums as numbers and booleans as 1 and 0;
//! the scheduler's `/apibeta` writes enum names, `true` and `false`. Reading takes both.

use serde_json::Value as Json;
use thiserror::Error;

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
