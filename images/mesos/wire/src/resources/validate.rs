//! What a resource must look like before it is counted, in Mesos' words where it does not.

use mesos_proto::mesos::Resource;
use mesos_proto::mesos::resource::disk_info::{Source, source};
use mesos_proto::mesos::resource::reservation_info::Type;
use mesos_proto::mesos::value;

use super::ResourceError;
use super::text::Shown;
use crate::roles;

/// Beyond this, thousandths no longer fit their counter.
const TOO_MUCH: f64 = 1e15;

/// Refuses what cannot be counted, and names it.
pub fn check(resource: &Resource) -> Result<(), ResourceError> {
    check_parts(resource).map_err(|reason| {
        ResourceError(format!(
            "Resource '{}' is invalid: {reason}",
            Shown(resource)
        ))
    })
}

/// Refuses the same without saying which resource it is.
pub fn check_alone(resource: &Resource) -> Result<(), ResourceError> {
    check_parts(resource).map_err(ResourceError)
}

fn check_parts(resource: &Resource) -> Result<(), String> {
    if resource.name().is_empty() {
        return Err("Empty resource name".to_string());
    }
    check_amount(resource)?;
    check_disk(resource)?;
    match resource.reservations.first() {
        None => check_older(resource)?,
        Some(_) => check_stack(resource)?,
    }
    if resource.shared.is_none() {
        Ok(())
    } else if resource.name() != "disk" {
        Err(format!("Resource {} cannot be shared", resource.name()))
    } else if resource.disk.persistence.is_none() {
        Err("Only persistent volumes can be shared".to_string())
    } else {
        Ok(())
    }
}

fn check_amount(resource: &Resource) -> Result<(), String> {
    let (scalar, ranges, set) = (
        resource.scalar.is_some(),
        resource.ranges.is_some(),
        resource.set.is_some(),
    );
    match resource.type_() {
        value::Type::SCALAR if !scalar || ranges || set => Err("Invalid scalar resource".into()),
        value::Type::SCALAR => {
            if (0.0..TOO_MUCH).contains(&resource.scalar.value()) {
                Ok(())
            } else {
                Err("Invalid scalar resource: value <= 0".into())
            }
        }
        value::Type::RANGES if scalar || !ranges || set => Err("Invalid ranges resource".into()),
        value::Type::RANGES => {
            let mut seen: Vec<(u64, u64)> = Vec::new();
            for range in &resource.ranges.range {
                if range.begin() > range.end() {
                    return Err("Invalid ranges resource: begin > end".into());
                }
                seen.push((range.begin(), range.end()));
            }
            seen.sort_unstable();
            if seen
                .windows(2)
                .any(|pair| matches!(pair, [a, b] if b.0 <= a.1))
            {
                return Err("Invalid ranges resource: overlapping ranges".into());
            }
            Ok(())
        }
        value::Type::SET if scalar || ranges || !set => Err("Invalid set resource".into()),
        value::Type::SET => {
            let mut items: Vec<&String> = resource.set.item.iter().collect();
            items.sort_unstable();
            if items
                .windows(2)
                .any(|pair| matches!(pair, [a, b] if a == b))
            {
                return Err("Invalid set resource: duplicated elements".into());
            }
            Ok(())
        }
        value::Type::TEXT => Err("Unsupported resource type".into()),
    }
}

fn check_disk(resource: &Resource) -> Result<(), String> {
    let Some(disk) = resource.disk.as_ref() else {
        return Ok(());
    };
    if resource.name() != "disk" {
        return Err(format!(
            "DiskInfo should not be set for {} resource",
            resource.name()
        ));
    }
    disk.source.as_ref().map_or(Ok(()), check_source)
}

fn check_source(source: &Source) -> Result<(), String> {
    let kind = source.type_();
    if kind == source::Type::UNKNOWN {
        let shown = super::text::shown_source(source);
        return Err(format!("Unsupported 'DiskInfo.Source.Type' in '{shown}'"));
    }
    // Between the other two, what does not belong is ignored.
    if !matches!(kind, source::Type::BLOCK | source::Type::RAW) {
        return Ok(());
    }
    if source.mount.is_some() {
        return Err(format!("Mount should not be set for {kind:?} disk source"));
    }
    if source.path.is_some() {
        return Err(format!("Path should not be set for {kind:?} disk source"));
    }
    Ok(())
}

