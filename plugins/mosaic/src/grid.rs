//! Finds the grid on which the steps of a picture lie, and measures how visible the grid is.
//!
//! The lone step between two neighbours is the height by which their step exceeds the steps on either side. A lens
//! spreads each edge over at least two steps, so the textures and edges of a scene have hardly any lone steps,
//! whereas the border of a block is exactly one. The lone steps from each column to the next, averaged over rows,
//! make a profile; so do the lone steps from row to row. Blocks appear as places of the profile that stand out at
//! equal distances, in both directions alike ([`crate::period`]). A fence or blinds are regular in one direction
//! only. Nine parts of the picture are also judged separately, so that blocks in a corner are not averaged away.
//! Three levels of the pyramid are judged, because a stream that was scaled up spreads the borders of its blocks
//! over several samples.

use easysight_sdk::{Clip, Failure, PlaneKind};

use crate::{
    period::{Comb, Lines, combs},
    steps::{Profiles, Way},
};

/// The number of frames whose profiles are combined. Movement averages out; the grid stays.
const FRAMES: u32 = 3;
/// The number of parts of the picture in each direction.
pub(crate) const PARTS: u32 = 3;
/// The number of rows, or columns, of a band.
pub(crate) const BAND: u32 = 24;
/// The number of levels of the pyramid that are judged.
const LEVELS: u32 = 3;
/// The smallest width and height of a level. Below it, a coarse block has too few samples.
const LEAST_SIZE: u32 = 96;
/// The share by which the height of blocks may differ from their width. Pixelation rounds both, so that they
/// divide the picture.
const SQUARE: f64 = 0.08;
/// The number of standard deviations above chance, in both directions, of a grid over the whole picture, and of a
/// grid in a part, which another part must confirm. Hundreds of combs are tried. The best comb of a scene reaches
/// 4 in one direction, but only 3 if the other direction must have the same side.
const SURE: f32 = 4.0;
const SURE_IN_PARTS: f32 = 3.3;
/// The ratio of the lone steps on the grid to those off it. Below this ratio, texture hides the grid.
const BESIDE_TEXTURE: f64 = 2.0;
/// The grey levels that are added to both terms of that ratio, to allow for rounding.
const ROUNDING: f64 = 0.25;
/// The side of the blocks, in pixels, whose steps count without a factor: the size of the codecs' transforms.
const USUAL_SIDE: f64 = 8.0;
/// The largest factor by which larger blocks increase the weight of a step.
const MOST_WEIGHT: f64 = 5.0;

/// A grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    /// The column and row of the part, up to [`PARTS`] each. None for the whole picture.
    pub(crate) part: Option<(u32, u32)>,
    /// The grey levels by which the lone steps on the grid exceed the lone steps off it, in the weaker of the two
    /// directions.
    pub(crate) step: f64,
    /// The side of the blocks in pixels.
    pub(crate) side: f64,
    /// The number of standard deviations by which the grid exceeds chance.
    deviations: f32,
}

impl Grid {
    /// Returns the visible step. Blocks hide detail smaller than themselves, so larger blocks have more weight. A
    /// healthy encoder has no blocks larger than the usual ones.
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
    /// The parts of the picture that have this grid.
    pub(crate) parts: Vec<(u32, u32)>,
}

/// Measures a clip.
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

/// Returns the most visible grid, found in the whole picture or in two parts alike.
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

/// Two combs of the same side, one for each direction.
struct Pair {
    across: Comb,
    down: Comb,
}

/// Returns the pair that stands out most.
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
    /// Returns the grid of the profiles in which the combs were found. If texture hides it, it has no steps.
    fn grid(&self, across: &[f32], down: &[f32], scale: f64) -> Grid {
        let step = |lines: &Lines| {
            let typical = (lines.on + ROUNDING) / (lines.off + ROUNDING);
            // In a soft scene most places have no step, on the lines and between them.
            if typical >= BESIDE_TEXTURE { lines.on - lines.off } else { 0.0 }
        };
        let step = step(&self.across.lines(across)).min(step(&self.down.lines(down)));
        let deviations = self.across.deviations.min(self.down.deviations);
        Grid { part: None, step, side: self.across.side() * scale, deviations }
    }
}
