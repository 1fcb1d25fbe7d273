//! Large moves between two frames: shifts of up to about a third of the picture, or rotations.
//!
//! The gradients of two small pictures are compared by normalised correlation: first at half resolution over all
//! shifts, and then at full resolution around the best shift. Rotations are tried at the best shift, and at all shifts
//! if no shift alone fits. Gradients are clipped, so that a lamp does not outweigh a street. A shift is accepted only
//! if it fits much better than all shifts that are not close to it, because repeated patterns, such as a fence or a
//! field of crops, fit at many shifts.

use std::f32::consts::PI;

/// A move found in the small picture. The shift is in samples of the small picture.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Moved {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) degrees: f32,
}

/// The rotations that are tried in addition to no rotation, in degrees.
const TURNS: [f32; 6] = [-1.5, 1.5, -3.0, 3.0, -5.0, 5.0];
/// The steps of the rotations that are tried around the best rotation, in degrees.
const FINER: [f32; 3] = [0.75, 0.4, 0.2];
/// The largest shift, as a share of the width or of the height.
const REACH: f32 = 0.35;
/// The largest absolute gradient, in grey levels over two samples. Steeper gradients are clipped to this limit.
const STEEPEST: i16 = 24;
/// The smallest agreement of two frames of one scene. The agreement is the normalised correlation of their gradients.
/// Frames of different scenes hardly reach 0.3.
const LEAST_AGREEMENT: f32 = 0.5;
/// The largest agreement that a shift away from the best shift may have, as a share of the best agreement.
const SECOND: f32 = 0.85;
/// The smallest distance from the best shift at which a shift counts as away from it, in samples of the coarser
/// picture.
const AWAY: i32 = 3;

/// A small picture of a frame, and a second picture of half its width and height.
#[derive(Debug, Clone)]
pub(crate) struct Small {
    fine: Picture,
    coarse: Picture,
}

/// A grey picture, row by row.
#[derive(Debug, Clone)]
struct Picture {
    width: i32,
    height: i32,
    samples: Vec<u8>,
}

/// The gradients of a picture. They are 0 at the border, and where a turned picture has no samples.
struct Gradients {
    width: i32,
    height: i32,
    /// The gradients across and down, alternating.
    values: Vec<i16>,
    /// For each place, the sum of the squares of all gradients above and to the left of the place.
    squares: Vec<i32>,
}

impl Small {
    /// Makes both pictures from a plane with rows of `width` samples.
    pub(crate) fn of(samples: Vec<u8>, width: usize) -> Self {
        let height = samples.len() / width.max(1);
        let fine = Picture { width: width as i32, height: height as i32, samples };
        Self { coarse: fine.halved(), fine }
    }

    /// Returns the move from this frame to `after`. The result is None unless a move fits well, and clearly better than
    /// the others.
    pub(crate) fn moved(&self, after: &Self) -> Option<Moved> {
        let coarse = after.coarse.gradients();
        let (mut turn, mut best) = (0.0, self.coarse.gradients().best(&coarse));
        if best.agreement < LEAST_AGREEMENT || best.second > SECOND * best.agreement {
            for degrees in TURNS {
                let found = self.coarse.turned(degrees).gradients().best(&coarse);
                if found.agreement > best.agreement {
                    (turn, best) = (degrees, found);
                }
            }
        }
        if best.second > SECOND * best.agreement {
            return None;
        }
        self.finely(after, (2 * best.x, 2 * best.y), turn, &FINER)
    }

    /// Returns the move from this frame to `after`, with its rotation. The approximate shift is known, in samples of
    /// the small picture. The result is None if no move fits well.
    pub(crate) fn turned(&self, after: &Self, shift: (f32, f32)) -> Option<Moved> {
        let shift = (shift.0.round() as i32, shift.1.round() as i32);
        self.finely(after, shift, 0.0, &[2.0, 1.0, 0.5, 0.25])
    }

