//! What changes single samples and their neighbourhood: blur, noise, snow, blocks.

use super::{Effect, Moment};
use crate::{
    frame::{BLACK, Frame, GREY, Plane, WHITE, blur_plane},
    random::{Grain, Random},
};

/// Out of focus.
#[derive(Debug)]
pub(super) struct Blur(pub(super) f32);

impl Effect for Blur {
    fn apply(&mut self, frame: &mut Frame, _: Moment) {
        let sigma = self.0 * frame.scale();
        for (plane, step) in frame.planes_mut() {
            blur_plane(plane, sigma / step as f32);
        }
    }
}

/// Noise of a sensor; chroma has half of it.
#[derive(Debug)]
pub(super) struct Noise {
    luma: Grain,
    chroma: Grain,
}

impl Noise {
    pub(super) fn new(sigma: f32, mut random: Random) -> Self {
        let other = Random::new(random.next());
        Self { luma: Grain::new(sigma, random), chroma: Grain::new(sigma / 2.0, other) }
    }
}

impl Effect for Noise {
    fn apply(&mut self, frame: &mut Frame, _: Moment) {
        self.luma.add_to(frame.luma.samples_mut());
        self.chroma.add_to(frame.cb.samples_mut());
        self.chroma.add_to(frame.cr.samples_mut());
    }
}

/// White and black samples.
#[derive(Debug)]
pub(super) struct Snow {
    pub(super) share: f32,
    pub(super) random: Random,
}

impl Effect for Snow {
    fn apply(&mut self, frame: &mut Frame, _: Moment) {
        let (width, height) = frame.size();
        let (share, random) = (self.share, &mut self.random);
        let mut grey = Plane::filled(width / 2, height / 2, 0);
        frame.luma.map(|_, _, old| {
            if random.unit() >= share {
                return old;
            }
            if random.unit() < 0.5 { BLACK } else { WHITE }
        });
        // A snowy sample has no colour.
        grey.map(|_, _, _| u8::from(random.unit() < share));
        for plane in [&mut frame.cb, &mut frame.cr] {
            for (sample, &is_grey) in plane.samples_mut().iter_mut().zip(grey.samples()) {
                if is_grey > 0 {
                    *sample = GREY;
                }
            }
        }
    }
}

/// Blocks of their mean.
#[derive(Debug)]
pub(super) struct Pixelate(pub(super) usize);

impl Effect for Pixelate {
    fn apply(&mut self, frame: &mut Frame, _: Moment) {
        for (plane, step) in frame.planes_mut() {
            let block = (self.0 / step).max(1);
            let across = plane.width().div_ceil(block);
            let mut sums = vec![(0_usize, 0_usize); across * plane.height().div_ceil(block)];
            let place = |x: usize, y: usize| y / block * across + x / block;
            plane.map(|x, y, value| {
                if let Some((sum, count)) = sums.get_mut(place(x, y)) {
                    *sum += usize::from(value);
                    *count += 1;
                }
                value
            });
            plane.map(|x, y, value| {
                let mean = sums.get(place(x, y)).and_then(|(sum, count)| sum.checked_div(*count));
                mean.and_then(|mean| u8::try_from(mean).ok()).unwrap_or(value)
            });
        }
    }
}
