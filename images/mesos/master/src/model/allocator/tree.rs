//! The roles as a tree, in the order in which they are to be given something: at each level the one
//! with the least weighted dominant share first, then the one that was given something less often,
//! then by name. A role that has frameworks and roles below competes with those below as one of them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::shares::Totals;
use crate::model::amounts::Amounts;
use crate::model::policy::Policy;

/// A role, with what it and all roles below have.
#[derive(Debug, Default)]
pub(super) struct Node {
    all: Amounts,
    all_count: u64,
    own: Amounts,
    own_count: u64,
    is_active: bool,
    below: BTreeMap<String, Node>,
}

/// A child in the order: the role itself, or one below.
enum Place<'a> {
    Own,
    Below(&'a str, &'a Node),
}

impl Node {
    /// Counts in what a role has, and how often it was given something.
    pub(super) fn add(&mut self, role: &str, amounts: &Amounts, count: u64) {
        let mut node = self;
        node.all.add(amounts);
        node.all_count += count;
        for part in role.split('/') {
            node = node.below.entry(part.to_string()).or_default();
            node.all.add(amounts);
            node.all_count += count;
        }
        node.own.add(amounts);
        node.own_count += count;
    }

    /// Has a role in the order.
    pub(super) fn activate(&mut self, role: &str) {
        let mut node = self;
        for part in role.split('/') {
            node = node.below.entry(part.to_string()).or_default();
        }
        node.is_active = true;
    }

    /// The roles that were activated, in their order.
    pub(super) fn order(&self, policy: &Policy, totals: &Totals) -> Vec<String> {
        let mut roles = Vec::new();
        self.visit("", policy, totals, &mut roles);
        roles
    }

    fn visit(&self, path: &str, policy: &Policy, totals: &Totals, roles: &mut Vec<String>) {
        let join = |name: &str| match path {
            "" => name.to_string(),
            _ => format!("{path}/{name}"),
        };
        let mut places: Vec<(f64, u64, Place<'_>)> = self
            .below
            .iter()
            .map(|(name, node)| {
                let share = totals.share(&node.all) / policy.weight(&join(name));
                (share, node.all_count, Place::Below(name, node))
            })
            .collect();
        if self.is_active {
            places.push((totals.share(&self.own), self.own_count, Place::Own));
        }
        let name = |place: &Place<'_>| match place {
            Place::Own => String::new(),
            Place::Below(name, _) => (*name).to_string(),
        };
        places.sort_by(|(a, a_count, a_place), (b, b_count, b_place)| {
            a.total_cmp(b)
                .then(a_count.cmp(b_count))
                .then_with(|| match (a_place, b_place) {
                    (Place::Own, Place::Own) => Ordering::Equal,
                    _ => name(a_place).cmp(&name(b_place)),
                })
        });
        for (_, _, place) in places {
            match place {
                Place::Own => roles.push(path.to_string()),
                Place::Below(name, node) => node.visit(&join(name), policy, totals, roles),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use mesos_wire::resources::parse;

    use super::*;

    fn amounts(text: &str) -> Amounts {
        Amounts::of(&parse(text, "*").expect(text))
    }

    fn totals() -> Totals {
        Totals::new(amounts("cpus:10;mem:1000"), &Default::default())
    }

    fn order(has: &[(&str, &str, u64)], weights: &[(&str, f64)]) -> Vec<String> {
        let mut root = Node::default();
        for (role, text, count) in has {
            root.activate(role);
            root.add(role, &amounts(text), *count);
        }
        let policy = Policy {
            weights: weights.iter().map(|(r, w)| (r.to_string(), *w)).collect(),
            ..Policy::default()
        };
        root.order(&policy, &totals())
    }

    #[test]
    fn who_has_least_for_its_weight_comes_first() {
        assert_eq!(
            order(&[("a", "cpus:2", 0), ("b", "mem:100", 0)], &[]),
            ["b", "a"]
        );
        assert_eq!(
            order(&[("a", "cpus:2", 0), ("b", "mem:100", 0)], &[("a", 3.0)]),
            ["a", "b"]
        );
        assert_eq!(order(&[("a", "", 2), ("b", "", 1)], &[]), ["b", "a"]);
        assert_eq!(order(&[("b", "", 1), ("a", "", 1)], &[]), ["a", "b"]);
    }

    #[test]
    fn roles_below_one_share_what_it_gets() {
        // Together `a/x` and `a/y` have more than `b`, though each alone has less.
        let has = [
            ("a/x", "cpus:2", 0),
            ("a/y", "cpus:1", 0),
            ("b", "cpus:2.5", 0),
        ];
        assert_eq!(order(&has, &[]), ["b", "a/y", "a/x"]);
        assert_eq!(order(&has, &[("a", 2.0)]), ["a/y", "a/x", "b"]);
        assert_eq!(
            order(&has, &[("a", 2.0), ("a/x", 4.0)]),
            ["a/x", "a/y", "b"]
        );
    }

    #[test]
    fn a_role_competes_with_those_below_it() {
        let has = [("a", "cpus:3", 0), ("a/x", "cpus:1", 0)];
        assert_eq!(order(&has, &[]), ["a/x", "a"]);
        let has = [("a", "cpus:1", 0), ("a/x", "cpus:3", 0)];
        assert_eq!(order(&has, &[]), ["a", "a/x"]);
    }
}
