//! Resolving references: first in the enclosing structures, innermost first, then in the bindings
//! that only the executor knows (`mesos.instance`, `thermos.ports[http]`, …).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use thiserror::Error;

use super::template::{Fragment, fragments};

/// How often references in what replaced a reference are resolved again (pystachio's limit).
const MAX_ROUNDS: usize = 100;
/// The longest text that references may grow to, in bytes.
const MAX_TEXT: usize = 4 * 1024 * 1024;
/// How deep a structure may be.
const MAX_DEPTH: usize = 64;

/// Why a structure cannot be resolved.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum BindError {
    /// References refer to each other without end, or to too much text.
    #[error("Unable to interpolate {0}!  Maximum replacements reached.")]
    Endless(String),
    /// The structure is too deep.
    #[error("a structure may be {MAX_DEPTH} levels deep")]
    Depth,
}

/// What references stand for, by their steps.
#[derive(Debug, Clone, Default)]
pub struct Bindings(BTreeMap<Vec<String>, String>);

impl Bindings {
    /// Adds one, such as `["thermos", "ports", "http"]`.
    pub fn set(&mut self, steps: &[&str], value: impl Into<String>) {
        self.0.insert(
            steps.iter().map(ToString::to_string).collect(),
            value.into(),
        );
    }
}

/// Resolves every reference in every text of `value`, which is a part of `outer`. What stays
/// unresolved is left as it is, and named in the second part.
pub fn bind(
    value: &Value,
    outer: &Value,
    bindings: &Bindings,
) -> Result<(Value, BTreeSet<String>), BindError> {
    let mut unbound = BTreeSet::new();
    let bound = bind_in(value, &mut vec![outer], bindings, &mut unbound)?;
    Ok((bound, unbound))
}

fn bind_in<'a>(
    value: &'a Value,
    scopes: &mut Vec<&'a Value>,
    bindings: &Bindings,
    unbound: &mut BTreeSet<String>,
) -> Result<Value, BindError> {
    if scopes.len() > MAX_DEPTH {
        return Err(BindError::Depth);
    }
    Ok(match value {
        Value::String(text) => Value::String(bind_text(text, scopes, bindings, unbound)?),
        Value::Array(items) => {
            scopes.push(&Value::Null);
            let bound = items
                .iter()
                .map(|item| bind_in(item, scopes, bindings, unbound))
                .collect::<Result<_, _>>()?;
            scopes.pop();
            Value::Array(bound)
        }
        Value::Object(fields) => {
            scopes.push(value);
            let bound = fields
                .iter()
                .map(|(name, field)| Ok((name.clone(), bind_in(field, scopes, bindings, unbound)?)))
                .collect::<Result<_, _>>()?;
            scopes.pop();
            Value::Object(bound)
        }
        other => other.clone(),
    })
}

fn bind_text(
    text: &str,
    scopes: &[&Value],
    bindings: &Bindings,
    unbound: &mut BTreeSet<String>,
) -> Result<String, BindError> {
    let mut current = text.to_string();
    for _ in 0..MAX_ROUNDS {
        let mut next = String::with_capacity(current.len());
        let mut missing = BTreeSet::new();
        let mut replaced = false;
        for fragment in fragments(&current) {
            match fragment {
                Fragment::Text(text) => next.push_str(&text),
                Fragment::Reference(steps) => match look_up(&steps, scopes, bindings) {
                    Some(value) => {
                        replaced = true;
                        next.push_str(&value);
                    }
                    None => {
                        let shown = show(&steps);
                        next.push_str(&shown);
                        missing.insert(shown);
                    }
                },
            }
        }
        if next.len() > MAX_TEXT {
            break;
        }
        if !replaced {
            unbound.extend(missing);
            return Ok(next);
        }
        current = next;
    }
    Err(BindError::Endless(text.chars().take(200).collect()))
}

