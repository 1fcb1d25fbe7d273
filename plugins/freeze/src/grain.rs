//! The noise of the picture at rest, and the share of its changes that are undone later.

use easysight_sdk::image::TILE;

use crate::{
    grid::{Grid, Look, product},
    usual::Noise,
};

/// The distance, in rows, between the rows of a tile in which noise is measured.
const GRAIN_STEP: usize = 4;

impl Grid {
    /// Measures the change over the comparisons in `quiet`, and the finest detail and the brightness of the last frame.
    pub(crate) fn noise(&self, looks: &[Look], quiet: &[usize], last: &Look) -> Noise {
        Noise {
            grain: self.grain(looks, quiet),
            fineness: self.fineness(last),
            brightness: mean(&last.samples),
        }
    }

    /// Returns the mean square of the change over the comparisons in `quiet`: the median over the textured tiles. The
    /// result is 0 if there are no comparisons.
    fn grain(&self, looks: &[Look], quiet: &[usize]) -> f32 {
        let (columns, width) = (self.columns.max(1), self.width as usize);
        let energy_of = |tile: usize, before: &Look, now: &Look| -> i32 {
            let top = tile / columns * TILE * width + tile % columns * TILE;
            let rows = (0..TILE).step_by(GRAIN_STEP).map(|row| top + row * width..top + row * width + TILE);
            rows.filter_map(|row| Some((before.samples.get(row.clone())?, now.samples.get(row)?)))
                .map(|(a, b)| product(a, b, a, b))
                .sum()
        };
        let mut energies = vec![0_i32; self.textured.len()];
        for (before, now) in quiet.iter().filter_map(|&at| Some((looks.get(at - 1)?, looks.get(at)?))) {
            let tiles = energies.iter_mut().zip(&self.textured).enumerate();
            for (tile, (energy, _)) in tiles.filter(|(_, (_, textured))| **textured) {
                *energy += energy_of(tile, before, now);
            }
        }
        let tiles = energies.into_iter().zip(&self.textured).filter(|(_, textured)| **textured);
        let mut energies: Vec<i32> = tiles.map(|(energy, _)| energy).collect();
        let middle = energies.len() / 2;
        if middle >= energies.len() {
            return 0.0;
        }
        let samples = TILE * TILE.div_ceil(GRAIN_STEP) * quiet.len().max(1);
        *energies.select_nth_unstable(middle).1 as f32 / samples as f32
    }

    /// Returns the mean square of the finest detail in a flat, a middle and a rich tile: the lower quartile, the median
    /// and the upper quartile over the textured tiles. The finest detail is the difference between the two diagonals of
    /// four neighbouring samples: the sum of one diagonal minus the sum of the other. Edges of the scene cancel in this
    /// difference unless they are oblique.
    fn fineness(&self, look: &Look) -> [f32; 3] {
        let (columns, width) = (self.columns.max(1), self.width as usize);
        let energy_of = |tile: usize| -> i32 {
            let top = tile / columns * TILE * width + tile % columns * TILE;
            let rows = (0..TILE).step_by(GRAIN_STEP).map(|row| top + row * width);
            let two = |from: usize| {
                let below = from + width;
                Some((look.samples.get(from..from + TILE)?, look.samples.get(below..below + TILE)?))
            };
            rows.filter_map(two).map(|(upper, lower)| diagonals(upper, lower)).sum()
        };
        let tiles = self.textured.iter().enumerate().filter(|(_, textured)| **textured);
        let mut energies: Vec<i32> = tiles.map(|(tile, _)| energy_of(tile)).collect();
        energies.sort_unstable();
        let squares = 4 * TILE.div_ceil(GRAIN_STEP) * (TILE - 1);
        [1, 2, 3].map(|quarter| {
            energies.get(energies.len() * quarter / 4).map_or(0.0, |&energy| energy as f32 / squares as f32)
        })
    }

    /// Returns the mean square of the change per textured pixel, and the share of the change that is undone later. Only
    /// the comparisons in `quiet` and the marked `tiles` are measured. Let a and b be the samples of the two compared
    /// frames, and c those of the last frame before the next keyframe or the end of the clip. The share is the sum of
    /// (b − a) · (b − c), divided by the sum of (b − a)²: 1 if every change is reversed, and 0 if every change stays.
    /// Comparisons that no such frame follows are left out of the share.
    pub(crate) fn reversion(&self, looks: &[Look], quiet: &[usize], tiles: Vec<bool>) -> (f64, f64) {
        let (mut changed, mut undone, mut lasting) = (0.0, 0.0, 0.0);
        let width = self.width as usize;
        for &at in quiet {
            let (Some(before), Some(now)) = (looks.get(at - 1), looks.get(at)) else { continue };
            let rest = looks.iter().skip(at + 1).take_while(|look| !look.keyframe);
            let last = rest.last();
            let planes = [Some(before), Some(now), last].map(|look| look.map(|look| look.samples.as_slice()));
            let [Some(before), Some(now), last] = planes else { continue };
            for tile in tiles.iter().enumerate().filter(|(_, novel)| **novel).map(|(tile, _)| tile) {
                let top = tile / self.columns.max(1) * TILE * width + tile % self.columns.max(1) * TILE;
                for row in 0..TILE {
                    let place = top + row * width..top + row * width + TILE;
                    let (Some(a), Some(b)) = (before.get(place.clone()), now.get(place.clone())) else {
                        continue;
                    };
                    let energy = product(a, b, a, b);
                    changed += f64::from(energy);
                    if let Some(c) = last.and_then(|last| last.get(place)) {
                        lasting += f64::from(energy);
                        undone -= f64::from(product(a, b, b, c));
                    }
                }
            }
        }
        let textured = self.textured.iter().filter(|&&textured| textured).count() * TILE * TILE;
        let energy = changed / (textured * quiet.len()).max(1) as f64;
        (energy, if lasting > 0.0 { undone / lasting } else { 0.0 })
    }
}

/// Returns the mean of the samples, or 0 if there are none.
fn mean(samples: &[u8]) -> f32 {
    let short = |samples: &[u8]| -> u32 { samples.iter().map(|&sample| u32::from(sample)).sum() };
    let sum: u64 = samples.chunks(1 << 16).map(short).map(u64::from).sum();
    (sum as f64 / samples.len().max(1) as f64) as f32
}

/// Returns the sum, over all squares of four neighbouring samples, of the squared difference between the two diagonals.
fn diagonals(upper: &[u8], lower: &[u8]) -> i32 {
    let down = |(&a, &b): (&u8, &u8)| i32::from(a) - i32::from(b);
    let left = upper.iter().zip(lower).map(down);
    let right = upper.iter().zip(lower).skip(1).map(down);
    left.zip(right).map(|(left, right)| (left - right).pow(2)).sum()
}
