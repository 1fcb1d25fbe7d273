//! Computes clips: a street with a passing car, and the same street with simple faults. The clips are for
//! conformance checks and for first cases. Only real footage shows how good a plugin is.

use std::{sync::Arc, time::Duration};

use easysight_capture::{Clip, ClipInfo, DecoderEvidence, Frame, SampleRange};

/// What the clip shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    /// A street by day: sky, houses, a passing car, sensor noise.
    Street,
    /// The first frame of the street, repeated.
    Frozen,
    /// The street with an eighth of the light.
    Dark,
    /// The street, nearly white.
    Bright,
    /// The street out of focus.
    Blurred,
    /// The street without colour, as infrared cameras send it.
    Greyscale,
    /// Only black.
    Black,
    /// Only white.
    White,
    /// Only noise: all pixels are independent.
    Noise,
}

impl Picture {
    /// All pictures.
    pub const ALL: [Self; 9] = [
        Self::Street,
        Self::Frozen,
        Self::Dark,
        Self::Bright,
        Self::Blurred,
        Self::Greyscale,
        Self::Black,
        Self::White,
        Self::Noise,
    ];

    /// Returns the word for the picture in a file of cases.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Street => "street",
            Self::Frozen => "frozen",
            Self::Dark => "dark",
            Self::Bright => "bright",
            Self::Blurred => "blurred",
            Self::Greyscale => "greyscale",
            Self::Black => "black",
            Self::White => "white",
            Self::Noise => "noise",
        }
    }

    /// Returns the picture for a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|picture| picture.word() == word)
    }
}

/// The maximum number of frames of a clip, which is also the maximum that a plugin may request.
const MAX_FRAMES: u32 = 256;

/// The parameters of a clip to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rendering {
    /// What the clip shows.
    pub picture: Picture,
    /// Width and height in pixels, at least 1.
    pub size: (u32, u32),
    /// The number of frames, at least 1. [`Rendering::lasting`] replaces zero.
    pub frames: u32,
    /// The time from one frame to the next. [`Rendering::lasting`] replaces zero.
    pub interval: Duration,
}

impl Rendering {
    /// Returns a rendering of a single frame.
    #[must_use]
    pub const fn still(picture: Picture, size: (u32, u32)) -> Self {
        Self { picture, size, frames: 1, interval: Duration::from_millis(40) }
    }

    /// Fills in the number of frames and the interval from a plugin's request, if the rendering does not set them.
    #[must_use]
    pub fn lasting(self, wanted: easysight_sandbox::ClipRequest) -> Self {
        let interval = if self.interval.is_zero() {
            Duration::from_millis(if wanted.interval_ms == 0 { 40 } else { wanted.interval_ms.into() })
        } else {
            self.interval
        };
        if self.frames > 0 {
            return Self { interval, ..self };
        }
        let steps = u128::from(wanted.span_ms) / interval.as_millis().max(1);
        let over_time = u32::try_from(steps).unwrap_or(u32::MAX).saturating_add(1);
        Self { interval, frames: wanted.min_frames.max(over_time).min(MAX_FRAMES), ..self }
    }

    /// Computes the clip: full range, in colour, like a recording of 25 frames per second. `None` if the clip would
    /// have no pixels or no frames, or would be larger than a clip may be.
    #[must_use]
    pub fn clip(&self) -> Option<Arc<Clip>> {
        let bytes = Frame::bytes_of(self.size)?;
        let base = base(self.picture, self.size);
        let mut frames = Vec::new();
        for index in 0..self.frames {
            let samples = self.samples(&base, bytes, index);
            let keyframe = index.is_multiple_of(25);
            frames.push(Frame::new(self.interval * index, keyframe, self.size, &samples.into()).ok()?);
        }
        let (width, height) = self.size;
        let info = ClipInfo {
            width,
            height,
            range: SampleRange::Full,
            frame_rate: Some(25.0),
            codec: Some("h264".into()),
            clock: None,
            live: false,
        };
        Clip::new(info, DecoderEvidence::default(), frames).ok().map(Arc::new)
    }

