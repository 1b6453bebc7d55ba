//! What must hold of any task's records, told from the rules alone: the judge shares no code with what it judges.

mod plan;

use std::collections::BTreeMap;

use serde_json::Value;

use super::world::World;
use crate::checkpoint::{ProcessState as P, ProcessStatus, Record, TaskState as T};
use crate::model::machine::Request;
use plan::{Process, Standing};

/// Times are seconds; those of task records are whole milliseconds, rounded down.
const NEARLY: f64 = 0.002;
/// So many runs a process may have.
const RUN_LIMIT: u32 = 100;

/// What happens between two records.
enum Between {
    Quiet,
    Reborn,
    Asked(Request),
}

/// A task as far as its records have been read.
pub(super) struct Judge {
    processes: BTreeMap<String, Process>,
    max_concurrency: u64,
    max_failures: u64,
    finalization_wait: f64,
    stage: Option<T>,
    cleaning_since: f64,
    /// What was asked for, and until when the task has time.
    requested: Option<(T, f64)>,
    /// When the runner's last successor came.
    reborn: f64,
    /// Whether the task had gone well before the last moment at which something was killed, and that moment: what is
    /// killed at the end does not decide about it.
    before_kills: Option<(f64, bool)>,
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap()
}

impl Judge {
    pub(super) fn new(task: &Value) -> Self {
        let mut processes = BTreeMap::new();
        for value in task["processes"].as_array().unwrap() {
            let name = value["name"].as_str().unwrap().to_string();
            let process = Process {
                is_final: value["final"] == true,
                daemon: value["daemon"] == true,
                ephemeral: value["ephemeral"] == true,
                max_failures: u32::try_from(number(value, "max_failures")).unwrap(),
                min_duration: number(value, "min_duration") as f64,
                before: Vec::new(),
                standing: Standing::Idle,
                failures: 0,
                runs: 0,
                ended: None,
                says_when: false,
            };
            processes.insert(name, process);
        }
        for order in orders(task) {
            for pair in order.windows(2) {
                let after = processes.get_mut(&pair[1]).unwrap();
                after.before.push(pair[0].clone());
            }
        }
        Self {
            processes,
            max_concurrency: number(task, "max_concurrency"),
            max_failures: number(task, "max_failures"),
            finalization_wait: number(task, "finalization_wait") as f64,
            stage: None,
            cleaning_since: 0.0,
            requested: None,
            reborn: 0.0,
            before_kills: None,
        }
    }

    /// Follows a world's records, and complains of the first that should not be.
    pub(super) fn follow(mut self, world: &World) -> Result<(), String> {
        // What happened between records, in order of time.
        let quiet = world
            .quiet
            .iter()
            .map(|(place, at)| (*place, *at, Between::Quiet));
        let asked = world.requests.iter();
        let asked = asked.map(|(place, at, what)| (*place, *at, Between::Asked(*what)));
        let reborn = world.rebirths.iter();
        let reborn = reborn.map(|(place, at)| (*place, *at, Between::Reborn));
        let mut between: Vec<(usize, f64, Between)> = reborn.chain(asked).chain(quiet).collect();
        between.sort_by(|(a, at, _), (b, bt, _)| a.cmp(b).then(at.total_cmp(bt)));
        let mut between = between.into_iter().peekable();
        for place in 0..=world.records.len() {
            while let Some((_, at, what)) = between.next_if(|(records, ..)| *records == place) {
                match what {
                    Between::Quiet => self
                        .look(at)
                        .map_err(|why| self.complain(place, at, &why))?,
                    // A request that a dead runner took is forgotten with it.
                    Between::Reborn => self.begin_again(at),
                    Between::Asked(Request::Kill) => self.requested = Some((T::Killed, at + 60.0)),
                    Between::Asked(Request::Lose) => self.requested = Some((T::Lost, at)),
                }
            }
            let Some(record) = world.records.get(place) else {
                break;
            };
            let at = world.times[place];
            let judged = match record {
                Record::Header(_) => Ok(()),
                Record::Task(status) => self.enter(status.state, at),
                Record::Process(status) => self.change(status, at),
            };
            judged.map_err(|why| self.complain(place, at, &why))?;
        }
        match self.stage {
            Some(stage) if stage.is_terminal() => Ok(()),
            stage => Err(format!("it never ended: {stage:?}")),
        }
    }

    /// A new runner does not know what the records do not say: what was asked for, and when what was lost got lost.
    fn begin_again(&mut self, at: f64) {
        (self.requested, self.reborn) = (None, at);
        let all = self.processes.values_mut();
        for process in all.filter(|process| !process.says_when) {
            process.ended = process.ended.map(|_| at);
        }
    }

    fn complain(&self, place: usize, at: f64, why: &str) -> String {
        format!("record {place} at {at}, {:?}: {why}", self.stage)
    }

    fn deadline(&self) -> f64 {
        let natural = self.cleaning_since + self.finalization_wait;
        self.requested.map_or(natural, |(_, until)| until)
    }

    fn any_alive(&self) -> bool {
        let mut all = self.processes.values();
        all.any(|process| process.standing == Standing::Alive)
    }

