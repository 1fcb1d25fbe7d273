//! The worker's program with its surroundings: a master, cameras, and clients that submit.

#![cfg(test)]

#[path = "../../../sandbox/tests/guest/component.rs"]
mod component;
mod master;
mod observations;
mod revoking;
mod settings;
mod stage;
mod worker;

/// The path of the contract from this crate.
const CONTRACT: &str = "../../wit";
