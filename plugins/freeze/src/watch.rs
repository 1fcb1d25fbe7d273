//! The measurements that distinguish a frozen picture from a live one: motion, tiles with new content, and the share of
//! the changes that are undone.

use std::ops::Range;

use easysight_sdk::{
    Clip, Failure, FrameInfo, PlaneKind, Rect,
    image::{TILE, far_apart, textured_tiles, tile_prints},
};

use crate::{
    lately::Lately,
    news::{self, Change, News},
    seconds,
    usual::Noise,
};

/// The shortest interval between compared frames, except for keyframes.
const INTERVAL_US: u64 = 150_000;
/// The smallest range of grey levels in a textured tile.
const TEXTURE: u8 = 10;
/// The smallest share of textured tiles for a judgement.
const LEAST_TEXTURED: f64 = 0.02;
/// The time after a keyframe, and after motion, in which an encoder may refine the picture although nothing changes in
/// the scene.
pub(crate) const SETTLING_US: u64 = 550_000;
/// The approximate number of pixels of a frame that are compared. In a larger picture only every second, third, …
/// row of tiles is compared.
const LOOKED_AT: u32 = 330_000;
/// The level at which structure is compared. Its samples are averages of 4 × 4 pixels, in which the traces of coding
/// fade and edges stay.
const STRUCTURE_LEVEL: u32 = 2;
/// The number of grey levels by which a sample of [`STRUCTURE_LEVEL`] may change if the same picture is coded again. In
/// extreme compression, samples change by up to 4 on average. Edges that move change samples by far more.
const STRUCTURE_TOLERANCE: u8 = 20;
/// The share of the samples of [`STRUCTURE_LEVEL`] that may change by more than [`STRUCTURE_TOLERANCE`] without
/// counting as motion.
const STRUCTURE_MOVED: f64 = 0.005;
/// The height of the picture divided by this number is the largest height of a clock.
const STRIPS: usize = 10;
/// The smallest number of comparisons that are used, unless the clip has fewer.
const WANTED_PAIRS: usize = 3;
/// The change (mean square, in grey levels²) above which a tile counts as redrawn, as a clock's digits are. Noise that
/// the encoder keeps causes changes of up to 30.
const REDRAWN: i32 = 100;
/// The distance, in rows, between the rows of a tile in which noise is measured.
const GRAIN_STEP: usize = 4;
/// The smallest number of keyframes in a clip whose keyframes are compared with each other. An encoder that has just
/// started needs the first keyframes to find its rate.
const LEAST_KEYFRAMES: usize = 4;

/// The measurements of a clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    /// The time since the last motion, or since the clip began.
    pub(crate) still_s: f64,
    /// True if something moved in the clip.
    pub(crate) moved: bool,
    /// The number of comparisons that count, away from keyframes and motion.
    pub(crate) pairs: usize,
    /// The mean share of the textured tiles that change to new content from one compared frame to the next. Changes
    /// that the encoder's refinement explains do not count. The strip of the picture with the most redrawn tiles is
    /// ignored, because a clock may run there.
    pub(crate) changed_share: f64,
    /// The mean square of the change per textured pixel and compared frame, in grey levels².
    pub(crate) energy: f64,
    /// The noise of the picture at rest.
    pub(crate) noise: Noise,
    /// The share of the changes that are undone later. The share is about half if noise comes and goes, and almost 0 if
    /// an encoder refines a static picture.
    pub(crate) undone: f64,
    /// The new content after the last motion. Changes that the encoder's refinement explains do not count.
    pub(crate) news: News,
    /// The number of frames in which tiles are redrawn outside the strip where a clock may run.
    pub(crate) scattered: usize,
    /// The smallest share of the textured tiles that a keyframe rendered differently than all keyframes before. None if
    /// there are too few keyframes. The noise of a sensor changes nearly all tiles. In a static picture, the rendering
    /// of each tile returns as soon as the encoder returns to an earlier rate.
    pub(crate) renewed_share: Option<f64>,
    /// The new content in the last `window_s` seconds (see [`watch`]).
    pub(crate) lately: Lately,
    /// The number of keyframes whose previous compared frame shows new content. The previous frame does not count if it
    /// is the first frame after another keyframe, because the encoder still refines the picture then. By later frames,
    /// the encoder of a static picture has settled. The end of the clip counts as a keyframe.
    pub(crate) restless: usize,
}

