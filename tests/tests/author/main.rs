//! The work of an author with `easysight plugin …`, with the real program and real tools.

#![cfg(test)]

mod battery;
#[path = "../../../host/sandbox/tests/guest/component.rs"]
mod component;
mod docs;
mod journey;
#[path = "../programs/mod.rs"]
mod programs;
mod terminal;
mod watch;

/// The path of the contract, relative to this crate.
const CONTRACT: &str = "../wit";
