//! What an author does with `easysight plugin …`, with the real program and real tools.

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

/// Where the contract is, seen from this crate.
const CONTRACT: &str = "../wit";
