//! What every server process of EasySight needs: logs, traces, signals, systemd, the lock of a data directory,
//! detection of a hung loop, metrics of findings, and for HTTP: request ids, hosts, bodies and errors. The routes are in the
//! programs.

pub mod body;
pub mod findings;
pub mod logging;
pub mod problem;
pub mod process;
pub mod pulse;
pub mod requests;
pub mod site;
pub mod telemetry;
pub mod upload;
