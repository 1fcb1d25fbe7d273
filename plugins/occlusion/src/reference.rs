//! What the camera saw, tile by tile, while nothing covered it.

use easysight_sdk::{
    baseline::{References, Remembered},
    image::connected,
};
use serde::{Deserialize, Serialize};

use crate::{
    grid::{EMPTY, Grid, Map},
    patch::map_of,
};

/// Counts of detail a grey level, to keep it in a byte.
const PRECISION: f32 = 8.0;
/// A tile had detail where it deviated by so many grey levels.
const DETAILED: f32 = 4.0;
/// It lost it where less than this share of the deviation is left.
const LOST: f32 = 0.25;
/// Grey levels by which the mean of a tile must change for it to show something else.
const CHANGED: f32 = 12.0;
/// Share of a region that must have had detail: where less did, the light may have changed.
const LEAST_LOST: f32 = 0.25;

/// A healthy picture in tiles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reference {
    columns: u16,
    rows: u16,
    mean: Vec<u8>,
    detail: Vec<u8>,
}

/// The references of a camera.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen(pub(crate) References<Reference>);

impl Remembered for Seen {
    const LAYOUT: u16 = 1;
}

impl Reference {
    pub(crate) fn of(grid: &Grid) -> Self {
        Self {
            columns: grid.columns as u16,
            rows: grid.rows as u16,
            mean: grid.mean.iter().map(|&mean| mean as u8).collect(),
            detail: grid.detail.iter().map(|&detail| (detail * PRECISION) as u8).collect(),
        }
    }

    /// Whether it is of a picture of the same shape.
    pub(crate) fn fits(&self, grid: &Grid) -> bool {
        usize::from(self.columns) == grid.columns
            && usize::from(self.rows) == grid.rows
            && self.mean.len() == grid.len()
            && self.detail.len() == grid.len()
    }

    /// Follows the scene slowly: a quarter of what is seen now.
    pub(crate) fn follow(&self, grid: &Grid) -> Self {
        let now = Self::of(grid);
        let blend = |old: &[u8], new: &[u8]| {
            let blended = |(&old, &new): (&u8, &u8)| (3 * u16::from(old) + u16::from(new) + 2) / 4;
            old.iter().zip(new).map(blended).map(|value| value as u8).collect()
        };
        Self { mean: blend(&self.mean, &now.mean), detail: blend(&self.detail, &now.detail), ..now }
    }

    fn at(&self, at: usize) -> (f32, f32) {
        let mean = self.mean.get(at).copied().unwrap_or(0);
        let detail = self.detail.get(at).copied().unwrap_or(0);
        (f32::from(mean), f32::from(detail) / PRECISION)
    }

    /// The largest region that is empty now and was not, or was of another tone, and its share of
    /// the picture.
    pub(crate) fn covered(&self, grid: &Grid) -> (f32, Map<bool>) {
        let lost: Map<bool> = (grid.detail.iter().zip(&grid.moved).enumerate())
            .map(|(at, (&detail, &moved))| {
                let (_, before) = self.at(at);
                !moved && before >= DETAILED && detail < EMPTY.min(LOST * before)
            })
            .collect();
        let new: Map<bool> = (grid.detail.iter().zip(&grid.mean).zip(&grid.moved).enumerate())
            .map(|(at, ((&detail, &mean), &moved))| {
                let other = (mean - self.at(at).0).abs() > CHANGED;
                let was_lost = lost.get(at).copied().unwrap_or(false);
                was_lost || (other && detail < EMPTY && !moved)
            })
            .collect();
        let weighed = connected(&new, grid.columns, |_, _| true).into_iter().map(|region| {
            let size = region.len() as f32;
            let lost = region.iter().filter(|&&at| lost.get(at).copied().unwrap_or(false)).count() as f32;
            ((lost / (LEAST_LOST * size)).min(1.0) * size / grid.len() as f32, region)
        });
        let largest = weighed.max_by(|(a, _), (b, _)| a.total_cmp(b));
        largest.map(|(share, region)| (share, map_of(grid, &region))).unwrap_or_default()
    }

    /// Share of a patch that was as empty and of the same tone before.
    pub(crate) fn known(&self, grid: &Grid, tiles: &[bool]) -> f32 {
        let (mut all, mut known) = (0_u32, 0_u32);
        for at in tiles.iter().enumerate().filter(|&(_, &tile)| tile).map(|(at, _)| at) {
            let (mean, detail) = self.at(at);
            let same = grid.mean.get(at).is_some_and(|&now| (now - mean).abs() <= CHANGED);
            all += 1;
            known += u32::from(same && detail < EMPTY);
        }
        if all == 0 { 0.0 } else { known as f32 / all as f32 }
    }
}
