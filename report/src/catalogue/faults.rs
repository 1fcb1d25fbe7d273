//! The first faults that were drawn. The plugins' measures were developed with these faults. The faults therefore
//! belong to the development set, regardless of the hash of their makers' names. The names of these makers begin
//! with `first_`.

use super::{Recipe, SEVERITIES, Told};
use crate::{
    damage::Damage,
    effect::{
        Step,
        cover::{Cover, Side},
        dirt::{Dirt, Dirty},
        grain::{Blur, Noise, Pixelate, Snow},
        light::{Shift, Tint},
        motion::{Crop, Freeze, Shake},
        signal::{Black, Card},
        stripe::{Bars, Stripe},
        text::Clock,
        tone::Tone,
        torn::Torn,
    },
    ffmpeg::Encoding,
    manifest::Severity,
};

pub(super) fn all() -> Vec<Recipe> {
    let drawn = [
        exposure(),
        detail(),
        grain(),
        blocks(),
        motion(),
        colour(),
        covered(),
        signal(),
        broken(),
        beside(),
    ];
    let by_its_kind = |recipe: Recipe| Recipe { maker: format!("first_{}", recipe.kind), ..recipe };
    drawn.concat().into_iter().map(by_its_kind).collect()
}

/// Brightness and contrast.
fn exposure() -> Vec<Recipe> {
    let dark = Told { kind: "dark", must: &["brightness"], may: &["contrast", "signal_loss"] };
    let bright = Told { kind: "bright", must: &["brightness"], may: &["contrast"] };
    let fog = Told { kind: "fog", must: &["contrast"], may: &["clarity", "focus_blur"] };
    let flatten = |spread, level| vec![Step::of(Tone::Flatten(spread, level)), Step::of(Noise(1.0))];
    let darken = |p95| vec![Step::of(Tone::Darken(p95)), Step::of(Noise(1.0))];
    [
        dark.graded("", [darken(50.0), darken(32.0), darken(16.0)]),
        bright.graded("", [0.35, 0.55, 0.8].map(|clipped| vec![Step::of(Tone::Brighten(clipped))])),
        vec![bright.one("lifted", Severity::Strong, vec![Step::of(Tone::Lift(236.0))])],
        fog.graded("", [34.0, 24.0, 12.0].map(|spread| flatten(spread, Some(165.0)))),
        fog.graded("washed_out", [34.0, 24.0, 12.0].map(|spread| flatten(spread, None))),
    ]
    .concat()
}

/// Sharpness.
fn detail() -> Vec<Recipe> {
    let blur = Told { kind: "blur", must: &["clarity", "focus_blur"], may: &[] };
    let mut recipes = blur.graded("", [1.5, 2.5, 4.0].map(|sigma| vec![Step::of(Blur(sigma))]));
    // Noise hides blur from measures of detail.
    recipes.push(blur.one("noisy", Severity::Middle, vec![Step::of(Blur(2.5)), Step::of(Noise(4.0))]));
    recipes
}

/// Noise and snow. The encoder must preserve both.
fn grain() -> Vec<Recipe> {
    let noise = Told { kind: "noise", must: &["noise"], may: &["clarity"] };
    let snow = Told { kind: "snow", must: &["noise"], may: &["clarity", "flower_screen"] };
    let mut recipes = noise.graded("", [10.0, 20.0, 35.0].map(|sigma| vec![Step::of(Noise(sigma))]));
    recipes.push(noise.one(
        "dark",
        Severity::Middle,
        vec![Step::of(Tone::Night(95.0)), Step::of(Noise(16.0))],
    ));
    recipes.extend(snow.graded("", [0.06, 0.12, 0.3].map(|share| vec![Step::of(Snow { share })])));
    recipes.into_iter().map(|recipe| recipe.encoded(Encoding::h264(18, 0))).collect()
}

/// Blocks that are drawn, and blocks of an encoder with too few bits.
fn blocks() -> Vec<Recipe> {
    let pixels = Told { kind: "pixelate", must: &["mosaic"], may: &["clarity", "focus_blur"] };
    let starved =
        Told { kind: "starved", must: &["mosaic"], may: &["clarity", "focus_blur", "flower_screen"] };
    let unfiltered = |crf: u8| {
        let options = "-c:v libx264 -preset superfast -bf 0 -g 50 -x264-params no-deblock=1 -crf";
        Encoding::new(&format!("{options} {crf}"), "mp4")
    };
    let old = |q: u8| Encoding::new(&format!("-c:v mpeg4 -g 25 -q:v {q}"), "mp4");
    let mut recipes = pixels.graded("", [8, 12, 16].map(|block| vec![Step::of(Pixelate(block))]));
    for (severity, crf) in SEVERITIES.into_iter().zip([43, 47, 51]) {
        recipes.push(starved.one("h264", severity, Vec::new()).encoded(unfiltered(crf)));
    }
    for (severity, q) in SEVERITIES.into_iter().zip([22, 27, 31]) {
        recipes.push(starved.one("mpeg4", severity, Vec::new()).encoded(old(q)));
    }
    recipes
}

