//! Arithmetic over resources. Amounts are kept in the form that follows reservation refinement: a
//! stack of reservations, and never a role. Scalars count thousandths.

pub mod operation;
mod ranges;
mod text;
mod validate;

use std::fmt;

use mesos_proto::mesos::Resource;
use mesos_proto::mesos::resource::reservation_info;
use mesos_proto::mesos::value::{self, Ranges};
use protobuf::MessageField;
use serde_json::{Map, Value};
use thiserror::Error;

pub use ranges::{format_ranges, parse_ranges};
pub use text::{format_set, number, parse};
pub use validate::{check, check_alone};

/// Why resources cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct ResourceError(pub String);

/// How reservations are written (messages.md, "Resource formats").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `role`, and `reservation` where it is dynamic: for peers that do not know refinement.
    Pre,
    /// `reservations` alone.
    Post,
    /// Both, as HTTP documents show them.
    Endpoint,
}

/// A bag of resources. What differs in anything but its amount is kept apart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resources {
    items: Vec<Resource>,
}

impl Resources {
    /// No resources.
    pub fn new() -> Self {
        Self::default()
    }

    /// The sum of resources in either format, after validation.
    pub fn from_protos<'a>(
        protos: impl IntoIterator<Item = &'a Resource>,
    ) -> Result<Self, ResourceError> {
        let mut resources = Self::new();
        for proto in protos {
            validate::check(proto)?;
            resources.add_item(normal(proto));
        }
        Ok(resources)
    }

    /// The resources in the given format.
    pub fn to_protos(&self, format: Format) -> Vec<Resource> {
        self.items
            .iter()
            .map(|item| written(item, format))
            .collect()
    }

    /// Each resource, in the normal form.
    pub fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.items.iter()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds all of `other`.
    pub fn add(&mut self, other: &Self) {
        for item in &other.items {
            self.add_item(item.clone());
        }
    }

    /// Takes away what is here of `other`; more than there is leaves nothing of it.
    pub fn subtract(&mut self, other: &Self) {
        for item in &other.items {
            self.subtract_item(item);
        }
    }

    /// This without `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        rest.subtract(other);
        rest
    }

    /// Whether all of `other` is here.
    pub fn contains(&self, other: &Self) -> bool {
        let mut rest = self.clone();
        other.items.iter().all(|item| {
            // A shared volume is there for any number of users.
            rest.subtract_item(item) || (item.shared.is_some() && self.items.contains(item))
        })
    }

    /// Those for which `keep` holds.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&Resource) -> bool) -> Self {
        Self {
            items: self
                .items
                .iter()
                .filter(|item| keep(item))
                .cloned()
                .collect(),
        }
    }

    /// The same, allocated to `role`.
    #[must_use]
    pub fn allocated(&self, role: &str) -> Self {
        self.map(|item| {
            item.allocation_info
                .mut_or_insert_default()
                .set_role(role.to_string())
        })
    }

    /// The same, allocated to nobody.
    #[must_use]
    pub fn unallocated(&self) -> Self {
        self.map(|item| item.allocation_info = MessageField::none())
    }

    /// The sum of the scalars of this name; a shared volume counts once, however many use it.
    pub fn scalar(&self, name: &str) -> f64 {
        let thousandths: i64 = self
            .items
            .iter()
            .enumerate()
            .filter(|(_, item)| item.name() == name && item.type_() == value::Type::SCALAR)
            .filter(|(index, item)| {
                let before = self.items.get(..*index).unwrap_or_default();
                item.shared.is_none() || !before.contains(item)
            })
            .map(|(_, item)| thousandths(item.scalar.value()))
            .fold(0, i64::saturating_add);
        thousandths as f64 / 1000.0
    }

    /// All ranges of this name.
    pub fn ranges(&self, name: &str) -> Ranges {
        let mut all = Ranges::new();
        for item in self.items.iter().filter(|i| i.name() == name) {
            ranges::add(&mut all, &item.ranges);
        }
        all
    }

    /// The names of the scalars here, each once.
    pub fn scalar_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .items
            .iter()
            .filter(|item| item.type_() == value::Type::SCALAR)
            .map(Resource::name)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The object that HTTP documents show: always `cpus`, `gpus`, `mem` and `disk`, then the others
    /// by name; revocable amounts apart.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        for name in ["disk", "mem", "gpus", "cpus"] {
            object.insert(name.to_string(), 0.0.into());
        }
        let (revocable, firm): (Vec<_>, Vec<_>) =
            self.items.iter().partition(|item| item.revocable.is_some());
        for (items, suffix) in [(firm, ""), (revocable, "_revocable")] {
            let part = Self {
                items: items.into_iter().cloned().collect(),
            };
            for item in &part.items {
                let shown = match item.type_() {
                    value::Type::SCALAR => part.scalar(item.name()).into(),
                    value::Type::RANGES => format_ranges(&part.ranges(item.name())).into(),
                    value::Type::SET => format_set(&item.set.item).into(),
                    value::Type::TEXT => continue,
                };
                object.insert(format!("{}{suffix}", item.name()), shown);
            }
        }
        Value::Object(object)
    }

    fn map(&self, change: impl Fn(&mut Resource)) -> Self {
        let mut changed = Self::new();
        for item in &self.items {
            let mut item = item.clone();
            change(&mut item);
            changed.add_item(item);
        }
        changed
    }

    fn add_item(&mut self, item: Resource) {
        if is_nothing(&item) {
            return;
        }
        let mergeable = !is_indivisible(&item);
        match self
            .items
            .iter_mut()
            .find(|have| mergeable && is_alike(have, &item))
        {
            Some(have) => match item.type_() {
                value::Type::SCALAR => {
                    let sum = thousandths(have.scalar.value())
                        .saturating_add(thousandths(item.scalar.value()));
                    have.scalar
                        .mut_or_insert_default()
                        .set_value(sum as f64 / 1000.0);
                }
                value::Type::RANGES => {
                    ranges::add(have.ranges.mut_or_insert_default(), &item.ranges);
                }
                value::Type::SET => {
                    let set = have.set.mut_or_insert_default();
                    set.item.extend(item.set.item.iter().cloned());
                    set.item.sort();
                    set.item.dedup();
                }
                value::Type::TEXT => {}
            },
            None => self.items.push(item),
        }
    }

    /// Takes one resource away; says whether all of it was here.
    fn subtract_item(&mut self, item: &Resource) -> bool {
        if is_nothing(item) {
            return true;
        }
        let found = self.items.iter().position(|have| {
            if is_indivisible(item) {
                have == item
            } else {
                is_alike(have, item)
            }
        });
        let Some(have) = found.and_then(|index| self.items.get_mut(index)) else {
            return false;
        };
        let whole = if is_indivisible(item) {
            have.scalar = MessageField::none();
            true
        } else {
            match item.type_() {
                value::Type::SCALAR => {
                    let rest = thousandths(have.scalar.value()) - thousandths(item.scalar.value());
                    have.scalar
                        .mut_or_insert_default()
                        .set_value(rest.max(0) as f64 / 1000.0);
                    rest >= 0
                }
                value::Type::RANGES => {
                    ranges::subtract(have.ranges.mut_or_insert_default(), &item.ranges)
                }
                value::Type::SET => {
                    let set = have.set.mut_or_insert_default();
                    let before = set.item.len();
                    set.item.retain(|member| !item.set.item.contains(member));
                    before - set.item.len() == item.set.item.len()
                }
                value::Type::TEXT => true,
            }
        };
        self.items.retain(|item| !is_nothing(item));
        whole
    }
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write(f, &self.items)
    }
}

