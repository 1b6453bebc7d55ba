//! JSON as Gson reads and writes it: loosely, and with the insides of Aurora's immutable wrappers.

use std::collections::BTreeMap;

use aurora_api::schema::{Shape, Type};
use aurora_api::simple::{Style, to_simple};
use aurora_api::value::Value;
use serde_json::{Map, Value as Json};

/// A value as the original's wrapper around it is dumped: each struct with a `cachedHashCode`,
/// unions by the name of the field that is set, and no collection left out.
pub(super) fn dump<T: Value>(value: &T) -> Json {
    walk(&T::schema(), &to_simple(value, Style::Names))
}

fn walk(ty: &Type, value: &Json) -> Json {
    match (ty, value) {
        (Type::Struct(schema), Json::Object(fields)) => {
            let mut shown = Map::new();
            shown.insert("cachedHashCode".to_string(), 0.into());
            for field in schema.fields {
                let (ty, value) = ((field.ty)(), fields.get(field.name));
                match (schema.shape, value) {
                    (Shape::Union, Some(value)) => {
                        shown.insert("setField".to_string(), constant(field.name).into());
                        shown.insert("value".to_string(), walk(&ty, value));
                    }
                    (Shape::Union, None) => {}
                    (Shape::Struct, Some(value)) => {
                        shown.insert(field.name.to_string(), walk(&ty, value));
                    }
                    (Shape::Struct, None) => {
                        let empty = match ty {
                            Type::List(_) | Type::Set(_) => Json::Array(Vec::new()),
                            Type::Map(..) => Json::Object(Map::new()),
                            _ => continue,
                        };
                        shown.insert(field.name.to_string(), empty);
                    }
                }
            }
            Json::Object(shown)
        }
        (Type::List(of) | Type::Set(of), Json::Array(items)) => {
            items.iter().map(|item| walk(of, item)).collect()
        }
        (Type::Map(_, of), Json::Object(entries)) => entries
            .iter()
            .map(|(key, value)| (key.clone(), walk(of, value)))
            .collect(),
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

/// An object of booleans, however loosely it is written: `{"drain":True}` is one. `None` is no such
/// object.
pub(super) fn flags(text: &str) -> Option<BTreeMap<String, bool>> {
    let body = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let mut flags = BTreeMap::new();
    let mut rest = body.trim_start();
    while !rest.is_empty() {
        let (name, after) = word(rest)?;
        let after = after.trim_start();
        let after = after
            .strip_prefix(':')
            .or_else(|| after.strip_prefix('='))?;
        let after = after.strip_prefix('>').unwrap_or(after);
        let (value, after) = word(after.trim_start())?;
        match value.to_ascii_lowercase().as_str() {
            "true" => flags.insert(name, true),
            "false" => flags.insert(name, false),
            // Gson keeps it as no value at all.
            "null" => None,
            _ => return None,
        };
        let after = after.trim_start();
        rest = match after.strip_prefix([',', ';']) {
            Some(next) => next.trim_start(),
            None if after.is_empty() => "",
            None => return None,
        };
    }
    Some(flags)
}

/// A quoted or bare word at the beginning, and what follows it.
fn word(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next()?;
    if quote != '"' && quote != '\'' {
        let end = text
            .find(|c: char| c.is_whitespace() || ":=,;{}[]\"'".contains(c))
            .unwrap_or(text.len());
        let (word, rest) = text
            .split_at_checked(end)
            .filter(|(word, _)| !word.is_empty())?;
        return Some((word.to_string(), rest));
    }
    let mut word = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => word.push(chars.next()?.1),
            c if c == quote => return Some((word, text.get(at + 1..)?)),
            c => word.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use aurora_api::{AssignedTask, Resource, TaskConfig};

    use super::*;

    #[test]
    fn loosely_written_flags_are_read() {
        for (text, want) in [
            (r#"{"drain": true}"#, Some(vec![("drain", true)])),
            (r#" {"drain":True} "#, Some(vec![("drain", true)])),
            (r#"{"drain":False}"#, Some(vec![("drain", false)])),
            (r#"{'drain':"true"}"#, Some(vec![("drain", true)])),
            (
                r#"{drain=TRUE; b => false}"#,
                Some(vec![("b", false), ("drain", true)]),
            ),
            (r#"{"a\"b":true}"#, Some(vec![("a\"b", true)])),
            (r#"{"a":null}"#, Some(vec![])),
            ("{}", Some(vec![])),
            (r#"{"drain": 1}"#, None),
            (r#"{"drain": {}}"#, None),
            (r#"{"drain" true}"#, None),
            (r#"{"drain"#, None),
            ("true", None),
            ("", None),
        ] {
            let want = want.map(|flags| {
                let owned = flags.into_iter().map(|(k, v)| (k.to_string(), v));
                owned.collect::<BTreeMap<_, _>>()
            });
            assert_eq!(flags(text), want, "{text}");
        }
    }

    #[test]
    fn a_dump_shows_the_wrappers_insides() {
        let task = AssignedTask {
            task_id: "t".to_string(),
            task: TaskConfig {
                resources: [Resource::RamMb(16)].into(),
                ..TaskConfig::default()
            },
            ..AssignedTask::default()
        };
        let shown = dump(&task);
        assert_eq!(shown["cachedHashCode"], 0);
        assert_eq!(shown["assignedPorts"], serde_json::json!({}));
        assert_eq!(
            shown["task"]["resources"],
            serde_json::json!([{"cachedHashCode": 0, "setField": "RAM_MB", "value": 16}])
        );
        assert_eq!(shown["task"]["metadata"], serde_json::json!([]));
        let container = &shown["task"]["container"];
        assert_eq!(container["setField"], "MESOS");
        assert!(shown.get("slaveId").is_none());
    }
}
