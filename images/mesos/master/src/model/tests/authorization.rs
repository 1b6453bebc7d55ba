//! Access control lists where the original is not asked: agents, and reservations in place of others.

use std::sync::Arc;

use mesos_proto::mesos::offer::Operation;
use mesos_proto::messages::{RegisterSlaveMessage, SlaveRegisteredMessage};
use mesos_wire::authorization::Acls;
use mesos_wire::json::{Dialect, from_value};
use protobuf::MessageField;
use serde_json::{Value, json};

use super::world::{World, agent_pid, sent, slave_info};
use crate::model::Config;
use crate::model::authorization::operation_denied;

fn world(acls: &Value) -> World {
    let acls = Acls::parse(&acls.to_string()).expect("lists");
    World::new(Config {
        acls: Some(Arc::new(acls)),
        ..Config::default()
    })
}

#[test]
fn agents_register_that_may_with_reservations_that_they_may_make() {
    let (any, none) = (json!({"type": "ANY"}), json!({"type": "NONE"}));
    let of = |name: &str| json!({"values": [name]});
    let registers = json!([{"principals": any, "agents": any}]);
    for (acls, resources, principal, want) in [
        (
            json!({"register_agents": [{"principals": any, "agents": none}]}),
            "cpus:1",
            None,
            false,
        ),
        // A list of principals is not about who has proved nothing.
        (
            json!({"register_agents": [{"principals": of("p"), "agents": none}]}),
            "cpus:1",
            None,
            true,
        ),
        (
            json!({"register_agents": [{"principals": of("p"), "agents": none}]}),
            "cpus:1",
            Some("p"),
            false,
        ),
        (
            json!({"register_agents": [{"principals": of("p"), "agents": none}]}),
            "cpus:1",
            Some("q"),
            true,
        ),
        (
            json!({"register_agents": registers, "permissive": false}),
            "cpus:1",
            None,
            true,
        ),
        (
            json!({"register_agents": registers, "permissive": false}),
            "cpus(r):1",
            None,
            false,
        ),
        (
            json!({"reserve_resources": [{"principals": any, "roles": of("r")}, {"principals": any, "roles": none}]}),
            "cpus(r):1",
            None,
            true,
        ),
        // What is not reserved is asked about, too, where anything is.
        (
            json!({"reserve_resources": [{"principals": any, "roles": of("r")}, {"principals": any, "roles": none}]}),
            "cpus(r):1;mem:64",
            None,
            false,
        ),
    ] {
        let mut world = world(&acls);
        let pid = agent_pid(1);
        if let Some(principal) = principal {
            world.master.authenticated(&pid, principal.to_string());
        }
        let slave = slave_info(resources);
        let message = RegisterSlaveMessage {
            slave: MessageField::some(slave),
            version: Some("1.12.0".into()),
            ..Default::default()
        };
        world.master.register_agent(&pid, message);
        let answers: Vec<SlaveRegisteredMessage> = sent(&world.effects());
        assert_eq!(answers.len(), usize::from(want), "case {acls}, {resources}");
        assert_eq!(world.master.agents.len(), usize::from(want));
    }
}

#[test]
fn reserving_anew_gives_back_down_to_what_stays_and_reserves_from_there() {
    let stack = |names: &[(&str, &str)]| -> Value {
        names
            .iter()
            .map(|(role, who)| json!({"type": "DYNAMIC", "role": role, "principal": who}))
            .collect()
    };
    let cpus = |names| json!([{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}, "reservations": stack(names)}]);
    let operation = json!({"type": "RESERVE", "reserve": {
        "source": cpus(&[("a", "x"), ("a/b", "y"), ("a/b/c", "z")]),
        "resources": cpus(&[("a", "x"), ("a/d", "p"), ("a/d/e", "p")]),
    }});
    let operation: Operation = from_value(&operation, Dialect::V0).expect("an operation");
    for (list, field, name, want) in [
        ("unreserve_resources", "reserver_principals", "x", false),
        ("unreserve_resources", "reserver_principals", "y", true),
        ("unreserve_resources", "reserver_principals", "z", true),
        ("reserve_resources", "roles", "a", false),
        ("reserve_resources", "roles", "a/b", false),
        ("reserve_resources", "roles", "a/d", true),
        ("reserve_resources", "roles", "a/d/e", true),
    ] {
        let acls = json!({list: [{"principals": {"type": "NONE"}, field: {"values": [name]}}]});
        let acls = Acls::parse(&acls.to_string()).expect("lists");
        let rights = mesos_wire::authorization::Rights::new(Some(&Arc::new(acls)), Some("p"));
        let denied = operation_denied(&rights, &operation);
        assert_eq!(denied.is_some(), want, "case {list} {name}");
    }
}
