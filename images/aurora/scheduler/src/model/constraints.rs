//! Constraints: whether an agent's attributes let a task run there.

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::{Constraint, HostAttributes, MaintenanceMode, TaskConstraint};

/// The constraint that reserves agents for a role.
pub const DEDICATED: &str = "dedicated";

/// What stands against a task on an agent, its resources aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Veto {
    /// The agent is for others.
    Dedicated,
    /// The agent is being drained, or is.
    Maintenance(MaintenanceMode),
    /// A value constraint fails.
    Value(String),
    /// A limit is reached.
    Limit(String),
}

impl Veto {
    /// As it stands in pending reasons.
    pub fn reason(&self) -> String {
        match self {
            Self::Dedicated => "Host is dedicated".to_string(),
            Self::Maintenance(MaintenanceMode::Drained) => {
                "Host drained for maintenance".to_string()
            }
            Self::Maintenance(_) => "Host draining for maintenance".to_string(),
            Self::Value(name) => format!("Constraint not satisfied: {name}"),
            Self::Limit(name) => format!("Limit not satisfied: {name}"),
        }
    }

    /// How far it is from fitting.
    pub fn score(&self) -> i64 {
        match self {
            Self::Dedicated => 1_000_000,
            Self::Maintenance(_) => 100_000,
            Self::Value(_) | Self::Limit(_) => 10_000,
        }
    }

    /// Whether it holds as long as the agent's attributes stay as they are.
    pub fn is_of_attributes(&self) -> bool {
        matches!(self, Self::Dedicated | Self::Value(_))
    }

    /// Whether other tasks' comings and goings may change it.
    pub fn is_dynamic(&self) -> bool {
        matches!(self, Self::Limit(_))
    }

    /// The statistic that counts it.
    pub fn statistic(&self) -> &'static str {
        match self {
            Self::Dedicated => "scheduling_veto_dedicated_constraint_mismatch",
            Self::Maintenance(_) => "scheduling_veto_maintenance",
            Self::Value(_) => "scheduling_veto_constraint_mismatch",
            Self::Limit(_) => "scheduling_veto_limit_not_satisfied",
        }
    }
}

/// A host's attributes as sets of values.
fn values_of(host: &HostAttributes) -> BTreeMap<&str, &BTreeSet<String>> {
    host.attributes
        .iter()
        .map(|a| (a.name.as_str(), &a.values))
        .collect()
}

/// The first thing that stands against a task with these constraints on a host. `tasks_with` counts the job's tasks on hosts
/// whose attribute of a name has a value.
pub fn check(
    constraints: &BTreeSet<Constraint>,
    host: &HostAttributes,
    tasks_with: impl Fn(&str, &str) -> usize,
) -> Option<Veto> {
    let values = values_of(host);
    if values.contains_key(DEDICATED) && !constraints.iter().any(|c| c.name == DEDICATED) {
        return Some(Veto::Dedicated);
    }
    if let Some(mode @ (MaintenanceMode::Draining | MaintenanceMode::Drained)) = host.mode {
        return Some(Veto::Maintenance(mode));
    }
    let fails = |constraint: &&Constraint| !holds(constraint, &values, &tasks_with);
    let is_limit =
        |constraint: &&Constraint| matches!(constraint.constraint, TaskConstraint::Limit(_));
    let by_value = constraints.iter().filter(|c| !is_limit(c)).find(fails);
    let first = by_value.or_else(|| constraints.iter().filter(is_limit).find(fails))?;
    Some(
        if is_limit(&first) && values.contains_key(first.name.as_str()) {
            Veto::Limit(first.name.clone())
        } else {
            Veto::Value(first.name.clone())
        },
    )
}

fn holds(
    constraint: &Constraint,
    values: &BTreeMap<&str, &BTreeSet<String>>,
    tasks_with: &impl Fn(&str, &str) -> usize,
) -> bool {
    let found = values.get(constraint.name.as_str());
    match &constraint.constraint {
        TaskConstraint::Value(wanted) => {
            let meets = found.is_some_and(|found| !found.is_disjoint(&wanted.values));
            meets != wanted.negated
        }
        TaskConstraint::Limit(limit) => found.is_some_and(|found| {
            let limit = usize::try_from(limit.limit).unwrap_or(0);
            found
                .iter()
                .all(|value| tasks_with(&constraint.name, value) < limit)
        }),
        // Of a kind that a newer client may know: what cannot be judged is not met.
        TaskConstraint::Unset => false,
    }
}

#[cfg(test)]
mod tests {
    use aurora_api::{Attribute, LimitConstraint, TaskConfig, ValueConstraint};

    use super::*;

    fn host(attributes: &[(&str, &str)]) -> HostAttributes {
        HostAttributes {
            attributes: attributes
                .iter()
                .map(|(name, value)| Attribute {
                    name: name.to_string(),
                    values: BTreeSet::from([value.to_string()]),
                })
                .collect(),
            ..HostAttributes::default()
        }
    }

    fn config(name: &str, constraint: TaskConstraint) -> TaskConfig {
        let name = name.to_string();
        TaskConfig {
            constraints: BTreeSet::from([Constraint { name, constraint }]),
            ..TaskConfig::default()
        }
    }

    fn value(negated: bool, value: &str) -> TaskConstraint {
        let values = BTreeSet::from([value.to_string()]);
        TaskConstraint::Value(ValueConstraint { negated, values })
    }

    #[test]
    fn constraints_are_judged_as_documented() {
        let limit = |limit| TaskConstraint::Limit(LimitConstraint { limit });
        let cases = [
            (
                "value there",
                config("rack", value(false, "a")),
                host(&[("rack", "a")]),
                None,
            ),
            (
                "value absent",
                config("rack", value(false, "a")),
                host(&[]),
                Some(Veto::Value("rack".into())),
            ),
            (
                "negated absent",
                config("rack", value(true, "a")),
                host(&[]),
                None,
            ),
            (
                "negated there",
                config("rack", value(true, "a")),
                host(&[("rack", "a")]),
                Some(Veto::Value("rack".into())),
            ),
            (
                "limit left",
                config("rack", limit(2)),
                host(&[("rack", "a")]),
                None,
            ),
            (
                "limit reached",
                config("rack", limit(1)),
                host(&[("rack", "a")]),
                Some(Veto::Limit("rack".into())),
            ),
            (
                "limit without attribute",
                config("rack", limit(1)),
                host(&[]),
                Some(Veto::Value("rack".into())),
            ),
            (
                "a kind that is not known",
                config("rack", TaskConstraint::Unset),
                host(&[("rack", "a")]),
                Some(Veto::Value("rack".into())),
            ),
            (
                "dedicated to others",
                TaskConfig::default(),
                host(&[("dedicated", "x/y")]),
                Some(Veto::Dedicated),
            ),
            (
                "dedicated to us",
                config("dedicated", value(false, "x/y")),
                host(&[("dedicated", "x/y")]),
                None,
            ),
        ];
        for (name, config, host, want) in cases {
            assert_eq!(
                check(&config.constraints, &host, |_, _| 1),
                want,
                "case `{name}`"
            );
        }
    }
}
