//! Any sequence of events: what must hold whatever happens.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Run(u8),
    Subscribe(u8),
    Report(u8, bool),
    Kill(u8),
    Exit(u8),
    LoseMaster,
    Tick(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..12u8).prop_map(Step::Run),
        (0..12u8).prop_map(Step::Subscribe),
        (0..12u8, any::<bool>()).prop_map(|(task, end)| Step::Report(task, end)),
        (0..4u8).prop_map(Step::Kill),
        (0..12u8).prop_map(Step::Exit),
        Just(Step::LoseMaster),
        (0..100u16).prop_map(Step::Tick),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    /// Whatever happens: once every executor is gone and the master acknowledges all, each task that
    /// was accepted has had exactly one last word, and nothing is left.
    #[test]
    fn every_task_has_one_end_and_nothing_is_left(steps in steps()) {
        let mut model = running();
        let mut clock = 2.0;
        let mut accepted = std::collections::BTreeSet::new();
        let mut generation = 0;
        for step in steps {
            clock += 0.01;
            let now = at(clock);
            match step {
                Step::Run(n) => {
                    // Each run of an executor has a task of its own.
                    generation += 1;
                    let id = format!("t{generation}");
                    model.run_task(now, run(&id, Some(&format!("e{n}"))));
                    accepted.insert(id);
                }
                Step::Subscribe(n) => {
                    let _ = model.subscribe(now, ("F", &format!("e{n}")), Link::Http(u64::from(n)), &[], Vec::new());
                }
                Step::Report(n, end) => {
                    let executor = format!("e{n}");
                    let task = model.executors().find(|(_, e)| e.id() == executor && e.state == ExecutorState::Running)
                        .and_then(|(_, e)| e.launched.keys().next().cloned());
                    if let Some(task) = task {
                        let state = if end { TaskState::TASK_FINISHED } else { TaskState::TASK_RUNNING };
                        model.executor_update(now, update(&task, &executor, state));
                    }
                }
                Step::Kill(n) => model.kill_task(now, kill(&format!("t{n}"))),
                Step::Exit(n) => {
                    let executor = format!("e{n}");
                    let container = model.executors().find(|(_, e)| e.id() == executor).map(|(_, e)| e.container_id.clone());
                    if let Some(container) = container {
                        model.container_exited(now, &container, Some(0));
                    }
                }
                Step::LoseMaster => {
                    model.master_detected(now, None);
                    model.master_detected(now, Some(Master { id: "M".into(), pid: master(), hostname: "m".into() }));
                }
                Step::Tick(seconds) => {
                    clock += f64::from(seconds);
                    model.tick(at(clock));
                }
            }
        }
        for container in model.executors().map(|(_, e)| e.container_id.clone()).collect::<Vec<_>>() {
            model.container_exited(at(clock), &container, None);
        }
        model.take_effects();
        clock += 1.0;
        model.registered(at(clock), &master(), AGENT, None, Registered::Again(Vec::new()));
        // Whatever is under way is lost; all of it is sent again.
        model.take_effects();
        model.streams.resume(at(clock).at, None);
        model.tick(at(clock));
        let mut ends: std::collections::BTreeMap<String, u32> = std::collections::BTreeMap::new();
        loop {
            let messages: Vec<StatusUpdateMessage> = sent(&model.take_effects());
            if messages.is_empty() { break; }
            for message in messages {
                let update = message.update.clone().unwrap();
                if is_terminal(update.status.state()) {
                    *ends.entry(update.status.task_id.value().to_string()).or_default() += 1;
                }
                acknowledge(&mut model, at(clock), &update);
            }
        }
        for (task, count) in &ends {
            prop_assert!(*count == 1, "task {} ended {} times", task, count);
        }
        // Kills of tasks that never were are answered, too; none that was accepted is forgotten.
        for task in &accepted {
            prop_assert!(ends.contains_key(task), "task {} has no end", task);
        }
        prop_assert_eq!(model.executors().count(), 0);
        prop_assert_eq!(model.frameworks().count(), 0);
        prop_assert_eq!(model.streams.next_deadline(), None);
    }
}
