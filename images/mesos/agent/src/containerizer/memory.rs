//! What containers may use of the machine, as their control groups say.

use std::convert::Infallible;
use std::time::Duration;

use mesos_proto::mesos::{Resource, task_status, value};

use super::Containers;
use crate::model::{Limitation, Share};

/// How often a container's group is asked whether the kernel has killed in it.
const MEMORY_POLL: Duration = Duration::from_millis(100);
/// How often, and after which pause, the group of an ended container is tried to be removed: the kernel may
/// still be busy with what was in it.
const REMOVALS: u32 = 10;
const REMOVAL_PAUSE: Duration = Duration::from_millis(20);

impl Containers {
    /// Makes a container's groups, and says how they are entered.
    pub(super) fn group(&self, container: &str) -> Result<Vec<std::fs::File>, String> {
        let Some(cgroups) = &self.cgroups else {
            return Ok(Vec::new());
        };
        let share = self.share(container);
        let doors = cgroups
            .create(container, share)
            .map_err(|error| format!("Failed to create control groups: {error}"))?;
        self.keep_grouped(container, share);
        Ok(doors)
    }

    /// From now on a container's groups are told of changes; one that came while they were made, at once.
    pub(super) fn keep_grouped(&self, container: &str, made_with: Share) {
        if self.cgroups.is_none() {
            return;
        }
        let changed = self.rooms().get_mut(container).and_then(|room| {
            room.is_grouped = true;
            (room.share != made_with).then_some(room.share)
        });
        if let Some(share) = changed {
            self.limit(container, share);
        }
    }

    pub(super) fn limit(&self, container: &str, share: Share) {
        if let Some(cgroups) = &self.cgroups
            && let Err(error) = cgroups.limit(container, share, false)
        {
            tracing::warn!("cannot limit container {container}: {error}");
        }
    }

    /// Whether the kernel has killed processes of a container for want of memory.
    pub fn memory_limitation(&self, container: &str) -> Option<Limitation> {
        let exceeded = self.cgroups.as_ref()?.exceeded(container)?;
        let mut used = Resource::new();
        used.set_name("mem".to_string());
        used.set_type(value::Type::SCALAR);
        used.set_role("*".to_string());
        let megabytes = (exceeded.used >> 20) as f64;
        used.scalar.mut_or_insert_default().set_value(megabytes);
        Some(Limitation {
            reason: task_status::Reason::REASON_CONTAINER_LIMITATION_MEMORY,
            message: exceeded.message,
            resources: vec![used],
        })
    }

    /// Has a container destroyed once the kernel has killed in it.
    pub(super) async fn watch_memory(&self, container: &str) -> Infallible {
        while self.cgroups.is_some() {
            if let Some(limitation) = self.memory_limitation(container) {
                self.watcher.limited(container, limitation);
                break;
            }
            tokio::time::sleep(MEMORY_POLL).await;
        }
        std::future::pending().await
    }

    /// Removes the groups of a container that has ended; if it has ended by their limits, that is told first.
    pub(super) async fn ungroup(&self, container: &str) {
        let Some(cgroups) = &self.cgroups else {
            return;
        };
        if let Some(limitation) = self.memory_limitation(container) {
            self.watcher.limited(container, limitation);
        }
        for _ in 1..REMOVALS {
            if cgroups.remove(container).is_ok() {
                return;
            }
            tokio::time::sleep(REMOVAL_PAUSE).await;
        }
        if let Err(error) = cgroups.remove(container) {
            tracing::warn!("a control group of container {container} stays: {error}");
        }
    }
}
