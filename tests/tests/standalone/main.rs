//! The standalone worker as its users meet it.

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

/// Where the contract is, seen from this crate.
const CONTRACT: &str = "../wit";
