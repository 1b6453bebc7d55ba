//! What tasks need and what offers have.

use aurora_api::{Resource as Wanted, TaskConfig};
use mesos_proto::mesos::Resource;
use mesos_proto::mesos::value::{Range, Type};

use super::chance::Chance;
use super::settings::Settings;

/// Amounts below this are nothing: Mesos counts thousandths.
const EPSILON: f64 = 0.0005;

/// What a configuration asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Demand {
    /// Cores.
    pub cpus: f64,
    /// RAM in MB.
    pub ram_mb: i64,
    /// Disk in MB.
    pub disk_mb: i64,
    /// Whole GPUs.
    pub gpus: i64,
    /// Names of ports.
    pub ports: Vec<String>,
    /// Name of the executor, which needs something too.
    pub executor: Option<String>,
}

impl Demand {
    /// What one instance of this configuration asks for, its executor not counted.
    pub fn of(config: &TaskConfig) -> Self {
        let executor = config.executor_config.as_ref();
        let mut demand = Self {
            executor: executor.map(|executor| executor.name.clone().unwrap_or_default()),
            ..Self::default()
        };
        for resource in &config.resources {
            match resource {
                Wanted::NumCpus(cpus) => demand.cpus += cpus.0,
                Wanted::RamMb(mb) => demand.ram_mb = demand.ram_mb.saturating_add(*mb),
                Wanted::DiskMb(mb) => demand.disk_mb = demand.disk_mb.saturating_add(*mb),
                Wanted::NumGpus(gpus) => demand.gpus = demand.gpus.saturating_add(*gpus),
                Wanted::NamedPort(name) => demand.ports.push(name.clone()),
                Wanted::Unset => {}
            }
        }
        demand
    }
}

/// Which resources a task takes from what its agent lends out and may take back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Revocable {
    /// Its cores.
    pub cpus: bool,
    /// Its RAM.
    pub ram: bool,
}

/// Amounts that a task may be measured against.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Available {
    /// Cores.
    pub cpus: f64,
    /// RAM in MB.
    pub ram_mb: f64,
    /// Disk in MB.
    pub disk_mb: f64,
    /// GPUs.
    pub gpus: f64,
    /// How many ports.
    pub ports: f64,
}

impl Available {
    /// What is missing for a task and its executor, with how much.
    pub fn shortages(&self, demand: &Demand, settings: &Settings) -> Vec<(Shortage, f64)> {
        let mut missing = Vec::new();
        let overhead = settings.overhead(demand.executor.as_deref());
        let mut check = |kind, wanted: f64, have: f64| {
            if wanted > have + EPSILON {
                missing.push((kind, wanted - have));
            }
        };
        let cpus = demand.cpus + overhead.cpus;
        check(Shortage::Cpu, cpus, self.cpus);
        let ram = demand.ram_mb as f64 + overhead.ram_mb;
        check(Shortage::Ram, ram, self.ram_mb);
        check(Shortage::Disk, demand.disk_mb as f64, self.disk_mb);
        check(Shortage::Ports, demand.ports.len() as f64, self.ports);
        check(Shortage::Gpu, demand.gpus as f64, self.gpus);
        missing
    }

    /// Adds what a task and its executor hold; not its cores if they are only lent.
    pub fn give_back(&mut self, demand: &Demand, revocable: Revocable, settings: &Settings) {
        let overhead = settings.overhead(demand.executor.as_deref());
        if !revocable.cpus {
            self.cpus += demand.cpus + overhead.cpus;
        }
        if !revocable.ram {
            self.ram_mb += demand.ram_mb as f64 + overhead.ram_mb;
        }
        self.disk_mb += demand.disk_mb as f64;
        self.gpus += demand.gpus as f64;
        self.ports += demand.ports.len() as f64;
    }
}

/// What an agent offers and has not yet been taken in this round.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    items: Vec<Resource>,
    plain: Available,
    lent: Available,
}

/// What was taken for one task.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// For the task.
    pub task: Vec<Resource>,
    /// For its executor.
    pub executor: Vec<Resource>,
    /// The task's ports, in the order of the names it asked for.
    pub ports: Vec<i32>,
}