    /// Computes one frame's planes: the still picture, the moving car, the sensor noise.
    fn samples(&self, base: &[u8], bytes: usize, index: u32) -> Vec<u8> {
        let (width, height) = self.size;
        let index = if self.picture == Picture::Frozen { 0 } else { index };
        let mut samples = Vec::with_capacity(bytes);
        match self.picture {
            Picture::Black => samples.resize(base.len(), 0),
            Picture::White => samples.resize(base.len(), 255),
            Picture::Noise => samples.extend(
                (0..height).flat_map(|y| (0..width).map(move |x| scatter(x, y, index).to_be_bytes()[0])),
            ),
            _ => {
                let seconds = self.interval.as_secs_f32() * index as f32;
                for (y, row) in (0..height).zip(base.chunks_exact(width.max(1) as usize)) {
                    let v = share(y, height);
                    samples.extend((0..width).zip(row).map(|(x, &still)| {
                        let seen = car(share(x, width), v, seconds).unwrap_or_else(|| f32::from(still));
                        self.picture.sensor(seen, scatter(x, y, index))
                    }));
                }
            }
        }
        let (width, height) = (width.div_ceil(2), height.div_ceil(2));
        let is_grey = !matches!(
            self.picture,
            Picture::Street | Picture::Frozen | Picture::Dark | Picture::Bright | Picture::Blurred
        );
        if is_grey {
            samples.resize(bytes, 128);
        } else {
            // The sky is bluish, and the area below the sky is slightly reddish.
            for (above, below) in [(140.0, 122.0), (120.0, 134.0)] {
                samples.extend((0..height).flat_map(|y| {
                    let plain: f32 = if share(y, height) < SKYLINE { above } else { below };
                    (0..width).map(move |x| (plain + grain(scatter(x, y, 7)) * 0.5) as u8)
                }));
            }
        }
        samples
    }
}

impl Picture {
    /// Converts the light at a pixel to the sensor's value.
    fn sensor(self, light: f32, scatter: u32) -> u8 {
        let light = match self {
            Self::Dark => light / 8.0,
            Self::Bright => 255.0 - (255.0 - light) * 0.08,
            _ => light,
        };
        (light + grain(scatter)).clamp(0.0, 255.0) as u8
    }
}

/// The height at which the sky ends, as a share of the picture's height.
const SKYLINE: f32 = 0.35;
/// The height at which the road begins, as a share of the picture's height.
const KERB: f32 = 0.65;

fn share(at: u32, whole: u32) -> f32 {
    (at as f32 + 0.5) / whole.max(1) as f32
}

/// Returns a hash of place and time, which is the same on every machine and at every run.
fn scatter(x: u32, y: u32, t: u32) -> u32 {
    let mut z = x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77) ^ t.wrapping_mul(0xC2B2_AE3D);
    z = (z ^ (z >> 15)).wrapping_mul(0x2C1B_3C6D);
    z = (z ^ (z >> 12)).wrapping_mul(0x297A_2D39);
    z ^ (z >> 15)
}

/// Returns the noise of a small sensor: the sum of two uniform distributions, with a standard deviation of about 2
/// grey levels.
fn grain(scatter: u32) -> f32 {
    let [a, b, ..] = scatter.to_be_bytes();
    (f32::from(a) + f32::from(b) - 255.0) / 52.0
}

/// Returns the light of the still picture, row by row.
fn base(picture: Picture, (width, height): (u32, u32)) -> Vec<u8> {
    if matches!(picture, Picture::Black | Picture::White | Picture::Noise) {
        return vec![0; width as usize * height as usize];
    }
    let mut light: Vec<u8> = Vec::with_capacity(width as usize * height as usize);
    for y in 0..height {
        let v = share(y, height);
        light.extend((0..width).map(|x| still(share(x, width), v, x, y).clamp(0.0, 255.0) as u8));
    }
    if picture == Picture::Blurred {
        let radius = (width / 60).max(1) as usize;
        for _ in 0..2 {
            light = smeared(&light, width as usize, radius);
        }
    }
    light
}

/// Returns the light of the sky, a row of houses with windows, or a road.
fn still(u: f32, v: f32, x: u32, y: u32) -> f32 {
    let texture = scatter(x / 2, y / 2, 1).to_be_bytes()[0];
    let rough = |amplitude: f32| (f32::from(texture) / 255.0 - 0.5) * amplitude;
    let house = (u * 7.0) as u32;
    let [wall, roof, ..] = scatter(house, 0, 2).to_be_bytes();
    let top = SKYLINE - 0.2 * f32::from(roof) / 255.0;
    if v < top {
        return 225.0 - 70.0 * v / SKYLINE;
    }
    if v < KERB {
        let (across, down) = ((u * 28.0).fract(), (v * 14.0).fract());
        let is_window = (0.3..0.7).contains(&across) && (0.3..0.8).contains(&down);
        return if is_window { 35.0 + rough(10.0) } else { 70.0 + f32::from(wall) / 2.5 + rough(30.0) };
    }
    let is_line = (v - 0.82).abs() < 0.008 && (u * 9.0).fract() < 0.5;
    if is_line { 215.0 } else { 88.0 + rough(24.0) }
}

