//! Whether the steps of a picture lie on a grid.
//!
//! What a step between neighbours exceeds those on either side of it by is its height as a lone step: a
//! lens spreads each edge over two steps at least, so that textures and edges of a scene hardly have
//! any, while the border of a block is nothing else. The lone steps from each column to the next,
//! averaged over rows, make a profile; so do those from row to row. Blocks show as places of the profile that stand out at even distances, in both directions alike.
//! A fence or blinds are even one way only; a pole stands out in one place, and places are compared by
//! their median.

use easysight_sdk::{Clip, Failure, PlaneKind, Rect};

/// Number of frames whose profiles are put together: what moves blurs away, the grid stays.
const FRAMES: u32 = 3;
/// Number of bands of rows, and of columns, that are looked at, spread over the picture.
const BANDS: u32 = 6;
/// Rows, or columns, of a band.
const BAND: u32 = 24;
/// Sides of blocks that are looked for, in pixels: those of codecs, and those of substreams that were
/// scaled up threefold or coarsely pixelated.
const LEAST_SIDE: usize = 4;
const MOST_SIDE: usize = 40;
/// Blocks across the picture that are needed to speak of a grid.
const LEAST_BLOCKS: usize = 5;
/// Lone steps of so many grey levels on average are seen by nobody; added to both sides of the comparison, they keep
/// faint grids in flat pictures from counting.
const UNSEEN: f64 = 1.0;
/// The greatest of so many places is left out of the search for the grid's place: a pole or a kerb is no
/// grid.
const OUTLIERS: usize = 33;
/// A coarser grid must stand out so many times as much as a finer one.
const CLEARLY: f64 = 1.1;
/// Strength up to which a grid is neither the best nor fits nearly as well: 1 + [`NEARLY`] × ([`CLEARLY`]
/// − 1).
const NO_GRID: f64 = 1.075;
/// A grid fits nearly as well as another where it exceeds no grid at all by at least this share of what
/// the other does. Half of a true grid's side has a true line at every other place only.
const NEARLY: f64 = 0.75;

/// The grid that stands out most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    /// How many times stronger the lone steps on the grid are than those off it, in the direction in which they
    /// stand out less.
    pub(crate) strength: f64,
    /// Side of the blocks in pixels.
    pub(crate) side: usize,
}

/// Mean lone step, in sample values, at each place from left to right or from top to bottom.
type Profile = Vec<f64>;

/// Measures a clip.
///
/// # Errors
///
/// [`Failure::UnsupportedClip`] where the picture is too small.
pub(crate) fn measure(clip: &dyn Clip) -> Result<Grid, Failure> {
    let info = clip.info();
    let (width, height) = (info.width, info.height);
    if width.min(height) < BAND {
        return Err(Failure::UnsupportedClip(format!(
            "a picture of {width} × {height} is too small for blocks"
        )));
    }
    let mut across = vec![0_u32; width as usize - 1];
    let mut down = vec![0_u32; height as usize - 1];
    let frames = clip.spread(FRAMES);
    for frame in &frames {
        for band in 0..BANDS {
            let place = |room: u32| (room - BAND) * band / (BANDS - 1);
            let rows = Rect { x: 0, y: place(height), width, height: BAND };
            let columns = Rect { x: place(width), y: 0, width: BAND, height };
            add_across(&clip.crop(*frame, PlaneKind::Luma, 0, rows)?, width as usize, &mut across);
            add_down(&clip.crop(*frame, PlaneKind::Luma, 0, columns)?, &mut down);
        }
    }
    let steps = f64::from(BAND * BANDS) * frames.len() as f64;
    let mean = |sums: Vec<u32>| -> Profile { sums.into_iter().map(|sum| f64::from(sum) / steps).collect() };
    Ok(strongest(&mean(across), &mean(down)))
}

/// Adds the lone steps from each sample of a band of whole rows to its right neighbour.
fn add_across(band: &[u8], width: usize, sums: &mut [u32]) {
    let mut steps = vec![0; width - 1];
    for row in band.chunks_exact(width) {
        for ((&left, &right), step) in row.iter().zip(row.get(1..).unwrap_or_default()).zip(&mut steps) {
            *step = left.abs_diff(right);
        }
        let at = |from: usize| steps.get(from..).unwrap_or_default();
        add_lone(at(0), at(1), at(2), sums.get_mut(1..).unwrap_or_default());
    }
}

