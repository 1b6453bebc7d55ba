//! Programs that other people wrote, pointed at a master, an agent and a scheduler of ours: as processes of this host, without Docker.

mod kerberos;
mod libmesos;
mod local;
mod mesos_cli;
mod pymesos;
