//! Soft closed spots. Dust and drops on the lens are so near that the lens spreads their outline over a few
//! hundredths of the picture's width. So the light changes all along their outline, but nowhere
//! abruptly. Objects of the scene have crisp outlines; shadows and glows have open ones.
//!
//! Every soft slope votes for the middle of a spot whose rim it might be. Then the outlines around the middles
//! with the most votes are followed.

use std::f32::consts::TAU;

use crate::picture::Plane;

/// The soft share of an outline. Below the first value the outline belongs to the scene, above the second to a
/// spot.
const CLOSED: (f32, f32) = (0.65, 0.9);
/// The radii of the spots that are searched for, as shares of the picture's width. The outline of smaller spots
/// would be as wide as the spots.
const RADII: [f32; 7] = [0.022, 0.028, 0.036, 0.047, 0.06, 0.078, 0.1];
/// The range of rises, in grey levels over two pixels of the coarse picture, of slopes that vote.
const SLOPES: (f32, f32) = (1.2, 40.0);
/// The number of middles that are examined for each radius, for dark and for bright spots.
const MIDDLES: usize = 8;
/// The number of directions in which an outline is crossed.
const DIRECTIONS: u16 = 24;
/// The smallest number of directions that must be within the picture.
const LEAST_DIRECTIONS: u16 = 15;
/// The smallest change of the grey level across an outline.
const STEP: f32 = 8.0;
/// The largest difference of the inner grey level between directions, as a share of the change across the outline.
const EVEN: f32 = 0.6;
/// The grey level above which the inside of a spot is a lamp. The glow of a lamp is no dirt.
const LAMP: f32 = 220.0;

/// A spot, in pixels of the coarse picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spot {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) radius: f32,
    /// The share of its outline that is soft.
    pub(crate) closed: f32,
}

impl Spot {
    /// Returns the likeness of the spot to a spot on the lens, from 0 to 1.
    pub(crate) fn likeness(&self) -> f32 {
        ((self.closed - CLOSED.0) / (CLOSED.1 - CLOSED.0)).clamp(0.0, 1.0)
    }

    /// Returns the number of pixels that the spot covers.
    pub(crate) fn area(&self) -> f32 {
        std::f32::consts::PI * self.radius * self.radius
    }
}

/// The pictures and the limit by which outlines are followed.
pub(crate) struct Outlines<'a> {
    /// The picture whose slopes vote.
    pub(crate) coarse: &'a Plane,
    /// The picture in which outlines are followed: the same, or a finer one.
    pub(crate) fine: &'a Plane,
    /// The share of the change across an outline that may happen within two pixels.
    pub(crate) steepest: f32,
}

