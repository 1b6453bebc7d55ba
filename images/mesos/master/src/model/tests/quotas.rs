//! Quotas and weights: what operators may set, and what follows for offers.

use std::time::Duration;

use mesos_proto::mesos::framework_info::capability::Type;
use mesos_proto::mesos::{FrameworkInfo, WeightInfo};
use mesos_proto::quota::{QuotaConfig, QuotaRequest};
use mesos_wire::authorization::Rights;
use mesos_wire::json::{Dialect, from_value};
use mesos_wire::resources::{Format, parse};
use serde_json::{Value, json};

use super::world::{World, events, framework_info, offer_ids, offers, slave_info, task};
use crate::model::{AgentId, Config, Record, Standing};

fn of_role(role: &str) -> FrameworkInfo {
    let mut info = framework_info(role, &[Type::MULTI_ROLE, Type::RESERVATION_REFINEMENT]);
    info.roles = vec![role.to_string()];
    info
}

fn config(role: &str, guarantees: Value, limits: Value) -> QuotaConfig {
    let scalars = |amounts: Value| -> Value {
        let amounts = amounts.as_object().cloned().unwrap_or_default();
        let pairs = amounts.into_iter();
        Value::Object(pairs.map(|(k, v)| (k, json!({"value": v}))).collect())
    };
    let value = json!({"role": role, "guarantees": scalars(guarantees), "limits": scalars(limits)});
    from_value(&value, Dialect::V1).expect("a quota")
}

fn set(world: &mut World, role: &str, guarantees: Value, limits: Value) {
    let config = config(role, guarantees, limits);
    world
        .master
        .update_quota(&[config], true, &Rights::default())
        .expect("allowed");
}

/// The sum of a scalar in the offers.
fn amount(offers: &[mesos_proto::mesos::Offer], name: &str) -> f64 {
    let resources = offers.iter().flat_map(|offer| &offer.resources);
    resources
        .filter(|r| r.name() == name)
        .map(|r| r.scalar.value())
        .sum()
}

#[test]
fn a_limit_is_not_passed_by_offers_and_tasks_together() {
    let mut world = World::new(Config::default());
    set(&mut world, "a", json!({}), json!({"cpus": 5.5}));
    let (id, stream) = world.framework(of_role("a"));
    let agent = world.agent(1, "cpus:4;mem:4096");
    let first = offers(&world.effects(), stream);
    assert_eq!(amount(&first, "cpus"), 4.0);
    world.agent(2, "cpus:4;mem:4096");
    let second = offers(&world.effects(), stream);
    assert_eq!(
        (amount(&second, "cpus"), amount(&second, "mem")),
        (1.5, 4096.0)
    );
    world.agent(3, "cpus:4;mem:4096");
    let third = offers(&world.effects(), stream);
    assert_eq!(
        (amount(&third, "cpus"), amount(&third, "mem")),
        (0.0, 4096.0)
    );
    let ids = [crate::model::OfferId::from(first[0].id.get_or_default())];
    world.launch(&id, stream, &ids, vec![task("t", &agent, "cpus:3;mem:64")]);
    let effects = world.pass(Duration::from_secs(6));
    let again = offers(&effects, stream);
    assert_eq!(amount(&again, "cpus"), 1.0, "the rest of the first agent");
}

#[test]
fn roles_below_count_against_the_limit_of_the_one_above() {
    let mut world = World::new(Config::default());
    set(&mut world, "a", json!({}), json!({"cpus": 5}));
    let (_, x) = world.framework(of_role("a/x"));
    let (_, y) = world.framework(of_role("a/y"));
    for port in 1..4 {
        world.agent(port, "cpus:4;mem:4096");
    }
    let effects = world.effects();
    let both = amount(&offers(&effects, x), "cpus") + amount(&offers(&effects, y), "cpus");
    assert_eq!(both, 5.0);
}

