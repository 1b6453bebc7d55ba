//! Which SLA statistics are computed, and when.

/// A kind of statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// How long the instances of a job have been up.
    JobUptimes,
    /// How much of the time instances were up that should have been.
    PlatformUptime,
    /// How long tasks took to be assigned, to start, to run.
    Medians,
}

impl Category {
    /// All, by their names in flags.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("JOB_UPTIMES", Self::JobUptimes),
        ("PLATFORM_UPTIME", Self::PlatformUptime),
        ("MEDIANS", Self::Medians),
    ];
}

/// The settings.
#[derive(Debug, Clone)]
pub struct SlaStats {
    /// `-sla_stat_refresh_interval`, in milliseconds.
    pub interval: i64,
    /// `-sla_prod_metrics`
    pub prod: Vec<Category>,
    /// `-sla_non_prod_metrics`
    pub non_prod: Vec<Category>,
}

impl Default for SlaStats {
    fn default() -> Self {
        Self {
            interval: 60_000,
            prod: Category::ALL
                .iter()
                .map(|(_, category)| *category)
                .collect(),
            non_prod: Vec::new(),
        }
    }
}