impl Outlines<'_> {
    /// Returns spots that do not overlap, the clearest first.
    pub(crate) fn spots(&self) -> Vec<Spot> {
        let slopes = Slopes::of(self.coarse, SLOPES);
        let rays: Vec<(f32, f32)> = (0..DIRECTIONS)
            .map(|number| (TAU * f32::from(number) / f32::from(DIRECTIONS)).sin_cos())
            .collect();
        let mut found = Vec::new();
        for radius in RADII.map(|radius| radius * self.coarse.width as f32) {
            for side in [1.0, -1.0] {
                for (x, y) in middles(self.coarse, &slopes, radius * side, MIDDLES) {
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

    /// Follows the outline around a middle. None if it is not closed enough for a spot.
    fn spot(&self, x: f32, y: f32, radius: f32, side: f32, rays: &[(f32, f32)]) -> Option<Spot> {
        let scale = self.fine.width as f32 / self.coarse.width as f32;
        let (middle_x, middle_y, reach) = (x * scale, y * scale, radius * scale);
        let core_end = (0.5 * reach) as usize;
        let (from, to) = ((0.3 * reach) as usize, (1.55 * reach) as usize);
        let outer = (1.3 * reach) as usize;
        let end = (1.9 * reach) as usize;
        let place = |&(dy, dx): &(f32, f32), d: usize| {
            self.fine.near(middle_x + dx * d as f32, middle_y + dy * d as f32)
        };
        // A ray that is inside the picture at this distance is inside at all smaller distances.
        let inside: Vec<&(f32, f32)> = rays.iter().filter(|ray| place(ray, to).is_some()).collect();
        if inside.len() < usize::from(LEAST_DIRECTIONS) {
            return None;
        }
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len().max(1) as f32;
        let mut line: Vec<f32> = Vec::with_capacity(end + 1);
        let (mut level, mut low, mut high) = (0.0, f32::MAX, f32::MIN);
        for ray in &inside {
            line.clear();
            line.extend((0..=core_end).map_while(|d| place(ray, d)));
            let core = mean(&line);
            (level, low, high) = (level + core, low.min(core), high.max(core));
        }
        level /= inside.len() as f32;
        if high > LAMP {
            return None;
        }
        let least = STEP.max((high - low) / EVEN);
        // With more crisp directions than this number, the likeness to a spot is 0.
        let most_crisp = (1.0 - CLOSED.0) * inside.len() as f32;
        let mut crisp = 0_u16;
        for ray in &inside {
            line.clear();
            line.extend((0..=end).map_while(|d| place(ray, d)));
            let step = (mean(line.get(outer..).unwrap_or_default()) - level) * side;
            let pairs = line.iter().zip(line.get(2..).unwrap_or_default());
            let climbs = pairs.map(|(a, b)| (a - b).abs()).skip(from).take(to - from);
            let is_soft = step >= least && climbs.fold(0.0, f32::max) <= self.steepest * step;
            crisp += u16::from(!is_soft);
            if f32::from(crisp) > most_crisp {
                return None;
            }
        }
        Some(Spot { x, y, radius, closed: 1.0 - f32::from(crisp) / inside.len() as f32 })
    }
}

/// Returns at most `most` places, those with the most votes first. Each slope votes for one place, which is `distance`
/// pixels away in the direction in which the light decreases. If `distance` is negative, the place is in the direction
/// in which the light increases.
pub(crate) fn middles(plane: &Plane, slopes: &Slopes, distance: f32, most: usize) -> Vec<(f32, f32)> {
    // Votes are counted in boxes that grow with the radius, because outlines are not exactly round.
    let radius = distance.abs();
    let side = (radius / 3.0).max(1.0);
    let columns = (plane.width as f32 / side) as usize + 1;
    let rows = (plane.height() as f32 / side) as usize + 1;
    let mut votes = vec![0_u16; columns * rows];
    for at in slopes.boxes(distance, side, [columns, rows]) {
        if let Some(vote) = votes.get_mut(at as usize) {
            *vote += 1;
        }
    }
    let mut middles: Vec<(f32, f32)> = Vec::new();
    for at in most_first(&fours(&votes, columns), radius) {
        let (x, y) = (((at % columns) as f32 + 1.0) * side, ((at / columns) as f32 + 1.0) * side);
        let apart = (0.7 * radius).powi(2);
        if middles.iter().all(|&(a, b)| (x - a).powi(2) + (y - b).powi(2) > apart) {
            middles.push((x, y));
            if middles.len() == most {
                break;
            }
        }
    }
    middles
}

/// Adds to each box the votes of the three boxes to its right and below, so that no middle is split between
/// boxes.
fn fours(votes: &[u16], columns: usize) -> Vec<u16> {
    let pairs = |from: usize| {
        let votes = votes.get(from..).unwrap_or_default();
        votes.iter().zip(votes.iter().skip(1).chain([&0])).map(|(a, b)| a.saturating_add(*b))
    };
    pairs(0)
        .zip(pairs(columns).chain(std::iter::repeat(0)))
        .map(|(a, b): (u16, u16)| a.saturating_add(b))
        .collect()
}

/// Returns the places of the counts that are at least `least`, in descending order; of equal counts the last place
/// comes first.
fn most_first(counts: &[u16], least: f32) -> impl Iterator<Item = usize> {
    let least = least.ceil() as u16;
    let most = counts.iter().copied().max().unwrap_or(0);
    let mut buckets = vec![Vec::new(); usize::from(most.saturating_sub(least)) + 1];
    for (at, count) in counts.iter().enumerate() {
        if let Some(bucket) = count.checked_sub(least).and_then(|above| buckets.get_mut(usize::from(above))) {
            bucket.push(at);
        }
    }
    buckets.into_iter().rev().flat_map(|bucket| bucket.into_iter().rev())
}

/// Places where the light changes, with the unit vector of the direction in which the light increases.
#[derive(Default)]
pub(crate) struct Slopes {
    x: Vec<f32>,
    y: Vec<f32>,
    dx: Vec<f32>,
    dy: Vec<f32>,
}

impl Slopes {
    /// Finds the places where the light changes by a number of grey levels within this range, over two pixels.
    pub(crate) fn of(plane: &Plane, range: (f32, f32)) -> Self {
        let mut found = Self::default();
        let rows: Vec<&[f32]> = plane.rows().collect();
        for (y, rows) in rows.windows(3).enumerate() {
            let [above, row, below] = rows else { continue };
            let upright = above.iter().zip(*below).skip(1);
            let across = row.iter().zip(row.iter().skip(2));
            for (x, ((left, right), (above, below))) in across.zip(upright).enumerate() {
                let (dx, dy) = (right - left, below - above);
                let climb = dx.abs().max(dy.abs());
                if (range.0..range.1).contains(&climb) {
                    let inverse = 1.0 / (dx * dx + dy * dy).sqrt();
                    found.x.push((x + 1) as f32);
                    found.y.push((y + 1) as f32);
                    found.dx.push(dx * inverse);
                    found.dy.push(dy * inverse);
                }
            }
        }
        found
    }

    /// Returns for each slope the index of the box with the place for which the slope votes (see [`middles`]). The
    /// boxes are `side` pixels wide. The index of a place outside the picture is beyond the last box.
    fn boxes(&self, distance: f32, side: f32, [columns, rows]: [usize; 2]) -> Vec<i32> {
        let inverse = 1.0 / side;
        let (columns, outside) = (columns as i32, (columns * rows) as i32);
        let places = self.x.iter().zip(&self.y).zip(self.dx.iter().zip(&self.dy));
        let mut boxes = vec![outside; self.x.len()];
        for (((&x, &y), (&dx, &dy)), out) in places.zip(&mut boxes) {
            let (x, y) = ((x - dx * distance) * inverse, (y - dy * distance) * inverse);
            let (column, row) = (x as i32, y as i32);
            let is_inside = (x >= 0.0) & (y >= 0.0) & (column < columns);
            *out = if is_inside { row * columns + column } else { outside };
        }
        boxes
    }
}
