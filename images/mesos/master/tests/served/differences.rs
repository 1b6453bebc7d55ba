//! What our documents have and the recorded ones lack: each such place is listed in a file with its reason, and
//! nothing is listed that does not occur.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A document's name, and a place in it such as `/slaves/[]/id`.
pub(crate) type Place = (String, String);

/// The places of the keys, and of the items with names, that `ours` has and `recorded` lacks.
pub(crate) fn surplus(recorded: &Value, ours: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    compare("", recorded, ours, &mut found);
    found
}

fn compare(place: &str, recorded: &Value, ours: &Value, found: &mut BTreeSet<String>) {
    match (recorded, ours) {
        (Value::Object(recorded), Value::Object(ours)) => {
            for (key, own) in ours {
                let place = format!("{place}/{key}");
                match recorded.get(key) {
                    Some(value) => compare(&place, value, own, found),
                    None => {
                        found.insert(place);
                    }
                }
            }
        }
        (Value::Array(recorded), Value::Array(ours)) => {
            for (index, own) in ours.iter().enumerate() {
                match own.get("name").and_then(Value::as_str) {
                    // Items with names are the same item wherever they stand.
                    Some(name) if !recorded.is_empty() => {
                        let same = |value: &&Value| value.get("name") == own.get("name");
                        let place = format!("{place}/[{name}]");
                        match recorded.iter().find(same) {
                            Some(value) => compare(&place, value, own, found),
                            None => {
                                found.insert(place);
                            }
                        }
                    }
                    // The last item stands for those that the recording has not; of an empty list nothing is known.
                    _ => {
                        if let Some(value) = recorded.get(index).or(recorded.last()) {
                            compare(&format!("{place}/[]"), value, own, found);
                        }
                    }
                }
            }
        }
        _ => {}
    }
}

/// Reads lines `document place: reason`; empty ones, and those that begin with `#`, say nothing.
fn listed(text: &str) -> BTreeMap<Place, String> {
    let lines = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let entry = line.split_once(' ').and_then(|(document, rest)| {
                let (place, reason) = rest.split_once(": ")?;
                Some((
                    (document.to_string(), place.to_string()),
                    reason.trim().to_string(),
                ))
            });
            let (place, reason) = entry.unwrap_or_else(|| panic!("no difference: `{line}`"));
            assert!(!reason.is_empty(), "no reason: `{line}`");
            (place, reason)
        })
        .collect()
}

/// Fails unless exactly these places are listed in the file's text, of the documents whose names begin so.
pub(crate) fn check(text: &str, start: &str, found: &BTreeSet<Place>) {
    let mut listed = listed(text);
    listed.retain(|(document, _), _| document.starts_with(start));
    let unlisted = found.iter().filter(|place| !listed.contains_key(place));
    let mut flaws: Vec<String> = unlisted
        .map(|(document, place)| format!("{document} {place}: is not listed"))
        .collect();
    let stale = listed.keys().filter(|place| !found.contains(place));
    flaws.extend(stale.map(|(document, place)| format!("{document} {place}: does not occur")));
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[test]
fn what_is_more_is_found_at_its_place() {
    use serde_json::json;
    let recorded = json!({"a": 1, "b": [{"name": "x", "v": 1}], "c": [{"d": 1}], "e": []});
    let ours = json!({
        "a": {"no": 1}, "b": [{"name": "y"}, {"name": "x", "v": 2, "w": 3}],
        "c": [{"d": 1}, {"d": 1, "f": 2}], "e": [{"g": 1}], "h": {"i": 1},
    });
    let found: Vec<String> = surplus(&recorded, &ours).into_iter().collect();
    assert_eq!(found, ["/b/[x]/w", "/b/[y]", "/c/[]/f", "/h"]);
}

#[test]
#[should_panic(expected = "d /b: is not listed\nd /a: does not occur")]
fn a_list_that_is_not_exact_is_refused() {
    let found = BTreeSet::from([("d".to_string(), "/b".to_string())]);
    check("# why\n\nd /a: because\ne /a: because", "d", &found);
}