/// Returns the light of the car. `None` if the car is not at this place.
fn car(u: f32, v: f32, seconds: f32) -> Option<f32> {
    let nose = (0.3 + 0.12 * seconds).fract();
    let behind = nose - u;
    ((0.0..0.16).contains(&behind) && (0.7..0.8).contains(&v)).then_some(if v < 0.74 { 45.0 } else { 165.0 })
}

/// Returns the mean over a square of side `2 × radius + 1`, computed along rows and then along columns.
fn smeared(light: &[u8], width: usize, radius: usize) -> Vec<u8> {
    let along = |line: &[u8]| -> Vec<u8> {
        let mean = |at: usize| {
            let window =
                line.get(at.saturating_sub(radius)..(at + radius + 1).min(line.len())).unwrap_or_default();
            let sum: usize = window.iter().copied().map(usize::from).sum();
            (sum / window.len().max(1)) as u8
        };
        (0..line.len()).map(mean).collect()
    };
    let rows: Vec<u8> = light.chunks_exact(width.max(1)).flat_map(along).collect();
    let columns: Vec<Vec<u8>> = (0..width)
        .map(|x| along(&rows.iter().skip(x).step_by(width.max(1)).copied().collect::<Vec<u8>>()))
        .collect();
    let height = rows.len() / width.max(1);
    (0..height).flat_map(|y| columns.iter().filter_map(move |column| column.get(y).copied())).collect()
}

#[cfg(test)]
mod tests {
    use easysight_capture::PlaneKind;

    use super::*;

    fn luma(picture: Picture, frame: u32) -> Vec<u8> {
        let rendering = Rendering { frames: 2, ..Rendering::still(picture, (160, 90)) };
        rendering.clip().unwrap().plane(frame, PlaneKind::Luma, 0).unwrap().to_vec()
    }

    fn mean(samples: &[u8]) -> f64 {
        samples.iter().copied().map(f64::from).sum::<f64>() / samples.len() as f64
    }

    /// Returns the mean difference of neighbours in a row.
    fn detail(samples: &[u8]) -> f64 {
        let steps = samples.windows(2).map(|pair| f64::from(pair[0].abs_diff(pair[1])));
        steps.sum::<f64>() / samples.len() as f64
    }

    #[test]
    fn each_picture_shows_what_its_word_says() {
        let street = luma(Picture::Street, 0);
        assert!((80.0..180.0).contains(&mean(&street)));
        assert!(mean(&luma(Picture::Dark, 0)) < 25.0);
        assert!(mean(&luma(Picture::Bright, 0)) > 235.0);
        assert!(detail(&luma(Picture::Blurred, 0)) < 0.5 * detail(&street));
        assert!(detail(&luma(Picture::Noise, 0)) > 2.0 * detail(&street));
        assert_eq!(mean(&luma(Picture::Black, 0)), 0.0);
        assert_eq!(mean(&luma(Picture::White, 0)), 255.0);
        assert_ne!(street, luma(Picture::Street, 1));
        assert_eq!(luma(Picture::Frozen, 0), luma(Picture::Frozen, 1));
        assert_eq!(street, luma(Picture::Street, 0));
    }

    #[test]
    fn only_what_is_said_to_be_grey_has_no_colour() {
        for picture in Picture::ALL {
            let clip = Rendering::still(picture, (64, 64)).clip().unwrap();
            let cb = clip.plane(0, PlaneKind::Cb, 0).unwrap();
            let grey =
                [Picture::Greyscale, Picture::Black, Picture::White, Picture::Noise].contains(&picture);
            assert_eq!(cb.iter().all(|&sample| sample == 128), grey, "{picture:?}");
        }
    }

    #[test]
    fn every_size_that_a_clip_may_have_can_be_had_and_no_other() {
        for size in [(1, 1), (1, 999), (777, 1), (353, 289)] {
            for picture in Picture::ALL {
                assert!(Rendering::still(picture, size).clip().is_some(), "{size:?}");
            }
        }
        assert!(Rendering::still(Picture::Street, (0, 9)).clip().is_none());
        assert!(Rendering::still(Picture::Street, (9_000, 9_000)).clip().is_none());
        assert!(Rendering { frames: 0, ..Rendering::still(Picture::Street, (8, 8)) }.clip().is_none());
    }

    #[test]
    fn words_are_read_back() {
        for picture in Picture::ALL {
            assert_eq!(Picture::of_word(picture.word()), Some(picture));
        }
        assert_eq!(Picture::of_word("night"), None);
    }
}
