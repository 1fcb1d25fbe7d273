//! Underexposure and overexposure, at the place of the cause: the lens, the sensor or its curve. All effects work
//! on linear light, so lamps stay bright in the dark, and colours fade if one channel is clipped before the
//! others.

use super::{Effect, Physics, drawn};
use crate::{
    radiance::{Aperture, Radiance, mix, times},
    random::{Grain, Random},
};

/// What is wrong with the exposure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Exposure {
    /// Light reduced by this many stops, with the sensor's noise and quantisation.
    Stops(f32),
    /// An additional display curve with this exponent: brighter below 1, darker above.
    Gamma(f32),
    /// An iris that hardly opens any more: this share of the light in the middle, less in the corners.
    IrisStuck(f32),
    /// Only this share of daylight remains, and lamps are not yet on: cold, dim, flat.
    Dusk(f32),
    /// Light increased by this many stops. Clipped places spill over their neighbours.
    Over(f32),
    /// The automatic gain increases to this factor: brighter, with the noise that it amplifies.
    RunawayGain(f32),
    /// The shutter stays open this many stops longer: too bright, and moving objects leave a trail.
    StuckShutter(f32),
    /// The sun within the view: a white disk with glare. The glare's radius is in shares of the width.
    Sun(f32),
}

impl Physics for Exposure {
    fn effect(&self, mut random: Random) -> Box<dyn Effect> {
        let wanted = *self;
        let sun = (random.between(0.25, 0.75), random.between(0.15, 0.4));
        let mut grain = Grain::new(1.0, random);
        let mut trail: Option<Radiance> = None;
        drawn(move |frame, _| {
            let mut light = Radiance::of(frame);
            let (width, height) = light.size();
            let (w, h) = (width as f32, height as f32);
            let mut noisy = |light: &mut Radiance, sigma: f32| {
                for channel in light.channels_mut() {
                    grain.add_light(channel, sigma);
                }
            };
            match wanted {
                Exposure::Stops(stops) => {
                    let share = (-stops).exp2();
                    light.map(|_, _, light| times(light, share));
                    noisy(&mut light, 0.0012);
                }
                Exposure::Gamma(exponent) => light.map(|_, _, light| light.map(|value| value.powf(exponent))),
                Exposure::IrisStuck(share) => {
                    light.map(|x, y, light| {
                        let away = (x as f32 / w - 0.5).hypot(y as f32 / h - 0.5);
                        times(light, share * (1.0 - 1.2 * away * away).max(0.1))
                    });
                    noisy(&mut light, 0.0008);
                }
                Exposure::Dusk(share) => {
                    light.map(|_, _, [r, g, b]| {
                        let grey = 0.2 * r + 0.7 * g + 0.1 * b;
                        let [r, g, b] = mix([r, g, b], [grey; 3], 0.5);
                        [0.75 * share * r, 0.9 * share * g, 1.25 * share * b]
                    });
                    noisy(&mut light, 0.002);
                }
                Exposure::Over(stops) => {
                    let factor = stops.exp2();
                    light.map(|_, _, light| times(light, factor).map(|value| value.min(3.0)));
                    let reach = 5.0 * w / 640.0;
                    let spilt = light.through(&Aperture::of(reach, |x, y| x.hypot(y) <= reach));
                    light.map(|x, y, light| mix(light, spilt.at(x as i64, y as i64), 0.35));
                }
                Exposure::RunawayGain(factor) => {
                    noisy(&mut light, 0.012);
                    light.map(|_, _, light| times(light, factor));
                }
                Exposure::StuckShutter(stops) => {
                    let factor = stops.exp2();
                    // Adds the light of earlier frames, because the shutter was open during these frames.
                    let keep = 1.0 - 1.0 / factor.max(1.5);
                    if let Some(trail) = &trail {
                        light.map(|x, y, new| mix(new, trail.at(x as i64, y as i64), keep));
                    }
                    trail = Some(light.clone());
                    light.map(|_, _, light| times(light, factor));
                }
                Exposure::Sun(radius) => light.map(|x, y, light| {
                    let away = (x as f32 / w - sun.0).hypot((y as f32 / h - sun.1) * h / w) / radius;
                    let glare = 1.6 / (1.0 + 2.2 * away * away) + if away < 0.25 { 2.0 } else { 0.0 };
                    let [r, g, b] = light;
                    [r + glare, g + 0.95 * glare, b + 0.85 * glare]
                }),
            }
            *frame = light.to_frame();
        })
    }
}