    fn finely(&self, after: &Self, from: (i32, i32), turn: f32, steps: &[f32]) -> Option<Moved> {
        let fine = after.fine.gradients();
        let near = |degrees: f32, at: (i32, i32)| self.fine.turned(degrees).gradients().near(&fine, at, 2);
        let (mut turn, mut best) = (turn, near(turn, from));
        for step in steps {
            for degrees in [turn - step, turn + step] {
                let found = near(degrees, (best.1, best.2));
                if found.0 > best.0 {
                    (turn, best) = (degrees, found);
                    break;
                }
            }
        }
        let (agreement, x, y) = best;
        if agreement < LEAST_AGREEMENT {
            return None;
        }
        let before = self.fine.turned(turn).gradients();
        let at = |dx: i32, dy: i32| before.agreement(&fine, (x + dx, y + dy));
        let across = summit([at(-1, 0), agreement, at(1, 0)]);
        let down = summit([at(0, -1), agreement, at(0, 1)]);
        Some(Moved { x: x as f32 + across, y: y as f32 + down, degrees: turn })
    }
}

impl Picture {
    fn at(&self, x: i32, y: i32) -> Option<u8> {
        let inside = x >= 0 && y >= 0 && x < self.width && y < self.height;
        self.samples.get((y * self.width + x) as usize).copied().filter(|_| inside)
    }

    fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mean = |x: i32, y: i32| {
            let around = [(0, 0), (1, 0), (0, 1), (1, 1)];
            let sum: u32 =
                around.iter().filter_map(|(a, b)| self.at(2 * x + a, 2 * y + b)).map(u32::from).sum();
            (sum / 4) as u8
        };
        let samples = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| mean(x, y));
        let samples = samples.collect();
        Self { width, height, samples }
    }

    /// Turns the picture clockwise around its middle. Samples from outside the picture become 0.
    fn turned(&self, degrees: f32) -> Self {
        if degrees == 0.0 {
            return self.clone();
        }
        let (sin, cos) = (degrees * PI / 180.0).sin_cos();
        let (middle_x, middle_y) = ((self.width - 1) as f32 / 2.0, (self.height - 1) as f32 / 2.0);
        let mut samples = Vec::with_capacity(self.samples.len());
        for y in 0..self.height {
            for x in 0..self.width {
                let (u, v) = (x as f32 - middle_x, y as f32 - middle_y);
                samples.push(self.between(middle_x + u * cos + v * sin, middle_y - u * sin + v * cos));
            }
        }
        Self { samples, ..*self }
    }

    /// Returns the sample at a place between samples, by bilinear interpolation.
    fn between(&self, x: f32, y: f32) -> u8 {
        let (left, top) = (x.floor(), y.floor());
        let (s, t) = (x - left, y - top);
        let (left, top) = (left as i32, top as i32);
        let corners = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(a, b)| self.at(left + a, top + b));
        let [Some(a), Some(b), Some(c), Some(d)] = corners.map(|corner| corner.map(f32::from)) else {
            return 0;
        };
        ((a * (1.0 - s) + b * s) * (1.0 - t) + (c * (1.0 - s) + d * s) * t + 0.5) as u8
    }

    fn gradients(&self) -> Gradients {
        let change = |a: Option<u8>, b: Option<u8>| match (a, b) {
            // Samples from outside the picture are 0 after a rotation. They do not count as edges.
            (Some(a), Some(b)) if a > 0 && b > 0 => (i16::from(b) - i16::from(a)).clamp(-STEEPEST, STEEPEST),
            _ => 0,
        };
        let value = |x: i32, y: i32| {
            [change(self.at(x - 1, y), self.at(x + 1, y)), change(self.at(x, y - 1), self.at(x, y + 1))]
        };
        let places = (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y)));
        let values: Vec<i16> = places.flat_map(|(x, y)| value(x, y)).collect();
        Gradients {
            width: self.width,
            height: self.height,
            squares: sums_of_squares(&values, self.width),
            values,
        }
    }
}

/// The best shift, its agreement, and the best agreement of the shifts away from the best shift.
struct Best {
    x: i32,
    y: i32,
    agreement: f32,
    second: f32,
}

