//! Client sides of the v1 HTTP APIs of Mesos: what an executor and a scheduler need to talk to an
//! agent and to a master. Written for any Mesos 1.x, not for ours alone.

pub mod agent;
pub mod executor;
pub mod scheduler;
