//! The agent's resources as operators and frameworks have made them, under `meta/resources`. A change is
//! first written beside what was, then carried out on the volumes, then put in its place: whenever the
//! agent dies, its next life finishes it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mesos_proto::mesos::{Operation, Resource};
use mesos_proto::messages::ResourceState;

use super::file;
use crate::containerizer::volumes;

/// What the agent has.
const STATE: &str = "resources_and_operations.state";
/// What it is about to have.
const TARGET: &str = "resources_and_operations.target";
/// What agents of before 1.8 wrote: resources alone.
const OLD: &str = "resources.info";

pub(super) fn state(resources: Vec<Resource>, operations: Vec<Operation>) -> ResourceState {
    let mut state = ResourceState::new();
    state.resources = resources;
    state.operations = operations;
    state
}

fn folder(meta: &Path) -> PathBuf {
    meta.join("resources")
}

/// Reads what is to hold: what an earlier life was about to do counts as done.
pub(super) fn read(meta: &Path) -> Result<ResourceState, (PathBuf, io::Error)> {
    let target = folder(meta).join(TARGET);
    // One that was cut off was never begun.
    if let Ok(state) = file::read_message(&target) {
        return Ok(state);
    }
    settled(meta)
}

fn settled(meta: &Path) -> Result<ResourceState, (PathBuf, io::Error)> {
    let (path, old) = (folder(meta).join(STATE), folder(meta).join(OLD));
    if path.exists() {
        file::read_message(&path).map_err(|error| (path, error))
    } else if old.exists() {
        let contents = file::read_messages(&old).map_err(|error| (old, error))?;
        Ok(state(contents.messages, Vec::new()))
    } else {
        Ok(ResourceState::new())
    }
}

/// Finishes what an earlier life began, and sees that all volumes are there. Gives the reservations and
/// volumes that hold.
pub(super) fn settle(work_dir: &Path, meta: &Path) -> io::Result<Vec<Resource>> {
    // What cannot be read was told when it was recovered.
    let mut kept = settled(meta).unwrap_or_default().resources;
    let state = read(meta).unwrap_or_default();
    if folder(meta).join(TARGET).exists() {
        write(work_dir, meta, &mut kept, &state)?;
    } else {
        volumes::sync(work_dir, &kept, &kept)?;
    }
    Ok(kept)
}

/// Writes what the agent has, and makes and removes volumes as it says.
pub(super) fn write(
    work_dir: &Path,
    meta: &Path,
    kept: &mut Vec<Resource>,
    state: &ResourceState,
) -> io::Result<()> {
    let folder = folder(meta);
    fs::create_dir_all(&folder)?;
    let target = folder.join(TARGET);
    file::write_message(&target, state)?;
    volumes::sync(work_dir, kept, &state.resources)?;
    fs::rename(&target, folder.join(STATE))?;
    match fs::remove_file(folder.join(OLD)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    kept.clone_from(&state.resources);
    Ok(())
}
