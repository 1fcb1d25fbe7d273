//! The marks that show dirt in one picture, without knowledge of the scene: dark rings of drops, dark discs of dust,
//! and mist that begins at the border.
//!
//! Scenes contain a few such marks themselves, some more than others. The number of marks in a camera's scene
//! hardly changes with light and presets. So if the camera is known, the picture is compared with the largest numbers
//! in the camera's clean pictures.

use serde::{Deserialize, Serialize};

use crate::{
    Config,
    blur::Blur,
    disc::Discs,
    picture::Picture,
    ring::{Ring, rings},
};

/// The factor by which numbers are stored as integers.
const HUNDRED: f32 = 100.0;
/// For an alarm, the number of rings, the number of discs or the mist of the border must exceed the largest value of
/// the camera's clean clips by this amount. Over days, nights and presets of healthy cameras, these values rose by at
/// most 1, 0.75 and 0.02.
const MORE_MARKS: [f64; 3] = [2.5, 1.1, 0.08];

/// The numbers of marks, in hundredths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marks {
    rings: u16,
    discs: u16,
    mist: u16,
}

impl Marks {
    /// Returns the number of rings, the number of discs in a typical part, and the mist of the border.
    pub(crate) fn numbers(self) -> [f64; 3] {
        [self.rings, self.discs, self.mist].map(|number| f64::from(number) / f64::from(HUNDRED))
    }

    /// True if one of the numbers exceeds its threshold.
    pub(crate) fn exceed(self, usual: Option<Self>, config: &Config) -> bool {
        self.numbers().into_iter().zip(most(usual, config)).any(|(number, most)| number > most)
    }

    /// Returns the larger value of each number.
    pub(crate) fn most(self, other: Self) -> Self {
        Self {
            rings: self.rings.max(other.rings),
            discs: self.discs.max(other.discs),
            mist: self.mist.max(other.mist),
        }
    }
}

/// Returns the thresholds: those of `config`, or, if clean clips are known, the largest numbers of marks in these clips
/// plus [`MORE_MARKS`].
pub(crate) fn most(usual: Option<Marks>, config: &Config) -> [f64; 3] {
    let Some(usual) = usual else { return [config.max_rings, config.max_discs, config.max_border_mist] };
    let mut most = usual.numbers();
    most.iter_mut().zip(MORE_MARKS).for_each(|(most, more)| *most += more);
    most
}

/// The marks of a picture, and their places.
#[derive(Debug, Clone)]
pub(crate) struct Marked {
    pub(crate) marks: Marks,
    pub(crate) rings: Vec<Ring>,
    pub(crate) discs: Discs,
}

impl Marked {
    pub(crate) fn of(picture: &Picture, blur: &Blur) -> Self {
        let smooth = picture.fine.smoothed();
        let (rings, discs) = (rings(&smooth), Discs::of(&smooth));
        let stored = |number: f32| (HUNDRED * number).round() as u16;
        let marks = Marks {
            rings: stored(rings.len() as f32),
            discs: stored(discs.usual),
            mist: stored((1.0 - blur.rim.sharpness()).max(0.0)),
        };
        Self { marks, rings, discs }
    }

    /// Returns boxes around the rings: left, top, width and height as shares of the picture.
    pub(crate) fn ring_boxes(&self, picture: &Picture) -> Vec<[f32; 4]> {
        self.rings.iter().map(|ring| around(picture, (ring.x, ring.y), 1.2 * ring.radius)).collect()
    }

    /// Returns boxes around the deepest discs.
    pub(crate) fn disc_boxes(&self, picture: &Picture) -> Vec<[f32; 4]> {
        let discs = self.discs.places.iter();
        discs.map(|disc| around(picture, (disc.x as f32, disc.y as f32), disc.reach as f32)).collect()
    }
}

fn around(picture: &Picture, (x, y): (f32, f32), reach: f32) -> [f32; 4] {
    let (width, height) = (picture.fine.width as f32, picture.fine.height() as f32);
    let (left, top) = ((x - reach).max(0.0) / width, (y - reach).max(0.0) / height);
    [left, top, (2.0 * reach / width).min(1.0 - left), (2.0 * reach / height).min(1.0 - top)]
}
