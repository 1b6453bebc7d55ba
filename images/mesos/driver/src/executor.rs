//! The v1 executor API, from the executor's side.
