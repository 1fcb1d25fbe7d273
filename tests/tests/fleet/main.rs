//! A master and its workers, as users run them: real programs, real sockets, real databases.
#![cfg(test)]

#[path = "../../../host/capture/tests/camera/mod.rs"]
mod camera;
#[path = "../../../host/sandbox/tests/guest/component.rs"]
mod component;
#[path = "../programs/http.rs"]
mod http;
#[path = "../../../host/store/tests/databases/postgres.rs"]
mod postgres;
#[path = "../programs/mod.rs"]
mod programs;

mod access;
mod addresses;
mod api;
mod areas;
mod audit;
mod bad_cameras;
mod balance;
mod bare_node;
mod containers;
mod database_tls;
mod deaths;
mod document;
mod drain;
mod events;
mod filters;
mod full_disk;
mod guide;
mod hostile;
mod idle;
mod looks;
mod outages;
mod overview;
mod pictures;
mod process;
mod proxy;
mod replay;
mod requests;
mod schedules;
mod settings;
mod shadow;
mod shared;
mod signing;
mod street;
mod systemd;
mod tasks;
mod traces;
mod trends;
mod uploads;
mod users;
mod versions;

/// The path of the contract, relative to this crate.
const CONTRACT: &str = "../wit";
