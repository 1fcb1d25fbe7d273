//! What every server process of EasySight does alike: logs, traces, signals, systemd, a data directory of
//! its own, what shall never stand still, what is counted of findings, requests, bodies and errors over HTTP. What the process serves is
//! its own affair.

pub mod body;
pub mod findings;
pub mod logging;
pub mod problem;
pub mod process;
pub mod pulse;
pub mod requests;
pub mod telemetry;
pub mod upload;
