//! Whether a document has all that a recorded one has: every key, with a value of the same type.

use serde_json::Value;

/// The places where `ours` lacks what `recorded` has.
pub(crate) fn lacks(recorded: &Value, ours: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", recorded, ours, &mut found);
    found
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "fraction",
        Value::Number(_) => "integer",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

fn compare(place: &str, recorded: &Value, ours: &Value, found: &mut Vec<String>) {
    if kind(recorded) != kind(ours) {
        found.push(format!("{place}: {} is not {}", kind(ours), kind(recorded)));
        return;
    }
    match (recorded, ours) {
        (Value::Object(recorded), Value::Object(ours)) => {
            for (key, value) in recorded {
                match ours.get(key) {
                    Some(own) => compare(&format!("{place}/{key}"), value, own, found),
                    None => found.push(format!("{place}/{key} is missing")),
                }
            }
        }
        (Value::Array(recorded), Value::Array(ours)) => {
            for (index, value) in recorded.iter().enumerate() {
                // Items with names are the same item wherever they stand.
                let named = value.get("name").filter(|name| name.is_string());
                let own = match named {
                    Some(name) => ours.iter().find(|own| own.get("name") == Some(name)),
                    None => ours.get(index),
                };
                match own {
                    Some(own) => compare(&format!("{place}/{index}"), value, own, found),
                    None => found.push(format!("{place}/{index} is missing: {value}")),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn shapes_are_compared_by_key_and_type() {
    use serde_json::json;
    let recorded = json!({"a": 1.0, "b": [{"name": "x", "v": 1}], "c": "t"});
    assert!(
        lacks(
            &recorded,
            &json!({"a": 2.5, "b": [{"name": "y"}, {"name": "x", "v": 2}], "c": "", "d": 1})
        )
        .is_empty()
    );
    let got = lacks(&recorded, &json!({"a": 2, "b": []}));
    assert_eq!(
        got,
        [
            "/a: integer is not fraction",
            r#"/b/0 is missing: {"name":"x","v":1}"#,
            "/c is missing"
        ]
    );
}
