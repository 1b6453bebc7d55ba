//! Resources as texts: the `--resources` flag, and what logs and messages print.

use std::fmt;

use mesos_proto::mesos::resource::DiskInfo;
use mesos_proto::mesos::resource::disk_info::{Source, source};
use mesos_proto::mesos::value;
use mesos_proto::mesos::{Labels, Resource};
use protobuf::MessageField;

use super::{ResourceError, Resources, format_ranges, parse_ranges};
use crate::json::{self, Dialect};
use crate::numbers;

/// As many as a scalar is shown with.
const DIGITS: usize = 15;

/// Reads `cpus:4;mem(prod):2048;ports:[31000-32000]`, or a JSON array of resources. Those without
/// a role of their own get `default_role`.
pub fn parse(text: &str, default_role: &str) -> Result<Resources, ResourceError> {
    let text = text.trim();
    let protos = if text.starts_with('[') {
        from_json(text)?
    } else {
        text.split([';', '\n'])
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| one(part, default_role))
            .collect::<Result<Vec<_>, _>>()?
    };
    Resources::from_protos(&protos)
}

fn from_json(text: &str) -> Result<Vec<Resource>, ResourceError> {
    let wrong = |reason: String| ResourceError(format!("bad JSON resources: {reason}"));
    let values: Vec<serde_json::Value> =
        serde_json::from_str(text).map_err(|e| wrong(e.to_string()))?;
    values
        .iter()
        .map(|value| json::from_value(value, Dialect::V0).map_err(|e| wrong(e.to_string())))
        .collect()
}

fn one(part: &str, default_role: &str) -> Result<Resource, ResourceError> {
    let wrong = || {
        ResourceError(format!(
            "bad resource `{part}`: `name:value` or `name(role):value` is expected, where a value is a number, ranges `[1-2, 4-5]` or a set `{{a, b}}`"
        ))
    };
    let (name, value) = part.split_once(':').ok_or_else(wrong)?;
    let (name, role) = match name.trim().strip_suffix(')') {
        Some(named) => named.split_once('(').ok_or_else(wrong)?,
        None => (name.trim(), default_role),
    };
    if name.contains(['(', ')']) {
        return Err(wrong());
    }
    let value = value.trim();
    let mut resource = Resource::new();
    resource.set_name(name.trim().to_string());
    resource.set_role(role.trim().to_string());
    if value.starts_with('[') {
        resource.set_type(value::Type::RANGES);
        resource.ranges = MessageField::some(parse_ranges(value).ok_or_else(wrong)?);
    } else if let Some(inner) = value.strip_prefix('{') {
        let inner = inner.strip_suffix('}').ok_or_else(wrong)?;
        resource.set_type(value::Type::SET);
        let set = resource.set.mut_or_insert_default();
        set.item = inner
            .split(',')
            .map(|item| item.trim().to_string())
            .collect();
        set.item.retain(|item| !item.is_empty());
    } else {
        resource.set_type(value::Type::SCALAR);
        resource
            .scalar
            .mut_or_insert_default()
            .set_value(number(value).ok_or_else(wrong)?);
    }
    Ok(resource)
}

/// A decimal number that is finite.
pub fn number(text: &str) -> Option<f64> {
    let starts_right = text.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    text.parse::<f64>()
        .ok()
        .filter(|n| n.is_finite() && starts_right)
}

/// Writes `{a, b}`.
pub fn format_set(items: &[String]) -> String {
    format!("{{{}}}", items.join(", "))
}

pub(super) fn write(f: &mut fmt::Formatter<'_>, items: &[Resource]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str("; ")?;
        }
        write!(f, "{}", Shown(item))?;
    }
    Ok(())
}