impl Gradients {
    fn best(&self, after: &Self) -> Best {
        let far = |length: i32| (length as f32 * REACH) as i32;
        let (far_x, far_y) = (far(self.width), far(self.height));
        let shifts = (-far_y..=far_y).flat_map(|y| (-far_x..=far_x).map(move |x| (x, y)));
        let all: Vec<(f32, i32, i32)> =
            shifts.map(|(x, y)| (self.agreement(after, (x, y)) * self.share(x, y).sqrt(), x, y)).collect();
        let Some(&(_, x, y)) = all.iter().max_by(|a, b| a.0.total_cmp(&b.0)) else {
            return Best { x: 0, y: 0, agreement: 0.0, second: 0.0 };
        };
        let away = all.iter().filter(|(_, a, b)| (a - x).abs().max((b - y).abs()) >= AWAY);
        let second = away.map(|one| one.0).fold(0.0, f32::max);
        // As in the search, the agreement is weighted by the share of the area that both pictures show.
        Best { x, y, agreement: self.agreement(after, (x, y)) * self.share(x, y).sqrt(), second }
    }

    /// Returns the best shift at a distance of at most `reach` from the given shift, with its agreement.
    fn near(&self, after: &Self, (x, y): (i32, i32), reach: i32) -> (f32, i32, i32) {
        let shifts = (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (x + dx, y + dy)));
        let all = shifts.map(|(x, y)| (self.agreement(after, (x, y)), x, y));
        all.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, x, y))
    }

    fn share(&self, x: i32, y: i32) -> f32 {
        let part = |length: i32, by: i32| (length - by.abs()).max(0) as f32 / length.max(1) as f32;
        part(self.width, x) * part(self.height, y)
    }

    /// Returns the normalised correlation over the area that both pictures show.
    fn agreement(&self, after: &Self, (dx, dy): (i32, i32)) -> f32 {
        if (self.width, self.height) != (after.width, after.height) {
            return 0.0;
        }
        let (left, width) = ((-dx).max(0), (self.width - dx.abs()).max(0));
        let (top, height) = ((-dy).max(0), (self.height - dy.abs()).max(0));
        let row = |x: i32, y: i32| {
            let from = 2 * (y * self.width + x) as usize;
            from..from + 2 * width as usize
        };
        let rows = (top..top + height).map(|y| {
            let here = self.values.get(row(left, y)).unwrap_or_default();
            let there = after.values.get(row(left + dx, y + dy)).unwrap_or_default();
            here.iter().zip(there).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum::<i32>()
        });
        let product: i32 = rows.sum();
        let energy = self.energy(left, top, width, height) as f32;
        let energies = energy * after.energy(left + dx, top + dy, width, height) as f32;
        if energies > 0.0 { product as f32 / energies.sqrt() } else { 0.0 }
    }

    /// Returns the sum of the squares in a box.
    fn energy(&self, x: i32, y: i32, width: i32, height: i32) -> i32 {
        let sum =
            |x: i32, y: i32| self.squares.get((y * (self.width + 1) + x) as usize).copied().unwrap_or(0);
        sum(x + width, y + height) - sum(x, y + height) - sum(x + width, y) + sum(x, y)
    }
}

/// Computes the sums of squares. The result has one column and one row more than there are places. A place adds at most
/// 2 × 24² to a sum, so the sums of 100 × 300 places and more fit into 32 bits.
fn sums_of_squares(values: &[i16], width: i32) -> Vec<i32> {
    let columns = width.max(1) as usize;
    let mut sums = vec![0; columns + 1];
    let mut above = sums.clone();
    for row in values.chunks_exact(2 * columns) {
        let mut sum = 0;
        for (&[a, b], above) in row.as_chunks::<2>().0.iter().zip(above.iter_mut().skip(1)) {
            sum += i32::from(a) * i32::from(a) + i32::from(b) * i32::from(b);
            *above += sum;
        }
        sums.extend_from_slice(&above);
    }
    sums
}

/// Returns the position of the maximum of the parabola through three values, relative to the middle value. The result
/// is 0 if the parabola has no maximum.
fn summit([before, middle, after]: [f32; 3]) -> f32 {
    let curve = before - 2.0 * middle + after;
    if curve >= 0.0 { 0.0 } else { (0.5 * (before - after) / curve).clamp(-0.5, 0.5) }
}
