//! One plan at work: which of its processes may start, and which are done with.

use crate::task::{Plan, TaskSpec};

/// Where a process stands in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Idle,
    Running,
    Finished,
    Failed,
}

#[derive(Debug, Clone)]
struct Member {
    name: String,
    waits_for: Vec<usize>,
    max_failures: u32,
    daemon: bool,
    ephemeral: bool,
    min_duration: f64,
    standing: Standing,
    failures: u32,
    runs: u32,
    last_end: Option<f64>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Success,
    Failure,
    /// Killed or lost: no fault of its own.
    Lost,
}

/// A plan and how far it has come. Times are seconds since 1970.
#[derive(Debug, Clone)]
pub struct Planner {
    members: Vec<Member>,
    run_limit: Option<u32>,
}

impl Planner {
    /// A plan of which nothing has run.
    pub fn new(task: &TaskSpec, plan: &Plan, run_limit: Option<u32>) -> Self {
        let place_of =
            |wanted: &usize| plan.processes.iter().position(|(place, _)| place == wanted);
        let members = plan
            .processes
            .iter()
            .filter_map(|(place, waits_for)| {
                let spec = task.processes.get(*place)?;
                Some(Member {
                    name: spec.name.clone(),
                    waits_for: waits_for.iter().filter_map(place_of).collect(),
                    max_failures: spec.max_failures,
                    daemon: spec.daemon,
                    ephemeral: spec.ephemeral,
                    #[expect(clippy::cast_precision_loss, reason = "no wait is that long")]
                    min_duration: spec.min_duration as f64,
                    standing: Standing::Idle,
                    failures: 0,
                    runs: 0,
                    last_end: None,
                })
            })
            .collect();
        Self { members, run_limit }
    }

    /// Whether the process belongs to this plan.
    pub fn has(&self, process: &str) -> bool {
        self.members.iter().any(|member| member.name == process)
    }

    /// The processes that may start now, in the task's order.
    pub fn runnable(&self, now: f64) -> Vec<String> {
        self.ready()
            .filter(|member| member.wait(now) <= 0.0)
            .map(|member| member.name.clone())
            .collect()
    }

    /// How long until one more process may start: 0 where one may now, `None` where none is only
    /// waiting for its time.
    pub fn min_wait(&self, now: f64) -> Option<f64> {
        self.ready()
            .map(|member| member.wait(now).max(0.0))
            .reduce(f64::min)
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.count(Standing::Running)
    }

    /// How many have failed for good.
    pub fn failed(&self) -> usize {
        self.count(Standing::Failed)
    }

    /// Whether every process that keeps the plan alive is done with.
    pub fn is_complete(&self) -> bool {
        self.members
            .iter()
            .filter(|member| !member.ephemeral)
            .all(|member| matches!(member.standing, Standing::Finished | Standing::Failed))
    }

    /// Whether the plan is incomplete and nothing in it runs or ever will.
    pub fn is_deadlocked(&self) -> bool {
        !self.is_complete() && self.running() == 0 && self.ready().next().is_none()
    }

    /// A run has been started.
    pub fn started(&mut self, process: &str) {
        if let Some(member) = self.member(process) {
            member.standing = Standing::Running;
        }
    }

    /// A run has ended.
    pub(crate) fn ended(&mut self, process: &str, end: End, at: f64) {
        let run_limit = self.run_limit;
        let Some(member) = self.member(process) else {
            return;
        };
        member.last_end = Some(at);
        member.runs = member.runs.saturating_add(1);
        member.standing = match end {
            End::Success if !member.daemon => Standing::Finished,
            End::Success | End::Lost => Standing::Idle,
            End::Failure => {
                member.failures = member.failures.saturating_add(1);
                if member.max_failures == 0 || member.failures < member.max_failures {
                    Standing::Idle
                } else if member.ephemeral {
                    Standing::Finished
                } else {
                    Standing::Failed
                }
            }
        };
        if member.standing == Standing::Idle && run_limit.is_some_and(|limit| member.runs >= limit)
        {
            member.standing = Standing::Failed;
        }
    }

    fn member(&mut self, process: &str) -> Option<&mut Member> {
        self.members
            .iter_mut()
            .find(|member| member.name == process)
    }

    fn count(&self, standing: Standing) -> usize {
        self.members
            .iter()
            .filter(|member| member.standing == standing)
            .count()
    }

