//! What operators decide about shares: weights and quotas of roles, and which hosts are made offers of.

use std::collections::{BTreeMap, BTreeSet};

use mesos_proto::mesos::value;
use mesos_proto::quota::{QuotaConfig, QuotaInfo};
use mesos_wire::resources::thousandths;

use super::amounts::Amounts;

/// What a role is promised, and the most that it gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quota {
    /// What is held back for it.
    pub guarantees: Amounts,
    limits: BTreeMap<String, i64>,
}

impl Quota {
    /// The quota that a message describes.
    pub fn new(config: &QuotaConfig) -> Self {
        let limits = config.limits.iter();
        Self {
            guarantees: Amounts::from_scalars(&config.guarantees),
            limits: limits
                .map(|(name, limit)| (name.clone(), thousandths(limit.value())))
                .collect(),
        }
    }

    /// Whether it says nothing, which is as good as no quota.
    pub fn is_default(&self) -> bool {
        self.guarantees.is_empty() && self.limits.is_empty()
    }

    /// The most of this name, in thousandths; `None` is without end.
    pub fn limit(&self, name: &str) -> Option<i64> {
        self.limits.get(name).copied()
    }

    /// The limits by name, in their own unit.
    pub fn limits(&self) -> impl Iterator<Item = (&str, f64)> {
        self.limits
            .iter()
            .map(|(name, limit)| (name.as_str(), *limit as f64 / 1000.0))
    }

    /// Whether so much is within the limits.
    pub fn allows(&self, amounts: &Amounts) -> bool {
        self.limits
            .iter()
            .all(|(name, limit)| amounts.thousandths(name) <= *limit)
    }

    /// The quota of a role as a message.
    pub fn config(&self, role: &str) -> QuotaConfig {
        let scalar = |amount: f64| {
            let mut scalar = value::Scalar::new();
            scalar.set_value(amount);
            scalar
        };
        let mut config = QuotaConfig::new();
        config.set_role(role.to_string());
        config.guarantees = self
            .guarantees
            .iter()
            .map(|(name, amount)| (name.to_string(), scalar(amount)))
            .collect();
        config.limits = self
            .limits()
            .map(|(name, limit)| (name.to_string(), scalar(limit)))
            .collect();
        config
    }

    /// The same in the form of before limits.
    pub fn info(&self, role: &str) -> QuotaInfo {
        let mut info = QuotaInfo::new();
        info.set_role(role.to_string());
        info.guarantee = self.guarantees.to_protos();
        info
    }
}

/// All that is decided.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Shares of roles; one that is not named has 1.
    pub weights: BTreeMap<String, f64>,
    /// Quotas of top-level roles; one that is not named is promised nothing and has no limit.
    pub quotas: BTreeMap<String, Quota>,
    /// The only hosts to make offers of, if that is restricted.
    pub whitelist: Option<BTreeSet<String>>,
}

impl Policy {
    /// A role's weight.
    pub fn weight(&self, role: &str) -> f64 {
        self.weights.get(role).copied().unwrap_or(1.0)
    }

    /// Whether offers of a host's resources may be made.
    pub fn admits(&self, hostname: &str) -> bool {
        self.whitelist
            .as_ref()
            .is_none_or(|hosts| hosts.contains(hostname))
    }
}

/// The first part of a role's path, which is what quotas are set on.
pub fn top_of(role: &str) -> &str {
    role.split_once('/').map_or(role, |(top, _)| top)
}

/// Whether a role is `ancestor` or below it.
pub fn is_within(role: &str, ancestor: &str) -> bool {
    role.strip_prefix(ancestor)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The roles above a role, nearest first.
pub fn ancestors(role: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(role.rsplit_once('/'), |(above, _)| above.rsplit_once('/'))
        .map(|(above, _)| above)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_paths() {
        assert_eq!((top_of("a/b/c"), top_of("a")), ("a", "a"));
        let above: Vec<&str> = ancestors("a/b/c").collect();
        assert_eq!(above, ["a/b", "a"]);
        for (role, ancestor, want) in [
            ("a/b", "a", true),
            ("a", "a", true),
            ("ab", "a", false),
            ("a", "a/b", false),
        ] {
            assert_eq!(is_within(role, ancestor), want, "case `{role}`");
        }
    }
}
