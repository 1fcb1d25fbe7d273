//! Real footage: pictures and clips from public repositories, on which the accuracy of the diagnoses is measured.
//! The list of the files, with their labels, is `report/footage/manifest.csv`. This project may not publish the
//! pictures, so users rebuild them from mirrors of the repositories. This module does not run diagnoses.

pub mod manifest;
pub mod mirror;
pub mod rebuild;

pub use crate::set::Set;
pub use manifest::{Entry, Kind, Manifest, Source};
pub use rebuild::Outcome;
