//! `thermos status`.

use std::os::unix::fs::MetadataExt;

use crate::checkpoint::{self, TaskHistory};
use crate::observer::Found;
use crate::users::User;

use super::Failure;
use super::options::Given;
use super::roots::Roots;
use super::times::asctime;

/// Lists active tasks and those that have ended.
pub(super) fn status(roots: &Roots, given: &Given) -> Result<(), Failure> {
    let verbosity = given
        .parsed("verbosity", "a number", |text| text.parse::<u32>().ok())?
        .unwrap_or(0);
    let only = given.parsed("only", "`active` or `finished`", |text| {
        matches!(text, "active" | "finished").then(|| text.to_string())
    })?;
    let everything = [".*".to_string()];
    let expressions = match given.args.as_slice() {
        [] => everything.as_slice(),
        some => some,
    };
    let tasks = roots.matching(expressions)?;
    let mut any = false;
    for (title, which, active) in [
        ("Active tasks:", "active", true),
        ("Finished tasks:", "finished", false),
    ] {
        let mut listed = tasks
            .iter()
            .filter(|found| found.active == active)
            .peekable();
        if only.as_deref().is_some_and(|only| only != which) || listed.peek().is_none() {
            continue;
        }
        any = true;
        sayln!("{title}");
        for found in listed {
            say!("{}", described(found, verbosity));
        }
        sayln!();
    }
    if any {
        Ok(())
    } else {
        sayln!("No tasks found.");
        Err(Failure::Silent)
    }
}

/// One task's lines.
fn described(found: &Found, verbosity: u32) -> String {
    let path = found.paths.runner();
    let owner = match std::fs::metadata(&path) {
        Ok(meta) => User::numbered(meta.uid())
            .map_or_else(|| format!("uid:{}", meta.uid()), |user| user.name),
        Err(_) => "?".to_string(),
    };
    let mut text = format!("  {:<20} [owner: {owner:>8}]", found.paths.task_id());
    if verbosity == 0 {
        text.push('\n');
        return text;
    }
    let history = checkpoint::read_all(&path)
        .map(|records| found.history(&records))
        .unwrap_or_default();
    text.push_str(&detailed(&history, verbosity));
    text
}

fn detailed(history: &TaskHistory, verbosity: u32) -> String {
    let (Some(header), Some(state)) = (&history.header, history.state()) else {
        return " - checkpoint stream CORRUPT or outdated format\n".to_string();
    };
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
    let launched = header.launch_time_ms as f64 / 1000.0;
    // The state is written out first: padding does not apply to what formats itself.
    let state = state.to_string();
    let mut text = format!("  state: {state:>8} start: {:>25}\n", asctime(launched));
    if verbosity > 1 {
        let ports: Vec<String> = header
            .ports
            .iter()
            .map(|(name, port)| format!("{name} -> {port}"))
            .collect();
        let ports = match ports.is_empty() {
            true => "None".to_string(),
            false => ports.join(" "),
        };
        text.push_str(&format!("    user: {} ports: {ports}\n", header.user));
        text.push_str(&format!("    sandbox: {}\n", header.sandbox));
    }
    if verbosity > 2 {
        text.push_str("    process table:\n");
        for runs in &history.processes {
            let Some(last) = runs.runs.last() else {
                continue;
            };
            let (code, stop) = last.told_end();
            text.push_str(&format!(
                "      - {} runs: {} last: pid={}, rc={}, finish:{}, state:{}\n",
                runs.process,
                runs.runs.len(),
                last.pid
                    .map_or_else(|| "None".to_string(), |pid| pid.to_string()),
                code.map(|code| code.to_string()).unwrap_or_default(),
                stop.map_or_else(|| "None".to_string(), asctime),
                last.state,
            ));
        }
        text.push('\n');
    }
    text
}
