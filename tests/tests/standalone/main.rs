//! The standalone worker, as users run it.

#![cfg(test)]

#[path = "../../../host/sandbox/tests/guest/component.rs"]
mod component;
mod hostile;
#[path = "../programs/http.rs"]
mod http;
#[path = "../programs/mod.rs"]
mod programs;
mod service;
mod worker;

/// The path of the contract, relative to this crate.
const CONTRACT: &str = "../wit";