/// A resource that does not suffice, by the name users see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shortage {
    Cpu,
    Ram,
    Disk,
    Ports,
    Gpu,
}

impl Shortage {
    /// As it stands in pending reasons.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Cpu => "Insufficient: CPU",
            Self::Ram => "Insufficient: RAM",
            Self::Disk => "Insufficient: disk",
            Self::Ports => "Insufficient: ports",
            Self::Gpu => "Insufficient: GPU",
        }
    }

    /// How far from fitting, as the original scores it: 1000 for a whole large machine.
    pub fn score(self, missing: f64) -> i64 {
        let range = match self {
            Self::Cpu => 16.0,
            Self::Ram => 24_576.0,
            Self::Disk => 460_800.0,
            Self::Ports => 1000.0,
            Self::Gpu => 4.0,
        };
        // Saturates, so an absurd demand is no trouble.
        ((1000.0 * missing / range) as i64).clamp(0, 1000)
    }
}

impl Pool {
    /// Everything in some offers that a task may use: nothing shared or bound to a volume.
    pub fn new<'a>(resources: impl IntoIterator<Item = &'a Resource>) -> Self {
        let usable = |resource: &&Resource| {
            resource.shared.is_none()
                && resource.provider_id.is_none()
                && resource.disk.as_ref().is_none_or(|disk| {
                    disk.persistence.is_none() && disk.volume.is_none() && disk.source.is_none()
                })
        };
        let mut pool = Self {
            items: resources.into_iter().filter(usable).cloned().collect(),
            ..Self::default()
        };
        pool.add_up();
        pool
    }

    fn add_up(&mut self) {
        let sum = |lent: bool| Available {
            cpus: self.sum("cpus", lent),
            ram_mb: self.sum("mem", lent),
            disk_mb: self.sum("disk", lent),
            gpus: self.sum("gpus", lent),
            ports: self.port_count() as f64,
        };
        (self.plain, self.lent) = (sum(false), sum(true));
    }

    /// The sum of a scalar that is not lent.
    pub fn scalar(&self, name: &str) -> f64 {
        self.sum(name, false)
    }

    fn sum(&self, name: &str, lent: bool) -> f64 {
        let counts = |item: &&Resource| item.name() == name && item.revocable.is_some() == lent;
        let of_name = self.items.iter().filter(counts);
        of_name.map(|item| item.scalar.value()).sum()
    }

    /// What a task of this kind may take.
    pub fn available(&self, revocable: Revocable) -> Available {
        let mut available = self.plain;
        if revocable.cpus {
            available.cpus = self.lent.cpus;
        }
        if revocable.ram {
            available.ram_mb = self.lent.ram_mb;
        }
        available
    }

    /// The cores, plain or lent.
    pub fn cpus(&self, lent: bool) -> f64 {
        if lent {
            self.lent.cpus
        } else {
            self.plain.cpus
        }
    }

    /// How many ports there are.
    pub fn port_count(&self) -> u64 {
        self.port_ranges()
            .map(|(_, _, range)| (range.end() - range.begin()).saturating_add(1))
            .fold(0, u64::saturating_add)
    }

    fn port_ranges(&self) -> impl Iterator<Item = (usize, usize, &Range)> {
        let ports = self
            .items
            .iter()
            .enumerate()
            .filter(|(_, item)| item.name() == "ports");
        ports.flat_map(|(i, item)| {
            let ranges = item.ranges.range.iter().enumerate();
            ranges
                .filter(|(_, range)| range.end() >= range.begin())
                .map(move |(j, range)| (i, j, range))
        })
    }

    /// Takes what a task and its executor need. Only after [`Available::shortages`] found none missing.
    pub fn take(
        &mut self,
        demand: &Demand,
        revocable: Revocable,
        settings: &Settings,
        chance: &mut Chance,
    ) -> Taken {
        let mut taken = Taken::default();
        let ram = demand.ram_mb as f64;
        self.take_scalar("cpus", revocable.cpus, demand.cpus, &mut taken.task);
        self.take_scalar("mem", revocable.ram, ram, &mut taken.task);
        self.take_scalar("disk", false, demand.disk_mb as f64, &mut taken.task);
        self.take_scalar("gpus", false, demand.gpus as f64, &mut taken.task);
        for _ in &demand.ports {
            if let Some((port, resource)) = self.take_port(chance) {
                taken.ports.push(port);
                merge_port(&mut taken.task, resource);
            }
        }
        let overhead = settings.overhead(demand.executor.as_deref());
        let (cpus, ram) = (overhead.cpus, overhead.ram_mb);
        self.take_scalar("cpus", revocable.cpus, cpus, &mut taken.executor);
        self.take_scalar("mem", revocable.ram, ram, &mut taken.executor);
        self.add_up();
        taken
    }

    /// Takes an amount, from reserved resources before others.
    fn take_scalar(&mut self, name: &str, lent: bool, amount: f64, taken: &mut Vec<Resource>) {
        let mut rest = amount;
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        order.sort_by_key(|i| self.items.get(*i).is_none_or(|item| !is_reserved(item)));
        for index in order {
            let Some(item) = self.items.get_mut(index) else {
                continue;
            };
            if rest < EPSILON || item.name() != name || item.type_() != Type::SCALAR {
                continue;
            }
            if item.revocable.is_some() != lent {
                continue;
            }
            let part = rest.min(item.scalar.value());
            if part < EPSILON {
                continue;
            }
            let mut piece = item.clone();
            piece.scalar.mut_or_insert_default().set_value(round(part));
            let left = item.scalar.value() - part;
            item.scalar.mut_or_insert_default().set_value(round(left));
            rest -= part;
            taken.push(piece);
        }
    }

    /// Takes a random port of all there are.
    fn take_port(&mut self, chance: &mut Chance) -> Option<(i32, Resource)> {
        let mut nth = chance.below(self.port_count());
        let found = self.port_ranges().find_map(|(i, j, range)| {
            let size = (range.end() - range.begin()).saturating_add(1);
            if nth < size {
                Some((i, j, range.begin() + nth))
            } else {
                nth -= size;
                None
            }
        });
        let (i, j, port) = found?;
        let item = self.items.get_mut(i)?;
        let mut piece = item.clone();
        let ranges = &mut item.ranges.mut_or_insert_default().range;
        let (begin, end) = (ranges.get(j)?.begin(), ranges.get(j)?.end());
        ranges.remove(j);
        if port > begin {
            ranges.push(range(begin, port - 1));
        }
        if port < end {
            ranges.push(range(port + 1, end));
        }
        piece.ranges.mut_or_insert_default().range = vec![range(port, port)];
        Some((i32::try_from(port).ok()?, piece))
    }
}

