//! Maintenance of machines, inverse offers, and draining.

use std::time::Duration;

use mesos_proto::allocator::inverse_offer_status::Status;
use mesos_proto::maintenance::Schedule;
use mesos_proto::mesos::{DrainState, InverseOffer, MachineID, TaskState};
use mesos_proto::messages::{DrainSlaveMessage, ShutdownMessage};
use mesos_proto::scheduler::{call, event};
use mesos_wire::authorization::Rights;
use mesos_wire::json::{Dialect, from_value};
use serde_json::{Value, json};

use super::world::{
    World, agent_pid, events, framework_info, offer_ids, offers, sent, slave_info, statuses, task,
};
use crate::model::{Config, Effect, FrameworkId, Record, StreamId};

const ALL: &str = "cpus:4;mem:4096";

fn machine() -> Value {
    json!({"hostname": "LocalHost", "ip": "127.0.0.1"})
}

fn window(machines: Value) -> Value {
    json!({"machine_ids": machines, "unavailability": {"start": {"nanoseconds": 1000}, "duration": {"nanoseconds": 5}}})
}

fn schedule(windows: Value) -> Schedule {
    from_value(&json!({"windows": windows}), Dialect::V0).expect("a schedule")
}

fn machines(values: Value) -> Vec<MachineID> {
    let values = values.as_array().cloned().unwrap_or_default();
    values
        .iter()
        .map(|value| from_value(value, Dialect::V0).expect("a machine"))
        .collect()
}

fn plan(world: &mut World) {
    let schedule = schedule(json!([window(json!([machine()]))]));
    world
        .master
        .update_maintenance_schedule(schedule, &Rights::default())
        .expect("allowed");
}

fn inverse(effects: &[Effect], stream: StreamId) -> Vec<InverseOffer> {
    let all = events(effects, stream).into_iter();
    all.filter(|event| event.type_() == event::Type::INVERSE_OFFERS)
        .flat_map(|event| event.inverse_offers.unwrap_or_default().inverse_offers)
        .collect()
}

fn answer(world: &mut World, id: &FrameworkId, stream: StreamId, offer: &InverseOffer, yes: bool) {
    let kind = if yes {
        call::Type::ACCEPT_INVERSE_OFFERS
    } else {
        call::Type::DECLINE_INVERSE_OFFERS
    };
    world
        .call(id, stream, kind, |call| {
            let ids = vec![offer.id.get_or_default().clone()];
            if yes {
                call.accept_inverse_offers
                    .mut_or_insert_default()
                    .inverse_offer_ids = ids;
            } else {
                call.decline_inverse_offers
                    .mut_or_insert_default()
                    .inverse_offer_ids = ids;
            }
        })
        .expect("allowed");
}

#[test]
fn offers_say_when_a_machine_is_not_there() {
    let mut world = World::new(Config::default());
    world.agent(1, ALL);
    let (_, stream) = world.framework(framework_info("a", &[]));
    let first = offers(&world.effects(), stream);
    assert!(first[0].unavailability.is_none());
    plan(&mut world);
    let effects = world.effects();
    assert!(events(&effects, stream).iter().any(|e| e.rescind.is_some()));
    let again = offers(&effects, stream);
    assert_eq!(again[0].unavailability.start.nanoseconds(), 1000);
    world.agent(2, ALL);
    let newer = offers(&world.effects(), stream);
    assert_eq!(newer[0].unavailability.duration.nanoseconds(), 5);
    world
        .master
        .update_maintenance_schedule(Schedule::new(), &Rights::default())
        .expect("allowed");
    let after = offers(&world.effects(), stream);
    assert_eq!(after.len(), 2);
    assert!(after.iter().all(|offer| offer.unavailability.is_none()));
}

