//! Whether an answer is the one wanted. Pure.

use serde_json::Value;

use super::Answer;
use crate::plan::Want;

/// How much of an answer a message quotes, in characters.
const QUOTED: usize = 160;

/// Says why an answer is not the one wanted. `count` gives the number of nodes of a tier.
pub(super) fn judge(
    want: &Want,
    answer: &Answer,
    count: impl Fn(&str) -> usize,
) -> Result<(), String> {
    match want {
        Want::Status(status) if i64::from(*status) == answer.status => Ok(()),
        Want::Status(status) => Err(format!(
            "status {} in place of {status}{}",
            answer.status,
            quote(&answer.text)
        )),
        Want::Number { key, value } => number(key, *value, answer),
        Want::Count { key, tier } => {
            let nodes = u32::try_from(count(tier)).unwrap_or(u32::MAX);
            number(key, f64::from(nodes), answer)
        }
        Want::Line(line) if answer.text.lines().any(|found| found.trim_end() == line) => Ok(()),
        Want::Line(line) => Err(match line.rsplit_once(' ') {
            // A line of `/vars` is a name and a number: the number that is there says more than the one that is not.
            Some((name, _)) => match answer.text.lines().find(|found| {
                found
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with(' '))
            }) {
                Some(found) => format!("`{found}` in place of `{line}`"),
                None => format!("no line `{line}` (status {})", answer.status),
            },
            None => format!("no line `{line}` (status {})", answer.status),
        }),
        Want::Contains(texts) if texts.iter().any(|text| answer.text.contains(text.as_str())) => {
            Ok(())
        }
        Want::Contains(texts) => Err(format!(
            "no `{}` in the answer{}",
            texts.join("` or `"),
            quote(&answer.text)
        )),
        Want::Success if answer.status == 0 => Ok(()),
        Want::Success => Err(format!(
            "exit code {}{}",
            answer.status,
            quote(&answer.text)
        )),
    }
}

fn number(key: &str, wanted: f64, answer: &Answer) -> Result<(), String> {
    if answer.status != 200 {
        return Err(format!("status {}{}", answer.status, quote(&answer.text)));
    }
    let document: Value = serde_json::from_str(&answer.text)
        .map_err(|_| format!("no JSON{}", quote(&answer.text)))?;
    match document.get(key).and_then(Value::as_f64) {
        Some(found) if (found - wanted).abs() < f64::EPSILON => Ok(()),
        Some(found) => Err(format!("`{key}` is {found} in place of {wanted}")),
        None => Err(format!("no `{key}` in the answer")),
    }
}

/// The end of an answer, on one line, for a message.
fn quote(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.is_empty() {
        return String::new();
    }
    let count = words.chars().count();
    let shown: String = words.chars().skip(count.saturating_sub(QUOTED)).collect();
    if count > QUOTED {
        format!(", ending in `{shown}`")
    } else {
        format!(", `{shown}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged_and_the_reason_quotes_them() {
        let number = |value| Want::Number {
            key: "master/elected".to_owned(),
            value,
        };
        let count = Want::Count {
            key: "master/slaves_active".to_owned(),
            tier: "mesos-agent".to_owned(),
        };
        let line = Want::Line("framework_registered 1".to_owned());
        let contains = Want::Contains(vec!["imok".to_owned()]);
        let metrics = r#"{"master/elected": 1.0, "master/slaves_active": 2}"#;
        let cases = [
            (Want::Status(200), 200, "", None),
            (
                Want::Status(200),
                503,
                "busy",
                Some("status 503 in place of 200, `busy`"),
            ),
            (number(1.0), 200, metrics, None),
            (
                number(0.0),
                200,
                metrics,
                Some("`master/elected` is 1 in place of 0"),
            ),
            (
                number(1.0),
                200,
                "{}",
                Some("no `master/elected` in the answer"),
            ),
            (number(1.0), 429, "", Some("status 429")),
            (
                count,
                200,
                metrics,
                Some("`master/slaves_active` is 2 in place of 3"),
            ),
            (line.clone(), 200, "a 1\nframework_registered 1\n", None),
            (
                line.clone(),
                200,
                "framework_registered 0\n",
                Some("`framework_registered 0` in place of `framework_registered 1`"),
            ),
            (
                line,
                200,
                "",
                Some("no line `framework_registered 1` (status 200)"),
            ),
            (contains.clone(), 0, "imok", None),
            (contains, 0, "", Some("no `imok` in the answer")),
            (Want::Success, 0, "", None),
            (
                Want::Success,
                4,
                "no\nroute",
                Some("exit code 4, `no route`"),
            ),
        ];
        for (want, status, text, problem) in cases {
            let answer = Answer {
                status,
                text: text.to_owned(),
            };
            assert_eq!(
                judge(&want, &answer, |_| 3).err().as_deref(),
                problem,
                "case {want:?}"
            );
        }
    }
}
