//! What is remembered of a camera: where its clock ran.

use easysight_sdk::{Rect, baseline::Remembered};
use serde::{Deserialize, Serialize};

use crate::strip::Place;

/// The digit of the seconds, as shares of the picture, and how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Clock {
    pub(crate) left: f32,
    pub(crate) top: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
    /// Sides of strokes, as a share of the box.
    pub(crate) strokes: f32,
    /// Checks in which it was seen to run there.
    pub(crate) seen: u32,
}

/// All of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Memory(pub(crate) Option<Clock>);

impl Remembered for Memory {
    const LAYOUT: u16 = 1;
}

impl Clock {
    /// Of a place in a strip of a picture of this size.
    pub(crate) fn of(place: Place, strip: Rect, size: (u32, u32), strokes: f32) -> Self {
        let (width, height) = (size.0.max(1) as f32, size.1.max(1) as f32);
        Self {
            left: (strip.x as usize + place.left) as f32 / width,
            top: (strip.y as usize + place.top) as f32 / height,
            width: place.width as f32 / width,
            height: place.height as f32 / height,
            strokes: strokes / (place.width * place.height).max(1) as f32,
            seen: 1,
        }
    }

    /// The clock after it was seen to run here: the same one, or another.
    pub(crate) fn seen_again(before: Option<&Self>, now: Self) -> Self {
        match before.filter(|before| before.touches(&now)) {
            Some(before) => Self { seen: before.seen.saturating_add(1), ..now },
            None => now,
        }
    }

    fn touches(&self, other: &Self) -> bool {
        let apart = |a: f32, a_length: f32, b: f32, b_length: f32| a > b + b_length || b > a + a_length;
        !apart(self.left, self.width, other.left, other.width)
            && !apart(self.top, self.height, other.top, other.height)
    }
}
