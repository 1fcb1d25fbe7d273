//! Faults of sensors and cables: noise, snow, lines.

use super::{Recipe, Told};
use crate::{
    effect::{interference::Interference, sensor::Sensor, snow::Reception},
    ffmpeg::Encoding,
};

pub(super) fn all() -> Vec<Recipe> {
    let recipes = [noise(), lines()].concat();
    // The encoder must preserve noise and lines.
    recipes.into_iter().map(|recipe| recipe.encoded(Encoding::h264(18, 0))).collect()
}

fn noise() -> Vec<Recipe> {
    let noise = Told { kind: "noise", must: &["noise"], may: &["clarity", "color_cast"] };
    let snow = Told { kind: "snow", must: &["noise"], may: &["clarity", "flower_screen", "stripe"] };
    let lost = Told {
        kind: "snow",
        must: &["noise"],
        may: &["clarity", "signal_loss", "contrast", "flower_screen", "color_cast"],
    };
    [
        noise.by("photons", [110.0, 40.0, 14.0].map(Sensor::Photons)),
        noise.by("colour_mosaic", [80.0, 30.0, 11.0].map(Sensor::Mosaic)),
        noise.by("colour_blotches", [9.0, 16.0, 28.0].map(Sensor::Blotches)),
        noise.by("hot_samples", [0.003, 0.01, 0.03].map(Sensor::Hot)),
        noise.by("crawling", [9.0, 16.0, 28.0].map(Sensor::Crawling)),
        noise.by("weak_reception", [9.0, 18.0, 32.0].map(Reception::Weak)),
        snow.by("sparkles", [0.01, 0.03, 0.1].map(Reception::Sparkles)),
        lost.by("static", [0.45, 0.7, 1.0].map(Reception::Static)),
        snow.by("bursts", [0.06, 0.15, 0.35].map(Reception::Bursts)),
    ]
    .concat()
}

fn lines() -> Vec<Recipe> {
    let stripe = Told { kind: "lines", must: &["stripe"], may: &["noise"] };
    let light = Told { may: &["brightness"], ..stripe };
    let torn = Told { may: &["shake", "flower_screen", "noise", "clarity"], ..stripe };
    [
        stripe.by("carrier", [7.0, 13.0, 25.0].map(Interference::Carrier)),
        stripe.by("herring_bone", [8.0, 15.0, 28.0].map(Interference::HerringBone)),
        light.by("hum", [11.0, 20.0, 38.0].map(Interference::Hum)),
        light.by("flicker", [0.2, 0.4, 0.75].map(Interference::Flicker)),
        torn.by("jitter", [2.0, 4.0, 9.0].map(Interference::Jitter)),
        torn.by("bands", [18.0, 35.0, 70.0].map(Interference::Bands)),
        stripe.by("bad_columns", [0.03, 0.07, 0.15].map(Sensor::Columns)),
        stripe.by("row_noise", [6.0, 11.0, 20.0].map(Sensor::Rows)),
    ]
    .concat()
}
