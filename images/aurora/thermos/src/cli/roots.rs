//! Where tasks are looked for: the checkpoint roots that are named, and those of all executors.

use std::path::PathBuf;

use regex::Regex;

use crate::observer::{Catalog, Found};

use super::Failure;
use super::options::Given;

/// Where tasks are that no agent runs.
pub(super) const CHECKPOINTS: &str = "/var/run/thermos";
const MESOS: &str = "/var/lib/mesos";

/// All places with tasks.
pub(super) struct Roots {
    /// The one named last, in which new tasks begin.
    pub(super) own: PathBuf,
    catalogs: Vec<Catalog>,
}

impl Roots {
    /// The default root, those given with `--root`, and the agent's work directory.
    pub(super) fn of(given: &Given) -> Self {
        let mut roots = vec![PathBuf::from(CHECKPOINTS)];
        roots.extend(given.all("root").iter().map(PathBuf::from));
        let own = roots.last().cloned().unwrap_or_default();
        roots.dedup();
        let mesos = PathBuf::from(given.text("mesos-root").unwrap_or(MESOS));
        let mut catalogs: Vec<Catalog> = roots.into_iter().map(Catalog::of_root).collect();
        catalogs.push(Catalog::new(mesos, None));
        Self { own, catalogs }
    }

    /// Every task, by root and id.
    pub(super) fn tasks(&self) -> Vec<Found> {
        let mut all = Vec::new();
        for catalog in &self.catalogs {
            let mut found = catalog.scan();
            found.sort_by_cached_key(|found| found.paths.runner());
            all.append(&mut found);
        }
        all
    }

    /// The tasks whose ids begin with what one of the expressions matches.
    pub(super) fn matching(&self, expressions: &[String]) -> Result<Vec<Found>, Failure> {
        let patterns = expressions
            .iter()
            .map(|text| {
                Regex::new(&format!("^(?:{text})"))
                    .map_err(|error| Failure::Other(format!("bad expression `{text}`: {error}")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut found = self.tasks();
        found.retain(|found| {
            patterns
                .iter()
                .any(|pattern| pattern.is_match(found.paths.task_id()))
        });
        Ok(found)
    }
}
