//! The v1 scheduler API, from the framework's side.