/// A compared frame.
pub(crate) struct Look {
    pub(crate) at_us: u64,
    keyframe: bool,
    samples: Vec<u8>,
    prints: Vec<u32>,
}

/// Measures the last `window_s` seconds of the clip, and earlier frames where they are needed. New content counts if
/// more than `least_share` of the textured tiles are new at a frame.
pub(crate) fn watch(
    clip: &dyn Clip,
    frames: &[FrameInfo],
    window_s: f64,
    least_share: f64,
) -> Result<Seen, Failure> {
    let intra_only = frames.len() > 2 && frames.iter().all(|frame| frame.keyframe);
    let chosen = choose(frames, intra_only);
    let grid = Grid::of(clip)?;
    let Some(end_us) = chosen.last().map(|&(_, at_us, _)| at_us) else {
        return Err(Failure::UnsupportedClip("the clip has no frame".into()));
    };
    let moved_us = last_motion(clip, &chosen)?;
    let begin_us = frames.first().map_or(0, |frame| frame.timestamp_us);
    let mut looks = Vec::with_capacity(chosen.len());
    for &(index, at_us, keyframe) in &chosen {
        if at_us >= moved_us.unwrap_or(0) {
            looks.push(grid.look(clip, index, at_us, keyframe)?);
        }
    }
    let settled_us = settled(&looks, moved_us, intra_only);
    let pairs = settled_pairs(&looks, &settled_us);
    let quiet = quiet_pairs(&looks, &pairs, end_us, window_s);
    let novel: Vec<Vec<bool>> = pairs.iter().map(|&at| grid.novel(&looks, at)).collect();
    let redrawn: Vec<Vec<bool>> =
        pairs.iter().zip(&novel).map(|(&at, novel)| grid.redrawn(&looks, at, novel)).collect();
    let clock = grid.busiest(&redrawn);
    let changes: Vec<Change> = pairs
        .iter()
        .zip(novel.iter().zip(&redrawn))
        .map(|(&at, (novel, redrawn))| Change {
            look: at,
            at_us: looks.get(at).map_or(0, |look| look.at_us),
            share: grid.share(novel, &clock),
            before: grid.share_before(&looks, at, &clock),
            redrawn: redrawn.contains(&true),
        })
        .collect();
    // The quiet pairs are the last elements of `pairs`.
    let first = pairs.len() - quiet.len();
    let unexplained = news::unexplained(&changes);
    let counted = unexplained.get(first..).unwrap_or_default();
    let changed_share = counted.iter().sum::<f64>() / counted.len().max(1) as f64;
    let tiles = union(novel.get(first..).unwrap_or_default());
    let (energy, undone) = grid.reversion(&looks, &quiet, tiles);
    Ok(Seen {
        still_s: seconds(end_us - moved_us.unwrap_or(begin_us)),
        moved: moved_us.is_some(),
        pairs: quiet.len(),
        changed_share,
        energy,
        noise: looks.last().map(|last| grid.noise(&looks, &quiet, last)).unwrap_or_default(),
        undone,
        news: News::of(&changes, end_us, least_share),
        scattered: redrawn.iter().filter(|map| grid.share(map, &clock) > 0.0).count(),
        renewed_share: grid.renewed_share(&looks),
        lately: Lately::of(&grid, &looks, moved_us, end_us, window_s),
        restless: grid.restless(&looks, least_share),
    })
}