fn is_reserved(item: &Resource) -> bool {
    !item.reservations.is_empty() || item.role.as_deref().is_some_and(|role| role != "*")
}

/// To thousandths, as Mesos counts.
fn round(amount: f64) -> f64 {
    (amount * 1000.0).round() / 1000.0
}

fn range(begin: u64, end: u64) -> Range {
    let mut range = Range::new();
    range.set_begin(begin);
    range.set_end(end);
    range
}

/// Joins a port with ports of the same kind: Mesos takes one resource a kind.
fn merge_port(taken: &mut Vec<Resource>, piece: Resource) {
    let kind = |item: &Resource| {
        let mut kind = item.clone();
        kind.ranges.clear();
        kind
    };
    let same = taken
        .iter_mut()
        .find(|item| item.name() == "ports" && kind(item) == kind(&piece));
    match same {
        Some(item) => {
            let mut pieces = piece;
            let more = &mut pieces.ranges.mut_or_insert_default().range;
            let ranges = &mut item.ranges.mut_or_insert_default().range;
            ranges.append(more);
            ranges.sort_by_key(Range::begin);
        }
        None => taken.push(piece),
    }
}

/// A host attribute's values as text, for those types the scheduler matches on.
pub fn attribute_text(
    kind: Type,
    scalar: &mesos_proto::mesos::value::Scalar,
    text: &str,
) -> Option<String> {
    match kind {
        Type::TEXT => Some(text.to_string()),
        Type::SCALAR => Some(format!("{:?}", scalar.value())),
        Type::RANGES | Type::SET => None,
    }
}

