//! What the agent lends, as the master hears of it.

use mesos_proto::messages::UpdateSlaveMessage;
use mesos_wire::resources::{Format, Resources, parse};

use super::*;

/// These resources, which may be taken back.
fn lent(text: &str) -> Resources {
    let mut all = parse(text, "*").expect("resources").to_protos(Format::Post);
    for resource in &mut all {
        resource.revocable.mut_or_insert_default();
    }
    Resources::from_protos(&all).expect("resources")
}

fn lends(text: &str) -> Config {
    Config {
        oversubscription: Some(Oversubscription {
            resources: lent(text),
            interval: Duration::from_secs(15),
        }),
        ..config()
    }
}

/// What the master is told is lent, in each message that says so.
fn heard(effects: &[Effect]) -> Vec<String> {
    let messages = sent::<UpdateSlaveMessage>(effects).into_iter();
    let said = messages.filter(UpdateSlaveMessage::update_oversubscribed_resources);
    said.map(|message| {
        let all = Resources::from_protos(&message.oversubscribed_resources);
        all.expect("resources").to_string()
    })
    .collect()
}

fn registered(model: &mut Model, seconds: f64) -> Vec<String> {
    model.registered(at(seconds), &master(), AGENT, None, Registered::New);
    heard(&model.take_effects())
}

#[test]
fn a_master_hears_of_it_when_it_takes_the_agent_in_and_not_again() {
    let mut model = detected_with(lends("cpus:3;mem:512"));
    assert_eq!(registered(&mut model, 1.0), ["cpus{REV}:3; mem{REV}:512"]);
    for seconds in [15.0, 30.0, 45.0] {
        let due = model.next_deadline().expect("an estimate is due");
        assert!(due <= at(seconds).at, "{due:?}");
        model.tick(at(seconds));
        assert!(heard(&model.take_effects()).is_empty(), "nothing is new");
    }
    model.pinged(at(50.0), master(), false);
    model.take_effects();
    assert_eq!(
        registered(&mut model, 51.0).len(),
        1,
        "it is in the agent's next word as well"
    );
}

#[test]
fn without_an_estimator_nothing_is_said() {
    let mut model = detected();
    assert!(registered(&mut model, 1.0).is_empty());
    assert!(model.oversubscribed().is_empty());
}

#[test]
fn what_a_task_uses_counts_as_lent_even_if_less_is_lent_now() {
    let mut model = detected_with(lends("cpus:3"));
    registered(&mut model, 1.0);
    let mut message = run("t", Some("e"));
    let used = lent("cpus:4").allocated("*").to_protos(Format::Post);
    message.task.as_mut().expect("a task").resources = used;
    model.run_task(at(2.0), message);
    model.take_effects();
    model.tick(at(15.0));
    assert_eq!(heard(&model.take_effects()), ["cpus{REV}:4"]);
    // A part of it in use changes nothing in all.
    let mut model = detected_with(lends("cpus:3"));
    registered(&mut model, 1.0);
    let mut message = run("t", Some("e"));
    let used = lent("cpus:1").allocated("*").to_protos(Format::Post);
    message.task.as_mut().expect("a task").resources = used;
    model.run_task(at(2.0), message);
    model.take_effects();
    model.tick(at(15.0));
    assert!(heard(&model.take_effects()).is_empty());
}

#[test]
fn a_container_is_told_that_its_cpus_are_lent() {
    let is_lent = |cpus: Resources| {
        let mut model = running();
        let mut message = run("t", Some("e"));
        message.task.as_mut().expect("a task").resources =
            cpus.allocated("*").to_protos(Format::Post);
        model.run_task(at(2.0), message);
        let effects = model.take_effects();
        let share = effects.iter().rev().find_map(|effect| match effect {
            Effect::Resize(_, share) => Some(*share),
            _ => None,
        });
        share.expect("a share").is_lent
    };
    assert!(is_lent(lent("cpus:1")));
    assert!(!is_lent(parse("cpus:1", "*").expect("resources")));
}
