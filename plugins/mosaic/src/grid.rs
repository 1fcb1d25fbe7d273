//! Finds the grid on which the steps of a picture lie, and measures how visible the grid is.
//!
//! The lone step between two neighbouring samples is the height by which the step between them exceeds the larger of
//! the steps on either side. A lens spreads each edge over at least two steps, so the textures and edges of a scene
//! have hardly any lone steps, whereas the border of a block is exactly one lone step. The lone steps from each column
//! to the next, averaged over rows, form one profile. The lone steps from each row to the next, averaged over columns,
//! form another. Blocks appear as places that stand out at equal distances, and at the same distances in both profiles
//! (see [`crate::period`]). A fence or blinds are regular in one direction only. Nine parts of the picture are also
//! measured separately, so that blocks in a corner are not averaged away. Three levels of the pyramid are measured,
//! because a stream that was scaled up spreads the borders of its blocks over several samples.

use easysight_sdk::{Clip, Failure, PlaneKind};

use crate::{
    period::{Comb, Lines, combs},
    steps::{Profiles, Way},
};

/// The number of frames whose profiles are combined. Movement averages out; the grid stays.
const FRAMES: u32 = 3;
/// The number of parts of the picture in each direction.
pub(crate) const PARTS: u32 = 3;
/// The number of rows of a horizontal band, and of columns of a vertical band. A profile is the average over a few
/// bands.
pub(crate) const BAND: u32 = 24;
/// The largest number of levels of the pyramid that are measured.
const LEVELS: u32 = 3;
/// The smallest width and height of a level. On a smaller level, a coarse block has too few samples.
const LEAST_SIZE: u32 = 96;
/// The share by which the height of blocks may differ from their width. Pixelation rounds the width and the height, so
/// that a whole number of blocks fits into the picture.
const SQUARE: f64 = 0.08;
/// The smallest number of standard deviations by which a grid over the whole picture must exceed chance in both
/// directions. Hundreds of combs (sets of equally spaced places, see [`Comb`]) are tried. The best comb of a scene
/// without blocks reaches 4 in one direction, but only 3 if the other direction must have blocks of the same side.
const SURE: f32 = 4.0;
/// The same limit for a grid in a part of the picture. Another part must confirm this grid.
const SURE_IN_PARTS: f32 = 3.3;
/// The smallest ratio of the lone steps on the grid to the lone steps off the grid. Below this ratio, texture hides the
/// grid.
const BESIDE_TEXTURE: f64 = 2.0;
/// The grey levels that are added to both terms of the ratio that [`BESIDE_TEXTURE`] limits, to allow for rounding.
const ROUNDING: f64 = 0.25;
/// The side, in pixels, of the blocks whose steps have the weight 1. It is the size of the codecs' transforms.
const USUAL_SIDE: f64 = 8.0;
/// The largest factor by which larger blocks increase the weight of a step.
const MOST_WEIGHT: f64 = 5.0;

/// A grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    /// The column and row of the part, up to [`PARTS`] each. None for the whole picture.
    pub(crate) part: Option<(u32, u32)>,
    /// The number of grey levels by which the lone steps on the grid exceed the lone steps off the grid, in the weaker
    /// direction.
    pub(crate) step: f64,
    /// The side of the blocks in pixels.
    pub(crate) side: f64,
    /// The number of standard deviations by which the grid exceeds chance.
    deviations: f32,
}

impl Grid {
    /// Returns the step, weighted by how visible the blocks are. Blocks hide detail smaller than themselves, so larger
    /// blocks have more weight. A healthy encoder has no blocks larger than the usual ones.
    pub(crate) fn seen(&self) -> f64 {
        self.step * (self.side / USUAL_SIDE).powf(1.5).clamp(1.0, MOST_WEIGHT)
    }

    fn like(&self, other: &Self) -> bool {
        (self.side - other.side).abs() <= SQUARE * self.side
    }
}

/// The grids found in a clip.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Grids {
    /// The most visible grid.
    pub(crate) strongest: Option<Grid>,
    /// The parts of the picture in which a grid like the strongest was found.
    pub(crate) parts: Vec<(u32, u32)>,
}

/// Finds the grids of a clip.
///
/// # Errors
///
/// [`Failure::UnsupportedClip`] if the picture is too small.
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

/// Returns the most visible grid that was found in the whole picture or in two of its parts.
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

/// Two combs of about the same side, one for each direction.
struct Pair {
    across: Comb,
    down: Comb,
}

/// Returns the pair whose weaker comb exceeds chance most.
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
    /// Returns the grid of the profiles in which the combs were found. If texture hides the grid, its step is 0.
    fn grid(&self, across: &[f32], down: &[f32], scale: f64) -> Grid {
        let step = |lines: &Lines| {
            let typical = (lines.on + ROUNDING) / (lines.off + ROUNDING);
            // Means are compared, not medians: in a soft scene, most places have no step, whether they are on the lines
            // or between the lines.
            if typical >= BESIDE_TEXTURE { lines.on - lines.off } else { 0.0 }
        };
        let step = step(&self.across.lines(across)).min(step(&self.down.lines(down)));
        let deviations = self.across.deviations.min(self.down.deviations);
        Grid { part: None, step, side: self.across.side() * scale, deviations }
    }
}