/// Freeze, shake and a stopped clock.
fn motion() -> Vec<Recipe> {
    let freeze = Told { kind: "freeze", must: &["freeze"], may: &[] };
    let ticking = Told { kind: "freeze", must: &["freeze"], may: &[] };
    let shake = Told { kind: "shake", must: &["shake"], may: &["clarity"] };
    let clock = Told { kind: "clock", must: &["clock"], may: &[] };
    let clocks = |runs| vec![Step::of(Clock { runs })];
    let frozen = |from| vec![Step::of(Freeze { from })];
    let shaken = |pixels, hertz| vec![Step::of(Shake { pixels, hertz })];
    [
        freeze.graded("", [frozen(1.0), frozen(0.5), frozen(0.0)]),
        vec![
            ticking.one(
                "clock",
                Severity::Middle,
                vec![Step::of(Freeze { from: 0.0 }), Step::of(Clock { runs: true })],
            ),
            freeze.one("noisy", Severity::Strong, vec![Step::of(Noise(3.0)), Step::of(Freeze { from: 0.0 })]),
        ],
        shake.graded("", [shaken(2.5, 5.0), shaken(4.0, 4.0), shaken(6.0, 3.5)]),
        // A stopped clock looks like any other text, unless an earlier check saw it run.
        vec![Recipe { before: Some(clocks(true)), ..clock.one("", Severity::Middle, clocks(false)) }],
    ]
    .concat()
}

/// Colour casts, by coloured light and by a wrong white balance.
fn colour() -> Vec<Recipe> {
    let cast = Told { kind: "cast", must: &["color_cast"], may: &[] };
    let filters = [
        ("red", [1.0, 0.4, 0.4]),
        ("green", [0.45, 1.0, 0.45]),
        ("blue", [0.4, 0.5, 1.0]),
        ("yellow", [1.0, 0.95, 0.3]),
        ("magenta", [1.0, 0.4, 1.0]),
    ];
    let mut recipes = Vec::new();
    for (name, full) in filters {
        let weakened =
            |strength: f32| vec![Step::of(Tint(full.map(|factor| 1.0 - strength * (1.0 - factor))))];
        recipes.push(cast.one(name, Severity::Mild, weakened(0.5)));
        recipes.push(cast.one(name, Severity::Strong, weakened(1.0)));
    }
    for (name, cb, cr) in [("shift_warm", -30, 22), ("shift_cold", 34, -14), ("shift_green", -20, -30)] {
        recipes.push(cast.one(name, Severity::Mild, vec![Step::of(Shift { cb: cb / 2, cr: cr / 2 })]));
        recipes.push(cast.one(name, Severity::Strong, vec![Step::of(Shift { cb, cr })]));
    }
    recipes
}

/// Covers and dirt.
fn covered() -> Vec<Recipe> {
    let cover = Told { kind: "cover", must: &["occlusion"], may: &["contrast", "clarity", "focus_blur"] };
    let dirt = |kind| Told { kind, must: &["lens_dirty"], may: &["occlusion", "clarity", "focus_blur"] };
    let covered = |share, side| vec![Step::of(Cover { share, side })];
    let dirty = |kind, share| vec![Step::of(Dirty { dirt: kind, share })];
    [
        cover.graded("left", [0.25, 0.5, 0.8].map(|share| covered(share, Side::Left))),
        cover.graded("bottom", [0.25, 0.5, 0.8].map(|share| covered(share, Side::Bottom))),
        cover.graded("corner", [0.25, 0.5, 0.8].map(|share| covered(share, Side::Corner))),
        vec![
            cover.one("right", Severity::Mild, covered(0.25, Side::Right)),
            cover.one("top", Severity::Mild, covered(0.3, Side::Top)),
        ],
        dirt("dirt").graded("blots", [0.06, 0.12, 0.22].map(|share| dirty(Dirt::Blots, share))),
        dirt("dirt").graded("drops", [0.1, 0.2, 0.35].map(|share| dirty(Dirt::Drops, share))),
        dirt("dirt").graded("web", [0.45, 0.7, 1.0].map(|share| dirty(Dirt::Web, share))),
    ]
    .concat()
}

