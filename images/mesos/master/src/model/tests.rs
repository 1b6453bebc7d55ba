//! Tests of the state machine as a whole: what comes out for what goes in.

mod agents;
mod allocation;
mod authorization;
mod driver;
mod invariants;
mod launches;
mod maintenance;
mod operation_recovery;
mod operation_texts;
mod operations;
mod oversubscription;
mod policy_sequences;
mod quotas;
mod registry;
mod removals;
mod sequences;
mod standing;
mod tasks;
mod watch;
pub(crate) mod world;