fn look_up(steps: &[String], scopes: &[&Value], bindings: &Bindings) -> Option<String> {
    let (scopes, steps) = match steps.split_first() {
        Some((first, rest)) if first == "self" && !rest.is_empty() => (
            scopes.last().map(std::slice::from_ref).unwrap_or_default(),
            rest,
        ),
        Some((first, rest)) if first == "super" && !rest.is_empty() => (
            scopes
                .split_last()
                .map(|(_, outer)| outer)
                .unwrap_or_default(),
            rest,
        ),
        _ => (scopes, steps),
    };
    scopes
        .iter()
        .rev()
        .find_map(|scope| {
            scalar(
                steps
                    .iter()
                    .try_fold(*scope, |value, step| step_into(value, step))?,
            )
        })
        .or_else(|| bindings.0.get(steps).cloned())
}

fn step_into<'a>(value: &'a Value, step: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => fields.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(if *flag { "True" } else { "False" }.to_string()),
        _ => None,
    }
}

/// A reference as pystachio prints it. Indexes and attributes differ only in how they are written,
/// and the executor's own names need no more than one index: the port.
fn show(steps: &[String]) -> String {
    let mut text = String::from("{{");
    for (at, step) in steps.iter().enumerate() {
        let after_ports = at > 0 && steps.get(at - 1).is_some_and(|s| s == "ports");
        let plain = step.chars().all(|c| c.is_alphanumeric() || c == '_')
            && !step.starts_with(|c: char| c.is_ascii_digit());
        if at == 0 {
            text.push_str(step);
        } else if plain && !after_ports {
            text.push('.');
            text.push_str(step);
        } else {
            text.push('[');
            text.push_str(step);
            text.push(']');
        }
    }
    text.push_str("}}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bindings() -> Bindings {
        let mut bindings = Bindings::default();
        bindings.set(&["mesos", "instance"], "3");
        bindings.set(&["thermos", "ports", "http"], "31000");
        bindings.set(&["thermos", "task_id"], "t-1");
        bindings
    }

    fn bound(value: &Value) -> (Value, Vec<String>) {
        let (value, unbound) = bind(value, &Value::Null, &bindings()).unwrap();
        (value, unbound.into_iter().collect())
    }

    #[test]
    fn the_executors_own_references_are_resolved() {
        let (value, unbound) = bound(
            &json!({"cmdline": "run {{mesos.instance}} {{thermos.ports[http]}} {{thermos.task_id}}"}),
        );
        assert_eq!(value, json!({"cmdline": "run 3 31000 t-1"}));
        assert!(unbound.is_empty());
    }

    #[test]
    fn enclosing_fields_are_found_innermost_first() {
        let (value, _) = bound(&json!({
            "name": "job", "role": "www-data",
            "task": {"name": "{{processes[0].name}}", "processes": [{"name": "p", "cmdline": "{{name}} {{role}} {{super.name}} {{task.name}}"}]},
        }));
        assert_eq!(value["task"]["name"], "p");
        assert_eq!(value["task"]["processes"][0]["cmdline"], "p www-data p p");
    }

    #[test]
    fn what_is_unknown_stays_and_is_named() {
        let (value, unbound) = bound(&json!([
            "{{profile.x}} {{thermos.ports[admin]}} {{docker.image[a/b][c]}}"
        ]));
        assert_eq!(
            value,
            json!(["{{profile.x}} {{thermos.ports[admin]}} {{docker.image[a/b].c}}"])
        );
        assert_eq!(
            unbound,
            [
                "{{docker.image[a/b].c}}",
                "{{profile.x}}",
                "{{thermos.ports[admin]}}"
            ]
        );
    }

    #[test]
    fn endless_references_end() {
        for text in ["{{a}}", "{{a}}{{a}}"] {
            let value = json!({"a": text});
            assert!(
                matches!(
                    bind(&value, &Value::Null, &bindings()),
                    Err(BindError::Endless(_))
                ),
                "case `{text}`"
            );
        }
    }
}
