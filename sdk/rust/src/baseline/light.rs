//! The light in which a clip was taken.

use serde::{Deserialize, Serialize};

use crate::{Clip, Failure, PlaneKind, image::Histogram};

/// The light of a clip. A camera's picture at night or in infrared light has little in common with its picture by
/// day, so plugins keep separate references for day and night.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Light {
    /// A bright picture in colour.
    Day,
    /// A dark picture, or a picture without colour, as in infrared light. All pictures of a monochrome camera count
    /// as night, so they are compared with each other.
    Night,
}

/// The largest width of the judged picture, in luma samples.
const WIDTH: u32 = 160;
/// The chroma values that count as colourless: 128 and values close to it, because quantisation changes the chroma
/// of grey by 1 to 2.
const GREY: std::ops::RangeInclusive<u8> = 125..=131;
/// A picture has colour if at least this share of the samples of one chroma plane is coloured. A coloured overlay or
/// a hot pixel covers less.
const LEAST_COLOURED: f64 = 0.02;
/// A picture counts as night if its median luma is below this grey level, in full range. The measured medians are at
/// least 93 by day, and 49 in a street at night.
const DARK_MEDIAN: u8 = 66;

impl Light {
    /// Judges the light of a clip by its middle frame.
    ///
    /// # Errors
    ///
    /// The errors of [`Clip::plane`].
    pub fn of(clip: &dyn Clip) -> Result<Self, Failure> {
        let (middle, level) = (clip.info().frames / 2, clip.level_within(WIDTH));
        let luma = Histogram::of(&clip.luma(middle, level)?).full_range(clip.info().range);
        if luma.percentile(0.5) < DARK_MEDIAN {
            return Ok(Self::Night);
        }
        for plane in [PlaneKind::Cb, PlaneKind::Cr] {
            let chroma = Histogram::of(&clip.plane(middle, plane, level)?);
            if 1.0 - chroma.share_within(GREY) >= LEAST_COLOURED {
                return Ok(Self::Day);
            }
        }
        Ok(Self::Night)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ArrayClip;

    fn clip(luma: u8, coloured_rows: usize) -> ArrayClip {
        let chroma = (0..60 * 80).map(|at| if at < 80 * coloured_rows { 150 } else { 129 }).collect();
        ArrayClip::new(160, 120).planes(0, true, [vec![luma; 160 * 120], chroma, vec![128; 60 * 80]])
    }

    #[test]
    fn a_bright_picture_in_colour_is_day() {
        assert_eq!(Light::of(&clip(110, 20)).unwrap(), Light::Day);
    }

    #[test]
    fn a_picture_without_colour_is_night() {
        assert_eq!(Light::of(&clip(110, 0)).unwrap(), Light::Night);
    }

    #[test]
    fn a_coloured_line_of_text_does_not_make_day() {
        assert_eq!(Light::of(&clip(110, 1)).unwrap(), Light::Night);
    }

    #[test]
    fn a_dark_picture_is_night_though_it_has_colour() {
        assert_eq!(Light::of(&clip(30, 20)).unwrap(), Light::Night);
    }
}
