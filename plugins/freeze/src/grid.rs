//! The tiles that are compared, and the content of each that a frame shows for the first time.

use std::ops::Range;

use easysight_sdk::{
    Clip, Failure, PlaneKind, Rect,
    image::{TILE, textured_tiles, tile_prints},
};

/// The smallest range of grey levels in a textured tile.
const TEXTURE: u8 = 10;
/// The smallest share of textured tiles for a judgement.
const LEAST_TEXTURED: f64 = 0.02;
/// The approximate number of pixels of a frame that are compared. In a larger picture only every second, third, …
/// row of tiles is compared.
const LOOKED_AT: u32 = 330_000;
/// The height of the picture divided by this number is the largest height of a clock.
pub(crate) const STRIPS: usize = 10;
/// The change (mean square, in grey levels²) above which a tile counts as redrawn, as a clock's digits are. Noise that
/// the encoder keeps causes changes of up to 30.
const REDRAWN: i32 = 100;

/// A compared frame.
pub(crate) struct Look {
    pub(crate) at_us: u64,
    pub(crate) keyframe: bool,
    pub(crate) samples: Vec<u8>,
    /// The print of each tile. Tiles with equal prints have the same content.
    pub(crate) prints: Vec<u32>,
}

/// The compared tiles.
pub(crate) struct Grid {
    pub(crate) width: u32,
    pub(crate) columns: usize,
    /// The tops of the rows of tiles, in pixels.
    rows: Vec<u32>,
    /// True for each tile that is textured, row by row.
    pub(crate) textured: Vec<bool>,
}

impl Grid {
    pub(crate) fn of(clip: &dyn Clip) -> Result<Self, Failure> {
        let (width, height) = clip.size(PlaneKind::Luma, 0)?;
        let step = (width * height).div_ceil(LOOKED_AT).max(1);
        let tile = TILE as u32;
        let rows: Vec<u32> = (0..height / tile).step_by(step as usize).map(|row| row * tile).collect();
        let columns = width as usize / TILE;
        let mut grid = Self { width, columns, rows, textured: Vec::new() };
        let mut textured = vec![false; columns * grid.rows.len()];
        textured_tiles(&grid.pull(clip, 0)?, width as usize, TEXTURE, &mut textured);
        let count = textured.iter().filter(|&&textured| textured).count();
        if count == 0 || (count as f64) < LEAST_TEXTURED * textured.len() as f64 {
            return Err(Failure::Inconclusive(
                "the picture is too flat to judge: hardly anything in it could move".into(),
            ));
        }
        grid.textured = textured;
        Ok(grid)
    }

    /// Reads the compared rows of tiles of a frame, from top to bottom.
    fn pull(&self, clip: &dyn Clip, frame: u32) -> Result<Vec<u8>, Failure> {
        let band =
            |y, height| clip.crop(frame, PlaneKind::Luma, 0, Rect { x: 0, y, width: self.width, height });
        let tile = TILE as u32;
        if self.columns == 0 {
            return Ok(Vec::new());
        }
        // If no row of tiles is skipped, all rows are read at once.
        if let (Some(0), Some(&last)) = (self.rows.first(), self.rows.last())
            && last as usize == (self.rows.len() - 1) * TILE
        {
            return Ok(band(0, last + tile)?);
        }
        let mut samples = Vec::with_capacity(self.rows.len() * TILE * self.width as usize);
        for &y in &self.rows {
            samples.extend_from_slice(&band(y, tile)?);
        }
        Ok(samples)
    }

    /// Reads a frame.
    pub(crate) fn look(
        &self,
        clip: &dyn Clip,
        index: u32,
        at_us: u64,
        keyframe: bool,
    ) -> Result<Look, Failure> {
        let samples = self.pull(clip, index)?;
        let mut prints = vec![0; self.textured.len()];
        tile_prints(&samples, self.width as usize, &mut prints);
        Ok(Look { at_us, keyframe, samples, prints })
    }

    /// Returns the textured tiles that show new content at a frame.
    pub(crate) fn novel(&self, looks: &[Look], at: usize) -> Vec<bool> {
        let Some((look, earlier)) = looks.get(..=at).and_then(<[Look]>::split_last) else {
            return Vec::new();
        };
        self.unseen(look, earlier.iter())
    }

