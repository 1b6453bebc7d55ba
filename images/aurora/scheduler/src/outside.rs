//! What goes out to services of the users': questions to coordinators, and news for the webhook.
//! Nothing here holds the scheduler up: it hands things over, and goes on.

pub mod coordinator;
mod gson;
pub mod webhook;
