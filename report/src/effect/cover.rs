//! Covers of a part of the picture: an opaque object, black borders, a sky.

use super::{Effect, Moment, Physics};
use crate::{
    frame::{BLACK, Colour, Field, Frame, GREY, sample},
    random::{Grain, Random},
};

/// The side from which a cover comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
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

/// An opaque object in front of the camera, so near that it has no texture.
#[derive(Debug)]
pub(crate) struct Cover {
    /// The share of the picture that it covers.
    pub(crate) share: f32,
    /// The side from which the cover comes.
    pub(crate) side: Side,
}

impl Physics for Cover {
    fn effect(&self, random: Random) -> Box<dyn Effect> {
        Box::new(Covered::new(self.share, self.side, random))
    }
}

#[derive(Debug)]
struct Covered {
    share: f32,
    side: Side,
    colour: Colour,
    grain: Grain,
    mask: Option<Field>,
}

impl Covered {
    fn new(share: f32, side: Side, mut random: Random) -> Self {
        let tones = [35.0, 60.0, 95.0, 150.0];
        let tone = tones.get(random.below(tones.len())).copied().unwrap_or(60.0);
        let colour = [tone, random.between(120.0, 132.0), random.between(124.0, 136.0)].map(sample);
        Self { share, side, colour, grain: Grain::new(1.5, random), mask: None }
    }

    /// Returns the cover's opacity. The inner edge is straight except for a slow wave, and out of focus.
    fn mask(share: f32, side: Side, width: usize, height: usize) -> Field {
        let (w, h) = (width as f32, height as f32);
        let mask = Field::of(width, height, |x, y| {
            let (x, y) = (x / w, y / h);
            let wave = |along: f32| share + 0.04 * (7.0 * along).sin();
            let depth = match side {
                Side::Left => wave(y) - x,
                Side::Right => wave(y) - (1.0 - x),
                Side::Top => wave(x) - y,
                Side::Bottom => wave(x) - (1.0 - y),
                // A quarter of an ellipse. Its area is π ÷ 4 of the area of the box around it.
                Side::Corner => {
                    let reach = (share / std::f32::consts::FRAC_PI_4).sqrt().min(1.6);
                    reach - (x * x + (1.0 - y) * (1.0 - y)).sqrt()
                }
            };
            f32::from(u8::from(depth > 0.0))
        });
        mask.blurred(w / 100.0)
    }
}

impl Effect for Covered {
    fn apply(&mut self, frame: &mut Frame, _: Moment) {
        let (width, height) = frame.size();
        let mask = self.mask.get_or_insert_with(|| Self::mask(self.share, self.side, width, height));
        let mut patch = Frame::filled(width, height, self.colour);
        let tone = f32::from(self.colour.first().copied().unwrap_or(GREY));
        // The light decreases slowly over the cover.
        patch.luma.map(|x, y, _| {
            sample(tone * (1.1 - 0.2 * (x as f32 / width as f32) - 0.1 * (y as f32 / height as f32)))
        });
        self.grain.add_to(patch.luma.samples_mut());
        frame.cover_by(mask, &patch);
    }
}

/// Black bars on the left and right.
#[derive(Debug)]
pub(crate) struct Letterbox;

impl Physics for Letterbox {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        Box::new(Self)
    }
}

impl Effect for Letterbox {
    fn apply(&mut self, frame: &mut Frame, _: Moment) {
        let width = frame.luma.width();
        let border = (width / 8).next_multiple_of(16);
        for ((plane, step), value) in frame.planes_mut().into_iter().zip([BLACK, GREY, GREY]) {
            plane.map(|x, _, old| {
                let x = x * step;
                if x < border || x >= width - border { value } else { old }
            });
        }
    }
}

/// A clear sky over the upper half, brighter towards the horizon, with sensor noise.
#[derive(Debug)]
pub(crate) struct Sky;

impl Physics for Sky {
    fn effect(&self, random: Random) -> Box<dyn Effect> {
        Box::new(SkyAbove { grain: Grain::new(2.0, random), mask: None })
    }
}

#[derive(Debug)]
struct SkyAbove {
    grain: Grain,
    mask: Option<Field>,
}

impl Effect for SkyAbove {
    fn apply(&mut self, frame: &mut Frame, _: Moment) {
        let (width, height) = frame.size();
        let (w, h) = (width as f32, height as f32);
        let mask = self.mask.get_or_insert_with(|| {
            // Roofs and trees stand in front of the sky.
            let skyline = |x: f32| 0.45 + 0.04 * (9.0 * x / w).sin().signum() + 0.03 * (23.0 * x / w).sin();
            Field::of(width, height, |x, y| f32::from(u8::from(y < h * skyline(x)))).blurred(0.6)
        });
        let mut sky = Frame::filled(width, height, [150, 150, 112]);
        let down = |y: usize, step: usize| (y * step) as f32 / h;
        sky.luma.map(|_, y, _| sample(140.0 + 90.0 * down(y, 1)));
        sky.cb.map(|_, y, _| sample(156.0 - 30.0 * down(y, 2)));
        sky.cr.map(|_, y, _| sample(108.0 + 24.0 * down(y, 2)));
        self.grain.add_to(sky.luma.samples_mut());
        frame.cover_by(mask, &sky);
    }
}
