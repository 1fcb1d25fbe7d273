//! Empty patches of the picture, and what distinguishes an object in front of the lens from an empty part of the
//! scene.
//!
//! A wall, a road or the sky has no detail either. But light falls on it unevenly, its border is gradual at some
//! places, and objects in front of it cut into its outline. An object on the lens is in front of everything else:
//! its outline is simple, and the scene ends all along it.

use easysight_sdk::image::{beside, connected};

use crate::grid::{EMPTY, Grid, Map, median};

/// The largest difference, in grey levels, of neighbouring empty tiles that belong together.
const STEP: f32 = 0.75;
/// Half the width of the band of grey levels within which a patch has one tone.
const TONE: f32 = 1.5;
/// The share of the picture below which patches are ignored.
const LEAST_SHARE: f32 = 0.04;
/// The largest distance from a patch, in tiles, at which the scene must begin: the width of an outline out of focus.
const REACH: isize = 6;
/// The scene begins where the grey level differs by more than this from the border of the patch.
const JUMP: f32 = 8.0;
/// The deviation, in grey levels, below which a tile is exact, that is, drawn into the picture. A picture from a
/// sensor has noise, except where it is black.
const EXACT: f32 = 0.35;
/// The grey level up to which a patch is too dark to count as drawn.
const NEAR_BLACK: f32 = 20.0;
/// The limits from which a patch counts as drawn. The first is the share of its tiles that are exact. The second is
/// the sharpness of its outline: the difference to the tile two tiles outside, divided by the difference to the tile
/// six tiles outside. An outline out of focus is less sharp.
const DRAWN: (f32, f32) = (0.85, 0.45);
/// The grey level above which a part is clipped: sky and lamps lose their shading there.
const CLIPPED: f32 = 249.0;

/// An empty patch.
#[derive(Debug, Clone)]
pub(crate) struct Patch {
    /// The tiles that belong to the patch.
    pub(crate) tiles: Map<bool>,
    /// The share of the picture that the patch covers.
    pub(crate) share: f32,
    /// The share of the patch's outline at which the scene begins. The picture's border does not count as outline.
    pub(crate) closed: f32,
    /// The ratio of the patch's tiles to those of its convex hull.
    pub(crate) solidity: f32,
    /// The median grey level.
    pub(crate) tone: f32,
    /// The share of the closed outline at which the scene outside is darker than the patch.
    pub(crate) darker_outside: f32,
    /// The share of the picture's upper border that the patch touches.
    pub(crate) top: f32,
    /// True if the patch was drawn into the picture, like a privacy mask over a neighbour's windows. The grey
    /// levels of such a patch are exact, and its outline is sharp.
    pub(crate) drawn: bool,
}

/// Returns the patches that are large enough.
pub(crate) fn patches(grid: &Grid) -> Vec<Patch> {
    let mean = grid.smoothed(&grid.mean);
    let detail = grid.smoothed(&grid.detail);
    let empty: Map<bool> = (detail.iter().zip(&mean).zip(&grid.moved))
        .map(|((&detail, &mean), &moved)| detail < EMPTY && mean < CLIPPED && !moved)
        .collect();
    let noise = 2.0 * grid.mean_noise;
    let least = (LEAST_SHARE * grid.len() as f32) as usize;
    let near = |a: usize, b: usize| match (mean.get(a), mean.get(b)) {
        (Some(a), Some(b)) => (a - b).abs() <= STEP + noise,
        _ => false,
    };
    let large = |map: &[bool], joined: &dyn Fn(usize, usize) -> bool| {
        let mut regions = connected(map, grid.columns, joined);
        regions.retain(|tiles| tiles.len() >= least);
        regions
    };
    let mut found = large(&empty, &near);
    // A region of one tone is a patch even if it borders, without a step, on empty tiles of another tone.
    let reach = TONE + noise;
    for (tone, count) in tones(&mean, &empty, reach) {
        if count >= least {
            let inside = |&mean: &f32| (mean - tone).abs() <= reach;
            let toned: Map<bool> =
                empty.iter().zip(&mean).map(|(&empty, mean)| empty && inside(mean)).collect();
            found.extend(large(&toned, &|_, _| true));
        }
    }
    found.into_iter().map(|tiles| Patch::of(grid, &mean, &tiles)).collect()
}

/// Returns every second grey level, and the number of empty tiles within `reach` of it.
fn tones(mean: &[f32], empty: &[bool], reach: f32) -> impl Iterator<Item = (f32, usize)> {
    let mut counts = [0_usize; 128];
    for (&mean, _) in mean.iter().zip(empty).filter(|&(_, &empty)| empty) {
        let first = ((mean - reach) / 2.0).max(0.0) as usize;
        for (tone, count) in counts.iter_mut().enumerate().skip(first) {
            let above = 2.0 * tone as f32 - mean;
            if above > reach {
                break;
            }
            *count += usize::from(above >= -reach);
        }
    }
    counts.into_iter().enumerate().map(|(tone, count)| (2.0 * tone as f32, count))
}

/// Returns the map in which these tiles are set.
pub(crate) fn map_of(grid: &Grid, tiles: &[usize]) -> Map<bool> {
    let mut map = vec![false; grid.len()];
    for &at in tiles {
        if let Some(tile) = map.get_mut(at) {
            *tile = true;
        }
    }
    map
}

