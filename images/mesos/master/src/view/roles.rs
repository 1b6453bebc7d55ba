//! `/roles` and GET_ROLES (http-endpoints §3.6).

use mesos_proto::mesos::Role;
use mesos_wire::resources::{Format, Resources, reservation_role};
use serde_json::{Value, json};

use super::known_roles;
use super::shared::quantities;
use crate::model::Master;

/// What a role has.
struct Holding {
    allocated: Resources,
    offered: Resources,
    reserved: Resources,
    frameworks: Vec<crate::model::FrameworkId>,
}

fn holding(master: &Master, role: &str) -> Holding {
    let mut holding = Holding {
        allocated: Resources::new(),
        offered: Resources::new(),
        reserved: Resources::new(),
        frameworks: Vec::new(),
    };
    for framework in master.frameworks.values() {
        let own = |bag: &Resources| {
            bag.filter(|r| r.allocation_info.role() == role)
                .unallocated()
        };
        holding.allocated.add(&own(&framework.used_total()));
        holding.offered.add(&own(&framework.offered_total()));
        if framework.roles.contains(role) {
            holding.frameworks.push(framework.id.clone());
        }
    }
    for agent in master.agents.values() {
        holding
            .reserved
            .add(&agent.total.filter(|r| reservation_role(r) == Some(role)));
    }
    holding
}

/// `/roles`.
pub fn roles(master: &Master) -> Value {
    let roles: Vec<Value> = known_roles(master)
        .iter()
        .map(|role| {
            let has = holding(master, role);
            let mut both = has.allocated.clone();
            both.add(&has.offered);
            let frameworks: Vec<&str> = has.frameworks.iter().map(|id| id.as_str()).collect();
            json!({
                "name": role,
                "weight": master.config.weights.get(role).copied().unwrap_or(1.0),
                "quota": {
                    "role": role,
                    "guarantee": {},
                    "limit": {},
                    "consumed": quantities(&has.allocated),
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
pub fn role_messages(master: &Master) -> Vec<Role> {
    known_roles(master)
        .iter()
        .map(|role| {
            let has = holding(master, role);
            let mut both = has.allocated.clone();
            both.add(&has.offered);
            let mut message = Role::new();
            message.set_name(role.clone());
            message.set_weight(master.config.weights.get(role).copied().unwrap_or(1.0));
            message.frameworks = has.frameworks.iter().map(|id| id.proto()).collect();
            message.resources = both.to_protos(Format::Post);
            message
        })
        .collect()
}
