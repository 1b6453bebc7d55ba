//! What governs the placing of tasks: back-off, offers, reservations, preemption, reconciliation.

/// What decides among offers that a task fits. Earlier entries of a list decide first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferOrder {
    /// The least cores first.
    Cpu,
    /// The least RAM first.
    Memory,
    /// The least disk first.
    Disk,
    /// No order: agents that were given less in this round come first, then chance decides.
    Random,
    /// The least revocable cores first, and those without any last.
    RevocableCpu,
}

impl OfferOrder {
    /// All, by their names in `-offer_order`.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("CPU", Self::Cpu),
        ("MEMORY", Self::Memory),
        ("DISK", Self::Disk),
        ("RANDOM", Self::Random),
        ("REVOCABLE_CPU", Self::RevocableCpu),
    ];
}

/// Times are in milliseconds.
#[derive(Debug, Clone)]
pub struct Scheduling {
    /// `-first_schedule_delay`
    pub first_delay: i64,
    /// `-initial_schedule_penalty`
    pub initial_penalty: i64,
    /// `-max_schedule_penalty`
    pub max_penalty: i64,
    /// `-max_schedule_attempts_per_sec`
    pub attempts_per_sec: f64,
    /// `-max_tasks_per_schedule_attempt`
    pub tasks_per_attempt: usize,
    /// `-max_reschedule_task_delay_on_startup`
    pub startup_delay: i64,
    /// `-offer_order`
    pub offer_order: Vec<OfferOrder>,
    /// `-offer_reservation_duration`
    pub reservation: i64,
    /// `-enable_revocable_cpus`
    pub revocable_cpus: bool,
    /// `-enable_revocable_ram`
    pub revocable_ram: bool,
    /// `-enable_update_affinity`
    pub update_affinity: bool,
    /// `-update_affinity_reservation_hold_time`
    pub affinity_hold: i64,
    /// `-enable_preemptor`
    pub preemptor: bool,
    /// `-preemption_delay`
    pub preemption_delay: i64,
    /// `-preemption_slot_search_initial_delay`
    pub slot_search_initial_delay: i64,
    /// `-preemption_slot_search_interval`
    pub slot_search_interval: i64,
    /// `-preemption_slot_hold_time`
    pub slot_hold: i64,
    /// `-preemption_reservation_max_batch_size`
    pub slot_batch: usize,
    /// `-reconciliation_explicit_batch_size`
    pub reconciliation_batch: usize,
    /// `-reconciliation_explicit_batch_interval`
    pub reconciliation_batch_interval: i64,
}

impl Default for Scheduling {
    fn default() -> Self {
        const SECOND: i64 = 1000;
        const MINUTE: i64 = 60 * SECOND;
        Self {
            first_delay: 1,
            initial_penalty: SECOND,
            max_penalty: MINUTE,
            attempts_per_sec: 40.0,
            tasks_per_attempt: 5,
            startup_delay: 30 * SECOND,
            offer_order: vec![OfferOrder::Random],
            reservation: 3 * MINUTE,
            revocable_cpus: true,
            revocable_ram: false,
            update_affinity: false,
            affinity_hold: 3 * MINUTE,
            preemptor: true,
            preemption_delay: 3 * MINUTE,
            slot_search_initial_delay: 3 * MINUTE,
            slot_search_interval: MINUTE,
            slot_hold: 5 * MINUTE,
            slot_batch: 5,
            reconciliation_batch: 1000,
            reconciliation_batch_interval: 5 * SECOND,
        }
    }
}
