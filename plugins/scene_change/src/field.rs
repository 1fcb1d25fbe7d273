//! The edges of a picture as arrows: across the edge, towards the light, about equally long in a dim
//! corner as in the sun. So two pictures of one view agree whatever the light.

use serde::{Deserialize, Serialize};

use crate::picture::Picture;

/// Free space around a field, so that it can be shifted without asking where it ends.
pub(crate) const PAD: usize = 6;
/// Length of the longest arrow: four bits a part.
const LONGEST: f32 = 7.0;
/// Changes over two samples that are no edge, in grey levels: noise that is left, and blocks.
const FLOOR: f32 = 4.0;
/// Side of the tiles over which the usual change is measured, as a part of the width.
const TILES_ACROSS: usize = 16;

/// Arrows, across and down in turn, with free space around them.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) width: usize,
    pub(crate) height: usize,
    arrows: Vec<i16>,
    /// Sums of squared lengths above and to the left.
    squares: Vec<u32>,
}

/// A field as it is remembered: a byte an arrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Packed {
    width: u16,
    height: u16,
    arrows: Vec<u8>,
}

/// A box of arrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Field {
    /// The edges of a picture.
    pub(crate) fn of(picture: &Picture) -> Self {
        let Picture { width, height, samples } = picture;
        let (width, height) = (*width, *height);
        let changes = changes(samples, width);
        let usual = usual(&changes, width, height);
        let side = (width / TILES_ACROSS).max(1);
        let columns = width.div_ceil(side);
        let mut field = Self::empty(width, height);
        let rows = changes.chunks_exact(2 * width).enumerate();
        for (y, row) in rows {
            let usual = usual.get(y / side * columns..).unwrap_or_default();
            let start = field.at(0, y);
            let Some(arrows) = field.arrows.get_mut(start..start + 2 * width) else { continue };
            for (tile, (row, arrows)) in row.chunks(2 * side).zip(arrows.chunks_mut(2 * side)).enumerate() {
                let usual = usual.get(tile).copied().unwrap_or(0.0).max(FLOOR * FLOOR);
                for (change, arrow) in row.as_chunks::<2>().0.iter().zip(arrows.as_chunks_mut::<2>().0) {
                    let [across, down] = change.map(f32::from);
                    let scale = LONGEST / (across * across + down * down + usual).sqrt();
                    *arrow = [(across * scale).round() as i16, (down * scale).round() as i16];
                }
            }
        }
        field.sum_squares();
        field
    }

    /// A field without edges.
    fn empty(width: usize, height: usize) -> Self {
        let samples = (width + 2 * PAD) * (height + 2 * PAD);
        Self { width, height, arrows: vec![0; 2 * samples], squares: Vec::new() }
    }

    const fn stride(&self) -> usize {
        2 * (self.width + 2 * PAD)
    }

    /// Where the arrow of a place begins.
    const fn at(&self, x: usize, y: usize) -> usize {
        (y + PAD) * self.stride() + 2 * (x + PAD)
    }

    fn sum_squares(&mut self) {
        let stride = self.width + 2 * PAD;
        let mut squares = vec![0_u32; stride + 1];
        squares.reserve((stride + 1) * (self.height + 2 * PAD));
        for (y, row) in self.arrows.chunks_exact(2 * stride).enumerate() {
            let mut sum = 0;
            squares.push(0);
            for (x, &[across, down]) in row.as_chunks::<2>().0.iter().enumerate() {
                sum += (i32::from(across) * i32::from(across) + i32::from(down) * i32::from(down)) as u32;
                let above = squares.get(y * (stride + 1) + x + 1).copied().unwrap_or(0);
                squares.push(sum + above);
            }
        }
        self.squares = squares;
    }

    /// Sum of the squared lengths in an area that is shifted by so much, which may reach into the
    /// free space.
    pub(crate) fn energy(&self, area: Area, shift: (isize, isize)) -> f32 {
        let stride = self.width + 2 * PAD + 1;
        let begin = |at: usize, by: isize| (at + PAD).saturating_add_signed(by);
        let (left, top) = (begin(area.left, shift.0), begin(area.top, shift.1));
        let (right, bottom) = (left + area.width, top + area.height);
        let sum = |x: usize, y: usize| {
            let (x, y) = (x.min(stride - 1), y.min(self.height + 2 * PAD));
            self.squares.get(y * stride + x).copied().unwrap_or(0)
        };
        let lower = sum(right, bottom).wrapping_sub(sum(left, bottom));
        lower.wrapping_sub(sum(right, top).wrapping_sub(sum(left, top))) as f32
    }

    /// How far an area of this field agrees with that of another which is shifted by so much: 1 where
    /// they are alike, about 0 where they have nothing in common. The shift is at most [`PAD`].
    pub(crate) fn agreement(&self, area: Area, other: &Self, shift: (isize, isize)) -> f32 {
        let energies = self.energy(area, (0, 0)) * other.energy(area, shift);
        if energies <= 0.0 {
            return 0.0;
        }
        self.product(area, other, shift) as f32 / energies.sqrt()
    }

    fn product(&self, area: Area, other: &Self, (dx, dy): (isize, isize)) -> i32 {
        let mut sum = 0;
        for y in area.top..area.top + area.height {
            let from = self.at(area.left, y);
            let to = other.at(area.left, 0).saturating_add_signed(2 * dx);
            let to = to.saturating_add_signed((y as isize + dy) * other.stride() as isize);
            let length = 2 * area.width;
            let (Some(a), Some(b)) =
                (self.arrows.get(from..from + length), other.arrows.get(to..to + length))
            else {
                continue;
            };
            sum += dot(a, b);
        }
        sum
    }

    /// As [`Field::agreement`] of two whole fields of one size, over what they share at a shift of any
    /// size, and that share.
    pub(crate) fn overlap(&self, other: &Self, (dx, dy): (isize, isize)) -> (f32, f32) {
        let span = |length: usize, by: isize| {
            let begin = (-by).max(0) as usize;
            (begin, length.saturating_sub(by.unsigned_abs()))
        };
        let ((left, width), (top, height)) = (span(self.width, dx), span(self.height, dy));
        let area = Area { left, top, width, height };
        let energies = self.energy(area, (0, 0)) * other.energy(area, (dx, dy));
        let share = (width * height) as f32 / (self.width * self.height).max(1) as f32;
        if energies <= 0.0 {
            return (0.0, share);
        }
        (self.product(area, other, (dx, dy)) as f32 / energies.sqrt(), share)
    }

    /// The field of the picture turned, zoomed and shifted; without edges where nothing is known.
    pub(crate) fn moved(&self, motion: &crate::motion::Motion) -> Self {
        let mut moved = Self::empty(self.width, self.height);
        let (sin, cos) = motion.degrees.to_radians().sin_cos();
        let unit = self.width as f32;
        let (middle_x, middle_y) = (self.width as f32 / 2.0, self.height as f32 / 2.0);
        let (dx, dy) = (motion.right * unit, motion.down * unit);
        for y in 0..self.height {
            let start = moved.at(0, y);
            let down = (y as f32 + 0.5 - middle_y - dy) / motion.zoom;
            let Some(row) = moved.arrows.get_mut(start..start + 2 * self.width) else { continue };
            for (x, arrow) in row.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                let across = (x as f32 + 0.5 - middle_x - dx) / motion.zoom;
                // Backwards to where it came from.
                let from_x = middle_x + across * cos + down * sin;
                let from_y = middle_y - across * sin + down * cos;
                if from_x < 0.0 || from_y < 0.0 || from_x >= self.width as f32 || from_y >= self.height as f32
                {
                    continue;
                }
                let from = self.at(from_x as usize, from_y as usize);
                let Some(&[a, b]) = self.arrows.get(from..from + 2) else { continue };
                let (a, b) = (f32::from(a), f32::from(b));
                *arrow = [(a * cos - b * sin).round() as i16, (a * sin + b * cos).round() as i16];
            }
        }
        moved.sum_squares();
        moved
    }

    /// Takes an area over from another field of the same size.
    pub(crate) fn renew(&mut self, area: Area, other: &Self) {
        for y in area.top..area.top + area.height {
            let places = self.at(area.left, y)..self.at(area.left + area.width, y);
            if let (Some(to), Some(from)) = (self.arrows.get_mut(places.clone()), other.arrows.get(places)) {
                to.copy_from_slice(from);
            }
        }
        self.sum_squares();
    }

    /// As it is remembered.
    pub(crate) fn packed(&self) -> Packed {
        let mut arrows = Vec::with_capacity(self.width * self.height);
        for y in 0..self.height {
            let start = self.at(0, y);
            let row = self.arrows.get(start..start + 2 * self.width).unwrap_or_default();
            arrows.extend(row.as_chunks::<2>().0.iter().map(|&[a, b]| ((a + 8) << 4 | (b + 8)) as u8));
        }
        Packed { width: self.width as u16, height: self.height as u16, arrows }
    }
}

