//! Values as Python prints them: JSON from `json.dumps`, thrift objects from `repr`.

use aurora_api::Value;
use aurora_api::schema::{Shape, StructSchema, Type};
use aurora_api::simple::Style;
use serde_json::Value as Json;

use crate::argparse::repr;

/// `json.dumps(value)`: a blank after commas and colons, everything beyond ASCII escaped. The
/// scheduler compares job configurations as text, so this is part of the wire.
pub fn dumps(value: &Json) -> String {
    let mut text = String::new();
    write(value, None, 0, &mut text);
    text
}

/// `json.dumps(value, indent=2)`.
pub fn dumps_indented(value: &Json) -> String {
    let mut text = String::new();
    write(value, Some(2), 0, &mut text);
    text
}

fn write(value: &Json, indent: Option<usize>, depth: usize, text: &mut String) {
    match value {
        Json::Null => text.push_str("null"),
        Json::Bool(b) => text.push_str(if *b { "true" } else { "false" }),
        Json::Number(number) => text.push_str(&number_text(number)),
        Json::String(string) => write_string(string, text),
        Json::Array(items) => {
            let items = items.iter().map(|item| (None, item));
            write_all('[', ']', items, indent, depth, text);
        }
        Json::Object(entries) => {
            let entries = entries.iter().map(|(key, item)| (Some(key.as_str()), item));
            write_all('{', '}', entries, indent, depth, text);
        }
    }
}

fn write_all<'a>(
    open: char,
    close: char,
    items: impl ExactSizeIterator<Item = (Option<&'a str>, &'a Json)>,
    indent: Option<usize>,
    depth: usize,
    text: &mut String,
) {
    let new_line = |depth: usize, text: &mut String| {
        if let Some(indent) = indent {
            text.push('\n');
            text.push_str(&" ".repeat(indent * depth));
        }
    };
    let empty = items.len() == 0;
    text.push(open);
    for (index, (key, item)) in items.enumerate() {
        if index > 0 {
            text.push_str(if indent.is_some() { "," } else { ", " });
        }
        new_line(depth + 1, text);
        if let Some(key) = key {
            write_string(key, text);
            text.push_str(": ");
        }
        write(item, indent, depth + 1, text);
    }
    if !empty {
        new_line(depth, text);
    }
    text.push(close);
}

fn write_string(string: &str, text: &mut String) {
    text.push('"');
    for c in string.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            ' '..='~' => text.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    text.push('"');
}

fn number_text(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => float_text(float),
        _ => number.to_string(),
    }
}

