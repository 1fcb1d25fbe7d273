//! End-to-end tests live in `tests/` of this crate. They start the real programs, which
//! `cargo xtask test` builds first.
