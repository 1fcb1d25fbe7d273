//! The memory of a camera: the places where its clocks ran. A camera and a recorder may each write a clock.

use easysight_sdk::{Rect, baseline::Remembered};
use serde::{Deserialize, Serialize};

use crate::strip::Place;

/// A remembered clock: the place of its last digit, as shares of the picture, and the digit's strokes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Clock {
    pub(crate) left: f32,
    pub(crate) top: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
    /// The number of stroke sides (edges of the lettering's strokes) in the digit's box, divided by the number of
    /// samples in the box.
    pub(crate) strokes: f32,
    /// The number of checks in which the clock ran at this place.
    pub(crate) seen: u32,
}

/// A clock is trusted if it ran at the same place in at least this many checks.
const TRUSTED_AFTER: u32 = 2;
/// The largest number of remembered clocks. Those that were seen most often are kept.
const MOST_CLOCKS: usize = 4;

/// All remembered clocks.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Memory(pub(crate) Vec<Clock>);

impl Remembered for Memory {
    const LAYOUT: u16 = 2;
}

impl Memory {
    /// Returns the memory after a check in which these clocks ran.
    pub(crate) fn with_running(mut self, running: &[Clock]) -> Self {
        for clock in running {
            let before = self.0.iter().position(|known| known.touches(clock));
            let seen = before.map_or(0, |at| self.0.swap_remove(at).seen);
            self.0.push(Clock { seen: seen.saturating_add(1), ..*clock });
        }
        self.0.sort_by_key(|clock| std::cmp::Reverse(clock.seen));
        self.0.truncate(MOST_CLOCKS);
        self
    }

    /// Returns the trusted clocks that touch none of the running clocks.
    pub(crate) fn trusted_beside<'a>(&'a self, running: &'a [Clock]) -> impl Iterator<Item = &'a Clock> {
        let is_missed =
            |clock: &&Clock| clock.seen >= TRUSTED_AFTER && !running.iter().any(|other| clock.touches(other));
        self.0.iter().filter(is_missed)
    }
}

impl Clock {
    /// Makes a clock from a place in a strip of a picture of this size.
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

    pub(crate) const fn region(&self) -> [f32; 4] {
        [self.left, self.top, self.width, self.height]
    }

    fn touches(&self, other: &Self) -> bool {
        let apart = |a: f32, a_length: f32, b: f32, b_length: f32| a > b + b_length || b > a + a_length;
        !apart(self.left, self.width, other.left, other.width)
            && !apart(self.top, self.height, other.top, other.height)
    }
}
