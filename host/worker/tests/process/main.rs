//! The worker's program among others: a master, cameras, whoever submits.

#![cfg(test)]

#[path = "../../../sandbox/tests/guest/component.rs"]
mod component;
mod master;
mod observations;
mod revoking;
mod settings;
mod stage;
mod worker;

/// Where the contract is, seen from this crate.
const CONTRACT: &str = "../../wit";
