//! Everything that needs a real Docker engine, in one program: it is linked once, and its clusters come up side by side.

mod acceptance;
mod docker_tasks;
mod failover;
mod launcher;
mod recovery;
mod support;
mod tutorial_cluster_tour;
mod tutorial_hello_world;
