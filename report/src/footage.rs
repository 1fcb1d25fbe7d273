//! Real footage: which pictures and clips of public repositories judge the diagnoses, what may be said
//! of each, and how to get them again. The list is `report/footage/manifest.csv`; the pictures are not
//! ours to publish, so whoever wants the figures rebuilds them from mirrors of their repositories. This
//! module leaves the judging to others.

pub mod manifest;
pub mod mirror;
pub mod rebuild;

pub use crate::set::Set;
pub use manifest::{Entry, Kind, Manifest, Source};
pub use rebuild::Outcome;
