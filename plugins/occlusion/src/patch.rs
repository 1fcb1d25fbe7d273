//! Empty patches of the picture, and what tells a thing before the lens from an empty part of the
//! scene.
//!
//! A wall, a road or the sky has no detail either. Yet light falls on it unevenly, it fades into its
//! neighbours at some places, and things stand before it, which cut into its outline. What covers a
//! lens is before everything else: its outline is simple, and all along it the scene ends.

use easysight_sdk::image::{beside, connected};

use crate::grid::{EMPTY, Grid, Map, median};

/// Neighbouring empty tiles whose means differ by less, in grey levels, belong together.
const STEP: f32 = 0.75;
/// Half the width of the band of grey levels within which a patch counts as of one tone.
const TONE: f32 = 1.5;
/// Patches below this share of the picture are not looked at.
const LEAST_SHARE: f32 = 0.04;
/// How far outwards, in tiles, the scene may begin: an outline out of focus is that wide.
const REACH: isize = 6;
/// The scene begins where the grey level differs by so much.
const JUMP: f32 = 8.0;
/// A tile that was drawn deviates by less than this, in grey levels; what a sensor sees has noise, but for
/// black.
const EXACT: f32 = 0.35;
const NEAR_BLACK: f32 = 20.0;
/// Share of the tiles of a drawn part that are exact, and of the difference from what is six tiles outside of
/// it that is there two tiles outside already: an outline out of focus is wider.
const DRAWN: (f32, f32) = (0.85, 0.45);
/// Grey levels above are clipped: sky and lamps lose their shading there.
const CLIPPED: f32 = 249.0;

/// An empty patch.
#[derive(Debug, Clone)]
pub(crate) struct Patch {
    /// Tiles that belong to it.
    pub(crate) tiles: Map<bool>,
    /// Share of the picture.
    pub(crate) share: f32,
    /// Share of its outline, the picture's border apart, beyond which the scene begins.
    pub(crate) closed: f32,
    /// Its tiles over those of its convex hull.
    pub(crate) solidity: f32,
    /// Median grey level.
    pub(crate) tone: f32,
    /// Share of the closed outline beyond which it is darker.
    pub(crate) darker_outside: f32,
    /// Share of the picture's upper border that it touches.
    pub(crate) top: f32,
    /// It was drawn into the picture, as a mask before windows of neighbours is: exact to the grey level, and
    /// it ends within a tile.
    pub(crate) drawn: bool,
}

/// The patches worth a look.
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
    // Of one tone: whatever it touches.
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

/// Every other grey level, and how many empty tiles are within `reach` of it.
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

/// The map in which these tiles are set.
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

/// Outlines and shapes below the first are those of the scene, above the second those of a thing
/// before the lens. Measured over seventy healthy scenes and fifty covered ones: walls, roads and
/// skies of more than a seventh of the picture reach 0.38, nineteen of twenty covers exceed 0.54.
const SHAPE: (f32, f32) = (0.3, 0.55);
/// A patch along so much of the upper border, brighter than this and than all that it borders on,
/// looks like the sky and counts a third.
const SKY: (f32, f32) = (0.5, 120.0);
/// One along all of it, brighter than this, looks like fog before the far end of the scene.
const FOG: (f32, f32) = (0.9, 80.0);

impl Patch {
    /// How much the patch looks like a thing before the lens: 0 to 1.
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

/// Area, in tiles, of the convex hull of a map: Andrew's monotone chain over the tiles' corners.
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
