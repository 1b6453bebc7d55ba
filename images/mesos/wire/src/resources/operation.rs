//! What operations make of resources (protocol-flows §7): some are taken away, others come in their
//! place, and no amount is lost or made up.

use mesos_proto::mesos::Resource;
use mesos_proto::mesos::offer::{Operation, operation};
use mesos_proto::mesos::resource::reservation_info;
use protobuf::MessageField;

use super::{Format, ResourceError, Resources, normal, thousandths, validate, written};

/// One step of an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversion {
    /// What is taken away.
    pub consumed: Resources,
    /// What comes in its place.
    pub converted: Resources,
}

impl Conversion {
    fn of(consumed: &Resource, converted: &Resource) -> Result<Self, ResourceError> {
        Ok(Self {
            consumed: Resources::from_protos([consumed])?,
            converted: Resources::from_protos([converted])?,
        })
    }
}

impl Resources {
    /// Carries out the steps one after the other: all of them, or none.
    pub fn apply(&mut self, conversions: &[Conversion]) -> Result<(), ResourceError> {
        let mut result = self.clone();
        for conversion in conversions {
            if !result.contains(&conversion.consumed) {
                return Err(ResourceError(format!(
                    "{result} does not contain {}",
                    conversion.consumed
                )));
            }
            result.subtract(&conversion.consumed);
            result.add(&conversion.converted);
        }
        *self = result;
        Ok(())
    }

    /// What an agent keeps on disk: dynamic reservations and persistent volumes.
    #[must_use]
    pub fn checkpointed(&self) -> Self {
        self.filter(|resource| is_dynamically_reserved(resource) || is_persistent_volume(resource))
    }

    /// The persistent volumes.
    #[must_use]
    pub fn volumes(&self) -> Self {
        self.filter(is_persistent_volume)
    }
}

/// An agent's resources, where those that were reserved or made volumes of replace what they were
/// made of.
pub fn with_checkpointed(
    resources: &[Resource],
    checkpointed: &[Resource],
) -> Result<Resources, ResourceError> {
    let mut total = Resources::from_protos(resources)?;
    for item in Resources::from_protos(checkpointed)?.iter() {
        let mut origin = without_persistence(item);
        origin
            .reservations
            .retain(|r| r.type_() == reservation_info::Type::STATIC);
        let origin = Resources::from_protos([&origin])?;
        if !total.contains(&origin) {
            return Err(ResourceError(format!(
                "Incompatible agent resources: {total} does not contain {origin}"
            )));
        }
        total.subtract(&origin);
        total.add(&Resources::from_protos([item])?);
    }
    Ok(total)
}

/// Whether the innermost reservation was made while the agent ran.
pub fn is_dynamically_reserved(resource: &Resource) -> bool {
    resource
        .reservations
        .last()
        .is_some_and(|r| r.type_() == reservation_info::Type::DYNAMIC)
}

/// Whether a resource is a persistent volume.
pub fn is_persistent_volume(resource: &Resource) -> bool {
    resource
        .disk
        .as_ref()
        .is_some_and(|disk| disk.persistence.is_some())
}

/// A resource in the normal form: a stack of reservations, and never a role.
pub fn upgraded(resource: &Resource) -> Result<Resource, ResourceError> {
    validate::check(resource)?;
    Ok(normal(resource))
}

/// A resource in the given format. It must be in the normal form.
pub fn in_format(resource: &Resource, format: Format) -> Resource {
    written(resource, format)
}

/// The resources that an operation other than a launch names.
pub fn resources_of(operation: &mut Operation) -> Vec<&mut Resource> {
    match operation.type_() {
        operation::Type::RESERVE => {
            let reserve = operation.reserve.mut_or_insert_default();
            reserve
                .source
                .iter_mut()
                .chain(&mut reserve.resources)
                .collect()
        }
        operation::Type::UNRESERVE => {
            let unreserve = operation.unreserve.mut_or_insert_default();
            unreserve.resources.iter_mut().collect()
        }
        operation::Type::CREATE => {
            let create = operation.create.mut_or_insert_default();
            create.volumes.iter_mut().collect()
        }
        operation::Type::DESTROY => {
            let destroy = operation.destroy.mut_or_insert_default();
            destroy.volumes.iter_mut().collect()
        }
        operation::Type::GROW_VOLUME => {
            let grow = operation.grow_volume.mut_or_insert_default();
            grow.volume
                .as_mut()
                .into_iter()
                .chain(grow.addition.as_mut())
                .collect()
        }
        operation::Type::SHRINK_VOLUME => {
            let shrink = operation.shrink_volume.mut_or_insert_default();
            shrink.volume.as_mut().into_iter().collect()
        }
        operation::Type::CREATE_DISK => {
            let create = operation.create_disk.mut_or_insert_default();
            create.source.as_mut().into_iter().collect()
        }
        operation::Type::DESTROY_DISK => {
            let destroy = operation.destroy_disk.mut_or_insert_default();
            destroy.source.as_mut().into_iter().collect()
        }
        operation::Type::LAUNCH | operation::Type::LAUNCH_GROUP | operation::Type::UNKNOWN => {
            Vec::new()
        }
    }
}