/// A resource as messages show it, whatever is wrong with it.
pub(super) struct Shown<'a>(pub(super) &'a Resource);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let item = self.0;
        f.write_str(item.name())?;
        if let Some(allocation) = item.allocation_info.as_ref() {
            write!(f, "(allocated: {})", allocation.role())?;
        }
        if !item.reservations.is_empty() {
            let stack: Vec<String> = item
                .reservations
                .iter()
                .map(|r| {
                    let kind = format!("{:?}", r.type_());
                    let mut parts = vec![kind, r.role().to_string()];
                    if r.has_principal() {
                        parts.push(r.principal().to_string());
                    }
                    if let Some(labels) = r.labels.as_ref() {
                        parts.push(shown_labels(labels));
                    }
                    format!("({})", parts.join(","))
                })
                .collect();
            write!(f, "(reservations: [{}])", stack.join(","))?;
        }
        if let Some(disk) = item.disk.as_ref() {
            write!(f, "[{}]", shown_disk(disk))?;
        }
        if item.revocable.is_some() {
            f.write_str("{REV}")?;
        }
        if item.shared.is_some() {
            f.write_str("<SHARED>")?;
        }
        match item.type_() {
            value::Type::SCALAR => {
                write!(f, ":{}", numbers::shown(counted(item), DIGITS))?;
            }
            value::Type::RANGES => write!(f, ":{}", format_ranges(&item.ranges))?,
            value::Type::SET => write!(f, ":{}", format_set(&item.set.item))?,
            value::Type::TEXT => {}
        }
        Ok(())
    }
}

/// A scalar as Mesos counts it. What is no number, and what its counter cannot hold, becomes the least
/// that it can hold, as in the processor's own conversion.
fn counted(item: &Resource) -> f64 {
    let thousandths = (item.scalar.value() * 1000.0).round();
    if thousandths.abs() < i64::MAX as f64 {
        thousandths / 1000.0
    } else {
        i64::MIN as f64 / 1000.0
    }
}

pub(super) fn shown_labels(labels: &Labels) -> String {
    let each = labels.labels.iter().map(|label| {
        if label.has_value() {
            format!("{}: {}", label.key(), label.value())
        } else {
            label.key().to_string()
        }
    });
    format!("{{{}}}", each.collect::<Vec<_>>().join(", "))
}

/// Where a disk is from: `MOUNT:/its/root`.
pub(super) fn shown_source(source: &Source) -> String {
    let kind = source.type_();
    let root = match kind {
        source::Type::PATH => source.path.root.as_ref(),
        source::Type::MOUNT => source.mount.root.as_ref(),
        _ => None,
    };
    root.map_or(format!("{kind:?}"), |root| format!("{kind:?}:{root}"))
}

/// A disk as `source,volume id:container path`, of which only what there is.
fn shown_disk(disk: &DiskInfo) -> String {
    let mut shown = String::new();
    if let Some(source) = disk.source.as_ref() {
        shown = shown_source(source);
        if disk.persistence.is_some() {
            shown.push(',');
        }
    }
    if let Some(persistence) = disk.persistence.as_ref() {
        shown.push_str(persistence.id());
    }
    if let Some(volume) = disk.volume.as_ref() {
        shown = format!("{shown}:{}", volume.container_path());
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_json_are_read_alike() {
        let text = parse(
            "cpus:4; mem:2048 ;ports:[31000-32000, 40000-40001];disk(prod):10;bits:{a,b}",
            "*",
        )
        .unwrap();
        let json = parse(
            r#"[{"name":"cpus","type":"SCALAR","scalar":{"value":4}},{"name":"mem","type":"SCALAR","scalar":{"value":2048}},
                {"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000,"end":32000},{"begin":40000,"end":40001}]}},
                {"name":"disk","type":"SCALAR","scalar":{"value":10},"role":"prod"},{"name":"bits","type":"SET","set":{"item":["a","b"]}}]"#,
            "*",
        )
        .unwrap();
        assert_eq!(text, json);
        assert_eq!(
            parse("cpus:1", "dev").unwrap().to_string(),
            "cpus(reservations: [(STATIC,dev)]):1"
        );
    }

    #[test]
    fn wrong_texts_say_so() {
        for bad in [
            "cpus",
            "cpus:",
            "cpus:x",
            "cpus:-1",
            "cpus:inf",
            "cpus:nan",
            "ports:[1-",
            "a:{b",
            ":1",
            "cpus(a:1",
            "cpus(a b):1",
            "[{}]",
            "[1",
        ] {
            assert!(parse(bad, "*").is_err(), "case `{bad}`");
        }
    }
}
