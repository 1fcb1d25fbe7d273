//! Makes the cases of the accuracy report and counts the results. Healthy clips get known faults of known
//! severities, or changes that only look like a fault. The diagnoses must then distinguish faulty clips from
//! healthy ones.

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