/// The operation with all of its resources allocated to nobody.
#[must_use]
pub fn unallocated(operation: &Operation) -> Operation {
    let mut operation = operation.clone();
    for resource in resources_of(&mut operation) {
        resource.allocation_info = MessageField::none();
    }
    operation
}

/// The steps of an operation whose resources are in the normal form. What the operation asks for must
/// have been found valid.
pub fn conversions(operation: &Operation) -> Result<Vec<Conversion>, ResourceError> {
    match operation.type_() {
        operation::Type::RESERVE if !operation.reserve.source.is_empty() => Ok(vec![Conversion {
            consumed: Resources::from_protos(&operation.reserve.source)?,
            converted: Resources::from_protos(&operation.reserve.resources)?,
        }]),
        operation::Type::RESERVE => each(&operation.reserve.resources, |reserved| {
            Conversion::of(&without_last_reservation(reserved), reserved)
        }),
        operation::Type::UNRESERVE => each(&operation.unreserve.resources, |reserved| {
            Conversion::of(reserved, &without_last_reservation(reserved))
        }),
        operation::Type::CREATE => each(&operation.create.volumes, |volume| {
            Conversion::of(&without_persistence(volume), volume)
        }),
        operation::Type::DESTROY => each(&operation.destroy.volumes, |volume| {
            Conversion::of(volume, &without_persistence(volume))
        }),
        operation::Type::GROW_VOLUME => {
            let grow = operation.grow_volume.get_or_default();
            let (volume, addition) = (grow.volume.get_or_default(), grow.addition.get_or_default());
            Ok(vec![Conversion {
                consumed: Resources::from_protos([volume, addition])?,
                converted: Resources::from_protos([&resized(
                    volume,
                    thousandths(addition.scalar.value()),
                )])?,
            }])
        }
        operation::Type::SHRINK_VOLUME => {
            let shrink = operation.shrink_volume.get_or_default();
            let volume = shrink.volume.get_or_default();
            let less = thousandths(shrink.subtract.value());
            let mut freed = without_persistence(volume);
            freed
                .scalar
                .mut_or_insert_default()
                .set_value(less as f64 / 1000.0);
            Ok(vec![Conversion {
                consumed: Resources::from_protos([volume])?,
                converted: Resources::from_protos([&resized(volume, -less), &freed])?,
            }])
        }
        kind => Err(ResourceError(format!("{kind:?} converts no resources"))),
    }
}

fn each(
    resources: &[Resource],
    step: impl Fn(&Resource) -> Result<Conversion, ResourceError>,
) -> Result<Vec<Conversion>, ResourceError> {
    resources.iter().map(step).collect()
}

/// A resource without the innermost of its reservations.
pub fn without_last_reservation(resource: &Resource) -> Resource {
    let mut resource = resource.clone();
    resource.reservations.pop();
    resource
}

/// The disk that a volume is made of.
pub fn without_persistence(volume: &Resource) -> Resource {
    let mut disk = volume.clone();
    disk.shared = MessageField::none();
    if let Some(info) = disk.disk.as_mut() {
        info.persistence = MessageField::none();
        info.volume = MessageField::none();
        if info.source.is_none() {
            disk.disk = MessageField::none();
        }
    }
    disk
}

fn resized(volume: &Resource, by_thousandths: i64) -> Resource {
    let mut resized = volume.clone();
    let size = thousandths(volume.scalar.value()).saturating_add(by_thousandths);
    resized
        .scalar
        .mut_or_insert_default()
        .set_value(size as f64 / 1000.0);
    resized
}

#[cfg(test)]
#[path = "operation_tests.rs"]
mod tests;
