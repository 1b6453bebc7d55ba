//! What a resource must look like before it is counted.

use mesos_proto::mesos::Resource;
use mesos_proto::mesos::value;

use super::ResourceError;

/// Refuses what cannot be counted, with Mesos' words where it has some.
pub(super) fn check(resource: &Resource) -> Result<(), ResourceError> {
    let wrong = |reason: String| Err(ResourceError(reason));
    if resource.name().is_empty() {
        return wrong("Empty resource name".to_string());
    }
    let name = resource.name();
    match resource.type_() {
        value::Type::SCALAR => {
            let amount = resource.scalar.value();
            // Beyond this, thousandths no longer fit their counter.
            if resource.scalar.is_none() || !amount.is_finite() || !(0.0..1e15).contains(&amount) {
                return wrong(format!(
                    "Invalid scalar resource `{name}`: value must be between 0 and 1e15"
                ));
            }
        }
        value::Type::RANGES => {
            if resource.ranges.is_none() {
                return wrong(format!("Invalid ranges resource `{name}`"));
            }
            if resource
                .ranges
                .range
                .iter()
                .any(|range| range.begin() > range.end())
            {
                return wrong(format!(
                    "Invalid ranges resource `{name}`: begin must not be beyond end"
                ));
            }
        }
        value::Type::SET => {
            if resource.set.is_none() {
                return wrong(format!("Invalid set resource `{name}`"));
            }
        }
        value::Type::TEXT => return wrong(format!("Unsupported resource type of `{name}`")),
    }
    if !resource.reservations.is_empty() {
        if resource.has_role() && resource.reservation.is_some() {
            return wrong(
                "'Resource.role' and 'Resource.reservation' must not be set with 'Resource.reservations'"
                    .to_string(),
            );
        }
        for reservation in &resource.reservations {
            role(reservation.role())?;
        }
    } else if resource.role() != "*" {
        role(resource.role())?;
    } else if resource.reservation.is_some() {
        return wrong("Invalid reservation: role \"*\" cannot be dynamically reserved".to_string());
    }
    Ok(())
}

/// Refuses what is no name of a role that can be reserved to.
fn role(role: &str) -> Result<(), ResourceError> {
    let bad_part = |part: &str| {
        part.is_empty() || part == "." || part == ".." || part == "*" || part.starts_with('-')
    };
    let bad_letter = |c: char| c.is_whitespace() || c == '\\' || c == '\u{7f}' || c == '\u{8}';
    if role.is_empty() || role.split('/').any(bad_part) || role.contains(bad_letter) {
        return Err(ResourceError(format!("Invalid role name `{role}`")));
    }
    Ok(())
}