#[test]
fn what_is_reserved_counts_against_the_limit() {
    let mut world = World::new(Config::default());
    set(&mut world, "a", json!({}), json!({"cpus": 3}));
    let (_, stream) = world.framework(of_role("a"));
    world.agent(1, "cpus:4;mem:1024;cpus(a):2");
    let got = offers(&world.effects(), stream);
    assert_eq!(
        amount(&got, "cpus"),
        3.0,
        "2 that are reserved, and 1 besides"
    );
}

#[test]
fn a_limit_of_nothing_is_a_limit() {
    let mut world = World::new(Config::default());
    set(&mut world, "a", json!({}), json!({"cpus": 0, "mem": 0}));
    let (_, stream) = world.framework(of_role("a"));
    world.agent(1, "cpus:4;mem:1024");
    assert!(offers(&world.effects(), stream).is_empty());
    set(&mut world, "a", json!({}), json!({}));
    assert_eq!(amount(&offers(&world.effects(), stream), "cpus"), 4.0);
    let quota = world.master.policy.quotas.get("a");
    assert!(quota.is_some_and(|quota| quota.is_default()));
}

#[test]
fn guarantees_are_held_back_for_a_role_that_is_not_there_yet() {
    let mut world = World::new(Config::default());
    set(&mut world, "a", json!({"cpus": 6, "mem": 1024}), json!({}));
    let (_, other) = world.framework(of_role("b"));
    for port in 1..=3 {
        world.agent(port, "cpus:4;mem:4096");
    }
    let got = offers(&world.effects(), other);
    assert_eq!((amount(&got, "cpus"), amount(&got, "mem")), (6.0, 11264.0));
    let (_, owner) = world.framework(of_role("a"));
    let got = offers(&world.effects(), owner);
    assert_eq!((amount(&got, "cpus"), amount(&got, "mem")), (6.0, 1024.0));
}

#[test]
fn a_guarantee_goes_before_shares_also_below_its_role() {
    for role in ["a", "a/x"] {
        let mut world = World::new(Config::default());
        let (_, owner) = world.framework(of_role(role));
        let (_, other) = world.framework(of_role("b"));
        set(&mut world, "a", json!({"cpus": 8}), json!({}));
        for port in 1..=2 {
            world.agent(port, "cpus:4;mem:4096;ports:[1-9]");
        }
        let effects = world.effects();
        let (got, rest) = (offers(&effects, owner), offers(&effects, other));
        assert_eq!(amount(&got, "cpus"), 8.0, "role `{role}`");
        assert!(got[0].resources.iter().any(|r| r.name() == "ports"));
        assert_eq!(amount(&rest, "cpus"), 0.0, "role `{role}`");
    }
}

#[test]
fn offers_are_taken_back_for_a_guarantee_and_beyond_a_limit() {
    let mut world = World::new(Config::default());
    let (_, other) = world.framework(of_role("b"));
    world.agent(1, "cpus:4;mem:4096");
    assert_eq!(offer_ids(&world.effects(), other).len(), 1);
    let (_, owner) = world.framework(of_role("a"));
    set(&mut world, "a", json!({"cpus": 4}), json!({}));
    let effects = world.effects();
    let is_rescinded = |stream| events(&effects, stream).iter().any(|e| e.rescind.is_some());
    assert!(is_rescinded(other));
    assert_eq!(amount(&offers(&effects, owner), "cpus"), 4.0);
    set(&mut world, "a", json!({"cpus": 1}), json!({"cpus": 1}));
    let effects = world.effects();
    assert!(events(&effects, owner).iter().any(|e| e.rescind.is_some()));
    assert_eq!(amount(&offers(&effects, owner), "cpus"), 1.0);
    assert_eq!(amount(&offers(&effects, other), "cpus"), 3.0);
}

