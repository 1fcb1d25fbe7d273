//! The edges of a picture as arrows, which are normalised gradients. An arrow points across an edge, towards the
//! brighter side, and is about as long in a dim corner as in the sun. So two pictures of one view agree in any light.

use serde::{Deserialize, Serialize};

use crate::picture::Picture;

/// The margin around a field, in samples. It allows shifts without checks of the bounds.
pub(crate) const PAD: usize = 6;
/// The length of the longest arrow. Each of the two components of an arrow fits into four bits.
const LONGEST: f32 = 7.0;
/// The largest change over two samples, in grey levels, that does not count as an edge. Remaining noise and coding
/// blocks cause such changes.
const FLOOR: f32 = 4.0;
/// The number of tiles across the width. The usual change of the samples is measured for each tile.
const TILES_ACROSS: usize = 16;

/// The arrows of a picture, with a margin around them. The components across and down alternate.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) width: usize,
    pub(crate) height: usize,
    arrows: Vec<i16>,
    /// The sums of the squared lengths above and to the left of each place.
    squares: Vec<u32>,
}

/// A field as it is stored, with one byte for each arrow.
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
    /// Computes the edges of a picture.
    pub(crate) fn of(picture: &Picture) -> Self {
        let Picture { width, height, samples } = picture;
        let (width, height) = (*width, *height);
        let changes = changes(samples, width);
        let usual = usual(&changes, width, height);
        let side = (width / TILES_ACROSS).max(1);
        let columns = width.div_ceil(side);
        let mut field = Self::empty(width, height);
        let rows = changes.across.chunks_exact(width.max(1)).zip(changes.down.chunks_exact(width.max(1)));
        // The changes are widened to 32 bits in a separate pass. Otherwise the compiler converts the changes one by
        // one.
        let mut wide = [vec![0_i32; width], vec![0_i32; width]];
        let mut around = vec![0.0; width];
        for (y, (across, down)) in rows.enumerate() {
            if y % side == 0 {
                let usual = usual.get(y / side * columns..).unwrap_or_default();
                for (around, &usual) in around.chunks_mut(side).zip(usual) {
                    around.fill(usual.max(FLOOR * FLOOR));
                }
            }
            let [wide_across, wide_down] = &mut wide;
            widen(across, wide_across);
            widen(down, wide_down);
            let start = field.at(0, y);
            let Some(arrows) = field.arrows.get_mut(start..start + 2 * width) else { continue };
            let changes = wide_across.iter().zip(&*wide_down).zip(&around);
            for (((&across, &down), &usual), arrow) in changes.zip(arrows.as_chunks_mut::<2>().0) {
                let square = (across * across + down * down) as f32;
                let scale = LONGEST / (square + usual).sqrt();
                *arrow = [nearest(across as f32 * scale), nearest(down as f32 * scale)];
            }
        }
        field.sum_squares();
        field
    }

    /// Returns a field without edges.
    fn empty(width: usize, height: usize) -> Self {
        let samples = (width + 2 * PAD) * (height + 2 * PAD);
        Self { width, height, arrows: vec![0; 2 * samples], squares: Vec::new() }
    }

    const fn stride(&self) -> usize {
        2 * (self.width + 2 * PAD)
    }

    /// Returns the index at which the arrow of a place begins.
    const fn at(&self, x: usize, y: usize) -> usize {
        (y + PAD) * self.stride() + 2 * (x + PAD)
    }

    fn sum_squares(&mut self) {
        let stride = self.width + 2 * PAD;
        let mut squares = vec![0_u32; (stride + 1) * (self.height + 2 * PAD + 1)];
        let mut rows = squares.chunks_exact_mut(stride + 1);
        let mut above = rows.next().and_then(|row| row.get_mut(1..));
        for (arrows, squares) in self.arrows.chunks_exact(2 * stride).zip(rows) {
            let squares = squares.get_mut(1..).unwrap_or_default();
            for (&[across, down], square) in arrows.as_chunks::<2>().0.iter().zip(&mut *squares) {
                // The components have four bits each, so the sum fits.
                *square = (across * across + down * down) as u32;
            }
            let mut sum = 0;
            for square in &mut *squares {
                sum += *square;
                *square = sum;
            }
            for (square, &above) in squares.iter_mut().zip(above.as_deref().unwrap_or_default()) {
                *square += above;
            }
            above = Some(squares);
        }
        self.squares = squares;
    }

    /// Returns the sum of the squared lengths in an area that is shifted by `shift`. The shifted area may extend
    /// into the margin.
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

    /// Returns the agreement of an area of this field with the area of another field that is shifted by `shift`: 1
    /// if they are alike, about 0 if they have nothing in common. The shift is at most [`PAD`].
    pub(crate) fn agreement(&self, area: Area, other: &Self, shift: (isize, isize)) -> f32 {
        let energies = self.energy(area, (0, 0)) * other.energy(area, shift);
        if energies <= 0.0 {
            return 0.0;
        }
        self.product(area, other, shift) as f32 / energies.sqrt()
    }

    fn product(&self, area: Area, other: &Self, (dx, dy): (isize, isize)) -> i32 {
        let from = self.at(area.left, area.top);
        let to = other.at(area.left, area.top);
        let to = to.saturating_add_signed(2 * dx).saturating_add_signed(dy * other.stride() as isize);
        let length = 2 * area.width;
        let rows = self.rows(from, length).zip(other.rows(to, length));
        rows.take(area.height).map(|(a, b)| dot(a, b)).sum()
    }

    /// Returns `length` values of each row, beginning at the index `from`.
    fn rows(&self, from: usize, length: usize) -> impl Iterator<Item = &[i16]> {
        let arrows = self.arrows.get(from..).unwrap_or_default();
        arrows.chunks(self.stride()).filter_map(move |row| row.get(..length))
    }

    /// Returns the agreement of two whole fields of the same size over the part in which they overlap, and the share of
    /// a field that this part covers. The agreement is defined as in [`Field::agreement`]. The shift may be of any
    /// size.
    pub(crate) fn overlap(&self, other: &Self, (dx, dy): (isize, isize)) -> (f32, f32) {
        let span = |length: usize, by: isize| {
            let begin = (-by).max(0) as usize;
            (begin, length.saturating_sub(by.unsigned_abs()))
        };
        let ((left, width), (top, height)) = (span(self.width, dx), span(self.height, dy));
        let area = Area { left, top, width, height };
        let energies = self.energy(area, (0, 0)) * other.energy(area, (dx, dy));
        let share = self.share((dx, dy));
        if energies <= 0.0 {
            return (0.0, share);
        }
        (self.product(area, other, (dx, dy)) as f32 / energies.sqrt(), share)
    }

    /// Returns the share of the field that overlaps with another field of the same size that is shifted by this
    /// much.
    pub(crate) fn share(&self, (dx, dy): (isize, isize)) -> f32 {
        let (width, height) =
            (self.width.saturating_sub(dx.unsigned_abs()), self.height.saturating_sub(dy.unsigned_abs()));
        (width * height) as f32 / (self.width * self.height).max(1) as f32
    }

    /// Returns the field of the picture after a motion. Places whose content comes from outside the picture have no
    /// edges.
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
                // The inverse motion gives the place from which the arrow came.
                let from_x = middle_x + across * cos + down * sin;
                let from_y = middle_y - across * sin + down * cos;
                if from_x < 0.0 || from_y < 0.0 || from_x >= self.width as f32 || from_y >= self.height as f32
                {
                    continue;
                }
                let from = self.at(from_x as usize, from_y as usize);
                let Some(&[a, b]) = self.arrows.get(from..from + 2) else { continue };
                let (a, b) = (f32::from(a), f32::from(b));
                *arrow = [nearest(a * cos - b * sin), nearest(a * sin + b * cos)];
            }
        }
        moved.sum_squares();
        moved
    }

    /// Returns the field of the picture with left and right, or top and bottom, exchanged.
    pub(crate) fn flipped(&self, (across, down): (bool, bool)) -> Self {
        let mut flipped = Self::empty(self.width, self.height);
        for y in 0..self.height {
            let from = self.at(0, if down { self.height - 1 - y } else { y });
            let to = flipped.at(0, y);
            let (Some(from), Some(to)) = (
                self.arrows.get(from..from + 2 * self.width),
                flipped.arrows.get_mut(to..to + 2 * self.width),
            ) else {
                continue;
            };
            // In the flipped picture, the light is on the other side of each edge.
            let (sign_across, sign_down) = (if across { -1 } else { 1 }, if down { -1 } else { 1 });
            let arrows = from.as_chunks::<2>().0.iter().map(|&[a, b]| [a * sign_across, b * sign_down]);
            let to = to.as_chunks_mut::<2>().0;
            if across {
                to.iter_mut().rev().zip(arrows).for_each(|(to, arrow)| *to = arrow);
            } else {
                to.iter_mut().zip(arrows).for_each(|(to, arrow)| *to = arrow);
            }
        }
        flipped.sum_squares();
        flipped
    }

    /// Copies an area from another field of the same size.
    pub(crate) fn renew(&mut self, area: Area, other: &Self) {
        for y in area.top..area.top + area.height {
            let places = self.at(area.left, y)..self.at(area.left + area.width, y);
            if let (Some(to), Some(from)) = (self.arrows.get_mut(places.clone()), other.arrows.get(places)) {
                to.copy_from_slice(from);
            }
        }
        self.sum_squares();
    }

    /// Returns the field in the form in which it is stored.
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
    /// True if the stored field has the same size as `field`.
    pub(crate) fn fits(&self, field: &Field) -> bool {
        usize::from(self.width) == field.width
            && usize::from(self.height) == field.height
            && self.arrows.len() == field.width * field.height
    }

    /// Returns the field from its stored form.
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