    /// Returns the textured tiles whose content in `look` differs from their content in each of the `earlier` frames.
    pub(crate) fn unseen<'a>(&self, look: &Look, earlier: impl Iterator<Item = &'a Look>) -> Vec<bool> {
        let mut unseen = self.textured.clone();
        for other in earlier {
            for ((unseen, now), before) in unseen.iter_mut().zip(&look.prints).zip(&other.prints) {
                *unseen &= now != before;
            }
        }
        unseen
    }

    /// Returns the marked tiles whose change exceeds [`REDRAWN`], far more than noise causes.
    pub(crate) fn redrawn(&self, looks: &[Look], at: usize, tiles: &[bool]) -> Vec<bool> {
        let (Some(before), Some(now)) = (looks.get(at - 1), looks.get(at)) else { return Vec::new() };
        let (columns, width) = (self.columns.max(1), self.width as usize);
        let change = |tile: usize| -> i32 {
            let top = tile / columns * TILE * width + tile % columns * TILE;
            let rows = (0..TILE).map(|row| top + row * width..top + row * width + TILE);
            rows.filter_map(|row| Some((before.samples.get(row.clone())?, now.samples.get(row)?)))
                .map(|(a, b)| product(a, b, a, b))
                .sum()
        };
        let is_redrawn =
            |(tile, &marked): (usize, &bool)| marked && change(tile) > REDRAWN * (TILE * TILE) as i32;
        tiles.iter().enumerate().map(is_redrawn).collect()
    }

    /// Returns the rows of the strip of the picture with the most marked tiles. The range is empty if no tile is
    /// marked.
    pub(crate) fn busiest(&self, maps: &[Vec<bool>]) -> Range<usize> {
        let rows: Vec<usize> = union(maps)
            .chunks(self.columns.max(1))
            .map(|row| row.iter().filter(|&&marked| marked).count())
            .collect();
        let strip = self.rows.len().div_ceil(STRIPS);
        let sum = |top: usize| rows.iter().skip(top).take(strip).sum::<usize>();
        let tops = 0..=self.rows.len().saturating_sub(strip);
        match tops.max_by_key(|&top| sum(top)) {
            Some(top) if sum(top) > 0 => top..top + strip,
            _ => 0..0,
        }
    }

    /// Returns the share of the textured tiles that are marked. The rows of tiles in `outside` do not count.
    pub(crate) fn share(&self, map: &[bool], outside: &Range<usize>) -> f64 {
        let count = |map: &[bool]| -> usize {
            let rows = map.chunks(self.columns.max(1)).enumerate();
            let rows = rows.filter(|(row, _)| !outside.contains(row));
            rows.map(|(_, row)| row.iter().filter(|&&marked| marked).count()).sum()
        };
        count(map) as f64 / count(&self.textured).max(1) as f64
    }

    /// Returns the share of the tiles that were new at the previous frame. The result is None if the previous frame is
    /// a keyframe or the first frame.
    pub(crate) fn share_before(&self, looks: &[Look], at: usize, outside: &Range<usize>) -> Option<f64> {
        let before = at.checked_sub(1).filter(|&before| before > 0)?;
        looks.get(before).filter(|look| !look.keyframe)?;
        Some(self.share(&self.novel(looks, before), outside))
    }
}

/// Returns the tiles that are marked in any of the maps.
pub(crate) fn union(maps: &[Vec<bool>]) -> Vec<bool> {
    let mut all = maps.first().cloned().unwrap_or_default();
    for map in maps.iter().skip(1) {
        all.iter_mut().zip(map).for_each(|(all, &one)| *all |= one);
    }
    all
}

/// Returns the sum of (b − a) × (d − c).
pub(crate) fn product(a: &[u8], b: &[u8], c: &[u8], d: &[u8]) -> i32 {
    let first = a.iter().zip(b).map(|(&a, &b)| i32::from(b) - i32::from(a));
    let second = c.iter().zip(d).map(|(&c, &d)| i32::from(d) - i32::from(c));
    first.zip(second).map(|(first, second)| first * second).sum()
}
