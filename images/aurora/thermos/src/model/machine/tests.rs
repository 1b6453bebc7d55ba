//! Tasks run against a simulated world: scripted ends, and a clock that jumps to the next event.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// How one run of a process goes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    /// Ends by itself after so many seconds with this status.
    Ends(f64, i32),
    /// Ends only when asked to.
    OnTerm,
    /// Ends only when killed.
    Stubborn,
    /// Its coordinator vanishes after so many seconds.
    Vanishes(f64),
}

/// Plays the runner's part for a machine.
struct World {
    machine: Machine,
    fates: BTreeMap<String, Vec<Fate>>,
    now: f64,
    /// When the current run of a process ends, and how; `None` as the end is "not by itself".
    running: BTreeMap<String, (Option<f64>, Fate)>,
    records: Vec<Record>,
    started: Vec<String>,
    most_at_once: usize,
    end: Option<TaskState>,
}

impl World {
    fn new(task: Value, fates: &[(&str, &[Fate])]) -> Self {
        let task = TaskSpec::from_value(&task).unwrap();
        let machine = Machine::new(task, Owner { pid: 1, uid: 0 }, Some(100)).unwrap();
        let mut world = Self {
            machine,
            fates: fates.iter().map(|(name, fates)| (name.to_string(), fates.to_vec())).collect(),
            now: 1000.0,
            running: BTreeMap::new(),
            records: Vec::new(),
            started: Vec::new(),
            most_at_once: 0,
            end: None,
        };
        let actions = world.machine.begin(RunnerHeader { task_id: "t".into(), ..Default::default() }, 1000.0);
        world.act(actions);
        world
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Append(record) => self.records.push(record),
                Action::Launch { process, seq, run } => {
                    let fates = self.fates.get(&process).cloned().unwrap_or_default();
                    let fate = fates.get(run).or(fates.last()).copied().unwrap_or(Fate::Ends(1.0, 0));
                    self.started.push(format!("{process}:{run}"));
                    for (seq, state) in [(seq, ProcessState::Forked), (seq + 1, ProcessState::Running)] {
                        let mut status = ProcessStatus::new(&process, seq, state);
                        status.fork_time = Some(self.now);
                        let next = self.machine.observe(&status, self.now);
                        self.act(next);
                    }
                    let at = match fate {
                        Fate::Ends(after, _) | Fate::Vanishes(after) => Some(self.now + after),
                        Fate::OnTerm | Fate::Stubborn => None,
                    };
                    self.running.insert(process, (at, fate));
                    self.most_at_once = self.most_at_once.max(self.running.len());
                }
                Action::Terminate(runs) => {
                    for run in runs {
                        if let Some((at, fate)) = self.running.get_mut(&run.process)
                            && *fate != Fate::Stubborn
                        {
                            *at = Some(self.now);
                            *fate = Fate::Ends(0.0, -15);
                        }
                    }
                }
                Action::Destroy(run) => {
                    let found = self.running.remove(&run.process).is_some();
                    let next = self.machine.destroyed(&run.process, found, self.now);
                    self.act(next);
                }
                Action::DestroyOrphans => {}
                Action::Finish(state) => {
                    assert_eq!(self.end, None, "ended twice");
                    self.end = Some(state);
                }
            }
        }
    }

    /// Ends what is due; whether anything was.
    fn ends(&mut self) -> bool {
        let due = self.running.iter().find(|(_, (at, _))| at.is_some_and(|at| at <= self.now));
        let Some((process, fate)) = due.map(|(process, (_, fate))| (process.clone(), *fate)) else {
            return false;
        };
        self.running.remove(&process);
        let next = match fate {
            Fate::Ends(_, code) => {
                let state = match code {
                    0 => ProcessState::Success,
                    1.. => ProcessState::Failed,
                    _ => ProcessState::Killed,
                };
                let mut status = ProcessStatus::new(&process, self.machine.history().next_seq(&process), state);
                status.stop_time = Some(self.now);
                status.return_code = Some(code);
                self.machine.observe(&status, self.now)
            }
            _ => self.machine.lost(&process, self.now),
        };
        self.act(next);
        true
    }

    /// Runs to the end, or until `until`.
    fn run_until(&mut self, until: f64) {
        for _ in 0..20_000 {
            while self.ends() {}
            let actions = self.machine.step(self.now, false);
            let idle = actions.is_empty();
            self.act(actions);
            if self.machine.is_finished() {
                return;
            }
            if !idle {
                continue;
            }
            let due = self.running.values().filter_map(|(at, _)| *at);
            let next = due.chain(self.machine.wake_at(self.now)).reduce(f64::min);
            let Some(next) = next.filter(|next| *next <= until) else {
                self.now = until;
                return;
            };
            self.now = next.max(self.now + 1e-6);
        }
        panic!("no end in sight: {:?}", self.records);
    }

    fn run(mut self) -> Self {
        self.run_until(1e9);
        self
    }

    fn states(&self) -> String {
        let states: Vec<String> = self.machine.history().statuses.iter().map(|s| s.state.to_string()).collect();
        states.join(" ")
    }
}

