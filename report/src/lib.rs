//! Cases for the accuracy report, and what is counted of them. Healthy clips are degraded with known
//! kinds and severities, or given what looks like a fault and is none; the diagnoses then have to say
//! which is which.

pub mod cases;
pub mod catalogue;
pub mod damage;
pub mod document;
pub mod effect;
pub mod examiner;
pub mod ffmpeg;
pub mod footage;
pub mod frame;
pub mod labels;
pub mod manifest;
pub mod parallel;
pub mod pictures;
pub mod radiance;
pub mod random;
pub mod real;
pub mod samples;
pub mod scene;
pub mod set;
pub mod statistics;
pub mod tally;
pub mod unlabelled;
pub mod verdict;
