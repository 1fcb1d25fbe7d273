//! Coloured and infrared light.

use super::{Effect, Moment, Physics, tone::quantile};
use crate::{
    frame::{BLACK, Frame, GREY, sample},
    random::Random,
};

/// Weakens red, green and blue, like a filter in front of the lens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tint(pub(crate) [f32; 3]);

impl Physics for Tint {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        Box::new(*self)
    }
}

impl Effect for Tint {
    fn apply(&mut self, frame: &mut Frame, _: Moment) {
        let [red, green, blue] = self.0;
        let (cb_before, cr_before) = (frame.cb.clone(), frame.cr.clone());
        // The luma of RGB = (r, g, b) · gains is linear in luma and both colour differences (BT.601).
        let change = |luma: f32, cb: f32, cr: f32| {
            let [r, g, b] = [luma + 1.402 * cr, luma - 0.344 * cb - 0.714 * cr, luma + 1.772 * cb];
            let [r, g, b] = [r * red, g * green, b * blue].map(|value| value.clamp(0.0, 255.0));
            let luma = 0.299 * r + 0.587 * g + 0.114 * b;
            (luma, (b - luma) / 1.772, (r - luma) / 1.402)
        };
        let difference = |plane: &crate::frame::Plane, x: usize, y: usize| {
            (f32::from(plane.at(x as i64, y as i64)) - f32::from(GREY)) * 255.0 / 224.0
        };
        let luma_before = frame.luma.clone();
        frame.luma.map(|x, y, luma| {
            let luma = (f32::from(luma) - f32::from(BLACK)) * 255.0 / 219.0;
            let (cb, cr) = (difference(&cb_before, x / 2, y / 2), difference(&cr_before, x / 2, y / 2));
            sample(change(luma, cb, cr).0 * 219.0 / 255.0 + f32::from(BLACK))
        });
        let at = |x: usize, y: usize| {
            let luma = f32::from(luma_before.at(2 * x as i64, 2 * y as i64)) - f32::from(BLACK);
            change(luma * 255.0 / 219.0, difference(&cb_before, x, y), difference(&cr_before, x, y))
        };
        frame.cb.map(|x, y, _| sample(at(x, y).1 * 224.0 / 255.0 + f32::from(GREY)));
        frame.cr.map(|x, y, _| sample(at(x, y).2 * 224.0 / 255.0 + f32::from(GREY)));
    }
}

/// Shifts chroma, as a wrong white balance or a broken cable does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shift {
    /// The shift of the blue difference.
    pub(crate) cb: i16,
    /// The shift of the red difference.
    pub(crate) cr: i16,
}

impl Physics for Shift {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        Box::new(*self)
    }
}

impl Effect for Shift {
    fn apply(&mut self, frame: &mut Frame, _: Moment) {
        for (plane, by) in [(&mut frame.cb, self.cb), (&mut frame.cr, self.cr)] {
            plane.map(|_, _, value| sample(f32::from(value) + f32::from(by)));
        }
    }
}

/// Light of infrared lamps beside the lens: without colour, bright in the middle, dark in the corners.
#[derive(Debug)]
pub(crate) struct Infrared;

impl Physics for Infrared {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        Box::new(Lamps::default())
    }
}

#[derive(Debug, Default)]
struct Lamps {
    gain: Option<f32>,
}

impl Effect for Lamps {
    fn apply(&mut self, frame: &mut Frame, _: Moment) {
        let gain = *self.gain.get_or_insert_with(|| {
            let p95 = f32::from(quantile(frame.luma.samples(), 0.95)) - f32::from(BLACK);
            // Objects in the light of the lamps are well lit.
            200.0 / p95.max(1.0)
        });
        let (width, height) = frame.size();
        let (width, height) = (width as f32, height as f32);
        frame.luma.map(|x, y, value| {
            let (x, y) = (x as f32 / width - 0.5, y as f32 / height - 0.55);
            let light = 1.0 / (1.0 + 3.0 * (x * x + y * y)).powi(2);
            sample((f32::from(value) - f32::from(BLACK)) * gain * light + f32::from(BLACK) + 3.0)
        });
        for plane in [&mut frame.cb, &mut frame.cr] {
            plane.samples_mut().fill(GREY);
        }
    }
}