#[test]
fn frameworks_are_asked_to_leave_and_their_word_is_kept() {
    let mut world = World::new(Config::default());
    let agent = world.agent(1, ALL);
    let (id, stream) = world.framework(framework_info("a", &[]));
    let (_, stranger) = world.framework(framework_info("b", &[]));
    let got = offer_ids(&world.effects(), stream);
    world.launch(
        &id,
        stream,
        &got,
        vec![task("t", &agent, "cpus:4;mem:4096")],
    );
    world.effects();
    plan(&mut world);
    let effects = world.effects();
    let asked = inverse(&effects, stream);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].slave_id, agent.field());
    assert_eq!(asked[0].unavailability.start.nanoseconds(), 1000);
    assert!(
        inverse(&effects, stranger).is_empty(),
        "it has nothing there"
    );
    assert!(inverse(&world.pass(Duration::from_secs(9)), stream).is_empty());
    answer(&mut world, &id, stream, &asked[0], false);
    let status = world.master.maintenance_status();
    let statuses = &status.draining_machines[0].statuses;
    assert_eq!(statuses[0].status(), Status::DECLINE);
    let early = world.pass(Duration::from_millis(4900));
    assert!(inverse(&early, stream).is_empty(), "refused for 5 s");
    let again = inverse(&world.pass(Duration::from_secs(2)), stream);
    assert_eq!(again.len(), 1);
    answer(&mut world, &id, stream, &asked[0], true);
    let word = |world: &World| {
        let status = world.master.maintenance_status();
        status.draining_machines[0].statuses[0].status()
    };
    assert_eq!(word(&world), Status::DECLINE, "that one is answered");
    answer(&mut world, &id, stream, &again[0], true);
    assert_eq!(word(&world), Status::ACCEPT);
}

#[test]
fn another_schedule_takes_inverse_offers_back() {
    let mut world = World::new(Config::default());
    let agent = world.agent(1, ALL);
    let (id, stream) = world.framework(framework_info("a", &[]));
    let got = offer_ids(&world.effects(), stream);
    world.launch(&id, stream, &got, vec![task("t", &agent, ALL)]);
    plan(&mut world);
    let asked = inverse(&world.effects(), stream);
    world
        .master
        .update_maintenance_schedule(Schedule::new(), &Rights::default())
        .expect("allowed");
    let all = events(&world.effects(), stream);
    let rescinded: Vec<_> = all
        .iter()
        .filter_map(|event| event.rescind_inverse_offer.as_ref())
        .collect();
    assert_eq!(rescinded.len(), 1);
    assert_eq!(rescinded[0].inverse_offer_id, asked[0].id);
    assert!(world.master.inverse_offers.is_empty());
}

#[test]
fn a_machine_that_is_down_has_no_agents() {
    let mut world = World::new(Config::default());
    let agent = world.agent(1, ALL);
    let (id, stream) = world.framework(framework_info("a", &[]));
    let got = offer_ids(&world.effects(), stream);
    world.launch(&id, stream, &got, vec![task("t", &agent, "cpus:1;mem:64")]);
    plan(&mut world);
    world.effects();
    let all = machines(json!([machine()]));
    world
        .master
        .start_maintenance(&all, &Rights::default())
        .expect("allowed");
    let effects = world.effects();
    let told: Vec<ShutdownMessage> = sent(&effects);
    assert_eq!(told[0].message(), "Operator initiated 'Machine DOWN'");
    let lost = statuses(&effects, stream);
    assert_eq!(lost[0].state(), TaskState::TASK_LOST);
    assert!(world.master.agents.is_empty());
    assert_eq!(world.master.maintenance_status().down_machines.len(), 1);
    let message = mesos_proto::messages::RegisterSlaveMessage {
        slave: Some(slave_info(ALL)).into(),
        version: Some("1.12.0".into()),
        ..Default::default()
    };
    world.master.register_agent(&agent_pid(1), message);
    let told: Vec<ShutdownMessage> = sent(&world.effects());
    assert_eq!(told[0].message(), "Machine is `DOWN`");
    let refused = world
        .master
        .update_maintenance_schedule(Schedule::new(), &Rights::default())
        .expect_err("it is down");
    assert_eq!(
        refused.text,
        "Machine '{\"hostname\":\"LocalHost\",\"ip\":\"127.0.0.1\"}' is deactivated and cannot be removed from the schedule"
    );
    world
        .master
        .stop_maintenance(&all, &Rights::default())
        .expect("allowed");
    assert_eq!(world.master.maintenance.schedule, None);
    let back = world.agent(1, ALL);
    let got = offers(&world.effects(), stream);
    assert_eq!(got[0].slave_id, back.field());
    assert!(got[0].unavailability.is_none());
}

