//! Soft closed spots: dust and drops on the lens are so near that the lens spreads their outline over
//! a few hundredths of the picture's width. So all around them the light changes towards their inside,
//! and nowhere at once; things of the scene have crisp outlines, shadows and glows open ones.
//!
//! Every soft slope votes for the middle of a spot that it might be the rim of; then the outlines
//! around the middles with most votes are followed.

use std::f32::consts::TAU;

use crate::picture::Plane;

/// Outlines of which less than the first is soft are those of the scene, more than the second those of
/// a spot.
const CLOSED: (f32, f32) = (0.65, 0.9);
/// Radii, in shares of the picture's width, of the spots that are looked for. The outline of smaller
/// ones would be as wide as they are.
const RADII: [f32; 7] = [0.022, 0.028, 0.036, 0.047, 0.06, 0.078, 0.1];
/// Climbs, in grey levels over two pixels of the coarse picture, of slopes that vote.
const SLOPES: (f32, f32) = (1.2, 40.0);
/// Middles that are looked at for each radius, on each side of grey.
const MIDDLES: usize = 8;
/// Directions in which an outline is crossed.
const DIRECTIONS: u16 = 24;
/// Of them so many must lie within the picture.
const LEAST_DIRECTIONS: u16 = 15;
/// The grey level changes by at least so much across an outline.
const STEP: f32 = 8.0;
/// The inside differs from one direction to another by less than this share of that change.
const EVEN: f32 = 0.6;
/// What is brighter within is a lamp, and its glow no dirt.
const LAMP: f32 = 220.0;

/// A spot, in pixels of the coarse picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spot {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) radius: f32,
    /// Share of its outline that is soft.
    pub(crate) closed: f32,
}

impl Spot {
    /// How much it looks like one on the lens: 0 to 1.
    pub(crate) fn likeness(&self) -> f32 {
        ((self.closed - CLOSED.0) / (CLOSED.1 - CLOSED.0)).clamp(0.0, 1.0)
    }

    /// Pixels that it covers.
    pub(crate) fn area(&self) -> f32 {
        std::f32::consts::PI * self.radius * self.radius
    }
}

/// Where and how outlines are followed.
pub(crate) struct Outlines<'a> {
    /// The picture whose slopes vote.
    pub(crate) coarse: &'a Plane,
    /// The picture in which outlines are followed: the same, or a finer one.
    pub(crate) fine: &'a Plane,
    /// Share of the change across an outline that may happen within two pixels of it.
    pub(crate) steepest: f32,
}