/// The four neighbours of a tile.
const SIDES: [(isize, isize); 4] = [(1, 0), (-1, 0), (0, 1), (0, -1)];

/// The limits of shape. The shape is the closed share of a patch's outline times the square of its solidity (see
/// [`Patch`]). Below the first value the outline belongs to the scene, above the second value to an object in front of
/// the lens. In seventy healthy scenes, walls, roads and skies of more than a seventh of the picture reach 0.38. In
/// fifty covered scenes, nineteen of twenty covers exceed 0.54.
const SHAPE: (f32, f32) = (0.3, 0.55);
/// A patch looks like the sky if it covers at least this share of the upper border, has at least this grey level, and
/// is brighter than its surroundings. Its likeness is then multiplied by 0.3.
const SKY: (f32, f32) = (0.5, 120.0);
/// A patch looks like distant fog if it covers at least this share of the upper border and has at least this grey
/// level. Its likeness is then 0.
const FOG: (f32, f32) = (0.6, 80.0);

impl Patch {
    /// Returns the likeness of the patch to an object in front of the lens, from 0 to 1.
    pub(crate) fn likeness(&self) -> f32 {
        let (scene, cover) = SHAPE;
        let shape = self.closed * self.solidity * self.solidity;
        let sky = self.top >= SKY.0 && self.tone >= SKY.1 && self.darker_outside >= 0.95;
        let fog = self.top >= FOG.0 && self.tone >= FOG.1;
        if self.drawn || fog {
            return 0.0;
        }
        ((shape - scene) / (cover - scene)).clamp(0.0, 1.0) * if sky { 0.3 } else { 1.0 }
    }

    fn of(grid: &Grid, mean: &[f32], listed: &[usize]) -> Self {
        let tiles = map_of(grid, listed);
        let holds = |at: usize| tiles.get(at).copied().unwrap_or(false);
        let level = |at: usize| mean.get(at).copied().unwrap_or(0.0);
        let mut levels: Vec<f32> = listed.iter().map(|&at| level(at)).collect();
        let (mut near, mut all) = (0.0_f32, 0.0_f32);
        let (mut outline, mut closed, mut darker, mut top) = (0_u32, 0_u32, 0_u32, 0_u32);
        for &at in listed {
            if beside(at, grid.columns, grid.len()).into_iter().all(|next| next.is_some_and(holds)) {
                continue;
            }
            for (dx, dy) in SIDES {
                let Some(next) = grid.beside(at, dx, dy) else {
                    top += u32::from(dy == -1);
                    continue;
                };
                if holds(next) {
                    continue;
                }
                outline += 1;
                let beyond = (1..=REACH)
                    .filter_map(|far| grid.beside(at, far * dx, far * dy))
                    .map(|far| level(far) - level(at))
                    .fold(0.0, |most: f32, step| if step.abs() > most.abs() { step } else { most });
                let step =
                    |far| grid.beside(at, far * dx, far * dy).map(|far| (level(far) - level(at)).abs());
                if let (Some(two), Some(six)) = (step(2), step(REACH)) {
                    near += two;
                    all += six;
                }
                closed += u32::from(beyond.abs() > JUMP);
                darker += u32::from(beyond < -JUMP);
            }
        }
        let exact = listed.iter().filter(|&&at| grid.raw.get(at).is_some_and(|&raw| raw < EXACT)).count();
        let tone = median(&mut levels);
        Self {
            drawn: tone > NEAR_BLACK
                && exact as f32 >= DRAWN.0 * listed.len() as f32
                && near >= DRAWN.1 * all,
            share: levels.len() as f32 / grid.len() as f32,
            closed: ratio(closed, outline),
            solidity: levels.len() as f32 / hull_area(grid.columns, &tiles).max(1.0),
            tone,
            darker_outside: ratio(darker, closed),
            top: top as f32 / grid.columns as f32,
            tiles,
        }
    }
}

fn ratio(part: u32, whole: u32) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 / whole as f32 }
}

/// Returns the area, in tiles, of the convex hull of a map, by Andrew's monotone chain over the tiles' corners.
pub(crate) fn hull_area(columns: usize, tiles: &[bool]) -> f32 {
    type Point = (i64, i64);
    let mut corners: Vec<Point> = Vec::new();
    for (row, y) in tiles.chunks_exact(columns.max(1)).zip(0..) {
        let first = row.iter().position(|&tile| tile);
        let last = row.iter().rposition(|&tile| tile);
        if let (Some(first), Some(last)) = (first, last) {
            let (left, right) = (first as i64, last as i64 + 1);
            corners.extend([(left, y), (left, y + 1), (right, y), (right, y + 1)]);
        }
    }
    corners.sort_unstable();
    let turn = |a: Point, b: Point, c: Point| (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0);
    let chain = |points: &mut dyn Iterator<Item = Point>| {
        let mut hull: Vec<Point> = Vec::new();
        for point in points {
            while let [.., a, b] = hull.as_slice() {
                if turn(*a, *b, point) > 0 {
                    break;
                }
                hull.pop();
            }
            hull.push(point);
        }
        hull
    };
    let mut hull = chain(&mut corners.iter().copied());
    hull.pop();
    hull.extend(chain(&mut corners.iter().rev().copied()));
    let twice: i64 = hull
        .windows(2)
        .map(|pair| match pair {
            [a, b] => a.0 * b.1 - b.0 * a.1,
            _ => 0,
        })
        .sum();
    twice.abs() as f32 / 2.0
}
