//! Amounts of scalar resources by name, counted in thousandths, which is as fine as Mesos counts.
//! What quotas are written and compared in.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use mesos_proto::mesos::{Resource, value};
use mesos_wire::resources::{Resources, thousandths};
use protobuf::MessageField;

/// Amounts above zero by name; a name that is not there stands for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Amounts(BTreeMap<String, i64>);

impl Amounts {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The sums of a bag's scalars.
    pub fn of(bag: &Resources) -> Self {
        let mut sum = Self::new();
        for resource in bag.iter() {
            sum.count(resource);
        }
        sum
    }

    /// The amounts of a message's map.
    pub fn from_scalars(scalars: &HashMap<String, value::Scalar>) -> Self {
        let mut sum = Self::new();
        for (name, scalar) in scalars {
            sum.add_one(name, thousandths(scalar.value()));
        }
        sum
    }

    /// Counts a resource in, if it is a scalar.
    pub fn count(&mut self, resource: &Resource) {
        if resource.type_() == value::Type::SCALAR {
            self.add_one(resource.name(), thousandths(resource.scalar.value()));
        }
    }

    fn add_one(&mut self, name: &str, amount: i64) {
        if amount <= 0 {
            return;
        }
        match self.0.get_mut(name) {
            Some(have) => *have = have.saturating_add(amount),
            None => {
                self.0.insert(name.to_string(), amount);
            }
        }
    }

    /// Adds all of `other`.
    pub fn add(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            self.add_one(name, *amount);
        }
    }

    /// Takes away what is here of `other`.
    pub fn subtract(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            if let Some(have) = self.0.get_mut(name) {
                *have = have.saturating_sub(*amount);
            }
        }
        self.0.retain(|_, amount| *amount > 0);
    }

    /// This without `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        rest.subtract(other);
        rest
    }

    /// Whether there is at least `other`.
    pub fn contains(&self, other: &Self) -> bool {
        other
            .0
            .iter()
            .all(|(name, amount)| self.thousandths(name) >= *amount)
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The amount of this name in thousandths.
    pub fn thousandths(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// Names and amounts, in their own unit.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0
            .iter()
            .map(|(name, amount)| (name.as_str(), *amount as f64 / 1000.0))
    }

    /// As messages.
    pub fn to_protos(&self) -> Vec<Resource> {
        self.iter()
            .map(|(name, amount)| {
                let mut resource = Resource::new();
                resource.set_name(name.to_string());
                resource.set_type(value::Type::SCALAR);
                let mut scalar = value::Scalar::new();
                scalar.set_value(amount);
                resource.scalar = MessageField::some(scalar);
                resource
            })
            .collect()
    }
}

/// `cpus:1; mem:512`, and `{}` for nothing.
impl fmt::Display for Amounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("{}");
        }
        for (index, (name, amount)) in self.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{name}:{amount}")?;
        }
        Ok(())
    }
}

/// As much of `bag`'s scalars as `most` says for each name; `None` is without end.
pub(crate) fn shrunk(bag: &Resources, most: impl Fn(&str) -> Option<i64>) -> Resources {
    let mut left: BTreeMap<String, i64> = BTreeMap::new();
    let mut kept = Vec::new();
    for resource in bag.iter() {
        let Some(limit) = most(resource.name()) else {
            kept.push(resource.clone());
            continue;
        };
        let left = left.entry(resource.name().to_string()).or_insert(limit);
        let have = thousandths(resource.scalar.value());
        // What cannot be divided is left where it is.
        if resource.disk.is_some() && have > *left {
            continue;
        }
        let take = have.min(*left);
        if take <= 0 {
            continue;
        }
        *left -= take;
        let mut part = resource.clone();
        part.scalar
            .mut_or_insert_default()
            .set_value(take as f64 / 1000.0);
        kept.push(part);
    }
    Resources::from_protos(&kept).unwrap_or_default()
}