/// Returns the tiles that are marked in any of the maps.
fn union(maps: &[Vec<bool>]) -> Vec<bool> {
    let mut all = maps.first().cloned().unwrap_or_default();
    for map in maps.iter().skip(1) {
        all.iter_mut().zip(map).for_each(|(all, &one)| *all |= one);
    }
    all
}

/// Chooses frames at least [`INTERVAL_US`] apart, and all keyframes, because an encoder has to settle after each
/// keyframe. Returns for each chosen frame its index, its time, and whether it is a keyframe. If the clip has only
/// keyframes (`intra_only`), no frame counts as a keyframe.
fn choose(frames: &[FrameInfo], intra_only: bool) -> Vec<(u32, u64, bool)> {
    let mut chosen: Vec<(u32, u64, bool)> = Vec::new();
    for (index, frame) in (0_u32..).zip(frames) {
        let key = frame.keyframe && !intra_only;
        let due = chosen.last().is_none_or(|&(_, at_us, _)| frame.timestamp_us - at_us >= INTERVAL_US);
        if key || due {
            chosen.push((index, frame.timestamp_us, key));
        }
    }
    chosen
}

/// Returns the time of the last motion: the time of the last frame whose edges are in other places than in the previous
/// frame. In one strip of the picture, edges may change now and then, as the digits of a clock do, but not at two
/// consecutive frames. The result is None if nothing moves.
fn last_motion(clip: &dyn Clip, chosen: &[(u32, u64, bool)]) -> Result<Option<u64>, Failure> {
    let level = STRUCTURE_LEVEL.min(clip.info().levels - 1);
    let (width, _) = clip.size(PlaneKind::Luma, level)?;
    let mut after: Option<(Vec<u8>, u64)> = None;
    let mut ticked = false;
    for &(index, at_us, _) in chosen.iter().rev() {
        let now = clip.luma(index, level)?;
        if let Some((after, after_us)) = &after {
            let rows = now.chunks(width.max(1) as usize).zip(after.chunks(width.max(1) as usize));
            let moved: Vec<u64> =
                rows.map(|(now, after)| far_apart(now, after, STRUCTURE_TOLERANCE)).collect();
            let all: u64 = moved.iter().sum();
            let strip = moved.len().div_ceil(STRIPS).max(1);
            let in_strip = moved.windows(strip).map(|rows| rows.iter().sum()).max().unwrap_or(all);
            let is_motion = |count: u64| count as f64 > STRUCTURE_MOVED * now.len() as f64;
            if is_motion(all - in_strip) || (is_motion(all) && ticked) {
                return Ok(Some(*after_us));
            }
            ticked = is_motion(all);
        }
        after = Some((now, at_us));
    }
    Ok(None)
}

/// Returns, for each frame, the time at which the encoder has settled.
fn settled(looks: &[Look], moved_us: Option<u64>, intra_only: bool) -> Vec<u64> {
    let mut from = match moved_us {
        Some(at_us) if !intra_only => at_us + SETTLING_US,
        Some(at_us) => at_us,
        None => 0,
    };
    let after_keyframe = |look: &Look, from: u64| if look.keyframe { look.at_us + SETTLING_US } else { from };
    looks
        .iter()
        .map(|look| {
            from = from.max(after_keyframe(look, from));
            from
        })
        .collect()
}

/// Returns the indices of the frames that are compared with the previous frame. By the previous frame, the encoder must
/// have settled.
fn settled_pairs(looks: &[Look], settled_us: &[u64]) -> Vec<usize> {
    let is_settled = |at: &usize| {
        let (before, look) = (looks.get(at - 1), looks.get(*at));
        let from_us = settled_us.get(*at).copied().unwrap_or(u64::MAX);
        look.is_some_and(|look| !look.keyframe) && before.is_some_and(|before| before.at_us >= from_us)
    };
    (1..looks.len()).filter(is_settled).collect()
}

