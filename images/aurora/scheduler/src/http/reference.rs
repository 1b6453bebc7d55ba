//! `/apiclient/api.html`: every method of the API with its arguments and types; `/logconfig`: what is
//! logged.

use std::collections::BTreeMap;

use aurora_api::Call;
use aurora_api::schema::{EnumSchema, Shape, StructSchema, Type};
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json, json};
use tracing::level_filters::LevelFilter;

use super::Shared;

/// A type as the interface definition spells it. Those it is made of are noted.
fn spell(ty: &Type, seen: &mut Seen) -> String {
    match ty {
        Type::Bool => "bool".to_string(),
        Type::I32 => "i32".to_string(),
        Type::I64 => "i64".to_string(),
        Type::Double => "double".to_string(),
        Type::String => "string".to_string(),
        Type::Binary => "binary".to_string(),
        Type::Enum(schema) => {
            seen.enums.insert(schema.name, schema);
            schema.name.to_string()
        }
        Type::Struct(schema) => {
            seen.note(schema);
            schema.name.to_string()
        }
        Type::List(of) => format!("list<{}>", spell(of, seen)),
        Type::Set(of) => format!("set<{}>", spell(of, seen)),
        Type::Map(key, value) => {
            format!("map<{}, {}>", spell(key, seen), spell(value, seen))
        }
    }
}

/// The types that were met.
#[derive(Default)]
struct Seen {
    structs: BTreeMap<&'static str, (&'static StructSchema, Vec<Json>)>,
    enums: BTreeMap<&'static str, &'static EnumSchema>,
}

impl Seen {
    fn note(&mut self, schema: &'static StructSchema) {
        if !self.structs.contains_key(schema.name) {
            // Types may be made of themselves.
            self.structs.insert(schema.name, (schema, Vec::new()));
            let fields = fields(schema, self);
            self.structs.insert(schema.name, (schema, fields));
        }
    }
}

fn fields(schema: &StructSchema, seen: &mut Seen) -> Vec<Json> {
    let field = |field: &aurora_api::schema::FieldSchema| {
        let ty = spell(&(field.ty)(), seen);
        json!({ "id": field.id, "name": field.name, "type": ty })
    };
    schema.fields.iter().map(field).collect()
}

/// `/apiclient/api.html`
pub(super) async fn api(State(app): State<Shared>) -> Response {
    let mut seen = Seen::default();
    let mut methods = Vec::new();
    for (name, service, arguments) in Call::methods() {
        let arguments = fields(arguments, &mut seen);
        methods.push(json!({ "name": name, "service": service.name(), "fields": arguments }));
    }
    let structs = seen.structs.values().map(|(schema, fields)| {
        let is_union = schema.shape == Shape::Union;
        json!({ "name": schema.name, "union": is_union, "fields": fields })
    });
    let enums = seen.enums.values().map(|schema| {
        let values = schema.values.iter();
        let values = values.map(|(name, number)| json!({ "name": name, "number": number }));
        json!({ "name": schema.name, "values": values.collect::<Vec<Json>>() })
    });
    let content = json!({
        "methods": methods,
        "structs": structs.collect::<Vec<Json>>(),
        "enums": enums.collect::<Vec<Json>>(),
    });
    app.templates.page("api.html", "API", content)
}

/// The levels that may be chosen, the quietest first.
const LEVELS: &[(&str, tracing::Level)] = &[
    ("ERROR", tracing::Level::ERROR),
    ("WARN", tracing::Level::WARN),
    ("INFO", tracing::Level::INFO),
    ("DEBUG", tracing::Level::DEBUG),
    ("TRACE", tracing::Level::TRACE),
];

/// The one logger there is.
const LOGGER: &str = "root";

/// What a change asks for.
#[derive(serde::Deserialize)]
struct Change {
    #[serde(default)]
    logger: String,
    #[serde(default)]
    level: String,
}

fn levels_page(app: &Shared, message: &str) -> Response {
    let level = LevelFilter::current().to_string().to_uppercase();
    let names: Vec<&str> = LEVELS.iter().map(|(name, _)| *name).collect();
    let content = json!({
        "loggers": [{ "name": LOGGER, "level": level }],
        "levels": names,
        "message": message,
    });
    app.templates.page("logconfig.html", "Log levels", content)
}

/// `/logconfig`
pub(super) async fn log_config(State(app): State<Shared>) -> Response {
    levels_page(&app, "")
}

/// A change of `/logconfig`: `logger` and `level`, as a form sends them. It lasts until the next one, or
/// the end of the process.
pub(super) async fn change_log_config(State(app): State<Shared>, body: String) -> Response {
    let form = format!("/?{body}").parse::<Uri>().ok();
    let form = form.and_then(|uri| Query::<Change>::try_from_uri(&uri).ok());
    let Some(Query(Change { logger, level })) = form else {
        let page = levels_page(&app, "The form cannot be read.");
        return (StatusCode::BAD_REQUEST, page).into_response();
    };
    if logger != LOGGER {
        let page = levels_page(&app, &format!("There is no logger {logger:?}."));
        return (StatusCode::BAD_REQUEST, page).into_response();
    }
    let wanted = LEVELS.iter().find(|(name, _)| *name == level);
    let Some((_, wanted)) = wanted else {
        let page = levels_page(&app, &format!("There is no level {level:?}."));
        return (StatusCode::BAD_REQUEST, page).into_response();
    };
    if !mesos_wire::log::set_level(*wanted) {
        let page = levels_page(&app, "The log of this process was not started by it.");
        return (StatusCode::CONFLICT, page).into_response();
    }
    tracing::info!("the log's level is {level} from now on");
    levels_page(&app, &format!("{logger} is at {level} now."))
}