/// No picture, or another picture instead.
fn signal() -> Vec<Recipe> {
    let card = Told { kind: "card", must: &["blue_screen"], may: &["signal_loss", "freeze", "stream"] };
    let black = Told { kind: "black", must: &["signal_loss"], may: &["brightness", "blue_screen", "freeze"] };
    let blue = [41, 240, 110];
    let shown = |variant, shown| card.one(variant, Severity::Strong, vec![Step::of(shown)]);
    let words = |words: &str| words.to_owned();
    vec![
        shown("blue", Card::Plain(blue)),
        shown("grey", Card::Plain([118, 128, 128])),
        shown("green", Card::Plain([150, 46, 22])),
        shown("blue_words", Card::Words(blue, words("NO SIGNAL"))),
        shown("grey_words", Card::Words([90, 128, 128], words("VIDEO LOST"))),
        shown("dark_words", Card::Words([36, 140, 120], words("NO SIGNAL"))),
        shown("bars", Card::Bars(String::new())),
        shown("bars_words", Card::Bars(words("NO SIGNAL"))),
        black.one("", Severity::Strong, vec![Step::of(Black { from: 0.0 })]),
        black.one("half_way", Severity::Middle, vec![Step::of(Black { from: 1.4 })]),
        black.one(
            "clock",
            Severity::Middle,
            vec![Step::of(Black { from: 0.0 }), Step::of(Clock { runs: true })],
        ),
    ]
}

/// Corruption: damaged bytes, recordings of their decoded pictures, and damage that is drawn.
fn broken() -> Vec<Recipe> {
    let broken =
        |kind| Told { kind, must: &["flower_screen"], may: &["mosaic", "stream", "noise", "clarity"] };
    let sliced = |crf: u8| {
        let options = "-c:v libx264 -preset veryfast -bf 0 -g 50 -x264-params slices=4 -crf";
        Encoding::new(&format!("{options} {crf}"), "mp4")
    };
    let mut recipes = Vec::new();
    for (severity, share) in SEVERITIES.into_iter().zip([0.05_f32, 0.15, 0.4]) {
        let ways = [
            ("flip", Damage::Flip { share }, sliced(23), false),
            ("zero", Damage::Zero { share }, sliced(20), false),
            (
                "drop",
                Damage::Drop { share: share * 0.8 },
                Encoding { suffix: "ts".into(), ..sliced(23) },
                false,
            ),
            ("recorded", Damage::Flip { share: share * 1.5 }, sliced(23), true),
        ];
        for (variant, damage, encoding, recorded) in ways {
            let recipe = broken("broken").one(variant, severity, Vec::new()).encoded(encoding);
            recipes.push(Recipe { damage: Some(damage), recorded, ..recipe });
        }
    }
    recipes.extend(broken("torn").graded("", [0.04, 0.1, 0.25].map(|share| vec![Step::of(Torn { share })])));
    recipes
}

/// Interference, and faults that show only in comparison with earlier checks.
fn beside() -> Vec<Recipe> {
    let stripe = |kind| Told { kind, must: &["stripe"], may: &[] };
    let moved = Told { kind: "moved", must: &["scene_change"], may: &[] };
    let striped = |bars, amplitude| vec![Step::of(Stripe { bars, amplitude })];
    let crop = |x, y, degrees| vec![Step::of(Crop { share: 0.75, x, y, degrees })];
    let mut recipes = [
        stripe("stripe").graded("rolling", [10.0, 20.0, 40.0].map(|a| striped(Bars::Rolling, a))),
        stripe("stripe").graded("rows", [6.0, 12.0, 24.0].map(|a| striped(Bars::Rows, a))),
        stripe("stripe").graded("columns", [6.0, 12.0, 24.0].map(|a| striped(Bars::Columns, a))),
        moved.graded("shifted", [crop(-0.4, 0.0, 0.0), crop(-1.0, 0.3, 0.0), crop(-1.0, 1.0, 0.0)]),
        moved.graded("turned", [crop(0.5, 0.0, 5.0), crop(0.5, 0.0, 12.0), crop(0.5, 0.0, 25.0)]),
    ]
    .concat();
    for recipe in recipes.iter_mut().filter(|recipe| recipe.kind == "moved") {
        recipe.before = Some(crop(0.5, 0.0, 0.0));
    }
    recipes
}
