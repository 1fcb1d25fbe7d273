//! Interference: bars and lines.

use std::f32::consts::TAU;

use super::{Effect, Physics, drawn};
use crate::{frame::sample, random::Random};

/// Bars of interference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bars {
    /// Two broad bars that drift through the picture.
    Rolling,
    /// Many rows, alternately brighter and darker, that drift.
    Rows,
    /// Columns, alternately brighter and darker, that do not move.
    Columns,
}

/// Adds bars to luma.
#[derive(Debug)]
pub(crate) struct Stripe {
    /// The kind of bars.
    pub(crate) bars: Bars,
    /// The amplitude in grey values.
    pub(crate) amplitude: f32,
}

impl Physics for Stripe {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        let (bars, amplitude) = (self.bars, self.amplitude);
        drawn(move |frame, moment| {
            let height = frame.luma.height() as f32;
            let column = 10.0 * frame.scale();
            let time = moment.seconds;
            frame.luma.map(|x, y, old| {
                let (x, y) = (x as f32, y as f32);
                let wave = match bars {
                    // Mains hum that differs a little from the frame rate.
                    Bars::Rolling => (TAU * (2.0 * y / height - 0.4 * time)).sin(),
                    Bars::Rows => (TAU * (24.0 * y / height + 1.3 * time)).sin(),
                    Bars::Columns => (TAU * x / column).sin(),
                };
                sample(f32::from(old) + amplitude * wave)
            });
        })
    }
}
