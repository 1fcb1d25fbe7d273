//! The table of figures that all benchmarks print.

pub mod table;
