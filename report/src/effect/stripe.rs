//! Interference: bars and lines.

use std::f32::consts::TAU;

use super::{Bars, Effect, Moment};
use crate::frame::{Frame, sample};

/// Adds bars to luma.
#[derive(Debug)]
pub(super) struct Stripe {
    bars: Bars,
    amplitude: f32,
}

impl Stripe {
    pub(super) const fn new(bars: Bars, amplitude: f32) -> Self {
        Self { bars, amplitude }
    }
}

impl Effect for Stripe {
    fn apply(&mut self, frame: &mut Frame, moment: Moment) {
        let height = frame.luma.height() as f32;
        let column = 10.0 * frame.scale();
        let time = moment.seconds;
        let amplitude = self.amplitude;
        frame.luma.map(|x, y, old| {
            let (x, y) = (x as f32, y as f32);
            let wave = match self.bars {
                // Hum of the mains, a little off the frame rate.
                Bars::Rolling => (TAU * (2.0 * y / height - 0.4 * time)).sin(),
                Bars::Rows => (TAU * (24.0 * y / height + 1.3 * time)).sin(),
                Bars::Columns => (TAU * x / column).sin(),
            };
            sample(f32::from(old) + amplitude * wave)
        });
    }
}
