//! Programs that other people wrote, pointed at a master and an agent of ours: as processes of this host, without Docker.

mod libmesos;
mod local;
mod mesos_cli;
mod pymesos;
