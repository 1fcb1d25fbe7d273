//! Draws blocks: the blocks of an enlarged substream with few samples, blocks in proportion to the picture's
//! width, and blocks in only a part of the picture. The blocks that an encoder makes are not drawn here, because
//! they result from the recipe's encoding.

use super::{Effect, Physics, drawn, grain::Pixelate};
use crate::{
    frame::{Field, Plane, sample},
    random::Random,
};

/// The cause of the blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Blocks {
    /// A substream of this width in samples. Each of its samples is enlarged to a square.
    Substream(usize),
    /// Blocks of this width, in samples of a picture 640 samples wide. Each block keeps only the lowest frequencies
    /// of a transform: its mean and its slopes.
    Slopes(usize),
    /// This share of the picture consists of blocks that are a fortieth of the picture wide.
    Part(f32),
}

impl Physics for Blocks {
    fn effect(&self, mut random: Random) -> Box<dyn Effect> {
        let blocks = *self;
        let left = random.between(0.0, 0.4);
        drawn(move |frame, moment| match blocks {
            Blocks::Substream(width) => {
                let factor = frame.luma.width() as f32 / width as f32;
                for (plane, step) in frame.planes_mut() {
                    squares(plane, factor / if step == 1 { 1.0 } else { 2.0 });
                }
            }
            Blocks::Slopes(side) => {
                let side = (side as f32 * frame.scale()).round().max(4.0) as usize;
                for (plane, step) in frame.planes_mut() {
                    slopes(plane, (side / step).max(2));
                }
            }
            Blocks::Part(share) => {
                let (width, height) = frame.size();
                let side = (width / 40).next_multiple_of(2);
                let mut coarse = frame.clone();
                Pixelate(side).effect(Random::new(0)).apply(&mut coarse, moment);
                let (w, h) = (width as f32, height as f32);
                let reach = share.sqrt();
                let mask = Field::of(width, height, |x, y| {
                    let (x, y) =
                        ((x / side as f32).floor() * side as f32, (y / side as f32).floor() * side as f32);
                    let inside = (left..left + reach).contains(&(x / w)) && y / h > 1.0 - reach;
                    f32::from(u8::from(inside))
                });
                frame.cover_by(&mask, &coarse);
            }
        })
    }
}

/// Replaces squares with their mean. The side of a square need not be a whole number of samples.
fn squares(plane: &mut Plane, side: f32) {
    let across = (plane.width() as f32 / side).ceil() as usize + 1;
    let place = |x: usize, y: usize| (y as f32 / side) as usize * across + (x as f32 / side) as usize;
    let mut sums = vec![(0.0_f32, 0.0_f32); across * ((plane.height() as f32 / side) as usize + 2)];
    plane.map(|x, y, old| {
        if let Some((sum, count)) = sums.get_mut(place(x, y)) {
            *sum += f32::from(old);
            *count += 1.0;
        }
        old
    });
    plane.map(|x, y, old| sums.get(place(x, y)).map_or(old, |(sum, count)| sample(sum / count.max(1.0))));
}

/// Replaces each block with its mean and its horizontal and vertical slopes, in coarse steps.
fn slopes(plane: &mut Plane, side: usize) {
    let across = plane.width().div_ceil(side);
    let mut sums = vec![[0.0_f32; 5]; across * plane.height().div_ceil(side)];
    let middle = (side as f32 - 1.0) / 2.0;
    let offset = |x: usize, y: usize| ((x % side) as f32 - middle, (y % side) as f32 - middle);
    let place = |x: usize, y: usize| y / side * across + x / side;
    plane.map(|x, y, old| {
        let ((dx, dy), value) = (offset(x, y), f32::from(old));
        if let Some([sum, along, down, squares, count]) = sums.get_mut(place(x, y)) {
            *sum += value;
            *along += dx * value;
            *down += dy * value;
            *squares += dx * dx;
            *count += 1.0;
        }
        old
    });
    plane.map(|x, y, old| {
        let (dx, dy) = offset(x, y);
        sums.get(place(x, y)).map_or(old, |[sum, along, down, squares, count]| {
            let coarse = |value: f32, step: f32| (value / step).round() * step;
            // An incomplete block at the border is replaced by its mean only.
            let whole = f32::from(u8::from(*count >= (side * side) as f32));
            let slope = |sum: &f32| whole * coarse(sum / squares.max(1.0) * side as f32, 24.0) / side as f32;
            sample(coarse(sum / count.max(1.0), 8.0) + slope(along) * dx + slope(down) * dy)
        })
    });
}
