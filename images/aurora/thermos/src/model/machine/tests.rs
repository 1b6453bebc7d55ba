//! Tasks run against a simulated world.

mod judge;
mod random;
mod world;

use serde_json::{Value, json};

use super::*;
use world::{Fate, World};

fn process(name: &str, more: Value) -> Value {
    let mut value = json!({"name": name, "cmdline": "c", "min_duration": 1});
    value
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().cloned().unwrap_or_default());
    value
}

#[test]
fn tasks_end_as_their_processes_do() {
    let ok = Fate::Ends(1.0, 0);
    let bad = Fate::Ends(1.0, 1);
    let three = || {
        json!([
            process("a", json!({})),
            process("b", json!({})),
            process("c", json!({"final": true}))
        ])
    };
    let order = json!([{"order": ["a", "b"]}]);
    type Case = (
        &'static str,
        Value,
        Vec<(&'static str, Vec<Fate>)>,
        TaskState,
        &'static str,
    );
    let cases: Vec<Case> = vec![
        (
            "in order",
            json!({"processes": three(), "constraints": order}),
            vec![],
            TaskState::Success,
            "a:0 b:0 c:0",
        ),
        (
            "side by side",
            json!({"processes": three()}),
            vec![],
            TaskState::Success,
            "a:0 b:0 c:0",
        ),
        (
            "the first fails",
            json!({"processes": three(), "constraints": order}),
            vec![("a", vec![bad])],
            TaskState::Failed,
            "a:0 c:0",
        ),
        (
            "a failure allowed",
            json!({"processes": three(), "max_failures": 2}),
            vec![("a", vec![bad])],
            TaskState::Success,
            "a:0 b:0 c:0",
        ),
        (
            "a failure allowed, but another waits for it",
            json!({"processes": three(), "max_failures": 2, "constraints": order}),
            vec![("a", vec![bad])],
            TaskState::Failed,
            "a:0 c:0",
        ),
        (
            "again after a failure",
            json!({"processes": [process("a", json!({"max_failures": 3}))]}),
            vec![("a", vec![bad, bad, ok])],
            TaskState::Success,
            "a:0 a:1 a:2",
        ),
        (
            "no failures counted",
            json!({"processes": [process("a", json!({"max_failures": 0}))], "max_failures": 0}),
            vec![("a", vec![bad, bad, bad, ok])],
            TaskState::Success,
            "a:0 a:1 a:2 a:3",
        ),
        (
            "an ephemeral is asked to end",
            json!({"processes": [process("a", json!({})), process("e", json!({"ephemeral": true}))]}),
            vec![("e", vec![Fate::OnTerm])],
            TaskState::Success,
            "a:0 e:0",
        ),
        (
            "an ephemeral daemon runs on until then",
            json!({"processes": [process("a", json!({})), process("e", json!({"ephemeral": true, "daemon": true, "min_duration": 0}))]}),
            vec![("a", vec![Fate::Ends(2.5, 0)]), ("e", vec![ok])],
            TaskState::Success,
            "a:0 e:0 e:1 e:2",
        ),
        (
            "lost once",
            json!({"processes": [process("a", json!({}))]}),
            vec![("a", vec![Fate::Vanishes(1.0), ok])],
            TaskState::Success,
            "a:0 a:1",
        ),
        (
            "one at a time",
            json!({"processes": three(), "max_concurrency": 1}),
            vec![],
            TaskState::Success,
            "a:0 b:0 c:0",
        ),
        (
            "nothing to do",
            json!({"name": "t", "processes": []}),
            vec![],
            TaskState::Success,
            "",
        ),
        (
            "a final that fails changes nothing",
            json!({"processes": three()}),
            vec![("c", vec![bad])],
            TaskState::Success,
            "a:0 b:0 c:0",
        ),
    ];
    for (name, task, fates, want, started) in cases {
        let fates: Vec<(&str, &[Fate])> = fates
            .iter()
            .map(|(name, fates)| (*name, fates.as_slice()))
            .collect();
        let world = World::new(task, &fates).run();
        assert_eq!(world.end, Some(want), "case `{name}`");
        assert_eq!(world.started.join(" "), started, "case `{name}`");
        assert_eq!(
            world.states(),
            format!("ACTIVE CLEANING FINALIZING {want}"),
            "case `{name}`"
        );
    }
}

#[test]
fn what_does_not_end_when_asked_is_killed_after_the_wait() {
    let task = json!({
        "finalization_wait": 7,
        "processes": [process("a", json!({})), process("e", json!({"ephemeral": true})), process("f", json!({"final": true}))],
    });
    let world = World::new(task, &[("e", &[Fate::Stubborn])]).run();
    // The time is over then, so that the final process does not run.
    assert_eq!(world.states(), "ACTIVE CLEANING SUCCESS");
    assert_eq!(world.started, ["a:0", "e:0"]);
    assert!((world.now - 1008.0).abs() < 0.1, "{}", world.now);
    let run = &world.machine.history().runs("e")[0];
    assert_eq!(
        (run.state, run.return_code),
        (ProcessState::Killed, Some(-1))
    );
}

#[test]
fn a_kill_cleans_up_finalizes_and_ends_as_killed() {
    let task =
        json!({"processes": [process("a", json!({})), process("f", json!({"final": true}))]});
    let mut world = World::new(task.clone(), &[("a", &[Fate::OnTerm])]);
    world.run_until(1010.0);
    assert_eq!(world.machine.state(), TaskState::Active);
    world.request(Request::Kill);
    let world = world.run();
    assert_eq!(world.states(), "ACTIVE CLEANING FINALIZING KILLED");
    assert_eq!(world.started, ["a:0", "f:0"]);

    let mut stubborn = World::new(task, &[("a", &[Fate::Stubborn])]);
    stubborn.run_until(1010.0);
    stubborn.request(Request::Kill);
    let stubborn = stubborn.run();
    assert_eq!(stubborn.states(), "ACTIVE CLEANING KILLED");
    assert!((stubborn.now - 1070.0).abs() < 0.1, "{}", stubborn.now);
}

#[test]
fn a_lost_task_ends_at_once() {
    let task =
        json!({"processes": [process("a", json!({})), process("f", json!({"final": true}))]});
    let mut world = World::new(task, &[("a", &[Fate::OnTerm])]);
    world.run_until(1010.0);
    world.request(Request::Lose);
    let world = world.run();
    assert_eq!(world.end, Some(TaskState::Lost));
    assert_eq!(world.started, ["a:0"]);
}

#[test]
fn a_coordinator_that_starts_nothing_is_given_up() {
    let task = TaskSpec::from_value(&json!({"processes": [process("a", json!({}))]})).unwrap();
    let mut machine = Machine::new(task, Owner { pid: 1, uid: 0 }, None).unwrap();
    machine.begin(RunnerHeader::default(), 0.0);
    machine.step(0.0, false);
    let mut forked = ProcessStatus::new("a", 1, ProcessState::Forked);
    forked.fork_time = Some(0.0);
    machine.observe(&forked, 0.0);
    assert_eq!(machine.wake_at(1.0), Some(60.0));
    assert!(machine.step(59.0, false).is_empty());
    let actions = machine.step(60.0, false);
    assert!(
        matches!(actions.as_slice(), [Action::Destroy(run)] if run.process == "a"),
        "{actions:?}"
    );
    machine.destroyed("a", true, 60.0);
    assert_eq!(machine.history().runs("a")[0].state, ProcessState::Lost);
}

#[test]
fn a_process_that_was_being_started_is_asked_to_end_as_well() {
    let task = TaskSpec::from_value(&json!({"processes": [process("a", json!({}))]})).unwrap();
    let mut machine = Machine::new(task, Owner { pid: 1, uid: 0 }, None).unwrap();
    machine.begin(RunnerHeader::default(), 0.0);
    machine.step(0.0, false);
    machine.observe(&ProcessStatus::new("a", 1, ProcessState::Forked), 0.0);
    machine.request(Request::Kill, 0.1);
    let actions = machine.observe(&ProcessStatus::new("a", 2, ProcessState::Running), 0.2);
    assert!(
        matches!(actions.as_slice(), [Action::Append(_), Action::Terminate(runs)] if runs.len() == 1),
        "{actions:?}"
    );
}

/// A runner that dies as soon as it has written any one record leaves nothing undone.
#[test]
fn a_runner_may_die_after_any_record() {
    let all = |name: &str, more: Value| {
        let mut process = process(
            name,
            json!({"max_failures": 2, "daemon": false, "ephemeral": false, "final": false}),
        );
        let more = more.as_object().cloned().unwrap_or_default();
        process.as_object_mut().unwrap().extend(more);
        process
    };
    let task = json!({
        "name": "t", "max_concurrency": 0, "max_failures": 1, "finalization_wait": 30,
        "constraints": [{"order": ["a", "b"]}, {"order": ["f", "g"]}],
        "processes": [
            all("a", json!({})), all("b", json!({})), all("e", json!({"ephemeral": true})),
            all("f", json!({"final": true})), all("g", json!({"final": true})),
        ],
    });
    let fates: &[(&str, &[Fate])] = &[
        ("b", &[Fate::Ends(2.0, 1), Fate::Ends(2.0, 0)]),
        ("e", &[Fate::OnTerm]),
        ("f", &[Fate::Ends(3.0, 0)]),
    ];
    let undisturbed = World::new(task.clone(), fates).run();
    for dies_at in 1..=undisturbed.records.len() {
        for down in [0.0, 1.5, 20.0] {
            let world = World::with_deaths(task.clone(), fates, vec![(dies_at, down)]).run();
            let told = world.told();
            let judged = judge::Judge::new(&task).follow(&world);
            assert_eq!(judged, Ok(()), "dies at {dies_at} for {down}\n{told}");
            let state = world.machine.history().state();
            assert_eq!(
                state,
                Some(TaskState::Success),
                "dies at {dies_at} for {down}\n{told}"
            );
            assert!(world.machine.history().header.is_some(), "{told}");
            // Nothing runs more often than it would have without the death.
            let mut started = world.started;
            started.sort_unstable();
            assert_eq!(
                started,
                ["a:0", "b:0", "b:1", "e:0", "f:0", "g:0"],
                "{told}"
            );
        }
    }
}

#[test]
fn orphans_hold_up_the_final_processes() {
    let task =
        TaskSpec::from_value(&json!({"processes": [], "name": "t", "finalization_wait": 10}))
            .unwrap();
    let mut machine = Machine::new(task, Owner { pid: 1, uid: 0 }, None).unwrap();
    machine.begin(RunnerHeader::default(), 0.0);
    machine.step(0.0, true);
    assert_eq!(machine.state(), TaskState::Cleaning);
    machine.step(5.0, true);
    assert_eq!(machine.state(), TaskState::Cleaning);
    machine.step(6.0, false);
    assert_eq!(machine.state(), TaskState::Success);
}

#[test]
fn the_originals_recording_is_taken_over() {
    let records = crate::checkpoint::read_all(
        &std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data/flaky/checkpoint/runner"),
    )
    .unwrap();
    let task: Value =
        serde_json::from_str(include_str!("../../../tests/data/flaky/task.json")).unwrap();
    let task = TaskSpec::from_value(&task).unwrap();
    // Up to the failed run: it waits for its second. The other process was only about to be started.
    let mut machine = Machine::new(task.clone(), Owner { pid: 9, uid: 0 }, None).unwrap();
    let actions = machine.recover(&records[..7], None, 1_795_261_662.0);
    assert!(
        matches!(actions.as_slice(), [Action::Append(Record::Task(status))] if status.state == TaskState::Active && status.runner_pid == 9)
    );
    let side = Action::Launch {
        process: "side".into(),
        run: 0,
        seq: 1,
    };
    assert_eq!(machine.step(1_795_261_662.0, false), [side]);
    assert!(machine.step(1_795_261_662.0, false).is_empty());
    let actions = machine.step(1_795_261_663.0, false);
    assert!(
        actions.contains(&Action::Launch {
            process: "flaky".into(),
            run: 1,
            seq: 5
        }),
        "{actions:?}"
    );
    // The whole of it: nothing is left to do.
    let mut machine = Machine::new(task, Owner { pid: 9, uid: 0 }, None).unwrap();
    assert!(machine.recover(&records, None, 1_795_261_700.0).is_empty());
    assert!(machine.is_finished());
}
