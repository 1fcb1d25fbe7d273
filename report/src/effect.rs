//! What is done to the frames of a healthy clip, one after the other.

mod cover;
mod dirt;
mod glyphs;
mod grain;
mod light;
mod motion;
mod signal;
mod stripe;
mod text;
mod tone;
mod torn;
mod traffic;

use serde::{Deserialize, Serialize};

use crate::{
    frame::{Colour, Frame},
    random::Random,
};

/// When a frame is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// How many frames came before.
    pub index: usize,
    /// Seconds since the first.
    pub seconds: f32,
}

/// Changes frames in the order in which they are shown.
pub trait Effect {
    /// Changes one frame; it may get another size, the same for all frames.
    fn apply(&mut self, frame: &mut Frame, moment: Moment);
}

/// Where a cover comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// From the left border.
    Left,
    /// From the right border.
    Right,
    /// From above.
    Top,
    /// From below.
    Bottom,
    /// From a lower corner.
    Corner,
}

/// What stands on a card of a recorder without a camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Card {
    /// One colour.
    Plain(Colour),
    /// One colour with words on it.
    Words(Colour, String),
    /// Colour bars, with words where they are not empty.
    Bars(String),
}

/// Dirt on the lens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dirt {
    /// Blots that let little light through.
    Blots,
    /// Drops that blur what is behind them.
    Drops,
    /// Bright threads of a spider's web, out of focus.
    Web,
}

/// Bars of interference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bars {
    /// Two broad bars that wander through the picture.
    Rolling,
    /// Many rows, brighter and darker in turn, that wander.
    Rows,
    /// Columns, brighter and darker in turn, that stay.
    Columns,
}

/// One thing that is done to a clip. Lengths are in samples of a picture 640 wide unless said
/// otherwise, grey values in the full range of 0 to 255.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// So dark that 95 % of the picture is below this.
    Darken {
        /// Grey value.
        p95: f32,
    },
    /// So bright that this share of the picture is clipped.
    Brighten {
        /// From 0 to 1.
        clipped: f32,
    },
    /// Lifted by a constant, as by a wrong setting, until the median is here.
    Lift {
        /// Grey value.
        median: f32,
    },
    /// 90 % of the picture within so many grey values, around `level` or what it was.
    Flatten {
        /// Grey values.
        spread: f32,
        /// Grey value of the fog; none for a picture that is only washed out.
        level: Option<f32>,
    },
    /// A healthy night: this dark, hardly a colour.
    Night {
        /// Grey value below which 95 % are.
        p95: f32,
    },
    /// Infrared light: grey, bright in the middle.
    Infrared,
    /// Red, green and blue, weakened by these factors.
    Tint([f32; 3]),
    /// Chroma moved by so much.
    Shift {
        /// Of blue difference.
        cb: i16,
        /// Of red difference.
        cr: i16,
    },
    /// Out of focus, by a Gaussian of this deviation.
    Blur(f32),
    /// Noise of a sensor of this deviation in samples of the picture as it is, fresh in each frame.
    Noise(f32),
    /// White and black samples, fresh in each frame.
    Snow {
        /// Share of all samples.
        share: f32,
    },
    /// Blocks of one colour, so many samples of the picture as it is wide.
    Pixelate(usize),
    /// No frame after this one is new.
    Freeze {
        /// Seconds.
        from: f32,
    },
    /// The camera moves to and fro.
    Shake {
        /// How far from the middle.
        pixels: f32,
        /// How often a second.
        hertz: f32,
    },
    /// A part of the picture, as wide and high as this share, `x` and `y` from the middle (−1 to 1).
    Crop {
        /// Share of width and height.
        share: f32,
        /// Where.
        x: f32,
        /// Where.
        y: f32,
        /// Degrees by which it is turned.
        degrees: f32,
    },
    /// The camera looks along the scene.
    Pan,
    /// The camera stays, turns to another place, stays, zooms.
    Ptz,
    /// Something opaque and smooth before the camera.
    Cover {
        /// Share of the picture.
        share: f32,
        /// Where from.
        side: Side,
    },
    /// Dirt on the lens.
    Dirty {
        /// Of this kind.
        dirt: Dirt,
        /// Share of the picture; of a web how strong it is.
        share: f32,
    },
    /// Bars of interference.
    Stripe {
        /// Of this kind.
        bars: Bars,
        /// Grey values up and down.
        amplitude: f32,
    },
    /// What a decoder makes of damage, drawn by hand: rows of macroblocks torn aside, grey, green or old.
    Torn {
        /// Share of the macroblocks.
        share: f32,
    },
    /// A recorder's card in place of the picture.
    Card(Card),
    /// Black.
    Black {
        /// Seconds from which on.
        from: f32,
    },
    /// The time in a corner.
    Clock {
        /// Whether it goes on.
        runs: bool,
    },
    /// A name and a logo in corners.
    Logo,
    /// Black borders as of another format.
    Letterbox,
    /// A truck passes near the camera.
    Truck,
    /// Rain.
    Rain,
    /// Cars with their lamps lit come nearer.
    Headlights,
    /// The upper half is a clear sky.
    Sky,
}