    /// Nothing is left to do: so what is not being done cannot be.
    fn look(&self, now: f64) -> Result<(), String> {
        let is_final = self.stage == Some(T::Finalizing);
        let time_is_over = now >= self.deadline() + NEARLY;
        let fault = match self.stage {
            Some(T::Cleaning) => match (self.any_alive(), time_is_over) {
                (false, _) => Some("nothing lives, and nothing follows"),
                (_, true) => Some("the time to clean up is over"),
                _ => None,
            },
            _ if self.is_over(is_final) => Some("its plan is over, and nothing follows"),
            _ if !is_final && !self.is_healthy() => Some("it goes on although it has failed"),
            _ if is_final && self.is_stuck(true) => Some("its last plan is stuck"),
            _ if is_final && time_is_over => Some("the time for the last plan is over"),
            _ => None,
        };
        if let Some(fault) = fault {
            return Err(fault.to_string());
        }
        if self.stage == Some(T::Cleaning) {
            return Ok(());
        }
        for (name, process) in self.plan(is_final) {
            if process.standing == Standing::Waiting {
                return Err(format!("`{name}` was never started"));
            }
            let wait = process.ended.map_or(0.0, |at| at + process.min_duration);
            if self.may_start(process) && wait <= now - NEARLY && self.has_room(is_final) {
                return Err(format!("`{name}` could run and does not"));
            }
        }
        Ok(())
    }

    fn enter(&mut self, to: T, at: f64) -> Result<(), String> {
        let from = self.stage.replace(to);
        let fail = |why: &str| Err(format!("{from:?} to {to}: {why}"));
        match (from, to) {
            (None, T::Active) => {}
            // A new runner says where it takes over.
            (Some(from), to) if from == to && !from.is_terminal() => {
                if to == T::Cleaning {
                    self.cleaning_since = at;
                }
            }
            (Some(T::Active), T::Cleaning) => {
                self.cleaning_since = at;
                let has_cause = self.requested.is_some() || self.is_over(false);
                if !has_cause && self.is_healthy() {
                    return fail("there was no cause");
                }
            }
            (Some(T::Cleaning), T::Finalizing) => {
                if self.any_alive() {
                    return fail("something still runs");
                }
            }
            (Some(T::Cleaning | T::Finalizing), end) if end.is_terminal() => {
                let is_late = at >= self.deadline() - NEARLY;
                let is_done = self.is_over(true) || self.is_stuck(true);
                if !is_late && (from == Some(T::Cleaning) || !is_done) {
                    return fail("there was time left");
                }
                if at > self.deadline().max(self.reborn).max(self.cleaning_since) + NEARLY {
                    return fail("it took too long");
                }
                if self.any_alive() {
                    return fail("something still runs");
                }
                let went_well = match self.before_kills.filter(|(when, _)| *when == at) {
                    Some((_, went_well)) => went_well,
                    None => self.is_healthy(),
                };
                let natural = if went_well { T::Success } else { T::Failed };
                let want = self.requested.map_or(natural, |(end, _)| end);
                if end != want {
                    return fail(&format!("{want} was to be"));
                }
            }
            _ => return fail("that cannot follow"),
        }
        self.before_kills = None;
        Ok(())
    }

    fn change(&mut self, status: &ProcessStatus, at: f64) -> Result<(), String> {
        let name = &status.process;
        let Some(process) = self.processes.get(name) else {
            return Err(format!("there is no process `{name}`"));
        };
        let is_final = process.is_final;
        if status.state == P::Waiting {
            let stage = if is_final { T::Finalizing } else { T::Active };
            let wait = process.ended.map_or(0.0, |end| end + process.min_duration);
            let fault = match process.standing {
                _ if self.stage != Some(stage) => "starts in the wrong stage",
                Standing::Waiting | Standing::Alive => "starts while it runs",
                Standing::Finished | Standing::Failed => "starts though it is done with",
                _ if !self.may_start(process) => "starts before others are done",
                _ if at < wait - NEARLY => "starts too soon after its end",
                _ if !self.has_room(is_final) => "starts while enough others run",
                _ => "",
            };
            if !fault.is_empty() {
                return Err(format!("`{name}` {fault}"));
            }
        }
        let is_killed =
            self.stage == Some(T::Cleaning) && matches!(status.state, P::Killed | P::Lost);
        if is_killed && self.before_kills.is_none_or(|(when, _)| when != at) {
            self.before_kills = Some((at, self.is_healthy()));
        }
        let process = self.processes.get_mut(name).unwrap();
        let over = match status.state {
            P::Waiting => {
                process.standing = Standing::Waiting;
                return Ok(());
            }
            P::Forked | P::Running => {
                process.standing = Standing::Alive;
                return Ok(());
            }
            P::Success if process.daemon => Standing::Idle,
            P::Success => Standing::Finished,
            P::Killed | P::Lost => Standing::Idle,
            P::Failed => {
                process.failures += 1;
                match process.max_failures {
                    0 => Standing::Idle,
                    most if process.failures < most => Standing::Idle,
                    _ if process.ephemeral => Standing::Finished,
                    _ => Standing::Failed,
                }
            }
        };
        process.runs += 1;
        process.ended = Some(status.stop_time.unwrap_or(at));
        process.says_when = status.stop_time.is_some();
        let is_spent = over == Standing::Idle && process.runs >= RUN_LIMIT;
        process.standing = if is_spent { Standing::Failed } else { over };
        Ok(())
    }
}

/// A task's orders, as lists of names.
fn orders(task: &Value) -> Vec<Vec<String>> {
    let constraints = task["constraints"].as_array().unwrap().iter();
    let names = |constraint: &Value| {
        let order = constraint["order"].as_array().unwrap().iter();
        order
            .map(|name| name.as_str().unwrap().to_string())
            .collect()
    };
    constraints.map(names).collect()
}
