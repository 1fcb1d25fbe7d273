//! Whether the steps of a picture lie on a grid, and how much of them a viewer sees.
//!
//! What a step between neighbours exceeds those on either side of it by is its height as a lone step: a
//! lens spreads each edge over two steps at least, so that textures and edges of a scene hardly have
//! any, while the border of a block is nothing else. The lone steps from each column to the next,
//! averaged over rows, make a profile; so do those from row to row. Blocks show as places of the profile
//! that stand out at even distances, in both directions alike ([`crate::period`]); a fence or blinds are
//! even one way only. Nine parts of the picture are judged by themselves too, so that blocks in a corner
//! are not diluted, and three levels of the pyramid, since a stream that was scaled up spreads the borders
//! of its blocks over several samples.

use easysight_sdk::{Clip, Failure, PlaneKind};

use crate::{
    period::{Comb, Lines, combs},
    steps::{Profiles, Way},
};

/// Number of frames whose profiles are put together: what moves blurs away, the grid stays.
const FRAMES: u32 = 3;
/// Parts of the picture each way.
pub(crate) const PARTS: u32 = 3;
/// Rows, or columns, of a band.
pub(crate) const BAND: u32 = 24;
/// Levels of the pyramid that are looked at.
const LEVELS: u32 = 3;
/// Least width and height of a level: below, a coarse block has too few samples.
const LEAST_SIZE: u32 = 96;
/// Share by which the height of blocks may differ from their width: pixelation rounds both to what
/// divides the picture.
const SQUARE: f64 = 0.08;
/// Standard deviations above chance, in both directions, of a grid over the whole picture, and of one in
/// a part, which another part must confirm. Of the hundreds of combs that are tried the best one of a
/// scene reaches 4 in one direction, but 3 only where the other direction must have the same side.
const SURE: f32 = 4.0;
const SURE_IN_PARTS: f32 = 3.3;
/// Times that the lone steps must be as strong on the grid as off it: below, texture hides the grid.
const BESIDE_TEXTURE: f64 = 2.0;
/// Grey levels on both sides of that comparison: rounding.
const ROUNDING: f64 = 0.25;
/// Side of the blocks, in pixels, whose steps count as they are: the transforms of the codecs.
const USUAL_SIDE: f64 = 8.0;
/// How much more steps may count at the most on account of their blocks' size.
const MOST_WEIGHT: f64 = 5.0;

/// A grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    /// Column and row of the part, of [`PARTS`] each; none for the whole picture.
    pub(crate) part: Option<(u32, u32)>,
    /// Grey levels by which the lone steps on the grid exceed those off it, in the direction in which
    /// they do so less.
    pub(crate) step: f64,
    /// Side of the blocks in pixels.
    pub(crate) side: f64,
    /// By how many standard deviations the grid exceeds chance.
    deviations: f32,
}

impl Grid {
    /// The step as it is seen: detail below the size of a block is lost, the more the coarser it is. A
    /// healthy encoder has no blocks beyond the usual.
    pub(crate) fn seen(&self) -> f64 {
        self.step * (self.side / USUAL_SIDE).powf(1.5).clamp(1.0, MOST_WEIGHT)
    }

    fn like(&self, other: &Self) -> bool {
        (self.side - other.side).abs() <= SQUARE * self.side
    }
}

/// What is found in a clip.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Grids {
    /// The grid that is seen most.
    pub(crate) strongest: Option<Grid>,
    /// Parts of the picture that have it.
    pub(crate) parts: Vec<(u32, u32)>,
}

