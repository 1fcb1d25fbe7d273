//! The words that EasySight's programs exchange over HTTP and in files: findings, submissions,
//! what a node says of itself, and the one shape of an error. Data only, no I/O.

mod finding;
mod node;
mod problem;
mod submission;

pub use finding::{Decision, Failure, Finding, Metric, Region, Status, Text};
pub use node::{NodeMode, NodeState, NodeStatus, PluginSummary, PoolStatus, SystemInfo, Totals};
pub use problem::{PROBLEM_MEDIA_TYPE, Problem};
pub use submission::{Submission, SubmissionId, SubmissionRequest, SubmissionState};
