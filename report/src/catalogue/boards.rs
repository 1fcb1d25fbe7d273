//! Pictures that are shown instead of a camera's picture, and black pictures.

use super::{Recipe, SEVERITIES, Told};
use crate::{
    effect::{
        Step,
        card::{Board, Dark},
    },
    ffmpeg::Encoding,
    manifest::Severity,
};

pub(super) fn all() -> Vec<Recipe> {
    [boards(), black()].concat()
}

fn boards() -> Vec<Recipe> {
    let card = Told {
        kind: "board",
        must: &["blue_screen"],
        may: &[
            "signal_loss",
            "freeze",
            "stream",
            "contrast",
            "brightness",
            "color_cast",
            "scene_change",
            "occlusion",
        ],
    };
    let shown = |maker, board: Board| card.one(maker, Severity::Strong, vec![Step::of(board)]);
    let words = str::to_owned;
    let coarse = Encoding::new("-c:v mjpeg -q:v 9 -pix_fmt yuvj420p", "avi");
    let mut recipes = vec![
        shown(
            "slope",
            Board::Slope([60, 190, 100], [24, 160, 118], words("CAMERA VIEW CURRENTLY NOT AVAILABLE")),
        ),
        shown("slope", Board::Slope([200, 124, 132], [120, 132, 126], words("NO VIDEO"))),
        shown("crossed_camera", Board::CrossedCamera([38, 130, 127], words("CAMERA OFFLINE"))),
        shown("crossed_camera", Board::CrossedCamera([225, 128, 128], words("CONNECTION LOST"))),
        shown("sign", Board::Sign([50, 200, 104], words("TRAFFIC CENTRE"))),
        shown("sign", Board::Sign([235, 128, 128], words("CITY WATCH"))).encoded(coarse.clone()),
        shown("cable_bars", Board::CableBars),
        shown("tiles", Board::Tiles(words("NO CAMERA"))),
        shown("painted_room", Board::Slope([70, 110, 170], [16, 128, 128], words("OUT OF SERVICE")))
            .encoded(coarse),
    ];
    // Two boards may have the same maker. The variant distinguishes them.
    let mut seen = std::collections::HashSet::new();
    for recipe in &mut recipes {
        if !seen.insert(recipe.maker.clone()) {
            recipe.variant = format!("{}_2", recipe.maker);
        }
    }
    recipes
}

fn black() -> Vec<Recipe> {
    let black = Told {
        kind: "nearly_black",
        must: &["signal_loss"],
        may: &["brightness", "blue_screen", "freeze", "contrast", "occlusion", "noise", "scene_change"],
    };
    let lost = [2.2, 1.6, 0.8].map(|from| vec![Step::of(Dark::Lost(from))]);
    let mut recipes = [
        SEVERITIES
            .into_iter()
            .zip([9.0, 5.0, 2.5])
            .map(|(severity, sigma)| black.one("noisy_black", severity, vec![Step::of(Dark::Noisy(sigma))]))
            .collect(),
        vec![black.one("pedestal", Severity::Middle, vec![Step::of(Dark::Pedestal(14.0))])],
        vec![black.one("cap", Severity::Middle, vec![Step::of(Dark::Cap)])],
        black.graded("video_loss", lost),
    ]
    .concat();
    for recipe in &mut recipes {
        recipe.encoding = Encoding::h264(22, 0);
    }
    recipes
}
