//! What the benchmarks have in common: how figures are shown.

pub mod table;