/// `repr` of a Python float: shortest digits that read back, an exponent below 1e-4 and from 1e16.
pub fn float_text(float: f64) -> String {
    let magnitude = float.abs();
    if float == 0.0 || (1e-4..1e16).contains(&magnitude) || !float.is_finite() {
        return format!("{float:?}");
    }
    let text = format!("{float:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

/// A thrift value as the generated Python classes show it.
pub fn thrift_repr<T: Value>(value: &T) -> String {
    typed_repr(&T::schema(), &value.to_simple(Style::Numbers))
}

/// Everything that a struct holds, and what the structs in it hold, by field name, as `str` shows it.
/// Lists, sets and maps are not looked into. What comes first in the definition stays.
pub fn flatten<T: Value>(value: &T) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    if let Type::Struct(schema) = T::schema() {
        flatten_struct(schema, &value.to_simple(Style::Numbers), &mut fields);
    }
    fields
}

fn flatten_struct(schema: &StructSchema, value: &Json, fields: &mut Vec<(&'static str, String)>) {
    for field in schema.fields {
        let value = value.get(field.name).unwrap_or(&Json::Null);
        match ((field.ty)(), value) {
            (Type::Struct(inner), Json::Object(_)) => flatten_struct(inner, value, fields),
            (_, Json::String(text)) => fields.push((field.name, text.clone())),
            (ty, value) => fields.push((field.name, typed_repr(&ty, value))),
        }
    }
}

fn typed_repr(ty: &Type, value: &Json) -> String {
    match (ty, value) {
        (_, Json::Null) => "None".to_owned(),
        (Type::Bool, value) => {
            let truth = value
                .as_bool()
                .unwrap_or_else(|| value.as_i64().is_some_and(|n| n != 0));
            (if truth { "True" } else { "False" }).to_owned()
        }
        (Type::Struct(schema), value) => struct_repr(schema, value),
        (Type::List(element), Json::Array(items)) => {
            format!(
                "[{}]",
                joined(items.iter().map(|item| typed_repr(element, item)))
            )
        }
        (Type::Set(_), Json::Array(items)) if items.is_empty() => "set()".to_owned(),
        (Type::Set(element), Json::Array(items)) => {
            format!(
                "{{{}}}",
                joined(items.iter().map(|item| typed_repr(element, item)))
            )
        }
        (Type::Map(_, element), Json::Object(entries)) => {
            let entries = entries
                .iter()
                .map(|(key, item)| format!("{}: {}", repr(key), typed_repr(element, item)));
            format!("{{{}}}", joined(entries))
        }
        (_, Json::String(text)) => repr(text),
        (_, Json::Number(number)) => number_text(number),
        (_, other) => other.to_string(),
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn struct_repr(schema: &StructSchema, value: &Json) -> String {
    format!(
        "{}({})",
        schema.name,
        joined(
            field_reprs(schema, value)
                .into_iter()
                .map(|(name, text)| format!("{name}={text}"))
        )
    )
}

/// Every field's name and `repr`; what is unset is `None`.
fn field_reprs(schema: &StructSchema, value: &Json) -> Vec<(&'static str, String)> {
    debug_assert!(matches!(schema.shape, Shape::Struct | Shape::Union));
    schema
        .fields
        .iter()
        .map(|field| {
            let value = value.get(field.name).unwrap_or(&Json::Null);
            (field.name, typed_repr(&(field.ty)(), value))
        })
        .collect()
}

/// A thrift object's fields one a line, by name, as `pprint.pformat(vars(object), indent=2)`.
/// `replaced` shows one field in other words.
pub fn thrift_lines<T: Value>(value: &T, replaced: (&str, String)) -> String {
    let Type::Struct(schema) = T::schema() else {
        return thrift_repr(value);
    };
    let mut fields = field_reprs(schema, &value.to_simple(Style::Numbers));
    fields.sort();
    let lines = fields.into_iter().map(|(name, text)| {
        let text = if name == replaced.0 {
            replaced.1.clone()
        } else {
            text
        };
        format!("{}: {text}", repr(name))
    });
    format!("{{ {}}}", lines.collect::<Vec<_>>().join(",\n  "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aurora_api::{Constraint, LimitConstraint, TaskConstraint};
    use serde_json::json;

    #[test]
    fn json_is_written_as_python_writes_it() {
        let value = json!({"a": [1, 2.0, 1e20, 1e-5], "b": "é😀\n\"", "c": {}, "d": [], "e": null});
        assert_eq!(
            dumps(&value),
            r#"{"a": [1, 2.0, 1e+20, 1e-05], "b": "\u00e9\ud83d\ude00\n\"", "c": {}, "d": [], "e": null}"#
        );
        assert_eq!(
            dumps_indented(&json!({"a": [1], "c": {}})),
            "{\n  \"a\": [\n    1\n  ],\n  \"c\": {}\n}"
        );
    }

    #[test]
    fn thrift_objects_are_shown_with_all_their_fields() {
        let constraint = Constraint {
            name: "host".to_owned(),
            constraint: TaskConstraint::Limit(LimitConstraint { limit: 2 }),
        };
        assert_eq!(
            thrift_repr(&constraint),
            "Constraint(name='host', constraint=TaskConstraint(value=None, limit=LimitConstraint(limit=2)))"
        );
    }
}
