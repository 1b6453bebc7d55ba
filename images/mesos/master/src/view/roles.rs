//! `/roles` and GET_ROLES (http-endpoints §3.6). A role has what those below it have, too.

use std::collections::{BTreeMap, BTreeSet};

use mesos_proto::mesos::{Resource, Role, value};
use mesos_wire::authorization::Rights;
use mesos_wire::resources::{Format, Resources, reservation_role};
use serde_json::{Map, Value, json};

use super::shared::quantities;
use super::sight;
use crate::model::{Amounts, FrameworkId, Master, ancestors, consumed};

/// What a role has.
#[derive(Default)]
struct Holding {
    allocated: Resources,
    offered: Resources,
    reserved: Resources,
    frameworks: BTreeSet<FrameworkId>,
}

/// The roles that the master knows: those allowed, or else those of frameworks, reserved, with
/// weights or quotas, and all above them.
pub(crate) fn known_roles(master: &Master) -> BTreeSet<String> {
    if let Some(allowed) = &master.config.roles {
        return allowed.clone();
    }
    let reserved = master
        .agents
        .values()
        .flat_map(|agent| agent.total.iter().filter_map(reservation_role));
    let own = master
        .frameworks
        .values()
        .flat_map(|f| f.roles.iter().map(String::as_str));
    let held = master.frameworks.values().flat_map(|framework| {
        let bags = framework.used.values().chain(framework.offered.values());
        bags.flat_map(|bag| bag.iter().map(|r| r.allocation_info.role()))
    });
    let weighted = master.policy.weights.keys().map(String::as_str);
    let promised = master.policy.quotas.keys().map(String::as_str);
    let all: BTreeSet<&str> = reserved
        .chain(own)
        .chain(held)
        .chain(weighted)
        .chain(promised)
        .filter(|role| !role.is_empty())
        .collect();
    all.into_iter()
        .flat_map(|role| ancestors(role).chain([role]))
        .map(str::to_string)
        .collect()
}

/// What every role has that may be seen, in one look at everything.
fn holdings(master: &Master, rights: &Rights) -> BTreeMap<String, Holding> {
    let mut all: BTreeMap<String, Holding> = known_roles(master)
        .into_iter()
        .filter(|role| sight::role(rights, role))
        .map(|role| (role, Holding::default()))
        .collect();
    let mut each = |role: &str, act: &dyn Fn(&mut Holding)| {
        for role in ancestors(role).chain([role]) {
            if let Some(holding) = all.get_mut(role) {
                act(holding);
            }
        }
    };
    let roles_in = |bag: &Resources| -> BTreeSet<String> {
        let roles = bag.iter().map(|r: &Resource| r.allocation_info.role());
        roles.map(str::to_string).collect()
    };
    for framework in master.frameworks.values() {
        let bags = [
            (framework.used_total(), true),
            (framework.offered_total(), false),
        ];
        for (bag, is_used) in bags {
            for role in roles_in(&bag) {
                let part = bag
                    .filter(|r| r.allocation_info.role() == role)
                    .unallocated();
                each(&role, &|holding| match is_used {
                    true => holding.allocated.add(&part),
                    false => holding.offered.add(&part),
                });
            }
        }
        for role in &framework.roles {
            each(role, &|holding| {
                holding.frameworks.insert(framework.id.clone());
            });
        }
    }
    for agent in master.agents.values() {
        let roles: BTreeSet<&str> = agent.total.iter().filter_map(reservation_role).collect();
        for role in roles {
            let part = agent.total.filter(|r| reservation_role(r) == Some(role));
            each(role, &|holding| holding.reserved.add(&part));
        }
    }
    all
}

fn amounts<'a>(amounts: impl Iterator<Item = (&'a str, f64)>) -> Value {
    let pairs = amounts.map(|(name, amount)| (name.to_string(), amount.into()));
    Value::Object(pairs.collect::<Map<String, Value>>())
}

/// `/roles`.
pub fn roles(master: &Master, rights: &Rights) -> Value {
    let consumed = consumed(&master.frameworks, &master.agents, false);
    let none = Amounts::new();
    let roles: Vec<Value> = holdings(master, rights)
        .iter()
        .map(|(role, has)| {
            let mut both = has.allocated.clone();
            both.add(&has.offered);
            let frameworks: Vec<&str> = has.frameworks.iter().map(|id| id.as_str()).collect();
            let quota = master.policy.quotas.get(role);
            json!({
                "name": role,
                "weight": master.policy.weight(role),
                "quota": {
                    "role": role,
                    "guarantee": amounts(quota.into_iter().flat_map(|q| q.guarantees.iter())),
                    "limit": amounts(quota.into_iter().flat_map(|q| q.limits())),
                    "consumed": match role.contains('/') {
                        false => amounts(consumed.get(role).unwrap_or(&none).iter()),
                        true => quantities(&has.allocated),
                    },
                },
                "resources": quantities(&both),
                "allocated": quantities(&has.allocated),
                "offered": quantities(&has.offered),
                "reserved": quantities(&has.reserved),
                "frameworks": frameworks,
            })
        })
        .collect();
    json!({ "roles": roles })
}

/// The same as messages.
pub fn role_messages(master: &Master, rights: &Rights) -> Vec<Role> {
    holdings(master, rights)
        .into_iter()
        .map(|(role, has)| {
            let mut both = has.allocated;
            both.add(&has.offered);
            let mut message = Role::new();
            message.set_weight(master.policy.weight(&role));
            message.set_name(role);
            message.frameworks = has.frameworks.iter().map(|id| id.proto()).collect();
            // Of ranges and sets, amounts say nothing.
            let scalars = both.filter(|r| r.type_() == value::Type::SCALAR);
            message.resources = scalars.to_protos(Format::Post);
            message
        })
        .collect()
}