#[test]
fn revocable_resources_are_outside_of_quotas() {
    let mut world = World::new(Config::default());
    set(&mut world, "a", json!({}), json!({"cpus": 1}));
    let mut info = of_role("a");
    let mut capability = mesos_proto::mesos::framework_info::Capability::new();
    capability.set_type(Type::REVOCABLE_RESOURCES);
    info.capabilities.push(capability);
    let (_, stream) = world.framework(info);
    let agent = world.agent(1, "cpus:2;mem:1024");
    let mut spare = parse("cpus:3", "*").expect("cpus").to_protos(Format::Post);
    spare[0].revocable.mut_or_insert_default();
    world
        .master
        .update_agent(mesos_proto::messages::UpdateSlaveMessage {
            slave_id: agent.field(),
            update_oversubscribed_resources: Some(true),
            oversubscribed_resources: spare,
            ..Default::default()
        });
    let got = offers(&world.effects(), stream);
    assert_eq!(amount(&got, "cpus"), 4.0, "1 firm, 3 revocable");
}

#[test]
fn quotas_are_refused_in_mesos_words() {
    let mut world = World::new(Config {
        roles: Some(["*", "a", "b", "a/x", "-"].map(String::from).into()),
        ..Config::default()
    });
    world.agent(1, "cpus:4;mem:4096");
    // JSON has no word for it, but protobuf has.
    let mut not_a_number = config("a", json!({"cpus": 0}), json!({}));
    let cpus = not_a_number.guarantees.get_mut("cpus");
    cpus.expect("it is there").set_value(f64::NAN);
    for (config, want) in [
        (
            config("c", json!({}), json!({})),
            "Invalid QuotaConfig: 'c' is not on the roles whitelist",
        ),
        (
            config("a/x", json!({}), json!({})),
            "Updating quota on nested role 'a/x' is not supported yet",
        ),
        (
            config("-", json!({}), json!({})),
            "Invalid QuotaConfig: Invalid 'QuotaConfig.role': Role component '-' is invalid because it starts with a dash",
        ),
        (
            config("a", json!({"cpus": -1}), json!({})),
            "Invalid QuotaConfig: Invalid guarantee configuration {'cpus': -1}: Negative values not supported",
        ),
        (
            config("a", json!({}), json!({"mem": -0.5})),
            "Invalid QuotaConfig: Invalid limit configuration {'mem': -0.5}: Negative values not supported",
        ),
        (
            not_a_number,
            "Invalid QuotaConfig: Invalid guarantee configuration {'cpus': NaN}: NaN not supported",
        ),
        (
            config("a", json!({"mem": 1099511627777i64}), json!({})),
            "Invalid QuotaConfig: Invalid 'QuotaConfig.guarantees': {'mem': 1099511627777} is invalid: values greater than 1 exabyte (1099511627776) are not supported",
        ),
        (
            config("a", json!({}), json!({"cpus": 1000000000001i64})),
            "Invalid QuotaConfig: Invalid 'QuotaConfig.limits': {'cpus': 1000000000001} is invalid: values greater than 1 trillion (1000000000000) are not supported",
        ),
        (
            config("a", json!({"cpus": 2}), json!({"cpus": 1, "mem": 5})),
            "Invalid QuotaConfig: 'QuotaConfig.guarantees' { cpus: 2 } is not contained within the 'QuotaConfig.limits' { cpus: 1, mem: 5 }",
        ),
        (
            config("a", json!({"cpus": 5}), json!({})),
            "Invalid QuotaConfig: total quota guarantees 'cpus:5' exceed cluster capacity 'cpus:4; mem:4096' (use 'force' flag to bypass this check)",
        ),
    ] {
        let refused = world
            .master
            .update_quota(&[config], false, &Rights::default());
        let refused = refused.expect_err(want);
        assert_eq!((refused.status, refused.text.as_str()), (400, want));
    }
    assert!(world.master.policy.quotas.is_empty());
}

fn request(role: Option<&str>, guarantee: Value, force: bool) -> QuotaRequest {
    let mut value = json!({"guarantee": guarantee, "force": force});
    if let Some(role) = role {
        value["role"] = role.into();
    }
    from_value(&value, Dialect::V0).expect("a request")
}

