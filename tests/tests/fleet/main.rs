//! A master and its workers, as their users run them: real programs, real sockets, real databases.
#![cfg(test)]

#[path = "../programs/mod.rs"]
mod programs;

mod access;
mod api;
mod deaths;
mod guide;
mod process;
mod proxy;
mod tasks;