/// Returns the sum of products. The compiler uses one instruction for eight products and their sums.
fn dot(a: &[i16], b: &[i16]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}

/// Returns the integer that is nearest to a small number. WebAssembly has an instruction for this rounding.
const fn nearest(value: f32) -> i16 {
    value.round_ties_even() as i32 as i16
}

/// The changes over two samples; 0 at the border.
struct Changes {
    across: Vec<i16>,
    down: Vec<i16>,
}

fn changes(samples: &[u8], width: usize) -> Changes {
    let width = width.max(1);
    let mut changes = Changes { across: vec![0; samples.len()], down: vec![0; samples.len()] };
    let rows = samples.chunks_exact(width);
    let around = rows.clone().zip(rows.clone().skip(1)).zip(rows.skip(2));
    let out = changes.across.chunks_exact_mut(width).zip(changes.down.chunks_exact_mut(width));
    for (((above, row), below), (across, down)) in around.zip(out.skip(1)) {
        let inner = 1..width.saturating_sub(1).max(1);
        minus(row.get(2..).unwrap_or_default(), row, across.get_mut(inner.clone()).unwrap_or_default());
        let [above, below] = [above, below].map(|row| row.get(inner.clone()).unwrap_or_default());
        minus(below, above, down.get_mut(inner).unwrap_or_default());
    }
    changes
}

fn widen(narrow: &[i16], wide: &mut [i32]) {
    for (&narrow, wide) in narrow.iter().zip(wide) {
        *wide = narrow.into();
    }
}

fn minus(a: &[u8], b: &[u8], into: &mut [i16]) {
    for ((&a, &b), into) in a.iter().zip(b).zip(into) {
        *into = i16::from(a) - i16::from(b);
    }
}

/// Returns the usual squared change around each tile: the mean over the tile and its neighbours.
fn usual(changes: &Changes, width: usize, height: usize) -> Vec<f32> {
    let side = (width / TILES_ACROSS).max(1);
    let (columns, rows) = (width.div_ceil(side), height.div_ceil(side));
    let mut sums = vec![0_u32; columns * rows];
    for changes in [&changes.across, &changes.down] {
        for (y, row) in changes.chunks_exact(width.max(1)).enumerate() {
            let sums = sums.get_mut(y / side * columns..).unwrap_or_default();
            for (tile, sum) in row.chunks(side).zip(sums) {
                *sum += dot(tile, tile) as u32;
            }
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
