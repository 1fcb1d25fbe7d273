//! Light and air: exposure, fog and veils, wrong colours.

use super::{Recipe, Told};
use crate::effect::{balance::Balance, exposure::Exposure, fog::Fog};

pub(super) fn all() -> Vec<Recipe> {
    [dark(), bright(), fog(), colour()].concat()
}

fn dark() -> Vec<Recipe> {
    let dark = Told {
        kind: "dark",
        must: &["brightness"],
        may: &["contrast", "signal_loss", "noise", "color_cast"],
    };
    [
        dark.by("too_few_stops", [3.2, 4.4, 6.0].map(Exposure::Stops)),
        dark.by("steep_curve", [3.0, 4.5, 7.0].map(Exposure::Gamma)),
        dark.by("iris_stuck", [0.09, 0.045, 0.015].map(Exposure::IrisStuck)),
        dark.by("dusk", [0.09, 0.045, 0.015].map(Exposure::Dusk)),
    ]
    .concat()
}

fn bright() -> Vec<Recipe> {
    let bright =
        Told { kind: "bright", must: &["brightness"], may: &["contrast", "clarity", "noise", "color_cast"] };
    [
        bright.by("spilling_highlights", [1.7, 2.7, 4.2].map(Exposure::Over)),
        bright.by("flat_curve", [0.3, 0.2, 0.1].map(Exposure::Gamma)),
        bright.by("runaway_gain", [3.5, 7.0, 16.0].map(Exposure::RunawayGain)),
        bright.by("stuck_shutter", [1.8, 2.8, 4.2].map(Exposure::StuckShutter)),
        bright.by("sun_in_view", [0.3, 0.5, 0.9].map(Exposure::Sun)),
    ]
    .concat()
}

fn fog() -> Vec<Recipe> {
    let fog = Told {
        kind: "fog",
        must: &["contrast"],
        may: &["clarity", "focus_blur", "brightness", "lens_dirty"],
    };
    let dust = Told { may: &["clarity", "focus_blur", "color_cast", "brightness", "lens_dirty"], ..fog };
    let snow = Told { may: &["clarity", "focus_blur", "noise", "brightness", "lens_dirty"], ..fog };
    [
        fog.by("koschmieder", [10.0, 5.0, 2.2].map(Fog::Even)),
        fog.by("swathes", [9.0, 4.5, 2.0].map(Fog::Swathes)),
        fog.by("lamps_in_fog", [12.0, 6.0, 3.0].map(Fog::Lamps)),
        dust.by("dust_storm", [16.0, 9.0, 4.0].map(Fog::Dust)),
        snow.by("driven_snow", [10.0, 5.0, 2.2].map(Fog::Snowfall)),
        fog.by("glare", [0.45, 0.65, 0.85].map(Fog::Glare)),
        fog.by("smoke", [10.0, 5.0, 2.5].map(Fog::Smoke)),
    ]
    .concat()
}

fn colour() -> Vec<Recipe> {
    let cast = Told { kind: "cast", must: &["color_cast"], may: &["brightness", "contrast"] };
    [
        cast.by("no_infrared_filter", [0.45, 0.7, 1.0].map(Balance::NoInfraredFilter)),
        cast.by("kelvin", [3700.0, 3000.0, 2400.0].map(Balance::Kelvin)),
        cast.by("kelvin_cold", [8200.0, 11_000.0, 15_000.0].map(Balance::Kelvin)),
        cast.by("weak_blue", [0.5, 0.3, 0.08].map(Balance::WeakBlue)),
        cast.by("lifted_red", [0.06, 0.12, 0.25].map(Balance::LiftedRed)),
        cast.by("carrier_phase", [50.0, 90.0, 150.0].map(Balance::Phase)),
        cast.by("yellowed", [0.55, 0.75, 0.95].map(Balance::Yellowed)),
        cast.by("lamp", [[1.0, 0.62, 0.3], [1.0, 0.5, 0.12], [1.0, 0.35, 0.03]].map(Balance::Lamp)),
    ]
    .concat()
}
