//! The library for other people's tests.
