//! `/graphdata`: variables over time; `/graphview`: the same, drawn.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Number, Value as Json, json};

use super::series::Series;
use super::thrift::axum_json;
use super::{Shared, not_found};

type Parameters = Query<BTreeMap<String, String>>;

/// The drawing's size in its own units.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 320.0;
/// One colour a line; more lines begin anew.
const COLOURS: &[&str] = &[
    "#2a6ebb", "#c0392b", "#27834a", "#b7791f", "#6b46a8", "#4a5568",
];

/// The names in `metrics=a,b`.
fn wanted(parameters: &BTreeMap<String, String>) -> Vec<String> {
    let names = parameters.get("metrics").map_or("", String::as_str);
    let names = names.split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_string)
        .collect()
}

fn unknown(name: &str) -> Response {
    let text = json!({ "error": format!("Unknown metric {name}") }).to_string();
    (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
}

/// `/graphdata`
pub(super) async fn data(State(app): State<Shared>, Query(given): Parameters) -> Response {
    let series = app.series();
    if !given.contains_key("metrics") {
        return axum_json(&series.names().collect::<Vec<&str>>().into());
    }
    let since = given.get("since").and_then(|since| since.parse().ok());
    let since = since.unwrap_or(i64::MIN);
    let names = wanted(&given);
    let mut columns = Vec::new();
    for name in &names {
        match series.values(name, since) {
            Some(values) => columns.push(values.into_iter()),
            None => return unknown(name),
        }
    }
    let rows = series.times(since).map(|time| {
        let mut row = vec![Json::from(time)];
        row.extend(
            columns
                .iter_mut()
                .filter_map(Iterator::next)
                .map(Json::Number),
        );
        Json::Array(row)
    });
    let rows: Vec<Json> = rows.collect();
    let mut head = vec!["time".to_string()];
    head.extend(names);
    axum_json(&json!({ "names": head, "data": rows }))
}

/// A line through these values, from left to right, scaled so that `low` is the floor and `high` the
/// ceiling.
fn line(values: &[f64], low: f64, high: f64) -> String {
    let across = WIDTH / values.len().saturating_sub(1).max(1) as f64;
    let range = if high > low { high - low } else { 1.0 };
    let mut points = String::new();
    for (index, value) in values.iter().enumerate() {
        let x = index as f64 * across;
        let y = HEIGHT - (value - low) / range * HEIGHT;
        // Writing to a text cannot fail.
        let _ = write!(points, "{x:.1},{y:.1} ");
    }
    points
}

/// What the page draws; an unknown name is an error.
fn drawing(series: &Series, names: &[String]) -> Result<Json, String> {
    let mut columns = Vec::new();
    for name in names {
        let values = series.values(name, i64::MIN).ok_or_else(|| name.clone())?;
        let values = values.iter().filter_map(Number::as_f64);
        columns.push((name, values.collect::<Vec<f64>>()));
    }
    let all = || columns.iter().flat_map(|(_, values)| values).copied();
    let low = all().fold(0.0, f64::min);
    let high = all().fold(0.0, f64::max);
    let colours = COLOURS.iter().cycle();
    let lines = columns.iter().zip(colours).map(|((name, values), colour)| {
        json!({
            "name": name,
            "colour": colour,
            "points": line(values, low, high),
            "last": values.last(),
        })
    });
    Ok(json!({
        "width": WIDTH,
        "height": HEIGHT,
        "low": low,
        "high": high,
        "seconds": series.times(i64::MIN).max().unwrap_or(0).saturating_sub(
            series.times(i64::MIN).min().unwrap_or(0)) / 1000,
        "lines": lines.collect::<Vec<Json>>(),
        "names": series.names().collect::<Vec<&str>>(),
        "metrics": names.join(","),
    }))
}

/// `/graphview`
pub(super) async fn view(State(app): State<Shared>, Query(given): Parameters) -> Response {
    let drawn = drawing(&app.series(), &wanted(&given));
    match drawn {
        Ok(context) => app.templates.page("graph.html", "Graphs", context),
        Err(name) => not_found(format!("There is no variable `{name}`.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fills_the_drawing() {
        assert_eq!(
            line(&[0.0, 2.0, 1.0], 0.0, 2.0),
            "0.0,320.0 480.0,0.0 960.0,160.0 "
        );
        assert_eq!(line(&[0.0], 0.0, 0.0), "0.0,320.0 ");
        assert_eq!(line(&[], 0.0, 0.0), "");
    }
}