impl Outlines<'_> {
    /// Spots that do not lie over each other, the plainest first.
    pub(crate) fn spots(&self) -> Vec<Spot> {
        let slopes = slopes(self.coarse);
        let rays: Vec<(f32, f32)> = (0..DIRECTIONS)
            .map(|number| (TAU * f32::from(number) / f32::from(DIRECTIONS)).sin_cos())
            .collect();
        let mut found = Vec::new();
        for radius in RADII.map(|radius| radius * self.coarse.width as f32) {
            for side in [1.0, -1.0] {
                for (x, y) in self.middles(&slopes, radius * side) {
                    found.extend(self.spot(x, y, radius, side, &rays));
                }
            }
        }
        found.retain(|spot| spot.likeness() > 0.0);
        found.sort_by(|a, b| (b.likeness() * b.radius).total_cmp(&(a.likeness() * a.radius)));
        let mut apart: Vec<Spot> = Vec::new();
        for spot in found {
            let clear =
                |other: &Spot| (spot.x - other.x).hypot(spot.y - other.y) > spot.radius.max(other.radius);
            if apart.iter().all(clear) {
                apart.push(spot);
            }
        }
        apart
    }

    /// Places that most slopes at this distance point to; away from, where it is negative.
    fn middles(&self, slopes: &[Slope], distance: f32) -> Vec<(f32, f32)> {
        // Votes are counted in boxes that grow with the radius: outlines are not quite round.
        let radius = distance.abs();
        let side = (radius / 3.0).max(1.0);
        let columns = (self.coarse.width as f32 / side) as usize + 1;
        let rows = (self.coarse.height() as f32 / side) as usize + 1;
        let mut votes = vec![0_u16; columns * rows];
        for slope in slopes {
            let (x, y) = (slope.x - slope.dx * distance, slope.y - slope.dy * distance);
            if x < 0.0 || y < 0.0 {
                continue;
            }
            let (column, row) = ((x / side) as usize, (y / side) as usize);
            if let Some(vote) = votes.get_mut(row * columns + column).filter(|_| column < columns) {
                *vote += 1;
            }
        }
        // A box and the three to its right and below, so that no middle is cut by a border.
        let four = |at: usize| -> u32 {
            let take = |at: usize| u32::from(votes.get(at).copied().unwrap_or(0));
            take(at) + take(at + 1) + take(at + columns) + take(at + columns + 1)
        };
        let mut boxes: Vec<(u32, usize)> = (0..votes.len()).map(|at| (four(at), at)).collect();
        boxes.retain(|&(count, _)| count as f32 >= radius);
        boxes.sort_unstable_by(|a, b| b.cmp(a));
        let mut middles: Vec<(f32, f32)> = Vec::new();
        for (_, at) in boxes {
            let (x, y) = (((at % columns) as f32 + 1.0) * side, ((at / columns) as f32 + 1.0) * side);
            if middles.iter().all(|&(a, b)| (x - a).hypot(y - b) > 0.7 * radius) {
                middles.push((x, y));
                if middles.len() == MIDDLES {
                    break;
                }
            }
        }
        middles
    }

    /// Follows the outline around a middle.
    fn spot(&self, x: f32, y: f32, radius: f32, side: f32, rays: &[(f32, f32)]) -> Option<Spot> {
        let scale = self.fine.width as f32 / self.coarse.width as f32;
        let (middle_x, middle_y, reach) = (x * scale, y * scale, radius * scale);
        let core_end = (0.5 * reach) as usize;
        let (from, to) = ((0.3 * reach) as usize, (1.55 * reach) as usize);
        let outer = (1.3 * reach) as usize;
        let end = (1.9 * reach) as usize;
        let mut lines: Vec<Vec<f32>> = Vec::with_capacity(rays.len());
        for &(dy, dx) in rays {
            let place = |d: usize| self.fine.near(middle_x + dx * d as f32, middle_y + dy * d as f32);
            let line: Vec<f32> = (0..=end).map_while(place).collect();
            if line.len() > to {
                lines.push(line);
            }
        }
        if lines.len() < usize::from(LEAST_DIRECTIONS) {
            return None;
        }
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len().max(1) as f32;
        let core: Vec<f32> =
            lines.iter().map(|line| mean(line.get(..=core_end).unwrap_or_default())).collect();
        let level = mean(&core);
        let (low, high) = core.iter().fold((f32::MAX, f32::MIN), |(l, h), &v| (l.min(v), h.max(v)));
        if high > LAMP {
            return None;
        }
        let least = STEP.max((high - low) / EVEN);
        let mut soft = 0_u32;
        for line in &lines {
            let step = (mean(line.get(outer..).unwrap_or_default()) - level) * side;
            let pairs = line.iter().zip(line.get(2..).unwrap_or_default());
            let climbs = pairs.map(|(a, b)| (a - b).abs()).skip(from).take(to - from);
            let steepest = climbs.fold(0.0, f32::max);
            soft += u32::from(step >= least && steepest <= self.steepest * step);
        }
        Some(Spot { x, y, radius, closed: soft as f32 / lines.len() as f32 })
    }
}

/// A place where the light changes, and towards where it grows, a unit long.
struct Slope {
    x: f32,
    y: f32,
    dx: f32,
    dy: f32,
}

fn slopes(plane: &Plane) -> Vec<Slope> {
    let mut found = Vec::new();
    let rows: Vec<&[f32]> = plane.rows().collect();
    for (y, rows) in rows.windows(3).enumerate() {
        let [above, row, below] = rows else { continue };
        let upright = above.iter().zip(*below).skip(1);
        for (x, (three, (above, below))) in row.windows(3).zip(upright).enumerate() {
            let [left, _, right] = three else { continue };
            let (dx, dy) = (right - left, below - above);
            let climb = dx.abs().max(dy.abs());
            if (SLOPES.0..SLOPES.1).contains(&climb) {
                let length = dx.hypot(dy);
                let (x, y) = ((x + 1) as f32, (y + 1) as f32);
                found.push(Slope { x, y, dx: dx / length, dy: dy / length });
            }
        }
    }
    found
}