#[test]
fn old_quota_requests_are_refused_in_mesos_words() {
    let cpus = |amount: f64| json!({"name": "cpus", "type": "SCALAR", "scalar": {"value": amount}});
    let with = |field: &str, value: Value| {
        let mut cpus = cpus(1.0);
        cpus[field] = value;
        json!([cpus])
    };
    let mut world = World::new(Config::default());
    world.agent(1, "cpus:4;mem:4096");
    let first = request(Some("first"), json!([cpus(1.0)]), false);
    world
        .master
        .set_quota(&first, &Rights::default())
        .expect("allowed");
    let intro = "Failed to validate set quota request:";
    for (request, status, want) in [
        (request(None, json!([cpus(1.0)]), false), 400, format!("{intro} QuotaInfo with invalid role: Role names cannot be the empty string")),
        (request(Some("a"), json!([]), false), 400, format!("{intro} QuotaInfo with empty 'guarantee'")),
        (request(Some("a b"), json!([cpus(1.0)]), false), 400, format!("{intro} QuotaInfo with invalid role: Role component 'a b' is invalid because it contains backspace or whitespace")),
        (request(Some("a"), with("role", json!("a")), false), 400, format!("{intro} QuotaInfo must not contain any ReservationInfo")),
        (request(Some("a"), with("revocable", json!({})), false), 400, format!("{intro} QuotaInfo must not contain RevocableInfo")),
        (
            request(Some("a"), json!([{"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 1, "end": 2}]}}]), false),
            400,
            format!("{intro} QuotaInfo must not include non-scalar resources"),
        ),
        (request(Some("a"), json!([cpus(1.0), cpus(2.0)]), false), 400, format!("{intro} QuotaInfo contains duplicate resource name 'cpus'")),
        (request(Some("first"), json!([cpus(1.0)]), false), 400, format!("{intro} Cannot set quota for role 'first' which already has quota")),
        (request(Some("a/b"), json!([cpus(1.0)]), false), 400, format!("{intro} Invalid quota configuration. Parent role 'a' with guarantees ({{}}) does not contain the sum of its children's guarantees (cpus:1)")),
        (request(Some("first/b"), json!([cpus(1.0)]), false), 400, "Setting quota on nested role 'first/b' is not supported yet".to_string()),
        (
            request(Some("a"), json!([cpus(4.0)]), false),
            409,
            "Quota guarantees overcommit the cluster (use 'force' to bypass this check): Total quota guarantees 'cpus:5' exceed cluster capacity 'cpus:4; mem:4096'".to_string(),
        ),
    ] {
        let refused = world.master.set_quota(&request, &Rights::default()).expect_err(&want);
        assert_eq!((refused.status, refused.text), (status, want));
    }
    let forced = request(Some("a"), json!([cpus(40.0)]), true);
    world
        .master
        .set_quota(&forced, &Rights::default())
        .expect("forced");
    let quota = &world.master.policy.quotas["a"];
    assert_eq!(quota.limit("cpus"), Some(40_000), "it is the limit, too");
    let refused = world
        .master
        .remove_quota("x", "", &Rights::default())
        .expect_err("it has none");
    assert_eq!(
        refused.text,
        "Failed to remove quota: Role 'x' has no quota set"
    );
    world
        .master
        .remove_quota("a", "", &Rights::default())
        .expect("removed");
}

#[test]
fn weights_are_refused_in_mesos_words() {
    let mut world = World::new(Config {
        roles: Some(["*".to_string(), "a".to_string()].into()),
        ..Config::default()
    });
    let intro = "Failed to validate update weights request JSON";
    for (role, weight, want) in [
        (
            "a b",
            1.0,
            format!(
                "{intro}: Invalid role 'a b': Role component 'a b' is invalid because it contains backspace or whitespace"
            ),
        ),
        ("b", 1.0, format!("{intro}: Unknown role 'b'")),
        (
            "a",
            0.0,
            format!("{intro} for role 'a': Invalid weight '0': Weights must be positive"),
        ),
        (
            "a",
            -1.5,
            format!("{intro} for role 'a': Invalid weight '-1.5': Weights must be positive"),
        ),
        (
            "a",
            f64::NAN,
            format!("{intro} for role 'a': Invalid weight 'NaN': Weights must be positive"),
        ),
    ] {
        let mut info = WeightInfo::new();
        info.set_role(role.into());
        info.set_weight(weight);
        let refused = world
            .master
            .update_weights(&[info], &Rights::default())
            .expect_err(&want);
        assert_eq!((refused.status, refused.text), (400, want));
    }
    assert!(world.master.policy.weights.is_empty());
}

#[test]
fn other_weights_take_offers_back() {
    let mut world = World::new(Config::default());
    let (_, stream) = world.framework(of_role("a/x"));
    world.agent(1, "cpus:4;mem:4096");
    world.effects();
    let mut weigh = |role: &str| {
        let mut info = WeightInfo::new();
        info.set_role(format!(" {role} "));
        info.set_weight(2.0);
        world
            .master
            .update_weights(&[info], &Rights::default())
            .expect("allowed");
        let events = events(&world.effects(), stream);
        events.iter().any(|event| event.rescind.is_some())
    };
    assert!(!weigh("b"), "nobody has that role");
    assert!(weigh("a"));
    assert_eq!(world.master.policy.weight("b"), 2.0);
}

#[test]
fn what_was_kept_is_in_force_again() {
    let mut world = World::recalling(
        Config {
            weights: [("a".to_string(), 9.0)].into(),
            ..Config::default()
        },
        [
            Record::Weight("a".into(), 3.0),
            Record::Quota("a".into(), Some(config("a", json!({}), json!({"cpus": 1})))),
        ],
    );
    assert_eq!(world.master.policy.weight("a"), 3.0, "not the flag's");
    let (_, stream) = world.framework(of_role("a"));
    world.agent(1, "cpus:4;mem:4096");
    assert_eq!(amount(&offers(&world.effects(), stream), "cpus"), 1.0);
}

#[test]
fn only_hosts_on_the_list_are_offered() {
    let mut world = World::new(Config::default());
    let (_, stream) = world.framework(of_role("a"));
    world
        .master
        .set_whitelist(Some(["elsewhere".to_string()].into()));
    world.agent(1, "cpus:4;mem:4096");
    assert!(offers(&world.effects(), stream).is_empty());
    world
        .master
        .set_whitelist(Some(["localhost".to_string()].into()));
    assert_eq!(offers(&world.effects(), stream).len(), 1);
}

#[test]
fn offer_constraints_choose_agents() {
    let mut world = World::new(Config::default());
    let mut subscribe = mesos_proto::scheduler::call::Subscribe::new();
    subscribe.framework_info = Some(of_role("a")).into();
    let constraints = |rack: &str| {
        let value = json!({"role_constraints": {"a": {"groups": [{"attribute_constraints": [
            {"selector": {"attribute_name": "rack"}, "predicate": {"text_equals": {"value": rack}}}]}]}}});
        from_value::<mesos_proto::scheduler::OfferConstraints>(&value, Dialect::V1)
            .expect("constraints")
    };
    subscribe.offer_constraints = Some(constraints("b")).into();
    let stream = crate::model::StreamId(uuid::Uuid::from_u128(99));
    world.master.subscribe_http(stream, subscribe);
    let id = world.master.frameworks_by_stream[&stream].clone();
    world.agent(1, "cpus:4;mem:4096");
    assert!(offers(&world.effects(), stream).is_empty());
    let kind = mesos_proto::scheduler::call::Type::UPDATE_FRAMEWORK;
    let info = world.master.frameworks[&id].info.clone();
    let mut update = |constraints| {
        let info = info.clone();
        world.call(&id, stream, kind, |call| {
            let update = call.update_framework.mut_or_insert_default();
            update.framework_info = Some(info).into();
            update.offer_constraints = Some(constraints).into();
        })
    };
    let mut wrong = constraints("a");
    let own = wrong.role_constraints.remove("a").expect("it is there");
    wrong.role_constraints.insert("z".to_string(), own);
    assert_eq!(
        update(wrong).expect_err("refused").text,
        "Offer constraints specify `role_constraints` for a role 'z'not contained in the set of roles"
    );
    update(constraints("a")).expect("allowed");
    assert_eq!(offers(&world.effects(), stream).len(), 1);
}

/// A master after another that had so many agents, with a guarantee for role `a` and this factor.
fn after_failover(agents: u16, factor: f64, is_promised: bool) -> (World, Vec<AgentId>) {
    let ids: Vec<AgentId> = (1..=agents)
        .map(|n| AgentId::new(format!("old-S{n}")))
        .collect();
    let mut quotas = Vec::new();
    if is_promised {
        let promised = config("a", json!({"cpus": 1}), json!({}));
        quotas.push(Record::Quota("a".to_string(), Some(promised)));
    }
    let config = Config {
        recovery_factor: factor,
        recovery_timeout: Duration::from_secs(60),
        ..Config::default()
    };
    let admitted = || Standing::Admitted(Box::new(slave_info(ALL)));
    let kept: Vec<_> = ids.iter().map(|id| (id.clone(), admitted())).collect();
    (World::succeeding(config, quotas, kept), ids)
}

const ALL: &str = "cpus:4;mem:4096";

#[test]
fn after_a_failover_nothing_is_allocated_until_most_agents_are_back() {
    // Of how many agents, with which factor and a quota or none; how many must be back.
    for (agents, factor, is_promised, awaited) in [
        (5, 0.8, true, 4),
        (4, 0.8, true, 3),
        (1, 0.8, true, 1),
        (5, 1.0, true, 5),
        (5, 0.0, true, 1),
        (5, 0.8, false, 1),
    ] {
        let (mut world, ids) = after_failover(agents, factor, is_promised);
        let (_, stream) = world.framework(of_role("b"));
        for (port, id) in (1..).zip(&ids) {
            world.agent_returns(id, port, ALL, Vec::new(), Vec::new());
            let got = offers(&world.effects(), stream);
            let case = format!("{port} of {agents}, factor {factor}, quota {is_promised}");
            assert_eq!(!got.is_empty(), port >= awaited, "case {case}");
            if port == awaited {
                assert_eq!(got.len(), usize::from(awaited), "case {case}");
            }
        }
    }
}

#[test]
fn after_a_failover_allocations_wait_no_longer_than_they_are_told() {
    let (mut world, ids) = after_failover(5, 0.8, true);
    let (_, stream) = world.framework(of_role("b"));
    world.agent_returns(&ids[0], 1, ALL, Vec::new(), Vec::new());
    let effects = world.pass(Duration::from_secs(59));
    assert!(offers(&effects, stream).is_empty());
    let effects = world.pass(Duration::from_secs(1));
    assert_eq!(offers(&effects, stream).len(), 1);
}

#[test]
fn a_limit_below_what_is_consumed_needs_force() {
    let mut world = World::new(Config::default());
    let (id, stream) = world.framework(of_role("a/x"));
    let agent = world.agent(1, "cpus:4;mem:1024;cpus(a):2;mem(a):0");
    let ids = offer_ids(&world.effects(), stream);
    let limit = |cpus: f64| config("a", json!({}), json!({"cpus": cpus, "mem": 64}));
    // What is reserved is consumed; what is only offered is not.
    let set = |world: &mut World, cpus, force| {
        let done = world
            .master
            .update_quota(&[limit(cpus)], force, &Rights::default());
        done.map_err(|error| (error.status, error.text))
    };
    let refused = |consumed: &str, cpus: f64| {
        let text = format!(
            "Invalid QuotaConfig: Role 'a' is already consuming '{consumed}'; this is more than the requested limits 'cpus:{cpus}; mem:64' (use 'force' flag to bypass this check)"
        );
        Err((400, text))
    };
    assert_eq!(set(&mut world, 1.5, false), refused("cpus:2", 1.5));
    world.launch(
        &id,
        stream,
        &ids,
        vec![task("t", &agent, "cpus:1.5;mem:32")],
    );
    world.effects();
    assert_eq!(
        set(&mut world, 3.0, false),
        refused("cpus:3.5; mem:32", 3.0)
    );
    assert_eq!(set(&mut world, 3.5, false), Ok(()));
    assert_eq!(set(&mut world, 3.0, true), Ok(()));
}