#[test]
fn maintenance_is_refused_in_mesos_words() {
    let negative = json!({"machine_ids": [machine()], "unavailability": {"start": {"nanoseconds": 1}, "duration": {"nanoseconds": -1}}});
    for (windows, want) in [
        (
            json!([window(json!([]))]),
            "List of machines in the maintenance window is empty",
        ),
        (json!([negative]), "Unavailability 'duration' is negative"),
        (
            json!([window(json!([{}]))]),
            "Both 'hostname' and 'ip' for a machine are empty",
        ),
        (
            json!([window(json!([{"ip": "1.2.3"}]))]),
            "Failed to parse IPv4: 1.2.3",
        ),
        (
            json!([
                window(json!([machine()])),
                window(json!([{"hostname": "localhost", "ip": "127.0.0.1"}]))
            ]),
            "Machine '{\"hostname\":\"localhost\",\"ip\":\"127.0.0.1\"}' appears more than once in the schedule",
        ),
    ] {
        let mut world = World::new(Config::default());
        let refused = world
            .master
            .update_maintenance_schedule(schedule(windows), &Rights::default())
            .expect_err(want);
        assert_eq!((refused.status, refused.text.as_str()), (400, want));
    }
    let mut world = World::new(Config::default());
    plan(&mut world);
    for (values, want) in [
        (json!([]), "List of machines is empty"),
        (
            json!([{}]),
            "Both 'hostname' and 'ip' for a machine are empty",
        ),
        (
            json!([{"hostname": "x"}]),
            "Machine '{\"hostname\":\"x\"}' is not part of a maintenance schedule",
        ),
    ] {
        let values = machines(values);
        for refused in [
            world.master.start_maintenance(&values, &Rights::default()),
            world.master.stop_maintenance(&values, &Rights::default()),
        ] {
            assert_eq!(refused.expect_err(want).text, want);
        }
    }
    let own = machines(json!([machine()]));
    let text = "{\"hostname\":\"LocalHost\",\"ip\":\"127.0.0.1\"}";
    let refused = world
        .master
        .stop_maintenance(&own, &Rights::default())
        .expect_err("it is up");
    assert_eq!(
        refused.text,
        format!("Machine '{text}' is not in DOWN mode and cannot be brought up")
    );
    world
        .master
        .start_maintenance(&own, &Rights::default())
        .expect("allowed");
    let refused = world
        .master
        .start_maintenance(&own, &Rights::default())
        .expect_err("it is down");
    assert_eq!(
        refused.text,
        format!("Machine '{text}' is not in DRAINING mode and cannot be brought down")
    );
}

/// The records that these effects ask to be kept.
fn records(effects: Vec<Effect>) -> Vec<Record> {
    let records = effects.into_iter().filter_map(|effect| match effect {
        Effect::Record(record) => Some(record),
        _ => None,
    });
    records.collect()
}

#[test]
fn the_next_leader_knows_what_is_down_and_what_drains() {
    let mut world = World::new(Config::default());
    plan(&mut world);
    let own = machines(json!([machine()]));
    world
        .master
        .start_maintenance(&own, &Rights::default())
        .expect("allowed");
    let kept = records(world.effects());
    let mut next = World::recalling(Config::default(), kept);
    let status = next.master.maintenance_status();
    assert_eq!(status.down_machines.len(), 1);
    next.master
        .stop_maintenance(&own, &Rights::default())
        .expect("it is down");
    assert!(next.master.maintenance_status().down_machines.is_empty());
}

