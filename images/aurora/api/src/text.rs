//! A value as Thrift's Java library prints it, for the messages in which the original shows one:
//! `JobKey(role:a, environment:b, name:c)`, `<Resource ramMb:64>`, `[a, b]`, `{k=v}`.

use serde_json::Value as Json;

use crate::schema::{Shape, StructSchema, Type};
use crate::simple::{Style, to_simple};
use crate::value::Value;

/// The structs whose fields are declared in another order than that of their numbers.
const DECLARED: &[(&str, &[&str])] = &[
    (
        "TaskQuery",
        &["role", "environment", "jobName", "taskIds", "statuses"],
    ),
    (
        "JobConfiguration",
        &["key", "owner", "cronSchedule", "cronCollisionPolicy"],
    ),
    (
        "TaskConfig",
        &[
            "job",
            "owner",
            "isService",
            "priority",
            "maxTaskFailures",
            "production",
            "tier",
            "resources",
            "constraints",
            "mesosFetcherUris",
            "taskLinks",
            "contactEmail",
            "executorConfig",
            "metadata",
            "partitionPolicy",
            "slaPolicy",
        ],
    ),
];

/// The text of a value. Unset fields are left out.
pub fn to_text<T: Value>(value: &T) -> String {
    let mut out = String::new();
    write(&mut out, &T::schema(), &to_simple(value, Style::Names));
    out
}

fn write(out: &mut String, ty: &Type, value: &Json) {
    match (ty, value) {
        (Type::Struct(schema), value) => write_struct(out, schema, value),
        (Type::List(of) | Type::Set(of), Json::Array(items)) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                separate(out, index);
                write(out, of, item);
            }
            out.push(']');
        }
        (Type::Map(_, of), Json::Object(entries)) => {
            out.push('{');
            for (index, (key, item)) in entries.iter().enumerate() {
                separate(out, index);
                out.push_str(key);
                out.push('=');
                write(out, of, item);
            }
            out.push('}');
        }
        (_, Json::String(text)) => out.push_str(text),
        (_, other) => out.push_str(&other.to_string()),
    }
}

fn separate(out: &mut String, index: usize) {
    if index > 0 {
        out.push_str(", ");
    }
}

fn write_struct(out: &mut String, schema: &StructSchema, value: &Json) {
    let declared = DECLARED
        .iter()
        .find(|(name, _)| *name == schema.name)
        .map_or(&[] as &[&str], |(_, fields)| fields);
    let place = |name: &str| {
        declared
            .iter()
            .position(|field| *field == name)
            .unwrap_or(declared.len())
    };
    let mut fields: Vec<_> = schema.fields.iter().collect();
    // Stable: the fields that are not listed follow in the order of their numbers.
    fields.sort_by_key(|field| place(field.name));
    let is_union = schema.shape == Shape::Union;
    if is_union {
        out.push('<');
    }
    out.push_str(schema.name);
    out.push(if is_union { ' ' } else { '(' });
    let set = fields
        .into_iter()
        .filter_map(|field| Some((field, value.get(field.name)?)));
    for (index, (field, value)) in set.enumerate() {
        separate(out, index);
        out.push_str(field.name);
        out.push(':');
        write(out, &(field.ty)(), value);
    }
    out.push(if is_union { '>' } else { ')' });
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::{JobKey, Resource, ScheduleStatus, TaskConfig, TaskQuery};

    #[test]
    fn queries_print_as_thrift_prints_them() {
        let query = TaskQuery {
            role: Some("www-data".to_owned()),
            statuses: Some(BTreeSet::from([
                ScheduleStatus::Pending,
                ScheduleStatus::Running,
            ])),
            slave_hosts: Some(BTreeSet::from(["h1".to_owned()])),
            job_keys: Some(BTreeSet::from([JobKey::new("a", "b", "c")])),
            limit: Some(5),
            ..TaskQuery::default()
        };
        assert_eq!(
            to_text(&query),
            "TaskQuery(role:www-data, statuses:[PENDING, RUNNING], slaveHosts:[h1], \
             jobKeys:[JobKey(role:a, environment:b, name:c)], limit:5)"
        );
        assert_eq!(to_text(&TaskQuery::default()), "TaskQuery()");
    }

    #[test]
    fn unions_and_maps_print_as_thrift_prints_them() {
        let config = TaskConfig {
            resources: BTreeSet::from([Resource::NumCpus(1.0.into()), Resource::RamMb(64)]),
            task_links: Some(BTreeMap::from([("http".to_owned(), "x".to_owned())])),
            ..TaskConfig::default()
        };
        let text = to_text(&config);
        for part in [
            "isService:false, priority:0, ",
            "resources:[<Resource numCpus:1.0>, <Resource ramMb:64>], ",
            "taskLinks:{http=x}, ",
            "container:<Container mesos:MesosContainer()>)",
        ] {
            assert!(text.contains(part), "`{part}` in {text}");
        }
    }
}
