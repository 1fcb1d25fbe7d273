//! The commands for plugin authors: create a folder, build the plugin with the installed tools, check that a
//! master would accept it and that it survives unusual clips and settings, run its cases, measure how much fuel it
//! uses and where, and run it again when its sources change.
//!
//! Everything here runs on the author's machine and needs no master. The command line decides what is printed, and
//! how.

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
