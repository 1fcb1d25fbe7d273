//! What every server process of EasySight needs: logs, traces, signals, systemd, a data directory that no other
//! process uses, a watch over what must not hang, metrics of findings, and request ids, bodies and errors over HTTP.
//! The routes are in the programs.

pub mod body;
pub mod findings;
pub mod logging;
pub mod problem;
pub mod process;
pub mod pulse;
pub mod requests;
pub mod telemetry;
pub mod upload;