/// Adds the lone steps from each row of a band of columns to the next.
fn add_down(band: &[u8], sums: &mut [u32]) {
    const WIDTH: usize = BAND as usize;
    let mut steps = vec![0; band.len().saturating_sub(WIDTH)];
    for ((&upper, &lower), step) in band.iter().zip(band.get(WIDTH..).unwrap_or_default()).zip(&mut steps) {
        *step = upper.abs_diff(lower);
    }
    let rows = || steps.chunks_exact(WIDTH);
    let triples = rows().zip(rows().skip(1)).zip(rows().skip(2));
    for (((before, at), after), sum) in triples.zip(sums.iter_mut().skip(1)) {
        let mut lone = [0; WIDTH];
        add_lone(before, at, after, &mut lone);
        *sum += lone.iter().sum::<u32>();
    }
}

/// Adds what each step exceeds both of its neighbours by.
fn add_lone(before: &[u8], at: &[u8], after: &[u8], sums: &mut [u32]) {
    for (((&before, &at), &after), sum) in before.iter().zip(at).zip(after).zip(sums) {
        *sum += u32::from(at.saturating_sub(before.max(after)));
    }
}

fn strongest(across: &[f64], down: &[f64]) -> Grid {
    let (across_cap, down_cap) = (cap(across), cap(down));
    let both = |side| {
        let one_way = strength(across, side, across_cap);
        // What hardly stands out one way is no grid, whatever it does the other way.
        if one_way <= NO_GRID { one_way } else { one_way.min(strength(down, side, down_cap)) }
    };
    let sides: Vec<(usize, f64)> = (LEAST_SIDE..=MOST_SIDE).map(|side| (side, both(side))).collect();
    let mut best = Grid { strength: 1.0, side: 0 };
    for &(side, strength) in &sides {
        // Coarser grids have fewer places and stand out by chance: they must do so clearly.
        if strength > CLEARLY * best.strength {
            best = Grid { strength, side };
        }
    }
    // A grid also fits every multiple of its side: the finest that fits nearly as well is meant.
    let meant = |&&(side, fit): &&(usize, f64)| {
        best.side.is_multiple_of(side) && fit - 1.0 >= NEARLY * (best.strength - 1.0)
    };
    match sides.iter().find(meant) {
        Some(&(side, _)) if best.side > 0 => Grid { side, ..best },
        _ => best,
    }
}

/// The value that all but the greatest places stay below.
fn cap(profile: &[f64]) -> f64 {
    let mut values = profile.to_vec();
    let rank = values.len() - 1 - values.len() / OUTLIERS;
    if rank < values.len() { *values.select_nth_unstable_by(rank, f64::total_cmp).1 } else { 0.0 }
}

/// How many times stronger the steps on the best placed grid of this side are than those off it.
fn strength(profile: &[f64], side: usize, cap: f64) -> f64 {
    if profile.len() / side < LEAST_BLOCKS {
        return 1.0;
    }
    let mut places = vec![0.0; side];
    for block in profile.chunks_exact(side) {
        for (place, step) in places.iter_mut().zip(block) {
            *place += step.min(cap);
        }
    }
    let (grid, _) = places
        .iter()
        .enumerate()
        .fold((0, f64::MIN), |best, (place, &sum)| if sum > best.1 { (place, sum) } else { best });
    let on = profile.iter().skip(grid).step_by(side).copied().collect();
    let mut off = Vec::with_capacity(profile.len());
    off.extend_from_slice(profile.get(..grid).unwrap_or_default());
    for block in profile.get(grid..).unwrap_or_default().chunks(side) {
        off.extend_from_slice(block.get(1..).unwrap_or_default());
    }
    (median(on) + UNSEEN) / (median(off) + UNSEEN)
}

fn median(mut values: Profile) -> f64 {
    let middle = values.len() / 2;
    if middle < values.len() { *values.select_nth_unstable_by(middle, f64::total_cmp).1 } else { 0.0 }
}