fn process(name: &str, more: Value) -> Value {
    let mut value = json!({"name": name, "cmdline": "c", "min_duration": 1});
    value.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    value
}

#[test]
fn tasks_end_as_their_processes_do() {
    let ok = Fate::Ends(1.0, 0);
    let bad = Fate::Ends(1.0, 1);
    let three = || json!([process("a", json!({})), process("b", json!({})), process("c", json!({"final": true}))]);
    let order = json!([{"order": ["a", "b"]}]);
    type Case = (&'static str, Value, Vec<(&'static str, Vec<Fate>)>, TaskState, &'static str);
    let cases: Vec<Case> = vec![
        ("in order", json!({"processes": three(), "constraints": order}), vec![], TaskState::Success, "a:0 b:0 c:0"),
        ("side by side", json!({"processes": three()}), vec![], TaskState::Success, "a:0 b:0 c:0"),
        ("the first fails", json!({"processes": three(), "constraints": order}), vec![("a", vec![bad])], TaskState::Failed, "a:0 c:0"),
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
        ("lost once", json!({"processes": [process("a", json!({}))]}), vec![("a", vec![Fate::Vanishes(1.0), ok])], TaskState::Success, "a:0 a:1"),
        ("one at a time", json!({"processes": three(), "max_concurrency": 1}), vec![], TaskState::Success, "a:0 b:0 c:0"),
        ("nothing to do", json!({"name": "t", "processes": []}), vec![], TaskState::Success, ""),
        (
            "a final that fails changes nothing",
            json!({"processes": three()}),
            vec![("c", vec![bad])],
            TaskState::Success,
            "a:0 b:0 c:0",
        ),
    ];
    for (name, task, fates, want, started) in cases {
        let fates: Vec<(&str, &[Fate])> = fates.iter().map(|(name, fates)| (*name, fates.as_slice())).collect();
        let world = World::new(task, &fates).run();
        assert_eq!(world.end, Some(want), "case `{name}`");
        assert_eq!(world.started.join(" "), started, "case `{name}`");
        assert_eq!(world.states(), format!("ACTIVE CLEANING FINALIZING {want}"), "case `{name}`");
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
    assert_eq!((run.state, run.return_code), (ProcessState::Killed, Some(-1)));
}

#[test]
fn a_kill_cleans_up_finalizes_and_ends_as_killed() {
    let task = json!({"processes": [process("a", json!({})), process("f", json!({"final": true}))]});
    let mut world = World::new(task.clone(), &[("a", &[Fate::OnTerm])]);
    world.run_until(1010.0);
    assert_eq!(world.machine.state(), TaskState::Active);
    let actions = world.machine.request(Request::Kill, world.now);
    world.act(actions);
    let world = world.run();
    assert_eq!(world.states(), "ACTIVE CLEANING FINALIZING KILLED");
    assert_eq!(world.started, ["a:0", "f:0"]);

    let mut stubborn = World::new(task, &[("a", &[Fate::Stubborn])]);
    stubborn.run_until(1010.0);
    let actions = stubborn.machine.request(Request::Kill, stubborn.now);
    stubborn.act(actions);
    let stubborn = stubborn.run();
    assert_eq!(stubborn.states(), "ACTIVE CLEANING KILLED");
    assert!((stubborn.now - 1070.0).abs() < 0.1, "{}", stubborn.now);
}

#[test]
fn a_lost_task_ends_at_once() {
    let task = json!({"processes": [process("a", json!({})), process("f", json!({"final": true}))]});
    let mut world = World::new(task, &[("a", &[Fate::OnTerm])]);
    world.run_until(1010.0);
    let actions = world.machine.request(Request::Lose, world.now);
    world.act(actions);
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
    assert!(matches!(actions.as_slice(), [Action::Destroy(run)] if run.process == "a"), "{actions:?}");
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
    assert!(matches!(actions.as_slice(), [Action::Append(_), Action::Terminate(runs)] if runs.len() == 1), "{actions:?}");
}

#[test]
fn orphans_hold_up_the_final_processes() {
    let task = TaskSpec::from_value(&json!({"processes": [], "name": "t", "finalization_wait": 10})).unwrap();
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
        &std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/flaky/checkpoint/runner"),
    )
    .unwrap();
    let task: Value = serde_json::from_str(include_str!("../../../tests/data/flaky/task.json")).unwrap();
    let task = TaskSpec::from_value(&task).unwrap();
    // Up to the failed run: it waits for its second.
    let mut machine = Machine::new(task.clone(), Owner { pid: 9, uid: 0 }, None).unwrap();
    let actions = machine.recover(&records[..7], 1_795_261_662.0);
    assert!(matches!(actions.as_slice(), [Action::Append(Record::Task(status))] if status.state == TaskState::Active && status.runner_pid == 9));
    assert!(machine.step(1_795_261_662.0, false).is_empty());
    let actions = machine.step(1_795_261_663.0, false);
    assert!(actions.contains(&Action::Launch { process: "flaky".into(), run: 1, seq: 5 }), "{actions:?}");
    // The whole of it: nothing is left to do.
    let mut machine = Machine::new(task, Owner { pid: 9, uid: 0 }, None).unwrap();
    assert!(machine.recover(&records, 1_795_261_700.0).is_empty());
    assert!(machine.is_finished());
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => (0.0..5.0f64).prop_map(|after| Fate::Ends(after, 0)),
        2 => (0.0..5.0f64).prop_map(|after| Fate::Ends(after, 1)),
        1 => (0.0..5.0f64).prop_map(|after| Fate::Ends(after, -9)),
        1 => (0.0..5.0f64).prop_map(Fate::Vanishes),
    ]
}

