//! Which files are shown, and under which names (http-endpoints.md, section 5).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mesos_wire::authorization::{Action, Rights};

use super::agent::Agent;
use super::files::FileError;
use super::sight;
use crate::model::Executor;

/// Virtual paths, and the real ones that they stand for.
pub(crate) type Attached = BTreeMap<String, PathBuf>;

/// What is attached now: each sandbox under three names, and the log.
pub(crate) fn attached(agent: &Agent) -> Attached {
    let mut all = Attached::new();
    if let Some(file) = agent.flags.text("external_log_file") {
        all.insert("/slave/log".to_string(), PathBuf::from(file));
    }
    for sandbox in agent.nested.standalone_sandboxes() {
        all.insert(sandbox.to_string_lossy().into_owned(), sandbox);
    }
    agent.look(|model| {
        for framework in model.completed_frameworks().chain(model.frameworks()) {
            let alive = framework.executors.values();
            for executor in framework.completed.iter().chain(alive) {
                attach(&mut all, executor);
            }
        }
    });
    all
}

fn attach(all: &mut Attached, executor: &Executor) {
    let real = &executor.directory;
    all.insert(real.to_string_lossy().into_owned(), real.clone());
    if let Some(runs) = real.parent() {
        all.insert(
            runs.join("latest").to_string_lossy().into_owned(),
            real.clone(),
        );
    }
    let (framework, id) = (&executor.framework, executor.id());
    all.insert(
        format!("/frameworks/{framework}/executors/{id}/runs/latest"),
        real.clone(),
    );
}

/// The real path of a virtual one. Neither `..` nor a link leads out of what is attached: such a path is
/// refused, in the original's words.
fn resolve(attached: &Attached, work_dir: &Path, path: &str) -> Result<PathBuf, FileError> {
    let path = match path.trim_end_matches('/') {
        "" => return Err(FileError::NotFound),
        path => Path::new(path),
    };
    let found = path.ancestors().find_map(|ancestor| {
        let root = attached.get(ancestor.to_str()?)?;
        Some((root.clone(), path.strip_prefix(ancestor).ok()?))
    });
    if let Some((root, rest)) = found {
        return below(&root, rest)?.ok_or_else(|| {
            let path = root.join(rest);
            FileError::Bad(format!("'{}' is inaccessible.\n", path.display()))
        });
    }
    // Sandboxes of executors that are forgotten are still there by their real path.
    let slaves = work_dir.join("slaves");
    let rest = path
        .strip_prefix(&slaves)
        .map_err(|_| FileError::NotFound)?;
    below(&slaves, rest)?.ok_or(FileError::NotFound)
}

/// The real path of `rest` in the folder `root`; `None` if it is outside.
fn below(root: &Path, rest: &Path) -> Result<Option<PathBuf>, FileError> {
    let real = |path: &Path| path.canonicalize().map_err(|_| FileError::NotFound);
    let root = real(root)?;
    // What is attached may be a file, and a file's path has no `/` behind it.
    let path = match rest.as_os_str().is_empty() {
        true => root.clone(),
        false => root.join(rest),
    };
    Ok(Some(real(&path)?).filter(|real| real.starts_with(&root)))
}

/// The real path of what an agent shows as `path`, to those who may see it.
pub(crate) fn find(agent: &Agent, path: &str, rights: &Rights) -> Result<PathBuf, FileError> {
    let work_dir = agent.look(|model| model.config().work_dir.clone());
    let found = resolve(&attached(agent), &work_dir, path)?;
    match !rights.are_limited() || may_see(agent, &found, rights) {
        true => Ok(found),
        false => Err(FileError::Forbidden),
    }
}

/// Whether a real path may be seen: the log by those who may read it, and a sandbox by those who may read those of its
/// user. A sandbox whose executor is forgotten is that of any user.
fn may_see(agent: &Agent, real: &Path, rights: &Rights) -> bool {
    let is_log = |log: &str| Path::new(log).canonicalize().is_ok_and(|log| log == real);
    if agent.flags.text("external_log_file").is_some_and(is_log) {
        return rights.allow_any(Action::AccessMesosLog);
    }
    let user = agent.look(|model| {
        let mut all = model.completed_frameworks().chain(model.frameworks());
        all.find_map(|framework| {
            let mut executors = framework
                .completed
                .iter()
                .chain(framework.executors.values());
            let owner = executors.find(|executor| {
                let folder = executor.directory.canonicalize();
                folder.is_ok_and(|folder| real.starts_with(folder))
            })?;
            Some(sight::user(&owner.info, &framework.info).to_string())
        })
    });
    match user {
        Some(user) => rights.allow(Action::AccessSandbox, &user),
        None => rights.allow_any(Action::AccessSandbox),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_path_leads_out_of_what_is_attached() {
        let work = tempfile::tempdir().expect("a folder");
        let sandbox = work.path().join("slaves/S/run");
        fs::create_dir_all(&sandbox).expect("made");
        fs::write(work.path().join("secret"), "x").expect("written");
        fs::write(sandbox.join("stdout"), "hello").expect("written");
        symlink(work.path().join("secret"), sandbox.join("link")).expect("linked");
        let attached = Attached::from([("/v".to_string(), sandbox.clone())]);
        let find = |path: &str| resolve(&attached, work.path(), path);
        let real = sandbox.canonicalize().expect("there").join("stdout");
        assert_eq!(find("/v/stdout"), Ok(real.clone()));
        assert_eq!(
            find(sandbox.join("stdout").to_str().expect("UTF-8")),
            Ok(real)
        );
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "/v/../../../../none",
            "/v/none",
            "v",
            "/vv",
        ] {
            assert_eq!(find(bad), Err(FileError::NotFound), "case `{bad}`");
        }
        for outside in ["..", "../../../secret", "link", "../run/.."] {
            let path = sandbox.join(outside);
            let want = format!("'{}' is inaccessible.\n", path.display());
            let got = find(&format!("/v/{outside}"));
            assert_eq!(got, Err(FileError::Bad(want)), "case `{outside}`");
        }
        let forgotten = work.path().join("slaves/../secret");
        let got = find(forgotten.to_str().expect("UTF-8"));
        assert_eq!(got, Err(FileError::NotFound));
        let around = find("/v/../run/stdout").expect("it ends where it may");
        assert!(around.ends_with("slaves/S/run/stdout"));
    }
}
