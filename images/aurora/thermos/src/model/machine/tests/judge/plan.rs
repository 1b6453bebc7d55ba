//! The rules about what may run, and when a plan is over.

use super::Judge;

/// Where a process stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Standing {
    Idle,
    Waiting,
    Alive,
    Finished,
    Failed,
}

/// A process, and what has become of it.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) is_final: bool,
    pub(super) daemon: bool,
    pub(super) ephemeral: bool,
    pub(super) max_failures: u32,
    pub(super) min_duration: f64,
    pub(super) before: Vec<String>,
    pub(super) standing: Standing,
    pub(super) failures: u32,
    pub(super) runs: u32,
    pub(super) ended: Option<f64>,
    /// Whether the last record of an end says when it was.
    pub(super) says_when: bool,
}

impl Judge {
    /// Whether orders can be kept: none mixes final processes with others, nothing waits for a daemon, nothing that
    /// counts waits for something that does not, and there is no circle.
    pub(in super::super) fn is_valid(&self) -> bool {
        let pairs = || {
            let all = self.processes.values();
            all.flat_map(|after| {
                after
                    .before
                    .iter()
                    .map(move |b| (&self.processes[b], after))
            })
        };
        let sound = pairs().all(|(before, after)| {
            before.is_final == after.is_final
                && !before.daemon
                && (after.ephemeral || !before.ephemeral)
        });
        let mut left: Vec<&String> = self.processes.keys().collect();
        loop {
            let free = |name: &&String| {
                let waits = &self.processes[*name].before;
                !waits.iter().any(|before| left.contains(&before))
            };
            let Some(place) = left.iter().position(free) else {
                return sound && left.is_empty();
            };
            left.remove(place);
        }
    }

    pub(super) fn plan(&self, is_final: bool) -> impl Iterator<Item = (&String, &Process)> {
        let all = self.processes.iter();
        all.filter(move |(_, process)| process.is_final == is_final)
    }

    pub(super) fn may_start(&self, process: &Process) -> bool {
        let done = |name: &String| self.processes[name].standing == Standing::Finished;
        process.standing == Standing::Idle && process.before.iter().all(done)
    }

    pub(super) fn is_over(&self, is_final: bool) -> bool {
        let over = |p: &Process| matches!(p.standing, Standing::Finished | Standing::Failed);
        self.plan(is_final).all(|(_, p)| p.ephemeral || over(p))
    }

    pub(super) fn active(&self, is_final: bool) -> usize {
        let is = |p: &Process| matches!(p.standing, Standing::Waiting | Standing::Alive);
        self.plan(is_final).filter(|(_, p)| is(p)).count()
    }

    pub(super) fn is_stuck(&self, is_final: bool) -> bool {
        let any = self.plan(is_final).any(|(_, p)| self.may_start(p));
        !self.is_over(is_final) && self.active(is_final) == 0 && !any
    }

    pub(super) fn is_healthy(&self) -> bool {
        let failed = |p: &Process| p.standing == Standing::Failed;
        let failed = self.plan(false).filter(|(_, p)| failed(p)).count() as u64;
        (self.max_failures == 0 || failed < self.max_failures) && !self.is_stuck(false)
    }

    pub(super) fn has_room(&self, is_final: bool) -> bool {
        self.max_concurrency == 0 || (self.active(is_final) as u64) < self.max_concurrency
    }
}
