//! Wrong colours, by their cause: the filter against infrared light is missing, the white balance mistakes another
//! lamp for white, a channel is weak or has another black level, the colour carrier has a wrong phase, the sensor
//! or the glass has yellowed, or one coloured lamp lights everything. Except for the wrong phase, the effects work
//! on linear light.

use super::{Effect, Physics, drawn};
use crate::{
    frame::{GREY, sample},
    radiance::Radiance,
    random::Random,
};

/// What is wrong with the colours.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Balance {
    /// The infrared filter is missing by day. This share of infrared is added to every channel, most to red.
    /// Plants reflect infrared as if they were white.
    NoInfraredFilter(f32),
    /// The white balance treats light of this many kelvins as white, instead of 5,500.
    Kelvin(f32),
    /// The blue amplifier has only this share of its gain.
    WeakBlue(f32),
    /// The black level of the red channel is raised by this much light.
    LiftedRed(f32),
    /// The phase of the colour carrier is wrong by this many degrees, and the colours are too strong.
    Phase(f32),
    /// An aged sensor or yellowed glass. Blue loses the most light, and red the least. The loss of blue is 0.7 times
    /// this share in the middle, and 1.3 times this share, but at most 0.95, in the corners.
    Yellowed(f32),
    /// One coloured lamp lights everything: only a small share of the objects' own colour remains.
    Lamp([f32; 3]),
}

/// Returns the gains of red, green and blue that make a lamp of this temperature white. Green is unchanged. The gains
/// of red and blue are powers of the temperature. Between 2,500 and 12,000 kelvins, these powers approximate the light
/// of black bodies.
fn gains(kelvin: f32) -> [f32; 3] {
    let away = kelvin / 5500.0;
    [away.powf(0.75), 1.0, away.powf(-1.05)]
}

impl Physics for Balance {
    fn effect(&self, _: Random) -> Box<dyn Effect> {
        let balance = *self;
        drawn(move |frame, _| {
            if let Balance::Phase(degrees) = balance {
                let (sin, cos) = degrees.to_radians().sin_cos();
                let before = (frame.cb.clone(), frame.cr.clone());
                let difference = |value: u8| 1.5 * (f32::from(value) - f32::from(GREY));
                let turned = |x: usize, y: usize, own: f32, other: f32, swap: bool| {
                    let (cb, cr) = (before.0.at(x as i64, y as i64), before.1.at(x as i64, y as i64));
                    // The colour burst gives the phase of the colour carrier. A misread burst also adds a constant.
                    let (cb, cr) = (difference(cb) + 9.0, difference(cr) - 6.0);
                    let (this, that) = if swap { (cr, cb) } else { (cb, cr) };
                    sample(f32::from(GREY) + own * this + other * that)
                };
                frame.cb.map(|x, y, _| turned(x, y, cos, -sin, false));
                frame.cr.map(|x, y, _| turned(x, y, cos, sin, true));
                return;
            }
            let mut light = Radiance::of(frame);
            let (width, height) = light.size();
            light.map(|x, y, [r, g, b]| match balance {
                Balance::NoInfraredFilter(share) => {
                    let grey = (r + g + b) / 3.0;
                    // Leaves absorb red and blue and reflect infrared.
                    let leaves = ((g - 0.5 * (r + b)) / (grey + 0.02)).clamp(0.0, 0.6);
                    let infrared = share * (grey * (0.8 + 2.5 * leaves) + 0.02);
                    let keep = 1.0 - 0.35 * share;
                    [keep * r + 1.1 * infrared, keep * g + 0.55 * infrared, keep * b + 0.85 * infrared]
                }
                Balance::Kelvin(kelvin) => {
                    let [red, green, blue] = gains(kelvin);
                    [r * red, g * green, b * blue]
                }
                Balance::WeakBlue(share) => [r, g, b * share],
                Balance::LiftedRed(black) => [black + r * (1.0 - black), g, b],
                Balance::Yellowed(share) => {
                    let away = (x as f32 / width as f32 - 0.5).hypot(y as f32 / height as f32 - 0.5);
                    let strength = (share * (0.7 + 0.8 * away)).min(0.95);
                    [r * (1.0 - 0.08 * strength), g * (1.0 - 0.22 * strength), b * (1.0 - strength)]
                }
                Balance::Lamp([red, green, blue]) => {
                    let grey = 0.25 * r + 0.65 * g + 0.1 * b;
                    let under = |own: f32, lamp: f32| lamp * (0.8 * grey + 0.2 * own);
                    [under(r, red), under(g, green), under(b, blue)]
                }
                Balance::Phase(_) => [r, g, b],
            });
            *frame = light.to_frame();
        })
    }
}