/// The form from before reservations could be refined.
fn check_older(resource: &Resource) -> Result<(), String> {
    if let Some(flaw) = roles::flaw(resource.role()) {
        return Err(flaw);
    }
    let Some(reservation) = resource.reservation.as_ref() else {
        return Ok(());
    };
    for (name, is_set) in [
        ("type", reservation.has_type()),
        ("role", reservation.has_role()),
    ] {
        if is_set {
            return Err(format!(
                "'Resource.ReservationInfo.{name}' must not be set for the 'Resource.reservation' field"
            ));
        }
    }
    if resource.role() == "*" {
        return Err("Invalid reservation: role \"*\" cannot be dynamically reserved".into());
    }
    Ok(())
}

/// Refuses a stack of reservations in which one does not refine the one before.
fn check_stack(resource: &Resource) -> Result<(), String> {
    for reservation in &resource.reservations {
        if !reservation.has_type() {
            return Err(
                "Invalid reservation: 'Resource.ReservationInfo.type' field must be set.".into(),
            );
        }
        if !reservation.has_role() {
            return Err(
                "Invalid reservation: 'Resource.ReservationInfo.role' field must be set.".into(),
            );
        }
        if let Some(flaw) = roles::flaw(reservation.role()) {
            return Err(flaw);
        }
        if reservation.role() == "*" {
            return Err("Invalid reservation: role \"*\" cannot be reserved".into());
        }
    }
    let roles: Vec<&str> = resource.reservations.iter().map(|r| r.role()).collect();
    for (index, reservation) in resource.reservations.iter().enumerate().skip(1) {
        if reservation.type_() == Type::STATIC {
            return Err(
                "Invalid refined reservation: A refined reservation cannot be STATIC".into(),
            );
        }
        let above = roles.get(index - 1).copied().unwrap_or_default();
        let below = reservation.role().strip_prefix(above);
        if !below.is_some_and(|rest| rest.starts_with('/')) {
            return Err(format!(
                "Invalid refined reservation: role '{}' is not a refinement of '{above}'",
                reservation.role()
            ));
        }
    }
    check_repetition(resource).map_err(|reason| format!("Invalid resource format: {reason}"))
}

/// The older fields may say of a single reservation what it says, as HTTP documents have them.
fn check_repetition(resource: &Resource) -> Result<(), String> {
    let wrong = |text: &str| Err(text.to_string());
    let Some((only, [])) = resource.reservations.split_first() else {
        if resource.has_role() {
            return wrong(
                "'Resource.role' must not be set if there is more than one reservation in 'Resource.reservations'",
            );
        }
        if resource.reservation.is_some() {
            return wrong(
                "'Resource.reservation' must not be set if there is more than one reservation in 'Resource.reservations'",
            );
        }
        return Ok(());
    };
    if resource.has_role() && resource.role() != only.role() {
        return Err(format!(
            "'Resource.role' field with '{}' does not match the role '{}' in 'Resource.reservations'",
            resource.role(),
            only.role()
        ));
    }
    let again = resource.reservation.as_ref();
    if only.type_() == Type::STATIC {
        return match again {
            None => Ok(()),
            Some(_) => wrong(
                "'Resource.reservation' must not be set if the single reservation in 'Resource.reservations' is STATIC",
            ),
        };
    }
    if resource.has_role() != again.is_some() {
        return wrong(
            "'Resource.role' and 'Resource.reservation' must either be both set or both not set if the single reservation in 'Resource.reservations' is DYNAMIC",
        );
    }
    match again {
        Some(again) if again.principal() != only.principal() => Err(format!(
            "'Resource.reservation.principal' field with '{}' does not match the principal '{}' in 'Resource.reservations'",
            again.principal(),
            only.principal()
        )),
        Some(again) if again.labels != only.labels => Err(format!(
            "'Resource.reservation.labels' field with '{}' does not match the labels '{}' in 'Resource.reservations'",
            super::text::shown_labels(&again.labels),
            super::text::shown_labels(&only.labels)
        )),
        _ => Ok(()),
    }
}