impl Packed {
    /// Whether it is of a picture of the same shape.
    pub(crate) fn fits(&self, field: &Field) -> bool {
        usize::from(self.width) == field.width
            && usize::from(self.height) == field.height
            && self.arrows.len() == field.width * field.height
    }

    /// The field.
    pub(crate) fn field(&self) -> Field {
        let mut field = Field::empty(usize::from(self.width), usize::from(self.height));
        for (y, row) in self.arrows.chunks_exact(usize::from(self.width).max(1)).enumerate() {
            let start = field.at(0, y);
            let Some(arrows) = field.arrows.get_mut(start..start + 2 * row.len()) else { continue };
            for (&byte, arrow) in row.iter().zip(arrows.as_chunks_mut::<2>().0) {
                *arrow = [i16::from(byte >> 4) - 8, i16::from(byte & 15) - 8];
            }
        }
        field.sum_squares();
        field
    }
}

/// Eight lanes: what the compiler turns into one multiplication.
fn dot(a: &[i16], b: &[i16]) -> i32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let product =
        |a: &[i16], b: &[i16]| -> i32 { a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum() };
    a.iter().zip(b).map(|(a, b)| product(a, b)).sum::<i32>() + product(a_rest, b_rest)
}

/// Change over two samples, across and down in turn; none at the rim.
fn changes(samples: &[u8], width: usize) -> Vec<i16> {
    let mut changes = vec![0; 2 * samples.len()];
    let rows = samples.chunks_exact(width.max(1));
    let around = rows.clone().zip(rows.clone().skip(1)).zip(rows.skip(2));
    for (((above, row), below), out) in around.zip(changes.chunks_exact_mut(2 * width.max(1)).skip(1)) {
        let across = row.iter().zip(row.get(2..).unwrap_or_default());
        let down = above.get(1..).unwrap_or_default().iter().zip(below.get(1..).unwrap_or_default());
        let out = out.as_chunks_mut::<2>().0.get_mut(1..).unwrap_or_default();
        for (((left, right), (upper, lower)), out) in across.zip(down).zip(out) {
            *out = [i16::from(*right) - i16::from(*left), i16::from(*lower) - i16::from(*upper)];
        }
    }
    changes
}

/// The usual squared change around each tile: the mean over it and its neighbours.
fn usual(changes: &[i16], width: usize, height: usize) -> Vec<f32> {
    let side = (width / TILES_ACROSS).max(1);
    let (columns, rows) = (width.div_ceil(side), height.div_ceil(side));
    let mut sums = vec![0_u32; columns * rows];
    for (y, row) in changes.chunks_exact(2 * width.max(1)).enumerate() {
        let sums = sums.get_mut(y / side * columns..).unwrap_or_default();
        for (tile, sum) in row.chunks(2 * side).zip(sums) {
            *sum += tile.iter().map(|&change| i32::from(change) * i32::from(change)).sum::<i32>() as u32;
        }
    }
    let mut usual = Vec::with_capacity(sums.len());
    for y in 0..rows {
        for x in 0..columns {
            let (mut sum, mut count) = (0.0, 0.0);
            for row in y.saturating_sub(1)..(y + 2).min(rows) {
                for column in x.saturating_sub(1)..(x + 2).min(columns) {
                    sum += sums.get(row * columns + column).map_or(0.0, |&sum| sum as f32);
                    count += 1.0;
                }
            }
            usual.push(sum / (count * (side * side) as f32));
        }
    }
    usual
}