/// A scalar resource, for tests and for those that make offers.
pub fn scalar(name: &str, amount: f64) -> Resource {
    let mut resource = Resource::new();
    resource.set_name(name.to_string());
    resource.set_type(Type::SCALAR);
    resource.scalar.mut_or_insert_default().set_value(amount);
    resource
}

/// Ports from `begin` to `end`, both included.
pub fn ports(begin: u64, end: u64) -> Resource {
    let mut resource = Resource::new();
    resource.set_name("ports".to_string());
    resource.set_type(Type::RANGES);
    resource.ranges.mut_or_insert_default().range = vec![range(begin, end)];
    resource
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::default()
    }

    fn demand() -> Demand {
        Demand {
            cpus: 1.0,
            ram_mb: 1,
            disk_mb: 8,
            gpus: 0,
            ports: vec!["http".into(), "admin".into()],
            executor: Some("AuroraExecutor".into()),
        }
    }

    #[test]
    fn what_is_missing_includes_the_executor() {
        let pool = Pool::new(&[
            scalar("cpus", 1.0),
            scalar("mem", 64.0),
            scalar("disk", 8.0),
            ports(1, 1),
        ]);
        let missing: Vec<_> = pool
            .available(Revocable::default())
            .shortages(&demand(), &settings())
            .into_iter()
            .map(|(k, _)| k)
            .collect();
        assert_eq!(missing, [Shortage::Cpu, Shortage::Ram, Shortage::Ports]);
    }

    #[test]
    fn taking_leaves_the_rest_and_uses_reserved_resources_first() {
        let mut reserved = scalar("cpus", 0.5);
        reserved.set_role("www".to_string());
        let all = [
            scalar("cpus", 3.5),
            reserved,
            scalar("mem", 512.0),
            scalar("disk", 100.0),
            ports(31000, 31001),
        ];
        let mut pool = Pool::new(&all);
        let plain = Revocable::default();
        let short = pool.available(plain).shortages(&demand(), &settings());
        assert!(short.is_empty());
        let taken = pool.take(&demand(), plain, &settings(), &mut Chance::new(1));
        let cpus: Vec<_> = taken
            .task
            .iter()
            .filter(|r| r.name() == "cpus")
            .map(|r| (r.role().to_string(), r.scalar.value()))
            .collect();
        assert_eq!(cpus, [("www".to_string(), 0.5), ("*".to_string(), 0.5)]);
        assert_eq!(pool.scalar("cpus"), 2.75);
        assert_eq!(pool.scalar("mem"), 383.0);
        assert_eq!(pool.port_count(), 0);
        let mut ports = taken.ports.clone();
        ports.sort_unstable();
        assert_eq!(ports, [31000, 31001]);
        assert_eq!(taken.task.iter().filter(|r| r.name() == "ports").count(), 1);
    }

    #[test]
    fn a_revocable_task_takes_lent_cores_and_no_others() {
        let mut lent = scalar("cpus", 2.0);
        lent.revocable.mut_or_insert_default();
        let all = [
            scalar("cpus", 0.5),
            lent,
            scalar("mem", 512.0),
            scalar("disk", 100.0),
            ports(31000, 31005),
        ];
        let mut pool = Pool::new(&all);
        let shortages = |pool: &Pool, cpus| {
            let uses = Revocable { cpus, ram: false };
            let missing = pool.available(uses).shortages(&demand(), &settings());
            missing
                .into_iter()
                .map(|(kind, _)| kind)
                .collect::<Vec<_>>()
        };
        assert_eq!(shortages(&pool, false), [Shortage::Cpu]);
        assert_eq!(shortages(&pool, true), []);
        let uses = Revocable {
            cpus: true,
            ram: false,
        };
        let taken = pool.take(&demand(), uses, &settings(), &mut Chance::new(1));
        let cpus = taken
            .task
            .iter()
            .chain(&taken.executor)
            .filter(|r| r.name() == "cpus");
        assert!(cpus.clone().all(|r| r.revocable.is_some()));
        assert_eq!(cpus.count(), 2);
        assert_eq!((pool.cpus(false), pool.cpus(true)), (0.5, 0.75));
    }
}
