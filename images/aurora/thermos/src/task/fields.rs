//! Reading typed fields out of a job's JSON, with pystachio's readiness to take a number for a
//! text and a text for a number.

use serde_json::{Map, Value};
use thiserror::Error;

/// Why JSON is not a task.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum TaskError {
    /// It is not a JSON object.
    #[error("{0} must be a JSON object")]
    NotAnObject(&'static str),
    /// A field that has to be there is missing.
    #[error("{owner}[{field}] is required.")]
    Required {
        /// The structure.
        owner: &'static str,
        /// Its field.
        field: &'static str,
    },
    /// A field of another type.
    #[error("Cannot coerce '{found}' to {wanted} in {owner}[{field}]")]
    Type {
        /// The structure.
        owner: &'static str,
        /// Its field.
        field: &'static str,
        /// What is there, shortened.
        found: String,
        /// What should be.
        wanted: &'static str,
    },
    /// The text is not JSON at all.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// References that nothing resolves.
    #[error("Unexpected unbound refs: {0}")]
    Unbound(String),
    /// References that cannot be resolved.
    #[error(transparent)]
    Bind(#[from] super::bind::BindError),
}

/// The fields of one structure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    owner: &'static str,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(owner: &'static str, value: &'a Value) -> Result<Self, TaskError> {
        value
            .as_object()
            .map(|map| Self { owner, map })
            .ok_or(TaskError::NotAnObject(owner))
    }

    /// The field, unless it is absent or null.
    pub(crate) fn get(&self, field: &str) -> Option<&'a Value> {
        self.map.get(field).filter(|value| !value.is_null())
    }

    pub(crate) fn required(&self, field: &'static str) -> Result<&'a Value, TaskError> {
        self.get(field).ok_or(TaskError::Required {
            owner: self.owner,
            field,
        })
    }

    pub(crate) fn list(&self, field: &'static str) -> Result<&'a [Value], TaskError> {
        match self.get(field) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(self.wrong(field, other, "List")),
        }
    }

    pub(crate) fn string(&self, field: &'static str) -> Result<Option<String>, TaskError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(self.wrong(field, other, "String")),
        }
    }

    pub(crate) fn float(&self, field: &'static str) -> Result<Option<f64>, TaskError> {
        let value = match self.get(field) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        match value.filter(|v: &f64| v.is_finite()) {
            Some(value) => Ok(Some(value)),
            None => Err(self.wrong(field, self.required(field)?, "Float")),
        }
    }

    pub(crate) fn integer(&self, field: &'static str) -> Result<Option<i64>, TaskError> {
        let whole = |v: f64| {
            #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
            (v.abs() < 9.0e15).then_some(v as i64)
        };
        let value = match self.get(field) {
            None => return Ok(None),
            Some(Value::Number(number)) => {
                number.as_i64().or_else(|| number.as_f64().and_then(whole))
            }
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        match value {
            Some(value) => Ok(Some(value)),
            None => Err(self.wrong(field, self.required(field)?, "Integer")),
        }
    }

    pub(crate) fn boolean(&self, field: &'static str) -> Result<Option<bool>, TaskError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::Number(number)) => Ok(Some(number.as_f64() != Some(0.0))),
            Some(Value::String(text)) if matches!(text.to_lowercase().as_str(), "true" | "1") => {
                Ok(Some(true))
            }
            Some(Value::String(text)) if matches!(text.to_lowercase().as_str(), "false" | "0") => {
                Ok(Some(false))
            }
            Some(other) => Err(self.wrong(field, other, "Boolean")),
        }
    }

    pub(crate) fn wrong(
        &self,
        field: &'static str,
        found: &Value,
        wanted: &'static str,
    ) -> TaskError {
        TaskError::Type {
            owner: self.owner,
            field,
            found: found.to_string().chars().take(100).collect(),
            wanted,
        }
    }
}