/// Measures a clip.
///
/// # Errors
///
/// [`Failure::UnsupportedClip`] where the picture is too small.
pub(crate) fn measure(clip: &dyn Clip) -> Result<Grids, Failure> {
    let info = clip.info();
    let frames = clip.spread(FRAMES);
    let mut grids = Vec::new();
    for level in 0..LEVELS.min(info.levels) {
        let (width, height) = clip.size(PlaneKind::Luma, level)?;
        if level == 0 && width.min(height) < BAND {
            return Err(Failure::UnsupportedClip(format!(
                "a picture of {width} × {height} is too small for blocks"
            )));
        }
        if level > 0 && width.min(height) < LEAST_SIZE {
            break;
        }
        let across = Profiles::of(clip, &frames, level, Way::Across)?;
        let down = Profiles::of(clip, &frames, level, Way::Down)?;
        let scale = f64::from(1_u32 << level);
        let found = |a: &[f32], b: &[f32], (column, row): (u32, u32)| {
            let (a_offset, b_offset) = (column as usize * across.length, row as usize * down.length);
            let a_combs = combs(a, a_offset, across.whole.len());
            let pair = common(a_combs, combs(b, b_offset, down.whole.len()))?;
            Some(pair.grid(a, b, scale))
        };
        grids.extend(found(&across.whole, &down.whole, (0, 0)).filter(|grid| grid.deviations >= SURE));
        for (place, (a, b)) in (0..).zip(across.parts.iter().zip(&down.parts)) {
            let part = (place % PARTS, place / PARTS);
            let grid = found(a, b, part).filter(|grid| grid.deviations >= SURE_IN_PARTS);
            grids.extend(grid.map(|grid| Grid { part: Some(part), ..grid }));
        }
    }
    Ok(strongest(grids))
}

/// The grid that is seen most, in the whole picture or in two parts alike.
fn strongest(mut grids: Vec<Grid>) -> Grids {
    grids.retain(|grid| grid.step > 0.0);
    grids.sort_by(|a, b| b.seen().total_cmp(&a.seen()));
    let confirmed = |(place, grid): &(usize, &Grid)| {
        let stronger = grids.iter().take(*place);
        grid.part.is_none() || stronger.filter(|other| other.part != grid.part).any(|other| grid.like(other))
    };
    let strongest = grids.iter().enumerate().find(confirmed).map(|(_, grid)| *grid);
    let has = |grid: &&Grid| strongest.is_some_and(|strongest| grid.like(&strongest));
    let mut parts: Vec<(u32, u32)> = grids.iter().filter(has).filter_map(|grid| grid.part).collect();
    parts.sort_unstable();
    parts.dedup();
    Grids { strongest, parts }
}

/// Combs of the same side, one a direction.
struct Pair {
    across: Comb,
    down: Comb,
}

/// The pair that stands out most.
fn common(across: Vec<Comb>, mut down: Vec<Comb>) -> Option<Pair> {
    let weaker = |pair: &Pair| pair.across.deviations.min(pair.down.deviations);
    down.sort_by(|a, b| a.side().total_cmp(&b.side()));
    let mut best: Option<Pair> = None;
    for across in across {
        let side = across.side();
        let from = down.partition_point(|comb| comb.side() < side * (1.0 - SQUARE));
        let alike = down.iter().skip(from).take_while(|comb| comb.side() <= side * (1.0 + SQUARE));
        let Some(down) = alike.max_by(|a, b| a.deviations.total_cmp(&b.deviations)) else { continue };
        let pair = Pair { across, down: *down };
        if best.as_ref().is_none_or(|best| weaker(&pair) > weaker(best)) {
            best = Some(pair);
        }
    }
    best
}

impl Pair {
    /// The grid of the profiles that the combs were found in; one that texture hides has no steps.
    fn grid(&self, across: &[f32], down: &[f32], scale: f64) -> Grid {
        let step = |lines: &Lines| {
            let typical = (lines.on + ROUNDING) / (lines.off + ROUNDING);
            // Of a soft scene most lines are level, and so is all between them.
            if typical >= BESIDE_TEXTURE { lines.on - lines.off } else { 0.0 }
        };
        let step = step(&self.across.lines(across)).min(step(&self.down.lines(down)));
        let deviations = self.across.deviations.min(self.down.deviations);
        Grid { part: None, step, side: self.across.side() * scale, deviations }
    }
}