proptest! {
    /// Whatever processes do: orders hold, no more run at once than may, final ones run last, the
    /// task ends, and what was written replays into what was thought.
    #[test]
    fn every_task_ends_and_keeps_its_promises(
        flags in proptest::collection::vec((0..3u32, any::<bool>(), 0..4u64, 0..8u8), 1..6),
        fates in proptest::collection::vec(proptest::collection::vec(fate(), 1..4), 6),
        ordered in any::<bool>(),
        max_concurrency in 0..3u32,
        max_failures in 0..3u32,
        kill_at in proptest::option::of(0.0..30.0f64),
    ) {
        let processes: Vec<Value> = flags.iter().enumerate().map(|(i, (failures, ephemeral, min, final_))| {
            json!({"name": format!("p{i}"), "cmdline": "c", "max_failures": failures,
                   "ephemeral": *ephemeral && !ordered, "min_duration": min, "final": *final_ == 0})
        }).collect();
        let names: Vec<String> = processes.iter().filter(|p| p["final"] == false)
            .map(|p| p["name"].as_str().unwrap().to_string()).collect();
        let constraints = if ordered { json!([{"order": names}]) } else { json!([]) };
        let task = json!({"name": "t", "processes": processes, "constraints": constraints,
                          "max_concurrency": max_concurrency, "max_failures": max_failures});
        let fates: Vec<(String, Vec<Fate>)> = fates.into_iter().enumerate().map(|(i, f)| (format!("p{i}"), f)).collect();
        let fates: Vec<(&str, &[Fate])> = fates.iter().map(|(n, f)| (n.as_str(), f.as_slice())).collect();
        let mut world = World::new(task, &fates);
        if let Some(at) = kill_at {
            world.run_until(1000.0 + at);
            let actions = world.machine.request(Request::Kill, world.now);
            world.act(actions);
        }
        let world = world.run();
        prop_assert!(world.end.is_some());
        prop_assert!(world.running.is_empty());
        if max_concurrency > 0 {
            prop_assert!(world.most_at_once <= max_concurrency as usize);
        }
        let history = TaskHistory::replay(&world.records);
        prop_assert_eq!(&history, world.machine.history());
        prop_assert_eq!(history.state(), world.end);
        let mut finished = BTreeSet::new();
        let mut stage = TaskState::Active;
        for record in &world.records {
            match record {
                Record::Task(status) => stage = status.state,
                Record::Process(status) => {
                    let place = names.iter().position(|name| *name == status.process);
                    if status.state == ProcessState::Waiting {
                        prop_assert_eq!(stage, if place.is_some() { TaskState::Active } else { TaskState::Finalizing });
                        if ordered && let Some(before) = place.and_then(|place| place.checked_sub(1)) {
                            prop_assert!(finished.contains(&names[before]));
                        }
                    }
                    if status.state == ProcessState::Success {
                        finished.insert(status.process.clone());
                    }
                }
                Record::Header(_) => {}
            }
        }
        if world.end == Some(TaskState::Success) && max_failures == 1 {
            for (i, (_, ephemeral, _, final_)) in flags.iter().enumerate() {
                if *final_ != 0 && !(*ephemeral && !ordered) {
                    let name = format!("p{i}");
                    prop_assert!(finished.contains(&name), "{} did not succeed", name);
                }
            }
        }
    }
}
