//! The order in which a task's processes may run, checked (`apache/thermos/common/planner.py`).

use std::collections::BTreeSet;

use thiserror::Error;

use super::spec::TaskSpec;

/// Why a task cannot be planned. The texts are the original's.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// Orders that contradict each other.
    #[error("Cycles detected in the task schedule!")]
    Cycle,
    /// An order names a process that there is not, or mixes regular and final ones.
    #[error("Invalid process dependencies!")]
    Dependencies,
    /// A daemon never ends.
    #[error("Process {after} may not depend upon daemon process {before}")]
    Daemon {
        /// The process that would wait.
        after: String,
        /// The daemon.
        before: String,
    },
    /// An ephemeral process may never end.
    #[error("Non-ephemeral process {after} may not depend upon ephemeral process {before}")]
    Ephemeral {
        /// The process that would wait.
        after: String,
        /// The ephemeral process.
        before: String,
    },
    /// A name that could not name a file.
    #[error("Invalid process name: {0}")]
    Name(String),
    /// Two processes of one name.
    #[error("Duplicate process name: {0}")]
    Duplicate(String),
}

/// Which processes a plan has, and which each of them waits for. Numbers are places in
/// [`TaskSpec::processes`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The plan's processes, each with those that must have ended well before it starts.
    pub processes: Vec<(usize, BTreeSet<usize>)>,
}

/// A task's two plans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plans {
    /// What the task is there for.
    pub regular: Plan,
    /// What runs after that.
    pub finalizing: Plan,
}

impl Plans {
    /// Plans a task.
    pub fn new(task: &TaskSpec) -> Result<Self, PlanError> {
        let mut names = BTreeSet::new();
        for process in &task.processes {
            if !crate::checkpoint::is_file_name(&process.name) {
                return Err(PlanError::Name(process.name.clone()));
            }
            if !names.insert(&process.name) {
                return Err(PlanError::Duplicate(process.name.clone()));
            }
        }
        Ok(Self {
            regular: plan(task, false)?,
            finalizing: plan(task, true)?,
        })
    }
}

fn plan(task: &TaskSpec, final_: bool) -> Result<Plan, PlanError> {
    let mut processes: Vec<(usize, BTreeSet<usize>)> = task
        .processes
        .iter()
        .enumerate()
        .filter(|(_, process)| process.final_ == final_)
        .map(|(place, _)| (place, BTreeSet::new()))
        .collect();
    for order in &task.constraints {
        let places: Vec<Option<usize>> = order
            .iter()
            .map(|name| {
                task.processes
                    .iter()
                    .position(|process| process.name == *name && process.final_ == final_)
            })
            .collect();
        if places.iter().all(Option::is_none)
            && order.iter().all(|name| task.process(name).is_some())
        {
            continue;
        }
        for pair in places.windows(2) {
            let [Some(before), Some(after)] = pair else {
                return Err(PlanError::Dependencies);
            };
            if let Some((_, waits_for)) = processes.iter_mut().find(|(place, _)| place == after) {
                waits_for.insert(*before);
            }
        }
        if places.iter().any(Option::is_none) {
            return Err(PlanError::Dependencies);
        }
    }
    check(task, &processes)?;
    Ok(Plan { processes })
}

fn check(task: &TaskSpec, processes: &[(usize, BTreeSet<usize>)]) -> Result<(), PlanError> {
    let mut done = BTreeSet::new();
    while done.len() < processes.len() {
        let next: Vec<usize> = processes
            .iter()
            .filter(|(place, waits_for)| !done.contains(place) && waits_for.is_subset(&done))
            .map(|(place, _)| *place)
            .collect();
        if next.is_empty() {
            return Err(PlanError::Cycle);
        }
        done.extend(next);
    }
    for (place, waits_for) in processes {
        for before in waits_for {
            let (Some(after), Some(before)) =
                (task.processes.get(*place), task.processes.get(*before))
            else {
                continue;
            };
            let names = || (after.name.clone(), before.name.clone());
            if before.daemon {
                let (after, before) = names();
                return Err(PlanError::Daemon { after, before });
            }
            if before.ephemeral && !after.ephemeral {
                let (after, before) = names();
                return Err(PlanError::Ephemeral { after, before });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn task(processes: &[(&str, &str)], orders: &[&[&str]]) -> TaskSpec {
        let processes: Vec<Value> = processes
            .iter()
            .map(|(name, flags)| {
                json!({
                    "name": name, "cmdline": "true", "daemon": flags.contains('d'),
                    "ephemeral": flags.contains('e'), "final": flags.contains('f'),
                })
            })
            .collect();
        let constraints: Vec<Value> = orders
            .iter()
            .map(|order| json!({ "order": order }))
            .collect();
        TaskSpec::from_value(
            &json!({"name": "t", "processes": processes, "constraints": constraints}),
        )
        .unwrap()
    }

    #[test]
    fn orders_become_dependencies_of_one_plan() {
        let plans = Plans::new(&task(
            &[("a", ""), ("b", ""), ("c", ""), ("x", "f"), ("y", "f")],
            &[&["a", "b", "c"], &["x", "y"], &["a", "c"], &["b"]],
        ))
        .unwrap();
        assert_eq!(
            plans.regular.processes,
            [
                (0, BTreeSet::new()),
                (1, BTreeSet::from([0])),
                (2, BTreeSet::from([0, 1]))
            ]
        );
        assert_eq!(
            plans.finalizing.processes,
            [(3, BTreeSet::new()), (4, BTreeSet::from([3]))]
        );
    }

    #[test]
    fn impossible_orders_are_refused_as_the_original_words_it() {
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a [&'a str]], &'a str);
        let cases: [Case<'_>; 10] = [
            (
                &[("a", ""), ("b", "")],
                &[&["a", "b"], &["b", "a"]],
                "Cycles detected in the task schedule!",
            ),
            (
                &[("a", "")],
                &[&["a", "a"]],
                "Cycles detected in the task schedule!",
            ),
            (
                &[("a", "")],
                &[&["a", "z"]],
                "Invalid process dependencies!",
            ),
            (&[("a", "")], &[&["z"]], "Invalid process dependencies!"),
            (
                &[("a", ""), ("f", "f")],
                &[&["a", "f"]],
                "Invalid process dependencies!",
            ),
            (
                &[("a", "d"), ("b", "")],
                &[&["a", "b"]],
                "Process b may not depend upon daemon process a",
            ),
            (
                &[("a", "e"), ("b", "")],
                &[&["a", "b"]],
                "Non-ephemeral process b may not depend upon ephemeral process a",
            ),
            (&[("a/b", "")], &[], "Invalid process name: a/b"),
            (&[(".a", "")], &[], "Invalid process name: .a"),
            (&[("a", ""), ("a", "")], &[], "Duplicate process name: a"),
        ];
        for (processes, orders, want) in cases {
            assert_eq!(
                Plans::new(&task(processes, orders))
                    .unwrap_err()
                    .to_string(),
                want
            );
        }
        assert!(Plans::new(&task(&[("a", "e"), ("b", "e")], &[&["a", "b"]])).is_ok());
    }
}
