//! What every server process of EasySight does alike: logs, signals, systemd, a data directory of its
//! own, and errors over HTTP. What the process serves is its own affair.

pub mod body;
pub mod logging;
pub mod problem;
pub mod process;
