//! What a resource must look like before it is counted.

use mesos_proto::mesos::Resource;
use mesos_proto::mesos::resource::reservation_info::Type;
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
        stack(resource)?;
    } else if resource.role() != "*" {
        role(resource.role())?;
    } else if resource.reservation.is_some() {
        return wrong("Invalid reservation: role \"*\" cannot be dynamically reserved".to_string());
    }
    Ok(())
}

/// Refuses a stack of reservations in which one does not refine the one before.
fn stack(resource: &Resource) -> Result<(), ResourceError> {
    let wrong = |reason: String| {
        Err(ResourceError(format!(
            "Invalid resource reservation: {reason}"
        )))
    };
    let mut above: Option<&str> = None;
    for reservation in &resource.reservations {
        if !reservation.has_type() {
            return wrong("'Resource.ReservationInfo.type' field must be set.".to_string());
        }
        if !reservation.has_role() {
            return wrong("'Resource.ReservationInfo.role' field must be set.".to_string());
        }
        role(reservation.role())?;
        if let Some(above) = above {
            if reservation.type_() == Type::STATIC {
                return wrong("A refined reservation cannot be STATIC".to_string());
            }
            let below = reservation.role().strip_prefix(above);
            if !below.is_some_and(|rest| rest.starts_with('/')) {
                return wrong(format!(
                    "Role '{}' is not a refined reservation of '{above}'",
                    reservation.role()
                ));
            }
        }
        above = Some(reservation.role());
    }
    let Some((only, [])) = resource.reservations.split_first() else {
        if resource.has_role() || resource.reservation.is_some() {
            return wrong(
                "'Resource.role' and 'Resource.reservation' must not be set if there is more than one reservation in 'Resource.reservations'"
                    .to_string(),
            );
        }
        return Ok(());
    };
    // The older fields may say the same again, as HTTP documents have them.
    if resource.has_role() && resource.role() != only.role() {
        return wrong(format!(
            "'Resource.role' field with '{}' does not match the role '{}' in 'Resource.reservations'",
            resource.role(),
            only.role()
        ));
    }
    if resource.reservation.is_some() && only.type_() == Type::STATIC {
        return wrong(
            "'Resource.reservation' must not be set if the single reservation in 'Resource.reservations' is STATIC"
                .to_string(),
        );
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
