//! Real footage: the pictures and clips of public repositories that the diagnoses are judged with, their labels,
//! and how to get the files again. The list is `report/footage/manifest.csv`. This project may not publish the
//! pictures, so users rebuild them from mirrors of their repositories. This module does not judge.

pub mod manifest;
pub mod mirror;
pub mod rebuild;

pub use crate::set::Set;
pub use manifest::{Entry, Kind, Manifest, Source};
pub use rebuild::Outcome;
