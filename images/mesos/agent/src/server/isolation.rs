//! What `--isolation` asks for: who limits what, and who measures.

use std::sync::Arc;

use super::agent::Agent;
use super::disk;
use crate::containerizer::cgroups::{Cgroups, Wanted};
use crate::settings::Settings;

/// The control groups, if they are asked for and can be written. One line tells what is limited.
pub(super) fn cgroups(settings: &Settings) -> Option<Cgroups> {
    let flags = &settings.flags;
    let wanted = Wanted {
        hierarchy: flags.text("cgroups_hierarchy").unwrap_or_default().into(),
        root: flags.text("cgroups_root").unwrap_or_default().to_string(),
        cpu: settings.isolates("cgroups/cpu") || settings.isolates("cgroups/all"),
        memory: settings.isolates("cgroups/mem") || settings.isolates("cgroups/all"),
        has_quota: flags.is_on("cgroups_enable_cfs"),
        limits_swap: flags.is_on("cgroups_limit_swap"),
        lent_yields: flags.is_on("revocable_cpu_low_priority"),
    };
    let (cpu, memory) = (wanted.cpu, wanted.memory);
    if !cpu && !memory {
        tracing::info!(
            "CPU and memory of tasks are measured, and limited only where a Docker engine runs them"
        );
        return None;
    }
    match Cgroups::open(wanted) {
        Ok(cgroups) => {
            cgroups.sweep();
            let what = match (cpu, memory) {
                (true, true) => "CPU and memory of tasks are",
                (true, false) => "CPU of tasks is",
                _ => "memory of tasks is",
            };
            let version = cgroups.version();
            tracing::info!("{what} limited by control groups of version {version}");
            Some(cgroups)
        }
        Err(error) => {
            tracing::warn!(
                "CPU and memory of tasks are measured and not limited: control groups cannot be written here: {error}"
            );
            None
        }
    }
}

/// Looks at sandboxes from now on, if that is asked for.
pub(super) fn watch_disk(agent: &Arc<Agent>, settings: &Settings) {
    if settings.isolates_disk() {
        let interval = settings.duration("container_disk_watch_interval");
        let enforces = settings.flags.is_on("enforce_container_disk_quota");
        tokio::spawn(disk::watch(agent.clone(), interval, enforces));
    }
}
