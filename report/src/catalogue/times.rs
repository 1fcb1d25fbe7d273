//! Faults that show only over time or in comparison with earlier checks: a frozen picture, a camera that shakes or
//! points elsewhere, a stopped clock.

use super::{Recipe, SEVERITIES, Told, Via};
use crate::{
    effect::{
        Step,
        grain::Noise,
        knock::Knock,
        mast::Mast,
        motion::Freeze,
        text::{Clock, Overlay, Style},
    },
    ffmpeg::Encoding,
    manifest::Severity,
};

pub(super) fn all() -> Vec<Recipe> {
    [freeze(), shake(), moved(), clock()].concat()
}

/// The camera's noise is added before the picture freezes, and the recorder encodes the frozen picture.
fn freeze() -> Vec<Recipe> {
    let freeze = Told { kind: "held", must: &["freeze"], may: &["clock", "stream"] };
    let held = |from| vec![Step::of(Noise(2.0)), Step::of(Freeze { from })];
    let encoders = [
        ("held_x264", "-c:v libx264 -preset medium -crf 23 -bf 2 -g 25", "mp4"),
        (
            "held_x264_rate",
            "-c:v libx264 -preset veryfast -b:v 600k -maxrate 800k -bufsize 600k -g 30",
            "mp4",
        ),
        ("held_mpeg4", "-c:v mpeg4 -b:v 900k -g 12", "avi"),
        ("held_mjpeg", "-c:v mjpeg -q:v 7 -pix_fmt yuvj420p", "avi"),
        ("held_hevc", "-c:v libx265 -preset veryfast -crf 27 -x265-params keyint=30:log-level=error", "mp4"),
        ("held_mpeg2", "-c:v mpeg2video -b:v 1500k -g 12", "ts"),
    ];
    let mut recipes = Vec::new();
    for (maker, options, suffix) in encoders {
        for (severity, from) in SEVERITIES.into_iter().zip([1.0, 0.5, 0.0]) {
            recipes.push(freeze.one(maker, severity, held(from)).encoded(Encoding::new(options, suffix)));
        }
    }
    let clock = || Step::of(Overlay { style: Style::Boxed, runs: true });
    let under = Told { kind: "held", must: &["freeze"], may: &["stream"] };
    for (severity, from) in SEVERITIES.into_iter().zip([1.5, 1.0, 0.0]) {
        let steps = [held(from), vec![clock()]].concat();
        let coarse = Encoding::new("-c:v libx264 -preset veryfast -crf 28 -bf 0 -g 15", "mp4");
        let recipe = under.one("held_under_clock", severity, steps).encoded(coarse);
        recipes.push(Recipe { before: Some(vec![clock()]), ..recipe });
        let via =
            Via { encoding: Encoding::new("-c:v mpeg4 -g 10 -q:v 6", "mp4"), share: 1.0, scaler: "bicubic" };
        recipes.push(Recipe { via: Some(via), ..freeze.one("held_twice_encoded", severity, held(from)) });
        recipes.push(Recipe { rate: Some(6), ..freeze.one("held_slow", severity, held(from)) });
    }
    for recipe in recipes.iter_mut().filter(|recipe| recipe.before.is_none()) {
        recipe.before = Some(vec![Step::of(Noise(2.0))]);
    }
    recipes
}

fn shake() -> Vec<Recipe> {
    let shake = Told { kind: "shaken", must: &["shake"], may: &["clarity", "scene_change"] };
    [
        shake.by("gusts", [2.0, 4.5, 10.0].map(Mast::Gusts)),
        shake.by("lorries", [2.0, 4.5, 10.0].map(Mast::Lorries)),
        shake.by("jelly", [0.8, 1.5, 3.0].map(Mast::Jelly)),
        shake.by("rolling", [0.5, 1.0, 2.5].map(Mast::Rolling)),
        shake.by("violent", [14.0, 22.0, 30.0].map(Mast::Violent)),
    ]
    .concat()
}

fn moved() -> Vec<Recipe> {
    let moved = Told { kind: "moved", must: &["scene_change"], may: &["shake"] };
    let within = Told { kind: "moving", must: &["scene_change"], may: &["shake"] };
    let before = Some(vec![Step::of(Knock::Straight)]);
    let mut recipes = [
        within.by("pushed", [0.35, 0.65, 1.0].map(Knock::Pushed)),
        within.by("sagging", [0.3, 0.6, 1.0].map(Knock::Sagging)),
        within.by("rolled", [6.0, 12.0, 25.0].map(Knock::Rolled)),
        moved.by("turned_perspective", [3.0, 6.0, 10.0].map(Knock::Turned)),
        moved.by("zoomed", [1.2, 1.4, 1.8].map(Knock::Zoomed)),
        vec![moved.one("upside_down", Severity::Strong, vec![Step::of(Knock::UpsideDown)])],
        vec![moved.one("mirrored", Severity::Middle, vec![Step::of(Knock::Mirrored)])],
    ]
    .concat();
    for recipe in &mut recipes {
        recipe.before.clone_from(&before);
    }
    recipes
}

fn clock() -> Vec<Recipe> {
    let told = Told { kind: "clock", must: &["clock"], may: &[] };
    let styles =
        [("boxed_clock", Style::Boxed), ("bottom_clock", Style::Bottom), ("large_clock", Style::Large)];
    let recipe = |(maker, style): (&str, Style)| {
        let overlay = |runs| vec![Step::of(Overlay { style, runs })];
        Recipe { before: Some(overlay(true)), ..told.one(maker, Severity::Middle, overlay(false)) }
    };
    let mut recipes: Vec<Recipe> = styles.into_iter().map(recipe).collect();
    // A stopped clock with the camera's noise over it.
    let ahead = told.one(
        "clock_after_freeze",
        Severity::Middle,
        vec![Step::of(Clock { runs: false }), Step::of(Noise(1.0))],
    );
    recipes
        .push(Recipe { before: Some(vec![Step::of(Clock { runs: true }), Step::of(Noise(1.0))]), ..ahead });
    recipes
}
