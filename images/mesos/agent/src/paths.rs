//! Where things are under `--work_dir` (protocol-flows.md, "agent disk layout").

use std::path::{Path, PathBuf};

use crate::model::Place;

/// The executor's folder of all runs, under `root` (the work dir, or its `meta`).
pub fn executor(root: &Path, agent: &str, framework: &str, executor: &str) -> PathBuf {
    self::framework(root, agent, framework)
        .join("executors")
        .join(executor)
}

/// A framework's folder under `root`.
pub fn framework(root: &Path, agent: &str, framework: &str) -> PathBuf {
    root.join("slaves")
        .join(agent)
        .join("frameworks")
        .join(framework)
}

/// A run's folder under `root`: under the work dir this is the sandbox.
pub fn run(root: &Path, agent: &str, place: &Place) -> PathBuf {
    executor(root, agent, &place.framework, &place.executor)
        .join("runs")
        .join(&place.container)
}

/// What the agent keeps for its next life.
pub fn meta(work_dir: &Path) -> PathBuf {
    work_dir.join("meta")
}

/// Whether an id from outside may be the name of a folder: the rule that masters apply to ids.
pub fn is_safe_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 255
        && id != "."
        && id != ".."
        && !id.chars().any(|c| c.is_control() || c == '/' || c == '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_is_where_the_original_puts_it() {
        let place = Place {
            framework: "F".into(),
            executor: "E".into(),
            container: "C".into(),
        };
        assert_eq!(
            run(Path::new("/w"), "S", &place),
            Path::new("/w/slaves/S/frameworks/F/executors/E/runs/C")
        );
        assert_eq!(
            run(&meta(Path::new("/w")), "S", &place),
            Path::new("/w/meta/slaves/S/frameworks/F/executors/E/runs/C")
        );
    }

    #[test]
    fn an_id_that_would_leave_its_folder_is_refused() {
        for bad in ["", ".", "..", "a/b", "..\\x", "a\0b", &"x".repeat(256)] {
            assert!(!is_safe_id(bad), "case `{bad}`");
        }
        assert!(is_safe_id("www-data-prod-hello-0-5e9a.b"));
    }
}