impl Step {
    /// Makes the step ready for one clip.
    #[must_use]
    pub fn effect(&self, random: Random) -> Box<dyn Effect> {
        match self {
            Self::Darken { p95 } => Box::new(tone::Tone::darken(*p95)),
            Self::Brighten { clipped } => Box::new(tone::Tone::brighten(*clipped)),
            Self::Lift { median } => Box::new(tone::Tone::lift(*median)),
            Self::Flatten { spread, level } => Box::new(tone::Tone::flatten(*spread, *level)),
            Self::Night { p95 } => Box::new(tone::Tone::night(*p95)),
            Self::Infrared => Box::new(light::Infrared::default()),
            Self::Tint(factors) => Box::new(light::Tint(*factors)),
            Self::Shift { cb, cr } => Box::new(light::Shift { cb: *cb, cr: *cr }),
            Self::Blur(sigma) => Box::new(grain::Blur(*sigma)),
            Self::Noise(sigma) => Box::new(grain::Noise::new(*sigma, random)),
            Self::Snow { share } => Box::new(grain::Snow { share: *share, random }),
            Self::Pixelate(block) => Box::new(grain::Pixelate(*block)),
            Self::Freeze { from } => Box::new(motion::Freeze::new(*from)),
            Self::Shake { pixels, hertz } => Box::new(motion::Shake::new(*pixels, *hertz, random)),
            Self::Crop { share, x, y, degrees } => {
                Box::new(motion::Crop { share: *share, x: *x, y: *y, degrees: *degrees })
            }
            Self::Pan => Box::new(motion::Pan),
            Self::Ptz => Box::new(motion::Ptz),
            Self::Cover { share, side } => Box::new(cover::Cover::new(*share, *side, random)),
            Self::Dirty { dirt, share } => Box::new(dirt::Dirty::new(*dirt, *share, random)),
            Self::Stripe { bars, amplitude } => Box::new(stripe::Stripe::new(*bars, *amplitude)),
            Self::Torn { share } => Box::new(torn::Torn::new(*share, random)),
            Self::Card(card) => Box::new(signal::Shown::new(card.clone(), random)),
            Self::Black { from } => Box::new(signal::Black { from: *from }),
            Self::Clock { runs } => Box::new(text::Clock { runs: *runs }),
            Self::Logo => Box::new(text::Logo),
            Self::Letterbox => Box::new(cover::Letterbox),
            Self::Truck => Box::new(traffic::Truck::new(random)),
            Self::Rain => Box::new(traffic::Rain { random }),
            Self::Headlights => Box::new(traffic::Headlights),
            Self::Sky => Box::new(cover::Sky::new(random)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    /// A picture with edges, texture and colour.
    fn scene() -> Frame {
        let mut frame = Frame::filled(160, 96, [100, 128, 128]);
        let mut random = Random::new(9);
        frame.luma.map(|x, y, _| {
            let edge = if (x / 20 + y / 24) % 2 == 0 { 70.0 } else { 150.0 };
            crate::frame::sample(edge + random.between(-12.0, 12.0))
        });
        frame.cb.map(|x, _, _| if x < 40 { 118 } else { 136 });
        frame.cr.map(|_, y, _| if y < 24 { 134 } else { 124 });
        frame
    }

    fn after(steps: &[Step], seed: u64) -> Frame {
        let mut frame = scene();
        let mut random = Random::new(seed);
        // The second frame of a second: what moves has moved.
        for step in steps {
            let mut effect = step.effect(Random::new(random.next()));
            effect.apply(&mut scene(), Moment { index: 0, seconds: 0.0 });
            effect.apply(&mut frame, Moment { index: 7, seconds: 0.3 });
        }
        frame
    }

    /// Mean absolute difference of luma and chroma, over what both show.
    fn difference(one: &Frame, other: &Frame) -> f32 {
        let planes = [(&one.luma, &other.luma), (&one.cb, &other.cb), (&one.cr, &other.cr)];
        let sums = planes.map(|(one, other)| {
            let pairs = one.samples().iter().zip(other.samples());
            pairs.map(|(a, b)| f32::from(a.abs_diff(*b))).sum::<f32>() / one.samples().len() as f32
        });
        sums.iter().sum()
    }

    #[test]
    fn every_fault_that_is_drawn_changes_the_picture_and_more_so_where_it_is_stronger() {
        let mut before: Option<(String, f32)> = None;
        for recipe in catalogue::all() {
            // A frozen picture is as good as any, black comes later, a clock is small.
            let drawn = recipe.role == crate::manifest::Role::Fault
                && !recipe.steps.is_empty()
                && !["freeze", "black", "clock", "moved", "shake"].contains(&recipe.kind.as_str());
            if !drawn {
                continue;
            }
            let changed = difference(&after(&recipe.steps, 1), &scene());
            let name = format!("{} {}", recipe.kind, recipe.variant);
            assert!(changed > 0.5, "{name} {:?} changes {changed}", recipe.severity);
            if let Some((last, less)) = before.filter(|(last, _)| *last == name) {
                assert!(changed > less, "{last}: {less} and then {changed}");
            }
            before = Some((name, changed));
        }
    }

    #[test]
    fn shaking_moves_the_picture_to_and_fro() {
        let mut shake = Step::Shake { pixels: 8.0, hertz: 2.0 }.effect(Random::new(5));
        let mut shown = |seconds: f32| {
            let mut frame = scene();
            shake.apply(&mut frame, Moment { index: 0, seconds });
            frame
        };
        let (first, second) = (shown(0.0), shown(0.25));
        assert_eq!(first.size(), second.size());
        assert!(difference(&first, &second) > 2.0);
    }

    #[test]
    fn a_frozen_picture_stays_from_its_moment_on_and_not_before() {
        let mut freeze = Step::Freeze { from: 1.0 }.effect(Random::new(1));
        let mut shown = |seconds: f32, tone: u8| {
            let mut frame = Frame::filled(16, 16, [tone, 128, 128]);
            freeze.apply(&mut frame, Moment { index: 0, seconds });
            frame
        };
        assert_ne!(shown(0.0, 50), shown(0.5, 60));
        assert_eq!(shown(1.0, 70), shown(1.5, 80));
    }

    #[test]
    fn one_seed_gives_one_picture_and_another_seed_another() {
        let steps = [
            Step::Noise(10.0),
            Step::Snow { share: 0.1 },
            Step::Dirty { dirt: Dirt::Blots, share: 0.1 },
            Step::Torn { share: 0.1 },
            Step::Rain,
        ];
        for step in steps {
            let step = [step];
            assert_eq!(after(&step, 4), after(&step, 4), "{step:?}");
            assert_ne!(after(&step, 4), after(&step, 5), "{step:?}");
        }
    }

    #[test]
    fn noise_has_the_deviation_that_was_asked_for() {
        let mut frame = Frame::filled(320, 200, [128, 128, 128]);
        Step::Noise(10.0).effect(Random::new(2)).apply(&mut frame, Moment { index: 0, seconds: 0.0 });
        let squares = frame.luma.samples().iter().map(|&value| (f32::from(value) - 128.0).powi(2));
        let deviation = (squares.sum::<f32>() / frame.luma.samples().len() as f32).sqrt();
        assert!((deviation - 10.0).abs() < 0.3, "{deviation}");
    }
}
