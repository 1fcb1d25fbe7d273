//! Changes to single samples and their neighbourhood: blur, noise, snow, blocks.

use super::{Effect, Moment, Physics, drawn};
use crate::{
    frame::{BLACK, Frame, GREY, Plane, WHITE, blur_plane},
    random::{Grain, Random},
};

/// Defocus as a Gaussian blur of this deviation.
#[derive(Debug)]
pub(crate) struct Blur(pub(crate) f32);

impl Physics for Blur {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        let sigma = self.0;
        drawn(move |frame, _| {
            let sigma = sigma * frame.scale();
            for (plane, step) in frame.planes_mut() {
                blur_plane(plane, sigma / step as f32);
            }
        })
    }
}

/// Sensor noise of this deviation, new in each frame. The noise is added to each sample, independently of the
/// picture's size. Chroma gets half the deviation.
#[derive(Debug)]
pub(crate) struct Noise(pub(crate) f32);

impl Physics for Noise {
    fn effect(&self, mut random: Random) -> Box<dyn Effect> {
        let other = Random::new(random.next());
        Box::new(Noisy { luma: Grain::new(self.0, random), chroma: Grain::new(self.0 / 2.0, other) })
    }
}

#[derive(Debug)]
struct Noisy {
    luma: Grain,
    chroma: Grain,
}

impl Effect for Noisy {
    fn apply(&mut self, frame: &mut Frame, _: Moment) {
        self.luma.add_to(frame.luma.samples_mut());
        self.chroma.add_to(frame.cb.samples_mut());
        self.chroma.add_to(frame.cr.samples_mut());
    }
}

/// White and black samples, new in each frame.
#[derive(Debug)]
pub(crate) struct Snow {
    /// The share of all samples.
    pub(crate) share: f32,
}

impl Physics for Snow {
    fn effect(&self, random: Random) -> Box<dyn Effect> {
        Box::new(Snowy { share: self.share, random })
    }
}

#[derive(Debug)]
struct Snowy {
    share: f32,
    random: Random,
}

impl Effect for Snowy {
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

/// Blocks that are replaced by their mean. The width is in samples of the picture itself, not of a picture 640
/// samples wide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pixelate(pub(crate) usize);

impl Physics for Pixelate {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        Box::new(*self)
    }
}

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
