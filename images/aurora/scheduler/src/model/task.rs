//! A task as the model keeps it: the API's `ScheduledTask` with its configuration shared.

use std::collections::BTreeMap;
use std::sync::Arc;

use aurora_api::{AssignedTask, JobKey, ScheduleStatus, ScheduledTask, TaskConfig, TaskEvent};

use super::state::Traits;

/// A task, active or over.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its id, unique for ever.
    pub id: String,
    /// Its job, which is also in `config`.
    pub job: JobKey,
    /// Its place in the job.
    pub instance: i32,
    /// What it runs; tasks of equal configuration share it.
    pub config: Arc<TaskConfig>,
    /// Where it is.
    pub status: ScheduleStatus,
    /// How often it and its ancestors failed.
    pub failure_count: i32,
    /// How often its agent was cut off.
    pub times_partitioned: i32,
    /// Its history, oldest first.
    pub events: Vec<TaskEvent>,
    /// The task whose place it took.
    pub ancestor: Option<String>,
    /// The agent, once assigned.
    pub agent_id: Option<String>,
    /// That agent's host.
    pub host: Option<String>,
    /// Its ports by name.
    pub ports: BTreeMap<String, i32>,
}

impl Task {
    /// From what the API or the store holds. `None` if the configuration names no job.
    pub fn from_scheduled(scheduled: ScheduledTask, config: Arc<TaskConfig>) -> Option<Self> {
        let job = config.job.clone()?;
        let AssignedTask {
            task_id,
            slave_id,
            slave_host,
            assigned_ports,
            instance_id,
            ..
        } = scheduled.assigned_task;
        Some(Self {
            id: task_id,
            job,
            instance: instance_id,
            config,
            status: scheduled.status,
            failure_count: scheduled.failure_count,
            times_partitioned: scheduled.times_partitioned,
            events: scheduled.task_events,
            ancestor: scheduled.ancestor_id,
            agent_id: slave_id,
            host: slave_host,
            ports: assigned_ports,
        })
    }

    /// As the API shows it.
    pub fn to_scheduled(&self) -> ScheduledTask {
        self.with_config(TaskConfig::clone(&self.config))
    }

    /// As the API shows it, with the executor's data left out. `None` if there is no executor.
    pub fn to_scheduled_without_data(&self) -> Option<ScheduledTask> {
        let mut config = TaskConfig::clone(&self.config);
        config.executor_config.as_mut()?.data = None;
        Some(self.with_config(config))
    }

    /// As it is stored: the configuration is kept apart.
    pub fn to_scheduled_without_config(&self) -> ScheduledTask {
        self.with_config(TaskConfig::default())
    }

    fn with_config(&self, config: TaskConfig) -> ScheduledTask {
        ScheduledTask {
            assigned_task: AssignedTask {
                task_id: self.id.clone(),
                slave_id: self.agent_id.clone(),
                slave_host: self.host.clone(),
                task: config,
                assigned_ports: self.ports.clone(),
                instance_id: self.instance,
            },
            status: self.status,
            failure_count: self.failure_count,
            task_events: self.events.clone(),
            ancestor_id: self.ancestor.clone(),
            times_partitioned: self.times_partitioned,
        }
    }

    /// What the state machine has to know.
    pub fn traits(&self) -> Traits {
        Traits {
            is_service: self.config.is_service,
            max_failures: self.config.max_task_failures,
            failure_count: self.failure_count,
            was_killing: self.was(ScheduleStatus::Killing),
        }
    }

    /// Whether its history contains this status.
    pub fn was(&self, status: ScheduleStatus) -> bool {
        self.events.iter().any(|event| event.status == status)
    }

    /// When it came to be what it is, in milliseconds.
    pub fn since(&self) -> i64 {
        self.events.last().map_or(0, |event| event.timestamp)
    }

    /// Appends an event. Entering PARTITIONED again drops the pair of events that said the same.
    pub fn note(&mut self, event: TaskEvent) {
        if event.status == ScheduleStatus::Partitioned {
            self.times_partitioned = self.times_partitioned.saturating_add(1);
            if let [.., a, b, c] = self.events.as_slice()
                && a.status == c.status
                && b.status == ScheduleStatus::Partitioned
            {
                self.events.truncate(self.events.len() - 2);
            }
        }
        self.events.push(event);
    }
}

/// Whether a terminated task ended too soon after it had last been active (it "flaps").
pub fn flapped(task: &Task, threshold_ms: i64) -> bool {
    use ScheduleStatus as S;
    if !task.status.is_terminal()
        || [S::Restarting, S::Killing, S::Draining]
            .iter()
            .any(|status| task.was(*status))
    {
        return false;
    }
    let last_active = task
        .events
        .iter()
        .rev()
        .find(|event| event.status.is_active());
    match (task.events.last(), last_active) {
        (Some(last), Some(active)) => last.timestamp - active.timestamp < threshold_ms,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(events: &[(i64, ScheduleStatus)]) -> Task {
        let config = TaskConfig {
            job: Some(JobKey::new("r", "e", "n")),
            ..TaskConfig::default()
        };
        let mut task = Task::from_scheduled(ScheduledTask::default(), Arc::new(config)).unwrap();
        for (timestamp, status) in events {
            task.status = *status;
            task.note(TaskEvent {
                timestamp: *timestamp,
                status: *status,
                ..TaskEvent::default()
            });
        }
        task
    }

    #[test]
    fn a_task_flaps_when_it_ends_soon_after_it_was_active() {
        use ScheduleStatus as S;
        let cases = [
            (
                "soon",
                vec![(0, S::Pending), (10, S::Running), (20, S::Failed)],
                true,
            ),
            (
                "late",
                vec![(0, S::Pending), (10, S::Running), (2000, S::Failed)],
                false,
            ),
            ("alive", vec![(0, S::Pending), (10, S::Running)], false),
            (
                "killed",
                vec![(0, S::Running), (1, S::Killing), (2, S::Killed)],
                false,
            ),
        ];
        for (name, events, want) in cases {
            assert_eq!(flapped(&task(&events), 1000), want, "case `{name}`");
        }
    }

    #[test]
    fn repeated_partitions_are_compacted() {
        use ScheduleStatus as S;
        let task = task(&[
            (0, S::Running),
            (1, S::Partitioned),
            (2, S::Running),
            (3, S::Partitioned),
        ]);
        let kept: Vec<_> = task
            .events
            .iter()
            .map(|e| (e.timestamp, e.status))
            .collect();
        assert_eq!(kept, [(0, S::Running), (3, S::Partitioned)]);
        assert_eq!(task.times_partitioned, 2);
    }
}