#[test]
fn a_drained_agent_gets_nothing_new_until_it_is_reactivated() {
    let mut world = World::new(Config::default());
    let agent = world.agent(1, ALL);
    let (id, stream) = world.framework(framework_info("a", &[]));
    let got = offer_ids(&world.effects(), stream);
    world.launch(&id, stream, &got, vec![task("t", &agent, "cpus:1;mem:64")]);
    world.effects();
    let mut grace = mesos_proto::mesos::DurationInfo::new();
    grace.set_nanoseconds(7);
    world
        .master
        .drain_agent(&agent, Some(grace), false)
        .expect("allowed");
    let effects = world.effects();
    let told: Vec<DrainSlaveMessage> = sent(&effects);
    assert_eq!(told[0].config.max_grace_period.nanoseconds(), 7);
    assert!(!told[0].config.mark_gone());
    assert!(offers(&world.pass(Duration::from_secs(9)), stream).is_empty());
    let state = |world: &World| world.master.draining[&agent].state();
    assert_eq!(state(&world), DrainState::DRAINING);
    let refused = world.master.reactivate_agent(&agent).expect_err("draining");
    assert_eq!(refused.text, "Agent is still in the DRAINING state");
    world.agent_returns(&agent, 1, ALL, Vec::new(), Vec::new());
    let told: Vec<DrainSlaveMessage> = sent(&world.effects());
    assert_eq!(told.len(), 1, "it is told again");
    let uuid = world.update(&id, &agent, "t", TaskState::TASK_KILLED);
    world.effects();
    assert_eq!(state(&world), DrainState::DRAINING, "not acknowledged");
    world.acknowledge(&id, stream, &agent, "t", uuid);
    let kept = records(world.effects());
    assert!(matches!(&kept[..], [Record::Drain(of, Some(_))] if *of == agent));
    assert_eq!(state(&world), DrainState::DRAINED);
    world.master.reactivate_agent(&agent).expect("drained");
    assert_eq!(offers(&world.effects(), stream).len(), 1);
    assert!(world.master.draining.is_empty());
    assert_eq!(world.master.agents[&agent].drain_started, None);
}

#[test]
fn an_agent_that_is_to_go_is_gone_when_it_has_drained() {
    let mut world = World::new(Config::default());
    let agent = world.agent(1, ALL);
    world
        .master
        .drain_agent(&agent, None, true)
        .expect("allowed");
    let told: Vec<ShutdownMessage> = sent(&world.effects());
    assert_eq!(told[0].message(), "Agent has been marked gone");
    assert!(world.master.gone_agents.contains_key(&agent));
    assert!(world.master.draining.is_empty());
}

#[test]
fn draining_is_refused_in_mesos_words() {
    let mut world = World::new(Config::default());
    let agent = world.agent(1, ALL);
    let unknown = crate::model::AgentId::new("x");
    let refused = world.master.drain_agent(&unknown, None, false);
    assert_eq!(refused.expect_err("unknown").text, "Unknown agent");
    plan(&mut world);
    let refused = world.master.drain_agent(&agent, None, false);
    assert_eq!(
        refused.expect_err("scheduled").text,
        format!(
            "Agent {agent} is part of a maintenance schedule under Machine LocalHost (127.0.0.1)"
        )
    );
    let mut world = World::new(Config::default());
    let agent = world.agent(1, ALL);
    if let Some(agent) = world.master.agents.get_mut(&agent) {
        agent.capabilities.clear();
    }
    let refused = world.master.drain_agent(&agent, None, false);
    assert_eq!(
        refused.expect_err("incapable").text,
        format!("Agent {agent} is not capable of draining")
    );
}
