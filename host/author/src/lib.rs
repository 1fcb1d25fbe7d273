//! What the author of a diagnosis does with a plugin: begin a folder, build it with whatever tools there are,
//! check that a master would take it and that it bears odd clips and settings, run its cases, measure what it
//! costs and where, and run it again whenever its sources change.
//!
//! Everything here runs on the author's machine and needs no master. What is printed, and how, is left to the
//! command line.

mod bench;
mod building;
mod cases;
mod check;
mod error;
mod profile;
mod project;
mod scene;
mod template;
mod watch;
mod workshop;

pub use bench::{Measured, Spread, bench};
pub use building::{Built, RUST_TARGETS, build, ensure_built};
pub use cases::{Case, CaseOutcome, Cases, Expectation, Footage};
pub use check::{Check, Conformance, Costs, Described, Verdict, check};
pub use error::AuthorError;
pub use profile::{Profile, Share, profile};
pub use project::{Language, Project};
pub use scene::{Picture, Rendering};
pub use template::begin;
pub use watch::{Watch, fingerprint};
pub use workshop::{Footing, Workshop};