/// Returns the last elements of `pairs`: the pairs in the last `window_s` seconds, and earlier pairs if the window has
/// fewer than [`WANTED_PAIRS`].
fn quiet_pairs(looks: &[Look], pairs: &[usize], end_us: u64, window_s: f64) -> Vec<usize> {
    let begins_us = |at: usize| looks.get(at - 1).map_or(0, |before| before.at_us);
    let within = pairs.iter().filter(|&&at| seconds(end_us - begins_us(at)) <= window_s + 0.05).count();
    let wanted = within.max(WANTED_PAIRS.min(pairs.len()));
    pairs.get(pairs.len() - wanted..).unwrap_or_default().to_vec()
}

/// The compared tiles.
pub(crate) struct Grid {
    width: u32,
    columns: usize,
    /// The tops of the rows of tiles, in pixels.
    rows: Vec<u32>,
    /// True for each tile that is textured, row by row.
    textured: Vec<bool>,
}

impl Grid {
    fn of(clip: &dyn Clip) -> Result<Self, Failure> {
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

    fn look(&self, clip: &dyn Clip, index: u32, at_us: u64, keyframe: bool) -> Result<Look, Failure> {
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

    fn renewed_share(&self, looks: &[Look]) -> Option<f64> {
        let keyframes: Vec<&Look> = looks.iter().filter(|look| look.keyframe).collect();
        if keyframes.len() < LEAST_KEYFRAMES {
            return None;
        }
        let share = |at: usize, look: &Look| {
            let unseen = self.unseen(look, keyframes.iter().take(at).copied());
            let count = unseen.iter().filter(|&&unseen| unseen).count();
            count as f64 / self.textured.iter().filter(|&&textured| textured).count().max(1) as f64
        };
        keyframes.iter().enumerate().skip(1).map(|(at, look)| share(at, look)).reduce(f64::min)
    }

    /// Returns the share of the tiles that were new at the previous frame. The result is None if the previous frame is
    /// a keyframe or the first frame.
    fn share_before(&self, looks: &[Look], at: usize, outside: &Range<usize>) -> Option<f64> {
        let before = at.checked_sub(1).filter(|&before| before > 0)?;
        looks.get(before).filter(|look| !look.keyframe)?;
        Some(self.share(&self.novel(looks, before), outside))
    }

    /// Counts the keyframes whose previous compared frame shows new content in more than `least_share` of the tiles.
    /// The previous frame does not count if it is the first frame after another keyframe. The end of the clip counts as
    /// a keyframe.
    fn restless(&self, looks: &[Look], least_share: f64) -> usize {
        let is_last = |at: &usize| {
            let keyframe = |at: usize| looks.get(at).is_none_or(|look| look.keyframe);
            keyframe(at + 1) && !keyframe(*at) && !keyframe(at - 1)
        };
        let last: Vec<usize> = (1..looks.len()).filter(is_last).collect();
        let novel: Vec<Vec<bool>> = last.iter().map(|&at| self.novel(looks, at)).collect();
        let redrawn: Vec<Vec<bool>> =
            last.iter().zip(&novel).map(|(&at, novel)| self.redrawn(looks, at, novel)).collect();
        let clock = self.busiest(&redrawn);
        novel.iter().filter(|map| self.share(map, &clock) > least_share).count()
    }

    /// Measures the change over the comparisons in `quiet`, and the finest detail and the brightness of the last frame.
    fn noise(&self, looks: &[Look], quiet: &[usize], last: &Look) -> Noise {
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
    fn reversion(&self, looks: &[Look], quiet: &[usize], tiles: Vec<bool>) -> (f64, f64) {
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

/// Returns the sum of (b − a) × (d − c).
fn product(a: &[u8], b: &[u8], c: &[u8], d: &[u8]) -> i32 {
    let first = a.iter().zip(b).map(|(&a, &b)| i32::from(b) - i32::from(a));
    let second = c.iter().zip(d).map(|(&c, &d)| i32::from(d) - i32::from(c));
    first.zip(second).map(|(first, second)| first * second).sum()
}
