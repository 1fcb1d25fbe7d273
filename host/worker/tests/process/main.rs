//! Tests the worker's program together with a master, cameras, and clients that submit.

#![cfg(test)]

#[path = "../../../sandbox/tests/guest/component.rs"]
mod component;
mod master;
mod observations;
mod revoking;
mod settings;
mod stage;
mod worker;

/// The path of the contract, relative to this crate.
const CONTRACT: &str = "../../wit";