    /// Those that wait for nothing but perhaps their time.
    fn ready(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| {
            member.standing == Standing::Idle
                && member.waits_for.iter().all(|place| {
                    self.members
                        .get(*place)
                        .is_some_and(|m| m.standing == Standing::Finished)
                })
        })
    }
}

impl Member {
    fn wait(&self, now: f64) -> f64 {
        self.last_end
            .map_or(0.0, |end| end + self.min_duration - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Plans;
    use serde_json::json;

    fn planner(processes: serde_json::Value, orders: &[&[&str]], limit: Option<u32>) -> Planner {
        let constraints: Vec<_> = orders
            .iter()
            .map(|order| json!({ "order": order }))
            .collect();
        let task = TaskSpec::from_value(
            &json!({"name": "t", "processes": processes, "constraints": constraints}),
        )
        .unwrap();
        Planner::new(&task, &Plans::new(&task).unwrap().regular, limit)
    }

    #[test]
    fn what_an_end_means_depends_on_the_process() {
        // flags, max_failures, ends, then: runnable, failed, complete
        let cases = [
            ("success", "", 1, vec![End::Success], (false, 0, true)),
            (
                "a daemon's success",
                "d",
                1,
                vec![End::Success],
                (true, 0, false),
            ),
            ("a failure", "", 1, vec![End::Failure], (false, 1, true)),
            (
                "a failure of three",
                "",
                3,
                vec![End::Failure, End::Failure],
                (true, 0, false),
            ),
            (
                "all three failures",
                "",
                3,
                vec![End::Failure, End::Failure, End::Failure],
                (false, 1, true),
            ),
            (
                "a failure that never counts",
                "",
                0,
                vec![End::Failure; 9],
                (true, 0, false),
            ),
            (
                "an ephemeral's failure",
                "e",
                1,
                vec![End::Failure],
                (false, 0, true),
            ),
            ("lost", "", 1, vec![End::Lost; 5], (true, 0, false)),
            (
                "run too often",
                "",
                0,
                vec![End::Failure; 10],
                (false, 1, true),
            ),
            (
                "lost too often",
                "",
                1,
                vec![End::Lost; 10],
                (false, 1, true),
            ),
            (
                "a daemon run too often",
                "d",
                1,
                vec![End::Success; 10],
                (false, 1, true),
            ),
        ];
        for (name, flags, max_failures, ends, want) in cases {
            let mut planner = planner(
                json!([{"name": "p", "cmdline": "c", "max_failures": max_failures, "daemon": flags.contains('d'), "ephemeral": flags.contains('e'), "min_duration": 0}]),
                &[],
                Some(10),
            );
            for end in ends {
                planner.started("p");
                assert!(planner.runnable(0.0).is_empty());
                planner.ended("p", end, 0.0);
            }
            let got = (
                !planner.runnable(0.0).is_empty(),
                planner.failed(),
                planner.is_complete(),
            );
            assert_eq!(got, want, "case `{name}`");
        }
    }

    #[test]
    fn a_process_waits_for_those_before_it_and_for_its_time() {
        let mut planner = planner(
            json!([{"name": "a", "cmdline": "c", "max_failures": 2, "min_duration": 3}, {"name": "b", "cmdline": "c"}]),
            &[&["a", "b"]],
            None,
        );
        assert_eq!(planner.runnable(10.0), ["a"]);
        planner.started("a");
        assert_eq!(planner.min_wait(10.0), None);
        planner.ended("a", End::Failure, 10.0);
        assert!(planner.runnable(12.9).is_empty());
        assert_eq!(planner.min_wait(12.0), Some(1.0));
        assert!(!planner.is_deadlocked());
        assert_eq!(planner.runnable(13.0), ["a"]);
        planner.started("a");
        planner.ended("a", End::Success, 14.0);
        assert_eq!(planner.runnable(14.0), ["b"]);
    }

    #[test]
    fn behind_a_failed_process_nothing_runs() {
        let mut planner = planner(
            json!([{"name": "a", "cmdline": "c"}, {"name": "b", "cmdline": "c"}]),
            &[&["a", "b"]],
            None,
        );
        planner.started("a");
        planner.ended("a", End::Failure, 0.0);
        assert!(planner.runnable(100.0).is_empty());
        assert!(planner.is_deadlocked());
        assert!(!planner.is_complete());
    }
}