/// The role that a resource is reserved to, `None` if it is nobody's.
pub fn reservation_role(resource: &Resource) -> Option<&str> {
    resource
        .reservations
        .last()
        .map(|reservation| reservation.role())
}

/// A scalar in thousandths, which is as fine as Mesos counts.
pub fn thousandths(value: f64) -> i64 {
    (value * 1000.0).round() as i64
}

/// Whether two resources differ in nothing but their amounts.
fn is_alike(a: &Resource, b: &Resource) -> bool {
    a.name() == b.name()
        && a.type_() == b.type_()
        && a.allocation_info == b.allocation_info
        && a.reservations == b.reservations
        && a.disk == b.disk
        && a.revocable.is_some() == b.revocable.is_some()
        && a.shared.is_some() == b.shared.is_some()
        && a.provider_id == b.provider_id
}

/// A persistent volume or a mounted disk is used as a whole or not at all.
fn is_indivisible(resource: &Resource) -> bool {
    resource.disk.as_ref().is_some_and(|disk| {
        disk.persistence.is_some()
            || disk.source.as_ref().is_some_and(|source| {
                use mesos_proto::mesos::resource::disk_info::source::Type;
                matches!(source.type_(), Type::MOUNT | Type::BLOCK)
            })
    })
}

fn is_nothing(resource: &Resource) -> bool {
    match resource.type_() {
        value::Type::SCALAR => thousandths(resource.scalar.value()) <= 0,
        value::Type::RANGES => resource.ranges.range.is_empty(),
        value::Type::SET => resource.set.item.is_empty(),
        value::Type::TEXT => true,
    }
}

/// The form with a stack of reservations and no role.
fn normal(proto: &Resource) -> Resource {
    let mut resource = proto.clone();
    if resource.reservations.is_empty() && resource.has_role() && resource.role() != "*" {
        let mut reservation = resource.reservation.take().unwrap_or_default();
        reservation.set_type(if proto.reservation.is_some() {
            reservation_info::Type::DYNAMIC
        } else {
            reservation_info::Type::STATIC
        });
        reservation.set_role(proto.role().to_string());
        resource.reservations.push(reservation);
    }
    resource.clear_role();
    resource.reservation = MessageField::none();
    if let Some(ranges) = resource.ranges.as_mut() {
        ranges::tidy(ranges);
    }
    if let Some(scalar) = resource.scalar.as_mut() {
        scalar.set_value(thousandths(scalar.value()) as f64 / 1000.0);
    }
    resource
}

fn written(item: &Resource, format: Format) -> Resource {
    let mut resource = item.clone();
    // A refined reservation has no other form than the stack.
    if format == Format::Post || resource.reservations.len() > 1 {
        return resource;
    }
    match resource.reservations.first().cloned() {
        None => resource.set_role("*".to_string()),
        Some(mut reservation) => {
            resource.set_role(reservation.role().to_string());
            if reservation.type_() == reservation_info::Type::DYNAMIC {
                reservation.clear_type_();
                reservation.clear_role();
                resource.reservation = MessageField::some(reservation);
            }
        }
    }
    if format == Format::Pre {
        resource.reservations.clear();
    }
    resource
}

#[cfg(test)]
mod tests;
