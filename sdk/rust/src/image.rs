//! Measurements on planes of 8-bit samples. The functions are written so that the compiler vectorises them (SIMD), in
//! WebAssembly (128 bit) and natively. The tests compare the functions with plain loops.

mod connected;
mod correlation;
mod difference;
mod edges;
mod grain;
mod histogram;
mod moments;
mod seam;
mod speckle;

pub use connected::{beside, connected};
pub use correlation::correlation;
pub use difference::{TILE, changed_tiles, far_apart, textured_tiles, tile_prints};
pub use edges::{CELL, EdgeWindow, edge_windows};
pub use grain::{GRAIN_ROWS, Grain, grain_tiles};
pub use histogram::Histogram;
pub use moments::{Moments, tile_difference_moments, tile_moments};
pub use seam::{Seams, seams};
pub use speckle::{SPECKLE_ROWS, Speckle, speckle_tiles};
